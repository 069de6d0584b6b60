"""The refit: a chunk of resamples in, their optima out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.response import Rows
from bootmle.optimization.batch import BatchedNewton
from bootmle.optimization.newton import (
    CubicModels,
    first_of_each,
    maximize_models,
    trust_radius,
)
from bootmle.optimization.outcome import Outcome, timed_out
from bootmle.optimization.sandwich import Sandwich, Units
from bootmle.optimization.status import Status
from bootmle.optimization.whitening import WhitenedObjective
from bootmle.refitting.compiled_refit import CompiledRefit, refit_in_time
from bootmle.refitting.expanded_errors import expanded_errors
from bootmle.refitting.expansion import SharedExpansion
from bootmle.refitting.fallback import fall_back
from bootmle.refitting.forecast import seconds_of_refit
from bootmle.refitting.replicate_objective import objective_of
from bootmle.refitting.shared import Members, parts_of, shared_by_refits
from bootmle.sampling.resample import Resample

__all__ = ["EXPANSION_REACH", "LikelihoodRefit"]

EXPANSION_REACH = 2.0
"""Trust radii within which the expansion's optimum is taken for a replicate's. Measured at n = 40
to 100 on logit, Poisson and NB2: 2% lie beyond one radius, off by half a standard error in the
median, which the audit reports."""


@dataclass(frozen=True, slots=True, eq=False)
class LikelihoodRefit:
    """Refits of one fit on resamples."""

    fit: Fit
    """The original, with its objective divided by the dispersion."""
    expansion: SharedExpansion | None
    verified: bool = True
    """Whether each replicate continues from the expansion to a certified optimum."""
    dispersion: float = 1.0
    """What the objective was divided by: 1 unless it is far from a log-likelihood in scale."""
    sandwich: Sandwich | None = None
    cautious: bool = False
    """Whether an expansion serves only replicates whose standard errors it determines."""
    polished: bool = False
    """Whether to take one more step at each optimum: those of a jackknife are close together."""
    timeout: float | None = None
    apart: bool = False
    """Whether the objective is a total, and the expansion that of its rows or clusters alone."""

    @classmethod
    def prepare(
        cls, fit: Fit, *, verified: bool = True, units: Members | None = None
    ) -> LikelihoodRefit:
        """Measure what all refits share, once for each fit, whole or taken apart into units."""
        if fit.status is Status.AT_BOUND:
            return cls(fit, None, verified)
        rescaled, expansion, dispersion = shared_by_refits(fit, units)
        apart = units is not None
        return cls(rescaled or fit, expansion, verified, dispersion, apart=apart)

    def with_sandwiches(self, units: Units) -> LikelihoodRefit:
        """Measure each replicate's own standard errors too, by the units that are drawn."""
        likelihood = self.fit.likelihood
        shared = None if likelihood.frequencies is None else likelihood.frequencies.row_of
        return replace(self, sandwich=Sandwich.of(*units, likelihood.prior, shared))

    def by_parts(self, fit: Fit, units: Members) -> LikelihoodRefit:
        """Return verified refits, with sandwiches, by what a total's rows or units contribute."""
        likelihood = replace(parts_of(fit, units, self.fit, self.dispersion), rows=Rows.NO_ARGS)
        parts = replace(self.fit, likelihood=likelihood, base=likelihood.at(fit.estimate))
        return replace(self, fit=parts, apart=False, verified=True)

    def expanded_errors(self, resamples: Sequence[Resample]) -> Floats:
        """Return a whole chunk's own standard errors, (b, p), NaN where the expansion has none."""
        models = self._models_of(resamples)
        z, good = self._optima(models)
        errors, trusted = self._errors_at(np.where(good[:, None], z, np.nan), resamples, models)
        return np.where((good & trusted)[:, None], errors, np.nan)

    def errors_of_data(self) -> Floats | None:
        """Return the fit's own sandwich standard errors by the expansion, (p,); None without."""
        definite = self.fit.information.definiteness == "positive definite"
        if self.sandwich is None or self.expansion is None or not definite:
            return None
        data = Resample(self.fit.n, fractions=np.ones(self.fit.n))
        zero = np.zeros((1, self.fit.whitening.size))
        return np.asarray(self._errors_at(zero, [data], self.models_of_data(1))[0][0])

    def _optima(self, models: CubicModels) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the optima of models, (b, r), and which are taken for those of replicates."""
        return maximize_models(models, EXPANSION_REACH * trust_radius(self.fit.whitening.size))

    def _errors_at(
        self, z: Floats, resamples: Sequence[Resample], models: CubicModels
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the standard errors (b, p) at points (b, r), and which are to be trusted."""
        assert self.expansion is not None
        return expanded_errors(self.fit, self.expansion, self.sandwich, resamples, models, z)

    @property
    def supports_weights(self) -> bool:
        """Whether resamples act through weights of the contributions, not through rows."""
        return self.fit.likelihood.supports_weights

    @property
    def works_together(self) -> bool:
        """Whether members of a chunk take the resamples of the whole chunk."""
        return (self.supports_weights or self.apart) and self.expansion is not None

    @property
    def n_params(self) -> int:
        """Number of parameters, fixed ones included."""
        return self.fit.estimate.size

    @property
    def studentizes(self) -> bool:
        """Whether each replicate has standard errors of its own."""
        return self.sandwich is not None

    @property
    def seconds(self) -> float:
        """Forecast of the seconds that one replicate takes."""
        if self.works_together and not self.verified:
            return 0.0
        return seconds_of_refit(self.fit, expands=self.works_together)

    @property
    def n_shared(self) -> int:
        """Evaluations spent once for all refits."""
        return 0 if self.expansion is None else self.expansion.n_evaluations

    def __call__(
        self,
        resamples: Sequence[Resample],
        chosen: slice = slice(None),
        models: CubicModels | None = None,
    ) -> tuple[list[Outcome], list[tuple[int, int]]]:
        """Refit members of a chunk, whose models may be known; return evaluations of both, too."""
        if self._expands(resamples[0]):
            compiled = self._compiled
            if compiled is not None:
                return self._refit_compiled(compiled, resamples, chosen)
            models = self._models_of(resamples) if models is None else models
            models = models.take(chosen)
            if not self.verified:
                return self._expanded(resamples[chosen], models)
            targets = [self.target(each) for each in resamples[chosen]]
            outcomes = self._from_models(targets, models)
        else:
            targets = [self.target(each) for each in resamples[chosen]]
            outcomes = self._from_estimate(targets)
        outcomes = [
            timed_out(target) if target.stopwatch.expired else outcome
            for target, outcome in zip(targets, outcomes, strict=True)
        ]
        return outcomes, [(target.n_evaluations, target.n_gradients) for target in targets]

    def known_models(self, resamples: Sequence[Resample]) -> CubicModels | None:
        """Return the models that refits of a whole chunk start from; None where they need none."""
        if not self._expands(resamples[0]) or self._compiled is not None:
            return None
        return self._models_of(resamples)

    @property
    def _compiled(self) -> CompiledRefit | None:
        """Verified refits as one compiled program, where there may be one."""
        if not self.verified:
            return None
        return CompiledRefit.of(self.fit, self.expansion, self.sandwich, polished=self.polished)

    def _refit_compiled(
        self, compiled: CompiledRefit, resamples: Sequence[Resample], chosen: slice
    ) -> tuple[list[Outcome], list[tuple[int, int]]]:
        """Refit in one compiled call, and whatever it leaves undone in the usual way."""
        weights, members = np.array([each.weights for each in resamples]), resamples[chosen]
        places = range(*chosen.indices(len(resamples)))

        def refit(part: slice) -> tuple[list[Outcome | None], list[tuple[int, int]]]:
            return compiled.outcomes(
                weights, part, lambda k: self.target(resamples[part.start + k])
            )

        whole = slice(places.start, places.stop)
        if self.timeout is None:
            outcomes, counts = refit(whole)
        else:
            outcomes, counts = refit_in_time(refit, whole, self.timeout, self.n_params)
        left = [k for k, outcome in enumerate(outcomes) if outcome is None]
        if left:
            # Two rows, always: the last bits of a product depend on their number.
            alone = [
                self._models(np.stack([each.weights] * 2)) for each in (members[k] for k in left)
            ]
            targets = [self.target(members[k]) for k in left]
            found = self._from_models(targets, first_of_each(alone))
            for k, target, outcome in zip(left, targets, found, strict=True):
                outcomes[k] = timed_out(target) if target.stopwatch.expired else outcome
                counts[k] = target.n_evaluations, target.n_gradients
        return [each for each in outcomes if each is not None], counts

    def linear_parts(self, resamples: Sequence[Resample], expected: Floats) -> Floats | None:
        """Return −H⁻¹ Σ (w_i − E w_i) ∇ℓ_i of a whole chunk, (b, p); None without weights."""
        if self.expansion is None or not self._expands(resamples[0]):
            return None
        likelihood, whitening = self.fit.likelihood, self.fit.whitening
        shifts = np.array([each.weights for each in resamples]) - expected
        z = -likelihood.weights_of(shifts) @ self.expansion.terms[:, : whitening.size]
        slopes = likelihood.parameters.slopes(whitening.center)
        return likelihood.parameters.in_all(z @ whitening.factor.T * slopes)

    def target(self, resample: Resample) -> WhitenedObjective:
        """Reweight, resample or simulate the data; return the objective in whitened coordinates."""
        return objective_of(self.fit, resample, self.sandwich, self.timeout)

    def _expands(self, resample: Resample) -> bool:
        """Whether a resample acts through weights, so that the expansion serves it."""
        return self.works_together and resample.simulate is None

    def _models_of(self, resamples: Sequence[Resample]) -> CubicModels:
        """Return the cubic models of a chunk."""
        # The whole chunk's, always: the last bits of a product depend on the number of rows.
        return self._models(np.array([each.weights for each in resamples]))

    def _models(self, weights: Floats) -> CubicModels:
        """Return the cubic models of resamples that draw observations so often, (b, N)."""
        if self.expansion is None:
            size = self.fit.whitening.size
            unit = np.broadcast_to(np.eye(size), (len(weights), size, size))
            return CubicModels(np.zeros((len(weights), size)), unit, None)
        return self.expansion.models(self.fit.likelihood.weights_of(weights))

    def models_of_data(self, count: int) -> CubicModels:
        """Return the original data's model so many times."""
        likelihood = self.fit.likelihood
        separate = likelihood.per_observation or self.apart
        n = (likelihood.n_observations or 0) if separate else 1
        return self._models(np.ones((1, n))).take(np.zeros(count, dtype=np.intp))

    def _from_models(self, targets: list[WhitenedObjective], models: CubicModels) -> list[Outcome]:
        """Start at the replicates' own models' optima."""
        run = BatchedNewton(targets, models, self.fit.step_sizes)
        run.start_from_models()
        return self._finish(targets, run)

    def _from_estimate(self, targets: list[WhitenedObjective]) -> list[Outcome]:
        """Start the chunk at the estimate, with the original data's derivatives."""
        if self.fit.status is Status.AT_BOUND:
            return [self._fall_back(target) for target in targets]
        run = BatchedNewton(targets, self.models_of_data(len(targets)), self.fit.step_sizes)
        if run.fresh.all():
            run.start_from_gradients()
        return self._finish(targets, run)

    def _expanded(
        self, resamples: Sequence[Resample], models: CubicModels
    ) -> tuple[list[Outcome], list[tuple[int, int]]]:
        """Take the models' optima; refit where a model has none or, cautious, ends too early."""
        z, good = self._optima(models)
        params = self.fit.likelihood.parameters.to_user(self.fit.whitening.to_working(z))
        errors: Sequence[Floats | None] = [None] * len(z)
        if self.cautious and self.expansion is not None:
            points = np.where(good[:, None], z, np.nan)
            found, trusted = self._errors_at(points, resamples, models)
            errors, good = errors if self.sandwich is None else [*found], good & trusted
        outcomes = [
            Outcome(each, Status.EXPANDED, np.nan, errors=own)
            for each, own in zip(params, errors, strict=True)
        ]
        counts = [(0, 0)] * len(outcomes)
        for k in np.flatnonzero(~good).tolist():
            target = self.target(resamples[k])
            outcome = self._from_models([target], models.take(slice(k, k + 1)))[0]
            outcomes[k] = timed_out(target) if target.stopwatch.expired else outcome
            counts[k] = target.n_evaluations, target.n_gradients
        return outcomes, counts

    def _finish(self, targets: list[WhitenedObjective], run: BatchedNewton) -> list[Outcome]:
        """Continue to the optima; accept those inside their bounds, refit the others."""
        run.run()
        if self.polished:
            run.polish()
        limited = self.fit.step_sizes.limited(run.z.shape[1])
        status = Status.NOISE_LIMITED if limited else Status.CERTIFIED
        params = targets[0].to_user(run.z)
        errors = self.fit.likelihood.parameters.in_all(run.standard_errors())
        accepted = run.done & self.fit.optimizer.inside(self.fit.likelihood.parameters, params)
        return [
            Outcome(params[k], status, float(run.distance[k]), errors=errors[k])
            if accepted[k]
            else self._fall_back(target, run.z[k], run.steps[k])
            for k, target in enumerate(targets)
        ]

    def _fall_back(
        self, target: WhitenedObjective, z: Floats | None = None, step: Floats | None = None
    ) -> Outcome:
        """Refit a replicate that was not certified."""
        zero = np.zeros(self.fit.whitening.size)
        z, step = zero if z is None else z, zero if step is None else step
        return fall_back(target, z, step, self.fit.step_sizes, self.fit.optimizer)
