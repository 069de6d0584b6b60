"""The observed information: gradient and Hessian by differences, with a bound on every error."""

# Each parameter is probed for its scale, and a rough Hessian whitens the coordinates. There the
# objective, or its gradient, is expanded along lines from five points each, which is one step of
# Richardson extrapolation. Derivatives and bounds are then transformed back to the parameters.

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
    is_flat,
    judge,
    orient,
)
from bootmle.likelihood.differences import SAFETY, Frame, Measured, Objective, observe
from bootmle.likelihood.frame import find_frame, frame_of, whitened_frame
from bootmle.likelihood.hessian import ROUNDING, measure_hessian
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.noise import measure_noise
from bootmle.likelihood.objective import read_likelihood
from bootmle.likelihood.parameters import read_parameters

__all__ = [
    "Information",
    "conclude",
    "information",
    "measure_information",
]

_EPS = float(np.finfo(float).eps)


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
    jac : callable, True or "jax", optional
        ``jac(params, *args)`` of shape (p,) or (n, p); True where ``fun`` returns both. It is
        differenced in place of ``fun``: more accurate, from p times fewer evaluations. "jax" where
        ``fun`` is written in `jax.numpy`: the exact Hessian.

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
            hessian=_exact_hessian(likelihood, point),
        )


def _exact_hessian(likelihood: Likelihood, point: Floats) -> Floats | None:
    """Evaluate the Hessian (p, p) of an objective in JAX; None where it is not finite."""
    if likelihood.automatic is None:
        return None
    found = likelihood.automatic.hessian(point, likelihood.total_weights, likelihood.args)
    return found if np.isfinite(found).all() else None


def measure_information(
    value: Callable[[Floats], float],
    x: ArrayLike,
    *,
    names: Sequence[str],
    gradient: Callable[[Floats], Floats] | None = None,
    base: float | None = None,
    hessian: Floats | None = None,
    metric: Floats | None = None,
    spacing: float = 0.0,
    announce: Callable[[Iterable[Floats]], None] | None = None,
) -> Information:
    """Measure gradient, Hessian and definiteness of ``value``, or of what ``gradient`` is of, at x.

    Where the exact ``hessian`` is known, nothing but its rounding is.

    From at most 1 + 4(p² + p) evaluations where p > 1, about 10p with ``gradient``; up to five more
    where a flat direction is followed or no step is right (a kink, a quartic), and one for each
    value smaller than 1e-8; up to twice as many and twenty where the bounds leave the sign of a
    curvature open, it is negative, or they are wide. Where a rough inverse Hessian is known (the
    metric) and right to within an order of magnitude, from 4p + p² + p/2 or so in all. Values that
    are differences of larger ones have the ``spacing`` of those. ``announce`` is told which points
    (k, p) will be asked for next.
    """
    objective = observe(value, gradient, np.array(x, dtype=float), base, spacing, announce)
    if hessian is not None:
        frame = whitened_frame(objective.point, hessian)
        noise = measure_noise(objective, frame)
        measured = _turn_exact(objective, frame, noise, hessian)
    else:
        frame, noise, measured = _measure(objective, metric)
    return conclude(objective, frame, noise, measured, names)


def conclude(
    objective: Objective, frame: Frame, noise: float, measured: Measured, names: Sequence[str]
) -> Information:
    """Judge what was measured, and transform it back to the user's parameters."""
    verdict, null = _certify(objective, frame, measured, noise)
    return _report(objective, tuple(names), frame, measured, verdict, null, noise)


def _turn_exact(objective: Objective, frame: Frame, noise: float, hessian: Floats) -> Measured:
    """Turn an exact Hessian into the frame, and bound its rounding and that of the turn."""
    axes = frame.axes
    # A sum over observations rounds an entry by as much as those of its row and column.
    roots = np.sqrt(np.abs(np.diag(hessian)))
    summed = np.maximum(np.abs(hessian), np.outer(roots, roots))
    rounding = ROUNDING * _EPS * (np.abs(axes).T @ summed @ np.abs(axes))
    # Displaced by their own rounding, parameters change the gradient, and the curvature, as much.
    noise = max(noise, _EPS * float(np.linalg.norm(frame.inverse * np.abs(objective.point))))
    slope = frame.turn(objective.base)
    return Measured(
        matrix=axes.T @ hessian @ axes,
        error=rounding + SAFETY * noise,
        slope=slope,
        slope_error=np.full(slope.shape, SAFETY * noise),
    )


def _measure(objective: Objective, metric: Floats | None) -> tuple[Frame, float, Measured]:
    """Measure in the frame of a metric where it is right, else in one that is found."""
    known = None if metric is None else frame_of(metric)
    if known is not None:
        noise = measure_noise(objective, known)
        measured = measure_hessian(objective, known, noise, known=True)
        if measured is not None:
            return known, noise, measured
        objective.budget += objective.count
    frame = find_frame(objective)
    noise = measure_noise(objective, frame)
    measured = measure_hessian(objective, frame, noise)
    assert measured is not None  # only a known frame is refused
    return frame, noise, measured


def _certify(
    objective: Objective, frame: Frame, measured: Measured, noise: float
) -> tuple[Definiteness, Floats]:
    """Return the definiteness, and the directions (p, k) of the user's parameters that show it."""
    # A congruence preserves the signs of eigenvalues (Sylvester's law of inertia), so they are read
    # in the frame, where the bounds are far sharper than on the unit diagonal.
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
    rounding = ROUNDING * _EPS * (np.abs(inverse).T @ np.abs(measured.matrix) @ np.abs(inverse))
    eigenvalues, directions = eigensystem(matrix)
    eigenvalue_errors = bound_eigenvalues(eigenvalues, inverse @ directions, bound)
    eigenvalue_errors += bound_eigenvalues(eigenvalues, directions, rounding)
    if verdict == "indefinite":
        null = _most_negative(matrix, frame.scales, null.shape[1])
    return Information(
        names=names,
        point=objective.point,
        matrix=matrix,
        error=np.sqrt((inverse**2).T @ bound**2 @ inverse**2) + rounding,
        gradient=inverse.T @ measured.slope,
        gradient_error=np.sqrt((inverse**2).T @ measured.slope_error**2),
        eigenvalues=eigenvalues,
        eigenvalue_errors=eigenvalue_errors,
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
