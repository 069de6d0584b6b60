"""Cubic models of many objectives at once, and the linear algebra of Newton steps on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats

__all__ = [
    "TINY",
    "CubicModels",
    "bfgs_changes",
    "first_of_each",
    "maximize_models",
    "model_limits",
    "newton_steps",
    "trust_radius",
]


@dataclass(frozen=True, slots=True)
class _Rules:
    """What counts as definite, and how a model's optimum is found."""

    pivot: float = 1e-2
    """Smallest diagonal of a Cholesky factor that counts: a ten-thousandth of the original's
    curvature, below which what a measured Hessian leaves out decides how long a step is."""
    narrow: float = 1e-7
    """Smallest share of the largest that counts: its square is what rounding leaves, 1e-14."""
    together: int = 8
    """Up to this many parameters the columns of a whole batch are eliminated at once. With 12 this
    takes 170 µs for 64 matrices, and LAPACK one by one 34, or 370 where one has no factor; with 4
    it is 29, 12 and 320."""
    eigenvalue: float = 1e-3
    """Smallest eigenvalue of a matrix made definite, as a share of the largest, or of 1."""
    largest: float = 1e8
    """Curvature that stands for an infinite one."""
    steps: int = 12
    """Damped steps of a model: each that is too long is quartered, and Newton's are quadratic."""
    astray: int = 6
    """Steps in a row to indefinite Hessians after which a model is given up: of 95,000 that needed
    damped steps, resamples of resamples of five studies, 36 found an optimum later."""
    converged: float = 1e-3
    """Last step of a model: it leaves about its square."""
    rounding: float = 1e-12
    """Rise of a model's value, of the order of 1, that is none."""
    positive: float = 1e-8
    """Curvature along a step below which a BFGS update would spoil the Hessian."""


_RULES = _Rules()
TINY = 1e-300
"""Stands for zero in denominators."""


def model_limits() -> dict[str, Any]:
    """Return what a compiled iteration needs to know of these rules, by name."""
    names = ("pivot", "narrow", "steps", "converged", "rounding", "positive")
    return {name: getattr(_RULES, name) for name in names}


@dataclass(frozen=True, slots=True)
class CubicModels:
    """Cubic models of b objectives around z = 0."""

    slope: Floats  # (b, q)
    curvature: Floats  # (b, q, q)
    third: Floats | None  # (b, q, q, q)

    def at(self, z: Floats) -> tuple[Floats, Floats, Floats]:
        """Evaluate values (b,), gradients (b, q) and Hessians (b, q, q) at one point each."""
        straight = np.matmul(self.curvature, z[..., None])[..., 0]
        value = ((self.slope + straight / 2) * z).sum(axis=-1)
        if self.third is None:
            return value, self.slope + straight, self.curvature
        count, size = z.shape
        flat = self.third.reshape(count, size * size, size)
        bend = np.matmul(flat, z[..., None]).reshape(count, size, size)
        bent = np.matmul(bend, z[..., None])[..., 0]
        return (
            value + (bent * z).sum(axis=-1) / 6,
            self.slope + straight + bent / 2,
            self.curvature + bend,
        )

    def hessian(self, z: Floats) -> Floats:
        """Evaluate the models' Hessians at one point each, (b, q, q)."""
        return self.at(z)[2]

    def hessian_by_exponential(self, z: Floats) -> Floats:
        """Let the Hessian grow or shrink by a rate, (b, q, q): C^½ exp(C^-½ (H − C) C^-½) C^½."""
        # NaN where C, the curvature at 0, is not positive definite.
        with np.errstate(invalid="ignore", divide="ignore"):
            values, vectors = np.linalg.eigh(self.curvature)
            roots = np.sqrt(np.where(values > 0, values, np.nan))[:, None, :]
            turned = vectors.swapaxes(1, 2)
            root, inverse = (vectors * roots) @ turned, (vectors / roots) @ turned
            change = inverse @ (self.hessian(z) - self.curvature) @ inverse
            known = np.isfinite(change).all(axis=(1, 2))
            rates, axes = np.linalg.eigh(np.where(known[:, None, None], change, 0.0))
            grown = (axes * np.exp(rates)[:, None, :]) @ axes.swapaxes(1, 2)
            return np.where(known[:, None, None], root @ grown @ root, np.nan)

    def contiguous(self) -> CubicModels:
        """Lay the models out in the order of their axes."""
        third = None if self.third is None else np.ascontiguousarray(self.third)
        return CubicModels(
            np.ascontiguousarray(self.slope), np.ascontiguousarray(self.curvature), third
        )

    def take(self, members: NDArray[np.intp] | slice) -> CubicModels:
        """Take some of the models."""
        third = None if self.third is None else self.third[members]
        return CubicModels(self.slope[members], self.curvature[members], third)


def first_of_each(several: Sequence[CubicModels]) -> CubicModels:
    """Join the first models of several batches."""
    thirds = [each.third[:1] for each in several if each.third is not None]
    return CubicModels(
        np.concatenate([each.slope[:1] for each in several]),
        np.concatenate([each.curvature[:1] for each in several]),
        np.concatenate(thirds) if thirds else None,
    )


def trust_radius(size: int) -> float:
    """Bound the distance of a model's optimum: beyond it lies about 0.3% of a normal estimate."""
    return 2.0 + float(np.sqrt(size))


def newton_steps(gradient: Floats, curvature: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return Newton steps (b, q), decrements (b,) and whether each Hessian is positive definite."""
    # Where it is not, the step uses the absolute eigenvalues: a descent direction, no certificate.
    definite = _are_sound(_pivots(curvature))
    usable = curvature if definite.all() else _made_definite(curvature, definite)
    steps = np.asarray(-np.linalg.solve(usable, gradient[..., None])[..., 0], dtype=float)
    decrements: Floats = np.sqrt(np.maximum(0.0, -(gradient * steps).sum(axis=-1)))
    return steps, decrements, definite


def _pivots(curvature: Floats) -> Floats:
    """Return the diagonals of all Cholesky factors (b, q), NaN from where there is none."""
    # numpy.linalg.cholesky raises for the whole batch if one matrix has no factor, and a member's
    # bits must not depend on the others.
    if curvature.shape[1] > _RULES.together:
        return _factored(curvature)
    left, pivots = curvature.copy(), np.full(curvature.shape[:2], np.nan)
    for k in range(curvature.shape[1]):
        pivots[:, k] = np.sqrt(left[:, k, k])
        column = left[:, k + 1 :, k] / pivots[:, k, None]
        left[:, k + 1 :, k + 1 :] -= column[:, :, None] * column[:, None, :]
    return pivots


def _factored(curvature: Floats) -> Floats:
    """Return the diagonals from LAPACK, which factors each matrix of a batch by itself."""
    try:
        return np.diagonal(np.linalg.cholesky(curvature), axis1=-2, axis2=-1)
    except np.linalg.LinAlgError:
        if curvature.ndim == 2:
            return np.full(len(curvature), np.nan)
    return np.array([_factored(matrix) for matrix in curvature])


def _are_sound(diagonal: Floats) -> NDArray[np.bool_]:
    """Whether the diagonal (..., q) of a Cholesky factor is clearly positive, and finite."""
    least = np.maximum(_RULES.pivot, _RULES.narrow * diagonal.max(axis=-1, keepdims=True))
    return np.asarray(((diagonal > least) & (diagonal < np.inf)).all(axis=-1))


def _made_definite(curvature: Floats, definite: NDArray[np.bool_]) -> Floats:
    """Replace the eigenvalues of matrices that are not definite by their absolute values."""
    usable = curvature.copy()
    matrices = np.nan_to_num(
        curvature[~definite], nan=0.0, posinf=_RULES.largest, neginf=-_RULES.largest
    )
    values, vectors = np.linalg.eigh(matrices)
    sizes = np.abs(values)
    least = _RULES.eigenvalue * np.maximum(1.0, sizes.max(axis=1, keepdims=True))
    scaled = vectors * np.maximum(sizes, least)[:, None, :]
    usable[~definite] = np.matmul(scaled, vectors.swapaxes(1, 2))
    return usable


def maximize_models(
    models: CubicModels, radius: float | None = None
) -> tuple[Floats, NDArray[np.bool_]]:
    """Find the optimum of each cubic model, (b, q), by damped steps from 0, and whether it is one.

    One that is not lies beyond the radius or has an indefinite Hessian: the point is then a
    truncated step of the quadratic model.
    """
    radius = trust_radius(models.slope.shape[1]) if radius is None else radius
    # Models leave once they have converged or gone astray; in one layout, so that the bits of none
    # depend on whether others leave.
    models = models.contiguous()
    found, good = _truncated_steps(models, radius / 2), np.zeros(len(models.slope), dtype=bool)
    members, z = np.arange(len(found)), np.zeros_like(found)
    value, gradient, hessian = models.at(z)
    fraction, astray = np.ones(len(z)), np.zeros(len(z))
    for left in reversed(range(_RULES.steps + 1)):
        steps, _, definite = newton_steps(gradient, hessian)
        length = np.linalg.norm(steps, axis=1)
        converged, astray = length < _RULES.converged, np.where(definite, 0, astray)
        # The last step squares what is left: a jackknife's optima are close together.
        end = z + steps
        optimal = converged & definite & (np.linalg.norm(end, axis=1) < radius)
        found[members[optimal]], good[members[optimal]] = end[optimal], True
        going = np.flatnonzero(~converged & (astray < _RULES.astray))
        if not left or not going.size:
            break
        if going.size < members.size:
            members, models = members[going], models.take(going)
            z, value, gradient, hessian = (each[going] for each in (z, value, gradient, hessian))
            fraction, astray, steps, length = (
                each[going] for each in (fraction, astray, steps, length)
            )
        reach = fraction * np.minimum(1.0, radius / np.maximum(length, TINY))
        trial = z + steps * reach[:, None]
        trial_value, trial_gradient, trial_hessian = models.at(trial)
        lower = trial_value <= value + _RULES.rounding
        fraction, astray = np.where(lower, 1.0, fraction / 4), astray + lower
        value = np.where(lower, trial_value, value)
        z = np.where(lower[:, None], trial, z)
        gradient = np.where(lower[:, None], trial_gradient, gradient)
        hessian = np.where(lower[:, None, None], trial_hessian, hessian)
    return found, good


def _truncated_steps(models: CubicModels, radius: float) -> Floats:
    """Step to the quadratic model's optimum, or as far towards it as the radius allows."""
    steps, _, _ = newton_steps(models.slope, models.curvature)
    length = np.linalg.norm(steps, axis=1, keepdims=True)
    return np.asarray(steps * np.minimum(1.0, radius / np.maximum(length, TINY)))


def bfgs_changes(curvature: Floats, s: Floats, y: Floats) -> Floats:
    """Return BFGS updates of b Hessians that map s to y; zero where curvature is negative."""
    image = np.matmul(curvature, s[..., None])[..., 0]
    along, across = (s * y).sum(axis=-1), (s * image).sum(axis=-1)
    usable = (along > _RULES.positive * (s * s).sum(axis=-1)) & (across > 0)
    along, across = np.where(usable, along, 1.0), np.where(usable, across, 1.0)
    gain = y[:, :, None] * y[:, None, :] / along[:, None, None]
    loss = image[:, :, None] * image[:, None, :] / across[:, None, None]
    return np.where(usable[:, None, None], gain - loss, 0.0)
