"""Refits against an independent Newton solver, replicate by replicate, in standard errors."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from bootmle import Bootstrap, Cases, Given, Status, bootstrap, fit
from bootmle.refitting.expansion import n_terms
from bootmle.sampling.streams import stream_of
from models import exponential, gamma, logit, nb2, normal, normal_mixture, poisson, weibull

CERTIFIED = {Status.CERTIFIED, Status.CERTIFIED_BY_FALLBACK}


class Counted:
    """A logit that counts its evaluations."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, params: Any, X: Any, y: Any) -> Any:
        self.calls += 1
        return logit(7).nll(params, X, y)


@pytest.mark.parametrize("factor", [1.0, 1000.0], ids=["likelihood", "rescaled"])
def test_what_refits_share_is_measured_once_for_a_fit(factor: float) -> None:
    nll, model = Counted(), logit(7)
    mle = fit(lambda *args: factor * nll(*args), model.truth, model.data(400, rng=83))

    def beside(call: Callable[[], Bootstrap], first: int = 0) -> tuple[Bootstrap, int]:
        """Evaluations besides those of new refits, and one each for the alarms."""
        nll.calls = 0
        boot = call()
        return boot, nll.calls - int(boot.data.n_evaluations[first:].sum()) - len(boot.data)

    boot, first = beside(lambda: bootstrap(mle, n_resamples=64, rng=1))
    assert first >= boot.n_shared == n_terms(8, 3) + 1
    _, again = beside(lambda: bootstrap(mle, n_resamples=64, rng=2))
    longer, more = beside(lambda: boot.extend(64), first=64)
    assert max(again, more) < 0.2 * boot.n_shared
    fresh = fit(lambda *args: factor * nll(*args), model.truth, mle.args)
    assert_array_equal(bootstrap(fresh, n_resamples=128, rng=1).replicates, longer.replicates)


def test_what_is_shared_is_forgotten_with_its_fit() -> None:
    model = logit(2)
    mle = fit(model.nll, model.truth, model.data(60, rng=1))
    bootstrap(mle, n_resamples=4, rng=0)
    alive = weakref.ref(mle)
    del mle
    gc.collect()
    assert alive() is None


def draw(seed: int, n: int, replicate: int) -> Any:
    """The weights that Cases gives to replicate number i of a seed."""
    stream = stream_of(seed, replicate)
    return Cases().draw(n, replicate, stream).weights


def distances(boot: Bootstrap, model: Any, args: Any, members: Any, solve: Any, info: Any) -> Any:
    """Distances of some replicates to the reference optimum, in the original's standard errors."""
    n = len(args[0])
    H = info(model, args, np.ones(n), boot.estimate)
    gaps = []
    for k in members:
        reference = solve(model, args, draw(boot.seed, n, int(k)), boot.estimate)
        gap = boot.replicates[k] - reference
        gaps.append(np.sqrt(gap @ H @ gap))
    return np.array(gaps)


def has_optimum(boot: Bootstrap) -> Any:
    return np.flatnonzero(boot.status != Status.NO_FINITE_OPTIMUM)


SMALL: dict[str, tuple[Any, int]] = {
    "exponential": (exponential(), 10),
    "exponential, raw": (exponential(log=False), 10),
    "normal": (normal(), 20),
    "gamma": (gamma(), 20),
    "gamma, raw": (gamma(log=False), 40),
    "weibull": (weibull(0, censoring_mean=np.inf), 20),
    "censored weibull": (weibull(2), 30),
    "logit, p = 2": (logit(1), 20),
    "logit, p = 4": (logit(3), 60),
    "poisson": (poisson(3), 20),
}


@pytest.mark.parametrize("with_jac", [False, True], ids=["differences", "jac"])
@pytest.mark.parametrize("name", SMALL)
def test_small_samples_every_replicate_is_certified_at_its_optimum(
    name: str, with_jac: bool, solve: Any, information_at: Any
) -> None:
    model, n = SMALL[name]
    args = model.data(n, rng=4)
    mle = fit(model.nll, model.truth, args, jac=model.scores if with_jac else None)
    boot = bootstrap(mle, n_resamples=96, rng=1)
    members = has_optimum(boot)
    assert len(members) > 60
    assert set(boot.status[members]) <= CERTIFIED
    assert distances(boot, model, args, members, solve, information_at).max() < 1e-3


@pytest.mark.parametrize("factory", [logit, nb2, weibull])
@pytest.mark.parametrize("with_jac", [False, True], ids=["differences", "jac"])
def test_twelve_parameters(factory: Any, with_jac: bool, solve: Any, information_at: Any) -> None:
    model = factory()
    args = model.data(400, rng=2)
    mle = fit(model.nll, model.truth, args, jac=model.scores if with_jac else None)
    boot = bootstrap(mle, n_resamples=32, rng=1)
    assert set(boot.status) <= CERTIFIED
    assert distances(boot, model, args, range(32), solve, information_at).max() < 1e-3


@pytest.mark.parametrize("with_jac", [False, True], ids=["differences", "jac"])
@pytest.mark.parametrize(("model", "n"), [(normal(), 20), (weibull(2), 60), (poisson(5), 80)])
def test_totals(model: Any, n: int, with_jac: bool, solve: Any, information_at: Any) -> None:
    def total(params: Any, *args: Any) -> float:
        return float(model.nll(params, *args).sum())

    def gradient(params: Any, *args: Any) -> Any:
        return model.scores(params, *args).sum(axis=0)

    args = model.data(n, rng=4)
    mle = fit(total, model.truth, args, jac=gradient if with_jac else None)
    boot = bootstrap(mle, n_resamples=64, rng=1)
    assert set(boot.status) <= CERTIFIED
    assert distances(boot, model, args, range(64), solve, information_at).max() < 1e-3


def test_a_mixture_stays_in_the_basin_of_the_estimate(solve: Any, information_at: Any) -> None:
    model = normal_mixture()
    args = model.data(100, rng=1)
    boot = bootstrap(fit(model.nll, model.truth, args), n_resamples=64, rng=1)
    members = has_optimum(boot)
    assert len(members) >= 60
    assert set(boot.status[members]) <= CERTIFIED
    assert np.all(boot.replicates[members, 0] < boot.replicates[members, 1])
    gaps = distances(boot, model, args, members, solve, information_at)
    assert np.quantile(gaps, 0.9) < 1e-3


def test_prior_weights_multiply_those_of_the_resample(solve: Any, information_at: Any) -> None:
    model = poisson(2)
    args, prior = model.data(60, rng=3), np.random.default_rng(1).uniform(0.5, 2.0, 60)
    boot = bootstrap(fit(model.nll, model.truth, args, weights=prior), n_resamples=32, rng=1)
    H = information_at(model, args, prior, boot.estimate)
    for k in range(32):
        reference = solve(model, args, prior * draw(boot.seed, 60, k), boot.estimate)
        gap = boot.replicates[k] - reference
        assert np.sqrt(gap @ H @ gap) < 1e-3


def test_fixed_parameters_stay_in_every_replicate() -> None:
    model = normal()
    (y,) = model.data(30, rng=3)
    mle = fit(model.nll, model.truth, y, names=model.names, fixed={"log_sigma": 0.5})
    boot = bootstrap(mle, n_resamples=32, rng=1)
    weights = np.array([draw(boot.seed, 30, k) for k in range(32)])
    assert np.all(boot.replicates[:, 1] == 0.5)
    np.testing.assert_allclose(
        boot.replicates[:, 0], weights @ y / 30, atol=1e-3 * np.exp(0.5) / np.sqrt(30)
    )


def raw_normal(params: Any, y: Any) -> Any:
    mu, sigma = params
    with np.errstate(all="ignore"):
        return np.log(sigma) + 0.5 * ((y - mu) / sigma) ** 2


@pytest.mark.parametrize(
    "transform",
    [None, {"sigma": "log"}, {"sigma": ("logit", 0.0, 100.0)}],
    ids=["none", "log", "logit"],
)
def test_replicates_are_on_the_users_scale_and_do_not_depend_on_the_transform(
    transform: Any,
) -> None:
    y = np.random.default_rng(3).normal(0.0, 4.0, 25)
    mle = fit(raw_normal, {"mu": 0.0, "sigma": 3.0}, y, transform=transform)
    boot = bootstrap(mle, n_resamples=64, rng=1)
    for k in range(64):
        w = draw(boot.seed, 25, k)
        mean = w @ y / 25
        expected = [mean, np.sqrt(w @ (y - mean) ** 2 / 25)]
        assert np.all(np.abs(boot.replicates[k] - expected) < 1e-3 * y.std() / np.sqrt([25, 50]))


def test_a_total_that_is_a_mean_gives_the_replicates_of_the_sum() -> None:
    model = normal()
    (y,) = model.data(30, rng=3)
    runs = [
        bootstrap(fit(fun, model.truth, y), n_resamples=32, rng=1).replicates
        for fun in (lambda p, y: model.nll(p, y).sum(), lambda p, y: model.nll(p, y).mean())
    ]
    unit = y.std() / np.sqrt(30)
    assert np.abs(runs[0] - runs[1]).max() < 1e-3 * unit


def test_contributions_that_read_the_sample_mean_are_refitted_by_rows() -> None:
    def centred(params: Any, y: Any) -> Any:
        return 0.5 * (y - 0.5 * y.mean() - params[0]) ** 2 + 0.5 * (y - params[1]) ** 2

    y = np.random.default_rng(3).normal(10.0, 2.0, 25)
    boot = bootstrap(fit(centred, [0.0, 0.0], y), n_resamples=32, rng=1)
    means = np.array([draw(boot.seed, 25, k) @ y / 25 for k in range(32)])
    expected = np.column_stack([0.5 * means, means])
    np.testing.assert_allclose(boot.replicates, expected, atol=1e-3 / np.sqrt(25))


def test_bounds_that_a_replicate_meets_are_a_success_with_a_name() -> None:
    model = normal()
    y = model.data(30, rng=3)[0]
    bound = float(y.mean() + 0.5 * y.std() / np.sqrt(30))
    mle = fit(model.nll, [0.0, 0.5], y, bounds=[(None, bound), (None, None)])
    assert mle.status is Status.CERTIFIED
    boot = bootstrap(mle, n_resamples=128, rng=1)
    weights = np.array([draw(boot.seed, 30, k) for k in range(128)])
    means = weights @ y / 30
    outside = means > bound
    assert 0.2 < outside.mean() < 0.45
    np.testing.assert_array_equal(boot.status == Status.AT_BOUND, outside)
    mu = np.minimum(means, bound)
    sigma = np.sqrt([w @ (y - m) ** 2 / 30 for w, m in zip(weights, mu, strict=True)])
    np.testing.assert_allclose(boot.replicates[:, 0], mu, atol=1e-3 * y.std() / np.sqrt(30))
    np.testing.assert_allclose(boot.replicates[:, 1], np.log(sigma), atol=1e-3 / np.sqrt(60))


def test_bounds_that_no_replicate_meets_cost_nothing() -> None:
    model = poisson(3)
    args = model.data(100, rng=3)
    free = bootstrap(fit(model.nll, model.truth, args), n_resamples=64, rng=1)
    wide = fit(model.nll, model.truth, args, bounds=[(-50, 50)] * 4)
    bounded = bootstrap(wide, n_resamples=64, rng=1)
    assert set(bounded.status) == {Status.CERTIFIED}
    assert bounded.data.n_evaluations.sum() <= 1.1 * free.data.n_evaluations.sum()


def test_constraints_hold_in_every_replicate() -> None:
    model = normal()
    y = model.data(30, rng=3)[0]
    limit = float(y.mean())
    constraint = {"type": "ineq", "fun": lambda p: limit + 0.1 - p[0]}
    mle = fit(model.nll, [0.0, 0.5], y, constraints=constraint)
    boot = bootstrap(mle, n_resamples=64, rng=1)
    means = np.array([draw(boot.seed, 30, k) for k in range(64)]) @ y / 30
    expected = np.minimum(means, limit + 0.1)
    assert boot.n_failed == 0
    np.testing.assert_allclose(boot.replicates[:, 0], expected, atol=0.02 * y.std() / np.sqrt(30))
    clear = np.abs(means - limit - 0.1) > 1e-3
    np.testing.assert_array_equal(
        (boot.status == Status.AT_BOUND)[clear], (means > limit + 0.1)[clear]
    )


def test_a_fit_at_a_bound_is_refitted_with_the_bound() -> None:
    model = normal()
    y = model.data(30, rng=3)[0]
    bound = float(y.mean() - 0.5 * y.std() / np.sqrt(30))
    mle = fit(model.nll, [bound - 0.1, 0.5], y, bounds=[(None, bound), (None, None)])
    boot = bootstrap(mle, n_resamples=64, rng=1)
    means = np.array([draw(boot.seed, 30, k) for k in range(64)]) @ y / 30
    assert boot.n_failed == 0
    np.testing.assert_allclose(
        boot.replicates[:, 0], np.minimum(means, bound), atol=1e-3 * y.std() / np.sqrt(30)
    )


def test_evaluations_are_counted() -> None:
    model, calls = poisson(2), [0]

    def counting(params: Any, *args: Any) -> Any:
        calls[0] += 1
        return model.nll(params, *args)

    mle = fit(counting, model.truth, model.data(80, rng=1))
    calls[0] = 0
    boot = bootstrap(mle, n_resamples=64, rng=1)
    counted = boot.n_shared + boot.data.n_evaluations.sum()
    # The alarms look at each of 64 estimates, the fit's own sandwich takes 4 for each of 3.
    assert 0 <= calls[0] - counted <= 64 + 12


def test_evaluations_stay_within_the_budget_for_twelve_parameters() -> None:
    # Shared evaluations (455 at p = 12) are spread over the 1999 refits of a usual run.
    for model in (logit(), nb2(), weibull()):
        mle = fit(model.nll, model.truth, model.data(1500, rng=1))
        boot = bootstrap(mle, n_resamples=64, rng=1)
        assert boot.n_shared == n_terms(model.truth.size, 3) + 1
        assert boot.data.n_evaluations.mean() + boot.n_shared / 1999 <= 24


def test_gradients_stay_within_the_budget() -> None:
    for model in (logit(), nb2(), weibull()):
        mle = fit(model.nll, model.truth, model.data(1500, rng=1), jac=model.scores)
        boot = bootstrap(mle, n_resamples=64, rng=1)
        assert boot.data.n_gradients.mean() <= 2.5


@pytest.mark.parametrize("factory", [logit, weibull])
def test_the_expansion_alone_gives_the_standard_errors_of_the_verified_refits(
    factory: Any,
) -> None:
    model = factory()
    mle = fit(model.nll, model.truth, model.data(1500, rng=1))
    verified = bootstrap(mle, n_resamples=199, rng=1)
    expanded = bootstrap(mle, n_resamples=199, rng=1, refit="expansion")
    ratio = expanded.standard_error / verified.standard_error
    assert np.abs(ratio - 1).max() < 0.03
    assert set(expanded.status) == {Status.EXPANDED}
    assert expanded.n_shared < 600
    assert expanded.data.n_evaluations.sum() == 0


def test_a_resample_without_variance_has_no_finite_optimum() -> None:
    y = np.array([1.0, 2.0, 4.0, 8.0, 3.0, 5.0, 9.0, 2.5])
    mle = fit(normal().nll, [4.0, 1.0], y, names=["mu", "log_sigma"])
    indices = np.array([[3] * 8, [0, 1, 2, 3, 4, 5, 6, 7], [5] * 8])
    boot = bootstrap(mle, sampling=Given(indices=indices), n_resamples=3, rng=0)
    assert boot.status.tolist() == [
        Status.NO_FINITE_OPTIMUM,
        Status.CERTIFIED,
        Status.NO_FINITE_OPTIMUM,
    ]
    np.testing.assert_array_equal(boot.replicates[[0, 2], 1], -np.inf)
    np.testing.assert_allclose(boot.replicates[[0, 2], 0], [8.0, 5.0], atol=0.01)
    assert boot.n_failed == 0
