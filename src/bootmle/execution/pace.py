"""How long pieces of work are: as many members as take about a second."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from bootmle.execution.computation import Computation, Joinable
from bootmle.execution.pieces import Span, compute_span, length_of

__all__ = ["Cutter", "Order", "Pace", "compute_in_steps", "compute_order"]

Part = TypeVar("Part", bound=Joinable)


@dataclass(frozen=True, slots=True)
class _Lengths:
    """Seconds that work takes, and how fast it may grow."""

    piece: float = 1.0
    """Of a worker's piece: about 1,000 times what a message costs (measured: 1 to 2 ms)."""
    step: float = 0.1
    """Between two looks at the clock, and what Ctrl-C loses: a chunk costs 0.9 ms besides its
    refits (1.36 ms alone, 0.48 ms in chunks of 256)."""
    growth: int = 8
    """Largest growth from one piece to the next: the first one may have been an easy one."""
    memory: float = 0.5
    """Share that a measurement keeps when the next one comes: members differ in time."""


_LENGTHS = _Lengths()


@dataclass(slots=True)
class Pace:
    """Seconds that one member takes, from the latest measurements."""

    seconds: float = 0.0
    count: float = 0.0
    longest: int = 1
    """Most members of the next piece."""

    @property
    def each(self) -> float:
        """Seconds of one member; 0 before the first measurement."""
        return self.seconds / self.count if self.count else 0.0

    def measure(self, count: int, seconds: float) -> None:
        """Take the time of members that were computed."""
        self.seconds = _LENGTHS.memory * self.seconds + seconds
        self.count = _LENGTHS.memory * self.count + count
        self.longest = max(self.longest, _LENGTHS.growth * count)

    def members(self, seconds: float) -> int:
        """Return how many members take so long, at least one."""
        if not self.each:
            return self.longest
        return max(1, min(self.longest, math.floor(seconds / self.each)))


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is asked for."""

    span: Span
    each: float
    """Seconds that one member takes, as far as is known; 0 before."""
    until: float | None
    """When to end, on the clock of `time.time`, which other machines share."""
    certain: bool
    """Whether to compute at least one member, however late it is."""


def cut_at_chunk(first: int, stop: int, last: int, size: int) -> int:
    """Return where to stop: a chunk is split only where its members take long."""
    aligned = stop - stop % size
    return aligned if first < aligned and stop < last else stop


class Cutter:
    """Cuts the work that is left into pieces, each as long as the pace is when it is asked for."""

    def __init__(
        self, spans: Iterable[Span], size: int, workers: int, until: float | None = None
    ) -> None:
        """Begin with members in chunks of ``size``, to be computed until some time."""
        self.left, self.size, self.workers = list(reversed(list(spans))), size, workers
        self.until, self.begun = until, False
        self.pace = Pace()
        self.remaining = length_of(self.left)

    def __iter__(self) -> Iterator[Order]:
        return self

    def __next__(self) -> Order:
        """Cut off the next piece; toward the end none that would keep others waiting."""
        late = self.begun and self.until is not None and time.time() > self.until
        if not self.left or late:
            raise StopIteration
        first, last = self.left.pop()
        stop = min(last, first + self._length())
        stop = cut_at_chunk(first, stop, last, self.size)
        if stop < last:
            self.left.append((stop, last))
        self.remaining -= stop - first
        certain, self.begun = not self.begun, True
        return Order((first, stop), self.pace.each, self.until, certain)

    def _length(self) -> int:
        """Return the length of the next piece."""
        most = self.pace.members(_LENGTHS.piece)
        fair = math.ceil(self.remaining / (2 * self.workers))
        return max(min(most, fair), min(most, self.size))

    def in_chunks(self) -> Cutter:
        """Cut at chunks, for workers that report nothing before all is done."""
        self.pace.longest = self.size
        return self


def compute_in_steps(
    task: Computation[Part],
    span: Span,
    pace: Pace,
    until: float | None = None,
    *,
    certain: bool = True,
) -> Generator[tuple[Span, Part, float], None, None]:
    """Compute consecutive members in short steps; yield each with its seconds."""
    # None begins that would end after ``until``, except the first one where it is ``certain``.
    first, last = span
    while first < last:
        if not certain and until is not None and time.time() + pace.each > until:
            return
        stop = min(last, first + pace.members(_LENGTHS.step))
        stop = cut_at_chunk(first, stop, last, task.size)
        started = time.perf_counter()
        data = compute_span(task, (first, stop))
        seconds = time.perf_counter() - started
        pace.measure(stop - first, seconds)
        yield (first, stop), data, seconds
        first, certain = stop, False


def compute_order(task: Computation[Part], order: Order) -> tuple[Part | None, float]:
    """Compute what a worker is asked for, or what there is time for; return its seconds."""
    if order.until is None:
        started = time.perf_counter()
        return compute_span(task, order.span), time.perf_counter() - started
    pace = Pace(order.each, 1.0, length_of([order.span])) if order.each else Pace()
    steps = list(compute_in_steps(task, order.span, pace, order.until, certain=order.certain))
    parts = [data for _, data, _ in steps]
    whole = type(parts[0]).concatenate(parts) if parts else None
    return whole, sum(seconds for _, _, seconds in steps)
