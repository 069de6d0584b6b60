"""Reading run directories: one, or several that hold parts of the same run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from bootmle.execution.checkpoint import ROUNDED, Checkpoint, Manifest, read_manifest
from bootmle.execution.computation import Countable
from bootmle.execution.packing import pack

__all__ = ["Merged", "read_directories"]

Kind = TypeVar("Kind", bound=Countable)

_LISTED = 5
"""Ranges of missing members that a message lists: as many as fit in a line or two."""


@dataclass(frozen=True, slots=True, eq=False)
class Merged(Generic[Kind]):
    """The chunks of one run, from all its directories."""

    manifest: Manifest
    data: Kind
    numbers: NDArray[np.intp]
    """The members' numbers in the run, (B,)."""
    seconds: float
    missing: str
    """What is missing, in words; empty if the run is complete."""


def read_directories(
    paths: Sequence[Path], kind: type[Kind], unit: str = "replicates"
) -> Merged[Kind]:
    """Merge the parts of one run; raise ValueError if they disagree or hold nothing yet."""
    manifests = [read_manifest(path, kind) for path in paths]
    for path, manifest in zip(paths[1:], manifests[1:], strict=True):
        _check_same(paths[0], manifests[0], path, manifest)
    chunks: dict[int, Kind] = {}
    seconds, damaged = 0.0, []
    for path, manifest in zip(paths, manifests, strict=True):
        with Checkpoint.of(path, kind, manifest) as store:
            for chunk in store.chunks():
                stored = store.read(chunk)
                if stored is not None:
                    _add(chunks, chunk, stored[0], path)
                    seconds += stored[1]
            damaged += store.damaged
    size, count = manifests[0]["run"]["chunk"], max(each["n_resamples"] for each in manifests)
    wanted = range(-(-count // size))
    there = [chunk for chunk in wanted if chunk in chunks]
    if not there:
        raise ValueError(
            f"paths: {_named(paths)} holds no finished chunk yet; load it when there is one"
        )
    lengths = [min(size, count - chunk * size) for chunk in there]
    parts = [chunks[chunk].first(length) for chunk, length in zip(there, lengths, strict=True)]
    numbers = [chunk * size + np.arange(n) for chunk, n in zip(there, lengths, strict=True)]
    lost = [chunk for chunk in wanted if chunk not in chunks]
    return Merged(
        manifests[0],
        kind.concatenate(parts),
        np.concatenate(numbers),
        seconds,
        _missing(lost, size, count, damaged, unit),
    )


def _check_same(first: Path, one: Manifest, path: Path, other: Manifest) -> None:
    """Raise for directories of another run, or of one started from another estimate."""
    for part in ("run", "start"):
        for name, value in one[part].items():
            if name not in ROUNDED and other[part].get(name) != value:
                raise ValueError(
                    f"paths: {path} has {name} {other[part].get(name)!r}, but {first} has "
                    f"{value!r}; only parts of the same run can be merged: before computing a "
                    f"part elsewhere, copy {first}/run.json there"
                )


def _add(chunks: dict[int, Kind], chunk: int, data: Kind, path: Path) -> None:
    """Add a chunk; if it is known already, both copies must be equal."""
    known = chunks.setdefault(chunk, data)
    if known is not data and pack(chunk, known, 0.0) != pack(chunk, data, 0.0):
        raise ValueError(
            f"paths: chunk {chunk} of {path} differs from that of another directory of the same "
            f"run; leave one of them out"
        )


def _missing(chunks: list[int], size: int, count: int, damaged: list[str], unit: str) -> str:
    """Describe which results are missing and which files are damaged."""
    if not chunks:
        return ""
    breaks = np.flatnonzero(np.diff(chunks) > 1) + 1
    spans = [(int(span[0]), int(span[-1])) for span in np.split(np.array(chunks), breaks)]
    listed = [f"{a * size} to {min((b + 1) * size, count) - 1}" for a, b in spans[:_LISTED]]
    more = f" and {len(spans) - _LISTED} more ranges" if len(spans) > _LISTED else ""
    lost = sum(min(size, count - chunk * size) for chunk in chunks)
    bad = f"; damaged: {', '.join(damaged)}" if damaged else ""
    return f"{lost:,} of {count:,} {unit} are missing: {', '.join(listed)}{more}{bad}"


def _named(paths: Sequence[Path]) -> str:
    """List the directories."""
    return ", ".join(map(str, paths))
