"""The jackknife: textbook formulas for a mean, a ratio, groups and a bias."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import ndtri

from bootmle import Estimator, Jackknife, bootstrap, fit, load
from bootmle.fitting.fit import Fit

N = 23
UNIT = np.array([50.0, 0.01])
GROUPS = np.random.default_rng(0).permutation(np.repeat(list("abcde"), [1, 3, 9, 4, 6]))


def data() -> Any:
    """Two variables of scales 50 and 0.01."""
    return np.array([1000.0, 1.0]) + UNIT * np.random.default_rng(1).gamma(2.0, size=(N, 2))


def nll(params: Any, Y: Any) -> Any:
    return 0.5 * (((Y - params) / UNIT) ** 2).sum(axis=1)


def means(reduce: bool = False) -> Fit:
    def total(params: Any, Y: Any) -> float:
        return float(nll(params, Y).sum())

    return fit(total if reduce else nll, {"first": 1000.0, "second": 1.0}, data())


@pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])
def test_the_covariance_of_a_mean_is_s_squared_over_n(reduce: bool) -> None:
    boot = bootstrap(means(reduce), sampling=Jackknife())
    exact = np.cov(data(), rowvar=False) / N
    assert_allclose(boot.standard_error, np.sqrt(np.diag(exact)), rtol=2e-3)
    assert_allclose(
        boot.covariance, exact, rtol=5e-3, atol=2e-3 * np.sqrt(exact[0, 0] * exact[1, 1])
    )
    averages = (data().sum(axis=0) - data()) / (N - 1)
    # The refits are accepted within 1e-2 and 1e-3 standard errors of their optima.
    gap = np.abs(boot.replicates - averages) / np.sqrt(np.diag(exact))
    assert gap.max() < 1e-3


def test_the_covariance_of_an_estimator_of_means_is_exact() -> None:
    boot = bootstrap(Estimator(lambda Y: Y.mean(axis=0), data()), sampling=Jackknife())
    assert_allclose(boot.covariance, np.cov(data(), rowvar=False) / N, rtol=1e-9)
    assert_allclose(boot.standard_error, data().std(axis=0, ddof=1) / np.sqrt(N), rtol=1e-9)
    assert np.all(np.abs(boot.bias) < 1e-9 * UNIT)


def ratios(Y: Any) -> Any:
    """A ratio of means and its inverse, 1e5 and 1e-5 and so of unequal scales."""
    first, second = Y.mean(axis=0)
    return {"ratio": first / second, "inverse": second / first}


def test_the_error_and_bias_of_a_ratio_are_the_textbook_ones() -> None:
    # Efron and Tibshirani (1993), chapter 11: √((n − 1)/n Σ(θ_i − θ̄)²) and (n − 1)(θ̄ − θ̂).
    boot = bootstrap(Estimator(ratios, data()), sampling=Jackknife())
    first, second = data().T
    left = (first.sum() - first) / (second.sum() - second)
    for column, values in enumerate((left, 1 / left)):
        centred = values - values.mean()
        assert_allclose(
            boot.standard_error[column] ** 2, (N - 1) / N * (centred @ centred), rtol=1e-9
        )
        shift = (N - 1) * (values.mean() - boot.estimate[column])
        assert_allclose(boot.bias[column], shift, rtol=1e-6)


def test_the_bias_of_the_plug_in_variance_is_minus_s_squared_over_n() -> None:
    boot = bootstrap(Estimator(lambda Y: Y.var(axis=0), data()), sampling=Jackknife())
    assert_allclose(boot.bias, -data().var(axis=0, ddof=1) / N, rtol=1e-8)


@pytest.mark.parametrize("form", ["array", "dict", "frame"])
def test_groups_of_unequal_size_are_left_out_whole(form: str) -> None:
    Y = data()
    table: Any = {"y": Y[:, 0], "z": Y[:, 1], "group": GROUPS}
    if form == "frame":
        table = pytest.importorskip("pandas").DataFrame(table)
    args = Y if form == "array" else table

    def average(held: Any) -> Any:
        columns = held.T if form == "array" else (held["y"], held["z"])
        return [np.mean(column) for column in columns]

    plan = Jackknife(GROUPS if form == "array" else "group")
    boot = bootstrap(Estimator(average, args), sampling=plan)
    order = list(dict.fromkeys(GROUPS.tolist()))
    left = np.array([Y[group != GROUPS].mean(axis=0) for group in order])
    assert_allclose(boot.replicates, left, rtol=1e-12)
    exact = 4 / 5 * ((left - left.mean(axis=0)) ** 2).sum(axis=0)
    assert_allclose(boot.standard_error**2, exact, rtol=1e-9)
    assert_allclose(boot.bias, 4 * (left.mean(axis=0) - Y.mean(axis=0)), rtol=1e-6)
    assert str(boot.sampling) == "Jackknife(5 left out in turn)"


@pytest.mark.parametrize("count", [2, N, 5000])
@pytest.mark.parametrize("seed", [0, 7])
def test_every_observation_is_left_out_whatever_the_number_asked_for(count: int, seed: int) -> None:
    boot = bootstrap(means(), sampling=Jackknife(), n_resamples=count, rng=seed)
    assert_array_equal(boot.replicates, bootstrap(means(), sampling=Jackknife()).replicates)
    assert len(boot.replicates) == N


def test_there_is_no_monte_carlo_error() -> None:
    boot = bootstrap(means(), sampling=Jackknife())
    assert_array_equal(boot.standard_error_mcse, [0.0, 0.0])
    assert "Jackknife(23 left out in turn)" in str(boot)


@pytest.mark.parametrize("method", ["percentile", "basic", "Percentile"])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_quantiles_are_no_interval(method: str, level: float) -> None:
    boot = bootstrap(means(), sampling=Jackknife())
    with pytest.raises(ValueError, match=r"are not random draws.*use 'normal'"):
        boot.confidence_interval(method, level)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_normal_interval_of_a_mean(level: float) -> None:
    boot = bootstrap(Estimator(lambda Y: Y.mean(axis=0), data()), sampling=Jackknife())
    center, error = data().mean(axis=0), data().std(axis=0, ddof=1) / np.sqrt(N)
    bounds = boot.confidence_interval("normal", level)
    reach = float(ndtri((1 + level) / 2)) * error
    assert_allclose(bounds.low, center - reach, rtol=1e-9)
    assert_allclose(bounds.high, center + reach, rtol=1e-9)
    below = boot.confidence_interval("normal", (1 + level) / 2, "greater")
    assert_allclose(below.low, center - reach, rtol=1e-9)
    assert_array_equal(below.high, [np.inf, np.inf])


def test_the_table_shows_the_normal_interval() -> None:
    frame_of = pytest.importorskip("pandas").DataFrame
    boot = bootstrap(means(), sampling=Jackknife())
    frame = boot.to_frame(0.8)
    assert isinstance(frame, frame_of)
    assert_array_equal(frame["low"], boot.confidence_interval("normal", 0.8).low)
    assert_array_equal(frame["high"], boot.confidence_interval("normal", 0.8).high)


def test_a_saved_run_is_a_jackknife_as_before(tmp_path: Path) -> None:
    boot = bootstrap(means(), sampling=Jackknife())
    boot.save(tmp_path / "run.npz")
    again = load(tmp_path / "run.npz")
    assert again.supports_quantiles is False
    assert_array_equal(again.standard_error, boot.standard_error)
    assert_array_equal(again.standard_error_mcse, [0.0, 0.0])
    assert_array_equal(again.bias, boot.bias)
    with pytest.raises(ValueError, match="use 'normal'"):
        again.confidence_interval()


def test_all_rows_in_one_group_are_refused() -> None:
    with pytest.raises(ValueError, match="groups: all rows belong to one; at least two groups"):
        Jackknife(["a"] * N)


@pytest.mark.parametrize("count", [N - 1, N + 1])
def test_a_wrong_number_of_labels_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"groups: {count} labels for {N} observations"):
        bootstrap(means(), sampling=Jackknife(np.arange(count) % 3))


def test_an_unknown_column_is_refused() -> None:
    with pytest.raises(ValueError, match="groups: no data frame or dict in args has a column"):
        bootstrap(means(), sampling=Jackknife("firm"))


def test_an_objective_that_reads_earlier_rows_is_refused() -> None:
    def reading(params: Any, Y: Any) -> Any:
        return nll(params, Y - 0.5 * np.roll(Y, 1, axis=0))

    with pytest.raises(ValueError, match=r"sampling: Jackknife\(\) draws single rows"):
        bootstrap(fit(reading, [500.0, 0.5], data()), sampling=Jackknife())
