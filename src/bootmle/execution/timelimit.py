"""Time limits of single refits: a stopwatch around every evaluation."""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
import time
from types import TracebackType
from typing import Any, TextIO

__all__ = ["ENDED", "UNLIMITED", "RefitTimeout", "Stopwatch", "let_interrupt", "stop_watching"]

_GRACE = 1.0
"""Seconds after which a worker that the alarm cannot interrupt, in code that is no Python, is
ended: more than a busy machine takes to deliver the alarm."""
_AGAIN = 0.1
"""Share of the limit after which the end of the process is put off, by a new thread each time."""


ENDED = "EXIT(1)"
"""How the death of such a worker is reported."""


class RefitTimeout(BaseException):
    """Raised in the user's code, which may catch an Exception, when a refit has taken too long."""

    def __init__(self, seconds: float) -> None:
        """Take the limit."""
        super().__init__(f"the refit took longer than timeout={seconds:g} seconds")


class Stopwatch:
    """The time that one refit has left; every evaluation runs inside it.

    In a worker process an alarm interrupts an evaluation; in the caller's own process, whose
    signals are its own, the time is only looked at before and after it.
    """

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
        if self.expired:
            raise RefitTimeout(self.seconds)
        self.started = time.perf_counter()
        if _ALARM.allowed:
            _ALARM.set(self.left, self.seconds)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if _ALARM.allowed:
            _ALARM.unset()
        self.left -= time.perf_counter() - self.started
        if self.expired and error is None:
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
        """Leave this process's signals alone until `allow`."""
        self.allowed = False
        self.put_off = -float("inf")
        self.nowhere: TextIO | None = None

    def set(self, left: float, limit: float) -> None:
        """Interrupt this thread after the seconds left; end the process if that does not help."""
        now = time.monotonic()
        if now > self.put_off + _AGAIN * limit:
            self.nowhere = self.nowhere or open(os.devnull, "w")  # noqa: SIM115 (kept open)
            end = limit + _AGAIN * limit + _GRACE
            faulthandler.dump_traceback_later(end, exit=True, file=self.nowhere)
            self.put_off = now
        if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGALRM, _interrupt(limit))
            # Again and again: a bare except in the user's code may catch the first one.
            signal.setitimer(signal.ITIMER_REAL, left, _GRACE / 4)

    def unset(self) -> None:
        """Let the next lines run for as long as they take."""
        if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
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


def let_interrupt() -> None:
    """Let alarms interrupt evaluations: this is a worker process."""
    _ALARM.allowed = True


def stop_watching() -> None:
    """Let a worker process live that waits for work."""
    _ALARM.stop()
