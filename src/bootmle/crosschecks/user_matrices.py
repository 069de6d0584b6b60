"""Verdicts on the matrices that the user passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bootmle.crosschecks.evidence import Evidence
from bootmle.crosschecks.flags import Flag, Verdict
from bootmle.crosschecks.formula_verdicts import describe_matches, judge_matches, judge_unknown
from bootmle.crosschecks.formulas import Context
from bootmle.crosschecks.identification import given_of, identify
from bootmle.crosschecks.matching import Match, last_place
from bootmle.crosschecks.relative_matrix import (
    along_eigenvectors,
    along_few,
    common_factor,
    describe_span,
    factor_reason,
)
from bootmle.crosschecks.sources import Source
from bootmle.crosschecks.verdicts import (
    describe_difference,
    judge,
    judge_reference,
    withheld_from,
)
from bootmle.display.text import rounded
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.convergence import observed_information

__all__ = ["judge_user_source"]


@dataclass(frozen=True, slots=True)
class _Thresholds:
    """When a matrix counts as near, far or differenced; entries are in units of the diagonal."""

    near: float = 0.1
    """Difference of entries up to which a quasi-Newton approximation is near a known matrix: 5% of
    a standard error."""
    away: float = 0.01
    """Distance of a result's x from the optimum, in standard errors, beyond which its matrix was
    computed elsewhere: ten times that within which a certified fit ends."""
    short_step: float = 0.01
    """Differencing step, in standard errors, up to which rounding can be to blame."""


_THRESHOLDS = _Thresholds()


def judge_user_source(source: Source, evidence: Evidence, context: Context) -> Verdict:
    """Judge numbers that the user passed, by the formula that they follow."""
    verdict = _mention_ends(_judge(source, evidence, context), source, evidence)
    missing = evidence.named(source.missing & evidence.fit.free)
    if not missing or len(missing) == evidence.fit.free.sum():
        return verdict
    return replace(verdict, reason=f"{verdict.reason}; it has none for {', '.join(missing)}")


def _mention_ends(verdict: Verdict, source: Source, evidence: Evidence) -> Verdict:
    """Object to standard errors of 0 and of infinity, which no formula was compared with."""
    if not evidence.regular:
        return verdict
    errors, free = source.standard_errors, evidence.fit.free & ~source.missing
    zeros, reference = free & (errors == 0), evidence.reference.standard_errors
    small = zeros & (reference < 2 * last_place(errors[free & (errors > 0)]))
    parts = [
        ("0, which is what its digits show of a small one,", small),
        ("0, as if known without error,", zeros & ~small),
        ("inf", free & np.isinf(errors) & (source.covariance is None)),
        ("a standard error, though that is fixed in this fit,", ~evidence.fit.free & (errors > 0)),
    ]
    found = {what: ", ".join(evidence.named(one)) for what, one in parts if one.any()}
    if not found:
        return verdict
    said = "; ".join(f"it has {what} for {names}" for what, names in found.items())
    reason = f"{verdict.reason}; {said}"
    if list(found) == [parts[0][0]]:
        return replace(verdict, reason=reason)
    return Verdict(False, reason, verdict.flag or Flag.OTHER_FORMULA)


def _judge(source: Source, evidence: Evidence, context: Context) -> Verdict:
    """Judge the numbers that are there."""
    fit = evidence.fit
    given = given_of(source, evidence, context)
    if _is_broken(source, fit):
        return Verdict(False, "the matrix is not finite", Flag.NOT_POSITIVE_DEFINITE)
    if source.missing[fit.free].all():
        return Verdict(False, "it has no standard error", Flag.NOT_POSITIVE_DEFINITE)
    if evidence.regular and source.covariance is None and not given.present.any():
        return Verdict(False, "nothing in it is a standard error", Flag.NOT_POSITIVE_DEFINITE)
    if fit.information.definiteness == "singular":
        return _judge_flat(source, fit, identify(given, source, evidence, context))
    away = _distance(source, fit)
    if away > _THRESHOLDS.away and source.result is not None:
        return _judge_elsewhere(source, fit, away)
    withheld = withheld_from(evidence)
    if withheld is not None:
        named = [] if source.quasi_newton else identify(given, source, evidence, context)
        said = describe_matches(named) if named else ""
        if context.inside is not None and context.inside.any():
            said = _in_limit(said, source, evidence, context)
        return replace(withheld, reason=f"{said}: {withheld.reason}" if said else withheld.reason)
    if source.quasi_newton:
        return _judge_as_near_inverse(source, evidence) or _judge_curvature(source, evidence)
    matches = identify(given, source, evidence, context)
    if matches:
        return judge_matches(matches, source, evidence)
    unknown = judge_unknown(source, evidence)
    if given.matrix is None or unknown.agrees:
        return unknown
    return _judge_curvature(source, evidence)


def _in_limit(said: str, source: Source, evidence: Evidence, context: Context) -> str:
    """Say which parameters a formula is named for, where others are infinite."""
    assert context.inside is not None
    free = evidence.fit.likelihood.parameters.free
    others = np.isin(np.arange(len(evidence.fit.names)), free[~context.inside])
    artifacts = evidence.named(others & np.isfinite(source.standard_errors) & ~source.missing)
    more = f", and what it has for {', '.join(artifacts)} means nothing" if artifacts else ""
    said = said or "it matches none of the known formulas"
    return f"{said} for {', '.join(context.names)}{more}"


def _is_broken(source: Source, fit: Fit) -> bool:
    """Whether a matrix is not finite even where it has variances, or has none."""
    if source.covariance is None:
        return False
    there = np.flatnonzero(fit.free & ~source.missing)
    return not there.size or not np.isfinite(source.covariance[np.ix_(there, there)]).all()


def _judge_flat(source: Source, fit: Fit, matches: Sequence[Match]) -> Verdict:
    """Reject every standard error along a flat direction."""
    said = f"{describe_matches(matches)}: " if matches else ""
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
    reason = f"{said}{shown}: the data do not identify {' and '.join(directions)}"
    return Verdict(False, reason, Flag.NOT_IDENTIFIED)


def _judge_elsewhere(source: Source, fit: Fit, away: float) -> Verdict:
    """Judge a result whose search ended away from the optimum."""
    x = np.asarray(source.result["x"], dtype=float)
    rise = fit.likelihood.total(_in_full(fit, x)) - fit.nll
    off, higher = rounded(away, 2), rounded(rise, 3)
    distance = f"{off} standard errors from the optimum and {higher} above it in nll"
    stopped, working = fit.scipy_stop, fit.likelihood.parameters.to_working(_in_full(fit, x))
    if stopped is not None and np.array_equal(stopped.point, working):
        information = stopped.information
    else:
        information = observed_information(fit.likelihood, working)
    if information.definiteness == "indefinite":
        direction = information.describe_direction(information.null_directions[:, 0])
        reason = f"computed at a saddle point, {distance}; the nll decreases along {direction}"
        return Verdict(False, reason, Flag.SADDLE)
    claim = ", although it reports success" if source.result.get("success") else ""
    return Verdict(False, f"its x is {distance}{claim}", Flag.NOT_AT_OPTIMUM)


def _judge_curvature(source: Source, evidence: Evidence) -> Verdict:
    """Judge a matrix computed at the optimum as an inverse Hessian."""
    head = describe_difference(source, evidence)
    factor = common_factor(source, evidence)
    if factor is not None:
        reason = f"{head}: {factor_reason(factor, evidence.fit)}"
        return Verdict(False, reason, Flag.OBJECTIVE_SCALE)
    ratios = along_eigenvectors(source, evidence.fit)
    few = along_few(source, evidence)
    if few is not None and not source.quasi_newton:
        return Verdict(False, f"{head}: {few}", Flag.OTHER_FORMULA, ratios)
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
        return Verdict(False, f"{head}: {describe_span(ratios)}", Flag.UNEXPLAINED, ratios)
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
    working = fit.likelihood.parameters.to_working(_in_full(fit, x))
    away = float(np.linalg.norm(fit.whitening.to_whitened(working)))
    return away if np.isfinite(away) else np.inf


def _in_full(fit: Fit, x: Floats) -> Floats:
    """Complete the free parameters with the fixed ones."""
    if x.shape == fit.estimate.shape:
        return x
    full = fit.estimate.copy()
    full[fit.free] = x
    return full


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
        f"{describe_span(ratios)}{scale}"
    )
