"""The noise level of an objective, from a difference table."""

# Moré and Wild (2011), Estimating computational noise, SIAM J. Sci. Comput. 33, 1292-1314.

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.differences import Frame, Objective

__all__ = ["line_of_noise", "measure_noise"]


@dataclass(frozen=True, slots=True)
class _Table:
    """The points of the table, on a line through the point in standard errors."""

    points: tuple[int, int] = (4, 8)
    """Fewest, if the budget allows them, and most besides the point itself: 5 to 9 values, where
    the authors' ECNoise.m allows 4 and recommends 7 or more."""
    few: tuple[int, int] = (3, 5)
    """First, and most, where the noise only bounds what is measured beside an optimum."""
    rounding: float = 16.0
    """Noise, in spacings of the values, that is rounding: more takes the most of those points."""
    quiet: float = 1e-13
    """Noise that is little enough for two points a line, and does not take them either."""
    spacings: float = 20.0
    """Change of the objective over the first step, in spacings of its floating-point numbers: the
    last digits change, and differences of third order are left with nothing but them."""
    shortest: float = 1e-7
    """Step below which the parameters' own rounding, 1e-16 of them, changes it by 1e-9."""
    growth: float = 100.0
    """Factor on a step that leaves half of the values equal, as in ECNoise.m."""
    longest: float = 0.1
    """Step from which on third differences show the objective rather than its noise."""
    within: float = 1e3
    """Part of the distance over which a gradient is linear that a step has at most: the third
    differences of a gradient that bends there are then 1e-9 of it."""
    lowest_order: int = 3
    """Differences of this order and above count; those of a smooth objective vanish there."""


_TABLE = _Table()


def measure_noise(objective: Objective, frame: Frame, few: bool = False) -> float:
    """Estimate the standard deviation of the noise from close points on a line."""
    spare = objective.left - 4 * len(objective.directions()) - 2
    points = max(min(spare, int(np.clip(spare - 4, *_TABLE.points))), 2)
    first, most = (min(points, each) for each in _TABLE.few) if few else (points, points)
    line = line_of_noise(len(frame.axes)) if few else np.ones(len(frame.axes))
    line = line / np.linalg.norm(line)
    base = frame.turn(objective.base)
    spacings = _TABLE.spacings if points > 2 else 1
    step = max(float(np.sqrt(spacings * objective.resolution(base))), _TABLE.shortest)
    step = min(step, frame.longest(line) / _TABLE.within)
    table = _tabulate(objective, frame, step * line, first)
    grown = False
    # Equal values mean a step below the grid that the values lie on, not the absence of noise.
    while len(np.unique(table, axis=0)) <= len(table) / 2 and step < _TABLE.longest:
        step *= _TABLE.growth
        table = _tabulate(objective, frame, step * line, first)
        grown = True
    if grown and first < _TABLE.points[1]:
        # On a grid a few values may lie on a line by chance, as if there were no noise.
        objective.budget += _TABLE.points[1]
        table = _tabulate(objective, frame, step * line, _TABLE.points[1])
    rounding = max(objective.resolution(base), _turned_rounding(objective, frame))
    if few and not grown:
        if _read(table) <= max(_TABLE.quiet, _TABLE.rounding * rounding):
            # So few differences that all are small by chance are no sign of less than a spacing.
            return max(_read(table), rounding)
        table = _tabulate(objective, frame, step * line, most)
    return max(_read(table), rounding / 3)


def line_of_noise(size: int) -> Floats:
    """Return a direction (size,) along no axis or diagonal, in which few points show the noise."""
    along: Floats = np.cos(np.arange(1.0, size + 1))
    return along / np.linalg.norm(along)


def _turned_rounding(objective: Objective, frame: Frame) -> float:
    """Return the largest rounding of a turned gradient, in which large parts may cancel."""
    if objective.order == 2:
        return 0.0
    return float(np.max(np.linalg.norm(frame.axes * np.spacing(objective.base)[:, None], axis=0)))


def _read(table: Floats) -> float:
    """Return the noise that a table shows."""
    return max(_read_noise(table), _read_ties(table))


def _tabulate(objective: Objective, frame: Frame, step: Floats, points: int) -> Floats:
    """Evaluate, in a frame's coordinates, at the point and at multiples of a step."""
    rows = [frame.turn(objective.base)]
    places = [k * frame.axes @ step for k in range(1, points + 1)]
    objective.expect(places)
    rows += [frame.turn(objective(place)) for place in places]
    table = np.stack(rows).reshape(points + 1, -1)
    return table[np.isfinite(table).all(axis=1)]


def _read_noise(table: Floats) -> float:
    """Take the largest estimate from the differences of all orders that count."""
    count = len(table) - 1
    levels, variance = [0.0], 1.0
    for order in range(1, count + 1):
        table = np.diff(table, axis=0)
        variance *= order / (4 * order - 2)
        if order >= min(_TABLE.lowest_order, count):
            levels.append(float(np.sqrt(variance * np.max(np.mean(table**2, axis=0)))))
    # A few differences can all be small by chance. Three points stand beside an optimum, where the
    # bounds on truncation leave room.
    fewest = 2 if count == _TABLE.few[0] else 1
    return max(levels) * (1 + 2 / max(count - 2, fewest))


def _read_ties(table: Floats) -> float:
    """Return the noise of rounding to a grid, where values coincide: a third of its spacing."""
    # Rounding to a grid has a standard deviation of 1/√12 of its spacing, rounded up to a third.
    levels = np.unique(table)
    tied = table.shape[1] == 1 and 1 < len(levels) < len(table)
    return float(np.min(np.diff(levels))) / 3 if tied else 0.0
