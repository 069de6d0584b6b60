"""What the objective returns: contributions, shares of a mean, totals of any shape."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from bootmle import Fit, bootstrap, fit
from models import normal

Floats = NDArray[np.float64]
Y = np.random.default_rng(1).normal(3.0, 2.0, 80)
START = {"mu": 1.0, "log_sigma": 0.2}
nll = normal().nll


def total(params: Any, y: Any) -> float:
    return float(nll(params, y).sum())


SUMS = {
    "contributions over n": lambda p, y: nll(p, y) / len(y),
    "total": total,
    "mean": lambda p, y: nll(p, y).mean(),
    "mean of squares": lambda p, y: float(np.mean(nll(p, y))),
    "(1, 1)": lambda p, y: np.array([[total(p, y)]]),
    "(1, 1) of a mean": lambda p, y: np.array([[nll(p, y).mean()]]),
}


def errors_of(mle: Fit) -> tuple[Floats, Floats]:
    boot = bootstrap(mle, n_resamples=64, rng=0)
    assert boot.alarms == ()
    return np.asarray(mle.information.standard_errors), boot.standard_error


@pytest.mark.parametrize("form", SUMS)
def test_means_and_shares_have_the_standard_errors_of_the_sum(form: str) -> None:
    own, expected = errors_of(fit(SUMS[form], START, Y)), errors_of(fit(nll, START, Y))
    assert_allclose(own[0], expected[0], rtol=1e-4)
    assert_allclose(own[1], expected[1], rtol=1e-3)


def test_a_sum_with_a_huge_constant_is_no_mean() -> None:
    mle = fit(lambda p, y: total(p, y) + 1e12, START, Y)
    assert "mean over rows" not in str(mle)
    assert mle.nll == pytest.approx(1e12, rel=1e-9)
    assert_allclose(mle.estimate, [Y.mean(), np.log(Y.std())], atol=0.05)


def test_contributions_over_n_keep_their_prior_weights() -> None:
    prior = np.random.default_rng(4).uniform(0.5, 2.0, 80)
    shares, whole = (
        fit(fun, START, Y, weights=prior)
        for fun in (SUMS["contributions over n"], lambda p, y: nll(p, y))
    )
    assert_allclose(shares.estimate, whole.estimate, atol=1e-6)
    assert_allclose(shares.information.standard_errors, whole.information.standard_errors, 1e-4)
    assert "n = 80" in str(shares)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_one_number_is_a_total_whatever_its_shape(shape: tuple[int, ...]) -> None:
    mle = fit(lambda p, y: np.reshape(total(p, y), shape), START, Y)
    assert not mle.likelihood.per_observation
    assert mle.likelihood.n == 80


def test_a_total_of_the_first_rows_is_not_taken_for_a_mean() -> None:
    def first_rows(params: Any, y: Any) -> float:
        return total(params, y[:30])

    for balanced in (lambda p, y: total(p, y) / len(y), lambda p, y: total(p, y[: len(y)])):
        fit(balanced, START, np.tile(Y[:10], 8))
    with pytest.raises(ValueError, match="fun: reads only some of its rows"):
        fit(first_rows, START, Y)


def test_values_in_another_order_are_told_from_random_ones() -> None:
    draws = np.random.default_rng(0)

    def shuffled(params: Any, y: Any) -> Any:  # as groups of polars come
        return draws.permutation(nll(params, y))

    def total_at_times(params: Any, y: Any) -> Any:
        return nll(params, y) if next(calls) == 0 else nll(params, y).sum()

    with pytest.raises(ValueError, match="give the same values in another order"):
        fit(shuffled, START, Y)
    calls = iter(range(9))
    with pytest.raises(ValueError, match="two calls with the same arguments differ"):
        fit(total_at_times, START, Y)


def test_numbers_that_numpy_cannot_read_are_refused() -> None:
    class OnDevice:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            raise RuntimeError("call .cpu() first")

    with pytest.raises(TypeError, match=r"fun: returned what NumPy cannot read.*call \.cpu\(\)"):
        fit(lambda p, y: OnDevice(), START, Y)
