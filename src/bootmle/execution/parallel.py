"""Chunks of replicates, in order, on any number of workers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from numbers import Integral
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
    """Return the number of workers that joblib makes of ``n_jobs``; inside a worker it is one."""
    whole: bool = n_jobs is None or isinstance(n_jobs, Integral)
    if not whole or n_jobs == 0:
        raise ValueError(f"n_jobs: got {n_jobs!r}; pass a number of workers, or -1 for all cores")
    return 1 if _inside_a_worker() else int(effective_n_jobs(n_jobs))


def compute_chunks(
    task: Computation[Result],
    chunks: Iterable[int],
    n_jobs: int | None,
    arrived: Callable[[int, Result], object] = lambda chunk, result: None,
) -> Generator[tuple[int, Result], None, None]:
    """Compute chunks on joblib's workers and yield (chunk, result) in the order given.

    ``arrived`` gets every result at once, so that a slow chunk keeps no later one from the disk.

    A chunk that was running when a worker process died (killed, out of memory, a segmentation
    fault) is computed again on this machine in a process of its own; if that one dies too, the
    chunk is halved until only the member that kills its process is left, which ``task.lost``
    reports. One worker, a single chunk and threads run in the caller's process, whose death
    nothing survives.

    The backend is that of `joblib.parallel_config`, with loky in place of multiprocessing, whose
    pool does not notice a death. Each worker process gets the task and its data once. Closing the
    iterator early stops the workers; Dask's and threads finish their chunk first.
    """
    wanted = list(chunks)
    if check_n_jobs(n_jobs) == 1 or len(wanted) == 1:
        for chunk in wanted:
            result = task(chunk)
            arrived(chunk, result)
            yield chunk, result
        return
    with closing(_compute_unordered(task, wanted, n_jobs)) as results:
        yield from _in_order(wanted, results, arrived)


def _compute_unordered(
    task: Computation[Result], chunks: list[int], n_jobs: int | None
) -> Generator[tuple[int, Result], None, None]:
    """Compute chunks on the active backend, and those lost with a worker a second time."""
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
    # The pool of multiprocessing waits forever for a worker that died, so loky replaces it.
    if type(backend) is MultiprocessingBackend:
        return joblib_pool(stored, chunks, n_jobs=n_jobs, return_as=_AS_READY, backend="loky")
    return_as = _AS_READY if backend.supports_return_generator else "list"
    return joblib_pool(stored, chunks, n_jobs=n_jobs, return_as=return_as)


def _in_order(
    chunks: list[int],
    results: Iterator[tuple[int, Result]],
    arrived: Callable[[int, Result], object],
) -> Iterator[tuple[int, Result]]:
    """Yield results in order; the last one only after the pool has ended by itself."""
    ready, awaited = dict[int, Result](), set(chunks)
    for chunk in chunks:
        while chunk not in ready:
            number, ready[number] = next(results)
            awaited.remove(number)
            arrived(number, ready[number])
        if not awaited:
            # Closing an iterator early stops the workers, which the next run could reuse.
            next(results, None)
        yield chunk, ready.pop(chunk)


def _inside_a_worker() -> bool:
    """Whether joblib or Dask runs this call as one of several."""
    backend, _ = get_active_backend()
    return (backend.nesting_level or 0) > 0 or _inside_a_dask_task()


def _inside_a_dask_task() -> bool:
    """Whether Dask runs this call, in which case its library has been imported."""
    distributed = sys.modules.get("distributed")
    try:
        return distributed is not None and bool(distributed.get_worker())
    except ValueError:
        return False
