"""Many verified refits of a logit in JAX on this machine's accelerator.

Run ``python benchmarks/jax_device.py [--refits 100000] [--csv DIR]``. It prints each step as it
ends, and stops where JAX sees no accelerator; ``--cpu`` measures the CPU alone. One row:

device, chunk
    Where JAX computes, and how many replicates move together there.
refits, seconds, per_second
    Verified refits of the logit (n = 1,500, p = 12), after a first run that compiles; with
    everything on the way, from drawing the resamples to the alarms.
failed
    Replicates without an optimum.
apart
    Largest distance between replicates on the device and the same ones on the CPU, in standard
    errors, over the first 2,000; on a machine without an accelerator, of two runs on the CPU.
se_apart
    Largest relative difference between their standard errors.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np

from bootmle import Bootstrap, Fit, bootstrap, fit
from bootmle.likelihood.compiled import device
from bootmle.refitting import task
from bootmle.refitting.task import chunk_of
from jax_refits import jax_logit
from models import logit
from tables import Row, installed, report

COMPARED = 2000
HALVED = 6  # times that a chunk that does not fit is halved: to a sixty-fourth


def fitted() -> Fit:
    """Fit the logit where JAX computes now."""
    model = logit()
    return fit(jax_logit, model.truth, model.data(1500, rng=1), jac="jax")


def refitted(mle: Fit, count: int) -> tuple[Bootstrap, float]:
    """Refit so often; return the seconds, too."""
    started = time.perf_counter()
    boot = bootstrap(mle, n_resamples=count, rng=0, progress=False)
    return boot, time.perf_counter() - started


def fitting_in_memory() -> Fit:
    """Fit, and refit one chunk; with half as many replicates in a chunk if memory is too small."""
    for _ in range(HALVED):
        mle = fitted()
        try:
            _, seconds = refitted(mle, chunk_of(mle))
        except MemoryError as error:
            say(f"chunks of {chunk_of(mle)} do not fit: {error}")
            task.WEIGHTS_CAP //= 2
            continue
        say(f"one chunk of {chunk_of(mle)} with compiling: {seconds:.1f} s")
        return mle
    raise SystemExit("jax_device: the memory of this device does not hold a chunk of any size")


def measure(count: int) -> Row:
    """Time the refits on the device, and compare the first ones with the CPU's."""
    mle = fitting_in_memory()
    boot, seconds = refitted(mle, count)
    say(f"{count:,} refits: {seconds:.2f} s, {boot.n_failed} failed")
    with jax.default_device(jax.devices("cpu")[0]):
        reference, taken = refitted(fitted(), min(count, COMPARED))
    say(f"{len(reference.replicates):,} refits on the CPU with compiling: {taken:.1f} s")
    se, first = reference.standard_error, slice(len(reference.replicates))
    apart = np.abs(boot.replicates[first] - reference.replicates) / se
    own = boot.data.standard_errors[first] / reference.data.standard_errors
    return {
        "device": device().kind,
        "chunk": chunk_of(mle),
        "refits": count,
        "seconds": seconds,
        "per_second": count / seconds,
        "failed": boot.n_failed,
        "apart": float(apart.max()),
        "se_apart": float(np.abs(own - 1).max()),
    }


def check_device(cpu: bool) -> None:
    """Print what JAX sees; refuse a CPU unless it is asked for."""
    say(f"jax {installed('jax')} sees {', '.join(each.device_kind for each in jax.devices())}")
    if device().memory is None and not cpu:
        raise SystemExit(
            "jax_device: JAX sees no accelerator whose memory it knows; install its build for the "
            "device, as in pip install 'jax[cuda12]', or pass --cpu to measure the CPU"
        )


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--refits", type=int, default=100_000, help="how many (100,000)")
    parser.add_argument("--csv", type=Path, metavar="DIR", help="write the table to DIR")
    parser.add_argument("--cpu", action="store_true", help="measure the CPU, without accelerator")
    given = parser.parse_args(arguments)
    check_device(given.cpu)
    report("jax_device", [measure(given.refits)], given.csv, [f"jax {installed('jax')}"])


if __name__ == "__main__":
    main()
