"""Optima at bounds: which parameters to hold there, and which to let go."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bootmle.arrays import Floats
from bootmle.parameters import Parameters

__all__ = ["active_columns", "crossed_columns", "into_bounds", "pressing_columns"]

_AT_BOUND = 1e-6
_INWARD = 1e-3

Columns = NDArray[np.intp]


def into_bounds(parameters: Parameters, params: Floats) -> Floats:
    """Move a full parameter vector to the nearest one inside the bounds."""
    inside = params.copy()
    free, (lower, upper) = parameters.free, parameters.bounds.T
    inside[free] = np.clip(params[free], lower, upper)
    return inside


def active_columns(parameters: Parameters, params: Floats, unit: Floats) -> Columns:
    """List the columns whose parameter stands at a bound, within a millionth of its unit."""
    free, (lower, upper) = params[parameters.free], parameters.bounds.T
    near = _AT_BOUND * unit
    return np.flatnonzero((free <= lower + near) | (free >= upper - near))


def crossed_columns(parameters: Parameters, params: Floats) -> Columns:
    """List the columns whose parameter lies beyond a bound."""
    free, (lower, upper) = params[parameters.free], parameters.bounds.T
    return np.flatnonzero((free < lower) | (free > upper))


def pressing_columns(
    parameters: Parameters,
    params: Floats,
    held: Columns,
    unit: Floats,
    value: Callable[[Floats], float],
    noise: float,
) -> Columns:
    """List the held columns that press on their bounds: inwards from them the nll does not fall.

    The others have their optimum inside, and are to be let go.
    """
    start, pressing = value(params), []
    for column in held:
        lower, upper = parameters.bounds[column]
        position = parameters.free[column]
        inwards = params.copy()
        room = min(_INWARD * unit[column], (upper - lower) / 2)
        inwards[position] += room if params[position] <= lower else -room
        if not value(inwards) < start - 4 * noise - 1e-12 * abs(start):
            pressing.append(column)
    return np.array(pressing, dtype=np.intp)
