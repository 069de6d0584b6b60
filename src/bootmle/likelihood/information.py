"""The observed information: gradient and Hessian by differences, a bound on every entry's error.

Each parameter is probed for its scale; a rough Hessian whitens the coordinates; there the
objective, or its gradient, is expanded along lines from five points each, which is one step of
Richardson's extrapolation; derivatives and bounds are then carried back to the parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bootmle.execution.threads import computation
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.definiteness import (
    Information,
    bound_eigenvalues,
    eigensystem,
    is_definite,
    is_flat,
    judge,
    orient,
)
from bootmle.likelihood.differences import (
    Expansion,
    Frame,
    Measured,
    Objective,
    Probe,
    expand,
    measure_noise,
    observe,
    restrict,
)
from bootmle.likelihood.objective import read_likelihood
from bootmle.likelihood.parameters import read_parameters

__all__ = ["Information", "information", "measure_information"]

_EPS = float(np.finfo(float).eps)
_TINY = float(np.finfo(float).tiny)
_FIRST_STEP = 1e-3
"""First probing step, relative to the parameter."""
_ZERO = 1e-8
"""Size below which a parameter's value says nothing of its scale."""
_INERT = 1e-2
"""Scale of a parameter without visible effect, relative to its value or 1."""
_FLATTEST = 1e-6
"""Smallest curvature, on a unit diagonal, for which a rough Hessian is trusted."""
_LARGEST = 4.0
"""Curvature along a line that coordinates with curvatures of about one cannot have."""
_SHORTENINGS = 4
_ATTEMPTS = 6
"""Most probes of an axis, where those that the budget allows have all failed."""


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
        From at most 1 + 4(p² + p) evaluations where p > 1, about 10p with ``gradient``; up to
        five more where a flat direction is walked along, or no step suits (a kink, a quartic); up
        to twice as many where the bounds leave a direction open, or of negative curvature.

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
    objective = observe(value, gradient, np.array(x, dtype=float), base)
    frame = _find_frame(objective)
    noise = measure_noise(objective, frame)
    measured = _measure(objective, frame, noise)
    verdict, null = _certify(objective, frame, measured, noise)
    return _report(objective, tuple(names), frame, measured, verdict, null, noise)


def _find_frame(objective: Objective) -> Frame:
    """Scale every parameter; whiten as well, unless the point lies at a boundary."""
    p = len(objective.point)
    reserve = 3 * p * p + p + 4 if objective.order == 2 else 4 * p + 4
    probes: list[Probe | None] = []
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
    return Frame(np.diag(signed), np.diag(1 / signed), scales)


def _search(objective: Objective, axis: int, attempts: int) -> Probe | None:
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
    probe: Probe | None, step: float, short: float, long: float
) -> tuple[float, float, float]:
    """Next step after a probe, and the steps known to be too short and too long."""
    if probe is None:
        return _FIRST_STEP * step, short, step
    if not probe.is_seen:
        return max(0.3 * step / probe.length, _FIRST_STEP), step, long
    proposal = step * probe.target / probe.length
    return (proposal, step, long) if proposal > step else (proposal, short, step)


def _probe(objective: Objective, axis: int, step: float) -> Probe | None:
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
    return Probe(step, difference, curvature, resolution, sign, all(inside))


def _whiten(rough: Floats, scales: Floats) -> Frame:
    """Axes along the eigenvectors of a rough Hessian on its unit diagonal."""
    eigenvalues, vectors = np.linalg.eigh(rough * np.outer(scales, scales))
    roots = np.sqrt(np.maximum(np.abs(eigenvalues), _FLATTEST))
    return Frame(scales[:, None] * vectors / roots, (vectors * roots / scales[:, None]).T, scales)


def _measure(objective: Objective, frame: Frame, noise: float) -> Measured:
    """Expand along the axes, then along the other lines by steps that suited their axes."""
    order, p = objective.order, len(objective.point)
    step = min(float((100 * noise) ** (1 / (4 + order))), 1.0)
    # Rounding of the displaced parameters acts like noise on the step.
    jitter = _EPS / 3 * np.linalg.norm(frame.inverse * np.abs(objective.point))
    noise = float(np.hypot(noise, jitter * step ** (order - 1)))
    directions = objective.directions()
    lines = [restrict(objective, frame, direction) for direction in directions]
    found = [expand(line, order, step, noise) for line in lines[:p]]
    _refine(objective, lines, found, noise, reserve=4 * (len(lines) - p))
    for line, direction in zip(lines[p:], directions[p:], strict=True):
        step = min(found[axis].step for axis in np.flatnonzero(direction))
        found.append(expand(line, order, step, noise))
    _refine(objective, lines, found, noise, reserve=2)
    measured = objective.assemble(found, frame.turn(objective.base))
    if not is_definite(measured.matrix, measured.error):
        # A mixed line may bend within the step that suits both of its axes.
        objective.budget *= 2
        _shorten(objective, lines, found, noise)
        _refine(objective, lines, found, noise, reserve=2)
        measured = objective.assemble(found, frame.turn(objective.base))
    rounding = 8 * _EPS * np.maximum(1, np.abs(measured.matrix))
    return replace(measured, error=measured.error + rounding)


def _shorten(
    objective: Objective,
    lines: Sequence[Callable[[float], Floats]],
    found: list[Expansion],
    noise: float,
) -> None:
    """Shorten steps that left the quadratic behind, in place: curvatures are about one here.

    While that lowers the curvature: noise raises it.
    """
    order = objective.order
    for k, line in enumerate(lines):
        size = _curvature(found[k], order)
        for _ in range(_SHORTENINGS):
            if objective.left < 4 or not size >= _LARGEST:
                break
            finer = expand(line, order, found[k].step / 8, noise)
            before, size = size, _curvature(finer, order)
            if not size < before:
                break
            found[k] = finer


def _curvature(line: Expansion, order: int) -> float:
    """Size of the second derivatives of the nll along a line."""
    return order * float(np.max(np.abs(line.coefficients[order])))


def _refine(
    objective: Objective,
    lines: Sequence[Callable[[float], Floats]],
    found: list[Expansion],
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
        finer = expand(lines[worst], order, found[worst].step * float(shrinkage), noise)
        if finer.error[order] >= found[worst].error[order]:
            return
        found[worst] = finer


def _certify(
    objective: Objective, frame: Frame, measured: Measured, noise: float
) -> tuple[str, Floats]:
    """Definiteness, and the directions (p, k) in the user's parameters that it rests on.

    A congruence keeps the signs of eigenvalues (Sylvester), so they are read in the frame, where
    the bounds are far sharper than on the unit diagonal.
    """
    walk = partial(is_flat, objective, frame, measured, noise)
    verdict, columns = judge(measured.matrix, measured.error, walk)
    return verdict, frame.axes @ columns


def _report(
    objective: Objective,
    names: tuple[str, ...],
    frame: Frame,
    measured: Measured,
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
