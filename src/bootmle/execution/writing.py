"""Writing in the background: pieces that come close together are written as one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from threading import Condition, Thread
from typing import Generic, TypeVar

from bootmle.execution.computation import Countable
from bootmle.execution.pieces import Piece, join

__all__ = ["Writer"]

Result = TypeVar("Result", bound=Countable)

_APART = 1.0
"""Seconds between two writes: what a killed process loses, and about 100 times what a write takes
(measured: 5 to 10 ms with a flush to disk)."""


class Writer(Generic[Result]):
    """Stores pieces in a thread of its own, at most a second after they come."""

    def __init__(self, store: Callable[[Piece[Result]], object]) -> None:
        """Take the function that stores one piece; the thread starts with the first of them."""
        self._store = store
        self._waiting: list[Piece[Result]] = []
        self._busy = self._hurry = False
        self._error: BaseException | None = None
        self._changed = Condition()
        self._thread: Thread | None = None

    def put(self, piece: Piece[Result]) -> None:
        """Store a piece soon; raise if an earlier one could not be stored."""
        with self._changed:
            self._raise()
            self._waiting.append(piece)
            if self._thread is None:
                self._thread = Thread(target=self._run, name="bootmle-checkpoint", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until all is stored; raise if it could not be."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            while (self._waiting or self._busy) and self._error is None:
                self._changed.wait()
            self._hurry = False
            self._raise()

    def close(self) -> None:
        """Store what is left, and end the thread."""
        with self._changed:
            thread, self._thread = self._thread, None
            self._changed.notify_all()
        if thread is not None:
            thread.join()

    def _raise(self) -> None:
        """Raise what storing raised, once."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _run(self) -> None:
        """Store what has come, then wait a while for more."""
        last = time.monotonic()
        while pieces := self._next(last + _APART):
            try:
                for piece in _merged(pieces):
                    self._store(piece)
            except BaseException as error:
                self._error = error
            last = time.monotonic()
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _next(self, due: float) -> list[Piece[Result]]:
        """Wait for pieces, and until they are due; none at the end."""
        with self._changed:
            while not self._waiting and self._thread is not None:
                self._changed.wait()
            while not self._hurry and self._thread is not None and time.monotonic() < due:
                self._changed.wait(max(0.0, due - time.monotonic()))
            pieces, self._waiting = self._waiting, []
            self._busy = bool(pieces)
            return pieces


def _merged(pieces: list[Piece[Result]]) -> Iterator[Piece[Result]]:
    """Join pieces whose members follow each other."""
    run: list[Piece[Result]] = []
    for piece in sorted(pieces, key=lambda each: each.first):
        if run and run[-1].span[1] != piece.first:
            yield _one(run)
            run = []
        run.append(piece)
    yield _one(run)


def _one(run: list[Piece[Result]]) -> Piece[Result]:
    """Join consecutive pieces."""
    return Piece(run[0].first, join(run)[0], sum(piece.seconds for piece in run))
