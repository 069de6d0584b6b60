"""Histograms of the replicates, with the estimate, its interval and the Hessian's curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bootmle.bootstrapping.panels import (
    Pictured,
    annotate,
    endless_ends,
    has_spread,
    open_panels,
    read_names,
    share_legend,
)
from bootmle.display.axes import PALETTE, Panels
from bootmle.likelihood.arrays import Floats
from bootmle.refitting.replicates import Replicates

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_histograms"]

_VERMILION, _SKY = PALETTE[1], PALETTE[5]
_FENCE = 6.0
"""Distance from the quartiles, in units of theirs, beyond which replicates are only counted."""
_BINS = (8, 60)
"""Fewest and most bars."""


def plot_histograms(
    boot: Pictured,
    ax: Axes | Panels | Sequence[Axes] | None = None,
    *,
    names: Sequence[str] | None = None,
    confidence_level: float = 0.95,
    method: str = "percentile",
    hessian_errors: Floats | None = None,
) -> tuple[Figure, Panels]:
    """Draw each parameter's replicates as a histogram, with its estimate and interval.

    Parameters
    ----------
    boot : Bootstrap
        The replicates.
    ax : Axes or array of Axes, optional
        Where to draw, one for each parameter; by default a new figure of pyplot's.
    names : sequence of str, optional
        The parameters, in the order wanted; by default all but held ones.
    confidence_level : float
        Of the interval, which is shaded.
    method : str
        Of the interval.
    hessian_errors : (p,) array, optional
        The Hessian's standard errors, for the normal curve that they claim.

    Returns
    -------
    Figure, array of Axes
        Replicates that are infinite, failed or far out are counted in a note.

    Raises
    ------
    ImportError
        Without matplotlib.
    ValueError, TypeError
        For unknown names, another number of Axes, and a method or level without an interval.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from bootmle import Estimator, bootstrap
    >>> y = np.random.default_rng(0).normal(size=50)
    >>> boot = bootstrap(Estimator(np.mean, args=y, names=["mean"]), n_resamples=999, rng=0)
    >>> figure, panels = plot_histograms(boot, Figure().subplots())
    >>> panels[0].get_title()
    'mean'
    """
    bounds = boot.confidence_interval(method, confidence_level)
    chosen = read_names(boot, names)
    figure, panels = open_panels(ax, [boot.names[j] for j in chosen])
    label = f"{100 * confidence_level:.6g}% {method.lower()} interval"
    replicates, flat = boot.ordered()[0], boot.flat()
    for panel, j in zip(panels, chosen, strict=True):
        values, estimate = replicates[:, j], float(boot.estimate[j])
        if has_spread(panel, values, flat[j]):
            ends = (float(bounds.low[j]), float(bounds.high[j]))
            _draw_histogram(panel, values, estimate, ends, label)
            if hessian_errors is not None:
                _draw_curve(panel, estimate, float(hessian_errors[j]))
            annotate(panel, _left_out(panel, values, boot.data) + endless_ends(*ends), estimate)
    share_legend(figure, panels, ax is None)
    return figure, panels


def _draw_histogram(
    panel: Axes, values: Floats, estimate: float, ends: tuple[float, float], label: str
) -> None:
    """Draw one parameter's histogram as a density, and shade its interval."""
    finite = values[np.isfinite(values)]
    left, right = _range_of(finite, [estimate, *ends])
    edges = np.linspace(left, right, 1 + _count_bars(finite, right - left))
    heights = np.histogram(finite, edges)[0] / (finite.size * np.diff(edges))
    panel.stairs(heights, edges, fill=True, color=_SKY, label="replicates")
    if not np.isnan(ends).any():
        shade: dict[str, Any] = {"color": "gray", "alpha": 0.3, "zorder": 0, "label": label}
        panel.axvspan(max(ends[0], left), min(ends[1], right), **shade)
    panel.axvline(estimate, color=panel.title.get_color(), label="estimate")
    panel.set(xlim=(left, right), ylim=(0, 1.15 * heights.max()), yticks=[])
    panel.locator_params(axis="x", nbins=4)


def _range_of(finite: Floats, shown: Sequence[float]) -> tuple[float, float]:
    """Choose an axis that holds what is shown, and the replicates that are not far out."""
    lower, upper = np.quantile(finite, [0.25, 0.75])
    reach = _FENCE * (upper - lower) or np.inf
    inside = finite[(finite >= lower - reach) & (finite <= upper + reach)]
    known = [value for value in shown if np.isfinite(value)]
    return float(min(inside.min(), *known)), float(max(inside.max(), *known))


def _count_bars(finite: Floats, length: float) -> int:
    """Count the bars by the rule of Freedman and Diaconis (1981)."""
    lower, upper = np.quantile(finite, [0.25, 0.75])
    width = 2 * (upper - lower) / np.cbrt(finite.size)
    return int(np.clip(np.ceil(length / max(width, length / _BINS[1])), *_BINS))


def _draw_curve(panel: Axes, center: float, error: float) -> None:
    """Draw the normal density of a standard error, cut off at twice the bars' height."""
    if not error > 0:
        return
    z = np.linspace(-5, 5, 401)
    density = np.exp(-(z**2) / 2) / (np.sqrt(2 * np.pi) * error)
    panel.plot(center + error * z, density, color=_VERMILION, label="the Hessian's normal curve")
    top = panel.get_ylim()[1]
    panel.set_ylim(top=min(max(top, 1.15 * density.max()), 2 * top))


def _left_out(panel: Axes, values: Floats, data: Replicates) -> list[str]:
    """Count the replicates that are not in the histogram."""
    left, right = panel.get_xlim()
    finite = np.isfinite(values)
    counts = {
        "infinite": int((~finite).sum()),
        "failed": int(data.failed.sum()),
        "further out": int((finite & ((values < left) | (values > right))).sum()),
    }
    return [f"{count:,} of {len(data):,} {what}" for what, count in counts.items() if count]
