"""The plot of a simulation study: coverage against nominal, with error bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bootmle.display.axes import MARKERS, PALETTE, add_legend, label_rows, open_axes
from bootmle.simulation.measures import Measures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_coverage"]

_ROW = 0.6
"""Share of a row's height for its markers: the rest separates the rows."""


def plot_coverage(study: Measures, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Draw a row for each quantity: each method's coverage with 2 Monte Carlo standard errors."""
    height = 1.6 + len(study.names) * (0.15 + 0.14 * len(study.methods))
    figure, (panel,) = open_axes(ax, 1, size=(6.4, height))
    offsets = np.linspace(-_ROW / 2, _ROW / 2, len(study.methods) + 2)[1:-1]
    for k, (method, offset) in enumerate(zip(study.methods, offsets, strict=True)):
        panel.errorbar(
            100 * study.coverage[method],
            np.arange(len(study.names)) + offset,
            xerr=200 * study.coverage_mcse[method],
            fmt=MARKERS[k % len(MARKERS)],
            color=PALETTE[k % len(PALETTE)],
            markersize=5,
            label=method,
        )
    panel.axvline(100 * study.confidence_level, color="0.5", linewidth=1, zorder=0)
    label_rows(panel, study.names)
    panel.set_xlabel(f"coverage of {100 * study.confidence_level:g}% intervals, %")
    handles, labels = panel.get_legend_handles_labels()
    add_legend(panel, handles, labels, columns=4)
    return figure, panel
