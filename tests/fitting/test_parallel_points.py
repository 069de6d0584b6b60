"""Points that workers evaluate ahead: the same bits, counts and exceptions as on one."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_array_equal

from bootmle import Fit, bootstrap, fit
from bootmle.execution import ahead

N, P = 80, 3
RNG = np.random.default_rng(5)
X = np.column_stack([np.ones(N), RNG.normal(size=(N, P - 1)) * [10.0, 0.1]])
Y = RNG.poisson(np.exp(X @ [0.5, 0.05, 3.0])).astype(float)


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use workers however fast an evaluation is, and wait for them."""
    monkeypatch.setattr(ahead, "_RULES", ahead._Rules(saves=-1.0, longer=0.0))
    start = ahead.Ahead._start

    def wait(self: ahead.Ahead) -> None:
        start(self)
        if self.starting is not None:
            self.starting.join()

    monkeypatch.setattr(ahead.Ahead, "_start", wait)


def terms(params: Any, X: Any, y: Any) -> Any:
    eta = X @ params
    return np.exp(eta) - y * eta


class Where:
    """Remembers which threads, or how many processes, evaluated it."""

    def __init__(self, total: bool) -> None:
        self.total, self.threads = total, set[int]()

    def __call__(self, params: Any, X: Any, y: Any) -> Any:
        self.threads.add(threading.get_ident())
        values = terms(params, X, y)
        return values.sum() if self.total else values


def assert_same(one: Fit, other: Fit) -> None:
    assert_array_equal(one.estimate, other.estimate)
    assert_array_equal(one.information.matrix, other.information.matrix)
    assert_array_equal(one.information.error, other.information.error)
    assert (one.decrement, one.nll) == (other.decrement, other.nll)
    assert one.n_evaluations == other.n_evaluations
    assert one.optimize_result.nfev == other.optimize_result.nfev
    assert one.notes == other.notes


@pytest.mark.parametrize("total", [False, True], ids=["contributions", "total"])
@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "Nelder-Mead"])
def test_a_fit_is_the_same_to_the_bit_on_any_number_of_workers(
    always: None, total: bool, method: str
) -> None:
    serial, parallel = Where(total), Where(total)
    alone = fit(serial, np.zeros(P), args=(X, Y), method=method)
    with parallel_config(backend="threading"):
        together = fit(parallel, np.zeros(P), args=(X, Y), method=method, n_jobs=3)
    assert len(serial.threads) == 1 < len(parallel.threads)
    assert_same(alone, together)


def test_processes_evaluate_the_points_of_a_fit_and_of_its_expansion(
    always: None, tmp_path: Path
) -> None:
    def noted(params: Any, X: Any, y: Any) -> Any:
        (tmp_path / str(os.getpid())).touch()
        eta = X @ params  # all here: workers do not import the tests
        return np.exp(eta) - y * eta

    alone = fit(noted, np.zeros(P), args=(X, Y))
    assert len(list(tmp_path.iterdir())) == 1
    together = fit(noted, np.zeros(P), args=(X, Y), n_jobs=2)
    assert len(list(tmp_path.iterdir())) == 3
    assert_same(alone, together)
    runs = [bootstrap(alone, n_resamples=16, rng=1, refit="expansion")]
    runs += [bootstrap(together, n_resamples=16, rng=1, refit="expansion", n_jobs=2)]
    assert_array_equal(runs[0].replicates, runs[1].replicates)


def test_the_expansion_of_a_total_taken_apart_is_the_same_on_any_number_of_workers(
    always: None,
) -> None:
    apart = [fit(Where(True), np.zeros(P), args=(X, Y)) for _ in range(2)]
    serial = bootstrap(apart[0], n_resamples=32, rng=1, refit="corrected")
    with parallel_config(backend="threading"):
        parallel = bootstrap(apart[1], n_resamples=32, rng=1, refit="corrected", n_jobs=2)
    assert_array_equal(serial.replicates, parallel.replicates)


def _raises(error: BaseException) -> Callable[..., Any]:
    """Return an objective that raises where its first parameter is above 0.2."""

    def nll(params: Any, X: Any, y: Any) -> Any:
        if params[0] > 0.2:
            raise error
        return terms(params, X, y)

    return nll


@pytest.mark.parametrize("error", [ValueError("far out"), KeyboardInterrupt(), SystemExit(3)])
def test_what_the_objective_raises_is_raised_as_on_one_worker(
    always: None, error: BaseException
) -> None:
    with parallel_config(backend="threading"), pytest.raises(type(error)) as found:
        fit(_raises(error), np.zeros(P), args=(X, Y), n_jobs=2)
    assert str(found.value) == str(error)


def test_workers_are_left_alone_where_they_would_save_no_time() -> None:
    objective = Where(False)
    with parallel_config(backend="threading"):
        fit(objective, np.zeros(P), args=(X, Y), n_jobs=2)
    assert len(objective.threads) == 1
