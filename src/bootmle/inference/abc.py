"""ABC intervals: BCa's, from derivatives in the units' weights, without any replicate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import ndtr, ndtri

from bootmle.inference.intervals import IntervalMethod, Need, ReplicateArrays
from bootmle.likelihood.arrays import Floats

__all__ = ["ABC"]

_WIDEST = 8.0
"""Normal quantile at which the search for a tail starts: 6e-16, which no data show."""
_HALVINGS = 20
"""Of that range: to 1.5e-5, a p-value to 0.01% of itself."""


@dataclass(frozen=True, slots=True, eq=False)
class ABC(IntervalMethod):
    """The estimate at the weights 1 + λ l/σ̂, with λ = w/(1 − a w)² and w = z₀ + z."""

    # DiCiccio and Efron (1992); Efron and Tibshirani (1993, chapter 14). l are the influences and
    # σ̂² the sum of their squares, a = Σ l³/6σ̂³, and z₀ = Φ⁻¹(2 Φ(a) Φ(−γ)) with γ = b̂/σ̂ − c_q.

    name: ClassVar[str] = "abc"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.EXPANSION})

    names: tuple[str, ...]
    estimate: Floats
    error: Floats
    acceleration: Floats
    shift: Floats
    estimate_at: Callable[[Floats], Floats]

    @classmethod
    def of(cls, arrays: ReplicateArrays) -> ABC:
        """Compute the constants from the influences and second derivatives."""
        family = arrays.family
        assert family is not None
        influences = family.influences
        error = np.sqrt((influences**2).sum(axis=0))
        scale = np.where(error > 0, error, 1.0)
        acceleration = (influences**3).sum(axis=0) / (6 * scale**3)
        curvature = family.bias / scale - family.quadratic
        with np.errstate(invalid="ignore"):
            shift = ndtri(2 * ndtr(acceleration) * ndtr(-curvature))
        return cls(arrays.names, arrays.estimate, error, acceleration, shift, family.estimate_at)

    @property
    def corrects_itself(self) -> bool:
        """There are no replicates to correct."""
        return True

    def end(self, tail: float, *, upper: bool) -> tuple[Floats, Floats]:
        """Estimate at the weights that the tail leads to; no Monte Carlo error."""
        z = float(ndtri(1 - tail if upper else tail))
        return self._at(np.full(self.estimate.size, z)), np.zeros(self.estimate.size)

    def _at(self, z: Floats) -> Floats:
        """Return the endpoints at normal quantiles, (k,); NaN where there are none."""
        w = self.shift + z
        with np.errstate(invalid="ignore", divide="ignore"):
            scale = 1 - self.acceleration * w
            steps = np.where((scale > 0) & np.isfinite(w), w / scale**2, np.nan)
        return np.where(self.error > 0, self.estimate_at(steps), self.estimate)

    def tail(self, values: Floats, *, upper: bool) -> Floats:
        """Halve the range of normal quantiles until the endpoint is at each value."""
        low, high = (np.full(self.estimate.size, side * _WIDEST) for side in (-1.0, 1.0))
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            end = self._at(middle)
            # Far out there may be no endpoint: towards the median there is one.
            below = np.where(np.isnan(end), middle < 0, end < values)
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        beyond = np.asarray(ndtr(-high if upper else low))
        point = np.where((values > self.estimate) if upper else (values < self.estimate), 0.0, 1.0)
        return np.where(self.error > 0, beyond, point)

    def check(self, tail: float, confidence_level: float, *, upper: bool) -> None:
        """Refuse an endpoint where the expansion has no optimum."""
        lost = np.isnan(self.end(tail, upper=upper)[0])
        if lost.any():
            names = ", ".join(self.names[j] for j in np.flatnonzero(lost))
            raise ValueError(
                f"confidence_level: the {confidence_level} ABC interval of {names} ends at "
                f"weights at which there is no estimate; lower the level, or bootstrap"
            )
