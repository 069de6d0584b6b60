"""Optima at infinity along curves: one parameter goes on, and the others follow to their optima."""

# Where a log scale goes to −∞ the location converges as fast as the scale does, and beside a log
# slope an intercept diverges exponentially: no ray leads there, nor does the flattest direction.

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.scales import Log
from bootmle.optimization.bounds import scale_ends
from bootmle.optimization.flat_spaces import noise_in, table_along
from bootmle.optimization.others_fit import OthersFit, extrapolate
from bootmle.optimization.outcome import UNBOUNDED, Outcome, at_scale_ends, no_finite_optimum
from bootmle.optimization.plateaus import SAME_SUPREMUM, fit_others
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = ["RULES", "Path", "Station"]


@dataclass(frozen=True, slots=True)
class Rules:
    """How a path is continued, and when it has reached a supremum."""

    first: float = 0.1
    """First step, as a share of the way that the search went with the parameter."""
    longest: float = 0.5
    """Longest first step, in sizes of the parameter or of 1: a logarithm may have gone far."""
    growth: float = 1.5
    """Of a step after one that succeeded."""
    halvings: int = 6
    """Of a step, until the others can be followed."""
    evaluations: int = 100
    """At most, times (q + 1)²: a station takes about twice that square."""
    legs: int = 4
    """Times that the others are fitted at a station."""
    level: float = 1e-5
    """Change of the nll that is none: what errors of 1e-3 standard errors of 20 others make."""
    spacings: tuple[float, ...] = (1.0, 0.1, 1e-2, 1e-3)
    """Of points whose differences show noise, in shares of 1e-4 of a step: the first over which the
    nll hardly changes."""
    smooth: float = 1e-6
    """By so much: of a quadratic, third differences are 1e-11 then."""
    nearer: float = 1 / 4
    """Share of the way, from which on the nll is level where there is a supremum."""
    gradual: int = 3
    """Stations from which it fell at least: onto a ridge it does so at once."""
    saturating: float = 0.01
    """Share of the whole fall that is left over the last doubling, where noise hides the rest."""
    hidden: float = 5.0
    """Noise levels up to which a fall is none: others that are fitted find where it is lowest."""
    back: int = 12
    """Stations back from the start at most, where the nll is as low there already."""
    least: int = 5
    """Stations of a path that ends in noise."""
    endless: tuple[int, float] = (5, 0.8)
    """Last stations over which the nll has fallen at the same pace, within this share, where there
    is no supremum: over a doubling of the distance, the fall to one has died out."""
    beyond: float = 1.0
    """Distance, of a logarithm, from where the search ended; as far again of anything else."""
    diverging: float = 0.85
    """Ratio of another parameter's last two moves, each over a doubling of the distance, from which
    on it diverges, too: a logarithm has 1, a square root 1.4, what converges as 1/√t has 0.7."""
    moved: float = 0.1
    """Last move, in standard errors, of one that has converged."""
    further: float = 0.2
    """First step from the end, as a share of the way to it."""


RULES = Rules()


class Station(NamedTuple):
    """How far the parameter went, the others (q - 1,) and their standard errors, and the nll."""

    distance: float
    others: Floats
    units: Floats
    value: float


@dataclass(slots=True)
class Path:
    """A path from the center, toward a point (q,) and on, by one parameter's distance."""

    target: WhitenedObjective
    column: int
    end: Floats
    way: float
    """The way that the parameter goes, with its sign."""
    most: int = field(init=False)
    """Evaluations of the target from which on the path is given up."""
    fits: OthersFit = field(init=False)
    stations: list[Station] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin in the center's units."""
        self.most = self.target.n_evaluations + RULES.evaluations * (self.end.size + 1) ** 2
        units = np.delete(self.target.whitening.units, self.column)
        self.fits = OthersFit(self.target, self.column, np.diag(units), RULES.legs)

    @property
    def limit(self) -> float:
        """Where its range ends on that side, on the user's scale, before its scale does."""
        parameters = self.target.likelihood.parameters
        bound = float(parameters.bounds[self.column, int(self.way > 0)])
        (end,) = scale_ends(parameters, np.array([self.column]), np.sign([self.way]))
        return float(np.sign(self.way) * np.inf) if bound == end else bound

    @property
    def first_step(self) -> float:
        """Length of the first step."""
        size = max(1.0, abs(self.place(0.0)))
        return min(RULES.first * abs(self.way), RULES.longest * size)

    def point(self, station: Station) -> Floats:
        """Return a station's point (q,)."""
        return self.fits.point(self.place(station.distance), station.others)

    def place(self, distance: float) -> float:
        """Return where the parameter is at a distance from its first place."""
        return float(self.target.whitening.center[self.column] + np.sign(self.way) * distance)

    def reaches_supremum(self, step_sizes: StepSizes) -> bool:
        """Continue until the nll rises, or has been level over as far again as it went until then.

        Noise, which is measured at each station, may hide what little is left to fall. Where the
        others cannot be followed any more, half of that way is enough.
        """
        if not self._begin(step_sizes):
            return False
        step = self.first_step
        while self.fits.target.n_evaluations < self.most:
            station, step = self.next(self.stations[-2:], step, step_sizes)
            if station is None:
                return self._has_fallen(0.5, 0.0)
            fall, noise = self.stations[-1].value - station.value, self._noise(station, step)
            if fall < -max(RULES.level, noise):
                return False
            if noise > RULES.level and fall < RULES.hidden * noise:
                return self._saturates()
            self.stations.append(station)
            if self._is_level() or self.is_endless():
                return not self.is_endless()
            step_sizes = StepSizes.from_noise(max(step_sizes.noise, noise))
            step *= RULES.growth
        return False

    def stays_level(self, step_sizes: StepSizes) -> bool:
        """Whether the nll stays level from the end, as far again as that is."""
        others, distance = np.delete(self.end, self.column), abs(self.way)
        units = np.delete(self.target.whitening.units, self.column)
        lowest = self.target.value_at(self.end)
        if not self.target.value_at(self.target.whitening.center) > lowest + SAME_SUPREMUM:
            return False
        self.stations.append(Station(distance, others, units, lowest))
        step = RULES.further * distance
        while self.stations[-1].distance < 2 * distance:
            station, step = self.next(self.stations[-2:], step, step_sizes)
            if station is None or abs(station.value - lowest) > RULES.level:
                return False
            self.stations.append(station)
            step *= RULES.growth
        return True

    def _begin(self, step_sizes: StepSizes) -> bool:
        """Fit the others where the parameter is at first, from there or from the end."""
        # Where the nll is as low there as at the end, go back until it is higher.
        for point in (self.target.whitening.center, self.end):
            station = self.fit(0.0, np.delete(point, self.column), step_sizes)
            if station is not None:
                break
        else:
            return False
        self.stations.append(station)
        lowest = self.target.value_at(self.end)
        step = -self.first_step
        while len(self.stations) < RULES.back and self.stations[0].value < lowest + SAME_SUPREMUM:
            station, step = self.next(self.stations[1::-1], step, step_sizes)
            if station is None:
                break
            self.stations.insert(0, station)
            step *= RULES.growth
        return True

    def next(
        self, before: list[Station], step: float, step_sizes: StepSizes
    ) -> tuple[Station | None, float]:
        """Continue from two stations by a step, halved until the others can be followed."""
        # Return that step, too.
        for _ in range(RULES.halvings if self.target.n_evaluations < self.most else 0):
            distance = before[-1].distance + step
            others = self._predict(before, distance)
            station = self.fit(distance, others, step_sizes)
            station = station or self._as_low(before[-1], distance, others)
            if station is not None:
                return station, step
            step /= 2
        return None, step

    def _predict(self, before: list[Station], distance: float) -> Floats:
        """Say where the others will be, as functions of the distance, or of its logarithm."""
        distances = np.array([each.distance for each in before])
        others = np.array([each.others for each in before])
        last: Floats = others[-1]
        found = [extrapolate(distances, others, distance), last]
        if min(*distances, distance) > 0:
            found.append(extrapolate(np.log(distances), others, float(np.log(distance))))
        points = [self.fits.point(self.place(distance), each) for each in found]
        values = [self.target.value_at(point) for point in points]
        return found[int(np.argmin(values))]

    def fit(self, distance: float, others: Floats, step_sizes: StepSizes) -> Station | None:
        """Fit the others at a distance, from a point; None where they do not converge."""
        found, value = self.fits.at(self.place(distance), others, step_sizes)
        units = np.linalg.norm(self.fits.factor, axis=1)
        return Station(distance, found, units, value) if np.isfinite(value) else None

    def _as_low(self, before: Station, distance: float, others: Floats) -> Station | None:
        """Take others that cannot be fitted, where the nll is as low: a range of them may be."""
        for each in (others, before.others):
            value = self.target.value_at(self.fits.point(self.place(distance), each))
            if value <= before.value + RULES.level:
                return Station(distance, each, before.units, value)
        return None

    def _noise(self, station: Station, step: float) -> float:
        """Measure the noise at a station, along the parameter."""
        point, unit = self.point(station), np.zeros((self.end.size, 1))
        unit[self.column] = step
        found = np.inf
        for share in RULES.spacings:
            here = self.target.seen_in(Whitening(point, share * unit))
            values = table_along(here, np.zeros(1), np.ones(1))
            self.target.n_evaluations += here.n_evaluations
            if np.isfinite(values).all():
                found = noise_in(values)
                if np.ptp(values) < RULES.smooth:
                    break
        # The others' optimum may lie between two floating-point numbers.
        rounding = np.finfo(float).eps * np.abs(station.others) / station.units
        return max(found, float(np.sum(rounding**2)))

    def _before(self, station: Station, share: float = 0.5) -> Station:
        """Return the last station at no more than a share of another one's way from the first."""
        first = self.stations[0].distance
        limit = first + share * (station.distance - first)
        return [each for each in self.stations if each.distance <= limit][-1]

    def _has_fallen(self, share: float, allowed: float) -> bool:
        """Whether the nll has fallen, but not since a share of the way, except by so much."""
        last = self.stations[-1].value
        falls = np.array([each.value - last for each in self.stations])
        gradual = int((falls > RULES.level).sum()) >= RULES.gradual
        if not (gradual and falls.max() > SAME_SUPREMUM):
            return False
        lately = self._before(self.stations[-1], share).value - last
        return bool(lately <= max(allowed * falls.max(), RULES.level))

    def is_endless(self) -> bool:
        """Whether the nll has fallen at the same pace, by much, beyond where the search ended."""
        count, share = RULES.endless
        last = self.stations[-count:]
        if len(last) < count:
            return False
        scale = self.target.likelihood.parameters.scales[self.column]
        way = abs(self.way)
        least = way + RULES.beyond if isinstance(scale, Log) else 2 * way
        if last[-1].distance < max(2 * last[0].distance, least):
            return False
        places, values = (np.array([each[k] for each in last]) for k in (0, 3))
        paces = -np.diff(values) / np.diff(places)
        steady = values[0] - values[-1] > 1 and paces.min() > share * paces.max()
        return bool(steady and values[-1] < self.target.value_at(self.end))

    def _is_level(self) -> bool:
        """Whether the nll, which has fallen, does so no more."""
        return self._has_fallen(RULES.nearer, 0.0)

    def _saturates(self) -> bool:
        """Whether it has fallen by next to nothing lately, before noise hides the rest."""
        enough = len(self.stations) >= RULES.least
        return enough and self._has_fallen(0.5, RULES.saturating)

    def without_bound(self) -> Outcome:
        """Report that the nll falls without end, as seen at the last station."""
        column, sign = np.array([self.column]), np.array([np.sign(self.way)])
        ends = scale_ends(self.target.likelihood.parameters, column, sign)
        point = self.point(self.stations[-1])
        return no_finite_optimum(self.target, point, column, ends, UNBOUNDED)

    def outcome(self, step_sizes: StepSizes) -> Outcome:
        """Report where the nll is level, which parameters diverge, and others' errors."""
        last = self.stations[-1]
        half = self._before(last)
        quarter = self._before(half)
        move, before = last.others - half.others, half.others - quarter.others
        diverges = np.abs(move) > RULES.diverging * np.abs(before)
        diverges &= np.abs(move) > RULES.moved * last.units
        signs = np.insert(np.where(diverges, np.sign(move), 0.0), self.column, np.sign(self.way))
        level = [each for each in self.stations if each.value <= last.value + RULES.level]
        middle = level[len(level) // 2]
        columns, point = np.flatnonzero(signs), self.point(middle)
        units = np.insert(middle.units, self.column, abs(self.way))
        here = self.target.seen_in(Whitening(point, np.diag(units)))
        fitted = fit_others(here, columns, point, step_sizes)
        self.target.n_evaluations += here.n_evaluations
        nothing = np.full(point.size, np.nan)
        errors = nothing if fitted is None else fitted.errors
        return at_scale_ends(self.target, point, columns, signs[columns], errors)
