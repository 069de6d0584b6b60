"""Coordinates in which an objective's curvatures are about one, found by probing each parameter."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.differences import Frame, Objective
from bootmle.likelihood.probes import Probe

__all__ = ["find_frame", "frame_of", "whitened_frame"]

_EPS = float(np.finfo(float).eps)
_TINY = float(np.finfo(float).tiny)


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
    reach = np.full(p, np.inf)
    for axis in range(p):
        attempts = (objective.left - reserve) // 2 - (p - 1 - axis)
        probe, reach[axis] = _search(objective, axis, min(max(attempts, 2), 4))
        probes.append(probe)
    inert = _PROBING.inert * np.maximum(np.abs(objective.point), 1.0)
    seen = np.array([probe.curvature if probe and probe.is_seen else 0.0 for probe in probes])
    scales = np.where(seen != 0, 1 / np.sqrt(np.abs(seen)), inert)
    inner = [probe for probe in probes if probe and probe.two_sided]
    if len(inner) == p:
        inner, reach = _within_reach(objective, inner, reach)
        return replace(_whiten(objective.roughen(inner), scales), reach=reach)
    # Sums of feasible steps along the axes stay feasible; whitened axes need not be feasible.
    signed = scales * [probe.sign if probe else 1.0 for probe in probes]
    return Frame(np.diag(signed), np.diag(1 / signed), scales, reach)


def _within_reach(
    objective: Objective, probes: list[Probe], reach: Floats
) -> tuple[list[Probe], Floats]:
    """Shorten steps that change a component of a gradient beyond where that is linear."""
    if np.isinf(reach).all():
        return probes, reach
    # The step along an axis changes component j as a step along axis j of |H_ji / H_jj| times it.
    columns = np.stack([probe.difference / probe.step for probe in probes], axis=1)
    with np.errstate(all="ignore"):
        shares = np.abs(columns / np.diag(columns)).T
        reach = np.fmin(reach, np.nanmin(reach[:, None] / shares, axis=0))
    shorter = [
        _probe(objective, axis, reach[axis]) if probe.step > reach[axis] else probe
        for axis, probe in enumerate(probes)
    ]
    return [new or old for new, old in zip(shorter, probes, strict=True)], reach


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


def _search(objective: Objective, axis: int, attempts: int) -> tuple[Probe | None, float]:
    """Probe an axis until a step changes the objective by about the amount aimed at."""
    # Returned with it is how far the gradient is linear, infinite where no end of that was met.
    size = _size(objective, axis)
    limit = max(size, 1.0) / _PROBING.first_step
    short, long = _EPS * size, 2 * limit
    step, found, reach = _PROBING.first_step * size, None, np.inf
    for attempt in range(1, _PROBING.attempts + 1):
        probe = _probe(objective, axis, step)
        if probe and found and _is_beyond(objective, axis, probe, found):
            # A gradient saturates: one standard error by its curvature may lie far beyond that.
            reach, long = found.step, step
            step = float(np.sqrt(found.step * step))
            continue
        if probe and probe.is_bent and (found is None or found.is_bent):
            found, long, step = probe, step, max(_PROBING.first_step * step, short)
            continue
        found = _better(found, probe)
        if probe and probe.suffices(attempt >= attempts):
            break
        proposal, short, long = _propose(probe, step, short, long)
        if short >= limit:
            break
        proposal = min(proposal, limit)
        step = proposal if short < proposal < long else float(np.sqrt(short * long))
    return found, reach if found is None or np.isinf(reach) else found.step


def _is_beyond(objective: Objective, axis: int, probe: Probe, found: Probe) -> bool:
    """Whether a gradient is linear up to a probe's step but not up to a longer one's."""
    if objective.order == 2 or found.is_bent or not found.two_sided or probe.step <= found.step:
        return False
    if probe.agrees(found) and not probe.is_bent:
        return False
    # What a short step shows may be noise, which changes when the step is doubled.
    double = _probe(objective, axis, 2 * found.step)
    return double is not None and not double.is_bent and double.agrees(found)


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
    if objective.order == 2:
        resolution = objective.resolution(objective.base, near)
        return Probe(step, difference, curvature, resolution, sign, all(inside))
    bend = abs(float((near + other - 2 * objective.base)[axis])) / 2 if all(inside) else 0.0
    relative = bend / max(abs(float(difference[axis])), _TINY)
    return Probe(step, difference, curvature, 0.0, sign, all(inside), relative)


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
