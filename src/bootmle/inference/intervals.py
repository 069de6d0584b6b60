"""Confidence intervals from the replicates, each endpoint with its Monte Carlo error."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from bootmle.inference.standard_errors import standard_error_mcse
from bootmle.likelihood.arrays import Floats

__all__ = [
    "ConfidenceInterval",
    "check_count",
    "fewest_replicates",
    "interval",
    "open_side",
    "order_quantile",
    "order_quantile_mcse",
    "read_level",
]

METHODS = ("percentile", "basic", "normal", "bca", "studentized")
ALTERNATIVES = ("two-sided", "less", "greater")


@dataclass(frozen=True, slots=True, eq=False)
class ConfidenceInterval:
    """An interval for every parameter.

    Attributes
    ----------
    low, high : (p,) arrays
        Endpoints; infinite on the open side of a one-sided interval.
    low_mcse, high_mcse : (p,) arrays
        Monte Carlo errors of the endpoints.
    """

    low: Floats
    high: Floats
    low_mcse: Floats
    high_mcse: Floats

    def moved(self, shift: Floats, *, drawn: bool) -> ConfidenceInterval:
        """Move the ends by (p,); without Monte Carlo errors where nothing was drawn."""
        errors = (self.low_mcse, self.high_mcse) if drawn else (0 * shift, 0 * shift)
        return ConfidenceInterval(self.low + shift, self.high + shift, *errors)

    def withheld(self, columns: NDArray[np.bool_]) -> ConfidenceInterval:
        """Withhold some parameters' ends and errors."""
        ends = (self.low, self.high, self.low_mcse, self.high_mcse)
        return ConfidenceInterval(*(np.where(columns, np.nan, end) for end in ends))


def interval(
    low: Floats,
    high: Floats,
    estimate: Floats,
    *,
    method: str = "percentile",
    confidence_level: float = 0.95,
    alternative: str = "two-sided",
) -> ConfidenceInterval:
    """Compute an interval for every parameter.

    Parameters
    ----------
    low, high : (B, p) arrays
        Sorted replicates, undetermined ones counted as -inf in ``low`` and as +inf in ``high``.
    estimate : (p,) array
        The original estimate.
    method : str
        "percentile", "basic" or "normal" (Davison and Hinkley 1997, section 5.2), in any case.
        Normal intervals are centred at the bias-corrected estimate, as those of R's boot.ci.
    confidence_level : float
        Between 0 and 1.
    alternative : str
        "two-sided"; "less" for an upper limit, "greater" for a lower one.

    Returns
    -------
    ConfidenceInterval

    Raises
    ------
    ValueError
        For an unknown method, or a level that so few replicates cannot show.

    Examples
    --------
    >>> replicates = np.arange(1.0, 1000.0)[:, None]
    >>> bounds = interval(replicates, replicates, np.array([500.0]), confidence_level=0.9)
    >>> float(bounds.low[0]), float(bounds.high[0])
    (50.0, 950.0)
    """
    name = _one_of("method", method, METHODS)
    tail, side = read_level(confidence_level, alternative)
    if name == "normal":
        return open_side(_normal(low, estimate, tail), side)
    check_count(len(low), tail, confidence_level)
    ends = (order_quantile(low, tail), order_quantile(high, 1 - tail))
    errors = (order_quantile_mcse(low, tail), order_quantile_mcse(high, 1 - tail))
    if name == "basic":
        ends = (2 * estimate - ends[1], 2 * estimate - ends[0])
        errors = (errors[1], errors[0])
    return open_side(ConfidenceInterval(*ends, *errors), side)


def order_quantile(ordered: Floats, probability: float) -> Floats:
    """Take the quantile at rank (B + 1) α, interpolated on the normal scale as R's boot does.

    Parameters
    ----------
    ordered : (B, p) array
        Sorted replicates.
    probability : float
        α, with 1 ≤ (B + 1) α ≤ B.

    Returns
    -------
    (p,) array
        Davison and Hinkley (1997), equation (5.8).

    Examples
    --------
    >>> order_quantile(np.arange(1.0, 100.0)[:, None], 0.05)
    array([5.])
    """
    count = len(ordered)
    rank = (count + 1) * probability
    below = int(np.clip(np.floor(rank + 1e-9), 1, count))
    if abs(rank - below) < 1e-9 or below == count:
        return np.asarray(ordered[below - 1])
    lower, upper = ndtri(below / (count + 1)), ndtri((below + 1) / (count + 1))
    share = (ndtri(probability) - lower) / (upper - lower)
    first, second = ordered[below - 1], ordered[below]
    with np.errstate(invalid="ignore"):
        between = (1 - share) * first + share * second
    known = (np.isfinite(first) & (first == second)) | np.isnan(between)
    return np.asarray(np.where(known, first, between))


def order_quantile_mcse(ordered: Floats, probability: float) -> Floats:
    """Take half the distance between ranks one binomial sd to each side of a quantile.

    Parameters
    ----------
    ordered : (B, p) array
        Sorted replicates.
    probability : float
        α of the quantile.

    Returns
    -------
    (p,) array

    Examples
    --------
    >>> order_quantile_mcse(np.arange(0.0, 1.0, 0.001)[:, None], 0.5).round(3)
    array([0.016])
    """
    count = len(ordered)
    reach = np.sqrt(count * probability * (1 - probability))
    ranks = np.clip((count + 1) * probability + np.array([-reach, reach]), 1, count)
    floor = np.floor(ranks).astype(int)
    share = (ranks - floor)[:, None]
    # Ranks beyond the outermost replicate are cut off: the distance is stretched accordingly.
    stretch = reach / max(float(ranks[1] - ranks[0]), 1e-300)
    with np.errstate(invalid="ignore"):
        at, after = ordered[floor - 1], ordered[np.minimum(floor, count - 1)]
        low, high = np.where(at == after, at, at + share * (after - at))
        return np.asarray((high - low) * stretch)


def _normal(low: Floats, estimate: Floats, tail: float) -> ConfidenceInterval:
    """Centre a normal interval at the estimate less its bias."""
    count, quantile = len(low), -float(ndtri(tail))
    mean, deviation = low.mean(axis=0), low.std(axis=0, ddof=1)
    centre, half = 2 * estimate - mean, quantile * deviation
    # Var(mean) + z² Var(s) ± 2 z Cov(mean, s), the covariance being m₃ / (2 s B).
    variance = deviation**2 / count + (quantile * standard_error_mcse(low)) ** 2
    third = ((low - mean) ** 3).mean(axis=0)
    cross = quantile * third / np.where(deviation > 0, deviation, 1.0) / count
    low_error, high_error = (
        np.sqrt(np.maximum(variance + side * cross, 0.0)) for side in (1.0, -1.0)
    )
    return ConfidenceInterval(centre - half, centre + half, low_error, high_error)


def fewest_replicates(confidence_level: float) -> int:
    """Count the replicates that a two-sided percentile interval takes.

    Parameters
    ----------
    confidence_level : float
        Between 0 and 1.

    Returns
    -------
    int

    Examples
    --------
    >>> fewest_replicates(0.95)
    39
    """
    return _fewest(_tail(confidence_level, "two-sided"))


def _fewest(tail: float) -> int:
    """Count the replicates that put one beyond an endpoint."""
    return int(np.ceil(1 / tail - 1e-9)) - 1


def read_level(confidence_level: Any, alternative: Any) -> tuple[float, str]:
    """Return the probability beyond each end, and which ends there are."""
    side = _one_of("alternative", alternative, ALTERNATIVES)
    return _tail(confidence_level, side), side


def _tail(confidence_level: Any, side: str) -> float:
    """Return the probability beyond each endpoint."""
    if not (isinstance(confidence_level, Real) and 0 < float(confidence_level) < 1):
        raise ValueError(
            f"confidence_level: {confidence_level!r} is not between 0 and 1 (such as 0.95)"
        )
    return (1 - float(confidence_level)) / (2 if side == "two-sided" else 1)


def check_count(count: int, tail: float, confidence_level: float) -> None:
    """Refuse an endpoint beyond the outermost replicate."""
    if (count + 1) * tail < 1 - 1e-9:
        needed = _fewest(tail)
        raise ValueError(
            f"confidence_level: {confidence_level} needs at least {needed} replicates, there are "
            f"{count}; raise n_resamples or lower the level"
        )


def open_side(both: ConfidenceInterval, side: str) -> ConfidenceInterval:
    """Open one side of a one-sided interval."""
    nothing = np.zeros_like(both.low)
    if side == "less":
        return ConfidenceInterval(nothing - np.inf, both.high, nothing, both.high_mcse)
    if side == "greater":
        return ConfidenceInterval(both.low, nothing + np.inf, both.low_mcse, nothing)
    return both


def _one_of(argument: str, value: Any, allowed: tuple[str, ...]) -> str:
    """Check a keyword against its values, in any case."""
    known = value.lower() if isinstance(value, str) else ""
    if known not in allowed:
        raise ValueError(f"{argument}: {value!r} is unknown; use one of {', '.join(allowed)}")
    return known
