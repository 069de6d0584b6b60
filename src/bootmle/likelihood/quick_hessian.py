"""A Hessian from two points a line, in a frame that is right, near a stationary point.

Points one standard error away, where a fit looks whether the nll rises anyway, show how fast the
Taylor series converges along each axis, and so how far off two points a line are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.definiteness import is_definite
from bootmle.likelihood.differences import (
    EXTRAPOLATION,
    SAFETY,
    Frame,
    LineExpansion,
    Measured,
    Objective,
)
from bootmle.likelihood.hessian import ROUNDING
from bootmle.likelihood.taylor import BRIEF_PLACES, expand_briefly, expect_along, restrict

__all__ = [
    "Surroundings",
    "look",
    "look_around",
    "quick_hessian",
    "quick_step",
    "third_coefficients",
]

_EPS = float(np.finfo(float).eps)


@dataclass(frozen=True, slots=True)
class _Rules:
    """Steps of two points a line, and when they are enough."""

    fourth: float = 1e-2
    """Fourth coefficient that the steps along axes are for, that of 4 events in their log mean:
    they are so short that slopes are good to 1e-8, whatever third derivatives do further on."""
    least: float = 1e-3
    """Least that is allowed for between axes, that of 40 events."""
    quadratic: tuple[float, float] = (0.25, 1.0)
    """Rises over one standard error that are those of a quadratic, ½, or half or twice as much."""
    safety: float = 4.0
    """On the largest fourth coefficient seen, which one between the axes may exceed."""
    accurate: float = 1e-5
    """Error of an entry beyond which more points are spent: it changes standard errors by 5e-6."""
    left: float = 0.25
    """Share of a fourth coefficient's effect that correcting for it may leave."""
    fifth: float = 0.2
    """Fifth coefficient, as a share of the third, that a corrected slope may have left out: 1/20 in
    the series of exp and sin."""
    slope: float = 4e-7
    """Error of the gradient beyond which they are, too: less than what a fit stays with, 5e-7."""
    longest: float = 0.1
    """Longest step: with more noise than 3e-7 more points a line are needed."""
    rounds: int = 3
    """To find the step with the noise that the parameters' own rounding adds, which grows with
    it: each round divides what is off by four."""


_RULES = _Rules()
_WEIGHTS = float(np.sqrt(1.5))
"""Length of the weights ½, -1, ½ of a second difference, which the noise is multiplied by."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """How much the nll rises to points about one standard error from where it was measured."""

    displacements: Floats  # (k, p)
    rises: Floats  # (k,), infinite outside the domain

    @property
    def is_quadratic(self) -> bool:
        """Whether the nll rises about as a quadratic to all of them."""
        return self.rises_everywhere and bool(np.all(self.rises < _RULES.quadratic[1]))

    @property
    def rises_everywhere(self) -> bool:
        """Whether it rises at least half as much to all of them."""
        return bool(np.all(self.rises > _RULES.quadratic[0]))


def quick_step(objective: Objective, frame: Frame, noise: float) -> float:
    """Balance rounding, that of displaced parameters included, and truncation of two points."""
    step = 0.0
    for _ in range(_RULES.rounds):
        step = _balanced(_jittered(objective, frame, noise, step), _RULES.fourth)
    return step


def _balanced(noise: float, fourth: float) -> float:
    """Balance rounding by noise, and a fourth coefficient."""
    return min(float((SAFETY * _WEIGHTS * noise / fourth) ** 0.25), _RULES.longest)


def _jittered(objective: Objective, frame: Frame, noise: float, step: float) -> float:
    """Add to the noise what rounding of displaced parameters changes where slopes are ``step``."""
    across = np.linalg.norm(frame.inverse * (_EPS / 3 * np.abs(objective.point)))
    return float(np.hypot(noise, across * step))


def look(objective: Objective, frame: Frame, step: float) -> tuple[Floats, Floats]:
    """Return slopes and curvatures along the axes by central differences; ones by gradients."""
    if objective.order == 1:
        return frame.turn(objective.base), np.ones(len(objective.point))
    up, down = _values(objective, frame, np.eye(len(objective.point)), [step, -step])
    return (up - down) / (2 * step), (up + down - 2 * float(objective.base)) / step**2


def _values(
    objective: Objective, frame: Frame, directions: Floats, places: Sequence[float]
) -> Floats:
    """Evaluate the objective at places (k,) on lines (m, p), (k, m)."""
    expect_along(objective, frame, [(line, np.array(places)) for line in directions])
    lines = [restrict(objective, frame, direction) for direction in directions]
    return np.array([[float(line(place)) for line in lines] for place in places])


def look_around(objective: Objective, frame: Frame, curvatures: Floats) -> Surroundings:
    """Evaluate about one standard error away along each axis and one diagonal, to both sides."""
    size = len(curvatures)
    axes = np.diag(1 / np.sqrt(curvatures))
    lines = axes if size == 1 else np.vstack([axes, axes.sum(axis=0) / np.sqrt(size)])
    values = _values(objective, frame, lines, [1.0, -1.0]) - float(objective.base)
    displacements = lines @ frame.axes.T
    rises = np.where(np.isnan(values), np.inf, values).reshape(-1)
    return Surroundings(np.vstack([displacements, -displacements]), rises)


def third_coefficients(around: Surroundings, slope: Floats, curvatures: Floats) -> Floats:
    """Return those along the axes (p,), and along the diagonal, by slopes and curvatures (p,)."""
    size, (up, down) = len(slope), around.rises.reshape(2, -1)
    along = np.diag(1 / np.sqrt(curvatures))
    if size > 1:
        along = np.vstack([along, along.sum(axis=0) / np.sqrt(size)])
    lengths = np.linalg.norm(along, axis=1)
    return np.asarray(((up - down) / 2 - along @ slope) / lengths**3)


def quick_hessian(
    objective: Objective, frame: Frame, noise: float, step: float, around: Surroundings
) -> Measured | None:
    """Measure the Hessian of an nll by two points a line; None where it takes more than those."""
    if not np.isfinite(around.rises).all():
        return None
    size, directions = len(objective.point), objective.directions()
    slope, curvatures = look(objective, frame, step)
    lengths, even = 1 / np.sqrt(curvatures), around.rises.reshape(2, -1).mean(axis=0)
    if not np.all(even > _RULES.quadratic[0]):  # a kink's curvature is seen by short steps alone
        return None
    thirds = third_coefficients(around, slope, curvatures)
    fourths = (even[:size] - curvatures * lengths**2 / 2) / lengths**4
    axes = _expand(objective, frame, directions[:size], step, noise, 0.0)
    if axes is None:
        return None
    axes = [_corrected(*each) for each in zip(axes, thirds[:size], fourths, strict=True)]
    fourth = max(_RULES.safety * float(np.abs(fourths).max()), _RULES.least)
    apart = _balanced(_jittered(objective, frame, noise, step), fourth)
    if not _are_accurate(axes) or not EXTRAPOLATION * fourth * apart**2 < _RULES.accurate:
        return None
    between = _expand(objective, frame, directions[size:], apart, noise, fourth)
    if between is None:
        return None
    measured = objective.assemble([*axes, *between], objective.base)
    if size > 1:  # along the diagonal mixed fourth derivatives show
        along = lengths / np.sqrt(size)
        bend = abs(float(even[size]) - float(along @ measured.matrix @ along) / 2)
        mixed = _RULES.safety * bend / float(along @ along) ** 2
        between = [_bounded(line, max(fourth, mixed)) for line in between]
        measured = objective.assemble([*axes, *between], objective.base)
    enough = np.max(measured.error) < 2 * _RULES.accurate
    if not (enough and is_definite(measured.matrix, measured.error)):
        return None
    rounding = ROUNDING * _EPS * np.maximum(1, np.abs(measured.matrix))
    third = 6 * float(np.max(np.abs(thirds)))
    return replace(measured, error=measured.error + rounding, third=third)


def _expand(
    objective: Objective,
    frame: Frame,
    directions: Sequence[Floats],
    step: float,
    noise: float,
    fourth: float,
) -> list[LineExpansion] | None:
    """Expand along all lines from two points; None where one lies outside the domain."""
    noise = _jittered(objective, frame, noise, step)
    expect_along(objective, frame, [(line, BRIEF_PLACES * step) for line in directions])
    found = []
    for direction in directions:
        line = expand_briefly(restrict(objective, frame, direction), step, noise, fourth)
        if line is None:
            return None
        found.append(line)
    return found


def _corrected(line: LineExpansion, third: float, fourth: float) -> LineExpansion:
    """Correct an expansion's slope and curvature by what third and fourth coefficients change."""
    coefficients, truncation = line.coefficients.copy(), line.truncation.copy()
    rounding = line.rounding.copy()
    coefficients[1] -= third * line.step**2
    coefficients[2] -= fourth * line.step**2
    left_out = _RULES.fifth * abs(third) + abs(fourth)
    truncation[1] = _RULES.left * left_out * line.step**2
    truncation[2] = _RULES.left * abs(fourth) * line.step**2
    rounding[1] = line.rounding[2] * line.step / np.sqrt(3)
    return replace(line, coefficients=coefficients, truncation=truncation, rounding=rounding)


def _bounded(line: LineExpansion, fourth: float) -> LineExpansion:
    """Allow for a larger fourth coefficient."""
    truncation = line.truncation.copy()
    truncation[2] = fourth * line.step**2
    return replace(line, truncation=truncation)


def _are_accurate(axes: Sequence[LineExpansion]) -> bool:
    """Whether slopes and curvatures along the axes are known well enough."""
    slopes = float(np.linalg.norm([line.error[1] for line in axes]))
    curvatures = max(float(line.error[2]) for line in axes)
    return slopes < _RULES.slope and curvatures < _RULES.accurate
