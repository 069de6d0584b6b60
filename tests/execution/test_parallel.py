"""Workers: chunks in order, failures as themselves, threads as they were before."""

import threading
import time
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
import pytest
from joblib import parallel_config
from threadpoolctl import threadpool_info, threadpool_limits

from bootmle import Estimator, bootstrap, fit
from bootmle.execution.parallel import check_n_jobs, run_chunks
from bootmle.replicates import Replicates
from bootmle.threads import single_threaded

WORKERS = pytest.mark.parametrize(
    ("backend", "n_jobs"), [("sequential", 1), ("threading", 2), ("loky", 2)]
)
Compute = Callable[[int], Replicates]


class OwnError(Exception):
    """An exception that only the user's code knows."""


def numbering(pause: float = 0.0, fails_at: int | None = None) -> Compute:
    """Chunks that carry their number in every array; the first may be late, one may raise."""

    def numbered(chunk: int) -> Replicates:
        time.sleep(pause if chunk == 0 else 0.0)
        if chunk == fails_at:
            raise ZeroDivisionError(f"chunk {chunk}")
        whole = np.full(3, chunk, dtype=np.int64)
        values = chunk + np.array([0.0, 1000.0]) * np.ones((3, 1))
        messages = {0: f"no. {chunk}"}
        return Replicates(values, whole.astype(np.int8), whole / 4, whole, whole, messages)

    return numbered


def blas_threads() -> list[int]:
    return [int(pool["num_threads"]) for pool in threadpool_info() if pool["user_api"] == "blas"]


@WORKERS
def test_chunks_come_in_order_though_the_first_is_done_last(backend: str, n_jobs: int) -> None:
    with joblib.parallel_config(backend=backend):
        chunks = list(run_chunks(numbering(pause=0.2), 7, n_jobs))
    assert [int(chunk.status[0]) for chunk in chunks] == list(range(7))
    assert [chunk.messages for chunk in chunks] == [{0: f"no. {k}"} for k in range(7)]
    np.testing.assert_array_equal(
        [chunk.estimates[0, 1] for chunk in chunks], 1000.0 + np.arange(7)
    )


@WORKERS
def test_an_exception_outside_the_users_code_surfaces_as_itself(backend: str, n_jobs: int) -> None:
    with joblib.parallel_config(backend=backend), pytest.raises(ZeroDivisionError, match="chunk 2"):
        list(run_chunks(numbering(fails_at=2), 5, n_jobs))


def test_one_worker_computes_a_chunk_only_when_it_is_asked_for() -> None:
    seen: list[int] = []

    def compute(chunk: int) -> Replicates:
        seen.append(chunk)
        return numbering()(chunk)

    chunks = run_chunks(compute, 1000, 1)
    assert seen == []
    next(chunks)
    next(chunks)
    assert seen == [0, 1]


def test_a_single_chunk_starts_no_workers() -> None:
    seen: list[int] = []

    def compute(chunk: int) -> Replicates:
        seen.append(chunk)
        return numbering()(chunk)

    with joblib.parallel_config(backend="loky"):
        (only,) = run_chunks(compute, 1, 2)
    assert seen == [0]
    assert len(only) == 3


def test_no_chunks_are_nothing() -> None:
    assert list(run_chunks(numbering(), 0, 1)) == []


def test_the_number_of_workers_is_that_of_joblib() -> None:
    assert check_n_jobs(-1) == joblib.cpu_count()
    assert check_n_jobs(np.int64(2)) == 2
    assert check_n_jobs(None) == 1
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert check_n_jobs(None) == 2


def test_linear_algebra_has_one_thread_inside_the_block_and_its_own_number_after_it() -> None:
    with threadpool_limits(2):
        before = blas_threads()
        with single_threaded():
            inside = blas_threads()
        assert blas_threads() == before
        with pytest.raises(OwnError), single_threaded():
            raise OwnError
        assert blas_threads() == before
    assert max(before) == 2
    assert set(inside) == {1}


def threads_and_mean(y: Any) -> list[float]:
    return [float(max(blas_threads())), float(y.mean())]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_replicates_run_on_one_thread_and_the_callers_threads_come_back(n_jobs: int) -> None:
    with threadpool_limits(2), joblib.parallel_config(backend="threading"):
        before = blas_threads()
        many = Estimator(threads_and_mean, args=np.arange(10.0))
        boot = bootstrap(many, n_resamples=130, rng=0, n_jobs=n_jobs)
        assert blas_threads() == before
    assert many.estimate[0] == 2.0
    np.testing.assert_array_equal(boot.replicates[:, 0], 1.0)


def test_a_worker_process_runs_on_one_thread_even_where_it_may_have_two() -> None:
    def own_threads(y: Any) -> list[float]:
        pools = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
        return [float(max(pools)), float(y.mean())]

    many = Estimator(own_threads, args=np.arange(10.0))
    with joblib.parallel_config(backend="loky", inner_max_num_threads=2):
        boot = bootstrap(many, n_resamples=130, rng=0, n_jobs=2)
    np.testing.assert_array_equal(boot.replicates[:, 0], 1.0)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_threads_come_back_after_a_run_that_was_stopped(n_jobs: int) -> None:
    ready = [False]

    def stopped(y: Any) -> list[float]:
        if ready[0]:
            raise KeyboardInterrupt
        return [float(y.mean()), 1000.0 * float(y.std())]

    with threadpool_limits(2), joblib.parallel_config(backend="threading"):
        before = blas_threads()
        estimator = Estimator(stopped, args=np.arange(10.0))
        ready[0] = True
        with pytest.raises(KeyboardInterrupt):
            bootstrap(estimator, n_resamples=130, rng=0, n_jobs=n_jobs)
        assert blas_threads() == before


@WORKERS
def test_failures_keep_their_place_and_message_on_every_backend(backend: str, n_jobs: int) -> None:
    y = np.arange(12.0)

    def needs_the_largest(y: Any) -> list[float]:
        if y.max() < 11.0:
            raise ValueError(f"largest {y.max():.0f}")
        return [float(y.mean()), 1000.0 * float(y.std())]

    with joblib.parallel_config(backend=backend):
        boot = bootstrap(
            Estimator(needs_the_largest, args=y), n_resamples=130, rng=3, n_jobs=n_jobs
        )
    for k in range(130):
        stream = np.random.default_rng(np.random.SeedSequence(3, spawn_key=(k,)))
        largest = int(stream.integers(12, size=12).max())
        message = f"ValueError: largest {largest}" if largest < 11 else None
        assert boot.data.messages.get(k) == message
        assert bool(np.isnan(boot.replicates[k]).all()) is (largest < 11)


def test_what_a_worker_process_cannot_read_is_said() -> None:
    lock = threading.Lock()

    def nll(params: Any, y: Any) -> Any:
        with lock:
            return params[1] + 0.5 * ((y - params[0]) / np.exp(params[1])) ** 2

    mle = fit(nll, {"mu": 1.0, "log_sigma": 0.0}, np.random.default_rng(0).normal(size=40))
    with pytest.raises(RuntimeError, match="n_jobs: a worker process could not read the objective"):
        bootstrap(mle, n_resamples=200, rng=0, n_jobs=2)
    with parallel_config(backend="threading"):
        assert bootstrap(mle, n_resamples=200, rng=0, n_jobs=2).n_failed == 0
