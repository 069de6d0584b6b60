"""Bias-corrected and accelerated intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from bootmle.inference.intervals import (
    ConfidenceInterval,
    open_side,
    order_quantile,
    order_quantile_mcse,
    read_level,
)
from bootmle.likelihood.arrays import Floats

__all__ = ["acceleration", "bca_interval"]


def acceleration(jackknife: Floats, strata: NDArray[np.intp]) -> Floats:
    """Compute the acceleration from the estimates without each unit.

    Σ l³ / (6 (Σ l²)^1.5) with l = (1 − 1/G_h)(θ̄_h − θ_(hi)), G_h units in stratum h, the empirical
    influence over the number of units (Davison and Hinkley 1997, section 5.3 and equation 3.27).

    Parameters
    ----------
    jackknife : (G, p) array
        Estimates, NaN where a refit failed: such units are left out.
    strata : (G,) int array
        Number of the stratum of each unit.

    Returns
    -------
    (p,) array

    Examples
    --------
    >>> y = np.array([1.0, 2.0, 3.0, 10.0])
    >>> means = (y.sum() - y)[:, None] / 3
    >>> acceleration(means, np.zeros(4, dtype=int)).round(4)
    array([0.0849])
    """
    pulls = np.zeros_like(jackknife)
    for stratum in np.unique(strata):
        inside = strata == stratum
        own = jackknife[inside]
        pulls[inside] = (1 - 1 / len(own)) * (np.nanmean(own, axis=0) - own)
    pulls = np.nan_to_num(pulls)
    spread = (pulls**2).sum(axis=0) ** 1.5
    return np.asarray((pulls**3).sum(axis=0) / (6 * np.where(spread > 0, spread, 1.0)))


def bca_interval(
    low: Floats,
    high: Floats,
    estimate: Floats,
    accelerations: Floats,
    names: Sequence[str],
    *,
    confidence_level: float = 0.95,
    alternative: str = "two-sided",
    withhold: bool = False,
) -> ConfidenceInterval:
    """Compute BCa intervals (Efron 1987), with Monte Carlo errors that include the correction's.

    Parameters
    ----------
    low, high : (B, p) arrays
        Sorted replicates, undetermined ones counted as -inf in ``low`` and as +inf in ``high``.
    estimate, accelerations : (p,) arrays
        Where the acceleration is NaN, so are the ends.
    names : sequence of p str
        For messages.
    confidence_level, alternative
        As of `interval`.
    withhold : bool
        Whether an end beyond the outermost replicate is NaN, and no error.

    Returns
    -------
    ConfidenceInterval

    Raises
    ------
    ValueError
        Where a corrected level lies beyond the outermost replicate, unless ``withhold``.

    Examples
    --------
    >>> draws = np.sort(np.random.default_rng(0).normal(size=(999, 1)), axis=0)
    >>> bounds = bca_interval(draws, draws, np.zeros(1), np.zeros(1), ["mu"])
    >>> bool(abs(bounds.high[0] - 1.96) < 0.3)
    True
    """
    tail, side = read_level(confidence_level, alternative)
    ends = np.full((2, estimate.size), np.nan)
    errors = np.full((2, estimate.size), np.nan)
    for j in range(estimate.size):
        for k, (ordered, level) in enumerate(((low, tail), (high, 1 - tail))):
            if side == ("less", "greater")[k] or np.isnan(accelerations[j]):
                continue
            column = ordered[:, j : j + 1]
            try:
                ends[k, j], errors[k, j] = _end(column, estimate[j], accelerations[j], level)
            except ValueError as error:
                if withhold:
                    continue
                raise ValueError(f"{error} (the BCa interval of {names[j]})") from None
    return open_side(ConfidenceInterval(ends[0], ends[1], errors[0], errors[1]), side)


def _end(
    ordered: Floats, estimate: float, acceleration: float, level: float
) -> tuple[float, float]:
    """Find one end, and its Monte Carlo error."""
    count = len(ordered)
    below = float(np.mean(ordered < estimate) + np.mean(ordered == estimate) / 2)
    if below in {0.0, 1.0}:
        raise ValueError(
            "method: 'bca' has no correction where all replicates lie on one side of the estimate; "
            "use 'percentile'"
        )
    shift = float(ndtri(below))
    pull = shift + float(ndtri(level))
    adjusted = float(ndtr(shift + pull / (1 - acceleration * pull)))
    if not 1 <= (count + 1) * adjusted <= count:
        needed = int(np.ceil(1 / max(min(adjusted, 1 - adjusted), 1e-12)))
        raise ValueError(
            f"confidence_level: BCa ends at the {adjusted:.3g} quantile of the replicates, which "
            f"takes at least {needed:,} of them, there are {count}; raise n_resamples or lower the "
            f"level"
        )
    own = float(order_quantile_mcse(ordered, adjusted)[0])
    error = own * _inflation(below, shift, pull, acceleration, adjusted)
    return float(order_quantile(ordered, adjusted)[0]), error


def _inflation(
    below: float, shift: float, pull: float, acceleration: float, adjusted: float
) -> float:
    """Return by how much the correction's own Monte Carlo error changes that of the quantile.

    The end moves by −(F̂(q) − α) + K (F̂(θ̂) − F) over the density at q, F̂ the replicates'
    distribution function and K the corrected level's slope in F.
    """
    reached = shift + pull / (1 - acceleration * pull)
    slope = np.exp((shift**2 - reached**2) / 2) * (1 + 1 / (1 - acceleration * pull) ** 2)
    own = adjusted * (1 - adjusted)
    both = min(adjusted, below) - adjusted * below
    total = own + slope**2 * below * (1 - below) - 2 * slope * both
    return float(np.sqrt(max(total, 0.0) / own))
