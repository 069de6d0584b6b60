"""Reasons that follow from the plan, the weights, a bound, or a flat direction."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bootmle import Blocks, Clustered, Flag, Parametric, Stratified, bootstrap, crosscheck, fit
from models import normal, poisson

MODEL = poisson(1)


def counts(seed: int, n: int = 300, dispersion: float = 0.0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=n)])
    means = np.exp(X @ [1.0, 0.3])
    if dispersion:
        means = means * rng.gamma(1 / dispersion, dispersion, n)
    return X, rng.poisson(means).astype(float)


def series(seed: int, n: int = 400, correlation: float = 0.6) -> Any:
    noise = np.random.default_rng(seed).normal(size=n)
    y = np.zeros(n)
    for k in range(1, n):
        y[k] = correlation * y[k - 1] + noise[k]
    return y


def test_data_simulated_from_a_right_model_accuse_it_rarely() -> None:
    # Both bootstraps' Monte Carlo errors count: Binomial(20, 0.05) exceeds 5 with probability 3e-4.
    accused = 0
    for seed in range(20):
        boot = bootstrap(fit(MODEL.nll, [1.0, 0.0], counts(seed, 3000)), n_resamples=99, rng=seed)
        check = crosscheck(boot, simulate=MODEL.simulate)
        accused += not check.verdicts["parametric"].agrees
    assert accused <= 5


def test_the_outer_product_is_not_said_to_agree_with_simulated_data() -> None:
    boot = bootstrap(fit(MODEL.nll, [1.0, 0.0], counts(0, dispersion=2.0)), n_resamples=499, rng=0)
    check = crosscheck(boot, simulate=MODEL.simulate)
    assert check.standard_errors["opg"][0] < 0.7 * check.standard_errors["parametric"][0]
    assert "agrees with data simulated" not in check.verdicts["opg"].reason
    assert "agrees with data simulated" in check.verdicts["hessian"].reason


@pytest.mark.parametrize("booted", [False, True])
def test_nothing_agrees_with_a_reference_that_is_withheld(booted: bool) -> None:
    y = np.random.default_rng(1).normal(-0.5, 1.0, 60)
    mle = fit(normal().nll, [0.5, 0.0], y, bounds=[(0, None), (None, None)])
    of = bootstrap(mle, n_resamples=99, rng=0) if booted else mle
    check = crosscheck(of, {"mine": 0.01 * np.eye(2)}, profile=True)
    assert "misspecified" not in f"{of}{check}"  # most replicates are at mu's bound
    assert not any(verdict.agrees for verdict in check.verdicts.values())
    assert {verdict.flag for verdict in check.verdicts.values()} == {Flag.AT_BOUND}


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (-1.0, "minus the inverse Hessian: its objective is the log-likelihood"),
        (0.5, "−2 log L"),
        (300.0, "n = 300 times the inverse Hessian: its objective is a mean"),
    ],
)
@pytest.mark.parametrize("size", [1, 2])
def test_a_factor_is_recognized(factor: float, words: str, size: int) -> None:
    X, y = counts(2)
    mle = fit(MODEL.nll, [1.0, 0.0], (X, y), fixed={"x2": 0.3} if size == 1 else None)
    inverse = np.atleast_2d(mle.information.covariance)
    check = crosscheck(bootstrap(mle, n_resamples=199, rng=0), {"mine": factor * inverse})
    assert words in check.verdicts["mine"].reason
    assert check.verdicts["mine"].flag is Flag.OBJECTIVE_SCALE


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_matrix_that_is_not_finite_is_said_to_be_so(value: float) -> None:
    mle = fit(MODEL.nll, [1.0, 0.0], counts(3))
    check = crosscheck(mle, {"mine": np.full((2, 2), value)})
    assert check.verdicts["mine"].reason == "the matrix is not finite"


def test_a_diagonal_of_the_inverse_hessian_is_not_called_the_inverse_hessian() -> None:
    rng = np.random.default_rng(4)
    X = np.column_stack([np.ones(300), rng.uniform(2.0, 3.0, 300)])
    mle = fit(MODEL.nll, [1.0, 0.0], (X, rng.poisson(np.exp(X @ [0.0, 0.5])).astype(float)))
    inverse = mle.information.covariance
    check = crosscheck(mle, {"all": inverse, "diagonal": np.diag(np.diag(inverse))})
    assert "equals the inverse Hessian" in check.verdicts["all"].reason
    assert "equals the inverse Hessian" not in check.verdicts["diagonal"].reason


def test_a_data_frame_is_read_by_its_labels() -> None:
    mle = fit(MODEL.nll, {"const": 1.0, "slope": 0.0}, counts(5))
    frame = pd.DataFrame(mle.information.covariance, index=mle.names, columns=mle.names)
    check = crosscheck(mle, {"mine": frame.loc[["slope", "const"], ["slope", "const"]]})
    np.testing.assert_allclose(check.standard_errors["mine"], check.standard_errors["hessian"])


def test_prior_weights_are_the_reason_and_not_the_objective() -> None:
    y = np.random.default_rng(6).normal(size=200)
    weights = np.random.default_rng(7).integers(1, 4, 200).astype(float)
    mle = fit(normal().nll, [0.5, 0.0], y, weights=weights)
    check = crosscheck(bootstrap(mle, n_resamples=499, rng=0))
    assert "prior weights" in check.verdicts["hessian"].reason
    assert "−2 log L" not in str(check)


@pytest.mark.parametrize(
    ("plan", "flag", "words"),
    [
        (Blocks(20), Flag.DEPENDENT_ROWS, "whereas the block bootstrap does not"),
        (Clustered(np.repeat(np.arange(20), 20)), Flag.CLUSTERED, "rows within a cluster"),
    ],
)
@pytest.mark.parametrize("total", [False, True])
def test_dependence_that_the_plan_declares_is_the_reason(
    plan: Any, flag: Flag, words: str, total: bool
) -> None:
    def nll(params: Any, y: Any) -> Any:
        values = normal().nll(params, y)
        return values.sum() if total else values

    mle = fit(nll, [0.0, 0.0], series(0))
    check = crosscheck(bootstrap(mle, sampling=plan, n_resamples=499, rng=0))
    assert check.verdicts["hessian"].flag is flag
    assert words in check.verdicts["hessian"].reason
    assert "neighboring rows" not in str(check)


def test_strata_that_are_ignored_are_the_reason() -> None:
    strata = np.repeat([0, 1], 200)
    y = 5.0 * strata + np.random.default_rng(8).normal(size=400)
    mle = fit(normal().nll, [2.0, 1.0], y)
    check = crosscheck(bootstrap(mle, sampling=Stratified(strata), n_resamples=499, rng=0))
    assert check.verdicts["sandwich"].flag is Flag.STRATIFIED
    # Drawn within strata the mean has the error of the noise alone; s is of that size too.
    assert check.standard_errors["bootstrap"][0] == pytest.approx(1 / 20, rel=0.2)
    assert check.sampling_error[0] < 0.2 * check.standard_errors["bootstrap"][0]


def test_beside_a_parametric_bootstrap_the_sandwich_tells_misspecification() -> None:
    mle = fit(MODEL.nll, [1.0, 0.0], counts(9, dispersion=2.0))
    plan = Parametric(MODEL.simulate)
    check = crosscheck(bootstrap(mle, sampling=plan, n_resamples=299, rng=0))
    assert check.verdicts["hessian"].agrees
    assert check.verdicts["sandwich"].flag is Flag.MISSPECIFIED


def test_a_flat_direction_on_log_scales_is_named() -> None:
    z = np.random.default_rng(10).normal(3.0, 0.5, 80)

    def nll(params: Any, z: Any) -> Any:
        return 0.5 * (z - np.log(params[0]) - np.log(params[1])) ** 2

    mle = fit(nll, {"a": 1.5, "b": 2.0}, z, transform={"a": "log", "b": "log"})
    assert mle.not_identified == ("a", "b")
    boot = bootstrap(mle, n_resamples=99, rng=0)
    assert np.isnan(boot.standard_error).all()
    assert Flag.NOT_IDENTIFIED in crosscheck(boot).flags


def test_replicates_without_an_optimum_are_mentioned() -> None:
    rng = np.random.default_rng(11)
    x = rng.normal(size=20)
    y = (rng.random(20) < 1 / (1 + np.exp(-2 * x))).astype(float)

    def nll(params: Any, x: Any, y: Any) -> Any:
        index = params[0] + params[1] * x
        return np.logaddexp(0.0, index) - y * index

    boot = bootstrap(fit(nll, [0.0, 0.0], (x, y)), n_resamples=299, rng=0)
    assert boot.data.divergent.any()
    assert "without a finite optimum" in crosscheck(boot).verdicts["bootstrap"].reason


def test_few_replicates_do_not_look_skewed() -> None:
    # √(6/20) is 0.55: the margin of two of them leaves Binomial(20, 0.06) flags, above 6 in 1e-4.
    flagged = 0
    for seed in range(20):
        boot = bootstrap(fit(MODEL.nll, [1.0, 0.0], counts(seed)), n_resamples=20, rng=seed)
        flagged += bool({Flag.SKEWED, Flag.HEAVY_TAILED} & crosscheck(boot).flags)
    assert flagged <= 6
