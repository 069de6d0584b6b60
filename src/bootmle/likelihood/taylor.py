"""Taylor expansions of an objective along lines, from five points each, with error bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.differences import SAFETY, Frame, LineExpansion, Objective

__all__ = [
    "BRIEF_PLACES",
    "CENTRAL_PLACES",
    "brief_step",
    "expand_along",
    "expand_briefly",
    "expect_along",
    "restrict",
]


def restrict(objective: Objective, frame: Frame, direction: Floats) -> Callable[[float], Floats]:
    """Restrict the objective to a line of a frame."""

    def along(place: float) -> Floats:
        shift = place * frame.axes @ direction
        return frame.turn(objective(shift) if place else objective.base)

    return along


def expect_along(
    objective: Objective, frame: Frame, lines: Iterable[tuple[Floats, Floats]]
) -> None:
    """Announce places on lines of a frame, line by line, as directions and places on them."""
    objective.expect([place * frame.axes @ line for line, places in lines for place in places])


def _stencil(offsets: Sequence[int]) -> tuple[Floats, Floats, Floats]:
    """Return offsets (5,), the coefficients' weights (5, 5), and what orders 5 and 6 leak in."""
    nodes = np.array(offsets, dtype=float)
    weights = np.linalg.inv(np.vander(nodes, increasing=True))
    return nodes, weights, np.abs(weights @ np.stack([nodes**5, nodes**6], axis=1)).round(9)


_CENTRAL = _stencil([2, -2, 1, -1, 0])
CENTRAL_PLACES = _CENTRAL[0][:-1]
"""Places, in steps, that an expansion evaluates beside the point."""
BRIEF_PLACES = np.array([1.0, -1.0])
"""The same of a brief one."""
_ONE_SIDED = [_stencil([4, 3, 2, 1, 0]), _stencil([-4, -3, -2, -1, 0])]
_SHORTENINGS = 7
"""How often a one-sided step is shortened: by 4⁷, from a standard error to 6e-5 of one."""
_CENTRAL_SHORTENINGS = 20
"""The same of a central one: by 4²⁰, beyond which rounding of the parameters leaves nothing."""
_NEAR = 2
"""Shortenings of a central step up to which none from one side, at a quarter, may be better."""
_SLOWEST_DECAY = 1e-3
"""Least distance from 1 of the ratio of successive terms, so that their sum is finite."""
_SLOWING = 1.5
"""Ratio of a power's last decay to its mean decay: 0.375 to 0.25 of the step for x^1.5."""
_BRIEF_WEIGHTS = float(np.sqrt(1.5))
"""Length of the weights ½, -1, ½ of a second difference, which the noise is multiplied by."""
_TINY = float(np.finfo(float).tiny)
_EPS = float(np.finfo(float).eps)


def expand_along(
    line: Callable[[float], Floats], order: int, step: float, noise: float, least: float = 0.0
) -> LineExpansion:
    """Expand along a line, with a shorter step or from one side where the domain ends."""
    # From one side only where that agrees with the longest central step: the end of a domain may be
    # a singularity, and no series converges beyond its distance.
    shortenings = _central_shortenings(line, step)
    central = None
    if shortenings is not None:
        central = _expand(line, _CENTRAL, order, step / 4**shortenings, noise, least)
        if central is not None and shortenings <= _NEAR:
            return central
    for k in range(1, _SHORTENINGS + 1):
        for stencil in _ONE_SIDED:
            found = _expand(line, stencil, order, step / 4**k, noise, least)
            if found is not None:
                better = central is None or found.error[order] < central.error[order]
                agrees = central is None or found.covers(central, order)
                return found if central is None or (better and agrees) else central
    if central is not None:
        return central
    nowhere = np.full(5, np.inf)
    return LineExpansion(
        np.full((5, *line(0.0).shape), np.nan), nowhere, nowhere, step, 1.0, nowhere
    )


def brief_step(longest: float, noise: float, fourth: float) -> float:
    """Balance truncation, by a bound on the fourth coefficient, and rounding, for two points."""
    rounding = SAFETY * noise * _BRIEF_WEIGHTS
    return min(float((rounding / max(fourth, _TINY)) ** 0.25), longest)


def expand_briefly(
    line: Callable[[float], Floats], step: float, noise: float, fourth: float
) -> LineExpansion | None:
    """Expand an nll along a line to second order from two points; None beyond its domain."""
    rounding = SAFETY * noise * _BRIEF_WEIGHTS
    values = _sample(line, np.array([step, -step, 0.0]))
    if values is None:
        return None
    up, down, middle = values.tolist()
    second = (up - 2 * middle + down) / 2
    coefficients = np.array([middle, (up - down) / (2 * step), second / step**2, 0.0, 0.0])
    unknown = np.array([0.0, np.inf, fourth * step**2, np.inf, np.inf])
    rounded = np.where(np.isfinite(unknown), rounding / step**2, np.inf)
    return LineExpansion(coefficients, unknown, rounded, step, 0.0, np.zeros(5), compared=True)


def _central_shortenings(line: Callable[[float], Floats], step: float) -> int | None:
    """Return how often a central step has to be divided by 4; None at an end of the domain."""

    def is_inside(side: int, shortenings: int) -> bool:
        return bool(np.isfinite(line(side * step / 4**shortenings)).all())

    outside = [side for side in (2, -2) if not is_inside(side, 0)]
    if not all(is_inside(side, _CENTRAL_SHORTENINGS) for side in outside):
        return None
    shortenings = 0
    while not all(is_inside(side, shortenings) for side in outside):
        shortenings += 1
    return shortenings


def _expand(
    line: Callable[[float], Floats],
    stencil: tuple[Floats, Floats, Floats],
    order: int,
    step: float,
    noise: float,
    least: float,
) -> LineExpansion | None:
    """Expand by one stencil; None where a point of it lies outside the domain."""
    values = _sample(line, stencil[0] * step)
    if values is None:
        return None
    return replace(_fit(values, stencil, order, step, noise, least), least=least)


def _sample(line: Callable[[float], Floats], places: Floats) -> Floats | None:
    """Evaluate at all places; stop and return None at the first outside the domain."""
    values = []
    for place in places:
        values.append(line(float(place)))
        if not np.isfinite(values[-1]).all():
            return None
    return np.stack(values)


def _fit(
    values: Floats,
    stencil: tuple[Floats, Floats, Floats],
    order: int,
    step: float,
    noise: float,
    least: float,
) -> LineExpansion:
    """Return the Taylor coefficients of values on a stencil, with bounds from the next orders."""
    nodes, weights, leaks = stencil
    coefficients = np.tensordot(weights, values, 1)
    sizes = np.max(np.abs(coefficients).reshape(5, -1), axis=1)
    powers = step ** np.arange(5.0)
    # Values far from zero are rounded by more than those beside the point.
    noise = float(np.hypot(noise, _EPS / 3 * np.max(np.abs(values))))
    rounding = SAFETY * noise * np.linalg.norm(weights, axis=1)
    # A curvature that does not show is taken as 1.
    least = least if sizes[order] > rounding[order] else 1 / order
    sizes[order] = max(sizes[order], least * step**order)
    reach = float(np.max(np.abs(nodes)))
    tail, decay = _extrapolate(sizes[order:], reach)
    hidden = _hidden_tail(sizes[-2:], rounding[-2:], reach)
    return LineExpansion(
        (coefficients.T / powers).T,
        leaks @ tail / powers,
        rounding / powers,
        step,
        decay,
        leaks @ hidden / powers,
    )


def _extrapolate(sizes: Floats, reach: float) -> tuple[Floats, float]:
    """Extrapolate the next two coefficients' sizes by the known ones' decay, which is returned."""
    # By more than their mean decay: the series of a power, such as x^1.5, decays ever more slowly.
    first, *_, last_but_one, last = sizes
    mean = float((last / first) ** (1 / (len(sizes) - 1)))
    before = float((last_but_one / first) ** (1 / (len(sizes) - 2)))
    decay = min(max(_SLOWING * mean, before), 1.0)
    tail: Floats = first * decay ** np.arange(len(sizes), len(sizes) + 2)
    # The terms after these add up as a geometric series, at the stencil's outermost point.
    return tail / max(1 - reach * decay, _SLOWEST_DECAY), reach * decay


def _hidden_tail(sizes: Floats, rounding: Floats, reach: float) -> Floats:
    """Extrapolate by the decay of the last two coefficients, where it is seen."""
    # A large quadratic may hide the slower decay of what is added to it.
    last_but_one, last = sizes
    seen = last > rounding[1] and last_but_one > rounding[0] and reach * last < last_but_one
    decay = last / last_but_one if seen else 0.0
    tail: Floats = last * decay ** np.arange(1, 3) / max(1 - reach * decay, _SLOWEST_DECAY)
    return tail
