"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

__all__ = ["write_whole"]


def write_whole(
    target: Path,
    write: Callable[[BinaryIO], object],
    *,
    replace: bool = True,
    lasting: bool = True,
) -> None:
    """Write a file under a temporary name, force it to the disk, and rename it.

    Parameters
    ----------
    target : Path
        The file.
    write : callable
        ``write(file)`` writes its contents.
    replace : bool
        Whether to replace one that exists, rather than raise.
    lasting : bool
        Whether the new name is forced to the disk, too, rather than left to the system's next
        moment: without that, a power cut may take the whole file.

    Raises
    ------
    FileExistsError
        Where it exists and is not to be replaced: of several processes one comes first.
    OSError
        Where it cannot be written; nothing is left behind then.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(Path(folder) / "a", lambda file: file.write(b"whole"))
    ...     (Path(folder) / "a").read_bytes()
    b'whole'
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{uuid4().hex[:8]}.tmp")
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
        temporary.unlink(missing_ok=True)
    if lasting:
        _sync(target.parent)


def _rename_to_new(temporary: Path, target: Path) -> None:
    """Rename, unless there is such a file: by a hard link where the system has them."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:
        with target.open("xb"):
            pass
        temporary.replace(target)


def _sync(folder: Path) -> None:
    """Force a directory's entries to the disk, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
