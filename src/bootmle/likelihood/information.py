"""The observed information: gradient and Hessian by differences, with a bound on every error.

Each parameter is probed for its scale, and a rough Hessian whitens the coordinates. There the
objective, or its gradient, is expanded along lines from five points each, which is one step of
Richardson extrapolation. Derivatives and bounds are then transformed back to the parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bootmle.execution.threads import computation
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.definiteness import (
    Definiteness,
    Information,
    bound_eigenvalues,
    eigensystem,
    is_definite,
    is_flat,
    judge,
    orient,
)
from bootmle.likelihood.differences import Frame, LineExpansion, Measured, Objective, observe
from bootmle.likelihood.frame import find_frame
from bootmle.likelihood.noise import measure_noise
from bootmle.likelihood.objective import read_likelihood
from bootmle.likelihood.parameters import read_parameters
from bootmle.likelihood.taylor import expand_along, restrict

__all__ = ["Information", "information", "measure_information"]

_EPS = float(np.finfo(float).eps)
_TINY = float(np.finfo(float).tiny)


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
    rounding: float = 8.0
    """Spacings of floating-point numbers that putting the matrix together may cost an entry."""


_REFINEMENT = _Refinement()


def information(
    fun: Callable[..., Any],
    x: Any,
    args: Any = (),
    *,
    jac: Callable[..., Any] | bool | str | None = None,
) -> Information:
    """Measure the observed information of a negative log-likelihood at any point.

    Parameters
    ----------
    fun : callable
        ``fun(params, *args)``: the negative log-likelihood, or its n contributions, which lose
        fewer digits. A total that is a mean over the rows of ``args`` is multiplied by n.
    x : array_like, mapping, Series or OptimizeResult
        The point, an optimum or not. A mapping or Series names its p parameters; elsewhere they
        are x1 ... xp.
    args : tuple or bare argument
        The data.
    jac : callable or True, optional
        ``jac(params, *args)`` of shape (p,) or (n, p); True where ``fun`` returns both. It is
        differenced in place of ``fun``: more accurate, from p times fewer evaluations.

    Returns
    -------
    Information
        Gradient, Hessian and its eigenvalues with error bounds, in the parameters' units, and
        the definiteness. Standard errors follow from it only at a stationary point.

    Raises
    ------
    ValueError, TypeError
        Where the objective or its data cannot be used; the message says why.

    Examples
    --------
    >>> def nll(params):
    ...     x, y, z = params
    ...     return 2 * y * x**4 + 2 * y**3 + 2 * x * z**3
    >>> saddle = information(nll, [1, 2, 3])
    >>> saddle.definiteness
    'indefinite'
    >>> saddle.matrix.round().astype(int)
    array([[48,  8, 54],
           [ 8, 24,  0],
           [54,  0, 36]])
    """
    with computation():
        parameters = read_parameters(x)
        point = parameters.values
        likelihood = read_likelihood(fun, args, jac, None, parameters)
        base = likelihood.at(point)
        return measure_information(
            lambda params: float(np.sum(likelihood.at(params) - base)),
            point,
            names=parameters.names,
            gradient=likelihood.gradient if likelihood.has_gradient else None,
            base=0.0,
        )


def measure_information(
    value: Callable[[Floats], float],
    x: ArrayLike,
    *,
    names: Sequence[str],
    gradient: Callable[[Floats], Floats] | None = None,
    base: float | None = None,
) -> Information:
    """Measure gradient, Hessian and definiteness of ``value``, or of what ``gradient`` is of, at x.

    From at most 1 + 4(p² + p) evaluations where p > 1, about 10p with ``gradient``; up to five more
    where a flat direction is followed or no step is right (a kink, a quartic); up to twice as many
    where the bounds leave the sign of a curvature open, or it is negative.
    """
    objective = observe(value, gradient, np.array(x, dtype=float), base)
    frame = find_frame(objective)
    noise = measure_noise(objective, frame)
    measured = _measure(objective, frame, noise)
    verdict, null = _certify(objective, frame, measured, noise)
    return _report(objective, tuple(names), frame, measured, verdict, null, noise)


def _measure(objective: Objective, frame: Frame, noise: float) -> Measured:
    """Expand along the axes, then along the other lines with the steps of their axes."""
    order, p = objective.order, len(objective.point)
    # Balances truncation, which grows as step⁴, and rounding, about 100 noise / step to the order.
    step = min(float((100 * noise) ** (1 / (4 + order))), 1.0)
    # Rounding of the displaced parameters acts like noise on the step.
    jitter = _EPS / 3 * np.linalg.norm(frame.inverse * np.abs(objective.point))
    noise = float(np.hypot(noise, jitter * step ** (order - 1)))
    directions = objective.directions()
    lines = [restrict(objective, frame, direction) for direction in directions]
    found = [expand_along(line, order, step, noise) for line in lines[:p]]
    _refine(objective, lines, found, noise, reserve=4 * (len(lines) - p))
    for line, direction in zip(lines[p:], directions[p:], strict=True):
        step = min(found[axis].step for axis in np.flatnonzero(direction))
        found.append(expand_along(line, order, step, noise))
    _refine(objective, lines, found, noise, reserve=2)
    measured = objective.assemble(found, frame.turn(objective.base))
    if not is_definite(measured.matrix, measured.error):
        # A step that is right along both axes may be too long along the line between them.
        objective.budget *= 2
        _shorten(objective, lines, found, noise)
        _refine(objective, lines, found, noise, reserve=2)
        measured = objective.assemble(found, frame.turn(objective.base))
    rounding = _REFINEMENT.rounding * _EPS * np.maximum(1, np.abs(measured.matrix))
    return replace(measured, error=measured.error + rounding)


def _shorten(
    objective: Objective,
    lines: Sequence[Callable[[float], Floats]],
    found: list[LineExpansion],
    noise: float,
) -> None:
    """Shorten steps that led beyond the quadratic, in place, as long as that lowers the curvature.

    A curvature that rises instead is noise.
    """
    order = objective.order
    for k, line in enumerate(lines):
        size = _curvature(found[k], order)
        for _ in range(_REFINEMENT.shortenings):
            if objective.left < 4 or not size >= _REFINEMENT.curvature:
                break
            finer = expand_along(line, order, found[k].step / 8, noise)
            before, size = size, _curvature(finer, order)
            if not size < before:
                break
            found[k] = finer


def _curvature(line: LineExpansion, order: int) -> float:
    """Return the size of the second derivatives of the nll along a line."""
    return order * float(np.max(np.abs(line.coefficients[order])))


def _refine(
    objective: Objective,
    lines: Sequence[Callable[[float], Floats]],
    found: list[LineExpansion],
    noise: float,
    reserve: int,
) -> None:
    """Shorten steps whose truncation exceeds their rounding, the worst first, in place."""
    order = objective.order
    while objective.left >= reserve + 4:
        excess = [line.truncation[order] / max(line.rounding[order], _TINY) for line in found]
        worst = int(np.argmax(np.nan_to_num(excess)))
        if excess[worst] < _REFINEMENT.excess:
            return
        # Truncation grows as step⁴, rounding as step to the power -order; halves share points.
        halvings = np.round(np.log2(excess[worst]) / (4 + order))
        shrinkage = 2.0 ** -np.clip(halvings, 1, _REFINEMENT.most)
        finer = expand_along(lines[worst], order, found[worst].step * float(shrinkage), noise)
        if finer.error[order] >= found[worst].error[order]:
            return
        found[worst] = finer


def _certify(
    objective: Objective, frame: Frame, measured: Measured, noise: float
) -> tuple[Definiteness, Floats]:
    """Return the definiteness, and the directions (p, k) of the user's parameters that show it.

    A congruence preserves the signs of eigenvalues (Sylvester's law of inertia), so they are read
    in the frame, where the bounds are far sharper than on the unit diagonal.
    """
    walk = partial(is_flat, objective, frame, measured, noise)
    verdict, columns = judge(measured.matrix, measured.error, walk)
    return verdict, frame.axes @ columns


def _report(
    objective: Objective,
    names: tuple[str, ...],
    frame: Frame,
    measured: Measured,
    verdict: Definiteness,
    null: Floats,
    noise: float,
) -> Information:
    """Transform everything back to the user's parameters."""
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
    """Return the directions (p, count) of the smallest eigenvalues on the unit diagonal."""
    _, vectors = np.linalg.eigh(scales[:, None] * matrix * scales)
    columns: Floats = scales[:, None] * vectors[:, :count]
    return columns
