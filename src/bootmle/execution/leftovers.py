"""What a killed run leaves behind: workers end by themselves, files are removed by the next run."""

from __future__ import annotations

import os
import platform
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from types import ModuleType
from uuid import uuid4

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None

__all__ = [
    "end_with",
    "folder_for_workers",
    "remove_folders",
    "remove_unfinished",
    "unfinished_name",
]

_LOOK = 2.0
"""Seconds between two looks at whether the process that a worker works for is alive."""
_OLD = 24 * 3600.0
"""Age in seconds at which an unfinished file of another machine is taken for left behind: writing a
piece takes seconds."""
_PREFIX = "bootmle-"
_IN_MEMORY = Path("/dev/shm")
"""Where Linux keeps files in memory: what is left where no temporary directory can be written."""
_LOCK = "in-use"
_HOST = re.sub(r"[^A-Za-z0-9-]", "-", platform.node()) or "unknown"
_UNFINISHED = re.compile(r"\..+\.(?P<host>[A-Za-z0-9-]+)\.(?P<pid>\d+)\.[0-9a-f]{8}\.tmp")
_WATCHED = set[int]()


def end_with(owner: int) -> None:
    """End this worker process within seconds of the death of the process it works for."""
    if owner in _WATCHED or owner == os.getpid() or os.name == "nt":
        return
    _WATCHED.add(owner)
    lives = _is_parent if os.getppid() == owner else _is_alive
    threading.Thread(target=_watch, args=(owner, lives), daemon=True).start()


def _watch(owner: int, lives: Callable[[int], bool]) -> None:
    """Wait for the death of a process."""
    while lives(owner):
        time.sleep(_LOOK)
    os._exit(1)


def _is_parent(process: int) -> bool:
    """Whether a process is still this one's parent: the death of a parent gives it another."""
    return os.getppid() == process


def _is_alive(process: int) -> bool:
    """Whether there is a process of this number on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@contextmanager
def folder_for_workers() -> Iterator[Path]:
    """Make a temporary folder, and remove those that killed runs have left."""
    remove_folders()
    with _made_folder() as name, _locked(Path(name)):
        yield Path(name)


def _made_folder() -> TemporaryDirectory[str]:
    """Make a folder that is removed afterwards."""
    for place in (None, _IN_MEMORY):
        try:
            # Windows cannot delete a file that a worker has mapped.
            return TemporaryDirectory(prefix=_PREFIX, dir=place, ignore_cleanup_errors=True)
        except OSError as error:
            why = error
    raise OSError(
        why.errno,
        f"n_jobs: worker processes read their data from a temporary directory, and none can be "
        f"written to ({why.strerror}); set TMPDIR to one, or n_jobs=1",
    )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a lock, which the system releases when this process dies."""
    if fcntl is None:
        yield
        return
    # Locked under another name: whoever sees the lock's own name finds it locked.
    early = folder / f"{_LOCK}.new"
    with early.open("wb") as file:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
            early.rename(folder / _LOCK)
        yield


def remove_folders() -> None:
    """Remove temporary folders whose process is dead."""
    if fcntl is None:
        return
    places = [_IN_MEMORY]
    with suppress(OSError):  # there may be no temporary directory
        places.append(Path(gettempdir()))
    for lock in (lock for place in places for lock in place.glob(f"{_PREFIX}*/{_LOCK}")):
        with suppress(OSError), lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)


def unfinished_name(name: str) -> str:
    """Name a file that is being written, so that others see whose it is."""
    return f".{name}.{_HOST}.{os.getpid()}.{uuid4().hex[:8]}.tmp"


def remove_unfinished(folder: Path) -> None:
    """Remove the unfinished files of processes that are dead."""
    with suppress(OSError):
        for name in os.listdir(folder):
            match = _UNFINISHED.fullmatch(name)
            if match and _left_behind(folder / name, match["host"], int(match["pid"])):
                (folder / name).unlink(missing_ok=True)


def _left_behind(path: Path, host: str, process: int) -> bool:
    """Whether nobody writes an unfinished file any more."""
    if host == _HOST and os.name != "nt":
        return not _is_alive(process)
    return time.time() - path.stat().st_mtime > _OLD
