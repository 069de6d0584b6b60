"""Refits of a model in JAX: a chunk of them in one call of a compiled Newton iteration."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bootmle.execution.timelimit import RefitTimeout, Stopwatch
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.automatic import Refitted
from bootmle.likelihood.automatic_views import take_automatic_scores
from bootmle.likelihood.compiled_newton import Shared
from bootmle.optimization.outcome import Outcome
from bootmle.optimization.refit_rules import exact_limits, measures_own_hessians
from bootmle.optimization.sandwich import Sandwich, sandwich_errors
from bootmle.optimization.status import Status
from bootmle.optimization.whitening import WhitenedObjective
from bootmle.refitting.expansion import SharedExpansion

__all__ = ["CompiledRefit", "refit_in_time"]

_COMPILING = 60.0
"""Seconds beside the refits' own after which a call counts as hanging: compiling took 3 to 44 s on
the models of benchmarks/jax_refits.py."""

_Found = tuple[list[Outcome | None], list[tuple[int, int]]]


@dataclass(frozen=True, slots=True, eq=False)
class CompiledRefit:
    """Refits of one fit in JAX from its expansion, with each replicate's sandwich if asked for."""

    fit: Fit
    expansion: SharedExpansion
    sandwich: Sandwich | None
    polished: bool = False

    @classmethod
    def of(
        cls,
        fit: Fit,
        expansion: SharedExpansion | None,
        sandwich: Sandwich | None,
        *,
        polished: bool = False,
    ) -> CompiledRefit | None:
        """Return None where nothing can be compiled: without JAX, or on a scale of the user's."""
        likelihood = fit.likelihood
        if likelihood.automatic is None or expansion is None or expansion.order == 1:
            return None
        known = likelihood.parameters.derivatives(fit.whitening.center) is not None
        usable = known and likelihood.supports_weights
        return cls(fit, expansion, sandwich, polished) if usable else None

    def __call__(self, weights: Floats, chosen: slice) -> Refitted | None:
        """Refit members of a chunk, whose observations are drawn so often, (b, N)."""
        likelihood, whitening = self.fit.likelihood, self.fit.whitening
        parameters, expansion = likelihood.parameters, self.expansion
        automatic, all_free = likelihood.automatic, parameters.free.size == parameters.values.size
        assert automatic is not None
        cubic = expansion.order == 3
        shared = Shared(
            args=likelihood.args,
            params=parameters.to_user(whitening.center),
            free=None if all_free else parameters.free,
            center=whitening.center,
            factor=whitening.factor,
            terms=expansion.terms,
            thirds=expansion.thirds if cubic else None,
            pairs=expansion.positions(2),
            triples=expansion.positions(3) if cubic else None,
            prior=None if self.sandwich is None else self.sandwich.prior,
        )
        limits = exact_limits(self.fit.step_sizes, whitening.size, likelihood.n_observations)
        own = self.sandwich is not None and measures_own_hessians(whitening.size)
        return automatic.refit(
            shared, parameters.curved, likelihood.weights_of(weights), limits, chosen,
            exact=own or self.polished, meats=self.by_row,
        )  # fmt: skip

    def outcomes(
        self, weights: Floats, chosen: slice, target: Callable[[int], WhitenedObjective]
    ) -> _Found:
        """Refit members of a chunk; None for one that was not certified, with its evaluations."""
        # ``target`` returns the objective of one of the chosen members.
        found = self(weights, chosen)
        count = len(range(*chosen.indices(len(weights))))
        outcomes: list[Outcome | None] = [None] * count
        counts = [(0, 0)] * count
        if found is None:
            return outcomes, counts
        found = Refitted(*(each[chosen] for each in found))
        parameters = self.fit.likelihood.parameters
        params = parameters.to_user(self.fit.whitening.to_working(found.z))
        done = np.flatnonzero(found.done & self.fit.optimizer.inside(parameters, params)).tolist()
        grouped = self.sandwich is not None and not self.by_row
        errors = self._errors(found, done, [target(k) for k in done] if grouped else [])
        limited = self.fit.step_sizes.limited(self.fit.whitening.size)
        status = Status.NOISE_LIMITED if limited else Status.CERTIFIED
        for k, own in zip(done, errors, strict=True):
            outcomes[k] = Outcome(params[k], status, float(found.distance[k]), errors=own)
            counts[k] = 0, int(found.rounds[k])
        return outcomes, counts

    @property
    def by_row(self) -> bool:
        """Whether sandwiches are asked for, and sums over rows."""
        return self.sandwich is not None and self.sandwich.by_row

    def _errors(
        self, found: Refitted, members: Sequence[int], targets: Sequence[WhitenedObjective]
    ) -> Floats:
        """Return the standard errors (k, p) of some replicates, NaN unless they were requested."""
        parameters, whitening = self.fit.likelihood.parameters, self.fit.whitening
        z, hessian = found.z[members], found.hessian[members]
        meats = found.meat[members] if self.by_row else np.full_like(hessian, np.nan)
        if targets:
            take_automatic_scores(targets, z)
            meats = np.array([np.nan if each.meat is None else each.meat for each in targets])
        errors = sandwich_errors(whitening.factor, hessian, meats)
        return parameters.in_all(errors * np.abs(parameters.slopes(whitening.to_working(z))))


def refit_in_time(
    refit: Callable[[slice], _Found], chosen: slice, seconds: float, n_params: int
) -> _Found:
    """Refit members of a chunk that may take so many seconds each, together if these suffice."""
    # Alone, each is the same to the last bit.
    count = chosen.stop - chosen.start
    started = time.perf_counter()
    try:
        with Stopwatch(seconds * count + _COMPILING):
            found = refit(chosen)
    except RefitTimeout:  # none is known to be the one that hangs
        return [None] * count, [(0, 0)] * count
    if time.perf_counter() - started <= seconds:
        return found
    outcomes, counts = list[Outcome | None](), list[tuple[int, int]]()
    for k in range(chosen.start, chosen.stop):
        started = time.perf_counter()
        (outcome,), (evaluations,) = refit(slice(k, k + 1))
        if time.perf_counter() - started > seconds:
            nothing = np.full(n_params, np.nan)
            outcome = Outcome(nothing, Status.TIMED_OUT, np.nan, str(RefitTimeout(seconds)))
        outcomes.append(outcome)
        counts.append(evaluations)
    return outcomes, counts
