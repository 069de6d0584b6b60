"""The picture of a simulation study: coverage against nominal, with error bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bootmle.display.axes import MARKERS, PALETTE, add_legend, label_rows, open_axes
from bootmle.likelihood.arrays import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_coverage"]

_ROW = 0.6
"""Share of a row's height that its marks take."""


class _Studied(Protocol):
    """What the picture reads off a Coverage."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def methods(self) -> tuple[str, ...]: ...
    @property
    def confidence_level(self) -> float: ...
    @property
    def coverage(self) -> Mapping[str, Floats]: ...
    @property
    def coverage_mcse(self) -> Mapping[str, Floats]: ...


def plot_coverage(study: _Studied, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Draw a row for each quantity, and in it each method's coverage with 2 Monte Carlo errors.

    Parameters
    ----------
    study : Coverage
        The study.
    ax : Axes, optional
        Where to draw; by default a new figure of pyplot's.

    Returns
    -------
    Figure, Axes

    Raises
    ------
    ImportError
        Without matplotlib.
    ValueError, TypeError
        For more than one Axes, or something else.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from bootmle import coverage, fit
    >>> y = np.random.default_rng(0).exponential(2.0, 30)
    >>> mle = fit(lambda params, y: np.log(params[0]) + y / params[0], {"mean": 1.0}, args=y)
    >>> simulate = lambda params, rng, y: rng.exponential(params[0], y.size)
    >>> study = coverage(mle, simulate, n_datasets=4, methods=["hessian"], rng=0)
    >>> figure, panel = plot_coverage(study, Figure().subplots())
    >>> [label.get_text() for label in panel.get_yticklabels()]
    ['mean']
    """
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
    panel.set_xlabel(f"coverage of {study.confidence_level:.0%} intervals, %")
    handles, labels = panel.get_legend_handles_labels()
    add_legend(panel, handles, labels, columns=4)
    return figure, panel
