"""Pools of workers that survive the death of a worker: joblib's own and Dask's."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from typing import Any

from joblib import Parallel, delayed

from bootmle.execution.payload import Payload, StoredPayload

__all__ = ["call_alone", "dask_pool", "joblib_pool"]

_AHEAD = 2
"""Chunks in flight per Dask core: one that runs, and one that is there when it ends."""

Numbered = Generator[tuple[int, Any], None, None]
"""(chunk, result) in order of completion; the result is None if the worker died."""


def joblib_pool(source: Any, chunks: list[int], **settings: Any) -> Numbered:
    """Compute chunks with `joblib.Parallel`, from the computation itself or from its payload.

    A worker that dies breaks joblib's pool: all running chunks are lost, and the remaining ones
    go to a new pool.
    """
    left = dict.fromkeys(chunks)
    while left:
        sent: list[int] = []
        calls = (delayed(_numbered)(source, chunk) for chunk in _noted([*left], sent))
        try:
            with _quietly_closed(_results(calls, **settings)) as results:
                for chunk, result in results:
                    del left[chunk]
                    yield chunk, result
        except BrokenExecutor:
            lost = [chunk for chunk in sent if chunk in left]
            if not lost:
                raise
            for chunk in lost:
                del left[chunk]
                yield chunk, None


def call_alone(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function in a worker process of its own; BrokenExecutor if that process dies."""
    with _unpickling_explained():
        (result,) = Parallel(n_jobs=2, backend="loky")([delayed(function)(*args)])
    return result


def dask_pool(client: Any, source: Payload, chunks: list[int], **options: Any) -> Numbered:
    """Compute chunks on a Dask cluster; only a chunk that Dask gives up on is lost.

    Not through `joblib.Parallel`, which waits forever for a chunk whose workers died.
    """
    left, numbers = iter(chunks), {}
    data = _sent_to_dask(client, source)

    def submit(count: int) -> list[Any]:
        futures = {
            client.submit(_compute, data, chunk, pure=False, **options): chunk
            for chunk in islice(left, count)
        }
        numbers.update(futures)
        return list(futures)

    try:
        running = _distributed().as_completed(submit(_AHEAD * sum(client.ncores().values())))
        for future in running:
            running.update(submit(1))
            yield numbers.pop(future), _result_or_none(future)
    finally:
        client.cancel([data, *numbers])


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


def _distributed() -> Any:
    """Import Dask's library, which belongs to an extra."""
    return import_module("distributed")


def _results(calls: Iterable[Any], **settings: Any) -> Generator[Any, None, None]:
    """Start joblib's workers, with one chunk per message."""
    with _unpickling_explained():
        yield from Parallel(batch_size=1, **settings)(calls)


@contextmanager
def _unpickling_explained() -> Iterator[None]:
    """Raise if a pool broke because what a worker returned or raised cannot be unpickled."""
    try:
        yield
    except BrokenExecutor as error:
        if "serialize" not in str(error):
            raise
        raise RuntimeError(
            "n_jobs: what a worker process returned or raised cannot be unpickled "
            f"({error.__cause__ or error}); run with n_jobs=1 to see it"
        ) from error


def _noted(chunks: Iterable[int], sent: list[int]) -> Iterator[int]:
    """Record which chunks have been sent."""
    for chunk in chunks:
        sent.append(chunk)
        yield chunk


@contextmanager
def _quietly_closed(results: Generator[Any, None, None]) -> Iterator[Generator[Any, None, None]]:
    """Stop the workers at the end, without joblib's warning about abandoned chunks."""
    try:
        yield results
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results.close()


def _numbered(source: Any, chunk: int) -> tuple[int, Any]:
    """Compute a chunk and return it with its number."""
    return chunk, _compute(source, chunk)


def _compute(source: Any, chunk: int) -> Any:
    """Compute a chunk in the worker."""
    task = source.open() if isinstance(source, Payload | StoredPayload) else source
    return task(chunk)


def _itself(source: Payload) -> Payload:
    """Return the data, as a task of Dask's graph."""
    return source
