"""Coordinates in which an objective's curvatures are about one, found by probing each parameter."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.differences import Frame, Objective, Probe

__all__ = ["find_frame", "frame_of", "whitened_frame"]

_EPS = float(np.finfo(float).eps)


_SHORTEST, _LONGEST = np.sqrt([np.finfo(float).tiny, np.finfo(float).max])
"""Steps with squares that are floating-point numbers."""


@dataclass(frozen=True, slots=True)
class _Probing:
    """How far the steps go that find each parameter's scale."""

    first_step: float = 1e-3
    """Relative to the parameter; also the factor by which a step outside the domain is shortened,
    and the largest step is 1 over it."""
    zero: float = 1e-8
    """Size, √ε, below which a parameter's value says nothing of its scale, unless a step of a
    thousandth of it has an effect; 1 is taken instead."""
    effect: float = 100.0
    """Spacings of floating-point numbers that are an effect."""
    inert: float = 1e-2
    """Scale of a parameter without a visible effect, relative to its value or 1: any will do."""
    shrinkage: float = 0.3
    """Of a step with no visible effect, relative to the one at which a curvature would be seen."""
    attempts: int = 6
    """Most probes of a parameter where those that the budget allows, 2 to 4, have all failed."""
    flattest: float = 1e-6
    """Smallest curvature on the unit diagonal that whitens: a rough second difference, by a step of
    (100 r)^(1/4) with rounding r, errs by about √r / 2, 2e-7 for an nll of 1000."""


_PROBING = _Probing()


def find_frame(objective: Objective) -> Frame:
    """Scale every parameter, and whiten unless the point lies at a boundary of the domain."""
    p = len(objective.point)
    reserve = 3 * p * p + p + 4 if objective.order == 2 else 4 * p + 4
    probes: list[Probe | None] = []
    for axis in range(p):
        attempts = (objective.left - reserve) // 2 - (p - 1 - axis)
        probes.append(_search(objective, axis, min(max(attempts, 2), 4)))
    inert = _PROBING.inert * np.maximum(np.abs(objective.point), 1.0)
    seen = np.array([probe.curvature if probe and probe.is_seen else 0.0 for probe in probes])
    scales = np.where(seen != 0, 1 / np.sqrt(np.abs(seen)), inert)
    inner = [probe for probe in probes if probe and probe.two_sided]
    if len(inner) == p:
        return _whiten(objective.roughen(inner), scales)
    # Sums of feasible steps along the axes stay feasible; whitened axes need not be feasible.
    signed = scales * [probe.sign if probe else 1.0 for probe in probes]
    return Frame(np.diag(signed), np.diag(1 / signed), scales)


def frame_of(metric: Floats) -> Frame | None:
    """Whiten by a rough inverse Hessian, as SciPy's BFGS has; None where it is not definite."""
    spread = np.sqrt(np.maximum(np.diag(metric), 0.0))
    if not (np.isfinite(metric).all() and spread.all()):
        return None
    try:
        root = np.linalg.cholesky(metric / np.outer(spread, spread))
    except np.linalg.LinAlgError:
        return None
    inverse = np.linalg.inv(root) / spread
    return Frame(spread[:, None] * root, inverse, 1 / np.linalg.norm(inverse, axis=0))


def _search(objective: Objective, axis: int, attempts: int) -> Probe | None:
    """Probe an axis until a step changes the objective by about the amount aimed at."""
    size = _size(objective, axis)
    reach = max(size, 1.0) / _PROBING.first_step
    short, long = _EPS * size, 2 * reach
    step, found = _PROBING.first_step * size, None
    for attempt in range(1, _PROBING.attempts + 1):
        probe = _probe(objective, axis, step)
        found = _better(found, probe)
        if probe and probe.suffices(attempt >= attempts):
            break
        proposal, short, long = _propose(probe, step, short, long)
        if short >= reach:
            break
        proposal = min(proposal, reach)
        step = proposal if short < proposal < long else float(np.sqrt(short * long))
    return found


def _size(objective: Objective, axis: int) -> float:
    """Return the size of a parameter's value, 1 where that says nothing of its scale."""
    size = abs(float(objective.point[axis]))
    if size > _PROBING.zero or size == 0:
        return size or 1.0
    change = objective(_PROBING.first_step * size * np.eye(len(objective.point))[axis])
    effect = float(np.max(np.abs(change - objective.base)))
    return 1.0 if effect <= _PROBING.effect * objective.resolution(objective.base, change) else size


def _better(found: Probe | None, probe: Probe | None) -> Probe | None:
    """Prefer a probe that sees the curvature, of those one from both sides, then the later."""
    if probe is None or found is None:
        return probe or found
    rank = [each.is_seen * (1 + each.two_sided) for each in (found, probe)]
    if rank[1] < max(rank[0], 1):
        return found
    # Where a longer step was inside the domain on one side only, that is the side to go to.
    return probe if found.two_sided else replace(probe, sign=found.sign)


def _propose(
    probe: Probe | None, step: float, short: float, long: float
) -> tuple[float, float, float]:
    """Return the next step, and the steps known to be too short and too long."""
    if probe is None or not probe.two_sided:
        return _PROBING.first_step * step, short, step
    if not probe.is_seen:
        return max(_PROBING.shrinkage * step / probe.length, _PROBING.first_step), step, long
    proposal = step * probe.target / probe.length
    return (proposal, step, long) if proposal > step else (proposal, short, step)


def _probe(objective: Objective, axis: int, step: float) -> Probe | None:
    """Step to both sides, or twice to the side inside the domain; None where neither is."""
    unit = np.eye(len(objective.point))[axis]
    # Too short where the nll falls without end on the way to a point, too long for one at 1e160.
    if not _SHORTEST < step < _LONGEST:
        return None
    ahead, behind = objective(step * unit), objective(-step * unit)
    inside = [bool(np.isfinite(value).all()) for value in (ahead, behind)]
    if not any(inside):
        return None
    sign, near = (1.0, ahead) if inside[0] else (-1.0, behind)
    other = behind if all(inside) else objective(2 * sign * step * unit)
    if not np.isfinite(other).all():
        return None
    difference = objective.difference(near, other, all(inside))
    curvature = objective.curvature(difference, axis, step if all(inside) else sign * step)
    resolution = objective.resolution(objective.base, near) if objective.order == 2 else 0.0
    return Probe(step, difference, curvature, resolution, sign, all(inside))


def whitened_frame(point: Floats, hessian: Floats) -> Frame:
    """Return the frame that a known Hessian whitens."""
    diagonal = np.abs(np.diag(hessian))
    inert = _PROBING.inert * np.maximum(np.abs(point), 1.0)
    scales = np.where(diagonal > 0, 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0)), inert)
    return _whiten(hessian, scales)


def _whiten(rough: Floats, scales: Floats) -> Frame:
    """Return axes along the eigenvectors of a rough Hessian, on its unit diagonal."""
    eigenvalues, vectors = np.linalg.eigh(rough * np.outer(scales, scales))
    roots = np.sqrt(np.maximum(np.abs(eigenvalues), _PROBING.flattest))
    return Frame(scales[:, None] * vectors / roots, (vectors * roots / scales[:, None]).T, scales)
