"""Spans and pieces: sets of numbers, checked against sets; what waits is written as one."""

import time
from typing import Any

import numpy as np
import pytest

from bootmle.execution.pieces import Piece, cut_to, join, length_of, overlapping, spans_missing
from bootmle.execution.writing import Writer
from bootmle.refitting.replicates import Replicates

Span = tuple[int, int]


def members(spans: list[Span]) -> set[int]:
    return {number for span in spans for number in range(*span)}


def some_spans(rng: np.random.Generator, count: int) -> list[Span]:
    starts = rng.integers(0, 40, count)
    return [(int(a), int(a + n)) for a, n in zip(starts, rng.integers(1, 9, count), strict=True)]


def numbered(first: int, last: int) -> Replicates:
    numbers = np.arange(first, last)
    values = np.column_stack([numbers, 1000.0 * numbers])
    messages = {k: f"number {number}" for k, number in enumerate(numbers) if number % 3 == 0}
    return Replicates(
        values, (numbers % 2).astype(np.int8), values[:, 0], numbers, numbers, messages
    )


def test_spans_are_sets_of_numbers() -> None:
    rng = np.random.default_rng(0)
    for k in range(300):
        wanted, there = some_spans(rng, k % 5 + 1), some_spans(rng, k % 6)
        missing = spans_missing(wanted, there)
        assert members(missing) == members(wanted) - members(there)
        assert length_of(missing) == len(members(missing))
        assert missing == sorted(missing)
        near = [span for span in there if members([span]) & members(wanted)]
        disjoint = spans_missing(wanted, [])
        assert sorted(overlapping(there, disjoint)) == sorted(near)
        pieces = [Piece(a, numbered(a, b), 1.0) for a, b in there]
        cut = list(cut_to(pieces, disjoint))
        if members(there) & members(wanted):
            data, numbers = join(cut)
            assert numbers.tolist() == sorted(members(there) & members(wanted))
            whole = numbered(0, 60).take(numbers)
            np.testing.assert_array_equal(data.estimates, whole.estimates)
            assert dict(data.messages) == dict(whole.messages)
        else:
            assert not cut


def test_what_comes_close_together_is_written_as_one() -> None:
    stored: list[Piece[Any]] = []
    writer: Writer[Replicates] = Writer(stored.append)
    for span in [(8, 9), (0, 3), (3, 5), (20, 22), (9, 12)]:
        writer.put(Piece(span[0], numbered(*span), 1.0))
    writer.flush()
    assert [(piece.span, piece.seconds) for piece in stored] == [
        ((0, 5), 2.0),
        ((8, 12), 2.0),
        ((20, 22), 1.0),
    ]
    writer.put(Piece(30, numbered(30, 31)))
    writer.close()
    assert stored[-1].span == (30, 31)


def test_nothing_waits_for_the_next_piece() -> None:
    stored: list[Piece[Any]] = []
    writer: Writer[Replicates] = Writer(stored.append)
    writer.put(Piece(0, numbered(0, 3)))
    patience = time.monotonic() + 10
    while not stored and time.monotonic() < patience:
        time.sleep(0.02)
    assert len(stored) == 1
    writer.close()


def test_an_error_in_writing_is_raised_at_the_next_piece_or_at_the_end() -> None:
    def full(piece: Piece[Any]) -> None:
        raise OSError(28, "No space left")

    writer: Writer[Replicates] = Writer(full)
    writer.put(Piece(0, numbered(0, 3)))
    with pytest.raises(OSError, match="No space left"):
        writer.flush()
    writer.close()
