"""How parameters approach their limits along a path: as exponentials of the distance on it."""

# Beside a scale on its logarithm what converges does so exponentially, and what diverges, as an
# intercept beside a log slope, does so, too. Where the distance is a scale's own, the logarithm of
# the distance takes its place: the approach is that of a power.

from __future__ import annotations

import numpy as np

from bootmle.likelihood.arrays import Floats

__all__ = ["Approach"]

_STEPS = 40
"""Halvings of the interval in which a rate is looked for: to 1e-12 of it."""
_WIDEST = 30.0
"""Largest rate, times the shorter of two ways: a move that is 1e-13 of the one before."""


class Approach:
    """Exponentials A + B exp(−λ t) through values (3, r) at three rising times t."""

    def __init__(self, times: Floats, values: Floats) -> None:
        """Find the rates λ; they are 0, a straight line, where the moves differ in sign."""
        self.times, self.values = times, values
        first, second = np.diff(times)
        moves = np.diff(values, axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = np.log(moves[1] / moves[0])
        widest = _WIDEST / min(first, second)
        low, high = np.full(ratios.shape, -widest), np.full(ratios.shape, widest)
        for _ in range(_STEPS):  # the ratio of the moves falls with the rate
            middle = (low + high) / 2
            above = _log_ratio(middle, first, second) > ratios
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        self.rates = np.where(np.isfinite(ratios), (low + high) / 2, 0.0)

    def at(self, time: float) -> Floats:
        """Say where the values (r,) will be."""
        last = self.times[-1] - self.times[-2]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            shares = np.expm1(-self.rates * (time - self.times[-1])) / -np.expm1(self.rates * last)
        shares = np.where(self.rates == 0, (time - self.times[-1]) / last, shares)
        return np.asarray(self.values[-1] + shares * (self.values[-1] - self.values[-2]))

    def limits(self) -> Floats:
        """Return where the values (r,) go, infinite unless they come to a rest."""
        move = self.values[-1] - self.values[-2]
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            left = move / np.expm1(self.rates * (self.times[-1] - self.times[-2]))
            found = np.where(self.rates > 0, self.values[-1] + left, np.sign(move) * np.inf)
        return np.asarray(np.where(move == 0, self.values[-1], found))


def _log_ratio(rates: Floats, first: float, second: float) -> Floats:
    """Return the logarithm of the ratio of two moves, over these times, at such rates."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.exp(-rates * first) * np.expm1(-rates * second) / np.expm1(-rates * first)
        found: Floats = np.where(rates == 0, np.log(second / first), np.log(ratio))
    return found
