"""Replicates without refits: steps from the estimate along the clusters' scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bootmle.fitting.fit import Fit
from bootmle.fitting.scores import whitened_scores
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.derivatives import contribution_gradients
from bootmle.likelihood.parameters import Parameters
from bootmle.likelihood.taken_apart import ApartError, take_apart
from bootmle.optimization.outcome import Outcome
from bootmle.optimization.status import Status
from bootmle.refitting.cluster_robust import ClusterRobust, check_correction
from bootmle.sampling import Plan
from bootmle.sampling.resample import Resample

__all__ = ["ScoreSteps"]

_ROUNDING = 1e-12
"""Of a variance relative to its terms: differences of sums of up to 10⁴ terms of 16 digits."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoreSteps:
    """Steps H⁻¹ Σ_g w_g s_g from a fit's estimate, on the scale of its ``transform``.

    Attributes
    ----------
    influence : (G, q) array
        H⁻¹ s_g of each unit.
    n_shared : int
        Evaluations that the scores took.
    """

    fit: Fit
    influence: Floats
    n_shared: int
    timeout: float | None = None
    works_together = True
    supports_weights = False
    studentizes = True

    @classmethod
    def prepare(cls, fit: Fit, plan: Plan, timeout: float | None = None) -> ScoreSteps:
        """Sum the observations' scores by unit; those of a total are of the units alone."""
        units = tuple(plan.units_apart or ())
        before = fit.likelihood.calls.n
        scores = whitened_scores(fit)
        if scores is None and not fit.takes_weights:
            scores = _scores_apart(fit, units)
        if scores is None or not np.isfinite(scores).all():
            raise ValueError("sampling: the scores are not finite; use Clustered, which refits")
        sums = np.array([scores[rows].sum(axis=0) for rows in units])
        if plan.score_correction is not None:
            sums = _corrected(fit, plan)
        own = fit.likelihood.parameters.slopes(fit.whitening.center)
        asked = _parameters(fit)
        slopes = own / asked.slopes(asked.to_working(fit.estimate))
        # Scores are gradients of the negative log-likelihood.
        influence = -(sums @ fit.whitening.factor.T) * slopes
        return cls(fit, influence, fit.likelihood.calls.n - before, timeout)

    @property
    def n_params(self) -> int:
        """Number of parameters, fixed ones included."""
        return self.fit.estimate.size

    @property
    def seconds(self) -> float:
        """Forecast of the seconds that one replicate takes."""
        return 0.0

    @property
    def own_errors(self) -> Floats:
        """The fit's standard errors by the formula of each replicate's, (p,)."""
        ones = np.ones((1, len(self.influence)))
        errors: Floats = self._errors(np.zeros((1, self.influence.shape[1])), ones)[0]
        return errors

    def __call__(
        self, resamples: Sequence[Resample], chosen: slice = slice(None)
    ) -> tuple[list[Outcome], list[tuple[int, int]]]:
        """Step by the multipliers of members of a chunk, whose steps are one product."""
        weights = np.array([each.multipliers for each in resamples])
        steps = weights @ self.influence
        errors = self._errors(steps, weights)
        outcomes = [
            Outcome(one, Status.LINEAR, 0.0, errors=error)
            for one, error in zip(self._ends(steps)[chosen], errors[chosen], strict=True)
        ]
        return outcomes, [(0, 0)] * len(outcomes)

    def linear_parts(self, resamples: Sequence[Resample]) -> Floats:
        """Return all of the steps, (b, p): they say nothing of the estimate's bias."""
        weights = np.array([each.multipliers for each in resamples])
        return np.asarray(self._ends(weights @ self.influence) - self.fit.estimate)

    def _ends(self, steps: Floats) -> Floats:
        """Return the full parameter vectors after steps (b, q), (b, p)."""
        parameters = _parameters(self.fit)
        return parameters.to_user(parameters.to_working(self.fit.estimate) + steps)

    def _errors(self, steps: Floats, weights: Floats) -> Floats:
        """Return the sandwich's standard errors by centered scores w_g s_g, (b, p)."""
        squares = weights**2 @ self.influence**2
        variances = squares - steps**2 / len(self.influence)
        variances[variances < _ROUNDING * squares] = 0.0
        parameters = _parameters(self.fit)
        return parameters.in_all(np.sqrt(variances) * np.abs(self._slopes(steps)))

    def covariances(self, resamples: Sequence[Resample]) -> Floats:
        """Return the sandwiches of a chunk, (b, p, p), whose diagonals give the errors."""
        return self._covariances(np.array([each.multipliers for each in resamples]))

    @property
    def covariance_of_data(self) -> Floats:
        """The fit's covariance by the formula of each replicate's, (p, p)."""
        ones = np.ones((1, len(self.influence)))
        found: Floats = self._covariances(ones, np.zeros((1, self.influence.shape[1])))[0]
        return found

    def _covariances(self, weights: Floats, steps: Floats | None = None) -> Floats:
        """Return them by multipliers (b, G), and the steps that these lead to."""
        steps = weights @ self.influence if steps is None else steps
        products = self.influence[:, :, None] * self.influence[:, None, :]
        found = np.tensordot(weights**2, products, axes=1)
        found -= steps[:, :, None] * steps[:, None, :] / len(self.influence)
        slopes, parameters = self._slopes(steps), _parameters(self.fit)
        found *= slopes[:, :, None] * slopes[:, None, :]
        rows = parameters.in_all(found)
        return np.swapaxes(parameters.in_all(np.swapaxes(rows, 1, 2)), 1, 2)

    def _slopes(self, steps: Floats) -> Floats:
        """Differentiate the user's free parameters by the steps there, (b, q)."""
        parameters = _parameters(self.fit)
        return parameters.slopes(parameters.to_working(self.fit.estimate) + steps)


def _corrected(fit: Fit, plan: Plan) -> Floats:
    """Correct the clusters' scores for their leverage, (G, r)."""
    check_correction(fit, plan)
    assert plan.cluster_codes is not None
    assert plan.score_correction is not None
    robust = ClusterRobust.of(fit, plan.cluster_codes)
    assert robust is not None
    return robust.corrected(plan.score_correction)


def _parameters(fit: Fit) -> Parameters:
    """Return the parameters on the scales that were asked for."""
    return fit.likelihood.parameters.with_scales(fit.scales)


def _scores_apart(fit: Fit, units: Sequence[NDArray[np.intp]]) -> Floats:
    """Measure the scores of a total by evaluating it on each unit alone."""
    points, whole = fit.responses
    try:
        apart = take_apart(fit.likelihood, units, points, whole)
    except ApartError as error:
        raise ValueError(
            f"sampling: the scores of clusters are those of the total on each cluster alone, but "
            f"{error}; return the n contributions instead (delete .sum())"
        ) from error
    return contribution_gradients(apart, fit.whitening, fit.step_sizes.gradient_step)
