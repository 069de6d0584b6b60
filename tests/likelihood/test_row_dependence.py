"""How the objective depends on the rows: what it raised on a part of them is said."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bootmle import bootstrap, fit
from bootmle.likelihood.response import Additivity
from models import normal

Y = np.random.default_rng(1).normal(3.0, 2.0, 80)
START = {"mu": 1.0, "log_sigma": 0.2}
nll = normal().nll
HELD = np.random.default_rng(5).normal(size=80)


@pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])
@pytest.mark.parametrize(
    ("holds", "raised"),
    [
        (lambda y: y - HELD, "ValueError: operands could not be broadcast"),
        (lambda y: y + 0 * {80: 1.0}[len(y)], "KeyError: "),
    ],
    ids=["held data", "lookup"],
)
def test_what_an_objective_raised_on_a_part_of_the_rows_is_named(
    holds: Callable[[Any], Any], raised: str, reduce: bool
) -> None:
    def objective(params: Any, y: Any) -> Any:
        values = nll(params, holds(y))
        return values.sum() if reduce else values

    mle = fit(objective, START, Y)
    with pytest.raises(ValueError, match="cannot be evaluated on a part of the rows") as caught:
        bootstrap(mle, n_resamples=9)
    assert "Cases()" in str(caught.value)
    assert f"(it raised {raised}" in str(caught.value)


def test_rounding_of_single_precision_is_no_dependence_on_the_order_of_rows() -> None:
    y = (50 + np.random.default_rng(0).normal(size=800)).astype(np.float32)

    def total(params: Any, y: Any) -> Any:  # added up one after another, as by a loop
        mu, log_sigma = params.astype(np.float32)
        return float(np.cumsum(log_sigma + ((y - mu) / np.exp(log_sigma)) ** 2 / 2)[-1])

    mle = fit(total, {"mu": 49.0, "log_sigma": 0.2}, y)
    assert sum("single precision" in note for note in mle.notes) == 1
    exact = y.std(dtype=float) / np.sqrt(800)
    se = bootstrap(mle, n_resamples=99, rng=0).standard_error[0]
    assert abs(se / exact - 1) < 4 / np.sqrt(2 * 99)
    assert not any("single" in note for note in fit(nll, START, Y.astype(np.float32)).notes)


def test_rounding_of_single_precision_is_no_dependence_between_rows() -> None:
    def parts(params: Any, y: Any) -> tuple[Any, Any]:
        mu, log_sigma = params.astype(np.float32)
        return (y - mu) / np.exp(log_sigma), log_sigma

    def total(params: Any, y: Any) -> Any:
        z, log_sigma = parts(params, y)
        return (z**2 / 2 + log_sigma).sum()

    def jac(params: Any, y: Any) -> Any:
        z, log_sigma = parts(params, y)
        return np.array([-z.sum() / np.exp(log_sigma), (1 - z**2).sum()])

    for seed in (8, 25, 28, 29):  # whose three values round furthest
        y = (50 + np.random.default_rng(seed).normal(size=400)).astype(np.float32)
        mle = fit(total, {"mu": 50.0, "log_sigma": 0.2}, y, jac=jac)
        assert mle.likelihood.response.kind is Additivity.ADDITIVE
