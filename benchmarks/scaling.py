"""How time and memory grow with observations, parameters and replicates.

Run ``python benchmarks/scaling.py [--quick] [--csv DIR] [--plot FILE]``. One logit regression, on
one core; the columns:

along
    What grows: observations n, parameters p, or replicates B; the other two are fixed.
mode
    Whether the objective returns contributions or its total.
ms
    Processor time of a refit, without what is spent once for all of them.
shared_s
    Seconds spent once: the shared expansion.
evaluations
    Likelihood evaluations of a refit.
in_fun
    Percentage of a refit's time spent in the objective.
peak_mb
    Peak memory above that of the process with its data and fit, as the system counts it.

Below the table: the exponents b of time = a x^b, by least squares on logarithms, over the upper
half of each range.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from bootmle import Cases, Fit, fit
from bootmle.execution.threads import computation
from bootmle.refitting.replicates import Replicates
from bootmle.refitting.task import Task
from models import logit
from tables import Row, report

SEED = 1


@dataclass(frozen=True, slots=True)
class Point:
    """One size: which of the three grows, and all of them."""

    along: str
    mode: str
    n: int
    p: int
    b: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What one size takes."""

    ms: float
    shared_s: float
    evaluations: float
    in_fun: float
    peak_mb: float


class Timed:
    """An objective that sums the seconds spent in it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.seconds = 0.0

    def __call__(self, *args: Any) -> Any:
        started = time.perf_counter()
        try:
            return self.function(*args)
        finally:
            self.seconds += time.perf_counter() - started


def points(quick: bool) -> Iterator[Point]:
    """List the sizes; few replicates where each takes long, as time is linear in them."""
    ns = (100, 1_000, 10_000, 100_000) if quick else (100, 1_000, 10_000, 100_000, 1_000_000)
    for n in ns:
        yield Point("n", "contributions", n, 12, int(np.clip(2e7 / n, 8, 2_000)))
    for n in ns[:3]:
        yield Point("n", "total", n, 12, int(np.clip(2e6 / n, 64, 1_000)))
    for p in (2, 5, 12, 25, 50):
        yield Point("p", "contributions", 1_500, p, 256)
        yield Point("p", "total", 1_500, p, 64)
    for b in (100, 1_000, 10_000) if quick else (100, 1_000, 10_000, 100_000):
        yield Point("B", "contributions", 200, 3, b)


def model_fit(point: Point) -> tuple[Fit, Timed]:
    """Fit the logit of a size; return its objective beside it."""
    model = logit(point.p - 1)
    args = model.data(point.n, rng=SEED)
    timed = Timed(model.nll)
    if point.mode == "total":
        timed = Timed(lambda params, X, y: float(model.nll(params, X, y).sum()))
    return fit(timed, model.truth, args), timed


def measure(point: Point) -> Measured:
    """Measure one size in this process, after a warm-up: what is shared, then chunk after chunk."""
    mle, objective = model_fit(point)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with computation():
        Task.prepare(mle, Cases(), "verified", SEED)(0)
        started = time.process_time()
        task = Task.prepare(mle, Cases(), "verified", SEED)
        objective.seconds, clock = 0.0, time.perf_counter()
        prepared = time.process_time()
        chunks = [task(chunk) for chunk in range(-(-point.b // task.size))]
        finished, clock = time.process_time(), time.perf_counter() - clock
    data = Replicates.concatenate(chunks)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Measured(
        1e3 * (finished - prepared) / len(data),
        prepared - started,
        float(data.n_evaluations.mean()),
        100 * objective.seconds / clock,
        (peak - before) / 1024,
    )


def apart(point: Point) -> Measured:
    """Measure one size in a process of its own, whose peak memory is then its own."""
    command = [sys.executable, __file__, "--point", *map(str, astuple(point))]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return Measured(*map(float, found.stdout.split()))


def exponent(sizes: Sequence[float], times: Sequence[float]) -> float:
    """Fit time = a size^b to the upper half of the sizes."""
    half = len(sizes) // 2
    slope, _ = np.polyfit(np.log(sizes[half:]), np.log(times[half:]), 1)
    return float(slope)


def exponents(rows: Sequence[tuple[Point, Measured]]) -> Iterator[str]:
    """Say how time grows along each way."""
    for (along, mode), group in groupby(
        sorted(rows, key=lambda row: (row[0].along, row[0].mode)),
        key=lambda row: (row[0].along, row[0].mode),
    ):
        members = list(group)
        sizes = [float(getattr(point, along.lower())) for point, _ in members]
        # A run of B replicates takes B refits.
        scale = sizes if along == "B" else [1.0] * len(sizes)
        times = [size * found.ms for size, (_, found) in zip(scale, members, strict=True)]
        yield f"time of {mode} grows as {along}^{exponent(sizes, times):.2f}"


def plot(rows: Sequence[tuple[Point, Measured]], path: Path) -> None:
    """Draw time and memory against each size, on logarithmic axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5), layout="constrained")
    panels = figure.subplots(2, 3, squeeze=False)
    for column, along in enumerate(("n", "p", "B")):
        for mode, mark in (("contributions", "o-"), ("total", "s--")):
            own = [row for row in rows if row[0].along == along and row[0].mode == mode]
            sizes = [getattr(point, along.lower()) for point, _ in own]
            panels[0, column].loglog(sizes, [found.ms for _, found in own], mark, label=mode)
            peaks = [max(found.peak_mb, 0.1) for _, found in own]
            panels[1, column].loglog(sizes, peaks, mark, label=mode)
        panels[1, column].set_xlabel(along)
        grown = sorted({getattr(point, along.lower()) for point, _ in rows if point.along == along})
        for panel in panels[:, column]:
            low, high = panel.get_ylim()
            panel.set_ylim(low / 2, 2 * high)
            panel.xaxis.minorticks_off()
            panel.set_xticks(grown, [f"{size:g}" for size in grown])
    panels[0, 0].set_ylabel("ms a refit")
    panels[1, 0].set_ylabel("peak memory, MB")
    panels[0, 0].legend()
    figure.savefig(path, dpi=120)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every size, and print, write and draw what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under two minutes")
    parser.add_argument("--csv", type=Path, metavar="DIR", help="write scaling.csv here")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw into this file")
    parser.add_argument("--point", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.point:
        along, mode, *sizes = options.point
        print(*astuple(measure(Point(along, mode, *map(int, sizes)))))
        return
    rows = [(point, apart(point)) for point in points(options.quick)]
    table: list[Row] = [{**asdict(point), **asdict(found)} for point, found in rows]
    report("scaling", table, options.csv)
    print("\n".join(exponents(rows)))
    if options.plot is not None:
        plot(rows, options.plot)


if __name__ == "__main__":
    main()
