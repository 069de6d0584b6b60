"""Scales that refits run on where the model's domain ends near the estimate."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.scales import Identity, Log, Logit, Scale
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = ["working_scales"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """When the end of a parameter's domain is near, in its standard errors."""

    reach: float = 8.0
    """Distance within which an end or a bound matters: one normal estimate in 30,000 lies more than
    4 away on a side, and skewed ones lie further."""
    ends: tuple[float, ...] = (0.0, 1.0, -1.0)
    """Where domains end: of variances, rates, probabilities and correlations."""
    beside: float = 1e-3
    """Share of the distance to such an end at which both its sides are evaluated."""
    at_bound: float = 1e-6
    """Distance within which the estimate is at the bound."""
    straight: float = 3.0
    """Distance of a bound from which on a scale that ends there bends little over a few units."""
    beyond: float = 2.0
    """Distance beyond a nearer one at which the objective must not be finite."""


_RULES = _Rules()


def working_scales(
    likelihood: Likelihood, whitening: Whitening, base: Floats | float, inside: Floats
) -> tuple[Likelihood, Whitening]:
    """Put parameters whose domain ends within reach on a log or logit scale."""
    # A lattice of a few standard errors would leave the domain; on the log scale it cannot. Points
    # (k, q) are known to lie inside.
    parameters = likelihood.parameters
    target = WhitenedObjective(likelihood, whitening, base)
    open_ways = _open_ways(target, inside)
    scales = [_scale(target, column, open_ways) for column in range(parameters.free.size)]
    if all(new is old for new, old in zip(scales, parameters.scales, strict=True)):
        return likelihood, whitening
    user = parameters.to_user(whitening.center)
    rescaled = parameters.with_scales(scales)
    center = rescaled.to_working(user)
    slopes = parameters.slopes(whitening.center) / rescaled.slopes(center)
    moved = Whitening(center, whitening.factor * slopes[:, None])
    return replace(likelihood, parameters=rescaled), moved


Way = tuple[int, int]
"""A parameter's column, and a side of it."""


def _open_ways(target: WhitenedObjective, inside: Floats) -> set[Way]:
    """Return on which sides the domain cannot end within reach, by moving parameters together."""
    # All at once, neighbors to opposite sides; then every other one, where that leads outside.
    center, unit = target.whitening.center, target.whitening.units
    columns, sides = range(center.size), (-1, +1)
    near = [(k, side) for side in sides for k in columns if _ends_within(center[k], side, unit[k])]
    found = {way for way in near if _lies_beyond(inside, center, *way)}
    groups = [[(k, side * (-1) ** k) for k in columns] for side in sides]
    groups += [[(k, side) for k in columns[odd::2]] for side in sides for odd in (0, 1)]
    for group in groups:
        together = [way for way in group if way in near and way not in found]
        working = center.copy()
        for k, side in together:
            working[k] += side * _RULES.reach * unit[k]
        if len(together) > 1 and np.isfinite(target.value_at(working)):
            found.update(together)
    return found


def _ends_within(value: float, side: int, unit: float) -> dict[float, float]:
    """Return the ends at 0, 1 or -1 within reach on a side, and how far away they are."""
    gaps = {limit: side * (limit - value) for limit in _RULES.ends}
    return {limit: gap for limit, gap in gaps.items() if 0 < gap < _RULES.reach * unit}


def _lies_beyond(inside: Floats, center: Floats, column: int, side: int) -> bool:
    """Whether a point inside the domain lies beyond the farthest end, for that parameter alone."""
    ends = np.array(_RULES.ends)
    same = np.sign(inside[:, :, None] - ends) == np.sign(center[:, None] - ends)
    others = np.delete(same.all(axis=2), column, axis=1).all(axis=1)
    return bool(np.any(others & np.all(side * (inside[:, [column]] - ends) > 0, axis=1)))


def _scale(target: WhitenedObjective, column: int, open_ways: set[Way]) -> Scale:
    """Choose the scale of one parameter: its own unless its domain ends within reach."""
    parameters, whitening = target.likelihood.parameters, target.whitening
    own = parameters.scales[column]
    if not isinstance(own, Identity):
        return own
    unit = float(whitening.units[column])
    lower, upper = (float(end) for end in parameters.bounds[column])
    ends = [
        bound
        if _is_near(target, column, bound, unit)
        else None
        if (column, side) in open_ways
        else _edge(target, column, side, unit)
        for bound, side in ((lower, -1), (upper, +1))
    ]
    return _between(own, *ends)


def _is_near(target: WhitenedObjective, column: int, bound: float, unit: float) -> bool:
    """Whether a bound is within reach, and the scale that ends there bends little nearby."""
    # Very near a bound it bends too much for an expansion: there the parameter's own scale is
    # better, unless the objective is not finite beyond the bound.
    away = abs(bound - float(target.whitening.center[column])) / unit
    if not _RULES.at_bound < away < _RULES.reach:
        return False
    beyond = bound + np.sign(bound - target.whitening.center[column]) * _RULES.beyond * unit
    return bool(away > _RULES.straight or not np.isfinite(_at(target, column, float(beyond))))


def _between(own: Scale, low: float | None, high: float | None) -> Scale:
    """Choose the scale for a domain with the ends found."""
    if low is not None and high is not None:
        return Logit(low, high)
    if low is not None:
        return Log(low)
    return own if high is None else Log(high, -1)


def _edge(target: WhitenedObjective, column: int, side: int, unit: float) -> float | None:
    """Find an end at 0, 1 or -1 within reach, by evaluations on both sides."""
    value = float(target.whitening.center[column])
    within = _ends_within(value, side, unit)
    if not within or np.isfinite(_at(target, column, value + side * _RULES.reach * unit)):
        return None
    for limit, gap in within.items():
        inside = _at(target, column, limit - side * _RULES.beside * gap)
        outside = _at(target, column, limit + side * _RULES.beside * gap)
        if np.isfinite(inside) and not np.isfinite(outside):
            return limit
    return None


def _at(target: WhitenedObjective, column: int, value: float) -> float:
    """Evaluate with one parameter changed."""
    working = target.whitening.center.copy()
    working[column] = value
    return target.value_at(working)
