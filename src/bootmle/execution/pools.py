"""Pools of workers that survive the death of a worker: joblib's own and Dask's."""

from __future__ import annotations

import warnings
from asyncio import CancelledError
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from concurrent.futures import CancelledError as FutureCancelled
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from itertools import islice
from typing import Any

from joblib import Parallel, delayed

from bootmle.execution.hangs import call_watched
from bootmle.execution.pace import Order, compute_order
from bootmle.execution.payload import Payload, PayloadRemovedError, StoredPayload
from bootmle.execution.streams import streams_to_flush
from bootmle.execution.timelimit import RefitTimeout, let_end, stop_watching

__all__ = ["call_alone", "dask_pool", "joblib_pool"]

_AHEAD = 2
"""Pieces in flight per Dask core: one that runs, and one that is there when it ends."""

Answered = Generator[tuple[Order, Any], None, None]
"""(order, answer) as they are completed; the answer is None if the worker died."""


def joblib_pool(source: Any, orders: Iterator[Order], **settings: Any) -> Answered:
    """Compute pieces with `joblib.Parallel`, from the computation itself or from its payload."""
    # A worker that dies breaks joblib's pool: all running pieces are lost, and the remaining ones
    # go to a new pool.
    running: dict[Order, None] = {}
    ended = False

    def calls() -> Iterator[Any]:
        nonlocal ended
        for order in orders:
            running[order] = None
            yield delayed(_answered)(source, order)
        ended = True

    while not ended:
        try:
            with _quietly_closed(_results(calls(), **settings)) as results:
                for order, answer in results:
                    del running[order]
                    yield order, answer
        except BrokenExecutor:
            lost = list(running)
            if not lost:
                raise
            running.clear()
            for order in lost:
                yield order, None


def call_alone(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function in a worker process of its own; BrokenExecutor if that process dies."""
    with _failures_explained(), streams_to_flush():
        (result,) = Parallel(n_jobs=2, backend="loky")([delayed(function)(*args)])
    return result


def dask_pool(client: Any, source: Payload, orders: Iterator[Order], **options: Any) -> Answered:
    """Compute pieces on a Dask cluster; only a piece that Dask gives up on is lost."""
    # Not through `joblib.Parallel`, which waits forever for a piece whose workers died.
    sent: dict[Any, Order] = {}
    data = _sent_to_dask(client, source)

    def submit(count: int) -> list[Any]:
        futures = {
            client.submit(_compute_on_dask, data, order, pure=False, **options): order
            for order in islice(orders, count)
        }
        sent.update(futures)
        return list(futures)

    try:
        running = _distributed().as_completed(submit(_AHEAD * sum(client.ncores().values())))
        for future in running:
            answer = _result_or_none(future)
            yield sent.pop(future), answer
            running.update(submit(1))
    except _ends_of_dask() as error:
        raise KeyboardInterrupt("the Dask client was closed or restarted") from error
    finally:
        with suppress(*_ends_of_dask()):
            client.cancel([data, *sent])


def _sent_to_dask(client: Any, source: Payload) -> Any:
    """Submit the data as a task, so that Dask sends them to each worker once."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
        return client.submit(_itself, source, pure=False)


def _result_or_none(future: Any) -> Any:
    """Fetch a result; None if Dask gave up because the workers that tried have died."""
    try:
        return future.result()
    except _distributed().KilledWorker:
        return None


def _ends_of_dask() -> tuple[type[BaseException], ...]:
    """Name what is raised once the client has been closed or restarted."""
    client = import_module("distributed.client")
    closed = import_module("distributed.comm").CommClosedError
    return CancelledError, FutureCancelled, client.ClosedClientError, closed


def _distributed() -> Any:
    """Import Dask's library, which belongs to an extra."""
    return import_module("distributed")


def _results(calls: Iterable[Any], **settings: Any) -> Generator[Any, None, None]:
    """Start joblib's workers, with one piece per message."""
    with _failures_explained(), streams_to_flush():
        yield from Parallel(batch_size=1, **settings)(calls)


@contextmanager
def _failures_explained() -> Iterator[None]:
    """Say what broke a pool, unless a worker died; without its data a run is interrupted."""
    try:
        yield
    except PayloadRemovedError as error:
        raise KeyboardInterrupt(f"the temporary file {error} was removed") from error
    except BrokenExecutor as error:
        if "serialize" not in str(error):
            raise
        raise RuntimeError(
            "n_jobs: what a worker process returned or raised cannot be unpickled "
            f"({error.__cause__ or error}); run with n_jobs=1 to see it"
        ) from error


@contextmanager
def _quietly_closed(results: Generator[Any, None, None]) -> Iterator[Generator[Any, None, None]]:
    """Stop the workers at the end, without joblib's warning about abandoned pieces."""
    try:
        yield results
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results.close()


def _answered(source: Any, order: Order) -> tuple[Order, Any]:
    """Compute a piece and return it with its order."""
    return order, _compute(source, order)


def _compute(source: Any, order: Order) -> Any:
    """Compute a piece in the worker."""
    task = source.open() if isinstance(source, Payload | StoredPayload) else source
    try:
        return compute_order(task, order)
    finally:
        stop_watching()


def _compute_on_dask(source: Payload, order: Order) -> Any:
    """Compute a piece in a worker of Dask; None if a refit has hung there beyond its time limit."""
    task = source.open()
    if getattr(task, "timeout", None) is None:
        return compute_order(task, order)
    if getattr(_distributed().get_worker(), "nanny", None) is not None:
        let_end()
    try:
        _, answer = call_watched(partial(compute_order, task, order), RefitTimeout)
        return answer
    finally:
        stop_watching()


def _itself(source: Payload) -> Payload:
    """Return the data, as a task of Dask's graph."""
    return source
