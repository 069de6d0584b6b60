"""``bootmle status``: how far a run is, its rate, when it ends, and what failed."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bootmle.commands.run import BAD_ARGUMENTS, DONE
from bootmle.display.text import duration
from bootmle.execution.checkpoint import Checkpoint, is_run, read_manifest
from bootmle.optimization.status import Status
from bootmle.refitting.replicates import Replicates
from bootmle.simulation.simulated_fits import SimulatedFits

__all__ = ["status"]

_LATE = 5.0
_LATELY = 20
_KINDS: dict[str, tuple[type[Replicates | SimulatedFits], str, str]] = {
    "Replicates": (Replicates, "replicates", "refits"),
    "SimulatedFits": (SimulatedFits, "data sets", "data sets"),
}
"""What a directory may hold, and its words for a message and for a rate."""


def status(arguments: Namespace) -> int:
    """Print how far each run directory is.

    Parameters
    ----------
    arguments : Namespace
        As parsed: paths.

    Returns
    -------
    int
        0, or 2 where a path holds no run, or a damaged one.
    """
    paths = [Path(path) for path in arguments.paths]
    lost = [path for path in paths if not path.is_dir() or not is_run(path)]
    if lost:
        print(
            f"bootmle status: {lost[0]} holds no run (there is no run.json); name a directory "
            f"that bootmle run --out wrote",
            file=sys.stderr,
        )
        return BAD_ARGUMENTS
    try:
        for path in paths:
            print("\n".join(_lines(path)))
    except ValueError as error:
        print(f"bootmle status: {error}", file=sys.stderr)
        return BAD_ARGUMENTS
    return DONE


def _lines(path: Path) -> Iterator[str]:
    """Say how far one run is."""
    manifest = read_manifest(path)
    kind, members, computed = _KINDS[manifest["kind"]]
    size, count = manifest["run"]["chunk"], manifest["n_resamples"]
    with Checkpoint(path, kind) as store:
        chunks = [chunk for chunk in store.chunks() if chunk * size < count]
        stored = {chunk: store.read(chunk) for chunk in chunks}
        moments = [store.file_of(chunk).stat().st_mtime for chunk in chunks]
        damaged = store.damaged
    kept = {chunk: each[0] for chunk, each in stored.items() if each is not None}
    parts = [data.first(count - chunk * size) for chunk, data in kept.items()]
    done = sum(map(len, parts))
    yield f"{path}: {done:,} of {count:,} {members} ({done / count:.0%})"
    if done < count:
        yield _forecast(moments, size, count - done, time.time(), computed)
    elif manifest["stopped"]:
        yield f"complete: {manifest['stopped']}"
    if parts:
        yield from _failures(np.concatenate([part.status for part in parts]))
    yield from (f"damaged, to be computed again: {text}" for text in damaged)


def _forecast(
    moments: list[float], size: int, left: int, now: float, computed: str = "refits"
) -> str:
    """Say how fast chunks came lately, and when the rest will be done at that rate."""
    latest = np.sort(moments)[-_LATELY:]
    if len(latest) < 2 or latest[-1] <= latest[0]:
        return "no rate yet"
    interval = float(latest[-1] - latest[0]) / (len(latest) - 1)
    rate, since = size / interval, now - float(latest[-1])
    per = f"{rate:,.1f} {computed} a second"
    if rate < 1:
        per = f"{60 * rate:,.1f} {computed} a minute"
    if since > _LATE * interval + 1:
        return f"{per}; not running: the last chunk came {duration(since)} ago"
    seconds = left / rate
    end = time.strftime("%Y-%m-%d %H:%M", time.localtime(now + seconds))
    return f"{per}; about {duration(seconds)} left, until {end}"


def _failures(found: NDArray[np.int8]) -> Iterator[str]:
    """Count what failed, and what has no finite optimum."""
    for each in (*filter(lambda one: one.failed, Status), Status.NO_FINITE_OPTIMUM):
        times = int(np.sum(found == each))
        if times:
            yield f"{times:,} times: {each.message}"
    if not (found < 0).any():
        yield "none failed"
