"""Objectives that take many parameter vectors at once: the same numbers, in fewer calls."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bootmle import Cases, Clustered, Parametric, bootstrap, crosscheck, fit
from bootmle.likelihood.vectorization import Vectorized
from models import logit

MODEL = logit(5)
X, Y = MODEL.data(120, rng=1)


def single(params: Any, x: Any, y: Any) -> Any:
    return np.logaddexp(0.0, (1.0 - 2.0 * y) * (x @ params))


class Many:
    """The same model of (p, k) parameters, which counts its calls."""

    def __init__(self, total: bool = False) -> None:
        self.total, self.calls, self.points = total, 0, 0

    def __call__(self, params: Any, x: Any, y: Any) -> Any:
        assert params.ndim == 2
        self.calls += 1
        self.points += params.shape[1]
        values = np.logaddexp(0.0, (1.0 - 2.0 * y)[:, None] * (x @ params))
        return values.sum(axis=0) if self.total else values


def test_replicates_are_those_of_the_objective_called_one_by_one() -> None:
    usual = fit(single, MODEL.truth, (X, Y))
    many = Many()
    vectorized = fit(many, MODEL.truth, (X, Y), vectorized=True)
    assert_allclose(vectorized.estimate, usual.estimate, rtol=1e-9)
    many.calls = many.points = 0
    for sampling in (Cases(), Clustered(np.arange(120) // 4), Parametric(MODEL.simulate)):
        one = bootstrap(usual, sampling=sampling, n_resamples=64, rng=0)
        other = bootstrap(vectorized, sampling=sampling, n_resamples=64, rng=0)
        assert_allclose(other.replicates, one.replicates, rtol=1e-7, atol=1e-9)
        # Each replicate's own standard errors; simulated data have none.
        assert_allclose(other.data.standard_errors, one.data.standard_errors, rtol=1e-5)
        assert_allclose(other.data.n_evaluations.mean(), one.data.n_evaluations.mean(), rtol=0.02)
    # A gradient of 6 parameters is one call, not 6: points are many, calls few.
    assert many.calls < many.points / 3


def test_totals_are_evaluated_together() -> None:
    usual = fit(lambda params, x, y: single(params, x, y).sum(), MODEL.truth, (X, Y))
    many = Many(total=True)
    vectorized = fit(many, MODEL.truth, (X, Y), vectorized=True)
    assert not vectorized.likelihood.per_observation
    many.calls = many.points = 0
    one, other = (bootstrap(each, n_resamples=16, rng=0) for each in (usual, vectorized))
    assert_allclose(other.replicates, one.replicates, atol=1e-6)
    assert many.calls < many.points / 2


def test_the_crosscheck_takes_it_too() -> None:
    check = crosscheck(fit(Many(), MODEL.truth, (X, Y), vectorized=True))
    usual = crosscheck(fit(single, MODEL.truth, (X, Y)))
    assert_allclose(check.standard_errors["sandwich"], usual.standard_errors["sandwich"], rtol=1e-6)


def test_a_point_that_raises_loses_no_other() -> None:
    def fragile(params: Any, x: Any, y: Any) -> Any:
        if np.any(params[0] > 0.9):
            raise ArithmeticError("outside the domain")
        return np.logaddexp(0.0, (1.0 - 2.0 * y)[:, None] * (x @ params))

    boot = bootstrap(fit(fragile, MODEL.truth, (X, Y), vectorized=True), n_resamples=64, rng=0)
    assert boot.n_failed < 32
    assert np.all(boot.replicates[~boot.data.failed, 0] <= 0.9)


def test_one_point_is_a_column() -> None:
    square = Vectorized(lambda params, y: (y[:, None] - params[0]) ** 2)
    assert_allclose(square(np.array([1.0]), np.array([1.0, 4.0])), [0.0, 9.0])
    total = Vectorized(lambda params, y: ((y[:, None] - params[0]) ** 2).sum(axis=0))
    assert total(np.array([1.0]), np.array([1.0, 4.0])) == 9.0
    assert_allclose(total.at(np.array([[1.0], [2.0]]), np.array([1.0, 4.0])), [9.0, 5.0])


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (single, "vectorized: fun (raised|returned)"),
        (lambda params, x, y: (x @ params).sum(), "vectorized: fun"),
        (
            lambda params, x, y: params[0] * params[1].mean(),
            "differ from what it returns for each vector alone",
        ),
        (lambda params, x, y: float(params[0]), "vectorized: fun raised TypeError"),
    ],
)
def test_what_is_not_vectorized_is_refused(objective: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(objective, MODEL.truth, (X, Y), vectorized=True)


def test_values_with_gradients_are_refused() -> None:
    with pytest.raises(ValueError, match="vectorized: fun returns values only"):
        fit(Many(), MODEL.truth, (X, Y), jac=True, vectorized=True)
