"""A run on disk: a directory with a manifest and one file for every finished chunk."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from bootmle.execution.files import write_whole
from bootmle.execution.packing import pack, unpack

__all__ = [
    "MOST",
    "ROUNDED",
    "Checkpoint",
    "Manifest",
    "chunks_in",
    "is_run",
    "read_manifest",
    "run_id",
    "write_manifest",
]

Manifest = dict[str, Any]
Kind = TypeVar("Kind")

FORMAT = 1
"""Version of the manifest; raise it when older code could misread a newer one."""
_MANIFEST = "run.json"
_KINDS = {
    "Replicates": "replicates of bootstrap()",
    "SimulatedFits": "data sets of coverage()",
}
"""How messages name what the chunks of a run are."""
ROUNDED = ("objective", "standard_error")
"""Entries of a run's description whose last digits may differ between machines."""
MOST = 10**9
"""Members that no run has: the estimates of one parameter alone would take 8 GB."""
_CHUNK = re.compile(r"chunk-(\d+)\.bin")


@dataclass(slots=True)
class Checkpoint(Generic[Kind]):
    """The chunks of one run in one directory."""

    path: Path
    kind: type[Kind]
    """What a chunk is: `Replicates`, or another dataclass of arrays and messages."""
    run: str
    """The identity of the run, which every chunk names."""
    size: int
    """Members of a chunk."""
    found: tuple[int, ...] = ()
    """Chunks on disk when the directory was opened."""
    damaged: list[str] = field(default_factory=list)
    """Files that could not be read; their chunks are computed again."""
    _writer: ThreadPoolExecutor = field(init=False, repr=False)
    _writing: list[Future[None]] = field(default_factory=list, repr=False)

    @classmethod
    def of(cls, path: Path, kind: type[Kind], manifest: Manifest) -> Checkpoint[Kind]:
        """Open the directory of the run that a manifest describes."""
        found = tuple(chunks_in(path))
        return cls(path, kind, run_id(manifest), manifest["run"]["chunk"], found)

    def __post_init__(self) -> None:
        """Start the thread that writes in the background."""
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="bootmle-checkpoint")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.shutdown(wait=True)

    def chunks(self) -> list[int]:
        """List the numbers of the chunks on disk."""
        return chunks_in(self.path)

    def file_of(self, chunk: int) -> Path:
        """Return the path of a chunk's file."""
        return self.path / f"chunk-{chunk:07d}.bin"

    def read(self, chunk: int) -> tuple[Kind, float] | None:
        """Read a chunk and its seconds; None if it is damaged, which `damaged` then lists."""
        path = self.file_of(chunk)
        try:
            number, data, seconds = unpack(path.read_bytes(), self.kind, self.run)
            if number != chunk:
                raise ValueError(f"it holds chunk {number}")
            lengths = {len(getattr(data, each.name)) for each in _arrays_of(self.kind)}
            if lengths != {self.size}:
                raise ValueError(f"it holds {min(lengths)} of {self.size} members")
        except (OSError, ValueError) as error:
            self.damaged.append(f"{path}: {error}")
            return None
        return data, seconds

    def write(self, chunk: int, data: Kind, seconds: float) -> None:
        """Write a chunk in the background; raise if an earlier write failed."""
        self._await([future for future in self._writing if future.done()])
        stored, path = pack(chunk, data, seconds, self.run), self.file_of(chunk)
        # A chunk lost in a power failure is computed again, so its name is not forced to disk.
        write = self._writer.submit(
            write_whole, path, lambda file: file.write(stored), durable=False
        )
        self._writing.append(write)

    def flush(self) -> None:
        """Wait until all chunks are on disk."""
        self._await(list(self._writing))

    def _await(self, futures: list[Future[None]]) -> None:
        """Wait for writes; explain what a failed one means."""
        for future in futures:
            self._writing.remove(future)
            try:
                future.result()
            except OSError as error:
                raise _unwritable(self.path, error) from error


def _unwritable(path: Path, error: OSError) -> OSError:
    """Explain an error on writing to a run's directory: what is safe, and what to do."""
    if path.is_dir():
        done = f"{len(chunks_in(path))} finished chunks are safe there"
        advice = "free some space or change its permissions"
    else:
        done, advice = "there is no such directory (any more)", "choose one that lasts"
    return OSError(
        error.errno,
        f"checkpoint: cannot write to {path} ({error.strerror}); {done}; {advice}, then repeat the "
        f"call to resume",
    )


def _arrays_of(kind: Any) -> list[Field[Any]]:
    """Return the fields of a dataclass that are arrays with an entry for each member."""
    return [each for each in fields(kind) if each.name != "messages"]


def chunks_in(path: Path) -> list[int]:
    """List the numbers of the chunks in a directory."""
    if not path.is_dir():
        return []
    found = (_CHUNK.fullmatch(each.name) for each in path.iterdir())
    return sorted(int(match[1]) for match in found if match)


def is_run(path: Path) -> bool:
    """Whether a directory holds a run."""
    return (path / _MANIFEST).is_file()


def read_manifest(path: Path, kind: type | None = None) -> Manifest:
    """Read a run's manifest; raise ValueError if it is damaged or not of this format and kind."""
    try:
        manifest: Manifest = json.loads((path / _MANIFEST).read_text())
        known = manifest["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"checkpoint: {path / _MANIFEST} is damaged or not the manifest of a run; use another "
            f"directory or delete this one"
        ) from error
    if known != FORMAT:
        raise ValueError(
            f"checkpoint: {path} has format {known}, but this version reads format {FORMAT}; use "
            f"the version that wrote it, or another directory"
        )
    if manifest.pop("checksum", "") != _checksum(manifest):
        raise ValueError(
            f"checkpoint: {path / _MANIFEST} is damaged: its checksum does not match; restore a "
            f"copy of it or delete the directory"
        )
    _check_counts(path, manifest)
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


def _check_counts(path: Path, manifest: Manifest) -> None:
    """Raise for numbers of members that no run has, before anything counts up to them."""
    run = manifest.get("run")
    counts = {"n_resamples": manifest.get("n_resamples"), "chunk": run and run.get("chunk")}
    for name, count in counts.items():
        if type(count) is not int or not 1 <= count <= MOST:
            raise ValueError(
                f"checkpoint: {path / _MANIFEST} is damaged: {name} is {count!r}, as in no run; "
                f"restore a copy of it or delete the directory"
            )


def write_manifest(path: Path, manifest: Mapping[str, Any], *, replace: bool) -> None:
    """Write a run's manifest; FileExistsError if there is one and it is not to be replaced."""
    content = {**manifest, "format": FORMAT}
    text = json.dumps({**content, "checksum": _checksum(content)}, indent=1)
    try:
        path.mkdir(parents=True, exist_ok=True)
        write_whole(path / _MANIFEST, lambda file: file.write(text.encode()), replace=replace)
    except FileExistsError:
        raise
    except OSError as error:
        raise _unwritable(path, error) from error


def run_id(manifest: Manifest) -> str:
    """Identify a run by its description and starting point, the same for all of its parts."""
    described = {name: each for name, each in manifest["run"].items() if name not in ROUNDED}
    return _checksum({"run": described, "start": manifest["start"]})


def _checksum(manifest: Mapping[str, Any]) -> str:
    """Compute the checksum of a manifest, independent of the order of its entries."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
