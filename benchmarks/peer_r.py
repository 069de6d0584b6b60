"""The peers in R: each turn is a process of its own, which times only the call that resamples."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from peer_cases import Case
from peer_turns import Measure, Peer, Turn

SCRIPT = Path(__file__).with_name("peers.R")
PACKAGES = ("boot", "sandwich", "fwb")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def in_r(peer: str) -> Measure:
    """Take a turn in R."""

    def measure(case: Case, B: int, n_jobs: int, seed: int) -> Turn:
        numbers = (str(number) for number in (B, n_jobs, seed, len(case.members)))
        with TemporaryDirectory() as folder:
            _write(case, folder)
            printed = _rscript(str(SCRIPT), folder, case.family, peer, *numbers)
        values = np.genfromtxt(printed.splitlines(), missing_values="NA")
        processor, wall, evaluations, gradients, failures = values[:5]
        seconds = processor if n_jobs == 1 else wall
        return Turn(B, seconds, values[5:], evaluations, gradients, failures)

    return measure


@lru_cache(maxsize=1)
def r_versions() -> dict[str, str]:
    """Return the versions of R, its BLAS and those packages that are there; nothing without R."""
    if shutil.which("Rscript") is None:
        return {}
    there = "".join(
        f"if (requireNamespace('{name}', quietly = TRUE))"
        f" cat('{name}', format(packageVersion('{name}')), fill = TRUE);"
        for name in PACKAGES
    )
    own = "cat('R', format(getRversion()), fill = TRUE);"
    blas = "cat('BLAS', basename(extSoftVersion()['BLAS']), fill = TRUE);"
    lines = _rscript("-e", own + blas + there).splitlines()
    return {name: number for name, _, number in (line.partition(" ") for line in lines)}


def _rscript(*arguments: str) -> str:
    """Run R, its linear algebra on one thread."""
    done = subprocess.run(
        ["Rscript", "--vanilla", *arguments],
        env=os.environ | ONE_THREAD,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"Rscript {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def _write(case: Case, folder: str) -> None:
    """Write a case as doubles, X column by column."""
    *X, y = case.problem.args
    columns = X[0].T if X else np.ones(len(y))
    for name, values in {"X": columns, "y": y, "estimate": case.estimate}.items():
        np.ascontiguousarray(values, dtype=float).tofile(Path(folder, name))


IN_R = (
    Peer("R boot, optim", "R boot", True, in_r("optim")),
    Peer("R boot, glm.fit", "R boot", True, in_r("glm.fit"), ("logit",)),
    Peer("R sandwich::vcovBS", "R sandwich", True, in_r("vcovBS"), ("logit",)),
    Peer("R fwb", "R fwb", True, in_r("fwb")),
)
