"""The refit: a chunk of resamples in, their optima out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bootmle.arrays import Floats
from bootmle.fitting.cubic import CubicModels, maximize_models, trust_radius
from bootmle.fitting.expansion import Expansion, expand
from bootmle.fitting.fit import Fit
from bootmle.fitting.lockstep import Lockstep
from bootmle.fitting.rescue import Outcome, rescue
from bootmle.fitting.whitening import Target
from bootmle.likelihood import Rows
from bootmle.resample import Resample
from bootmle.status import Status

__all__ = ["LikelihoodRefit"]

_EXPANSION_REACH = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class LikelihoodRefit:
    """Refits of one fit on resamples.

    Attributes
    ----------
    fit : Fit
        The original.
    expansion : Expansion or None
        Derivatives at the estimate, shared by all refits.
    verified : bool
        Whether each replicate goes on from the expansion to a certified optimum.
    """

    fit: Fit
    expansion: Expansion | None
    verified: bool = True

    @classmethod
    def prepare(cls, fit: Fit, *, verified: bool = True) -> LikelihoodRefit:
        """Measure what all refits share."""
        direct = fit.status is Status.AT_BOUND
        expansion = None if direct else expand(fit.likelihood, fit.metric)
        return cls(fit, expansion, verified)

    @property
    def by_weights(self) -> bool:
        """Whether resamples act through weights of the contributions, not through rows."""
        likelihood = self.fit.likelihood
        return likelihood.separable and likelihood.rows is not Rows.EXCHANGEABLE

    @property
    def n_shared(self) -> int:
        """Evaluations spent once for all refits."""
        return 0 if self.expansion is None else self.expansion.n_evaluations

    def __call__(
        self, resamples: Sequence[Resample]
    ) -> tuple[list[Outcome], list[tuple[int, int]]]:
        """Refit one chunk; return the outcomes, and evaluations of objective and gradient."""
        with np.errstate(all="ignore"):
            weights = np.array([each.weights for each in resamples]) if self.by_weights else None
            if weights is None:
                targets = [self._resampled(each) for each in resamples]
            else:
                targets = [self._reweighted(each) for each in weights]
            if self.fit.status is Status.AT_BOUND:
                outcomes = [self._rescue(target) for target in targets]
            else:
                outcomes = self._lockstep(targets, self._models(weights, len(targets)))
        return outcomes, [(target.n_evaluations, target.n_gradients) for target in targets]

    def target(self, resample: Resample) -> Target:
        """Reweight or resample the likelihood, and see it in whitened coordinates."""
        return self._reweighted(resample.weights) if self.by_weights else self._resampled(resample)

    def _reweighted(self, weights: Floats) -> Target:
        """Weight the contributions."""
        fit = self.fit
        likelihood = fit.likelihood.reweighted(weights)
        rows = likelihood.base_rows
        assert isinstance(fit.base, np.ndarray)
        return Target(likelihood, fit.metric, fit.base if rows is None else fit.base[rows])

    def _resampled(self, resample: Resample) -> Target:
        """Take rows of the data."""
        assert resample.rows is not None
        target = Target(self.fit.likelihood.resampled(resample.rows), self.fit.metric, np.nan)
        target.rebase()
        return target

    def _models(self, weights: Floats | None, count: int) -> CubicModels:
        """Return each resample's cubic model, or the original's where only rows can be drawn."""
        size = self.fit.metric.size
        if self.expansion is None:
            unit = np.broadcast_to(np.eye(size), (count, size, size))
            return CubicModels(np.zeros((count, size)), unit, None)
        if weights is None:
            return self.expansion.models(np.ones((count, len(self.expansion.terms))))
        prior = self.fit.likelihood.weights
        return self.expansion.models(weights if prior is None else prior * weights)

    def _lockstep(self, targets: list[Target], models: CubicModels) -> list[Outcome]:
        """Move the chunk together, then see to those that are not certified."""
        if not self.verified and self.by_weights:
            return self._expanded(targets, models)
        run = Lockstep(targets, models, self.fit.settings)
        if self.by_weights and self.expansion is not None:
            run.start_from_models()
        elif run.fresh.all():
            run.start_from_gradients()
        run.run()
        return self._finish(targets, run)

    def _expanded(self, targets: list[Target], models: CubicModels) -> list[Outcome]:
        """Take the models' optima; only where a model has none, refit after all."""
        z, good = maximize_models(models, _EXPANSION_REACH * trust_radius(self.fit.metric.size))
        return [
            Outcome(params, Status.EXPANDED, np.nan) if accepted else self._rescue(target)
            for target, params, accepted in zip(targets, targets[0].to_user(z), good, strict=True)
        ]

    def _finish(self, targets: list[Target], run: Lockstep) -> list[Outcome]:
        """Accept the certified optima inside their bounds; the others fall back."""
        limited = self.fit.settings.limited(run.z.shape[1])
        status = Status.NOISE_LIMITED if limited else Status.CERTIFIED
        params = targets[0].to_user(run.z)
        accepted = run.done & self._inside(params)
        return [
            Outcome(params[k], status, float(run.distance[k]))
            if accepted[k]
            else self._rescue(target, run.z[k], run.steps[k])
            for k, target in enumerate(targets)
        ]

    def _inside(self, params: Floats) -> NDArray[np.bool_]:
        """Whether full parameter vectors (b, p) keep the bounds and constraints."""
        parameters, optimizer = self.fit.likelihood.parameters, self.fit.optimizer
        free, bounds = params[:, parameters.free], parameters.bounds
        within = np.all((free > bounds[:, 0]) & (free < bounds[:, 1]), axis=1)
        if optimizer.constraints:
            within &= ~np.array([optimizer.active(each) for each in params])
        return np.asarray(within)

    def _rescue(
        self, target: Target, z: Floats | None = None, step: Floats | None = None
    ) -> Outcome:
        """Hand a replicate on to the safeguards."""
        zero = np.zeros(self.fit.metric.size)
        z, step = zero if z is None else z, zero if step is None else step
        return rescue(target, z, step, self.fit.settings, self.fit.optimizer)
