"""NumPyro's models by maximum likelihood, against closed forms and SciPy; and what is none."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize, stats

from bootmle import Cases, bootstrap, fit_numpyro
from bootmle.sampling import draw_resample

numpyro: Any = pytest.importorskip("numpyro")
dist: Any = pytest.importorskip("numpyro.distributions")

RNG = np.random.default_rng(5)
N = 150
X = np.column_stack([np.ones(N), RNG.normal(size=N), 30 * RNG.normal(size=N)])
TRUTH = np.array([0.3, 0.5, -0.02])
Y = X @ TRUTH + 2 * RNG.normal(size=N)


def linear(x: Any, y: Any = None, prior_scale: float = 1.0) -> None:
    beta = numpyro.sample("beta", dist.Normal(0, prior_scale).expand([3]).to_event(1))
    sigma = numpyro.sample("sigma", dist.HalfNormal(prior_scale))
    with numpyro.plate("rows", len(x)):
        numpyro.sample("y", dist.Normal(x @ beta, sigma), obs=y)


def least_squares(x: Any, y: Any) -> Any:
    beta = np.linalg.lstsq(x, y)[0]
    return np.append(beta, np.sqrt(np.mean((y - x @ beta) ** 2)))


@pytest.mark.parametrize("prior_scale", [0.01, 10.0])
def test_priors_have_no_influence(prior_scale: float) -> None:
    mle = fit_numpyro(linear, X, y=Y, prior_scale=prior_scale)
    assert mle.names == ("beta[0]", "beta[1]", "beta[2]", "sigma")
    assert_allclose(mle.estimate, least_squares(X, Y), rtol=1e-6)
    sigma = mle.estimate[-1]
    assert_allclose(mle.nll, -np.sum(stats.norm.logpdf(Y, X @ mle.estimate[:3], sigma)))
    assert_allclose(mle.information.matrix[:3, :3], X.T @ X / sigma**2, rtol=1e-5)


def test_replicates_are_least_squares_of_the_resamples() -> None:
    boot = bootstrap(fit_numpyro(linear, X, Y), n_resamples=30, rng=1)
    rows = [draw_resample(Cases(), N, 1, k).rows for k in range(30)]
    exact = np.array([least_squares(X[drawn], Y[drawn]) for drawn in rows])
    assert_allclose(boot.replicates / boot.standard_error, exact / boot.standard_error, atol=2e-3)


def test_counts_on_a_log_scale() -> None:
    counts = stats.nbinom.rvs(2, 2 / (2 + np.exp(X @ TRUTH)), random_state=7)

    def model(x: Any, y: Any) -> None:
        beta = numpyro.sample("beta", dist.Normal(0, 1).expand([3]))
        size = numpyro.param("size", 1.0, constraint=dist.constraints.positive)
        numpyro.sample("y", dist.NegativeBinomial2(jax_exp(x @ beta), size), obs=y)

    def nll(params: Any) -> Any:
        mu, size = np.exp(X @ params[:3]), np.exp(params[3])
        return -np.sum(stats.nbinom.logpmf(counts, size, size / (size + mu)))

    def jax_exp(values: Any) -> Any:
        return pytest.importorskip("jax.numpy").exp(values)

    mle = fit_numpyro(model, X, counts, start={"beta": TRUTH})
    found = optimize.minimize(nll, np.append(TRUTH, 0.5), method="Nelder-Mead", tol=1e-10)
    assert_allclose(mle.estimate[:3], found.x[:3], rtol=1e-4, atol=1e-5)
    assert_allclose(mle.nll, found.fun, rtol=1e-7)  # NumPyro's own errs by 1e-8


def masked(x: Any, y: Any, kept: Any) -> None:
    beta = numpyro.sample("beta", dist.ImproperUniform(dist.constraints.real_vector, (), (3,)))
    sigma = numpyro.sample("sigma", dist.ImproperUniform(dist.constraints.positive, (), ()))
    mean = numpyro.deterministic("mean", x @ beta)
    with numpyro.plate("rows", len(x)), numpyro.handlers.mask(mask=kept):
        numpyro.sample("y", dist.Normal(mean, sigma), obs=y)


def weighted(x: Any, y: Any, kept: Any) -> None:
    beta = numpyro.sample("beta", dist.Normal(0, 1).expand([3]))
    sigma = numpyro.sample("sigma", dist.HalfNormal(1))
    with numpyro.plate("rows", len(x)), numpyro.handlers.scale(scale=1.0 + kept):
        numpyro.sample("y", dist.Normal(x @ beta, sigma), obs=y)


@pytest.mark.parametrize(("model", "base"), [(masked, 0.0), (weighted, 1.0)])
def test_masks_scales_and_improper_priors(model: Callable[..., None], base: float) -> None:
    kept = np.random.default_rng(2).random(N) > 0.3
    mle, root = fit_numpyro(model, X, Y, kept), np.sqrt(base + kept)
    beta = np.linalg.lstsq(root[:, None] * X, root * Y)[0]
    sigma = np.sqrt(np.average((Y - X @ beta) ** 2, weights=root**2))
    assert_allclose(mle.estimate, np.append(beta, sigma), rtol=1e-6)
    assert mle.likelihood.per_observation


def test_rows_are_the_plate_without_parameters_and_sites_add_up() -> None:
    pairs, counts = np.column_stack([Y, 2 + X[:, 1]]), np.random.default_rng(1).poisson(3.0, N)

    def columns(pairs: Any, counts: Any) -> None:
        with numpyro.plate("columns", 2):
            mean = numpyro.sample("mean", dist.Normal(0, 1))
            sd = numpyro.sample("sd", dist.HalfNormal(1))
            with numpyro.plate("rows", N):
                numpyro.sample("pairs", dist.Normal(mean, sd), obs=pairs)
        numpyro.sample("counts", dist.Poisson(numpyro.sample("rate", dist.Gamma(1))), obs=counts)

    mle = fit_numpyro(columns, pairs, counts)
    exact = [*pairs.mean(axis=0), *pairs.std(axis=0), counts.mean()]
    assert_allclose(mle.estimate, exact, rtol=1e-6)
    mean, sd = mle.estimate[:2], mle.estimate[2:4]
    normal = np.sum(np.log(sd) + 0.5 * np.log(2 * np.pi) + 0.5 * ((pairs - mean) / sd) ** 2, axis=1)
    found = mle.likelihood.contributions(mle.estimate)
    assert_allclose(found, normal - stats.poisson.logpmf(counts, mle.estimate[4]), rtol=1e-9)


def imputed(y: Any) -> None:
    mu = numpyro.sample("mu", dist.Normal())
    numpyro.sample("y", dist.Normal(mu, 1.0), obs=y, obs_mask=y > 0)


def random_effects(y: Any) -> None:
    tau = numpyro.sample("tau", dist.HalfNormal(1))
    with numpyro.plate("groups", 3):
        effect = numpyro.sample("effect", dist.Normal(0, tau))
    numpyro.sample("y", dist.Normal(effect[0], 1.0), obs=y)


def one_for_each(y: Any) -> None:
    with numpyro.plate("rows", len(y)):
        numpyro.sample("y", dist.Normal(numpyro.sample("own", dist.Normal()), 1.0), obs=y)


def discrete(y: Any) -> None:
    numpyro.sample("y", dist.Normal(numpyro.sample("z", dist.Bernoulli(0.5)), 1.0), obs=y)


def subsampled(y: Any) -> None:
    mu = numpyro.sample("mu", dist.Normal())
    with numpyro.plate("rows", len(y), subsample_size=10) as rows:
        numpyro.sample("y", dist.Normal(mu, 1.0), obs=y[rows])


def with_a_factor(y: Any) -> None:
    mu = numpyro.sample("mu", dist.Normal())
    numpyro.factor("penalty", -(mu**2))
    numpyro.sample("y", dist.Normal(mu, 1.0), obs=y)


def shares(y: Any) -> None:
    share = numpyro.sample("share", dist.Dirichlet(np.ones(2)))
    numpyro.sample("y", dist.Normal(share[0], 1.0), obs=y)


def unobserved(y: Any) -> None:
    numpyro.sample("mu", dist.Normal())


@pytest.mark.parametrize(
    ("model", "match"),
    [
        (random_effects, "'effect' depends on other parameters"),
        (one_for_each, "'own' is a parameter of every single observation"),
        (discrete, "'z' is discrete"),
        (subsampled, "'rows' is subsampled"),
        (with_a_factor, "'penalty' is a factor"),
        (shares, "'share' has the support"),
        (imputed, "'y_unobserved' stands for what obs_mask= leaves out"),
        (unobserved, "nothing is observed"),
    ],
)
def test_what_is_no_likelihood_of_rows_is_refused(model: Callable[..., None], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        fit_numpyro(model, Y)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="prior: True"):
        fit_numpyro(linear, X, Y, prior=True)
    with pytest.raises(ValueError, match="'gamma' is no site"):
        fit_numpyro(linear, X, Y, start={"gamma": 1.0})
