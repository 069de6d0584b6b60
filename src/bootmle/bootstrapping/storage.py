"""A run in one file: arrays and JSON, never pickles; written completely or not at all."""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bootmle.display.checks import read_path
from bootmle.execution.files import write_whole
from bootmle.optimization.status import Status
from bootmle.refitting.replicates import Replicates

__all__ = ["read_run", "write_run"]

_FORMAT = 4
"""Version of the file; raise it when older code could misread a newer one."""
_DAMAGE = (
    *(OSError, ValueError, KeyError, TypeError, EOFError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error, AttributeError, OverflowError, RecursionError),
)
"""What reading a damaged file raises."""
_LONGEST_HEADER = 2**12
"""Bytes before an array, as NumPy writes: 128 for those of a run."""
_LARGEST_RECORD = 2**28
"""Bytes of a record: messages of a million failed replicates and a jackknife of a million rows."""

_MOST_COMPRESSION = 100
"""Bytes for each stored one beyond that size: estimates, random in their digits, hardly shrink,
while a bomb of zeros expands to 1,000, the most that deflate reaches."""


def write_run(path: str | Path, about: dict[str, Any], data: Replicates) -> None:
    """Write a record and its replicates; OSError if the directory does not exist."""
    target = read_path("path", path)
    if target.is_dir():
        raise IsADirectoryError(f"path: {target} is a directory; name a file in it")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"path: there is no directory {target.parent}; create it first")
    header = {**about, "format": _FORMAT, "messages": {str(k): m for k, m in data.messages.items()}}
    stored = {
        "about": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
        **{each.name: getattr(data, each.name) for each in fields(data) if each.name != "messages"},
    }
    try:
        write_whole(target, lambda file: np.savez_compressed(file, **stored))
    except OSError as error:
        raise OSError(error.errno, f"path: cannot write {target} ({error.strerror})") from error


def read_run(path: str | Path) -> tuple[dict[str, Any], Replicates]:
    """Read what `write_run` wrote; ValueError if the file is damaged or of another format."""
    try:
        with Path(path).open("rb") as file:
            return _read(file)
    except FileNotFoundError:
        raise
    except _DAMAGE as error:
        raise ValueError(
            f"paths: {path} is not a saved Bootstrap, or is damaged ({error}); name a file "
            f"written by Bootstrap.save, or a directory passed as checkpoint="
        ) from error


def _read(file: BinaryIO) -> tuple[dict[str, Any], Replicates]:
    """Read an open file, and check that its parts are consistent."""
    if not zipfile.is_zipfile(file):
        raise ValueError("it is not a complete .npz file")
    file.seek(0)
    with zipfile.ZipFile(file) as stored:
        arrays = _expand(stored)
    about = json.loads(arrays.pop("about").tobytes())
    if about["format"] not in range(2, _FORMAT + 1):
        raise ValueError(f"it has format {about['format']}, this version reads 2 to {_FORMAT}")
    if about.get("jackknife") is not None:  # of format 2
        about["leave_one_out"] = {"estimates": about["jackknife"], "strata": about["strata"]}
    messages = about.pop("messages")
    data = Replicates(**arrays, messages={int(k): text for k, text in messages.items()})
    lengths = {len(array) for array in arrays.values()}
    sizes = {data.estimates.shape[1], len(about["estimate"]), len(about["names"])}
    if len(lengths) > 1 or len(sizes) > 1:
        raise ValueError("its parts are inconsistent")
    if unknown := set(np.unique(data.status).tolist()) - set(map(int, Status)):
        raise ValueError(f"status holds {min(unknown)}")
    return about, data


def _expand(stored: zipfile.ZipFile) -> dict[str, Any]:
    """Expand the arrays of a run, those announced with the size that its record allows."""
    known = {f"{each.name}.npy" for each in fields(Replicates) if each.name != "messages"}
    if (names := set(stored.namelist())) - known != {"about.npy"} or "status.npy" not in names:
        raise ValueError("another program wrote it")
    shape, _ = _announced(stored, "about.npy")
    if (bytes_ := stored.getinfo("about.npy").file_size) > _LARGEST_RECORD:
        raise ValueError(f"about is announced with shape {shape} and takes {bytes_:,} bytes")
    whole = sum(stored.getinfo(name).file_size for name in names)
    if whole > max(_LARGEST_RECORD, _MOST_COMPRESSION * stored.start_dir):
        raise ValueError(f"it expands to {whole:,} bytes from {stored.start_dir:,}: no run does")
    about = _member(stored, "about.npy")
    size = len(json.loads(about.tobytes())["names"])
    count = _announced(stored, "status.npy")[0][0]
    for name in sorted(names & known):
        (shape, dtype), bytes_ = _announced(stored, name), stored.getinfo(name).file_size
        if shape not in ((count,), (count, size)) or dtype.kind not in "iuf" or dtype.itemsize > 8:
            raise ValueError(f"{name[:-4]} is announced as {dtype} of shape {shape}")
        if bytes_ > math.prod(shape) * dtype.itemsize + _LONGEST_HEADER:
            raise ValueError(f"{name[:-4]} takes {bytes_:,} bytes, more than its shape {shape}")
    return {"about": about, **{name[:-4]: _member(stored, name) for name in names & known}}


def _announced(stored: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read shape and type of an array from its header; refuse more than the file can hold."""
    with stored.open(name) as member:
        if np.lib.format.read_magic(member) != (1, 0):
            raise ValueError(f"{name[:-4]} is in another format")
        shape, _, dtype = np.lib.format.read_array_header_1_0(member)
    if math.prod(shape) * dtype.itemsize > stored.getinfo(name).file_size:
        raise ValueError(f"{name[:-4]} is announced with shape {shape}, more than the file holds")
    return shape, dtype


def _member(stored: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """Expand one array."""
    with stored.open(name) as member:
        found: NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
    return found
