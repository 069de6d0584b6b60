"""fit_statsmodels: the same estimates, errors and names as statsmodels, and R's refits."""

import pickle
from collections.abc import Callable
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from statsmodels.base.model import GenericLikelihoodModel
from statsmodels.discrete.conditional_models import (
    ConditionalLogit,
    ConditionalMNLogit,
    ConditionalPoisson,
)
from statsmodels.discrete.truncated_model import (
    HurdleCountModel,
    TruncatedLFGeneralizedPoisson,
)
from statsmodels.distributions.discrete import DiscretizedCount, DiscretizedModel
from statsmodels.miscmodels.ordinal_model import OrderedModel
from statsmodels.othermod.betareg import BetaModel
from statsmodels.tools.numdiff import approx_hess3
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.statespace.structural import UnobservedComponents

from bootmle import (
    Blocks,
    Clustered,
    Estimator,
    Given,
    Parametric,
    Status,
    bootstrap,
    crosscheck,
    fit_statsmodels,
)

Data = Callable[[str], Any]
GLM, families = sm.GLM, sm.families

rng = np.random.default_rng(20_260_501)
N = 300
Z = sm.add_constant(np.column_stack([rng.normal(size=N), 10 * rng.normal(size=N)]))
MEAN = np.exp(Z @ [0.6, 0.4, -0.02])
COUNTS = rng.poisson(MEAN * rng.gamma(2.0, 0.5, N))
FEWER = np.where(rng.random(N) < 0.3, 0, COUNTS)
TIMES = MEAN * rng.weibull(1.4, N)
SHARES = rng.beta(2.0, 3.0, N)
SEVERAL = rng.integers(0, 3, N)
EXPOSURE = rng.uniform(0.5, 2.0, N)
VARIANCES = rng.uniform(0.5, 2.0, N)
TRIALS = np.column_stack([rng.binomial(8, 0.4, N), np.full(N, 8)])
LOG = families.links.Log
NEWTON = {"method": "newton", "disp": 0}


class WeibullRegression(GenericLikelihoodModel):  # type: ignore[misc]
    """Accelerated failure times; the likelihood is all that a user writes."""

    def __init__(self, endog: Any, exog: Any, event: Any = None, **more: Any) -> None:
        super().__init__(endog, exog, event=event, extra_params_names=["log_scale"], **more)

    def nloglikeobs(self, params: Any) -> Any:
        event = np.ones(len(self.endog)) if self.event is None else self.event
        z = (np.log(self.endog) - self.exog @ params[:-1]) / np.exp(params[-1])
        return np.exp(z) - event * (z - params[-1] - np.log(self.endog))


# The scoring of statsmodels' default fits stops earlier than Newton's steps.
MODELS: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "Poisson": (lambda: sm.Poisson(COUNTS, Z, exposure=EXPOSURE), NEWTON),
    "NB2": (lambda: sm.NegativeBinomial(COUNTS, Z), NEWTON),
    "NB1": (lambda: sm.NegativeBinomial(COUNTS, Z, loglike_method="nb1"), NEWTON),
    "NB-P": (lambda: sm.NegativeBinomialP(COUNTS, Z, p=2), NEWTON),
    "generalized Poisson": (lambda: sm.GeneralizedPoisson(COUNTS, Z), NEWTON),
    "multinomial": (lambda: sm.MNLogit(SEVERAL, Z), NEWTON),
    "beta": (lambda: BetaModel(SHARES, Z), NEWTON),
    "GLM, normal": (lambda: GLM(TIMES, Z), {}),
    "GLM, normal, weighted": (lambda: GLM(TIMES, Z, var_weights=VARIANCES), {}),
    "GLM, gamma": (lambda: GLM(TIMES, Z, families.Gamma(LOG())), NEWTON),
    "GLM, inverse Gaussian": (lambda: GLM(TIMES, Z, families.InverseGaussian(LOG())), NEWTON),
    "GLM, Poisson": (lambda: GLM(COUNTS, Z, families.Poisson(), exposure=EXPOSURE), NEWTON),
    "GLM, quasi-Poisson": (lambda: GLM(COUNTS, Z, families.Poisson()), {"scale": "X2"}),
    "GLM, binomial": (lambda: GLM(TRIALS, Z, families.Binomial()), NEWTON),
    "GLM, NB": (lambda: GLM(COUNTS, Z, families.NegativeBinomial(alpha=0.5)), NEWTON),
}


def flat(values: Any) -> Any:
    return np.asarray(values).ravel(order="F")


@pytest.mark.parametrize("name", MODELS)
def test_estimates_and_errors_are_those_of_statsmodels(name: str) -> None:
    build, how = MODELS[name]
    results, robust = build().fit(**how), build().fit(cov_type="HC0", **how)
    mle = fit_statsmodels(results)
    assert mle.status is Status.CERTIFIED
    # Of a normal GLM statsmodels states the likelihood at another dispersion than results.scale.
    assert mle.nll == pytest.approx(-results.llf, rel=1e-6) or "results.scale" in str(mle.notes)
    assert len(mle.notes) == name.startswith("GLM, normal")
    errors = crosscheck(mle).standard_errors
    assert np.all(np.abs(mle.estimate - flat(results.params)) < 1e-3 * flat(results.bse))
    assert_allclose(errors["hessian"], flat(results.bse), rtol=1e-4)
    assert_allclose(errors["sandwich"], flat(robust.bse), rtol=1e-4)


@pytest.mark.parametrize("name", [name for name in MODELS if name not in {"NB1", "NB2"}])
def test_gradients_are_those_of_each_contribution(name: str) -> None:
    build, how = MODELS[name]
    likelihood = fit_statsmodels(build().fit(**how)).likelihood
    away = likelihood.parameters.values * 0.9
    differences = []
    for j in range(away.size):
        step = np.zeros(away.size)
        step[j] = 1e-5
        up, down = (likelihood.contributions(away + side * step) for side in (1, -1))
        differences.append((up - down) / 2e-5)
    scores = likelihood.scores(away)
    assert_allclose(scores, np.transpose(differences), rtol=1e-4, atol=1e-6 * np.abs(scores).max())


@pytest.mark.parametrize(
    "results",
    [
        sm.ZeroInflatedPoisson(FEWER, Z).fit(maxiter=500, disp=0),
        sm.ZeroInflatedNegativeBinomialP(FEWER, Z).fit(maxiter=500, disp=0),
        OrderedModel(SEVERAL, Z[:, 1:], distr="probit").fit(method="bfgs", disp=0),
    ],
    ids=["zero-inflated Poisson", "zero-inflated NB-P", "ordered probit"],
)
def test_the_hessian_is_that_of_the_log_likelihood(results: Any) -> None:
    # Not bse: in statsmodels 0.15.0 ZeroInflatedPoisson.hessian lacks the block between the
    # inflation's parameters and the others; differences of its own loglike have it.
    mle = fit_statsmodels(results)
    assert mle.status is Status.CERTIFIED
    expected = -approx_hess3(mle.estimate, results.model.loglike)
    assert_allclose(mle.information.matrix, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    assert mle.nll == pytest.approx(-results.llf, rel=1e-6)


# Stata 11: logit grade gpa tuce psi, and probit; columns const, gpa, tuce, psi.
SPECTOR = {
    sm.Logit: (
        [-13.021346858115631, 2.826112594889307, 0.095157661317909, 2.3786876550933473],
        [4.931324213602686, 1.2629410756290849, 0.14155420567369376, 1.0645642544971303],
    ),
    sm.Probit: (
        [-7.452319648220317, 1.625810039451584, 0.05172894550759986, 1.4263323420071488],
        [2.542472321477875, 0.6938824884414593, 0.08389026142653092, 0.5950379023502964],
    ),
}


@pytest.mark.parametrize("model", SPECTOR)
@pytest.mark.parametrize("form", ["formula", "frame", "arrays"])
def test_spector_and_mazzeo_by_formula_frame_and_arrays(
    model: Any, form: str, data_of: Data
) -> None:
    stored = data_of("spector.json")
    frame = pd.DataFrame({name: stored[name] for name in ("GRADE", "GPA", "TUCE", "PSI")})
    frame.index += 100
    X = sm.add_constant(frame.drop(columns="GRADE").astype(float))
    built = {
        "formula": lambda: model.from_formula("GRADE ~ GPA + TUCE + PSI", frame),
        "frame": lambda: model(frame["GRADE"], X),
        "arrays": lambda: model(frame["GRADE"].to_numpy(), X.to_numpy()),
    }[form]()
    names = {
        "formula": ("Intercept", "GPA", "TUCE", "PSI"),
        "frame": ("const", "GPA", "TUCE", "PSI"),
        "arrays": ("const", "x1", "x2", "x3"),
    }[form]
    estimate, error = SPECTOR[model]
    mle = fit_statsmodels(built.fit(disp=0))
    robust = flat(built.fit(disp=0, cov_type="HC0").bse)
    assert mle.names == names
    assert np.all(np.abs(mle.estimate - estimate) < 1e-5 * np.array(error))
    assert_allclose(mle.information.standard_errors, error, rtol=1e-4)
    assert_allclose(crosscheck(mle).standard_errors["sandwich"], robust, rtol=1e-4)


def test_rand_negative_binomial() -> None:
    # Stata 11: nbreg mdvis ..., dispersion(mean), its lnalpha 0.2569290 with error 0.0143932;
    # sandwich errors by exact derivatives. Columns lncoins, lpi, hlthp, const.
    data = sm.datasets.randhie.load_pandas()
    results = sm.NegativeBinomial(data.endog, sm.add_constant(data.exog, prepend=False)).fit(
        **NEWTON
    )
    mle = fit_statsmodels(results)
    some = [mle.names.index(name) for name in ("lncoins", "lpi", "hlthp", "const")]
    estimate = [-0.05794695302758, 0.04120607605348, 0.17796079435084, 0.66355608974865]
    error = np.array([0.00608972753598, 0.00414699055878, 0.07426120525707, 0.02477117907557])
    sandwich = [0.00733878360465, 0.00467580511842, 0.07173607729589, 0.02850621352289]
    errors = crosscheck(mle).standard_errors
    assert mle.names[-1] == "alpha"
    assert np.all(np.abs(mle.estimate[some] - estimate) < 1e-4 * error)
    assert np.log(mle.estimate[-1]) == pytest.approx(0.2569290156764502, abs=1e-5)
    assert_allclose(errors["hessian"][some], error, rtol=1e-4)
    assert_allclose(errors["sandwich"][some], sandwich, rtol=1e-4)
    assert errors["hessian"][-1] / mle.estimate[-1] == pytest.approx(0.014393218, rel=1e-4)


# R: survreg(Surv(time, status) ~ age + sex + ph.karno, na.omit(lung[c(2:5, 7)])); the sandwich
# by exact derivatives.
LUNG = [5.326315830178005, -0.008910582511706, 0.370187051466135, 0.009264171590347]
LUNG += [-0.28084610731487736]
LUNG_ERROR = np.array(
    [0.662975863187, 0.007108525989, 0.127957603658, 0.004463707352, 0.061706286990]
)
LUNG_SANDWICH = [0.685400830700, 0.007319481680, 0.122514500548, 0.005836370089, 0.067441748267]


@pytest.mark.parametrize("form", ["formula", "arrays"])
def test_a_likelihood_of_the_users_own_meets_survreg(form: str, data_of: Data) -> None:
    stored = data_of("lung.json")
    frame = pd.DataFrame({name: stored[name] for name in ("time", "age", "sex", "ph_karno")})
    event = np.array(stored["event"], dtype=float)
    if form == "formula":
        model = WeibullRegression.from_formula("time ~ age + sex + ph_karno", frame, event=event)
        names = ("Intercept", "age", "sex", "ph_karno", "log_scale")
    else:
        X = sm.add_constant(frame.drop(columns="time").to_numpy(dtype=float))
        model = WeibullRegression(frame["time"].to_numpy(), X, event=event)
        names = ("const", "x1", "x2", "x3", "log_scale")
    start = np.add(LUNG, 0.01 * LUNG_ERROR)
    mle = fit_statsmodels(model.fit(start_params=start, method="newton", disp=0))
    errors = crosscheck(mle).standard_errors
    assert mle.names == names
    assert np.all(np.abs(mle.estimate - LUNG) < 1e-4 * LUNG_ERROR)
    assert_allclose(errors["hessian"], LUNG_ERROR, rtol=1e-4)
    assert_allclose(errors["sandwich"], LUNG_SANDWICH, rtol=1e-4)
    assert mle.nll == pytest.approx(1138.6917843884578, rel=1e-9)


@pytest.mark.parametrize("kind", ["Poisson", "GLM"])
def test_replicates_are_refits_by_r(kind: str, data_of: Data) -> None:
    # R: glm.fit(X[i, ], y[i], family = poisson()) for 20 resamples i.
    stored = data_of("warpbreaks.json")
    frame = pd.DataFrame({name: stored[name] for name in ("breaks", "wool", "tension")})
    formula = "breaks ~ C(wool, Treatment('A')) + C(tension, Treatment('L'))"
    model = (
        smf.poisson(formula, frame)
        if kind == "Poisson"
        else smf.glm(formula, frame, family=families.Poisson())
    )
    mle = fit_statsmodels(model.fit(disp=0))
    order = ["Intercept", *(n for e in ("T.B", "T.M", "T.H") for n in mle.names if e in n)]
    boot = bootstrap(mle, sampling=Given(indices=stored["indices"]))
    columns = [mle.names.index(name) for name in order]
    assert_allclose(boot.replicates[:, columns], stored["refits"], rtol=0, atol=2e-4)


def test_multinomial_names_run_through_the_categories() -> None:
    frame = pd.DataFrame({"y": SEVERAL, "a": Z[:, 1], "b": Z[:, 2]})
    results = smf.mnlogit("y ~ a + b", frame).fit(disp=0)
    mle = fit_statsmodels(results)
    assert mle.names == ("1:Intercept", "1:a", "1:b", "2:Intercept", "2:a", "2:b")
    assert mle.estimate[4] == pytest.approx(results.params.loc["a", 1], rel=1e-4)


def test_frequency_weights_are_numbers_of_observations() -> None:
    counts = rng.integers(0, 4, N)
    weighted = GLM(COUNTS, Z, families.Poisson(), freq_weights=counts, exposure=EXPOSURE)
    rows = np.repeat(np.arange(N), counts)
    repeated = GLM(COUNTS[rows], Z[rows], families.Poisson(), exposure=EXPOSURE[rows])
    one, other = (fit_statsmodels(model.fit()) for model in (weighted, repeated))
    assert_allclose(one.estimate, other.estimate, rtol=1e-7)
    assert_allclose(one.information.matrix, other.information.matrix, rtol=1e-6)
    assert one.nll == pytest.approx(other.nll, rel=1e-12)
    assert one.n == other.n == counts.sum()


class WithScores(WeibullRegression):
    """The same with its gradients."""

    def score_obs(self, params: Any) -> Any:
        z = (np.log(self.endog) - self.exog @ params[:-1]) / np.exp(params[-1])
        pull = np.exp(z) - 1
        return np.column_stack([pull[:, None] * self.exog / np.exp(params[-1]), pull * z - 1])


def test_gradients_are_used_where_they_are_no_differences() -> None:
    start = [0.6, 0.4, -0.02, -0.3]
    with_scores, without = (
        fit_statsmodels(model(TIMES, Z).fit(start_params=start, method="newton", disp=0))
        for model in (WithScores, WeibullRegression)
    )
    assert with_scores.likelihood.scores_given
    assert not without.likelihood.jac
    assert not fit_statsmodels(sm.NegativeBinomial(COUNTS, Z).fit(**NEWTON)).likelihood.jac
    assert fit_statsmodels(sm.Poisson(COUNTS, Z).fit(disp=0)).likelihood.scores_given
    replicates = [
        bootstrap(mle, n_resamples=32, rng=0).replicates for mle in (with_scores, without)
    ]
    gap = np.abs(replicates[0] - replicates[1]) / with_scores.information.standard_errors
    assert gap.max() < 2e-3


def test_a_fit_that_stopped_early_is_finished_and_said() -> None:
    early = sm.Poisson(COUNTS, Z).fit(maxiter=2, disp=0, warn_convergence=False)
    full = sm.Poisson(COUNTS, Z).fit(disp=0)
    mle = fit_statsmodels(early)
    gap = flat(full.params) - flat(early.params)
    distance = np.sqrt(gap @ np.linalg.solve(full.cov_params(), gap))
    assert_allclose(mle.estimate, full.params, rtol=1e-6)
    assert f"{distance:.2g} standard errors from this optimum" in str(mle)


def test_rows_that_belong_together_are_drawn_together() -> None:
    # With every row three times, drawing the threes is drawing the rows of the data once.
    once = fit_statsmodels(sm.Poisson(COUNTS, Z).fit(disp=0))
    rows = np.repeat(np.arange(N), 3)
    thrice = fit_statsmodels(sm.Poisson(COUNTS[rows], Z[rows]).fit(disp=0))
    one = bootstrap(once, n_resamples=64, rng=0)
    other = bootstrap(thrice, sampling=Clustered(rows), n_resamples=64, rng=0)
    assert_allclose(other.replicates, one.replicates, rtol=0, atol=1e-3 * one.standard_error.min())


def test_a_time_series_is_drawn_in_blocks() -> None:
    noise = np.random.default_rng(1).normal(size=300)
    y = np.zeros(300)
    for t in range(1, 300):
        y[t] = 0.5 * y[t - 1] + noise[t]
    results = sm.tsa.SARIMAX(y, order=(1, 0, 0)).fit(disp=0, cov_type="oim")
    mle = fit_statsmodels(results)
    assert mle.names == ("ar.L1", "sigma2")
    assert_allclose(mle.information.standard_errors, results.bse, rtol=1e-2)
    with pytest.raises(ValueError, match="Blocks"):
        bootstrap(mle)
    boot = bootstrap(mle, sampling=Blocks(length=10), n_resamples=64, refit="expansion", rng=0)
    # SD of an SE: 1/sqrt(2 · 64) = 9% by draws, about 10% by the block sums: 4 of them, 1e-4.
    assert_allclose(boot.standard_error[0], np.sqrt((1 - 0.25) / 300), rtol=0.55)


def test_it_travels_to_worker_processes() -> None:
    frame = pd.DataFrame({"y": COUNTS, "a": Z[:, 1]})
    mle = fit_statsmodels(smf.poisson("y ~ a + np.log(a**2)", frame).fit(disp=0))
    there = pickle.loads(cloudpickle.dumps(mle.likelihood))
    assert_array_equal(
        there.contributions(mle.estimate), mle.likelihood.contributions(mle.estimate)
    )


def test_what_simulates_data_is_refused_as_the_model_holds_its_own() -> None:
    mle = fit_statsmodels(sm.Poisson(COUNTS, Z).fit(disp=0))
    with pytest.raises(ValueError, match="holds its data"):
        bootstrap(mle, sampling=Parametric(lambda params, rng: ()))


class NormalTotal(GenericLikelihoodModel):  # type: ignore[misc]
    """A model with its total alone."""

    def loglike(self, params: Any) -> Any:
        return stats.norm.logpdf(self.endog, params[0], np.exp(params[1])).sum()


@pytest.mark.filterwarnings("ignore")
def test_a_total_alone_is_fitted_and_said() -> None:
    y = rng.normal(300.0, 2.0, 100)
    total = lambda params: stats.norm.logpdf(y, params[0], np.exp(params[1])).sum()  # noqa: E731
    for model in (NormalTotal(y), GenericLikelihoodModel(y, np.ones((N // 3, 2)), loglike=total)):
        mle = fit_statsmodels(model.fit(start_params=[299.0, 0.5], disp=False))
        assert mle.status is Status.CERTIFIED
        assert_allclose(mle.estimate, [y.mean(), np.log(y.std())], rtol=1e-6)
        assert_allclose(
            mle.information.standard_errors, [y.std() / 10, np.sqrt(1 / 200)], rtol=1e-4
        )
        assert "loglikeobs" in str(mle)
        with pytest.raises(ValueError, match="nothing to resample"):
            bootstrap(mle)


class ScaledLogit(sm.Logit):  # type: ignore[misc]
    """A total that is not the sum of the contributions it inherits."""

    def loglike(self, params: Any) -> Any:
        return super().loglike(2 * params)


def test_contributions_of_another_likelihood_are_not_used() -> None:
    y = (rng.random(N) < 0.4).astype(float)
    results = ScaledLogit(y, Z).fit(method="nm", maxiter=9999, disp=0)
    mle = fit_statsmodels(results)
    assert_allclose(2 * mle.estimate, sm.Logit(y, Z).fit(disp=0).params, rtol=1e-4)
    assert not mle.likelihood.per_observation


def test_a_discretized_gamma_is_fitted() -> None:
    model = DiscretizedModel(COUNTS, distr=DiscretizedCount(stats.gamma))
    results = model.fit(disp=0)
    mle = fit_statsmodels(results)
    assert mle.status is Status.CERTIFIED
    assert np.all(np.abs(mle.estimate - results.params) < 1e-2 * results.bse)


def local_level(y: Any, **how: Any) -> Any:
    return UnobservedComponents(y, "llevel", **how).fit(disp=0, maxiter=500)


@pytest.mark.filterwarnings("ignore")
def test_variances_end_at_zero() -> None:
    # With irregular 0 the level's variance is the mean square of the differences; with level 0 and
    # a diffuse start the irregular variance is that about the mean, with divisor n - 1.
    walk = np.cumsum(1.5 * np.random.default_rng(218).normal(size=100))
    white = np.random.default_rng(5).normal(20.0, 3.0, size=100)
    one, other = (fit_statsmodels(local_level(y)) for y in (walk, white))
    assert one.status is other.status is Status.AT_BOUND
    assert one.estimate == pytest.approx([0.0, np.mean(np.diff(walk) ** 2)], rel=1e-4, abs=1e-9)
    assert -one.nll == pytest.approx(-174.6322, abs=1e-3)
    assert other.estimate == pytest.approx([white.var(ddof=1), 0.0], rel=1e-3, abs=1e-9)


@pytest.mark.filterwarnings("ignore")
def test_the_nile() -> None:
    # Durbin and Koopman (2012), section 2.10.3.
    nile = sm.datasets.nile.load_pandas().data["volume"].to_numpy()
    mle = fit_statsmodels(local_level(nile, use_exact_diffuse=True))
    assert mle.status is Status.CERTIFIED
    assert mle.estimate == pytest.approx([15099.0, 1469.1], rel=1e-4)
    trend = UnobservedComponents(nile, "lltrend").fit(disp=0, maxiter=500)
    with_trend = fit_statsmodels(trend)
    assert with_trend.status is Status.AT_BOUND
    assert with_trend.estimate[2] == 0.0
    assert -with_trend.nll >= trend.llf


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", [3, 15])
def test_searches_do_not_go_astray_among_negative_variances(seed: int) -> None:
    # There the Kalman filter's values are no likelihoods: as high as -4, those inside -122.
    draws = np.random.default_rng(seed)
    y = np.cumsum(np.cumsum(0.1 * draws.normal(size=80))) + draws.normal(size=80)
    results = UnobservedComponents(y, "lltrend").fit(disp=0, maxiter=500)
    mle = fit_statsmodels(results)
    assert mle.converged
    assert np.all(mle.estimate >= 0)
    assert results.llf - 1e-4 < -mle.nll < results.llf + 1


def autoregression(coefficients: list[float], n: int = 200) -> Any:
    noise, y = np.random.default_rng(1).normal(size=n), np.zeros(n)
    for t in range(2, n):
        y[t] = coefficients[0] * y[t - 1] + coefficients[1] * y[t - 2] + noise[t]
    return y


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("order", [(1, 0, 0), (2, 0, 1)])
def test_no_likelihood_outside_stationarity(order: Any) -> None:
    results = sm.tsa.SARIMAX(autoregression([0.5, 0.2]), order=order).fit(disp=0)
    mle = fit_statsmodels(results)
    assert mle.status is Status.CERTIFIED
    assert mle.nll == pytest.approx(-results.llf, abs=1e-3)
    for values in ([1.1, 0.0], [0.9, 0.2]):
        outside = np.array([*values[: order[0]], *[0.3] * order[2], 1.0])
        inside = abs(outside[0]) < 1 and order[0] == 1
        assert np.isfinite(mle.likelihood.contributions(outside)).all() == inside
    assert np.isinf(mle.likelihood.contributions(np.append(mle.estimate[:-1], 0.0))).all()


def test_no_likelihood_where_rounding_ends_stationarity() -> None:
    # The first covariance at the seasonal root's end is lost: an nll of 12 where it is 242.
    y = np.cumsum(np.random.default_rng(5).normal(size=100))
    results = sm.tsa.SARIMAX(y, order=(1, 1, 0), seasonal_order=(1, 0, 0, 4)).fit(disp=0)
    mle = fit_statsmodels(results)
    assert mle.status is Status.CERTIFIED
    assert mle.nll == pytest.approx(-results.llf, rel=1e-6)
    assert np.all(np.abs(mle.estimate - results.params) < 1e-2 * results.bse)


def test_a_moving_average_goes_on_as_its_mirror_image() -> None:
    results = sm.tsa.SARIMAX(rng.normal(size=100), order=(0, 0, 1)).fit(disp=0)
    contributions = fit_statsmodels(results).likelihood.contributions
    assert_allclose(contributions(np.array([2.0, 1.0])), contributions(np.array([0.5, 4.0])))


def test_fixed_parameters_of_a_state_space_model_stay_fixed() -> None:
    model = sm.tsa.SARIMAX(autoregression([0.5, 0.0]), order=(1, 0, 1))
    results = model.fit_constrained({"ma.L1": 0.2}, disp=0)
    mle = fit_statsmodels(results)
    assert mle.fixed == ("ma.L1",)
    assert mle.estimate[1] == 0.2
    assert mle.nll == pytest.approx(-results.llf, abs=1e-3)


PAIRS = np.repeat(np.arange(N // 2), 2)
SECOND = np.tile([0.0, 1.0], N // 2)
FIRSTS = (rng.random(N // 2) < 0.6).astype(float)


def test_conditional_logit_of_pairs_is_a_logit_of_their_differences() -> None:
    # Breslow and Day (1980), section 7.3: no intercept, every response 1.
    y = np.where(SECOND == 1, np.repeat(FIRSTS, 2), np.repeat(1 - FIRSTS, 2))
    X = Z[:, 1:]
    signs = np.where(FIRSTS == 1, 1, -1)[:, None]
    mle = fit_statsmodels(ConditionalLogit(y, X, groups=PAIRS).fit())
    differences = sm.Logit(np.ones(N // 2), signs * (X[1::2] - X[::2]))
    other = fit_statsmodels(differences.fit(disp=0))
    assert mle.status is Status.CERTIFIED
    assert_allclose(mle.estimate, other.estimate, rtol=1e-6)
    assert_allclose(mle.base, other.base, rtol=1e-6)
    assert_allclose(mle.information.matrix, other.information.matrix, rtol=1e-5)
    one, two = (bootstrap(fitted, n_resamples=32, rng=0) for fitted in (mle, other))
    assert_allclose(one.replicates, two.replicates, rtol=0, atol=1e-3 * one.standard_error.min())
    assert "groups" in str(mle)
    cloudpickle.dumps(mle.likelihood)


def test_conditional_poisson_is_a_poisson_with_dummies() -> None:
    groups = np.arange(N) // 6
    dummies = (groups[:, None] == np.arange(N // 6)).astype(float)
    kept = np.array([COUNTS[groups == group].std() > 0 for group in groups])
    mle = fit_statsmodels(ConditionalPoisson(COUNTS, Z[:, 1:], groups=groups).fit())
    X = np.column_stack([Z[:, 1:], dummies])[kept]
    results = sm.Poisson(COUNTS[kept], X).fit(method="newton", maxiter=100, disp=0)
    assert_allclose(mle.estimate, results.params[:2], rtol=1e-5)
    assert_allclose(mle.information.standard_errors, results.bse[:2], rtol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_conditional_multinomial_names_go_with_their_values() -> None:
    groups = np.arange(90) // 3
    results = ConditionalMNLogit(SEVERAL[:90], Z[:90, 1:], groups=groups).fit(
        start_params=np.zeros(4)
    )
    mle = fit_statsmodels(results)
    assert mle.names == ("1:x1", "1:x2", "2:x1", "2:x2")
    assert mle.nll == pytest.approx(-results.llf, rel=1e-6)
    assert_allclose(mle.estimate, results.params.ravel(order="F"), atol=1e-2)


def test_hurdle_contributions_are_those_of_their_rows() -> None:
    # Mullahy (1986): P(0) = exp(-m1), else (1 - exp(-m1)) times a Poisson cut off at 0.
    results = HurdleCountModel(FEWER, Z).fit(disp=0)
    mle = fit_statsmodels(results)
    zero, above = np.exp(Z @ mle.estimate[:3]), np.exp(Z @ mle.estimate[3:])
    cut = stats.poisson.logpmf(FEWER, above) - np.log(-np.expm1(-above))
    expected = np.where(FEWER == 0, -zero, np.log(-np.expm1(-zero)) + cut)
    assert mle.status is Status.CERTIFIED
    assert_allclose(mle.base, -expected, rtol=1e-8)
    assert mle.nll == pytest.approx(-results.llf, rel=1e-6)
    assert_allclose(mle.information.standard_errors, results.bse, rtol=1e-3)


@pytest.mark.filterwarnings("ignore")
def test_a_mixed_model_is_bootstrapped_by_its_whole_fit() -> None:
    groups = np.arange(N) // 10
    y = Z @ [1.0, 0.5, 0.02] + rng.normal(size=N // 10)[groups] + rng.normal(size=N)
    with pytest.raises(TypeError, match=r"MixedLM maximizes .*Estimator.*Clustered"):
        fit_statsmodels(sm.MixedLM(y, Z, groups).fit())
    estimator = Estimator(
        lambda y, X, groups: sm.MixedLM(y, X, groups).fit().params, (y, Z, groups)
    )
    boot = bootstrap(estimator, sampling=Clustered(groups), n_resamples=8, rng=0)
    assert np.isfinite(boot.replicates).all()


@pytest.mark.filterwarnings("ignore")
def test_scores_that_are_no_gradient_are_left_out_and_said() -> None:
    # Its score_obs has the truncation of the other of the two generalized Poissons (p = 1).
    some = COUNTS > 0
    results = TruncatedLFGeneralizedPoisson(COUNTS[some], Z[some]).fit(disp=0, maxiter=500)
    mle = fit_statsmodels(results)
    assert mle.status is Status.CERTIFIED
    assert mle.nll < -results.llf
    assert "score_obs of TruncatedLFGeneralizedPoisson is not the gradient" in str(mle)


def astray() -> Any:
    results = sm.Poisson(COUNTS, Z).fit(disp=0)
    results._results.params = np.full(3, np.nan)
    return results


def without_data() -> Any:
    results = sm.Poisson(COUNTS.copy(), Z.copy()).fit(disp=0)
    results.remove_data()
    return results


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "ETS": (
        lambda: ETSModel(MEAN[:50]).fit(disp=0),
        TypeError,
        r"ETSModel is fitted within limits.*statespace\.ExponentialSmoothing",
    ),
    "recursive": (lambda: sm.RecursiveLS(TIMES, Z).fit(), TypeError, r"least squares.*sm\.GLM"),
    "robust": (
        lambda: sm.RLM(TIMES, Z).fit(),
        TypeError,
        r"RLM has no .*Estimator\(lambda y, X: RLM\(y, X\).fit\(\).params, \(y, X\)\)",
    ),
    "smoothing": (
        lambda: sm.tsa.SimpleExpSmoothing(TIMES[:50], "estimated").fit(),
        TypeError,
        r"params of SimpleExpSmoothing .*Estimator\(lambda y: .*, y\)",
    ),
    "not converged": (astray, ValueError, "estimate is nan, since its fit did not converge"),
    "without data": (without_data, ValueError, r"removed; pass results before remove_data\(\)"),
    "OLS": (lambda: sm.OLS(TIMES, Z).fit(), TypeError, r"OLS has no .*loglikeobs.*sm\.GLM"),
    "quantile regression": (
        lambda: sm.QuantReg(TIMES, Z).fit(),
        TypeError,
        "QuantReg has no .*loglikeobs",
    ),
    "GEE": (
        lambda: sm.GEE(COUNTS, Z, np.arange(N) // 3, family=families.Poisson()).fit(),
        ValueError,
        r"GEE solves estimating equations.*lambda y, X, groups: GEE\(y, X, groups\)",
    ),
    "L1": (
        lambda: sm.Poisson(COUNTS, Z).fit_regularized(alpha=1.0, disp=0),
        ValueError,
        "Poisson was fitted with a penalty",
    ),
    "elastic net": (
        lambda: GLM(TIMES, Z).fit_regularized(alpha=0.1),
        ValueError,
        "GLM was fitted with a penalty",
    ),
    "constrained": (
        lambda: sm.Poisson(COUNTS, Z).fit_constrained("x1 = 0", disp=0),
        ValueError,
        "under constraints",
    ),
    "a model": (lambda: sm.Poisson(COUNTS, Z), TypeError, r"call its fit\(\) first"),
    "nothing": (lambda: None, TypeError, "NoneType is not the result of a fit"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_served_says_what_is_missing(name: str) -> None:
    build, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        fit_statsmodels(build())
