"""Chunks of replicates, in order, on as many workers as asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from pickle import PicklingError
from typing import Any

from joblib import Parallel, delayed, effective_n_jobs

from bootmle.replicates import Replicates

__all__ = ["check_n_jobs", "run_chunks"]


def check_n_jobs(n_jobs: Any) -> int:
    """Return the number of workers that joblib makes of ``n_jobs``.

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
    return int(effective_n_jobs(n_jobs))


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
