"""Valleys that bend within their width, where every straight step leads up a side."""

# One parameter is moved on along the valley, and the others are fitted again from where the path so
# far leads them, until the nll rises: Newton's steps go on from there.

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bootmle.fitting.position import Position
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.definiteness import unit_diagonal
from bootmle.optimization.others_fit import OthersFit, extrapolate
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = ["follow_valley"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """What counts as a valley, and how it is followed."""

    shallow: float = 1e-3
    """Curvature along it, on a unit diagonal: it is then 30 times as long as wide."""
    first: float = 0.1
    """First move along it, in standard errors by that curvature."""
    growth: tuple[float, float] = (2.0, 1.2)
    """Of a move after one that succeeded, and after one that had to be halved."""
    shortest: float = 1e-3
    """Share of the move before, or of a standard error, that a halved one keeps at least."""
    visible: float = 1e-9
    """Fall that is worth a move: of 4e-5 standard errors; noise may ask for more."""
    level: float = 0.25
    """Share of the fall over as many moves before, that one leaves which leads to a supremum, or
    past one: the nll falls by about half as much each time."""
    moves: int = 5
    """So many."""
    stations: int = 100
    """Moves at most; measured on NIST's Bennett5 and MGH10: 20 to 70."""
    points: int = 4
    """Last ones through which the others are extrapolated, as a cubic."""
    legs: int = 2
    """Times that the others are fitted, in coordinates of the curvature where they are."""


_RULES = _Rules()


class _Station(NamedTuple):
    """A point of the path: the parameter that is moved, the others (q - 1,), and the nll."""

    place: float
    others: Floats
    value: float


def follow_valley(search: Position) -> bool:
    """Follow a bending valley down from where a search stands, to where the nll rises again."""
    # Return whether it levels off instead.
    matrix = search.information.matrix
    if len(matrix) < 2 or not np.isfinite(matrix).all():
        return False
    scales = unit_diagonal(matrix)
    values, vectors = np.linalg.eigh(scales[:, None] * matrix * scales)
    if not abs(values[0]) < _RULES.shallow or values[0] == 0:
        return False
    valley = _Valley(search, scales * vectors[:, 0] / np.sqrt(abs(values[0])))
    levels_off = valley.begin() and valley.walk()
    if levels_off:  # beyond, rounding hides what is left
        del valley.path[-_RULES.moves :]
    if valley.path and valley.path[-1].value < 0:
        search.working = valley.fits.point(valley.path[-1].place, valley.path[-1].others)
    return levels_off


class _Valley:
    """A path along a valley, of which the parameter that is most involved is moved."""

    __slots__ = ("column", "fits", "path", "search", "tangent", "unit")

    def __init__(self, search: Position, along: Floats) -> None:
        """Take the direction (q,) of the valley, a standard error long."""
        matrix = search.information.matrix
        shares = np.abs(along / unit_diagonal(matrix))
        self.search, self.column = search, int(np.argmax(shares))
        self.unit = float(-np.sign(search.information.gradient @ along) * along[self.column])
        self.tangent = np.delete(along / along[self.column], self.column)
        across = np.delete(np.delete(matrix, self.column, 0), self.column, 1)
        factor = Whitening.from_curvature(np.zeros(len(across)), across).factor
        whitening = Whitening(search.working, np.eye(search.working.size))
        base = search.likelihood.at(search.user())
        target = WhitenedObjective(search.likelihood, whitening, base)
        self.fits = OthersFit(target, self.column, factor, _RULES.legs)
        self.path: list[_Station] = []

    def begin(self) -> bool:
        """Go to the bottom of the valley."""
        working = self.search.working
        first = self._fit(float(working[self.column]), np.delete(working, self.column))
        self.path = [] if first is None else [first]
        return first is not None

    def walk(self) -> bool:
        """Move on, the further the longer the nll falls; return whether it levels off."""
        step, before, growth = _RULES.first * self.unit, self.unit, _RULES.growth[0]
        visible = max(_RULES.visible, self.search.step_sizes.slack())
        for _ in range(_RULES.stations):
            last = self.path[-1]
            found = self._fit(last.place + step, self._extrapolate(last.place + step))
            fall = -np.inf if found is None else last.value - found.value
            if found is not None and fall > visible:
                self.path.append(found)
                before, longer, growth = step, growth * step, _RULES.growth[0]
                step = self._towards_vertex(self.path[-3:], longer)
                if step == longer and self._levels_off():
                    return True
            elif found is not None and fall > -visible:
                return False
            elif len(self.path) == 1:
                step = -step / 2 if step * self.unit < 0 else -step
            else:
                rising = [] if found is None else [*self.path[-2:], found]
                step, growth = self._towards_vertex(rising, step / 2), _RULES.growth[1]
            if abs(step) < _RULES.shortest * abs(before):
                return False
        return False

    def _levels_off(self) -> bool:
        """Whether the last moves lowered the nll by far less than those before."""
        values = [station.value for station in self.path[:: -_RULES.moves][:3]]
        return len(values) == 3 and values[1] - values[0] < _RULES.level * (values[2] - values[1])

    def _towards_vertex(self, stations: list[_Station], step: float) -> float:
        """Shorten a step to the lowest point of the parabola through three stations; 0 behind."""
        if len(stations) < 3:
            return step
        (a, _, low), (b, _, middle), (c, _, high) = stations
        before, after = (middle - low) / (b - a), (high - middle) / (c - b)
        bend = (after - before) / (c - a)
        if not bend > 0:
            return step
        to_vertex = (a + b - before / bend) / 2 - self.path[-1].place
        return float(np.clip(to_vertex / step, 0.0, 1.0)) * step

    def _extrapolate(self, place: float) -> Floats:
        """Say where the others (q - 1,) will be, by the polynomial through the last stations."""
        path = self.path[-_RULES.points :]
        if len(path) == 1:
            return path[0].others + (place - path[0].place) * self.tangent
        places, others = np.array([each.place for each in path]), np.array([s.others for s in path])
        return extrapolate(places, others, place)

    def _fit(self, place: float, others: Floats) -> _Station | None:
        """Fit the others (q - 1,) from a point; None where they do not converge within bounds."""
        found, value = self.fits.at(place, others, self.search.step_sizes)
        return _Station(place, found, value) if value < np.inf else None
