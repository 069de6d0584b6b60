"""What is done for a replicate that the lockstep refit does not certify."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult

from bootmle.arrays import Floats
from bootmle.fitting.bounds import (
    active_columns,
    crossed_columns,
    into_bounds,
    pressing_columns,
)
from bootmle.fitting.cubic import CubicModels
from bootmle.fitting.divergence import Ray, probe_rays
from bootmle.fitting.limits import keeps_falling, limit_of, on_own_scales
from bootmle.fitting.lockstep import Lockstep, Settings
from bootmle.fitting.optimizer import Optimizer
from bootmle.fitting.whitening import Target
from bootmle.scales import Identity
from bootmle.status import Status

__all__ = ["Outcome", "certified", "descend", "rescue"]

_ROUNDS = 20
_SAME_SUPREMUM = 1e-2
_ELSEWHERE = 8.0
_DIVERGES = 0.02
_FLAT_SIDE = 0.02
_LEGS = 6
_FALL = 0.2


@dataclass(frozen=True, slots=True)
class Outcome:
    """One replicate's end: its full parameter vector, status, and distance to the optimum."""

    params: Floats
    status: Status
    distance: float
    message: str = ""


def rescue(
    target: Target, z: Floats, step: Floats, settings: Settings, optimizer: Optimizer
) -> Outcome:
    """Probe for divergence; else go on with measured Hessians, SciPy, and a second start."""
    if target.likelihood.n == 0:
        reason = "the weights of this resample are all zero"
        return _failed(target, target.likelihood.parameters.values, reason)
    if not np.isfinite(target.value(np.zeros_like(z))):
        return _failed(target, target.likelihood.parameters.values, "", status=Status.NOT_FINITE)
    at_limit = _at_limits(target, settings)
    if at_limit is not None:
        return at_limit
    limited = bool(np.isfinite(target.likelihood.parameters.bounds).any() or optimizer.constraints)
    outcome = None if limited else _go_on(target, z, step, settings)
    if outcome is None:
        outcome = _minimize(target, np.zeros_like(z), settings, optimizer)
    if outcome.status.failed:
        outcome = _minimize(target, z / 2, settings, optimizer)
    if outcome.status.failed and limited and not optimizer.constraints:
        return _runaway_within_bounds(target, z, step, settings) or outcome
    return outcome


def _at_limits(target: Target, settings: Settings) -> Outcome | None:
    """Find an optimum where a log or logit scale ends; None where there is none."""
    own = on_own_scales(target)
    if own is None:
        return None
    estimate = own.to_user(np.zeros(own.metric.size))
    outcome = _within_bounds(own, estimate, settings)
    at_limit = outcome.status is Status.AT_BOUND
    if at_limit:
        at_limit = not keeps_falling(own, outcome.params, estimate)
    target.n_evaluations += own.n_evaluations
    return outcome if at_limit else None


def _go_on(target: Target, z: Floats, step: Floats, settings: Settings) -> Outcome | None:
    """Probe for divergence, and go on with measured Hessians from where the refit stopped."""
    ray = probe_rays(target, z, step, settings.noise) if z.any() else None
    for start in (z, np.zeros_like(z)):
        if ray is not None:
            break
        run = descend(target, start, settings)
        if run.done[0]:
            return certified(target, run)
        ray = probe_rays(target, run.z[0], run.steps[0], settings.noise)
        followed = _follow(target, run, settings) if ray is None else None
        if followed is not None:
            return followed
    return None if ray is None else _diverged(target, ray, settings)


def _runaway_within_bounds(
    target: Target, z: Floats, step: Floats, settings: Settings
) -> Outcome | None:
    """Find that there is no finite optimum, where no bound stops the way."""
    outcome = _go_on(target, z, step, settings)
    if outcome is None or outcome.status is not Status.NO_FINITE_OPTIMUM:
        return None
    parameters = target.likelihood.parameters
    (lower, upper), free = parameters.bounds.T, outcome.params[parameters.free]
    open_ended = np.isinf(lower) & np.isinf(upper)
    inside = np.where(np.isnan(free), open_ended, (free >= lower) & (free <= upper))
    return outcome if inside.all() else None


def descend(
    target: Target,
    start: Floats,
    settings: Settings,
    rounds: int = _ROUNDS,
    ceiling: float = 0.0,
) -> Lockstep:
    """Go on from one point by Newton steps with measured Hessians."""
    flat = CubicModels(np.zeros((1, start.size)), np.eye(start.size)[None], None)
    run = Lockstep([target], flat, settings, start=start[None], ceiling=ceiling)
    run.run(rounds)
    return run


def certified(target: Target, run: Lockstep) -> Outcome:
    """Report a certified optimum."""
    params = target.likelihood.parameters.to_user(target.metric.to_working(run.z[0]))
    status = _or_noise_limited(Status.CERTIFIED, target, run.settings)
    return Outcome(params, status, float(run.distance[0]))


def _or_noise_limited(status: Status, target: Target, settings: Settings) -> Status:
    """Say where the noise keeps a refit further from its optimum than a certificate allows."""
    return Status.NOISE_LIMITED if settings.limited(target.metric.size) else status


def _minimize(target: Target, start: Floats, settings: Settings, optimizer: Optimizer) -> Outcome:
    """Run the user's own method, then certify by measured Hessians."""
    parameters = target.likelihood.parameters
    params, result = _run_scipy(target, start, optimizer.minimize)
    if not np.isfinite(params).all() or not np.isfinite(result.fun):
        return _failed(target, params, "SciPy's minimizer left the model's domain")
    outcome = _within_bounds(target, into_bounds(parameters, params), settings)
    kept = np.isfinite(outcome.params).all() and optimizer.feasible(outcome.params)
    if kept or not optimizer.constraints:
        return outcome
    return _on_constraint(target, params, optimizer)


def _within_bounds(target: Target, params: Floats, settings: Settings) -> Outcome:
    """Hold the parameters that press on their bounds there, and certify the others."""
    parameters, units = target.likelihood.parameters, _user_units(target)
    held = active_columns(parameters, params, units)
    status = Status.CERTIFIED_BY_FALLBACK
    for _ in range(2 * parameters.free.size + 2):
        outcome, params = _certify_holding(target, params, held, settings)
        if outcome.status.failed or outcome.status is Status.NO_FINITE_OPTIMUM:
            return outcome
        crossed = crossed_columns(parameters, params)
        params = into_bounds(parameters, params)
        pressing = pressing_columns(
            parameters, params, held, units, target.value_of, settings.noise
        )
        if crossed.size == 0 and pressing.size == held.size:
            break
        held = np.union1d(pressing, crossed)
    else:
        return _failed(target, params, "goes back and forth between bounds", outcome.distance)
    if not held.size:
        return replace(outcome, status=_or_noise_limited(status, target, settings))
    return replace(outcome, status=Status.AT_BOUND, message=_names(parameters.free_names, held))


def _certify_holding(
    target: Target, params: Floats, held: NDArray[np.intp], settings: Settings
) -> tuple[Outcome, Floats]:
    """Certify the optimum over the parameters that are not held, from a point."""
    positions = target.likelihood.parameters.free[held]
    if held.size == target.likelihood.parameters.free.size:
        return Outcome(params, Status.AT_BOUND, 0.0), params
    reduced = target.holding(held, params[positions]) if held.size else target
    start = reduced.metric.to_whitened(reduced.likelihood.parameters.to_working(params))
    run = descend(reduced, start, settings, ceiling=np.inf if held.size else 0.0)
    if held.size:
        target.n_evaluations += reduced.n_evaluations
    if run.done[0]:
        found = certified(reduced, run)
        return found, found.params
    ray = probe_rays(reduced, run.z[0], run.steps[0], settings.noise)
    if ray is not None and not held.size:
        return _diverged(target, ray, settings), params
    where = "at a bound, the other parameters not certified" if held.size else "from SciPy's point"
    distance = float(run.distance[0])
    return _failed(target, params, f"no optimum was certified {where}", distance), params


def _on_constraint(target: Target, params: Floats, optimizer: Optimizer) -> Outcome:
    """Sharpen an optimum on a constraint, where no certificate reaches."""
    start = target.metric.to_whitened(target.likelihood.parameters.to_working(params))
    sharper, result = _run_scipy(target, start, optimizer.polish)
    if result.success and optimizer.feasible(sharper):
        return Outcome(sharper, Status.AT_BOUND, np.nan, "on a constraint")
    if optimizer.feasible(params):
        return Outcome(params, Status.AT_BOUND, np.nan, "on a constraint, as SciPy left it")
    message = f"no point that keeps the constraints: {result.message}"
    return _failed(target, params, message)


def _run_scipy(
    target: Target,
    start: Floats,
    minimize: Callable[..., OptimizeResult],
) -> tuple[Floats, OptimizeResult]:
    """Minimize over the user's own parameters where they have limits, else over working ones."""
    parameters, metric = target.likelihood.parameters, target.metric
    working = metric.to_working(start)
    if not np.isfinite(parameters.bounds).any():
        result = minimize(target.value_at, working, parameters, unit=metric.units)
        return parameters.to_user(result.x), result
    plain = parameters.with_scales([Identity()] * working.size)

    def value(free: Floats) -> float:
        return target.value_of(plain.to_user(free))

    first = into_bounds(parameters, parameters.to_user(working))[parameters.free]
    result = minimize(value, first, plain, unit=_user_units(target))
    return plain.to_user(result.x), result


def _user_units(target: Target) -> Floats:
    """Return one standard error of each free parameter on the user's scale."""
    slopes = np.abs(target.likelihood.parameters.slopes(target.metric.center))
    return np.asarray(target.metric.units * np.where(slopes > 0, slopes, 1.0))


def _names(names: tuple[str, ...], columns: NDArray[np.intp]) -> str:
    """List the names of some columns."""
    return ", ".join(names[column] for column in columns)


def _failed(
    target: Target,
    params: Floats,
    message: str,
    distance: float = np.nan,
    status: Status = Status.NOT_CERTIFIED,
) -> Outcome:
    """Report a failure with its reason."""
    nothing = np.full_like(params, np.nan)
    if target.error is not None:
        reason = f"{type(target.error).__name__}: {target.error}"
        return Outcome(nothing, Status.RAISED, np.nan, reason)
    return Outcome(nothing, status, float(distance), message)


def _diverged(target: Target, ray: Ray, settings: Settings) -> Outcome:
    """Report that there is no finite optimum, and where each parameter goes along a ray."""
    kind = "rises towards a supremum" if ray.saturating else "rises without bound"
    way = target.metric.factor @ ray.direction

    def open_sign(column: int, diverges: bool) -> bool:
        shifts = (0.0,) if diverges else (-_ELSEWHERE, _ELSEWHERE)
        return any(_reaches(target, column, ray, settings, shift) for shift in shifts)

    return _without_optimum(target, way, target.metric.to_working(ray.origin), kind, open_sign)


def _without_optimum(
    target: Target,
    way: Floats,
    working: Floats,
    kind: str,
    open_sign: Callable[[int, bool], bool] = lambda column, diverges: False,
) -> Outcome:
    """Send the parameters that diverge along ``way`` to their limits.

    A parameter has no determined sign, and is NaN, where the likelihood still reaches the same
    supremum with it held: a diverging one at its estimate, another one far away.
    """
    parameters = target.likelihood.parameters
    pace = way / target.metric.units
    diverging = np.flatnonzero(np.abs(pace) > _DIVERGES * np.abs(pace).max())
    params = parameters.to_user(working)
    words = []
    for column, name in enumerate(parameters.free_names):
        alone = diverging.size == 1 and column in diverging
        undetermined = not alone and open_sign(column, column in diverging)
        limit = limit_of(parameters.scales[column], float(np.sign(pace[column])))
        if undetermined or column in diverging:
            params[parameters.free[column]] = np.nan if undetermined else limit
            words.append(f"{name} → {'±inf' if undetermined else f'{limit:+g}'}")
    message = f"the likelihood {kind} as {', '.join(words)}"
    return Outcome(params, Status.NO_FINITE_OPTIMUM, np.inf, message)


def _follow(target: Target, run: Lockstep, settings: Settings) -> Outcome | None:
    """Go on in coordinates that follow the curvature.

    Near a flat optimum they show what the original ones cannot resolve. Where a scale goes to zero
    the way is not a ray: every leg lowers the nll by about as much as the one before, and sharpens
    it. A finite optimum ends the way within a few legs.
    """
    here, falls = target, []
    origin = target.metric.to_working(run.z[0])
    for _ in range(_LEGS):
        if not np.isfinite(run.hessian[0]).all():
            return None
        center = here.metric.to_working(run.z[0])
        metric = here.metric.rewhitened(center, run.hessian[0])
        here = target.seen_in(metric)
        run = descend(here, np.zeros(metric.size), settings, rounds=3)
        settled = bool(run.done[0]) and _rises_around(here, run)
        target.n_evaluations += here.n_evaluations
        if run.done[0]:
            return certified(here, run) if settled else None
        falls.append(run.start_value - float(run.value[0]))
        if falls[-1] < _FALL:
            return None
    way = here.metric.to_working(run.z[0]) - origin
    return _without_optimum(target, way, here.metric.to_working(run.z[0]), "rises without bound")


def _rises_around(target: Target, run: Lockstep) -> bool:
    """Whether the nll rises on every side, a unit of the target's own coordinates away."""
    around = np.concatenate([np.eye(run.z.shape[1]), -np.eye(run.z.shape[1])])
    return bool(np.min(target.values(run.z[0] + around) - run.value[0]) > _FLAT_SIDE)


def _reaches(target: Target, column: int, ray: Ray, settings: Settings, shift: float) -> bool:
    """Whether the supremum is reached with one parameter held so many units from its estimate."""
    metric, parameters = target.metric, target.likelihood.parameters
    working = metric.center.copy()
    working[column] += shift * metric.units[column]
    value = parameters.to_user(working)[parameters.free[column]]
    reduced = target.holding(np.array([column]), np.array([value]))
    z = np.zeros(reduced.metric.size)
    enough, reached = ray.follow(target)[1] + _SAME_SUPREMUM, False
    for _ in range(_LEGS):
        run = descend(reduced, z, settings, rounds=3, ceiling=np.inf)
        z, lowest = run.z[0], float(run.value[0])
        further = None if run.done[0] else probe_rays(reduced, z, run.steps[0], settings.noise)
        if further is not None:
            z, lowest = further.follow(reduced)
        reached = lowest <= enough
        if reached or run.done[0]:
            break
    target.n_evaluations += reduced.n_evaluations
    return reached
