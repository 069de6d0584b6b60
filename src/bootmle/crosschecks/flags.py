"""What can be wrong with a standard error, and what is said of one source."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from bootmle.likelihood.arrays import Floats

__all__ = ["Flag", "Verdict"]


class Flag(Enum):
    """What can be wrong with a standard error."""

    SADDLE = "a saddle"
    NOT_AT_OPTIMUM = "not at the optimum"
    BETTER_OPTIMUM = "a better optimum elsewhere"
    NOT_POSITIVE_DEFINITE = "a Hessian that is not positive definite"
    NOT_IDENTIFIED = "a direction that the data do not identify"
    AT_BOUND = "an estimate at a bound"
    OBJECTIVE_SCALE = "an objective on another scale than the log-likelihood"
    MISSPECIFIED = "scores that vary more or less than the curvature says"
    CLUSTERED = "clustered rows treated as independent"
    STRATIFIED = "strata that are ignored"
    DEPENDENT_ROWS = "rows that are not independent"
    SKEWED = "a skewed sampling distribution"
    HEAVY_TAILED = "a heavy-tailed sampling distribution"
    SMALL_SAMPLE = "a sample too small for the curvature at one point"
    NONLINEAR = "a function that bends over the spread of the estimates"
    SEARCH_PATH = "a matrix of the search path, not a curvature"
    ROUNDING = "second differences lost in rounding"
    UNEXPLAINED = "a disagreement that the measured quantities do not explain"


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What to make of one source.

    Attributes
    ----------
    agrees : bool
        Whether all its standard errors lie within the rule around the reference's.
    reason : str
        Why, in plain words.
    flag : Flag or None
        The kind of reason; None where there is nothing wrong.
    curvature_ratios : (q,) array or None
        For a matrix at the optimum that differs: its variance along each eigenvector of the
        Hessian (`Information.directions`), over the variance measured there.
    """

    agrees: bool
    reason: str
    flag: Flag | None = None
    curvature_ratios: Floats | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """Show the reason."""
        return self.reason
