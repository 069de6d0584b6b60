"""Pictures of the replicates: their histograms, and how standard errors and intervals settle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from textwrap import fill
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from bootmle.arrays import Floats
from bootmle.replicates import Replicates
from bootmle.summaries.intervals import ConfidenceInterval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["PALETTE", "open_axes", "plot_histograms", "plot_trace"]

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
"""Colours that colour-blind readers tell apart (Okabe and Ito 2008), but for black."""
_BLUE, _VERMILION, _GREEN, _SKY = (PALETTE[k] for k in (0, 1, 2, 5))
_FENCE = 6.0
"""Distance from the quartiles, in units of theirs, beyond which replicates are only counted."""
_ROUNDING = 1e-12
"""Spread, relative to the values, that is none."""
_BINS = (8, 60)
"""Fewest and most bars."""
_STEPS, _FIRST = 40, 20
"""How many numbers of replicates a trace shows, and the most finite ones that it begins with."""
_LINE = 0.1
"""Room for a line of a note, as a share of the height."""
_TITLE = 32
"""Characters of a name in one line of a title."""

Panels = NDArray[Any]
"""Axes, one a parameter."""


class _Pictured(Protocol):
    """What a picture reads off a Bootstrap."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def estimate(self) -> Floats: ...
    @property
    def data(self) -> Replicates: ...
    @property
    def fixed(self) -> tuple[str, ...]: ...
    @property
    def quantiles(self) -> bool: ...
    @property
    def standard_error(self) -> Floats: ...
    @property
    def standard_error_mcse(self) -> Floats: ...
    def chosen(self, names: Sequence[str] | None) -> list[int]: ...
    def flat(self) -> NDArray[np.bool_]: ...
    def ordered(self) -> tuple[Floats, Floats]: ...
    def confidence_interval(self, method: str, confidence_level: float) -> ConfidenceInterval: ...


def plot_histograms(
    boot: _Pictured,
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
    chosen = _read_names(boot, names)
    figure, panels = _open_panels(ax, [boot.names[j] for j in chosen])
    label = f"{100 * confidence_level:.6g}% {method.lower()} interval"
    replicates, flat = boot.ordered()[0], boot.flat()
    for panel, j in zip(panels, chosen, strict=True):
        values, estimate = replicates[:, j], float(boot.estimate[j])
        if _has_spread(panel, values, flat[j]):
            ends = (float(bounds.low[j]), float(bounds.high[j]))
            _draw_histogram(panel, values, estimate, ends, label)
            if hessian_errors is not None:
                _draw_curve(panel, estimate, float(hessian_errors[j]))
            _annotate(panel, _left_out(panel, values, boot.data) + _endless(*ends), estimate)
    _add_legend(figure, panels, ax is None)
    return figure, panels


def plot_trace(
    boot: _Pictured,
    ax: Axes | Panels | Sequence[Axes] | None = None,
    *,
    names: Sequence[str] | None = None,
    confidence_level: float = 0.95,
    method: str = "percentile",
) -> tuple[Figure, Panels]:
    """Draw each parameter's standard error and interval against the number of replicates.

    Parameters
    ----------
    boot : Bootstrap
        The replicates.
    ax : Axes or array of Axes, optional
        Where to draw, one for each parameter; by default a new figure of pyplot's.
    names : sequence of str, optional
        The parameters, in the order wanted; by default all but held ones.
    confidence_level : float
        Of the interval.
    method : str
        Of the interval.

    Returns
    -------
    Figure, array of Axes
        All lines are in units of the last standard error, the ends less the estimate; bands are 2
        Monte Carlo errors to each side.

    Raises
    ------
    ImportError
        Without matplotlib.
    ValueError, TypeError
        For unknown names, another number of Axes, replicates that are no draws (`Jackknife`), and
        a method or level without an interval.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from bootmle import Estimator, bootstrap
    >>> y = np.random.default_rng(0).normal(size=50)
    >>> boot = bootstrap(Estimator(np.mean, args=y, names=["mean"]), n_resamples=999, rng=0)
    >>> figure, panels = plot_trace(boot, Figure().subplots())
    >>> panels[0].get_title()
    'mean'
    """
    if not boot.quantiles:
        raise ValueError("boot: its replicates are no draws, and settle with no number of them")
    chosen = _read_names(boot, names)
    counts, values, errors = _trace(boot, method, confidence_level)
    figure, panels = _open_panels(ax, [boot.names[j] for j in chosen])
    replicates, flat = boot.ordered()[0], boot.flat()
    for panel, j in zip(panels, chosen, strict=True):
        if _has_spread(panel, replicates[:, j], flat[j]):
            _draw_trace(panel, counts, values[:, :, j], errors[:, :, j])
    _label_axes(figure, panels, ax is None, "replicates", "in final standard errors")
    _add_legend(figure, panels, ax is None, "bands: 2 Monte Carlo errors to each side")
    return figure, panels


def open_axes(
    ax: Axes | Panels | Sequence[Axes] | None,
    count: int,
    columns: int = 1,
    size: tuple[float, float] = (6.4, 4.8),
) -> tuple[Figure, Panels]:
    """Take the Axes given, or make a figure of pyplot's.

    Parameters
    ----------
    ax : Axes, array of Axes or None
        None for a new figure.
    count : int
        How many are needed.
    columns : int
        How many a row of a new figure has.
    size : (float, float)
        Width and height of each in a new figure, in inches.

    Returns
    -------
    Figure, array of Axes

    Raises
    ------
    ImportError
        Without matplotlib.
    ValueError, TypeError
        For another number of Axes, or something else.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> figure, panels = open_axes(Figure().subplots(2, 2), 4)
    >>> panels.shape
    (4,)
    """
    if find_spec("matplotlib") is None:
        raise ImportError('plot needs matplotlib: pip install "bootmle[plot]"')
    return _make_axes(count, columns, size) if ax is None else _check_axes(ax, count)


def _make_axes(count: int, columns: int, size: tuple[float, float]) -> tuple[Figure, Panels]:
    """Make a figure of pyplot's, so that a notebook shows it."""
    from matplotlib import pyplot
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    rows = -(-count // columns)
    figure, grid = pyplot.subplots(
        rows,
        columns,
        figsize=(columns * size[0], rows * size[1]),
        layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08),
        squeeze=False,
    )
    for unused in grid.flat[count:]:
        unused.remove()
    return figure, grid.ravel()[:count]


def _check_axes(ax: Any, count: int) -> tuple[Figure, Panels]:
    """Refuse what is not Axes, or not as many as there are panels."""
    from matplotlib.axes import Axes

    panels = np.ravel(np.asarray(ax, dtype=object))
    if not all(isinstance(panel, Axes) for panel in panels):
        raise TypeError(f"ax: {ax!r}; pass Axes, such as those of pyplot.subplots")
    if panels.size != count:
        needed = "one is" if count == 1 else f"{count} are"
        raise ValueError(f"ax: {panels.size} Axes, where {needed} needed")
    return panels[0].get_figure(root=True), panels


def _open_panels(
    ax: Axes | Panels | Sequence[Axes] | None, names: Sequence[str]
) -> tuple[Figure, Panels]:
    """Open a panel for each parameter, with its name as the title."""
    columns = len(names) if len(names) <= 3 else int(np.ceil(np.sqrt(len(names))))
    size = (max(2.9, 5.2 / columns), 3.6 if columns == len(names) else 2.4)
    figure, panels = open_axes(ax, len(names), columns, size)
    for panel, name in zip(panels, names, strict=True):
        panel.set_title(fill(name, _TITLE), fontsize="medium", parse_math=False)
    return figure, panels


def _read_names(boot: _Pictured, names: Sequence[str] | None) -> list[int]:
    """Find the parameters; all but held ones by default."""
    if names is not None:
        return boot.chosen(names)
    return [j for j, name in enumerate(boot.names) if name not in boot.fixed]


def _has_spread(panel: Axes, values: Floats, flat: np.bool_) -> bool:
    """Tell whether a parameter's replicates spread; where they do not, write why."""
    finite = values[np.isfinite(values)]
    if flat:
        reason = "not identified by the data"
    elif finite.size == 0:
        reason = "no finite replicate"
    elif np.ptp(finite) <= _ROUNDING * np.abs(finite).max():
        reason = f"always {finite[0]:.6g}"
    else:
        return True
    panel.text(0.5, 0.5, reason, transform=panel.transAxes, ha="center", va="center")
    panel.set(xticks=[], yticks=[])
    return False


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


def _endless(low: float, high: float) -> list[str]:
    """Name the ends that are infinite."""
    return [f"{end} end infinite" for end, at in (("low", low), ("high", high)) if np.isinf(at)]


def _trace(
    boot: _Pictured, method: str, confidence_level: float
) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Return numbers of replicates (K,), low end, SE and high end (K, 3, p), and their errors."""
    # All replicates first: this raises where there is no interval, and fills the cache of BCa.
    boot.confidence_interval(method, confidence_level)
    usable = np.cumsum(np.isfinite(boot.data.estimates).all(axis=1))
    first = 1 + int(np.searchsorted(usable, min(_FIRST, usable[-1] // 2)))
    counts = np.unique(np.geomspace(first, usable.size, _STEPS).round().astype(int))
    prefixes = [replace(boot, data=boot.data.first(int(count))) for count in counts]
    found = [_summarize(prefix, method, confidence_level) for prefix in prefixes]
    values, errors = np.array(found).swapaxes(0, 1)
    with np.errstate(all="ignore"):
        values[:, [0, 2]] -= boot.estimate
        return counts, values / boot.standard_error, errors / boot.standard_error


def _summarize(boot: _Pictured, method: str, confidence_level: float) -> Floats:
    """Compute low end, SE and high end, and their Monte Carlo errors, (2, 3, p)."""
    low, high, low_mcse, high_mcse = np.full((4, len(boot.names)), np.nan)
    try:
        bounds = boot.confidence_interval(method, confidence_level)
        low, high, low_mcse, high_mcse = bounds.low, bounds.high, bounds.low_mcse, bounds.high_mcse
    except ValueError:
        pass
    errors = [low_mcse, boot.standard_error_mcse, high_mcse]
    return np.array([[low, boot.standard_error, high], errors])


def _draw_trace(panel: Axes, counts: NDArray[np.intp], values: Floats, errors: Floats) -> None:
    """Draw one parameter's lines (K, 3), each in its band of 2 Monte Carlo errors."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    panel.axhline(0, color=panel.title.get_color(), linewidth=0.8, label="estimate")
    labels, colours = ("low end", "standard error", "high end"), (_BLUE, _GREEN, _VERMILION)
    lines = np.where(np.isfinite(values), values, np.nan)
    for line, error, colour, label in zip(lines.T, errors.T, colours, labels, strict=True):
        panel.plot(counts, line, color=colour, label=label)
        band = (line - 2 * error, line + 2 * error)
        panel.fill_between(counts, *band, color=colour, alpha=0.3, linewidth=0)
    panel.set(xscale="log", xlim=(counts[0], counts[-1]), ylim=_settled(counts, lines))
    panel.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    _annotate(panel, _endless(values[-1, 0], values[-1, 2]))


def _settled(counts: NDArray[np.intp], lines: Floats) -> tuple[float, float]:
    """Choose an axis that holds the lines from a tenth of the replicates on."""
    late = lines[counts >= counts[-1] / 10]
    shown = np.append(late[np.isfinite(late)], [0.0, 1.0])
    margin = 0.2 * np.ptp(shown)
    return float(shown.min() - margin), float(shown.max() + margin)


def _annotate(panel: Axes, lines: Sequence[str], avoid: float = -np.inf) -> None:
    """Write a note in the upper corner away from a position, and make room for it."""
    if lines:
        low, high = panel.get_ylim()
        panel.set_ylim(top=high + _LINE * len(lines) * (high - low))
        x, side = (0.02, "left") if avoid > np.mean(panel.get_xlim()) else (0.98, "right")
        about: dict[str, Any] = {"ha": side, "va": "top", "fontsize": "small"}
        panel.text(x, 0.97, "\n".join(lines), transform=panel.transAxes, **about)


def _label_axes(figure: Figure, panels: Panels, own: bool, x: str, y: str) -> None:
    """Label the axes, once for a figure of our own."""
    if own:
        figure.supxlabel(x, fontsize="medium")
        figure.supylabel(y, fontsize="medium")
    else:
        for panel in panels:
            panel.set(xlabel=x, ylabel=y)


def _add_legend(figure: Figure, panels: Panels, own: bool, title: str | None = None) -> None:
    """Add the legend of the panel with most in it, above all of a figure of our own."""
    fullest = max(panels, key=lambda panel: len(panel.get_legend_handles_labels()[1]))
    handles, labels = fullest.get_legend_handles_labels()
    if not handles:
        return
    if own:
        columns = len(labels) if figure.get_figwidth() > 8 else 2
        figure.legend(handles, labels, loc="outside upper center", ncols=columns, title=title)
    else:
        fullest.legend(fontsize="small", title=title, title_fontsize="small")
