"""Workers: all that is asked for, failures as themselves, the task once, threads as they were."""

import _thread
import os
import threading
import time
from collections.abc import Callable, Iterable
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
from bootmle.execution.pace import compute_order
from bootmle.execution.parallel import check_n_jobs, compute_pieces
from bootmle.execution.pieces import Piece, join
from bootmle.execution.threads import computation
from bootmle.refitting.replicates import Replicates
from bootmle.sampling.streams import draw_numbers, stream_of

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


def in_order(pieces: Iterable[Piece[Replicates]]) -> tuple[Replicates, list[int]]:
    together, numbers = join(sorted(pieces, key=lambda piece: piece.first))
    return together, numbers.tolist()


@WORKERS
def test_whatever_is_asked_for_is_computed_once(
    backend: str, n_jobs: int, computation: Computation, expected: Expected
) -> None:
    asked = [(4, 5), (7, 40), (45, 59), (60, 61)]
    with parallel_config(backend=backend):
        together, numbers = in_order(compute_pieces(computation(size=8), asked, n_jobs))
    assert numbers == [4, *range(7, 40), *range(45, 59), 60]
    assert together.estimates.tobytes() == expected(61)[numbers].tobytes()


@WORKERS
def test_an_exception_outside_the_users_code_surfaces_as_itself(
    backend: str, n_jobs: int, computation: Computation
) -> None:
    with (
        parallel_config(backend=backend),
        pytest.raises(ZeroDivisionError, match="replicate 5"),
    ):
        list(compute_pieces(computation(fails_at=5), [(0, 10)], n_jobs))


class ListingBackend(ThreadingBackend):
    """Stands for Ray's: without generators, and not in this process, for all that joblib knows."""

    supports_return_generator = False
    supports_sharedmem = False


def test_a_backend_without_generators_gives_the_same(
    computation: Computation, expected: Expected, tmp_path: Path
) -> None:
    with parallel_config(backend=ListingBackend()):
        together, _ = in_order(compute_pieces(computation(log=tmp_path / "log"), [(0, 10)], 2))
    np.testing.assert_array_equal(together.estimates, expected(10))
    events = (tmp_path / "log").read_text().split()
    assert events == ["pickled", str(os.getpid()), "opened", str(os.getpid())]


def test_loky_stands_in_for_multiprocessing_which_notices_no_death(
    computation: Computation, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def pool(source: Any, orders: Any, **settings: Any) -> Any:
        asked.append(settings["backend"])
        yield from ((order, compute_order(source.open(), order)) for order in orders)

    monkeypatch.setattr(parallel, "joblib_pool", pool)
    with parallel_config(backend="multiprocessing"):
        assert in_order(compute_pieces(computation(), [(0, 10)], 2))[1] == list(range(10))
    assert asked == ["loky"]


def test_an_exception_that_cannot_be_read_is_no_death() -> None:
    class TwoArguments(Exception):
        def __init__(self, one: int, two: int) -> None:
            super().__init__("both")

    class Raising:
        size = 2

        def part(self, chunk: int, first: int, last: int) -> Replicates:
            raise TwoArguments(1, 2)

    with pytest.raises(RuntimeError, match=r"n_jobs: what a worker .* raised cannot be unpickled"):
        list(compute_pieces(Raising(), [(0, 6)], 2))  # type: ignore[arg-type]


@pytest.mark.parametrize(("backend", "n_jobs"), [("threading", 2), ("loky", 2)])
def test_a_slow_member_holds_no_other(backend: str, n_jobs: int, computation: Computation) -> None:
    """Numbers 0 and 1 are in pieces of their own, since the pace is not known yet."""
    task = computation(size=1, late=(0,), seconds=1.0)
    with parallel_config(backend=backend):
        computed = [piece.span for piece in compute_pieces(task, [(0, 60)], n_jobs)]
    assert computed[-1] == (0, 1)


def test_one_worker_computes_a_member_only_when_it_is_asked_for(computation: Computation) -> None:
    pieces = compute_pieces(computation(fails_at=8), [(0, 2000)], 1)
    assert next(pieces).span == (0, 1)
    assert next(pieces).span == (1, 8)
    with pytest.raises(ZeroDivisionError):
        next(pieces)


@pytest.mark.parametrize(("span", "n_jobs"), [((3, 4), 2), ((0, 8), 1)])
def test_a_single_member_and_a_single_worker_start_no_process(
    span: tuple[int, int], n_jobs: int, computation: Computation, tmp_path: Path
) -> None:
    _, numbers = in_order(compute_pieces(computation(log=tmp_path / "log"), [span], n_jobs))
    assert numbers == list(range(*span))
    assert not (tmp_path / "log").exists()


@WORKERS
def test_nothing_asked_for_is_nothing(backend: str, n_jobs: int, computation: Computation) -> None:
    with parallel_config(backend=backend):
        assert list(compute_pieces(computation(), [], n_jobs)) == []


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
        together, _ = in_order(compute_pieces(task, [(0, 80)], 2))
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
        list(compute_pieces(computation(log=tmp_path / "log"), [(0, 8)], 2))
    assert not (tmp_path / "log").exists()


@NESTING
def test_closing_early_stops_the_workers_without_a_word(
    backend: str, computation: Computation, expected: Expected
) -> None:
    task = computation(late=tuple(range(2, 1000)), seconds=0.5 if backend == "threading" else 60)
    with parallel_config(backend=backend):
        pieces = compute_pieces(task, [(0, 2000)], 2)
        assert {next(pieces).first, next(pieces).first} <= set(range(4))
        start = time.monotonic()
        pieces.close()
        assert time.monotonic() - start < 5.0
        again, _ = in_order(compute_pieces(computation(), [(0, 6)], 2))
    np.testing.assert_array_equal(again.estimates, expected(6))


@NESTING
def test_an_interrupt_while_waiting_ends_the_wait(backend: str, computation: Computation) -> None:
    task = computation(late=tuple(range(2, 40)), seconds=0.5 if backend == "threading" else 60)
    with parallel_config(backend=backend):
        pieces = compute_pieces(task, [(0, 80)], 2)
        next(pieces)
        start = time.monotonic()
        threading.Timer(0.2, _thread.interrupt_main).start()
        with pytest.raises(KeyboardInterrupt):
            list(pieces)
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
        largest = int(draw_numbers(stream_of(3, k), 12, 12).max())
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
