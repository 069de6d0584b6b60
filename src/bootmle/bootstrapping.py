"""The verb `bootstrap`: a plan and a fit make replicates."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.alarms import Alarm, likelihood_alarms, mode_alarms
from bootmle.arguments import (
    check_count,
    check_plan,
    check_refit,
    read_seed,
    refuse_unknown,
)
from bootmle.arrays import Floats
from bootmle.audits import ColdAudit, ExpansionAudit, audit_cold, audit_expansion
from bootmle.execution.parallel import check_n_jobs, run_chunks
from bootmle.execution.progress import announce, shown, with_progress
from bootmle.fitting import Estimator, EstimatorRefit, Fit, LikelihoodRefit
from bootmle.fitting.scores import whitened_scores
from bootmle.replicates import Replicates
from bootmle.resample import Resample
from bootmle.results import Bootstrap
from bootmle.sampling import Blocks, Cases, Plan, draw_resample
from bootmle.status import Status
from bootmle.threads import single_threaded

__all__ = ["bootstrap"]

CHUNK = 64
"""Replicates that move together: the unit of work, whatever B and n_jobs are."""

CHUNK_CAP = 2**22
"""Most observations that one chunk's replicates have together: fewer replicates of long data."""

_EXPANSION_AUDIT = 50
_COLD_AUDIT = 3
_COLD_EVERY = 650


def bootstrap(
    fit: Fit | Estimator,
    *,
    sampling: Plan = Cases(),  # noqa: B008  (frozen)
    n_resamples: int = 1999,
    refit: str = "verified",
    n_jobs: int | None = 1,
    rng: int | np.random.Generator | None = None,
    progress: bool | None = None,
    **unknown: Any,
) -> Bootstrap:
    """Refit on bootstrap samples, in parallel, and collect the replicates.

    Parameters
    ----------
    fit : Fit or Estimator
        What to refit.
    sampling : plan
        How resamples are drawn: `Cases()`, `Stratified(strata)`, `Clustered(clusters)`,
        `Blocks()`, `Bayesian()`, `Parametric(simulate)`, `Subsample(size)`, `Jackknife()`,
        `Given(...)`.
    n_resamples : int
        Number of replicates B, at least 2; no more than there are with `Given`, as many as there
        are with `Jackknife`.
    refit : str
        "verified": every replicate is certified at its optimum; "expansion": the optimum of the
        shared expansion, without evaluations for each replicate, its error measured on a sample.
    n_jobs : int
        Workers, as in joblib: -1 for one per core. Results do not depend on it.
    rng : int, Generator or None
        Seed; a Generator is drawn from once. The seed used is kept on the result.
    progress : bool, optional
        Show a bar and a forecast; by default on a terminal and in a notebook.

    Returns
    -------
    Bootstrap

    Raises
    ------
    ValueError, TypeError
        For arguments that cannot be used, and a plan that does not suit the objective.
    RuntimeError
        Where no replicate could be estimated, with the commonest reason.

    Examples
    --------
    >>> import numpy as np
    >>> from bootmle import bootstrap, fit
    >>> y = np.random.default_rng(0).exponential(2.0, 100)
    >>> mle = fit(lambda params, y: params[0] + y / np.exp(params[0]), {"log_mean": 0.0}, args=y)
    >>> boot = bootstrap(mle, n_resamples=199, rng=0)
    >>> boot.replicates.shape, boot.n_failed
    ((199, 1), 0)
    """
    refuse_unknown(unknown)
    workers = check_n_jobs(n_jobs)
    check_plan(fit, sampling)
    sampling = _prepare(fit, sampling)
    count = check_count(n_resamples, sampling)
    check_refit(fit, sampling, refit)
    seed = read_seed(rng)
    started = time.perf_counter()
    with single_threaded():
        task = _Task(_refitter(fit, refit), sampling, seed, _n(fit))
        show = shown(progress)
        if show:
            announce(_forecast(fit, count, workers), count, workers)
        chunks = run_chunks(task, -(-count // task.size), n_jobs)
        replicates = Replicates.concatenate(list(with_progress(chunks, count, show))).first(count)
        _refuse_empty(replicates)
        audits = _audit(task, replicates)
        centre = _centre(task)
        alarms = _raise_alarms(fit, task, replicates, audits)
    return Bootstrap(
        fit=fit,
        names=fit.names,
        estimate=fit.estimate,
        data=replicates,
        seed=seed,
        seeds=(seed,),
        sampling=sampling,
        rescaling=sampling.rescaling(task.n),
        quantiles=sampling.quantiles,
        drawn=sampling.n_available is None,
        centre=centre,
        refit=refit,
        fixed=_fixed(fit),
        n_shared=task.refit.n_shared,
        seconds=time.perf_counter() - started,
        not_identified=fit.not_identified if isinstance(fit, Fit) else (),
        notes=_notes(fit, sampling, centre),
        audits=audits,
        alarms=alarms,
    )


@dataclass(frozen=True, slots=True)
class _Task:
    """What a worker needs to compute any chunk."""

    refit: LikelihoodRefit | EstimatorRefit
    sampling: Plan
    seed: int
    n: int

    @property
    def size(self) -> int:
        """Replicates in a chunk."""
        return max(1, min(CHUNK, CHUNK_CAP // self.n))

    def __call__(self, chunk: int) -> Replicates:
        """Compute one chunk, whole: its shape must not depend on how many are asked for."""
        with single_threaded():
            numbers = range(chunk * self.size, (chunk + 1) * self.size)
            return Replicates.from_outcomes(*self.refit([self.draw(number) for number in numbers]))

    def draw(self, replicate: int) -> Resample:
        """Draw one resample from its own stream."""
        return draw_resample(self.sampling, self.n, self.seed, replicate)


def _audit(task: _Task, replicates: Replicates) -> tuple[ExpansionAudit | ColdAudit, ...]:
    """Compute a random few replicates again: verified, and cold by SciPy."""
    if not isinstance(task.refit, LikelihoodRefit):
        return ()
    usable = np.flatnonzero(np.isfinite(replicates.estimates).all(axis=1))
    order = np.random.default_rng([task.seed, len(replicates)]).permutation(usable)
    audits: list[ExpansionAudit | ColdAudit] = []
    if not task.refit.verified:
        audits.append(_run_audit(audit_expansion, task, replicates, order[:_EXPANSION_AUDIT]))
    cold = min(_COLD_AUDIT, len(replicates) // _COLD_EVERY)
    if cold:
        audits.append(_run_audit(audit_cold, task, replicates, order[:cold]))
    return tuple(audits)


def _run_audit(
    audit: Callable[..., Any], task: _Task, replicates: Replicates, chosen: NDArray[np.intp]
) -> Any:
    """Audit the chosen replicates."""
    resamples = [task.draw(int(number)) for number in chosen]
    return audit(task.refit, resamples, replicates.take(chosen))


def _raise_alarms(
    fit: Fit | Estimator,
    task: _Task,
    replicates: Replicates,
    audits: tuple[ExpansionAudit | ColdAudit, ...],
) -> tuple[Alarm, ...]:
    """Collect the alarms that fired."""
    alarms = [alarm for audit in audits for alarm in audit.alarms()]
    if isinstance(task.refit, LikelihoodRefit) and isinstance(fit, Fit):
        rowwise = task.sampling.independent_rows
        alarms += likelihood_alarms(fit, task.refit, replicates, independent_rows=rowwise)
    return (*alarms, *mode_alarms(fit.names, replicates))


def _refitter(fit: Fit | Estimator, refit: str) -> LikelihoodRefit | EstimatorRefit:
    """Prepare what all refits share."""
    if isinstance(fit, Estimator):
        return EstimatorRefit(fit)
    return LikelihoodRefit.prepare(fit, verified=refit == "verified")


def _n(fit: Fit | Estimator) -> int:
    """Return the number of observations that are resampled."""
    n = fit.n if isinstance(fit, Estimator) else fit.likelihood.n
    assert n is not None
    return n


def _forecast(fit: Fit | Estimator, count: int, workers: int) -> float:
    """Forecast the run's seconds from the time of one evaluation."""
    if isinstance(fit, Estimator):
        return count * fit.seconds / workers
    size = fit.metric.size
    evaluations = (2 if fit.likelihood.by_weights else 6) * (size + 1)
    return count * evaluations * fit.seconds_per_evaluation / workers


def _prepare(fit: Fit | Estimator, sampling: Plan) -> Plan:
    """Make a plan ready for the data: look up labels, choose a block length."""
    if isinstance(sampling, Blocks) and sampling.length is None and isinstance(fit, Fit):
        scores = whitened_scores(fit)
        pulls = None if scores is None else scores @ fit.metric.factor.T
        sampling = sampling if pulls is None else sampling.with_length_for(pulls)
    return sampling.prepared(_n(fit), _args(fit))


def _centre(task: _Task) -> Floats | None:
    """Refit with the weights that a plan draws on average; None where they are all alike."""
    weights = task.sampling.expected_weights(task.n)
    if weights is None or not task.refit.by_weights:
        return None
    (outcome, *_), _ = task.refit([Resample(task.n, fractions=weights)] * 2)
    return outcome.params if np.isfinite(outcome.params).all() else None


def _args(fit: Fit | Estimator) -> tuple[Any, ...]:
    """Return the data."""
    return fit.args if isinstance(fit, Estimator) else fit.likelihood.args


def _fixed(fit: Fit | Estimator) -> tuple[str, ...]:
    """Name the parameters that are held."""
    if isinstance(fit, Estimator):
        return ()
    return tuple(name for name, free in zip(fit.names, fit.free, strict=True) if not free)


def _notes(fit: Fit | Estimator, sampling: Plan, centre: Floats | None) -> tuple[str, ...]:
    """Say why refits resample rows although the objective returns contributions."""
    if sampling.expected_weights(_n(fit)) is not None and centre is None:
        return (
            "moving blocks reach the ends of the series less often than its middle, and are not "
            "centred here: use kind='stationary'",
        )
    if isinstance(fit, Fit) and fit.likelihood.separable and not fit.likelihood.by_weights:
        return (f"refits resample the rows: {fit.likelihood.rows.value}",)
    return ()


def _refuse_empty(replicates: Replicates) -> None:
    """Raise where no replicate worked, with the commonest reason."""
    if not replicates.failed.all():
        return
    reasons: Sequence[str] = [
        replicates.messages.get(k) or Status(status).message
        for k, status in enumerate(replicates.status)
    ]
    reason, times = Counter(reasons).most_common(1)[0]
    raise RuntimeError(f"no replicate of {len(replicates)} worked; {times} times: {reason}")
