"""Optima at an end of a parameter's range that the others approach along a curve."""

# Where interval-censored rows adjoin, a scale goes to 0, and the location goes to where they meet
# as fast as the scale does. On the scale of its logarithm that is an optimum at infinity.

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.scales import Identity, Log
from bootmle.optimization.continuation import Path
from bootmle.optimization.others_fit import OthersFit
from bootmle.optimization.path_rules import RULES
from bootmle.optimization.stations import guesses
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = ["RangeEnd", "toward_range_end"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """Which ends of ranges are looked at, and where beside one that is not in the domain."""

    tried: int = 2
    """Ends, those that were approached most."""
    furthest: float = 7.0
    """Way on the logarithm's scale, to a thousandth of the start's distance, from which a path is
    followed where a search stands at the end itself."""
    beside: float = 1e-6
    """Share of the start's distance at which the nll is evaluated in place of the end itself: of
    sizes beside it, as many digits again are left."""
    same: float = 1e-3
    """Rise at the end that a fit of the others there makes good."""
    further: int = 8
    """Stations, by a factor of ten each, until they can be extrapolated to the end."""
    step: float = 2.3
    """Of those, a factor's logarithm."""


_RULES = _Rules()


@dataclass(frozen=True, slots=True)
class RangeEnd:
    """An end toward which the nll falls to a supremum: full parameters (p,) there, or beside it."""

    column: int
    side: int
    """0 for a lower end, 1 for an upper one."""
    params: Floats
    errors: Floats
    """Of the others, (p,), by the last station of the path."""
    endless: bool = False
    """Whether the nll falls without end toward it instead, as seen at these parameters."""


def toward_range_end(
    target: WhitenedObjective, working: Floats, step_sizes: StepSizes, *, near: bool = False
) -> RangeEnd | None:
    """Continue from a point (q,) to the ends of ranges that it is nearer to than the center is."""
    # On a path from the center, or from near the point.
    for column, side, limit in _ends(target, working):
        on_log = _on_log_scale(target, column, side, limit)
        parameters = on_log.likelihood.parameters
        center = on_log.whitening.center
        with np.errstate(divide="ignore"):
            end = parameters.to_working(target.likelihood.parameters.to_user(working))
        if not np.isfinite(end[column]):
            end[column] = center[column] - _RULES.furthest
        path = Path(on_log, column, end, float(end[column] - center[column]), near)
        found = path.reaches_supremum(step_sizes)
        target.n_evaluations += on_log.n_evaluations
        if found:
            return _at_end(target, path, side, limit, step_sizes)
        if path.is_endless():
            params = parameters.to_user(path.point(path.stations[-1]))
            return RangeEnd(column, side, params, np.full(params.shape, np.nan), endless=True)
    return None


def _ends(target: WhitenedObjective, working: Floats) -> Iterator[tuple[int, int, float]]:
    """Yield columns, sides and ends of ranges: bounds, or 0 where the domain ends there."""
    parameters, center = target.likelihood.parameters, target.whitening.center
    found = []
    for column, scale in enumerate(parameters.scales):
        if not isinstance(scale, Identity):
            continue
        start, place = center[column], working[column]
        for side, bound in enumerate(parameters.bounds[column]):
            limit = float(bound)
            if np.isinf(limit) and (start > 0) == (side == 0) and start * place > 0:
                at_zero = working.copy()
                at_zero[column] = 0.0
                limit = limit if np.isfinite(target.value_at(at_zero)) else 0.0
            if np.isfinite(limit) and abs(place - limit) < abs(start - limit):
                found.append((abs((place - limit) / (start - limit)), column, side, limit))
    for _, column, side, limit in sorted(found)[: _RULES.tried]:
        yield column, side, limit


def _on_log_scale(
    target: WhitenedObjective, column: int, side: int, limit: float
) -> WhitenedObjective:
    """See an objective with one parameter on the scale of its distance from an end."""
    parameters, whitening = target.likelihood.parameters, target.whitening
    scales, bounds = list(parameters.scales), parameters.bounds.copy()
    scales[column] = Log(limit, 1 if side == 0 else -1)
    bounds[column, side] = -np.inf if side == 0 else np.inf
    moved = replace(parameters, scales=tuple(scales), bounds=bounds)
    center = moved.to_working(parameters.to_user(whitening.center))
    factor = whitening.factor.copy()
    factor[column] /= abs(whitening.center[column] - limit)
    likelihood = replace(target.likelihood, parameters=moved)
    return WhitenedObjective(
        likelihood, Whitening(center, factor), target.base, stopwatch=target.stopwatch
    )


def _at_end(
    target: WhitenedObjective, path: Path, side: int, limit: float, step_sizes: StepSizes
) -> RangeEnd | None:
    """Go on until the others can be extrapolated to the end, or beside it."""
    # It is beside it where the nll is not finite there.
    start = float(target.whitening.center[path.column])
    bounded = np.isfinite(target.likelihood.parameters.bounds[path.column, side])
    for _ in range(_RULES.further):
        last = path.stations[-1]
        fits = OthersFit(target, path.column, np.diag(last.units), RULES.legs)
        for share in (0.0, _RULES.beside):
            place = limit + share * (start - limit)
            guess = _guessed(target, path, place, share)
            others, value = fits.at(place, guess, step_sizes)
            at_guess = target.value_at(fits.point(place, guess))
            if share == 0 and np.isfinite(at_guess) and not bounded:
                return None  # the domain goes on
            if at_guess <= min(value, last.value + _RULES.same):
                others, value = guess, at_guess
            if value <= last.value + _RULES.same:
                params = target.likelihood.parameters.to_user(fits.point(place, others))
                errors = np.insert(last.units, path.column, 0.0)
                return RangeEnd(
                    path.column, side, params, target.likelihood.parameters.in_all(errors)
                )
        station, _ = path.next(path.stations[-3:], _RULES.step, step_sizes)
        if station is None or station.value > last.value + _RULES.same:
            break
        path.stations.append(station)
    return None


def _guessed(target: WhitenedObjective, path: Path, place: float, share: float) -> Floats:
    """Say where the others (q - 1,) are with one at a place, at this share of its distance."""
    distance = -float(np.log(share)) if share else np.inf
    found = guesses(path.stations[-3:], distance)
    values = [target.value_at(path.fits.point(place, each)) for each in found]
    return found[int(np.argmin(np.nan_to_num(values, nan=np.inf, posinf=np.inf)))]
