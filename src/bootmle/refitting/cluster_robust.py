"""Cluster-robust standard errors of a fit, with corrections for few clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.fitting.scores import whitened_scores
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.leverage import Leverage
from bootmle.optimization.status import Status
from bootmle.refitting.refit import LikelihoodRefit
from bootmle.sampling import Plan

__all__ = ["ClusterRobust", "why_not_cluster_robust"]


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
    return "" if informations_of(fit, plan.cluster_codes) is not None else _TOO_LONG


_TOO_LONG = "the contributions' second derivatives are not at hand: the data are too long for them"


def informations_of(fit: Fit, clusters: NDArray[np.intp]) -> Floats | None:
    """Sum each cluster's second derivatives, in whitened coordinates, (G, r, r).

    From the lattice of the expansion that refits share; None where it has no second derivatives.
    """
    refit = LikelihoodRefit.prepare(fit)
    expansion = refit.expansion
    if expansion is None or expansion.order < 2:
        return None
    rows = refit.fit.likelihood.of_observations(expansion.terms[:, expansion.size :].T)
    # The expansion is that of an objective divided by its dispersion.
    sums = np.array([np.bincount(clusters, row) for row in rows]).T * refit.dispersion
    scale = refit.fit.whitening.factor, fit.whitening.factor
    same = refit.fit is fit or np.array_equal(*scale)
    turn = np.eye(expansion.size) if same else np.linalg.solve(*scale)
    return np.asarray(turn.T @ expansion.curvatures(sums) @ turn)


@dataclass(frozen=True, slots=True, eq=False)
class ClusterRobust:
    """Scores of the clusters (G, r) and their leverage, in whitened coordinates.

    ``factor`` (q, r) maps whitened coordinates to the free parameters, as the user writes them.
    """

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

    def covariance(self, correction: str) -> Floats:
        """Covariance matrix of the free parameters, (q, q): "CR1", "CR2" or "CR3"."""
        influence = self.corrected(correction) @ self.factor.T
        return np.asarray(influence.T @ influence)

    def errors(self, slopes: Floats, correction: str) -> tuple[Floats, Floats]:
        """Return standard errors and degrees of freedom of k quantities, from their slopes (q, k).

        G − 1 degrees of freedom for CR1 and CR3, Satterthwaite's for CR2.
        """
        directions = self.factor.T @ slopes
        errors = np.sqrt(((self.corrected(correction) @ directions) ** 2).sum(axis=0))
        if correction == "CR2":
            return errors, self.leverage.degrees_of_freedom(directions, correction)
        return errors, np.full(errors.size, len(self.scores) - 1.0)

    def corrected(self, correction: str) -> Floats:
        """Return the clusters' scores, corrected: "CR1", "CR2" or "CR3", (G, r)."""
        if correction == "CR1":
            count = len(self.scores)
            return np.asarray(self.scores * np.sqrt(count / (count - 1)))
        return self.leverage.corrected(self.scores, correction)
