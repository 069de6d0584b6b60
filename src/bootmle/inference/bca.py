"""Bias-corrected and accelerated (BCa) intervals: quantiles at levels that the data correct."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from bootmle.inference.intervals import (
    Need,
    PartialMethod,
    ReplicateArrays,
)
from bootmle.inference.order_statistics import (
    order_level,
    order_quantile,
    order_quantile_mcse,
    sort_replicates,
)
from bootmle.likelihood.arrays import Floats

__all__ = ["BCa", "acceleration"]

_LEAST = 1e-12
"""Level for which no more replicates are counted: a message has no use for more digits."""


def acceleration(jackknife: Floats, strata: NDArray[np.intp]) -> Floats:
    """Compute the acceleration (p,) from the estimates without each unit (G, p), NaN left out.

    Σ l³ / (6 (Σ l²)^1.5) with l = (1 − 1/G_h)(θ̄_h − θ_(hi)), G_h units in stratum h, the empirical
    influence over the number of units (Davison and Hinkley 1997, section 5.3 and equation 3.27).
    """
    influence = np.zeros_like(jackknife)
    for stratum in np.unique(strata):
        inside = strata == stratum
        own = jackknife[inside]
        influence[inside] = (1 - 1 / len(own)) * (np.nanmean(own, axis=0) - own)
    influence = np.nan_to_num(influence)
    spread = (influence**2).sum(axis=0) ** 1.5
    return np.asarray((influence**3).sum(axis=0) / (6 * np.where(spread > 0, spread, 1.0)))


@dataclass(frozen=True, slots=True, eq=False)
class BCa(PartialMethod):
    """Quantiles at Φ(z₀ + w/(1 − a w)) with w = z₀ + z (Efron 1987), a the acceleration.

    z₀ = Φ⁻¹ of the share of replicates below the estimate, those equal to it counted half.
    """

    name: ClassVar[str] = "bca"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.QUANTILES, Need.JACKKNIFE})

    names: tuple[str, ...]
    estimate: Floats
    low: Floats
    high: Floats
    acceleration: Floats

    @classmethod
    def of(cls, arrays: ReplicateArrays) -> BCa:
        """Sort the replicates, and compute the acceleration."""
        assert arrays.jackknife is not None
        assert arrays.strata is not None
        low, high = sort_replicates(arrays.replicates)
        own = acceleration(arrays.jackknife, arrays.strata)
        return cls(arrays.names, arrays.estimate, low, high, own)

    def end(self, tail: float, *, upper: bool) -> tuple[Floats, Floats]:
        """Take the corrected quantile; NaN where that is beyond the outermost replicate."""
        ordered, levels = self.high if upper else self.low, self._corrected(tail, upper)
        end, error = np.full((2, self.estimate.size), np.nan)
        for j in np.flatnonzero(self._shown(levels)):
            column, level = ordered[:, j : j + 1], float(levels[j])
            end[j] = order_quantile(column, level)[0]
            error[j] = order_quantile_mcse(column, level)[0]
        return end, error * self._inflation(tail, levels, upper)

    def tail(self, values: Floats, *, upper: bool) -> Floats:
        """Correct the share of the replicates beyond a value: the formula solved for z."""
        fewest, shift = 1 / (len(self.low) + 1), self._shift(upper)
        if upper:
            level = np.minimum(order_level(self.high, values, lowest=True), 1 - fewest)
        else:
            level = np.maximum(order_level(self.low, values), fewest)
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = ndtri(level) - shift
            scale = 1 + self.acceleration * reach
            z = np.where(scale > 0, reach / scale, np.sign(reach) * np.inf) - shift
        beyond = np.where(np.isin(level, (0, 1)), 1.0, ndtr(-z if upper else z))
        known = np.isfinite(shift) & np.isfinite(self.acceleration)
        return np.where(known, np.maximum(beyond, fewest), np.nan)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which parameters have an acceleration, (p,)."""
        return np.isfinite(self.acceleration)

    def check(self, tail: float, confidence_level: float, *, upper: bool) -> None:
        """Refuse what has no correction, and a corrected level that the replicates cannot show."""
        levels = self._corrected(tail, upper)
        for j in np.flatnonzero(~self._shown(levels) & np.isfinite(self.acceleration)):
            raise ValueError(self._why_refused(int(j), levels, upper))

    def _why_refused(self, j: int, levels: Floats, upper: bool) -> str:
        """Say why a parameter has no end: no correction, or a level that so few cannot show."""
        if np.isinf(self._shift(upper)[j]):
            return (
                f"method: 'bca' has no correction for {self.names[j]}: all its replicates lie "
                f"on one side of the estimate; use 'percentile'"
            )
        needed = int(np.ceil(1 / max(min(levels[j], 1 - levels[j]), _LEAST)))
        return (
            f"confidence_level: the BCa interval of {self.names[j]} ends at the "
            f"{levels[j]:.3g} quantile of the replicates, which takes at least {needed:,} of "
            f"them, there are {len(self.low)}; raise n_resamples or lower the level"
        )

    def _shift(self, upper: bool) -> Floats:
        """Compute z₀, (p,); infinite where all replicates lie on one side of the estimate."""
        ordered = self.high if upper else self.low
        equal = np.mean(ordered == self.estimate, axis=0)
        return np.asarray(ndtri(np.mean(ordered < self.estimate, axis=0) + equal / 2))

    def _corrected(self, tail: float, upper: bool) -> Floats:
        """Correct the level of an endpoint, (p,); 0 or 1 where the formula leaves its range."""
        shift = self._shift(upper)
        w = shift + float(ndtri(1 - tail if upper else tail))
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = 1 - self.acceleration * w
            reach = np.where(scale > 0, w / scale, np.sign(w) * np.inf)
            return np.asarray(ndtr(shift + np.where(np.isnan(scale), np.nan, reach)))

    def _shown(self, levels: Floats) -> NDArray[np.bool_]:
        """Whether the replicates show corrected levels, (p,)."""
        ranks, count = (len(self.low) + 1) * levels, len(self.low)
        return np.asarray(np.isfinite(self._shift(False)) & (ranks >= 1) & (ranks <= count))

    def _inflation(self, tail: float, levels: Floats, upper: bool) -> Floats:
        """Return by how much z₀'s own Monte Carlo error changes that of the quantile, (p,)."""
        # The end moves by −(F̂(q) − α) + K (F̂(θ̂) − F) over the density at q, F̂ the replicates'
        # distribution function and K the corrected level's slope in F.
        shift = self._shift(upper)
        below, w = ndtr(shift), shift + float(ndtri(1 - tail if upper else tail))
        with np.errstate(all="ignore"):
            slope = np.exp((shift**2 - ndtri(levels) ** 2) / 2)
            slope *= 1 + 1 / (1 - self.acceleration * w) ** 2
            own = levels * (1 - levels)
            both = np.minimum(levels, below) - levels * below
            total = own + slope**2 * below * (1 - below) - 2 * slope * both
            return np.asarray(np.sqrt(np.maximum(total, 0.0) / own))
