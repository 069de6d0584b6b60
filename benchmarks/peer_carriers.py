"""Packages that resample and call the user's refit: each is given the expert's."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from scipy.stats import bootstrap as scipy_bootstrap

from bootmle.likelihood.arrays import Floats
from peer_cases import Case
from peer_loops import Expert
from peer_turns import Peer, Stopwatch, Turn


def scipy_stats(case: Case, B: int, n_jobs: int, seed: int) -> Turn:
    """Let `scipy.stats.bootstrap` draw row numbers, or those of clusters."""
    expert, numbers, watch = Expert(case), np.arange(len(case.members)), Stopwatch(n_jobs)
    found = scipy_bootstrap(
        (numbers,),
        lambda units: expert(*case.take(units)),
        n_resamples=B,
        vectorized=False,
        method="percentile",
        rng=seed,
    )
    return expert.turn(watch.read(), found.bootstrap_distribution.T)


def arch(case: Case, B: int, n_jobs: int, seed: int) -> Turn:
    """Let `arch.bootstrap.IIDBootstrap` draw rows, or the numbers of clusters."""
    plan, expert = import_module("arch.bootstrap").IIDBootstrap, Expert(case)
    watch = Stopwatch(n_jobs)
    drawn, statistic = _arrays(case, expert)
    replicates = plan(*drawn, seed=seed).apply(statistic, B)
    return expert.turn(watch.read(), replicates)


def resample(case: Case, B: int, n_jobs: int, seed: int) -> Turn:
    """Let `resample.bootstrap.bootstrap` draw rows, or the numbers of clusters."""
    draw, expert = import_module("resample.bootstrap").bootstrap, Expert(case)
    watch = Stopwatch(n_jobs)
    drawn, statistic = _arrays(case, expert)
    replicates = draw(statistic, *drawn, size=B, method="ordinary", random_state=seed)
    return expert.turn(watch.read(), replicates)


def _arrays(case: Case, expert: Expert) -> tuple[tuple[Any, ...], Any]:
    """Return what is drawn, and the refit as a function of it."""
    if case.clusters is None:
        return case.problem.args, expert
    return (np.arange(len(case.members)),), lambda units: expert(*case.take(units))


def estimagic(case: Case, B: int, n_jobs: int, seed: int) -> Turn:
    """Let `estimagic.bootstrap` draw the rows of a data frame."""
    draw, frame = import_module("estimagic").bootstrap, import_module("pandas").DataFrame
    data, expert = frame(np.column_stack(case.problem.args)), Expert(case)
    width, cluster = data.shape[1] - 1, None
    if case.clusters is not None:
        cluster, data["cluster"] = "cluster", case.clusters

    def outcome(data: Any) -> Floats:
        columns = data.to_numpy()
        return expert(*([columns[:, :width]] if width else []), columns[:, width])

    watch = Stopwatch(n_jobs)
    result = draw(outcome, data, n_draws=B, cluster_by=cluster, seed=seed, n_cores=n_jobs)
    return expert.turn(watch.read(), result.outcomes)


CARRIERS = (
    Peer("scipy.stats.bootstrap", "scipy", True, scipy_stats),
    Peer("estimagic.bootstrap", "estimagic", True, estimagic),
    Peer("arch IIDBootstrap", "arch", True, arch),
    Peer("resample", "resample", True, resample),
)
