"""fit_distribution: SciPy's own fits, closed forms, R's censored fits, and exact bootstraps."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.optimize import brentq
from scipy.special import digamma, ive
from scipy.stats import CensoredData

from bootmle import Cases, Fit, Status, bootstrap, fit_distribution
from bootmle.likelihood.scales import Log
from bootmle.sampling.streams import draw_numbers, stream_of

rng = np.random.default_rng(20_260_502)
N = 80
GAMMA = rng.gamma(3.0, 200.0, N)
NORMAL = rng.normal(500.0, 0.2, N)

# SciPy finds these by closed forms or by roots of the score, to rounding.
EXACT: dict[str, tuple[Any, Any, dict[str, float]]] = {
    "norm": (stats.norm, NORMAL, {}),
    "norm, loc held": (stats.norm, NORMAL, {"floc": 500.0}),
    "expon": (stats.expon, GAMMA, {"floc": 0}),
    "gamma": (stats.gamma, GAMMA, {"floc": 0}),
    "gamma, scale held": (stats.gamma, GAMMA, {"floc": 0, "fscale": 200.0}),
    "lognorm": (stats.lognorm, GAMMA, {"floc": 0}),
    "invgauss": (stats.invgauss, GAMMA, {"floc": 0}),
    "rayleigh": (stats.rayleigh, GAMMA, {"floc": 0}),
    "beta": (stats.beta, rng.beta(2.0, 30.0, N), {"floc": 0, "fscale": 1}),
    "gumbel": (stats.gumbel_r, rng.gumbel(-40.0, 3.0, N), {}),
    "logistic": (stats.logistic, rng.logistic(7.0, 0.01, N), {}),
}


def errors_of(mle: Fit) -> Any:
    errors = np.zeros(len(mle.names))
    errors[mle.free] = mle.information.standard_errors
    return errors


@pytest.mark.parametrize("name", EXACT)
def test_estimates_are_those_of_scipy(name: str) -> None:
    distribution, y, fixed = EXACT[name]
    mle = fit_distribution(distribution, y, **fixed)
    shapes = distribution.shapes.split(", ") if distribution.shapes else []
    expected = np.array(distribution.fit(y, **fixed))
    assert mle.status is Status.CERTIFIED
    assert mle.names == (*shapes, "loc", "scale")
    assert np.all(np.abs(mle.estimate - expected) <= 1e-4 * errors_of(mle))
    assert mle.nll == pytest.approx(distribution.nnlf(expected, y), rel=1e-9)
    assert mle.free.tolist() == [f"f{name}" not in fixed for name in mle.names]


# SciPy searches these by a simplex, which ends before the optimum (that of t: 5 errors off).
SEARCHED: dict[str, tuple[Any, Any, dict[str, float]]] = {
    "weibull": (stats.weibull_min, GAMMA, {"floc": 0}),
    "gamma with loc": (stats.gamma, GAMMA + 3000.0, {}),
    "t": (stats.t, 100.0 + 5.0 * rng.standard_t(4.0, 400), {}),
    "genextreme": (stats.genextreme, rng.gumbel(50.0, 8.0, 200), {}),
    "genpareto": (stats.genpareto, 10.0 * rng.pareto(4.0, 300), {"floc": 0}),
    "burr12": (stats.burr12, rng.pareto(2.0, 300) ** 0.5, {"floc": 0}),
    "skewnorm": (stats.skewnorm, rng.gamma(4.0, 1.0, 400), {}),
}


@pytest.mark.parametrize("name", SEARCHED)
def test_estimates_are_stationary_and_no_worse_than_where_scipys_search_ends(name: str) -> None:
    distribution, y, fixed = SEARCHED[name]
    mle = fit_distribution(distribution, y, **fixed)
    theirs = distribution.fit(y, **fixed)
    assert mle.status is Status.CERTIFIED
    assert mle.nll <= distribution.nnlf(theirs, y) + 1e-9
    # The slope by the free parameters, in units of their standard errors.
    for j in np.flatnonzero(mle.free):
        step = np.zeros(len(mle.names))
        step[j] = 1e-2 * errors_of(mle)[j]
        up, down = (distribution.nnlf(mle.estimate + side * step, y) for side in (1, -1))
        assert abs(up - down) / 2e-2 < 2e-2


def test_normal_bootstrap_by_full_theory() -> None:
    # Exact under resampling: Var(mean*) = m2/n, and for the variance (divisor n)
    # Var(s²*) = (n−1)²/n³ · (m4 − (n−3)/(n−1) m2²), m the sample's central moments.
    y = rng.gamma(2.0, 300.0, 40)
    n, count = y.size, 999
    m2, m4 = (float(np.mean((y - y.mean()) ** k)) for k in (2, 4))
    boot = bootstrap(fit_distribution(stats.norm, y), n_resamples=count, rng=1)
    means, variances = boot.replicates[:, 0], boot.replicates[:, 1] ** 2
    of_mean = np.sqrt(m2 / n)
    of_variance = np.sqrt((n - 1) ** 2 / n**3 * (m4 - (n - 3) / (n - 1) * m2**2))
    assert boot.n_failed == 0
    # Four Monte Carlo errors, by the fourth moment: a false-alarm rate of 6e-5 each.
    for values, truth in ((means, of_mean), (variances, of_variance)):
        spread = (values - values.mean()) ** 2
        mcse = spread.std() / np.sqrt(count) / (2 * values.std())
        assert abs(values.std(ddof=1) - truth) < 4 * mcse
    assert abs(means.mean() - y.mean()) < 4 * of_mean / np.sqrt(count)
    gap = variances.mean() - (n - 1) / n * m2
    assert abs(gap) < 4 * of_variance / np.sqrt(count)


def test_exponential_replicates_are_the_means_of_the_resamples(weights_of: Any) -> None:
    mle = fit_distribution(stats.expon, GAMMA, floc=0)
    boot = bootstrap(mle, n_resamples=64, rng=3)
    means = weights_of(Cases(), 3, N, 64) @ GAMMA / N
    error = GAMMA.std() / np.sqrt(N)
    assert mle.estimate.tolist()[0] == 0.0
    assert mle.information.standard_errors[0] == pytest.approx(GAMMA.mean() / np.sqrt(N), rel=1e-5)
    assert_allclose(boot.replicates[:, 1], means, rtol=0, atol=1e-2 * error)


COUNTS = rng.negative_binomial(2.0, 0.1, 200)


def test_poisson_is_the_mean_with_its_error() -> None:
    mle = fit_distribution(stats.poisson, COUNTS)
    assert mle.names == ("mu", "loc")
    assert mle.estimate == pytest.approx([COUNTS.mean(), 0.0], rel=1e-6)
    assert mle.information.standard_errors == pytest.approx(np.sqrt(COUNTS.mean() / 200), rel=1e-4)


def test_geometric_is_one_over_the_mean_and_its_start_may_be_moved() -> None:
    for start in (0, 1, -1):
        mle = fit_distribution(stats.geom, COUNTS + 1 + start, floc=start)
        p = 1 / (COUNTS.mean() + 1)
        assert mle.estimate == pytest.approx([p, start], rel=1e-6)
        assert mle.information.standard_errors == pytest.approx(
            p * np.sqrt((1 - p) / 200), rel=1e-4
        )


def test_binomial_with_its_number_of_trials_held() -> None:
    k = rng.binomial(12, 0.3, 60)
    mle = fit_distribution(stats.binom, k, fn=12)
    p = k.mean() / 12
    assert mle.names == ("n", "p", "loc")
    assert mle.estimate == pytest.approx([12.0, p, 0.0], rel=1e-6)
    assert mle.information.standard_errors == pytest.approx(np.sqrt(p * (1 - p) / 720), rel=1e-4)


def test_negative_binomial_meets_its_score_equations() -> None:
    mle = fit_distribution(stats.nbinom, COUNTS)
    n, p, _ = mle.estimate
    slope = digamma(COUNTS + n) - digamma(n) + np.log(p)
    assert mle.status is Status.CERTIFIED
    assert n * (1 - p) / p == pytest.approx(COUNTS.mean(), rel=1e-5)
    assert abs(slope.sum()) * errors_of(mle)[0] < 1e-3


def test_counts_far_more_spread_than_poisson() -> None:
    y = np.random.default_rng(0).negative_binomial(0.1, 1e-6, 500)
    mle = fit_distribution(stats.nbinom, y)
    n, p, _ = mle.estimate
    assert mle.status is Status.CERTIFIED
    assert n * (1 - p) / p == pytest.approx(y.mean(), rel=1e-4)


def lung(data_of: Callable[[str], Any]) -> tuple[Any, Any, Any]:
    stored = data_of("lung.json")
    X = np.column_stack([stored[name] for name in ("age", "sex", "ph_karno")]).astype(float)
    return np.array(stored["time"], float), np.array(stored["event"], float), X


def test_censored_weibull_meets_r(data_of: Any) -> None:
    # R: optim(c(0, 6), nll, method = "BFGS") and optimHess, nll the sum of -dweibull(t, k, s,
    # log = TRUE) over events and of -pweibull(t, k, s, lower.tail = FALSE, log.p = TRUE) over the
    # others, of survival::lung without missing ph.karno.
    time, event, _ = lung(data_of)
    data = CensoredData.right_censored(time, event == 0)
    mle = fit_distribution(stats.weibull_min, data, floc=0)
    error = np.array([0.082668155, 24.822245])
    assert mle.names == ("c", "loc", "scale")
    assert np.all(np.abs(mle.estimate[[0, 2]] - [1.31969056, 419.39703]) < 1e-4 * error)
    assert_allclose(mle.information.standard_errors, error, rtol=1e-4)
    assert mle.nll == pytest.approx(1147.48898154, rel=1e-10)


def test_censored_weibull_of_scaled_times_meets_survreg(data_of: Any) -> None:
    # R: survreg(Surv(time, status) ~ age + sex + ph.karno, na.omit(lung[c(2:5, 7)])): its slopes
    # held, the times over exp(X b) have scale exp(5.3263...) and shape exp(0.2808...).
    time, event, X = lung(data_of)
    eta = X @ [-0.008910582511705819, 0.3701870514661353, 0.00926417159034734]
    data = CensoredData.right_censored(time / np.exp(eta), event == 0)
    mle = fit_distribution(stats.weibull_min, data, floc=0)
    expected = np.exp([0.28084610731487736, 0.0, 5.326315830178005]) - [0, 1, 0]
    assert np.all(np.abs(mle.estimate - expected) <= 1e-4 * errors_of(mle))
    assert mle.nll + float(event @ eta) == pytest.approx(1138.6917843884578, rel=1e-9)


def test_left_censored_normal_meets_r() -> None:
    # Tobin (1958). R: optim(c(0, 1), nll, method = "BFGS") and optimHess, nll of dnorm and, at 0,
    # pnorm(0, mu, sigma, log.p = TRUE).
    y = np.array([0, 0.7, 0, 0, 0, 0, 0, 3.7, 0, 3, 10.4, 0, 0, 0, 1.5, 0, 0, 3.5, 6.1, 0])
    mle = fit_distribution(stats.norm, CensoredData.left_censored(y, y == 0))
    error = np.array([2.0602984, 1.8343686])
    assert np.all(np.abs(mle.estimate - [-2.22743945, 5.94526222]) < 1e-4 * error)
    assert_allclose(mle.information.standard_errors, error, rtol=1e-4)
    assert mle.nll == pytest.approx(29.4921995482, rel=1e-9)


def test_gamma_in_intervals_meets_r() -> None:
    # R: optim(c(0, 1), nll, method = "BFGS") and optimHess, nll = -sum(log(pgamma(high, a, scale =
    # s) - pgamma(low, a, scale = s))).
    low = [0, 2, 5, 8, 12, 20, 3, 1, 6, 9, 15, 4]
    high = [2, 5, 8, 12, 20, 40, 5, 2, 9, 12, np.inf, 7]
    mle = fit_distribution(stats.gamma, CensoredData.interval_censored(low, high), floc=0)
    error = np.array([0.58347116, 3.660522])
    assert np.all(np.abs(mle.estimate[[0, 2]] - [1.364884, 6.945493]) < 1e-4 * error)
    assert_allclose(mle.information.standard_errors, error, rtol=1e-4)
    assert mle.nll == pytest.approx(22.6173130992, rel=1e-9)


def test_exponential_in_equal_intervals_is_geometric() -> None:
    width = 150.0
    k = np.floor(GAMMA / width)
    data = CensoredData.interval_censored(k * width, (k + 1) * width)
    mle = fit_distribution(stats.expon, data, floc=0)
    assert mle.estimate[1] == pytest.approx(width / np.log1p(1 / k.mean()), rel=1e-5)


def test_censored_rows_are_resampled_with_both_ends() -> None:
    # Every value is censored on one side of it or known: the exponential's scale is the time at
    # risk over the number of events, in each resample.
    censored = rng.random(N) < 0.4
    data = CensoredData.right_censored(GAMMA, censored)
    mle = fit_distribution(stats.expon, data, floc=0)
    boot = bootstrap(mle, n_resamples=64, rng=5)
    times = np.concatenate([GAMMA[~censored], GAMMA[censored]])
    events = np.arange(N) < np.sum(~censored)
    rows = [draw_numbers(stream_of(5, k), N, N) for k in range(64)]
    expected = [times[r].sum() / events[r].sum() for r in rows]
    assert mle.estimate[1] == pytest.approx(times.sum() / events.sum(), rel=1e-6)
    assert_allclose(boot.replicates[:, 1], expected, rtol=1e-3)


def test_known_values_as_censored_data_are_the_same_fit() -> None:
    plain = fit_distribution(stats.gamma, GAMMA, floc=0)
    known = fit_distribution(stats.gamma, CensoredData(GAMMA), floc=0)
    assert_allclose(known.estimate, plain.estimate, rtol=1e-6)
    assert known.nll == pytest.approx(plain.nll, rel=1e-12)


def test_replicates_of_a_small_sample_stay_inside_the_domain() -> None:
    y = np.random.default_rng(2).gamma(0.8, 50.0, 12)
    mle = fit_distribution(stats.gamma, y, floc=0)
    assert mle.scales == (Log(0.0), Log(0.0))
    boot = bootstrap(mle, n_resamples=199, rng=0)
    assert boot.n_failed == 0
    assert np.all(boot.replicates[:, [0, 2]] > 0)
    assert_array_equal(boot.replicates[:, 1], 0.0)


@pytest.mark.parametrize("form", [list, tuple, pd.Series, lambda y: pd.Series(y, index=y)])
def test_every_form_of_data(form: Any) -> None:
    mle = fit_distribution(stats.gamma, form(GAMMA.tolist()), floc=0)
    assert_array_equal(mle.estimate, fit_distribution(stats.gamma, GAMMA, floc=0).estimate)


@pytest.mark.parametrize("key", ["fa", "f0", "fix_a"])
def test_shapes_are_held_by_each_of_scipys_names(key: str) -> None:
    mle = fit_distribution(stats.gamma, GAMMA, floc=0, **{key: 3})
    assert mle.estimate == pytest.approx([3.0, 0.0, GAMMA.mean() / 3], rel=1e-6)
    assert mle.information.standard_errors == pytest.approx(
        GAMMA.mean() / 3 / np.sqrt(3 * N), rel=1e-4
    )


ANGLES = stats.vonmises.rvs(2.5, loc=0.4, size=150, random_state=np.random.default_rng(227))


def test_the_scale_of_a_circular_distribution_is_fixed() -> None:
    # Fisher (1993), section 4.5.5: A(kappa) is the mean resultant length; its information by loc is
    # n kappa A, by kappa n (1 - A/kappa - A²).
    mle = fit_distribution(stats.vonmises, ANGLES)
    vector = np.exp(1j * ANGLES).mean()
    length = abs(vector)
    kappa = brentq(lambda k: ive(1, k) / ive(0, k) - length, 1e-3, 100)
    by_kappa, by_loc = 1 - length / kappa - length**2, kappa * length
    assert mle.status is Status.CERTIFIED
    assert mle.fixed == ("scale",)
    assert mle.estimate == pytest.approx([kappa, np.angle(vector), 1.0], rel=1e-5)
    assert_allclose(
        mle.information.standard_errors, 1 / np.sqrt([150 * by_kappa, 150 * by_loc]), rtol=1e-4
    )
    wider = fit_distribution(stats.vonmises, 2 * ANGLES, fscale=2)
    assert wider.estimate == pytest.approx([kappa, 2 * np.angle(vector), 2.0], rel=1e-5)


def test_shapes_at_the_end_of_their_range() -> None:
    # nc = 0: a gamma with shape df/2 and scale 2 scale; c = 0: a half-normal.
    y = stats.chi2.rvs(8, size=150, random_state=np.random.default_rng(1))
    mle = fit_distribution(stats.ncx2, y, floc=0)
    gamma = fit_distribution(stats.gamma, y, floc=0)
    assert mle.status is Status.AT_BOUND
    expected = [2 * gamma.estimate[0], 0.0, 0.0, gamma.estimate[2] / 2]
    assert mle.estimate == pytest.approx(expected, rel=1e-3)
    assert mle.nll == pytest.approx(gamma.nll, rel=1e-8)
    # The score in c² at 0 has the sign of 3 - kurtosis, here negative.
    half = 50 * np.abs(stats.t.ppf((np.arange(100) + 0.5) / 100, 8))
    folded = fit_distribution(stats.foldnorm, half, floc=0)
    assert folded.converged
    expected = [0.0, 0.0, np.sqrt(np.mean(half**2))]
    assert folded.estimate == pytest.approx(expected, rel=1e-4, abs=1e-3)


def test_noncentral_f_at_zero() -> None:
    # nll of the central F with a scale, by BFGS and Nelder-Mead: 111.3004.
    y = stats.f.rvs(20, 15, size=150, random_state=np.random.default_rng(1))
    mle = fit_distribution(stats.ncf, y, floc=0)
    assert mle.status is Status.AT_BOUND
    assert mle.estimate[mle.names.index("nc")] == 0.0
    assert mle.nll == pytest.approx(111.3004, abs=1e-3)


# SAS/OR 13.2, The NLP Solver, example 6: days to vaginal cancer in rats; the last two are censored.
DAYS = [143, 164, 188, 188, 190, 192, 206, 209, 213, 216, 220, 227, 230, 234, 246, 265, 304]
DAYS += [216, 244]
RATS: Any = CensoredData.right_censored(DAYS, np.arange(19) >= 17)


def test_a_support_that_ends_outside_of_the_data_meets_sas() -> None:
    # SciPy's own fit, by default, puts the end at 143.
    for start in (None, {"c": 1, "loc": 100, "scale": 100}, {"loc": 110}):
        mle = fit_distribution(stats.weibull_min, RATS, start=start)
        assert mle.status is Status.CERTIFIED
        assert mle.estimate == pytest.approx([2.7112, 122.03, 108.37], rel=5e-4)


def test_an_upper_end_is_a_lower_one_mirrored() -> None:
    y = stats.weibull_min.rvs(2.5, loc=100, scale=20, size=100, random_state=rng)
    lower, upper = (
        fit_distribution(family, values)
        for family, values in ((stats.weibull_min, y), (stats.weibull_max, -y))
    )
    assert upper.status is lower.status is Status.CERTIFIED
    assert upper.estimate * [1, -1, 1] == pytest.approx(lower.estimate, rel=1e-4)


STARTS: dict[str, tuple[Any, type[Exception], str]] = {
    "no mapping": ([1.0, 2.0], TypeError, "start: .*mapping"),
    "unknown": ({"b": 1.0}, ValueError, r"start: 'b' is no free parameter.*'a', 'scale'"),
    "fixed": ({"loc": 1.0}, ValueError, "start: 'loc' is no free parameter"),
    "at an end": ({"scale": 0.0}, ValueError, "start: scale=0.0; .*ends excluded"),
    "NaN": ({"a": np.nan}, ValueError, "start: a=nan; a is a finite number"),
}


@pytest.mark.parametrize("name", STARTS)
def test_starts_that_cannot_be_used_are_named(name: str) -> None:
    start, error, message = STARTS[name]
    with pytest.raises(error, match=message):
        fit_distribution(stats.gamma, GAMMA, start=start, floc=0)


class Rate(stats.rv_continuous):
    """A distribution of the user's own, which does not say where its shape ends."""

    def _pdf(self, x: Any, *shapes: Any) -> Any:
        return shapes[0] * np.exp(-shapes[0] * x)


def test_a_distribution_of_the_users_own() -> None:
    mle = fit_distribution(Rate(a=0.0, name="rate", shapes="rate"), GAMMA, floc=0, fscale=1)
    assert mle.names == ("rate", "loc", "scale")
    assert mle.estimate[0] == pytest.approx(1 / GAMMA.mean(), rel=1e-5)


REFUSED: dict[str, tuple[Any, Any, dict[str, Any], type[Exception], str]] = {
    "frozen": (stats.gamma(2.0), GAMMA, {}, TypeError, "distribution: .*without its parameters"),
    "a name": ("gamma", GAMMA, {}, TypeError, "distribution: 'gamma'"),
    "an array": (stats.poisson_binom, [1, 2], {}, TypeError, "p of poisson_binom is an array"),
    "unknown": (stats.gamma, GAMMA, {"fb": 1}, ValueError, "fb: .*fa=, floc=, fscale="),
    "not held": (stats.gamma, GAMMA, {"loc": 0}, ValueError, "loc: no parameter of gamma"),
    "outside": (stats.gamma, GAMMA, {"fscale": -1}, ValueError, "fscale: -1; scale is .* 0 to inf"),
    "text": (stats.gamma, GAMMA, {"fa": "2"}, ValueError, "fa: '2'; a is a finite number"),
    "NaN": (stats.gamma, GAMMA, {"fa": np.nan}, ValueError, "fa: nan"),
    "whole": (stats.binom, COUNTS, {}, ValueError, "fn: n is a whole number"),
    "fraction": (stats.binom, COUNTS, {"fn": 2.5}, ValueError, "fn: 2.5; n is a whole"),
    "all held": (stats.norm, NORMAL, {"floc": 0, "fscale": 1}, ValueError, "fixed: all of"),
    "empty": (stats.norm, [], {}, ValueError, r"data: shape \(0,\)"),
    "none": (stats.norm, CensoredData([]), {}, ValueError, "data: there are no values"),
    "table": (stats.norm, np.ones((3, 2)), {}, ValueError, r"data: shape \(3, 2\)"),
    "words": (stats.norm, ["a", "b"], {}, TypeError, r"data: \['a', 'b'\]"),
    "missing": (stats.norm, [1.0, np.nan, 2.0], {}, ValueError, "data: nan in row 1"),
    "support": (
        stats.gamma,
        [*GAMMA, -1.0, -2.0],
        {"floc": 0},
        ValueError,
        rf"data: -1 in row {N} \(and 1 more\).*gamma then takes values from 0 to inf",
    ),
    "edge": (stats.gamma, [*GAMMA, 0.0], {"floc": 0}, ValueError, f"data: 0 in row {N} "),
    "support of counts": (stats.poisson, [1, 2.5], {}, ValueError, "data: 2.5 in row 1 "),
    "free end": (stats.expon, GAMMA, {}, ValueError, "data: .* expon ends at the value .*floc="),
    "free ends": (stats.uniform, GAMMA, {}, ValueError, "data: .* uniform ends at"),
    "end by scale": (stats.pareto, GAMMA, {"floc": 0}, ValueError, "data: .* pareto ends at"),
    "censored counts": (stats.poisson, CensoredData([1.0]), {}, TypeError, "poisson is discrete"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_fitted_is_named(name: str) -> None:
    distribution, data, fixed, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        fit_distribution(distribution, data, **fixed)


def test_a_shape_that_sets_the_end_is_started_where_there_is_none() -> None:
    # SciPy's own fit ends at nll 487.1, with the end of the support at the lowest value.
    y = stats.tukeylambda.rvs(-0.2, size=200, random_state=np.random.default_rng(1754178622))
    mle = fit_distribution(stats.tukeylambda, y)
    assert mle.status is Status.CERTIFIED
    assert mle.nll <= -stats.tukeylambda.logpdf(y, -0.2).sum()
