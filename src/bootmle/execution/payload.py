"""A computation on its way to other processes: packed once, opened once in each of them."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any
from uuid import uuid4

import cloudpickle
import joblib
import numpy as np
from numpy.typing import NDArray

__all__ = ["Payload", "StoredPayload"]

Parts = Sequence[NDArray[np.uint8]]

_OPENING = Lock()


@dataclass(frozen=True, slots=True)
class Payload:
    """A pickled object, its arrays apart, so that they are sent or mapped without a copy.

    Attributes
    ----------
    token : str
        What a process knows it by.
    parts : sequence of uint8 arrays
        The pickle, then the buffers of the arrays in it.
    """

    token: str
    parts: Parts = field(compare=False, repr=False)

    @classmethod
    def pack(cls, content: Any) -> Payload:
        """Pickle an object; closures and what a notebook defines as well.

        Raises
        ------
        RuntimeError
            Where it cannot be pickled.

        Examples
        --------
        >>> Payload.pack({"n": 3}).open()
        {'n': 3}
        """
        buffers: list[pickle.PickleBuffer] = []
        try:
            head = cloudpickle.dumps(content, protocol=5, buffer_callback=buffers.append)
        except Exception as error:
            raise RuntimeError(_unreadable(error)) from error
        raw = (head, *(buffer.raw() for buffer in buffers))
        return cls(uuid4().hex, tuple(np.frombuffer(part, dtype=np.uint8) for part in raw))

    @contextmanager
    def stored(self) -> Iterator[StoredPayload]:
        """Keep a copy in a file, for the processes of this machine to map.

        Examples
        --------
        >>> with Payload.pack(np.arange(3)).stored() as stored:
        ...     stored.open()
        array([0, 1, 2])
        """
        # Windows cannot delete a file that a worker has mapped.
        with TemporaryDirectory(prefix="bootmle-", ignore_cleanup_errors=True) as folder:
            path = Path(folder) / "payload"
            joblib.dump(self.parts, path)
            yield StoredPayload(self.token, str(path))

    def open(self) -> Any:
        """Return the object; a process keeps the one that it opened last.

        Raises
        ------
        RuntimeError
            Where it cannot be read here.
        """
        return _open(self)


@dataclass(frozen=True, slots=True)
class StoredPayload:
    """A payload in a file.

    Attributes
    ----------
    token : str
        What a process knows it by.
    path : str
        The file.
    """

    token: str
    path: str = field(compare=False)

    @property
    def parts(self) -> Parts:
        """The parts, mapped: processes share them until one writes, and gets a copy of its own."""
        parts: Parts = joblib.load(self.path, mmap_mode="c")
        return parts

    def open(self) -> Any:
        """Return the object; a process keeps the one that it opened last.

        Raises
        ------
        RuntimeError
            Where it cannot be read here.
        """
        return _open(self)


def _open(payload: Payload | StoredPayload) -> Any:
    """Open a payload, though several threads ask for it at once."""
    with _OPENING:
        return _opened(payload)


@lru_cache(maxsize=1)
def _opened(payload: Payload | StoredPayload) -> Any:
    """Unpickle the object; its arrays can be written to, as in the process it came from."""
    head, *buffers = payload.parts
    own = [part if part.flags.writeable else part.copy() for part in buffers]
    try:
        return pickle.loads(head.data, buffers=own)
    except Exception as error:
        raise RuntimeError(_unreadable(error)) from error


def _unreadable(error: Exception) -> str:
    """Say that a task does not travel, and what to do."""
    return (
        "n_jobs: a worker process could not read the objective or its data "
        f"({type(error).__name__}: {error}): define it in the script or notebook itself, or in a "
        "module that can be imported from anywhere; or use threads "
        '(joblib.parallel_config(backend="threading")), or n_jobs=1'
    )
