"""Whether runs survive what happens to them, and what disks and workers cost.

Run ``python benchmarks/faults.py [PIECE ...] [--share S] [--seed K] [--csv DIR]`` on Linux; pieces
are kill, kill-parallel, signals, hangs, workers, disk, damage, shards, checkpoint and parallel, all
by default, each under three minutes on two idle cores; a share of 0.1 is the short form. Exits with
1 if a replicate was lost, a result differed or a fault was not named.

The run is a logit of n=1500 and p=12, B=999 in 16 pieces: about 1 ms per refit. One row for each
kind of fault:

tried
    Faults; after each the run is resumed, and compared with the undisturbed one bit for bit.
lost
    Replicates that are missing or failed then, though the undisturbed run has them.
differed
    Results in which any bit differs.
unnamed
    Faults whose message, or the result's note, does not name the file or directory.
seen
    What the faults met; for damages of run.json whether it was refused or passed without harm.

One row for each figure, a median over turns:

value, aim, met
    Efficiency is t1/(2 t2), whole calls in turns with warm workers; by the processor's clock t2 is
    the caller's time and the busier worker's, so that waiting is left out. What a checkpoint adds
    is the ratio of paired turns minus 1.
turns, free
    How many turns began and ended on free cores; where none did it is all of them, and "no".
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from inspect import getsource
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bootmle import Bootstrap, Cases, Estimator, Fit, bootstrap, fit, load
from bootmle.execution.payload import Payload
from bootmle.likelihood.arrays import Floats
from bootmle.refitting.task import Task
from bootmle.sampling import draw_resample
from models import logit
from tables import Row, report

B, B_TIMED = 999, 1999
SEED = 1
FREE = 0.2
ARRAYS = ("estimates", "status", "distance", "n_evaluations", "n_gradients", "standard_errors")
Generator = np.random.Generator
Figure = Callable[[], float]


def model() -> Fit:
    one = logit()
    return fit(one.nll, one.truth, one.data(1500, rng=1))


JOB = f"""
import json, sys, time
from pathlib import Path
from bootmle import Fit, bootstrap, fit
from models import logit

{getsource(model)}
mle, options = model(), json.loads(sys.argv[1])
started = time.time()
bootstrap(mle, **options)
found = Path(options["checkpoint"]).glob("piece-*.bin")
print(min(path.stat().st_mtime for path in found) - started)
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Try the faults asked for, print what became of them, and exit with 1 if any did harm."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pieces", nargs="*", metavar="PIECE", help=f"of {', '.join(PIECES)}")
    parser.add_argument("--share", type=float, default=1.0, help="of the faults and the turns")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and places of faults")
    parser.add_argument("--csv", type=Path, metavar="DIR", help="write faults.csv here")
    options = parser.parse_args(arguments)
    unknown = set(options.pieces) - set(PIECES)
    if unknown:
        parser.error(f"PIECE: {', '.join(sorted(unknown))}; use some of {', '.join(PIECES)}")
    warnings.simplefilter("ignore")
    rows = [
        row
        for name in options.pieces or PIECES
        for row in timed(name, Effort(options.share, options.seed))
    ]
    report("faults", iter(rows), options.csv)
    totals = {name: sum(int(row.get(name, 0)) for row in rows) for name in COUNTS}
    print(", ".join(f"{total} {name}" for name, total in totals.items()))
    sys.exit(1 if any(totals[name] for name in COUNTS[1:]) else 0)


def timed(name: str, effort: Effort) -> list[Row]:
    """Run one piece, and say how long it took."""
    started = time.perf_counter()
    rows = [{"piece": name, **row} for row in PIECES[name](effort)]
    print(f"  {name}: {time.perf_counter() - started:.0f} s", flush=True)
    return rows


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to try, and at which random moments and places."""

    share: float
    seed: int

    def of(self, count: int) -> int:
        return max(1, round(self.share * count))

    def rng(self) -> Generator:
        return np.random.default_rng(self.seed)


# Counting what became of faults.

COUNTS = ("tried", "lost", "differed", "unnamed")


@dataclass(slots=True)
class Tally:
    """What became of the faults of one kind."""

    whole: Bootstrap
    tried: int = 0
    lost: int = 0
    differed: int = 0
    unnamed: int = 0
    seen: Counter[str] = field(default_factory=Counter)

    def compare(self, run: Callable[[], Bootstrap]) -> Bootstrap | None:
        """Finish a run, and compare it with the undisturbed one; one that raises is all lost."""
        try:
            done = run()
        except Exception:  # what goes wrong is to be counted, whatever it is
            traceback.print_exc()
            self.lost += len(self.whole.status)
            return None
        self.count(done)
        return done

    def count(self, done: Bootstrap) -> None:
        """Count what is missing, and whether any bit differs."""
        numbers = places(done)
        there = np.zeros(len(self.whole.status), dtype=bool)
        there[numbers[~done.data.failed]] = True
        lost = int(np.sum(~there & ~self.whole.data.failed))
        self.lost += lost
        if lost or not same(done, self.whole):
            self.differed += 1
            print(f"  differs: {lost} lost, {changed(done, self.whole)}", flush=True)

    def row(self, fault: str) -> Row:
        counts: Row = {name: getattr(self, name) for name in COUNTS}
        seen = ", ".join(f"{times} {what}" for what, times in sorted((+self.seen).items()))
        return {"what": fault, **counts, "seen": seen}


def places(boot: Bootstrap) -> Any:
    """Number the replicates in their run."""
    return np.arange(len(boot.status)) if boot.numbers is None else np.asarray(boot.numbers)


def same(one: Bootstrap, other: Bootstrap) -> bool:
    """Whether every bit of two runs is the same."""
    return dict(one.data.messages) == dict(other.data.messages) and all(
        getattr(one.data, name).tobytes() == getattr(other.data, name).tobytes() for name in ARRAYS
    )


def changed(done: Bootstrap, whole: Bootstrap) -> str:
    """Say by how much, and in how many replicates, two runs differ."""
    numbers = places(done)
    parts = []
    for name in ARRAYS:
        one = np.asarray(getattr(done.data, name), dtype=float)
        other = np.asarray(getattr(whole.data, name), dtype=float)[numbers]
        off = (one != other) & ~(np.isnan(one) & np.isnan(other))
        if off.any():
            count = int(off.reshape(len(off), -1).any(axis=1).sum())
            parts.append(f"{name} of {count} by {np.nanmax(np.abs(one - other)):.1g}")
    return "; ".join(parts) or "no number"


def undisturbed() -> tuple[Fit, Tally]:
    """Run it once without faults."""
    mle = model()
    return mle, Tally(bootstrap(mle, n_resamples=B, rng=SEED))


# Processes.


@dataclass(frozen=True, slots=True)
class Process:
    """A line of the process table."""

    pid: int
    parent: int
    session: int
    command: str

    @property
    def is_worker(self) -> bool:
        return "popen_loky" in self.command


def processes() -> list[Process]:
    """Read the process table; zombies have ended."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            command = (folder / "cmdline").read_text()
        except OSError:
            continue
        if state != "Z":
            found.append(Process(int(folder.name), int(parent), int(session), command))
    return found


def start(folder: Path, output: int = subprocess.PIPE, **options: Any) -> subprocess.Popen[str]:
    """Start the run in a process, and a session, of its own."""
    (folder / "tmp").mkdir(exist_ok=True)
    options = {"n_resamples": B, "rng": SEED, "checkpoint": str(folder / "run"), **options}
    return subprocess.Popen(
        [sys.executable, "-c", JOB, json.dumps(options)],
        stdout=output,
        stderr=output,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(folder / "tmp")},
    )


def finished(process: subprocess.Popen[str]) -> str:
    """Wait for a process, and raise if it failed."""
    output, errors = process.communicate(timeout=120)
    if process.returncode:
        raise RuntimeError(f"the run ended with {process.returncode}: {errors}")
    return output


def end_workers(leader: int) -> int:
    """Count the workers that a killed run has left after 10 s, and end them."""
    patience = time.monotonic() + 10
    while left := sum(each.is_worker for each in processes() if each.session == leader):
        if time.monotonic() > patience:
            break
        time.sleep(0.2)
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGTERM)
    return left


# SIGKILL of the whole run.


def kill(effort: Effort) -> Iterator[Row]:
    """Kill runs in one process."""
    yield kill_runs(effort, n_jobs=1)


def kill_parallel(effort: Effort) -> Iterator[Row]:
    """Kill runs with workers."""
    yield kill_runs(effort, n_jobs=2)


def kill_runs(effort: Effort, n_jobs: int) -> Row:
    """Kill runs at moments spread over their life, a third at the next write after that."""
    mle, tally = undisturbed()
    rng, life, count = effort.rng(), lifetime(n_jobs), effort.of(50)
    while tally.tried < count:
        moment, writing = rng.uniform(0, life), bool(rng.integers(3) == 0)
        with TemporaryDirectory() as name, killed(tally, Path(name), moment, writing, n_jobs):
            tally.compare(lambda: resume(mle, Path(name), n_jobs))
    return tally.row(f"SIGKILL of a run, n_jobs={n_jobs}")


def lifetime(n_jobs: int) -> float:
    """Time a run from the start of its process to the end."""
    started = time.perf_counter()
    with TemporaryDirectory() as folder:
        finished(start(Path(folder), n_jobs=n_jobs))
    return time.perf_counter() - started


@contextmanager
def killed(tally: Tally, folder: Path, moment: float, writing: bool, n_jobs: int) -> Iterator[None]:
    """Kill a run at a moment, or when it next writes a file; its workers live on in the block."""
    process, run = start(folder, subprocess.DEVNULL, n_jobs=n_jobs), folder / "run"
    time.sleep(moment)
    while writing and process.poll() is None and not half_written(run):
        pass
    process.kill()
    ended = process.wait() == 0
    tally.tried += not ended
    tally.seen["had finished" if ended else stage(run)] += 1
    yield
    tally.seen["workers left after 10 s"] += end_workers(process.pid)
    left = sum(size(path) for path in (folder / "tmp").rglob("*"))
    tally.seen["kB left in TMPDIR"] += left // 1000


def half_written(run: Path) -> bool:
    """Whether there is a file under a temporary name."""
    return run.is_dir() and any(name.endswith(".tmp") for name in os.listdir(run))


def stage(run: Path) -> str:
    """Say how far a run was."""
    if half_written(run):
        return "while writing"
    if not (run / "run.json").exists():
        return "in start-up"
    return "between pieces" if list(run.glob("piece-*.bin")) else "before a piece"


def size(path: Path) -> int:
    """Count the bytes of a file."""
    return path.stat().st_size if path.is_file() else 0


def resume(mle: Fit, folder: Path, n_jobs: int = 1) -> Bootstrap:
    """Resume a run."""
    return bootstrap(mle, n_resamples=B, rng=SEED, n_jobs=n_jobs, checkpoint=folder / "run")


# Signals that ask a run to end.

SAID = re.compile(r"([\d,]+) of [\d,]+ replicates are done|all ([\d,]+) replicates are done")
PROMPT = 5.0
"""Seconds within which a run should have ended: its refits take a millisecond."""


def signals(effort: Effort) -> Iterator[Row]:
    """Ask runs to end at random moments: what they say is done has to be on disk."""
    mle, first = undisturbed()
    for n_jobs in (1, 2):
        life = lifetime(n_jobs)
        for name in ("SIGTERM", "SIGHUP", "SIGINT"):
            tally, rng = Tally(first.whole), effort.rng()
            for _ in range(effort.of(10)):
                with TemporaryDirectory() as folder:
                    ask_to_end(tally, Path(folder), name, rng.uniform(0, life), n_jobs)
                    tally.compare(lambda: resume(mle, Path(folder), n_jobs))  # noqa: B023
            yield tally.row(f"{name}, n_jobs={n_jobs}")


def ask_to_end(tally: Tally, folder: Path, name: str, moment: float, n_jobs: int) -> None:
    """Send a signal to a run, and compare what it says with what is on disk."""
    process, run = start(folder, n_jobs=n_jobs), folder / "run"
    time.sleep(moment)
    process.send_signal(signal.Signals[name])
    asked = time.monotonic()
    _, errors = process.communicate(timeout=120)
    tally.seen["late"] += time.monotonic() - asked > PROMPT
    if process.returncode == 0:
        tally.seen["had finished"] += 1
        return
    tally.tried += 1
    told = SAID.search(errors)
    if told is None:
        tally.seen["in start-up"] += 1
        tally.unnamed += bool(list(run.glob("piece-*.bin")))
        return
    tally.seen["in the run"] += 1
    done = int((told[1] or told[2]).replace(",", ""))
    tally.lost += done - (len(load(run).status) if done else 0)


# Refits that hang, and what they raise.


def hangs(effort: Effort) -> Iterator[Row]:
    """Let one replicate hang or raise what no Exception is: all others have to be there."""
    y, rng = np.random.default_rng(0).normal(size=30), effort.rng()
    for fault in ("sleeps", "in C", "GeneratorExit", "CancelledError", "SystemExit"):
        tally = Tally(bootstrap(Estimator(mean_and_spread, y), n_resamples=200, rng=SEED))
        for _ in range(effort.of(4)):
            number = int(rng.integers(200))
            victim = y[draw(y.size, SEED, number)]
            what = Estimator(failing(fault, victim), y)
            done = bootstrap(what, n_resamples=200, rng=SEED, n_jobs=2, timeout=1.0)
            tally.tried += 1
            others = np.delete(np.arange(200), number)
            tally.lost += int(done.data.failed[others].sum())
            same_bits = np.array_equal(done.replicates[others], tally.whole.replicates[others])
            tally.differed += not same_bits
            tally.unnamed += number not in done.data.messages
            tally.seen[done.data.messages.get(number, "nothing said")] += 1
        yield tally.row(f"a refit that hangs or raises: {fault}")


def mean_and_spread(y: Floats) -> list[float]:
    return [float(y.mean()), 1000 * float(y.std())]


def draw(n: int, seed: int, number: int) -> Any:
    """Draw the rows of one replicate."""
    return draw_resample(Cases(), n, seed, number).rows


def failing(fault: str, victim: Floats) -> Callable[[Floats], list[float]]:
    """Return the statistic, with a fault in one sample."""

    def statistic(y: Floats) -> list[float]:
        if np.array_equal(y, victim):
            if fault == "sleeps":
                time.sleep(1000)
            if fault == "in C":
                sum(range(10**11))
            kinds = {"GeneratorExit": GeneratorExit, "CancelledError": asyncio.CancelledError}
            raise kinds.get(fault, SystemExit)
        return [float(y.mean()), 1000 * float(y.std())]

    return statistic


# Workers that are killed.


def workers(effort: Effort) -> Iterator[Row]:
    """Kill workers of a run: one, two at once, or again while the run recovers."""
    mle, first = undisturbed()
    kinds = {"a worker killed": (1, 1, 30), "both killed": (1, 2, 10), "five in a row": (5, 1, 5)}
    for fault, (times, each, runs) in kinds.items():
        tally, rng = Tally(first.whole), effort.rng()
        for _ in range(effort.of(runs)):
            with killing(tally, rng, times, each):
                tally.compare(lambda: bootstrap(mle, n_resamples=B, rng=SEED, n_jobs=2))
        yield tally.row(f"{fault}, n_jobs=2")


@contextmanager
def killing(tally: Tally, rng: Generator, times: int, each: int) -> Iterator[None]:
    """Kill workers of this process at random moments, until the block ends."""
    over = threading.Event()

    def kill_some() -> None:
        for _ in range(times):
            if over.wait(rng.uniform(0.05, 1.0)):
                return
            pids = worker_pids()
            for pid in rng.permutation(pids)[:each]:
                with suppress(ProcessLookupError):  # it has just ended
                    os.kill(int(pid), signal.SIGKILL)
                    tally.tried += 1

    killer = threading.Thread(target=kill_some)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join()


def worker_pids() -> list[int]:
    """List loky's workers of this process."""
    own = [each for each in processes() if each.parent == os.getpid()]
    return sorted(each.pid for each in own if each.is_worker)


# A disk that is full.


def disk(effort: Effort) -> Iterator[Row]:
    """Run on small file systems, then make room."""
    mle, tally = undisturbed()
    rng = effort.rng()
    for k in range(effort.of(20)):
        try:
            with small_disk(4 * int(rng.integers(1, 72) if k else 1)) as (folder, make_room):
                tally.tried += 1
                fill(tally, mle, folder, 1 + k % 2)
                make_room()
                tally.compare(lambda: resume(mle, folder))
        except (OSError, subprocess.CalledProcessError) as error:
            tally.seen[f"skipped: no tmpfs can be mounted here ({error})"] += 1
            break
    yield tally.row("a full disk")


@contextmanager
def small_disk(kilobytes: int) -> Iterator[tuple[Path, Callable[[], object]]]:
    """Mount a small file system; yield it and a function that enlarges it."""
    mount = ["mount", "-t", "tmpfs", "-o"]
    with TemporaryDirectory() as folder:
        subprocess.run([*mount, f"size={kilobytes}k", "tmpfs", folder], check=True)
        try:
            larger = ["mount", "-o", "remount,size=64m", folder]
            yield Path(folder), lambda: subprocess.run(larger, check=True)
        finally:
            subprocess.run(["umount", folder], check=True)


def fill(tally: Tally, mle: Fit, folder: Path, n_jobs: int) -> None:
    """Run until the disk is full; what is there must be whole, and nothing half written."""
    try:
        resume(mle, folder, n_jobs)
        tally.seen["it fitted in"] += 1
    except OSError as error:
        tally.unnamed += str(folder) not in str(error) or "free some space" not in str(error)
    run = folder / "run"
    pieces = list(run.glob("piece-*.bin")) if run.is_dir() else []
    tally.seen["some pieces" if pieces else "none"] += 1
    tally.seen["half-written files"] += half_written(run)
    if pieces:
        part = load(run)
        tally.differed += not np.array_equal(
            part.replicates, tally.whole.replicates[places(part)], equal_nan=True
        )


# Damaged files.


def damage(effort: Effort) -> Iterator[Row]:
    """Cut files and flip their bits at random places, then resume."""
    mle, first = undisturbed()
    with TemporaryDirectory() as name:
        sound = Path(name) / "sound"
        for i in range(1, 17):  # a shard is written to a file of its own
            bootstrap(mle, n_resamples=B, rng=SEED, shard=(i, 16), checkpoint=sound / "run")
        for kind, spoil in (("cut", cut), ("flipped", flip)):
            tally, rng = Tally(first.whole), effort.rng()
            for _ in range(effort.of(100)):
                spoil_pieces(tally, mle, sound, Path(name) / "spoilt", rng, spoil)
            yield tally.row(f"pieces {kind}")
        for kind, spoil in (("cut", cut), ("flipped", flip)):
            tally, rng = Tally(first.whole), effort.rng()
            for _ in range(effort.of(200)):
                spoil_manifest(tally, mle, sound, Path(name) / "spoilt", rng, spoil)
            yield tally.row(f"run.json {kind}")
        yield lose_manifest(mle, sound, Path(name) / "spoilt")


def lose_manifest(mle: Fit, sound: Path, folder: Path) -> Row:
    """Delete run.json, and begin another run: refused, or without the pieces of the first."""
    copied(sound, folder)
    (folder / "run" / "run.json").unlink()
    tally = Tally(bootstrap(mle, n_resamples=B, rng=SEED + 1), tried=1)
    try:
        tally.count(bootstrap(mle, n_resamples=B, rng=SEED + 1, checkpoint=folder / "run"))
    except ValueError as error:
        tally.unnamed += str(folder) not in str(error)
        tally.seen["refused"] += 1
    return tally.row("run.json lost, another seed")


def cut(stored: bytes, rng: Generator) -> bytes:
    """Keep the beginning."""
    return stored[: rng.integers(len(stored))]


def flip(stored: bytes, rng: Generator) -> bytes:
    """Flip one bit."""
    at, bit = int(rng.integers(len(stored))), int(rng.integers(8))
    return stored[:at] + bytes([stored[at] ^ 1 << bit]) + stored[at + 1 :]


Spoil = Callable[[bytes, Generator], bytes]


def spoil_pieces(
    tally: Tally, mle: Fit, sound: Path, folder: Path, rng: Generator, spoil: Spoil
) -> None:
    """Damage up to three pieces; each must be named, and on disk again afterwards."""
    copied(sound, folder)
    pieces = sorted((folder / "run").glob("piece-*.bin"))
    spoilt = [pieces[k] for k in rng.choice(len(pieces), int(rng.integers(1, 4)), replace=False)]
    for path in spoilt:
        path.write_bytes(spoil(path.read_bytes(), rng))
    tally.tried += len(spoilt)
    done = tally.compare(lambda: resume(mle, folder))
    notes = "\n".join(() if done is None else done.remarks)
    tally.unnamed += sum(str(path) not in notes for path in spoilt)
    tally.compare(lambda: load(folder / "run"))


def spoil_manifest(
    tally: Tally, mle: Fit, sound: Path, folder: Path, rng: Generator, spoil: Spoil
) -> None:
    """Damage run.json: it must be refused by name and left alone, or do no harm."""
    copied(sound, folder)
    path = folder / "run" / "run.json"
    path.write_bytes(spoil(path.read_bytes(), rng))
    spoilt = path.read_bytes()
    pieces = sorted((folder / "run").glob("piece-*.bin"))
    pieces[int(rng.integers(len(pieces)))].unlink()
    tally.tried += 1
    try:
        done = resume(mle, folder)
    except Exception as error:  # one that is no ValueError is unnamed
        named = isinstance(error, ValueError) and str(folder) in str(error)
        tally.unnamed += not named
        tally.seen["refused" if named else type(error).__name__] += 1
    else:
        tally.seen["passed"] += 1
        tally.count(done)
        tally.compare(lambda: load(folder / "run"))
    tally.seen["overwritten"] += path.read_bytes() != spoilt


def copied(sound: Path, folder: Path) -> None:
    """Begin with a sound run."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound, folder)


# Shards at the same time.


def shards(effort: Effort) -> Iterator[Row]:
    """Run eight shards at once, in one directory, without a seed too, and in eight."""
    mle, first = undisturbed()
    for what, several, seed in (
        ("8 shards in one directory", False, SEED),
        ("8 shards in one directory, rng=None", False, None),
        ("8 shards in 8 directories", True, SEED),
    ):
        tally = Tally(first.whole)
        for _ in range(effort.of(3)):
            with TemporaryDirectory() as folder:
                paths = [Path(folder) / str(i if several else 1) for i in range(1, 9)]
                tally.tried += 8
                runs = run_shards(paths, seed)
                if seed is None:
                    own = load(runs[0]).seed
                    tally.whole = bootstrap(mle, n_resamples=B, rng=own)
                tally.compare(lambda: load(*runs, fit=mle))  # noqa: B023 (called here)
        yield tally.row(what)


def run_shards(paths: list[Path], seed: int | None) -> list[Path]:
    """Start a process for each shard, wait for all, and return the directories."""
    for path in paths:
        path.mkdir(exist_ok=True)
    running = [start(path, rng=seed, shard=(i, 8)) for i, path in enumerate(paths, 1)]
    for process in running:
        finished(process)
    return [path / "run" for path in dict.fromkeys(paths)]


# What it costs.


class Lasting:
    """Contributions that take some processor time."""

    def __init__(self, nll: Callable[..., Floats], seconds: float) -> None:
        self.nll, self.seconds = nll, seconds

    def __call__(self, params: Floats, *args: Any) -> Floats:
        until = time.thread_time() + self.seconds
        values = self.nll(params, *args)
        while time.thread_time() < until:
            pass
        return values


def checkpoint(effort: Effort) -> Iterator[Row]:
    """Run in turns with a checkpoint and without."""
    mle = model()
    processor: list[float] = []

    def ratio() -> float:
        with TemporaryDirectory() as folder:
            places = [f"{folder}/run", None][:: 1 if len(processor) % 2 else -1]
            times = {path: spent(mle, checkpoint=path) for path in places}
        on_disk, off = times[f"{folder}/run"], times[None]
        processor.append(on_disk[1] / off[1] - 1)
        return on_disk[0] / off[0] - 1

    wall = figure("share of a checkpoint", ratio, effort.of(15), 0.03)
    yield wall
    yield by_processor(wall, processor, 0.03)


def parallel(effort: Effort) -> Iterator[Row]:
    """Measure what workers and their start cost."""
    mle = model()
    yield from efficiencies(mle, B_TIMED, 0.75, effort.of(9), "0.05 ms per evaluation")
    yield from efficiencies(lasting(), 384, 0.9, effort.of(3), "5 ms per evaluation")
    yield figure("s to the first piece, loky cold", first_piece, effort.of(5), 1.5)
    yield from bytes_sent(mle)


def lasting() -> Fit:
    """Build a fit whose objective takes 5 ms."""
    one = logit(1)
    return fit(Lasting(one.nll, 0.005), one.truth, one.data(1500, rng=1))


def figure(what: str, measure: Figure, turns: int, aim: float, *, larger: bool = False) -> Row:
    """Take the median over the turns in which the cores were free, over all where none was."""
    busy, values = [], []
    for _ in range(turns):
        before = wait_for_cores()
        values.append(measure())
        busy.append(max(before, others()))
    free = [value for value, cores in zip(values, busy, strict=True) if cores < FREE]
    value = float(median(free or values))
    return {
        "what": what,
        "value": value,
        "aim": f"{'>' if larger else '<'} {aim:g}",
        "met": "yes" if (value > aim) == larger else "no",
        "turns": len(free or values),
        "free": "yes" if free else "no",
    }


def wait_for_cores(seconds: float = 5.0) -> float:
    """Wait for free cores, for a limited time; return how many are busy."""
    until = time.monotonic() + seconds
    while (busy := others()) >= FREE and time.monotonic() < until:
        pass
    return busy


def others(seconds: float = 0.25) -> float:
    """Count the cores that are busy while this process waits."""
    before = cpu_ticks()
    time.sleep(seconds)
    busy, idle = (after - first for after, first in zip(cpu_ticks(), before, strict=True))
    return (os.cpu_count() or 1) * busy / max(busy + idle, 1)


def cpu_ticks() -> tuple[int, int]:
    """Read how long all cores were busy and idle."""
    ticks = [int(text) for text in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, idle


def by_processor(wall: Row, values: list[float], aim: float, *, larger: bool = False) -> Row:
    """Judge the same figure by the processor's clock, which others on the cores do not move."""
    value = median(values)
    met = "yes" if (value > aim) == larger else "no"
    return {**wall, "what": f"{wall['what']}, processor", "value": float(value), "met": met}


def spent(mle: Fit, **options: Any) -> tuple[float, float]:
    """Time a run by the wall's clock and the processor's."""
    started, used = time.perf_counter(), time.process_time()
    bootstrap(mle, **{"n_resamples": B_TIMED, "rng": SEED, **options})
    return time.perf_counter() - started, time.process_time() - used


def efficiencies(mle: Fit, count: int, aim: float, turns: int, what: str) -> Iterator[Row]:
    """Run in turns on one core and on two."""
    bootstrap(mle, n_resamples=128, rng=SEED, n_jobs=2)
    processor: list[float] = []

    def ratio() -> float:
        one = spent(mle, n_resamples=count)
        before = worker_seconds()
        two = spent(mle, n_resamples=count, n_jobs=2)
        longest = max(seconds - before[pid] for pid, seconds in worker_seconds().items())
        processor.append(one[1] / (2 * (two[1] + longest)))
        return one[0] / (2 * two[0])

    wall = figure(f"efficiency, {what}", ratio, turns, aim, larger=True)
    yield wall
    yield by_processor(wall, processor, aim, larger=True)


def worker_seconds() -> dict[int, float]:
    """Read how long each worker has used the processor."""
    tick = os.sysconf("SC_CLK_TCK")
    fields = {pid: Path(f"/proc/{pid}/stat").read_text().split() for pid in worker_pids()}
    return {pid: (int(each[13]) + int(each[14])) / tick for pid, each in fields.items()}


def first_piece() -> float:
    """Time from the call in a fresh process to the first piece on disk."""
    with TemporaryDirectory() as folder:
        return float(finished(start(Path(folder), n_jobs=2)))


def bytes_sent(mle: Fit) -> Iterator[Row]:
    """Measure what each worker maps, and what it reads from its pipe and files."""
    task = Task.prepare(mle, Cases(), "verified", SEED)
    payload = sum(part.nbytes for part in Payload.pack(task).parts)
    data = sum(np.asarray(arg).nbytes for arg in mle.likelihood.args)
    yield {
        "what": "MB that each worker maps",
        "value": payload / 1e6,
        "seen": f"data {data / 1e6:g}",
    }
    bootstrap(mle, n_resamples=128, rng=SEED, n_jobs=2)
    before = {pid: bytes_read(pid) for pid in worker_pids()}
    bootstrap(mle, n_resamples=B_TIMED, rng=SEED, n_jobs=2)
    read = [bytes_read(pid) - bytes_then for pid, bytes_then in before.items()]
    yield {"what": "kB that each worker reads besides", "value": float(np.mean(read)) / 1e3}


def bytes_read(pid: int) -> int:
    """Count what a process has read so far."""
    counters = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(counters["rchar"])


PIECES: dict[str, Callable[[Effort], Iterator[Row]]] = {
    "kill": kill,
    "kill-parallel": kill_parallel,
    "signals": signals,
    "hangs": hangs,
    "workers": workers,
    "disk": disk,
    "damage": damage,
    "shards": shards,
    "checkpoint": checkpoint,
    "parallel": parallel,
}


if __name__ == "__main__":
    main()
