"""A run in one file: arrays and JSON, never pickles; written completely or not at all."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from bootmle.display.text import brief
from bootmle.execution.files import write_whole
from bootmle.refitting.replicates import Replicates

__all__ = ["read_run", "write_run"]

_FORMAT = 3
"""Version of the file; raise it when older code could misread a newer one."""
_DAMAGE = (
    *(OSError, ValueError, KeyError, TypeError, EOFError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error),
)
"""What reading a damaged file raises."""


def write_run(path: str | Path, about: dict[str, Any], data: Replicates) -> None:
    """Write a record and its replicates; OSError if the directory does not exist."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path: got {brief(path)}; pass the path of a file")
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(f"path: {target} is a directory; name a file in it")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"path: there is no directory {target.parent}; create it first")
    header = {**about, "format": _FORMAT, "messages": {str(k): m for k, m in data.messages.items()}}
    stored = {
        "about": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
        **{each.name: getattr(data, each.name) for each in fields(data) if each.name != "messages"},
    }
    write_whole(target, lambda file: np.savez_compressed(file, **stored))


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
    with np.load(file, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    if "about" not in arrays:
        raise ValueError("another program wrote it")
    about = json.loads(arrays.pop("about").tobytes())
    if about["format"] not in (2, _FORMAT):
        raise ValueError(f"it has format {about['format']}, this version reads 2 and {_FORMAT}")
    if about.get("jackknife") is not None:  # of format 2
        about["leave_one_out"] = {"estimates": about["jackknife"], "strata": about["strata"]}
    messages = about.pop("messages")
    data = Replicates(**arrays, messages={int(k): text for k, text in messages.items()})
    lengths = {len(array) for array in arrays.values()}
    sizes = {data.estimates.shape[1], len(about["estimate"]), len(about["names"])}
    if len(lengths) > 1 or len(sizes) > 1:
        raise ValueError("its parts are inconsistent")
    return about, data
