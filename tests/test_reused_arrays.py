"""Functions that write into one array of their own again and again, as fast code does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from bootmle import Estimator, Fit, bootstrap, fit, information

Y = np.random.default_rng(0).gamma(2.0, 3.0, 60)


@dataclass
class Reused:
    """A function with one array for each shape of result, which it returns every time."""

    function: Callable[..., Any]
    arrays: dict[tuple[int, ...], np.ndarray] = field(default_factory=dict)

    def __call__(self, *args: Any) -> Any:
        values = np.asarray(self.function(*args))
        own = self.arrays.setdefault(values.shape, np.empty(values.shape))
        own[...] = values
        return own


def normal(params: Any, y: Any) -> Any:
    return params[1] + (y - params[0]) ** 2 / 2 / np.exp(2 * params[1])


def scores(params: Any, y: Any) -> Any:
    u = (y - params[0]) / np.exp(params[1])
    return np.stack([-u / np.exp(params[1]), 1 - u**2], axis=1)


def total(params: Any, y: Any) -> Any:
    return normal(params, y).sum()


def at_many(params: Any, y: Any) -> Any:
    return normal(params, y[:, None])


@pytest.mark.parametrize(
    ("fun", "given"),
    [(normal, {}), (normal, {"jac": scores}), (at_many, {"vectorized": True}), (total, {})],
)
@pytest.mark.parametrize("refit", ["verified", "corrected"])
def test_reused_arrays_give_the_same_bits(fun: Any, given: dict[str, Any], refit: str) -> None:
    reused = {name: Reused(each) if callable(each) else each for name, each in given.items()}
    runs = [
        bootstrap(fit(one, [0.0, 0.0], args=Y, **others), n_resamples=49, rng=0, refit=refit)
        for one, others in ((fun, given), (Reused(fun), reused))
    ]
    assert np.array_equal(runs[0].replicates, runs[1].replicates)
    one, two = (run.fit for run in runs)
    assert isinstance(one, Fit)
    assert isinstance(two, Fit)
    assert np.array_equal(one.information.matrix, two.information.matrix)


def test_so_do_estimators_derived_quantities_and_information() -> None:
    def moments(y: Any) -> Any:
        return np.array([y.mean(), y.std()])

    def squares(params: Any) -> Any:
        return np.asarray(params) ** 2

    runs = [
        bootstrap(Estimator(one, args=Y), n_resamples=49, rng=0)
        for one in (moments, Reused(moments))
    ]
    assert np.array_equal(runs[0].replicates, runs[1].replicates)
    again = [runs[0].derive(one).replicates for one in (squares, Reused(squares))]
    assert np.array_equal(again[0], again[1])
    measured = [information(one, [6.0, 1.5], (Y,)).matrix for one in (normal, Reused(normal))]
    assert np.array_equal(measured[0], measured[1])
