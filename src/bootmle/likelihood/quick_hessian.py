"""A Hessian from two points a line, in a frame that is right, near a stationary point."""

# Points one standard error away, where a fit looks whether the nll rises anyway, show how fast the
# Taylor series converges along each axis, and so how far off two points a line are.

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
from bootmle.likelihood.taylor import (
    BRIEF_PLACES,
    CENTRAL_PLACES,
    expand_along,
    expand_briefly,
    expect_along,
    restrict,
)

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
    rise: float = 0.25
    """Half of the rise of a quadratic over one standard error."""
    safety: float = 4.0
    """On the largest fourth coefficient seen, which one between the axes may exceed."""
    accurate: float = 1e-5
    """Error of an entry beyond which more points are spent: it changes standard errors by 5e-6."""
    hidden: float = 0.5
    """Fourth coefficient that rounding hides where four points a line are half such steps apart,
    with safety: 4 · 12 · 0.6 · 16/1464, whatever the noise, and the truncation's bound."""
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
    slope_error: float = np.inf
    """Bound on the error of the gradient that was measured there, in standard errors."""
    is_steady: bool = False
    """Whether slopes there are the same over the shortest steps."""

    @property
    def rises_everywhere(self) -> bool:
        """Whether it rises at least half as much as a quadratic to all of them."""
        return bool(np.all(self.rises > _RULES.rise))


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
    objective: Objective,
    frame: Frame,
    noise: float,
    step: float,
    around: Surroundings,
    longest: float = np.inf,
) -> Measured | None:
    """Measure the Hessian of an nll by two points a line; None where it takes more than those."""
    # By four on axes and one diagonal where the nll bends much over one standard error. Steps
    # between the axes have a longest length.
    if not np.isfinite(around.rises).all():
        return None
    size, even = len(objective.point), around.rises.reshape(2, -1).mean(axis=0)
    if not np.all(even > _RULES.rise):  # a kink's curvature is seen by short steps alone
        return None
    jittered = _jittered(objective, frame, noise, step)
    axes = _by_rises(objective, frame, noise, step, around)
    if axes is not None and not axes.are_accurate and _suffices(jittered, _RULES.hidden):
        axes = _by_more_points(objective, frame, noise, step)
    if axes is None or not (axes.are_accurate and _suffices(jittered, axes.fourth)):
        return None
    apart = min(_balanced(jittered, axes.fourth), longest)
    between = _expand(objective, frame, objective.directions()[size:], apart, noise, axes.fourth)
    if between is None:
        return None
    measured = objective.assemble([*axes.lines, *between], objective.base)
    if axes.lengths is not None and size > 1:  # along the diagonal mixed fourth derivatives show
        along = axes.lengths / np.sqrt(size)
        bend = abs(float(even[size]) - float(along @ measured.matrix @ along) / 2)
        mixed = _RULES.safety * bend / float(along @ along) ** 2
        between = [_bounded(line, max(axes.fourth, mixed)) for line in between]
        measured = objective.assemble([*axes.lines, *between], objective.base)
    enough = np.max(measured.error) < 2 * _RULES.accurate
    if not (enough and is_definite(measured.matrix, measured.error)):
        return None
    rounding = ROUNDING * _EPS * np.maximum(1, np.abs(measured.matrix))
    return replace(measured, error=measured.error + rounding, third=6 * axes.third)


def _suffices(noise: float, fourth: float) -> bool:
    """Whether two points on a line suffice, by its noise and fourth coefficient."""
    return EXTRAPOLATION * fourth * _balanced(noise, fourth) ** 2 < _RULES.accurate


@dataclass(frozen=True, slots=True)
class _Axes:
    """Expansions along the axes, and what is known of others from them."""

    lines: list[LineExpansion]
    third: float  # largest third coefficient
    fourth: float  # that one between the axes does not exceed
    lengths: Floats | None = None  # (p,) of a standard error, where rises over it corrected them

    @property
    def are_accurate(self) -> bool:
        """Whether slopes and curvatures along the axes are known well enough."""
        slopes = float(np.linalg.norm([line.error[1] for line in self.lines]))
        curvatures = max(float(line.error[2]) for line in self.lines)
        return slopes < _RULES.slope and curvatures < _RULES.accurate


def _by_rises(
    objective: Objective, frame: Frame, noise: float, step: float, around: Surroundings
) -> _Axes | None:
    """Correct two points on each axis by the rises to one standard error."""
    # None where a point lies outside the domain.
    size, even = len(objective.point), around.rises.reshape(2, -1).mean(axis=0)
    slope, curvatures = look(objective, frame, step)
    lengths = 1 / np.sqrt(curvatures)
    thirds = third_coefficients(around, slope, curvatures)
    fourths = (even[:size] - curvatures * lengths**2 / 2) / lengths**4
    lines = _expand(objective, frame, objective.directions()[:size], step, noise, 0.0)
    if lines is None:
        return None
    lines = [_corrected(*each) for each in zip(lines, thirds[:size], fourths, strict=True)]
    fourth = max(_RULES.safety * float(np.abs(fourths).max()), _RULES.least)
    return _Axes(lines, float(np.max(np.abs(thirds))), fourth, lengths)


def _by_more_points(objective: Objective, frame: Frame, noise: float, step: float) -> _Axes:
    """Expand along axes and a diagonal from four points, two of them those of a look."""
    # Where the nll bends much over one standard error, its rise there says little of the point.
    size, noise = len(objective.point), _jittered(objective, frame, noise, step)
    directions = objective.directions()[:size]
    if size > 1:
        directions.append(np.full(size, 1 / np.sqrt(size)))
    expect_along(objective, frame, [(line, CENTRAL_PLACES * step / 2) for line in directions])
    lines = [
        expand_along(restrict(objective, frame, line), objective.order, step / 2, noise)
        for line in directions
    ]
    thirds, fourths = (
        max(float(abs(line.coefficients[order]) + line.error[order]) for line in lines)
        for order in (3, 4)
    )
    return _Axes(lines[:size], thirds, max(_RULES.safety * fourths, _RULES.least))


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
