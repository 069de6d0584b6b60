"""The ordinary bootstrap: observations drawn with replacement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.likelihood import Likelihood
from bootmle.optimization.sandwich import Units
from bootmle.sampling.plan import Plan, check_independent_rows
from bootmle.sampling.redrawing import draw_again
from bootmle.sampling.resample import Resample
from bootmle.sampling.streams import draw_blocks, draw_numbers

__all__ = ["Cases"]


@dataclass(frozen=True, slots=True)
class Cases(Plan):
    """Draw n of the n observations with replacement (Efron 1979).

    Parameters
    ----------
    size : str
        "fixed": n rows, as many as there are; "poisson": a Poisson number of rows, each drawn
        Poisson(1) times on its own, where the number of rows is itself an observation: events of an
        extended likelihood, whose term for their expected number each resample then has once.

    Raises
    ------
    ValueError
        For another size.

    Examples
    --------
    >>> import numpy as np
    >>> from bootmle import Cases
    >>> resample = Cases().draw(5, 0, np.random.default_rng(0))
    >>> resample.rows.size, float(resample.weights.sum())
    (5, 5.0)
    """

    independent_rows: ClassVar[bool] = True

    size: str = "fixed"

    def __post_init__(self) -> None:
        """Check the size."""
        if self.size not in {"fixed", "poisson"}:
            raise ValueError(f"size: {self.size!r} is unknown; use 'fixed' or 'poisson'")

    def __repr__(self) -> str:
        """Show a size that is not the usual one."""
        return "Cases()" if self.size == "fixed" else f"Cases(size={self.size!r})"

    @property
    def fixes_size(self) -> bool:
        """Whether all resamples have n rows."""
        return self.size == "fixed"

    def identity(self) -> list[Any]:
        """Return nothing for n rows: runs were written before there was another size."""
        return [] if self.size == "fixed" else [self.size]

    def check(self, likelihood: Likelihood) -> None:
        """Refuse an objective whose rows cannot be drawn one by one."""
        check_independent_rows(likelihood, repr(self))

    def units(self, n: int) -> Units | None:
        """Units are single observations."""
        return list(np.arange(n)[:, None]), np.zeros(n, dtype=np.intp)

    def redrawn_units(self, n: int) -> Units | None:
        """Units are single observations."""
        return self.units(n)

    def redraw(
        self, drawn: Floats, strata: NDArray[np.intp], n_resamples: int, rng: np.random.Generator
    ) -> Floats:
        """Draw from the rows of a resample; of a Poisson number, each as Poisson as it is there."""
        if self.size == "poisson":
            return rng.poisson(drawn, size=(n_resamples, drawn.size)).astype(float)
        return draw_again(drawn, strata, n_resamples, rng)

    @property
    def studentizes(self) -> bool:
        """Each observation drawn is a unit of its own."""
        return True

    def draw(self, n: int, replicate: int, rng: np.random.Generator) -> Resample:
        """Draw one resample."""
        if self.size == "poisson":
            return Resample(n, rows=np.repeat(np.arange(n), rng.poisson(size=n)))
        return Resample(n, rows=draw_numbers(rng, n, n))

    def draw_all(self, n: int, seed: int, replicates: Iterable[int]) -> Iterator[Resample]:
        """Draw resamples; those of n rows in blocks."""
        if self.size == "poisson":
            return Plan.draw_all(self, n, seed, replicates)
        return (Resample(n, rows) for rows in draw_blocks(seed, replicates, n, n))
