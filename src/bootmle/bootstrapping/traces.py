"""Traces: standard errors and intervals against the number of replicates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from bootmle.bootstrapping.panels import Pictured, has_spread, read_names
from bootmle.display.axes import PALETTE, Panels
from bootmle.display.panels import annotate, endless_ends, label_axes, open_panels, share_legend
from bootmle.inference.correction import Correction
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_trace"]

_BLUE, _VERMILION, _GREEN = PALETTE[:3]
_STEPS, _FIRST = 40, 20
"""Points of a trace, and finite replicates at the first one: with fewer a standard error has a
Monte Carlo error of more than a sixth (1/√(2B))."""


class _Traced(Pictured, Protocol):
    """What a trace needs of a Bootstrap besides."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def supports_quantiles(self) -> bool: ...
    @property
    def correction(self) -> Correction | None: ...
    @property
    def standard_error(self) -> Floats: ...
    @property
    def standard_error_mcse(self) -> Floats: ...


def plot_trace(
    boot: _Traced,
    ax: Axes | Panels | Sequence[Axes] | None = None,
    *,
    names: Sequence[str] | None = None,
    confidence_level: float = 0.95,
    method: str = "percentile",
) -> tuple[Figure, Panels]:
    """Draw standard errors and intervals, minus the estimate, in final standard errors."""
    if not boot.supports_quantiles:
        raise ValueError(
            "kind: 'trace' shows how results converge with the number of random samples, and these "
            "are not drawn at random; use 'histogram'"
        )
    chosen = read_names(boot, names)
    counts, values, errors = _trace(boot, method, confidence_level)
    figure, panels = open_panels(ax, [boot.names[j] for j in chosen])
    replicates, flat = boot.ordered()[0], boot.flat()
    for panel, j in zip(panels, chosen, strict=True):
        if has_spread(panel, replicates[:, j], flat[j]):
            _draw_trace(panel, counts, values[:, :, j], errors[:, :, j])
    label_axes(figure, panels, ax is None, "replicates", "in final standard errors")
    share_legend(figure, panels, ax is None, "bands: ± 2 Monte Carlo standard errors")
    return figure, panels


def _trace(
    boot: _Traced, method: str, confidence_level: float
) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Return numbers of replicates (K,), and low, SE and high (K, 3, p) with their errors."""
    # First of all replicates: this raises if there is no interval, and computes BCa's jackknife.
    boot.interval_of(method, confidence_level)
    usable = np.cumsum(np.isfinite(boot.data.estimates).all(axis=1))
    first = 1 + int(np.searchsorted(usable, min(_FIRST, usable[-1] // 2)))
    counts = np.unique(np.geomspace(first, usable.size, _STEPS).round().astype(int))
    prefixes = [_first(boot, int(count)) for count in counts]
    found = [_summarize(prefix, method, confidence_level) for prefix in prefixes]
    values, errors = np.array(found).swapaxes(0, 1)
    with np.errstate(all="ignore"):
        values[:, [0, 2]] -= boot.estimate
        return counts, values / boot.standard_error, errors / boot.standard_error


def _first(boot: _Traced, count: int) -> _Traced:
    """Keep the first replicates, of which the earliest may all be verified."""
    data = boot.data.first(count)
    correction = boot.correction and replace(
        boot.correction,
        n_corrected=int((data.status == Status.EXPANDED).sum()),
        n_replicates=int((~data.failed).sum()),
    )
    return replace(boot, data=data, correction=correction)


def _summarize(boot: _Traced, method: str, confidence_level: float) -> Floats:
    """Return low, SE and high, and their Monte Carlo errors, (2, 3, p); NaN with too few."""
    low, high, low_mcse, high_mcse = np.full((4, len(boot.names)), np.nan)
    try:
        bounds = boot.interval_of(method, confidence_level)
        low, high, low_mcse, high_mcse = bounds.low, bounds.high, bounds.low_mcse, bounds.high_mcse
    except ValueError:
        pass  # too few replicates for this level: the line begins later
    errors = [low_mcse, boot.standard_error_mcse, high_mcse]
    return np.array([[low, boot.standard_error, high], errors])


def _draw_trace(panel: Axes, counts: NDArray[np.intp], values: Floats, errors: Floats) -> None:
    """Draw one parameter's lines (K, 3), each in a band of ± 2 Monte Carlo errors."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    panel.axhline(0, color=panel.title.get_color(), linewidth=0.8, label="estimate")
    labels, colors = ("low", "standard error", "high"), (_BLUE, _GREEN, _VERMILION)
    lines = np.where(np.isfinite(values), values, np.nan)
    for line, error, color, label in zip(lines.T, errors.T, colors, labels, strict=True):
        panel.plot(counts, line, color=color, label=label)
        band = (line - 2 * error, line + 2 * error)
        panel.fill_between(counts, *band, color=color, alpha=0.3, linewidth=0)
    panel.set(xscale="log", xlim=(counts[0], counts[-1]), ylim=_late_range(counts, lines))
    panel.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    annotate(panel, endless_ends(values[-1, 0], values[-1, 2]))


def _late_range(counts: NDArray[np.intp], lines: Floats) -> tuple[float, float]:
    """Return the range of the lines from a tenth of the replicates on."""
    late = lines[counts >= counts[-1] / 10]
    shown = np.append(late[np.isfinite(late)], [0.0, 1.0])
    margin = 0.2 * np.ptp(shown)
    return float(shown.min() - margin), float(shown.max() + margin)
