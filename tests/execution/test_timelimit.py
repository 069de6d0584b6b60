"""Time limits of refits, and what the user's code raises: one replicate fails, and is named."""

import asyncio
import time
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from bootmle import Estimator, Given, Status, bootstrap, fit

Y = np.random.default_rng(0).normal(size=30)
ROWS = np.random.default_rng(42).integers(0, 30, (40, 30))
ROWS[25] = 7
"""The last of these resamples holds one row thirty times."""
OTHERS = np.delete(np.arange(40), 25)
LATE = "the refit took longer than timeout=0.3 seconds"


class OwnStop(BaseException):
    """Neither an Exception nor the user's Ctrl-C."""


@pytest.mark.parametrize("kind", [GeneratorExit, asyncio.CancelledError, SystemExit, OwnStop])
def test_whatever_is_raised_fails_one_replicate(kind: type[BaseException]) -> None:
    def mean(y: Any) -> list[float]:
        if y.max() == y.min():
            raise kind("no sample")
        return [y.mean(), 1000 * y.std()]

    def nll(params: Any, y: Any) -> Any:
        if y.max() == y.min():
            raise kind("no sample")
        return float(np.sum(params[1] + 0.5 * ((y - params[0]) / np.exp(params[1])) ** 2))

    model = fit(nll, {"mu": 0.1, "log_sd": 0.1}, args=Y)
    for what in (Estimator(mean, Y), model):
        boot = bootstrap(what, sampling=Given(indices=ROWS), n_resamples=40)
        assert dict(boot.data.messages) == {25: f"{kind.__name__}: no sample"}
        assert boot.status[25] == Status.RAISED
        assert not boot.data.failed[OTHERS].any()


def test_a_hang_in_a_worker_is_a_failure_with_that_reason() -> None:
    def hanging(y: Any) -> list[float]:
        while y.max() == y.min():
            with suppress(Exception):  # as code does that tries again and again
                time.sleep(0.05)
        return [y.mean(), 1000 * y.std()]

    model = Estimator(hanging, Y)
    started = time.monotonic()
    boot = bootstrap(model, sampling=Given(indices=ROWS), n_resamples=40, n_jobs=2, timeout=0.3)
    assert time.monotonic() - started < 30
    assert dict(boot.data.messages) == {25: LATE}
    assert boot.status[25] == Status.TIMED_OUT
    np.testing.assert_array_equal(boot.replicates[OTHERS, 0], Y[ROWS[OTHERS]].mean(axis=1))


def test_in_the_callers_process_the_time_is_looked_at_between_evaluations() -> None:
    def nll(params: Any, y: Any) -> float:
        time.sleep(0.1 if y.max() == y.min() else 0.0)
        return float(np.sum(params[1] + 0.5 * ((y - params[0]) / np.exp(params[1])) ** 2))

    model = fit(nll, {"mu": 0.1, "log_sd": 0.1}, args=Y)
    started = time.monotonic()
    boot = bootstrap(model, sampling=Given(indices=ROWS[20:30]), n_resamples=10, timeout=0.3)
    assert time.monotonic() - started < 3
    assert dict(boot.data.messages) == {5: LATE}
    assert boot.n_failed == 1


@pytest.mark.parametrize("timeout", [0, -1.0, "3", True, np.inf, np.nan])
def test_a_limit_that_is_none_is_refused(timeout: Any) -> None:
    with pytest.raises(ValueError, match=r"timeout: got .*; pass the seconds"):
        bootstrap(Estimator(np.mean, Y), timeout=timeout)
