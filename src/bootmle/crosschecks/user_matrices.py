"""Verdicts on the matrices that the user passes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bootmle.crosschecks.evidence import Evidence
from bootmle.crosschecks.flags import Flag, Verdict
from bootmle.crosschecks.sources import Source
from bootmle.crosschecks.verdicts import (
    agreement,
    describe_difference,
    judge,
    judge_reference,
    withheld_from,
)
from bootmle.display.text import rounded
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.convergence import observed_information

__all__ = ["judge_user_matrix"]


@dataclass(frozen=True, slots=True)
class _Thresholds:
    """When a matrix counts as one that is known; entries are compared in units of the diagonal."""

    same: float = 0.02
    """Difference of entries up to which a matrix equals a known one: 1% of a standard error."""
    near: float = 0.1
    """The same for a quasi-Newton approximation, which agrees only roughly: 5%."""
    away: float = 0.01
    """Distance of a result's x from the optimum, in standard errors, beyond which its matrix was
    computed elsewhere: ten times that within which a certified fit ends."""
    short_step: float = 0.01
    """Differencing step, in standard errors, up to which rounding can be to blame."""


_THRESHOLDS = _Thresholds()


def judge_user_matrix(source: Source, evidence: Evidence) -> Verdict:
    """Judge a matrix that the user passed against the reference."""
    fit = evidence.fit
    if fit.information.definiteness == "singular":
        return _judge_flat(source, fit)
    if not np.isfinite(np.asarray(source.covariance)).all():
        return Verdict(False, "the matrix is not finite", Flag.NOT_POSITIVE_DEFINITE)
    away = _distance(source, fit)
    if away > _THRESHOLDS.away:
        return _judge_elsewhere(source, fit, away)
    withheld = withheld_from(evidence)
    if withheld is not None:
        return withheld
    return (
        _judge_as_known(source, evidence)
        or agreement(source, evidence)
        or _judge_curvature(source, evidence)
    )


def _judge_flat(source: Source, fit: Fit) -> Verdict:
    """Reject every standard error along a flat direction."""
    directions = [
        fit.information.describe_direction(each) for each in fit.information.null_directions.T
    ]
    finite = [
        name
        for name, error in zip(fit.names, source.standard_errors, strict=True)
        if np.isfinite(error) and name in fit.not_identified
    ]
    shown = "no standard error exists"
    if finite:
        shown = f"its standard errors for {', '.join(finite)} are artifacts"
    reason = f"{shown}: the data do not identify {' and '.join(directions)}"
    return Verdict(False, reason, Flag.NOT_IDENTIFIED)


def _judge_elsewhere(source: Source, fit: Fit, away: float) -> Verdict:
    """Judge a result whose search ended away from the optimum."""
    x = np.asarray(source.result["x"], dtype=float)
    rise = fit.likelihood.total(_in_full(fit, x)) - fit.nll
    off, higher = rounded(away, 2), rounded(rise, 3)
    distance = f"{off} standard errors from the optimum and {higher} above it in nll"
    information = fit.scipy_information
    if information is None or not np.allclose(information.point, x, rtol=1e-6, atol=1e-9):
        information = observed_information(
            fit.likelihood, fit.likelihood.parameters.to_working(_in_full(fit, x))
        )
    if information.definiteness == "indefinite":
        direction = information.describe_direction(information.null_directions[:, 0])
        reason = f"computed at a saddle point, {distance}; the nll decreases along {direction}"
        return Verdict(False, reason, Flag.SADDLE)
    claim = ", although it reports success" if source.result.get("success") else ""
    return Verdict(False, f"its x is {distance}{claim}", Flag.NOT_AT_OPTIMUM)


def _judge_curvature(source: Source, evidence: Evidence) -> Verdict:
    """Judge a matrix computed at the optimum as an inverse Hessian."""
    head = describe_difference(source, evidence)
    factor = _common_factor(source, evidence)
    if factor is not None:
        reason = f"{head}: {_factor_reason(factor, evidence.fit)}"
        return Verdict(False, reason, Flag.OBJECTIVE_SCALE)
    ratios = _along_eigenvectors(source, evidence.fit)
    if source.quasi_newton:
        reason = f"{head}: {_path_reason(source, evidence.fit, ratios)}"
        return Verdict(False, reason, Flag.SEARCH_PATH, ratios)
    return _judge_differences(source, evidence, head, ratios)


def _judge_differences(source: Source, evidence: Evidence, head: str, ratios: Floats) -> Verdict:
    """Judge a bare matrix by how far its inverse is from the Hessian."""
    free = evidence.fit.likelihood.parameters.free
    matrix = np.asarray(source.covariance)[np.ix_(free, free)]
    try:
        implied = np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        return Verdict(False, f"{head}: the matrix is singular", Flag.NOT_POSITIVE_DEFINITE)
    error = float(np.median(np.abs(implied - evidence.fit.information.matrix)))
    least = float(np.abs(np.diag(evidence.fit.information.matrix)).min())
    negative = int((np.diag(matrix) < 0).sum())
    unit = np.sqrt(np.abs(np.diag(implied)))
    if np.linalg.eigvalsh(implied / np.outer(unit, unit))[0] > 0:
        return Verdict(False, f"{head}: {_span(ratios)}", Flag.UNEXPLAINED, ratios)
    step = np.sqrt(np.finfo(float).eps * abs(evidence.fit.nll) / max(error, 1e-300))
    start = f"{negative} of {free.size} variances are negative" if negative else head
    errors = evidence.known["hessian"].standard_errors[free]
    if not step < _THRESHOLDS.short_step * errors.max():
        reason = f"{start}: it is not positive definite, although the Hessian is"
        return Verdict(False, reason, Flag.NOT_POSITIVE_DEFINITE, ratios)
    return Verdict(
        False,
        f"{start}: the median entry of its inverse is off by {rounded(error, 2)}, where the "
        f"smallest curvature is {rounded(least, 2)}; with a step near {rounded(float(step), 1)}, "
        f"rounding error in an nll of {rounded(evidence.fit.nll, 5)} swamps the second "
        f"differences, although the Hessian is positive definite",
        Flag.ROUNDING,
        ratios,
    )


def _judge_as_known(source: Source, evidence: Evidence) -> Verdict | None:
    """Take over the verdict on the closest known source, if a matrix equals it."""
    if source.quasi_newton:
        return _judge_as_near_inverse(source, evidence)
    apart = {
        name: _apart(source, own, evidence)
        for name, own in evidence.known.items()
        if own.covariance is not None
    }
    name = min(apart, key=lambda each: apart[each])
    if not apart[name] < _THRESHOLDS.same:
        return None
    own = evidence.known[name]
    given = judge_reference(evidence) if own is evidence.reference else judge(own, evidence)
    matrix = "the inverse Hessian" if name == "hessian" else f"the {name} matrix"
    return Verdict(given.agrees, f"equals {matrix}: {given.reason}", given.flag)


def _judge_as_near_inverse(source: Source, evidence: Evidence) -> Verdict | None:
    """Take over the verdict on the Hessian, if a quasi-Newton matrix is close to its inverse."""
    hessian = evidence.known["hessian"]
    if not _apart(source, hessian, evidence) < _THRESHOLDS.near:
        return None
    own = judge_reference(evidence)
    own = own if hessian is evidence.reference else judge(hessian, evidence)
    reason = f"close to the inverse Hessian here, which is not guaranteed: {own.reason}"
    return Verdict(own.agrees, reason, own.flag)


def _apart(source: Source, own: Source, evidence: Evidence) -> float:
    """Return the largest difference of two matrices' entries, in units of their diagonals."""
    free = evidence.fit.likelihood.parameters.free
    one, other = (np.asarray(each.covariance)[np.ix_(free, free)] for each in (source, own))
    unit = np.sqrt(np.abs(np.diag(other)))
    largest = float(np.max(np.abs(one - other) / np.outer(unit, unit)))
    return largest if np.isfinite(largest) else np.inf


def _distance(source: Source, fit: Fit) -> float:
    """Return the result's distance from the estimate in standard errors; 0 for a bare matrix."""
    if source.result is None:
        return 0.0
    x = np.asarray(source.result["x"], dtype=float)
    if x.shape not in {fit.estimate.shape, (int(fit.free.sum()),)}:
        return 0.0
    parameters = fit.likelihood.parameters
    points = [parameters.to_working(_in_full(fit, x))]
    # A search on a transformed scale has working parameters.
    points += [x] if x.size == parameters.free.size else []
    away = min(float(np.linalg.norm(fit.whitening.to_whitened(point))) for point in points)
    return away if np.isfinite(away) else np.inf


def _in_full(fit: Fit, x: Floats) -> Floats:
    """Complete the free parameters with the fixed ones."""
    if x.shape == fit.estimate.shape:
        return x
    full = fit.estimate.copy()
    full[fit.free] = x
    return full


def _common_factor(source: Source, evidence: Evidence) -> float | None:
    """Return c where a matrix is c times the inverse Hessian, c not 1; -1 for its negative."""
    hessian, free = evidence.known["hessian"], evidence.fit.likelihood.parameters.free
    matrix = np.asarray(source.covariance)[np.ix_(free, free)]
    inverse = np.asarray(hessian.covariance)[np.ix_(free, free)]
    factor = float(np.trace(matrix / np.diag(inverse)[:, None]) / free.size)
    if factor == 0 or not np.isfinite(factor):
        return None
    scaled = Source.of(source.name, np.asarray(source.covariance) / factor)
    if _apart(scaled, hessian, evidence) > 2 * _THRESHOLDS.same:
        return None
    n = evidence.fit.likelihood.n_observations or 0
    recognized = (
        min(abs(factor / each - 1) for each in (0.5, max(n, 1), -1.0)) < 2 * _THRESHOLDS.same
    )
    return factor if free.size > 1 or recognized else None


def _factor_reason(factor: float, fit: Fit) -> str:
    """State what a constant factor between a matrix and the inverse Hessian means."""
    n = fit.likelihood.n_observations or 0
    if abs(factor + 1) < 2 * _THRESHOLDS.same:
        return "minus the inverse Hessian: its objective is the log-likelihood itself"
    if n and abs(factor / n - 1) < 2 * _THRESHOLDS.same:
        return f"n = {n:,} times the inverse Hessian: its objective is a mean over the rows"
    half = (
        ": its objective is −2 log L"
        if abs(factor - 0.5) < _THRESHOLDS.same
        else ": a scaled objective, or a dispersion factor"
    )
    return f"{rounded(factor)} times the inverse Hessian in every parameter{half}"


def _path_reason(source: Source, fit: Fit, ratios: Floats) -> str:
    """State that a minimizer's matrix is an approximation, and how far off it is."""
    result: Any = source.result if source.result is not None else {}
    nit, n = result.get("nit"), fit.likelihood.n_observations or 0
    mean = n > 1 and np.isclose(float(result.get("fun", np.nan)) * n, fit.nll, rtol=1e-4)
    scale = f"; its objective is a mean over the rows: divide by n = {n:,} as well" if mean else ""
    steps = "" if nit is None else f" built from {nit} steps in {int(fit.free.sum())} dimensions"
    success = " (success=True refers only to the search)" if result.get("success") else ""
    return (
        f"a quasi-Newton approximation{steps}, not the inverse Hessian{success}; "
        f"{_span(ratios)}{scale}"
    )


def _along_eigenvectors(source: Source, fit: Fit) -> Floats:
    """Divide a matrix by the inverse Hessian along each of the Hessian's eigenvectors."""
    free, directions = fit.likelihood.parameters.free, fit.information.directions
    matrix = np.asarray(source.covariance)[np.ix_(free, free)]
    along: Floats = np.einsum("jk,jl,lk->k", directions, matrix, directions)
    return along * fit.information.eigenvalues


def _span(ratios: Floats) -> str:
    """State how far a matrix is from the inverse Hessian along the Hessian's eigenvectors."""
    low, high = rounded(float(ratios.min()), 2), rounded(float(ratios.max()), 2)
    if low == high:
        return f"its variance is {low} times that of the inverse Hessian"
    return (
        f"along the Hessian's eigenvectors, its variance is {low} to {high} times that of the "
        f"inverse Hessian"
    )
