"""Pieces of a run, as they are completed, on any number of workers."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from numbers import Integral
from typing import Any, TypeVar

from joblib import effective_n_jobs
from joblib.parallel import MultiprocessingBackend, get_active_backend

from bootmle.execution.computation import Computation, Countable
from bootmle.execution.pace import Cutter, Order, Pace, compute_in_steps
from bootmle.execution.payload import Payload, StoredPayload
from bootmle.execution.pieces import Piece, Span, length_of
from bootmle.execution.pools import dask_pool, joblib_pool
from bootmle.execution.recovery import Recovery

__all__ = ["Computation", "check_n_jobs", "compute_pieces"]

Result = TypeVar("Result", bound=Countable)

_AS_READY = "generator_unordered"
_MOST_WORKERS = 10**6
"""Workers that no cluster has."""


def check_n_jobs(n_jobs: Any) -> int:
    """Return the number of workers that joblib makes of ``n_jobs``; inside a worker it is one."""
    whole: bool = n_jobs is None or isinstance(n_jobs, Integral)
    if not whole or n_jobs == 0 or abs(n_jobs or 1) > _MOST_WORKERS:
        raise ValueError(f"n_jobs: got {n_jobs!r}; pass a number of workers, or -1 for all cores")
    return 1 if _inside_a_worker() else int(effective_n_jobs(n_jobs))


def compute_pieces(
    task: Computation[Result],
    spans: Iterable[Span],
    n_jobs: int | None,
    until: float | None = None,
) -> Generator[Piece[Result], None, None]:
    """Compute members on joblib's workers and yield them piece by piece as they are completed."""
    # A piece is as many members as take about a second. After ``until``, on the clock of
    # `time.time`, none begins, except the first one.
    #
    # A piece that was running when a worker process died (killed, out of memory, a segmentation
    # fault) is computed again on this machine in a process of its own; if that one dies too, the
    # piece is halved until only the member that kills its process is left, which ``task.lost``
    # reports. One worker, a single member and threads run in the caller's process, whose death
    # nothing survives.
    #
    # The backend is that of `joblib.parallel_config`, with loky in place of multiprocessing, whose
    # pool does not notice a death. Each worker process gets the task and its data once. Closing
    # the iterator early stops the workers; Dask's and threads finish their piece first.
    wanted, workers = list(spans), check_n_jobs(n_jobs)
    if workers == 1 or length_of(wanted) <= 1:
        yield from _compute_here(task, wanted, until)
        return
    orders = Cutter(wanted, task.size, workers, until)
    with closing(_compute_unordered(task, orders, n_jobs)) as results:
        for order, (data, seconds) in results:
            if data is not None:
                piece = Piece(order.span[0], data, seconds)
                orders.pace.measure(length_of([piece.span]), seconds)
                yield piece


def _compute_here(
    task: Computation[Result], spans: Iterable[Span], until: float | None
) -> Iterator[Piece[Result]]:
    """Compute members one short step after the other."""
    pace, certain = Pace(), True
    for span in spans:
        for (first, _), data, seconds in compute_in_steps(task, span, pace, until, certain=certain):
            yield Piece(first, data, seconds)
        certain = False


def _compute_unordered(
    task: Computation[Result], orders: Cutter, n_jobs: int | None
) -> Generator[tuple[Order, tuple[Result | None, float]], None, None]:
    """Compute pieces on the active backend, and those lost with a worker a second time."""
    backend, _ = get_active_backend()
    if getattr(backend, "supports_sharedmem", False):
        yield from joblib_pool(task, orders, n_jobs=n_jobs, return_as=_AS_READY)
        return
    payload = Payload.pack(task)
    with (
        payload.stored() as stored,
        closing(_pool(backend, payload, stored, orders, n_jobs)) as pool,
    ):
        recovery = Recovery(task, stored)
        for order, result in pool:
            yield order, (recovery.compute(order.span), 0.0) if result is None else result


def _pool(
    backend: Any, payload: Payload, stored: StoredPayload, orders: Cutter, n_jobs: int | None
) -> Generator[tuple[Order, Any], None, None]:
    """Choose the pool for a backend of processes."""
    if hasattr(backend, "client"):
        return dask_pool(backend.client, payload, orders, **backend.submit_kwargs)
    # The pool of multiprocessing waits forever for a worker that died, so loky replaces it.
    if type(backend) is MultiprocessingBackend:
        return joblib_pool(stored, orders, n_jobs=n_jobs, return_as=_AS_READY, backend="loky")
    if backend.supports_return_generator:
        return joblib_pool(stored, orders, n_jobs=n_jobs, return_as=_AS_READY)
    return joblib_pool(stored, orders.in_chunks(), n_jobs=n_jobs, return_as="list")


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
