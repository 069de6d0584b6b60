"""Calibrated intervals: quantiles at levels that the double bootstrap chooses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from bootmle.display.text import rounded
from bootmle.inference.calibration import Calibration
from bootmle.inference.intervals import Need, PartialMethod, ReplicateArrays
from bootmle.inference.order_statistics import (
    order_level,
    order_quantile,
    order_quantile_mcse,
    sort_replicates,
)
from bootmle.likelihood.arrays import Floats

__all__ = ["Calibrated", "CalibratedBasic"]


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated(PartialMethod):
    """Percentile intervals at calibrated levels (Davison and Hinkley 1997, section 5.6)."""

    # Each endpoint's level is the one at which, with the replicates in the place of the data and
    # the estimate in that of the truth, a tail of the wanted size is left out.

    name: ClassVar[str] = "calibrated"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.QUANTILES, Need.LEVELS})
    root: ClassVar[bool] = False

    names: tuple[str, ...]
    estimate: Floats
    low: Floats
    high: Floats
    calibration: Calibration

    @classmethod
    def of(cls, arrays: ReplicateArrays) -> Self:
        """Sort the replicates."""
        assert arrays.levels is not None
        ordered = sort_replicates(arrays.replicates)
        return cls(arrays.names, arrays.estimate, *ordered, arrays.levels)

    def end(self, tail: float, *, upper: bool) -> tuple[Floats, Floats]:
        """Take the quantiles at the calibrated levels; NaN beyond the outermost replicate."""
        levels, errors = self.calibration.level(tail, upper=upper)
        return self._quantiles(levels, errors, upper)

    def _quantiles(self, levels: Floats, errors: Floats, upper: bool) -> tuple[Floats, Floats]:
        """Take a quantile of each column, with the errors of the level and of the quantile."""
        ordered = self.high if upper else self.low
        count = len(ordered)
        first, last = 1 / (count + 1), count / (count + 1)
        found, mcse = np.full((2, levels.size), np.nan)
        for j in np.flatnonzero((levels >= first) & (levels <= last)):
            column, level = ordered[:, j : j + 1], float(levels[j])
            found[j] = order_quantile(column, level)[0]
            around = np.clip(level + errors[j] * np.array([-1, 1]), first, last)
            ends = [float(order_quantile(column, float(each))[0]) for each in around]
            mcse[j] = np.hypot(order_quantile_mcse(column, level)[0], (ends[1] - ends[0]) / 2)
        return found, mcse

    def tail(self, values: Floats, *, upper: bool) -> Floats:
        """Find the values' levels among the replicates, and those among the levels."""
        if upper:
            levels = order_level(self.high, values, lowest=True)
            beyond = 1 - self._level_of(levels, upper=True)
        else:
            beyond = self._level_of(order_level(self.low, values), upper=False)
        return np.maximum(beyond, self._smallest)

    def _level_of(self, levels: Floats, *, upper: bool) -> Floats:
        """Find at which quantile of the calibration's levels some are, (p,)."""
        calibration = self.calibration
        ordered = sort_replicates(calibration.root if self.root else calibration.below)[int(upper)]
        return order_level(ordered, levels, lowest=upper)

    @property
    def _smallest(self) -> float:
        """The smallest tail that the calibration shows."""
        return 1 / (len(self.calibration.below) + 1)

    def check(self, tail: float, confidence_level: float, *, upper: bool) -> None:
        """Refuse what has no calibration, and endpoints that the replicates cannot show."""
        lost = np.isnan(self.end(tail, upper=upper)[0])
        for j in np.flatnonzero(lost):
            if self.calibration.refused[j]:
                off = rounded(float(self.calibration.error[j]), 2)
                raise ValueError(
                    f"method: {self.name!r} has no interval for {self.names[j]}: the expansion "
                    f"that resamples of resamples are solved on is off by {off} standard errors "
                    f"for it; use 'studentized' or 'bca'"
                )
            raise ValueError(
                f"confidence_level: the calibrated {confidence_level} interval of {self.names[j]} "
                f"ends beyond the outermost of {len(self.low):,} replicates; raise n_resamples, "
                f"lower the level, or use 'studentized'"
            )


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedBasic(Calibrated):
    """Basic intervals at calibrated levels: Beran's (1987) prepivoted root θ̂ − θ."""

    name: ClassVar[str] = "calibrated-basic"
    reflects: ClassVar[bool] = True
    root: ClassVar[bool] = True

    def end(self, tail: float, *, upper: bool) -> tuple[Floats, Floats]:
        """Reflect the quantile on the other side."""
        levels, errors = self.calibration.level(tail, upper=not upper, root=True)
        found, mcse = self._quantiles(levels, errors, not upper)
        return 2 * self.estimate - found, mcse

    def tail(self, values: Floats, *, upper: bool) -> Floats:
        """Find the level of a value's reflection."""
        return Calibrated.tail(self, 2 * self.estimate - values, upper=not upper)
