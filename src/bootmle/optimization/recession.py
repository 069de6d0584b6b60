"""Optima at infinity along any direction, found by going there and fitting the rest across it."""

# A direction of recession (Rockafellar 1970, Convex Analysis, section 8) is one along which the nll
# never rises: a quasi-separated logit has one that is no coordinate axis (Albert and Anderson
# 1984).

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.derivatives import gradient_and_hessian
from bootmle.optimization.bounds import scale_ends
from bootmle.optimization.divergence import Ray, divergence_along
from bootmle.optimization.flat_spaces import (
    noise_at,
)
from bootmle.optimization.outcome import SUPREMUM, Outcome, no_finite_optimum
from bootmle.optimization.plateaus import SAME_SUPREMUM, fit_others
from bootmle.optimization.recession_path import LEVEL, RecessionPath, fit_across, follow, size_of
from bootmle.optimization.status import Status
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective

__all__ = ["along_recession"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """How a direction of recession is found, and what the nll does along one."""

    vanishing: float = 0.05
    """Curvature far out that is none: an error of a measured Hessian, and what is left of one that
    falls exponentially."""
    doublings: int = 5
    """Of the last leg, back along which the nll is looked at."""
    further: int = 10
    """Of it, forward, until the nll has been level on two of them."""
    halvings: int = 12
    """Of the way back to the estimate, where those distances lead beyond the domain."""
    hidden: float = 4.0
    """Noise levels, measured where the nll is looked at, by which a change there says nothing."""
    lopsided: float = 0.1
    """Share of the rise back that the nll may rise forward: at an optimum they are alike."""
    spread: float = 100.0
    """Multiple of the distance by which the steps that show noise there are longer, 0.01 of it."""
    unfitted: float = 1e-4
    """Fall across that is none: what 0.014 standard errors make."""
    saturating: float = 0.01
    """Share of the whole fall that the last doubling may have where there is a supremum."""
    involved: float = 1e-4
    """Part of a parameter in the direction, in standard errors, by which it diverges, too; the
    direction is known to 1e-6."""
    slow: float = 0.2
    """Part up to which a parameter may converge: whether it does is tried far out."""


_RULES = _Rules()


def along_recession(
    target: WhitenedObjective,
    z: Floats,
    step: Floats,
    step_sizes: StepSizes,
    *,
    flat_bottoms: bool = False,
) -> Outcome | None:
    """Find that the likelihood rises toward a supremum along a direction, or is flat along it."""
    # None where there is no direction in which the nll is nearly flat, or it rises along it. An
    # optimum may be nearly flat at its bottom, too: a fit's, seen from where the estimate is not
    # yet.
    path = follow(target, z, step, step_sizes)
    if path is None or not path.length > 0:
        return None
    step_sizes, forward = path.step_sizes, None
    for direction in _directions(target, path):
        forward = _forward(target, path, direction, step_sizes)
        if forward is not None:
            break
    if forward is None:
        return None
    origin, distance, falls, tolerance = forward
    total = float(np.sum(falls))
    seen, whole = _look_back(target, path, direction, tolerance)
    highest = max(float(seen.max(initial=0.0)), total)
    if highest <= tolerance:
        return _not_identified(target, path, direction, step_sizes) if whole else None
    if seen.min(initial=0.0) < -tolerance:
        tolerance = max(tolerance, noise_at(target, path.z, direction))
    if seen.min(initial=0.0) < -tolerance or not falls[-1] <= max(
        tolerance, _RULES.saturating * highest
    ):
        return None
    if np.max(falls[1:], initial=0.0) > SAME_SUPREMUM:
        return None  # the rest was fitted too far from the supremum: it is seen from further out
    if flat_bottoms and not _stays_low(target, path, origin, direction, seen, tolerance):
        return None
    far = Ray(origin, direction, path.value - total, distance, saturating=True)
    return _supremum(target, path, far, step_sizes)


def _supremum(
    target: WhitenedObjective, path: RecessionPath, far: Ray, step_sizes: StepSizes
) -> Outcome | None:
    """Fit what does not diverge far out on a ray; None where that does not converge."""
    far_out = far.origin + far.reach * far.direction
    if not _is_alone(target, far_out, far.end, step_sizes):
        return divergence_along(target, far, step_sizes)
    signs = _signs(target, path, far.direction, far.reach)
    columns = np.flatnonzero(signs)
    far_out = target.whitening.to_working(far_out)
    fitted = fit_others(target, columns, far_out, step_sizes)
    ends = scale_ends(target.likelihood.parameters, columns, signs[columns])
    if fitted is None:
        return None
    return no_finite_optimum(target, fitted.working, columns, ends, SUPREMUM, fitted.errors)


def _stays_low(
    target: WhitenedObjective,
    path: RecessionPath,
    origin: Floats,
    direction: Floats,
    seen: Floats,
    tolerance: float,
) -> bool:
    """Whether the nll does not rise forward at the distance at which it has risen back."""
    # Noise, and the end of the domain, say nothing.
    back = path.length * 2.0 ** np.arange(-2, _RULES.doublings)
    if seen.size != back.size or not seen.max() > tolerance:
        return True
    visible = seen > min(SAME_SUPREMUM, seen.max() / 2)
    place = int(np.argmax(visible))
    point = origin + back[place] * direction
    value = target.value(point)
    allowed = max(_RULES.lopsided * seen[place], tolerance)
    if not np.isfinite(value) or value <= path.value + allowed:
        return True
    # Far out noise is alike over short distances, and shows over longer ones.
    noise = noise_at(target, point, _RULES.spread * back[place] * direction)
    return bool(value <= path.value + _RULES.hidden * noise)


def _look_back(
    target: WhitenedObjective, path: RecessionPath, direction: Floats, tolerance: float
) -> tuple[Floats, bool]:
    """Return how far the nll rises back along a direction, and whether it is finite all along."""
    back = path.length * 2.0 ** np.arange(-2, _RULES.doublings)
    rises = target.values(path.z - back[:, None] * direction) - path.value
    seen = rises[np.isfinite(rises)]
    whole = seen.size == rises.size
    way = float(path.z @ direction)
    if not whole and way > 0 and seen.max(initial=0.0) <= tolerance:
        nearer = way * (1 - 0.5 ** np.arange(1, _RULES.halvings))
        rises = target.values(path.z - nearer[:, None] * direction) - path.value
        seen = np.concatenate([seen, rises[np.isfinite(rises)]])
    return seen, whole


def _is_alone(target: WhitenedObjective, z: Floats, value: float, step_sizes: StepSizes) -> bool:
    """Whether far out one direction has no curvature, and the nll is lowest across it."""
    # Otherwise the directions of recession are a cone, of which this one may be an edge.
    unit = np.ones(z.size)
    slope, hessian = gradient_and_hessian(target, z, value, unit, step_sizes.hessian_step)
    if not np.isfinite(hessian).all():
        return True
    curvatures, vectors = np.linalg.eigh(hessian)
    curved = curvatures >= _RULES.vanishing
    falls = 0.5 * (slope @ vectors[:, curved]) ** 2 / curvatures[curved]
    return int((~curved).sum()) <= 1 and bool(falls.sum() <= _RULES.unfitted)


def _signs(
    target: WhitenedObjective, path: RecessionPath, direction: Floats, distance: float
) -> Floats:
    """Return the signs (q,) of a divergence; 0 for parameters that can as well stay."""
    # One that moves little may only be on its way to its limit.
    whitening = target.whitening
    pace = whitening.factor @ direction / whitening.units
    share = np.abs(pace) / np.abs(pace).max()
    kept = np.where(share > _RULES.slow, pace, 0.0)
    if np.any((share > _RULES.involved) & (kept == 0)):
        moved = whitening.to_whitened(whitening.center + distance * kept * whitening.units)
        if not target.value(path.z + moved) <= path.value + LEVEL:
            kept = np.where(share > _RULES.involved, pace, 0.0)
    return np.sign(kept)


def _directions(target: WhitenedObjective, path: RecessionPath) -> Iterator[Floats]:
    """List the directions to look along: how the path came, then others of its flat space."""
    came = path.came / path.length
    yield came
    if path.spaces.n_shallow > 1:
        yield _inside(path)
        yield _nearest_axis(target, came)


def _inside(path: RecessionPath) -> Floats:
    """Return the direction (r,) in which all that is nearly flat moves away from the estimate."""
    # It leads into a cone of recession, whose edges the last leg may follow.
    shallow = path.spaces.shallow
    away = shallow @ (shallow.T @ path.z)
    return np.asarray(away / size_of(away))


def _forward(
    target: WhitenedObjective, path: RecessionPath, direction: Floats, step_sizes: StepSizes
) -> tuple[Floats, float, Floats, float] | None:
    """Return where a ray begins, how far it was looked at, its falls, and what counts as none."""
    # None where the nll rises by more than its noise there, and still does with the rest fitted.
    tolerance = max(LEVEL, step_sizes.slack(path.value))
    values, reached, origin = [path.before, path.value], 0.0, path.z
    for doubling in range(_RULES.further):
        distance = path.length * 2.0**doubling
        point = origin + distance * direction
        value = target.value(point)
        change = abs(value - values[-1])
        if not change <= tolerance:
            noise = noise_at(target, point, direction)
            hidden = noise > tolerance and change <= _RULES.hidden * noise
            if hidden or not np.isfinite(value):
                break
            if value > values[-1] and path.spaces.n_shallow > 1:
                # A direction that is off by little leads up a valley's side in the end.
                point, done = fit_across(target, point, path.spaces.steep, step_sizes)
                value = target.value(point) if done else np.inf
                origin = point - distance * direction
            if value > values[-1] + max(tolerance, noise):
                return None
        values.append(value)
        reached = distance
        if np.ptp(values[-3:]) <= tolerance:
            break
    return origin, reached, -np.diff(values), tolerance


def _nearest_axis(target: WhitenedObjective, direction: Floats) -> Floats:
    """Return the direction (r,) in which the parameter that moves most moves alone."""
    whitening = target.whitening
    pace = whitening.factor @ direction
    column = int(np.argmax(np.abs(pace / whitening.units)))
    moved = whitening.center.copy()
    moved[column] += pace[column]
    alone = whitening.to_whitened(moved)
    return np.asarray(alone / np.linalg.norm(alone))


def _not_identified(
    target: WhitenedObjective, path: RecessionPath, direction: Floats, step_sizes: StepSizes
) -> Outcome:
    """Report an optimum that is flat along a direction: the parameters in it have no value."""
    pace = target.whitening.factor @ direction / target.whitening.units
    columns = np.flatnonzero(np.abs(pace) > _RULES.involved * np.abs(pace).max())
    fitted = fit_others(target, columns, target.whitening.to_working(path.z), step_sizes)
    parameters = target.likelihood.parameters
    working = target.whitening.to_working(path.z) if fitted is None else fitted.working
    params = parameters.to_user(working)
    params[parameters.free[columns]] = np.nan
    errors = None
    if fitted is not None:
        errors = parameters.in_all(fitted.errors)
    message = f"flat along a direction of {parameters.listed(columns)}"
    return Outcome(params, Status.NOT_IDENTIFIED, np.nan, message, errors)
