"""Replicates without a finite optimum: where each parameter goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from bootmle.arrays import Floats
from bootmle.fitting.divergence import Ray, probe_rays
from bootmle.fitting.infinity import fit_others
from bootmle.fitting.limits import limit_of
from bootmle.fitting.lockstep import Lockstep, Settings
from bootmle.fitting.outcome import Outcome, certified, descend
from bootmle.fitting.whitening import Target
from bootmle.status import Status

__all__ = ["diverged", "follow"]

_SAME_SUPREMUM = 1e-2
_ELSEWHERE = 8.0
_DIVERGES = 0.02
_FLAT_SIDE = 0.02
_LEGS = 8
_CLOSE = 1e-2
_FALL = 0.2


def diverged(target: Target, ray: Ray, settings: Settings) -> Outcome:
    """Report that there is no finite optimum, and where each parameter goes along a ray."""
    kind = "rises towards a supremum" if ray.saturating else "rises without bound"
    way = target.metric.factor @ ray.direction

    def open_sign(column: int, diverges: bool) -> bool:
        shifts = (0.0,) if diverges else (-_ELSEWHERE, _ELSEWHERE)
        return any(_reaches(target, column, ray, settings, shift) for shift in shifts)

    outcome = _without_optimum(target, way, target.metric.to_working(ray.origin), kind, open_sign)
    return _with_others_fitted(target, ray, outcome, settings) if ray.saturating else outcome


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


def _with_others_fitted(target: Target, ray: Ray, outcome: Outcome, settings: Settings) -> Outcome:
    """Fit the parameters that converge, far out on a ray whose likelihood has a supremum."""
    parameters = target.likelihood.parameters
    gone = np.flatnonzero(~np.isfinite(outcome.params[parameters.free]))
    far = target.metric.to_working(ray.origin + ray.reach * ray.direction)
    fitted = None if gone.size == far.size else fit_others(target, gone, far, settings)
    if fitted is None:
        return outcome
    params = outcome.params.copy()
    others = np.setdiff1d(np.arange(far.size), gone)
    params[parameters.free[others]] = parameters.to_user(fitted)[parameters.free[others]]
    return replace(outcome, params=params)


def follow(target: Target, run: Lockstep, settings: Settings) -> Outcome | None:
    """Go on in coordinates that follow the curvature.

    Near a flat optimum they show what the original ones cannot resolve. Where a scale goes to zero
    the way is not a ray: every leg lowers the nll by about as much as the one before, and sharpens
    it. A finite optimum ends the way within a few legs.
    """
    here, falls = target, []
    points = [target.metric.to_working(run.z[0])]
    for _ in range(_LEGS):
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
    if max(falls[-(_LEGS // 2) :]) < _FALL:
        return None
    # Parameters that converge have done so in the last legs, where the others still go on.
    return _without_optimum(target, points[-1] - points[-3], points[-1], "rises without bound")


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
