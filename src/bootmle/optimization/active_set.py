"""Optima at bounds, scale limits and constraints: one procedure for a fit and for a replicate.

Parameters at their bounds are held there and the others optimized. One that crosses a bound is held
too, and one whose nll falls inward from its bound is released, until nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
from bootmle.optimization.step_sizes import StepSizes
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
    """Distances to a bound, in standard errors of the parameter."""

    at: float = 1e-6
    """Within which a parameter is at its bound: as near as a certified fit is to its optimum."""
    inward: float = 1e-3
    """Length of the step inward on which the nll must fall for a parameter to be released."""


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
        """Return a standard error of each free parameter on the user's scale, (q,)."""

    def value(self, params: Floats) -> float:
        """Evaluate the nll at a full parameter vector (p,)."""

    def optimize(self, params: Floats, held: Columns) -> Floats | None:
        """Optimize the parameters that are not held, from (p,) to (p,); None where that fails."""


def optimize_within_bounds(search: BoundedSearch, params: Floats) -> Columns | None:
    """Optimize from (p,); return the columns held at bounds, None if they keep changing."""
    parameters = search.parameters
    held = _active_columns(parameters, params, search.units(params))
    # Each parameter may be held and released once, before and after the first search.
    for _ in range(2 * parameters.free.size + 2):
        found = search.optimize(params, held)
        if found is None:
            return held
        crossed = crossed_columns(parameters, found)
        params = into_bounds(parameters, found)
        pressing = _pressing_columns(search, params, held, search.units(found))
        if crossed.size == 0 and pressing.size == held.size:
            return held
        held = np.union1d(pressing, crossed)
    return None


def _active_columns(parameters: Parameters, params: Floats, units: Floats) -> Columns:
    """List the columns whose parameter stands at a bound."""
    free, (lower, upper) = params[parameters.free], parameters.bounds.T
    near = _RULES.at * units
    return np.flatnonzero((free <= lower + near) | (free >= upper - near))


def _pressing_columns(
    search: BoundedSearch, params: Floats, held: Columns, units: Floats
) -> Columns:
    """List the held columns from whose bounds the nll does not fall inward."""
    parameters, start, pressing = search.parameters, search.value(params), []
    for column in held:
        lower, upper = parameters.bounds[column]
        position = parameters.free[column]
        inward = params.copy()
        room = min(_RULES.inward * units[column], (upper - lower) / 2)
        inward[position] += room if params[position] <= lower else -room
        if not search.value(inward) < start - search.step_sizes.slack(start):
            pressing.append(column)
    return np.array(pressing, dtype=np.intp)


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
    """Sharpen an optimum (p,) on a constraint, where it cannot be certified.

    Where that fails the point stays as SciPy left it, if it had converged there.
    """
    start = target.whitening.to_whitened(target.likelihood.parameters.to_working(params))
    sharper, result = minimize_by_scipy(target, start, optimizer.polish)
    if result.success and optimizer.feasible(sharper):
        return Outcome(sharper, Status.AT_BOUND, np.nan, "on a constraint")
    if converged and optimizer.feasible(params):
        return Outcome(params, Status.AT_BOUND, np.nan, "on a constraint, as SciPy left it")
    return failed(target, params, f"no point satisfies the constraints: {result.message}")


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
