"""Panels, one for each parameter: titles, notes, and a legend that they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bootmle.display.axes import Panels, open_axes, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["annotate", "endless_ends", "label_axes", "open_panels", "share_legend"]

_LINE = 0.1
"""Height of a line of a note, relative to the panel's."""


def open_panels(
    ax: Axes | Panels | Sequence[Axes] | None, names: Sequence[str]
) -> tuple[Figure, Panels]:
    """Open a panel for each parameter, titled with its name."""
    columns = len(names) if len(names) <= 3 else int(np.ceil(np.sqrt(len(names))))
    size = (max(2.9, 5.2 / columns), 3.6 if columns == len(names) else 2.4)
    figure, panels = open_axes(ax, len(names), columns, size)
    for panel, name in zip(panels, names, strict=True):
        panel.set_title(wrapped(name), fontsize="medium", parse_math=False)
    return figure, panels


def annotate(panel: Axes, lines: Sequence[str], avoid: float = -np.inf) -> None:
    """Write a note in the upper corner away from a position, with room above the data."""
    if lines:
        low, high = panel.get_ylim()
        panel.set_ylim(top=high + _LINE * len(lines) * (high - low))
        x, side = (0.02, "left") if avoid > np.mean(panel.get_xlim()) else (0.98, "right")
        about: dict[str, Any] = {"ha": side, "va": "top", "fontsize": "small"}
        panel.text(x, 0.97, "\n".join(lines), transform=panel.transAxes, **about)


def endless_ends(low: float, high: float) -> list[str]:
    """Name the infinite endpoints."""
    return [
        f"{end} endpoint infinite" for end, at in (("low", low), ("high", high)) if np.isinf(at)
    ]


def label_axes(figure: Figure, panels: Panels, own: bool, x: str, y: str) -> None:
    """Label the axes, once for the whole figure if it is our own."""
    if own:
        figure.supxlabel(x, fontsize="medium")
        figure.supylabel(y, fontsize="medium")
    else:
        for panel in panels:
            panel.set(xlabel=x, ylabel=y)


def share_legend(figure: Figure, panels: Panels, own: bool, title: str | None = None) -> None:
    """Add the legend of the fullest panel, above all panels if the figure is our own."""
    fullest = max(panels, key=lambda panel: len(panel.get_legend_handles_labels()[1]))
    handles, labels = fullest.get_legend_handles_labels()
    if not handles:
        return
    if own:
        columns = len(labels) if figure.get_figwidth() > 8 else 2
        figure.legend(handles, labels, loc="outside upper center", ncols=columns, title=title)
    else:
        fullest.legend(fontsize="small", title=title, title_fontsize="small")
