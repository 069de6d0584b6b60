"""Running a task: piece by piece, read from disk or computed, until it is done or stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from bootmle.execution.checkpoint import Checkpoint, DirectoryRemovedError
from bootmle.execution.computation import Computation, Countable
from bootmle.execution.parallel import compute_pieces
from bootmle.execution.pieces import Piece, Span, cut_to, join, length_of, spans_missing
from bootmle.execution.progress import Progress
from bootmle.execution.stopping import Deadline, Interrupted, signals_interrupt
from bootmle.execution.timelimit import stop_watching

__all__ = ["Collected", "Run"]

Result = TypeVar("Result", bound=Countable)
Result_co = TypeVar("Result_co", bound=Countable, covariant=True)

_EVERY = 1.05
"""Growth of the results between two checks of whether they are enough: the cost of all checks
together is then about 20 times that of the last one."""


_REMOVED = "the directory was removed"
"""What stops a run whose replicates are in memory alone."""


class Beginning(Computation[Result_co], Protocol[Result_co]):
    """A computation that can return an empty result."""

    def none(self) -> Result_co:
        """Return a result with no members."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Collected(Generic[Result]):
    """The results of a run, and what stopped it."""

    data: Result
    numbers: NDArray[np.intp]
    """Numbers of the members, which identify their random streams, (B,)."""
    seconds: float
    """Computing time in all sessions."""
    reason: str = ""
    """What stopped the run before its last member; empty if nothing did."""
    interrupted: bool = False
    """Whether that was Ctrl-C, SIGTERM or SIGHUP."""


@dataclass(slots=True)
class Run(Generic[Result]):
    """One session of a run."""

    task: Beginning[Result]
    count: int
    """Number of replicates, or other members, in total."""
    n_jobs: int | None
    show: bool
    """Whether to show progress."""
    known: Result | None = None
    """Members 0, 1, ... that are already in memory."""
    store: Checkpoint[Result] | None = None
    shard: tuple[int, int] = (1, 1)
    """Which part of how many, counted from 1."""
    deadline: Deadline | None = None
    enough: Callable[[Result], str] | None = None
    """Returns the reason to stop with these results; empty if there is none."""
    unit: str = "refit"
    """What progress counts."""
    _pieces: dict[int, Piece[Result]] = field(default_factory=dict)
    """What is done, by the number of the first member; no member twice."""
    seconds_before: float = 0.0
    """Computing time of the chunks found on disk."""
    _seconds: float = 0.0
    _consecutive: int = 0
    """Members 0, 1, ... that are done without a gap."""
    _checked: int = 0
    _last: float = 0.0

    @property
    def wanted(self) -> list[Span]:
        """Numbers of this part's members."""
        part, parts = self.shard
        if parts == 1:
            return [(0, self.count)]
        size = self.task.size
        starts = range((part - 1) * size, self.count, parts * size)
        return [(start, min(start + size, self.count)) for start in starts]

    def collect(self) -> Collected[Result]:
        """Take what there is, and compute the rest until the end or a reason to stop."""
        reason, interrupted = "", False
        with ExitStack() as stack:
            stack.callback(stop_watching)
            if self.store is not None:
                stack.enter_context(self.store)
            stack.enter_context(signals_interrupt())
            try:
                reason = self._go_through()
            except KeyboardInterrupt as stop:
                # The message of an inner run says how to resume that run, not this one.
                what = "" if isinstance(stop, Interrupted) else str(stop)
                reason, interrupted = f"interrupted ({what})" if what else "interrupted", True
            except DirectoryRemovedError:
                reason, interrupted = _REMOVED, True
            try:
                if self.store is not None:
                    self.store.flush()
            except DirectoryRemovedError:
                reason, interrupted = _REMOVED, True
        return self._collected(reason, interrupted)

    def _go_through(self) -> str:
        """Take each member from memory or disk, or compute it; return what stopped the run."""
        self._take_at_hand()
        missing = spans_missing(self.wanted, [piece.span for piece in self._pieces.values()])
        reason = self._reason_to_stop()
        if reason or not missing:
            return reason
        until = None if self.deadline is None else self.deadline.on_the_clock
        self._last = time.perf_counter()
        with (
            Progress(length_of(self.wanted), show=self.show, unit=self.unit) as progress,
            closing(compute_pieces(self.task, missing, self.n_jobs, until)) as computed,
        ):
            for piece in self._pieces.values():
                progress.take(piece.data)
            for piece in computed:
                self._keep(piece)
                progress.advance(piece.data)
                reason = self._reason_to_stop()
                if reason:
                    return reason
        return "" if length_of(self._spans()) == length_of(self.wanted) else "the deadline"

    def _spans(self) -> Iterator[Span]:
        """Name the members that are done."""
        return (piece.span for piece in self._pieces.values())

    def _take_at_hand(self) -> None:
        """Take the members that are in memory or on disk."""
        found = [] if self.known is None else [Piece(0, self.known)]
        if self.store is not None:
            found += self.store.pieces(self.wanted)
            self.store.tidy()
        for piece in cut_to(found, self.wanted):
            self._pieces[piece.first] = piece
            self.seconds_before += piece.seconds

    def _keep(self, piece: Piece[Result]) -> None:
        """Store a piece as soon as it is computed, with the time since the last one."""
        now = time.perf_counter()
        seconds, self._last = now - self._last, now
        self._seconds += seconds
        self._pieces[piece.first] = piece
        if self.store is not None:
            self.store.write(Piece(piece.first, piece.data, seconds))

    def _reason_to_stop(self) -> str:
        """Return why the first replicates are enough; empty if they are not."""
        # They are counted in whole chunks, so that pieces, which follow the time, decide nothing.
        if self.enough is None:
            return ""
        while self._consecutive in self._pieces:
            self._consecutive = self._pieces[self._consecutive].span[1]
        size = self.task.size
        first = max(size, math.ceil(_EVERY * self._checked / size) * size)
        for done in range(first, min(self._consecutive + 1, self.count), size):
            if done < _EVERY * self._checked:
                continue
            self._checked = done
            reason = self.enough(join(list(self._up_to(done)))[0])
            if reason:
                self._pieces = {piece.first: piece for piece in self._up_to(done)}
                return reason
        return ""

    def _up_to(self, count: int) -> Iterator[Piece[Result]]:
        """Cut what is done to the first members."""
        return cut_to(self._pieces.values(), [(0, count)])

    def _collected(self, reason: str, interrupted: bool) -> Collected[Result]:
        """Collect what is done."""
        if not self._pieces:
            return Collected(self.task.none(), np.empty(0, np.intp), 0.0, reason, interrupted)
        pieces = [self._pieces[first] for first in sorted(self._pieces)]
        seconds = self.seconds_before + self._seconds
        return Collected(*join(pieces), seconds, reason, interrupted)
