"""From near a stationary point to it, in a rough frame, before the Hessian is measured there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.definiteness import is_definite
from bootmle.likelihood.differences import Frame, Measured, Objective
from bootmle.likelihood.frame import whitened_frame
from bootmle.likelihood.hessian import balanced_step, is_regular
from bootmle.likelihood.lattice import fourth_order_slope
from bootmle.likelihood.taylor import expect_along, restrict

__all__ = ["approach", "shift"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """How a point is moved to where the gradient vanishes, in rough standard errors."""

    near: float = 3e-3
    """Largest distance from it: what SciPy stopped at is then described by what is found there."""
    far: float = 0.1
    """Distance, by the largest curvature in a frame, beyond which no better frame is looked for."""
    step: float = 1e-3
    """Of central differences: off by 1e-6/6 times a third derivative, 1/√n or so."""
    shrinks: float = 0.5
    """Ratio of successive slopes that is progress; where there is none, steps follow a rough
    Hessian, which costs p²/2 evaluations."""
    steps: int = 4
    """Most steps: 4 take 100 evaluations at p = 12, and measuring the Hessian again takes 200."""
    rough: tuple[float, float] = (1e-6, 1e6)
    """Curvatures along the axes of a frame that leads to a better one."""
    shift: float = 3e-5
    """Distance over which a measured Hessian leads to the last digit, and still holds: a third
    derivative of 0.1 changes it by 3e-6, which is added to its bounds."""
    third: float = 3.0
    """Safety on the largest third derivative along a line, which those between lines may exceed."""
    added: float = 1e-4
    """Most that a shift may add to the bounds of a Hessian that is about one."""


_RULES = _Rules()


def approach(objective: Objective, frame: Frame, noise: float) -> tuple[Objective, Frame] | None:
    """Move the objective's point to near a stationary one, by differences along the frame's axes.

    The first differences are among those that the Hessian there is measured by. A frame in which
    curvatures are not about one is whitened by a rough Hessian. None where that fails.
    """
    step = balanced_step(noise, objective.order)
    slope, curvatures = _look(objective, frame, step)
    if not is_regular(curvatures):
        if not np.linalg.norm(slope) < _RULES.far * np.sqrt(np.max(np.abs(curvatures))):
            return None
        better = _rewhitened(objective, frame, slope, curvatures, step)
        if better is None:
            return None
        frame = better
        slope, curvatures = _look(objective, frame, step)
    if not (is_regular(curvatures) and np.linalg.norm(slope / np.sqrt(curvatures)) < _RULES.near):
        return None
    if _RULES.shift / 2 < np.linalg.norm(slope) < step**2:  # what a third derivative may leave
        slope = _accurate_slope(objective, frame, step)
    hessian = np.diag(curvatures)
    for _ in range(_RULES.steps):
        if np.linalg.norm(slope) < _RULES.shift:
            return objective, frame
        move = np.asarray(np.linalg.solve(hessian, -slope))
        before, objective = slope, objective.moved(frame.axes @ move)
        slope, _ = _look(objective, frame, _RULES.step)
        if not np.linalg.norm(slope) < _RULES.shrinks * np.linalg.norm(before):
            return None
        hessian = _updated(hessian, move, slope - before)
    return None


def _look(objective: Objective, frame: Frame, step: float) -> tuple[Floats, Floats]:
    """Return slopes and curvatures along the axes by central differences; ones by gradients."""
    if objective.order == 1:
        return frame.turn(objective.base), np.ones(len(objective.point))
    up, down = _values(objective, frame, [step, -step])
    return (up - down) / (2 * step), (up + down - 2 * float(objective.base)) / step**2


def _accurate_slope(objective: Objective, frame: Frame, step: float) -> Floats:
    """Return slopes along the axes to fourth order, by all points that a Hessian here needs."""
    if objective.order == 1:
        return frame.turn(objective.base)
    up, down, up2, down2 = _values(objective, frame, [step, -step, 2 * step, -2 * step])
    return fourth_order_slope(up - down, up2 - down2, step)


def _values(objective: Objective, frame: Frame, places: Sequence[float]) -> Floats:
    """Evaluate the objective at places (k,) on every axis, (k, p)."""
    axes = np.eye(len(objective.point))
    expect_along(objective, frame, [(axis, np.array(places)) for axis in axes])
    lines = [restrict(objective, frame, axis) for axis in axes]
    return np.array([[float(line(place)) for place in places] for line in lines]).T


def _rewhitened(
    objective: Objective, frame: Frame, slope: Floats, curvatures: Floats, step: float
) -> Frame | None:
    """Whiten a frame by a rough Hessian in it; None where that is not positive definite.

    One evaluation shows a pair's mixed derivative, as slopes and curvatures are known.
    """
    low, high = _RULES.rough
    if not np.all((curvatures > low) & (curvatures < high)):
        return None
    size, steps = len(slope), step / np.sqrt(curvatures)
    rough = np.diag(curvatures)
    alone = float(objective.base) + slope * steps + curvatures * steps**2 / 2
    pairs, moves = list(combinations(range(size), 2)), frame.axes * steps
    corners = [moves[:, i] + moves[:, j] for i, j in pairs]
    objective.expect(corners)
    for (i, j), corner in zip(pairs, corners, strict=True):
        mixed = float(objective(corner)) - alone[i] - alone[j] + float(objective.base)
        rough[i, j] = rough[j, i] = mixed / (steps[i] * steps[j])
    scaled = rough / np.sqrt(np.outer(curvatures, curvatures))
    if not (np.isfinite(scaled).all() and np.linalg.eigvalsh(scaled)[0] > low):
        return None
    inner = whitened_frame(np.zeros(size), rough)
    inverse = inner.inverse @ frame.inverse
    return Frame(frame.axes @ inner.axes, inverse, 1 / np.linalg.norm(inverse, axis=0))


def _updated(hessian: Floats, move: Floats, change: Floats) -> Floats:
    """Update a Hessian by a step and the gradient's change (BFGS); as it is where that fails."""
    along = hessian @ move
    curvature = float(change @ move)
    if not curvature > 0:
        return hessian
    return np.asarray(
        hessian + np.outer(change, change) / curvature - np.outer(along, along) / (along @ move)
    )


def shift(measured: Measured) -> tuple[Floats, Measured] | None:
    """Move by a Newton step to where the slope vanishes, in a frame; None where that is too far.

    What is known there has bounds that are wider by what third derivatives may change.
    """
    if not (np.isfinite(measured.slope).all() and is_definite(measured.matrix, measured.error)):
        return None
    step: Floats = -np.linalg.solve(measured.matrix, measured.slope).astype(float)
    size, third = float(np.linalg.norm(step)), _RULES.third * measured.third
    if not (size < _RULES.shift and third * size < _RULES.added):
        return None
    there = replace(
        measured,
        error=measured.error + third * size,
        slope=measured.slope + measured.matrix @ step,
        slope_error=measured.slope_error + measured.error @ np.abs(step) + third * size**2 / 2,
    )
    return step, there
