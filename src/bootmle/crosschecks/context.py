"""What formulas are made of, gathered from a cross-check's evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bootmle.crosschecks.evidence import Evidence
from bootmle.crosschecks.expected_information import expected_information
from bootmle.crosschecks.formulas import Context, Formula, listed
from bootmle.crosschecks.matching import EXACT
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status

__all__ = ["context_of"]

_SOURCES = ("hessian", "opg", "sandwich", "cluster", "bootstrap", "parametric")


def context_of(evidence: Evidence, simulate: Callable[..., Any] | None) -> Context:
    """Gather what formulas are made of."""
    fit, scores = evidence.fit, evidence.scores
    if fit.status is Status.NO_FINITE_OPTIMUM:
        return _context_in_limit(evidence)
    free = np.ix_(fit.likelihood.parameters.free, fit.likelihood.parameters.free)
    known = {**evidence.known, evidence.reference.name: evidence.reference}
    covariances: dict[str, Floats] = _regardless(evidence)
    for name in _SOURCES:
        matrix = known[name].covariance if name in known else None
        if matrix is not None:
            covariances.setdefault(name, matrix[free])
    if scores is not None and scores.clusters is not None and evidence.regular:
        covariances["clustered opg"] = scores.clustered_opg
    if scores is not None and scores.robust is not None and evidence.regular:
        covariances |= {name: scores.robust.covariance(name.upper()) for name in ("cr2", "cr3")}
    expected = expected_information(fit, scores, simulate) if evidence.regular else None
    partial = None
    if expected is not None and np.isnan(expected.covariance).any():
        partial, expected = (
            _partial(expected.covariance, fit.likelihood.parameters.free_names),
            None,
        )
    if expected is not None:
        first = {"hessian": covariances.pop("hessian"), "expected": expected.covariance}
        covariances = {**first, **covariances}
    return Context(
        names=fit.likelihood.parameters.free_names,
        estimate=fit.estimate[fit.free],
        covariances=covariances,
        errors={} if expected is None else {"expected": expected.error},
        dispersions={} if expected is None else expected.dispersions,
        n=fit.likelihood.n_observations or 0,
        clusters=_count_clusters(evidence),
        nll=fit.nll,
        squares=_sum_squares(fit),
        partial=partial,
    )


def _context_in_limit(evidence: Evidence) -> Context:
    """Gather what formulas of the finite parameters are made of, in the limit of the others."""
    fit = evidence.fit
    finite = np.isfinite(np.diag(fit.information.covariance))
    inside = np.ix_(*[fit.likelihood.parameters.free[finite]] * 2)
    names = fit.likelihood.parameters.free_names
    return Context(
        names=tuple(name for name, one in zip(names, finite, strict=True) if one),
        estimate=fit.estimate[fit.free][finite],
        covariances={
            name: np.asarray(source.covariance)[inside]
            for name, source in evidence.known.items()
            if name in _SOURCES and source.covariance is not None
        },
        errors={},
        dispersions={},
        n=fit.likelihood.n_observations or 0,
        clusters=_count_clusters(evidence),
        nll=fit.nll,
        inside=finite,
    )


def _sum_squares(fit: Fit) -> float:
    """Sum the squared contributions, as where they are taken for residuals."""
    if not fit.likelihood.per_observation:
        return 0.0
    return float(np.sum(fit.likelihood.contributions(fit.estimate) ** 2))


def _count_clusters(evidence: Evidence) -> int:
    """Count the clusters that are drawn; 0 where none are."""
    clusters = None if evidence.scores is None else evidence.scores.clusters
    return 0 if clusters is None else int(clusters.max()) + 1


def _partial(covariance: Floats, names: Sequence[str]) -> Formula:
    """Name the inverse of the expected information of some parameters."""
    held = listed(names, np.isnan(np.diag(covariance)))
    name = f"the inverse of the expected information with {held} held fixed"
    return Formula(name, covariance, "hessian", error=EXACT)


def _regardless(evidence: Evidence) -> dict[str, Floats]:
    """Compute at a bound, or without an optimum, what other software prints all the same."""
    fit, scores = evidence.fit, evidence.scores
    matrix = fit.information.matrix
    if evidence.regular or not np.isfinite(matrix).all():
        return {}
    try:
        inverse = np.asarray(np.linalg.inv(matrix), dtype=float)
    except np.linalg.LinAlgError:
        return {}
    slopes = fit.likelihood.parameters.slopes(fit.whitening.center)
    found = {
        "hessian": inverse * np.outer(slopes, slopes) if fit.status is Status.AT_BOUND else inverse
    }
    if scores is not None and fit.status is Status.AT_BOUND:
        found |= {"opg": scores.opg, "sandwich": scores.sandwich}
    return found
