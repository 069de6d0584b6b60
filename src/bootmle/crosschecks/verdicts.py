"""What a disagreement means, from measured quantities only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from bootmle.arrays import Floats
from bootmle.crosschecks.scores import Scores
from bootmle.crosschecks.sources import Source
from bootmle.fitting import Fit
from bootmle.status import Status
from bootmle.tables import rounded

__all__ = ["Evidence", "Flag", "Verdict", "fit_flags", "judge"]

_SAME = 0.02
_AWAY = 0.01
_SKEWED = 0.5
_MISSPECIFIED = 0.25
_DEPENDENT = 4.0


class Flag(Enum):
    """What can be wrong with a standard error."""

    SADDLE = "SciPy stopped at a saddle"
    NOT_AT_OPTIMUM = "not at the optimum"
    NOT_POSITIVE_DEFINITE = "the Hessian is not positive definite"
    NOT_IDENTIFIED = "a direction that the data do not identify"
    AT_BOUND = "an estimate at a bound"
    OBJECTIVE_SCALE = "an objective on another scale than the log-likelihood"
    MISSPECIFIED = "scores that vary more or less than the curvature says"
    DEPENDENT_ROWS = "rows that are not independent"
    SKEWED = "a skewed sampling distribution"
    SEARCH_PATH = "a matrix of the search path, not a curvature"
    ROUNDING = "second differences lost in rounding"
    UNEXPLAINED = "a disagreement that the measured quantities do not explain"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to make of one source.

    Attributes
    ----------
    agrees : bool
        Whether all its standard errors lie within the rule around the reference's.
    reason : str
        Why, in plain words.
    flag : Flag or None
        The kind of reason; None where it agrees.
    """

    agrees: bool
    reason: str
    flag: Flag | None = None

    def __str__(self) -> str:
        """Show the reason."""
        return self.reason


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What the verdicts are drawn from.

    Attributes
    ----------
    fit : Fit
    scores : Scores or None
    reference : (p,) array
        The standard errors that the others are held against: the bootstrap's, where there is one.
    tolerance : (p,) array
        2 √(mcse² + s²): Monte Carlo error and the standard error's own sampling error.
    skewness : (p,) array
        Of the replicates; zero without a bootstrap.
    bootstrapped : bool
        Whether the reference is a bootstrap.
    """

    fit: Fit
    scores: Scores | None
    reference: Floats
    tolerance: Floats
    skewness: Floats
    bootstrapped: bool

    def off(self, source: Source) -> list[str]:
        """Name the parameters whose standard error lies outside the rule."""
        apart = np.abs(source.standard_errors - self.reference) > self.tolerance
        lost = ~np.isfinite(source.standard_errors) & np.isfinite(self.reference)
        return [name for name, out in zip(self.fit.names, apart | lost, strict=True) if out]


def judge(source: Source, evidence: Evidence, known: dict[str, Source]) -> Verdict:
    """Judge one source against the reference."""
    if source.name in {"hessian", "opg", "sandwich"}:
        return _judge_fitted(source, evidence)
    return _judge_given(source, evidence, known)


def fit_flags(evidence: Evidence) -> list[tuple[Flag, str]]:
    """List what is to be said of the fit whatever the source."""
    fit, said = evidence.fit, []
    claimed = fit.claimed
    if claimed is not None and claimed.definiteness == "indefinite":
        name = claimed.describe_direction(claimed.directions[:, 0])
        said.append(
            (
                Flag.SADDLE,
                f"SciPy stopped at a saddle: the nll falls along {name} (eigenvalue "
                f"{rounded(float(claimed.eigenvalues[0]))}); the fit went on from there",
            )
        )
    elif claimed is not None:
        said.append((Flag.NOT_AT_OPTIMUM, "SciPy stopped short of the optimum; the fit went on"))
    if fit.status is Status.AT_BOUND:
        said.append(
            (
                Flag.AT_BOUND,
                "an estimate lies at a bound: neither the Hessian nor the "
                "bootstrap is valid for it",
            )
        )
    if fit.information.definiteness == "singular":
        flat = [
            fit.information.describe_direction(way) for way in fit.information.null_directions.T
        ]
        said.append(
            (
                Flag.NOT_IDENTIFIED,
                f"the data do not identify {', '.join(flat)}: no standard "
                f"error exists for {', '.join(fit.not_identified)}",
            )
        )
    elif fit.information.definiteness != "positive definite":
        said.append(
            (
                Flag.NOT_POSITIVE_DEFINITE,
                f"the Hessian at the estimate is "
                f"{fit.information.definiteness}: no standard error follows from it",
            )
        )
    return [*said, *_score_flags(evidence)]


def _score_flags(evidence: Evidence) -> list[tuple[Flag, str]]:
    """List what the scores and the replicates say."""
    said, scores = [], evidence.scores
    if scores is not None and abs(scores.scale - 1) > _MISSPECIFIED:
        flag, why = _scale_reason(scores.scale)
        said.append((flag, why))
    if scores is not None and abs(scores.autocorrelation) > _DEPENDENT:
        said.append(
            (
                Flag.DEPENDENT_ROWS,
                f"neighbouring rows have correlated scores "
                f"({rounded(scores.autocorrelation, 2)} standard errors from none): resample "
                f"groups or blocks of rows",
            )
        )
    skewed = [
        name
        for name, skew in zip(evidence.fit.names, evidence.skewness, strict=True)
        if abs(skew) > _SKEWED
    ]
    if skewed:
        said.append(
            (
                Flag.SKEWED,
                f"the replicates of {', '.join(skewed)} are skewed: no symmetric "
                f"interval fits, use the percentile one",
            )
        )
    return said


def _judge_fitted(source: Source, evidence: Evidence) -> Verdict:
    """Judge the Hessian's, the OPG's or the sandwich's standard errors."""
    definiteness = evidence.fit.information.definiteness
    if definiteness == "singular":
        return Verdict(False, "withheld: the Hessian is singular", Flag.NOT_IDENTIFIED)
    if definiteness != "positive definite":
        reason = f"withheld: the Hessian is {definiteness}, and is never repaired"
        return Verdict(False, reason, Flag.NOT_POSITIVE_DEFINITE)
    off = evidence.off(source)
    if not off:
        return _agreement(evidence)
    scale = 1.0 if evidence.scores is None else evidence.scores.scale
    if source.name != "sandwich" and abs(scale - 1) > _MISSPECIFIED:
        flag, why = _scale_reason(scale)
        return Verdict(False, f"{_differs(off)}: {why}", flag)
    skewed = [
        name
        for name, skew in zip(evidence.fit.names, evidence.skewness, strict=True)
        if abs(skew) > _SKEWED and name in off
    ]
    if skewed:
        why = f"the sampling distribution of {', '.join(skewed)} is skewed"
        return Verdict(False, f"{_differs(off)}: {why}", Flag.SKEWED)
    why = "a local curvature, where the sample is too small or the model not quite right for it"
    return Verdict(False, f"{_differs(off)}: {why}", Flag.UNEXPLAINED)


def _judge_given(source: Source, evidence: Evidence, known: dict[str, Source]) -> Verdict:
    """Judge a matrix that the user brought."""
    off, same = evidence.off(source), _same_as(source, evidence, known)
    if not off:
        return _agreement(evidence)
    if same:
        return Verdict(False, f"{_differs(off)}: it is the {same} one", Flag.UNEXPLAINED)
    away = _distance(source, evidence.fit)
    if away > _AWAY:
        reason = f"its x is {rounded(away, 2)} standard errors from the optimum"
        return Verdict(False, f"{_differs(off)}: {reason}", Flag.NOT_AT_OPTIMUM)
    factor = _common_factor(source, known["hessian"])
    if factor is not None:
        return Verdict(False, _factor_reason(factor, evidence.fit), Flag.OBJECTIVE_SCALE)
    if source.result is not None:
        return Verdict(False, _path_reason(source, evidence), Flag.SEARCH_PATH)
    return _judge_matrix(source, evidence, off)


def _judge_matrix(source: Source, evidence: Evidence, off: list[str]) -> Verdict:
    """Judge a bare matrix: as the inverse of a Hessian, how far is that from the measured one."""
    information, free = evidence.fit.information, evidence.fit.likelihood.parameters.free
    negative = int((np.diag(source.covariance)[free] < 0).sum())
    try:
        implied = np.linalg.inv(source.covariance[np.ix_(free, free)])
    except np.linalg.LinAlgError:
        return Verdict(False, "the matrix is singular", Flag.UNEXPLAINED)
    error = float(np.median(np.abs(implied - information.matrix)))
    least = float(np.abs(information.eigenvalues).min())
    if negative or error > least:
        step = np.sqrt(np.finfo(float).eps * abs(evidence.fit.nll) / max(error, 1e-300))
        reason = (f"{negative} negative variances: " if negative else f"{_differs(off)}: ") + (
            f"its inverse is off by {rounded(error, 2)}, the smallest curvature is "
            f"{rounded(least, 2)}: second differences with steps near {rounded(step, 1)} lose it in "
            f"the rounding of an nll of {rounded(evidence.fit.nll)}"
        )
        return Verdict(False, reason, Flag.ROUNDING)
    return Verdict(
        False, f"{_differs(off)}; {_along_eigenvectors(source, evidence)}", Flag.UNEXPLAINED
    )


def _agreement(evidence: Evidence) -> Verdict:
    """Say that a source agrees."""
    reference = "bootstrap" if evidence.bootstrapped else "sandwich"
    return Verdict(True, f"agrees with the {reference}, within both errors")


def _differs(off: list[str]) -> str:
    """Name the parameters that differ, the first few of many."""
    shown = ", ".join(off[:4]) + (f" and {len(off) - 4} more" if len(off) > 4 else "")
    return f"differs for {shown}"


def _scale_reason(scale: float) -> tuple[Flag, str]:
    """Say what a trace tr(H⁻¹JᵀJ)/p away from 1 means."""
    times = f"the scores vary {rounded(scale, 2)} times as much as the curvature says"
    if 1.6 < scale < 2.5:
        return Flag.OBJECTIVE_SCALE, f"{times}: −2 log L for −log L, or a misspecified model"
    return Flag.MISSPECIFIED, f"{times}: the model is misspecified, or this is no log-likelihood"


def _same_as(source: Source, evidence: Evidence, known: dict[str, Source]) -> str | None:
    """Name the fit's own source that a matrix equals."""
    for name, own in known.items():
        with np.errstate(invalid="ignore", divide="ignore"):
            apart = np.abs(source.standard_errors / own.standard_errors - 1)
        if np.nanmax(apart, initial=np.inf if np.isnan(apart).all() else 0.0) < _SAME:
            return name
    return None


def _distance(source: Source, fit: Fit) -> float:
    """Return the result's distance from the estimate in standard errors; 0 for a bare matrix."""
    x = None if source.result is None else np.asarray(source.result["x"], dtype=float)
    if x is None or x.shape != fit.estimate.shape:
        return 0.0
    working = fit.likelihood.parameters.to_working(x)
    return float(np.linalg.norm(fit.metric.to_whitened(working)))


def _common_factor(source: Source, hessian: Source) -> float | None:
    """Return c where a matrix is c times the inverse Hessian, c not 1."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = (source.standard_errors / hessian.standard_errors) ** 2
    ratios = ratios[np.isfinite(ratios)]
    if ratios.size < 2 or np.ptp(ratios) > _SAME * ratios.mean():
        return None
    return float(ratios.mean())


def _factor_reason(factor: float, fit: Fit) -> str:
    """Say what a constant factor between a matrix and the inverse Hessian means."""
    n = fit.likelihood.n or 0
    if n and abs(factor / n - 1) < _SAME:
        return (
            f"{rounded(factor)} times the inverse Hessian: its objective is a mean over n = {n:,}"
        )
    half = " (an objective of −2 log L)" if abs(factor - 0.5) < _SAME else ""
    return (
        f"{rounded(factor)} times the inverse Hessian in every parameter{half}: a scaled objective"
    )


def _path_reason(source: Source, evidence: Evidence) -> str:
    """Say that a minimizer's matrix is a by-product, and how far off it is."""
    nit, p = source.result.get("nit"), int(evidence.fit.free.sum())
    steps = "" if nit is None else f" by {nit} steps in {p} dimensions"
    return (
        f"pieced together{steps} to choose the next one, not a curvature: "
        f"{_along_eigenvectors(source, evidence)}"
    )


def _along_eigenvectors(source: Source, evidence: Evidence) -> str:
    """Compare a matrix with the inverse Hessian along the Hessian's eigenvectors."""
    information, free = evidence.fit.information, evidence.fit.likelihood.parameters.free
    ways = information.directions
    along = np.einsum("jk,jl,lk->k", ways, source.covariance[np.ix_(free, free)], ways)
    ratios = along * information.eigenvalues
    low, high = rounded(float(ratios.min()), 2), rounded(float(ratios.max()), 2)
    return f"along the Hessian's eigenvectors {low} to {high} times the inverse curvature"
