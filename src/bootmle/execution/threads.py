"""One thread for linear algebra: products differ in the last bit with the number of threads."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import lru_cache

from threadpoolctl import ThreadpoolController

__all__ = ["single_threaded"]


def single_threaded() -> AbstractContextManager[object]:
    """Limit BLAS and OpenMP to one thread inside the block."""
    limits: AbstractContextManager[object] = _controller().limit(limits=1)
    return limits


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    """Find the thread pools, once."""
    return ThreadpoolController()
