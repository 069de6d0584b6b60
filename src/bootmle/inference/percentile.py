"""Percentile intervals: quantiles of the replicates themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bootmle.inference.intervals import IntervalMethod, Need, ReplicateArrays, check_level
from bootmle.inference.order_statistics import (
    SAME_RANK,
    order_level,
    order_quantile,
    order_quantile_mcse,
    sort_replicates,
)
from bootmle.likelihood.arrays import Floats

__all__ = ["Percentile"]


@dataclass(frozen=True, slots=True, eq=False)
class Percentile(IntervalMethod):
    """θ*₍α₎ and θ*₍₁₋α₎ (Davison and Hinkley 1997, section 5.3), of sorted replicates."""

    name: ClassVar[str] = "percentile"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.QUANTILES})

    low: Floats
    high: Floats

    @classmethod
    def of(cls, arrays: ReplicateArrays) -> Percentile:
        """Sort the replicates."""
        return cls(*sort_replicates(arrays.replicates))

    @property
    def smallest_tail(self) -> float:
        """The smallest tail that so many replicates show."""
        return 1 / (len(self.low) + 1)

    def end(self, tail: float, *, upper: bool) -> tuple[Floats, Floats]:
        """Take the quantile; NaN beyond the outermost replicate."""
        ordered, level = (self.high, 1 - tail) if upper else (self.low, tail)
        if (len(ordered) + 1) * tail < 1 - SAME_RANK:
            nothing = np.full(ordered.shape[1], np.nan)
            return nothing, nothing
        return order_quantile(ordered, level), order_quantile_mcse(ordered, level)

    def tail(self, values: Floats, *, upper: bool) -> Floats:
        """Count the replicates beyond a value: at least 1 of B + 1."""
        beyond = (
            1 - order_level(self.high, values, lowest=True)
            if upper
            else order_level(self.low, values)
        )
        return np.maximum(beyond, self.smallest_tail)

    def check(self, tail: float, confidence_level: float, *, upper: bool) -> None:
        """Refuse an endpoint beyond the outermost replicate."""
        check_level(len(self.low), tail, confidence_level)
