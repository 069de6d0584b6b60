"""Bands: a curve's pointwise and simultaneous limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bootmle.bootstrapping.views import Views
from bootmle.display.checks import check_flag
from bootmle.display.text import brief, data_frame
from bootmle.likelihood.arrays import Floats

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Band", "band_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """Limits of a curve on a grid of G points, or of several curves.

    Attributes
    ----------
    grid : (G,) array
    estimate : (..., G) array
        The curve at the estimate.
    low, high : (..., G) arrays
        Pointwise limits.
    simultaneous_low, simultaneous_high : (..., G) arrays
        Limits that hold at all points of all curves together; NaN where they were not asked for.
    confidence_level : float
    """

    grid: Floats
    estimate: Floats
    low: Floats
    high: Floats
    simultaneous_low: Floats
    simultaneous_high: Floats
    confidence_level: float

    def to_frame(self) -> DataFrame:
        """Return estimate and limits as a DataFrame, a row for each point of each curve."""
        limits = ("estimate", "low", "high", "simultaneous_low", "simultaneous_high")
        columns = {name: getattr(self, name).ravel() for name in limits}
        axes = {f"curve{k}": range(size) for k, size in enumerate(self.estimate.shape[:-1])}
        return data_frame(columns, {**axes, "grid": self.grid.tolist()})


def band_of(
    boot: Views, grid: Any, confidence_level: float, method: str, simultaneous: bool
) -> Band:
    """Compute the band of a curve; its last axis is the grid's."""
    shape = boot.shape or boot.estimate.shape
    bounds = boot.confidence_interval(method, confidence_level)
    together = np.full((2, boot.estimate.size), np.nan)
    if check_flag("simultaneous", simultaneous):
        # Where a curve has the same value in all replicates, as at its start, so have its limits.
        together[:] = boot.estimate
        chosen = boot.chosen(None)
        if chosen:
            names = [boot.names[j] for j in chosen]
            every = boot.simultaneous(confidence_level, names)
            together[:, chosen] = every.low, every.high
    return Band(
        grid=_read_grid(grid, shape[-1]),
        estimate=boot.estimate.reshape(shape),
        low=bounds.low.reshape(shape),
        high=bounds.high.reshape(shape),
        simultaneous_low=together[0].reshape(shape),
        simultaneous_high=together[1].reshape(shape),
        confidence_level=confidence_level,
    )


def _read_grid(grid: Any, size: int) -> Floats:
    """Read where a curve was computed."""
    if grid is None:
        return np.arange(float(size))
    try:
        points = np.asarray(grid, dtype=float)
    except (TypeError, ValueError):
        points = np.empty(0)
    if points.shape != (size,):
        raise ValueError(f"grid: {brief(grid)}; pass the {size} points of the curve's last axis")
    return points
