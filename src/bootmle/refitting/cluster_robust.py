"""Cluster-robust standard errors of a fit, with corrections for few clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.fitting.scores import whitened_scores
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.leverage import Leverage
from bootmle.optimization.status import Status
from bootmle.refitting.expansion import SharedExpansion
from bootmle.refitting.refit import LikelihoodRefit
from bootmle.sampling import Plan

__all__ = [
    "ClusterRobust",
    "check_correction",
    "correct_sandwich",
    "corrected_errors",
    "why_not_cluster_robust",
]


def why_not_cluster_robust(fit: Fit | Estimator, plan: Plan, shown: str) -> str:
    """Say why a fit and a plan have no corrected cluster-robust errors; empty where they have."""
    if plan.cluster_codes is None:
        return f"{shown} draws no clusters"
    if plan.stratum_codes is not None:
        return "the correction is that of clusters in one stratum"
    if isinstance(fit, Estimator):
        return "an Estimator has no scores"
    if not fit.takes_weights:
        return (
            "it takes the observations' contributions, each from its own row (return them: delete "
            ".sum())"
        )
    if fit.status is Status.AT_BOUND or fit.information.definiteness != "positive definite":
        return "the fit is at a bound, or its Hessian is not positive definite"
    return _TOO_LONG if _curved_expansion(LikelihoodRefit.prepare(fit)) is None else ""


_LARGEST = 100_000
"""Numbers of the clusters' leverage up to which it is kept with a run: 2 MB in a file."""
_LEVERAGE = ("root", "values", "vectors")
_TOO_LONG = "the contributions' second derivatives are not at hand: the data are too long for them"


def informations_of(fit: Fit, clusters: NDArray[np.intp]) -> Floats | None:
    """Sum each cluster's second derivatives, in whitened coordinates, (G, r, r)."""
    # From the lattice of the expansion that refits share; None where it has no second derivatives.
    refit = LikelihoodRefit.prepare(fit)
    found = _of_expansion(refit, clusters)
    if found is None or refit.fit is fit:
        return found
    # The expansion is that of an objective divided by its dispersion.
    turn = np.linalg.solve(refit.fit.whitening.factor, fit.whitening.factor)
    return np.asarray(turn.T @ found @ turn) * refit.dispersion


def _curved_expansion(refit: LikelihoodRefit) -> SharedExpansion | None:
    """Return the shared expansion where it has second derivatives."""
    expansion = refit.expansion
    return None if expansion is None or expansion.order < 2 else expansion


def _of_expansion(refit: LikelihoodRefit, clusters: NDArray[np.intp]) -> Floats | None:
    """Sum the expansion's second derivatives by cluster."""
    expansion = _curved_expansion(refit)
    if expansion is None:
        return None
    rows = refit.fit.likelihood.of_observations(expansion.terms[:, expansion.size :].T)
    return expansion.curvatures(np.array([np.bincount(clusters, row) for row in rows]).T)


def check_correction(fit: Fit | Estimator, plan: Plan) -> None:
    """Raise where the correction that a plan asks for is not available."""
    if plan.score_correction is None:
        return
    reason = why_not_cluster_robust(fit, plan, str(plan))
    if not (reason or plan.studentizes):
        reason = "rows drawn within clusters leave replicates without standard errors"
    if reason:
        raise ValueError(
            f"correction: {plan.score_correction!r} is not available, as {reason}; leave it out"
        )


def correct_sandwich(refit: LikelihoodRefit, plan: Plan) -> LikelihoodRefit:
    """Have each replicate's sandwich corrected, as the plan says."""
    correction, clusters = plan.score_correction, plan.cluster_codes
    if correction is None or clusters is None or refit.sandwich is None:
        return refit
    sandwich = replace(
        refit.sandwich,
        informations=_of_expansion(refit, clusters),
        factor=refit.fit.whitening.factor,
        correction=correction,
    )
    return replace(refit, sandwich=sandwich)


def corrected_errors(fit: Fit, plan: Plan) -> Floats | None:
    """Compute a fit's own standard errors, (p,), as those of each replicate are corrected."""
    assert plan.cluster_codes is not None
    assert plan.score_correction is not None
    robust = ClusterRobust.of(fit, plan.cluster_codes)
    if robust is None:
        return None
    variances = np.diag(robust.covariance(plan.score_correction))
    return fit.likelihood.parameters.in_all(np.sqrt(variances))


@dataclass(frozen=True, slots=True, eq=False)
class ClusterRobust:
    """Scores of the clusters (G, r) and their leverage, in whitened coordinates."""

    # ``factor`` (k, r) maps whitened coordinates to k quantities: the free parameters, as the user
    # writes them, or what is derived from them.
    scores: Floats
    leverage: Leverage
    factor: Floats

    @classmethod
    def of(cls, fit: Fit, clusters: NDArray[np.intp]) -> ClusterRobust | None:
        """Sum scores and informations by cluster; None where there are none."""
        scores, informations = whitened_scores(fit), informations_of(fit, clusters)
        if scores is None or informations is None:
            return None
        sums = np.array([np.bincount(clusters, row) for row in scores.T]).T
        try:
            leverage = Leverage.of(informations)
        except np.linalg.LinAlgError:
            return None
        slopes = fit.likelihood.parameters.slopes(fit.whitening.center)
        return cls(sums, leverage, fit.whitening.factor * slopes[:, None])

    @classmethod
    def of_parameters(cls, fit: Fit | Estimator, plan: Plan) -> ClusterRobust | None:
        """Return those of all parameters of a run, unless there are none or they are very large."""
        clusters = plan.cluster_codes
        if clusters is None or why_not_cluster_robust(fit, plan, ""):
            return None
        assert isinstance(fit, Fit)
        if (int(clusters.max()) + 1) * fit.whitening.size**2 > _LARGEST:
            return None
        robust = cls.of(fit, clusters)
        return None if robust is None else robust.of_all(fit)

    def of_all(self, fit: Fit) -> ClusterRobust:
        """Add the parameters that are fixed."""
        return self.along(np.eye(len(fit.names))[:, fit.likelihood.parameters.free])

    def along(self, slopes: Floats) -> ClusterRobust:
        """Return those of quantities with slopes (k, q)."""
        return replace(self, factor=slopes @ self.factor)

    @property
    def hessian_errors(self) -> Floats:
        """Standard errors by the Hessian, (k,), in whose coordinates the factor is."""
        return np.asarray(np.sqrt((self.factor**2).sum(axis=1)))

    def covariance(self, correction: str) -> Floats:
        """Covariance matrix of the quantities, (k, k): "CR1", "CR2" or "CR3"."""
        influence = self.corrected(correction) @ self.factor.T
        return np.asarray(influence.T @ influence)

    def errors(self, correction: str) -> tuple[Floats, Floats]:
        """Return the quantities' errors and degrees of freedom, G − 1 or Satterthwaite's, (k,)."""
        directions = self.factor.T
        errors = np.sqrt(((self.corrected(correction) @ directions) ** 2).sum(axis=0))
        # What one cluster alone determines has far too small a sandwich (MacKinnon and Webb 2017).
        errors[self.rests_on_one()] = np.inf
        if correction == "CR2":
            return errors, self.leverage.degrees_of_freedom(directions, correction)
        return errors, np.full(errors.size, len(self.scores) - 1.0)

    def rests_on_one(self) -> NDArray[np.bool_]:
        """Whether one cluster alone determines a part of each quantity, (k,)."""
        return self.leverage.rests_on_one(self.factor.T)

    def corrected(self, correction: str) -> Floats:
        """Return the clusters' scores, corrected: "CR1", "CR2" or "CR3", (G, r)."""
        if correction == "CR1":
            count = len(self.scores)
            return np.asarray(self.scores * np.sqrt(count / (count - 1)))
        return self.leverage.corrected(self.scores, correction)

    def to_json(self) -> dict[str, Any]:
        """Return the arrays as lists."""
        return {
            "scores": self.scores.tolist(),
            "factor": self.factor.tolist(),
            **{name: getattr(self.leverage, name).tolist() for name in _LEVERAGE},
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> ClusterRobust:
        """Read what `to_json` returned."""
        read = {name: np.array(value, dtype=float) for name, value in stored.items()}
        leverage = Leverage(*(read[name] for name in _LEVERAGE))
        return cls(read["scores"], leverage, read["factor"])
