"""Intervals by statistics of a value of the parameter, with the quantiles of their bootstrap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bootmle.inference.intervals import IntervalMethod, Need, ReplicateArrays, RootProfile
from bootmle.inference.order_statistics import sort_replicates
from bootmle.inference.percentile import Percentile
from bootmle.likelihood.arrays import Floats

__all__ = ["SignedRoot", "WaldScore"]


@dataclass(frozen=True, slots=True, eq=False)
class SignedRoot(IntervalMethod):
    """Values whose signed root r(θ) = ±√(2 (ℓ(θ̂) − ℓ(θ))) lies between quantiles of r*(θ̂)."""

    # ℓ(θ) is the profile, and r* that of a resample at the estimate, which is finite even where the
    # resample has no finite optimum. The bootstrap of a root: Beran (1987).

    name: ClassVar[str] = "signed-root"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.QUANTILES, Need.ROOTS})

    profile: RootProfile
    roots: Percentile

    @classmethod
    def of(cls, arrays: ReplicateArrays) -> SignedRoot:
        """Sort the replicates' roots."""
        assert arrays.roots is not None
        assert arrays.profile is not None
        return cls(arrays.profile, Percentile(*sort_replicates(arrays.roots)))

    @property
    def corrects_itself(self) -> bool:
        """Replicates are verified."""
        return True

    def end(self, tail: float, *, upper: bool) -> tuple[Floats, Floats]:
        """Invert the profile at the other quantile, and one Monte Carlo error beyond it."""
        root, error = self.roots.end(tail, upper=not upper)
        end = self.profile.values_at(root)
        with np.errstate(invalid="ignore"):
            beyond = self.profile.values_at(root + np.copysign(error, root))
            return end, np.where(np.isinf(end), 0.0, np.abs(beyond - end))

    def tail(self, values: Floats, *, upper: bool) -> Floats:
        """Count the roots beyond that of a value."""
        return self.roots.tail(self.profile.roots_at(values), upper=not upper)

    def check(self, tail: float, confidence_level: float, *, upper: bool) -> None:
        """Refuse an endpoint beyond the outermost replicate."""
        self.roots.check(tail, confidence_level, upper=not upper)


@dataclass(frozen=True, slots=True, eq=False)
class WaldScore(SignedRoot):
    """Values at which ±√(W S) lies between quantiles of the replicates' at the estimate."""

    # W is the Wald and S the score statistic, with sandwiches at the estimate and where the value
    # is held: at n = 20 intervals by the one are too short, those by the other too long. Of a
    # Poisson slope they cover 90.2 and 98.8%, these 95.8 (benchmarks/README.md).

    name: ClassVar[str] = "wald-score"
    needs: ClassVar[frozenset[Need]] = frozenset(
        {Need.QUANTILES, Need.STANDARD_ERRORS, Need.ROOTS, Need.SCORES}
    )
