"""Replicates on disk: one file, without pickle, written whole or not at all."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from bootmle.arrays import Floats
from bootmle.replicates import Replicates

__all__ = ["read_run", "write_run"]

_FORMAT = 1
_DAMAGE = (
    *(OSError, ValueError, KeyError, TypeError, EOFError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error),
)


def write_run(path: str | Path, about: dict[str, Any], estimate: Floats, data: Replicates) -> None:
    """Write replicates and what belongs to them."""
    target = Path(path)
    header = {**about, "format": _FORMAT, "messages": {str(k): m for k, m in data.messages.items()}}
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            np.savez_compressed(
                file,
                about=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
                estimate=estimate,
                estimates=data.estimates,
                status=data.status,
                distance=data.distance,
                n_evaluations=data.n_evaluations,
                n_gradients=data.n_gradients,
            )
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def read_run(path: str | Path) -> tuple[dict[str, Any], Floats, Replicates]:
    """Read what `write_run` wrote.

    Raises
    ------
    ValueError
        For a file that is not such, is damaged, or is of another version's format.
    """
    try:
        with Path(path).open("rb") as file:
            return _read(file)
    except FileNotFoundError:
        raise
    except _DAMAGE as error:
        raise ValueError(
            f"paths: {path} is not a saved Bootstrap, or is damaged ({error})"
        ) from error


def _read(file: BinaryIO) -> tuple[dict[str, Any], Floats, Replicates]:
    """Read an open file, and check that its parts belong together."""
    with np.load(file, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    about = json.loads(arrays.pop("about").tobytes())
    if about["format"] != _FORMAT:
        raise ValueError(f"format {about['format']}, this version reads {_FORMAT}")
    estimate, messages = arrays.pop("estimate"), about.pop("messages")
    data = Replicates(**arrays, messages={int(k): text for k, text in messages.items()})
    lengths = {len(array) for array in arrays.values()}
    fits = data.estimates.shape[1:] == estimate.shape == (len(about["names"]),)
    if len(lengths) > 1 or not fits:
        raise ValueError("its parts do not belong together")
    return about, estimate, data
