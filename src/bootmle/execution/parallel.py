"""Chunks of replicates, in order, on as many workers as asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import closing
from pickle import PicklingError
from typing import Any, TypeVar

from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import MultiprocessingBackend, get_active_backend

from bootmle.execution.computation import Computation, Joinable
from bootmle.execution.parcel import Parcel, StoredParcel
from bootmle.execution.pools import dask_pool, joblib_pool
from bootmle.execution.recovery import Recovery
from bootmle.replicates import Replicates

__all__ = ["Computation", "check_n_jobs", "compute_chunks", "run_chunks"]

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

    The backend is what `joblib.parallel_config` says (loky for multiprocessing, whose pool cannot
    notice a death). Each worker process gets the task and its
    data once. Closing the iterator stops the workers, Dask's at the end of their chunk.

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
    parcel = Parcel.pack(task)
    with parcel.stored() as stored, closing(_pool(backend, parcel, stored, chunks, n_jobs)) as pool:
        recovery = Recovery(task, stored)
        for chunk, result in pool:
            yield chunk, recovery.compute(chunk) if result is None else result


def _pool(
    backend: Any, parcel: Parcel, stored: StoredParcel, chunks: list[int], n_jobs: int | None
) -> Generator[tuple[int, Any], None, None]:
    """Choose the pool for a backend of processes."""
    if hasattr(backend, "client"):
        return dask_pool(backend.client, parcel, chunks, **backend.submit_kwargs)
    # The pool of multiprocessing waits for ever for a worker that died, so loky stands in for it.
    if type(backend) is MultiprocessingBackend:
        return joblib_pool(stored, chunks, n_jobs=n_jobs, return_as=_AS_READY, backend="loky")
    return_as = _AS_READY if backend.supports_return_generator else "list"
    return joblib_pool(stored, chunks, n_jobs=n_jobs, return_as=return_as)


def _in_order(
    chunks: Iterable[int], results: Iterable[tuple[int, Result]]
) -> Iterator[tuple[int, Result]]:
    """Keep results back until their turn comes."""
    left, ready = iter(chunks), dict[int, Result]()
    turn = next(left, None)
    for number, result in results:
        ready[number] = result
        while turn in ready:
            yield turn, ready.pop(turn)
            turn = next(left, None)


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


def run_chunks(
    compute: Callable[[int], Replicates], n_chunks: int, n_jobs: int | None
) -> Iterator[Replicates]:
    """Compute chunks 0, 1, ... on joblib's workers and yield them in order.

    Raises
    ------
    RuntimeError
        Where a worker process cannot read the objective, or its data.
    """
    if check_n_jobs(n_jobs) == 1 or n_chunks == 1:
        yield from map(compute, range(n_chunks))
        return
    try:
        with Parallel(n_jobs=n_jobs, return_as="generator") as pool:
            yield from pool(delayed(compute)(chunk) for chunk in range(n_chunks))
    except (BrokenExecutor, PicklingError) as error:
        if "serialize" not in str(error) and "pickle" not in str(error):
            raise
        raise RuntimeError(
            "n_jobs: a worker process could not read the objective or its data: define it in the "
            "script or notebook itself, or in a module that can be imported from anywhere; or use "
            'threads (joblib.parallel_config(backend="threading")), or n_jobs=1'
        ) from error
