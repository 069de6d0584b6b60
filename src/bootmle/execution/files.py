"""Atomic writes: a file appears complete or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from bootmle.execution.leftovers import unfinished_name

__all__ = ["write_whole"]


def write_whole(
    target: Path,
    write: Callable[[BinaryIO], object],
    *,
    replace: bool = True,
    durable: bool = True,
) -> None:
    """Write a file under a temporary name, flush it to disk, and rename it."""
    # Without ``replace`` an existing file raises FileExistsError, so that only one of several
    # processes succeeds. Without ``durable`` the new name may be lost in a power failure.
    temporary = target.with_name(unfinished_name(target.name))
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(target)
        else:
            _rename_to_new(temporary, target)
    finally:
        with suppress(OSError):  # a folder that cannot be written raises above
            temporary.unlink(missing_ok=True)
    if durable:
        _sync(target.parent)


def _rename_to_new(temporary: Path, target: Path) -> None:
    """Rename unless the target exists, by a hard link where the file system has them."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:
        with target.open("xb"):
            pass
        temporary.replace(target)


def _sync(folder: Path) -> None:
    """Flush a directory's entries to disk where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
