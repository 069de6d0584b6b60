"""The formulas of standard errors, computed without bootmle: by differences and closed forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from software_problems import SIGMA, N, Problem

Array = NDArray[Any]

__all__ = ["columns"]

_STEP = 0.02
"""Step of the differences in standard errors: their fourth-order error is about 1e-7."""


def columns(name: str, problem: Problem, point: Array, args: tuple[Array, ...]) -> dict[str, Array]:
    """Return formulas' standard errors at the optimum near a point, by formula."""
    point, unit = _optimum(problem, point, args)
    scores = _scores(problem, point, unit, args)
    H = _hessian(problem, point, unit, args)
    V, q = np.linalg.inv(H), len(H)
    found = {"hessian": V, "twice": 2 * V}
    held = np.full((q, q), np.nan)
    held[:-1, :-1] = np.linalg.inv(H[:-1, :-1])
    held[-1, -1] = V[-1, -1]
    found["last held"] = held
    if scores is not None:
        n = len(scores)
        S = V @ scores.T @ scores @ V
        found |= {
            "opg": np.linalg.inv(scores.T @ scores),
            "opg n/(n−1)": np.linalg.inv(scores.T @ scores) * n / (n - 1),
            "sandwich": S,
            "sandwich n/(n−1)": S * n / (n - 1),
            "sandwich n/(n−p)": S * n / (n - q),
            "hessian n/(n−1)": V * n / (n - 1),
            "hessian n/(n−p)": V * n / (n - q),
            "hessian n/(n−k)": V * n / (n - q + 1),
            "hessian (n−1)/(n−k)": V * (n - 1) / (n - q),
        }
    if name == "mixed":
        ratio = np.array([1 / point[3], -point[2] / point[3] ** 2])
        other = V.copy()
        other[2, 2] = point[3] * ratio @ V[2:, 2:] @ ratio
        found["ratio"] = other
    if name in _EXPECTED:
        E = _EXPECTED[name](point, *args)
        inside = np.full((q, q), np.nan)
        inside[: len(E), : len(E)] = np.linalg.inv(E)
        found["expected"] = inside
        if name == "curve":
            chi = 2 * float(problem.nll(point, *args).sum())
            found["expected × dispersion"] = inside * chi / (N - q)
            found["hessian × nll/(n−p)"] = V * chi / 2 / (N - q)
            found["hessian × chi/(n−p)"] = V * chi / (N - q)
            squares = np.sum(problem.nll(point, *args) ** 2)
            found["2 hessian × Σ nll²/(n−p)"] = 2 * V * squares / (N - q)
    blocks = H.copy()
    blocks[: q // 2, q // 2 :] = blocks[q // 2 :, : q // 2] = 0
    found["blocks"] = np.linalg.inv(blocks)
    with np.errstate(invalid="ignore"):
        return {key: np.sqrt(np.diag(matrix)) for key, matrix in found.items()}


def _optimum(problem: Problem, point: Array, args: tuple[Array, ...]) -> tuple[Array, Array]:
    """Polish a point by Newton steps; also return the standard errors there."""
    unit = 1e-3 * np.where(point == 0, 1.0, np.abs(point))
    for _ in range(6):
        H = _hessian(problem, point, unit, args)
        gradient = _gradient(problem, point, unit, args)
        step = np.linalg.solve(H, gradient)
        unit = 1 / np.sqrt(np.abs(np.diag(H)))
        point = point - step * min(1.0, 1.0 / np.abs(step / unit).max())
    return point, unit


def _total(problem: Problem, point: Array, args: tuple[Array, ...]) -> float:
    return float(np.sum(problem.nll(point, *args)))


def _gradient(problem: Problem, point: Array, unit: Array, args: Any) -> Array:
    steps = _STEP * np.diag(unit)
    return np.array(
        [
            (
                8 * (_total(problem, point + e, args) - _total(problem, point - e, args))
                - (_total(problem, point + 2 * e, args) - _total(problem, point - 2 * e, args))
            )
            / (12 * e.sum())
            for e in steps
        ]
    )


def _scores(problem: Problem, point: Array, unit: Array, args: Any) -> Array | None:
    if np.ndim(problem.nll(point, *args)) == 0:
        return None
    steps = _STEP * np.diag(unit)
    return np.array(
        [
            (
                8 * (problem.nll(point + e, *args) - problem.nll(point - e, *args))
                - (problem.nll(point + 2 * e, *args) - problem.nll(point - 2 * e, *args))
            )
            / (12 * e.sum())
            for e in steps
        ]
    ).T


def _hessian(problem: Problem, point: Array, unit: Array, args: Any) -> Array:
    rows = []
    for e in _STEP * np.diag(unit):

        def at(times: float, e: Array = e) -> Array:
            return _gradient(problem, point + times * e, unit, args)

        rows.append((8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * e.sum()))
    return np.asarray((np.array(rows) + np.array(rows).T) / 2)


def _expected_probit(b: Array, X: Array, y: Array) -> Array:
    from scipy.stats import norm

    at = X @ b
    weight = norm.pdf(at) ** 2 / (norm.cdf(at) * norm.sf(at))
    return np.asarray(X.T @ (weight[:, None] * X))


def _expected_nb2(params: Array, X: Array, y: Array) -> Array:
    mean = np.exp(X @ params[:-1])
    return np.asarray(X.T @ ((mean / (1 + params[-1] * mean))[:, None] * X))


def _expected_curve(params: Array, t: Array, y: Array) -> Array:
    decay = np.exp(-params[1] * t)
    J = np.column_stack([decay, -params[0] * t * decay, np.ones(len(t))]) / SIGMA
    return np.asarray(J.T @ J)


def _expected_lag(params: Array, x: Array, y: Array) -> Array:
    """Anselin (1988), equation 6.5.1, for the spatial lag."""
    base, slope, rho, variance = params
    W = (np.roll(np.eye(N), 1, axis=1) + np.roll(np.eye(N), -1, axis=1)) / 2
    X = np.column_stack([np.ones(N), x])
    A = W @ np.linalg.inv(np.eye(N) - rho * W)
    mean = A @ X @ [base, slope]
    E = np.zeros((4, 4))
    E[:2, :2] = X.T @ X / variance
    E[:2, 2] = E[2, :2] = X.T @ mean / variance
    E[2, 2] = np.trace(A @ A) + np.trace(A.T @ A) + mean @ mean / variance
    E[2, 3] = E[3, 2] = np.trace(A) / variance
    E[3, 3] = N / (2 * variance**2)
    return E


def _expected_factor(params: Array, y: Array) -> Array:
    load = np.concatenate([[1.0], params[:3]])
    inverse = np.linalg.inv(params[3] * np.outer(load, load) + np.diag(params[4:]))
    slopes = []
    for j in range(3):
        one = np.zeros(4)
        one[j + 1] = params[3]
        slopes.append(np.outer(one, load) + np.outer(load, one))
    slopes += [np.outer(load, load), *(np.diag(row) for row in np.eye(4))]
    parts = [inverse @ each for each in slopes]
    return np.array([[len(y) / 2 * np.trace(a @ b) for b in parts] for a in parts])


def _expected_mixed(params: Array, x: Array, y: Array) -> Array:
    m = y.shape[1]
    between, within = params[3] + m * params[2], params[3]
    E = np.zeros((4, 4))
    for row in x:
        X = np.column_stack([np.ones(m), row])
        means = np.outer(X.mean(axis=0), X.mean(axis=0)) * m
        E[:2, :2] += (X.T @ X - means) / within + means / between
    n = len(x) / 2
    E[2, 2] = n * m**2 / between**2
    E[2, 3] = E[3, 2] = n * m / between**2
    E[3, 3] = n * ((m - 1) / within**2 + 1 / between**2)
    return E


_EXPECTED: dict[str, Callable[..., Array]] = {
    "probit": _expected_probit,
    "nb2": _expected_nb2,
    "curve": _expected_curve,
    "lag": _expected_lag,
    "factor": _expected_factor,
    "mixed": _expected_mixed,
}
"""Expected information in closed form: of the first parameters, with the others held."""
