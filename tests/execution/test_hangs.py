"""Threads whose evaluations take too long are interrupted, or left behind."""

import threading
import time

import pytest

from bootmle.execution import hangs
from bootmle.execution.hangs import call_watched
from bootmle.execution.timelimit import RefitTimeout, Stopwatch


def limited(wait: float, steps: int) -> str:
    """Evaluate under a limit of 20 ms, in steps between which Python can interrupt."""
    try:
        with Stopwatch(0.02):
            for _ in range(steps):
                time.sleep(wait)
    except RefitTimeout as error:
        return str(error)
    return "in time"


def test_a_loop_is_interrupted_and_says_its_limit() -> None:
    ended, answer = call_watched(lambda: limited(0.005, 10_000), RefitTimeout)
    assert (ended, answer) == (True, "the refit took longer than timeout=0.02 seconds")
    assert call_watched(lambda: limited(0.0, 1), RefitTimeout) == (True, "in time")


def test_what_cannot_be_interrupted_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hangs, "GRACE", 0.05)
    release, later = threading.Event(), list[str]()

    def hang() -> None:
        with Stopwatch(0.02):
            release.wait(5)

    def evaluate_twice() -> None:
        try:
            hang()
        finally:
            later.append(limited(0.0, 1))

    began = time.monotonic()
    assert call_watched(evaluate_twice, RefitTimeout) == (False, None)
    assert time.monotonic() - began < 4
    release.set()
    while not later:
        time.sleep(0.001)
    assert "longer" in later[0], "what it evaluates afterwards counts for nothing"


def test_what_is_raised_in_time_passes() -> None:
    with pytest.raises(ZeroDivisionError):
        call_watched(lambda: 1 // 0, RefitTimeout)
