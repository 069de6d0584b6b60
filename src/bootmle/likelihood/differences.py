"""An objective as differences see it: steps from a point, their noise, expansions along lines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from bootmle.likelihood.arrays import Floats

__all__ = [
    "SAFETY",
    "Expansion",
    "Frame",
    "Measured",
    "Objective",
    "Probe",
    "expand",
    "measure_noise",
    "observe",
    "restrict",
]

SAFETY = 12.0
"""Standard deviations of the noise that an error bound allows for."""
_TINY = float(np.finfo(float).tiny)

_Function = Callable[[Floats], ArrayLike]


@dataclass(frozen=True, slots=True)
class Probe:
    """The difference that a step along an axis makes, and the curvature it shows."""

    step: float
    difference: Floats
    curvature: float
    resolution: float
    sign: float
    two_sided: bool

    @property
    def length(self) -> float:
        """The step in conditional standard errors, or the most it can be if nothing was seen."""
        visible = max(abs(self.curvature), 4 * self.resolution / self.step**2, _TINY)
        return float(self.step * np.sqrt(visible))

    @property
    def target(self) -> float:
        """The length that balances rounding and truncation of a plain second difference."""
        return float(np.clip((100 * self.resolution) ** 0.25, 3e-3, 0.3))

    @property
    def is_seen(self) -> bool:
        """Whether the curvature stands out of the rounding."""
        return abs(self.curvature) * self.step**2 > 100 * self.resolution

    def suffices(self, last: bool) -> bool:
        """Whether the step has about the length aimed at, or at the last attempt may pass."""
        near = 0.2 < self.length / self.target < 30
        return self.is_seen and (near or (last and self.length < 3))


@dataclass(frozen=True, slots=True)
class Frame:
    """Coordinates z, θ = x + axes z, in which curvatures are about one."""

    axes: Floats
    inverse: Floats
    scales: Floats

    def turn(self, result: Floats) -> Floats:
        """Turn a gradient into these coordinates; leave a value as it is."""
        return self.axes.T @ result if result.ndim else result


@dataclass(frozen=True, slots=True)
class Expansion:
    """Taylor coefficients (5, ...) along a line, and bounds (5,) on what they lack."""

    coefficients: Floats
    truncation: Floats
    rounding: Floats
    step: float

    @property
    def error(self) -> Floats:
        """Bounds (5,) on the coefficients' errors."""
        return self.truncation + self.rounding


@dataclass(frozen=True, slots=True)
class Measured:
    """Hessian and gradient in a frame, with their bounds."""

    matrix: Floats
    error: Floats
    slope: Floats
    slope_error: Floats


class Objective(ABC):
    """A function at displacements from a point, NaN outside its domain; evaluations counted."""

    order: ClassVar[int]
    """Order of its derivative along a line that holds second derivatives of the nll."""

    def __init__(self, function: _Function, point: Floats, base: float | None = None) -> None:
        self.function, self.point, self.count = function, point, int(base is None)
        self.budget = 1 + 4 * (point.size**2 + point.size)
        self.base = np.asarray(function(point.copy()) if base is None else base, dtype=float)
        self.base = self.base.reshape(() if self.order == 2 else point.shape)
        if not np.isfinite(self.base).all():
            raise ValueError(f"x: fun is {self.base} at {point}; it has to be finite there")
        self.seen = [self.base]

    def __call__(self, displacement: Floats) -> Floats:
        """Evaluate; an arithmetic or value error is an end of the domain."""
        self.count += 1
        try:
            result = np.asarray(self.function(self.point + displacement), dtype=float)
        except (ArithmeticError, ValueError):
            result = np.array(np.nan)
        inside = np.isfinite(result).all()
        self.seen.append(result.reshape(self.base.shape) if inside else self.base + np.nan)
        return self.seen[-1]

    @property
    def left(self) -> int:
        """Evaluations left of the budget, 1 + 4(p² + p) at first."""
        return self.budget - self.count

    def resolution(self, *values: Floats) -> float:
        """Find the distance between neighbouring values of this size."""
        return float(np.spacing(max(float(np.max(np.abs(value))) for value in values)))

    @abstractmethod
    def difference(self, near: Floats, other: Floats, two_sided: bool) -> Floats:
        """Difference of the order above from values at a step and its opposite, or its double."""

    @abstractmethod
    def curvature(self, difference: Floats, axis: int, step: float) -> float:
        """Read the second derivative of the nll along an axis off a difference."""

    @abstractmethod
    def roughen(self, probes: Sequence[Probe]) -> Floats:
        """Estimate the Hessian (p, p) from two-sided probes of all axes."""

    @abstractmethod
    def directions(self) -> list[Floats]:
        """List the lines, in a frame, that determine the Hessian: the axes first."""

    @abstractmethod
    def assemble(self, lines: Sequence[Expansion], slope: Floats) -> Measured:
        """Put together Hessian and gradient from the expansions along all lines."""


class _Value(Objective):
    """The nll itself."""

    order = 2

    def resolution(self, *values: Floats) -> float:
        return max(super().resolution(*values), _grid({float(value) for value in self.seen}))

    def difference(self, near: Floats, other: Floats, two_sided: bool) -> Floats:
        middle, ends = (self.base, near + other) if two_sided else (near, other + self.base)
        return np.asarray(ends - 2 * middle)

    def curvature(self, difference: Floats, axis: int, step: float) -> float:
        return float(difference) / step**2

    def roughen(self, probes: Sequence[Probe]) -> Floats:
        rough = np.diag([probe.curvature for probe in probes])
        for i, j in combinations(range(len(probes)), 2):
            a, b = probes[i], probes[j]
            step = np.zeros(len(probes))
            step[i], step[j] = a.step, b.step
            both = self.difference(self(step), self(-step), True) - a.difference - b.difference
            rough[i, j] = rough[j, i] = np.nan_to_num(both / (2 * a.step * b.step))
        return rough

    def directions(self) -> list[Floats]:
        axes = np.eye(len(self.point))
        return [*axes, *((a + b) / np.sqrt(2) for a, b in combinations(axes, 2))]

    def assemble(self, lines: Sequence[Expansion], slope: Floats) -> Measured:
        p = len(self.point)
        second = 2 * np.array([float(line.coefficients[2]) for line in lines])
        bound = 2 * np.array([line.error[2] for line in lines])
        rows, columns = np.triu_indices(p, 1)
        matrix, error = np.diag(second[:p]), np.diag(bound[:p])
        # The second derivative along (e_i + e_j)/√2 is (M_ii + M_jj)/2 + M_ij.
        matrix[rows, columns] = second[p:] - (second[rows] + second[columns]) / 2
        error[rows, columns] = np.hypot(bound[p:], np.hypot(bound[rows], bound[columns]) / 2)
        first = np.array([float(line.coefficients[1]) for line in lines[:p]])
        first_error = np.array([line.error[1] for line in lines[:p]])
        return Measured(_mirror(matrix), _mirror(error), first, first_error)


class _Gradient(Objective):
    """The gradient of the nll."""

    order = 1

    def difference(self, near: Floats, other: Floats, two_sided: bool) -> Floats:
        return (near - other) / 2 if two_sided else (4 * near - 3 * self.base - other) / 2

    def curvature(self, difference: Floats, axis: int, step: float) -> float:
        return float(difference[axis]) / step

    def roughen(self, probes: Sequence[Probe]) -> Floats:
        rough = np.stack([probe.difference / probe.step for probe in probes])
        return (rough + rough.T) / 2

    def directions(self) -> list[Floats]:
        return [*np.eye(len(self.point))]

    def assemble(self, lines: Sequence[Expansion], slope: Floats) -> Measured:
        jacobian = np.stack([line.coefficients[1] for line in lines])
        bound = np.stack([np.full_like(slope, line.error[1]) for line in lines])
        # A gradient that is not one shows in the asymmetry.
        error = (bound + bound.T + np.abs(jacobian - jacobian.T)) / 2
        rounding = np.array([line.rounding[0] for line in lines])
        return Measured((jacobian + jacobian.T) / 2, error, slope, rounding)


def observe(
    value: Callable[[Floats], float],
    gradient: Callable[[Floats], Floats] | None,
    point: Floats,
    base: float | None,
) -> Objective:
    """See the gradient where one is given, else the nll, whose value at the point may be known."""
    return _Value(value, point, base) if gradient is None else _Gradient(gradient, point)


def _mirror(upper: Floats) -> Floats:
    """Fill the lower triangle from the upper one."""
    full: Floats = upper + np.triu(upper, 1).T
    return full


def _grid(seen: Collection[float]) -> float:
    """Find the largest power of two that divides all values: what a shift or float32 leaves."""
    values = np.array([value for value in seen if np.isfinite(value) and value != 0])
    if len(values) < 4:
        return 0.0
    mantissas, exponents = np.frexp(values)
    digits = (mantissas * 2.0**53).astype(np.int64)
    return float(np.min(np.ldexp((digits & -digits).astype(float), exponents - 53)))


def measure_noise(objective: Objective, frame: Frame) -> float:
    """Estimate the noise from close points on a line through all coordinates."""
    spare = objective.left - 4 * len(objective.directions()) - 2
    points = max(min(spare, int(np.clip(spare - 4, 4, 8))), 2)
    diagonal = np.full(len(frame.axes), 1 / np.sqrt(len(frame.axes)))
    base = frame.turn(objective.base)
    step = max(float(np.sqrt((20 if points > 2 else 1) * objective.resolution(base))), 1e-7)
    table = _tabulate(objective, frame, step * diagonal, points)
    # Equal values mean a step below the grid that the values lie on, not the absence of noise.
    while len(np.unique(table, axis=0)) <= len(table) / 2 and step < 0.1:
        step *= 100
        table = _tabulate(objective, frame, step * diagonal, points)
    return max(_read_noise(table), _read_ties(table), objective.resolution(base) / 3)


def _tabulate(objective: Objective, frame: Frame, step: Floats, points: int) -> Floats:
    """Evaluate, in a frame's coordinates, at the point and at multiples of a step."""
    rows = [frame.turn(objective.base)]
    rows += [frame.turn(objective(k * frame.axes @ step)) for k in range(1, points + 1)]
    table = np.stack(rows).reshape(points + 1, -1)
    return table[np.isfinite(table).all(axis=1)]


def _read_noise(table: Floats) -> float:
    """Take the largest estimate from differences of third and higher order."""
    count = len(table) - 1
    levels, variance = [0.0], 1.0
    for order in range(1, count + 1):
        table = np.diff(table, axis=0)
        variance *= order / (4 * order - 2)
        if order >= min(3, count):
            levels.append(float(np.sqrt(variance * np.max(np.mean(table**2, axis=0)))))
    # A few differences can all be small by chance.
    return max(levels) * (1 + 2 / max(count - 2, 1))


def _read_ties(table: Floats) -> float:
    """Take the rounding to a grid from values that share it: a standard deviation, rounded up."""
    levels = np.unique(table)
    tied = table.shape[1] == 1 and 1 < len(levels) < len(table)
    return float(np.min(np.diff(levels))) / 3 if tied else 0.0


def restrict(objective: Objective, frame: Frame, direction: Floats) -> Callable[[float], Floats]:
    """Restrict the objective to a line of a frame; no place on it is evaluated twice."""

    @cache
    def along(place: float) -> Floats:
        shift = place * frame.axes @ direction
        return frame.turn(objective(shift) if place else objective.base)

    return along


def _stencil(offsets: Sequence[int]) -> tuple[Floats, Floats, Floats]:
    """Offsets, weights (5, 5) of the Taylor coefficients, what orders 5 and 6 leak into them."""
    nodes = np.array(offsets, dtype=float)
    weights = np.linalg.inv(np.vander(nodes, increasing=True))
    return nodes, weights, np.abs(weights @ np.stack([nodes**5, nodes**6], axis=1)).round(9)


_STENCILS = [_stencil([2, -2, 1, -1, 0]), _stencil([4, 3, 2, 1, 0]), _stencil([-4, -3, -2, -1, 0])]


def expand(line: Callable[[float], Floats], order: int, step: float, noise: float) -> Expansion:
    """Expand along a line, with a shorter step or one-sided where the domain ends.

    Shorter first: an end within reach may be a pole, beyond whose distance no series holds.
    """
    for stencils in (_STENCILS[:1], *[_STENCILS] * 7):
        for nodes, weights, leaks in stencils:
            values = _sample(line, nodes * step)
            if values is not None:
                return _fit(values, weights, leaks, order, step, noise)
        step /= 4
    nowhere = np.full(5, np.inf)
    return Expansion(np.full((5, *line(0.0).shape), np.nan), nowhere, nowhere, step)


def _sample(line: Callable[[float], Floats], places: Floats) -> Floats | None:
    """Values at all places, or None from the first on that is outside the domain."""
    values = []
    for place in places:
        values.append(line(float(place)))
        if not np.isfinite(values[-1]).all():
            return None
    return np.stack(values)


def _fit(
    values: Floats, weights: Floats, leaks: Floats, order: int, step: float, noise: float
) -> Expansion:
    """Taylor coefficients of the values on a stencil, and bounds from those of the next orders."""
    coefficients = np.tensordot(weights, values, 1)
    sizes = np.max(np.abs(coefficients).reshape(5, -1), axis=1)
    sizes[order] = max(sizes[order], step**order / order)
    powers = step ** np.arange(5.0)
    truncation = leaks @ _extrapolate(sizes[order:]) / powers
    rounding = SAFETY * noise * np.linalg.norm(weights, axis=1) / powers
    return Expansion((coefficients.T / powers).T, truncation, rounding, step)


def _extrapolate(sizes: Floats) -> Floats:
    """Sizes of the next two coefficients, by the mean decay from the first to the last."""
    first, *_, last_but_one, last = sizes
    decay = min(float((last / first) ** (1 / (len(sizes) - 1))), 1.0)
    steps = np.array([1, 2])
    tail: Floats = np.maximum(last * decay**steps, last_but_one * decay ** (steps + 1))
    # The coefficients after these add up as a geometric series.
    return tail / max(1 - decay, 1e-3)
