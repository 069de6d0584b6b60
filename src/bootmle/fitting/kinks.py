"""Kinks at the lowest point, told from curvatures that change: a kink's grow as steps shorten."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from bootmle.fitting.position import Position
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.definiteness import unit_diagonal

__all__ = ["curvature_vanishes", "has_kinks", "jumps_in_curvature", "slope_beside_jump"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """When a Hessian is so uncertain that a kink may be the reason, and when it is not."""

    quiet: float = 1e-8
    """Noise that is too small to make the Hessian uncertain."""
    uncertain: float = 1e-3
    """Error of the Hessian, on a unit diagonal, that no smooth objective without noise has."""
    uncertain_by_gradient: float = 0.1
    """The same where gradients are given, which even rounded to two digits leave less."""
    shortest: float = 1e-3
    """Longest of the steps that are compared, or thrice the fourth root of the noise: a slope that
    jumps by more doubles the curvature there."""
    shares: tuple[float, ...] = (1.0, 0.3, 0.1)
    """Of that step."""
    crossing: float = 1e-4
    """Step across a point, a hundredth of those of accurate gradients: where the curvature jumps
    beside it, by J, slopes by a step c err by J c/6."""
    slope: float = 2e-6
    """Slope over that step, in standard errors, which no certified point has."""
    steady: float = 3.0
    """Ratio to the Hessian's curvature within which those by shorter steps stay: a slope's jump
    makes it ten times as large at a tenth of the step, or 0 beside it."""


_RULES = _Rules()


def has_kinks(search: Position) -> bool:
    """Whether the Hessian is too uncertain for a smooth objective of this noise."""
    info, scales = search.information, unit_diagonal(search.information.matrix)
    error = float(np.max(scales[:, None] * info.error * scales))
    by_values = info.noise < _RULES.quiet and error > _RULES.uncertain
    by_gradient = search.likelihood.has_gradient and error > _RULES.uncertain_by_gradient
    return (by_values or by_gradient) and info.definiteness != "singular"


def jumps_in_curvature(search: Position) -> bool:
    """Whether a certified point has a slope after all, by a shorter step along one direction."""
    if search.likelihood.has_gradient or not search.whitening.size:
        return False
    target = search.target()
    target = target.seen_in(replace(search.whitening, center=search.working))
    along = np.cos(np.arange(1.0, search.whitening.size + 1))  # along no axis or diagonal
    along /= np.linalg.norm(along)

    def slope(step: float) -> float:
        up, down = target.values(step * np.array([along, -along]))
        return float(up - down) / (2 * step)

    allowed = max(_RULES.slope, search.step_sizes.slack() / _RULES.crossing)
    found = slope(_RULES.crossing)
    if abs(found) <= allowed:
        return False
    # Noise that comes in stairs may be more there than was measured; its slopes do not stay.
    return 1 / _RULES.steady < slope(_RULES.crossing / _RULES.steady) / found < _RULES.steady


def slope_beside_jump(search: Position) -> float | None:
    """Return the slope, in standard errors, by the shortest step; None at a kink."""
    # A curvature that jumps at the optimum leaves an error of that step in it.
    if search.information.definiteness != "positive definite":
        return None
    slope = None
    for slopes, bends in _by_shorter_steps(search):
        if not np.all((bends > 1 / _RULES.steady) & (bends < _RULES.steady)):
            return None
        slope = float(np.linalg.norm(slopes))
    return slope


def curvature_vanishes(search: Position) -> bool:
    """Whether curvatures fall to those at the point as steps shorten, and none grows: as of x⁴."""
    # Beside a kink they fall to 0.
    longest, middle, shortest = (bends for _, bends in _by_shorter_steps(search))
    falls = (_RULES.steady**2 * shortest < longest) & (middle < longest) & (shortest < middle)
    steady = (shortest < _RULES.steady) & (longest < _RULES.steady**2)
    return bool(falls.any() and np.all(falls | steady) and np.all(shortest > 1 / _RULES.steady))


def _by_shorter_steps(search: Position) -> Iterator[tuple[Floats, Floats]]:
    """Measure slopes and curvatures (r,) along the whitened axes, in standard errors."""
    target, size = search.target(), search.whitening.size
    target = target.seen_in(replace(search.whitening, center=search.working))
    longest = max(_RULES.shortest, 3 * search.step_sizes.noise**0.25)
    for share in _RULES.shares:
        step = share * longest
        points = step * np.concatenate([np.eye(size), -np.eye(size)])
        up, down = target.values(points).reshape(2, size)
        yield (up - down) / (2 * step), (up + down) / step**2
