"""Forecasts: how many evaluations a bootstrap will take, and what it would take otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.likelihood.derivatives import Lattice
from bootmle.optimization.status import Status
from bootmle.refitting.expansion import MEMORY_CAP, n_terms
from bootmle.refitting.refit import is_measured
from bootmle.sampling import Plan, Structure

__all__ = ["Forecast", "forecast_run"]


@dataclass(frozen=True, slots=True)
class _Costs:
    """What replicates take, in gradients of q + 1 evaluations, q the number of free parameters."""

    weighted: float = 1.3
    """Of a refit by weights. Measured at q = 5 to 12 on the logit, negative binomial, Weibull and
    Poisson: 1.05 to 1.4."""
    total: float = 4.9
    """Of a refit of totals. Measured there: 4.25 to 4.8, and 6 at q = 3 to 5."""
    hessian_up_to: int = 4
    """Parameters up to which a refit by weights measures its Hessian afresh, by q (q + 1)
    evaluations. Measured at q = 2 and 3: 6 and 14 more than without."""
    cold: float = 40.0
    """Of SciPy's, for the audit. Measured there: 33 to 38."""
    drawn: float = 0.63
    """Share of the rows that a resample draws, 1 − 1/e: the others are left out."""
    sample: int = 64
    """Replicates that are verified to correct the others, at the least."""
    audited: int = 50
    """Replicates that are verified to audit an expansion."""


_COSTS = _Costs()


@dataclass(frozen=True, slots=True)
class Forecast:
    """The cost of a run."""

    evaluations: float
    seconds: float
    """On the workers that were asked for."""


def forecast_run(
    fit: Fit | Estimator, sampling: Plan, refit: str, count: int, workers: int
) -> Forecast:
    """Forecast so many replicates, in evaluations of all rows, and what is spent once for them."""
    if isinstance(fit, Estimator):
        return Forecast(count, count * fit.seconds / workers)
    if sampling.linear:
        return Forecast(0.0, 0.0)
    gradient = fit.whitening.size + 1
    expands = fit.likelihood.supports_weights and sampling.structure is not Structure.MODEL
    each = _weighted(fit.whitening.size) if expands else gradient * _COSTS.total
    verified = {"corrected": min(count, _COSTS.sample), "expansion": min(count, _COSTS.audited)}
    shared = _lattice(fit) + _cold_audits(count if refit == "verified" else 0) * gradient
    parallel = verified.get(refit, count) * each
    seconds = (shared + parallel / workers) * fit.seconds_per_evaluation
    return Forecast(shared + parallel, seconds)


def _weighted(size: int) -> float:
    """Return what a refit by weights takes, in evaluations of all rows."""
    hessian = size * (size + 1) if size <= _COSTS.hessian_up_to else 0
    return _COSTS.drawn * ((size + 1) * _COSTS.weighted + hessian)


def _cold_audits(count: int) -> float:
    """Return the gradients that SciPy takes to audit so many verified replicates."""
    return _COSTS.cold * min(3, count // 650)


def _lattice(fit: Fit) -> int:
    """Count the evaluations that the shared expansion takes, if it is not there yet."""
    if fit.status is Status.AT_BOUND or is_measured(fit):
        return 0
    size, n_values = fit.whitening.size, fit.likelihood.n_values
    order = next((k for k in (3, 2) if n_terms(size, k) * n_values <= MEMORY_CAP), 1)
    return len(Lattice.of(fit.likelihood, size, order).points)
