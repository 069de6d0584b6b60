"""A total taken apart into what its rows, or clusters, contribute."""

import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bootmle import Bootstrap, Cases, Clustered, Fit, bootstrap, fit, load
from bootmle.likelihood.taken_apart import seconds_apart
from bootmle.optimization.status import Status
from bootmle.refitting import forecast
from models import poisson

MODEL = poisson(3)
DATA = MODEL.data(150, rng=1)
N = len(DATA[0])


def total(params: np.ndarray, *args: Any) -> float:
    return float(MODEL.nll(params, *args).sum())


def mean(params: np.ndarray, *args: Any) -> float:
    return float(MODEL.nll(params, *args).mean())


@cache
def of_contributions() -> Fit:
    return fit(MODEL.nll, MODEL.truth, DATA)


@cache
def expanded_run() -> Bootstrap:
    return bootstrap(of_contributions(), n_resamples=199, rng=0, refit="expansion")


@pytest.mark.parametrize("objective", [total, mean])
def test_rows_alone_give_the_expansion_of_the_contributions(objective: Any) -> None:
    boot = bootstrap(fit(objective, MODEL.truth, DATA), n_resamples=199, rng=0, refit="expansion")
    off = (boot.replicates - expanded_run().replicates) / expanded_run().standard_error
    assert np.abs(off).max() < 1e-4
    assert any("total is taken apart" in note for note in boot.notes)


def test_the_gradient_of_a_total_is_taken_apart_too() -> None:
    def gradient(params: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (np.exp(x @ params) - y) @ x

    def scores(params: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (np.exp(x @ params) - y)[:, None] * x

    options: dict[str, Any] = {"n_resamples": 199, "rng": 0, "refit": "expansion"}
    boot = bootstrap(fit(total, MODEL.truth, DATA, jac=gradient), **options)
    same = bootstrap(fit(MODEL.nll, MODEL.truth, DATA, jac=scores), **options)
    assert np.abs((boot.replicates - same.replicates) / same.standard_error).max() < 1e-4
    assert boot.n_shared < expanded_run().n_shared


def test_corrected_replicates_of_a_total_take_few_evaluations_of_all_rows() -> None:
    rows = 0

    def counted(params: np.ndarray, *args: Any) -> float:
        nonlocal rows
        rows += len(args[0])
        return total(params, *args)

    mle = fit(counted, MODEL.truth, DATA)
    rows = 0
    boot = bootstrap(mle, n_resamples=999, rng=0, refit="corrected")
    verified = bootstrap(of_contributions(), n_resamples=999, rng=0)
    sample = boot.status == Status.VERIFIED
    # Besides, the original data's nll at the sample and at the 20 furthest replicates.
    spent = boot.n_shared + boot.data.n_evaluations.sum()
    assert rows / N <= spent + sample.sum() + 20
    assert boot.data.n_evaluations[sample].mean() < 40
    assert boot.data.n_evaluations[~sample].sum() == 0
    assert np.abs(boot.standard_error / verified.standard_error - 1).max() < 0.01
    rows = 0
    own, other = (each.confidence_interval("bca") for each in (boot, verified))
    # The jackknife is solved on the expansion, too, but for observations of large influence.
    assert rows / N < 15 * N
    assert np.abs((own.low - other.low) / verified.standard_error).max() < 0.05
    assert np.abs((own.high - other.high) / verified.standard_error).max() < 0.05


def _panel() -> tuple[Any, tuple[np.ndarray, ...]]:
    """A random intercept integrated out: rows of a group belong together."""
    rng = np.random.default_rng(5)
    group = np.repeat(np.arange(60), 4)
    x = rng.normal(size=(240, 2)) * [1.0, 10.0]
    y = x @ [0.5, 0.1] + rng.normal(size=60)[group] + rng.normal(size=240)

    def nll(params: np.ndarray, x: np.ndarray, y: np.ndarray, group: np.ndarray) -> float:
        residual = y - x @ params[:2]
        noise, between = np.exp(2 * params[2:])
        _, code = np.unique(group, return_inverse=True)
        size, sums = np.bincount(code), np.bincount(code, residual)
        inflated = noise + size * between
        squares = np.bincount(code, residual**2) - between * sums**2 / inflated
        return float(0.5 * (squares / noise + (size - 1) * np.log(noise) + np.log(inflated)).sum())

    return nll, (x, y, group)


def test_clusters_alone_serve_where_rows_belong_together() -> None:
    nll, data = _panel()
    mle = fit(nll, [0.0, 0.0, 0.0, 0.0], data)
    plan = Clustered(data[2])
    boot = bootstrap(mle, sampling=plan, n_resamples=199, rng=0, refit="corrected")
    verified = bootstrap(mle, sampling=plan, n_resamples=199, rng=0)
    assert np.abs(boot.standard_error / verified.standard_error - 1).max() < 0.03
    assert (boot.status == Status.EXPANDED).any()


def test_an_objective_that_fails_on_a_single_row_is_refused() -> None:
    def nll(params: np.ndarray, *args: Any) -> float:
        if len(args[0]) < 2:
            raise ZeroDivisionError("one row")
        return total(params, *args)

    with pytest.raises(ValueError, match=r"takes the total apart, but .* raised .*one row"):
        bootstrap(fit(nll, MODEL.truth, DATA), n_resamples=99, rng=0, refit="corrected")


def test_values_that_do_not_add_up_are_refused() -> None:
    def nll(params: np.ndarray, *args: Any) -> float:
        return total(params, *args) * (1.5 if len(args[0]) == 1 else 1.0)

    with pytest.raises(ValueError, match="do not add up to the total"):
        bootstrap(fit(nll, MODEL.truth, DATA), n_resamples=99, rng=0, refit="corrected")


@pytest.fixture
def quick_rows(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Single rows that take together as long as all of them in one call."""
    monkeypatch.setattr(forecast, "seconds_apart", lambda *_: 0.1)
    return monkeypatch


def _slow_fit() -> Any:
    """Fit a total whose evaluation takes 0.1 s, as far as it is known."""
    mle = fit(total, MODEL.truth, DATA)
    object.__setattr__(mle, "seconds_per_evaluation", 0.1)
    return mle


def test_verified_refits_take_a_total_apart_where_that_saves_time(
    quick_rows: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def run(count: int, path: Path | None = None) -> Bootstrap:
        return bootstrap(mle, n_resamples=count, rng=0, checkpoint=path)

    mle = _slow_fit()
    apart, known = run(130), bootstrap(of_contributions(), n_resamples=130, rng=0)
    assert apart.apart
    assert "the total is taken apart" in str(apart)
    assert (apart.status == known.status).all()
    # Both are certified to 1e-3 standard errors.
    assert np.abs((apart.replicates - known.replicates) / known.standard_error).max() < 2e-3
    assert apart.data.n_evaluations.mean() < 35  # 48 of a total as a whole
    half = run(70, tmp_path)
    # Later sessions and extensions go the way of the first one, whatever rows take by then.
    quick_rows.setattr(forecast, "seconds_apart", lambda *_: 1e3)
    forecast._SECONDS_APART.clear()
    longer = half.extend(60), run(130, tmp_path), load(tmp_path, fit=mle)
    for boot in longer:
        assert np.array_equal(boot.replicates, apart.replicates)
    assert not run(130).apart


def test_a_total_stays_whole_where_single_rows_cost_more_than_they_save(
    quick_rows: pytest.MonkeyPatch,
) -> None:
    mle, plan = _slow_fit(), Cases()
    quick_rows.setattr(forecast, "seconds_apart", lambda *_: 0.4)
    assert forecast.pays_apart(mle, plan, 1999)
    assert not forecast.pays_apart(mle, plan, 2)
    # What is known from another run changes nothing: a run's bits do not depend on others.
    bootstrap(mle, n_resamples=50, rng=0, refit="expansion")
    assert not forecast.pays_apart(mle, plan, 2)
    quick_rows.setattr(forecast, "seconds_apart", lambda *_: np.inf)
    assert not forecast.pays_apart(_slow_fit(), plan, 10**6)
    assert not forecast.pays_apart(of_contributions(), plan, 1999)


def test_seconds_of_rows_alone_are_those_that_they_take() -> None:
    def nll(params: np.ndarray, *args: Any) -> float:
        time.sleep(2e-3)
        return total(params, *args)

    likelihood = replace(_slow_fit().likelihood, function=nll)
    assert 0.3 < seconds_apart(likelihood, None, MODEL.truth) < 3.0
    failing = replace(likelihood, function=lambda *_: 1 / 0)
    assert seconds_apart(failing, None, MODEL.truth) == np.inf
