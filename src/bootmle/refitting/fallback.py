"""What is done for a replicate that the lockstep refit does not certify."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.scales import Identity
from bootmle.optimization.batch import StepSizes
from bootmle.optimization.bounds import (
    active_columns,
    crossed_columns,
    into_bounds,
    keeps_falling,
    on_own_scales,
    pressing_columns,
)
from bootmle.optimization.divergence import diverged, follow, probe_rays
from bootmle.optimization.optimizer import Optimizer
from bootmle.optimization.outcome import Outcome, certified, descend, failed, or_noise_limited
from bootmle.optimization.plateaus import along_profile, at_plateau
from bootmle.optimization.status import Status
from bootmle.optimization.whitening import WhitenedObjective

__all__ = ["fall_back"]

_ROUNDS = 6
_ALLOWANCE = 1e-4
"""Change of the nll that does not count on a plateau, where following the curvature failed."""


def fall_back(
    target: WhitenedObjective, z: Floats, step: Floats, step_sizes: StepSizes, optimizer: Optimizer
) -> Outcome:
    """Probe for divergence; else go on with measured Hessians, SciPy, and a second start."""
    if target.likelihood.n == 0:
        reason = "the weights of this resample are all zero"
        return failed(target, target.likelihood.parameters.values, reason)
    if not np.isfinite(target.value(np.zeros_like(z))):
        return failed(target, target.likelihood.parameters.values, "", status=Status.NOT_FINITE)
    at_limit = _at_limits(target, step_sizes)
    if at_limit is not None:
        return at_limit
    limited = bool(np.isfinite(target.likelihood.parameters.bounds).any() or optimizer.constraints)
    outcome = None if limited else _go_on(target, z, step, step_sizes)
    if outcome is None:
        outcome = _minimize(target, np.zeros_like(z), step_sizes, optimizer)
    if outcome.status.failed:
        outcome = _minimize(target, z / 2, step_sizes, optimizer)
    if outcome.status.failed and limited and not optimizer.constraints:
        return _runaway_within_bounds(target, z, step, step_sizes) or outcome
    return outcome


def _at_limits(target: WhitenedObjective, step_sizes: StepSizes) -> Outcome | None:
    """Find an optimum where a log or logit scale ends; None where there is none."""
    own = on_own_scales(target)
    if own is None:
        return None
    estimate = own.to_user(np.zeros(own.whitening.size))
    outcome = _within_bounds(own, estimate, step_sizes)
    at_limit = outcome.status is Status.AT_BOUND
    if at_limit:
        bounded = own.likelihood.parameters
        at_limit = not keeps_falling(bounded, own.value_of, outcome.params, estimate)
    target.n_evaluations += own.n_evaluations
    return outcome if at_limit else None


def _go_on(
    target: WhitenedObjective, z: Floats, step: Floats, step_sizes: StepSizes
) -> Outcome | None:
    """Probe for divergence, and go on with measured Hessians from where the refit stopped."""
    if not np.isfinite(target.value(z)):
        z = np.zeros_like(z)
    at_infinity = at_plateau(target, z, step_sizes)
    if at_infinity is not None:
        return at_infinity
    ray = probe_rays(target, z, step, step_sizes.noise) if z.any() else None
    for start in (z, np.zeros_like(z)) if z.any() else (z,):
        if ray is not None:
            break
        run = descend(target, start, step_sizes, rounds=_ROUNDS)
        if run.done[0]:
            return certified(target, run)
        ray = probe_rays(target, run.z[0], run.steps[0], step_sizes.noise)
        if ray is not None:
            break
        found = follow(target, run, step_sizes)
        if found is None and start is z:
            found = at_plateau(target, run.z[0], step_sizes, _ALLOWANCE)
            found = found or _walk_on(target, run.z[0], step_sizes)
        if found is not None:
            return found
    return None if ray is None else diverged(target, ray, step_sizes)


def _walk_on(target: WhitenedObjective, z: Floats, step_sizes: StepSizes) -> Outcome | None:
    """Walk on with the parameter that went furthest, and follow the curvature from there."""
    found = along_profile(target, z, step_sizes)
    if found is None or isinstance(found, Outcome):
        return found
    return follow(target, descend(target, found, step_sizes, rounds=1), step_sizes)


def _runaway_within_bounds(
    target: WhitenedObjective, z: Floats, step: Floats, step_sizes: StepSizes
) -> Outcome | None:
    """Find that there is no finite optimum, where no bound stops the way."""
    outcome = _go_on(target, z, step, step_sizes)
    if outcome is None or outcome.status is not Status.NO_FINITE_OPTIMUM:
        return None
    parameters = target.likelihood.parameters
    (lower, upper), free = parameters.bounds.T, outcome.params[parameters.free]
    open_ended = np.isinf(lower) & np.isinf(upper)
    inside = np.where(np.isnan(free), open_ended, (free >= lower) & (free <= upper))
    return outcome if inside.all() else None


def _minimize(
    target: WhitenedObjective, start: Floats, step_sizes: StepSizes, optimizer: Optimizer
) -> Outcome:
    """Run the user's own method, then certify by measured Hessians."""
    parameters = target.likelihood.parameters
    params, result = _run_scipy(target, start, optimizer.minimize)
    if not np.isfinite(params).all() or not np.isfinite(result.fun):
        return failed(target, params, "SciPy's minimizer left the model's domain")
    outcome = _within_bounds(target, into_bounds(parameters, params), step_sizes)
    kept = np.isfinite(outcome.params).all() and optimizer.feasible(outcome.params)
    if kept or not optimizer.constraints:
        return outcome
    return _on_constraint(target, params, optimizer)


def _within_bounds(target: WhitenedObjective, params: Floats, step_sizes: StepSizes) -> Outcome:
    """Hold the parameters that press on their bounds there, and certify the others."""
    parameters, units = target.likelihood.parameters, _user_units(target)
    held = active_columns(parameters, params, units)
    status = Status.CERTIFIED_BY_FALLBACK
    for _ in range(2 * parameters.free.size + 2):
        outcome, params = _certify_holding(target, params, held, step_sizes)
        if outcome.status.failed or outcome.status is Status.NO_FINITE_OPTIMUM:
            return outcome
        crossed = crossed_columns(parameters, params)
        params = into_bounds(parameters, params)
        pressing = pressing_columns(
            parameters, params, held, units, target.value_of, step_sizes.noise
        )
        if crossed.size == 0 and pressing.size == held.size:
            break
        held = np.union1d(pressing, crossed)
    else:
        return failed(target, params, "goes back and forth between bounds", outcome.distance)
    if not held.size:
        return replace(outcome, status=or_noise_limited(status, target, step_sizes))
    return replace(outcome, status=Status.AT_BOUND, message=parameters.listed(held))


def _certify_holding(
    target: WhitenedObjective, params: Floats, held: NDArray[np.intp], step_sizes: StepSizes
) -> tuple[Outcome, Floats]:
    """Certify the optimum over the parameters that are not held, from a point."""
    positions = target.likelihood.parameters.free[held]
    if held.size == target.likelihood.parameters.free.size:
        return Outcome(params, Status.AT_BOUND, 0.0), params
    reduced = target.holding(held, params[positions]) if held.size else target
    start = reduced.whitening.to_whitened(reduced.likelihood.parameters.to_working(params))
    if held.size:
        run = descend(reduced, start, step_sizes, ceiling=np.inf)
        target.n_evaluations += reduced.n_evaluations
    else:
        run = descend(reduced, start, step_sizes, rounds=_ROUNDS)
    if run.done[0]:
        found = certified(reduced, run)
        return found, found.params
    ray = probe_rays(reduced, run.z[0], run.steps[0], step_sizes.noise)
    if ray is not None and not held.size:
        return diverged(target, ray, step_sizes), params
    followed = None if held.size else follow(target, run, step_sizes)
    if followed is not None:
        return followed, followed.params
    where = "at a bound, the other parameters not certified" if held.size else "from SciPy's point"
    distance = float(run.distance[0])
    return failed(target, params, f"no optimum was certified {where}", distance), params


def _on_constraint(target: WhitenedObjective, params: Floats, optimizer: Optimizer) -> Outcome:
    """Sharpen an optimum on a constraint, where no certificate reaches."""
    start = target.whitening.to_whitened(target.likelihood.parameters.to_working(params))
    sharper, result = _run_scipy(target, start, optimizer.polish)
    if result.success and optimizer.feasible(sharper):
        return Outcome(sharper, Status.AT_BOUND, np.nan, "on a constraint")
    if optimizer.feasible(params):
        return Outcome(params, Status.AT_BOUND, np.nan, "on a constraint, as SciPy left it")
    message = f"no point that keeps the constraints: {result.message}"
    return failed(target, params, message)


def _run_scipy(
    target: WhitenedObjective,
    start: Floats,
    minimize: Callable[..., OptimizeResult],
) -> tuple[Floats, OptimizeResult]:
    """Minimize over the user's own parameters where they have limits, else over working ones."""
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
    result = minimize(value, first, plain, unit=_user_units(target))
    return plain.to_user(result.x), result


def _user_units(target: WhitenedObjective) -> Floats:
    """Return one standard error of each free parameter on the user's scale."""
    slopes = np.abs(target.likelihood.parameters.slopes(target.whitening.center))
    return np.asarray(target.whitening.units * np.where(slopes > 0, slopes, 1.0))
