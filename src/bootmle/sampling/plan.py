"""What a sampling plan is: a pure map from a replicate's number to a resample."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.likelihood import Likelihood, Rows
from bootmle.optimization.sandwich import Units
from bootmle.sampling.resample import Resample

__all__ = ["Plan", "check_independent_rows", "draw_resample"]


def draw_resample(plan: Plan, n: int, seed: int, replicate: int) -> Resample:
    """Draw one replicate's resample of n observations from its own stream."""
    sequence = np.random.SeedSequence(seed, spawn_key=(replicate,))
    return plan.draw(n, replicate, np.random.default_rng(sequence))


class Plan(ABC):
    """A sampling plan."""

    __slots__ = ()

    independent_rows: ClassVar[bool] = False
    """Whether observations are drawn one by one, so that their scores tell the spread."""

    quantiles: ClassVar[bool] = True
    """Whether the replicates' quantiles make an interval."""

    @property
    def fractional(self) -> bool:
        """Whether weights are other than whole numbers, so that only contributions can serve."""
        return False

    @property
    def n_available(self) -> int | None:
        """Number of resamples there are, None where they are drawn without end."""
        return None

    @property
    def exhaustive(self) -> bool:
        """Whether all the resamples there are belong together."""
        return False

    @abstractmethod
    def check(self, likelihood: Likelihood) -> None:
        """Raise where the plan is not valid for this likelihood."""

    def prepared(self, n: int, args: tuple[Any, ...]) -> Plan:
        """Return the plan ready for n observations; raise where it does not fit them."""
        return self

    @abstractmethod
    def draw(self, n: int, replicate: int, rng: np.random.Generator) -> Resample:
        """Draw one replicate's resample of n observations."""

    def expected_weights(self, n: int) -> Floats | None:
        """Return how often each observation is drawn on average; None where all are alike."""
        return None

    def units(self, n: int) -> Units | None:
        """Rows of each unit that is drawn, and its stratum; None where a jackknife has none."""
        return None

    @property
    def studentizes(self) -> bool:
        """Whether each replicate has a sandwich of its own, from the units that it drew."""
        return False

    def rescaling(self, n: int) -> tuple[float, float]:
        """Factors on the replicates' deviations, and on their mean's: 1 for samples of size n."""
        return 1.0, 1.0


_REASONS = {
    Rows.ORDERED: (
        "the objective's value depends on the order of the rows (it reads earlier rows, or holds "
        "data of its own in row order), so rows drawn independently are not valid: for a time "
        "series use Blocks or Parametric, for groups of rows Clustered, and pass everything that "
        "belongs to a row (simulated draws, too) in args"
    ),
    Rows.INDIVISIBLE: (
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
        raised = f" (it raised {likelihood.rows_error})" if likelihood.rows_error else ""
        reason = _REASONS[likelihood.rows]
        raise ValueError(f"sampling: {plan} draws single rows, but {reason}{raised}")
    if likelihood.n is None:
        raise ValueError(
            f"sampling: {plan} has nothing to resample: the objective holds its data and returns a "
            f"total; return the contributions (delete .sum()), or pass the data in args"
        )
