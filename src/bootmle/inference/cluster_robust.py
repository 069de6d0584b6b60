"""Cluster-robust t intervals, with corrections for few clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from scipy.special import stdtr, stdtrit

from bootmle.inference.intervals import IntervalMethod, Need, ReplicateArrays
from bootmle.likelihood.arrays import Floats

__all__ = ["CR1", "CR2", "CR3"]


@dataclass(frozen=True, slots=True, eq=False)
class CR1(IntervalMethod):
    """θ̂ ± t SE, by the cluster-robust sandwich times G/(G − 1), with G − 1 degrees of freedom."""

    # Cameron and Miller (2015, section VI).

    name: ClassVar[str] = "cr1"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.CLUSTERS})

    estimate: Floats
    error: Floats
    freedom: Floats

    @classmethod
    def of(cls, arrays: ReplicateArrays) -> Self:
        """Take the errors by this correction."""
        assert arrays.cluster_errors is not None
        return cls(arrays.estimate, *arrays.cluster_errors(cls.name.upper()))

    @property
    def corrects_itself(self) -> bool:
        """There are no replicates to correct."""
        return True

    def end(self, tail: float, *, upper: bool) -> tuple[Floats, Floats]:
        """Go t standard errors from the estimate; no Monte Carlo error."""
        t = stdtrit(self.freedom, 1 - tail if upper else tail)
        reach = np.where(self.error == 0, 0.0, t * self.error)
        return self.estimate + reach, np.zeros_like(self.error)

    def check(self, tail: float, confidence_level: float, *, upper: bool) -> None:
        """Accept any level: a standard error shows it."""

    def tail(self, values: Floats, *, upper: bool) -> Floats:
        """Take Student's probability beyond a value."""
        distance = (self.estimate - values) if upper else (values - self.estimate)
        with np.errstate(divide="ignore", invalid="ignore"):
            beyond = stdtr(self.freedom, distance / self.error)
        return np.asarray(np.where(self.error == 0, np.where(distance < 0, 0.0, 1.0), beyond))


@dataclass(frozen=True, slots=True, eq=False)
class CR2(CR1):
    """Scores corrected by the root of clusters' leverage, Satterthwaite's degrees of freedom."""

    # Bell and McCaffrey (2002); Pustejovsky and Tipton (2018).

    name: ClassVar[str] = "cr2"


@dataclass(frozen=True, slots=True, eq=False)
class CR3(CR1):
    """Scores corrected by clusters' leverage, nearly the jackknife; G − 1 degrees of freedom."""

    # MacKinnon, Nielsen and Webb (2023).

    name: ClassVar[str] = "cr3"
