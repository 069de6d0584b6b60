"""Optima at bounds, scale limits and constraints: one procedure for a fit and for a replicate."""

# Parameters at their bounds are held there and the others optimized. One that crosses a bound is
# held too, and one whose nll falls inward from its bound is released, until nothing changes.

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations
from typing import Protocol

import numpy as np
from scipy.optimize import OptimizeResult

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.parameters import Parameters
from bootmle.likelihood.scales import Identity
from bootmle.optimization.bounds import Columns, crossed_columns, into_bounds, keeps_falling
from bootmle.optimization.optimizer import Optimizer
from bootmle.optimization.outcome import Outcome, failed
from bootmle.optimization.status import Status
from bootmle.optimization.step_sizes import PROMISED, StepSizes
from bootmle.optimization.tangent_space import converge_along_tangent
from bootmle.optimization.whitening import WhitenedObjective

__all__ = [
    "BoundedSearch",
    "is_optimum_at_limit",
    "minimize_by_scipy",
    "optimize_on_constraint",
    "optimize_within_bounds",
    "standard_errors_of",
]


@dataclass(frozen=True, slots=True)
class _Rules:
    """Distances to a bound, in the parameter's own standard error: the others stay as they are."""

    at: float = 1e-6
    """Within which a parameter is at its bound, and its slope there is 0: as near as a certified
    fit is to its optimum."""
    inward: float = 1e-3
    """Step of the slope at the bound: its truncation error is 1e-9/4 times a fourth derivative."""
    longest: float = 0.5
    """The same with noise, as its fourth root: beyond 0.5 the formula is not local."""
    noise: float = 8.0
    """Noise levels by which the slope times its step may differ: twice 22/6, the sum of the sizes
    of its four coefficients is 40/6."""
    beside: float = 1e-3
    """Distance, in rough units, beyond which a parameter is not at its bound unless its standard
    error is a thousand such units."""
    certain: float = 0.05
    """Slope at the bound of which a step of 0.1 to 0.5 shows the sign."""
    probe: float = 0.1
    """Step that measures a standard error: a second difference of 0.01, free of rounding."""
    reach: float = 0.11
    """Such a step at which a rise is believed without a look nearer to the bound."""
    measured: tuple[float, float] = (1e-4, 0.25)
    """Second differences, of steps of 0.01 to 0.5, from which it follows."""
    straight: float = 1e-10
    """Second difference, as a share of a change of the nll by 1 or more, that rounding leaves."""
    growth: float = 1e4
    """Change of that step at once; a difference of 0 or infinity says only which way to change."""
    attempts: int = 12
    """Steps tried; measured on scales of 1e-16 to 1e16: up to 6."""
    settled: float = 1e-9
    """Fall since the same parameters were held that is none: of 4e-5 standard errors. They are then
    released by a slope that is no more than the others' distance to their optimum makes it."""
    corner: tuple[float, ...] = (0.3, 0.03, 0.003)
    """Steps away from two bounds at once, where the nll is level along each."""
    halvings: int = 10
    """Of the first step of a parameter that is released, one standard error at most."""


_RULES = _Rules()


class BoundedSearch(Protocol):
    """What the active set asks of a fit's search and of a replicate's."""

    @property
    def parameters(self) -> Parameters:
        """All free parameters, those at a bound among them."""

    @property
    def step_sizes(self) -> StepSizes:
        """Steps and tolerances that follow the noise of the objective."""

    def units(self, params: Floats) -> Floats:
        """Return a rough size of each free parameter's errors on the user's scale, (q,)."""

    def value(self, params: Floats) -> float:
        """Evaluate the nll at a full parameter vector (p,)."""

    def optimize(self, params: Floats, held: Columns) -> Floats | None:
        """Optimize the parameters that are not held, from (p,) to (p,); None where that fails."""


def optimize_within_bounds(search: BoundedSearch, params: Floats) -> Columns | None:
    """Optimize from (p,); return the columns held at bounds, None if they keep changing."""
    parameters, params = search.parameters, params.copy()
    held = _active_columns(search, params)
    values: dict[tuple[int, ...], float] = {}  # where the same ones were held before
    # Each parameter may be held and released once, before and after the first search.
    for _ in range(2 * parameters.free.size + 2):
        found = search.optimize(params, held)
        if found is None:
            lowered = _lowered_column(search, params, held)
            if lowered is None:
                return held
            held = np.union1d(held, [lowered])
            continue
        crossed = crossed_columns(parameters, found)
        params = into_bounds(parameters, found)
        ways = [_Inward(search, params, int(column)) for column in held]
        steps = np.array([way.release() for way in ways])
        shares = np.abs(steps) / np.array([way.unit for way in ways])
        small = crossed.size == 0 and 0 < shares.max(initial=0.0) < PROMISED
        if small and _is_settled(values, held, ways[0].base):
            return held
        if crossed.size == 0 and not steps.any():
            steps = _out_of_corner(ways)
            if not steps.any():
                return held
        params[parameters.free[held]] += steps
        held = np.union1d(held[steps == 0], crossed)
    return None


def _is_settled(values: dict[tuple[int, ...], float], held: Columns, value: float) -> bool:
    """Whether releasing the same parameters as before has lowered the nll by next to nothing."""
    key = tuple(held.tolist())
    settled = values.get(key, np.inf) - value < _RULES.settled
    values[key] = value
    return settled


def _active_columns(search: BoundedSearch, params: Floats) -> Columns:
    """List the columns whose parameter stands at a bound."""
    parameters, units = search.parameters, search.units(params)
    gaps = np.abs(params[parameters.free, None] - parameters.bounds).min(axis=1)
    near = np.flatnonzero((gaps <= _RULES.beside * units) & (gaps > 0))
    own = [gaps[column] <= _RULES.at * _Inward(search, params, int(column)).unit for column in near]
    return np.union1d(np.flatnonzero(gaps == 0), near[np.array(own, dtype=bool)])


def _lowered_column(search: BoundedSearch, params: Floats, held: Columns) -> int | None:
    """Move the parameter whose nearer bound lowers the nll most to it; None where none does."""
    # A model that ends at a bound keeps a search from crossing it.
    parameters, here, best = search.parameters, search.value(params), None
    # Beside a bound the nll may be level, and noise says which side is lower.
    lowest = here + search.step_sizes.slack(here)
    for column in np.setdiff1d(np.arange(parameters.free.size), held):
        position, bounds = parameters.free[column], parameters.bounds[column]
        moved = params.copy()
        moved[position] = bounds[np.argmin(np.abs(bounds - params[position]))]
        value = search.value(moved) if np.isfinite(moved[position]) else np.inf
        if value < lowest:
            lowest, best, point = value, int(column), moved
    if best is not None:
        params[:] = point
    return best


@dataclass(slots=True)
class _Inward:
    """The way from a parameter's nearer bound into its range, the others as they are."""

    search: BoundedSearch
    params: Floats
    column: int
    side: float = field(init=False)
    room: float = field(init=False)  # to the other bound
    base: float = field(init=False)
    unit: float = field(init=False)  # its standard error
    fall: float = field(init=False)  # of the nll over one, by the slope here
    reach: float = field(init=False)  # distance from which that follows, in such errors
    level: bool = False  # whether that is 0

    def __post_init__(self) -> None:
        """Measure the standard error and the slope, from values along the way."""
        parameters = self.search.parameters
        place = self.params[parameters.free[self.column]]
        below, above = np.abs(place - parameters.bounds[self.column])
        self.side, self.room = (1.0, above) if below <= above else (-1.0, below)
        self.base = self.search.value(self.params)
        self._measure(float(self.search.units(self.params)[self.column]))

    def at(self, distance: float) -> Floats:
        """Return the full parameters (p,) at a distance from where the parameter is."""
        point = self.params.copy()
        point[self.search.parameters.free[self.column]] += self.side * distance
        return point

    def rise(self, distance: float) -> float:
        """Return what the nll rises by over a distance."""
        return self.search.value(self.at(distance)) - self.base

    def _measure(self, rough: float) -> None:
        """Set the unit, 1/√(second derivative), by values on this side: the model may end here."""
        # Where the nll is a straight line it is the distance over which it changes by ½.
        step, (least, most) = min(_RULES.probe * rough, self.room / 2), _RULES.measured
        for _ in range(_RULES.attempts):
            near, far = self.rise(step), self.rise(2 * step)
            bend, widest = abs(far - 2 * near), step >= self.room / 2
            straight = 1.0 <= abs(near) < np.inf and bend <= _RULES.straight * abs(near)
            if straight or least <= bend <= most or (bend < least and widest):
                break
            factor = _RULES.probe / np.sqrt(bend) if bend > 0 else np.inf
            factor = np.clip(factor, 1 / _RULES.growth, _RULES.growth) if bend < np.inf else 0.01
            step = min(step * float(factor), self.room / 2)
        self.fall = (far - 4 * near) / (2 * step)
        self.unit = rough
        if least <= bend < np.inf and not straight:
            self.unit = step / float(np.sqrt(bend))
        elif 0 < abs(self.fall) < np.inf:
            self.unit = 0.5 / abs(self.fall)
        self.fall, self.reach = self.fall * self.unit, step / self.unit

    def release(self) -> float:
        """Return the step by which the parameter is released; 0 where the nll rises inward."""
        noise = self.search.step_sizes.noise
        if not np.isfinite(self.base):
            return self.side * min(self.unit, self.room / 2)
        fall, allowed = self.fall, _RULES.certain
        share = float(np.clip(noise**0.25, _RULES.inward, _RULES.longest))
        step = min(share * self.unit, self.room / 6)
        # Where the nll bends within a standard error, long steps miss a fall beside the bound.
        near = abs(fall) > allowed and (fall > 0 or self.reach < _RULES.reach)
        one = 0.0 if near else self.rise(step)
        if not abs(fall) > allowed or one < 0:
            two, three = self.rise(2 * step), self.rise(3 * step)
            # One-sided differences, to third order (Abramowitz and Stegun 1964, table 25.2).
            fall = -(18 * one - 9 * two + 2 * three) / 6 * self.unit / step
            allowed = _RULES.at + _RULES.noise * noise * self.unit / step
        self.level = abs(fall) <= allowed
        if not fall > allowed:
            return 0.0
        length = min(fall, 1.0) * self.unit
        for _ in range(_RULES.halvings):
            if length < self.room / 2 and self.rise(length) < 0:
                return self.side * length
            length /= 2
        return 0.0


def _out_of_corner(ways: list[_Inward]) -> Floats:
    """Return steps (k,) away from two bounds at once, each of which lets nothing fall alone."""
    # Their slopes are 0 there, and the nll falls to second order: as -xy at 0 does.
    steps = np.zeros(len(ways))
    level = [k for k, way in enumerate(ways) if way.level]
    for share in _RULES.corner:
        for one, other in combinations(level, 2):
            moves = [(k, share * min(ways[k].unit, ways[k].room)) for k in (one, other)]
            point = ways[one].at(moves[0][1])
            place = ways[other].search.parameters.free[ways[other].column]
            point[place] = ways[other].at(moves[1][1])[place]
            search, base = ways[one].search, ways[one].base
            if search.value(point) < base - search.step_sizes.slack(base):
                for k, move in moves:
                    steps[k] = ways[k].side * move
                return steps
    return steps


def is_optimum_at_limit(
    bounded: Parameters,
    status: Status,
    params: Floats,
    value: Callable[[Floats], float],
    reference: Floats,
) -> bool:
    """Whether a search within scales' limits ended at one toward which the nll stops falling."""
    at_limit = status is Status.AT_BOUND
    return at_limit and not keeps_falling(bounded, value, params, reference)


def optimize_on_constraint(
    target: WhitenedObjective, params: Floats, optimizer: Optimizer, *, converged: bool = True
) -> Outcome:
    """Sharpen an optimum (p,) on a constraint, where it cannot be certified."""
    # Where that fails the point stays as SciPy left it, if it had converged there.
    start = target.whitening.to_whitened(target.likelihood.parameters.to_working(params))
    sharper, result = minimize_by_scipy(target, start, optimizer.polish)
    if result.success and optimizer.has_equalities:
        unit, working = target.whitening.units, target.likelihood.parameters.to_working(sharper)
        found = converge_along_tangent(target, optimizer, working, unit)
        if found and found.decrement < PROMISED and not np.any(found.space.inward):
            params = target.likelihood.parameters.to_user(found.space.point)
            return Outcome(params, Status.CERTIFIED_BY_FALLBACK, found.decrement)
    if result.success and optimizer.feasible(sharper):
        return Outcome(sharper, Status.AT_BOUND, np.nan, "on a constraint")
    if converged and optimizer.feasible(params):
        return Outcome(params, Status.AT_BOUND, np.nan, "on a constraint, as SciPy left it")
    return failed(target, params, f"no optimum on the constraints: SLSQP says: {result.message}")


def minimize_by_scipy(
    target: WhitenedObjective, start: Floats, minimize: Callable[..., OptimizeResult]
) -> tuple[Floats, OptimizeResult]:
    """Minimize over the user's own parameters where they have bounds, else over working ones."""
    parameters, whitening = target.likelihood.parameters, target.whitening
    working = whitening.to_working(start)
    if not np.isfinite(parameters.bounds).any():
        result = minimize(
            target.value_at,
            working,
            parameters,
            gradient=target.analytic_gradient,
            unit=whitening.units,
        )
        return parameters.to_user(result.x), result
    plain = parameters.with_scales([Identity()] * working.size)

    def value(free: Floats) -> float:
        return target.value_of(plain.to_user(free))

    first = into_bounds(parameters, parameters.to_user(working))[parameters.free]
    result = minimize(value, first, plain, unit=standard_errors_of(target))
    return plain.to_user(result.x), result


def standard_errors_of(target: WhitenedObjective) -> Floats:
    """Return one standard error of each free parameter on the user's scale, (q,)."""
    slopes = np.abs(target.likelihood.parameters.slopes(target.whitening.center))
    return np.asarray(target.whitening.units * np.where(slopes > 0, slopes, 1.0))
