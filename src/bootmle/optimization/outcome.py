"""How one replicate ends: certified, failed with a reason, or as its safeguards find."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.optimization.batch import BatchedNewton, StepSizes
from bootmle.optimization.newton import CubicModels
from bootmle.optimization.status import Status
from bootmle.optimization.whitening import WhitenedObjective

__all__ = ["Outcome", "certified", "descend", "failed", "or_noise_limited"]

_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """One replicate's end.

    Attributes
    ----------
    params : (p,) array
        Its full parameter vector.
    status : Status
    distance : float
        Distance to the optimum before the last step.
    message : str
    errors : (p,) array or None
        Its own standard errors, where they were asked for.
    """

    params: Floats
    status: Status
    distance: float
    message: str = ""
    errors: Floats | None = None


def descend(
    target: WhitenedObjective,
    start: Floats,
    step_sizes: StepSizes,
    rounds: int = _ROUNDS,
    ceiling: float = 0.0,
) -> BatchedNewton:
    """Go on from one point by Newton steps with measured Hessians."""
    flat = CubicModels(np.zeros((1, start.size)), np.eye(start.size)[None], None)
    run = BatchedNewton([target], flat, step_sizes, start=start[None], ceiling=ceiling)
    run.run(rounds)
    return run


def certified(target: WhitenedObjective, run: BatchedNewton) -> Outcome:
    """Report a certified optimum."""
    params = target.to_user(run.z[0])
    status = or_noise_limited(Status.CERTIFIED, target, run.step_sizes)
    errors = target.likelihood.parameters.in_all(run.standard_errors()[0])
    return Outcome(params, status, float(run.distance[0]), errors=errors)


def or_noise_limited(status: Status, target: WhitenedObjective, step_sizes: StepSizes) -> Status:
    """Say where the noise keeps a refit further from its optimum than a certificate allows."""
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
        reason = f"{type(target.error).__name__}: {target.error}"
        return Outcome(nothing, Status.RAISED, np.nan, reason)
    return Outcome(nothing, status, float(distance), message)
