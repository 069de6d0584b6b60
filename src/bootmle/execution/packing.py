"""One piece of results as bytes: a checksum, a line of JSON, then the arrays."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np

__all__ = ["check_form", "pack", "unpack"]

Kind = TypeVar("Kind")
"""A dataclass of arrays, and of ``messages`` from place to text."""

_KINDS = "biufU"
"""Kinds of arrays there are: numbers and text, as NumPy's dtype.kind."""
_DIGEST = hashlib.sha256().digest_size


def pack(first: int, data: Any, seconds: float, run: str = "") -> bytes:
    """Write the first member's number, results, seconds and the identity of the run as bytes."""
    names = [field.name for field in fields(data) if field.name != "messages"]
    arrays = {name: np.ascontiguousarray(getattr(data, name)) for name in names}
    header = {
        "run": run,
        "first": first,
        "seconds": seconds,
        "messages": {str(place): text for place, text in data.messages.items()},
        "arrays": {name: [array.dtype.str, array.shape] for name, array in arrays.items()},
    }
    parts = [json.dumps(header).encode(), b"\n", *(array.tobytes() for array in arrays.values())]
    payload = b"".join(parts)
    return hashlib.sha256(payload).digest() + payload


def unpack(stored: bytes, kind: type[Kind], run: str | None = None) -> tuple[int, Kind, float]:
    """Read number, results and seconds; ValueError if the piece is damaged or of another run."""
    digest, payload = stored[:_DIGEST], stored[_DIGEST:]
    if hashlib.sha256(payload).digest() != digest:
        raise ValueError("its checksum does not match")
    line, _, body = payload.partition(b"\n")
    try:
        header = json.loads(line)
        messages = {int(place): text for place, text in header["messages"].items()}
        contents: dict[str, Any] = {**_arrays(header["arrays"], body), "messages": messages}
        data = kind(**contents)
        if run is not None and header.get("run") != run:
            raise ValueError("it is a piece of another run, or of an earlier version")
        return int(header["first"]), data, float(header["seconds"])
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"it is not a piece that this version reads ({error})") from error


def _arrays(forms: dict[str, Any], body: bytes) -> dict[str, Any]:
    """Read the arrays that follow the header: they cannot be written to, until they are joined."""
    arrays, start = {}, 0
    for name, (kind, shape) in forms.items():
        dtype = np.dtype(kind)
        if dtype.kind not in _KINDS or not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError(f"{name} is announced as {kind} of shape {shape}")
        count = math.prod(shape)
        if start + count * dtype.itemsize > len(body):
            raise ValueError(f"{name} is announced with shape {shape}, more than the file holds")
        arrays[name] = np.frombuffer(body, dtype, count, start).reshape(shape)
        start += count * dtype.itemsize
    return arrays


def check_form(data: Any, like: Any, names: Sequence[str]) -> None:
    """Raise ValueError unless arrays and messages have the form of those of results like these."""
    count = len(data)
    for name in names:
        found, known = getattr(data, name), getattr(like, name)
        if found.dtype.kind != known.dtype.kind or found.shape[1:] != known.shape[1:]:
            raise ValueError(f"{name} is {found.dtype} of shape {found.shape}")
    for place, text in data.messages.items():
        if not 0 <= place < count or not isinstance(text, str):
            raise ValueError(f"messages has {text!r} for member {place} of {count}")
