"""What pictures share: colours, marks, Axes made or given, rows of names, an axis of ratios."""

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
"""Colours that colour-blind readers tell apart (Okabe and Ito 2008), but for black."""
MARKERS = "osD^vPXp"
"""Marks that go with them."""
_NAME, _LABEL = 32, 56
"""Characters in one line of a name, and of a legend."""
_NARROWEST = 1.25
"""Ratio that an axis of ratios reaches at least, to each side of 1."""
_MARGIN = 0.2
"""Share of it that is left free at each end, to write in."""
_EVEN, _FINE, _MOST = 1.0, 2.5, 8
"""Decades up to which ticks lie at even steps, up to which at 1, 2, 5, 10 ..., and most ticks."""

Panels = NDArray[Any]
"""Axes, one a parameter."""


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
    """Set up a logarithmic axis of ratios that holds all of some, but for NaN, and 1."""
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
    """Choose round ratios, 1 among them."""
    from matplotlib.ticker import MaxNLocator

    first, last = np.log10([low, high])
    if last - first < _EVEN:
        every = np.array(MaxNLocator(_MOST, steps=[1, 2, 5, 10]).tick_values(low, high))
    else:
        stride = np.ceil((last - first) / _MOST)
        powers = stride * np.arange(np.floor(first / stride), np.ceil(last / stride))
        every = np.outer(10.0**powers, [1, 2, 5] if last - first < _FINE else [1]).ravel()
    return np.asarray(every[(every >= low) & (every <= high)])
