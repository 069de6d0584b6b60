"""Studentized intervals: each replicate's own standard error, and the quantiles of the ratios."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import t as student

from bootmle import (
    Bayesian,
    Cases,
    Clustered,
    Estimator,
    Fit,
    Given,
    Status,
    Stratified,
    Subsample,
    bootstrap,
    crosscheck,
    fit,
    load,
)
from bootmle.inference.intervals import ReplicateArrays
from bootmle.inference.studentized import Studentized
from bootmle.sampling.streams import draw_numbers, stream_of
from models import logit, nb2, weibull

Weights = Callable[..., Any]
TWO = np.array([1.0, -1000.0])
UNITS = np.array([1.0, 1000.0])
N = 80


def model_fit(build: Callable[..., Any], *size: int, n: int = N, **options: Any) -> Fit:
    model = build(*size)
    return fit(model.nll, model.truth, model.data(n, rng=3), **options)


def sandwich_at(
    nll: Callable[..., Any], params: Any, args: Any, weights: Any, prior: Any, groups: Any
) -> Any:
    """The sandwich by its definition, from central differences of the weighted contributions.

    Each unit drawn c times stands c times: Σ c_g S_g S_gᵀ between two inverses of the Hessian.
    """
    params = np.asarray(params, dtype=float)
    size, step = params.size, 1e-4

    def scores(at: Any) -> Any:
        ways = step * np.eye(size)
        both = [(nll(at + way, *args) - nll(at - way, *args)) / (2 * step) for way in ways]
        return np.array(both) * prior

    hessian = np.array(
        [
            (scores(params + way) - scores(params - way)) @ weights / (2 * step)
            for way in step * np.eye(size)
        ]
    )
    own = scores(params)
    sums = np.array([own[:, groups == group].sum(axis=1) for group in np.unique(groups)])
    counts = np.array([weights[groups == group][0] for group in np.unique(groups)])
    inverse = np.linalg.inv((hessian + hessian.T) / 2)
    meat = (sums * counts[:, None]).T @ sums
    return np.sqrt(np.diag(inverse @ meat @ inverse))


@pytest.mark.parametrize("build", [(logit, 3), (logit, 7), (nb2, 2), (weibull, 2)])
@pytest.mark.parametrize("gradient", [False, True], ids=["differences", "jac"])
def test_each_replicate_has_the_sandwich_of_its_own_resample(
    build: tuple[Any, int], gradient: bool, weights_of: Weights
) -> None:
    model = build[0](build[1])
    if gradient and model.scores is None:
        pytest.skip("no analytic gradient")
    prior = np.random.default_rng(1).integers(1, 3, 150).astype(float)
    args = model.data(150, rng=3)
    mle = fit(model.nll, model.truth, args, jac=model.scores if gradient else None, weights=prior)
    boot = bootstrap(mle, n_resamples=8, rng=0)
    drawn = weights_of(Cases(), 0, 150, 8)
    expected = [
        sandwich_at(model.nll, params, mle.likelihood.args, weights, prior, np.arange(150))
        for params, weights in zip(boot.replicates, drawn, strict=True)
    ]
    # The Hessian behind a certificate is the cubic model's, corrected where the last step began.
    ratio = boot.data.standard_errors / expected
    assert_allclose(ratio, 1.0, rtol=0, atol=0.08)
    assert abs(ratio.mean() - 1) < 0.03


@pytest.mark.parametrize("gradient", [False, True], ids=["differences", "jac"])
def test_with_one_parameter_at_its_bound_the_others_have_the_sandwich_without_it(
    gradient: bool, weights_of: Weights
) -> None:
    model = logit(2)
    X, y = model.data(150, rng=3)
    X = X * [1.0, 1000.0, 1.0]
    free = fit(model.nll, np.zeros(3), (X, y))
    # The last slope lies half a standard error above its bound: a third of the replicates at it.
    bound = float(free.estimate[2] - 0.5 * free.information.standard_errors[2])
    limits = [(None, None), (None, None), (bound, None)]
    jac = model.scores if gradient else None
    start = [0.0, 0.0, bound + 0.1]
    mle = fit(model.nll, start, (X, y), bounds=limits, jac=jac)
    boot = bootstrap(mle, n_resamples=99, rng=0)
    held = np.flatnonzero(boot.status == Status.AT_BOUND)
    assert 15 < held.size < 50
    drawn = weights_of(Cases(), 0, 150, 99)

    def nll(params: Any, X: Any, y: Any) -> Any:
        return model.nll(np.append(params, bound), X, y)

    units = np.array([1.0, 1e-3])
    for k in held[:10]:
        expected = sandwich_at(
            lambda params, X, y: nll(params * units, X, y),
            boot.replicates[k, :2] / units,
            (X, y),
            drawn[k],
            np.ones(150),
            np.arange(150),
        )
        assert_allclose(boot.data.standard_errors[k, :2], expected * units, rtol=0.08)
    assert_array_equal(boot.data.standard_errors[:, 2] == 0, boot.status == Status.AT_BOUND)
    for level in (0.8, 0.95):
        with pytest.warns(UserWarning, match="infinite for x3: .* no standard error of their own"):
            bounds = boot.confidence_interval("studentized", confidence_level=level)
        assert np.isfinite([bounds.low[:2], bounds.high[:2]]).all()


def test_clusters_are_summed_first_and_strata_centred(weights_of: Weights) -> None:
    model = logit(3)
    args = model.data(150, rng=3)
    mle = fit(model.nll, model.truth, args)
    groups = np.repeat(np.arange(30), 5)
    plan = Clustered(groups)
    boot = bootstrap(mle, sampling=plan, n_resamples=6, rng=0)
    drawn = weights_of(plan, 0, 150, 6)
    for k in range(6):
        expected = sandwich_at(
            model.nll, boot.replicates[k], mle.likelihood.args, drawn[k], np.ones(150), groups
        )
        assert_allclose(boot.data.standard_errors[k], expected, rtol=0.03)
    # A model of strata's means: within them nothing but their own spread is left.
    y = np.random.default_rng(0).normal(size=60) + np.repeat([0.0, 50.0], 30)
    strata = np.repeat([0, 1], 30)
    mean = fit(lambda params, y: 0.5 * (y - params[0]) ** 2, [1.0], y)
    stratified = bootstrap(mean, sampling=Stratified(strata), n_resamples=2, rng=0)
    within = sum(y[strata == one].var() * 30 for one in (0, 1))
    assert_allclose(np.array(stratified.own_standard_error), [np.sqrt(within) / 60], rtol=1e-4)


@pytest.mark.parametrize("name", ["sandwich", "cluster"])
def test_the_fits_own_is_the_sandwich_of_the_crosscheck(name: str) -> None:
    mle = model_fit(nb2, 3, n=200)
    plan = Cases() if name == "sandwich" else Clustered(np.repeat(np.arange(50), 4))
    boot = bootstrap(mle, sampling=plan, n_resamples=99, rng=0)
    assert_allclose(
        np.array(boot.own_standard_error), crosscheck(boot).standard_errors[name], rtol=1e-6
    )


def test_own_errors_take_no_evaluation() -> None:
    mle = model_fit(logit, 6, n=300)
    boot = bootstrap(mle, n_resamples=64, rng=0)
    plain = bootstrap(mle, sampling=Given(indices=np.array(drawn_rows(64, 300))), n_resamples=64)
    assert np.isfinite(boot.data.standard_errors).all()
    fractional = np.array([np.bincount(rows, minlength=300) for rows in drawn_rows(64, 300)])
    fractional = np.concatenate([fractional, np.full((1, 300), 0.5)])
    without = bootstrap(mle, sampling=Given(weights=fractional), n_resamples=64)
    assert np.isnan(without.data.standard_errors).all()
    assert_array_equal(without.data.n_evaluations, plain.data.n_evaluations)
    assert_allclose(without.replicates, plain.replicates, rtol=1e-9)


def drawn_rows(count: int, n: int) -> list[Any]:
    return [np.random.default_rng([9, k]).integers(n, size=n) for k in range(count)]


def studentized(estimates: Any, errors: Any, estimate: Any, error: Any) -> Studentized:
    nothing = np.zeros_like(estimate)
    return Studentized.of(
        ReplicateArrays(("x1", "x2"), estimate, estimates, nothing, errors=errors, own_error=error)
    )


def test_ends_are_quantiles_of_the_ratios() -> None:
    rng = np.random.default_rng(5)
    estimates, errors = rng.normal(size=(199, 2)) * TWO, rng.uniform(1, 2, (199, 2)) * UNITS
    estimate, own = 0.3 * TWO, 1.5 * UNITS
    ratios = np.sort((estimates - estimate) / errors, axis=0)
    for level, (low, high) in ((0.9, (9, 189)), (0.95, (4, 194))):
        kind = studentized(estimates, errors, estimate, own)
        bounds = kind.interval(level)
        assert_allclose(bounds.low, estimate - own * ratios[high])
        assert_allclose(bounds.high, estimate - own * ratios[low])
        upper = kind.interval((1 + level) / 2, "less")
        assert_allclose(upper.high, bounds.high)
        assert_array_equal(upper.low, [-np.inf, -np.inf])


def test_a_replicate_without_an_error_counts_as_the_worst_at_either_end() -> None:
    estimates, errors = np.arange(99.0)[:, None] * TWO, np.ones((99, 2)) * UNITS
    errors[:3] = np.nan
    kind = studentized(estimates, errors, 49 * TWO, UNITS)
    bounds = kind.interval(0.9)
    # Order statistics 5 and 95 of 99, three of which are unknown: at the far end each time.
    known = np.sort((estimates - 49 * TWO)[3:] / UNITS, axis=0)
    assert_allclose(bounds.high, 49 * TWO - UNITS * known[1])
    assert_allclose(bounds.low, 49 * TWO - UNITS * known[-2])
    wide = kind.interval(0.95)
    assert np.isinf([wide.low, wide.high]).all()


def test_monte_carlo_errors_of_the_ends() -> None:
    """The stated errors against the spread of ends over 400 runs: 15% is 4 of its errors."""
    rng = np.random.default_rng(0)
    ends, stated = [], []
    for _ in range(400):
        sample = rng.normal(size=(999, 2)) * TWO
        bounds = studentized(sample, UNITS * np.ones((999, 2)), 0 * TWO, 2 * UNITS).interval(0.9)
        ends.append([bounds.low, bounds.high])
        stated.append([bounds.low_mcse, bounds.high_mcse])
    assert_allclose(np.std(ends, axis=0), np.mean(stated, axis=0), rtol=0.15)


def errors_of_moments(y: Any) -> Any:
    centred = y - y.mean()
    fourth = (centred**4).mean() - (centred**2).mean() ** 2
    return {"mean": y.std(ddof=1) / np.sqrt(y.size), "var": 1000 * np.sqrt(fourth / y.size)}


def test_an_estimator_is_studentized_by_its_own_errors(tmp_path: Path) -> None:
    """A normal mean: the interval is Student's, whose ends at n = 12 are 14% beyond the normal's.

    B = 19,999: errors of an end are 0.02 of the SE, the tolerance 4 of them with the resampling
    of one sample's own t (Edgeworth terms of its skewness included) allowed 0.1.
    """
    y = np.random.default_rng(2).normal(size=12)
    moments = Estimator(
        lambda y: {"mean": y.mean(), "var": 1000 * y.var()}, y, standard_error=errors_of_moments
    )
    boot = bootstrap(moments, n_resamples=9999, rng=0)
    own = errors_of_moments(y)
    assert_allclose(np.array(boot.own_standard_error), list(own.values()))
    rows = draw_numbers(stream_of(0, 7), 12, 12)
    assert_allclose(boot.data.standard_errors[7], list(errors_of_moments(y[rows]).values()))
    for level in (0.8, 0.9):
        bounds = boot.confidence_interval("studentized", level)
        width = (bounds.high - bounds.low)[0] / (2 * own["mean"])
        assert abs(width / student.ppf((1 + level) / 2, 11) - 1) < 0.12
        normal = boot.confidence_interval("normal", level)
        assert (bounds.high - bounds.low)[0] > 1.03 * (normal.high - normal.low)[0]
    boot.save(tmp_path / "run")
    again = load(tmp_path / "run").confidence_interval("studentized", 0.9)
    assert_array_equal(again.low, boot.confidence_interval("studentized", 0.9).low)


def test_errors_of_an_estimator_that_raise_lose_no_replicate() -> None:
    def fragile(y: Any) -> Any:
        if y[0] > 8:
            raise ArithmeticError("too large")
        return [1.0, 1.0]

    y = np.arange(10.0)
    boot = bootstrap(
        Estimator(lambda y: [y.mean(), 1000 * y.max()], y, standard_error=fragile),
        n_resamples=300,
        rng=0,
    )
    lost = np.isnan(boot.data.standard_errors[:, 0])
    assert boot.n_failed == 0
    assert 10 < lost.sum() < 60
    assert all("standard_error raised" in boot.data.messages[int(k)] for k in np.flatnonzero(lost))


@pytest.mark.parametrize(
    "sampling", [Bayesian(), Subsample(0.5), Clustered(np.arange(N) // 4, within="cases")]
)
def test_plans_that_draw_no_whole_units_are_refused(sampling: Any) -> None:
    boot = bootstrap(model_fit(logit, 2), sampling=sampling, n_resamples=99, rng=0)
    with pytest.raises(
        ValueError,
        match=r"'studentized' is not available, as .* does not draw .*; use 'percentile'",
    ):
        boot.confidence_interval("studentized", 0.9)


def test_what_has_no_error_of_its_own_is_refused() -> None:
    mle = model_fit(logit, 2)
    total = fit(
        lambda p, *args: mle.likelihood.function(p, *args).sum(), mle.estimate, mle.likelihood.args
    )
    for boot in (
        bootstrap(total, n_resamples=49, rng=0),
        bootstrap(mle, n_resamples=99, rng=0, refit="expansion"),
        bootstrap(Estimator(np.mean, np.arange(9.0)), n_resamples=99, rng=0),
    ):
        with pytest.raises(ValueError, match=r"'studentized' is not available, as .*; use 'perc"):
            boot.confidence_interval("studentized", 0.9)


def test_a_held_parameter_has_an_interval_of_no_length() -> None:
    mle = model_fit(logit, 3)
    held = fit(mle.likelihood.function, mle.estimate, mle.likelihood.args, fixed={"x2": 0.25})
    bounds = bootstrap(held, n_resamples=99, rng=0).confidence_interval("studentized", 0.9)
    assert bounds.low[1] == bounds.high[1] == 0.25
    assert np.all(bounds.low[[0, 2]] < bounds.high[[0, 2]])


def test_standard_errors_that_do_not_fit_are_refused_at_once() -> None:
    y = np.arange(9.0)
    with pytest.raises(ValueError, match="not finite"):
        Estimator(np.mean, y, standard_error=lambda y: np.nan)
    with pytest.raises(ValueError, match="standard_error returned 2 values, not 1"):
        Estimator(np.mean, y, standard_error=lambda y: [1.0, 2.0])
    with pytest.raises(ValueError, match="standard_error: function and standard_error must both"):
        Estimator(lambda y, weights: weights @ y, y, standard_error=lambda y: 1.0)


def test_a_log_scale_is_seen_on_the_users() -> None:
    mle = model_fit(weibull, 2, n=200)
    positive = mle.names[-1]
    logged = fit(
        lambda params, *args: mle.likelihood.function([*params[:-1], np.log(params[-1])], *args),
        [*mle.estimate[:-1], np.exp(mle.estimate[-1])],
        mle.likelihood.args,
        transform={mle.names[-1]: "log"},
        names=mle.names,
    )
    one, other = (bootstrap(each, n_resamples=16, rng=0) for each in (mle, logged))
    expected = np.exp(one.replicates[:, -1]) * one.data.standard_errors[:, -1]
    assert_allclose(other.data.standard_errors[:, -1], expected, rtol=0.02)
    assert positive == other.names[-1]
    assert replace(other, own_standard_error=None).own_standard_error is None
