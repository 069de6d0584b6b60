"""Many verified refits of a logit in JAX on this machine's accelerator, or on its CPU without one.

Run ``python benchmarks/jax_device.py [--refits 100000] [--csv DIR]``. One row:

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
from bootmle.refitting.task import chunk_of
from jax_refits import jax_logit
from models import logit
from tables import Row, installed, report

COMPARED = 2000


def fitted() -> Fit:
    """Fit the logit where JAX computes now."""
    model = logit()
    return fit(jax_logit, model.truth, model.data(1500, rng=1), jac="jax")


def refitted(mle: Fit, count: int) -> tuple[Bootstrap, float]:
    """Refit so often; return the seconds, too."""
    started = time.perf_counter()
    boot = bootstrap(mle, n_resamples=count, rng=0, progress=False)
    return boot, time.perf_counter() - started


def measure(count: int) -> Row:
    """Time the refits on the device, and compare the first ones with the CPU's."""
    mle = fitted()
    refitted(mle, min(count, chunk_of(mle)))
    boot, seconds = refitted(mle, count)
    with jax.default_device(jax.devices("cpu")[0]):
        reference, _ = refitted(fitted(), min(count, COMPARED))
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


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--refits", type=int, default=100_000, help="how many (100,000)")
    parser.add_argument("--csv", type=Path, metavar="DIR", help="write the table to DIR")
    given = parser.parse_args(arguments)
    report("jax_device", [measure(given.refits)], given.csv, [f"jax {installed('jax')}"])


if __name__ == "__main__":
    main()
