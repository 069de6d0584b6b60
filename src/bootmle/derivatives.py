"""Gradient and Hessian of an objective by differences, with an error bound for every entry.

Each parameter is probed for its scale; a rough Hessian whitens the coordinates; there the
objective, or its gradient, is expanded along lines from five points each, which is one step of
Richardson's extrapolation; derivatives and bounds are then carried back to the parameters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from bootmle.arrays import Floats
from bootmle.definiteness import (
    Information,
    bound_eigenvalues,
    eigensystem,
    judge,
    orient,
)

__all__ = ["Information", "measure_information"]

_EPS = float(np.finfo(float).eps)
_TINY = float(np.finfo(float).tiny)
_SAFETY = 12.0
"""Standard deviations of the noise that an error bound allows for."""
_FIRST_STEP = 1e-3
"""First probing step, relative to the parameter."""
_ZERO = 1e-8
"""Size below which a parameter's value says nothing of its scale."""
_INERT = 1e-2
"""Scale of a parameter without visible effect, relative to its value or 1."""
_FLATTEST = 1e-6
"""Smallest curvature, on a unit diagonal, for which a rough Hessian is trusted."""
_VISIBLE = 1e-3
"""Change of the objective that counts as one, whatever the noise."""
_ATTEMPTS = 6
"""Most probes of an axis, where those that the budget allows have all failed."""
_WALK = 100.0
"""Distance, in conditional standard errors, over which a flat direction has to be flat."""


def measure_information(
    value: Callable[[Floats], float],
    x: ArrayLike,
    *,
    names: Sequence[str],
    gradient: Callable[[Floats], Floats] | None = None,
    base: float | None = None,
) -> Information:
    """Measure gradient, Hessian and definiteness of a negative log-likelihood at a point.

    Parameters
    ----------
    value : callable
        ``value(theta) -> float``, up to a constant; NaN or infinite outside the model's domain.
    x : (p,) array
        The point: stationary or not, inside the domain or at its boundary.
    names : sequence of p str
        The parameters' names.
    gradient : callable, optional
        ``gradient(theta) -> (p,)``; it is differenced in place of ``value``.
    base : float, optional
        ``value(x)``, where it is known.

    Returns
    -------
    Information
        From at most 1 + 4(p² + p) evaluations where p > 1, about 10p with ``gradient``.

    Raises
    ------
    ValueError
        Where ``value`` or ``gradient`` is not finite at ``x``.

    Notes
    -----
    The noise is read from a difference table: Moré and Wild (2011), SIAM J. Sci. Comput. 33.

    Examples
    --------
    >>> saddle = measure_information(lambda t: t[0] ** 2 - 3 * t[1] ** 2, [1, 2], names="ab")
    >>> saddle.definiteness, saddle.describe_direction(saddle.null_directions[:, 0])
    ('indefinite', '1.00·b')
    >>> saddle.matrix.diagonal().round(6).tolist()
    [2.0, -6.0]
    """
    point = np.array(x, dtype=float)
    objective: _Objective
    if gradient is not None:
        objective = _Gradient(gradient, point, gradient(point.copy()))
    else:
        objective = _Value(value, point, value(point.copy()) if base is None else base)
    objective.count = int(base is None or gradient is not None)
    with np.errstate(all="ignore"):
        frame = _find_frame(objective)
        noise = _measure_noise(objective, frame)
        measured = _measure(objective, frame, noise)
        verdict, null = _certify(objective, frame, measured, noise)
        return _report(objective, tuple(names), frame, measured, verdict, null, noise)


@dataclass(frozen=True, slots=True)
class _Probe:
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
class _Frame:
    """Coordinates z, θ = x + axes z, in which curvatures are about one."""

    axes: Floats
    inverse: Floats
    scales: Floats


@dataclass(frozen=True, slots=True)
class _Expansion:
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
class _Measured:
    """Hessian and gradient in a frame, with their bounds."""

    matrix: Floats
    error: Floats
    slope: Floats
    slope_error: Floats


class _Objective(ABC):
    """A function at displacements from a point, NaN outside its domain; evaluations counted."""

    order: ClassVar[int]
    """Order of its derivative along a line that holds second derivatives of the nll."""

    def __init__(self, function: Callable[[Floats], ArrayLike], point: Floats, base: ArrayLike):
        self.function, self.point, self.count = function, point, 0
        self.base = np.asarray(base, dtype=float)
        self.base = self.base.reshape(() if self.order == 2 else point.shape)
        if not np.isfinite(self.base).all():
            raise ValueError(f"x: fun is {self.base} at {point}; it has to be finite there")

    def __call__(self, displacement: Floats) -> Floats:
        """Evaluate; an arithmetic or value error is an end of the domain."""
        self.count += 1
        try:
            result = np.asarray(self.function(self.point + displacement), dtype=float)
        except (ArithmeticError, ValueError):
            return np.full_like(self.base, np.nan)
        if not np.isfinite(result).all():
            return np.full_like(self.base, np.nan)
        return result.reshape(self.base.shape)

    @property
    def left(self) -> int:
        """Evaluations left of 1 + 4(p² + p)."""
        p = len(self.point)
        return 1 + 4 * (p * p + p) - self.count

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
    def roughen(self, probes: Sequence[_Probe]) -> Floats:
        """Estimate the Hessian (p, p) from two-sided probes of all axes."""

    @abstractmethod
    def directions(self) -> list[Floats]:
        """List the lines, in a frame, that determine the Hessian: the axes first."""

    @abstractmethod
    def assemble(self, lines: Sequence[_Expansion], slope: Floats) -> _Measured:
        """Put together Hessian and gradient from the expansions along all lines."""


class _Value(_Objective):
    """The nll itself."""

    order = 2

    def __init__(self, function: Callable[[Floats], ArrayLike], point: Floats, base: ArrayLike):
        super().__init__(function, point, base)
        self.seen = {float(self.base)}

    def __call__(self, displacement: Floats) -> Floats:
        result = super().__call__(displacement)
        self.seen.add(float(result))
        return result

    def resolution(self, *values: Floats) -> float:
        return max(super().resolution(*values), _grid(self.seen))

    def difference(self, near: Floats, other: Floats, two_sided: bool) -> Floats:
        middle, ends = (self.base, near + other) if two_sided else (near, other + self.base)
        return np.asarray(ends - 2 * middle)

    def curvature(self, difference: Floats, axis: int, step: float) -> float:
        return float(difference) / step**2

    def roughen(self, probes: Sequence[_Probe]) -> Floats:
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

    def assemble(self, lines: Sequence[_Expansion], slope: Floats) -> _Measured:
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
        return _Measured(_mirror(matrix), _mirror(error), first, first_error)


class _Gradient(_Objective):
    """The gradient of the nll."""

    order = 1

    def difference(self, near: Floats, other: Floats, two_sided: bool) -> Floats:
        return (near - other) / 2 if two_sided else (4 * near - 3 * self.base - other) / 2

    def curvature(self, difference: Floats, axis: int, step: float) -> float:
        return float(difference[axis]) / step

    def roughen(self, probes: Sequence[_Probe]) -> Floats:
        rough = np.stack([probe.difference / probe.step for probe in probes])
        return (rough + rough.T) / 2

    def directions(self) -> list[Floats]:
        return [*np.eye(len(self.point))]

    def assemble(self, lines: Sequence[_Expansion], slope: Floats) -> _Measured:
        jacobian = np.stack([line.coefficients[1] for line in lines])
        bound = np.stack([np.full_like(slope, line.error[1]) for line in lines])
        # A gradient that is not one shows in the asymmetry.
        error = (bound + bound.T + np.abs(jacobian - jacobian.T)) / 2
        rounding = np.array([line.rounding[0] for line in lines])
        return _Measured((jacobian + jacobian.T) / 2, error, slope, rounding)


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


def _find_frame(objective: _Objective) -> _Frame:
    """Scale every parameter; whiten as well, unless the point lies at a boundary."""
    p = len(objective.point)
    reserve = 3 * p * p + p + 4 if objective.order == 2 else 4 * p + 4
    probes: list[_Probe | None] = []
    for axis in range(p):
        attempts = (objective.left - reserve) // 2 - (p - 1 - axis)
        probes.append(_search(objective, axis, min(max(attempts, 2), 4)))
    inert = _INERT * np.maximum(np.abs(objective.point), 1.0)
    seen = np.array([probe.curvature if probe and probe.is_seen else 0.0 for probe in probes])
    scales = np.where(seen != 0, 1 / np.sqrt(np.abs(seen)), inert)
    inner = [probe for probe in probes if probe and probe.two_sided]
    if len(inner) == p:
        return _whiten(objective.roughen(inner), scales)
    # Sums of feasible steps along the axes stay feasible; whitened axes need not be feasible.
    signed = scales * [probe.sign if probe else 1.0 for probe in probes]
    return _Frame(np.diag(signed), np.diag(1 / signed), scales)


def _search(objective: _Objective, axis: int, attempts: int) -> _Probe | None:
    """Probe an axis by steps that come to change the objective by a set amount."""
    size = abs(objective.point[axis])
    size = size if size > _ZERO else 1.0
    reach = max(size, 1.0) / _FIRST_STEP
    short, long = _EPS * size, 2 * reach
    step, found = _FIRST_STEP * size, None
    for attempt in range(1, _ATTEMPTS + 1):
        probe = _probe(objective, axis, step)
        found = probe if probe and (probe.is_seen or not found) else found
        if probe and probe.suffices(attempt >= attempts):
            break
        proposal, short, long = _propose(probe, step, short, long)
        if short >= reach:
            break
        proposal = min(proposal, reach)
        step = proposal if short < proposal < long else float(np.sqrt(short * long))
    return found


def _propose(
    probe: _Probe | None, step: float, short: float, long: float
) -> tuple[float, float, float]:
    """Next step after a probe, and the steps known to be too short and too long."""
    if probe is None:
        return _FIRST_STEP * step, short, step
    if not probe.is_seen:
        return max(0.3 * step / probe.length, _FIRST_STEP), step, long
    proposal = step * probe.target / probe.length
    return (proposal, step, long) if proposal > step else (proposal, short, step)


def _probe(objective: _Objective, axis: int, step: float) -> _Probe | None:
    """Step to both sides, or twice to the one inside the domain; None where there is none."""
    unit = np.eye(len(objective.point))[axis]
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
    return _Probe(step, difference, curvature, resolution, sign, all(inside))


def _whiten(rough: Floats, scales: Floats) -> _Frame:
    """Axes along the eigenvectors of a rough Hessian on its unit diagonal."""
    eigenvalues, vectors = np.linalg.eigh(rough * np.outer(scales, scales))
    roots = np.sqrt(np.maximum(np.abs(eigenvalues), _FLATTEST))
    return _Frame(scales[:, None] * vectors / roots, (vectors * roots / scales[:, None]).T, scales)


def _measure_noise(objective: _Objective, frame: _Frame) -> float:
    """Estimate the noise from close points on a line through all coordinates."""
    spare = objective.left - 4 * len(objective.directions()) - 2
    points = max(min(spare, int(np.clip(spare - 4, 4, 8))), 2)
    diagonal = np.full(len(frame.axes), 1 / np.sqrt(len(frame.axes)))
    base = _in_frame(frame, objective.base)
    step = max(float(np.sqrt((20 if points > 2 else 1) * objective.resolution(base))), 1e-7)
    table = _tabulate(objective, frame, step * diagonal, points)
    # Equal values mean a step below the grid that the values lie on, not the absence of noise.
    while len(np.unique(table, axis=0)) <= len(table) / 2 and step < 0.1:
        step *= 100
        table = _tabulate(objective, frame, step * diagonal, points)
    return max(_read_noise(table), _read_ties(table), objective.resolution(base) / 3)


def _tabulate(objective: _Objective, frame: _Frame, step: Floats, points: int) -> Floats:
    """Evaluate, in a frame's coordinates, at the point and at multiples of a step."""
    rows = [_in_frame(frame, objective.base)]
    rows += [_in_frame(frame, objective(k * frame.axes @ step)) for k in range(1, points + 1)]
    table = np.stack(rows).reshape(points + 1, -1)
    return table[np.isfinite(table).all(axis=1)]


def _in_frame(frame: _Frame, result: Floats) -> Floats:
    """Turn a gradient into the frame's coordinates; leave a value as it is."""
    return frame.axes.T @ result if result.ndim else result


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


def _stencil(offsets: Sequence[int]) -> tuple[Floats, Floats, Floats]:
    """Offsets, weights (5, 5) of the Taylor coefficients, what orders 5 and 6 leak into them."""
    nodes = np.array(offsets, dtype=float)
    weights = np.linalg.inv(np.vander(nodes, increasing=True))
    return nodes, weights, np.abs(weights @ np.stack([nodes**5, nodes**6], axis=1)).round(9)


_STENCILS = [_stencil([2, -2, 1, -1, 0]), _stencil([4, 3, 2, 1, 0]), _stencil([-4, -3, -2, -1, 0])]


def _expand(line: Callable[[float], Floats], order: int, step: float, noise: float) -> _Expansion:
    """Expand along a line, one-sided or with a shorter step where the domain ends."""
    for _ in range(8):
        for nodes, weights, leaks in _STENCILS:
            values = _sample(line, nodes * step)
            if values is not None:
                return _fit(values, weights, leaks, order, step, noise)
        step /= 4
    nowhere = np.full(5, np.inf)
    return _Expansion(np.full((5, *line(0.0).shape), np.nan), nowhere, nowhere, step)


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
) -> _Expansion:
    """Taylor coefficients of the values on a stencil, and bounds from those of the next orders."""
    coefficients = np.tensordot(weights, values, 1)
    sizes = np.max(np.abs(coefficients).reshape(5, -1), axis=1)
    sizes[order] = max(sizes[order], step**order / order)
    powers = step ** np.arange(5.0)
    truncation = leaks @ _extrapolate(sizes[order:]) / powers
    rounding = _SAFETY * noise * np.linalg.norm(weights, axis=1) / powers
    return _Expansion((coefficients.T / powers).T, truncation, rounding, step)


def _extrapolate(sizes: Floats) -> Floats:
    """Sizes of the next two coefficients, by the mean decay from the first to the last."""
    first, *_, last_but_one, last = sizes
    decay = min(float((last / first) ** (1 / (len(sizes) - 1))), 1.0)
    steps = np.array([1, 2])
    tail: Floats = np.maximum(last * decay**steps, last_but_one * decay ** (steps + 1))
    # The coefficients after these add up as a geometric series.
    return tail / max(1 - decay, 1e-3)


def _measure(objective: _Objective, frame: _Frame, noise: float) -> _Measured:
    """Expand along the axes, then along the other lines by steps that suited their axes."""
    order, p = objective.order, len(objective.point)
    step = min(float((100 * noise) ** (1 / (4 + order))), 1.0)
    # Rounding of the displaced parameters acts like noise on the step.
    jitter = _EPS / 3 * np.linalg.norm(frame.inverse * np.abs(objective.point))
    noise = float(np.hypot(noise, jitter * step ** (order - 1)))
    directions = objective.directions()
    lines = [_line(objective, frame, direction) for direction in directions]
    found = [_expand(line, order, step, noise) for line in lines[:p]]
    _refine(objective, lines, found, noise, reserve=4 * (len(lines) - p))
    for line, direction in zip(lines[p:], directions[p:], strict=True):
        step = min(found[axis].step for axis in np.flatnonzero(direction))
        found.append(_expand(line, order, step, noise))
    _refine(objective, lines, found, noise, reserve=2)
    measured = objective.assemble(found, _in_frame(frame, objective.base))
    rounding = 8 * _EPS * np.maximum(1, np.abs(measured.matrix))
    return replace(measured, error=measured.error + rounding)


def _refine(
    objective: _Objective,
    lines: Sequence[Callable[[float], Floats]],
    found: list[_Expansion],
    noise: float,
    reserve: int,
) -> None:
    """Shorten steps where truncation exceeds rounding, the worst first, in place."""
    order = objective.order
    while objective.left >= reserve + 4:
        excess = [line.truncation[order] / max(line.rounding[order], _TINY) for line in found]
        worst = int(np.argmax(np.nan_to_num(excess)))
        if excess[worst] < 4:
            return
        # Truncation grows as step⁴, rounding as step to the power -order; a half shares points.
        shrinkage = 2.0 ** -np.clip(np.round(np.log2(excess[worst]) / (4 + order)), 1, 10)
        finer = _expand(lines[worst], order, found[worst].step * float(shrinkage), noise)
        if finer.error[order] >= found[worst].error[order]:
            return
        found[worst] = finer


def _line(objective: _Objective, frame: _Frame, direction: Floats) -> Callable[[float], Floats]:
    """Restrict the objective to a line of a frame; no place on it is evaluated twice."""

    @cache
    def along(place: float) -> Floats:
        shift = place * frame.axes @ direction
        return _in_frame(frame, objective(shift) if place else objective.base)

    return along


def _certify(
    objective: _Objective, frame: _Frame, measured: _Measured, noise: float
) -> tuple[str, Floats]:
    """Definiteness, and the directions (p, k) in the user's parameters that it rests on.

    A congruence keeps the signs of eigenvalues (Sylvester), so they are read in the frame, where
    the bounds are far sharper than on the unit diagonal.
    """

    def is_flat(z: Floats) -> bool:
        return _is_flat(objective, frame, measured, noise, z)

    verdict, columns = judge(measured.matrix, measured.error, is_flat)
    return verdict, frame.axes @ columns


def _is_flat(
    objective: _Objective, frame: _Frame, measured: _Measured, noise: float, z: Floats
) -> bool:
    """Walk along a direction to both sides; the objective may change by its noise alone."""
    z = z * _WALK / np.linalg.norm(frame.axes @ z / frame.scales)
    step = frame.axes @ z
    jitter = _EPS * np.linalg.norm(frame.inverse * (np.abs(objective.point) + np.abs(step)))
    # The direction is known up to the bounds, so that the walk may stray by as much.
    astray = jitter + np.linalg.norm(measured.error) * np.linalg.norm(z)
    steepness = np.linalg.norm(measured.slope) + (1.0 if objective.order == 1 else astray)
    allowed = 2 * _SAFETY * noise + astray * steepness
    changes = [_in_frame(frame, objective(end) - objective.base) for end in (step, -step)]
    largest = max(float(np.max(np.abs(change))) for change in changes)
    return bool(largest <= allowed < _VISIBLE)


def _report(
    objective: _Objective,
    names: tuple[str, ...],
    frame: _Frame,
    measured: _Measured,
    verdict: str,
    null: Floats,
    noise: float,
) -> Information:
    """Carry everything back to the user's parameters."""
    inverse, bound = frame.inverse, measured.error
    matrix = inverse.T @ measured.matrix @ inverse
    matrix = (matrix + matrix.T) / 2
    eigenvalues, directions = eigensystem(matrix)
    if verdict == "indefinite":
        null = _most_negative(matrix, frame.scales, null.shape[1])
    return Information(
        names=names,
        point=objective.point,
        matrix=matrix,
        error=np.sqrt((inverse**2).T @ bound**2 @ inverse**2),
        gradient=inverse.T @ measured.slope,
        gradient_error=np.sqrt((inverse**2).T @ measured.slope_error**2),
        eigenvalues=eigenvalues,
        eigenvalue_errors=bound_eigenvalues(eigenvalues, inverse @ directions, bound),
        directions=directions,
        definiteness=verdict,
        null_directions=orient(null),
        noise=noise,
        n_evaluations=objective.count,
    )


def _most_negative(matrix: Floats, scales: Floats, count: int) -> Floats:
    """Directions (p, count) of the smallest eigenvalues on the unit diagonal."""
    _, vectors = np.linalg.eigh(scales[:, None] * matrix * scales)
    columns: Floats = scales[:, None] * vectors[:, :count]
    return columns
