"""What can be wrong with a standard error, and the verdict on one source."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from bootmle.display.encoding import printable
from bootmle.likelihood.arrays import Floats

__all__ = ["Flag", "Verdict"]


class Flag(Enum):
    """What can be wrong with a standard error."""

    SADDLE = "a saddle point"
    NOT_AT_OPTIMUM = "not at the optimum"
    BETTER_OPTIMUM = "a better optimum elsewhere"
    REPLICATES_IN_DOUBT = "implausible replicates"
    NOT_POSITIVE_DEFINITE = "a matrix that is not positive definite"
    NOT_IDENTIFIED = "a direction that the data do not identify"
    AT_BOUND = "an estimate at a bound"
    OBJECTIVE_SCALE = "an objective on another scale than the log-likelihood"
    MISSPECIFIED = "signs of a misspecified model"
    CLUSTERED = "rows within clusters treated as independent"
    STRATIFIED = "strata ignored"
    DEPENDENT_ROWS = "rows that are not independent"
    SKEWED = "a skewed sampling distribution"
    HEAVY_TAILED = "a heavy-tailed sampling distribution"
    SMALL_SAMPLE = "a sample too small for a local approximation"
    NONLINEAR = "a function too nonlinear for the delta method"
    SEARCH_PATH = "a quasi-Newton approximation, not the inverse Hessian"
    OTHER_FORMULA = "numbers that are no standard errors of these parameters together"
    ROUNDING = "second differences dominated by rounding error"
    UNEXPLAINED = "a disagreement without a measured explanation"


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """The verdict on one source.

    Attributes
    ----------
    agrees : bool
        Whether its standard errors agree with the reference's.
    reason : str
        Why, in words.
    flag : Flag or None
        The kind of reason; None if nothing is wrong.
    curvature_ratios : (q,) array or None
        For a matrix computed at the optimum that differs: its variance along each eigenvector of
        the Hessian (`Information.directions`) over that of the inverse Hessian.
    """

    agrees: bool
    reason: str
    flag: Flag | None = None
    curvature_ratios: Floats | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """Return the reason."""
        return printable(self.reason)
