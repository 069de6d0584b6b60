"""P-values: the tail at which an interval's endpoint reaches a value."""

from __future__ import annotations

import numpy as np

from bootmle.inference.intervals import IntervalMethod, read_alternative
from bootmle.likelihood.arrays import Floats

__all__ = ["p_values"]


def p_values(method: IntervalMethod, null: Floats, alternative: str = "two-sided") -> Floats:
    """Invert intervals: 1 − the level of the widest one that leaves the null values (p,) out."""
    side = read_alternative(alternative)
    if side != "two-sided":
        return method.tail(null, upper=side == "less")
    tails = np.minimum(method.tail(null, upper=False), method.tail(null, upper=True))
    return np.asarray(np.minimum(2 * tails, 1.0))
