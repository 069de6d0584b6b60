"""From where SciPy's minimizer stops to a certified optimum, or to what stands in its way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult

from bootmle.arrays import Floats
from bootmle.derivatives import Information, measure_information
from bootmle.fitting.bounds import (
    active_columns,
    crossed_columns,
    into_bounds,
    pressing_columns,
)
from bootmle.fitting.cubic import bfgs_changes, newton_steps
from bootmle.fitting.divergence import Ray, probe_rays
from bootmle.fitting.limits import keeps_falling, near_limits, own_scales
from bootmle.fitting.lockstep import Settings
from bootmle.fitting.optimizer import Optimizer
from bootmle.fitting.rescue import descend
from bootmle.fitting.whitening import Metric, Target
from bootmle.likelihood import Likelihood
from bootmle.parameters import Parameters
from bootmle.status import Status

__all__ = ["Search", "inform", "whitened_gradient"]

_ATTEMPTS = 8
_CERTIFIED = 1e-6
_AIM = 1e-7
_NEAR = 0.1
_STATIONARY = 1e-2
_MOVED = 1e-4
_FLAT_SIDE = 0.02
_UNBOUNDED = 1e8
_DOUBLINGS = 24
_FIRST = 1e-3
_FAR_DOUBLINGS = 7
_MOVED_LIKELIHOOD = 0.1
_STAYS = 1e-6
_STAYS_FALLING = 0.01
_FLAT = 1e-3

_WRONG_SIGN = (
    "fun: unbounded below: it {how} as {where}. Does it return the log-likelihood rather than its "
    "negative? If the sign is right, the likelihood has no maximum: bound or fix a parameter"
)


@dataclass(slots=True)
class Search:
    """One fit's way to its optimum, and where it stands.

    Attributes
    ----------
    likelihood : Likelihood
        The objective; parameters that end at a bound are held there.
    optimizer : Optimizer
        The user's method, constraints and options.
    working : (q,) array
        The best point so far, on the working scale.
    information : Information
        Observed information there, on the working scale.
    claimed : Information or None
        The information where SciPy stopped, where that was not the optimum.
    whole : Parameters
        All free parameters.
    held : (k,) int array
        Columns of those that are held at a bound.
    decrement : float
        Distance to the optimum in standard errors.
    lowest, drop : float
        The lowest nll that SciPy saw, and how far it lies below the start's.
    """

    likelihood: Likelihood
    optimizer: Optimizer
    result: OptimizeResult = field(init=False)
    working: Floats = field(init=False)
    information: Information = field(init=False)
    metric: Metric = field(init=False)
    whole: Parameters = field(init=False)
    held: NDArray[np.intp] = field(init=False)
    claimed: Information | None = None
    status: Status = Status.NOT_CERTIFIED
    decrement: float = np.inf
    lowest: float = np.inf
    drop: float = 0.0
    notes: list[str] = field(default_factory=list)
    n_evaluations: int = 0

    def __post_init__(self) -> None:
        """Remember all free parameters, some of which may come to be held."""
        self.whole = self.likelihood.parameters
        self.held = np.empty(0, dtype=np.intp)

    def run(self) -> None:
        """Minimize with SciPy, then go on until the optimum is certified."""
        self._minimize(self._start())
        self._settle_within_bounds()
        if self._at_scale_limit():
            return
        if self.status is Status.CERTIFIED and self.information.definiteness == "indefinite":
            self.status = Status.NOT_CERTIFIED
        if self.status is Status.NOT_CERTIFIED:
            self.notes.append(self._why_not_certified())

    def _why_not_certified(self) -> str:
        """Say what keeps the search from a certificate, and what to do."""
        if self.information.definiteness in {"undecided", "singular"} and self.decrement < 1e-3:
            return (
                "the objective hardly changes along some way, a curved one perhaps: do two "
                "parameters enter only as a product, or on a scale of differences too small to "
                "see? Hold one (fixed=), or multiply the objective"
            )
        return (
            f"SciPy says: {self.result.message}; start elsewhere, give the parameters comparable "
            f"scales, or see whether the objective has steps or noise"
        )

    def _settle_within_bounds(self) -> None:
        """Go on from SciPy's point to the optimum within bounds and constraints."""
        scipys_point = self._user()
        first = self._hold(active_columns(self.whole, scipys_point, self._units(scipys_point)))
        for _ in range(2 * self.whole.free.size + 2):
            self._settle()
            if self.status.failed or self.status is Status.NO_FINITE_OPTIMUM:
                break
            if not self._change_held():
                break
        if self.held.size and not self.status.failed:
            self.status = Status.AT_BOUND
            names = ", ".join(self.whole.free_names[column] for column in self.held)
            self.notes.append(f"at a bound: {names}")
        if self.optimizer.constraints and not self.optimizer.feasible(self._user()):
            self._stay_on_constraint(scipys_point)
        self._keep_claim(first)

    def _at_scale_limit(self) -> bool:
        """Look for an optimum where a log or logit scale ends, where there is none on the scale."""
        own = own_scales(self.whole, self.whole.values)
        if own is None or self.status is Status.AT_BOUND or self.optimizer.constraints:
            return False
        sound = self.status is Status.CERTIFIED and self.information.definiteness != "indefinite"
        if sound and not near_limits(own, self._user()):
            return False
        other = Search(replace(self.likelihood, parameters=own), self.optimizer)
        try:
            other.run()
        except ValueError:  # it falls without end on its own scale: the scale is not the reason
            return False
        self.n_evaluations += other.n_evaluations
        if other.status is not Status.AT_BOUND:
            return False
        metric = Metric(own.to_working(other._user()), np.eye(own.free.size))
        target = Target(replace(self.likelihood, parameters=own), metric, other._base())
        if keeps_falling(target, other._user(), own.values):
            return False
        self._adopt(other)
        return True

    def _adopt(self, other: Search) -> None:
        """Take over where another search ended."""
        self.likelihood, self.whole, self.held = other.likelihood, other.whole, other.held
        self.working, self.information, self.metric = other.working, other.information, other.metric
        self.status, self.decrement, self.claimed = other.status, other.decrement, other.claimed
        self.notes = [*other.notes, "the limit of its scale is a bound from there on"]

    def _base(self) -> Floats | float:
        """Evaluate the objective where the search stands."""
        return self.likelihood.at(self._user())

    def _settle(self) -> None:
        """Go on from here to the optimum over the parameters that are not held."""
        self.metric = Metric(self.working, np.eye(self.working.size))
        if self.working.size == 0:
            self.status, self.decrement = Status.AT_BOUND, 0.0
            return
        start = self._start()
        if self._runs_away(start):
            return
        for _ in range(_ATTEMPTS):
            if self._attempt(start):
                return
            self.information = self._inform()

    def _hold(self, columns: NDArray[np.intp]) -> Information:
        """Hold some of all free parameters where they stand; measure the others' information."""
        user = into_bounds(self.whole, self._user())
        self.held = columns
        self.likelihood = replace(self.likelihood, parameters=self.whole)
        if columns.size:
            self.likelihood = self.likelihood.holding(columns, user[self.whole.free[columns]])
        self.working = self.likelihood.parameters.to_working(user)
        if self.working.size:
            self.information = self._inform()
        else:
            everything = replace(self.likelihood, parameters=self.whole)
            self.information = inform(everything, self.whole.to_working(user))
        return self.information

    def _change_held(self) -> bool:
        """Hold what has crossed a bound, let go what does not press on its own; True if any did."""
        user = self._user()
        crossed = crossed_columns(self.whole, user)
        inside, units = into_bounds(self.whole, user), self._units(user)
        value = self.likelihood.total
        noise = self.settings.noise
        pressing = pressing_columns(self.whole, inside, self.held, units, value, noise)
        self.n_evaluations += 1 + self.held.size
        if crossed.size == 0 and pressing.size == self.held.size:
            return False
        self._hold(np.union1d(pressing, crossed))
        return True

    def _units(self, user: Floats) -> Floats:
        """Return a small size of each free parameter, by which it is told to be at its bound."""
        return np.maximum(1e-3, np.abs(user[self.whole.free]))

    def _stay_on_constraint(self, params: Floats) -> None:
        """Go back to SciPy's point, which a constraint holds, and sharpen it there."""
        self._hold(np.empty(0, dtype=np.intp))
        self.working = self.whole.to_working(params)
        target, unit = self._target(), np.maximum(1e-3, np.abs(self.working))
        result = self.optimizer.polish(target.value_at, self.working, self.whole, unit)
        self._count(target)
        sharper = self.whole.to_user(result.x)
        sharpened = bool(result.success) and self.optimizer.feasible(sharper)
        if sharpened:
            self.working = np.array(result.x)
        kept = sharpened or (self.result.success and self.optimizer.feasible(params))
        self.status = Status.AT_BOUND if kept else Status.NOT_CERTIFIED
        self.decrement = np.nan if kept else np.inf
        self.information = self._inform()
        self.metric = Metric.from_curvature(self.working, np.nan_to_num(self.information.matrix))
        self.notes.append("a constraint holds the optimum, which no certificate reaches")

    def _keep_claim(self, first: Information) -> None:
        """Keep the information where SciPy stopped, where that was not the optimum."""
        if first.point.size != self.metric.center.size or first.point.size == 0:
            return
        moved = np.linalg.norm(self.metric.to_whitened(first.point))
        if moved > _STATIONARY or first.definiteness == "indefinite":
            self.claimed = first

    @property
    def settings(self) -> Settings:
        """Steps and tolerances that follow the noise, which rounding alone brings to this."""
        rounding = np.finfo(float).eps * abs(self.lowest) / np.sqrt(self.likelihood.n or 1)
        return Settings.from_noise(max(self.information.noise, rounding))

    def _start(self) -> Floats:
        """Return the start on the working scale."""
        parameters = self.likelihood.parameters
        return parameters.to_working(parameters.values)

    def _minimize(self, start: Floats) -> None:
        """Run SciPy's minimizer and keep the best point it saw."""
        parameters, likelihood = self.likelihood.parameters, self.likelihood
        lowest, best = np.inf, start

        def value(working: Floats) -> float:
            nonlocal lowest, best
            self.n_evaluations += 1
            user = parameters.to_user(working)
            total = likelihood.total(user)
            if total < lowest and crossed_columns(parameters, user).size == 0:
                lowest, best = total, working.copy()
            return total

        self.result = self.optimizer.minimize(
            value, start, parameters, gradient=_analytic_gradient(likelihood)
        )
        first = likelihood.total(parameters.to_user(start))
        self.lowest, self.drop = lowest, first - lowest
        if lowest < first - _UNBOUNDED * (1 + abs(first)):
            self._refuse(f"falls to {lowest:.3g}", best - start)
        constrained = bool(self.optimizer.constraints)
        self.working = np.array(self.result.x if constrained else best, dtype=float)
        if not np.isfinite(self.working).all():
            self.working = start
        user = into_bounds(parameters, parameters.to_user(self.working))
        self.working = parameters.to_working(user)

    def _inform(self) -> Information:
        """Measure the information where the search stands."""
        information = inform(self.likelihood, self.working)
        self.n_evaluations += information.n_evaluations
        return information

    def _attempt(self, start: Floats) -> bool:
        """Take one more leg; True where the search is over."""
        info = self.information
        if not np.isfinite(info.matrix).all():
            if self.likelihood.total(self._user()) == -np.inf:
                self._refuse("falls to -inf", self.working - start)
            self.status = Status.NOT_FINITE
            self.metric = Metric(self.working, np.eye(self.working.size))
            return True
        n_flat = info.null_directions.shape[1] if info.definiteness == "singular" else 0
        self.metric = Metric.from_curvature(self.working, info.matrix, n_flat)
        target = self._target()
        if self.metric.size == 0:
            self.status, self.decrement = Status.NOT_IDENTIFIED, 0.0
            return True
        gradient = whitened_gradient(target, np.zeros(self.metric.size), self.settings)
        slope = float(np.linalg.norm(gradient))
        if info.definiteness == "indefinite" and slope < _NEAR:
            return self._leave_saddle(target)
        if info.definiteness == "indefinite" or not slope < _NEAR:
            return self._descend(target, start)
        return self._refine(target, start)

    def _descend(self, target: Target, start: Floats) -> bool:
        """Go down by damped Newton steps; over where the likelihood rises without end."""
        run = descend(target, np.zeros(self.metric.size), self.settings)
        if (
            not run.done[0]
            and not run.value[0] < 0
            and self.information.definiteness == "indefinite"
        ):
            return self._leave_saddle(target)
        self._count(target)
        self.working = self.metric.to_working(run.z[0])
        self.decrement = float(run.distance[0])
        if run.done[0]:
            return False
        ray = probe_rays(target, run.z[0], run.steps[0], self.settings.noise)
        ray = ray or self._ray_from(start)
        return self._diverges(ray)

    def _runs_away(self, start: Floats) -> bool:
        """Whether the nll stays low on and on along SciPy's way, as on no way past an optimum."""
        way = self.working - start
        if (
            bool(np.isfinite(self.likelihood.parameters.bounds).any())
            or self.drop < _MOVED_LIKELIHOOD
        ):
            return False
        target = self._target()
        along = [target.value_at(self.working + 2.0**k * way) for k in range(_FAR_DOUBLINGS)]
        self._count(target)
        if not max(along) <= _STAYS * self.drop:
            return False
        if min(along) < -_STAYS_FALLING * self.drop:
            self._refuse(f"falls by {-min(along):.3g} beyond where SciPy stopped", way)
        return self._has_no_optimum(way)

    def _refine(self, target: Target, start: Floats) -> bool:
        """Converge to the last digit and look around at one standard error."""
        z, self.decrement = refine(target, self.settings)
        self.working = self.metric.to_working(z)
        fallen = self._look_around(target, z)
        if fallen is not None and self._stays_flat(target, z, fallen - z):
            self._count(target)
            return self._has_no_optimum(self.metric.factor @ (fallen - z))
        if fallen is not None and target.value(fallen) < target.value(z):
            self.working = self.metric.to_working(fallen)
            self._count(target)
            return False
        self._count(target)
        if np.linalg.norm(z) > max(_MOVED, 10 * self.settings.attainable(z.size)):
            return False
        self.status = self._verdict()
        return True

    def _stays_flat(self, target: Target, z: Floats, way: Floats) -> bool:
        """Whether the nll does not rise over many standard errors to one side, but to the other."""
        value = target.value(z)
        along = [target.value(z + 2.0**k * way) - value for k in range(_FAR_DOUBLINGS)]
        return max(along) < _FLAT and target.value(z - way) - value > _FLAT_SIDE

    def _verdict(self) -> Status:
        """Say what the final decrement certifies."""
        attainable = 10 * self.settings.attainable(self.metric.size)
        if self.decrement > _CERTIFIED:
            limited = self.decrement <= max(attainable, 1e-3)
            return Status.NOISE_LIMITED if limited else Status.NOT_CERTIFIED
        flat = self.metric.size < self.working.size
        return Status.NOT_IDENTIFIED if flat else Status.CERTIFIED

    def _look_around(self, target: Target, z: Floats) -> Floats | None:
        """Find a point one standard error away at which the nll hardly rises."""
        around = np.concatenate([np.eye(z.size), -np.eye(z.size)])
        rises = target.values(z + around) - target.value(z)
        lowest = int(np.argmin(rises))
        return z + around[lowest] if rises[lowest] < _FLAT_SIDE else None

    def _leave_saddle(self, target: Target) -> bool:
        """Leave a saddle along its direction of negative curvature, and minimize again."""
        info = self.information
        down = self.metric.to_whitened(self.working + info.directions[:, 0])
        down = down / np.linalg.norm(down)
        sides = [_furthest_fall(target, side * down) for side in (1.0, -1.0)]
        lowest, value = min(sides, key=lambda side: side[1])
        name = info.describe_direction(info.directions[:, 0])
        where = f"a saddle (eigenvalue {info.eigenvalues[0]:.4g} along {name})"
        if not value < 0:
            self.status = Status.NOT_CERTIFIED
            self.notes.append(f"stands at {where} that could not be left")
            return True
        self.notes.append(f"SciPy stopped at {where}; left along it")
        self._minimize_again(target, lowest)
        self._count(target)
        return False

    def _minimize_again(self, target: Target, z: Floats) -> None:
        """Run SciPy's minimizer from another point, in standard errors."""
        parameters, start = self.likelihood.parameters, self.metric.to_working(z)
        value = target.value(z)
        result = self.optimizer.minimize(target.value_at, start, parameters, unit=self.metric.units)
        better = np.isfinite(result.x).all() and result.fun < value
        self.working = np.array(result.x) if better else start

    def _diverges(self, ray: Ray | None) -> bool:
        """Settle a likelihood that rises without end: no optimum, or the wrong sign."""
        if ray is None:
            return False
        direction = self.metric.factor @ ray.direction
        if not ray.saturating and -ray.end > _STAYS_FALLING * max(1.0, self.drop):
            self._refuse(f"falls by {-ray.end:.3g} beyond where SciPy stopped", direction)
        return self._has_no_optimum(direction)

    def _has_no_optimum(self, direction: Floats) -> bool:
        """Record that the likelihood only has a supremum."""
        self.status, self.decrement = Status.NO_FINITE_OPTIMUM, np.inf
        self.notes.append(f"the likelihood rises towards a supremum as {self._whither(direction)}")
        return True

    def _ray_from(self, start: Floats) -> Ray | None:
        """Probe the way from the start to here."""
        way = self.working - start
        if not np.any(way):
            return None
        self.metric = Metric(self.working, way[:, None])
        return probe_rays(self._target(), np.zeros(1), np.ones(1), self.settings.noise)

    def _refuse(self, how: str, direction: Floats) -> None:
        """Raise for an objective without a lower bound."""
        raise ValueError(_WRONG_SIGN.format(how=how, where=self._whither(direction)))

    def _whither(self, direction: Floats) -> str:
        """Say where the parameters go along a direction."""
        names = self.likelihood.parameters.free_names
        pace = np.abs(direction) / max(float(np.abs(direction).max()), 1e-300)
        moving = [j for j in range(len(names)) if pace[j] > 0.02]
        return ", ".join(f"{names[j]} → {'+' if direction[j] > 0 else '−'}∞" for j in moving)

    def _target(self) -> Target:
        """See the objective in the current metric, relative to its value here."""
        self.n_evaluations += 1
        return Target(self.likelihood, self.metric, self.likelihood.at(self._user()))

    def _user(self) -> Floats:
        """Return the full parameter vector where the search stands."""
        return self.likelihood.parameters.to_user(self.working)

    def _count(self, target: Target) -> None:
        """Add a target's evaluations to the search's."""
        self.n_evaluations += target.n_evaluations
        target.n_evaluations = 0


def inform(likelihood: Likelihood, working: Floats) -> Information:
    """Measure the observed information on the working scale."""
    metric = Metric(working, np.eye(working.size))
    target = Target(likelihood, metric, likelihood.at(likelihood.parameters.to_user(working)))
    return measure_information(
        target.value_at,
        working,
        names=likelihood.parameters.free_names,
        gradient=_analytic_gradient(likelihood),
        base=0.0,
    )


def whitened_gradient(target: Target, z: Floats, settings: Settings) -> Floats:
    """Return the gradient: analytic, or central differences extrapolated to fourth order."""
    if target.likelihood.differentiable:
        return target.gradient(z)
    c = float(np.clip(settings.noise**0.2, 1e-2, 0.5))
    unit = c * np.eye(z.size)
    values = target.values(z + np.concatenate([unit, -unit, 2 * unit, -2 * unit]))
    up, down, up2, down2 = values.reshape(4, z.size)
    return (8 * (up - down) - (up2 - down2)) / (12 * c)


def refine(target: Target, settings: Settings) -> tuple[Floats, float]:
    """Converge from z = 0 by quasi-Newton steps; return the point and its decrement."""
    size = target.metric.size
    z, hessian = np.zeros(size), np.eye(size)
    gradient = whitened_gradient(target, z, settings)
    best, distance = z, np.inf
    for _ in range(12):
        steps, decrements, _ = newton_steps(gradient[None], hessian[None])
        step, here = steps[0], max(float(decrements[0]), float(np.linalg.norm(steps[0])))
        if here < distance:
            best, distance = z, here
        if here < _AIM or here > 2 * distance:
            break
        z, before = z + step, gradient
        gradient = whitened_gradient(target, z, settings)
        hessian = hessian + bfgs_changes(hessian[None], step[None], (gradient - before)[None])[0]
    return best, distance


def _furthest_fall(target: Target, direction: Floats) -> tuple[Floats, float]:
    """Double the way from z = 0 while the nll falls; return the lowest point and its value."""
    z, value = np.zeros_like(direction), 0.0
    for doubling in range(_DOUBLINGS):
        trial = _FIRST * 2.0**doubling * direction
        trial_value = target.value(trial)
        if not trial_value < value:
            break
        z, value = trial, trial_value
    return z, value


def _analytic_gradient(likelihood: Likelihood) -> Callable[[Floats], Floats] | None:
    """Return the gradient on the working scale where the user gives one."""
    if not likelihood.differentiable:
        return None
    parameters = likelihood.parameters
    free: NDArray[np.intp] = parameters.free

    def gradient(working: Floats) -> Floats:
        full = likelihood.gradient(parameters.to_user(working))
        return np.asarray(full[free] * parameters.slopes(working))

    return gradient
