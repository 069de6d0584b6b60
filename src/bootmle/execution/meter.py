"""A meter of evaluations, by which steps that no replicate counts show their progress."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

from bootmle.display.text import duration
from bootmle.execution.ahead import seconds_ahead
from bootmle.execution.progress import (
    LONG,
    LOOK,
    bar_of,
    is_watched,
    on_cores,
    say,
    tell_apart,
)

__all__ = ["count_evaluations", "watched_step"]

_SURE = 3
"""Evaluations from which a step is forecast: the first one may compile or load something."""
_QUIET = 2.0
"""Seconds in which a bar would only flicker."""


@dataclass(slots=True)
class _Meter:
    """Evaluations in this process so far."""

    evaluations: int = 0


_METER = _Meter()


def count_evaluations(count: int = 1) -> None:
    """Count evaluations of an objective."""
    _METER.evaluations += count


@contextmanager
def watched_step(
    what: str, show: bool, expected: int | None = None, workers: int = 1
) -> Iterator[None]:
    """Show how many evaluations the block takes on workers; it will probably be ``expected``."""
    if not show:
        yield
        return
    ended = Event()
    watch = Thread(target=_watch, args=(what, expected, workers, ended), daemon=True)
    watch.start()
    try:
        yield
    finally:
        ended.set()
        watch.join()


def _watch(what: str, expected: int | None, workers: int, ended: Event) -> None:
    """Forecast a step that takes long, and show its progress until it has ended."""
    begun = told = time.monotonic()
    first, forecast = _METER.evaluations, False
    bar: Any = None
    while not ended.wait(LOOK):
        done, now = _METER.evaluations - first, time.monotonic()
        if not forecast and expected and done >= _SURE:
            forecast = True
            # Workers are ready later: the first evaluations run one by one.
            whole = seconds_ahead(expected * (now - begun) / done, workers)
            if whole >= LONG:
                long = f"{duration(whole)} {on_cores(workers)}"
                say(f"{what}: about {expected:,} evaluations, {long}")
        if is_watched() and bar is None and now - begun >= _QUIET:
            bar = bar_of(expected, "evaluation", what)
        if bar is not None:
            bar.n = done
            bar.refresh()
        elif tell_apart(now - told):
            told = now
            say(f"{time.strftime('%H:%M')} {what}: {done:,} evaluations in {duration(now - begun)}")
    if bar is not None:
        bar.close()
