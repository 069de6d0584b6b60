"""The verb `coverage`: whether the intervals cover, on this model at this sample size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bootmle.bootstrapping.arguments import (
    check_n_resamples,
    check_plan,
    read_directory,
    read_shard,
    refuse_unknown,
)
from bootmle.bootstrapping.resuming import StartedRun, open_checkpoint, start_or_resume
from bootmle.display.text import brief
from bootmle.execution.checkpoint import Checkpoint
from bootmle.execution.parallel import check_n_jobs
from bootmle.execution.progress import shown
from bootmle.execution.runs import Run
from bootmle.execution.stopping import Interrupted, read_deadline
from bootmle.execution.threads import computation
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.inference.intervals import read_level
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.data import check_call
from bootmle.sampling import Cases, Plan
from bootmle.sampling.digests import checksum_simulated, name_of
from bootmle.simulation.experiment import CHUNK, Experiment
from bootmle.simulation.interval_choice import DEFAULT_METHODS, read_methods
from bootmle.simulation.simulated_fits import SimulatedFits
from bootmle.simulation.stored import record_of
from bootmle.simulation.study import Coverage, study_of

__all__ = ["coverage"]


def coverage(
    fit: Fit | Estimator,
    simulate: Callable[..., Any],
    *,
    sampling: Plan = Cases(),  # noqa: B008  (frozen)
    n_datasets: int = 1000,
    n_resamples: int = 599,
    methods: Sequence[str] = DEFAULT_METHODS,
    confidence_level: float = 0.95,
    truth: Any = None,
    derive: Callable[[Floats], Any] | None = None,
    warp: bool = False,
    n_jobs: int | None = 1,
    rng: int | np.random.Generator | None = None,
    progress: bool | None = None,
    checkpoint: str | Path | None = None,
    shard: tuple[int, int] | None = None,
    deadline: float | datetime | None = None,
    **unknown: Any,
) -> Coverage:
    """Simulate data at a known truth, and see what standard errors and intervals are worth.

    Each data set is fitted, bootstrapped and cross-checked. The standard deviation of the
    estimates is the standard error that all others claim to be.

    Parameters
    ----------
    fit : Fit or Estimator
        The model, fitted to data of the form and size in question.
    simulate : callable
        ``simulate(params, rng, *args) -> args``: data of the same form, drawn with the Generator
        ``rng`` at the full parameter vector.
    sampling : plan
        How each data set is resampled.
    n_datasets, n_resamples : int
        Data sets, and replicates of each.
    methods : sequence of str
        Intervals: those of `Bootstrap.confidence_interval`, and "hessian", "sandwich", "cluster"
        and "opg", which are normal ones with the cross-check's standard errors. A data set where
        one is withheld is flagged, and no miss. By default percentile, BCa and Hessian, less what
        the plan or the model cannot have, which the study notes; one that is named is refused.
    confidence_level : float
    truth : (p,) array_like or mapping, optional
        True values; the estimate by default. A mapping may name some of the parameters.
    derive : callable, optional
        Derived quantities, ``derive(params)`` as of `Bootstrap.derive`, studied beside the
        parameters.
    warp : bool
        One replicate of each data set, pooled over data sets (Giacomini, Politis and White 2013):
        ratios of standard errors in seconds, for a first look.
    n_jobs, rng, progress, checkpoint, shard, deadline
        As of `bootstrap`, over data sets. Shards share one directory, which the call without a
        shard reads, or have one each, which `load` merges.

    Returns
    -------
    Coverage

    Raises
    ------
    ValueError, TypeError
        For arguments that cannot be used.
    RuntimeError
        Where no data set could be fitted, with the commonest reason.
    Interrupted
        On Ctrl-C or SIGTERM: a KeyboardInterrupt whose ``partial`` holds what is done.

    Examples
    --------
    >>> import numpy as np
    >>> from bootmle import coverage, fit
    >>> y = np.random.default_rng(0).exponential(2.0, 100)
    >>> mle = fit(lambda params, y: params[0] + y / np.exp(params[0]), {"log_mean": 0.0}, args=y)
    >>> def simulate(params, rng, y):
    ...     return rng.exponential(np.exp(params[0]), y.size)
    >>> study = coverage(mle, simulate, n_datasets=200, warp=True, methods=["hessian"], rng=0)
    >>> bool(abs(study.se_ratio["hessian"][0] - 1) < 0.2)
    True
    """
    refuse_unknown(unknown, "coverage")
    workers = check_n_jobs(n_jobs)
    check_plan(fit, sampling)
    _check_simulate(fit, simulate)
    chosen, left_out = read_methods(methods, warp, sampling, fit)
    count = 1 if warp else check_n_resamples(n_resamples, sampling)
    n_sets = check_n_resamples(n_datasets, Cases(), "n_datasets")
    until, part = read_deadline(deadline), read_shard(shard, checkpoint, None)
    path = read_directory(checkpoint)
    _read_truth(fit, truth)
    read_level(confidence_level, "two-sided")
    described = {
        "simulate": f"{name_of(simulate)} {checksum_simulated(simulate, fit.estimate, fit.args)}",
        "truth": None if truth is None else _read_truth(fit, truth).tolist(),
        "n_resamples": count,
        "methods": list(chosen),
        "confidence_level": confidence_level,
        "chunk": CHUNK,
        "derive": None if derive is None else name_of(derive),
    }

    def prepare(started: StartedRun) -> Experiment:
        """Set up the study as it was started."""
        return Experiment(
            started.fit,
            simulate,
            _read_truth(started.fit, truth),
            sampling,
            started.seed,
            count,
            _sources(fit, started.plan),
            chosen,
            confidence_level,
            derive,
        )

    with computation():
        begin = partial(start_or_resume, fit, sampling, "verified", rng, path, **described)
        started, experiment, store = _open(path, n_sets, begin, prepare, left_out)
        run = Run(
            experiment,
            n_sets,
            workers,
            shown(progress),
            store=store,
            shard=part,
            deadline=until,
            unit="data set",
        )
        collected = run.collect()
    damaged = [] if store is None else store.damaged
    remarks = (*started.notes, *(f"damaged, computed again: {text}" for text in damaged))
    record = record_of(experiment, left_out)
    study = study_of(record, collected.data, collected.seconds, remarks, collected.reason)
    if not collected.interrupted:
        _refuse_empty(study.data, part, -(-n_sets // CHUNK))
        return study
    where = ".partial" if path is None else f"{path}; repeat the call to resume"
    done = f"{len(study.data):,} of {n_sets:,} data sets are done: they are in {where}"
    raise Interrupted(done, study if len(study.data) > 1 else None)


def _open(
    path: Path | None,
    count: int,
    begin: Callable[[], StartedRun],
    prepare: Callable[[StartedRun], Experiment],
    left_out: Sequence[str],
) -> tuple[StartedRun, Experiment, Checkpoint[SimulatedFits] | None]:
    """Settle what is studied; again where another process has just begun the same study."""
    started = begin()
    experiment = prepare(started)
    if path is None:
        return started, experiment, None
    try:
        store = open_checkpoint(
            path, started, record_of(experiment, left_out), count, SimulatedFits
        )
    except FileExistsError:
        started = begin()
        experiment = prepare(started)
        store = open_checkpoint(
            path, started, record_of(experiment, left_out), count, SimulatedFits
        )
    return started, experiment, store


def _refuse_empty(data: SimulatedFits, shard: tuple[int, int], n_chunks: int) -> None:
    """Raise where no data set could be fitted, with the commonest reason."""
    if not len(data):
        raise ValueError(
            f"shard: part {shard[0]} of {shard[1]} has no data sets: the study has {n_chunks} "
            f"chunks; divide it into at most as many parts"
        )
    if data.failed.all():
        reason, times = data.reasons.most_common(1)[0]
        raise RuntimeError(
            f"none of {len(data)} data sets could be fitted; {times} times: {reason}"
        )


def _check_simulate(fit: Fit | Estimator, simulate: Any) -> None:
    """Refuse what cannot simulate."""
    if not callable(simulate):
        raise TypeError(
            f"simulate: {simulate!r} is not callable; pass simulate(params, rng, *args)"
        )
    if not fit.args:
        raise ValueError(
            "fit: the objective holds its data itself, so that nothing can be simulated for it; "
            "pass the data in args"
        )
    check_call("simulate", simulate, fit.args, ("params", "rng"))


def _read_truth(fit: Fit | Estimator, truth: Any) -> Floats:
    """Read the true values."""
    if truth is None:
        return fit.estimate.copy()
    if hasattr(truth, "keys"):
        unknown = [str(name) for name in truth if str(name) not in fit.names]
        if unknown:
            raise ValueError(f"truth: {unknown} are not among the parameters {list(fit.names)}")
        values = dict(zip(fit.names, fit.estimate, strict=True))
        values |= {str(name): float(truth[name]) for name in truth}
        truth = list(values.values())
    try:
        array = np.asarray(truth, dtype=float)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.shape != fit.estimate.shape or not np.isfinite(array).all():
        raise ValueError(
            f"truth: {brief(truth)}; pass {fit.estimate.size} finite values, or a mapping"
        )
    return array


def _sources(fit: Fit | Estimator, plan: Plan) -> tuple[str, ...]:
    """List whose standard errors there are."""
    if fit.likelihood is None:
        return ("bootstrap",)
    if not fit.takes_weights:
        return ("bootstrap", "hessian")
    clustered = plan.cluster_codes is not None
    return ("bootstrap", "hessian", "sandwich", *(("cluster",) if clustered else ()))
