"""The observations' scores at the estimate, in standard errors, and what they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bootmle.arrays import Floats
from bootmle.fitting import Fit
from bootmle.likelihood import Rows

__all__ = ["Scores", "measure_scores"]

_STEP = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of the n observations in whitened coordinates, where the Hessian is the identity.

    Attributes
    ----------
    whitened : (n, r) array
        Gradients of the weighted contributions.
    spread : (q, r) array
        The factor A of the metric: a covariance C of z is A C Aᵀ in the working parameters.
    """

    whitened: Floats
    spread: Floats

    @property
    def opg(self) -> Floats:
        """Covariance by the outer product of gradients (Berndt et al. 1974), (q, q)."""
        outer = self.whitened.T @ self.whitened
        return np.asarray(self.spread @ np.linalg.pinv(outer) @ self.spread.T)

    @property
    def sandwich(self) -> Floats:
        """Covariance H⁻¹ JᵀJ H⁻¹ (White 1982), without a small-sample factor, (q, q)."""
        influence = self.influence
        return np.asarray(influence.T @ influence)

    @property
    def influence(self) -> Floats:
        """H⁻¹ s_i: how far each observation pulls the estimate, (n, q)."""
        return np.asarray(self.whitened @ self.spread.T)

    @property
    def sampling_error(self) -> Floats:
        """Sampling error of a standard error, relative to it, (q,).

        ½ √Σ(q_i − q̄)² / Σ q_i with q_i = (H⁻¹ s_i)²: no number of replicates removes it.
        """
        pulls = self.influence**2
        scatter = np.sqrt(((pulls - pulls.mean(axis=0)) ** 2).sum(axis=0))
        return np.asarray(0.5 * scatter / pulls.sum(axis=0))

    @property
    def scale(self) -> float:
        """tr(H⁻¹ JᵀJ) / r: 1 where the model is right."""
        return float((self.whitened**2).sum() / self.whitened.shape[1])

    @property
    def autocorrelation(self) -> float:
        """Largest first autocorrelation of a score in row order, in its standard errors."""
        centred = self.whitened - self.whitened.mean(axis=0)
        products = (centred[1:] * centred[:-1]).sum(axis=0) / (centred**2).sum(axis=0)
        return float(products[np.argmax(np.abs(products))] * np.sqrt(len(centred)))


def measure_scores(fit: Fit) -> Scores | None:
    """Measure the scores; None where the objective gives only a total.

    Four-point differences of the contributions in whitened coordinates, or the gradients that the
    user gives.
    """
    likelihood = fit.likelihood
    if not likelihood.separable or likelihood.rows is Rows.EXCHANGEABLE:
        return None
    if likelihood.scores_given:
        free = likelihood.scores(fit.estimate)[:, likelihood.parameters.free]
        whitened = (free * likelihood.parameters.slopes(fit.metric.center)) @ fit.metric.factor
    else:
        whitened = _difference(fit)
    prior = likelihood.weights
    scores = whitened if prior is None else prior[:, None] * whitened
    slopes = likelihood.parameters.slopes(fit.metric.center)
    return Scores(scores, fit.metric.factor * slopes[:, None])


def _difference(fit: Fit) -> Floats:
    """Difference the contributions along each whitened coordinate."""
    unit = _STEP * np.eye(fit.metric.size)
    parameters = fit.likelihood.parameters

    def contributions(points: Floats) -> Floats:
        params = parameters.to_user(fit.metric.to_working(points))
        return np.array([fit.likelihood.contributions(each) for each in params])

    near = contributions(unit) - contributions(-unit)
    far = contributions(2 * unit) - contributions(-2 * unit)
    return np.asarray((8 * near - far).T / (12 * _STEP))
