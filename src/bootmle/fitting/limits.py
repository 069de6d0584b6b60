"""Optima at the limits of a log or logit scale, which lie at infinity on that scale.

A variance component of zero is one: its logarithm goes to minus infinity while the likelihood rises
to a supremum that it has at zero. On the parameter's own scale that is an optimum at a bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from bootmle.arrays import Floats
from bootmle.fitting.whitening import Metric, Target
from bootmle.parameters import Parameters
from bootmle.scales import Identity, Scale

__all__ = ["keeps_falling", "limit_of", "near_limits", "on_own_scales", "own_scales"]

_BESIDE = 1e-9
"""Distance from a limit, relative to the estimate's, at which the objective is evaluated for it."""
_FURTHER = 1e-6
_NEAR = 1e-5
_FALL = 1e-3


def limit_of(scale: Scale, sign: float) -> float:
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
        ends = sorted(limit_of(scale, sign) for sign in (-1.0, 1.0))
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


def on_own_scales(target: Target) -> Target | None:
    """See a replicate's objective on the parameters' own scales, bounded by their limits."""
    parameters, metric = target.likelihood.parameters, target.metric
    user = parameters.to_user(metric.center)
    own = own_scales(parameters, user)
    if own is None:
        return None
    slopes = parameters.slopes(metric.center)
    moved = Metric(user[parameters.free], metric.factor * slopes[:, None])
    return Target(replace(target.likelihood, parameters=own), moved, target.base)


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
