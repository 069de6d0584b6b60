"""How everything is computed: on one thread, and without floating-point warnings.

Products differ in the last bit with the number of threads. What is not finite is part of the work:
points outside a model's domain, replicates without an optimum.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
from threadpoolctl import ThreadpoolController

__all__ = ["computation"]


@contextmanager
def computation() -> Iterator[None]:
    """Limit BLAS and OpenMP to one thread, and silence NumPy's warnings, inside the block.

    Every public verb enters it, and every worker, whose threads do not share NumPy's settings;
    nothing below them needs to.
    """
    with _controller().limit(limits=1), np.errstate(all="ignore"):
        yield


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    """Find the thread pools, once."""
    return ThreadpoolController()
