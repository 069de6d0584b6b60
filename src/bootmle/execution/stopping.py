"""What stops a run before its last member: a deadline, Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from numbers import Real
from typing import Any

__all__ = ["Deadline", "Interrupted", "read_deadline", "sigterm_interrupts"]


class Interrupted(KeyboardInterrupt):
    """Raised when Ctrl-C or SIGTERM stops a run; what was finished is kept.

    Attributes
    ----------
    partial : Bootstrap, Coverage or None
        The finished part of the result; None if it has fewer than two replicates or data sets.
    """

    def __init__(self, message: str, partial: Any) -> None:
        """Hold the message and the finished part."""
        super().__init__(message, partial)
        self.partial = partial

    def __str__(self) -> str:
        """Return the message."""
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Deadline:
    """A time by which a run has to end, on the clock of `time.monotonic`."""

    at: float

    @property
    def on_the_clock(self) -> float:
        """The same on the clock of `time.time`, which workers on other machines share."""
        return time.time() + self.at - time.monotonic()


def read_deadline(deadline: Any) -> Deadline | None:
    """Read a positive number of seconds from now, or a datetime."""
    if deadline is None:
        return None
    if isinstance(deadline, datetime):
        seconds = (deadline - datetime.now(deadline.tzinfo)).total_seconds()
        return Deadline(time.monotonic() + seconds)
    is_bool = isinstance(deadline, bool)
    if is_bool or not isinstance(deadline, Real) or not float(deadline) > 0:
        raise ValueError(f"deadline: got {deadline!r}; pass seconds from now, or a datetime")
    return Deadline(time.monotonic() + float(deadline))


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """Let SIGTERM stop a run as Ctrl-C does, unless the program handles it already."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
