"""The picture of a simulation study: coverage against nominal, with error bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bootmle.simulation.findings import Findings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_coverage"]

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")
_MARKS = ("o", "s", "D", "^", "v", "P", "X")
_ROW = 0.6


def plot_coverage(study: Findings, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Draw a row for each quantity, and in it each method's coverage with 2 Monte Carlo errors.

    Parameters
    ----------
    study : Coverage
    ax : Axes, optional
        Where to draw; by default a new figure of pyplot's.

    Returns
    -------
    Figure, Axes

    Raises
    ------
    ImportError
        Without matplotlib: pip install "bootmle[plot]".
    """
    if ax is None:
        ax = _new_axes(len(study.names), len(study.methods))
    rows = np.arange(len(study.names))
    offsets = np.linspace(-_ROW / 2, _ROW / 2, len(study.methods) + 2)[1:-1]
    for k, (method, offset) in enumerate(zip(study.methods, offsets, strict=True)):
        ax.errorbar(
            100 * study.coverage[method],
            rows + offset,
            xerr=200 * study.coverage_mcse[method],
            fmt=_MARKS[k % len(_MARKS)],
            color=_COLOURS[k % len(_COLOURS)],
            markersize=5,
            label=method,
        )
    ax.axvline(100 * study.confidence_level, color="0.5", linewidth=1, zorder=0)
    ax.set_yticks(rows, study.names)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlabel(f"coverage of {study.confidence_level:.0%} intervals, %")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False)
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure, ax


def _new_axes(n_names: int, n_methods: int) -> Axes:
    """Make a figure as high as its rows need."""
    try:
        from matplotlib import pyplot
    except ImportError:
        raise ImportError('plot needs matplotlib: pip install "bootmle[plot]"') from None
    height = 1.6 + n_names * (0.15 + 0.14 * n_methods)
    _, ax = pyplot.subplots(figsize=(6.4, height), layout="constrained")
    return ax
