"""Faults of whole processes: a run with workers is killed, a worker is, shards start at once.

The long form, at random moments, is benchmarks/faults.py.
"""

import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bootmle import Bootstrap, Estimator, Fit, bootstrap, fit, load
from models import logit

JOB = """
import json, sys
from bootmle import bootstrap, fit
from models import logit

model = logit(2)
mle = fit(model.nll, model.truth, model.data(60, rng=1))
bootstrap(mle, **json.loads(sys.argv[1]))
"""
ARRAYS = ("estimates", "status", "distance", "n_evaluations", "n_gradients", "standard_errors")


@pytest.fixture(scope="module")
def mle() -> Fit:
    model = logit(2)
    return fit(model.nll, model.truth, model.data(60, rng=1))


def start(folder: Path, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", JOB, json.dumps({"checkpoint": str(folder / "run"), **options})],
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )


def assert_same(one: Bootstrap, other: Bootstrap) -> None:
    for name in ARRAYS:
        assert getattr(one.data, name).tobytes() == getattr(other.data, name).tobytes()


def workers_of(session: int) -> list[str]:
    """List joblib's workers in a session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rsplit(")", 1)[1].split()
            command = (path.parent / "cmdline").read_text()
            if int(fields[3]) == session and fields[0] != "Z" and "popen_loky" in command:
                found.append(path.parent.name)
    return found


def test_a_killed_run_with_workers_is_gone_on_with(
    mle: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, process = tmp_path / "run", start(tmp_path, n_resamples=20_000, rng=0, n_jobs=2)
    while process.poll() is None and len(list(run.glob("piece-*"))) < 2:
        time.sleep(0.01)
    (run / f".piece.{platform.node()}.{process.pid}.0123abcd.tmp").touch()
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert list(tmp_path.glob("bootmle-*/payload"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    again = bootstrap(mle, n_resamples=1000, rng=0, n_jobs=2, checkpoint=run)
    assert_same(again, bootstrap(mle, n_resamples=1000, rng=0))
    assert not list(tmp_path.glob("bootmle-*"))
    assert not list(run.glob(".*.tmp"))
    # Only joblib's trackers may be left, and they wait for the workers alone.
    patience = time.monotonic() + 10.0
    while (left := workers_of(process.pid)) and time.monotonic() < patience:
        time.sleep(0.1)
    assert not left


def test_a_worker_that_is_killed_changes_no_bit_of_a_run(tmp_path: Path) -> None:
    here, marker = os.getpid(), tmp_path / "killed"

    def dies_once(y: Any) -> list[float]:
        if os.getpid() != here and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return [float(y.mean()), 1000 * float(y.std())]

    mortal = Estimator(dies_once, np.random.default_rng(0).normal(size=30))
    boot = bootstrap(mortal, n_resamples=500, rng=0, n_jobs=2, checkpoint=tmp_path / "run")
    assert marker.exists()
    assert_same(boot, bootstrap(mortal, n_resamples=500, rng=0))
    assert_same(load(tmp_path / "run"), boot)


def test_shards_that_start_at_once_agree_on_the_run(mle: Fit, tmp_path: Path) -> None:
    """Without rng: the seed is that of the first to come, and the others take it over."""
    run, shards = tmp_path / "run", [(i, 4) for i in range(1, 5)]
    running = [start(tmp_path, n_resamples=300, shard=shard) for shard in shards]
    for process in running:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    merged = load(run, fit=mle)
    assert_same(merged, bootstrap(mle, n_resamples=300, rng=merged.seed))
