"""Scales that refits run on where the model's domain ends near the estimate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.scales import Identity, Log, Logit, Scale
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = ["working_scales"]

_REACH = 8.0
_NEAR_BOUND = 8.0
_LIMITS = (0.0, 1.0, -1.0)
_BESIDE = 1e-3
_BEYOND = 2.0
_STRAIGHT = 3.0


def working_scales(
    likelihood: Likelihood, whitening: Whitening, base: Floats | float
) -> tuple[Likelihood, Whitening]:
    """Put parameters whose domain ends within reach on a log or logit scale.

    A lattice of a few standard errors would leave the domain; on the log scale it cannot. Results
    stay on the user's scale.
    """
    parameters = likelihood.parameters
    target = WhitenedObjective(likelihood, whitening, base)
    scales = [_scale(target, column) for column in range(parameters.free.size)]
    if all(new is old for new, old in zip(scales, parameters.scales, strict=True)):
        return likelihood, whitening
    user = parameters.to_user(whitening.center)
    rescaled = parameters.with_scales(scales)
    center = rescaled.to_working(user)
    slopes = parameters.slopes(whitening.center) / rescaled.slopes(center)
    moved = Whitening(center, whitening.factor * slopes[:, None])
    return replace(likelihood, parameters=rescaled), moved


def _scale(target: WhitenedObjective, column: int) -> Scale:
    """Choose the scale of one parameter; its own where the domain goes on."""
    parameters, whitening = target.likelihood.parameters, target.whitening
    own = parameters.scales[column]
    if not isinstance(own, Identity):
        return own
    unit = float(whitening.units[column])
    lower, upper = (float(end) for end in parameters.bounds[column])
    low = lower if _is_near(target, column, lower, unit) else _edge(target, column, -1, unit)
    high = upper if _is_near(target, column, upper, unit) else _edge(target, column, +1, unit)
    return _between(own, low, high)


def _is_near(target: WhitenedObjective, column: int, bound: float, unit: float) -> bool:
    """Whether a bound is within reach, and the scale that ends there bends little over a few units.

    Very near a bound it bends too much for an expansion: there the parameter's own scale is better,
    unless the objective is not finite beyond the bound.
    """
    away = abs(bound - float(target.whitening.center[column])) / unit
    if not 1e-6 < away < _NEAR_BOUND:
        return False
    beyond = bound + np.sign(bound - target.whitening.center[column]) * _BEYOND * unit
    return bool(away > _STRAIGHT or not np.isfinite(_at(target, column, float(beyond))))


def _between(own: Scale, low: float | None, high: float | None) -> Scale:
    """Choose the scale for a domain with the limits found."""
    if low is not None and high is not None:
        return Logit(low, high)
    if low is not None:
        return Log(low)
    return own if high is None else Log(high, -1)


def _edge(target: WhitenedObjective, column: int, side: int, unit: float) -> float | None:
    """Find a limit at 0, 1 or -1 within a few standard errors, by evaluations on both sides."""
    value = float(target.whitening.center[column])
    if np.isfinite(_at(target, column, value + side * _REACH * unit)):
        return None
    for limit in _LIMITS:
        gap = side * (limit - value)
        if 0 < gap < _REACH * unit:
            inside = _at(target, column, limit - side * _BESIDE * gap)
            outside = _at(target, column, limit + side * _BESIDE * gap)
            if np.isfinite(inside) and not np.isfinite(outside):
                return limit
    return None


def _at(target: WhitenedObjective, column: int, value: float) -> float:
    """Evaluate with one parameter changed."""
    working = target.whitening.center.copy()
    working[column] = value
    with np.errstate(all="ignore"):
        return target.value_at(working)
