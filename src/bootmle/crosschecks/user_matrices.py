"""What to make of a matrix that the user brings."""

from __future__ import annotations

from typing import Any

import numpy as np

from bootmle.crosschecks.evidence import Evidence
from bootmle.crosschecks.flags import Flag, Verdict
from bootmle.crosschecks.sources import Source
from bootmle.crosschecks.verdicts import (
    agreement,
    differs,
    judge_own,
    judge_reference,
    withheld_from,
)
from bootmle.display.text import rounded
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.convergence import observed_information

__all__ = ["judge_given"]

_SAME = 0.02
_NEAR = 0.1
_AWAY = 0.01
_SHORT = 1e-2


def judge_given(source: Source, evidence: Evidence) -> Verdict:
    """Judge a matrix that the user brought against the reference."""
    fit = evidence.fit
    if fit.information.definiteness == "singular":
        return _of_flat(source, fit)
    if not np.isfinite(np.asarray(source.covariance)).all():
        return Verdict(False, "the matrix is not finite", Flag.NOT_POSITIVE_DEFINITE)
    away = _distance(source, fit)
    if away > _AWAY:
        return _from_elsewhere(source, fit, away)
    withheld = withheld_from(evidence)
    if withheld is not None:
        return withheld
    return (
        _same_as(source, evidence)
        or agreement(source, evidence)
        or _judge_curvature(source, evidence)
    )


def _of_flat(source: Source, fit: Fit) -> Verdict:
    """Refuse any standard error along a flat direction."""
    ways = [fit.information.describe_direction(way) for way in fit.information.null_directions.T]
    finite = [
        name
        for name, error in zip(fit.names, source.standard_errors, strict=True)
        if np.isfinite(error) and name in fit.not_identified
    ]
    shown = f"its errors of {', '.join(finite)} are artefacts" if finite else "none is possible"
    reason = f"{shown}: the data do not identify {' and '.join(ways)}"
    return Verdict(False, reason, Flag.NOT_IDENTIFIED)


def _from_elsewhere(source: Source, fit: Fit, away: float) -> Verdict:
    """Judge a result that ended away from the optimum: what is the point where it stopped."""
    x = np.asarray(source.result["x"], dtype=float)
    rise = fit.likelihood.total(_in_full(fit, x)) - fit.nll
    distance = f"{rounded(away, 2)} standard errors from the optimum, {rounded(rise, 3)} above it"
    information = fit.scipy_information
    if information is None or not np.allclose(information.point, x, rtol=1e-6, atol=1e-9):
        information = observed_information(
            fit.likelihood, fit.likelihood.parameters.to_working(_in_full(fit, x))
        )
    if information.definiteness == "indefinite":
        way = information.describe_direction(information.null_directions[:, 0])
        reason = f"measured at a saddle, {distance} in nll; the nll falls along {way}"
        return Verdict(False, reason, Flag.SADDLE)
    said = "" if not source.result.get("success") else " though it reports success"
    return Verdict(False, f"its x is {distance} in nll{said}", Flag.NOT_AT_OPTIMUM)


def _judge_curvature(source: Source, evidence: Evidence) -> Verdict:
    """Judge a matrix measured at the optimum as an inverse Hessian."""
    head = differs(source, evidence)
    factor = _common_factor(source, evidence)
    if factor is not None:
        reason = f"{head}: {_factor_reason(factor, evidence.fit)}"
        return Verdict(False, reason, Flag.OBJECTIVE_SCALE)
    ratios = _along_eigenvectors(source, evidence.fit)
    if source.of_search:
        reason = f"{head}: {_path_reason(source, evidence.fit, ratios)}"
        return Verdict(False, reason, Flag.SEARCH_PATH, ratios)
    return _judge_differences(source, evidence, head, ratios)


def _judge_differences(source: Source, evidence: Evidence, head: str, ratios: Floats) -> Verdict:
    """Judge a bare matrix by its inverse: how far is that from the measured Hessian."""
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
    if not step < _SHORT * errors.max():
        reason = f"{start}: it is not positive definite, though the measured Hessian is"
        return Verdict(False, reason, Flag.NOT_POSITIVE_DEFINITE, ratios)
    return Verdict(
        False,
        f"{start}: its inverse is off by {rounded(error, 2)} in the median entry, while curvatures "
        f"are as small as {rounded(least, 2)}; second differences with a step near "
        f"{rounded(float(step), 1)} lose them in the rounding of an nll of "
        f"{rounded(evidence.fit.nll, 5)}, though the measured Hessian is positive definite",
        Flag.ROUNDING,
        ratios,
    )


def _same_as(source: Source, evidence: Evidence) -> Verdict | None:
    """Take the verdict on the check's own source that a matrix equals, the closest one."""
    if source.of_search:
        return _near_the_inverse(source, evidence)
    apart = {
        name: _apart(source, own, evidence)
        for name, own in evidence.known.items()
        if own.covariance is not None
    }
    name = min(apart, key=lambda each: apart[each])
    if not apart[name] < _SAME:
        return None
    own = evidence.known[name]
    given = judge_reference(evidence) if own is evidence.reference else judge_own(own, evidence)
    matrix = "the inverse Hessian" if name == "hessian" else f"the {name} matrix"
    return Verdict(given.agrees, f"it is {matrix}: {given.reason}", given.flag)


def _near_the_inverse(source: Source, evidence: Evidence) -> Verdict | None:
    """Take the verdict on the Hessian where a search happens to have come near its inverse."""
    hessian = evidence.known["hessian"]
    if not _apart(source, hessian, evidence) < _NEAR:
        return None
    own = judge_reference(evidence)
    own = own if hessian is evidence.reference else judge_own(hessian, evidence)
    reason = f"near the inverse Hessian here, which a search need not come to: {own.reason}"
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
    # A result of a search on the scale that a transform names has working parameters.
    points += [x] if x.size == parameters.free.size else []
    away = min(float(np.linalg.norm(fit.whitening.to_whitened(point))) for point in points)
    return away if np.isfinite(away) else np.inf


def _in_full(fit: Fit, x: Floats) -> Floats:
    """Place the free parameters among all of them."""
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
    if _apart(scaled, hessian, evidence) > 2 * _SAME:
        return None
    n = evidence.fit.likelihood.n or 0
    telling = min(abs(factor / each - 1) for each in (0.5, max(n, 1), -1.0)) < 2 * _SAME
    return factor if free.size > 1 or telling else None


def _factor_reason(factor: float, fit: Fit) -> str:
    """Say what a constant factor between a matrix and the inverse Hessian means."""
    n = fit.likelihood.n or 0
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


def _path_reason(source: Source, fit: Fit, ratios: Floats) -> str:
    """Say that a minimizer's matrix is a by-product, and how far off it is."""
    result: Any = source.result if source.result is not None else {}
    nit, n = result.get("nit"), fit.likelihood.n or 0
    mean = n > 1 and np.isclose(float(result.get("fun", np.nan)) * n, fit.nll, rtol=1e-4)
    scale = f"; its objective is a mean over rows: divide by n = {n:,} besides" if mean else ""
    steps = "" if nit is None else f" in {nit} steps through {int(fit.free.sum())} dimensions"
    success = " (success=True speaks of the search alone)" if result.get("success") else ""
    return (
        f"a by-product of the search, pieced together{steps}, and no curvature{success}; "
        f"{_span(ratios)}{scale}"
    )


def _along_eigenvectors(source: Source, fit: Fit) -> Floats:
    """Divide a matrix by the inverse Hessian along each of the Hessian's eigenvectors."""
    free, ways = fit.likelihood.parameters.free, fit.information.directions
    matrix = np.asarray(source.covariance)[np.ix_(free, free)]
    along: Floats = np.einsum("jk,jl,lk->k", ways, matrix, ways)
    return along * fit.information.eigenvalues


def _span(ratios: Floats) -> str:
    """Say how far a matrix is from the inverse Hessian along the Hessian's eigenvectors."""
    low, high = rounded(float(ratios.min()), 2), rounded(float(ratios.max()), 2)
    if low == high:
        return f"its variance is {low} times the measured one"
    return f"along the Hessian's eigenvectors its variance is {low} to {high} times the measured"
