"""A Dask cluster of processes: the same replicates, the data once, and deaths that cost one."""

import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from joblib import parallel_config
from threadpoolctl import threadpool_info

from bootmle import Estimator, Interrupted, bootstrap, fit
from bootmle.execution import recovery
from bootmle.execution.parallel import check_n_jobs, compute_pieces
from bootmle.execution.pieces import join
from bootmle.refitting.replicates import Replicates

distributed = pytest.importorskip("distributed", reason="the extra bootmle[dask] is not installed")

Computation = Callable[..., Any]
Expected = Callable[[int], Any]


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Two processes, with a scheduler that gives a task up at the first death, not the fourth."""
    dask = pytest.importorskip("dask")
    settings = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(**settings, silence_logs=50) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def run(task: Any, count: int) -> Replicates:
    """Compute so many members."""
    with parallel_config(backend="dask"):
        pieces = sorted(compute_pieces(task, [(0, count)], -1), key=lambda piece: piece.first)
    together, numbers = join(pieces)
    assert numbers.tolist() == list(range(count))
    return together


def test_replicates_are_those_of_one_worker_and_the_task_travels_once(
    client: Any, computation: Computation, expected: Expected, tmp_path: Path
) -> None:
    task = computation(data=np.zeros(3_000_000), log=tmp_path / "log", late=(0, 1, 2))
    assert run(task, 80).estimates.tobytes() == expected(80).tobytes()
    packed, *opened = (tmp_path / "log").read_text().splitlines()
    assert packed == f"pickled {os.getpid()}"
    workers = client.run(os.getpid).values()
    assert set(opened) <= {f"opened {worker}" for worker in workers}
    assert 1 <= len(opened) == len(set(opened))


def test_a_death_costs_at_most_the_replicate_that_kills_its_worker(
    client: Any,
    computation: Computation,
    expected: Expected,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recovery, "_TRIES", 2)  # each starts a process
    together = run(computation(kills=(9,), kills_once=(30,), marker=tmp_path / "killed"), 40)
    assert (tmp_path / "killed").exists()
    assert dict(together.messages) == {9: "its worker process died: SIGKILL(-9)"}
    assert np.flatnonzero(together.failed).tolist() == [9]
    kept = np.delete(np.arange(40), 9)
    np.testing.assert_array_equal(together.estimates[kept], expected(40)[kept])


def assert_idle_soon(client: Any) -> None:
    patience = time.monotonic() + 5.0
    while client.cluster.scheduler.tasks and time.monotonic() < patience:
        time.sleep(0.05)
    assert not client.cluster.scheduler.tasks


def test_an_exception_surfaces_as_itself_and_stops_the_others(
    client: Any, computation: Computation
) -> None:
    with pytest.raises(ZeroDivisionError, match="replicate 5") as caught:
        run(computation(fails_at=5, late=tuple(range(1000))), 2000)
    # Whoever keeps the exception keeps its frames, and in them what was to be computed.
    assert_idle_soon(client)
    assert caught.tb is not None


def test_closing_early_leaves_nothing_to_do(client: Any, computation: Computation) -> None:
    with parallel_config(backend="dask"):
        pieces = compute_pieces(computation(late=tuple(range(1000))), [(0, 2000)], -1)
        next(pieces)
        pieces.close()
    assert_idle_soon(client)


def test_inside_a_dask_task_there_is_one_worker_and_one_thread(client: Any) -> None:
    def inside() -> tuple[list[int], Any]:
        def threads_and_mean(y: Any) -> list[float]:
            pools = threadpool_info()
            threads = [pool["num_threads"] for pool in pools if pool["user_api"] == "blas"]
            return [float(max(threads)), float(os.getpid()), float(y.mean())]

        estimator = Estimator(threads_and_mean, args=np.arange(10.0))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            replicates = bootstrap(estimator, n_resamples=130, rng=0, n_jobs=-1).replicates
            return [check_n_jobs(n_jobs) for n_jobs in (-1, 2, None)], replicates

    workers, replicates = client.submit(inside, pure=False).result()
    assert workers == [1, 1, 1]
    assert set(replicates[:, 0]) == {1.0}
    assert set(replicates[:, 1]) < set(client.run(os.getpid).values())


def test_corrected_replicates_are_those_of_one_worker(client: Any) -> None:
    def nll(params: Any, y: Any) -> Any:
        return params[1] + 0.5 * ((y - params[0]) / np.exp(params[1])) ** 2

    mle = fit(nll, [0.0, 0.0], args=np.random.default_rng(0).normal(size=60))
    options: dict[str, Any] = {"n_resamples": 199, "rng": 0, "refit": "corrected"}
    with parallel_config(backend="dask"):
        boot = bootstrap(mle, n_jobs=-1, **options)
    usual = bootstrap(mle, **options)
    assert boot.replicates.tobytes() == usual.replicates.tobytes()
    assert boot.status.tolist() == usual.status.tolist()


def test_outside_of_its_tasks_the_cluster_says_how_many_workers_there_are(client: Any) -> None:
    with parallel_config(backend="dask"):
        assert check_n_jobs(-1) == 2


def test_a_restart_of_the_cluster_ends_a_run_with_what_is_done(client: Any) -> None:
    def patient(y: Any) -> list[float]:
        time.sleep(0.02)
        return [float(y.mean()), 1000 * float(y.std())]

    def restart() -> None:
        with suppress(Exception):  # it closes the connections that it uses itself
            client.restart()

    y = np.random.default_rng(0).normal(size=30)
    threading.Timer(1.0, restart).start()
    with parallel_config(backend="dask"), pytest.raises(Interrupted) as stop:
        bootstrap(Estimator(patient, y), n_resamples=2000, rng=0, n_jobs=-1)
    partial = stop.value.partial
    assert "Dask client was closed or restarted" in partial.stopped
    numbers = np.arange(len(partial.data)) if partial.numbers is None else partial.numbers
    usual = bootstrap(Estimator(np.mean, y), n_resamples=int(numbers[-1]) + 1, rng=0)
    np.testing.assert_array_equal(partial.replicates[:, 0], usual.replicates[numbers, 0])
