"""What plots share: colors, markers, Axes made or given, rows of names, an axis of ratios."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

__all__ = [
    "MARKERS",
    "PALETTE",
    "Panels",
    "add_legend",
    "label_rows",
    "open_axes",
    "scale_ratios",
    "wrapped",
]

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
"""Colors that color-blind readers can tell apart (Okabe and Ito 2008), without black."""
MARKERS = "osD^vPXp"
"""Markers that go with them."""
_NAME, _LABEL = 32, 56
"""Characters in a line of a name and of a legend: longer ones are wrapped to leave room to plot."""
_NARROWEST = 1.25
"""Ratio that an axis of ratios reaches at least, on each side of 1: agreement looks like it."""
_MARGIN = 0.2
"""Share of an axis of ratios that is left free at each end, for text."""
_EVEN, _FINE, _MOST = 1.0, 2.5, 8
"""Decades up to which ticks have even steps, and are at 1, 2, 5; most ticks without an overlap."""

Panels = NDArray[Any]
"""Axes, one for each panel."""


def open_axes(
    ax: Axes | Panels | Sequence[Axes] | None,
    count: int,
    columns: int = 1,
    size: tuple[float, float] = (6.4, 4.8),
) -> tuple[Figure, Panels]:
    """Take the given Axes, or make a pyplot figure with ``count`` of them, ``size`` inches each."""
    if find_spec("matplotlib") is None:
        raise ImportError('plot needs matplotlib: pip install "bootmle[plot]"')
    return _make_axes(count, columns, size) if ax is None else _check_axes(ax, count)


def _make_axes(count: int, columns: int, size: tuple[float, float]) -> tuple[Figure, Panels]:
    """Make a figure with pyplot, which a notebook shows."""
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
    """Refuse anything but as many Axes as there are panels."""
    from matplotlib.axes import Axes

    panels = np.ravel(np.asarray(ax, dtype=object))
    if not all(isinstance(panel, Axes) for panel in panels):
        raise TypeError(f"ax: {ax!r}; pass Axes, such as those of pyplot.subplots")
    if panels.size != count:
        needed = "one is" if count == 1 else f"{count} are"
        raise ValueError(f"ax: {panels.size} Axes, where {needed} needed")
    return panels[0].get_figure(root=True), panels


def wrapped(name: str) -> str:
    """Break a long name into lines."""
    return fill(name, _NAME)


def label_rows(panel: Axes, names: Sequence[str]) -> None:
    """Set up a row for each name, from the top."""
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.set_yticks(range(len(names)), [wrapped(name) for name in names], parse_math=False)


def add_legend(
    panel: Axes, handles: Sequence[Any], labels: Sequence[str], columns: int = 1
) -> None:
    """Add a legend above the rows."""
    about: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "frameon": False}
    lines = [fill(label, _LABEL, break_on_hyphens=False) for label in labels]
    legend = panel.legend(handles, lines, fontsize="small", ncols=columns, **about)
    for text in legend.get_texts():
        text.set_parse_math(False)


def scale_ratios(panel: Axes, values: Floats) -> None:
    """Set up a logarithmic axis of ratios that holds all values that are not NaN, and 1."""
    from matplotlib.ticker import NullLocator, StrMethodFormatter

    shown = np.append(values, [1 / _NARROWEST, _NARROWEST])
    low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
    margin = (high / low) ** _MARGIN
    low, high = low / margin, high * margin
    panel.set(xscale="log", xlim=(low, high))
    panel.set_xticks(_ticks(low, high))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))


def _ticks(low: float, high: float) -> Floats:
    """Choose round ratios, including 1."""
    from matplotlib.ticker import MaxNLocator

    first, last = np.log10([low, high])
    if last - first < _EVEN:
        every = np.array(MaxNLocator(_MOST, steps=[1, 2, 5, 10]).tick_values(low, high))
    else:
        stride = np.ceil((last - first) / _MOST)
        powers = stride * np.arange(np.floor(first / stride), np.ceil(last / stride))
        every = np.outer(10.0**powers, [1, 2, 5] if last - first < _FINE else [1]).ravel()
    return np.asarray(every[(every >= low) & (every <= high)])
