"""Chunks of replicates, in order, on as many workers as asked for."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import Any, TypeVar

from joblib import effective_n_jobs
from joblib.parallel import MultiprocessingBackend, get_active_backend

from bootmle.execution.computation import Computation, Joinable
from bootmle.execution.payload import Payload, StoredPayload
from bootmle.execution.pools import dask_pool, joblib_pool
from bootmle.execution.recovery import Recovery

__all__ = ["Computation", "check_n_jobs", "compute_chunks"]

Result = TypeVar("Result", bound=Joinable)

_AS_READY = "generator_unordered"


def check_n_jobs(n_jobs: Any) -> int:
    """Return the number of workers that joblib makes of ``n_jobs``.

    Inside a worker, joblib's or Dask's, it is one: the cores are busy with the others.

    Raises
    ------
    ValueError
        For zero, which joblib cannot read.

    Examples
    --------
    >>> check_n_jobs(1)
    1
    """
    if n_jobs == 0 or isinstance(n_jobs, float | str):
        raise ValueError(f"n_jobs: {n_jobs!r}; pass a number of workers, or -1 for one per core")
    return 1 if _inside_a_worker() else int(effective_n_jobs(n_jobs))


def compute_chunks(
    task: Computation[Result], chunks: Iterable[int], n_jobs: int | None
) -> Generator[tuple[int, Result], None, None]:
    """Compute chunks on joblib's workers and yield (chunk, result) in the order given.

    A chunk that was in flight when a worker process died (killed, out of memory, a segmentation
    fault) is computed again in a process where nothing else runs, on this machine; if that one
    dies too, by halves, down to the member that kills its process. ``task.lost`` reports that
    one; all others are kept. One worker and a single chunk run in the caller's process, and
    threads share it: there, a death cannot be survived.

    The backend is what `joblib.parallel_config` says, with loky for multiprocessing, whose pool
    notices no death. Each worker process gets the task and its data once. Closing the iterator
    before its end stops the workers, Dask's and threads at the end of their chunk.

    Parameters
    ----------
    task : Computation
        What to compute.
    chunks : iterable of int
        Which chunks, each at most once.
    n_jobs : int or None
        Workers, as in joblib.

    Raises
    ------
    RuntimeError
        Where a worker process cannot read the objective, or its data.

    Examples
    --------
    >>> list(compute_chunks(lambda chunk: chunk**2, [3, 1], n_jobs=1))
    [(3, 9), (1, 1)]
    """
    wanted = list(chunks)
    if check_n_jobs(n_jobs) == 1 or len(wanted) == 1:
        yield from ((chunk, task(chunk)) for chunk in wanted)
        return
    with closing(_compute_unordered(task, wanted, n_jobs)) as results:
        yield from _in_order(wanted, results)


def _compute_unordered(
    task: Computation[Result], chunks: list[int], n_jobs: int | None
) -> Generator[tuple[int, Result], None, None]:
    """Compute chunks on the active backend; what is lost with a worker, once more."""
    backend, _ = get_active_backend()
    if getattr(backend, "supports_sharedmem", False):
        yield from joblib_pool(task, chunks, n_jobs=n_jobs, return_as=_AS_READY)
        return
    payload = Payload.pack(task)
    with (
        payload.stored() as stored,
        closing(_pool(backend, payload, stored, chunks, n_jobs)) as pool,
    ):
        recovery = Recovery(task, stored)
        for chunk, result in pool:
            yield chunk, recovery.compute(chunk) if result is None else result


def _pool(
    backend: Any, payload: Payload, stored: StoredPayload, chunks: list[int], n_jobs: int | None
) -> Generator[tuple[int, Any], None, None]:
    """Choose the pool for a backend of processes."""
    if hasattr(backend, "client"):
        return dask_pool(backend.client, payload, chunks, **backend.submit_kwargs)
    # The pool of multiprocessing waits for ever for a worker that died, so loky stands in for it.
    if type(backend) is MultiprocessingBackend:
        return joblib_pool(stored, chunks, n_jobs=n_jobs, return_as=_AS_READY, backend="loky")
    return_as = _AS_READY if backend.supports_return_generator else "list"
    return joblib_pool(stored, chunks, n_jobs=n_jobs, return_as=return_as)


def _in_order(
    chunks: list[int], results: Iterator[tuple[int, Result]]
) -> Iterator[tuple[int, Result]]:
    """Keep results back until their turn comes; the last one, until the pool is left in peace."""
    ready, awaited = dict[int, Result](), set(chunks)
    for chunk in chunks:
        while chunk not in ready:
            number, ready[number] = next(results)
            awaited.remove(number)
        if not awaited:
            # Closing an iterator that has not ended stops the workers; the next run can use them.
            next(results, None)
        yield chunk, ready.pop(chunk)


def _inside_a_worker() -> bool:
    """Whether joblib or Dask has started this call as one of several."""
    backend, _ = get_active_backend()
    return (backend.nesting_level or 0) > 0 or _inside_a_dask_task()


def _inside_a_dask_task() -> bool:
    """Whether Dask runs this; if so, its library has been imported."""
    distributed = sys.modules.get("distributed")
    try:
        return distributed is not None and bool(distributed.get_worker())
    except ValueError:
        return False
