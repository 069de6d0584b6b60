"""How one replicate ends: certified, at infinity, at a scale's end, or failed with a reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bootmle.execution.raised import describe_raised
from bootmle.execution.timelimit import RefitTimeout
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.parameters import Parameters
from bootmle.optimization.batch import BatchedNewton
from bootmle.optimization.bounds import Columns, scale_ends
from bootmle.optimization.newton import CubicModels
from bootmle.optimization.status import Status
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective

__all__ = [
    "SUPREMUM",
    "UNBOUNDED",
    "Outcome",
    "at_scale_ends",
    "certified",
    "descend",
    "describe_ends",
    "divergence_signs",
    "failed",
    "no_finite_optimum",
    "or_noise_limited",
]

SUPREMUM = "the likelihood rises toward a supremum"
UNBOUNDED = "the likelihood rises without bound"

_MOVES = 0.02
"""Pace, relative to the fastest parameter's, from which on another counts as diverging, too: over
64 standard errors of that one it moves by more than one of its own."""

_ROUNDS = 20
"""Steps of a descent; measured on 270 fits that SciPy left after one iteration: 3 to 7."""


@dataclass(slots=True)  # frozen, it would take three times as long to make
class Outcome:
    """How one replicate ended: at full parameters (p,), with its own errors if requested."""

    params: Floats
    status: Status
    distance: float  # to the optimum before the last step
    message: str = ""
    errors: Floats | None = None
    seen: Floats | None = None  # where a supremum was seen, (p,), for the infinite ones of params


def descend(
    target: WhitenedObjective,
    start: Floats,
    step_sizes: StepSizes,
    rounds: int = _ROUNDS,
    ceiling: float = 0.0,
    goal: float = np.inf,
) -> BatchedNewton:
    """Descend from one point by Newton steps with measured Hessians, unless above a goal."""
    flat = CubicModels(np.zeros((1, start.size)), np.eye(start.size)[None], None)
    run = BatchedNewton([target], flat, step_sizes, start=start[None], ceiling=ceiling, goal=goal)
    run.run(rounds)
    return run


def certified(target: WhitenedObjective, run: BatchedNewton) -> Outcome:
    """Report a certified optimum."""
    params = target.to_user(run.z[0])
    status = or_noise_limited(Status.CERTIFIED, target, run.step_sizes)
    errors = target.likelihood.parameters.in_all(run.standard_errors()[0])
    return Outcome(params, status, float(run.distance[0]), errors=errors)


def or_noise_limited(status: Status, target: WhitenedObjective, step_sizes: StepSizes) -> Status:
    """Replace a status where the noise keeps refits further from their optima than promised."""
    return Status.NOISE_LIMITED if step_sizes.limited(target.whitening.size) else status


def failed(
    target: WhitenedObjective,
    params: Floats,
    message: str,
    distance: float = np.nan,
    status: Status = Status.NOT_CERTIFIED,
) -> Outcome:
    """Report a failure with its reason."""
    nothing = np.full_like(params, np.nan)
    if target.error is not None:
        reason = describe_raised(target.error)
        return Outcome(nothing, Status.RAISED, np.nan, reason)
    return Outcome(nothing, status, float(distance), message)


def timed_out(target: WhitenedObjective) -> Outcome:
    """Report a refit that took too long; what was found until then counts for nothing."""
    nothing = np.full(target.likelihood.parameters.values.shape, np.nan)
    reason = str(RefitTimeout(target.stopwatch.seconds))
    return Outcome(nothing, Status.TIMED_OUT, np.nan, reason)


def divergence_signs(pace: Floats) -> Floats:
    """Return the signs (q,) of a divergence: 0 where a parameter hardly moves by comparison."""
    return np.where(np.abs(pace) > _MOVES * np.abs(pace).max(), np.sign(pace), 0.0)


def describe_ends(parameters: Parameters, columns: Columns, ends: Floats) -> str:
    """Say where some parameters go on the user's scale; an end of NaN is not determined."""
    words = []
    for column, end in zip(columns, ends, strict=True):
        infinite = "±∞" if np.isnan(end) else "+∞" if end > 0 else "−∞"
        shown = f"{end:g}" if np.isfinite(end) else infinite
        words.append(f"{parameters.free_names[column]} → {shown}")
    return ", ".join(words)


def no_finite_optimum(
    target: WhitenedObjective,
    working: Floats,
    columns: Columns,
    ends: Floats,
    kind: str,
    errors: Floats | None = None,
) -> Outcome:
    """Report where some parameters diverge to from a point (q,), and the others' errors there."""
    # A supremum where all of them end at bounds is an optimum at bounds.
    parameters = target.likelihood.parameters
    seen = parameters.to_user(working)
    params = _with_ends(parameters, seen.copy(), columns, ends)
    message = f"{kind} as {describe_ends(parameters, columns, ends)}"
    at_bound = kind == SUPREMUM and bool(np.isfinite(ends).all())
    if errors is not None:
        own = 0.0 if at_bound else np.nan
        errors = _with_ends(parameters, parameters.in_all(errors), columns, own)
    if at_bound:
        names = parameters.listed(columns)
        return Outcome(params, Status.AT_BOUND, np.nan, names, errors, seen)
    return Outcome(params, Status.NO_FINITE_OPTIMUM, np.inf, message, errors, seen)


def at_scale_ends(
    target: WhitenedObjective, working: Floats, columns: Columns, signs: Floats, errors: Floats
) -> Outcome:
    """Report a supremum where some parameters are at the ends of their scales, finite or not."""
    parameters = target.likelihood.parameters
    ends = scale_ends(parameters, columns, signs)
    return no_finite_optimum(target, working, columns, ends, SUPREMUM, errors)


def _with_ends(
    parameters: Parameters, full: Floats, columns: Columns, ends: Floats | float
) -> Floats:
    """Write values of some free parameters into a vector of all."""
    full[parameters.free[columns]] = ends
    return full
