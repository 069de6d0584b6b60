"""Optima at infinity, found by going there with one parameter and fitting the others.

The logarithm of a variance that is estimated as zero has one, and so has a ratio whose denominator
passes zero. Neither lies on a ray: other parameters converge, and have estimates all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats
from bootmle.optimization.outcome import Outcome, at_scale_ends, descend
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective

__all__ = ["SAME_SUPREMUM", "along_profile", "at_plateau", "fit_others"]

SAME_SUPREMUM = 1e-2
"""How far apart the nll may be on two ways to the same supremum."""

_DISTANCES = (1.0, 2.0, 4.0, 8.0, 12.0, 16.0, 24.0, 32.0, 64.0, 128.0, 256.0)
"""How far a parameter is moved alone, in standard errors."""
_AT_LEAST = 16.0
"""How far the nll is seen to stay level, or twice as far as where it came to be."""
_RISE = 0.1
"""Rise of the nll on the way that the other parameters may make good."""
_HALVES = 0.5 ** np.arange(1, 7)
_BACK = np.array([0.0, 1.0, 4.0, 16.0])
"""Where it is seen to have fallen: between the plateau and the origin, and further back."""
_STATIONS = np.array([1.0, 3.0, 9.0, 27.0, 81.0, 243.0])
_FINER = np.array([0.5, 0.7, 1.4, 2.0])
"""How far a parameter is walked with, in units of how far it went."""
_SETTLED = 0.1
"""Move between the last two stations, in standard errors, of a parameter that converges."""
_LEGS = 3
_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class _Plateau:
    """Where the nll no longer changes with some parameters.

    Attributes
    ----------
    columns : (k,) int array
        Their columns.
    signs : (k,) array
        Which way they go: 0 where the nll changes on neither.
    working : (q,) array
        A point that lies on it.
    origin : (q,) array
        Where they came from.
    """

    columns: NDArray[np.intp]
    signs: Floats
    working: Floats
    origin: Floats


class _Others(NamedTuple):
    """Where the other parameters have their optimum: the point (q,) and their errors (q,).

    Standard errors are on the user's scale: NaN for those held, and where they were not asked for.
    """

    working: Floats
    errors: Floats


class _Station(NamedTuple):
    """Where the other parameters were fitted with one held, and the nll there."""

    value: float
    fitted: _Others


def at_plateau(
    target: WhitenedObjective, z: Floats, step_sizes: StepSizes, allowance: float = 0.0
) -> Outcome | None:
    """Fit the others where the nll falls to a plateau as some parameters go on; None elsewhere.

    The nll is level where it changes by no more than its noise and an allowance: functions of large
    numbers, as a gamma function's logarithm, have more noise out there than at the estimate.
    """
    origin = target.whitening.to_working(z)
    start = target.value_at(origin)
    tolerance = allowance + 4 * step_sizes.noise + 1e-12 * abs(start)
    plateau = _find(target, origin, start, tolerance)
    if plateau is None:
        return None
    fitted = fit_others(target, plateau.columns, plateau.working, step_sizes)
    level = np.inf if fitted is None else target.value_at(fitted.working)
    if fitted is None or level > start + tolerance:
        return None
    if not _falls_towards(target, plateau, fitted.working, level, tolerance):
        return None
    return at_scale_ends(target, fitted.working, plateau.columns, plateau.signs, fitted.errors)


def along_profile(
    target: WhitenedObjective, z: Floats, step_sizes: StepSizes
) -> Outcome | Floats | None:
    """Walk on with the parameter that went furthest, the others fitted at each station.

    Return about where the nll is lowest (q,); that there is no optimum, where it falls all the way;
    None where the walk cannot be made. A ratio passes infinity: where the nll is as low at the
    other end of its range, the walk goes on from there.
    """
    whitening = target.whitening
    working = whitening.to_working(z)
    moved = (working - whitening.center) / whitening.units
    column = int(np.argmax(np.abs(moved)))
    if not moved.any() or np.isfinite(target.likelihood.parameters.bounds[column]).any():
        return None
    held = np.array([column])
    reach = np.sign(moved[column]) * max(1.0, abs(moved[column])) * whitening.units[column]

    def walk(start: Floats, shares: Floats) -> list[_Station]:
        return _walk(target, held, start, whitening.center[column] + shares * reach, step_sizes)

    shares: Floats = _STATIONS
    way = walk(working, shares)
    if not way:
        return None
    supremum = way[_lowest(way)].value
    if len(way) == len(shares) and way[-1].value <= supremum + 4 * step_sizes.noise:
        shares = np.concatenate([-_STATIONS[::-1], -1 / _STATIONS[1:]])
        back = walk(whitening.center, shares)
        if not back or back[0].value > supremum + SAME_SUPREMUM or _lowest(back) == 0:
            return _at_end(target, way)
        way = back
    lowest = _lowest(way)
    finer = walk(way[lowest].fitted.working, shares[lowest] * _FINER)
    nearest = min([way[lowest], *finer], key=lambda each: each.value)
    return whitening.to_whitened(nearest.fitted.working)


def _at_end(target: WhitenedObjective, way: list[_Station]) -> Outcome:
    """Report what still moved between the last two stations as infinite."""
    last = way[-1].fitted
    moved = (last.working - way[-2].fitted.working) / target.whitening.units
    columns = np.flatnonzero(np.abs(moved) > _SETTLED)
    return at_scale_ends(target, last.working, columns, np.sign(moved[columns]), last.errors)


def _lowest(way: list[_Station]) -> int:
    """Return the number of the lowest station."""
    return int(np.argmin([each.value for each in way]))


def _walk(
    target: WhitenedObjective,
    held: NDArray[np.intp],
    start: Floats,
    values: Floats,
    step_sizes: StepSizes,
) -> list[_Station]:
    """Fit the others at one value after the other, until the nll rises or they have no fit."""
    way: list[_Station] = []
    point = start
    for value in values:
        point = point.copy()
        point[held] = value
        fitted = fit_others(target, held, point, step_sizes)
        if fitted is None:
            break
        way.append(_Station(target.value_at(fitted.working), fitted))
        if len(way) > 1 and not way[-1].value <= way[-2].value + 4 * step_sizes.noise:
            break
        point = fitted.working
    return way


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
    for distance in _DISTANCES:
        moved = working.copy()
        moved[column] += sign * distance * target.whitening.units[column]
        value = target.value_at(moved)
        if not value <= start + _RISE:
            return None
        if abs(value - level) > tolerance:
            level, since, reached = value, distance, moved
        elif distance >= max(_AT_LEAST, 2 * since):
            return reached if since else moved
    return None


def fit_others(
    target: WhitenedObjective, held: NDArray[np.intp], working: Floats, step_sizes: StepSizes
) -> _Others | None:
    """Fit the parameters that are not held, from a point (q,); None where they do not converge."""
    errors = np.full(working.size, np.nan)
    parameters = target.likelihood.parameters
    others = np.setdiff1d(np.arange(working.size), held)
    if not others.size:
        return _Others(working, errors)
    here = target.holding(held, parameters.to_user(working)[parameters.free[held]])
    center = working[others]
    for _ in range(_LEGS):
        start = here.whitening.to_whitened(center)
        run = descend(here, start, step_sizes, rounds=_ROUNDS, ceiling=np.inf)
        target.n_evaluations += here.n_evaluations
        center = here.whitening.to_working(run.z[0])
        if run.done[0]:
            fitted = working.copy()
            fitted[others], errors[others] = center, run.standard_errors()[0]
            return _Others(fitted, errors)
        if not np.isfinite(run.hessian[0]).all():
            return None
        here = here.seen_in(here.whitening.rewhitened(center, run.hessian[0]))
    return None


def _falls_towards(
    target: WhitenedObjective, plateau: _Plateau, fitted: Floats, level: float, tolerance: float
) -> bool:
    """Whether the nll falls all the way to its level, along each parameter that has a sign."""
    for column, sign in zip(plateau.columns, plateau.signs, strict=True):
        if not sign:
            continue
        origin, unit = plateau.origin[column], target.whitening.units[column]
        way = np.concatenate([_HALVES * (fitted[column] - origin), -sign * unit * _BACK])
        points = np.tile(fitted, (way.size, 1))
        points[:, column] = origin + way
        rises = np.array([target.value_at(point) for point in points]) - level
        if not (rises.min() >= -tolerance and rises.max() > tolerance):
            return False
    return True
