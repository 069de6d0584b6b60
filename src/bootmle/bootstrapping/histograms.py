"""Histograms of the replicates with the estimate, an interval and the Hessian's normal curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bootmle.bootstrapping.panels import Pictured, has_spread, read_names
from bootmle.display.axes import PALETTE, Panels
from bootmle.display.panels import annotate, endless_ends, open_panels, share_legend
from bootmle.likelihood.arrays import Floats
from bootmle.refitting.replicates import Replicates

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["count_bars", "left_out", "plot_histograms", "range_of"]

_VERMILION, _SKY = PALETTE[1], PALETTE[5]
_FENCE = 6.0
"""Interquartile ranges from the quartiles beyond which replicates are only counted: Tukey's fences
for far-out values are at 3; outside 6 lies one of 2,900 exponential replicates."""
_BINS = (8, 60)
"""Fewest and most bars, by what a panel 3 inches wide can show."""


def plot_histograms(
    boot: Pictured,
    ax: Axes | Panels | Sequence[Axes] | None = None,
    *,
    names: Sequence[str] | None = None,
    confidence_level: float = 0.95,
    method: str = "percentile",
    hessian_errors: Floats | None = None,
) -> tuple[Figure, Panels]:
    """Draw each parameter's histogram, with a note that counts what it does not show."""
    bounds = boot.interval_of(method, confidence_level)
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
            annotate(panel, left_out(panel, values, boot.data) + endless_ends(*ends), estimate)
    share_legend(figure, panels, ax is None)
    return figure, panels


def _draw_histogram(
    panel: Axes, values: Floats, estimate: float, ends: tuple[float, float], label: str
) -> None:
    """Draw one parameter's histogram as a density, with its interval shaded."""
    finite = values[np.isfinite(values)]
    left, right = range_of(finite, [estimate, *ends])
    edges = np.linspace(left, right, 1 + count_bars(finite, right - left))
    heights = np.histogram(finite, edges)[0] / (finite.size * np.diff(edges))
    panel.stairs(heights, edges, fill=True, color=_SKY, label="replicates")
    if not np.isnan(ends).any():
        shade: dict[str, Any] = {"color": "gray", "alpha": 0.3, "zorder": 0, "label": label}
        panel.axvspan(max(ends[0], left), min(ends[1], right), **shade)
    panel.axvline(estimate, color=panel.title.get_color(), label="estimate")
    panel.set(xlim=(left, right), ylim=(0, 1.15 * heights.max()), yticks=[])
    panel.locator_params(axis="x", nbins=4)


def range_of(finite: Floats, shown: Sequence[float]) -> tuple[float, float]:
    """Return the range of the shown values and of all replicates within the fences."""
    lower, upper = np.quantile(finite, [0.25, 0.75])
    reach = _FENCE * (upper - lower) or np.inf
    inside = finite[(finite >= lower - reach) & (finite <= upper + reach)]
    known = [value for value in shown if np.isfinite(value)]
    return float(min(inside.min(), *known)), float(max(inside.max(), *known))


def count_bars(finite: Floats, length: float) -> int:
    """Return the number of bars by the rule of Freedman and Diaconis (1981)."""
    lower, upper = np.quantile(finite, [0.25, 0.75])
    width = 2 * (upper - lower) / np.cbrt(finite.size)
    return int(np.clip(np.ceil(length / max(width, length / _BINS[1])), *_BINS))


def _draw_curve(panel: Axes, center: float, error: float) -> None:
    """Draw the normal density of a standard error, clipped at twice the bars' height."""
    if not error > 0:
        return
    z = np.linspace(-5, 5, 401)
    density = np.exp(-(z**2) / 2) / (np.sqrt(2 * np.pi) * error)
    panel.plot(center + error * z, density, color=_VERMILION, label="the Hessian's normal curve")
    top = panel.get_ylim()[1]
    panel.set_ylim(top=min(max(top, 1.15 * density.max()), 2 * top))


def left_out(panel: Axes, values: Floats, data: Replicates) -> list[str]:
    """Count the replicates that the histogram does not show."""
    left, right = panel.get_xlim()
    finite = np.isfinite(values)
    counts = {
        "infinite": int((~finite).sum()),
        "failed": int(data.failed.sum()),
        "further out": int((finite & ((values < left) | (values > right))).sum()),
    }
    return [f"{count:,} of {len(data):,} {what}" for what, count in counts.items() if count]
