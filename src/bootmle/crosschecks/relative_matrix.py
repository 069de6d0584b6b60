"""A given matrix relative to the inverse Hessian: a common factor, or factors along directions."""

from __future__ import annotations

import numpy as np

from bootmle.crosschecks.evidence import Evidence
from bootmle.crosschecks.sources import Source
from bootmle.display.text import rounded
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats

__all__ = ["along_eigenvectors", "along_few", "common_factor", "describe_span", "factor_reason"]

_SAME = 0.02
"""Difference of variances up to which they are the same: 1% of a standard error."""


def common_factor(source: Source, evidence: Evidence) -> float | None:
    """Return c where a matrix is c times the inverse Hessian, c not 1; -1 for its negative."""
    values = _relative(source, evidence)[0]
    if not np.isfinite(values).all() or (values == 0).any():
        return None
    factor = float(values.mean())
    if factor == 0 or np.abs(values / factor - 1).max() > 2 * _SAME:
        return None
    n = evidence.fit.likelihood.n_observations or 0
    recognized = min(abs(factor / each - 1) for each in (0.5, max(n, 1), -1.0)) < 2 * _SAME
    return factor if values.size > 1 or recognized else None


def _relative(source: Source, evidence: Evidence) -> tuple[Floats, Floats]:
    """Return a matrix's variances over the inverse Hessian's, (q,), and along what, (q, q)."""
    free = np.ix_(*[evidence.fit.likelihood.parameters.free] * 2)
    matrix = np.asarray(source.covariance)[free]
    inverse = np.asarray(evidence.known["hessian"].covariance)[free]
    nothing = np.full(len(matrix), np.nan)
    if not np.isfinite(matrix).all():
        return nothing, np.full_like(matrix, np.nan)
    try:
        factor = np.linalg.cholesky(inverse)
    except np.linalg.LinAlgError:
        return nothing, np.full_like(matrix, np.nan)
    half = np.linalg.solve(factor, (matrix + matrix.T) / 2)
    values, vectors = np.linalg.eigh(np.linalg.solve(factor, half.T))
    return np.asarray(values), np.asarray(factor @ vectors)


def along_few(source: Source, evidence: Evidence) -> str | None:
    """Say along what a matrix differs from the inverse Hessian, if along fewer than all."""
    values, directions = _relative(source, evidence)
    same = np.abs(values - 1) < _SAME
    if not (values > 0).all() or not 0 < (~same).sum() <= same.sum():
        return None
    information = evidence.fit.information
    parts = [
        f"{rounded(float(values[k]), 2)} times that of the inverse Hessian along "
        f"{information.describe_direction(directions[:, k])}"
        for k in np.flatnonzero(~same)
    ]
    others = "the other direction" if same.sum() == 1 else "all other directions"
    return (
        f"its variance is {' and '.join(parts)}, and 1 times along {others}: its eigenvalues were "
        f"forced positive definite, clipped or regularized"
    )


def factor_reason(factor: float, fit: Fit) -> str:
    """State what a constant factor between a matrix and the inverse Hessian means."""
    n = fit.likelihood.n_observations or 0
    if abs(factor + 1) < 2 * _SAME:
        return "minus the inverse Hessian: its objective is the log-likelihood itself"
    if n and abs(factor / n - 1) < 2 * _SAME:
        return f"n = {n:,} times the inverse Hessian: its objective is a mean over the rows"
    half = (
        ": its objective is −2 log L"
        if abs(factor - 0.5) < _SAME
        else ": a scaled objective, or a dispersion factor"
    )
    return f"{rounded(factor)} times the inverse Hessian in every parameter{half}"


def along_eigenvectors(source: Source, fit: Fit) -> Floats:
    """Divide a matrix by the inverse Hessian along each of the Hessian's eigenvectors."""
    free, directions = fit.likelihood.parameters.free, fit.information.directions
    matrix = np.asarray(source.covariance)[np.ix_(free, free)]
    along: Floats = np.einsum("jk,jl,lk->k", directions, matrix, directions)
    return along * fit.information.eigenvalues


def describe_span(ratios: Floats) -> str:
    """State how far a matrix is from the inverse Hessian along the Hessian's eigenvectors."""
    low, high = rounded(float(ratios.min()), 2), rounded(float(ratios.max()), 2)
    if low == high:
        return f"its variance is {low} times that of the inverse Hessian"
    return (
        f"along the Hessian's eigenvectors, its variance is {low} to {high} times that of the "
        f"inverse Hessian"
    )
