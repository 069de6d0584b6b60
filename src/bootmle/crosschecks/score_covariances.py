"""The observations' scores at the estimate, and the covariance matrices made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bootmle.fitting.fit import Fit
from bootmle.fitting.scores import whitened_scores
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status
from bootmle.refitting.cluster_robust import ClusterRobust
from bootmle.refitting.plausibility import autocorrelation

__all__ = ["Scores", "measure_scores"]

_SINGULAR = 1e-10
"""Ratio of eigenvalues below which the outer product counts as singular: its inverse would be known
to fewer than 6 of 16 digits."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of the n observations in whitened coordinates, where the Hessian is the identity.

    Attributes
    ----------
    whitened : (N, r) array
        Gradients of the observations' weighted contributions.
    spread : (q, r) array
        The factor A of the whitening: a covariance C of z is A C Aᵀ in the free parameters.
    clusters : (n,) int array or None
        Cluster of each observation, where the plan draws clusters.
    strata : (g,) int array or None
        Stratum of each unit that is drawn, where units are drawn within strata.
    by_row : (n, r) array or None
        Those of one observation for each row of the data, where rows may stand for several.
    robust : ClusterRobust or None
        Corrections of the cluster-robust sandwich for few clusters, where the plan draws clusters
        in one stratum and their second derivatives are known.
    """

    whitened: Floats
    spread: Floats
    clusters: NDArray[np.intp] | None = None
    strata: NDArray[np.intp] | None = None
    by_row: Floats | None = None
    robust: ClusterRobust | None = None

    @property
    def opg(self) -> Floats:
        """Covariance by the outer product of gradients (Berndt et al. 1974), (q, q)."""
        # NaN where the outer product is singular.
        return self._inverse_outer(self.whitened)

    @property
    def clustered_opg(self) -> Floats:
        """The same by the clusters' sums of gradients, as software for panels computes it."""
        return self._inverse_outer(self.units)

    def _inverse_outer(self, gradients: Floats) -> Floats:
        """Invert the sum of outer products; NaN where it is singular."""
        outer = gradients.T @ gradients
        values = np.linalg.eigvalsh(outer)
        if not values.size or values[0] <= _SINGULAR * values[-1]:
            return np.full((len(self.spread), len(self.spread)), np.nan)
        return np.asarray(self.spread @ np.linalg.solve(outer, self.spread.T))

    @property
    def sandwich(self) -> Floats:
        """Covariance H⁻¹ JᵀJ H⁻¹ (White 1982), without a small-sample factor, (q, q)."""
        influence = self.whitened @ self.spread.T
        return np.asarray(influence.T @ influence)

    @property
    def clustered_sandwich(self) -> Floats:
        """Covariance H⁻¹ (Σ_g S_g S_gᵀ) H⁻¹ with S_g a cluster's sum (Liang and Zeger 1986)."""
        influence = self.units @ self.spread.T
        return np.asarray(influence.T @ influence)

    @property
    def units(self) -> Floats:
        """Scores of the units drawn independently, observations or clusters, (g, r)."""
        # Minus their stratum's mean, where they are drawn within strata.
        sums = self.whitened
        if self.clusters is not None:
            sums = np.zeros((int(self.clusters.max()) + 1, self.whitened.shape[1]))
            np.add.at(sums, self.clusters, self.whitened)
        if self.strata is None:
            return sums
        means = np.zeros((int(self.strata.max()) + 1, sums.shape[1]))
        np.add.at(means, self.strata, sums)
        means /= np.bincount(self.strata)[:, None]
        return sums - means[self.strata]

    @property
    def sampling_error(self) -> Floats:
        """Relative sampling error of a standard error, ½ √Σ(q_i − q̄)² / Σ q_i, (q,)."""
        # With q_i = (H⁻¹ s_i)²; more replicates do not reduce it.
        squares = (self.units @ self.spread.T) ** 2
        scatter = np.sqrt(((squares - squares.mean(axis=0)) ** 2).sum(axis=0))
        total = squares.sum(axis=0)
        return np.asarray(0.5 * scatter / np.where(total > 0, total, 1.0))

    @property
    def autocorrelation(self) -> float:
        """Largest lag-1 autocorrelation of a score in row order, in its standard errors."""
        return autocorrelation(self.whitened if self.by_row is None else self.by_row)


def measure_scores(
    fit: Fit,
    clusters: NDArray[np.intp] | None = None,
    strata: NDArray[np.intp] | None = None,
) -> Scores | None:
    """Measure the scores; None where the objective returns only a total."""
    whitened = whitened_scores(fit)
    if whitened is None:
        return None
    slopes = fit.likelihood.parameters.slopes(fit.whitening.center)
    spread = fit.whitening.factor * slopes[:, None]
    robust = None
    if clusters is not None and strata is None and fit.status is not Status.AT_BOUND:
        robust = ClusterRobust.of(fit, clusters)
    return Scores(whitened, spread, clusters, strata, fit.likelihood.of_rows(whitened), robust)
