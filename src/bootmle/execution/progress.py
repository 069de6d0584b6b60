"""The progress bar and the forecast: on a terminal or in a notebook, quiet elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from bootmle.replicates import Replicates
from bootmle.tables import duration

__all__ = ["announce", "shown", "with_progress"]

_LONG = 10.0


def shown(progress: bool | None) -> bool:
    """Whether to show progress: as asked, else where somebody is looking.

    Examples
    --------
    >>> shown(False)
    False
    """
    return (_in_notebook() or sys.stderr.isatty()) if progress is None else progress


def announce(seconds: float, count: int, workers: int) -> None:
    """Forecast a long run in one line."""
    if seconds >= _LONG:
        on = "1 core" if workers == 1 else f"{workers} cores"
        print(f"{count:,} refits: about {duration(seconds)} on {on}", file=sys.stderr, flush=True)


def with_progress(chunks: Iterable[Replicates], total: int, show: bool) -> Iterator[Replicates]:
    """Pass chunks on while a bar counts replicates and failures."""
    from tqdm.auto import tqdm  # here, since it is slow to import

    failures, done = 0, 0
    with tqdm(total=total, unit="refit", disable=not show, leave=False) as bar:
        for chunk in chunks:
            advance = min(len(chunk), total - done)
            failures += int(chunk.failed[:advance].sum())
            done += advance
            bar.set_postfix_str(f"{failures} failed", refresh=False)
            bar.update(advance)
            yield chunk


def _in_notebook() -> bool:
    """Whether this runs in a notebook's kernel."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and hasattr(shell, "kernel")
