"""Progress: a bar on a terminal or in a notebook, one line per minute in a log file."""

from __future__ import annotations

import sys
import time
import warnings
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from bootmle.display.checks import check_flag
from bootmle.display.text import duration
from bootmle.execution.computation import Countable

__all__ = ["Progress", "announce", "shown"]

_LONG = 10.0
"""Seconds from which a run is announced: shorter ones end before the line is read."""
_EVERY = 60.0
"""Seconds between lines in a log file: a night is then some 500 lines."""


def shown(progress: bool | None) -> bool:
    """Whether to show progress: as requested, by default on a terminal or in a notebook."""
    if progress is None:
        return _watched()
    return check_flag("progress", progress) and (_in_notebook() or _has_console())


def announce(seconds: float, count: int, workers: int) -> None:
    """Print a forecast of a long run."""
    if seconds >= _LONG:
        on = "1 core" if workers == 1 else f"{workers} cores"
        _say(f"{count:,} refits: about {duration(seconds)} on {on}")


class Progress:
    """Shows how many replicates, or other units, are done and how many failed."""

    def __init__(self, total: int, *, show: bool, unit: str = "refit") -> None:
        """Start counting toward a total."""
        self.total, self.unit = total, unit
        self.done = self.failures = self.taken = 0
        self.started = self.told = time.monotonic()
        self.bar: Any = None
        self.lines = show and not _watched()
        if show and not self.lines:
            self.bar = _bar()(total=total, unit=unit, leave=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
        elif self.lines and time.monotonic() - self.told >= _EVERY:
            self.told = time.monotonic()
            _say(self.line(self.told - self.started))

    def line(self, seconds: float) -> str:
        """Describe the progress after so many seconds."""
        left = duration(seconds * (self.total - self.done) / max(self.done - self.taken, 1))
        return (
            f"{time.strftime('%H:%M')} {self.done:,} of {self.total:,} {self.unit}s, "
            f"{self.failures:,} failed, about {left} left"
        )


def _say(line: str) -> None:
    """Print a line, unless nobody reads standard error any more: the run is worth more."""
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def _bar() -> Any:
    """Return tqdm's bar for a terminal or notebook; a text bar where there are no widgets."""
    with warnings.catch_warnings():
        # Without ipywidgets tqdm warns, although its text bar works.
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm  # imported here because it is slow to import
    return tqdm


def _watched() -> bool:
    """Whether standard error is a terminal or this is a notebook."""
    return _in_notebook() or (_has_console() and sys.stderr.isatty())


def _has_console() -> bool:
    """Whether standard error can be written to; pythonw and some services have none."""
    return sys.stderr is not None and not sys.stderr.closed


def _in_notebook() -> bool:
    """Whether this runs in the kernel of a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and hasattr(shell, "kernel")
