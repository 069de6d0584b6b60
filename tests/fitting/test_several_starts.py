"""Several starts: the best of several optima, found within bounds and counted."""

from typing import Any

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bootmle import Estimator, bootstrap, fit

RNG = np.random.default_rng(0)
Y = np.concatenate([RNG.normal(0, 1, 30), RNG.normal(12, 1, 15)])


def cauchy(params: Any, y: Any) -> Any:
    """Of the scale 1, whose location has an optimum near each group."""
    return np.log1p((y - params[0]) ** 2) + 0.5 * (params[1] - 1e3) ** 2 / 1e6


def lowest() -> tuple[float, float]:
    """Scan the location."""
    grid = np.linspace(-3, 15, 18001)
    values = np.log1p((Y[:, None] - grid) ** 2).sum(axis=0)
    return float(grid[np.argmin(values)]), float(values.min())


START = {"location": 14.0, "scale": 900.0}


def test_the_best_of_several_optima() -> None:
    one = fit(cauchy, START, args=Y)
    assert one.optima is None
    assert one.estimate[0] > 11
    found = fit(cauchy, START, args=Y, n_starts=12, rng=0)
    assert_allclose([found.estimate[0], found.nll], lowest(), atol=1e-3)
    assert_allclose(found.estimate[1], 1e3, rtol=1e-6)
    optima = found.optima
    assert optima is not None
    first, second = optima.found[:2]
    assert first.nll == pytest.approx(found.nll)
    assert second.nll == pytest.approx(one.nll)
    assert sum(each.times for each in optima.found) + len(optima.failures) == optima.n_starts == 12
    assert f"{first.times} of 12 starts led here" in str(found)
    assert list(optima.to_frame().columns) == ["nll", "times", "location", "scale"]
    assert str(optima).splitlines()[1].split()[1] == f"{found.nll:.8g}"


def test_results_do_not_depend_on_workers() -> None:
    one = fit(cauchy, START, args=Y, n_starts=6, rng=3)
    with joblib.parallel_config(backend="threading"):
        two = fit(cauchy, START, args=Y, n_starts=6, rng=3, n_jobs=2)
    assert_array_equal(one.estimate, two.estimate)
    assert str(one.optima) == str(two.optima)


def test_starts_stay_within_bounds_and_where_the_objective_is_finite() -> None:
    seen: list[float] = []

    def nll(params: Any, y: Any) -> Any:
        seen.append(float(params[0]))
        return np.log1p((y - params[0]) ** 2) if params[0] < 14 else np.full(y.size, np.inf)

    found = fit(nll, [12.0], args=Y, bounds=[(-1.0, 20.0)], n_starts=8, rng=0)
    assert min(seen) >= -1.0
    assert max(seen) <= 20.0
    assert_allclose(found.estimate[0], lowest()[0], atol=1e-3)


def test_starts_that_lead_nowhere_are_counted() -> None:
    def nll(params: Any, y: Any) -> Any:
        if abs(params[0]) > 3:
            raise ArithmeticError("far away")
        return 0.5 * (y / 12 - params[0]) ** 2

    found = fit(nll, {"mean": 0.5}, args=Y, n_starts=6, rng=0)
    assert found.optima is not None
    assert len(found.optima) == 1
    assert_allclose(found.estimate[0], Y.mean() / 12, rtol=1e-6)


def test_a_better_fit_from_the_replicates() -> None:
    one = fit(cauchy, START, args=Y)
    boot = bootstrap(one, n_resamples=99, rng=0)
    better = boot.better_fit()
    if boot.alarms and any("boot.better_fit()" in str(alarm) for alarm in boot.alarms):
        assert_allclose([better.estimate[0], better.nll], lowest(), atol=1e-3)
    good = bootstrap(fit(cauchy, {"location": 0.0, "scale": 900.0}, args=Y), n_resamples=99, rng=0)
    assert good.fit is not None
    assert_array_equal(good.better_fit().estimate, good.fit.estimate)
    assert_array_equal(good.derive(lambda p: p[0]).better_fit().estimate, good.fit.estimate)
    with pytest.raises(ValueError, match="better_fit: needs the Fit"):
        bootstrap(Estimator(np.mean, args=Y), n_resamples=9).better_fit()


@pytest.mark.parametrize("n_starts", [0, 1.5, True, "many", None])
def test_numbers_of_starts_that_are_none(n_starts: Any) -> None:
    with pytest.raises(ValueError, match="n_starts: got"):
        fit(cauchy, START, args=Y, n_starts=n_starts)
    with pytest.raises(ValueError, match="rng: got -1"):
        fit(cauchy, START, args=Y, n_starts=2, rng=-1)
