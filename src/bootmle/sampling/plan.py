"""What a sampling plan is: a pure map from a replicate's number to a resample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood import Likelihood, Rows
from bootmle.parameters import Floats

__all__ = ["Plan", "Resample", "check_independent_rows"]


@dataclass(frozen=True, slots=True)
class Resample:
    """One resample of n observations: rows drawn, or a weight for each observation.

    Attributes
    ----------
    n : int
        Number of observations.
    rows : (m,) int array or None
        Row numbers in the order drawn; None for a scheme of fractional weights.
    fractions : (n,) array or None
        The weights of such a scheme.
    """

    n: int
    rows: NDArray[np.intp] | None = None
    fractions: Floats | None = None

    @property
    def weights(self) -> Floats:
        """Weight of each observation, (n,): how often it was drawn."""
        if self.fractions is not None:
            return self.fractions
        assert self.rows is not None
        return np.bincount(self.rows, minlength=self.n).astype(float)


@runtime_checkable
class Plan(Protocol):
    """A sampling plan."""

    @property
    def fractional(self) -> bool:
        """Whether weights are other than whole numbers, so that only contributions can serve."""

    @property
    def n_available(self) -> int | None:
        """Number of resamples there are, None where they are drawn without end."""

    def check(self, likelihood: Likelihood) -> None:
        """Raise where the plan is not valid for this likelihood."""

    def draw(self, n: int, replicate: int, rng: np.random.Generator) -> Resample:
        """Draw one replicate's resample of n observations."""


_REASONS = {
    Rows.ORDERED: (
        "the objective's value depends on the order of the rows (it reads earlier rows, or holds "
        "data of its own in row order), so rows drawn independently are not valid: for a time "
        "series use Blocks or Parametric, for groups of rows Clustered, and pass everything that "
        "belongs to a row (simulated draws, too) in args"
    ),
    Rows.UNDIVIDED: (
        "the objective cannot be evaluated on a part of the rows: pass everything with a row for "
        "each observation in args, or nothing (a closure that returns contributions)"
    ),
    Rows.CLUSTERED: (
        "the objective returns fewer contributions than there are rows: one for each cluster "
        "needs Clustered, which says which rows belong together"
    ),
}


def check_independent_rows(likelihood: Likelihood, plan: str) -> None:
    """Refuse an objective whose rows cannot be drawn one by one."""
    if likelihood.rows in _REASONS:
        raise ValueError(f"sampling: {plan} draws single rows, but {_REASONS[likelihood.rows]}")
    if likelihood.n is None:
        raise ValueError(
            f"sampling: {plan} has nothing to resample: the objective holds its data and returns a "
            f"total; return the contributions (delete .sum()), or pass the data in args"
        )
