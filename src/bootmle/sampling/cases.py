"""The ordinary bootstrap: observations drawn with replacement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bootmle.likelihood.likelihood import Likelihood
from bootmle.optimization.sandwich import Units
from bootmle.sampling.plan import Plan, check_independent_rows
from bootmle.sampling.resample import Resample

__all__ = ["Cases"]


@dataclass(frozen=True, slots=True)
class Cases(Plan):
    """Draw n of the n observations with replacement (Efron 1979).

    Examples
    --------
    >>> import numpy as np
    >>> from bootmle import Cases
    >>> resample = Cases().draw(5, 0, np.random.default_rng(0))
    >>> resample.rows.size, float(resample.weights.sum())
    (5, 5.0)
    """

    independent_rows: ClassVar[bool] = True

    def check(self, likelihood: Likelihood) -> None:
        """Refuse an objective whose rows cannot be drawn one by one."""
        check_independent_rows(likelihood, "Cases()")

    def units(self, n: int) -> Units | None:
        """Units are single observations."""
        return list(np.arange(n)[:, None]), np.zeros(n, dtype=np.intp)

    @property
    def studentizes(self) -> bool:
        """Each observation drawn is a unit of its own."""
        return True

    def draw(self, n: int, replicate: int, rng: np.random.Generator) -> Resample:
        """Draw one resample."""
        return Resample(n, rows=rng.integers(n, size=n))
