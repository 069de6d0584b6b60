"""Running a task: chunk by chunk, read from disk or computed, until it is done or stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from bootmle.execution.checkpoint import Checkpoint
from bootmle.execution.computation import Computation, Countable
from bootmle.execution.parallel import compute_chunks
from bootmle.execution.progress import Progress
from bootmle.execution.stopping import Deadline, Interrupted, sigterm_interrupts

__all__ = ["Collected", "Run"]

Result = TypeVar("Result", bound=Countable)
Result_co = TypeVar("Result_co", bound=Countable, covariant=True)

_EVERY = 1.05
"""Growth of the results between two checks of whether they are enough: the cost of all checks
together is then about 20 times that of the last one."""


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
    """What stopped the run before its last chunk; empty if nothing did."""
    interrupted: bool = False
    """Whether that was Ctrl-C or SIGTERM."""


@dataclass(slots=True)
class Run(Generic[Result]):
    """One session of a run."""

    task: Beginning[Result]
    count: int
    """Number of replicates, or other members, in total."""
    n_jobs: int | None
    show: bool
    """Whether to show progress."""
    known: Mapping[int, Result] = field(default_factory=dict)
    """Chunks that are already in memory."""
    store: Checkpoint[Result] | None = None
    shard: tuple[int, int] = (1, 1)
    """Which part of how many, counted from 1."""
    deadline: Deadline | None = None
    enough: Callable[[Result], str] | None = None
    """Returns the reason to stop with these results; empty if there is none."""
    unit: str = "refit"
    """What progress counts."""
    _done: dict[int, Result] = field(default_factory=dict)
    _seconds: float = 0.0
    _checked: int = 0
    _last: float = 0.0

    @property
    def chunks(self) -> range:
        """Numbers of this part's chunks."""
        part, parts = self.shard
        return range(part - 1, -(-self.count // self.task.size), parts)

    @property
    def n_missing(self) -> int:
        """Number of members still to be computed."""
        there = set(self.known) | set(() if self.store is None else self.store.chunks())
        return sum(self._length(chunk) for chunk in self.chunks if chunk not in there)

    def collect(self) -> Collected[Result]:
        """Go through the chunks in order until the end or a reason to stop."""
        reason, interrupted = "", False
        with ExitStack() as stack:
            if self.store is not None:
                stack.enter_context(self.store)
            stack.enter_context(sigterm_interrupts())
            try:
                reason = self._go_through()
            except KeyboardInterrupt as stop:
                # The message of an inner run says how to resume that run, not this one.
                what = "" if isinstance(stop, Interrupted) else str(stop)
                reason, interrupted = f"interrupted ({what})" if what else "interrupted", True
            if self.store is not None:
                self.store.flush()
        return self._collected(reason, interrupted)

    def _go_through(self) -> str:
        """Take each chunk from memory or disk, or compute it; return what stopped the run."""
        at_hand = self._at_hand()
        missing = [chunk for chunk in self.chunks if chunk not in at_hand]
        total = sum(self._length(chunk) for chunk in self.chunks)
        self._last = time.perf_counter()
        with (
            Progress(total, show=self.show, unit=self.unit) as progress,
            closing(
                compute_chunks(self.task, missing, self.n_jobs, partial(self._keep, progress))
            ) as computed,
        ):
            for chunk in self.chunks:
                if chunk in at_hand:
                    self._count(progress, chunk, at_hand[chunk])
                elif self._done and self.deadline is not None and self.deadline.passed():
                    return "the deadline"
                else:
                    at_hand.update([next(computed)])
                self._done[chunk] = at_hand.pop(chunk)
                reason = self._reason_to_stop()
                if reason:
                    return reason
        return ""

    def _at_hand(self) -> dict[int, Result]:
        """Return the chunks that are in memory or on disk."""
        found = {chunk: data for chunk, data in self.known.items() if chunk in self.chunks}
        if self.store is not None:
            for chunk in set(self.store.chunks()) & set(self.chunks):
                stored = self.store.read(chunk)
                if stored is not None:
                    found[chunk] = stored[0]
                    self._seconds += stored[1]
        return found

    def _keep(self, progress: Progress, chunk: int, data: Result) -> None:
        """Store a chunk as soon as it is computed, with the time since the last one."""
        now = time.perf_counter()
        seconds, self._last = now - self._last, now
        self._seconds += seconds
        if self.store is not None:
            self.store.write(chunk, data, seconds)
        self._count(progress, chunk, data)

    def _count(self, progress: Progress, chunk: int, data: Result) -> None:
        """Show that a chunk is done."""
        progress.advance(data.first(self._length(chunk)))

    def _length(self, chunk: int) -> int:
        """Count the members of a chunk that the run asks for."""
        return min(self.task.size, self.count - chunk * self.task.size)

    def _reason_to_stop(self) -> str:
        """Return why the results so far are enough; empty if they are not."""
        done = len(self._done) * self.task.size
        last = len(self._done) == len(self.chunks)
        if self.enough is None or last or done < _EVERY * self._checked:
            return ""
        self._checked = done
        return self.enough(self._joined()[0])

    def _joined(self) -> tuple[Result, NDArray[np.intp]]:
        """Join the finished chunks, and number their members."""
        size = self.task.size
        lengths = {chunk: self._length(chunk) for chunk in self._done}
        parts = [data.first(lengths[chunk]) for chunk, data in self._done.items()]
        numbers = [chunk * size + np.arange(lengths[chunk]) for chunk in self._done]
        return type(parts[0]).concatenate(parts), np.concatenate(numbers)

    def _collected(self, reason: str, interrupted: bool) -> Collected[Result]:
        """Collect what is done."""
        if not self._done:
            return Collected(self.task.none(), np.empty(0, np.intp), 0.0, reason, interrupted)
        return Collected(*self._joined(), self._seconds, reason, interrupted)
