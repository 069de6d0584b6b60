"""A run on disk: a directory with a manifest, and a file for every chunk that is done."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from bootmle.execution.files import write_whole
from bootmle.execution.packing import pack, unpack

__all__ = ["Checkpoint", "Manifest", "is_run", "read_manifest", "write_manifest"]

Manifest = dict[str, Any]
Kind = TypeVar("Kind")

FORMAT = 1
_MANIFEST = "run.json"
_KINDS = {
    "Replicates": "replicates of bootstrap()",
    "SimulatedFits": "data sets of coverage()",
}
_CHUNK = re.compile(r"chunk-(\d+)\.bin")


@dataclass(slots=True)
class Checkpoint(Generic[Kind]):
    """The chunks of one run in one directory.

    Attributes
    ----------
    path : Path
        The directory.
    kind : type
        What the chunks are: `Replicates`, or another dataclass of arrays and messages.
    damaged : list of str
        Files that could not be read, and will be computed again.
    """

    path: Path
    kind: type[Kind]
    damaged: list[str] = field(default_factory=list)
    _writer: ThreadPoolExecutor = field(init=False, repr=False)
    _writing: list[Future[None]] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        """Start the thread that writes while others compute."""
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="bootmle-checkpoint")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.shutdown(wait=True)

    def chunks(self) -> list[int]:
        """List the numbers of the chunks that are there."""
        found = (_CHUNK.fullmatch(path.name) for path in self.path.iterdir())
        return sorted(int(match[1]) for match in found if match)

    def file_of(self, chunk: int) -> Path:
        """Name a chunk's file."""
        return self.path / f"chunk-{chunk:07d}.bin"

    def read(self, chunk: int) -> tuple[Kind, float] | None:
        """Read a chunk and its seconds; None where it is damaged, which is remembered."""
        path = self.file_of(chunk)
        try:
            number, data, seconds = unpack(path.read_bytes(), self.kind)
            if number != chunk:
                raise ValueError(f"it holds chunk {number}")
        except (OSError, ValueError) as error:
            self.damaged.append(f"{path}: {error}")
            return None
        return data, seconds

    def write(self, chunk: int, data: Kind, seconds: float) -> None:
        """Write a chunk in the background; an error of an earlier one is raised here."""
        self._settle([future for future in self._writing if future.done()])
        stored, path = pack(chunk, data, seconds), self.file_of(chunk)
        # A chunk that a power cut takes is computed again: its name need not be forced to the disk.
        write = self._writer.submit(
            write_whole, path, lambda file: file.write(stored), lasting=False
        )
        self._writing.append(write)

    def flush(self) -> None:
        """Wait until everything is on disk."""
        self._settle(list(self._writing))

    def _settle(self, futures: list[Future[None]]) -> None:
        """Wait for writes, and say what a failure means."""
        for future in futures:
            self._writing.remove(future)
            try:
                future.result()
            except OSError as error:
                done = len(self.chunks())
                raise OSError(
                    error.errno,
                    f"checkpoint: {self.path} cannot be written ({error.strerror}); {done} chunks "
                    f"are safe there; make room, then the same call goes on",
                ) from error


def is_run(path: Path) -> bool:
    """Whether a directory holds a run."""
    return (path / _MANIFEST).is_file()


def read_manifest(path: Path, kind: type | None = None) -> Manifest:
    """Read a run's manifest, of results of one kind.

    Raises
    ------
    ValueError
        For a manifest that is damaged, or of another version's format, or of another kind.
    """
    try:
        manifest: Manifest = json.loads((path / _MANIFEST).read_text())
        known = manifest["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"checkpoint: {path / _MANIFEST} is damaged, or not a run's; name another "
            f"directory, or delete this one"
        ) from error
    if known != FORMAT:
        raise ValueError(
            f"checkpoint: {path} has format {known}, this version reads {FORMAT}; use the version "
            f"that wrote it, or name another directory"
        )
    if manifest.pop("checksum", "") != _checksum(manifest):
        raise ValueError(
            f"checkpoint: {path / _MANIFEST} is damaged: its checksum does not hold; put a copy of "
            f"it back, or delete the directory"
        )
    found = manifest.get("kind")
    if found not in _KINDS:
        raise ValueError(
            f"checkpoint: {path} holds results of kind {found!r}, which this version does not "
            f"read; use the version that wrote it, or name another directory"
        )
    if kind is not None and found != kind.__name__:
        raise ValueError(
            f"checkpoint: {path} holds {_KINDS[found]}, not {_KINDS[kind.__name__]}; resume with "
            f"the call that began it, or name another directory"
        )
    return manifest


def write_manifest(path: Path, manifest: Mapping[str, Any], *, replace: bool) -> None:
    """Write a run's manifest.

    Raises
    ------
    FileExistsError
        Where there is one that is not to be replaced.
    """
    content = {**manifest, "format": FORMAT}
    text = json.dumps({**content, "checksum": _checksum(content)}, indent=1)
    write_whole(path / _MANIFEST, lambda file: file.write(text.encode()), replace=replace)


def _checksum(manifest: Mapping[str, Any]) -> str:
    """Checksum a manifest, whatever the order of its entries."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
