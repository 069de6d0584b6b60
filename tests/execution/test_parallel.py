"""Workers: chunks in order, failures as themselves, the task sent once, threads as they were."""

import _thread
import os
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from joblib.parallel import ThreadingBackend
from threadpoolctl import threadpool_info, threadpool_limits

from bootmle import Estimator, bootstrap, fit
from bootmle.execution import parallel
from bootmle.execution.parallel import check_n_jobs, compute_chunks
from bootmle.execution.threads import computation
from bootmle.refitting.replicates import Replicates

WORKERS = pytest.mark.parametrize(
    ("backend", "n_jobs"), [("sequential", 1), ("threading", 2), ("loky", 2)]
)
NESTING = pytest.mark.parametrize("backend", ["threading", "loky"])
Computation = Callable[..., Any]
Expected = Callable[[int], Any]


class OwnError(Exception):
    """An exception that only the user's code knows."""


def blas_threads() -> list[int]:
    return [int(pool["num_threads"]) for pool in threadpool_info() if pool["user_api"] == "blas"]


@WORKERS
def test_chunks_come_in_the_order_asked_for_though_the_first_is_done_last(
    backend: str, n_jobs: int, computation: Computation, expected: Expected
) -> None:
    order = [5, 0, 7, 3, 2, 11, 4]
    with parallel_config(backend=backend):
        numbers, chunks = zip(*compute_chunks(computation(late=(5,)), order, n_jobs), strict=True)
    assert list(numbers) == order
    values = expected(24).reshape(12, 2, 2)[order].reshape(-1, 2)
    assert Replicates.concatenate(chunks).estimates.tobytes() == values.tobytes()


@WORKERS
def test_an_exception_outside_the_users_code_surfaces_as_itself(
    backend: str, n_jobs: int, computation: Computation
) -> None:
    with (
        parallel_config(backend=backend),
        pytest.raises(ZeroDivisionError, match="replicate 5"),
    ):
        list(compute_chunks(computation(fails_at=5), range(5), n_jobs))


class ListingBackend(ThreadingBackend):
    """Stands for Ray's: without generators, and not in this process, for all that joblib knows."""

    supports_return_generator = False
    supports_sharedmem = False


def test_a_backend_without_generators_gives_the_same(
    computation: Computation, expected: Expected, tmp_path: Path
) -> None:
    with parallel_config(backend=ListingBackend()):
        computed = list(compute_chunks(computation(log=tmp_path / "log"), range(5), 2))
    together = Replicates.concatenate([chunk for _, chunk in computed])
    np.testing.assert_array_equal(together.estimates, expected(10))
    events = (tmp_path / "log").read_text().split()
    assert events == ["pickled", str(os.getpid()), "opened", str(os.getpid())]


def test_loky_stands_in_for_multiprocessing_which_notices_no_death(
    computation: Computation, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def pool(source: Any, chunks: list[int], **settings: Any) -> Any:
        asked.append(settings["backend"])
        yield from ((chunk, source.open()(chunk)) for chunk in chunks)

    monkeypatch.setattr(parallel, "joblib_pool", pool)
    with parallel_config(backend="multiprocessing"):
        assert len(list(compute_chunks(computation(), range(5), 2))) == 5
    assert asked == ["loky"]


def test_whoever_takes_the_last_chunk_does_not_stop_the_workers(
    computation: Computation, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[bool] = []

    def pool(source: Any, chunks: list[int], **settings: Any) -> Any:
        yield from ((chunk, source(chunk)) for chunk in chunks)
        ended.append(True)

    monkeypatch.setattr(parallel, "joblib_pool", pool)
    with (
        parallel_config(backend="threading"),
        closing(compute_chunks(computation(), range(3), 2)) as chunks,
    ):
        assert [next(chunks)[0] for _ in range(3)] == [0, 1, 2]
        assert ended == [True]


def test_an_exception_that_cannot_be_read_is_no_death() -> None:
    class TwoArguments(Exception):
        def __init__(self, one: int, two: int) -> None:
            super().__init__("both")

    class Raising:
        size = 2

        def __call__(self, chunk: int) -> Replicates:
            raise TwoArguments(1, 2)

    with pytest.raises(RuntimeError, match=r"n_jobs: what a worker .* raised cannot be unpickled"):
        list(compute_chunks(Raising(), range(3), 2))  # type: ignore[arg-type]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_results_are_handed_over_when_they_arrive_and_come_in_order(
    n_jobs: int, computation: Computation
) -> None:
    seen: list[int] = []
    task = computation(late=(0,), seconds=1.0)
    arrived = compute_chunks(task, range(6), n_jobs, lambda chunk, _: seen.append(chunk))
    assert [chunk for chunk, _ in arrived] == list(range(6))
    assert sorted(seen) == list(range(6))
    assert (seen[0] == 0) is (n_jobs == 1)


def test_one_worker_computes_a_chunk_only_when_it_is_asked_for(computation: Computation) -> None:
    chunks = compute_chunks(computation(fails_at=4), range(1000), 1)
    assert next(chunks)[0] == 0
    assert next(chunks)[0] == 1
    with pytest.raises(ZeroDivisionError):
        next(chunks)


@pytest.mark.parametrize(("chunks", "n_jobs"), [([3], 2), (range(4), 1)])
def test_a_single_chunk_and_a_single_worker_start_no_process(
    chunks: Any, n_jobs: int, computation: Computation, tmp_path: Path
) -> None:
    computed = list(compute_chunks(computation(log=tmp_path / "log"), chunks, n_jobs))
    assert [number for number, _ in computed] == list(chunks)
    assert not (tmp_path / "log").exists()


@WORKERS
def test_no_chunks_are_nothing(backend: str, n_jobs: int, computation: Computation) -> None:
    with parallel_config(backend=backend):
        assert list(compute_chunks(computation(), [], n_jobs)) == []


def written() -> int:
    """Bytes that this process has written: to files, pipes and shared memory."""
    counters = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(counters["wchar"])


def test_processes_get_the_task_and_its_data_once_and_are_there_for_the_next_run(
    computation: Computation, expected: Expected, tmp_path: Path
) -> None:
    # Strings are no array that could be mapped, and the array is too small for joblib to map it.
    data = (np.zeros(100_000), [f"{number:0100}" for number in range(10_000)])
    task = computation(log=tmp_path / "log", data=data, late=(0, 1, 2, 3))
    for _ in range(2):
        before = written() if Path("/proc/self/io").exists() else 0
        with closing(compute_chunks(task, range(40), 2)) as chunks:
            together = Replicates.concatenate([next(chunks)[1] for _ in range(40)])
        if before:
            assert 1_800_000 < written() - before < 2_200_000
        assert together.estimates.tobytes() == expected(80).tobytes()
    packed, *opened = (tmp_path / "log").read_text().splitlines()
    assert packed == f"pickled {os.getpid()}"
    assert opened.pop(2) == packed
    assert {event.split()[0] for event in opened} == {"opened"}
    assert set(opened[:2]) == set(opened[2:])
    assert len({*opened, f"opened {os.getpid()}"}) == 3


def test_threads_get_the_task_itself(computation: Computation, tmp_path: Path) -> None:
    with parallel_config(backend="threading"):
        list(compute_chunks(computation(log=tmp_path / "log"), range(4), 2))
    assert not (tmp_path / "log").exists()


@NESTING
def test_closing_early_stops_the_workers_without_a_word(
    backend: str, computation: Computation, expected: Expected
) -> None:
    task = computation(late=tuple(range(2, 1000)), seconds=0.5 if backend == "threading" else 60)
    with parallel_config(backend=backend):
        chunks = compute_chunks(task, range(1000), 2)
        assert [next(chunks)[0], next(chunks)[0]] == [0, 1]
        start = time.monotonic()
        chunks.close()
        assert time.monotonic() - start < 5.0
        again = [chunk for _, chunk in compute_chunks(computation(), range(3), 2)]
    np.testing.assert_array_equal(Replicates.concatenate(again).estimates, expected(6))


@NESTING
def test_an_interrupt_while_waiting_ends_the_wait(backend: str, computation: Computation) -> None:
    task = computation(late=tuple(range(2, 40)), seconds=0.5 if backend == "threading" else 60)
    with parallel_config(backend=backend):
        chunks = compute_chunks(task, range(40), 2)
        next(chunks)
        start = time.monotonic()
        threading.Timer(0.2, _thread.interrupt_main).start()
        with pytest.raises(KeyboardInterrupt):
            list(chunks)
        assert time.monotonic() - start < 5.0


def test_the_number_of_workers_is_that_of_joblib() -> None:
    assert check_n_jobs(-1) == joblib.cpu_count()
    assert check_n_jobs(np.int64(2)) == 2
    assert check_n_jobs(None) == 1
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert check_n_jobs(None) == 2


@NESTING
def test_inside_a_worker_there_is_one_worker_and_one_thread(backend: str) -> None:
    def inside() -> tuple[list[int], Any, list[int]]:
        def own_threads(y: Any) -> list[float]:
            return [float(os.getpid()), float(threading.get_ident()), float(y.mean())]

        many = Estimator(own_threads, args=np.arange(10.0))
        replicates = bootstrap(many, n_resamples=130, rng=0, n_jobs=-1).replicates
        here = [os.getpid(), threading.get_ident()]
        return [check_n_jobs(n_jobs) for n_jobs in (-1, 2, None)], replicates, here

    with parallel_config(backend=backend):
        for workers, replicates, here in Parallel(n_jobs=2)(delayed(inside)() for _ in range(2)):
            assert workers == [1, 1, 1]
            np.testing.assert_array_equal(replicates[:, :2], np.tile(here, (130, 1)))
    assert check_n_jobs(2) == 2


def test_linear_algebra_has_one_thread_inside_the_block_and_its_own_number_after_it() -> None:
    with threadpool_limits(2):
        before = blas_threads()
        with computation():
            inside = blas_threads()
        assert blas_threads() == before
        with pytest.raises(OwnError), computation():
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
