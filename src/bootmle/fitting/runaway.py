"""Replicates without a finite optimum: where each parameter goes."""

from __future__ import annotations

import numpy as np

from bootmle.fitting.divergence import Ray, probe_rays
from bootmle.fitting.infinity import fit_others
from bootmle.fitting.limits import SAME_SUPREMUM, SUPREMUM, UNBOUNDED, at_infinity, signs_of
from bootmle.fitting.lockstep import Lockstep, Settings
from bootmle.fitting.outcome import Outcome, certified, descend
from bootmle.fitting.whitening import Metric, Target

__all__ = ["diverged", "follow"]

_ELSEWHERE = 8.0
_FLAT_SIDE = 0.02
_LEGS = 8
_MOST_LEGS = 16
_STEADY = 4
_CLOSE = 1e-2
_FALL = 0.2


def diverged(target: Target, ray: Ray, settings: Settings) -> Outcome:
    """Report that there is no finite optimum, and where each parameter goes along a ray.

    A parameter has no determined sign where the likelihood still reaches the same supremum with it
    held: a diverging one at its estimate, another one far away.
    """
    signs = signs_of(target.metric.factor @ ray.direction / target.metric.units)
    here = () if np.count_nonzero(signs) == 1 else (0.0,)
    undetermined = np.zeros(signs.size, dtype=bool)
    for column, sign in enumerate(signs):
        shifts = here if sign else (-_ELSEWHERE, _ELSEWHERE)
        undetermined[column] = any(_reaches(target, column, ray, settings, each) for each in shifts)
    columns = np.flatnonzero(undetermined | (signs != 0))
    signs = np.where(undetermined, 0.0, signs)[columns]
    if not ray.saturating:
        origin = target.metric.to_working(ray.origin)
        return at_infinity(target, origin, columns, signs, UNBOUNDED)
    # Far out on the ray the parameters that converge have their estimates.
    far = target.metric.to_working(ray.origin + ray.reach * ray.direction)
    fitted = fit_others(target, columns, far, settings)
    if fitted is None:
        return at_infinity(target, target.metric.to_working(ray.origin), columns, signs, SUPREMUM)
    return at_infinity(target, fitted.working, columns, signs, SUPREMUM, fitted.errors)


def follow(target: Target, run: Lockstep, settings: Settings) -> Outcome | None:
    """Go on in coordinates that follow the curvature.

    Near a flat optimum they show what the original ones cannot resolve. Where a scale goes to zero
    the way is not a ray: every leg lowers the nll by about as much as the one before, and sharpens
    it. A finite optimum ends the way, and before its basin the legs may be long and hardly fall.
    """
    here, falls = target, []
    points = [target.metric.to_working(run.z[0])]
    for _ in range(_MOST_LEGS):
        if not np.isfinite(run.hessian[0]).all():
            return None
        center = here.metric.to_working(run.z[0])
        metric = here.metric.rewhitened(center, run.hessian[0])
        here = target.seen_in(metric)
        run = descend(here, np.zeros(metric.size), settings, rounds=3)
        last_step = np.abs(metric.factor @ run.steps[0] / target.metric.units).max()
        arrived = bool(run.done[0]) and last_step < _CLOSE
        settled = arrived and _rises_around(here, run)
        target.n_evaluations += here.n_evaluations
        if arrived:
            return certified(here, run) if settled else None
        falls.append(run.start_value - float(run.value[0]))
        points.append(metric.to_working(run.z[0]))
        if max(falls[-2:]) <= 4 * settings.noise and len(falls) > 1:
            return None
        if len(falls) >= _LEGS and min(falls[-_STEADY:]) > _FALL:
            # Parameters that converge have done so, where the others still go on.
            signs = signs_of((points[-1] - points[-3]) / target.metric.units)
            columns = np.flatnonzero(signs)
            return at_infinity(target, points[-1], columns, signs[columns], UNBOUNDED)
    return None


def _rises_around(target: Target, run: Lockstep) -> bool:
    """Whether the nll rises on every side, one standard error by the last Hessian away."""
    own = Metric.from_curvature(run.z[0], run.hessian[0])
    around = own.to_working(np.concatenate([np.eye(own.size), -np.eye(own.size)]))
    return bool(np.min(target.values(around) - run.value[0]) > _FLAT_SIDE)


def _reaches(target: Target, column: int, ray: Ray, settings: Settings, shift: float) -> bool:
    """Whether the supremum is reached with one parameter held so many units from its estimate."""
    metric, parameters = target.metric, target.likelihood.parameters
    working = metric.center.copy()
    working[column] += shift * metric.units[column]
    value = parameters.to_user(working)[parameters.free[column]]
    reduced = target.holding(np.array([column]), np.array([value]))
    z = np.zeros(reduced.metric.size)
    enough, reached = ray.follow(target)[1] + SAME_SUPREMUM, False
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
