"""Pieces of a run: consecutive members, by their numbers, whatever else was computed with them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from bootmle.execution.computation import Computation, Countable, Joinable

__all__ = [
    "Piece",
    "Span",
    "compute_span",
    "cut_to",
    "join",
    "length_of",
    "overlapping",
    "spans_missing",
]

Result = TypeVar("Result", bound=Countable)
Part = TypeVar("Part", bound=Joinable)

Span = tuple[int, int]
"""The members first, ..., last - 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece(Generic[Result]):
    """The results of consecutive members."""

    first: int
    """Number of its first member."""
    data: Result
    seconds: float = 0.0
    """Computing time."""

    @property
    def span(self) -> Span:
        """The numbers of its members."""
        return self.first, self.first + len(self.data)


def length_of(spans: Iterable[Span]) -> int:
    """Count the members of spans."""
    return sum(last - first for first, last in spans)


def spans_missing(wanted: Iterable[Span], there: Iterable[Span]) -> list[Span]:
    """Return what is wanted and not there, in order of numbers."""
    left, known, at, reached = list[Span](), sorted(there), 0, 0
    for first, last in sorted(wanted):
        start = max(first, reached)
        while at < len(known) and known[at][0] < last:
            begin, end = known[at]
            if begin > start:
                left.append((start, begin))
            start = reached = max(start, end)
            at += 1
        if start < last:
            left.append((start, last))
        reached = max(reached, last)
    return left


def overlapping(spans: Iterable[Span], wanted: Iterable[Span]) -> list[Span]:
    """Keep the spans with a member that is wanted."""
    asked = sorted(wanted)
    ends = [last for _, last in asked]
    nearest = ((span, bisect_right(ends, span[0])) for span in spans)
    return [span for span, at in nearest if at < len(asked) and asked[at][0] < span[1]]


def cut_to(pieces: Iterable[Piece[Result]], wanted: Iterable[Span]) -> Iterator[Piece[Result]]:
    """Yield what pieces hold of what is wanted, in order of numbers, and each member once."""
    spans, reached = sorted(wanted), 0
    ends = [last for _, last in spans]
    for piece in sorted(pieces, key=lambda each: each.first):
        begin, end = piece.span
        for first, last in islice(spans, bisect_right(ends, begin), None):
            if first >= end:
                break
            start, stop = max(begin, first, reached), min(end, last)
            if start < stop:
                kept = piece.data.between(start - begin, stop - begin)
                share = piece.seconds * (stop - start) / (end - begin)
                yield Piece(start, kept, share)
        reached = max(reached, end)


def join(pieces: Sequence[Piece[Result]]) -> tuple[Result, NDArray[np.intp]]:
    """Join pieces in the order given; return their members' numbers, too."""
    data = type(pieces[0].data).concatenate([piece.data for piece in pieces])
    return data, np.concatenate([np.arange(*piece.span) for piece in pieces])


def compute_span(task: Computation[Part], span: Span) -> Part:
    """Compute consecutive members, chunk by chunk."""
    parts, (first, last) = list[Part](), span
    while first < last:
        chunk, start = divmod(first, task.size)
        stop = min(task.size, start + last - first)
        parts.append(task.part(chunk, start, stop))
        first += stop - start
    return parts[0] if len(parts) == 1 else type(parts[0]).concatenate(parts)
