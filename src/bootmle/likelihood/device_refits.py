"""Refits on JAX's device: what they share is moved there, and parts are computed side by side."""

from __future__ import annotations

import multiprocessing
from itertools import pairwise
from typing import Any

import numpy as np
from joblib import cpu_count

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
    together = device().memory is not None
    kind = "newton", curved, together, exact, meats
    if kind not in kernels.loops:
        program = NewtonProgram(kernels, curved, exact=exact, meats=meats)
        kernels.loops[kind] = require_jax().jit(program.all if together else program.each)
    large = shared.terms, shared.thirds, shared.pairs, shared.triples, shared.prior
    with double_precision():
        terms, thirds, pairs, triples, prior = kernels.held("expansion", large, _moved)
        shared = shared._replace(
            args=kernels.on_device(shared.args),
            terms=terms,
            thirds=thirds,
            pairs=pairs,
            triples=triples,
            prior=prior,
        )
        run, ends = kernels.loops[kind], _parts(first, last, 1 if together else _threads())
        # Calls return before they have computed, so that the parts run at the same time.
        parts = [run(shared, weights, limits, np.array(part)) for part in pairwise(ends)]
        found = [Refitted(*map(np.asarray, part)) for part in parts]
    merged = Refitted(*map(np.array, found[0]))
    for part, (start, stop) in zip(found[1:], pairwise(ends[1:]), strict=True):
        for every, own in zip(merged, part, strict=True):
            every[start:stop] = own[start:stop]
    return merged


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
