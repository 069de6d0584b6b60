"""Pools of workers that outlive a worker's death: joblib's own, and Dask's."""

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

Numbered = Generator[tuple[int, Any], None, None]
"""(chunk, result), as they are ready; the result is None where a worker died."""


def joblib_pool(source: Any, chunks: list[int], **settings: Any) -> Numbered:
    """Compute chunks with `joblib.Parallel`, from the computation itself or from its payload.

    One worker that dies takes joblib's pool with it: all chunks in flight are lost, and the
    others go to a fresh pool.
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
    """Call a function in a worker process while nothing else runs in the pool.

    Raises
    ------
    BrokenExecutor
        Where the process dies; the next call gets a fresh one.

    Examples
    --------
    >>> call_alone(abs, -3)
    3
    """
    with _deaths_told_apart():
        (result,) = Parallel(n_jobs=2, backend="loky")([delayed(function)(*args)])
    return result


def dask_pool(client: Any, source: Payload, chunks: list[int], **options: Any) -> Numbered:
    """Compute chunks on a Dask cluster; one that Dask gives up is lost, and it alone.

    Not through `joblib.Parallel`, which waits for ever for a chunk whose workers died.
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
        running = _distributed().as_completed(submit(2 * sum(client.ncores().values())))
        for future in running:
            running.update(submit(1))
            yield numbers.pop(future), _result_or_none(future)
    finally:
        client.cancel([data, *numbers])


def _sent_to_dask(client: Any, source: Payload) -> Any:
    """Make the data a task: Dask sends them to a worker once, and again where it is replaced."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
        return client.submit(_itself, source, pure=False)


def _result_or_none(future: Any) -> Any:
    """Fetch a result; None where Dask gave up, since the workers that tried have died."""
    try:
        return future.result()
    except _distributed().KilledWorker:
        return None


def _distributed() -> Any:
    """Import Dask's library only here, since it belongs to an extra."""
    return import_module("distributed")


def _results(calls: Iterable[Any], **settings: Any) -> Generator[Any, None, None]:
    """Start joblib's workers; a chunk is worth a message of its own."""
    with _deaths_told_apart():
        yield from Parallel(batch_size=1, **settings)(calls)


@contextmanager
def _deaths_told_apart() -> Iterator[None]:
    """Raise where a pool broke because the caller cannot read what a worker returned or raised."""
    try:
        yield
    except BrokenExecutor as error:
        if "serialize" not in str(error):
            raise
        raise RuntimeError(
            "n_jobs: what a worker process returned or raised cannot be unpickled; run with "
            f"n_jobs=1 to see it ({error.__cause__ or error})"
        ) from error


def _noted(chunks: Iterable[int], sent: list[int]) -> Iterator[int]:
    """Note which chunks are taken."""
    for chunk in chunks:
        sent.append(chunk)
        yield chunk


@contextmanager
def _quietly_closed(results: Generator[Any, None, None]) -> Iterator[Generator[Any, None, None]]:
    """Stop the workers at the end; joblib warns of chunks that nobody waits for any more."""
    try:
        yield results
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results.close()


def _numbered(source: Any, chunk: int) -> tuple[int, Any]:
    """Compute a chunk, and return it with its number."""
    return chunk, _compute(source, chunk)


def _compute(source: Any, chunk: int) -> Any:
    """Compute a chunk, in the worker."""
    task = source.open() if isinstance(source, Payload | StoredPayload) else source
    return task(chunk)


def _itself(source: Payload) -> Payload:
    """Stand for the data in Dask's graph."""
    return source
