"""Whether replicates can be what their plan means: they vary, around the estimate, and alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bootmle.display.text import rounded
from bootmle.fitting.estimator import Estimator
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status
from bootmle.refitting.alarm_kinds import Alarm, AlarmKind
from bootmle.refitting.alarms import scores_of
from bootmle.refitting.refit import LikelihoodRefit
from bootmle.refitting.replicates import Replicates

__all__ = [
    "CORRELATED",
    "IN_DOUBT",
    "autocorrelation",
    "correlation_alarms",
    "correlation_message",
    "order_alarms",
    "replicate_alarms",
]

IN_DOUBT = {AlarmKind.NO_SPREAD, AlarmKind.OFF_CENTER}
"""Alarms under which the replicates' standard errors mean nothing."""

CORRELATED = 4.0
"""Standard errors at which a score's lag-1 autocorrelation is reported unasked: a false alarm in
0.006% of data sets for each score."""


@dataclass(frozen=True, slots=True)
class _Thresholds:
    """When replicates are not what they should be."""

    spread: float = 1e-9
    """Standard deviation relative to the estimate's size or a Hessian's standard error, below which
    it is that of refits that end at one optimum, not that of samples."""
    standard_errors: float = 3.0
    """Distance of the mean from the estimate: small-sample bias is a fraction of one."""
    monte_carlo_errors: float = 10.0
    """The same in Monte Carlo errors, which are the larger ones below B = 12."""
    fewest: int = 5
    """Replicates below which neither is judged."""
    order: float = 0.5
    """Standard errors by which shuffled rows move an estimate: rounding and tolerances move it by
    far less than a tenth, a random walk's or an AR's by one and more."""


_THRESHOLDS = _Thresholds()
_SHUFFLES, _SEED = 2, 20_260_929
"""Calls that tell whether the order of rows matters, and any fixed choice of it."""


def replicate_alarms(
    names: tuple[str, ...], estimate: Floats, errors: Floats, replicates: Replicates
) -> Iterator[Alarm]:
    """Name the parameters whose replicates do not vary, or lie around another value."""
    # ``errors`` are the Hessian's standard errors: NaN where there are none, 0 of fixed parameters.
    kept = replicates.estimates[~replicates.failed & (replicates.status != Status.AT_BOUND)]
    still, elsewhere = [], []
    for name, column, value, error in zip(names, kept.T, estimate, errors, strict=True):
        finite = column[np.isfinite(column)]
        if finite.size < _THRESHOLDS.fewest or error == 0 or not np.isfinite(value):
            continue
        spread, shift = finite.std(ddof=1), abs(finite.mean() - value)
        usual = error if np.isfinite(error) else abs(value)
        if spread <= _THRESHOLDS.spread * usual:
            still.append(name)
        elif shift > spread * _far(finite.size):
            elsewhere.append((name, shift / spread))
    if still:
        yield Alarm(
            AlarmKind.NO_SPREAD,
            f"all replicates of {', '.join(still)} are the same, so that their standard error is "
            f"no measure of anything: the resamples do not reach the model (data that it does not "
            f"read from args, values that it remembers), or all of them share what is estimated",
            tuple(still),
        )
    if elsewhere:
        shown = ", ".join(f"{name} by {rounded(far, 2)}" for name, far in elsewhere)
        yield Alarm(
            AlarmKind.OFF_CENTER,
            f"the replicates lie around another value than the estimate ({shown} of their standard "
            f"errors): they may be of another quantity (constants or labels that do not follow the "
            f"rows drawn), or the estimate may not be this model's on these data; do not use their "
            f"standard errors",
            tuple(name for name, _ in elsewhere),
        )


def order_alarms(fit: Estimator, replicates: Replicates) -> Iterator[Alarm]:
    """Name the estimates that move when rows are shuffled, which rows drawn one by one are."""
    estimates = np.where(np.isfinite(replicates.estimates), replicates.estimates, np.nan)
    few = np.isfinite(estimates).sum(axis=0).min() < _THRESHOLDS.fewest
    if few or fit.takes_weights:  # with weights, rows stay where they are
        return
    rng, errors = np.random.default_rng(_SEED), np.nanstd(estimates, axis=0, ddof=1)
    shuffled = np.array([fit.on_rows(rng.permutation(fit.n))[0] for _ in range(_SHUFFLES)])
    moved = np.sqrt(((shuffled - fit.estimate) ** 2).mean(axis=0))
    found = np.flatnonzero((moved > _THRESHOLDS.order * errors) & (errors > 0))
    if not found.size:
        return
    shown = ", ".join(f"{fit.names[j]} by {rounded(moved[j] / errors[j], 2)}" for j in found)
    yield Alarm(
        AlarmKind.ORDERED,
        f"the estimates depend on the order of the rows ({shown} of their standard errors where "
        f"rows are shuffled), which rows drawn one by one do not keep: for a time series use "
        f"sampling=Blocks(), for groups of rows Clustered(labels); folds or splits inside of the "
        f"function belong in args, as a column; a search from certain rows has to start "
        f"from what their order does not change, such as quantiles",
        tuple(fit.names[j] for j in found),
    )


def correlation_alarms(refit: LikelihoodRefit) -> Iterator[Alarm]:
    """Report correlated scores of neighboring rows, which were drawn one by one."""
    scores = scores_of(refit)
    if scores is None:
        return
    found = autocorrelation(refit.fit.likelihood.of_rows(scores))
    if not abs(found) > CORRELATED:
        return
    yield Alarm(AlarmKind.DEPENDENT_ROWS, correlation_message(found))


def correlation_message(found: float) -> str:
    """Say that neighboring rows are correlated, and what to do."""
    return (
        f"the scores of neighboring rows are correlated ({rounded(found, 2)} standard errors from "
        f"0): unless the rows are sorted by the outcome, resampling them one by one is not valid; "
        f"resample groups of related rows, sampling=Clustered(labels), or blocks of a time series, "
        f"sampling=Blocks()"
    )


def autocorrelation(scores: Floats) -> float:
    """Return the largest lag-1 autocorrelation of scores (n, r), in its standard errors."""
    centered = scores - scores.mean(axis=0)
    total = (centered**2).sum(axis=0)
    products: NDArray[np.float64] = (centered[1:] * centered[:-1]).sum(axis=0)
    products = products / np.where(total > 0, total, 1.0)
    return float(products[np.argmax(np.abs(products))] * np.sqrt(len(centered)))


def _far(count: int) -> float:
    """Return how many standard deviations from the estimate a mean of replicates may lie."""
    return float(max(_THRESHOLDS.standard_errors, _THRESHOLDS.monte_carlo_errors / np.sqrt(count)))
