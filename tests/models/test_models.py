"""The models against scipy.stats, their scores against differences, their draws against moments.

The seeds are fixed. Each comparison of draws or fits has a false-alarm rate of 6e-7 (a z beyond 5),
and there are 62 of them: a new seed would raise one false alarm in 27,000 runs.
"""

import pickle
from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, stats
from scipy.special import expit, log_ndtr, ndtr

from bootmle import Blocks, Cases, Clustered, Parametric, bootstrap, fit
from bootmle.likelihood.arrays import Floats
from models import (
    Model,
    ar1,
    exponential,
    gamma,
    logit,
    nb2,
    normal,
    normal_mixture,
    ordered_probit,
    poisson,
    probit,
    random_effects_logit,
    tobit,
    weibull,
)
from models.panel import halton_normals

MODELS = [
    normal(),
    exponential(),
    exponential(log=False),
    gamma(),
    gamma(log=False),
    normal_mixture(),
    logit(3),
    probit(3),
    poisson(3),
    nb2(3),
    ordered_probit(3),
    tobit(3),
    weibull(3),
    ar1(),
    random_effects_logit(2, cluster_size=4),
]
Moments = Callable[..., tuple[Floats | float, Floats | float]]


def title(model: object) -> str:
    return model.name if isinstance(model, Model) else ""


def n_contributions(model: Model, n: int) -> int:
    """One for each row, or for each cluster of four."""
    return -(-n // 4) if model.name == "random-effects logit" else n


def off_truth(model: Model) -> Floats:
    """A point some way from the truth, where no score is near zero on average."""
    return model.truth + 0.1 * np.random.default_rng(1).standard_normal(len(model.truth))


def differences(model: Model, params: Floats, *args: Floats, step: float = 1e-3) -> Floats:
    """Fourth-order central differences, (n, p)."""

    def slope(direction: Floats) -> Floats:
        def at(k: int) -> Floats:
            return model.nll(params + k * step * direction, *args)

        return (8.0 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12.0 * step)

    return np.column_stack([slope(direction) for direction in np.eye(len(params))])


@pytest.mark.parametrize("model", MODELS, ids=title)
def test_scores_are_the_gradients_of_the_contributions(model: Model) -> None:
    params, args = off_truth(model), model.data(60, rng=2)
    expected = differences(model, params, *args)
    assert_allclose(model.scores(params, *args), expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("model", MODELS, ids=title)
def test_shapes_names_and_pickling(model: Model) -> None:
    args = model.data(7, rng=0)
    copy = pickle.loads(pickle.dumps(model))
    assert model.truth.shape == (len(model.names),)
    assert len(set(model.names)) == len(model.names)
    assert [len(a) for a in args] == [7] * len(args)
    count = n_contributions(model, 7)
    assert copy.nll(model.truth, *args).shape == (count,)
    assert copy.scores(model.truth, *args).shape == (count, len(model.names))
    for ours, theirs in zip(args, copy.data(7, rng=0), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("model", MODELS, ids=title)
def test_far_points_are_infinite_or_nan_without_a_warning(model: Model) -> None:
    args = model.data(20, rng=0)
    for far in (-1e4, 1e4):
        contributions = model.nll(model.truth + far * np.arange(len(model.truth), 0, -1), *args)
        assert not np.any(contributions == -np.inf)
        scores = model.scores(np.full(len(model.truth), far), *args)
        assert scores.shape == (n_contributions(model, 20), len(model.truth))


@pytest.mark.parametrize("model", [exponential(log=False), gamma(log=False)], ids=title)
def test_raw_scale_has_a_domain(model: Model) -> None:
    args = model.data(20, rng=0)
    assert not np.isfinite(model.nll(-model.truth, *args)).any()
    assert not np.isfinite(model.nll(0.0 * model.truth, *args)).any()


@pytest.mark.parametrize("factory", [logit, probit, poisson, nb2, ordered_probit, tobit, weibull])
def test_regressions_have_twelve_parameters_by_default(factory: Callable[[], Model]) -> None:
    assert len(factory().truth) == 12


def regression(model: Model, n: int = 300) -> tuple[Floats, Floats, Floats, float]:
    """Draws (X, y), the linear predictor and the last parameter, off the truth."""
    params = off_truth(model)
    X, y = model.data(n, rng=3)
    return X, y, X @ params[: X.shape[1]], params[-1]


def log_density_normal(params: Floats, y: Floats) -> Floats:
    return stats.norm.logpdf(y, params[0], np.exp(params[1]))


def log_density_exponential(params: Floats, y: Floats) -> Floats:
    return stats.expon.logpdf(y, scale=params[0])


def log_density_gamma(params: Floats, y: Floats) -> Floats:
    return stats.gamma.logpdf(y, params[0], scale=params[1])


def log_density_mixture(params: Floats, y: Floats) -> Floats:
    sigma, weight = np.exp(params[2]), expit(params[3])
    first, second = (stats.norm.pdf(y, mu, sigma) for mu in params[:2])
    return np.log(weight * first + (1.0 - weight) * second)


@pytest.mark.parametrize(
    ("model", "log_density", "scale"),
    [
        (normal(), log_density_normal, None),
        (exponential(log=False), log_density_exponential, None),
        (exponential(), log_density_exponential, np.exp),
        (gamma(log=False), log_density_gamma, None),
        (gamma(), log_density_gamma, np.exp),
        (normal_mixture(), log_density_mixture, None),
    ],
    ids=title,
)
def test_contributions_without_covariates(
    model: Model, log_density: Callable[..., Floats], scale: Callable[[Floats], Floats] | None
) -> None:
    params, (y,) = off_truth(model), model.data(300, rng=3)
    expected = -log_density(scale(params) if scale else params, y)
    assert_allclose(model.nll(params, y), expected, rtol=1e-12, atol=1e-13)


def test_contributions_of_logit_and_probit() -> None:
    for model, probability in ((logit(3), expit), (probit(3), ndtr)):
        X, y, eta, _ = regression(model)
        expected = -stats.bernoulli.logpmf(y, probability(eta))
        assert_allclose(model.nll(off_truth(model), X, y), expected, rtol=1e-11)


def test_contributions_of_counts() -> None:
    X, y, eta, _ = regression(poisson(3))
    expected = -stats.poisson.logpmf(y, np.exp(eta))
    assert_allclose(poisson(3).nll(off_truth(poisson(3)), X, y), expected, rtol=1e-11)
    X, y, eta, log_alpha = regression(nb2(3))
    size = np.exp(-log_alpha)
    expected = -stats.nbinom.logpmf(y, size, size / (size + np.exp(eta)))
    assert_allclose(nb2(3).nll(off_truth(nb2(3)), X, y), expected, rtol=1e-11)


def test_contributions_of_latent_normals() -> None:
    X, y, eta, log_sigma = regression(tobit(3))
    density = stats.norm.logpdf(y, eta, np.exp(log_sigma))
    expected = -np.where(y > 0, density, stats.norm.logcdf(0.0, eta, np.exp(log_sigma)))
    assert_allclose(tobit(3).nll(off_truth(tobit(3)), X, y), expected, rtol=1e-12)
    model = ordered_probit(3)
    X, y, eta, _ = regression(model)
    cuts = np.concatenate([[-np.inf], off_truth(model)[3:], [np.inf]])
    low, high = (ndtr(cuts[y.astype(int) + k] - eta) for k in (0, 1))
    assert_allclose(model.nll(off_truth(model), X, y), -np.log(high - low), rtol=1e-11)


def test_contributions_of_censored_weibull() -> None:
    model = weibull(3)
    params, (X, time, event) = off_truth(model), model.data(300, rng=3)
    law = stats.weibull_min(np.exp(-params[-1]), scale=np.exp(X @ params[:-1]))
    expected = -np.where(event == 1, law.logpdf(time), law.logsf(time))
    assert_allclose(model.nll(params, X, time, event), expected, rtol=1e-11)


def test_contributions_far_in_the_tails() -> None:
    X, ones = np.ones((1, 1)), np.ones(1)
    assert_allclose(logit(0).nll(np.array([-800.0]), X, ones), [800.0])
    assert_allclose(probit(0).nll(np.array([-40.0]), X, ones), -log_ndtr([-40.0]))
    params = np.array([0.0, -1.0, 40.0, 41.0])
    beyond_forty = ordered_probit(1).nll(params, X, 2.0 * ones)
    assert_allclose(beyond_forty, -log_ndtr([-40.0]), rtol=1e-12)


def test_contributions_of_a_series_add_up_to_its_joint_density() -> None:
    model = ar1(phi=-0.7)
    mean, phi, log_sigma = params = off_truth(model)
    (y,) = model.data(50, rng=3)
    lags = np.abs(np.subtract.outer(np.arange(50), np.arange(50)))
    covariance = np.exp(2.0 * log_sigma) * phi**lags / (1.0 - phi**2)
    expected = stats.multivariate_normal.logpdf(y, np.full(50, mean), covariance)
    assert_allclose(model.nll(params, y).sum(), -expected, rtol=1e-11)
    before = model.nll(params, y[:30])
    assert_allclose(model.nll(params, y)[:30], before, rtol=1e-14)  # only earlier rows are read


def test_a_series_is_stationary_or_has_no_likelihood() -> None:
    (y,) = ar1().data(20, rng=0)
    for phi in (-1.0, 1.0, 1.5):
        assert not np.isfinite(ar1().nll(np.array([1.0, phi, 0.0]), y)).any()


def test_contributions_of_clusters_are_integrals_over_their_intercepts() -> None:
    model = random_effects_logit(2, cluster_size=4, n_draws=4096)
    params = off_truth(model)
    X, y, cluster = model.data(12, rng=3)

    def integrand(b: float, rows: Floats) -> float:
        eta = (2.0 * y[rows] - 1.0) * (X[rows] @ params[:-1] + np.exp(params[-1]) * b)
        return float(np.prod(expit(eta)) * stats.norm.pdf(b))

    expected = [
        -np.log(integrate.quad(integrand, -9.0, 9.0, args=(cluster == g,), epsabs=1e-13)[0])
        for g in range(3)
    ]
    # A stratified average of a smooth function over R draws is off by a few R⁻¹.
    assert_allclose(model.nll(params, X, y, cluster), expected, rtol=5e-4)


def test_draws_of_intercepts_are_a_halton_sequence() -> None:
    expected = stats.qmc.Halton(1, scramble=False).fast_forward(1).random(300).reshape(10, 30)
    assert_allclose(ndtr(halton_normals(10, 30)), expected, rtol=1e-12)


def test_clusters_may_come_in_any_order() -> None:
    model = random_effects_logit(2, cluster_size=4)
    params, (X, y, cluster) = off_truth(model), model.data(40, rng=3)
    order = np.random.default_rng(0).permutation(40)
    _, first = np.unique(cluster[order], return_index=True)
    appearance = cluster[order][np.sort(first)]
    shuffled = model.nll(params, X[order], y[order], cluster[order])
    assert_allclose(shuffled, model.nll(params, X, y, cluster)[appearance], rtol=1e-12)
    scores = model.scores(params, X[order], y[order], cluster[order])
    assert_allclose(scores, model.scores(params, X, y, cluster)[appearance], atol=1e-12)


def test_nb2_tends_to_poisson() -> None:
    X, y = poisson(3).data(300, rng=3)
    limit = nb2(3).nll(np.append(poisson(3).truth, -18.0), X, y)
    assert_allclose(limit, poisson(3).nll(poisson(3).truth, X, y), rtol=1e-5)


@pytest.mark.parametrize("model", MODELS, ids=title)
def test_scores_average_to_zero_at_the_truth(model: Model) -> None:
    """Hotelling's statistic follows chi-squared with p degrees of freedom; false alarms: 6e-7."""
    scores = model.scores(model.truth, *model.data(20_000, rng=4))
    mean, variance = scores.mean(axis=0), np.atleast_2d(np.cov(scores.T)) / len(scores)
    statistic = mean @ np.linalg.solve(variance, mean)
    assert stats.chi2.sf(statistic, len(mean)) > 6e-7


def moments_normal(params: Floats) -> tuple[float, float]:
    return params[0], np.exp(2.0 * params[1])


def moments_exponential(params: Floats) -> tuple[float, float]:
    return np.exp(params[0]), np.exp(2.0 * params[0])


def moments_gamma(params: Floats) -> tuple[float, float]:
    shape, scale = np.exp(params)
    return shape * scale, shape * scale**2


def moments_mixture(params: Floats) -> tuple[float, float]:
    (mu1, mu2), weight = params[:2], expit(params[3])
    between = weight * (1.0 - weight) * (mu1 - mu2) ** 2
    return weight * mu1 + (1.0 - weight) * mu2, np.exp(2.0 * params[2]) + between


def moments_logit(params: Floats, X: Floats) -> tuple[Floats, Floats]:
    probability = expit(X @ params)
    return probability, probability * (1.0 - probability)


def moments_probit(params: Floats, X: Floats) -> tuple[Floats, Floats]:
    probability = ndtr(X @ params)
    return probability, probability * (1.0 - probability)


def moments_poisson(params: Floats, X: Floats) -> tuple[Floats, Floats]:
    return np.exp(X @ params), np.exp(X @ params)


def moments_nb2(params: Floats, X: Floats) -> tuple[Floats, Floats]:
    mean = np.exp(X @ params[:-1])
    return mean, mean + np.exp(params[-1]) * mean**2


def moments_ordered_probit(params: Floats, X: Floats) -> tuple[Floats, Floats]:
    k = X.shape[1]
    above = ndtr((X @ params[:k])[:, None] - params[k:])
    mean, square = above.sum(axis=1), above @ (2.0 * np.arange(above.shape[1]) + 1.0)
    return mean, square - mean**2


def moments_tobit(params: Floats, X: Floats) -> tuple[Floats, Floats]:
    eta, sigma = X @ params[:-1], np.exp(params[-1])
    share, density = ndtr(eta / sigma), stats.norm.pdf(eta / sigma)
    mean = eta * share + sigma * density
    return mean, (eta**2 + sigma**2) * share + eta * sigma * density - mean**2


def moments_log_weibull(params: Floats, X: Floats) -> tuple[Floats, float]:
    sigma = np.exp(params[-1])
    return X @ params[:-1] - np.euler_gamma * sigma, (np.pi * sigma) ** 2 / 6.0


def assert_moments(y: Floats, mean: Floats | float, variance: Floats | float) -> None:
    """Compare the first two moments within 5 Monte Carlo standard errors."""
    for excess in (y - mean, (y - mean) ** 2 - variance):
        assert abs(excess.mean()) < 5.0 * excess.std(ddof=1) / np.sqrt(len(y))


@pytest.mark.parametrize(
    ("model", "moments"),
    [
        (normal(), moments_normal),
        (exponential(), moments_exponential),
        (gamma(), moments_gamma),
        (normal_mixture(), moments_mixture),
        (logit(3), moments_logit),
        (probit(3), moments_probit),
        (poisson(3), moments_poisson),
        (nb2(3), moments_nb2),
        (ordered_probit(3), moments_ordered_probit),
        (tobit(3), moments_tobit),
    ],
    ids=title,
)
def test_draws_have_the_moments_of_the_model(model: Model, moments: Moments) -> None:
    params = off_truth(model)
    *covariates, y = model.simulate(params, np.random.default_rng(5), *model.data(20_000, rng=6))
    assert_moments(y, *moments(params, *covariates))


def test_draws_of_the_weibull_have_its_moments() -> None:
    model = weibull(3, censoring_mean=np.inf)
    X, time, event = model.data(20_000, rng=5)
    assert event.all()
    assert_moments(np.log(time), *moments_log_weibull(model.truth, X))


def test_draws_of_a_series_have_the_moments_of_shocks_and_start() -> None:
    model, rng = ar1(), np.random.default_rng(5)
    mean, phi, log_sigma = params = off_truth(model)
    (y,) = model.simulate(params, rng, np.zeros(20_000))
    assert_moments(y[1:] - phi * y[:-1], (1.0 - phi) * mean, np.exp(2.0 * log_sigma))
    starts = np.array([model.simulate(params, rng, np.zeros(2))[0] for _ in range(4000)])
    for y in starts.T:
        assert_moments(y, mean, np.exp(2.0 * log_sigma) / (1.0 - phi**2))


def test_draws_of_clusters_share_their_intercepts() -> None:
    """Two rows of a cluster without covariates: P(y = 1), and of both, by quadrature."""
    model = random_effects_logit(0, cluster_size=2, log_sigma=0.5)
    _, y, _ = model.data(20_000, rng=5)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    one = expit(0.5 + np.exp(0.5) * nodes)
    share, both = (float(weights @ power) / weights.sum() for power in (one, one**2))
    pairs = y.reshape(-1, 2)
    assert_moments(pairs[:, 0], share, share * (1.0 - share))
    assert_moments(pairs.prod(axis=1), both, both * (1.0 - both))


@pytest.mark.parametrize("model", MODELS, ids=title)
def test_fits_are_certified_from_afar(model: Model) -> None:
    args = model.data(400, rng=8)
    start = dict(zip(model.names, 0.8 * model.truth, strict=True))
    mle = fit(model.nll, start, args=args, jac=model.scores)
    assert mle.converged
    assert mle.decrement < 1e-3
    away = (mle.estimate - model.truth) @ mle.information.matrix @ (mle.estimate - model.truth)
    assert stats.chi2.sf(away, len(start)) > 6e-7


def test_a_series_is_drawn_in_blocks_or_simulated() -> None:
    model = ar1()
    mle = fit(model.nll, dict(zip(model.names, model.truth, strict=True)), args=model.data(200, 0))
    with pytest.raises(ValueError, match="Blocks"):
        bootstrap(mle, sampling=Cases(), n_resamples=99)
    for plan in (Blocks(), Parametric(model.simulate)):
        boot = bootstrap(mle, sampling=plan, n_resamples=99, rng=0)
        assert boot.n_failed == 0


def test_clusters_are_drawn_whole() -> None:
    model = random_effects_logit(1, cluster_size=10, n_draws=16)
    args = model.data(600, rng=1)
    start = dict(zip(model.names, model.truth, strict=True))
    mle = fit(model.nll, start, args=args, jac=model.scores)
    boot = bootstrap(mle, sampling=Clustered(args[2]), n_resamples=99, rng=0)
    assert boot.n_failed == 0


def test_weibull_is_censored_for_about_three_in_ten() -> None:
    _, _, event = weibull().data(20_000, rng=5)
    assert 0.65 < event.mean() < 0.75


def test_the_same_seed_draws_the_same_data() -> None:
    model = gamma()
    np.testing.assert_array_equal(model.data(5, rng=1)[0], model.data(5, rng=1)[0])
    assert not np.array_equal(model.data(5, rng=1)[0], model.data(5, rng=2)[0])
