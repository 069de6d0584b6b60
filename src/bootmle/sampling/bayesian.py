"""The Bayesian bootstrap: exponential weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.likelihood import Likelihood
from bootmle.optimization.sandwich import Units
from bootmle.sampling.plan import Plan, check_independent_rows
from bootmle.sampling.resample import Resample

__all__ = ["Bayesian"]


@dataclass(frozen=True, slots=True)
class Bayesian(Plan):
    """Weight the n observations by n times a flat Dirichlet draw (Rubin 1981).

    Examples
    --------
    >>> import numpy as np
    >>> from bootmle import Bayesian
    >>> resample = Bayesian().draw(5, 0, np.random.default_rng(0))
    >>> bool(np.isclose(resample.weights.sum(), 5.0))
    True
    """

    independent_rows: ClassVar[bool] = True

    @property
    def fractional(self) -> bool:
        """Whether weights are other than whole numbers."""
        return True

    def check(self, likelihood: Likelihood) -> None:
        """Refuse an objective whose rows cannot be weighted one by one."""
        check_independent_rows(likelihood, "Bayesian()")

    def draw(self, n: int, replicate: int, rng: np.random.Generator) -> Resample:
        """Draw one set of weights."""
        draws = rng.standard_exponential(n)
        return Resample(n, fractions=draws * (n / draws.sum()))

    def redrawn_units(self, n: int) -> Units | None:
        """Units are single observations."""
        return list(np.arange(n)[:, None]), np.zeros(n, dtype=np.intp)

    def redraw(
        self, drawn: Floats, strata: NDArray[np.intp], n_resamples: int, rng: np.random.Generator
    ) -> Floats:
        """Draw n times a Dirichlet whose parameters are the weights, as 1 are the first time."""
        draws = rng.standard_gamma(drawn, size=(n_resamples, drawn.size))
        return np.asarray(draws * (drawn.sum() / draws.sum(axis=1, keepdims=True)))
