"""A run on disk: a directory with a manifest and a file for every finished piece."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, Self, TypeVar, cast

import numpy as np

from bootmle.display.text import brief
from bootmle.execution.computation import Countable, Storable
from bootmle.execution.files import write_whole
from bootmle.execution.leftovers import remove_folders, remove_unfinished
from bootmle.execution.packing import check_form, pack, unpack
from bootmle.execution.pieces import Piece, Span, length_of, overlapping, spans_missing
from bootmle.execution.writing import Writer

__all__ = [
    "MOST",
    "ROUNDED",
    "Checkpoint",
    "DirectoryRemovedError",
    "Manifest",
    "is_run",
    "read_manifest",
    "run_id",
    "spans_in",
    "write_manifest",
]

Manifest = dict[str, Any]
Kind = TypeVar("Kind", bound=Countable)

FORMAT = 1
"""Version of the manifest; raise it when older code could misread a newer one."""
_MANIFEST = "run.json"
_KINDS = {
    "Replicates": "replicates of bootstrap()",
    "SimulatedFits": "data sets of coverage()",
}
"""How messages name what the pieces of a run are."""
ROUNDED = ("objective", "standard_error", "constraints")
"""Entries of a run's description whose last digits may differ between machines."""
MOST = 10**9
"""Members that no run has: the estimates of one parameter alone would take 8 GB."""
_FIELDS = {
    **dict.fromkeys(("versions", "run", "start", "record"), dict),
    "kind": str,
    "n_resamples": int,
    "stopped": str,
}
"""Types of a manifest's fields."""
_SEED = r"[0-9]{1,1000}"
"""Digits of a seed: generators draw 39, users pass fewer; Python reads at most 4,300."""
_PIECE = re.compile(r"piece-(\d{7,})-(\d{7,})\.bin")


class DirectoryRemovedError(OSError):
    """The directory of a run is gone: what is not in memory is lost."""


@dataclass(slots=True)
class Checkpoint(Generic[Kind]):
    """The pieces of one run in one directory."""

    path: Path
    kind: type[Kind]
    """What a piece holds: `Replicates`, or another dataclass of arrays and messages."""
    run: str
    """The identity of the run, which every piece names."""
    like: Kind | None = field(default=None, repr=False)
    """Results of no member, whose arrays have the form of those in pieces; None if not known."""
    found: tuple[Span, ...] = ()
    """Members on disk when the directory was opened."""
    _damaged: dict[Path, str] = field(default_factory=dict, repr=False)
    _writer: Writer[Kind] = field(init=False, repr=False)

    @classmethod
    def of(cls, path: Path, kind: type[Kind], manifest: Manifest) -> Checkpoint[Kind]:
        """Open the directory of the run that a manifest describes."""
        like = _form(path, kind, manifest)
        return cls(path, kind, run_id(manifest), like, tuple(spans_in(path)))

    def __post_init__(self) -> None:
        """Write in the background."""
        self._writer = Writer(self._store)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def spans(self) -> list[Span]:
        """Name the members on disk."""
        return spans_in(self.path)

    def file_of(self, span: Span) -> Path:
        """Return the path of a piece's file."""
        return self.path / _name_of(span)

    @property
    def damaged(self) -> list[str]:
        """Files that could not be read, and why; their members are computed again."""
        return [f"{path}: {why}" for path, why in self._damaged.items()]

    def files(self, wanted: Sequence[Span]) -> list[tuple[Path, int]]:
        """Name the files with members that are wanted, and how many members they hold."""
        spans = overlapping(self.spans(), wanted)
        return [(self.file_of(span), length_of([span])) for span in spans]

    def pieces(self, wanted: Sequence[Span]) -> list[Piece[Kind]]:
        """Read all pieces with members that are wanted, except damaged ones."""
        read = (self.read(span) for span in overlapping(self.spans(), wanted))
        return [piece for piece in read if piece is not None]

    def read(self, span: Span) -> Piece[Kind] | None:
        """Read a piece; None if it is damaged, which `damaged` then lists."""
        place = f"{self.path}{os.sep}{_name_of(span)}"  # paths take as long as reading does
        try:
            with open(place, "rb", buffering=0) as file:
                first, data, seconds = unpack(file.read(), self.kind, self.run)
            if first != span[0]:
                raise ValueError(f"it begins with number {first}")
            lengths = {len(getattr(data, name)) for name in _arrays_of(self.kind)}
            if lengths != {length_of([span])}:
                raise ValueError(f"it holds {min(lengths)} of {length_of([span])} members")
            if self.like is not None:
                check_form(data, self.like, _arrays_of(self.kind))
                cast(Storable, data).check()
            if not 0 <= seconds < math.inf:
                raise ValueError(f"it says that it took {seconds} seconds")
        except (OSError, ValueError) as error:
            self._damaged[Path(place)] = str(error)
            return None
        return Piece(first, data, seconds)

    def tidy(self) -> None:
        """Set aside what is damaged, and remove what killed runs have left."""
        remove_unfinished(self.path)
        remove_folders()
        for path in self._damaged:
            with suppress(OSError):
                path.replace(path.with_suffix(".damaged"))

    def write(self, piece: Piece[Kind]) -> None:
        """Write a piece in the background; raise if an earlier write failed."""
        try:
            self._writer.put(piece)
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def flush(self) -> None:
        """Wait until all pieces are on disk."""
        try:
            self._writer.flush()
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def _store(self, piece: Piece[Kind]) -> None:
        """Write a piece."""
        stored = pack(piece.first, piece.data, piece.seconds, self.run)
        # A piece lost in a power failure is computed again, so its name is not forced to disk.
        write_whole(self.file_of(piece.span), lambda file: file.write(stored), durable=False)


def _unwritable(path: Path, error: OSError) -> OSError:
    """Explain an error on writing to a run's directory: what is safe, and what to do."""
    what = f"checkpoint: cannot write to {path} ({error.strerror})"
    if not path.is_dir():
        return DirectoryRemovedError(
            error.errno, f"{what}; there is no such directory (any more); choose one that lasts"
        )
    done = f"{length_of(spans_missing(spans_in(path), [])):,} finished members are safe there"
    advice = "free some space or change its permissions, then repeat the call to resume"
    return OSError(error.errno, f"{what}; {done}; {advice}")


def _name_of(span: Span) -> str:
    """Name the file of a piece."""
    return f"piece-{span[0]:07d}-{span[1] - 1:07d}.bin"


def _form(path: Path, kind: type[Kind], manifest: Manifest) -> Kind | None:
    """Return results of no member, with the form that the manifest says; ValueError for none."""
    if not issubclass(kind, Storable):
        return None
    try:
        return kind.like(manifest["start"], manifest["record"])
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, "record", manifest["record"]) from error


@lru_cache
def _arrays_of(kind: Any) -> list[str]:
    """Name the fields of a dataclass that are arrays with an entry for each member."""
    return [each.name for each in fields(kind) if each.name != "messages"]


def spans_in(path: Path) -> list[Span]:
    """Name the members of the pieces in a directory, in order."""
    if not path.is_dir():
        return []
    found = (_PIECE.fullmatch(name) for name in os.listdir(path))
    return sorted((int(match[1]), int(match[2]) + 1) for match in found if match)


def is_run(path: Path) -> bool:
    """Whether a directory holds a run."""
    return (path / _MANIFEST).is_file()


def read_manifest(path: Path, kind: type | None = None) -> Manifest:
    """Read a run's manifest; raise ValueError if it is damaged or not of this format and kind."""
    try:
        manifest: Manifest = json.loads((path / _MANIFEST).read_text())
        known, whole = manifest["format"], manifest.pop("checksum", "") == _checksum(manifest)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"checkpoint: {path / _MANIFEST} is damaged or not the manifest of a run; use another "
            f"directory or delete this one"
        ) from error
    if known != FORMAT:
        raise ValueError(
            f"checkpoint: {path} has format {known}, but this version reads format {FORMAT}; use "
            f"the version that wrote it, or another directory"
        )
    if not whole:
        raise ValueError(
            f"checkpoint: {path / _MANIFEST} is damaged: its checksum does not match; restore a "
            f"copy of it or delete the directory"
        )
    _check_fields(path, manifest)
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


def _check_fields(path: Path, manifest: Manifest) -> None:
    """Raise for missing fields, those of another type, and numbers of members of no run."""
    for name, kind in _FIELDS.items():
        if not isinstance(manifest.get(name), kind):
            raise _damaged(path, name, manifest.get(name))
    run, start = manifest["run"], manifest["start"]
    for name, count in (("n_resamples", manifest["n_resamples"]), ("chunk", run.get("chunk"))):
        if type(count) is not int or not 1 <= count <= MOST:
            raise _damaged(path, name, count)
    if not re.fullmatch(_SEED, str(run.get("seed"))):
        raise _damaged(path, "seed", run.get("seed"))
    for name in {"estimate", *start}:
        try:
            np.asarray(start[name], dtype=float)
        except (ValueError, TypeError, KeyError, OverflowError):
            raise _damaged(path, f"start, {name},", start.get(name)) from None


def _damaged(path: Path, name: str, value: Any) -> ValueError:
    """Say which field of a manifest is as in no run."""
    return ValueError(
        f"checkpoint: {path / _MANIFEST} is damaged: {name} is {brief(value)}, as in no run; "
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
    return _checksum({"run": manifest["run"], "start": manifest["start"]})


def _checksum(manifest: Mapping[str, Any]) -> str:
    """Compute the checksum of a manifest, independent of the order of its entries."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
