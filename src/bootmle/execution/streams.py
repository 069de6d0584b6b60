"""Standard streams, which pythonw, services and shells (``>&-``) leave out or close."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["is_open", "streams_to_flush"]

_LAST = 2
"""Number of standard error, the last of the standard streams."""


def is_open(name: str) -> bool:
    """Whether there is a stream that can be written to."""
    stream = getattr(sys, name)
    return stream is not None and not getattr(stream, "closed", False)


@contextmanager
def streams_to_flush() -> Iterator[None]:
    """Let loky, which flushes both streams when it starts a worker, find some where none are."""
    # Its workers would enable faulthandler, which needs a standard error, too.
    _occupy()
    lacking = {name: getattr(sys, name) for name in ("stdout", "stderr") if not is_open(name)}
    if "stderr" in lacking:
        os.environ.setdefault("PYTHONFAULTHANDLER", "")
    with open(os.devnull, "w") as nowhere:
        for name in lacking:
            setattr(sys, name, nowhere)
        try:
            yield
        finally:
            for name, stream in lacking.items():
                setattr(sys, name, stream)


def _occupy() -> None:
    """Fill the places of closed standard streams: pipes to workers that took them would hang."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
