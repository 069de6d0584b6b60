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

__all__ = ["SAME_SUPREMUM", "along_profile", "at_plateau", "fit_others", "off_plateau"]

SAME_SUPREMUM = 1e-2
"""How far apart the nll may be on two paths to the same supremum: a fiftieth of what it rises by
over one standard error."""


@dataclass(frozen=True, slots=True)
class _PlateauRules:
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


@dataclass(frozen=True, slots=True)
class _WalkRules:
    """Where the others are fitted on a walk, in units of how far a parameter went."""

    stations: tuple[float, ...] = (1, 1.01, 3, 9, 27, 81, 243)
    """Powers of three: six stations on a path of which only its order of magnitude is known, and
    one beside the first that shows where the others lead."""
    least: int = 5
    """Stations, to 27 times the distance, from which the walk may pass infinity: further out the
    others may be lost in rounding."""
    back: int = 13
    """Powers of three by which it comes back from there, to a millionth of the distance."""
    finer: tuple[float, ...] = (0.5, 0.7, 1.4, 2.0)
    """Shares of the lowest station at which a lower one is looked for, √2 apart."""
    saturating: float = 0.75
    """Ratio of falls over a tripling of the distance below which the nll has a limit: √3 less each
    where the rest falls as the root of the distance."""
    converged: float = 0.1
    """Move between the last two stations, in standard errors, of a parameter that converges."""


_PLATEAU, _WALK = _PlateauRules(), _WalkRules()


@dataclass(frozen=True, slots=True)
class _Plateau:
    """Where the nll no longer changes with some parameters: a point (q,) on it."""

    columns: Columns
    signs: Floats  # (k,); 0 where the nll changes on neither side
    working: Floats
    origin: Floats  # where they came from


class _Others(NamedTuple):
    """Where the other parameters have their optimum: a point (q,)."""

    working: Floats
    errors: Floats  # (q,) on the user's scale; NaN for those held, or unless requested


class _Station(NamedTuple):
    """Where the other parameters were fitted with one held, and the nll there."""

    value: float
    fitted: _Others


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
        for share in _PLATEAU.back:
            for off in _PLATEAU.beside:
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
    if not others.max(initial=0.0) > _WALK.converged:
        return False
    return target.value_at(plateau.origin + _PLATEAU.again * way) <= level


def _determined(
    target: WhitenedObjective, plateau: _Plateau, fitted: Floats, level: float
) -> Floats:
    """Return the signs, 0 where the others reach the level with a parameter at its estimate, too.

    They do further out where the directions of divergence are a cone.
    """
    signs, columns = plateau.signs.copy(), plateau.columns
    for place in np.flatnonzero(signs) if columns.size > 1 else ():
        point, center = fitted.copy(), target.whitening.center
        point[columns] = center[columns] + _PLATEAU.further * (fitted - center)[columns]
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
    for distance in _PLATEAU.distances:
        moved = working.copy()
        moved[column] += sign * distance * target.whitening.units[column]
        value = target.value_at(moved)
        if not value <= start + _PLATEAU.rise:
            return None
        if abs(value - level) > tolerance:
            level, since, reached = value, distance, moved
        elif distance >= max(_PLATEAU.level_over, 2 * since):
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
        before = np.array(_PLATEAU.between) * (fitted[column] - origin)
        path = np.concatenate([before, -sign * unit * np.array(_PLATEAU.beyond)])
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
) -> _Others | None:
    """Fit the parameters that are not held, from a point (q,); None where they do not converge."""
    # Slow steps are taken for a divergence, unless patient: in a bending valley they arrive.
    errors = np.full(working.size, np.nan)
    parameters = target.likelihood.parameters
    others = np.setdiff1d(np.arange(working.size), held)
    if not others.size:
        return _Others(working, errors)
    here = target.holding(held, parameters.to_user(working)[parameters.free[held]])
    center = working[others]
    for _ in range(_PLATEAU.legs):
        start = here.whitening.to_whitened(center)
        run = descend(here, start, step_sizes, rounds=_PLATEAU.steps, ceiling=np.inf)
        target.n_evaluations += here.n_evaluations
        center = here.whitening.to_working(run.z[0])
        if run.done[0]:
            fitted = working.copy()
            fitted[others], errors[others] = center, run.standard_errors()[0]
            return _Others(fitted, errors)
        slow = run.diverges and not patient
        if slow or not np.isfinite(run.hessian[0]).all():
            return None
        here = here.seen_in(here.whitening.rewhitened(center, run.hessian[0]))
    return None


def along_profile(
    target: WhitenedObjective, z: Floats, step_sizes: StepSizes
) -> Outcome | Floats | None:
    """Walk on with the parameter that went furthest, the others fitted at each station."""
    # Return approximately where the nll is lowest (q,), an outcome if it never stops falling, or
    # None if the walk cannot be made. A ratio passes infinity: where the nll is as low at the other
    # end of its range, the walk continues from there.
    whitening = target.whitening
    working = whitening.to_working(z)
    moved = (working - whitening.center) / whitening.units
    column = int(np.argmax(np.abs(moved)))
    if not moved.any() or np.isfinite(target.likelihood.parameters.bounds[column]).any():
        return None
    reach = np.sign(moved[column]) * max(1.0, abs(moved[column])) * whitening.units[column]

    def walk(start: Floats, shares: Floats, before: list[_Station]) -> list[_Station]:
        values = whitening.center[column] + shares * reach
        return _walk(target, column, start, values, step_sizes, before)

    shares = np.array(_WALK.stations)
    path = walk(working, shares, [])
    if not path:
        return None
    supremum = path[_lowest(path)].value
    if len(path) >= _WALK.least and path[-1].value <= supremum + step_sizes.slack():
        passed = shares[: len(path)]
        behind = np.concatenate([-passed[::-1], -(3.0 ** -np.arange(1, _WALK.back))])
        back = walk(whitening.center, behind, path)
        if back and back[0].value <= supremum + SAME_SUPREMUM and _lowest(back) > 0:
            path, shares = back, behind
        elif len(path) == len(shares):
            return _at_end(target, path) if _saturates(path) else None
    lowest = _lowest(path)
    finer = walk(path[lowest].fitted.working, shares[lowest] * np.array(_WALK.finer), [])
    nearest = min([path[lowest], *finer], key=lambda each: each.value)
    return whitening.to_whitened(nearest.fitted.working)


def _saturates(path: list[_Station]) -> bool:
    """Whether the nll falls less from station to station; a logarithm falls by the same each."""
    before, middle, last = (station.value for station in path[-3:])
    return middle - last < max(SAME_SUPREMUM, _WALK.saturating * (before - middle))


def _walk(
    target: WhitenedObjective,
    column: int,
    start: Floats,
    values: Floats,
    step_sizes: StepSizes,
    before: list[_Station],
) -> list[_Station]:
    """Fit the others at one value after the other, until the nll rises or they have no fit."""
    # They begin where the stations so far, those of a path before among them, lead.
    path: list[_Station] = []
    held, point = np.array([column]), start
    for value in values:
        point = point.copy()
        point[column] = value
        starts = [*_extrapolated([*before, *path][-2:], column, value), point]
        fits = (fit_others(target, held, each, step_sizes, patient=True) for each in starts)
        fitted = next((each for each in fits if each is not None), None)
        if fitted is None:
            break
        path.append(_Station(target.value_at(fitted.working), fitted))
        if len(path) > 1 and not path[-1].value <= path[-2].value + step_sizes.slack():
            break
        point = fitted.working
    return path


def _extrapolated(path: list[_Station], column: int, value: float) -> list[Floats]:
    """Extrapolate the others' optima (q,) linearly in 1 / value: so they pass a ratio's pole."""
    if len(path) < 2:
        return []
    first, last = (station.fitted.working for station in path)
    share = (1 / value - 1 / last[column]) / (1 / last[column] - 1 / first[column])
    point = last + share * (last - first)
    point[column] = value
    return [point]


def _lowest(path: list[_Station]) -> int:
    """Return the number of the lowest station."""
    return int(np.argmin([each.value for each in path]))


def _at_end(target: WhitenedObjective, path: list[_Station]) -> Outcome:
    """Report what still moved between the last two stations as infinite."""
    last = path[-1].fitted
    moved = (last.working - path[-2].fitted.working) / target.whitening.units
    columns = np.flatnonzero(np.abs(moved) > _WALK.converged)
    return at_scale_ends(target, last.working, columns, np.sign(moved[columns]), last.errors)
