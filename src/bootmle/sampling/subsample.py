"""Subsampling: m of the n observations, without replacement."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.likelihood.likelihood import Likelihood
from bootmle.sampling.plan import Plan, check_independent_rows
from bootmle.sampling.resample import Resample

__all__ = ["Subsample"]


@dataclass(frozen=True, slots=True)
class Subsample(Plan):
    """Draw m of n observations without replacement (Politis, Romano and Wolf 1999, chapter 2).

    Replicates are kept as they are; standard errors and intervals scale their deviations from the
    estimate by √(m/(n − m)), which takes a root-n estimator from samples of m to one of n, and
    accounts for the data that subsamples share.

    Parameters
    ----------
    size : int or float
        m, or as a share of n between 0 and 1.

    Raises
    ------
    ValueError
        Unless 1 ≤ m < n.

    Examples
    --------
    >>> import numpy as np
    >>> from bootmle import Subsample
    >>> float(Subsample(0.5).draw(10, 0, np.random.default_rng(0)).weights.sum())
    5.0
    """

    repeats_rows: ClassVar[bool] = False

    size: Any

    def __post_init__(self) -> None:
        """Check the size as far as it can be without data."""
        whole = isinstance(self.size, int | np.integer) and not isinstance(self.size, bool)
        share = isinstance(self.size, Real) and 0 < float(self.size) < 1
        if not (share or (whole and self.size >= 1)):
            raise ValueError(
                f"size: {self.size!r}; pass a whole number m below n, or a share between 0 and 1"
            )

    def check(self, likelihood: Likelihood) -> None:
        """Refuse an objective whose rows cannot be drawn one by one."""
        check_independent_rows(likelihood, "Subsample()")

    def prepared(self, fit: Fit | Estimator) -> Subsample:
        """Refuse subsamples as large as the sample, or empty."""
        n = fit.n
        if not 1 <= self.m(n) < n:
            raise ValueError(
                f"size: {self.size!r} is {self.m(n)} of {n} observations; pass 1 to {n - 1}"
            )
        return self

    def m(self, n: int) -> int:
        """Return the size of a subsample."""
        return round(self.size * n) if 0 < self.size < 1 else int(self.size)

    def draw(self, n: int, replicate: int, rng: np.random.Generator) -> Resample:
        """Draw one subsample."""
        return Resample(n, rows=rng.permutation(n)[: self.m(n)])

    def rescaling(self, n: int) -> tuple[float, float]:
        """Take deviations from samples of m to samples of n, and biases of order 1/m to 1/n."""
        m = self.m(n)
        return float(np.sqrt(m / (n - m))), m / (n - m)
