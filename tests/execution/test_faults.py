"""Faults of whole processes: a run with workers is killed, a worker is, shards start at once.

The long form, at random moments, is benchmarks/faults.py.
"""

import json
import os
import signal
import subprocess
import sys
import time
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


def test_a_killed_run_with_workers_is_gone_on_with(mle: Fit, tmp_path: Path) -> None:
    run, process = tmp_path / "run", start(tmp_path, n_resamples=20_000, rng=0, n_jobs=2)
    while process.poll() is None and len(list(run.glob("piece-*"))) < 2:
        time.sleep(0.01)
    process.kill()
    process.wait()
    # Its workers wait for five minutes more; joblib's trackers ignore this, and clean up.
    os.killpg(process.pid, signal.SIGTERM)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    again = bootstrap(mle, n_resamples=1000, rng=0, checkpoint=run)
    assert_same(again, bootstrap(mle, n_resamples=1000, rng=0))


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
