"""The jackknife: one observation, or one group, left out at a time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.likelihood.likelihood import Likelihood
from bootmle.sampling.labels import members_of, read_codes
from bootmle.sampling.plan import Plan, check_independent_rows
from bootmle.sampling.resample import Resample

__all__ = ["Jackknife"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Jackknife(Plan):
    """Leave out each observation in turn, or each group (Quenouille 1956; Tukey 1958).

    The standard error is √((G − 1)/G Σ(θ_g − θ̄)²), the bias (G − 1)(θ̄ − θ̂), over the G samples;
    their quantiles make no interval.

    Parameters
    ----------
    groups : (n,) array_like or str, optional
        Labels of the groups, or the column that holds them; single observations by default.

    Raises
    ------
    ValueError
        Unless there is one label for each observation, none missing, and at least two groups.

    Examples
    --------
    >>> import numpy as np
    >>> from bootmle import Estimator, Jackknife, bootstrap
    >>> y = np.array([1.0, 2.0, 6.0, 7.0])
    >>> jackknife = bootstrap(Estimator(np.mean, args=y), sampling=Jackknife())
    >>> bool(np.isclose(jackknife.standard_error[0], y.std(ddof=1) / 2))
    True
    """

    groups: Any = None
    members: tuple[NDArray[np.intp], ...] = field(init=False)
    supports_quantiles: ClassVar[bool] = False
    repeats_rows: ClassVar[bool] = False
    label_names: ClassVar[tuple[str, ...]] = ("groups",)

    def __post_init__(self) -> None:
        """List the rows of each group."""
        known = self.groups is not None and not isinstance(self.groups, str)
        members = members_of(read_codes("groups", self.groups)) if known else ()
        if known and len(members) < 2:
            raise ValueError("groups: all rows belong to one; at least two groups are needed")
        object.__setattr__(self, "members", members)

    @property
    def n_available(self) -> int | None:
        """Number of groups."""
        return len(self.members) or None

    @property
    def exhaustive(self) -> bool:
        """Every group is left out, whatever the number asked for."""
        return True

    def check(self, likelihood: Likelihood) -> None:
        """Refuse an objective whose rows cannot be left out."""
        check_independent_rows(likelihood, "Jackknife()")

    def check_response(self, fit: Fit | Estimator) -> None:
        """Refuse single rows that count together; groups are the user's choice."""
        if self.groups is None:
            Plan.check_response(self, fit)

    def prepared(self, fit: Fit | Estimator) -> Jackknife:
        """Look up the column; refuse labels of another number of observations."""
        alone = self.groups is None
        plan = replace(self, groups=np.arange(fit.n)) if alone else self.labeled(fit)
        size = sum(rows.size for rows in plan.members)
        if size != fit.n:
            raise ValueError(f"groups: {size} labels for {fit.n} observations; pass one for each")
        return plan

    def draw(self, n: int, replicate: int, rng: np.random.Generator) -> Resample:
        """Leave one group out; past the last one, the last again."""
        left_out = self.members[min(replicate, len(self.members) - 1)]
        return Resample(n, rows=np.delete(np.arange(n), left_out))

    def rescaling(self, n: int) -> tuple[float, float]:
        """Take the standard deviation, ddof 1, to the jackknife's standard error."""
        count = len(self.members)
        return (count - 1) / float(np.sqrt(count)), float(count - 1)

    def __repr__(self) -> str:
        """Show how many groups there are, not all labels."""
        return f"Jackknife({len(self.members)} left out in turn)" if self.members else "Jackknife()"
