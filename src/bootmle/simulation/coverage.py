"""The verb `coverage`: whether the intervals cover, on this model at this sample size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from bootmle.arguments import check_count, check_plan, read_shard, refuse_unknown
from bootmle.arrays import Floats
from bootmle.checkpointing import Settled, keep, settle
from bootmle.execution.checkpoint import Checkpoint
from bootmle.execution.parallel import check_n_jobs
from bootmle.execution.progress import shown
from bootmle.execution.stopping import Interrupted, read_deadline
from bootmle.fitting import Estimator, Fit
from bootmle.identity import name_of, simulated
from bootmle.running import Collected, Run
from bootmle.sampling import Cases, Clustered, Plan
from bootmle.simulation.experiment import BOOTSTRAP_METHODS, CHUNK, WALD_METHODS, Experiment
from bootmle.simulation.study import Coverage
from bootmle.simulation.trials import Trials
from bootmle.simulation.warping import WARP_METHODS
from bootmle.summaries.intervals import read_level
from bootmle.threads import single_threaded

__all__ = ["coverage"]


def coverage(
    fit: Fit | Estimator,
    simulate: Callable[..., Any],
    *,
    sampling: Plan = Cases(),  # noqa: B008  (frozen)
    n_datasets: int = 1000,
    n_resamples: int = 599,
    methods: Sequence[str] = ("percentile", "bca", "hessian"),
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
        one is withheld is flagged, and no miss.
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
        As of `bootstrap`, over data sets. Shards share one directory; the call without a shard
        reads them all.

    Returns
    -------
    Coverage

    Raises
    ------
    ValueError, TypeError
        For arguments that cannot be used.
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
    chosen = _read_methods(methods, warp, sampling, fit)
    count = 1 if warp else check_count(n_resamples, sampling)
    n_sets = check_count(n_datasets, Cases(), "n_datasets")
    until, part = read_deadline(deadline), read_shard(shard, checkpoint, None)
    path = None if checkpoint is None else Path(checkpoint)
    _read_truth(fit, truth)
    read_level(confidence_level, "two-sided")
    described = {
        "simulate": f"{name_of(simulate)} {_mark(fit, simulate)}",
        "truth": None if truth is None else _read_truth(fit, truth).tolist(),
        "n_resamples": count,
        "methods": list(chosen),
        "confidence_level": confidence_level,
        "chunk": CHUNK,
        "derive": None if derive is None else name_of(derive),
    }
    with single_threaded():
        settled, store = _open(path, n_sets, fit, sampling, rng, described)
        experiment = Experiment(
            settled.fit,
            simulate,
            _read_truth(settled.fit, truth),
            sampling,
            settled.seed,
            count,
            _sources(fit, settled.plan),
            chosen,
            confidence_level,
            derive,
        )
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
    notes = (*settled.notes, *(f"damaged, and computed again: {text}" for text in damaged))
    study = _study(experiment, collected, str(settled.plan), notes)
    if not collected.interrupted:
        return study
    where = ".partial" if path is None else f"{path}, where the same call goes on"
    done = f"{len(study.data):,} of {n_sets:,} data sets are done: they are in {where}"
    raise Interrupted(done, study if len(study.data) > 1 else None)


def _open(
    path: Path | None,
    count: int,
    fit: Fit | Estimator,
    sampling: Plan,
    rng: Any,
    described: Mapping[str, Any],
) -> tuple[Settled, Checkpoint[Trials] | None]:
    """Settle what is studied; again where another process has just begun the same study."""
    settled = settle(fit, sampling, "verified", rng, path, **described)
    if path is None:
        return settled, None
    try:
        return settled, keep(path, settled, {}, count, Trials)
    except FileExistsError:
        settled = settle(fit, sampling, "verified", rng, path, **described)
        return settled, keep(path, settled, {}, count, Trials)


def _mark(fit: Fit | Estimator, simulate: Callable[..., Any]) -> str:
    """Tell a simulator from another of the same name."""
    args = fit.args if isinstance(fit, Estimator) else fit.likelihood.args
    return simulated(simulate, fit.estimate, args)


def _study(
    experiment: Experiment, collected: Collected[Trials], sampling: str, notes: tuple[str, ...]
) -> Coverage:
    """Make the result of what was collected."""
    true, names = experiment.quantities
    return Coverage(
        names=names,
        truth=true,
        data=collected.data,
        sources=experiment.sources,
        methods=experiment.methods,
        confidence_level=experiment.confidence_level,
        n_resamples=experiment.n_resamples,
        sampling=sampling,
        seed=experiment.seed,
        seconds=collected.seconds,
        stopped=collected.reason,
        notes=notes,
    )


def _check_simulate(fit: Fit | Estimator, simulate: Any) -> None:
    """Refuse what cannot simulate."""
    if not callable(simulate):
        raise TypeError(
            f"simulate: {simulate!r} is not callable; pass simulate(params, rng, *args)"
        )
    if isinstance(fit, Fit) and not fit.likelihood.args:
        raise ValueError(
            "fit: the objective holds its data itself, so that nothing can be simulated for it; "
            "pass the data in args"
        )


def _read_methods(
    methods: Any, warp: bool, sampling: Plan, fit: Fit | Estimator
) -> tuple[str, ...]:
    """Check the intervals that are asked for."""
    names = (methods,) if isinstance(methods, str) else tuple(methods)
    chosen = tuple(str(name).lower() for name in names)
    own = () if isinstance(fit, Estimator) else WALD_METHODS
    allowed = (*(WARP_METHODS if warp else BOOTSTRAP_METHODS), *own)
    if not isinstance(sampling, Clustered):
        allowed = tuple(name for name in allowed if name != "cluster")
    unknown = [name for name in chosen if name not in allowed]
    if unknown and isinstance(fit, Estimator):
        chosen = tuple(name for name in chosen if name not in WALD_METHODS)
        unknown = [name for name in chosen if name not in allowed]
    if warp and unknown == ["bca"]:
        return tuple(name for name in chosen if name != "bca")
    if unknown or not chosen:
        raise ValueError(f"methods: {unknown or methods!r}; here there are {', '.join(allowed)}")
    return chosen


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
    array = np.asarray(truth, dtype=float)
    if array.shape != fit.estimate.shape or not np.isfinite(array).all():
        raise ValueError(f"truth: {truth!r}; pass {fit.estimate.size} finite values, or a mapping")
    return array


def _sources(fit: Fit | Estimator, plan: Plan) -> tuple[str, ...]:
    """List whose standard errors there are."""
    if isinstance(fit, Estimator):
        return ("bootstrap",)
    if not fit.likelihood.by_weights:
        return ("bootstrap", "hessian")
    clustered = isinstance(plan, Clustered)
    return ("bootstrap", "hessian", "sandwich", *(("cluster",) if clustered else ()))
