"""One chunk of replicates as bytes: a line of JSON, then its arrays, after a checksum of both."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from typing import Any

import numpy as np

from bootmle.replicates import Replicates

__all__ = ["pack", "unpack"]

_ARRAYS = tuple(field.name for field in fields(Replicates) if field.name != "messages")
_DIGEST = hashlib.sha256().digest_size


def pack(chunk: int, data: Replicates, seconds: float) -> bytes:
    """Write a chunk's number, replicates and seconds into bytes.

    Examples
    --------
    >>> one = Replicates(np.zeros((1, 2)), *np.zeros((4, 1)))
    >>> unpack(pack(7, one, 0.5))[::2]
    (7, 0.5)
    """
    arrays = {name: np.ascontiguousarray(getattr(data, name)) for name in _ARRAYS}
    header = {
        "chunk": chunk,
        "seconds": seconds,
        "messages": {str(place): text for place, text in data.messages.items()},
        "arrays": {name: [array.dtype.str, array.shape] for name, array in arrays.items()},
    }
    parts = [json.dumps(header).encode(), b"\n", *(array.tobytes() for array in arrays.values())]
    payload = b"".join(parts)
    return hashlib.sha256(payload).digest() + payload


def unpack(stored: bytes) -> tuple[int, Replicates, float]:
    """Read what `pack` wrote.

    Raises
    ------
    ValueError
        Where the checksum does not hold.

    Examples
    --------
    >>> unpack(b"not a chunk")
    Traceback (most recent call last):
    ValueError: its checksum does not hold
    """
    digest, payload = stored[:_DIGEST], stored[_DIGEST:]
    if hashlib.sha256(payload).digest() != digest:
        raise ValueError("its checksum does not hold")
    line, _, body = payload.partition(b"\n")
    header = json.loads(line)
    messages = {int(place): text for place, text in header["messages"].items()}
    data = Replicates(**_arrays(header["arrays"], body), messages=messages)
    return int(header["chunk"]), data, float(header["seconds"])


def _arrays(forms: dict[str, Any], body: bytes) -> dict[str, Any]:
    """Cut the arrays out of what follows the header."""
    arrays, start = {}, 0
    for name, (kind, shape) in forms.items():
        dtype, count = np.dtype(kind), int(np.prod(shape))
        arrays[name] = np.frombuffer(body, dtype, count, start).reshape(shape).copy()
        start += count * dtype.itemsize
    return arrays
