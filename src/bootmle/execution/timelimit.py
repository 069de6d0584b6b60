"""Time limits of single refits: a stopwatch around every evaluation."""

from __future__ import annotations

import faulthandler
import math
import os
import signal
import threading
import time
from types import TracebackType
from typing import Any, TextIO

from bootmle.execution.hangs import GRACE, evaluation_begins, evaluation_ends

__all__ = [
    "ENDED",
    "UNLIMITED",
    "RefitTimeout",
    "Stopwatch",
    "let_end",
    "let_interrupt",
    "stop_watching",
]

_AGAIN = 0.1
"""Share of the limit after which the end of the process is put off, by a new thread each time."""


ENDED = "EXIT(1)"
"""How the death of such a worker is reported."""


class RefitTimeout(BaseException):
    """Raised in the user's code, which may catch an Exception, when a refit has taken too long."""

    def __init__(self, seconds: float = math.nan) -> None:
        """Take the limit, which is not at hand where a thread is interrupted."""
        super().__init__(f"the refit took longer than timeout={seconds:g} seconds")
        self.seconds = seconds


class Stopwatch:
    """The time that one refit has left; every evaluation runs inside it."""

    # In a worker process an alarm interrupts an evaluation; in the caller's own process, whose
    # signals are its own, the time is only looked at before and after it. Threads of a worker of
    # Dask are watched by others (`bootmle.execution.hangs`).

    __slots__ = ("left", "seconds", "started")

    def __init__(self, seconds: float) -> None:
        """Take the limit."""
        self.seconds = self.left = seconds
        self.started = 0.0

    @property
    def expired(self) -> bool:
        """Whether the refit has taken too long."""
        return self.left <= 0

    def __enter__(self) -> None:
        if self.expired or not evaluation_begins(self.left):
            raise RefitTimeout(self.seconds)
        self.started = time.perf_counter()
        if _ALARM.interrupts or _ALARM.ends:
            _ALARM.set(self.left, self.seconds)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        evaluation_ends()
        if _ALARM.interrupts:
            _ALARM.unset()
        self.left -= time.perf_counter() - self.started
        nameless = isinstance(error, RefitTimeout) and math.isnan(error.seconds)
        if (self.expired and error is None) or nameless:
            raise RefitTimeout(self.seconds)


class _Unlimited(Stopwatch):
    """No limit."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


UNLIMITED: Stopwatch = _Unlimited(float("inf"))


class _Alarm:
    """The alarm of a worker process."""

    def __init__(self) -> None:
        """Leave this process and its signals alone until `let_interrupt` and `let_end`."""
        self.interrupts = self.ends = False
        self.put_off = -float("inf")
        self.nowhere: TextIO | None = None

    def set(self, left: float, limit: float) -> None:
        """Interrupt this thread after the seconds left; end the process if that does not help."""
        now = time.monotonic()
        if self.ends and now > self.put_off + _AGAIN * limit:
            self.nowhere = self.nowhere or open(os.devnull, "w")  # noqa: SIM115 (kept open)
            end = limit + _AGAIN * limit + GRACE
            faulthandler.dump_traceback_later(end, exit=True, file=self.nowhere)
            self.put_off = now
        if self.interrupts and _has_alarm():
            signal.signal(signal.SIGALRM, _interrupt(limit))
            # Again and again: a bare except in the user's code may catch the first one.
            signal.setitimer(signal.ITIMER_REAL, left, GRACE / 4)

    def unset(self) -> None:
        """Let the next lines run for as long as they take."""
        if _has_alarm():
            signal.setitimer(signal.ITIMER_REAL, 0.0)

    def stop(self) -> None:
        """Let the process live."""
        if self.put_off > -float("inf"):
            faulthandler.cancel_dump_traceback_later()
            self.put_off = -float("inf")


_ALARM = _Alarm()


def _interrupt(limit: float) -> Any:
    """Return a handler that ends a refit."""

    def interrupt(number: int, frame: Any) -> None:
        raise RefitTimeout(limit)

    return interrupt


def _has_alarm() -> bool:
    """Whether this thread can be interrupted by an alarm."""
    main = threading.current_thread() is threading.main_thread()
    return main and hasattr(signal, "setitimer")


def let_interrupt() -> None:
    """Let alarms interrupt evaluations, and end this process: it is a worker."""
    _ALARM.interrupts = _ALARM.ends = True


def let_end() -> None:
    """Let this process end where an evaluation holds all its threads: somebody starts another."""
    _ALARM.ends = True


def stop_watching() -> None:
    """Let a worker process live that waits for work."""
    _ALARM.stop()
