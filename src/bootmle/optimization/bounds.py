"""Optima at bounds: which parameters to hold there, and which to let go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.parameters import Parameters
from bootmle.likelihood.scales import Identity, Scale
from bootmle.optimization.outcome import Outcome
from bootmle.optimization.status import Status
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = [
    "SAME_SUPREMUM",
    "SUPREMUM",
    "UNBOUNDED",
    "active_columns",
    "at_infinity",
    "crossed_columns",
    "into_bounds",
    "keeps_falling",
    "near_limits",
    "on_own_scales",
    "own_scales",
    "pressing_columns",
    "signs_of",
    "whither",
]

_AT_BOUND = 1e-6
_INWARD = 1e-3

Columns = NDArray[np.intp]


def into_bounds(parameters: Parameters, params: Floats) -> Floats:
    """Move a full parameter vector to the nearest one inside the bounds."""
    inside = params.copy()
    free, (lower, upper) = parameters.free, parameters.bounds.T
    inside[free] = np.clip(params[free], lower, upper)
    return inside


def active_columns(parameters: Parameters, params: Floats, unit: Floats) -> Columns:
    """List the columns whose parameter stands at a bound, within a millionth of its unit."""
    free, (lower, upper) = params[parameters.free], parameters.bounds.T
    near = _AT_BOUND * unit
    return np.flatnonzero((free <= lower + near) | (free >= upper - near))


def crossed_columns(parameters: Parameters, params: Floats) -> Columns:
    """List the columns whose parameter lies beyond a bound."""
    free, (lower, upper) = params[parameters.free], parameters.bounds.T
    return np.flatnonzero((free < lower) | (free > upper))


def pressing_columns(
    parameters: Parameters,
    params: Floats,
    held: Columns,
    unit: Floats,
    value: Callable[[Floats], float],
    noise: float,
) -> Columns:
    """List the held columns that press on their bounds: inwards from them the nll does not fall.

    The others have their optimum inside, and are to be let go.
    """
    start, pressing = value(params), []
    for column in held:
        lower, upper = parameters.bounds[column]
        position = parameters.free[column]
        inwards = params.copy()
        room = min(_INWARD * unit[column], (upper - lower) / 2)
        inwards[position] += room if params[position] <= lower else -room
        if not value(inwards) < start - 4 * noise - 1e-12 * abs(start):
            pressing.append(column)
    return np.array(pressing, dtype=np.intp)


SUPREMUM = "the likelihood rises towards a supremum"
UNBOUNDED = "the likelihood rises without bound"
SAME_SUPREMUM = 1e-2
"""How far apart the nll may be on two ways to the same supremum."""

_MOVES = 0.02
"""Pace, relative to the fastest parameter's, at which another counts as going, too."""
_BESIDE = 1e-9
"""Distance from a limit, relative to the estimate's, at which the objective is evaluated for it."""
_FURTHER = 1e-6
_NEAR = 1e-5
_FALL = 1e-3


def at_infinity(
    target: WhitenedObjective,
    working: Floats,
    columns: NDArray[np.intp],
    signs: Floats,
    kind: str,
    errors: Floats | None = None,
) -> Outcome:
    """Report that there is no finite optimum, and where some parameters go from a point (q,).

    The others may have standard errors there, (q,).
    """
    parameters = target.likelihood.parameters
    params = parameters.to_user(working)
    params[parameters.free[columns]] = _ends(parameters, columns, signs)
    message = f"{kind} as {whither(parameters, columns, signs)}"
    if errors is not None:
        errors = parameters.in_all(errors)
        errors[parameters.free[columns]] = np.nan
    return Outcome(params, Status.NO_FINITE_OPTIMUM, np.inf, message, errors)


def signs_of(pace: Floats) -> Floats:
    """Say which way parameters go: 0 for those that hardly move beside the fastest, (q,)."""
    return np.where(np.abs(pace) > _MOVES * np.abs(pace).max(), np.sign(pace), 0.0)


def whither(parameters: Parameters, columns: NDArray[np.intp], signs: Floats) -> str:
    """Say where some parameters go on the user's scale; a sign of 0 is undetermined."""
    words = []
    for column, end in zip(columns, _ends(parameters, columns, signs), strict=True):
        infinite = "±∞" if np.isnan(end) else "+∞" if end > 0 else "−∞"
        shown = f"{end:g}" if np.isfinite(end) else infinite
        words.append(f"{parameters.free_names[column]} → {shown}")
    return ", ".join(words)


def _ends(parameters: Parameters, columns: NDArray[np.intp], signs: Floats) -> list[float]:
    """Return where some parameters go on the user's scale; NaN where the sign is undetermined."""
    return [
        _limit_of(parameters.scales[column], sign) if sign else np.nan
        for column, sign in zip(columns, signs, strict=True)
    ]


def _limit_of(scale: Scale, sign: float) -> float:
    """Return where a parameter goes as its working value diverges."""
    try:
        return float(scale.inverse(sign * np.inf))
    except (ArithmeticError, ValueError):
        return sign * np.inf


def own_scales(parameters: Parameters, user: Floats) -> Parameters | None:
    """Put the limits of all scales in place of the scales, as bounds; None where there are none."""
    bounds, scales = parameters.bounds.copy(), list(parameters.scales)
    found = False
    for column, scale in parameters.curved:
        value = float(user[parameters.free[column]])
        ends = sorted(_limit_of(scale, sign) for sign in (-1.0, 1.0))
        for side, end in enumerate(ends):
            if np.isfinite(end) and not np.isfinite(bounds[column, side]) and value != end:
                bounds[column, side] = end + _BESIDE * (value - end)
                found = True
        scales[column] = Identity()
    return replace(parameters, bounds=bounds, scales=tuple(scales)) if found else None


def near_limits(own: Parameters, user: Floats) -> bool:
    """Whether a point lies far nearer to a limit than the start, which is within the bounds."""
    free, starts = user[own.free], own.values[own.free]
    with np.errstate(invalid="ignore"):
        shares = np.abs(free[:, None] - own.bounds) / np.abs(starts[:, None] - own.bounds)
    return bool(np.any(shares < _NEAR))


def on_own_scales(target: WhitenedObjective) -> WhitenedObjective | None:
    """See a replicate's objective on the parameters' own scales, bounded by their limits."""
    parameters, whitening = target.likelihood.parameters, target.whitening
    user = parameters.to_user(whitening.center)
    own = own_scales(parameters, user)
    if own is None:
        return None
    slopes = parameters.slopes(whitening.center)
    moved = Whitening(user[parameters.free], whitening.factor * slopes[:, None])
    likelihood = replace(target.likelihood, parameters=own)
    return WhitenedObjective(likelihood, moved, target.base, target.sandwich)


def keeps_falling(
    parameters: Parameters, value: Callable[[Floats], float], params: Floats, estimate: Floats
) -> bool:
    """Whether the nll goes on falling towards the limits that a point lies at.

    Then the likelihood has no supremum there: the scale of a sample without variance.
    """
    further = params.copy()
    for column, position in enumerate(parameters.free):
        for end in parameters.bounds[column]:
            if np.isfinite(end) and abs(params[position] - end) <= _BESIDE * abs(end):
                further[position] = end + _FURTHER * (estimate[position] - end)
    return not value(further) - value(params) < _FALL
