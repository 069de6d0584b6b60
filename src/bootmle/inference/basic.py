"""Basic intervals: quantiles of the replicates, reflected at the estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bootmle.inference.intervals import IntervalMethod, Need, ReplicateArrays
from bootmle.inference.percentile import Percentile
from bootmle.likelihood.arrays import Floats

__all__ = ["Basic"]


@dataclass(frozen=True, slots=True, eq=False)
class Basic(IntervalMethod):
    """2θ̂ − θ*₍₁₋α₎ and 2θ̂ − θ*₍α₎ (Davison and Hinkley 1997, equation 5.6)."""

    name: ClassVar[str] = "basic"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.QUANTILES})
    reflects: ClassVar[bool] = True

    estimate: Floats
    replicates: Percentile

    @classmethod
    def of(cls, arrays: ReplicateArrays) -> Basic:
        """Sort the replicates."""
        return cls(arrays.estimate, Percentile.of(arrays))

    def end(self, tail: float, *, upper: bool) -> tuple[Floats, Floats]:
        """Reflect the other percentile endpoint."""
        end, error = self.replicates.end(tail, upper=not upper)
        return 2 * self.estimate - end, error

    def tail(self, values: Floats, *, upper: bool) -> Floats:
        """Count the replicates beyond a value's reflection."""
        return self.replicates.tail(2 * self.estimate - values, upper=not upper)

    def check(self, tail: float, confidence_level: float, *, upper: bool) -> None:
        """Refuse an endpoint beyond the outermost replicate."""
        self.replicates.check(tail, confidence_level, upper=not upper)
