"""The same bits for every number of workers, however the data lie in memory."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from bootmle import Cases, Clustered, Estimator, Parametric, bootstrap, fit

WIDE = np.random.default_rng(97).normal(size=(2400, 10)) * 10.0 ** np.arange(-4, 6)


def frame(columns: Any) -> Any:
    return pd.DataFrame(columns, columns=list("abcde"))


LAYOUTS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "contiguous": lambda: (WIDE[:1200, :5].copy(), WIDE[:1200, 9].copy()),
    "columns": lambda: (WIDE[:1200, :5], WIDE[:1200, 9]),
    "every second row": lambda: (WIDE[::2, :5], WIDE[::2, 9]),
    "reversed": lambda: (WIDE[1199::-1, 4::-1], WIDE[1199::-1, 9]),
    "Fortran order": lambda: (np.asfortranarray(WIDE[:1200, :5]), WIDE[:1200, 9]),
    "a frame": lambda: (frame(WIDE[:1200, :5]), pd.Series(WIDE[:1200, 9])),
    "rows of a frame": lambda: (frame(WIDE[:, :5])[::2], pd.DataFrame(WIDE)[9][::2]),
    "columns of a frame": lambda: (pd.DataFrame(WIDE[:1200]).iloc[:, :5], WIDE[:1200, 9]),
}


# Functions are made here, so that workers need not import the tests.


def weighted_regression() -> Any:
    def weighted(X: Any, y: Any, weights: Any) -> Any:
        X, y = np.asarray(X), np.asarray(y)
        scaled = X * weights[:, None]
        return np.concatenate([np.linalg.solve(scaled.T @ X, scaled.T @ y), [y @ weights]])

    return weighted


def regression(reduce: bool) -> Any:
    def nll(params: Any, X: Any, y: Any) -> Any:
        values = 0.5 * ((np.asarray(y) - np.asarray(X) @ params) / 1e5) ** 2
        return values.sum() if reduce else values

    return nll


def simulation() -> Any:
    def simulate(params: Any, rng: Any, X: Any, y: Any) -> Any:
        noise = 1e5 * rng.normal(size=(len(X), 2))
        return np.asfortranarray(X), np.asarray(X) @ params + noise[:, 0]

    return simulate


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_estimator_gives_the_same_bits(layout: str) -> None:
    what = Estimator(weighted_regression(), args=LAYOUTS[layout]())
    one, two = (bootstrap(what, n_resamples=130, rng=7, n_jobs=n_jobs) for n_jobs in (1, 2))
    assert_array_equal(one.replicates, two.replicates)


@pytest.mark.parametrize("layout", ["columns", "every second row", "Fortran order", "a frame"])
@pytest.mark.parametrize("reduce", [True, False])
@pytest.mark.parametrize(
    "plan", [Cases(), Clustered(np.arange(1200) // 3), Parametric(simulation())], ids=str
)
def test_a_fit_gives_the_same_bits(plan: Any, reduce: bool, layout: str) -> None:
    mle = fit(regression(reduce), np.zeros(5), LAYOUTS[layout]())
    options: dict[str, Any] = {"sampling": plan, "n_resamples": 70, "rng": 7}
    one, two = (bootstrap(mle, n_jobs=n_jobs, **options) for n_jobs in (1, 2))
    for name in ("estimates", "distance", "standard_errors"):
        assert getattr(one.data, name).tobytes() == getattr(two.data, name).tobytes()


def test_data_that_are_contiguous_are_not_copied() -> None:
    X, y = LAYOUTS["contiguous"]()
    table = pd.DataFrame({"a": y, "b": 1 + y})
    what = Estimator(lambda X, y, table: [y.mean()], args=(X, y, table))
    assert [one is other for one, other in zip(what.args, (X, y, table), strict=True)] == [True] * 3
