"""What stops a run before its last member: a deadline, Ctrl-C, SIGTERM or SIGHUP."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from numbers import Real
from typing import Any

from bootmle.display.text import brief

__all__ = [
    "Deadline",
    "Interrupted",
    "read_deadline",
    "read_timeout",
    "signals_interrupt",
    "unfinished",
]


class Interrupted(KeyboardInterrupt):
    """Raised when Ctrl-C, SIGTERM or SIGHUP stops a run; what was finished is kept.

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


def read_timeout(timeout: Any) -> float | None:
    """Read the seconds that one refit may take."""
    if timeout is None:
        return None
    is_bool = isinstance(timeout, bool)
    if is_bool or not isinstance(timeout, Real) or not 0 < float(timeout) < math.inf:
        raise ValueError(
            f"timeout: got {brief(timeout)}; pass the seconds that one refit may take, such as 60"
        )
    return float(timeout)


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Let SIGTERM and SIGHUP stop a run as Ctrl-C does, unless the program handles them already."""
    main = threading.current_thread() is threading.main_thread()
    known = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    own = [each for each in known if main and signal.getsignal(each) is signal.SIG_DFL]

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    for each in own:
        signal.signal(each, interrupt)
    try:
        yield
    finally:
        for each in own:
            signal.signal(each, signal.SIG_DFL)


@contextmanager
def unfinished(message: str) -> Iterator[None]:
    """Say what an interrupted step leaves, instead of where in the user's code it was stopped."""
    try:
        yield
    except Interrupted:
        raise
    except KeyboardInterrupt as stop:
        cause = f" ({stop})" if str(stop) else ""
        raise Interrupted(f"interrupted{cause}: {message}", None) from None
