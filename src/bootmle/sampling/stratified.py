"""The stratified bootstrap: observations drawn within each stratum."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.likelihood.likelihood import Likelihood
from bootmle.optimization.sandwich import Units
from bootmle.sampling.labels import members_of, read_codes
from bootmle.sampling.plan import Plan, Structure, check_independent_rows
from bootmle.sampling.resample import Resample
from bootmle.sampling.streams import draw_numbers

__all__ = ["Stratified"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Stratified(Plan):
    """Draw as many observations from each stratum as it has (Davison and Hinkley 1997, 3.2).

    Parameters
    ----------
    strata : (n,) array_like or str
        Label of the stratum that each observation belongs to, or the column of a data frame or
        dict in ``args`` that holds them.

    Raises
    ------
    ValueError
        Unless there is one label for each observation, none missing.

    Examples
    --------
    >>> import numpy as np
    >>> from bootmle import Stratified
    >>> plan = Stratified(["m", "m", "f", "f", "f"])
    >>> weights = plan.draw(5, 0, np.random.default_rng(0)).weights
    >>> float(weights[:2].sum()), float(weights[2:].sum())
    (2.0, 3.0)
    """

    structure: ClassVar[Structure] = Structure.STRATA
    label_names: ClassVar[tuple[str, ...]] = ("strata",)

    strata: Any
    members: tuple[NDArray[np.intp], ...] = field(init=False)

    def __post_init__(self) -> None:
        """List the rows of each stratum."""
        known = not isinstance(self.strata, str)
        members = members_of(read_codes("strata", self.strata)) if known else ()
        object.__setattr__(self, "members", members)

    def check(self, likelihood: Likelihood) -> None:
        """Refuse an objective whose rows cannot be drawn one by one."""
        check_independent_rows(likelihood, "Stratified()")

    def prepared(self, fit: Fit | Estimator) -> Stratified:
        """Look up the column; refuse labels of another number of observations."""
        plan = self.labeled(fit)
        size = sum(rows.size for rows in plan.members)
        if size != fit.n:
            raise ValueError(f"strata: {size} labels for {fit.n} observations; pass one for each")
        return plan

    def units(self, n: int) -> Units | None:
        """Units are single observations, each in its stratum."""
        return list(np.arange(n)[:, None]), self._codes()

    def redrawn_units(self, n: int) -> Units | None:
        """Units are single observations, each in its stratum."""
        return self.units(n)

    @property
    def stratum_codes(self) -> NDArray[np.intp] | None:
        """Number of each observation's stratum, (n,), where there are several."""
        return self._codes() if len(self.members) > 1 else None

    def _codes(self) -> NDArray[np.intp]:
        """Return the stratum of each observation, (n,)."""
        codes = np.empty(sum(rows.size for rows in self.members), dtype=np.intp)
        for number, rows in enumerate(self.members):
            codes[rows] = number
        return codes

    @property
    def studentizes(self) -> bool:
        """Each observation drawn is a unit of its own, in its stratum."""
        return True

    def draw(self, n: int, replicate: int, rng: np.random.Generator) -> Resample:
        """Draw one resample."""
        drawn = [rows[draw_numbers(rng, rows.size, rows.size)] for rows in self.members]
        return Resample(n, rows=np.concatenate(drawn))

    def __repr__(self) -> str:
        """Show how many strata there are, not all labels."""
        what = f"{len(self.members)} strata" if self.members else repr(self.strata)
        return f"Stratified({what})"

    def notes(self, n: int, centered: bool) -> tuple[str, ...]:
        """Say how many strata have a single row."""
        single = sum(rows.size == 1 for rows in self.members)
        if not single:
            return ()
        return (
            f"{single} of {len(self.members)} strata have a single row, which every resample "
            f"keeps: standard errors leave its variation out",
        )
