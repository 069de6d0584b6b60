"""Hessian and gradient in a frame, from expansions along lines whose steps are refined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.definiteness import is_definite
from bootmle.likelihood.differences import Frame, LineExpansion, Measured, Objective
from bootmle.likelihood.taylor import (
    BRIEF_PLACES,
    CENTRAL_PLACES,
    brief_step,
    expand_along,
    expand_briefly,
    expect_along,
    restrict,
)

__all__ = ["ROUNDING", "balanced_step", "is_regular", "measure_hessian"]

_EPS = float(np.finfo(float).eps)
_TINY = float(np.finfo(float).tiny)


ROUNDING = 8.0
"""Spacings of floating-point numbers that putting a matrix together may cost an entry."""


@dataclass(frozen=True, slots=True)
class _Refinement:
    """When the steps along lines are shortened, in a frame whose curvatures are about one."""

    excess: float = 4.0
    """Ratio of truncation to rounding up to which a step stays: half of it divides truncation by
    16, multiplies rounding by 4, and would hardly lower their sum."""
    most: int = 10
    """Halvings at once: 2¹⁰ is more than a step of one standard error ever needs."""
    curvature: float = 4.0
    """Curvature along a line that a frame cannot have where its rough Hessian was right to within
    half: the step then leads beyond the quadratic."""
    shortenings: int = 4
    """How often such a step is divided by 8, to 2e-4 of its length: shorter ones show noise."""
    sample: int = 4
    """Lines between axes that are expanded in full where the others take two points."""
    regular: tuple[float, float] = (1 / 16, 16.0)
    """Curvatures along the axes of a frame that is right: an order of magnitude either way."""
    slow: float = 0.1
    """Ratio of successive terms from which on a step is compared with a shorter one: its square,
    1%, is what a term adds to the one before where the ratio grows no further."""
    agreement: float = 1e-2
    """Relative change that shows the fourth power at work: without it a second one is looked at."""
    safety: float = 4.0
    """On the change from one step to a shorter one, by which its error is extrapolated."""
    accurate: float = 1e-3
    """Error of an entry up to which no more evaluations are spent on it."""
    longer: float = 2.0
    """Ratio of steps from which on a longer one is worth four more evaluations of a line."""
    extra: int = 20
    """Evaluations beyond another round's where one was not enough: five steps of a line."""


_REFINEMENT = _Refinement()


def measure_hessian(
    objective: Objective, frame: Frame, noise: float, known: bool = False
) -> Measured | None:
    """Expand along the axes, then along the other lines with the steps of their axes."""
    # A frame that is known beforehand is refused, by None, where curvatures in it are not about
    # one; else most of the lines between its axes take two points in place of four.
    order, p = objective.order, len(objective.point)
    directions = objective.directions()
    lines = [restrict(objective, frame, direction) for direction in directions]
    found = _expand_axes(objective, frame, lines, balanced_step(noise, order), noise)
    jittered = float(np.hypot(noise, _jitter(objective, frame, found)))
    if jittered > noise:
        step, further = balanced_step(noise, order), balanced_step(jittered, order)
        step = further if further > _REFINEMENT.longer * step else step
        noise = jittered
        found = _expand_axes(objective, frame, lines, step, noise)
    if known and not is_regular(np.array([_curvature(line, order) for line in found])):
        return None
    _refine(objective, lines, found, noise, reserve=4 * (len(lines) - p))
    brief = _expand_between(objective, frame, lines, found, noise, known)
    _refine(objective, lines, found, noise, reserve=2)
    measured = objective.assemble(found, frame.turn(objective.base))
    definite = is_definite(measured.matrix, measured.error)
    if not definite or not np.max(measured.error) < _REFINEMENT.accurate:
        # A step that is right along both axes may be too long along the line between them.
        objective.budget += 1 + 4 * (p * p + p) + _REFINEMENT.extra
        for k in brief:
            found[k] = _expand_fully(lines[k], directions[k], found, order, noise)
        if not definite:
            _shorten(objective, lines, found, noise)
        _refine(objective, lines, found, noise, reserve=2)
        measured = objective.assemble(found, frame.turn(objective.base))
    rounding = ROUNDING * _EPS * np.maximum(1, np.abs(measured.matrix))
    return replace(measured, error=measured.error + rounding, third=_largest_third(found, order))


def _expand_axes(
    objective: Objective,
    frame: Frame,
    lines: Sequence[Callable[[float], Floats]],
    step: float,
    noise: float,
) -> list[LineExpansion]:
    """Expand along the axes, with steps over which a gradient was seen to be linear."""
    axes = np.eye(len(objective.point))
    steps = [min(step, frame.longest(axis)) for axis in axes]
    places = [(axis, CENTRAL_PLACES * each) for axis, each in zip(axes, steps, strict=True)]
    expect_along(objective, frame, places)
    return [
        expand_along(line, objective.order, each, noise)
        for line, each in zip(lines, steps, strict=False)
    ]


def _largest_third(lines: Sequence[LineExpansion], order: int) -> float:
    """Return the largest third derivative of the nll along the lines that show it."""
    known = [line for line in lines if np.isfinite(line.error[3])]
    sizes = [float(np.linalg.norm(line.coefficients[order + 1])) + line.error[3] for line in known]
    return (6 if order == 2 else 2) * max(sizes, default=np.inf)


def _expand_between(
    objective: Objective,
    frame: Frame,
    lines: Sequence[Callable[[float], Floats]],
    found: list[LineExpansion],
    noise: float,
    known: bool,
) -> list[int]:
    """Expand along the lines between the axes found, in place; return which were so briefly."""
    # In a known frame all but a sample are, where the axes and the sample converge fast.
    order, p, directions = objective.order, len(found), objective.directions()
    between = list(range(p, len(lines)))
    sample = np.linspace(p, len(lines) - 1, _REFINEMENT.sample).astype(int).tolist()
    whole = between if not known else [k for k in between if k in sample]
    steps = {k: min(found[axis].step for axis in np.flatnonzero(directions[k])) for k in between}
    expect_along(objective, frame, [(directions[k], CENTRAL_PLACES * steps[k]) for k in whole])
    expanded = {k: _expand_fully(lines[k], directions[k], found, order, noise) for k in whole}
    seen = [*found, *expanded.values()]
    fourth = max((float(np.max(np.abs(line.coefficients[4]))) for line in seen), default=0.0)
    fast = np.isfinite(fourth) and all(line.decay <= _REFINEMENT.slow for line in seen)
    brief = [k for k in between if k not in expanded]
    steps = {k: brief_step(steps[k], noise, fourth) if fast else steps[k] for k in brief}
    places = BRIEF_PLACES if fast else CENTRAL_PLACES
    expect_along(objective, frame, [(directions[k], places * steps[k]) for k in brief])
    for k in list(brief):
        quick = expand_briefly(lines[k], steps[k], noise, fourth) if fast else None
        if quick is None:
            brief.remove(k)
            quick = _expand_fully(lines[k], directions[k], found, order, noise)
        expanded[k] = quick
    found.extend(expanded[k] for k in between)
    return brief


def _expand_fully(
    line: Callable[[float], Floats],
    direction: Floats,
    found: Sequence[LineExpansion],
    order: int,
    noise: float,
) -> LineExpansion:
    """Expand along a line between axes, with the shortest of their steps."""
    axes = [found[axis] for axis in np.flatnonzero(direction).tolist()]
    step, least = min(axis.step for axis in axes), max(_size(axis, order) for axis in axes)
    return expand_along(line, order, step, noise, least)


def is_regular(curvatures: Floats) -> bool:
    """Whether the curvatures along the axes are about one, as in a frame that is right."""
    low, high = _REFINEMENT.regular
    return bool(np.all((curvatures > low) & (curvatures < high)))


def balanced_step(noise: float, order: int) -> float:
    """Balance truncation, which grows as step⁴, and rounding: 100 noise / step to the order."""
    return min(float((100 * noise) ** (1 / (4 + order))), 1.0)


def _jitter(objective: Objective, frame: Frame, axes: Sequence[LineExpansion]) -> float:
    """Return the noise from the rounding of displaced parameters: it is theirs times the slope."""
    order = objective.order
    rounded = _EPS / 3 * np.abs(objective.point)
    across = float(np.linalg.norm(frame.inverse * rounded))
    bend = max(_size(line, order) for line in axes)
    if order == 1:
        return across * max(1.0, bend)
    slope = frame.inverse.T @ np.nan_to_num([float(line.coefficients[1]) for line in axes])
    step = max(line.step for line in axes)
    return float(np.linalg.norm(slope * rounded)) + across * step * max(1.0, 2 * bend)


def _shorten(
    objective: Objective,
    lines: Sequence[Callable[[float], Floats]],
    found: list[LineExpansion],
    noise: float,
) -> None:
    """Shorten steps that led beyond the quadratic, in place, as long as that helps."""
    # A curvature that rises instead is noise.
    order = objective.order
    for k, line in enumerate(lines):
        size = _curvature(found[k], order)
        for _ in range(_REFINEMENT.shortenings):
            if objective.left < 4 or not size >= _REFINEMENT.curvature:
                break
            finer = expand_along(line, order, found[k].step / 8, noise, found[k].least)
            before, size = size, _curvature(finer, order)
            if not size < before:
                break
            found[k] = finer


def _curvature(line: LineExpansion, order: int) -> float:
    """Return the size of the second derivatives of the nll along a line."""
    return order * _size(line, order)


def _size(line: LineExpansion, order: int) -> float:
    """Return the size of a line's coefficients, 0 where they are not known."""
    return float(np.max(np.nan_to_num(np.abs(line.coefficients[order]))))


def _refine(
    objective: Objective,
    lines: Sequence[Callable[[float], Floats]],
    found: list[LineExpansion],
    noise: float,
    reserve: int,
) -> None:
    """Shorten steps whose truncation exceeds their rounding, the worst first, in place."""
    # A step at which the series converges slowly is compared with half of it.
    order = objective.order
    settled = np.zeros(len(found), dtype=bool)
    while objective.left >= reserve + 4 and not settled.all():
        excess = np.array([_excess(line, order) for line in found])
        excess[settled] = 0.0
        worst = int(np.argmax(excess))
        if not excess[worst] > 0:
            return
        # Truncation grows as step⁴, rounding as step to the power -order; halves share points.
        halvings = np.round(np.log2(excess[worst]) / (4 + order))
        shrinkage = float(2.0 ** -np.clip(halvings, 1, _REFINEMENT.most))
        before = found[worst]
        finer = _compared(
            expand_along(lines[worst], order, before.step * shrinkage, noise, before.least),
            before,
            order,
        )
        settled[worst] = not finer.error[order] < before.error[order]
        found[worst] = _widened(before, finer) if settled[worst] else finer


def _excess(line: LineExpansion, order: int) -> float:
    """Return by what a line's truncation exceeds its rounding, 0 where that is no matter."""
    excess = float(np.nan_to_num(line.truncation[order] / max(line.rounding[order], _TINY)))
    if excess >= _REFINEMENT.excess:
        return excess
    # What a slow decay hides counts from a sixteenth of the rounding on.
    slow = line.decay > _REFINEMENT.slow and not line.compared
    return max(excess, 1.0) if slow and excess > 1 / 16 else 0.0


def _changes(one: LineExpansion, other: LineExpansion) -> Floats:
    """Return by how much the coefficients of two steps differ, (5,)."""
    changes: Floats = np.abs(one.coefficients - other.coefficients).reshape(5, -1).max(axis=1)
    return np.nan_to_num(changes, posinf=np.inf)


def _widened(kept: LineExpansion, other: LineExpansion) -> LineExpansion:
    """Widen the bounds of a step that is kept where a shorter one differs by more."""
    changes = _changes(kept, other)
    wider = np.where(changes > kept.truncation + kept.rounding, changes, 0.0)
    return replace(kept, truncation=np.maximum(kept.truncation, wider))


def _compared(finer: LineExpansion, before: LineExpansion, order: int) -> LineExpansion:
    """Extrapolate a shorter step's truncation by how far it changed the coefficients."""
    # By the fourth power of the step, or more slowly where the last change shrank more slowly.
    share = (finer.step / before.step) ** 4
    if not share < 1:
        return finer
    changes = _changes(finer, before)
    change = float(changes[order])
    seen = change > finer.rounding[order] + before.rounding[order]
    agree = not seen or change <= _REFINEMENT.agreement * _size(finer, order)
    first = not np.isfinite(before.change)
    rate = max(share, (0.5 if first else change / before.change) if not agree else 0.0)
    left = np.full(5, np.inf)
    if rate < 1:
        left = _REFINEMENT.safety * rate / (1 - rate) * changes
    return replace(
        finer,
        truncation=np.maximum(finer.truncation, left),
        change=change,
        compared=agree or not first,
    )
