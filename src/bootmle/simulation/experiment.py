"""One data set of a study: simulated at the truth, fitted, bootstrapped and cross-checked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import ndtri

from bootmle.bootstrapping.bootstrap import bootstrap
from bootmle.bootstrapping.results import Bootstrap
from bootmle.crosschecks import Crosscheck, Flag, crosscheck
from bootmle.execution.raised import describe_raised, unless_interrupted
from bootmle.execution.threads import computation
from bootmle.execution.timelimit import ENDED, UNLIMITED, RefitTimeout, Stopwatch, stop_watching
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.inference.derived import derive_at
from bootmle.inference.intervals import ConfidenceInterval
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status
from bootmle.refitting.estimator_refit import EstimatorRefit
from bootmle.refitting.refit import LikelihoodRefit
from bootmle.refitting.replicates import Replicates
from bootmle.refitting.score_steps import ScoreSteps
from bootmle.sampling import Plan, draw_resample
from bootmle.simulation.simulated_fits import SimulatedFits, join_names
from bootmle.simulation.warp_speed import matrix_errors

__all__ = ["CHUNK", "WALD_METHODS", "Experiment"]

WALD_METHODS = ("hessian", "sandwich", "cluster", "opg")

CHUNK = 4
"""Data sets that shards are dealt: few, for each takes a whole bootstrap."""


@dataclass(frozen=True, eq=False)
class Experiment:
    """What a worker needs to compute any data set."""

    # ``truth`` (p,) are the parameters at which data are simulated, ``n_resamples`` is 1 in a warp
    # study, ``sources`` and ``methods`` name the standard errors and intervals that are collected.

    fit: Fit | Estimator
    simulate: Callable[..., Any]
    truth: Floats
    sampling: Plan
    seed: int
    n_resamples: int
    sources: tuple[str, ...]
    methods: tuple[str, ...]
    confidence_level: float
    derive: Callable[[Floats], Any] | None = None
    refit: str = "verified"
    timeout: float | None = None
    transform: Any = None

    @property
    def size(self) -> int:
        """Data sets in a chunk."""
        return CHUNK

    @cached_property
    def quantities(self) -> tuple[Floats, tuple[str, ...]]:
        """The true values of all quantities, and their names."""
        if self.derive is None:
            return self.truth, tuple(self.fit.names)
        values, names = derive_at(self.derive, self.truth, None)
        return np.concatenate([self.truth, values]), (*self.fit.names, *names)

    def part(self, chunk: int, first: int, last: int) -> SimulatedFits:
        """Compute some data sets of a chunk."""
        numbers = range(chunk * self.size + first, chunk * self.size + last)
        with computation():
            return SimulatedFits.concatenate([self._compute(number) for number in numbers])

    def lost(self, chunk: int, first: int, last: int, reason: str) -> SimulatedFits:
        """Record that some data sets of a chunk cannot be computed."""
        count = last - first
        status = Status.WORKER_DIED
        if self.timeout is not None and ENDED in reason:
            status, reason = Status.TIMED_OUT, str(RefitTimeout(self.timeout))
        lost = self._blank(count, status)
        return lost.with_messages(dict.fromkeys(range(count), reason))

    def none(self) -> SimulatedFits:
        """Return the results of no data set."""
        return self._blank(0, Status.CERTIFIED)

    def _blank(self, count: int, status: Status) -> SimulatedFits:
        """Return results without numbers."""
        size = len(self.quantities[1])
        return SimulatedFits.blank(count, len(self.sources), len(self.methods), size, status)

    def _compute(self, number: int) -> SimulatedFits:
        """Compute one data set; anything raised on the way is recorded as its failure."""
        try:
            with UNLIMITED if self.timeout is None else Stopwatch(self.timeout):
                fit = self._refitted(number)
            stop_watching()
            if fit.status.failed or not np.isfinite(fit.estimate).all():
                return self._blank(1, fit.status).with_messages({0: "; ".join(fit.notes)})
            return self._measured(fit, number)
        except BaseException as error:  # the user's code may raise anything
            late = isinstance(error, RefitTimeout)
            message = str(error) if late else describe_raised(unless_interrupted(error))
            status = Status.TIMED_OUT if late else Status.RAISED
            return self._blank(1, status).with_messages({0: message})

    def _refitted(self, number: int) -> Fit | Estimator:
        """Simulate one data set from its own stream, and fit it from the truth."""
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(number, 0)))
        data = self.simulate(self.truth.copy(), rng, *self.fit.written_out_args)
        return self.fit.refit(data, self.truth)

    def _measured(self, fit: Fit | Estimator, number: int) -> SimulatedFits:
        """Bootstrap one fit, cross-check it, and collect the numbers."""
        result = self._blank(1, fit.status)
        messages: list[str] = []
        result.estimates[0] = self._derived(fit.estimate)
        entropy = np.random.SeedSequence(self.seed, spawn_key=(number, 1)).generate_state(4)
        seed = int.from_bytes(entropy.tobytes(), "little")
        if self.n_resamples == 1:
            result.replicate[0] = self._replicate(fit, seed)
            boots = []
        else:
            boots = self._bootstrapped(fit, seed)
            result.n_failed[0] = boots[0].n_failed
            result.alarms[0] = join_names(alarm.kind for alarm in boots[0].alarms)
        checks = self._checked(fit, boots)
        # A fit that continued from SciPy's end point to a certified optimum is not at fault.
        ignored = {Flag.NOT_AT_OPTIMUM} if fit.converged else set[Flag]()
        flags = {flag for check in checks for flag in check.flags}
        result.flags[0] = join_names(flags - ignored)
        known = self._errors(fit, boots, checks)
        for place, source in enumerate(self.sources):
            found = known.get(source, np.empty(0))
            result.errors[0, place, : found.size] = found
        for place, method in enumerate(self.methods):
            low, high = self._interval(method, result.estimates[0], boots, known, messages)
            result.low[0, place], result.high[0, place] = low, high
        return result.with_messages({0: "; ".join(messages)} if messages else {})

    def _derived(self, params: Floats) -> Floats:
        """Append the derived quantities to parameters; NaN where they cannot be computed."""
        if self.derive is None:
            return params
        try:
            return np.concatenate([params, derive_at(self.derive, params, None)[0]])
        except (ArithmeticError, ValueError):
            size = len(self.quantities[1]) - params.size
            return np.concatenate([params, np.full(size, np.nan)])

    def _replicate(self, fit: Fit | Estimator, seed: int) -> Floats:
        """Refit one resample, without the expansion that many would share, and derive."""
        plan = self.sampling.prepared(fit)
        replicates = Replicates.from_outcomes(
            *_refit_of_one(fit, plan)([draw_resample(plan, fit.n, seed, 0)])
        )
        own, drawn = self._derived(fit.estimate), self._derived(replicates.estimates[0])
        scale, _ = plan.rescaling(fit.n)
        return drawn if scale == 1 else own + scale * (drawn - own)

    def _bootstrapped(self, fit: Fit | Estimator, seed: int) -> list[Bootstrap]:
        """Bootstrap the parameters, and the derived quantities."""
        boot = bootstrap(
            fit,
            sampling=self.sampling,
            n_resamples=self.n_resamples,
            refit=self.refit,
            n_jobs=1,
            rng=seed,
            progress=False,
            timeout=self.timeout,
        )
        if self.derive is None:
            return [boot]
        return [boot, boot.derive(self.derive, transform=self.transform)]

    def _checked(self, fit: Fit | Estimator, boots: list[Bootstrap]) -> list[Crosscheck]:
        """Cross-check the parameters and the derived quantities."""
        if fit.likelihood is None:
            return []
        return [crosscheck(boot) for boot in boots] or [crosscheck(fit)]

    def _errors(
        self, fit: Fit | Estimator, boots: list[Bootstrap], checks: list[Crosscheck]
    ) -> dict[str, Floats]:
        """Collect the standard errors of all quantities, source by source."""
        if not boots:
            plan = self.sampling.prepared(fit)
            return {} if fit.likelihood is None else matrix_errors(fit, plan, self.derive)
        known = _joined([check.standard_errors for check in checks])
        known["bootstrap"] = np.concatenate([boot.standard_error for boot in boots])
        return known

    def _interval(
        self,
        method: str,
        estimates: Floats,
        boots: list[Bootstrap],
        known: dict[str, Floats],
        messages: list[str],
    ) -> tuple[Floats, Floats]:
        """Compute one method's intervals of all quantities; NaN where there are none."""
        nothing = np.full(estimates.size, np.nan)
        if method in WALD_METHODS:
            errors = nothing.copy()
            found = known.get(method, np.empty(0))
            errors[: found.size] = found
            reach = -float(ndtri((1 - self.confidence_level) / 2)) * errors
            return estimates - reach, estimates + reach
        low, high, start = nothing.copy(), nothing.copy(), 0
        for boot in boots:
            part = slice(start, start + len(boot.names))
            start += len(boot.names)
            bounds = _bounds(boot, method, self.confidence_level, messages)
            if bounds is not None:
                low[part], high[part] = bounds.low, bounds.high
        return low, high


def _bounds(
    boot: Bootstrap, method: str, confidence_level: float, messages: list[str]
) -> ConfidenceInterval | None:
    """Compute one method's intervals; a parameter whose interval has none withholds no other."""
    try:
        boot.check_interval(method, confidence_level)
    except ValueError as error:
        messages.append(str(error))
    with suppress(ValueError):
        return boot.interval_where_possible(method, confidence_level)
    return None


def _joined(parts: list[Any]) -> dict[str, Floats]:
    """Join the standard errors of parameters and of derived quantities, source by source."""
    names = parts[0] if parts else ()
    return {
        name: np.concatenate([part[name] for part in parts])
        for name in names
        if all(name in part for part in parts)
    }


def _refit_of_one(
    fit: Fit | Estimator, plan: Plan
) -> LikelihoodRefit | EstimatorRefit | ScoreSteps:
    """Return what refits a single resample, without the expansion that many would share."""
    if fit.likelihood is None:
        return EstimatorRefit(fit)
    if plan.linear:
        return ScoreSteps.prepare(fit, plan)
    return LikelihoodRefit(fit, None)
