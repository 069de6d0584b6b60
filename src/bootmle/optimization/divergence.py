"""Whether the likelihood rises without end along a ray."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.optimization.batch import BatchedNewton
from bootmle.optimization.outcome import (
    SUPREMUM,
    UNBOUNDED,
    Outcome,
    certified,
    descend,
    divergence_signs,
    no_finite_optimum,
)
from bootmle.optimization.plateaus import SAME_SUPREMUM, fit_others
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = ["Ray", "diverged", "follow", "probe_rays"]

_DOUBLINGS = 7
_AT_LEAST = 4
_FURTHER = 8


@dataclass(frozen=True, slots=True)
class Ray:
    """A half-line along which the nll falls all the way.

    Attributes
    ----------
    origin : (q,) array
        Where it starts.
    direction : (q,) array
        Its unit vector.
    end : float
        The lowest value seen.
    reach : float
        The distance at which it was seen.
    saturating : bool
        Whether the fall dies out (the likelihood has a supremum); else it goes on without bound.
    """

    origin: Floats
    direction: Floats
    end: float
    reach: float
    saturating: bool

    def follow(self, target: WhitenedObjective) -> tuple[Floats, float]:
        """Follow the ray on while the nll falls; return the lowest point and its value."""
        lowest, distance = self.end, self.reach
        for _ in range(_FURTHER):
            value = target.value(self.origin + 4 * distance * self.direction)
            if not value < lowest:
                break
            lowest, distance = value, 4 * distance
        return self.origin + distance * self.direction, lowest


def probe_rays(target: WhitenedObjective, z: Floats, step: Floats, noise: float) -> Ray | None:
    """Double the distance along the way from the estimate and along the last step.

    A regular optimum turns the likelihood down within a few standard errors; a likelihood still
    rising at over a hundred has none. Whether it is so is read off the values on the ray alone.
    """
    for direction in (step, z):
        length = float(np.linalg.norm(direction))
        if length > 0 and np.isfinite(length):
            ray = _probe(
                target, z, direction / length, max(length, float(np.linalg.norm(z)), 1.0), noise
            )
            if ray is not None:
                return ray
    return None


def _probe(
    target: WhitenedObjective, z: Floats, direction: Floats, reach: float, noise: float
) -> Ray | None:
    """Follow one ray; None where the nll rises before the end, or is not finite at the origin."""
    start = target.value(z)
    if not np.isfinite(start):
        return None
    values = [start]
    for doubling in range(_DOUBLINGS):
        value = target.value(z + reach * 2.0**doubling * direction)
        if not np.isfinite(value) and doubling >= _AT_LEAST:
            break
        if not value <= values[-1] + 4 * noise + 1e-12 * abs(start):
            return None
        values.append(value)
    falls = -np.diff(values)
    total = float(falls.sum())
    if total <= 4 * noise:
        return None
    furthest = reach * 2.0 ** (len(falls) - 1)
    return Ray(z, direction, values[-1], furthest, bool(falls[-1] <= 0.1 * total))


_ELSEWHERE = 8.0
_FLAT_SIDE = 0.02
_LEGS = 8
_MOST_LEGS = 16
_STEADY = 4
_CLOSE = 1e-2
_FALL = 0.2


def diverged(target: WhitenedObjective, ray: Ray, step_sizes: StepSizes) -> Outcome:
    """Report that there is no finite optimum, and where each parameter goes along a ray.

    A parameter has no determined sign where the likelihood still reaches the same supremum with it
    held: a diverging one at its estimate, another one far away.
    """
    signs = divergence_signs(target.whitening.factor @ ray.direction / target.whitening.units)
    here = () if np.count_nonzero(signs) == 1 else (0.0,)
    undetermined = np.zeros(signs.size, dtype=bool)
    for column, sign in enumerate(signs):
        shifts = here if sign else (-_ELSEWHERE, _ELSEWHERE)
        undetermined[column] = any(
            _reaches(target, column, ray, step_sizes, each) for each in shifts
        )
    columns = np.flatnonzero(undetermined | (signs != 0))
    signs = np.where(undetermined, 0.0, signs)[columns]
    if not ray.saturating:
        origin = target.whitening.to_working(ray.origin)
        return no_finite_optimum(target, origin, columns, signs, UNBOUNDED)
    # Far out on the ray the parameters that converge have their estimates.
    far = target.whitening.to_working(ray.origin + ray.reach * ray.direction)
    fitted = fit_others(target, columns, far, step_sizes)
    if fitted is None:
        return no_finite_optimum(
            target, target.whitening.to_working(ray.origin), columns, signs, SUPREMUM
        )
    return no_finite_optimum(target, fitted.working, columns, signs, SUPREMUM, fitted.errors)


def follow(target: WhitenedObjective, run: BatchedNewton, step_sizes: StepSizes) -> Outcome | None:
    """Go on in coordinates that follow the curvature.

    Near a flat optimum they show what the original ones cannot resolve. Where a scale goes to zero
    the way is not a ray: every leg lowers the nll by about as much as the one before, and sharpens
    it. A finite optimum ends the way, and before its basin the legs may be long and hardly fall.
    """
    here, falls = target, []
    points = [target.whitening.to_working(run.z[0])]
    for _ in range(_MOST_LEGS):
        if not np.isfinite(run.hessian[0]).all():
            return None
        center = here.whitening.to_working(run.z[0])
        whitening = here.whitening.rewhitened(center, run.hessian[0])
        here = target.seen_in(whitening)
        run = descend(here, np.zeros(whitening.size), step_sizes, rounds=3)
        last_step = np.abs(whitening.factor @ run.steps[0] / target.whitening.units).max()
        arrived = bool(run.done[0]) and last_step < _CLOSE
        settled = arrived and _rises_around(here, run)
        target.n_evaluations += here.n_evaluations
        if arrived:
            return certified(here, run) if settled else None
        falls.append(run.start_value - float(run.value[0]))
        points.append(whitening.to_working(run.z[0]))
        if max(falls[-2:]) <= 4 * step_sizes.noise and len(falls) > 1:
            return None
        if len(falls) >= _LEGS and min(falls[-_STEADY:]) > _FALL:
            # Parameters that converge have done so, where the others still go on.
            signs = divergence_signs((points[-1] - points[-3]) / target.whitening.units)
            columns = np.flatnonzero(signs)
            return no_finite_optimum(target, points[-1], columns, signs[columns], UNBOUNDED)
    return None


def _rises_around(target: WhitenedObjective, run: BatchedNewton) -> bool:
    """Whether the nll rises on every side, one standard error by the last Hessian away."""
    own = Whitening.from_curvature(run.z[0], run.hessian[0])
    around = own.to_working(np.concatenate([np.eye(own.size), -np.eye(own.size)]))
    return bool(np.min(target.values(around) - run.value[0]) > _FLAT_SIDE)


def _reaches(
    target: WhitenedObjective, column: int, ray: Ray, step_sizes: StepSizes, shift: float
) -> bool:
    """Whether the supremum is reached with one parameter held so many units from its estimate."""
    whitening, parameters = target.whitening, target.likelihood.parameters
    working = whitening.center.copy()
    working[column] += shift * whitening.units[column]
    value = parameters.to_user(working)[parameters.free[column]]
    reduced = target.holding(np.array([column]), np.array([value]))
    z = np.zeros(reduced.whitening.size)
    enough, reached = ray.follow(target)[1] + SAME_SUPREMUM, False
    for _ in range(_LEGS):
        run = descend(reduced, z, step_sizes, rounds=3, ceiling=np.inf)
        z, lowest = run.z[0], float(run.value[0])
        further = None if run.done[0] else probe_rays(reduced, z, run.steps[0], step_sizes.noise)
        if further is not None:
            z, lowest = further.follow(reduced)
        reached = lowest <= enough
        if reached or run.done[0]:
            break
    target.n_evaluations += reduced.n_evaluations
    return reached
