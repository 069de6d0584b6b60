"""From a rough stationary point to it, in a rough frame, before the Hessian is measured there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.definiteness import is_definite
from bootmle.likelihood.differences import Frame, Measured, Objective
from bootmle.likelihood.frame import whitened_frame
from bootmle.likelihood.hessian import is_regular
from bootmle.likelihood.quick_hessian import look, quick_step

__all__ = ["Station", "approach", "closer", "shift", "stays"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """How a point is moved to where the gradient vanishes, in rough standard errors."""

    furthest: float = 3.0
    """Largest first step: where a quadratic leads further, steps are left to a descent that
    measures the Hessian at each."""
    near: float = 3e-3
    """The same by gradients, which do not show whether curvatures are about one."""
    shrinks: float = 0.5
    """Ratio of successive steps that is progress: on the way to infinity there is none."""
    steps: int = 6
    """Most steps: they square the distance, or halve it, and measuring a Hessian costs as much as
    eight of them at p = 12."""
    halvings: int = 2
    """Of a step that does not lower the nll."""
    hidden: float = 4.0
    """Noise levels by which the nll may rise: 2.8 standard deviations of a difference."""
    rate: float = 0.3
    """Ratio of successive steps by the Hessian of a quasi-Newton search, where none was taken yet:
    0.2 to 0.4 on the problems of Moré and Wild."""
    rough: tuple[float, float] = (1e-6, 1e6)
    """Curvatures along the axes of a frame that leads to a better one."""
    frames: int = 3
    """Most frames: SciPy's, a rough one at its point and, where that was far away, one nearer."""
    nearer: int = 3
    """Most steps from within the distance below to where no Hessian has to be measured again: that
    takes four times as many evaluations at p = 8."""
    stays: float = 2e-7
    """Distance at which a fit stays where it is, with the error of the gradient added."""
    shift: float = 3e-5
    """Distance over which a measured Hessian leads to the last digit, and still holds: a third
    derivative of 0.1 changes it by 3e-6, which is added to its bounds."""
    third: float = 3.0
    """Safety on the largest third derivative along a line, which those between lines may exceed."""
    added: float = 1e-4
    """Most that a shift may add to the bounds of a Hessian that is about one."""


_RULES = _Rules()


@dataclass(frozen=True, slots=True)
class Station:
    """A point near a stationary one, a frame in which curvatures are about one, and both there."""

    objective: Objective
    frame: Frame
    noise: float
    step: float  # of the differences below
    slope: Floats
    hessian: Floats  # with the curvatures along the axes on its diagonal
    mixed: bool = False  # whether mixed derivatives were looked at

    @property
    def newton_step(self) -> Floats:
        """The step (p,) to the stationary point, in the frame."""
        return np.asarray(-np.linalg.solve(self.hessian, self.slope), dtype=float)

    def is_within_shift(self, third: float = 0.0) -> bool:
        """Whether a Hessian measured here, with such third derivatives, holds to the optimum."""
        return _holds(float(np.linalg.norm(self.newton_step)), third)


def approach(objective: Objective, frame: Frame, noise: float) -> Station | None:
    """Move the objective's point to near a stationary one, by differences along the axes."""
    # The differences there are among those that the Hessian is measured by. A frame in which
    # curvatures are not about one is whitened by a rough Hessian. None where that fails.
    here = _whitened(_arrive(objective, frame, noise), 0)
    furthest = _RULES.furthest if objective.order == 2 else _RULES.near
    before, frames = furthest / _RULES.shrinks, 1
    for _ in range(_RULES.steps):
        if here is None or here.is_within_shift():
            return here
        size = float(np.linalg.norm(here.newton_step))
        if not size < _RULES.shrinks * before:
            return None
        there = _stepped(here)
        if there is None:
            return None
        if not is_regular(np.diag(there.hessian)):
            frames += 1
        before, here = size, _whitened(there, frames, size)
    return here if here is not None and here.is_within_shift() else None


def closer(here: Station, third: float = np.inf) -> Station:
    """Step nearer until a Hessian measured here holds to the optimum, or a fit stays here."""
    # As far as the frame fits, with such third derivatives.
    for _ in range(_RULES.nearer):
        size = float(np.linalg.norm(here.newton_step))
        if size < _RULES.stays or _holds(size, third):
            break
        there = _stepped(here)
        if there is None or not is_regular(np.diag(there.hessian)):
            break
        here = there
    return here


def _arrive(objective: Objective, frame: Frame, noise: float) -> Station:
    """Look at the axes from the objective's point."""
    step = quick_step(objective, frame, noise)
    slope, curvatures = look(objective, frame, step)
    return Station(objective, frame, noise, step, slope, np.diag(curvatures))


def _stepped(here: Station) -> Station | None:
    """Step to the stationary point by the Hessian known; None where the nll does not fall."""
    move = here.newton_step
    for _ in range(_RULES.halvings + 1):
        objective = _lower(here, move)
        if objective is not None:
            break
        move = move / 2
    else:
        return None
    there = _arrive(objective, here.frame, here.noise)
    curvatures = np.diag(there.hessian)
    if not np.all(curvatures > 0):
        return there
    hessian = _updated(here.hessian, move, there.slope - here.slope)
    if objective.order == 2:
        roots = np.sqrt(curvatures / np.diag(hessian))
        hessian = hessian * np.outer(roots, roots)
    return replace(there, hessian=hessian, mixed=here.mixed)


def _lower(here: Station, move: Floats) -> Objective | None:
    """Move the objective's point, in the frame; None where it is higher, or outside its domain."""
    try:
        objective = here.objective.moved(here.frame.axes @ move)
    except ValueError:
        return None
    if objective.order == 1:
        return objective
    highest = float(here.objective.base) + _RULES.hidden * here.noise
    return objective if float(objective.base) <= highest else None


def _whitened(here: Station, frames: int, before: float | None = None) -> Station | None:
    """Put a frame in which curvatures are not about one right; None where that fails."""
    # Mixed derivatives are looked at if that costs less than the looks to come without them, by the
    # step before.
    size = len(here.slope)
    if here.objective.order == 1:
        return here
    if is_regular(np.diag(here.hessian)):
        return _with_mixed(here) if not here.mixed and _are_mixed_worth_it(here, before) else here
    low, high = _RULES.rough
    curvatures = np.diag(here.hessian)
    if frames >= _RULES.frames or not np.all((curvatures > low) & (curvatures < high)):
        return None
    rough = _with_mixed(here)
    if rough is None:
        return None
    inner = whitened_frame(np.zeros(size), rough.hessian)
    inverse = inner.inverse @ here.frame.inverse
    frame = Frame(here.frame.axes @ inner.axes, inverse, 1 / np.linalg.norm(inverse, axis=0))
    turned = replace(rough, frame=frame, slope=inner.axes.T @ here.slope, hessian=np.eye(size))
    if not turned.is_within_shift():
        return turned
    there = _arrive(here.objective, frame, here.noise)
    return there if is_regular(np.diag(there.hessian)) else None


def _are_mixed_worth_it(here: Station, before: float | None) -> bool:
    """Whether a look at all pairs takes less than one at the axes at each step that it saves."""
    p, step = len(here.slope), float(np.linalg.norm(here.newton_step))
    rate = _RULES.rate if before is None else step / before
    if not (step > _RULES.shift and rate < 1):
        return False
    saved = np.ceil(np.log(step / _RULES.shift) / np.log(1 / rate)) - 1
    return bool(p * (p - 1) / 2 <= saved * (2 * p + 1))


def _with_mixed(here: Station) -> Station | None:
    """Look at mixed derivatives, too; None where the Hessian is then not positive definite."""
    # One evaluation shows a pair's, as slopes and curvatures are known.
    objective, slope, curvatures = here.objective, here.slope, np.diag(here.hessian)
    size, steps = len(slope), here.step / np.sqrt(curvatures)
    rough = np.diag(curvatures)
    alone = float(objective.base) + slope * steps + curvatures * steps**2 / 2
    pairs, moves = list(combinations(range(size), 2)), here.frame.axes * steps
    corners = [moves[:, i] + moves[:, j] for i, j in pairs]
    objective.expect(corners)
    for (i, j), corner in zip(pairs, corners, strict=True):
        mixed = float(objective(corner)) - alone[i] - alone[j] + float(objective.base)
        rough[i, j] = rough[j, i] = mixed / (steps[i] * steps[j])
    scaled = rough / np.sqrt(np.outer(curvatures, curvatures))
    if not (np.isfinite(scaled).all() and np.linalg.eigvalsh(scaled)[0] > _RULES.rough[0]):
        return None
    return replace(here, hessian=rough, mixed=True)


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
    """Move by a Newton step to where the slope vanishes, in a frame; None where that is too far."""
    # What is known there has bounds that are wider by what third derivatives may change.
    if not (np.isfinite(measured.slope).all() and is_definite(measured.matrix, measured.error)):
        return None
    step: Floats = -np.linalg.solve(measured.matrix, measured.slope).astype(float)
    size, third = float(np.linalg.norm(step)), _RULES.third * measured.third
    if not _holds(size, measured.third):
        return None
    there = replace(
        measured,
        error=measured.error + third * size,
        slope=measured.slope + measured.matrix @ step,
        slope_error=measured.slope_error + measured.error @ np.abs(step) + third * size**2 / 2,
    )
    return step, there


def stays(measured: Measured) -> bool:
    """Whether a fit stays at the point measured."""
    step = np.linalg.solve(measured.matrix, measured.slope)
    size = float(np.linalg.norm(step)) + float(np.linalg.norm(measured.slope_error))
    return size < 2 * _RULES.stays


def _holds(size: float, third: float) -> bool:
    """Whether a Hessian holds over a distance of that size."""
    return size < _RULES.shift and _RULES.third * third * size < _RULES.added
