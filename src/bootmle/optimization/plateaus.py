"""Optima at infinity, found by going there with one parameter and fitting the others."""

# The logarithm of a variance that is estimated as zero has one, and so has a ratio whose
# denominator passes zero. Neither lies on a ray: other parameters converge, and have estimates all
# the same.

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.optimization.bounds import Columns
from bootmle.optimization.outcome import Outcome, at_scale_ends, certified, descend
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective

__all__ = ["SAME_SUPREMUM", "Others", "at_plateau", "fit_others", "off_plateau"]

SAME_SUPREMUM = 1e-2
"""How far apart the nll may be on two paths to the same supremum: a fiftieth of what it rises by
over one standard error."""


@dataclass(frozen=True, slots=True)
class _Rules:
    """Where the nll counts as level while one parameter moves alone, in standard errors."""

    distances: tuple[float, ...] = (1, 2, 4, 8, 12, 16, 24, 32, 64, 128, 256)
    """How far the parameter is moved."""
    level_over: float = 16.0
    """Distance over which the nll must stay level, or as far again as where it became so: a regular
    one rises by 16²/2."""
    rise: float = 0.1
    """Rise on the path that the other parameters may make good."""
    between: tuple[float, ...] = (1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64)
    """Shares of the distance from the origin to the plateau at which the nll must have fallen."""
    beyond: tuple[float, ...] = (0.0, 1.0, 4.0, 16.0)
    """Distances at which it must have, further back than the origin."""
    back: tuple[float, ...] = (1 / 8, 1 / 32)
    """Shares of the way to a supremum to which what diverges is put back."""
    beside: tuple[float, ...] = (-4, -2, -1, 1, 2, 4)
    """Distances from its estimate to which a parameter is moved that has no effect there."""
    further: float = 64.0
    """Multiple of the others' distance at which one of them is put back to its estimate."""
    again: float = 4.0
    """Multiple of the way to the plateau at which the nll has risen if the others converge."""
    legs: int = 3
    """Times that the others are refitted, in coordinates of the curvature where they are."""
    steps: int = 4
    """Of each leg, before the curvature is measured again."""
    converged: float = 0.1
    """Way to the plateau, in standard errors, of another parameter that does not diverge."""


_RULES = _Rules()


@dataclass(frozen=True, slots=True)
class _Plateau:
    """Where the nll no longer changes with some parameters: a point (q,) on it."""

    columns: Columns
    signs: Floats  # (k,); 0 where the nll changes on neither side
    working: Floats
    origin: Floats  # where they came from


class Others(NamedTuple):
    """Where the other parameters have their optimum: a point (q,)."""

    working: Floats
    errors: Floats  # (q,) on the user's scale; NaN for those held, or unless requested


def at_plateau(
    target: WhitenedObjective,
    z: Floats,
    value: float,
    step_sizes: StepSizes,
    allowance: float = 0.0,
) -> Outcome | None:
    """Fit the others where the nll falls from its value to a plateau as some parameters diverge."""
    # It is level where it changes by no more than its noise and an allowance: functions of large
    # numbers, as a gamma function's logarithm, have more noise out there than at the estimate.
    origin = target.whitening.to_working(z)
    tolerance = allowance + step_sizes.slack(value)
    plateau = _find(target, origin, value, tolerance)
    if plateau is None:
        return None
    fitted = fit_others(target, plateau.columns, plateau.working, step_sizes)
    level = np.inf if fitted is None else target.value_at(fitted.working)
    if fitted is None or level > value + tolerance:
        return None
    if _goes_on(target, plateau, fitted.working, level + tolerance):
        return None
    if not _falls_towards(target, plateau, fitted.working, level, tolerance):
        return None
    signs = _determined(target, plateau, fitted.working, level)
    return at_scale_ends(target, fitted.working, plateau.columns, signs, fitted.errors)


def off_plateau(target: WhitenedObjective, found: Outcome, step_sizes: StepSizes) -> Outcome | None:
    """Look for an optimum beside a supremum at which some parameters have no effect."""
    # The share of a mixture's component may be 0 wherever the component is, and more elsewhere.
    parameters, whitening = target.likelihood.parameters, target.whitening
    ends = found.params[parameters.free]
    if found.seen is None or not np.isnan(ends).any():
        return None
    seen = parameters.to_working(found.seen)
    level = target.value_at(seen) - SAME_SUPREMUM
    back, lowest = np.where(np.isfinite(ends), 0.0, whitening.center - seen), None
    for column in np.flatnonzero(np.isnan(ends)):
        for share in _RULES.back:
            for off in _RULES.beside:
                point = seen + (1 - share) * back
                point[column] = whitening.center[column] + off * whitening.units[column]
                if (value := target.value_at(point)) < level:
                    level, lowest = value, point
    if lowest is None:
        return None
    run = descend(target, whitening.to_whitened(lowest), step_sizes)
    return certified(target, run) if run.done[0] else None


def _goes_on(target: WhitenedObjective, plateau: _Plateau, fitted: Floats, level: float) -> bool:
    """Whether the others may diverge, too: where the same way further raises the nll no more."""
    way = fitted - plateau.origin
    others = np.delete(np.abs(way) / target.whitening.units, plateau.columns)
    if not others.max(initial=0.0) > _RULES.converged:
        return False
    return target.value_at(plateau.origin + _RULES.again * way) <= level


def _determined(
    target: WhitenedObjective, plateau: _Plateau, fitted: Floats, level: float
) -> Floats:
    """Return the signs, 0 where the others reach the level with a parameter at its estimate, too.

    They do further out where the directions of divergence are a cone.
    """
    signs, columns = plateau.signs.copy(), plateau.columns
    for place in np.flatnonzero(signs) if columns.size > 1 else ():
        point, center = fitted.copy(), target.whitening.center
        point[columns] = center[columns] + _RULES.further * (fitted - center)[columns]
        point[columns[place]] = center[columns[place]]
        if target.value_at(point) <= level + SAME_SUPREMUM:
            signs[place] = 0.0
    return signs


def _find(
    target: WhitenedObjective, origin: Floats, start: float, tolerance: float
) -> _Plateau | None:
    """Move each parameter alone, one after the other, until the nll no longer changes."""
    bounds, working = target.likelihood.parameters.bounds, origin.copy()
    signs, value = {}, start
    for column in range(origin.size):
        level = [
            (sign, reached)
            for sign, end in zip((-1.0, 1.0), bounds[column], strict=True)
            if np.isinf(end)
            and (reached := _reach(target, working, column, sign, value, tolerance)) is not None
        ]
        if level:
            signs[column] = level[0][0] if len(level) == 1 else 0.0
        if len(level) == 1:
            working = level[0][1]
            value = target.value_at(working)
    if not any(signs.values()):
        return None
    return _Plateau(np.array(list(signs)), np.array(list(signs.values())), working, origin)


def _reach(
    target: WhitenedObjective,
    working: Floats,
    column: int,
    sign: float,
    start: float,
    tolerance: float,
) -> Floats | None:
    """Move one parameter until the nll is level; None where it rises or never is."""
    level = start
    since, reached = 0.0, working
    for distance in _RULES.distances:
        moved = working.copy()
        moved[column] += sign * distance * target.whitening.units[column]
        value = target.value_at(moved)
        if not value <= start + _RULES.rise:
            return None
        if abs(value - level) > tolerance:
            level, since, reached = value, distance, moved
        elif distance >= max(_RULES.level_over, 2 * since):
            return reached if since else moved
    return None


def _falls_towards(
    target: WhitenedObjective, plateau: _Plateau, fitted: Floats, level: float, tolerance: float
) -> bool:
    """Whether the nll falls to its level along each parameter that has a sign."""
    for column, sign in zip(plateau.columns, plateau.signs, strict=True):
        if not sign:
            continue
        origin, unit = plateau.origin[column], target.whitening.units[column]
        before = np.array(_RULES.between) * (fitted[column] - origin)
        path = np.concatenate([before, -sign * unit * np.array(_RULES.beyond)])
        points = np.tile(fitted, (path.size, 1))
        points[:, column] = origin + path
        rises = np.array([target.value_at(point) for point in points]) - level
        if not (rises.min() >= -tolerance and rises.max() > tolerance):
            return False
    return True


def fit_others(
    target: WhitenedObjective,
    held: Columns,
    working: Floats,
    step_sizes: StepSizes,
    *,
    patient: bool = False,
    goal: float = np.inf,
) -> Others | None:
    """Fit the parameters that are not held, from a point (q,); None where they do not converge."""
    # Slow steps are taken for a divergence, unless patient: in a bending valley they arrive. A fit
    # that cannot end as low as a goal is given up.
    errors = np.full(working.size, np.nan)
    parameters = target.likelihood.parameters
    others = np.setdiff1d(np.arange(working.size), held)
    if not others.size:
        return Others(working, errors)
    here = target.holding(held, parameters.to_user(working)[parameters.free[held]])
    center = working[others]
    for _ in range(_RULES.legs):
        start = here.whitening.to_whitened(center)
        run = descend(here, start, step_sizes, rounds=_RULES.steps, ceiling=np.inf, goal=goal)
        target.n_evaluations += here.n_evaluations
        center = here.whitening.to_working(run.z[0])
        if run.done[0]:
            fitted = working.copy()
            fitted[others], errors[others] = center, run.standard_errors()[0]
            return Others(fitted, errors)
        slow = run.diverges and not patient
        slow |= bool(run.stuck[0]) and np.isfinite(goal)
        if slow or not np.isfinite(run.hessian[0]).all():
            return None
        here = here.seen_in(here.whitening.rewhitened(center, run.hessian[0]))
    return None
