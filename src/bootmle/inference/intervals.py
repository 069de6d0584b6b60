"""What a confidence interval is, and what a kind of interval is: each has a file in this folder."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from numbers import Real
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from bootmle.inference.calibration import Calibration
from bootmle.inference.confidence_interval import ConfidenceInterval
from bootmle.inference.derived_scales import DerivedScales
from bootmle.inference.order_statistics import SAME_RANK
from bootmle.likelihood.arrays import Floats

__all__ = [
    "ConfidenceInterval",
    "Family",
    "IntervalMethod",
    "Need",
    "PartialMethod",
    "PivotCorrection",
    "ReplicateArrays",
    "RootProfile",
    "check_level",
    "fewest_replicates",
    "read_alternative",
    "read_level",
]

LOWEST_LEVEL = 0.5
"""Levels below are refused: nobody wants them, and many mean the complement, as alpha=0.05."""
ALTERNATIVES = ("two-sided", "less", "greater")


class Need(Enum):
    """What a kind of interval may need of the replicates besides their spread."""

    QUANTILES = "replicates that are random draws"
    JACKKNIFE = "the estimates without each unit (jackknife)"
    STANDARD_ERRORS = "a standard error of each replicate"
    EXPANSION = "the units' derivatives at the estimate"
    LEVELS = "resamples of the resamples"
    CLUSTERS = "clusters, with their shares of the information"
    ROOTS = "the likelihood ratio of each replicate"
    SCORES = "the score statistic of each replicate"


class Family(Protocol):
    """Influences (G, k) of the units on k quantities, and estimates at weights of the units."""

    @property
    def influences(self) -> Floats:
        """Derivatives in the units' weights, (G, k)."""
        ...

    @property
    def bias(self) -> Floats:
        """Half the sum of the second ones, (k,)."""
        ...

    @property
    def quadratic(self) -> Floats:
        """c_q of DiCiccio and Efron (1992), (k,)."""
        ...

    @property
    def estimate_at(self) -> Callable[[Floats], Floats]:
        """Estimates at steps along the influences over their errors, (k,) -> (k,)."""
        ...


class RootProfile(Protocol):
    """The profile likelihood of k parameters: its signed roots, positive below the estimate."""

    def values_at(self, roots: Floats, /) -> Floats:
        """Return the values (k,) with these roots."""
        ...

    def roots_at(self, values: Floats, /) -> Floats:
        """Return the roots (k,) at values."""
        ...


class PivotCorrection(Protocol):
    """A verified sample that corrects (θ* − θ̂)/s* of expanded replicates: see `Correction`."""

    def of_pivots(
        self, pivots: Floats, corrected: NDArray[np.bool_], estimate: Floats, /
    ) -> tuple[Floats, Any]:
        """Return the corrected ratios (B, p), and their correction."""
        ...

    def on_scales(self, scales: DerivedScales, /) -> PivotCorrection:
        """Return the correction of the same replicates on other scales."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ReplicateArrays:
    """What kinds of intervals are computed from; what a kind does not need may be missing.

    Attributes
    ----------
    names : tuple of p str
    estimate : (p,) array
    replicates : (B, p) array
        Scaled to samples of the data's size; where a replicate has no finite optimum infinite, or
        NaN where the sign is undetermined.
    bias : (p,) array
    linear : (B, p) array or float
        What the bias leaves out of each replicate: a part whose expectation is 0.
    is_random : bool
        Whether another seed would draw other replicates: else there are no Monte Carlo errors.
    errors, own_error : (B, p) and (p,) arrays
        Each replicate's own standard error, and the estimate's by the same formula.
    scales : DerivedScales
        Those on which derived quantities are studentized.
    correction, corrected : PivotCorrection and (B,) array
        The correction of expanded replicates, where there is one, and which ones are corrected.
    jackknife, strata : (G, p) and (G,) arrays
        Estimates without each unit, and the units' strata.
    family : Family
        Derivatives in the units' weights.
    levels : Calibration
        Levels of the estimate in the distributions of the replicates' own resamples.
    cluster_errors : callable
        ``cluster_errors(correction)``: cluster-robust standard errors and their degrees of
        freedom, (p,) each.
    roots, profile : (B, p) array and RootProfile
        Signed roots of each replicate's likelihood ratio at the estimate, and those of the data.
    """

    names: tuple[str, ...]
    estimate: Floats
    replicates: Floats
    bias: Floats
    linear: Floats | float = 0.0
    is_random: bool = True
    errors: Floats | None = None
    own_error: Floats | None = None
    scales: DerivedScales | None = None
    correction: PivotCorrection | None = None
    corrected: NDArray[np.bool_] | None = None
    jackknife: Floats | None = None
    strata: NDArray[np.intp] | None = None
    family: Family | None = None
    levels: Calibration | None = None
    cluster_errors: Callable[[str], tuple[Floats, Floats]] | None = None
    roots: Floats | None = None
    profile: RootProfile | None = None


class IntervalMethod(ABC):
    """A kind of interval: both endpoints as functions of the tail, the probability beyond them.

    Whatever says where an endpoint lies also gives the p-value, its inverse: see `p_values`.
    """

    __slots__ = ()

    name: ClassVar[str]
    needs: ClassVar[frozenset[Need]]
    reflects: ClassVar[bool] = False
    """Whether an endpoint follows from the replicates on the other side of the estimate."""

    @classmethod
    @abstractmethod
    def of(cls, arrays: ReplicateArrays) -> Self:
        """Prepare the intervals of these replicates; what `needs` lists is there."""

    @property
    def corrects_itself(self) -> bool | NDArray[np.bool_]:
        """Whose Monte Carlo errors the correction of expanded replicates does not add to."""
        return False

    @abstractmethod
    def end(self, tail: float, *, upper: bool) -> tuple[Floats, Floats]:
        """Compute one endpoint and its Monte Carlo error, (p,) each; NaN where there is none."""

    @abstractmethod
    def tail(self, values: Floats, *, upper: bool) -> Floats:
        """Find the largest tail whose endpoint does not pass a value, (p,): the inverse of `end`.

        At least the smallest tail that the replicates can show; NaN where there is no endpoint.
        """

    @abstractmethod
    def check(self, tail: float, confidence_level: float, *, upper: bool) -> None:
        """Raise where the replicates cannot show an endpoint."""

    def interval(
        self,
        confidence_level: float = 0.95,
        alternative: str = "two-sided",
        *,
        withhold: bool = False,
    ) -> ConfidenceInterval:
        """Compute the interval; NaN instead of an error at what cannot be shown if ``withhold``."""
        side = read_alternative(alternative)
        tail = _tail(confidence_level, side)
        ends, errors = [], []
        for upper, unbounded in ((False, side == "less"), (True, side == "greater")):
            if not (withhold or unbounded):
                self.check(tail, confidence_level, upper=upper)
            end, error = self.end(tail, upper=upper)
            ends.append(np.full_like(end, np.inf if upper else -np.inf) if unbounded else end)
            errors.append(np.zeros_like(error) if unbounded else error)
        (low, high), (low_mcse, high_mcse) = ends, errors
        return ConfidenceInterval(low, high, low_mcse, high_mcse)


class PartialMethod(IntervalMethod):
    """A method that some parameters alone may have no interval by."""

    __slots__ = ()

    names: tuple[str, ...]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which parameters could have one, (p,)."""
        return np.ones(len(self.names), dtype=bool)

    def interval(
        self,
        confidence_level: float = 0.95,
        alternative: str = "two-sided",
        *,
        withhold: bool = False,
    ) -> ConfidenceInterval:
        """Compute the interval; NaN, with a warning, for parameters that alone have none."""
        if withhold:
            return super().interval(confidence_level, alternative, withhold=True)
        try:
            return super().interval(confidence_level, alternative)
        except ValueError as error:
            read_level(confidence_level, alternative)
            found = super().interval(confidence_level, alternative, withhold=True)
            refused = np.isnan(found.low) | np.isnan(found.high)
            if refused[self.known].all():
                raise
            names = ", ".join(self.names[j] for j in np.flatnonzero(refused).tolist())
            warnings.warn(f"{error}; an end is nan for {names}", stacklevel=4)
            return found


def fewest_replicates(confidence_level: float) -> int:
    """Count the replicates that a two-sided percentile interval takes: 39 at 0.95."""
    return _fewest(_tail(confidence_level, "two-sided"))


def _fewest(tail: float) -> int:
    """Count the replicates that put one beyond an endpoint."""
    return int(np.ceil(1 / tail - SAME_RANK)) - 1


def read_level(confidence_level: Any, alternative: Any) -> tuple[float, str]:
    """Return the probability beyond each endpoint, and the alternative; refuse low levels."""
    side = read_alternative(alternative)
    tail, level = _tail(confidence_level, side), float(confidence_level)
    if level < LOWEST_LEVEL:
        raise ValueError(
            f"confidence_level: {confidence_level!r} means {100 * (1 - level):.3g}% in half of all "
            f"libraries and {100 * level:.3g}% in the other half; pass the probability of "
            f"covering, confidence_level={1 - level:.6g}"
        )
    return tail, side


def _tail(confidence_level: Any, side: str) -> float:
    """Return the probability beyond each endpoint."""
    if not (isinstance(confidence_level, Real) and 0 < float(confidence_level) < 1):
        raise ValueError(
            f"confidence_level: {confidence_level!r} is not between 0 and 1 (such as 0.95)"
        )
    return (1 - float(confidence_level)) / (2 if side == "two-sided" else 1)


def read_alternative(alternative: Any) -> str:
    """Read "two-sided", "less" or "greater", in any case."""
    side = alternative.lower() if isinstance(alternative, str) else ""
    if side not in ALTERNATIVES:
        raise ValueError(
            f"alternative: {alternative!r} is unknown; use one of {', '.join(ALTERNATIVES)}"
        )
    return side


def check_level(count: int, tail: float, confidence_level: float) -> None:
    """Refuse an endpoint beyond the outermost of the replicates."""
    if (count + 1) * tail < 1 - SAME_RANK:
        raise ValueError(
            f"confidence_level: {confidence_level} needs at least {_fewest(tail)} replicates, "
            f"there are {count}; raise n_resamples or lower the level"
        )
