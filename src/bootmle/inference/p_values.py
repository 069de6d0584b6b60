"""P-values: the level at which an interval no longer holds a value."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bootmle.inference.intervals import ConfidenceInterval
from bootmle.likelihood.arrays import Floats

__all__ = ["p_values"]

_HALVINGS = 40


def p_values(
    interval_at: Callable[[float], ConfidenceInterval], null: Floats, smallest: float
) -> Floats:
    """Invert intervals: find the largest level at which they leave the null value out.

    Parameters
    ----------
    interval_at : callable
        Confidence level to ConfidenceInterval of p parameters.
    null : (p,) array
        The values in question.
    smallest : float
        The smallest p-value that the replicates can show.

    Returns
    -------
    (p,) array
        Between ``smallest`` and 1.

    Examples
    --------
    >>> from bootmle.inference.intervals import interval
    >>> draws = np.arange(1.0, 1000.0)[:, None]
    >>> def at(level):
    ...     return interval(draws, draws, np.array([500.0]), confidence_level=level)
    >>> p_values(at, np.array([25.0]), 0.002).round(3)
    array([0.05])
    """
    outside_at = np.full(null.shape, 0.0)
    inside_at = np.full(null.shape, 1 - smallest)
    outside_everywhere = _outside(interval_at(1 - smallest), null)
    for _ in range(_HALVINGS):
        middle = (outside_at + inside_at) / 2
        left_out = np.array(
            [_outside(interval_at(level), null)[j] for j, level in enumerate(middle)]
        )
        outside_at = np.where(left_out, middle, outside_at)
        inside_at = np.where(left_out, inside_at, middle)
    return np.asarray(np.where(outside_everywhere, smallest, 1 - outside_at))


def _outside(bounds: ConfidenceInterval, null: Floats) -> Floats:
    """Whether values lie outside their intervals."""
    return np.asarray((null < bounds.low) | (null > bounds.high))
