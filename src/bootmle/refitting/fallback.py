"""What is done for a replicate that the batched refit does not certify."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.parameters import Parameters
from bootmle.optimization.active_set import (
    is_optimum_at_limit,
    minimize_by_scipy,
    optimize_on_constraint,
    optimize_within_bounds,
    standard_errors_of,
)
from bootmle.optimization.bounds import Columns, into_bounds, on_bounded_scales
from bootmle.optimization.divergence import diverged, follow, probe_rays
from bootmle.optimization.optimizer import Optimizer
from bootmle.optimization.outcome import Outcome, certified, descend, failed, or_noise_limited
from bootmle.optimization.plateaus import along_profile, at_plateau
from bootmle.optimization.status import Status
from bootmle.optimization.step_sizes import StepSizes
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
    bounded = on_bounded_scales(target)
    if bounded is None:
        return None
    estimate = bounded.to_user(np.zeros(bounded.whitening.size))
    outcome = _within_bounds(bounded, estimate, step_sizes)
    parameters, value = bounded.likelihood.parameters, bounded.value_of
    found = is_optimum_at_limit(parameters, outcome.status, outcome.params, value, estimate)
    target.n_evaluations += bounded.n_evaluations
    return outcome if found else None


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
    params, result = minimize_by_scipy(target, start, optimizer.minimize)
    if not np.isfinite(params).all() or not np.isfinite(result.fun):
        return failed(target, params, "SciPy's minimizer left the model's domain")
    outcome = _within_bounds(target, into_bounds(parameters, params), step_sizes)
    kept = np.isfinite(outcome.params).all() and optimizer.feasible(outcome.params)
    if kept or not optimizer.constraints:
        return outcome
    return optimize_on_constraint(target, params, optimizer)


def _within_bounds(target: WhitenedObjective, params: Floats, step_sizes: StepSizes) -> Outcome:
    """Hold the parameters that press on their bounds there, and certify the others."""
    search = _ReplicateSearch(target, step_sizes)
    held = optimize_within_bounds(search, params)
    outcome = search.outcome
    if held is None:
        return failed(target, params, "goes back and forth between bounds", outcome.distance)
    if outcome.status.failed or outcome.status is Status.NO_FINITE_OPTIMUM:
        return outcome
    if held.size:
        names = target.likelihood.parameters.listed(held)
        return replace(outcome, status=Status.AT_BOUND, message=names)
    status = or_noise_limited(Status.CERTIFIED_BY_FALLBACK, target, step_sizes)
    return replace(outcome, status=status)


@dataclass(slots=True)
class _ReplicateSearch:
    """A replicate's search within bounds, and the outcome of its last leg."""

    target: WhitenedObjective
    step_sizes: StepSizes
    outcome: Outcome = field(init=False)

    @property
    def parameters(self) -> Parameters:
        """All free parameters."""
        return self.target.likelihood.parameters

    @property
    def noise(self) -> float:
        """Noise level of the objective."""
        return self.step_sizes.noise

    def units(self, params: Floats) -> Floats:
        """Return the original fit's standard errors on the user's scale."""
        return standard_errors_of(self.target)

    def value(self, params: Floats) -> float:
        """Evaluate the nll."""
        return self.target.value_of(params)

    def optimize(self, params: Floats, held: Columns) -> Floats | None:
        """Certify the optimum over the parameters that are not held, from a point."""
        if held.size == self.parameters.free.size:
            self.outcome = Outcome(params, Status.AT_BOUND, 0.0)
        elif held.size:
            self.outcome = self._certify_others(params, held)
        else:
            self.outcome = self._certify_all(params)
        status = self.outcome.status
        ended = status.failed or status is Status.NO_FINITE_OPTIMUM
        return None if ended else self.outcome.params

    def _certify_others(self, params: Floats, held: Columns) -> Outcome:
        """Certify the optimum over the others with some parameters held."""
        target, values = self.target, params[self.parameters.free[held]]
        reduced = target.holding(held, values)
        run = descend(reduced, self._whitened(reduced, params), self.step_sizes, ceiling=np.inf)
        target.n_evaluations += reduced.n_evaluations
        if run.done[0]:
            return certified(reduced, run)
        message = "no optimum of the parameters that are not at a bound was certified"
        return failed(target, params, message, float(run.distance[0]))

    def _certify_all(self, params: Floats) -> Outcome:
        """Certify the optimum over all parameters, or find that there is none."""
        target = self.target
        run = descend(target, self._whitened(target, params), self.step_sizes, rounds=_ROUNDS)
        if run.done[0]:
            return certified(target, run)
        ray = probe_rays(target, run.z[0], run.steps[0], self.step_sizes.noise)
        if ray is not None:
            return diverged(target, ray, self.step_sizes)
        message = "no optimum was certified from SciPy's point"
        followed = follow(target, run, self.step_sizes)
        return followed or failed(target, params, message, float(run.distance[0]))

    @staticmethod
    def _whitened(target: WhitenedObjective, params: Floats) -> Floats:
        """Map a full parameter vector to whitened coordinates."""
        return target.whitening.to_whitened(target.likelihood.parameters.to_working(params))
