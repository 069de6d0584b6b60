"""Scores, OPG and sandwiches against closed forms, and the sampling error of a standard error."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from bootmle import Clustered, bootstrap, crosscheck, fit
from bootmle.crosschecks.score_covariances import measure_scores
from bootmle.fitting.fit import Fit
from models import poisson

Floats = NDArray[np.float64]
NAMES = ("const", "slope", "log_sigma")


def line_nll(params: Any, x: Any, y: Any) -> Any:
    z = (y - params[0] - params[1] * x) / np.exp(params[2])
    return params[2] + 0.5 * z**2


def line_scores(params: Any, x: Any, y: Any) -> Any:
    sigma = np.exp(params[2])
    z = (y - params[0] - params[1] * x) / sigma
    return -np.column_stack([z / sigma, z * x / sigma, z**2 - 1])


def line_data(n: int = 90) -> tuple[Floats, Floats]:
    """Skewed errors, and a covariate of another scale."""
    rng = np.random.default_rng(2)
    x = 1e-3 * rng.uniform(1.0, 5.0, n)
    return x, 40.0 + 9000.0 * x + rng.gamma(2.0, 4.0 + 1000.0 * x)


class Closed:
    """Estimate, information and scores of the normal linear model, by hand."""

    def __init__(self, x: Floats, y: Floats, weights: Any = None) -> None:
        w = np.ones(y.size) if weights is None else weights
        X = np.column_stack([np.ones(y.size), x])
        slopes = np.linalg.solve(X.T @ (w[:, None] * X), X.T @ (w * y))
        e = y - X @ slopes
        variance = (w @ e**2) / w.sum()
        self.estimate = np.append(slopes, 0.5 * np.log(variance))
        self.information = np.zeros((3, 3))
        self.information[:2, :2] = X.T @ (w[:, None] * X) / variance
        self.information[2, 2] = 2 * w.sum()
        self.scores = -np.column_stack([e[:, None] * X / variance, e**2 / variance - 1])
        self.scores *= w[:, None]
        self.inverse = np.linalg.inv(self.information)

    def sandwich(self, units: Any = None) -> Floats:
        pulls = (self.scores if units is None else units) @ self.inverse
        return np.sqrt(np.diag(pulls.T @ pulls))

    def opg(self) -> Floats:
        return np.sqrt(np.diag(np.linalg.inv(self.scores.T @ self.scores)))

    def sampling_error(self, units: Any = None) -> Floats:
        q = ((self.scores if units is None else units) @ self.inverse) ** 2
        return np.asarray(0.5 * np.sqrt(((q - q.mean(axis=0)) ** 2).sum(axis=0)) / q.sum(axis=0))

    def by_cluster(self, labels: Any) -> Floats:
        return np.array([self.scores[labels == one].sum(axis=0) for one in np.unique(labels)])


def line_fit(jac: Any = None, **options: Any) -> Fit:
    start = {"const": 40.0, "slope": 1e4, "log_sigma": 2.0}
    return fit(line_nll, start, line_data(), jac=jac, **options)


@pytest.mark.parametrize("jac", [None, line_scores], ids=["differences", "jac"])
def test_linear_regression(jac: Any) -> None:
    closed, mle = Closed(*line_data()), line_fit(jac)
    assert_allclose(mle.estimate, closed.estimate, rtol=1e-6)
    errors = crosscheck(mle).standard_errors
    assert_allclose(errors["hessian"], np.sqrt(np.diag(closed.inverse)), rtol=1e-6)
    assert_allclose(errors["opg"], closed.opg(), rtol=1e-5)
    assert_allclose(errors["sandwich"], closed.sandwich(), rtol=1e-5)


@pytest.mark.parametrize("jac", [None, line_scores], ids=["differences", "jac"])
def test_the_covariances_besides_the_errors(jac: Any) -> None:
    closed, scores = Closed(*line_data()), measure_scores(line_fit(jac))
    assert scores is not None
    unit = np.sqrt(np.diag(closed.inverse))
    pulls = closed.scores @ closed.inverse
    expected = pulls.T @ pulls / np.outer(unit, unit)
    assert_allclose(scores.sandwich / np.outer(unit, unit), expected, atol=1e-5)
    expected = np.linalg.inv(closed.scores.T @ closed.scores) / np.outer(unit, unit)
    assert_allclose(scores.opg / np.outer(unit, unit), expected, atol=1e-5)


LABELS = np.repeat(np.arange(40), np.random.default_rng(3).integers(1, 5, 40))[:90]


@pytest.mark.parametrize("jac", [None, line_scores], ids=["differences", "jac"])
def test_the_cluster_sandwich_sums_scores_by_cluster(jac: Any) -> None:
    closed = Closed(*line_data())
    mixed = np.random.default_rng(4).permutation(LABELS)
    boot = bootstrap(line_fit(jac), sampling=Clustered(mixed), n_resamples=199, rng=0)
    check = crosscheck(boot)
    units = closed.by_cluster(mixed)
    assert_allclose(check.standard_errors["cluster"], closed.sandwich(units), rtol=1e-5)
    assert_allclose(check.standard_errors["sandwich"], closed.sandwich(), rtol=1e-5)
    assert_allclose(check.standard_errors["opg"], closed.opg(), rtol=1e-5)
    relative = check.sampling_error / check.standard_errors["bootstrap"]
    assert_allclose(relative, closed.sampling_error(units), rtol=1e-5)


def test_clusters_of_one_row_are_the_sandwich_exactly() -> None:
    scores = measure_scores(line_fit(), np.arange(90))
    plain = measure_scores(line_fit())
    assert scores is not None
    assert plain is not None
    assert_array_equal(scores.clustered_sandwich, scores.sandwich)
    assert_array_equal(scores.sampling_error, plain.sampling_error)


def test_prior_weights_multiply_the_scores() -> None:
    # R's sandwich(lm(y ~ x, weights = w)) has squared weights in its middle as well.
    w = np.random.default_rng(5).uniform(0.3, 3.0, 90)
    closed, mle = Closed(*line_data(), weights=w), line_fit(weights=w)
    assert_allclose(mle.estimate, closed.estimate, rtol=1e-6)
    errors = crosscheck(mle).standard_errors
    assert_allclose(errors["hessian"], np.sqrt(np.diag(closed.inverse)), rtol=1e-6)
    assert_allclose(errors["opg"], closed.opg(), rtol=1e-5)
    assert_allclose(errors["sandwich"], closed.sandwich(), rtol=1e-5)


def test_a_held_parameter_has_no_error_and_gives_none_to_the_others() -> None:
    sigma = 7.0
    mle = line_fit(fixed={"log_sigma": np.log(sigma)})
    x, y = line_data()
    X = np.column_stack([np.ones(90), x])
    inverse = sigma**2 * np.linalg.inv(X.T @ X)
    e = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    pulls = (e[:, None] * X / sigma**2) @ inverse
    check = crosscheck(mle)
    expected = np.append(np.sqrt(np.diag(pulls.T @ pulls)), 0.0)
    assert_allclose(check.standard_errors["sandwich"], expected, rtol=1e-5)
    expected = np.append(np.sqrt(np.diag(inverse)), 0.0)
    assert_allclose(check.standard_errors["hessian"], expected, rtol=1e-6)
    assert check.standard_errors["opg"][2] == check.sampling_error[2] == 0.0


@pytest.mark.parametrize(
    "transform",
    [None, {"sigma": "log"}, {"sigma": ("logit", 0.0, 500.0)}],
    ids=["none", "log", "logit"],
)
def test_errors_are_on_the_users_scale_whatever_the_fit_runs_on(transform: Any) -> None:
    def nll(params: Any, y: Any) -> Any:
        with np.errstate(all="ignore"):
            return np.log(params[1]) + 0.5 * ((y - params[0]) / params[1]) ** 2

    y = 1000.0 + 30.0 * np.random.default_rng(6).standard_t(8, 70)
    e, sigma = y - y.mean(), y.std()
    mle = fit(nll, {"mu": 1000.0, "sigma": 20.0}, y, transform=transform)
    errors = crosscheck(mle).standard_errors
    hessian = sigma / np.sqrt([70, 140])
    assert_allclose(errors["hessian"], hessian, rtol=1e-5)
    scores = np.column_stack([-e / sigma**2, 1 / sigma - e**2 / sigma**3])
    pulls = scores * hessian**2
    assert_allclose(errors["sandwich"], np.sqrt((pulls**2).sum(axis=0)), rtol=1e-4)
    opg = np.sqrt(np.diag(np.linalg.inv(scores.T @ scores)))
    assert_allclose(errors["opg"], opg, rtol=1e-4)


def test_scores_in_standard_errors_have_no_mean_and_the_model_s_variance() -> None:
    model = poisson(2)
    mle = fit(model.nll, model.truth, model.data(4000, rng=1))
    scores = measure_scores(mle)
    assert scores is not None
    assert np.abs(scores.whitened.sum(axis=0)).max() < 1e-4
    # Each of 6 entries of JᵀJ in standard errors within 5 of its own sampling errors, 4e-6 in all.
    products = scores.whitened[:, :, None] * scores.whitened[:, None, :]
    error = products.std(axis=0) * np.sqrt(4000)
    assert np.all(np.abs(products.sum(axis=0) - np.eye(3)) < 5 * error)


def test_an_outer_product_that_is_singular_gives_no_errors() -> None:
    # With |e| = sigma in every row the score of log_sigma is 0, and the Hessian is regular.
    y = 5.0 + 3.0 * np.tile([-1.0, 1.0], 20)
    mle = fit(
        lambda p, y: p[1] + 0.5 * ((y - p[0]) / np.exp(p[1])) ** 2,
        {"mu": 4.0, "log_sigma": 0.0},
        y,
    )
    errors = crosscheck(mle).standard_errors
    assert_allclose(errors["hessian"], [3 / np.sqrt(40), 1 / np.sqrt(80)], rtol=1e-6)
    assert np.isnan(errors["opg"]).all()
    assert_allclose(errors["sandwich"], [3 / np.sqrt(40), 0.0], atol=1e-6)


def two_level_nll(params: Any, x: Any, y: Any) -> Any:
    return 0.5 * ((y - params[0] - params[1] * x) / 20.0) ** 2


def test_the_sampling_error_is_the_spread_of_the_sandwich_over_data_sets() -> None:
    # With x = ±1/100 in equal shares the sandwich of the slope is 100 √Σe²/n. Spread over 4000
    # data sets (error 1.1%) against the mean of 20 measured ones (1%): 6% is 4 errors, false
    # alarms at 6e-5 for either parameter.
    n, rng = 400, np.random.default_rng(8)
    x = np.tile([-0.01, 0.01], n // 2)
    X = np.column_stack([np.ones(n), x])
    e = rng.uniform(-40.0, 40.0, (4000, n))
    e = e - e @ X @ np.linalg.inv(X.T @ X) @ X.T
    spread = np.sqrt((e**2).sum(axis=1))
    expected = spread.std(ddof=1) / spread.mean()
    measured = []
    for _ in range(20):
        y = 50.0 + 300.0 * x + rng.uniform(-40.0, 40.0, n)
        scores = measure_scores(fit(two_level_nll, {"const": 0.0, "slope": 0.0}, (x, y)))
        assert scores is not None
        measured.append(scores.sampling_error)
    assert_allclose(np.mean(measured, axis=0), expected, rtol=0.06)
    # In theory ½ √(var(e²)/n) / mean(e²), with var(e²) = 4/5 mean(e²)² for a uniform.
    assert expected == pytest.approx(0.5 * np.sqrt(0.8 / n), rel=0.05)


def test_a_total_has_no_scores() -> None:
    x, y = line_data()
    mle = fit(lambda p, x, y: float(line_nll(p, x, y).sum()), [40.0, 1e4, 2.0], (x, y))
    assert measure_scores(mle) is None
    assert list(crosscheck(mle).standard_errors) == ["hessian"]


def test_contributions_that_read_all_rows_have_no_scores_of_their_own() -> None:
    def centred(params: Any, y: Any) -> Any:
        return 0.5 * (y - 0.5 * y.mean() - params[0]) ** 2 + 0.5 * (y - params[1]) ** 2

    mle = fit(centred, [0.0, 0.0], np.random.default_rng(3).normal(10.0, 2.0, 25))
    assert measure_scores(mle) is None


def ar1(rho: float, n: int, rng: np.random.Generator) -> Floats:
    e = rng.normal(size=n)
    for t in range(1, n):
        e[t] += rho * e[t - 1]
    return e


def test_the_autocorrelation_of_scores_in_row_order() -> None:
    # The score of the mean is proportional to the residual, its lag-1 product sum by hand.
    y = 10.0 + 3.0 * ar1(0.6, 300, np.random.default_rng(9))
    mle = fit(lambda p, y: 0.5 * (y - p[0]) ** 2, {"mu": 0.0}, y)
    scores = measure_scores(mle)
    assert scores is not None
    e = y - y.mean()
    assert scores.autocorrelation == pytest.approx(np.sqrt(300) * (e[1:] @ e[:-1]) / (e @ e))
