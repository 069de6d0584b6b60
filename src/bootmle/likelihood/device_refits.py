"""Refits on JAX's device: what they share is moved there, and parts are computed side by side."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from joblib import cpu_count
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.compiled import (
    Kernels,
    device,
    double_precision,
    numpy_of_jax,
    require_jax,
)
from bootmle.likelihood.compiled_models import Limits
from bootmle.likelihood.compiled_newton import Curved, NewtonProgram, Refitted, Shared

__all__ = ["refit_on_device"]

_LARGE = ("terms", "thirds", "pairs", "triples", "prior")
"""What is moved to the device once for all chunks, besides the data."""


def refit_on_device(
    kernels: Kernels,
    shared: Shared,
    curved: Curved,
    weights: Floats,
    limits: Limits,
    chosen: slice,
    *,
    exact: bool,
    meats: bool,
) -> Refitted:
    """Refit some of the replicates with weights (b, n), where their models are."""
    # Results are NumPy's arrays; what is not among the chosen ones may be missing.
    first, last, _ = chosen.indices(len(weights))
    together, cubic = device().memory is not None, shared.thirds is not None
    kind = "newton", curved, together, exact, meats, cubic
    threads = 1 if together or kind not in kernels.loops else _threads()  # the first call compiles
    if kind not in kernels.loops:
        program = NewtonProgram(kernels, curved, exact=exact, meats=meats, cubic=cubic)
        jit = require_jax().jit
        kernels.loops[kind] = jit(program.prepare), jit(program.all if together else program.each)
    prepare, run = kernels.loops[kind]
    with double_precision():
        large = kernels.held("expansion", tuple(getattr(shared, name) for name in _LARGE), _moved)
        shared = shared._replace(
            args=kernels.on_device(shared.args), **dict(zip(_LARGE, large, strict=True))
        )
        of_chunk = partial(prepare, shared, weights)
        prepared = of_chunk() if together else _kept(kernels, large[0], weights, of_chunk)
    ends = _parts(first, last, threads)
    found = _side_by_side(
        lambda part: Refitted(*map(np.asarray, run(shared, prepared, weights, limits, part))),
        [np.array(part) for part in pairwise(ends)],
    )
    merged = Refitted(*map(np.array, found[0]))
    for part, (start, stop) in zip(found[1:], pairwise(ends[1:]), strict=True):
        for every, own in zip(merged, part, strict=True):
            every[start:stop] = own[start:stop]
    return merged


def _kept(kernels: Kernels, terms: Any, weights: Floats, prepare: Callable[[], Any]) -> Any:
    """Prepare a chunk, unless it is the one that was prepared last: it may come in parts."""
    (known, before), prepared = kernels.moved.get("chunk", ((None, None), None))
    if known is not terms or not np.array_equal(before, weights):
        prepared = prepare()
        kernels.moved["chunk"] = (terms, weights), prepared
    return prepared


def _side_by_side(
    refit: Callable[[NDArray[np.int_]], Refitted], parts: Sequence[NDArray[np.int_]]
) -> list[Refitted]:
    """Refit each part on a thread of its own: what one thread asks for is computed in turn."""
    jax = require_jax()
    chosen = jax.config.jax_default_device

    def in_context(part: NDArray[np.int_]) -> Refitted:
        with double_precision(), jax.default_device(chosen):  # which belong to the caller's thread
            return refit(part)

    if len(parts) == 1:
        return [in_context(parts[0])]
    with ThreadPoolExecutor(len(parts)) as threads:
        return list(threads.map(in_context, parts))


def _threads() -> int:
    """Return how many calls compute at the same time: one in a worker, beside which others are."""
    return cpu_count() if multiprocessing.parent_process() is None else 1


def _parts(first: int, last: int, count: int) -> list[int]:
    """Return the ends of about equal parts."""
    ends = np.linspace(first, last, min(count, max(last - first, 1)) + 1)
    return [int(end) for end in ends]


def _moved(arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """Move arrays to the device."""
    array = numpy_of_jax().asarray
    return tuple(None if each is None else array(each) for each in arrays)
