"""Exceptions inside the objective: themselves in fit, a status with its message in bootstrap."""

import sys
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bootmle import Cases, Estimator, Fit, Given, Status, bootstrap, fit
from bootmle.sampling.streams import stream_of
from models import normal

Y = np.random.default_rng(1).normal(3.0, 2.0, 16)
nll = normal().nll
START = {"mu": 2.0, "log_sigma": 0.5}


class OwnError(Exception):
    """An exception that only the user's code knows."""


@pytest.mark.parametrize("calls", [0, 1, 7, 40])
def test_an_exception_in_fit_surfaces_as_itself_with_the_users_traceback(calls: int) -> None:
    count = [0]

    def raises_later(params: Any, y: Any) -> Any:
        count[0] += 1
        if count[0] > calls:
            raise OwnError(f"call {count[0]}")
        return nll(params, y)

    with pytest.raises(OwnError, match="call") as caught:
        fit(raises_later, START, Y, options={"gtol": 1e-12})
    frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert frames[-1] == "raises_later"


def test_an_exception_of_jac_surfaces_as_itself() -> None:
    def broken(params: Any, y: Any) -> Any:
        raise OwnError("gradient")

    with pytest.raises(OwnError, match="gradient"):
        fit(nll, START, Y, jac=broken)


def without_first_row(reduce: bool) -> tuple[Fit, Any]:
    """A fit whose objective raises on data without row 0, and which replicates those are."""
    first = Y[0]

    def needs_it(params: Any, y: Any) -> Any:
        if not np.any(y == first) and len(y) > 8:
            raise OwnError(f"no reference among {len(np.unique(y))} values")
        values = nll(params, y)
        return values.sum() if reduce else values

    streams = [stream_of(3, k) for k in range(64)]
    weights = [Cases().draw(16, k, s).weights for k, s in enumerate(streams)]
    return fit(needs_it, START, Y), np.array([w[0] == 0 for w in weights])


def test_exceptions_of_replicates_are_their_status_with_the_message_kept() -> None:
    mle, missing = without_first_row(reduce=True)
    boot = bootstrap(mle, n_resamples=64, rng=3)
    assert 10 < missing.sum() < 40
    np.testing.assert_array_equal(boot.status == Status.RAISED, missing)
    np.testing.assert_array_equal(np.isnan(boot.replicates).all(axis=1), missing)
    assert boot.n_failed == missing.sum()
    for k in np.flatnonzero(missing):
        assert boot.data.messages[int(k)].startswith("OwnError: no reference among")


class Unspeakable(Exception):
    """An exception whose text cannot be made."""

    def __str__(self) -> str:
        raise AttributeError("no such place")


def gives_up(y: Any, how: Any) -> Any:
    """Raise on a resample that holds one row throughout; else nothing is returned."""
    if np.ptp(y) == 0:
        if how is sys.exit:
            sys.exit("no solution")
        raise how


MODELS: dict[str, Callable[[Any], Any]] = {
    "an estimator": lambda how: Estimator(
        lambda y: gives_up(y, how) or [y.mean(), 1000 * y.std()], Y
    ),
    "its standard error": lambda how: Estimator(
        lambda y: [y.mean(), 1000 * y.std() + 1],
        Y,
        standard_error=lambda y: gives_up(y, how) or [y.std(), 1000.0],
    ),
    "a total": lambda how: fit(
        lambda params, y: gives_up(y, how) or float(nll(params, y).sum()), START, Y
    ),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (sys.exit, "SystemExit: no solution"),
        (Unspeakable, "Unspeakable, whose text cannot be shown"),
        (OwnError, "OwnError"),
        (OwnError("a reason"), "OwnError: a reason"),
    ],
    ids=["exit", "unspeakable", "silent", "spoken"],
)
def test_whatever_the_users_code_raises_fails_one_replicate(
    how: Any, reason: str, model: str
) -> None:
    rows = np.random.default_rng(2).integers(0, 16, (40, 16))
    rows[25] = 7
    boot = bootstrap(MODELS[model](how), sampling=Given(indices=rows), n_resamples=40)
    assert reason in boot.data.messages[25]
    if model != "its standard error":
        assert np.flatnonzero(boot.data.failed).tolist() == [25]
    assert np.isnan(boot.data.standard_errors[25]).all()
    assert np.isfinite(np.delete(boot.replicates, 25, axis=0)).all()


def test_failures_are_counted_in_the_table_and_left_out_of_the_summaries() -> None:
    mle, missing = without_first_row(reduce=True)
    boot = bootstrap(mle, n_resamples=64, rng=3)
    kept = boot.replicates[~missing]
    np.testing.assert_allclose(boot.standard_error, kept.std(axis=0, ddof=1))
    assert f"{missing.sum()} failed" in str(boot)
    assert "OwnError" in str(boot)


def test_a_replicate_whose_objective_is_nan_has_a_status_of_its_own() -> None:
    def fussy(params: Any, y: Any) -> float:
        spread = np.ptp(y)
        return float(nll(params, y).sum()) if spread > 1e-9 else np.nan

    mle = fit(fussy, START, Y)
    indices = np.array([np.arange(16), np.zeros(16), np.arange(16)])
    boot = bootstrap(mle, sampling=Given(indices=indices), n_resamples=3)
    assert boot.status.tolist() == [Status.CERTIFIED, Status.NOT_FINITE, Status.CERTIFIED]
    assert boot.n_failed == 1


def test_a_run_in_which_nothing_worked_raises_with_the_commonest_reason() -> None:
    ready = [False]

    def breaks(params: Any, y: Any) -> float:
        if ready[0] and len(np.unique(y)) % 3 == 0:
            raise OwnError("rare")
        if ready[0]:
            raise ZeroDivisionError("common")
        return float(nll(params, y).sum())

    mle = fit(breaks, START, Y)
    ready[0] = True
    with pytest.raises(RuntimeError, match="ZeroDivisionError: common") as caught:
        bootstrap(mle, n_resamples=64, rng=0)
    assert "64" in str(caught.value)


def test_exceptions_of_an_estimator() -> None:
    def trimmed(y: Any) -> Any:
        if y.max() < Y.max():
            raise OwnError("maximum lost")
        return [y.mean(), 1000 * y.std()]

    boot = bootstrap(Estimator(trimmed, args=Y), n_resamples=64, rng=3)
    assert 10 < boot.n_failed < 40
    failed = np.flatnonzero(boot.status == Status.RAISED)
    assert len(failed) == boot.n_failed
    assert all(boot.data.messages[int(k)] == "OwnError: maximum lost" for k in failed)


def test_estimates_that_are_not_finite_or_of_another_shape_fail_by_name() -> None:
    def fickle(y: Any) -> Any:
        if len(np.unique(y)) < 10:
            return [np.nan, 1.0]
        return [y.mean()] if len(np.unique(y)) == 10 else [y.mean(), y.std()]

    boot = bootstrap(Estimator(fickle, args=Y), n_resamples=64, rng=3)
    seen = set(boot.status.tolist())
    assert seen == {Status.ESTIMATED, Status.NOT_FINITE, Status.RAISED}
    assert any("returned 1 values" in message for message in boot.data.messages.values())


def test_an_interrupt_is_no_failure_of_a_replicate() -> None:
    ready = [False]

    def stopped(params: Any, y: Any) -> float:
        if ready[0]:
            raise KeyboardInterrupt
        return float(nll(params, y).sum())

    mle = fit(stopped, START, Y)
    ready[0] = True
    with pytest.raises(KeyboardInterrupt):
        bootstrap(mle, n_resamples=4, rng=0)
