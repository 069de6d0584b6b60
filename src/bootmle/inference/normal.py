"""Normal intervals: the bias-corrected estimate and the standard error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import ndtr, ndtri

from bootmle.inference.intervals import IntervalMethod, Need, ReplicateArrays
from bootmle.inference.standard_errors import standard_error, standard_error_mcse
from bootmle.likelihood.arrays import Floats

__all__ = ["Normal"]


@dataclass(frozen=True, slots=True, eq=False)
class Normal(IntervalMethod):
    """θ̂ − bias ± z SE, as R's boot.ci (Davison and Hinkley 1997, equation 5.4)."""

    name: ClassVar[str] = "normal"
    needs: ClassVar[frozenset[Need]] = frozenset()
    reflects: ClassVar[bool] = True

    center: Floats
    error: Floats
    replicates: Floats
    shifts: Floats
    """The replicates without their linear parts, whose mean is the bias."""
    is_random: bool

    @classmethod
    def of(cls, arrays: ReplicateArrays) -> Normal:
        """Take the mean and spread; NaN where any replicate is infinite."""
        finite = np.isfinite(arrays.replicates).all(axis=0)
        replicates = np.where(finite, arrays.replicates, np.nan)
        error = standard_error(replicates)
        shifts = replicates - arrays.linear
        return cls(arrays.estimate - arrays.bias, error, replicates, shifts, arrays.is_random)

    def end(self, tail: float, *, upper: bool) -> tuple[Floats, Floats]:
        """Go z standard errors from the center."""
        z = float(ndtri(1 - tail if upper else tail))
        return self.center + z * self.error, self._mcse(z)

    def _mcse(self, z: float) -> Floats:
        """Compute an endpoint's Monte Carlo error: Var(bias) + z² Var(s) − 2 z Cov(bias, s)."""
        if not self.is_random:
            return np.zeros_like(self.error)
        count = len(self.replicates)
        # The covariance of s with a mean of shifts is the mean of shifts times squares / (2 s B).
        from_mean = self.shifts - self.shifts.mean(axis=0)
        squares = (self.replicates - self.replicates.mean(axis=0)) ** 2
        mixed = (from_mean * squares).mean(axis=0)
        cross = z * mixed / np.where(self.error > 0, self.error, 1.0) / count
        of_bias = standard_error(self.shifts) ** 2 / count
        variance = of_bias + (z * standard_error_mcse(self.replicates)) ** 2
        return np.asarray(np.sqrt(np.maximum(variance - cross, 0.0)))

    def check(self, tail: float, confidence_level: float, *, upper: bool) -> None:
        """Accept any level: a mean and a spread show it."""

    def tail(self, values: Floats, *, upper: bool) -> Floats:
        """Take the normal probability beyond a value."""
        distance = (self.center - values) if upper else (values - self.center)
        with np.errstate(divide="ignore", invalid="ignore"):
            beyond = ndtr(distance / self.error)
        point = np.where(distance < 0, 0.0, 1.0)
        return np.asarray(np.where(self.error == 0, point, beyond))
