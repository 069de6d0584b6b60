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
from bootmle.execution.pieces import Piece, Span, cut_to, join, length_of, spans_missing

__all__ = ["Merged", "read_directories"]

Kind = TypeVar("Kind", bound=Countable)

_LISTED = 5
"""Ranges of missing members that a message lists: as many as fit in a line or two."""


@dataclass(frozen=True, slots=True, eq=False)
class Merged(Generic[Kind]):
    """The results of one run, from all its directories."""

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
    count = max(each["n_resamples"] for each in manifests)
    wanted, pieces, damaged = [(0, count)], list[Piece[Kind]](), list[str]()
    for path, manifest in zip(paths, manifests, strict=True):
        with Checkpoint.of(path, kind, manifest) as store:
            found = store.pieces(wanted)
            _check_equal(pieces, found, path)
            pieces += found
            damaged += store.damaged
    kept = list(cut_to(pieces, wanted))
    if not kept:
        bad = f"; damaged: {', '.join(damaged)}" if damaged else "; load it when there are some"
        raise ValueError(f"paths: {_named(paths)} holds no finished {unit} yet{bad}")
    missing = spans_missing(wanted, [piece.span for piece in kept])
    return Merged(
        manifests[0],
        *join(kept),
        sum(piece.seconds for piece in kept),
        _missing(missing, count, damaged, unit),
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


def _check_equal(known: list[Piece[Kind]], found: list[Piece[Kind]], path: Path) -> None:
    """Raise if a directory holds other results for members that are known already."""
    ours = list(cut_to(known, [piece.span for piece in found]))
    theirs = list(cut_to(found, [piece.span for piece in ours]))
    if not ours:
        return
    (one, numbers), (other, _) = join(ours), join(theirs)
    if pack(0, one, 0.0) == pack(0, other, 0.0):
        return
    member = next(
        number
        for k, number in enumerate(numbers)
        if pack(0, one.between(k, k + 1), 0.0) != pack(0, other.between(k, k + 1), 0.0)
    )
    raise ValueError(
        f"paths: number {member} in {path} differs from that in another directory of the same "
        f"run; leave one of them out"
    )


def _missing(spans: list[Span], count: int, damaged: list[str], unit: str) -> str:
    """Describe which results are missing and which files are damaged."""
    if not spans:
        return ""
    listed = [f"{first} to {last - 1}" for first, last in spans[:_LISTED]]
    more = f" and more, to {spans[-1][1] - 1}" if len(spans) > _LISTED else ""
    bad = f"; damaged: {', '.join(damaged)}" if damaged else ""
    lost = length_of(spans)
    return f"{lost:,} of {count:,} {unit} are missing: {', '.join(listed)}{more}{bad}"


def _named(paths: Sequence[Path]) -> str:
    """List the directories."""
    return ", ".join(map(str, paths))
