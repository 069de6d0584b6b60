"""`coverage`: whether intervals cover, for this model at this sample size, by simulation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Never

import numpy as np
from numpy.typing import ArrayLike

from bootmle.bootstrapping.arguments import (
    check_n_resamples,
    check_plan,
    read_directory,
    read_shard,
)
from bootmle.bootstrapping.derived_functions import read_function
from bootmle.bootstrapping.resuming import StartedRun, open_checkpoint, start_or_resume
from bootmle.display.known_names import refuse_keywords
from bootmle.execution.checkpoint import Checkpoint, is_run
from bootmle.execution.parallel import check_n_jobs
from bootmle.execution.progress import shown
from bootmle.execution.runs import Run
from bootmle.execution.stopping import Deadline, Interrupted, read_deadline, read_timeout
from bootmle.execution.threads import computation
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.inference.intervals import read_level
from bootmle.likelihood.arrays import Floats
from bootmle.sampling import Cases, Plan
from bootmle.sampling.digests import check_simulator, checksum_simulated, name_of
from bootmle.simulation.arguments import check_functions, check_scales, read_truth, read_warp
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
    truth: ArrayLike | Mapping[str, float] | None = None,
    derive: Callable[[Any], Any] | None = None,
    transform: Any = None,
    warp: bool = False,
    refit: str = "verified",
    n_jobs: int | None = 1,
    rng: int | np.random.Generator | None = None,
    progress: bool | None = None,
    checkpoint: str | Path | None = None,
    shard: tuple[int, int] | None = None,
    deadline: float | datetime | None = None,
    timeout: float | None = None,
    **unknown: Never,
) -> Coverage:
    """Simulate data at a known truth, and measure how good standard errors and intervals are.

    Each data set is fitted, bootstrapped and cross-checked. The standard deviation of the estimates
    is what every standard error estimates.

    Parameters
    ----------
    fit : Fit or Estimator
        The model, fitted to data of the form and size in question.
    simulate : callable
        ``simulate(params, rng, *args) -> args``: draws data of the same form at the full parameter
        vector with the Generator ``rng``.
    sampling : plan
        How each data set is resampled.
    n_datasets, n_resamples : int
        Number of data sets, and of replicates for each.
    methods : sequence of str
        Intervals: those of `Bootstrap.confidence_interval`, and "hessian", "sandwich", "cluster"
        and "opg", normal intervals with the cross-check's standard errors. Data sets for which an
        interval is withheld are counted apart, not as misses. By default percentile, BCa and
        Hessian, except those that the plan or the model does not allow, which is noted; a method
        that is named and not allowed raises.
    confidence_level : float
    truth : (p,) array_like or mapping, optional
        True values; the estimate by default. A mapping may name some of the parameters.
    derive : callable, optional
        ``derive(params)`` as for `Bootstrap.derive`: quantities to study besides the parameters.
    transform : str, sequence or mapping, optional
        Scales on which these quantities are studentized, as for `Bootstrap.derive`.
    warp : bool
        Whether to draw one replicate per data set and pool them (Giacomini, Politis and White
        2013): ratios of standard errors in seconds, for a first look.
    refit : str
        As for `bootstrap`, of each data set's replicates; "verified" in a warp study.
    n_jobs, rng, progress, checkpoint, shard, deadline, timeout
        As for `bootstrap`, over data sets; the fit of a data set has the same ``timeout``. Shards
        share one directory, which the call without a shard reads, or have one each, which
        `Coverage.load` merges.

    Returns
    -------
    Coverage

    Raises
    ------
    ValueError, TypeError
        For arguments that cannot be used.
    RuntimeError
        If no data set could be fitted, with the most frequent reason.
    Interrupted
        On Ctrl-C or SIGTERM: a KeyboardInterrupt whose ``partial`` holds the data sets done.

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
    refuse_keywords(unknown, "coverage", coverage)
    workers = check_n_jobs(n_jobs)
    check_plan(fit, sampling)
    sampling = sampling.labeled(fit, look_up=False)  # simulated data have a row per observation
    check_functions(fit, simulate, derive, transform)
    derive = derive and read_function(derive, fit.estimate, fit.names)
    warp = read_warp(fit, sampling, refit, warp)
    chosen, left_out = read_methods(methods, warp, sampling, fit, refit)
    count = 1 if warp else check_n_resamples(n_resamples, sampling)
    total = check_n_resamples(n_datasets, Cases(), "n_datasets")
    until, part = read_deadline(deadline), read_shard(shard, checkpoint, None)
    check_scales(derive, transform, read_truth(fit, truth))
    read_level(confidence_level, "two-sided")
    check_simulator(simulate, fit, at_params=truth is None, stacklevel=3)
    design = _Design(
        *(fit, simulate, sampling, count, chosen, left_out, confidence_level, truth, derive, refit),
        *(read_timeout(timeout), transform),
    )
    path = read_directory(checkpoint)
    return _run(design, rng, path, total, workers, shown(progress), part, until)


@dataclass(frozen=True, slots=True, eq=False)
class _Design:
    """What is studied, as it was asked for: an experiment, once a run has started."""

    fit: Fit | Estimator
    simulate: Callable[..., Any]
    sampling: Plan
    n_resamples: int
    methods: tuple[str, ...]
    left_out: tuple[str, ...]
    confidence_level: float
    truth: Any
    derive: Callable[[Floats], Any] | None
    refit: str
    timeout: float | None
    transform: Any = None

    @property
    def description(self) -> dict[str, Any]:
        """What tells the study from others in its directory."""
        checksum = checksum_simulated(self.simulate, self.fit.estimate, self.fit.written_out_args)
        truth = None if self.truth is None else read_truth(self.fit, self.truth).tolist()
        return {
            "simulate": f"{name_of(self.simulate)} {checksum}",
            "truth": truth,
            "n_resamples": self.n_resamples,
            "methods": list(self.methods),
            "confidence_level": self.confidence_level,
            "chunk": CHUNK,
            "derive": None if self.derive is None else name_of(self.derive),
            **({} if self.transform is None else {"transform": str(self.transform)}),
        }

    def experiment(self, started: StartedRun) -> Experiment:
        """Set up the experiment of a run as it was started."""
        return Experiment(
            started.fit,
            self.simulate,
            read_truth(started.fit, self.truth),
            self.sampling,
            started.seed,
            self.n_resamples,
            _sources(self.fit, started.plan),
            self.methods,
            self.confidence_level,
            self.derive,
            self.refit,
            self.timeout,
            self.transform,
        )

    def open(
        self, path: Path | None, total: int, rng: Any
    ) -> tuple[StartedRun, Experiment, Checkpoint[SimulatedFits] | None]:
        """Start or resume the study, in its directory where there is one."""
        described = self.description

        def start() -> tuple[StartedRun, Experiment]:
            started = start_or_resume(self.fit, self.sampling, self.refit, rng, path, **described)
            return started, self.experiment(started)

        def keep(started: StartedRun, experiment: Experiment, path: Path) -> Any:
            record = record_of(experiment, self.left_out)
            return open_checkpoint(path, started, record, total, SimulatedFits)

        started, experiment = start()
        if path is None:
            return started, experiment, None
        try:
            return started, experiment, keep(started, experiment, path)
        except FileExistsError:  # another process has just started the same study
            started, experiment = start()
            return started, experiment, keep(started, experiment, path)


def _run(
    design: _Design,
    rng: Any,
    path: Path | None,
    total: int,
    n_jobs: int | None,
    show: bool,
    shard: tuple[int, int],
    deadline: Deadline | None,
) -> Coverage:
    """Run a study, or one part of it, and return its data sets as a Coverage."""
    with computation():
        started, experiment, store = design.open(path, total, rng)
        options: dict[str, Any] = {
            "store": store,
            "shard": shard,
            "deadline": deadline,
            "unit": "data set",
        }
        collected = Run(experiment, total, n_jobs, show, **options).collect()
    damaged = [] if store is None else store.damaged
    remarks = (*started.notes, *(f"damaged, computed again: {text}" for text in damaged))
    record = record_of(experiment, design.left_out)
    study = study_of(record, collected.data, collected.seconds, remarks, collected.reason)
    if collected.interrupted:
        where = "they are in .partial"
        if path is not None:
            gone = f"the checkpoint {path} was removed, {where}"
            where = f"they are in {path}; repeat the call to resume" if is_run(path) else gone
        done = f"{len(study.data):,} of {total:,} data sets are done: {where}"
        raise Interrupted(done, study if len(study.data) > 1 else None)
    _refuse_empty(study.data, shard, -(-total // CHUNK))
    return study


def _refuse_empty(data: SimulatedFits, shard: tuple[int, int], n_chunks: int) -> None:
    """Raise if no data set could be fitted, with the most frequent reason."""
    if not len(data):
        raise ValueError(
            f"shard: part {shard[0]} of {shard[1]} has no data sets: the study has {n_chunks} "
            f"chunks; divide it into at most {n_chunks} parts"
        )
    if data.failed.all():
        reason, times = data.reasons.most_common(1)[0]
        raise RuntimeError(
            f"none of {len(data)} data sets could be fitted; {times} times: {reason}"
        )


def _sources(fit: Fit | Estimator, plan: Plan) -> tuple[str, ...]:
    """List the sources of standard errors."""
    if fit.likelihood is None:
        return ("bootstrap",)
    if not fit.takes_weights:
        return ("bootstrap", "hessian")
    clustered = plan.cluster_codes is not None
    return ("bootstrap", "hessian", "sandwich", *(("cluster",) if clustered else ()))
