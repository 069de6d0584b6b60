"""Evaluations that hang in a worker of Dask, whose threads no alarm can interrupt."""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Callable
from threading import Lock, Thread, get_ident
from typing import Any

__all__ = ["GRACE", "call_watched", "evaluation_begins", "evaluation_ends"]

GRACE = 1.0
"""Seconds after which code that cannot be interrupted, for it is no Python, is left behind: more
than a busy machine takes to interrupt what can be."""
_LOOK = 0.25
"""Seconds between two interruptions: a bare except in the user's code may catch the first one."""
_LEFT_BEHIND = -math.inf

_DUE: dict[int, float] = {}
"""When the evaluation of a watched thread has to end, on the clock of `time.monotonic`."""
_LOCK = Lock()


def call_watched(function: Callable[[], Any], late: type[BaseException]) -> tuple[bool, Any]:
    """Call in a thread; return whether it ended, and its answer."""
    # ``late`` is raised in an evaluation that takes too long; a thread that nothing stops is left
    # behind.
    ended: list[tuple[Any, BaseException | None]] = []

    def call() -> None:
        _DUE[get_ident()] = math.inf
        try:
            ended.append((function(), None))
        except BaseException as error:
            ended.append((None, error))
        finally:
            _DUE.pop(get_ident(), None)

    thread = Thread(target=call, name="bootmle-refits", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_LOOK)
        if not _interrupted(thread.ident or 0, late):
            return False, None
    answer, error = ended[0]
    if error is not None:
        raise error
    return True, answer


def _interrupted(ident: int, late: type[BaseException]) -> bool:
    """Interrupt an evaluation that takes too long; return False if that has not helped."""
    with _LOCK:
        seconds = time.monotonic() - _DUE.get(ident, math.inf)
        if seconds > GRACE:
            _DUE[ident] = _LEFT_BEHIND
        if seconds > 0:
            _raise_in(ident, late)
    return seconds <= GRACE


def _raise_in(ident: int, what: type[BaseException] | None) -> None:
    """Raise in a thread, between two of its instructions; None takes it back."""
    raised = None if what is None else ctypes.py_object(what)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), raised)


def evaluation_begins(left: float) -> bool:
    """Note that this thread has so many seconds for an evaluation; False if it is left behind."""
    ident = get_ident()
    if ident not in _DUE:
        return True
    with _LOCK:
        if _DUE[ident] == _LEFT_BEHIND:
            return False
        _DUE[ident] = time.monotonic() + left
    return True


def evaluation_ends() -> None:
    """Note that it has ended in time, or has been interrupted."""
    ident = get_ident()
    if ident not in _DUE:
        return
    with _LOCK:
        _raise_in(ident, None)
        if _DUE[ident] != _LEFT_BEHIND:
            _DUE[ident] = math.inf
