"""How everything is computed: on one thread, and without floating-point warnings.

Products differ in the last bit with the number of threads. What is not finite is part of the work:
points outside a model's domain, replicates without an optimum.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Event, Lock, Thread, local

import numpy as np
from threadpoolctl import ThreadpoolController

__all__ = ["computation", "kernel"]


@contextmanager
def computation() -> Iterator[None]:
    """Limit BLAS and OpenMP to one thread, and silence NumPy's warnings, inside the block."""
    # Every public verb enters it, and every worker, whose threads do not share NumPy's settings;
    # nothing below them needs to.
    if _HERE.limited:  # to limit again takes 75 µs, as long as five means of 1,000 numbers
        with np.errstate(all="ignore"):
            yield
        return
    # BLAS has one setting for the whole process, OpenMP and NumPy have one for each thread.
    with _SINGLE_BLAS, _controller().limit(limits=1), np.errstate(all="ignore"):
        _HERE.limited = True
        try:
            yield
        finally:
            _HERE.limited = False


class _Thread(local):
    """Whether this thread is inside `computation`."""

    limited = False


_HERE = _Thread()


class _SingleBlas:
    """One thread for BLAS from when the first thread enters until the last one leaves."""

    def __init__(self) -> None:
        """Begin with no thread inside."""
        self._lock, self._inside = Lock(), 0
        self._left, self._holder = Event(), Thread()

    def _hold(self, limited: Event) -> None:
        """Hold the limit in a thread of its own: threadpoolctl lets only one thread change it."""
        with _controller().limit(limits=1, user_api="blas"):
            limited.set()
            self._left.wait()

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._left.clear()
                limited = Event()
                self._holder = Thread(target=self._hold, args=(limited,), daemon=True)
                self._holder.start()
                limited.wait()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._left.set()
                self._holder.join()


_SINGLE_BLAS = _SingleBlas()


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    """Find the thread pools, once."""
    return ThreadpoolController()


def kernel() -> str:
    """Name the kernels that BLAS chose for this processor, on which the last bits depend."""
    found = {each.get("architecture") for each in _controller().info()}
    return ", ".join(sorted(filter(None, found))) or "unknown"
