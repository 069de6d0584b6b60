"""Forecasts: how many evaluations a bootstrap will take, and what it would take otherwise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np

from bootmle.execution.ahead import seconds_ahead
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.likelihood.lattice_derivatives import Lattice
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.taken_apart import CHECKS, as_apart, seconds_apart, why_whole
from bootmle.optimization.status import Status
from bootmle.refitting.dispersion import PILOTS
from bootmle.refitting.expansion import MEMORY_CAP, n_terms
from bootmle.refitting.shared import is_measured
from bootmle.sampling import Plan, Structure

__all__ = ["Cost", "Forecast", "forecast_run", "pays_apart", "seconds_of_refit"]

_GRADIENTS, _GRADIENTS_OF_TOTALS = 2, 6
"""Gradients of p + 1 evaluations each that a refit takes, from the expansion and without it: 16 to
24 and 65 to 70 evaluations, measured on the logit, negative binomial and Weibull, p=12, n=1500."""

_EXACT_GRADIENT = 3
"""Evaluations that an exact gradient costs: reverse mode takes 3 to 4 whatever p (Griewank and
Walther 2008, section 3.3), one written by hand 1 to 2."""


@dataclass(frozen=True, slots=True)
class _Costs:
    """What refits take, in gradients of q + 1 evaluations, q the number of free parameters."""

    expanded: tuple[float, float] = (1.1, 28.0)
    """Of a refit from the expansion, times 1 + that · q/n. Measured, as all of these, on the logit,
    negative binomial, Weibull and Poisson: q = 5 to 12, n = 1500: 1.0 to 1.4, n = 150: 1.5 to 3.5.
    On 12 other data sets 200 verified refits took 0.85 to 1.23 of what is forecast."""
    total: tuple[float, float] = (4.0, 18.0)
    """Of a refit of totals: 3.8 to 4.9 and 5.7 to 10."""
    few: int = 4
    """Parameters up to which each refit measures its Hessian, too."""
    expanded_few: tuple[float, float] = (1.4, 20.0)
    """Of gradients with Hessian, of 2q + q (q − 1)/2 + 1 evaluations: 1.2 to 1.7 and 1.7 to 2.4."""
    total_few: tuple[float, float] = (2.5, 12.0)
    """Of refits of totals: 2.4 to 2.8 and 2.8 to 3.5."""
    exact: int = 3
    """Evaluations that an exact gradient costs: reverse mode takes 3 to 4 whatever q (Griewank and
    Walther 2008, section 3.3), one written by hand 1 to 2."""
    accurate: int = 4
    """Evaluations by parameter of a gradient of fourth order."""
    cold: float = 30.0
    """Of SciPy's, for the audit, where the fit's own is not known: 20 to 38."""
    cold_audits: tuple[int, int] = (3, 650)
    """Most of them, and replicates for each."""
    drawn: float = 0.63
    """Share of the rows that a resample draws, 1 − 1/e: the others are left out."""
    sample: int = 40
    """Replicates that are verified to correct the others, at the least."""
    enlarged: float = 900.0
    """Largest share of them, over (q/n)²: up to 890 with B = 1,999 and q/n = 0.008 to 0.04. It
    depends on fourth derivatives, which nothing shows before the first replicates are there."""
    grown: int = 96
    """Most of a sample that grows little: 64, then half as many again."""
    audited: int = 50
    """Replicates that are verified to audit an expansion."""
    excess: int = 220
    """Verified replicates at which the original data's nll is evaluated."""
    furthest: int = 20
    """The same of expanded ones."""
    margin: float = 1.25
    """Least ratio of two times that decides: they are forecast about as well."""
    worthwhile: float = 10.0
    """Seconds that have to be saved: below that no run is forecast, and timing a single evaluation
    is too rough."""


_COSTS = _Costs()
_SECONDS_APART: WeakKeyDictionary[Fit, dict[bool, float]] = WeakKeyDictionary()
"""What an evaluation on each row, or cluster, alone takes, once timed."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run takes."""

    evaluations: float
    seconds: float
    """On the workers that were asked for."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The cost of a run: a range where a sample of verified replicates may have to grow."""

    least: Cost
    most: Cost


@dataclass(frozen=True, slots=True)
class _Way:
    """What verified refits take in one way, in evaluations of all rows."""

    shared: float
    each: float
    pace: float = 1.0
    """Time of a shared evaluation, which may be one on each row alone, over that of all at once."""

    def of(self, count: int) -> float:
        """Return the time that so many take, in that of evaluations."""
        return self.pace * self.shared + count * self.each


def seconds_of_refit(fit: Fit, *, expands: bool) -> float:
    """Forecast the seconds that one verified refit takes, from an expansion or without."""
    gradients = _GRADIENTS if expands else _GRADIENTS_OF_TOTALS
    exact = fit.likelihood.has_gradient
    width = _EXACT_GRADIENT if exact else fit.whitening.size + 1
    return gradients * width * fit.seconds_per_evaluation


def forecast_run(
    fit: Fit | Estimator,
    sampling: Plan,
    refit: str,
    count: int,
    workers: int,
    apart: bool | None = None,
) -> Forecast:
    """Forecast so many replicates, and what is spent once for them."""
    # ``apart`` says whether a total is taken apart; by default where that saves time.
    if isinstance(fit, Estimator):
        whole = Cost(count, count * fit.seconds / workers)
        return Forecast(whole, whole)
    if apart is None:
        apart = refit != "verified" or pays_apart(fit, sampling, count)
    expands = sampling.structure is not Structure.MODEL and (fit.takes_weights or apart)
    way = _by_expansion(fit, sampling) if expands else _by_gradients(fit)
    if fit.status is Status.AT_BOUND or is_measured(fit, apart=expands and not fit.takes_weights):
        way = replace(way, shared=0.0)
    samples = {"corrected": _samples(fit, count), "expansion": (_COSTS.audited,) * 2}
    audits, audited_alone = _audits(fit, refit, count), workers if refit == "expansion" else 1

    def of(sample: float) -> Cost:
        refits = min(sample, count) * way.each
        seconds = (audits + refits * audited_alone / workers) * fit.seconds_per_evaluation
        seconds += seconds_ahead(way.of(0) * fit.seconds_per_evaluation, workers)
        return Cost(way.shared + audits + refits, seconds)

    least, most = samples.get(refit, (count, count))
    return Forecast(of(least), of(most))


def _samples(fit: Fit, count: int) -> tuple[float, float]:
    """Forecast how many replicates are verified to correct the others, at least and at most."""
    ratio = fit.whitening.size / (fit.likelihood.n_observations or np.inf)
    most = _COSTS.enlarged * ratio**2 * count
    return _COSTS.sample, max(most, _COSTS.grown) if most > _COSTS.sample else _COSTS.sample


def pays_apart(fit: Fit | Estimator, sampling: Plan, count: int) -> bool:
    """Whether verified refits take less time with a total that is taken apart."""
    # As if nothing was known of the fit, since replicates' bits must not depend on other runs.
    if isinstance(fit, Estimator) or fit.takes_weights or not _may_be_apart(fit, sampling):
        return False
    apart, whole = _by_expansion(fit, sampling), _by_gradients(fit)
    saved = (whole.of(count) - apart.of(count)) * fit.seconds_per_evaluation
    enough = saved > _COSTS.worthwhile
    return enough and apart.of(count) * _COSTS.margin < whole.of(count)


def _may_be_apart(fit: Fit, sampling: Plan) -> bool:
    """Whether a total's rows, or clusters, can be evaluated alone."""
    likelihood, random = fit.likelihood, sampling.is_random and not sampling.linear
    if not random or sampling.structure is Structure.MODEL or fit.status is Status.AT_BOUND:
        return False
    if likelihood.n is None or likelihood.automatic is not None:
        return False
    return not why_whole(likelihood, clustered=sampling.units_apart is not None)


def _by_expansion(fit: Fit, sampling: Plan) -> _Way:
    """Forecast refits that start from the expansion of the contributions."""
    likelihood = fit.likelihood
    each = _refit(fit, _COSTS.expanded, _COSTS.expanded_few)
    if fit.takes_weights:
        return _Way(_lattice(fit, likelihood), _COSTS.drawn * each)
    clustered = sampling.units_apart is not None
    known = _SECONDS_APART.setdefault(fit, {})
    if clustered not in known:
        known[clustered] = seconds_apart(likelihood, sampling.units_apart, fit.estimate)
    passes = _lattice(fit, as_apart(likelihood)) + CHECKS
    return _Way(passes, each + 1, known[clustered] / fit.seconds_per_evaluation)


def _by_gradients(fit: Fit) -> _Way:
    """Forecast refits that start at the estimate."""
    pilots = 0 if fit.likelihood.per_observation else PILOTS * _COSTS.accurate * fit.whitening.size
    shared = _lattice(fit, fit.likelihood) + pilots
    return _Way(shared, _refit(fit, _COSTS.total, _COSTS.total_few))


def _refit(fit: Fit, costs: tuple[float, float], few: tuple[float, float]) -> float:
    """Forecast the evaluations of one refit."""
    size, width = fit.whitening.size, _gradient(fit)
    if size <= _COSTS.few and not fit.likelihood.has_gradient:
        costs, width = few, 2 * size + size * (size - 1) // 2 + 1
    factor, growth = costs
    return width * factor * (1 + growth * size / (fit.likelihood.n_observations or np.inf))


def _gradient(fit: Fit) -> int:
    """Return what a gradient takes."""
    return _COSTS.exact if fit.likelihood.has_gradient else fit.whitening.size + 1


def _audits(fit: Fit, refit: str, count: int) -> float:
    """Return what is looked at once the replicates are there."""
    most, every = _COSTS.cold_audits
    cold = 0 if refit == "corrected" else min(most, count // every)
    expanded = _COSTS.furthest + (_COSTS.sample if refit == "corrected" else 0)
    measures = refit != "expansion" and fit.takes_weights and fit.row_derivatives is None
    own = _COSTS.accurate * fit.whitening.size if measures else 0
    excess = min(count, _COSTS.excess if refit == "verified" else expanded)
    rows = _COSTS.drawn if fit.takes_weights else 1.0
    return rows * cold * _cold(fit) + excess + own


def _cold(fit: Fit) -> float:
    """Return what SciPy takes from the start values: what it took for the fit."""
    result = fit.scipy_run.result
    if result is None:  # it has paused, and would be finished by evaluations
        return _COSTS.cold * _gradient(fit)
    gradients = _COSTS.exact * result.get("njev", 0) if fit.likelihood.has_gradient else 0
    return result.get("nfev", 0) + gradients or _COSTS.cold * _gradient(fit)


def _lattice(fit: Fit, likelihood: Likelihood) -> float:
    """Count the evaluations that the shared expansion takes."""
    size, n_values = fit.whitening.size, likelihood.n_values
    order = next((k for k in (3, 2) if n_terms(size, k) * n_values <= MEMORY_CAP), 1)
    lattice = Lattice.of(likelihood, size, order)
    return len(lattice.points) * (_COSTS.exact if lattice.with_scores else 1)
