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
from bootmle.optimization.batch import BatchedNewton
from bootmle.optimization.bounds import Columns, into_bounds, on_bounded_scales, stays_inside
from bootmle.optimization.cones import along_cone
from bootmle.optimization.curves import along_curve
from bootmle.optimization.divergence import divergence_along, follow_curvature, probe_rays
from bootmle.optimization.optimizer import Optimizer
from bootmle.optimization.outcome import (
    UNBOUNDED,
    Outcome,
    certified,
    descend,
    failed,
    no_finite_optimum,
    or_noise_limited,
)
from bootmle.optimization.plateaus import at_plateau, off_plateau
from bootmle.optimization.profile_walk import along_profile
from bootmle.optimization.range_ends import toward_range_end
from bootmle.optimization.recession import along_recession
from bootmle.optimization.refit_rules import RULES
from bootmle.optimization.status import Status
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective
from bootmle.refitting.suprema import leaves_domain, mark_open, passes_infinity

__all__ = ["fall_back"]

_STEPS = 6
"""Newton steps with measured Hessians before divergence is probed for; measured: a regular refit
takes 1 to 7 with any Hessian."""
_FIRST = 3
"""Of those, steps after which they have to contract: where they do not, a curve may lead on."""
_AS_LOW = 1e-5
"""Rise from a point to a supremum beyond it that does not count, as path_rules.RULES.level."""
_ALLOWANCE = 1e-4
"""Change of the nll that does not count on a plateau, where following the curvature failed: 2e-4 of
what it rises by over one standard error."""


def fall_back(
    target: WhitenedObjective, z: Floats, step: Floats, step_sizes: StepSizes, optimizer: Optimizer
) -> Outcome:
    """Probe for divergence; else continue with measured Hessians, SciPy, and a second start."""
    parameters, zero = target.likelihood.parameters, np.zeros_like(z)
    if target.likelihood.n == 0:
        return failed(target, parameters.values, "the weights of this resample are all zero")
    at_zero = target.value(zero)
    if not np.isfinite(at_zero):
        return failed(target, parameters.values, "", status=Status.NOT_FINITE)
    fallback = _Fallback(target, step_sizes)
    found = fallback.at_scale_limits()
    if found is not None:
        return found
    limited = bool(np.isfinite(parameters.bounds).any() or optimizer.constraints)
    inside = z.any() and not optimizer.constraints and stays_inside(parameters, target.to_user(z))
    outcome = None
    if inside or not limited:
        outcome = fallback.unbounded(z, step, at_zero)
    if outcome is None:
        outcome = fallback.by_scipy(zero, optimizer)
    if outcome.status.failed:
        outcome = fallback.by_scipy(z / 2, optimizer)
    if outcome.status.failed and limited and not (inside or optimizer.constraints):
        return fallback.unbounded(z, step, at_zero) or outcome
    if outcome.status.failed and z.any() and not limited:
        return fallback.along_curves(z) or outcome
    return outcome


@dataclass(slots=True)
class _Fallback:
    """The search for one replicate's optimum, and the outcome of its last leg within bounds."""

    target: WhitenedObjective
    step_sizes: StepSizes
    outcome: Outcome = field(init=False)

    @property
    def parameters(self) -> Parameters:
        """All free parameters."""
        return self.target.likelihood.parameters

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
        return self.outcome.params if self.outcome.status.has_optimum else None

    def _certify_others(self, params: Floats, held: Columns) -> Outcome:
        """Certify the optimum over the others with some parameters held."""
        target, values = self.target, params[self.parameters.free[held]]
        reduced = target.holding(held, values)
        run = descend(reduced, _whitened(reduced, params), self.step_sizes, ceiling=np.inf)
        target.n_evaluations += reduced.n_evaluations
        if run.done[0]:
            return certified(reduced, run)
        message = "no optimum of the parameters that are not at a bound was certified"
        return failed(target, params, message, float(run.distance[0]))

    def _certify_all(self, params: Floats) -> Outcome:
        """Certify the optimum over all parameters, or find that there is none."""
        target, step_sizes = self.target, self.step_sizes
        run = descend(target, _whitened(target, params), step_sizes, rounds=_STEPS)
        if run.done[0]:
            return certified(target, run)
        ray = probe_rays(target, run.z[0], float(run.value[0]), run.steps[0], step_sizes)
        if ray is not None:
            return divergence_along(target, ray, step_sizes)
        followed = self._followed(run)
        message = "no optimum was certified from SciPy's point"
        return followed or failed(target, params, message, float(run.distance[0]))

    def within_bounds(self, params: Floats) -> Outcome:
        """Hold the parameters that press on their bounds there, and certify the others."""
        held = optimize_within_bounds(self, params)
        outcome = self.outcome
        if held is None:
            message = "the search goes back and forth between bounds"
            return failed(self.target, params, message, outcome.distance)
        if not outcome.status.has_optimum:
            return outcome
        if held.size:
            names = self.parameters.listed(held)
            return replace(outcome, status=Status.AT_BOUND, message=names)
        if outcome.status is Status.AT_BOUND:
            return outcome
        status = or_noise_limited(Status.CERTIFIED_BY_FALLBACK, self.target, self.step_sizes)
        return replace(outcome, status=status)

    def at_scale_limits(self) -> Outcome | None:
        """Find an optimum where a log or logit scale ends; None where there is none."""
        bounded = on_bounded_scales(self.target)
        if bounded is None:
            return None
        estimate = bounded.to_user(np.zeros(bounded.whitening.size))
        outcome = _Fallback(bounded, self.step_sizes).within_bounds(estimate)
        parameters, value = bounded.likelihood.parameters, bounded.value_of
        found = is_optimum_at_limit(parameters, outcome.status, outcome.params, value, estimate)
        self.target.n_evaluations += bounded.n_evaluations
        return outcome if found else None

    def unbounded(self, z: Floats, step: Floats, at_zero: float) -> Outcome | None:
        """Find the optimum, or that there is none, within bounds; None where neither is certain."""
        target, step_sizes = self.target, self.step_sizes
        value = target.value(z) if z.any() else at_zero
        if not np.isfinite(value):
            z, value = np.zeros_like(z), at_zero
        found = along_cone(target, z, step_sizes) or self._descended(z, step, value)
        if found is not None and found.status is Status.NO_FINITE_OPTIMUM:
            found = off_plateau(target, found, step_sizes) or found
        found = found and mark_open(target, found)
        if found is not None and leaves_domain(target, found):
            found = self._at_range_end(z)
        inside = found is not None and stays_inside(self.parameters, found.params)
        return found if inside else None

    def _descended(self, z: Floats, step: Floats, value: float) -> Outcome | None:
        """Follow what falls from where the refit stopped, a point and its value."""
        target, step_sizes = self.target, self.step_sizes
        at_infinity = at_plateau(target, z, value, step_sizes)
        if at_infinity is not None:
            return at_infinity
        ray = probe_rays(target, z, value, step, step_sizes) if z.any() else None
        if ray is None and z.any() and not target.likelihood.per_observation:
            at_infinity = along_recession(target, z, step, step_sizes)
            if at_infinity is not None:
                return at_infinity
        for start in (z, np.zeros_like(z)) if z.any() else (z,):
            if ray is not None:
                break
            run = descend(target, start, step_sizes, rounds=_FIRST)
            if not (run.done[0] or run.stuck[0] or run.contraction[0] > RULES.slow):
                run.run(_STEPS - _FIRST)
            if run.done[0]:
                return certified(target, run)
            if start is z:
                found = self.along_curves(run.z[0], near=True)
                if found is not None:
                    return found
            stopped, value = run.z[0], float(run.value[0])
            ray = probe_rays(target, stopped, value, run.steps[0], step_sizes)
            if ray is not None:
                break
            found = along_recession(target, stopped, run.steps[0], step_sizes)
            found = found or self._followed(run)
            if found is None and start is z:
                found = at_plateau(target, stopped, value, step_sizes, _ALLOWANCE)
                found = found or self._walk_on(stopped)
                found = found or self._as_low(self._at_range_end(stopped), stopped)
            if found is not None:
                return found
        return None if ray is None else divergence_along(target, ray, step_sizes)

    def _followed(self, run: BatchedNewton) -> Outcome | None:
        """Follow the curvature to an optimum, which may be a point on a curve to infinity."""
        found = follow_curvature(self.target, run, self.step_sizes)
        if found is None or not found.status.has_optimum:
            return found
        end = _whitened(self.target, found.params)
        return self.along_curves(end, from_end=True) or found

    def along_curves(
        self, z: Floats, *, from_end: bool = False, near: bool = False
    ) -> Outcome | None:
        """Find an optimum at an end of a range, or at infinity, on a curve past a point."""
        found = self._as_low(self._at_range_end(z, near=near), z)
        return found or self._as_low(
            along_curve(self.target, z, self.step_sizes, from_end=from_end, near=near), z
        )

    def _as_low(self, found: Outcome | Floats | None, z: Floats) -> Outcome | None:
        """Return an outcome within bounds, and no higher than a point."""
        if not isinstance(found, Outcome) or not stays_inside(self.parameters, found.params):
            return None
        seen = found.params if found.seen is None else found.seen
        low = self.target.value_of(seen) <= self.target.value(z) + _AS_LOW
        passes = low and passes_infinity(self.target, found, seen, self.step_sizes)
        return found if low and not passes else None

    def _at_range_end(self, z: Floats, *, near: bool = False) -> Outcome | None:
        """Find an optimum at an end of a parameter's range, past a point."""
        target = self.target
        working = target.whitening.to_working(z)
        found = toward_range_end(target, working, self.step_sizes, near=near)
        if found is None:
            return None
        column = np.array([found.column])
        if not found.endless:
            names = self.parameters.listed(column)
            return Outcome(found.params, Status.AT_BOUND, np.nan, names, found.errors)
        end = self.parameters.bounds[column, found.side]
        working = self.parameters.to_working(found.params)
        return no_finite_optimum(target, working, column, end, UNBOUNDED)

    def _walk_on(self, z: Floats) -> Outcome | None:
        """Walk on with the parameter that went furthest, and follow the curvature from there."""
        target, step_sizes = self.target, self.step_sizes
        found = along_profile(target, z, step_sizes)
        if found is None:
            return self.along_curves(z)
        if isinstance(found, Outcome):
            return found
        run = descend(target, found, step_sizes, rounds=1)
        return follow_curvature(target, run, step_sizes)

    def by_scipy(self, start: Floats, optimizer: Optimizer) -> Outcome:
        """Run the user's own method, then certify by measured Hessians."""
        target = self.target
        params, result = minimize_by_scipy(target, start, optimizer.minimize)
        if not np.isfinite(params).all() or not np.isfinite(result.fun):
            return failed(target, params, "SciPy's minimizer left the model's domain")
        outcome = self.within_bounds(into_bounds(self.parameters, params))
        kept = np.isfinite(outcome.params).all() and optimizer.feasible(outcome.params)
        if kept or not optimizer.constraints:
            return outcome
        return optimize_on_constraint(target, params, optimizer)


def _whitened(target: WhitenedObjective, params: Floats) -> Floats:
    """Map a full parameter vector to whitened coordinates."""
    return target.whitening.to_whitened(target.likelihood.parameters.to_working(params))
