"""Whether a likelihood rises without end: along a ray, or on a path that follows its curvature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats
from bootmle.optimization.batch import BatchedNewton
from bootmle.optimization.bounds import scale_ends
from bootmle.optimization.convergence import lowest_neighbor
from bootmle.optimization.flat_spaces import noise_at
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

__all__ = ["Ray", "divergence_along", "domain_ends", "follow_curvature", "probe_rays"]


@dataclass(frozen=True, slots=True)
class _RayRules:
    """How far a ray is probed, and what counts as rising toward a supremum."""

    doublings: int = 7
    """From one standard error to 64, where a regular nll has risen by 64²/2; measured: the verdicts
    of linear programming on 202 of 202 separated logits."""
    least: int = 4
    """Doublings after which the domain may end, at 16 standard errors."""
    saturating: float = 0.1
    """Share of the fall that the last doubling has where the nll levels off; a linear one falls by
    half on it, a logarithmic one by a seventh."""
    further: int = 8
    """Times that a ray is followed to four times the distance, while the nll falls."""
    elsewhere: float = 8.0
    """Standard errors from its estimate at which another parameter is held, to see whether the
    supremum is reached all the same; a regular nll has risen by 8²/2."""
    wider: float = 16.0
    """Multiple of the ray's reach to which the others go where one is put back to its estimate."""
    steps: int = 12
    """Newton steps towards it: those of a separated logit lower the nll by a factor of e each."""
    ahead: float = 64.0
    """Multiple of such a step at which the nll is looked at, too."""


@dataclass(frozen=True, slots=True)
class _PathRules:
    """How far a path that follows the curvature goes, and how it ends."""

    legs: int = 8
    """Legs before the likelihood may be called unbounded."""
    most: int = 16
    """Legs after which it stays open whether it is."""
    steps: int = 3
    """Of each leg, before the curvature is measured again."""
    steady: int = 4
    """Last legs that must each have lowered the nll."""
    fall: float = 0.2
    """By this much; measured on 200 unbounded replicates of 4 to 15 rows: 0.217 to 13."""
    noise: float = 0.5
    """Share of the curvature there that noise may make: far out it may be larger than here."""
    arrived: float = 1e-2
    """Last step, in the original fit's standard errors, that ends the path at an optimum."""


_RAY, _PATH = _RayRules(), _PathRules()


@dataclass(frozen=True, slots=True)
class Ray:
    """A half-line, of a unit vector (q,), along which the nll keeps falling."""

    origin: Floats
    direction: Floats
    end: float  # the lowest value seen
    reach: float  # the distance at which it was seen
    saturating: bool  # the fall dies out: the likelihood has a supremum

    def lowest(self, target: WhitenedObjective) -> tuple[Floats, float]:
        """Follow the ray on while the nll falls; return the lowest point and its value."""
        lowest, distance = self.end, self.reach
        for _ in range(_RAY.further):
            value = target.value(self.origin + 4 * distance * self.direction)
            if not value < lowest:
                break
            lowest, distance = value, 4 * distance
        return self.origin + distance * self.direction, lowest


def domain_ends(
    value_at: Callable[[Floats], float], origin: Floats, here: Floats, diverging: NDArray[np.bool_]
) -> bool:
    """Whether the domain ends within as far again as diverging parameters (q,) went until here."""
    return not np.isfinite(value_at(np.where(diverging, 2 * here - origin, here)))


def probe_rays(
    target: WhitenedObjective, z: Floats, value: float, step: Floats, step_sizes: StepSizes
) -> Ray | None:
    """Find a ray on which the nll keeps falling from its value at a point."""
    # Along the last step, or away from the estimate.
    if not np.isfinite(value):
        return None
    for direction in (step, z):
        length = float(np.linalg.norm(direction))
        if length > 0 and np.isfinite(length):
            reach = max(length, float(np.linalg.norm(z)), 1.0)
            ray = _probe(target, z, value, direction / length, reach, step_sizes)
            if ray is not None:
                return ray
    return None


def _probe(
    target: WhitenedObjective,
    z: Floats,
    start: float,
    direction: Floats,
    reach: float,
    step_sizes: StepSizes,
) -> Ray | None:
    """Probe one ray; None where the nll rises before the end."""
    values = [start]
    for doubling in range(_RAY.doublings):
        value = target.value(z + reach * 2.0**doubling * direction)
        if not np.isfinite(value) and doubling >= _RAY.least:
            break
        if not value <= values[-1] + step_sizes.slack(start):
            return None
        values.append(value)
    falls = -np.diff(values)
    total = float(falls.sum())
    if total <= step_sizes.slack():
        return None
    furthest = reach * 2.0 ** (len(falls) - 1)
    return Ray(z, direction, values[-1], furthest, bool(falls[-1] <= _RAY.saturating * total))


def divergence_along(target: WhitenedObjective, ray: Ray, step_sizes: StepSizes) -> Outcome:
    """Report that there is no finite optimum, and where each parameter goes along a ray."""
    # A parameter has no determined sign where the likelihood still reaches the same supremum with
    # it held: a diverging one at its estimate, another one far away.
    signs = divergence_signs(target.whitening.factor @ ray.direction / target.whitening.units)
    here = () if np.count_nonzero(signs) == 1 else (0.0,)
    elsewhere = (-_RAY.elsewhere, _RAY.elsewhere)
    far_out, lowest = ray.lowest(target)
    undetermined = np.zeros(signs.size, dtype=bool)
    for column, sign in enumerate(signs):
        undetermined[column] = any(
            _reaches_supremum(target, column, far_out, lowest, step_sizes, each)
            for each in (here if sign else elsewhere)
        )
    columns = np.flatnonzero(undetermined | (signs != 0))
    signs = np.where(undetermined, 0.0, signs)[columns]
    # Far out on a saturating ray the parameters that converge have their estimates.
    far = target.whitening.to_working(ray.origin + ray.reach * ray.direction)
    fitted = fit_others(target, columns, far, step_sizes) if ray.saturating else None
    kind = SUPREMUM if ray.saturating else UNBOUNDED
    ends = scale_ends(target.likelihood.parameters, columns, signs)
    if fitted is None:
        origin = target.whitening.to_working(ray.origin)
        return no_finite_optimum(target, origin, columns, ends, kind)
    return no_finite_optimum(target, fitted.working, columns, ends, kind, fitted.errors)


def _reaches_supremum(
    target: WhitenedObjective,
    column: int,
    far_out: Floats,
    lowest: float,
    step_sizes: StepSizes,
    shift: float,
) -> bool:
    """Whether the supremum is reached with one parameter held so many units from its estimate."""
    # It was seen far out, at the lowest value.
    whitening, parameters = target.whitening, target.likelihood.parameters
    working, enough = whitening.to_working(_RAY.wider * far_out), lowest + SAME_SUPREMUM
    working[column] = whitening.center[column] + shift * whitening.units[column]
    if target.value_at(working) <= enough:
        return True
    value = parameters.to_user(working)[parameters.free[column]]
    reduced = target.holding(np.array([column]), np.array([value]))
    reduced.sandwich = None  # nobody asks for standard errors here
    start = np.zeros(reduced.whitening.size)
    run = descend(reduced, start, step_sizes, rounds=0, ceiling=np.inf, goal=enough)
    for _ in range(_RAY.steps):
        run.run(1)
        if run.value[0] <= enough or run.done[0] or run.stuck[0]:
            break
        ahead = reduced.value(run.z[0] + _RAY.ahead * run.steps[0])
        if ahead <= enough:
            run.value[0] = ahead
            break
    target.n_evaluations += reduced.n_evaluations
    return bool(run.value[0] <= enough)


def follow_curvature(
    target: WhitenedObjective, run: BatchedNewton, step_sizes: StepSizes
) -> Outcome | None:
    """Continue in coordinates that follow the curvature, to an optimum or without end."""
    # Near a flat optimum they show what the original ones cannot resolve. Where a scale goes to
    # zero the path is not a ray: every leg lowers the nll by about as much as the one before, and
    # sharpens it. A finite optimum ends the path, and before its basin the legs may be long and
    # hardly fall.
    here, falls = target, []
    points = [target.whitening.to_working(run.z[0])]
    for _ in range(_PATH.most):
        if not np.isfinite(run.hessian[0]).all():
            return None
        whitening = here.whitening.rewhitened(points[-1], run.hessian[0])
        here = target.seen_in(whitening)
        run = descend(here, np.zeros(whitening.size), step_sizes, rounds=_PATH.steps)
        step = np.abs(whitening.factor @ run.steps[0] / target.whitening.units).max()
        arrived = bool(run.done[0]) and step < _PATH.arrived
        confirmed = arrived and _rises_around(here, run) and not _is_noise(here, run)
        confirmed = confirmed and _rises_along_profile(target, here, run)
        target.n_evaluations += here.n_evaluations
        if arrived:
            return certified(here, run) if confirmed else None
        falls.append(run.start_value - float(run.value[0]))
        points.append(whitening.to_working(run.z[0]))
        if max(falls[-2:]) <= step_sizes.slack() and len(falls) > 1:
            return None
        if len(falls) >= _PATH.legs and min(falls[-_PATH.steady :]) > _PATH.fall:
            # Parameters that converge have done so, where the others still diverge.
            signs = divergence_signs((points[-1] - points[-3]) / target.whitening.units)
            columns = np.flatnonzero(signs)
            ends = scale_ends(target.likelihood.parameters, columns, signs[columns])
            return no_finite_optimum(target, points[-1], columns, ends, UNBOUNDED)
    return None


def _is_noise(target: WhitenedObjective, run: BatchedNewton) -> bool:
    """Whether noise at an optimum makes much of the curvature along a direction there."""
    curvatures, vectors = np.linalg.eigh(run.hessian[0])
    noise = noise_at(target, run.z[0], vectors[:, 0])
    return bool(noise / run.step_sizes.hessian_step**2 > _PATH.noise * curvatures[0])


def _rises_around(target: WhitenedObjective, run: BatchedNewton) -> bool:
    """Whether the nll rises on every side, one standard error by the last Hessian away."""
    own = Whitening.from_curvature(run.z[0], run.hessian[0])
    return lowest_neighbor(target, run.z[0], float(run.value[0]), own.factor.T) is None


def _rises_along_profile(
    original: WhitenedObjective, target: WhitenedObjective, run: BatchedNewton
) -> bool:
    """Whether the nll rises from an optimum along the profile of the parameter that went furthest.

    In a valley that bends, curvature over a short step is not the valley's own.
    """
    working, errors = target.whitening.to_working(run.z[0]), run.standard_errors()[0]
    away = np.abs(working - original.whitening.center) / original.whitening.units
    held = np.array([away.argmax()])
    for side in (-1.0, 1.0):
        point = working.copy()
        point[held] += side * errors[held]
        fitted = fit_others(target, held, point, run.step_sizes, patient=True)
        lowest = run.value[0] - run.step_sizes.slack()
        if fitted is not None and target.value_at(fitted.working) < lowest:
            return False
    return True
