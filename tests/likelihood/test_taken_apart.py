"""A total taken apart into what its rows, or clusters, contribute."""

from typing import Any

import numpy as np
import pytest

from bootmle import Clustered, bootstrap, fit
from bootmle.optimization.status import Status
from models import poisson

MODEL = poisson(3)
DATA = MODEL.data(150, rng=1)
N = len(DATA[0])


def total(params: np.ndarray, *args: Any) -> float:
    return float(MODEL.nll(params, *args).sum())


def mean(params: np.ndarray, *args: Any) -> float:
    return float(MODEL.nll(params, *args).mean())


CONTRIBUTIONS = fit(MODEL.nll, MODEL.truth, DATA)
EXPANDED = bootstrap(CONTRIBUTIONS, n_resamples=199, rng=0, refit="expansion")


@pytest.mark.parametrize("objective", [total, mean])
def test_rows_alone_give_the_expansion_of_the_contributions(objective: Any) -> None:
    boot = bootstrap(fit(objective, MODEL.truth, DATA), n_resamples=199, rng=0, refit="expansion")
    off = (boot.replicates - EXPANDED.replicates) / EXPANDED.standard_error
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
    assert boot.n_shared < EXPANDED.n_shared


def test_corrected_replicates_of_a_total_take_few_evaluations_of_all_rows() -> None:
    rows = 0

    def counted(params: np.ndarray, *args: Any) -> float:
        nonlocal rows
        rows += len(args[0])
        return total(params, *args)

    mle = fit(counted, MODEL.truth, DATA)
    rows = 0
    boot = bootstrap(mle, n_resamples=999, rng=0, refit="corrected")
    verified = bootstrap(CONTRIBUTIONS, n_resamples=999, rng=0)
    sample = boot.status == Status.VERIFIED
    # Besides, the original data's nll at the sample and at the 20 furthest replicates.
    spent = boot.n_shared + boot.data.n_evaluations.sum()
    assert rows / N <= spent + sample.sum() + 20
    assert boot.data.n_evaluations[sample].mean() < 40
    assert boot.data.n_evaluations[~sample].sum() == 0
    assert np.abs(boot.standard_error / verified.standard_error - 1).max() < 0.01


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
