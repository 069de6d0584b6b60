"""``bootmle status``: the progress of a run, its rate, when it will end, and what failed."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bootmle.bootstrapping.loading import load
from bootmle.commands.run import BAD_ARGUMENTS, DONE
from bootmle.display.text import duration
from bootmle.execution.checkpoint import Checkpoint, is_run, read_manifest
from bootmle.execution.pieces import cut_to
from bootmle.optimization.status import Status
from bootmle.refitting.replicates import Replicates
from bootmle.simulation.simulated_fits import SimulatedFits

__all__ = ["status"]

_LATE = 5.0
"""Mean intervals of silence after which a run is taken for stopped: workers finish together, so
that gaps of a few intervals are normal."""
_LATELY = 20
"""Latest pieces that the rate averages over: its error is 1/√20 of that of a single interval."""
_KINDS: dict[str, tuple[type[Replicates | SimulatedFits], str, str]] = {
    "Replicates": (Replicates, "replicates", "refits"),
    "SimulatedFits": (SimulatedFits, "data sets", "data sets"),
}
"""What a directory may hold, and what its members are called in a count and in a rate."""


def status(arguments: Namespace) -> int:
    """Print the progress of each run directory, and return the exit status."""
    paths = [Path(path) for path in arguments.paths]
    lost = [path for path in paths if not path.is_dir() or not is_run(path)]
    if lost:
        print(
            f"bootmle status: {lost[0]} holds no run (there is no run.json); name a directory "
            f"written by bootmle run --out",
            file=sys.stderr,
        )
        return BAD_ARGUMENTS
    try:
        lines = [line for path in paths for line in _lines(path)]
    except (ValueError, OSError) as error:
        print(f"bootmle status: {error}", file=sys.stderr)
        return BAD_ARGUMENTS
    print("\n".join(lines))
    return DONE


def _lines(path: Path) -> Iterator[str]:
    """Describe the progress of one run."""
    manifest = read_manifest(path)
    kind, members, computed = _KINDS[manifest["kind"]]
    count = manifest["n_resamples"]
    with Checkpoint.of(path, kind, manifest) as store:
        pieces = list(cut_to(store.pieces([(0, count)]), [(0, count)]))
        damaged = store.damaged
    done = sum(len(piece.data) for piece in pieces)
    yield f"{path}: {done:,} of {count:,} {members} ({done / count:.0%})"
    if done < count:
        written = [(each.stat().st_mtime, n) for each, n in store.files([(0, count)])]
        yield _forecast(written, count - done, time.time(), computed)
    elif manifest["stopped"]:
        yield f"complete: {manifest['stopped']}"
    if pieces and manifest.get("record", {}).get("refit") == "corrected":
        yield from _verified(path)
    if pieces:
        yield from _failures(np.concatenate([piece.data.status for piece in pieces]))
    yield from (f"damaged, will be computed again: {text}" for text in damaged)


def _verified(path: Path) -> Iterator[str]:
    """Say how many replicates of a corrected run are verified, and whether more have to be."""
    run = load(path)
    yield f"{np.sum(run.status != Status.EXPANDED):,} of them verified"
    yield from run.remarks


def _forecast(
    written: list[tuple[float, int]], left: int, now: float, computed: str = "refits"
) -> str:
    """Describe the rate of the latest pieces, given the moments of writing and their lengths."""
    latest = sorted(written)[-_LATELY:]
    if len(latest) < 2 or latest[-1][0] <= latest[0][0]:
        return "no rate yet"
    elapsed = latest[-1][0] - latest[0][0]
    interval, since = elapsed / (len(latest) - 1), now - latest[-1][0]
    rate = sum(count for _, count in latest[1:]) / elapsed
    per = f"{rate:,.1f} {computed} per second"
    if rate < 1:
        per = f"{60 * rate:,.1f} {computed} per minute"
    if since > _LATE * interval + 1:
        return f"{per}; not running: the last piece was written {duration(since)} ago"
    seconds = left / rate
    end = time.strftime("%Y-%m-%d %H:%M", time.localtime(now + seconds))
    return f"{per}; about {duration(seconds)} left, until {end}"


def _failures(found: NDArray[np.int8]) -> Iterator[str]:
    """Count the failures, and what has no finite optimum."""
    for each in (*filter(lambda one: one.failed, Status), Status.NO_FINITE_OPTIMUM):
        times = int(np.sum(found == each))
        if times:
            yield f"{times:,} times: {each.message}"
    if not (found < 0).any():
        yield "none failed"
