"""Optima at infinity along curves: one parameter goes on, and the others follow to their optima."""

# Where a log scale goes to −∞ the location converges as fast as the scale does, and beside a log
# slope an intercept diverges exponentially: no ray leads there, nor does the flattest direction.

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.scales import Log
from bootmle.optimization.approach import Approach
from bootmle.optimization.bounds import scale_ends
from bootmle.optimization.flat_spaces import noise_in, table_along
from bootmle.optimization.others_fit import OthersFit
from bootmle.optimization.outcome import UNBOUNDED, Outcome, at_scale_ends, no_finite_optimum
from bootmle.optimization.path_rules import RULES
from bootmle.optimization.plateaus import SAME_SUPREMUM, fit_others
from bootmle.optimization.stations import Station, guesses, shrinkage
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = ["Path"]


@dataclass(slots=True)
class Path:
    """A path from the center, toward a point (q,) and on, by one parameter's distance."""

    target: WhitenedObjective
    column: int
    end: Floats
    way: float
    """The way that the parameter goes, with its sign."""
    near: bool = False
    """Whether the path begins where the others are fitted at the end, rather than at the center."""
    most: int = field(init=False)
    """Evaluations of the target from which on the path is given up."""
    fits: OthersFit = field(init=False)
    stations: list[Station] = field(default_factory=list)
    rounded: bool = False
    """Whether it ends where the others have no digits left."""
    highest: float = -np.inf
    """The nll at the center, where the path does not begin there."""

    def __post_init__(self) -> None:
        """Begin in the center's units."""
        most = RULES.near_evaluations if self.near else RULES.evaluations
        self.most = self.target.n_evaluations + most * (self.end.size + 1) ** 2
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
        if not (self._begin_near(step_sizes) if self.near else self._begin(step_sizes)):
            return False
        step = RULES.nearby * abs(self.way) if self.near else self.first_step
        while self.fits.target.n_evaluations < self.most:
            station, step = self.next(self.stations[-3:], step, step_sizes)
            if station is None:
                return not self.is_endless() and self._has_fallen(0.5, 0.0, step_sizes)
            fall = self.stations[-1].value - station.value
            noise = self._noise(station, step) if fall < RULES.visible else step_sizes.noise
            if self.near and -RULES.rise < fall < -RULES.level:
                return self._saturates(step_sizes)
            if fall < -max(RULES.level, RULES.hidden * noise):
                return False
            if noise > RULES.level and fall < RULES.hidden * noise:
                return self._saturates(step_sizes)
            self.stations.append(station)
            if self._is_level(step_sizes) or self.is_endless():
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
            station, step = self.next(self.stations[-3:], step, step_sizes)
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
            station, step = self.next(self.stations[2::-1], step, step_sizes)
            if station is None:
                break
            self.stations.insert(0, station)
            step *= RULES.growth
        return True

    def _begin_near(self, step_sizes: StepSizes) -> bool:
        """Fit the others where the parameter is at the end."""
        station = self.fit(abs(self.way), np.delete(self.end, self.column), step_sizes)
        if station is None:
            return False
        self.stations.append(station)
        self.highest = self.target.value_at(self.target.whitening.center)
        return True

    def _go_back(self, step_sizes: StepSizes) -> None:
        """Go back from where the path began until the nll is higher at enough stations."""
        step = -RULES.back_near * abs(self.way)
        while self._higher() < RULES.near_gradual and self.stations[0].distance > -step:
            station, step = self.next(self.stations[2::-1], step, step_sizes)
            if station is None or station.value < self.stations[0].value - RULES.level:
                break
            self.stations.insert(0, station)

    def _higher(self) -> int:
        """Count the stations at which the nll is higher than at the last."""
        last = self.stations[-1].value
        return sum(each.value > last + RULES.level for each in self.stations)

    def next(
        self, before: list[Station], step: float, step_sizes: StepSizes
    ) -> tuple[Station | None, float]:
        """Continue from the last stations by a step, halved until the others can be followed."""
        # Return that step, too.
        for _ in range(RULES.halvings if self.target.n_evaluations < self.most else 0):
            distance = before[-1].distance + step
            shrunk = shrinkage(before, distance)
            least = np.finfo(float).eps * np.abs(before[-1].others)
            self.rounded = bool(np.any(before[-1].units * shrunk < least))
            if self.rounded:
                break
            others = self._predict(before, distance)
            self.fits.factor = self.fits.factor * shrunk[:, None]
            station = self.fit(distance, others, step_sizes)
            station = station or self._as_low(before[-1], distance, others)
            if station is not None:
                return station, step
            step /= 2
        return None, step

    def _predict(self, before: list[Station], distance: float) -> Floats:
        """Say where the others will be: that of several guesses at which the nll is lowest."""
        found = guesses(before, distance)
        points = [self.fits.point(self.place(distance), each) for each in found]
        values = [self.target.value_at(point) for point in points]
        return found[int(np.argmin(np.nan_to_num(values, nan=np.inf, posinf=np.inf)))]

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
                before, found = found, noise_in(values)
                if found > RULES.alike * before:
                    found = before  # far out noise is alike over short distances
                    break
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

    def _has_fallen(self, share: float, allowed: float, step_sizes: StepSizes) -> bool:
        """Whether the nll has fallen, but not since a share of the way, except by so much."""
        last = self.stations[-1].value
        most = max(max(each.value for each in self.stations), self.highest) - last
        lately = self._before(self.stations[-1], share).value - last
        left = max(min(allowed * most, RULES.visible) if self.near else allowed * most, RULES.level)
        if not lately <= left:
            return False
        if self.near and self._higher() < RULES.near_gradual:
            self._go_back(step_sizes)
            self.most = 0  # further on there is nothing to see
            if allowed:
                lately = self._before(self.stations[-1], share).value - last
        least = RULES.near_gradual if self.near else RULES.gradual
        return self._higher() >= least and most > SAME_SUPREMUM and lately <= left

    def is_endless(self) -> bool:
        """Whether the nll has fallen at the same pace, by much, beyond where the search ended."""
        # Or as far as the others have digits for it.
        count, share = RULES.endless
        last = self.stations[-count:]
        if len(last) < count:
            return False
        scale = self.target.likelihood.parameters.scales[self.column]
        way = abs(self.way)
        least = way + RULES.beyond if isinstance(scale, Log) else 2 * way
        if last[-1].distance < max(2 * last[0].distance, 0.0 if self.rounded else least):
            return False
        places, values = (np.array([each[k] for each in last]) for k in (0, 3))
        paces = -np.diff(values) / np.diff(places)
        steady = values[0] - values[-1] > 1 and paces.min() > share * paces.max()
        beyond = self.rounded or values[-1] < self.target.value_at(self.end)
        return bool(steady and beyond)

    def _is_level(self, step_sizes: StepSizes) -> bool:
        """Whether the nll, which has fallen, does so no more."""
        return self._has_fallen(RULES.nearer, 0.0, step_sizes)

    def _saturates(self, step_sizes: StepSizes) -> bool:
        """Whether it has fallen by next to nothing lately, before noise hides the rest."""
        enough = self.near or len(self.stations) >= RULES.least
        return enough and self._has_fallen(0.5, RULES.saturating, step_sizes)

    def without_bound(self) -> Outcome:
        """Report that the nll falls without end, as seen at the last station."""
        column, sign = np.array([self.column]), np.array([np.sign(self.way)])
        ends = scale_ends(self.target.likelihood.parameters, column, sign)
        point = self.point(self.stations[-1])
        return no_finite_optimum(self.target, point, column, ends, UNBOUNDED)

    def outcome(self, step_sizes: StepSizes) -> Outcome:
        """Report where the nll is level, which parameters diverge, and others' errors."""
        self._wait_for_others(step_sizes)
        last = self.stations[-1]
        diverges, limits = self._others_ends()
        signs = np.insert(
            np.where(diverges, np.sign(last.others - self._before(last).others), 0.0),
            self.column,
            np.sign(self.way),
        )
        level = [each for each in self.stations if each.value <= last.value + RULES.level]
        middle = level[len(level) // 2]
        columns, point = np.flatnonzero(signs), self.point(middle)
        units = np.insert(middle.units, self.column, abs(self.way))
        here = self.target.seen_in(Whitening(point, np.diag(units)))
        fitted = fit_others(here, columns, point, step_sizes)
        self.target.n_evaluations += here.n_evaluations
        nothing = np.full(point.size, np.nan)
        errors = nothing if fitted is None else fitted.errors
        found = at_scale_ends(self.target, point, columns, signs[columns], errors)
        parameters = self.target.likelihood.parameters
        ends = parameters.to_user(np.insert(limits, self.column, point[self.column]))
        finite = np.setdiff1d(parameters.free, parameters.free[columns])
        return replace(
            found, params=np.where(np.isin(np.arange(ends.size), finite), ends, found.params)
        )

    def _wait_for_others(self, step_sizes: StepSizes) -> None:
        """Go on while one of the others that seems to diverge slows down as if to a limit."""
        self.most = self.target.n_evaluations + RULES.near_evaluations * (self.end.size + 1) ** 2
        for _ in range(RULES.waits):
            slowing = self._slowing()
            if not np.any(self._move_on() & (slowing > RULES.slowing) & (slowing < RULES.resting)):
                break
            step = RULES.growth * (self.stations[-1].distance - self.stations[-2].distance)
            station, _ = self.next(self.stations[-3:], step, step_sizes)
            if station is None or station.value > self.stations[-1].value + RULES.level:
                break
            self.stations.append(station)

    def _move_on(self) -> NDArray[np.bool_]:
        """Say which of the others (q - 1,) still move as they did over a shorter distance."""
        last = self.stations[-1]
        half = self._before(last)
        quarter = self._before(half)
        move, before = last.others - half.others, half.others - quarter.others
        on = np.abs(move) > RULES.diverging * np.abs(before)
        return np.asarray(on & (np.abs(move) > RULES.moved * last.units))

    def _approach(self) -> Approach:
        """Follow the others over the last three stations."""
        seen = self.stations[-3:]
        return Approach(
            np.array([each.distance for each in seen]), np.array([each.others for each in seen])
        )

    def _slowing(self) -> Floats:
        """Return the exponents (q - 1,) by which they have slowed down over these."""
        if len(self.stations) < 3:
            return np.zeros(self.end.size - 1)
        way = self.stations[-1].distance - self.stations[-3].distance
        return np.asarray(self._approach().rates * way)

    def _others_ends(self) -> tuple[NDArray[np.bool_], Floats]:
        """Say which of the others (q - 1,) diverge, and what those that do not converge to."""
        last, rest = self.stations[-1], self._slowing() > RULES.resting
        if len(self.stations) < 3:
            return self._move_on(), last.others
        limits = self._approach().limits()
        moved = np.abs(last.others - self.stations[-2].others) > RULES.moved * last.units
        limits = np.where(rest & moved & np.isfinite(limits), limits, last.others)
        return self._move_on() & ~rest, limits
