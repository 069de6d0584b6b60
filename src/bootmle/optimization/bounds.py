"""Bounds of the free parameters, and the finite ends of their log and logit scales."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.parameters import Parameters
from bootmle.likelihood.scales import Identity, Scale
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = [
    "Columns",
    "bounded_by_scales",
    "crossed_columns",
    "into_bounds",
    "is_near_limit",
    "keeps_falling",
    "on_bounded_scales",
    "scale_ends",
    "stays_inside",
]

Columns = NDArray[np.intp]
"""Positions among the q free parameters."""


@dataclass(frozen=True, slots=True)
class _Rules:
    """Distances from the end of a scale, as shares of the start's or the estimate's."""

    beside: float = 1e-9
    """Where the objective is evaluated in place of the end, at which it is often not finite."""
    near: float = 1e-5
    """Within which an optimum at the end is looked for."""
    further: float = 1e-6
    """Where the nll is compared with that beside the end."""
    fall: float = 1e-3
    """Fall between these two that has no end: an nll linear in the logarithm of the distance falls
    by 6.9 times its slope, one with a limit by 1e-6 of its change since the estimate."""


_RULES = _Rules()


def into_bounds(parameters: Parameters, params: Floats) -> Floats:
    """Move a full parameter vector to the nearest one inside the bounds."""
    inside = params.copy()
    free, (lower, upper) = parameters.free, parameters.bounds.T
    inside[free] = np.clip(params[free], lower, upper)
    return inside


def crossed_columns(parameters: Parameters, params: Floats) -> Columns:
    """List the columns whose parameter lies beyond a bound."""
    free, (lower, upper) = params[parameters.free], parameters.bounds.T
    return np.flatnonzero((free < lower) | (free > upper))


def stays_inside(parameters: Parameters, params: Floats) -> bool:
    """Whether no bound stops what diverges, to ±∞ or undetermined (NaN), and the rest is inside."""
    (lower, upper), free = parameters.bounds.T, params[parameters.free]
    open_ended = np.isinf(lower) & np.isinf(upper)
    inside = np.where(np.isnan(free), open_ended, (free >= lower) & (free <= upper))
    return bool(inside.all())


def scale_ends(parameters: Parameters, columns: Columns, signs: Floats) -> Floats:
    """Return where parameters go on the user's scale as they diverge, (k,); NaN for a sign of 0."""
    ends = [
        _end_of(parameters.scales[column], sign) if sign else np.nan
        for column, sign in zip(columns, signs, strict=True)
    ]
    return np.array(ends, dtype=float)


def _end_of(scale: Scale, sign: float) -> float:
    """Return where a parameter goes as its working value diverges."""
    try:
        return float(scale.inverse(sign * np.inf))
    except (ArithmeticError, ValueError):
        return sign * np.inf


def bounded_by_scales(parameters: Parameters, user: Floats) -> Parameters | None:
    """Replace all scales by bounds just inside their finite ends; None where no end is finite."""
    bounds, scales = parameters.bounds.copy(), list(parameters.scales)
    found = False
    for column, scale in parameters.curved:
        value = float(user[parameters.free[column]])
        ends = sorted(_end_of(scale, sign) for sign in (-1.0, 1.0))
        for side, end in enumerate(ends):
            if np.isfinite(end) and not np.isfinite(bounds[column, side]) and value != end:
                bounds[column, side] = end + _RULES.beside * (value - end)
                found = True
        scales[column] = Identity()
    return replace(parameters, bounds=bounds, scales=tuple(scales)) if found else None


def on_bounded_scales(target: WhitenedObjective) -> WhitenedObjective | None:
    """See a replicate's objective on the user's scale, bounded by the finite ends of its scales."""
    parameters, whitening = target.likelihood.parameters, target.whitening
    user = parameters.to_user(whitening.center)
    bounded = bounded_by_scales(parameters, user)
    if bounded is None:
        return None
    slopes = parameters.slopes(whitening.center)
    moved = Whitening(user[parameters.free], whitening.factor * slopes[:, None])
    likelihood = replace(target.likelihood, parameters=bounded)
    return WhitenedObjective(likelihood, moved, target.base, target.sandwich)


def is_near_limit(bounded: Parameters, user: Floats) -> bool:
    """Whether a point lies far nearer to a limit than the start, which is inside the bounds."""
    free, starts = user[bounded.free], bounded.values[bounded.free]
    shares = np.abs(free[:, None] - bounded.bounds) / np.abs(starts[:, None] - bounded.bounds)
    return bool(np.any(shares < _RULES.near))


def keeps_falling(
    bounded: Parameters, value: Callable[[Floats], float], params: Floats, estimate: Floats
) -> bool:
    """Whether the nll keeps falling toward the limits that a point lies at."""
    # Then the likelihood has no supremum there, as for the scale of a sample without variance.
    further = params.copy()
    for column, position in enumerate(bounded.free):
        for end in bounded.bounds[column]:
            if np.isfinite(end) and abs(params[position] - end) <= _RULES.beside * abs(end):
                further[position] = end + _RULES.further * (estimate[position] - end)
    return not value(further) - value(params) < _RULES.fall
