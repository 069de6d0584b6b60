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
    is_random: bool

    @classmethod
    def of(cls, arrays: ReplicateArrays) -> Normal:
        """Take the mean and spread; NaN where any replicate is infinite."""
        finite = np.isfinite(arrays.replicates).all(axis=0)
        replicates = np.where(finite, arrays.replicates, np.nan)
        error = standard_error(replicates)
        return cls(arrays.estimate - arrays.bias, error, replicates, arrays.is_random)

    def end(self, tail: float, *, upper: bool) -> tuple[Floats, Floats]:
        """Go z standard errors from the center."""
        z = float(ndtri(1 - tail if upper else tail))
        return self.center + z * self.error, self._mcse(z)

    def _mcse(self, z: float) -> Floats:
        """Compute an endpoint's Monte Carlo error: Var(mean) + z² Var(s) − 2 z Cov(mean, s)."""
        if not self.is_random:
            return np.zeros_like(self.error)
        count = len(self.replicates)
        # The center is 2θ̂ minus the mean, whose covariance with s is m₃ / (2 s B).
        third = ((self.replicates - self.replicates.mean(axis=0)) ** 3).mean(axis=0)
        cross = z * third / np.where(self.error > 0, self.error, 1.0) / count
        variance = self.error**2 / count + (z * standard_error_mcse(self.replicates)) ** 2
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
