"""Replicates on disk: one file, without pickle, written whole or not at all."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from bootmle.arrays import Floats
from bootmle.replicates import Replicates

__all__ = ["read_run", "write_run"]

_FORMAT = 1


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
        For a file that is not such, or is damaged.
    """
    try:
        with np.load(Path(path), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        about = json.loads(arrays.pop("about").tobytes())
        messages = {int(k): message for k, message in about.pop("messages").items()}
        return about, arrays.pop("estimate"), Replicates(**arrays, messages=messages)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"paths: {path} is not a saved Bootstrap, or is damaged ({error})"
        ) from error
