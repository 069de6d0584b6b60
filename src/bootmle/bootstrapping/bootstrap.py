"""The function `bootstrap`: from a fit and a sampling plan to replicates."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Never

import numpy as np

from bootmle.bootstrapping.announcing import announce_run
from bootmle.bootstrapping.arguments import (
    check_n_resamples,
    check_plan,
    check_precision,
    check_refit,
    read_directory,
    read_shard,
)
from bootmle.bootstrapping.correcting import SHARE, VERIFIED, correct_run
from bootmle.bootstrapping.results import Bootstrap
from bootmle.bootstrapping.resuming import open_checkpoint, record_stop, start_or_resume
from bootmle.display.known_names import refuse_keywords
from bootmle.display.message_kinds import count_kinds
from bootmle.execution.ahead import points_on
from bootmle.execution.checkpoint import Checkpoint, is_run
from bootmle.execution.meter import watched_step
from bootmle.execution.parallel import check_n_jobs
from bootmle.execution.progress import shown
from bootmle.execution.runs import Collected, Run
from bootmle.execution.stopping import (
    Interrupted,
    read_deadline,
    read_timeout,
    signals_interrupt,
    unfinished,
)
from bootmle.execution.threads import computation
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.inference.standard_errors import of_finite, standard_error, standard_error_mcse
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status
from bootmle.refitting.replicates import Replicates
from bootmle.refitting.task import Task
from bootmle.sampling import Cases, Plan

__all__ = ["bootstrap", "precise_enough", "worst_relative_error"]

_NOTHING_YET = "no replicate is done yet, and nothing was kept; repeat the call"
_FEWEST = 100
"""Finite replicates below which no precision is taken to be reached: the Monte Carlo error follows
from a fourth moment, known at 100 normal replicates to about a third (√(96/9B))."""


def bootstrap(
    fit: Fit | Estimator,
    *others: Never,
    sampling: Plan = Cases(),  # noqa: B008  (frozen)
    n_resamples: int = 1999,
    precision: float | None = None,
    refit: str = "verified",
    n_jobs: int | None = 1,
    rng: int | np.random.Generator | None = None,
    progress: bool | None = None,
    checkpoint: str | Path | None = None,
    shard: tuple[int, int] | None = None,
    deadline: float | datetime | None = None,
    timeout: float | None = None,
    **unknown: Never,
) -> Bootstrap:
    """Refit the model on bootstrap samples, in parallel.

    Parameters
    ----------
    fit : Fit or Estimator
        What to refit.
    sampling : plan
        How samples are drawn: `Cases()`, `Stratified(strata)`, `Clustered(clusters)`,
        `Blocks()`, `Bayesian()`, `Parametric(simulate)`, `Subsample(size)`, `Jackknife()`,
        `Given(...)`, `Wild(clusters)`, `Residual(predict)`.
    n_resamples : int
        Number of replicates B, at least 2; `Given` has at most those it was given, `Jackknife`
        one per observation.
    precision : float, optional
        Stop when the relative Monte Carlo error of every standard error is at most this, with
        n_resamples as the limit; the result says what stopped it.
    refit : str
        "verified": every replicate is certified at its optimum. "expansion": the optimum of a
        third-order expansion shared by all replicates, without evaluations of the objective; its
        error is measured on a random sample of verified refits. "corrected": such a sample corrects
        the expansion of the other replicates, as a control variate (Davison and Hinkley 1997,
        section 9.3), and grows until the correction's error, which the Monte Carlo errors include,
        is at most a third of them.
    n_jobs : int
        Number of workers, as in joblib; -1 for all cores. Results do not depend on it.
    rng : int, Generator or None
        Seed; a Generator is drawn from once. The result keeps it as ``seed``.
    progress : bool, optional
        Whether to show a progress bar and a forecast, by default on a terminal and in a notebook;
        in a log file a line after 10 seconds, and one per minute.
    checkpoint : str or Path, optional
        A directory that keeps what is finished. Repeating the call computes what is missing, and
        more if n_resamples is larger; `load` reads the directory at any time.
    shard : (int, int), optional
        (i, k): only the i-th of k parts of the run, counted from 1; requires ``checkpoint``, with
        one directory for all parts or several that `load` merges.
    deadline : float or datetime, optional
        Seconds from now, or the time, at which to stop, within the time of one refit; at least
        one replicate is computed.
    timeout : float, optional
        Seconds that one refit may take; a replicate that takes longer has failed, with that reason.
        Worker processes interrupt it; with n_jobs=1, and in threads, the time is looked at before
        and after each evaluation.

    Returns
    -------
    Bootstrap

    Raises
    ------
    ValueError, TypeError
        For invalid arguments, and for a plan that does not suit the objective.
    RuntimeError
        If no replicate could be estimated, with the most common reason.
    Interrupted
        On Ctrl-C, SIGTERM or SIGHUP: a KeyboardInterrupt whose ``partial`` holds the finished part.
    OSError
        If a checkpoint cannot be written; what was written is safe.

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
    refuse_keywords(unknown, "bootstrap", bootstrap)
    _refuse_positional(others)
    begun, workers = time.perf_counter(), check_n_jobs(n_jobs)
    check_plan(fit, sampling)
    precision = check_precision(precision, sampling)
    part, until = read_shard(shard, checkpoint, precision), read_deadline(deadline)
    limit = read_timeout(timeout)
    path = read_directory(checkpoint)
    place: dict[str, Any] = {"shard": part, "deadline": until, "enough": _enough(precision, refit)}
    with signals_interrupt(), computation():
        if shown(progress):
            announce_run(fit, sampling, refit, (n_resamples, path, part), workers)
        watched = watched_step("shared expansion", shown(progress))
        with unfinished(_NOTHING_YET), watched, points_on(n_jobs):
            setup = _set_up(fit, sampling, refit, rng, n_resamples, path, limit)
        run = Run(setup.task, setup.count, n_jobs, shown(progress), store=setup.store, **place)
        collected = run.collect()
        if refit == "corrected" and not (collected.interrupted or collected.data.failed.all()):
            setup, collected = setup.corrected(sampling, path, run, collected)
        boot = _result(setup, collected, part, precision)
    return replace(boot, seconds=run.seconds_before + time.perf_counter() - begun)


def _refuse_positional(others: tuple[Any, ...]) -> None:
    """Raise for positional arguments after the fit, and name the call to use."""
    if others and isinstance(others[0], int):
        raise TypeError(f"bootstrap() takes keywords; use n_resamples={others[0]}")
    if others:
        raise TypeError(
            "bootstrap() takes the fit, then keywords; SciPy's bootstrap((y,), np.mean) is here "
            "bootstrap(Estimator(np.mean, args=y))"
        )


def _enough(precision: float | None, refit: str) -> Callable[[Replicates], str] | None:
    """Return what stops a run at a precision; a correction adds its own error to what is left."""
    if precision is None:
        return None
    bound = precision / np.sqrt(1 + SHARE**2) if refit == "corrected" else precision
    return partial(precise_enough, precision=precision, bound=bound)


@dataclass(frozen=True, slots=True, eq=False)
class _SetUp:
    """A run that is about to start: its task, number of replicates, record and directory."""

    task: Task
    count: int
    blank: Bootstrap
    store: Checkpoint[Replicates] | None

    @property
    def fit(self) -> Fit | Estimator:
        """The fit as the run was started with it."""
        assert self.blank.fit is not None
        return self.blank.fit

    def corrected(
        self, sampling: Plan, path: Path | None, run: Run[Replicates], found: Collected[Replicates]
    ) -> tuple[_SetUp, Collected[Replicates]]:
        """Correct what a run found, in a folder of its directory; note how that was done."""
        below = None if path is None else path / VERIFIED
        task = self.task.verifying()
        own = _set_up(self.fit, sampling, "verified", task.seed, self.count, below, own=task)
        place: dict[str, Any] = {"shard": run.shard, "deadline": run.deadline}
        place |= {} if own.store is None else {"store": own.store}
        found, how = correct_run(own.task, found, run.n_jobs, run.show, **place)
        remarks = (*self.blank.remarks, *how.remarks)
        blank = replace(self.blank, correction=how.correction, remarks=remarks)
        return replace(self, blank=blank), found


def _set_up(
    fit: Fit | Estimator,
    sampling: Plan,
    refit: str,
    rng: Any,
    n_resamples: Any,
    path: Path | None,
    timeout: float | None = None,
    own: Task | None = None,
) -> _SetUp:
    """Start or resume a run; try again if another process has just started the same one."""
    for last in (False, True):
        started = start_or_resume(fit, sampling, refit, rng, path)
        count = check_n_resamples(n_resamples, started.plan)
        check_refit(started.fit, started.plan, refit)
        task = own or Task.prepare(
            *(started.fit, started.plan, refit, started.seed, timeout),
            apart=refit == "verified" and started.takes_apart(count),
        )
        blank = Bootstrap.blank(started.fit, task, refit)
        if path is None:
            break
        try:
            store = open_checkpoint(path, started, blank.to_json(), count, Replicates)
            noted = replace(blank, remarks=started.notes)
            return _SetUp(task, count, noted, store)
        except FileExistsError:
            if last:
                raise
    return _SetUp(task, count, blank, None)


def _result(
    setup: _SetUp,
    collected: Collected[Replicates],
    part: tuple[int, int],
    precision: float | None,
) -> Bootstrap:
    """Audit the replicates and describe what stopped the run; raise if there is no result."""
    if collected.interrupted:
        raise _interrupted(setup, collected)
    _refuse_empty(collected.data, part, -(-setup.count // setup.task.size))
    if setup.store is not None and collected.reason.startswith("precision"):
        record_stop(setup.store, len(collected.data), collected.reason)
    held = setup.blank.holding(setup.task, collected)
    damaged = [] if setup.store is None else setup.store.damaged
    remarks = [f"damaged, computed again: {text}" for text in damaged]
    if precision is not None and not collected.reason:
        worst = worst_relative_error(collected.data)
        remarks.append(
            f"precision={precision:g} was not reached with n_resamples={setup.count:,}: the "
            f"largest relative Monte Carlo error of an SE is {worst:.2g}"
        )
    return replace(held, remarks=(*held.remarks, *remarks))


def _interrupted(setup: _SetUp, collected: Collected[Replicates]) -> Interrupted:
    """Describe how to resume an interrupted run."""
    done = len(collected.data)
    partial = None if done < 2 else setup.blank.holding(setup.task, collected)
    where = in_memory = (
        "they are in sys.last_value.partial, or in .partial of the bootmle.Interrupted you caught"
    )
    if setup.store is not None:
        path = setup.store.path
        gone = f"the checkpoint {path} was removed, {in_memory}"
        where = f"they are in {path}; repeat the call to resume" if is_run(path) else gone
    how = ""
    if setup.blank.refit == "corrected":
        how = f", {np.sum(collected.data.status != Status.EXPANDED):,} of them verified"
    return Interrupted(f"{done:,} of {setup.count:,} replicates are done{how}: {where}", partial)


def _refuse_empty(replicates: Replicates, shard: tuple[int, int], n_chunks: int) -> None:
    """Raise if there are no replicates, or all failed, with the most common reason."""
    if not len(replicates):
        raise ValueError(
            f"shard: part {shard[0]} of {shard[1]} has no replicates: the run consists of "
            f"{n_chunks} chunks; divide it into at most as many parts"
        )
    if not replicates.failed.all():
        return
    reasons: Sequence[str] = [
        replicates.messages.get(k) or Status(status).message
        for k, status in enumerate(replicates.status)
    ]
    reason, times = count_kinds(reasons)[0]
    raise RuntimeError(f"all {len(replicates)} replicates failed; {times} times: {reason}")


def precise_enough(data: Replicates, precision: float, bound: float | None = None) -> str:
    """Return the reason to stop once a precision, or a lower bound, is reached; empty before."""
    reached = worst_relative_error(data) <= (precision if bound is None else bound)
    return f"precision={precision:g}" if reached else ""


def worst_relative_error(data: Replicates) -> float:
    """Return the largest relative Monte Carlo error of a SE, by the replicates alone."""
    kept: Floats = data.estimates[~data.failed]
    if np.isfinite(kept).sum(axis=0).min() < _FEWEST:
        return np.inf
    errors, mcse = of_finite(standard_error, kept), of_finite(standard_error_mcse, kept)
    varies = errors > 0
    return float(np.max(mcse[varies] / errors[varies], initial=0.0))
