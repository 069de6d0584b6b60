"""A walk far out with one parameter, the others fitted at each station."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.optimization.outcome import Outcome, at_scale_ends
from bootmle.optimization.plateaus import SAME_SUPREMUM, Others, fit_others
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective

__all__ = ["along_profile"]


@dataclass(frozen=True, slots=True)
class _Rules:
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


_RULES = _Rules()


class _Station(NamedTuple):
    """Where the other parameters were fitted with one held, and the nll there."""

    value: float
    fitted: Others


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

    shares = np.array(_RULES.stations)
    path = walk(working, shares, [])
    if not path:
        return None
    supremum = path[_lowest(path)].value
    if len(path) >= _RULES.least and path[-1].value <= supremum + step_sizes.slack():
        passed = shares[: len(path)]
        behind = np.concatenate([-passed[::-1], -(3.0 ** -np.arange(1, _RULES.back))])
        back = walk(whitening.center, behind, path)
        if back and back[0].value <= supremum + SAME_SUPREMUM and _lowest(back) > 0:
            path, shares = back, behind
        elif len(path) == len(shares):
            return _at_end(target, path) if _saturates(path) else None
    lowest = _lowest(path)
    finer = walk(path[lowest].fitted.working, shares[lowest] * np.array(_RULES.finer), [])
    nearest = min([path[lowest], *finer], key=lambda each: each.value)
    return whitening.to_whitened(nearest.fitted.working)


def _saturates(path: list[_Station]) -> bool:
    """Whether the nll falls less from station to station; a logarithm falls by the same each."""
    before, middle, last = (station.value for station in path[-3:])
    return middle - last < max(SAME_SUPREMUM, _RULES.saturating * (before - middle))


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
    columns = np.flatnonzero(np.abs(moved) > _RULES.converged)
    return at_scale_ends(target, last.working, columns, np.sign(moved[columns]), last.errors)
