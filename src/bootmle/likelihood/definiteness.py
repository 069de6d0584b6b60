"""What a measured Hessian shows: eigenvalues with bounds, definiteness, the inverse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import cho_factor, cho_solve

from bootmle.display.encoding import printable
from bootmle.display.text import brief
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.differences import SAFETY, Frame, Measured, Objective

__all__ = [
    "Definiteness",
    "Information",
    "bound_eigenvalues",
    "eigensystem",
    "is_flat",
    "judge",
    "name_direction",
    "orient",
    "unit_diagonal",
]

Definiteness = Literal["positive definite", "indefinite", "singular", "undecided"]

_EPS = float(np.finfo(float).eps)
_TINY = float(np.finfo(float).tiny)
_SWEEPS = 30
"""Most sweeps of Jacobi's method, which in practice takes about log₂ p of them."""
_NEGLIGIBLE = 0.005
"""Part of a unit vector that its description leaves out: with two decimals it would be 0.00."""
_DIGITS = 3
"""Decimals to which a unit vector's entries are compared in size: rounding then splits no tie."""


@dataclass(frozen=True, slots=True)
class _Flatness:
    """How far along a direction, and how closely, the objective has to stay the same."""

    distance: float = 100.0
    """In conditional standard errors: with an identified direction the nll would rise by 5000."""
    visible: float = 1e-3
    """Change of the nll that counts whatever the noise: that of 0.045 standard errors."""
    narrowing: float = 10.0
    """How much narrower a valley may become over that distance."""
    beside: float = 3e-6
    """Largest distance from the bottom of a valley, in standard errors, that is allowed for: it
    then accounts for a change of (10 · 3e-6)², 9e-10."""
    shares: tuple[float, ...] = (1.0, 1 / 8, 1 / 64)
    """Parts of the distance that are tried, the next where the domain ends before the one."""


_FLATNESS = _Flatness()


@dataclass(frozen=True, slots=True)
class Information:
    """The observed information at a point: the Hessian of an nll with its error bounds.

    Attributes
    ----------
    names : tuple of str
        The p parameters.
    point : (p,) array
        Where it was measured, in the user's units.
    matrix, error : (p, p) arrays
        Hessian of the negative log-likelihood and a bound on the error of every entry.
    gradient, gradient_error : (p,) arrays
        Gradient and its bounds.
    eigenvalues, eigenvalue_errors : (p,) arrays
        Eigenvalues of ``matrix`` in ascending order and their bounds.
    directions : (p, p) array
        Unit eigenvectors, the largest entry of each positive: column k belongs to eigenvalue k.
    definiteness : str
        "positive definite"; "indefinite": there is a direction of negative curvature; "singular":
        the objective is constant along a direction; "undecided": the bounds include zero. It does
        not depend on the parameters' scales.
    null_directions : (p, k) array
        Unit vectors in the user's parameters, with signs as above, along which the curvature is
        negative ("indefinite") or the objective flat ("singular"); k is 0 otherwise.
    noise : float
        Noise level of the objective; where a gradient was given, that of its slope along a step
        of one standard error.
    n_evaluations : int
        Evaluations of the objective, or of the gradient where one was given.
    tangent : (p, r) array or None
        On constraints, where the definiteness is that along their tangent space: a basis of it
        with covariance ``tangent @ tangent.T`` (the delta method).
    limit : (p, r) array or None
        Where no interior optimum was certified: a factor of the covariance in the limit, as
        ``tangent``. Its rows are NaN for infinite parameters; all are where no limit is known.
    """

    names: tuple[str, ...]
    point: Floats
    matrix: Floats
    error: Floats
    gradient: Floats
    gradient_error: Floats
    eigenvalues: Floats
    eigenvalue_errors: Floats
    directions: Floats
    definiteness: Definiteness
    null_directions: Floats
    noise: float
    n_evaluations: int
    tangent: Floats | None = None
    limit: Floats | None = None

    @property
    def covariance(self) -> Floats:
        """Inverse (p, p) of the Hessian; NaN unless it is positive definite, never repaired."""
        if self.limit is not None:
            return np.asarray(self.limit @ self.limit.T)
        if self.definiteness != "positive definite":
            return np.full_like(self.matrix, np.nan)
        if self.tangent is not None:
            return np.asarray(self.tangent @ self.tangent.T)
        scales = unit_diagonal(self.matrix)
        factor = cho_factor(scales[:, None] * self.matrix * scales)
        inverse: Floats = scales[:, None] * cho_solve(factor, np.diag(scales))
        return inverse

    @property
    def standard_errors(self) -> Floats:
        """Root (p,) of the covariance's diagonal, in the parameters' units."""
        return np.sqrt(np.diag(self.covariance))

    def describe_direction(self, direction: ArrayLike) -> str:
        """Write a direction (p,) as a combination of the parameters' names."""
        try:
            values = np.asarray(direction, dtype=float)
        except (TypeError, ValueError):
            values = np.empty(0)
        size = len(self.names)
        if values.shape != (size,) or not np.isfinite(values).all() or not values.any():
            raise ValueError(f"direction: got {brief(direction)}; pass {size} numbers, not all 0")
        return name_direction(values, self.names)

    def __str__(self) -> str:
        width = max(len("parameter"), *map(len, self.names))
        rows = zip(self.names, self.point, self.gradient, self.standard_errors, strict=True)
        lines = [f"{'parameter':<{width}} {'at':>12} {'gradient':>12} {'std. error':>12}"]
        lines += [f"{name:<{width}} {a:>12.6g} {b:>12.3g} {c:>12.6g}" for name, a, b, c in rows]
        low, bound = self.eigenvalues[0], self.eigenvalue_errors[0]
        where = "" if self.tangent is None else " on the constraints"
        lines.append(
            f"Hessian {self.definiteness}{where}; smallest eigenvalue {low:.4g} ± {bound:.1g}"
        )
        kind = {"indefinite": "negative curvature along", "singular": "flat along"}
        lines += [
            f"{kind[self.definiteness]} {self.describe_direction(column)}"
            for column in self.null_directions.T
        ]
        return printable("\n".join(lines))


def name_direction(direction: ArrayLike, names: Sequence[str]) -> str:
    """Write a direction (p,), scaled to a unit vector, as a combination of named parameters."""
    unit = np.asarray(direction, dtype=float) / np.linalg.norm(direction)
    order = [int(k) for k in np.argsort(-np.abs(unit).round(_DIGITS), kind="stable")]
    terms = [
        f"{'−' if unit[k] < 0 else '+'} {abs(unit[k]):.2f}·{names[k]}"
        for k in order
        if abs(unit[k]) >= _NEGLIGIBLE
    ]
    text = " ".join(terms)
    return text.removeprefix("+ ") if text.startswith("+") else text.replace("− ", "−", 1)


def unit_diagonal(matrix: Floats) -> Floats:
    """Return factors (p,) that scale a symmetric matrix to a diagonal of ±1, or 0 where it is 0."""
    diagonal = np.abs(np.diag(matrix))
    return 1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))


def judge(
    matrix: Floats, error: Floats, is_flat: Callable[[Floats], bool]
) -> tuple[Definiteness, Floats]:
    """Return a matrix's definiteness, and its negative or flat directions (p, k)."""
    none = np.empty((len(matrix), 0))
    if not np.isfinite(error).all():
        return "undecided", none
    eigenvalues, vectors = np.linalg.eigh(matrix)
    bounds = bound_eigenvalues(eigenvalues, vectors, error)
    if np.any(eigenvalues < -bounds):
        return "indefinite", vectors[:, eigenvalues < -bounds]
    open_ = vectors[:, eigenvalues <= bounds]
    if not open_.size:
        return "positive definite", none
    return ("singular", open_) if all(map(is_flat, open_.T)) else ("undecided", none)


def is_flat(
    objective: Objective, frame: Frame, measured: Measured, noise: float, z: Floats
) -> bool:
    """Whether the objective changes by no more than its noise along a direction, to both sides."""
    # Where its domain ends on one side, the other has to reach the whole distance.
    z = z * _FLATNESS.distance / np.linalg.norm(frame.axes @ z / frame.scales)
    step = frame.axes @ z
    jitter = _EPS * np.linalg.norm(frame.inverse * (np.abs(objective.point) + np.abs(step)))
    # The direction is known up to the bounds, and the walk may stray by as much.
    astray = jitter + np.linalg.norm(measured.error) * np.linalg.norm(z)
    slope = float(np.linalg.norm(measured.slope))
    allowed = 2 * SAFETY * noise + astray * (slope + (1.0 if objective.order == 1 else astray))
    if objective.order == 2:
        # The slope shows how far the point is from the bottom of a valley, and valleys narrow.
        allowed += (_FLATNESS.narrowing * min(slope + float(astray), _FLATNESS.beside)) ** 2
    walks = [_walk(objective, frame, end) for end in (step, -step)]
    furthest, largest = max(share for share, _ in walks), max(change for _, change in walks)
    return bool(furthest == 1 and largest <= allowed < _FLATNESS.visible)


def _walk(objective: Objective, frame: Frame, step: Floats) -> tuple[float, float]:
    """Go as far as the domain: return the share of the step, and the change of the objective."""
    for share in _FLATNESS.shares:
        change = frame.turn(objective(share * step) - objective.base)
        if np.isfinite(change).all():
            return share, float(np.max(np.abs(change)))
    return 0.0, np.inf


def is_definite(matrix: Floats, error: Floats) -> bool:
    """Whether the entries' bounds show a matrix to be positive definite."""
    if not np.isfinite(error).all():
        return False
    eigenvalues, vectors = np.linalg.eigh(matrix)
    return bool(np.all(eigenvalues > bound_eigenvalues(eigenvalues, vectors, error)))


def bound_eigenvalues(eigenvalues: Floats, vectors: Floats, error: Floats) -> Floats:
    """Return bounds (p,) on the eigenvalues' errors from the entries' bounds, to second order."""
    coupling = np.abs(vectors).T @ error @ np.abs(vectors)
    gap = np.abs(eigenvalues[:, None] - eigenvalues)
    mixing = coupling**2 / np.maximum(np.maximum(gap, coupling), _TINY)
    np.fill_diagonal(mixing, np.diag(coupling))
    bounds: Floats = mixing.sum(axis=1)
    return bounds


def eigensystem(matrix: Floats) -> tuple[Floats, Floats]:
    """Return ascending eigenvalues, and eigenvectors, the largest entry of each positive."""
    # Jacobi rotations compute a small eigenvalue accurately beside a large one where they differ
    # only by the parameters' scales; a dense solver does not (Demmel and Veselić 1992).
    rotated, vectors = matrix.copy(), np.eye(len(matrix))
    for _ in range(_SWEEPS):
        if not _sweep(rotated, vectors):
            break
    order = np.argsort(np.diag(rotated))
    return np.diag(rotated)[order], orient(vectors[:, order])


def orient(columns: Floats) -> Floats:
    """Scale columns to unit length, the largest entry of each, the first of equals, positive."""
    if not columns.size:
        return columns
    unit: Floats = columns / np.linalg.norm(columns, axis=0)
    largest = np.argmax(np.abs(unit).round(_DIGITS), axis=0)
    return unit * np.sign(unit[largest, range(unit.shape[1])])


def _sweep(matrix: Floats, vectors: Floats) -> bool:
    """Rotate all pairs of coordinates that are coupled, in place; return whether any were."""
    coupled = False
    for i in range(len(matrix) - 1):
        for j in range(i + 1, len(matrix)):
            if abs(matrix[i, j]) > _EPS * np.sqrt(abs(matrix[i, i] * matrix[j, j])):
                _rotate(matrix, vectors, i, j)
                coupled = True
    return coupled


def _rotate(matrix: Floats, vectors: Floats, i: int, j: int) -> None:
    """Rotate the plane of two coordinates so that they are no longer coupled, in place."""
    pair, entry = [i, j], matrix[i, j]
    half = (matrix[j, j] - matrix[i, i]) / 2
    tangent = np.copysign(1.0, half) * entry / (abs(half) + np.hypot(half, entry))
    diagonal = matrix[i, i] - tangent * entry, matrix[j, j] + tangent * entry
    turn = np.array([[1.0, tangent], [-tangent, 1.0]]) / np.hypot(1.0, tangent)
    matrix[:, pair] = matrix[:, pair] @ turn
    matrix[pair, :] = turn.T @ matrix[pair, :]
    matrix[pair, pair] = diagonal
    matrix[i, j] = matrix[j, i] = 0.0
    vectors[:, pair] = vectors[:, pair] @ turn
