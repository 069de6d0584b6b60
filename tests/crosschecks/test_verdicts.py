"""Verdicts on data whose truth is known: who agrees, who does not, and the reason given."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize
from scipy.special import ndtri

from bootmle import Bootstrap, Clustered, Crosscheck, Flag, bootstrap, crosscheck, fit
from bootmle.fitting.fit import Fit
from models import normal, poisson

Floats = NDArray[np.float64]
# Untyped: SciPy's overloads take no method from a variable, and no result's matrix.
minimize: Any = optimize.minimize


def log_mean_nll(params: Any, y: Any) -> Any:
    """A normal of mean log(theta): theta's estimate, exp(mean), is lognormal."""
    with np.errstate(all="ignore"):
        return params[1] + 0.5 * ((y - np.log(params[0])) / np.exp(params[1])) ** 2


def draw_log_mean(params: Any, rng: Any, y: Any) -> Any:
    return rng.normal(np.log(params[0]), np.exp(params[1]), y.size)


@cache
def curved(error: float) -> Bootstrap:
    """200 rows with a mean of 3 and the given standard error of it, exactly."""
    y = np.random.default_rng(0).normal(size=200)
    y = (y - y.mean()) / y.std() * error * np.sqrt(200) + 3
    mle = fit(log_mean_nll, {"theta": 20.0, "log_sigma": 2.0}, y)
    return bootstrap(mle, n_resamples=1999, rng=0)


def test_curvature_at_one_point_misses_the_spread_of_a_correct_model() -> None:
    # A lognormal's standard deviation is 1.27 times its scale at sigma = 0.6, sampling error 5%.
    check = crosscheck(curved(0.6), simulate=draw_log_mean)
    errors = check.standard_errors
    truth = np.exp(3) * np.sqrt((np.exp(0.36) - 1) * np.exp(0.36))
    assert errors["hessian"][0] == pytest.approx(0.6 * np.exp(3), rel=1e-4)
    # Four Monte Carlo errors of about 3% of a lognormal's standard deviation.
    assert errors["parametric"][0] == pytest.approx(truth, rel=0.13)
    verdict = check.verdicts["hessian"]
    assert not verdict.agrees
    assert verdict.flag is Flag.SMALL_SAMPLE
    assert "theta" in verdict.reason
    assert "log_sigma" not in verdict.reason
    assert check.verdicts["parametric"].agrees
    assert Flag.MISSPECIFIED not in check.flags


def test_a_skewed_distribution_is_named_where_nothing_was_simulated() -> None:
    check = crosscheck(curved(0.6))
    assert check.verdicts["hessian"].flag is Flag.SKEWED
    assert check.verdicts["sandwich"].flag is Flag.SKEWED
    assert {Flag.SKEWED} <= check.flags
    assert Flag.MISSPECIFIED not in check.flags


def test_a_heavy_tail_is_named() -> None:
    # A lognormal of sigma = 1: 2.16 for the standard deviation, sinh(1) = 1.18 for the quantiles.
    check = crosscheck(curved(1.0))
    assert check.verdicts["hessian"].flag is Flag.HEAVY_TAILED
    assert Flag.HEAVY_TAILED in check.flags
    (said,) = [str(found) for found in check.diagnoses if found.flag is Flag.HEAVY_TAILED]
    assert "theta" in said
    assert "log_sigma" not in said


def counts(overdispersed: bool) -> tuple[Floats, Floats]:
    """400 counts with a covariate of scale 100; a gamma of variance 1 on top, or not."""
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(400), 100 * rng.normal(size=400)])
    mean = np.exp(1 + 0.003 * X[:, 1])
    mean = mean * rng.gamma(1.0, 1.0, 400) if overdispersed else mean
    return X, rng.poisson(mean).astype(float)


@cache
def count_boot(overdispersed: bool) -> Bootstrap:
    model = poisson(1)
    start = {"const": 1.0, "slope": 0.0}
    return bootstrap(fit(model.nll, start, counts(overdispersed)), n_resamples=499, rng=0)


@pytest.mark.parametrize("simulated", [False, True], ids=["scores", "simulate"])
def test_overdispersion_is_the_models_fault_and_not_the_curvatures(simulated: bool) -> None:
    simulate = poisson(1).simulate if simulated else None
    check = crosscheck(count_boot(True), simulate=simulate)
    assert Flag.MISSPECIFIED in check.flags
    assert not {Flag.SMALL_SAMPLE, Flag.OBJECTIVE_SCALE, Flag.UNEXPLAINED} & check.flags
    assert check.verdicts["sandwich"].agrees
    for source in ("hessian", "parametric") if simulated else ("hessian",):
        assert not check.verdicts[source].agrees
        assert check.verdicts[source].flag is Flag.MISSPECIFIED


def test_counts_from_the_model_are_not_blamed() -> None:
    check = crosscheck(count_boot(False), simulate=poisson(1).simulate)
    for source in ("parametric", "hessian", "sandwich"):
        assert check.verdicts[source].agrees
        assert check.verdicts[source].flag is None


def normal_data(n: int = 200, seed: int = 1) -> Floats:
    y: Floats = normal().data(n, rng=seed)[0]
    return y


def test_contributions_of_minus_two_log_l_are_named() -> None:
    model = normal()
    mle = fit(lambda p, y: 2 * model.nll(p, y), model.truth, normal_data())
    for check in (crosscheck(mle), crosscheck(bootstrap(mle, n_resamples=499, rng=0))):
        assert check.verdicts["hessian"].flag is Flag.OBJECTIVE_SCALE
        assert Flag.OBJECTIVE_SCALE in check.flags
        (said,) = [str(one) for one in check.diagnoses if one.flag is Flag.OBJECTIVE_SCALE]
        assert "−2 log L" in said


def test_a_total_that_is_a_mean_is_judged_as_the_sum_it_stands_for() -> None:
    model, y = normal(), normal_data(2000, seed=3)
    runs = [
        bootstrap(fit(fun, model.truth, y), n_resamples=199, rng=1)
        for fun in (lambda p, y: model.nll(p, y).sum(), lambda p, y: model.nll(p, y).mean())
    ]
    total, mean = (crosscheck(run) for run in runs)
    error = np.exp(runs[0].estimate[1]) / np.sqrt(2000)
    for check in (total, mean):
        assert check.standard_errors["hessian"] == pytest.approx([error, 1 / np.sqrt(4000)], 1e-4)
    assert total.verdicts["hessian"].agrees is mean.verdicts["hessian"].agrees is True


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (0.25, "a scaled objective"),
        (200.0, "n = 200 times the inverse Hessian: its objective is a mean over the rows"),
        (0.5, "its objective is −2 log L"),
    ],
)
def test_matrices_that_are_a_multiple_of_the_inverse_hessian(factor: float, said: str) -> None:
    model = normal()
    mle = fit(model.nll, model.truth, normal_data())
    boot = bootstrap(mle, n_resamples=999, rng=0)
    verdict = crosscheck(boot, {"bare": factor * mle.information.covariance}).verdicts["bare"]
    assert not verdict.agrees
    assert verdict.flag is Flag.OBJECTIVE_SCALE
    assert said in verdict.reason


def test_a_matrix_that_equals_a_source_is_sent_there() -> None:
    boot = count_boot(True)
    check = crosscheck(boot)
    assert isinstance(boot.fit, Fit)
    given = {
        "statsmodels": boot.fit.information.covariance,
        "robust": np.diag(check.standard_errors["sandwich"] ** 2),
    }
    verdicts = crosscheck(boot, given).verdicts
    assert not verdicts["statsmodels"].agrees
    assert "equals the inverse Hessian" in verdicts["statsmodels"].reason
    assert verdicts["robust"].agrees


def test_a_singular_matrix_is_said_to_be_one() -> None:
    verdict = crosscheck(count_boot(False), {"flat": np.ones((2, 2))}).verdicts["flat"]
    assert verdict.flag is Flag.NOT_POSITIVE_DEFINITE
    assert "the matrix is singular" in verdict.reason


def test_a_result_that_stopped_early_is_placed() -> None:
    # Nine errors of the mean away, with sigma at its optimum: 81/2 in nll.
    model, y = normal(), normal_data()
    mle = fit(model.nll, model.truth, y)
    result = minimize(lambda p: model.nll(p, y).sum(), mle.estimate)
    result.x = mle.estimate + np.array([9 * np.exp(mle.estimate[1]) / np.sqrt(200), 0.0])
    for success in (True, False):
        result.success = success
        verdict = crosscheck(mle, {"early": result}).verdicts["early"]
        assert verdict.flag is Flag.NOT_AT_OPTIMUM
        assert "its x is 9.0 standard errors from the optimum and 40.5 above it" in verdict.reason
        assert ("although it reports success" in verdict.reason) is success


@cache
def at_a_bound() -> Crosscheck:
    model, y = normal(), normal_data(60)
    bounds = [(None, float(y.mean() - 0.1)), (None, None)]
    mle = fit(model.nll, [0.0, 0.5], y, bounds=bounds, names=["mu", "log_sigma"])
    given = {"mine": np.diag([1.0, 1.0])}
    return crosscheck(bootstrap(mle, n_resamples=199, rng=0), given)


def test_at_a_bound_no_curvature_gives_an_error() -> None:
    check = at_a_bound()
    assert Flag.AT_BOUND in check.flags
    for source in ("hessian", "opg", "sandwich", "mine"):
        assert check.verdicts[source].flag is Flag.AT_BOUND
        assert not check.verdicts[source].agrees


def clustered(groups: int, size: int) -> tuple[Floats, NDArray[np.intp]]:
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(groups), size)
    return 500 + 5 * rng.normal(size=groups)[labels] + 3 * rng.normal(size=labels.size), labels


def test_rows_of_one_cluster_are_not_independent() -> None:
    # The sandwich of the mean is too small by √(1 + 9 rho), rho = 25/34: 2.8 times.
    y, labels = clustered(60, 10)
    model = normal()
    mle = fit(model.nll, {"mu": 500.0, "log_sigma": 1.5}, y)
    check = crosscheck(bootstrap(mle, sampling=Clustered(labels), n_resamples=499, rng=0))
    assert check.verdicts["cluster"].agrees
    for source in ("hessian", "sandwich"):
        assert not check.verdicts[source].agrees
        assert check.verdicts[source].flag is Flag.CLUSTERED
    assert Flag.DEPENDENT_ROWS not in check.flags


def ar1(rho: float, n: int, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    e = rng.normal(size=n)
    for t in range(1, n):
        e[t] += rho * e[t - 1]
    return 30.0 + 4.0 * e


def depends(y: Floats) -> bool:
    model = normal()
    return Flag.DEPENDENT_ROWS in crosscheck(fit(model.nll, [30.0, 1.0], y)).flags


def test_neighboring_rows_that_are_correlated_are_noticed() -> None:
    # A lag-1 correlation of 0.5 is 10 standard errors at n = 400: missed at 1e-9.
    assert all(depends(ar1(0.5, 400, seed)) for seed in range(5))


def test_rows_in_no_order_are_left_alone() -> None:
    # Beyond 4 standard errors for either of 2 scores: false alarms at 1.3e-4 each, 5e-3 in all.
    assert not any(depends(ar1(0.0, 400, seed)) for seed in range(40))


def test_correlated_rows_are_left_alone_once_shuffled() -> None:
    y = ar1(0.9, 400, seed=0)
    assert depends(y)
    assert not depends(np.random.default_rng(1).permutation(y))


@pytest.mark.parametrize("name", ["normal", "poisson"])
def test_sources_agree_where_the_model_is_right(name: str) -> None:
    # A source is off for one of 2 parameters beyond the normal quantile for both, at 5% if they
    # move alike. Of 40 data sets more than 8 are off with probability 1.3e-4 for each source.
    # To first order log SE_opg is 2 log SE_hessian − log SE_sandwich, of sampling error twice s.
    model = {"normal": normal(), "poisson": poisson(1)}[name]
    agreed = {"hessian": 0, "sandwich": 0, "opg": 0}
    flags = 0
    for seed in range(40):
        mle = fit(model.nll, model.truth, model.data(200, rng=seed))
        check = crosscheck(bootstrap(mle, n_resamples=99, rng=seed))
        for source in agreed:
            agreed[source] += check.verdicts[source].agrees
        flags += Flag.MISSPECIFIED in check.flags
    assert min(agreed.values()) >= 32
    assert flags <= 8


def test_who_agrees_lies_within_the_rule_and_who_does_not_is_outside() -> None:
    checks = [crosscheck(count_boot(True)), crosscheck(count_boot(False)), crosscheck(curved(0.6))]
    for check in checks:
        reference = check.standard_errors["bootstrap"]
        for source in ("hessian", "opg", "sandwich"):
            away = 2 * np.abs(check.standard_errors[source] - reference) / check.tolerance[source]
            # 2 errors, or the normal quantile for two comparisons at once.
            limit = max(2.0, float(ndtri(1 - 0.025 / 2)))
            assert check.verdicts[source].agrees is bool(away.max() < limit)


def test_the_rule_is_of_both_errors() -> None:
    boot = count_boot(False)
    check = crosscheck(boot)
    for source, share in {"hessian": 1, "opg": 2, "sandwich": 1}.items():
        expected = 2 * np.hypot(boot.standard_error_mcse, share * check.sampling_error)
        np.testing.assert_allclose(check.tolerance[source], expected, rtol=1e-12)
