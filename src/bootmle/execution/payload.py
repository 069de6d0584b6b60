"""A computation sent to other processes: pickled once, and unpickled once in each of them."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock
from typing import Any
from uuid import uuid4

import cloudpickle
import joblib
import numpy as np
from numpy.typing import NDArray

from bootmle.execution.leftovers import end_with, folder_for_workers
from bootmle.execution.raised import describe_raised
from bootmle.execution.timelimit import let_interrupt

__all__ = ["Payload", "PayloadRemovedError", "StoredPayload"]

Parts = Sequence[NDArray[np.uint8]]

_OPENING = Lock()


class PayloadRemovedError(Exception):
    """The temporary file of a payload is gone; the argument is its path."""


@dataclass(frozen=True, slots=True)
class Payload:
    """A pickled object, with its arrays kept separate so that they are sent without a copy."""

    token: str
    """Identifies the payload in every process."""
    parts: Parts = field(compare=False, repr=False)
    """The pickle, then the buffers of its arrays."""

    @classmethod
    def pack(cls, content: Any) -> Payload:
        """Pickle an object, including closures and what a notebook defines."""
        buffers: list[pickle.PickleBuffer] = []
        try:
            head = _dumps(content, buffers.append)
        except Exception as error:
            raise RuntimeError(_unreadable(error)) from error
        raw: tuple[Any, ...] = (head, *(buffer.raw() for buffer in buffers))
        return cls(uuid4().hex, tuple(np.frombuffer(part, dtype=np.uint8) for part in raw))

    @contextmanager
    def stored(self) -> Iterator[StoredPayload]:
        """Keep a copy in a temporary file that processes on this machine can map."""
        with folder_for_workers() as folder:
            path = folder / "payload"
            try:
                joblib.dump(self.parts, path)
            except OSError as error:
                raise OSError(
                    error.errno,
                    f"n_jobs: cannot write the data for worker processes to {folder} "
                    f"({error.strerror}); set TMPDIR to a directory with room, or n_jobs=1",
                ) from error
            yield StoredPayload(self.token, str(path), os.getpid())

    def open(self) -> Any:
        """Return the object; a process keeps the last one that it opened."""
        return _open(self)


@dataclass(frozen=True, slots=True)
class StoredPayload:
    """A payload in a file."""

    token: str
    path: str = field(compare=False)
    owner: int = field(compare=False)
    """The process that the workers work for."""

    @property
    def parts(self) -> Parts:
        """The parts, memory-mapped copy-on-write."""
        try:
            parts: Parts = joblib.load(self.path, mmap_mode="c")
        except FileNotFoundError as error:
            raise PayloadRemovedError(self.path) from error
        return parts

    def open(self) -> Any:
        """Return the object; a process keeps the last one that it opened."""
        if self.owner != os.getpid():
            end_with(self.owner)
            let_interrupt()
        return _open(self)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    """A pickler that keeps the layout of arrays, on which the last bits of products depend."""

    def reducer_override(self, obj: Any) -> Any:
        """Send what is not contiguous, a column or a reversed view, with its strides."""
        if type(obj) is np.ndarray and not (obj.flags.forc or obj.dtype.hasobject):
            return _strided, (np.ascontiguousarray(obj), obj.strides)
        return super().reducer_override(obj)


def _dumps(content: Any, keep: Callable[[pickle.PickleBuffer], object]) -> bytes:
    """Pickle an object, including closures, with its arrays kept apart."""
    with io.BytesIO() as head:
        _Pickler(head, protocol=5, buffer_callback=keep).dump(content)
        return head.getvalue()


def _strided(values: NDArray[Any], strides: tuple[int, ...]) -> NDArray[Any]:
    """Lay values out with strides, in memory of their own."""
    reach = [step * (count - 1) for step, count in zip(strides, values.shape, strict=True)]
    memory = np.empty(values.itemsize + sum(map(abs, reach)), dtype=np.uint8)
    start = -sum(step for step in reach if step < 0)
    array = np.ndarray(values.shape, values.dtype, memory.data, start, strides)
    array[...] = values
    return array


def _open(payload: Payload | StoredPayload) -> Any:
    """Unpickle a payload once, even if several threads ask for it at the same time."""
    with _OPENING:
        return _opened(payload)


@lru_cache(maxsize=1)
def _opened(payload: Payload | StoredPayload) -> Any:
    """Unpickle the object, with writable arrays as in the process it came from."""
    head, *buffers = payload.parts
    own = [part if part.flags.writeable else part.copy() for part in buffers]
    try:
        return pickle.loads(head.data, buffers=own)
    except Exception as error:
        raise RuntimeError(_unreadable(error)) from error


def _unreadable(error: Exception) -> str:
    """Explain that a worker cannot unpickle the task, and what to do."""
    return (
        "n_jobs: a worker process could not read the objective or its data "
        f"({describe_raised(error)}); define it in the script or notebook itself or in an "
        'importable module, use threads (joblib.parallel_config(backend="threading")), or '
        "set n_jobs=1"
    )
