"""Progress: a bar on a terminal or in a notebook, a line a minute in a log file."""

from __future__ import annotations

import sys
import time
import warnings
from contextlib import suppress
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

from bootmle.display.checks import check_flag
from bootmle.display.text import duration, durations
from bootmle.execution.computation import Countable
from bootmle.execution.streams import is_open

__all__ = [
    "LONG",
    "LOOK",
    "Progress",
    "announce",
    "bar_of",
    "is_watched",
    "on_cores",
    "say",
    "shown",
    "tell_apart",
]

LONG = 10.0
"""Seconds from which a run is announced: shorter ones end before the line is read."""
_EVERY = 60.0
"""Seconds between lines in a log file: a night is then some 500 lines."""
LOOK = 0.5
"""Seconds between two looks at what has been done, for a line that is due."""


def shown(progress: bool | None) -> bool:
    """Whether to show progress: as requested, by default on a terminal or in a notebook."""
    if progress is None:
        return is_watched()
    return check_flag("progress", progress) and (_in_notebook() or is_open("stderr"))


def announce(least: float, most: float, count: int, workers: int, more: str = "") -> None:
    """Print a forecast of a long run, in seconds, and more about it."""
    if most >= LONG:
        say(f"{count:,} refits: about {durations(least, most)} {on_cores(workers)}{more}")


def on_cores(workers: int) -> str:
    """Say on how many cores."""
    return "on 1 core" if workers == 1 else f"on {workers} cores"


def tell_apart(seconds: float) -> bool:
    """Whether a line in a log file is due so long after the last one."""
    return seconds >= _EVERY


class Progress:
    """Shows how many replicates, or other units, are done and how many failed."""

    def __init__(self, total: int, *, show: bool, unit: str = "refit") -> None:
        """Start counting toward a total."""
        self.total, self.unit = total, unit
        self.done = self.failures = self.taken = 0
        self.started = self.told = time.monotonic()
        self.measured = False
        """Whether a forecast from measured members has been told."""
        self.bar: Any = None
        self.lines = show and not is_watched()
        self.ended = Event()
        if show and not self.lines:
            self.bar = bar_of(total, unit)

    def __enter__(self) -> Self:
        if self.lines:
            Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.ended.set()
        if self.bar is not None:
            self.bar.close()

    def take(self, data: Countable) -> None:
        """Count members that were there before, which took no time."""
        self.taken += len(data)
        self.advance(data)

    def advance(self, data: Countable) -> None:
        """Count the members of a finished piece."""
        self.done += len(data)
        self.failures += int(data.failed.sum())
        if self.bar is not None:
            self.bar.set_postfix_str(f"{self.failures} failed", refresh=False)
            self.bar.update(len(data))
        elif self.lines:
            self._tell()

    def _watch(self) -> None:
        """Tell the progress also while a single piece takes long."""
        while not self.ended.wait(_EVERY / 10):
            self._tell()

    def _tell(self) -> None:
        """Print a line where one is due."""
        now = time.monotonic()
        early = not self.measured and now - self.started >= LONG and self.done > self.taken
        if early or tell_apart(now - self.told):
            self.told, self.measured = now, self.measured or early
            say(self.line(now - self.started))

    def line(self, seconds: float) -> str:
        """Describe the progress after so many seconds."""
        left = duration(seconds * (self.total - self.done) / max(self.done - self.taken, 1))
        return (
            f"{time.strftime('%H:%M')} {self.done:,} of {self.total:,} {self.unit}s, "
            f"{self.failures:,} failed, about {left} left"
        )


def say(line: str) -> None:
    """Print a line, unless nobody reads standard error any more: the run is worth more."""
    with suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


def bar_of(total: int | None, unit: str, what: str | None = None) -> Any:
    """Draw tqdm's bar for a terminal or notebook; a text bar where there are no widgets."""
    with warnings.catch_warnings():
        # Without ipywidgets tqdm warns, although its text bar works.
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm  # imported here because it is slow to import
    return tqdm(total=total, unit=unit, desc=what, leave=False)


def is_watched() -> bool:
    """Whether standard error is a terminal or this is a notebook."""
    return _in_notebook() or (is_open("stderr") and sys.stderr.isatty())


def _in_notebook() -> bool:
    """Whether this runs in the kernel of a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and hasattr(shell, "kernel")
