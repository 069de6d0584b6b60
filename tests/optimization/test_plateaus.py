"""Optima at infinity: zero variances, and ratios whose denominator may pass zero."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from bootmle import Bootstrap, Cases, Fit, Status, bootstrap, fit
from bootmle.likelihood.objective import read_likelihood
from bootmle.likelihood.parameters import read_parameters
from bootmle.optimization.outcome import Outcome
from bootmle.optimization.plateaus import at_plateau
from bootmle.optimization.profile_walk import along_profile
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective, Whitening
from bootmle.sampling.streams import stream_of
from models import logit, normal_mixture

Floats = NDArray[np.float64]
STEP_SIZES = StepSizes.from_noise(1e-14)


def target(fun: Any, size: int = 2) -> WhitenedObjective:
    likelihood = read_likelihood(fun, (), None, None, read_parameters(np.zeros(size)))
    return WhitenedObjective(
        likelihood, Whitening(np.zeros(size), np.eye(size)), fun(np.zeros(size))
    )


def plateau_from(objective: WhitenedObjective, z: list[float]) -> Outcome | None:
    start = np.array(z)
    return at_plateau(objective, start, objective.value(start), STEP_SIZES)


def test_a_bowl_has_no_plateau() -> None:
    bowl = target(lambda p: float(p @ p))
    assert plateau_from(bowl, [1.0, 0.0]) is None


def test_where_the_nll_falls_to_a_plateau_the_others_are_fitted_there() -> None:
    slope = target(lambda p: float(np.exp(-p[0]) + (p[1] - 2 * np.tanh(p[0])) ** 2))
    found = plateau_from(slope, [3.0, 1.0])
    assert found is not None
    assert found.status is Status.NO_FINITE_OPTIMUM
    assert found.params[0] == np.inf
    assert_allclose(found.params[1], 2.0, atol=1e-6)
    assert found.message == "the likelihood rises toward a supremum as x1 → +∞"


def test_a_plateau_above_an_optimum_is_not_where_it_is() -> None:
    well = target(lambda p: float(-2 * p[0] * np.exp(-p[0]) + p[1] ** 2) if p[0] > -9 else np.inf)
    assert plateau_from(well, [4.0, 0.1]) is None


def test_a_parameter_that_is_lost_on_the_plateau_has_no_sign() -> None:
    # The weight of a second component goes to zero, and its mean with it.
    lost = target(lambda p: float((1 + p[1] ** 2 / (1 + p[1] ** 2)) * np.exp(-p[0]) + p[2] ** 2), 3)
    found = plateau_from(lost, [30.0, 0.5, 0.1])
    assert found is not None
    assert_array_equal(np.isnan(found.params), [False, True, False])
    assert found.params[0] == np.inf
    assert found.message.endswith("x1 → +∞, x2 → ±∞")


def test_a_walk_stops_near_the_lowest_point_of_a_bent_valley() -> None:
    valley = target(lambda p: float(100 * (p[0] * p[1] - 1) ** 2 + (p[0] - 0.03) ** 2))
    found = along_profile(valley, np.array([0.2, 5.0]), STEP_SIZES)
    assert isinstance(found, np.ndarray)
    assert_allclose(found[1], 1 / 0.03, rtol=0.2)
    assert_allclose(found[0] * found[1], 1.0, rtol=1e-3)


def test_a_walk_whose_nll_falls_all_the_way_ends_at_infinity() -> None:
    valley = target(lambda p: float(np.logaddexp(0, -p[1]) + (p[0] - 1 / (1 + p[1] ** 2)) ** 2))
    found = along_profile(valley, np.array([0.5, 5.0]), STEP_SIZES)
    assert isinstance(found, Outcome)
    assert found.params[1] == np.inf
    assert_allclose(found.params[0], 0.0, atol=1e-3)


@pytest.mark.parametrize("with_jac", [False, True], ids=["differences", "jac"])
def test_where_one_coefficient_is_infinite_the_others_are_as_without_its_rows(
    with_jac: bool,
) -> None:
    rng, model = np.random.default_rng(3), logit(2)
    X = np.column_stack([np.ones(80), rng.normal(size=80), np.arange(80) < 8])
    y = (rng.random(80) < expit(X @ [0.2, 1.0, 1.2])).astype(float)
    mle = fit(model.nll, np.zeros(3), (X, y), jac=model.scores if with_jac else None)
    boot = bootstrap(mle, n_resamples=99, rng=0)
    weights = weights_of(boot, 80)
    # All of the eight drawn are ones: the coefficient of their dummy goes to infinity.
    separated = weights[:, :8] @ (1 - y[:8]) == 0
    assert 10 < separated.sum() < 60
    assert_array_equal(boot.status == Status.NO_FINITE_OPTIMUM, separated)
    assert_array_equal(np.isposinf(boot.replicates[:, 2]), separated)
    for k in np.flatnonzero(separated):
        rest = fit(logit(1).nll, np.zeros(2), (X[8:, :2], y[8:]), weights=weights[k, 8:])
        off = np.abs(boot.replicates[k, :2] - rest.estimate) / mle.information.standard_errors[:2]
        assert off.max() < 1e-3
    assert_allclose(boot.standard_error[:2], boot.replicates[:, :2].std(axis=0, ddof=1))
    assert np.isfinite(boot.data.standard_errors[:, :2]).all()
    assert_array_equal(np.isnan(boot.data.standard_errors[:, 2]), separated)
    finite = boot.replicates[~separated, 2]
    assert_allclose(boot.standard_error[2], finite.std(ddof=1))


def one_way_nll(params: Floats, y: Floats) -> Floats:
    """Contributions (k,) of k groups of m, with a random effect of each group."""
    mu, log_sigma, log_tau = params
    m = y.shape[1]
    within, between = np.exp(2 * log_sigma), np.exp(2 * log_sigma) + m * np.exp(2 * log_tau)
    means = y.mean(axis=1)
    squares = ((y - means[:, None]) ** 2).sum(axis=1)
    logs = (m - 1) * np.log(within) + np.log(between)
    return np.asarray(0.5 * (logs + squares / within + m * (means - mu) ** 2 / between))


def one_way_optimum(y: Floats, weights: Floats) -> Floats:
    """Maximum likelihood of the balanced one-way model (Searle, Casella and McCulloch 1992, 3.7).

    The between variance is zero, its logarithm -inf, where the mean square between groups is not
    above that within.
    """
    k, m = weights.sum(), y.shape[1]
    means = y.mean(axis=1)
    mu = weights @ means / k
    within = weights @ ((y - means[:, None]) ** 2).sum(axis=1) / (k * (m - 1))
    between = m * weights @ (means - mu) ** 2 / k
    if between <= within:
        total = (within * (m - 1) + between) / m
        return np.array([mu, 0.5 * np.log(total), -np.inf])
    return np.array([mu, 0.5 * np.log(within), 0.5 * np.log((between - within) / m)])


def one_way_fit(seed: int, tau: float, k: int = 40, scale: float = 10.0) -> Fit:
    rng = np.random.default_rng(seed)
    y = scale * (rng.normal(5, 1, (k, 4)) + tau * rng.normal(size=(k, 1)))
    return fit(one_way_nll, {"mu": 40.0, "log_sigma": 2.0, "log_tau": 1.0}, y)


def weights_of(boot: Bootstrap, n: int) -> Floats:
    """Redraw the weights of all replicates."""
    draws = [stream_of(boot.seed, k) for k in range(len(boot.replicates))]
    found = [Cases().draw(n, k, each).weights for k, each in enumerate(draws)]
    return np.array(found, dtype=float)


@pytest.mark.filterwarnings("ignore:an end is infinite for log_tau")
@pytest.mark.parametrize("seed", [2, 3, 5])
def test_replicates_whose_variance_is_zero_keep_the_estimates_of_the_others(seed: int) -> None:
    mle = one_way_fit(seed, 0.3)
    assert mle.status is Status.CERTIFIED
    y = mle.likelihood.args[0]
    boot = bootstrap(mle, n_resamples=199, rng=seed)
    weights = weights_of(boot, len(y))
    optima = np.array([one_way_optimum(y, w) for w in weights])
    at_zero = boot.status == Status.NO_FINITE_OPTIMUM
    assert at_zero.sum() >= 5
    # A variance may be called zero where the likelihood hardly tells it from that.
    for k in np.flatnonzero(at_zero != np.isinf(optima[:, 2])):
        without = np.append(boot.replicates[k, :2], -40.0)
        assert weights[k] @ (one_way_nll(without, y) - one_way_nll(optima[k], y)) < 1e-4
    assert_array_equal(boot.replicates[at_zero, 2], -np.inf)
    errors = mle.information.standard_errors
    others = np.abs(boot.replicates[:, :2] - optima[:, :2]) / errors[:2]
    assert others.max() < 5e-3
    # Nearly zero, a logarithm is known to a small part of its own standard error alone.
    assert np.abs((boot.replicates[~at_zero] - optima[~at_zero])[:, 2] / errors[2]).max() < 0.02
    # Intervals of the others are what they are without the variance; its own is open.
    low, high = np.quantile(optima[:, :2], [0.025, 0.975], axis=0)
    interval = boot.confidence_interval("percentile")
    assert_allclose(interval.low[:2], low, atol=0.3 * errors[0])
    assert_allclose(interval.high[:2], high, atol=0.3 * errors[0])
    assert interval.low[2] == -np.inf
    # The mean's own sandwich is the same with the variance and without: its scores are apart.
    off = y.mean(axis=1) - optima[:, :1]
    own = np.sqrt((weights * off**2).sum(axis=1)) / weights.sum(axis=1)
    assert_allclose(boot.data.standard_errors[:, 0], own, rtol=0.03)
    assert_array_equal(np.isnan(boot.data.standard_errors[:, 2]), at_zero)
    for level in (0.8, 0.95):
        studentized = boot.confidence_interval("studentized", confidence_level=level)
        assert np.isfinite([studentized.low[:2], studentized.high[:2]]).all()
    assert boot.data.n_evaluations.max() < 800


def test_a_fit_whose_variance_is_zero_says_so() -> None:
    seeds = [s for s in range(12) if np.isinf(zero_or_not(s))]
    assert len(seeds) >= 3
    for seed in seeds:
        mle = one_way_fit(seed, 0.0)
        assert mle.status is Status.NO_FINITE_OPTIMUM
        assert "log_tau → −∞" in str(mle)
        optimum = one_way_optimum(mle.likelihood.args[0], np.ones(40))
        assert_allclose(mle.estimate[:2], optimum[:2], rtol=1e-4)
        with pytest.raises(ValueError, match="bound the diverging parameter"):
            bootstrap(mle)


def zero_or_not(seed: int) -> float:
    """Return the logarithm of the between standard deviation of data without one."""
    y = 10.0 * np.random.default_rng(seed).normal(5, 1, (40, 4))
    return float(one_way_optimum(y, np.ones(40))[2])


def ratio_nll(params: Floats, x: Floats, y: Floats) -> Floats:
    """Contributions (n,) of two means, of which one is `ratio` times the other, `base`."""
    ratio, base = params
    return np.asarray(0.5 * ((x - base) ** 2 + (y - ratio * base) ** 2))


def ratio_scores(params: Floats, x: Floats, y: Floats) -> Floats:
    ratio, base = params
    by_x, by_y = base - x, ratio * base - y
    return np.column_stack([base * by_y, by_x + ratio * by_y])


@pytest.mark.parametrize("jac", [None, ratio_scores], ids=["differences", "jac"])
@pytest.mark.parametrize("seed", [0, 1])
def test_replicates_of_a_ratio_pass_infinity_to_their_optimum(seed: int, jac: Any) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=100), rng.normal(size=100)
    x, y = x - x.mean() + 0.12, y - y.mean() + 0.5
    mle = fit(ratio_nll, {"ratio": 1.0, "base": 0.3}, (x, y), jac=jac)
    assert_allclose(mle.estimate, [0.5 / 0.12, 0.12], rtol=1e-4)
    boot = bootstrap(mle, n_resamples=99, rng=seed)
    weights = weights_of(boot, 100)
    bases, others = weights @ x / 100, weights @ y / 100
    optima = np.column_stack([others / bases, bases])
    assert 0.03 < (bases < 0).mean() < 0.3
    assert boot.n_failed <= 5
    kept = ~np.isnan(boot.replicates).any(axis=1)
    lowest = 0.5 * (weights @ (x**2 + y**2) - 100 * (bases**2 + others**2))
    above = [
        w @ ratio_nll(found, x, y) - low
        for w, found, low in zip(weights[kept], boot.replicates[kept], lowest[kept], strict=True)
    ]
    # A certificate leaves a thousandth of a standard error: far out, where the ratio is vague,
    # that of the original is the wrong measure, and the likelihood the right one.
    assert max(above) < 1e-3
    assert_array_equal(np.sign(boot.replicates[kept, 1]), np.sign(optima[kept, 1]))


def test_a_bounded_likelihood_is_never_said_to_rise_without_bound() -> None:
    # Two normals of the same variance: near the saddle where their means meet, legs are long.
    model, rng = normal_mixture(), np.random.default_rng(4)
    truth = {**dict(zip(model.names, model.truth, strict=True)), "mu2": 1.0}
    (y,) = model.simulate(np.array(list(truth.values())), rng, *model.design(200, rng))
    mle = fit(model.nll, truth, y, jac=model.scores)
    boot = bootstrap(mle, n_resamples=49, rng=0)
    assert not any("without bound" in said for said in boot.data.messages.values())
    ended = np.flatnonzero(boot.data.optimal)
    assert len(ended) >= 45  # of the others no optimum beside the supremum is found

    def weighted(params: Floats, weights: Floats) -> float:
        return float(weights @ model.nll(params, y))

    for k, weights in zip(ended, weights_of(boot, 200)[ended], strict=True):
        there = boot.replicates[k]
        lower = minimize(weighted, there, args=(weights,), method="Nelder-Mead")
        assert weighted(there, weights) - lower.fun < 1e-5


def test_a_zero_variance_on_a_log_scale_is_an_optimum_at_a_bound() -> None:
    def nll(params: Floats, y: Floats) -> Floats:
        mu, sigma, tau = params
        return one_way_nll(np.array([mu, np.log(sigma), np.log(max(tau, 1e-300))]), y)

    y = one_way_fit(3, 0.3).likelihood.args[0]
    start = {"mu": 40.0, "sigma": 7.0, "tau": 2.0}
    mle = fit(nll, start, y, transform={"sigma": "log", "tau": "log"})
    boot = bootstrap(mle, n_resamples=99, rng=2)
    optima = np.array([one_way_optimum(y, w) for w in weights_of(boot, len(y))])
    at_zero = np.isinf(optima[:, 2])
    assert at_zero.sum() > 5
    assert_array_equal(boot.status == Status.AT_BOUND, at_zero)
    assert_allclose(boot.replicates[at_zero, 2], 0.0, atol=1e-6)
    assert_allclose(boot.replicates[:, 1], np.exp(optima[:, 1]), rtol=1e-3)
    assert np.isfinite(boot.standard_error).all()
    assert "no finite optimum" not in str(boot)
    own = boot.data.standard_errors
    assert np.isfinite(own).all()
    assert_array_equal(own[:, 2] == 0, at_zero)
    for level in (0.8, 0.95):
        with pytest.warns(UserWarning, match="an end is infinite for tau: "):
            studentized = boot.confidence_interval("studentized", confidence_level=level)
        assert np.isfinite([studentized.low[:2], studentized.high[:2]]).all()


def test_what_is_infinite_in_every_replicate_has_no_figures_and_others_have(boot_of: Any) -> None:
    values = np.random.default_rng(0).normal(size=(199, 2)) * [1.0, 1000.0]
    values[:, 1] = np.inf
    boot = boot_of([0.0, 0.0], values, np.full(199, Status.NO_FINITE_OPTIMUM))
    assert_array_equal(np.isnan(boot.standard_error), [False, True])
    assert_array_equal(np.isnan(boot.worst_case().standard_error), [[False, True]] * 2)
    assert_allclose(boot.standard_error[0], values[:, 0].std(ddof=1))
    with pytest.raises(ValueError, match="infinite in some replicates"):
        boot.simultaneous(names=["x2"])
