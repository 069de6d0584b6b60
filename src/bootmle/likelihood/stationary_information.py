"""The observed information at a stationary point that is found from one near by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.differences import SAFETY, Frame, Measured, Objective, observe
from bootmle.likelihood.frame import find_frame, frame_of
from bootmle.likelihood.hessian import measure_hessian
from bootmle.likelihood.information import Information, conclude
from bootmle.likelihood.noise import line_of_noise, measure_noise
from bootmle.likelihood.quick_hessian import (
    Surroundings,
    look,
    look_around,
    quick_hessian,
    third_coefficients,
)
from bootmle.likelihood.stationary import Station, approach, closer, shift, stays

__all__ = ["measure_beside", "measure_stationary"]

_SAFETY = 4.0
"""On third derivatives by rises to one standard error, which those at the point may exceed."""
_CLOSE = 1e-4
"""Longest step over which slopes are compared: a hundredth of those by which they are measured."""
_BESIDE = 1e-12
"""Distance from a line that is rounding."""
_SLOPE = 2e-6
"""Difference of slopes that shows a jump in curvature: no certified point has as much."""

_QUIET, _UNCERTAIN = 1e-8, 1e-3
"""Noise, and error of a Hessian about one, beyond which a jump in curvature lies within the steps,
as in kinks._Rules."""
_LONGER, _SHORTER = 0.3, 1 / 3
"""Of the steps that cross a jump, and of those: by both, curvatures beside a jump are the same, and
those at a kink are not. The latter's errors are by rounding, which goes with their square."""
_ROUNDS = 3
"""Newton steps beside a jump, where that hid the slope."""


def measure_stationary(
    value: Callable[[Floats], float],
    x: ArrayLike,
    metric: Floats | None = None,
    *,
    names: Sequence[str],
    gradient: Callable[[Floats], Floats] | None = None,
    base: float | None = None,
    spacing: float = 0.0,
    announce: Callable[[Iterable[Floats]], None] | None = None,
) -> tuple[Information, Surroundings | None]:
    """Measure at a stationary point that is found from x, at x where none is."""
    # Also how the nll rises around it, where that was looked at. The arguments are those of
    # `measure_information`.
    objective = observe(value, gradient, np.array(x, dtype=float), base, spacing, announce)
    known = None if metric is None else frame_of(metric)
    if known is not None:
        found = _at_stationary(objective, known, measure_noise(objective, known, few=True), names)
        if found is not None:
            return found
        objective.budget += objective.count
    frame = find_frame(objective)
    noise = measure_noise(objective, frame)
    found = _at_stationary(objective, frame, noise, names)
    if found is not None:
        return found
    measured = measure_hessian(objective, frame, noise)
    assert measured is not None  # only a known frame is refused
    return conclude(objective, frame, noise, measured, names), None


def measure_beside(
    value: Callable[[Floats], float],
    x: ArrayLike,
    metric: Floats,
    *,
    names: Sequence[str],
    spacing: float = 0.0,
    announce: Callable[[Iterable[Floats]], None] | None = None,
) -> tuple[Information, Surroundings | None] | None:
    """Do the same where a rough inverse Hessian leads to one from x, where the value is 0."""
    objective, known = observe(value, None, np.array(x), 0.0, spacing, announce), frame_of(metric)
    if known is None:
        return None
    return _at_stationary(objective, known, measure_noise(objective, known, few=True), names)


def _at_stationary(
    objective: Objective, frame: Frame, noise: float, names: Sequence[str]
) -> tuple[Information, Surroundings | None] | None:
    """Measure at a stationary point near by; None where none is found, or the frame is wrong."""
    before = objective.count
    station = approach(objective, frame, noise)
    if objective.count - before == 2 * len(objective.point):  # one look that led nowhere
        objective.budget += objective.count - before
    if station is None:
        return None
    station, measured, around = _measure_at(station)
    if measured is None:
        return None
    moved = shift(measured)
    there = measured if moved is None else moved[1]
    found = conclude(station.objective, station.frame, noise, there, names)
    if moved is not None:
        found = replace(found, point=found.point + station.frame.axes @ moved[0])
    if around is not None and found.definiteness == "positive definite":
        flattest = float(np.linalg.eigvalsh(there.matrix)[0])
        error = float(np.linalg.norm(there.slope_error)) / np.sqrt(flattest)
        steady = _is_steady(objective, frame, station, measured)
        around = replace(around, slope_error=error, is_steady=steady)
    return found, around


def _is_steady(objective: Objective, frame: Frame, station: Station, measured: Measured) -> bool:
    """Whether the slope over the steps of the noise's table is the one measured at a station."""
    # Beside a jump in curvature it is another, since that is measured by longer steps.
    line = frame.axes @ line_of_noise(len(frame.axes))
    steps = np.array([np.frombuffer(key) for key in objective.known])
    places = steps @ line / (line @ line)
    near = np.linalg.norm((steps - np.outer(places, line)) @ frame.inverse.T, axis=1) < _BESIDE
    near &= np.abs(places) < _CLOSE
    if not near.any():
        return False
    places, rises = places[near], np.array([float(each) for each in objective.known.values()])[near]
    along = station.frame.inverse @ line
    away = station.frame.inverse @ (objective.point - station.objective.point)
    slope = float((measured.slope + measured.matrix @ away) @ along)
    curvature = float(along @ measured.matrix @ along)
    rises -= float(objective.base) + slope * places + curvature * places**2 / 2
    size = float(places @ places)
    off = abs(float(rises @ places)) / size + SAFETY * station.noise / np.sqrt(size)
    return bool(off < _SLOPE)


def _quick(station: Station, around: Surroundings) -> Measured | None:
    """Measure at a station by few points a line; None where those are not enough."""
    return quick_hessian(station.objective, station.frame, station.noise, station.step, around)


def _measure_at(station: Station) -> tuple[Station, Measured | None, Surroundings | None]:
    """Measure at a station, or a step nearer where third derivatives ask for that."""
    objective, frame, noise = station.objective, station.frame, station.noise
    if objective.order == 1:
        return station, measure_hessian(objective, frame, noise, known=True), None
    curvatures = np.diag(station.hessian)
    around = look_around(objective, frame, curvatures)
    third = 6 * np.max(np.abs(third_coefficients(around, station.slope, curvatures)))
    if np.isfinite(third):
        station = closer(station, _SAFETY * float(third))
    measured = _quick(station, around)
    if measured is not None and not stays(measured) and shift(measured) is None:
        there = closer(replace(station, slope=measured.slope, hessian=measured.matrix))
        if there is not station:
            station, measured = there, _quick(there, around)
    if measured is None:
        measured = measure_hessian(station.objective, frame, noise, known=True)
        if measured is not None and noise < _QUIET and np.max(measured.error) > _UNCERTAIN:
            beside = _measure_beside_jump(station, around)
            station, measured = beside or (station, measured)
    return station, measured, around


def _measure_beside_jump(station: Station, around: Surroundings) -> tuple[Station, Measured] | None:
    """Measure by steps that end before a jump in curvature; None at a kink, or nearer to one."""
    frame, step = station.frame, _LONGER * station.step
    for _ in range(_ROUNDS):
        objective = station.objective
        measured = quick_hessian(objective, frame, station.noise, step, around, longest=step)
        if measured is None:
            return None
        off = look(objective, frame, _SHORTER * step)[1] - np.diag(measured.matrix)
        if np.any(np.abs(off) > (1 + 1 / _SHORTER**2) * np.diag(measured.error)):
            return None
        if stays(measured) or shift(measured) is not None:
            return station, measured
        there = frame.axes @ -np.linalg.solve(measured.matrix, measured.slope)
        try:
            station = replace(station, objective=objective.moved(there))
        except ValueError:  # outside the domain
            return None
    return None
