"""Stored bootstrap truths: enumerations, and millions of refits by independent programs.

tests/data/bootstrap_truths.json holds each number with its source, its own Monte Carlo error and
√B times that of an estimate of it from B replicates. Four of both together are allowed, besides
the number's tolerance: a false-alarm rate of 6e-5 for each of about 500 comparisons, 3% in all for
another seed, less where ends and errors move together.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy import stats
from scipy.interpolate import BSpline
from scipy.special import ndtri

from bootmle import (
    Bayesian,
    Bootstrap,
    Cases,
    Clustered,
    Estimator,
    Fit,
    Given,
    Jackknife,
    Status,
    bootstrap,
    fit,
)
from bootmle.inference.bca import BCa, acceleration
from bootmle.sampling import Plan
from models import logit, poisson, weibull

Floats = NDArray[np.float64]
HERE = Path(__file__).parent
LEVELS = pytest.mark.parametrize("level", [0.90, 0.95, 0.99])


def stored(name: str) -> Any:
    path = HERE / "data" / name
    return np.load(path) if path.suffix == ".npz" else json.loads(path.read_text())


TRUTHS: dict[str, Any] = stored("bootstrap_truths.json")["cases"]

# Efron and Tibshirani (1993), table 3.1.
LSAT = np.array([576.0, 635, 558, 578, 666, 580, 555, 661, 651, 605, 653, 575, 545, 572, 594])
GPA = [3.39, 3.30, 2.81, 3.03, 3.44, 3.07, 3.00, 3.43, 3.36, 3.13, 3.12, 2.74, 2.76, 2.88, 2.96]
# Davison and Hinkley (1997), example 1.1.
HOURS = np.array([3.0, 5, 7, 18, 43, 85, 91, 98, 100, 130, 230, 487])
# scipy/stats/tests/test_resampling.py, test_bootstrap_against_R.
SKEWED = np.array([10, 12, 12.5, 12.5, 13.9, 15, 21, 22, 23, 34, 50, 81, 89, 121, 134, 213])
# R: lme4::Dyestuff, yields of six batches.
DYESTUFF = np.array(
    [
        [1545.0, 1440, 1440, 1520, 1580],
        [1540, 1555, 1490, 1560, 1495],
        [1595, 1550, 1605, 1510, 1560],
        [1445, 1440, 1595, 1465, 1545],
        [1595, 1630, 1515, 1635, 1625],
        [1520, 1455, 1450, 1480, 1445],
    ]
)


def correlation(x: Any, y: Any) -> dict[str, float]:
    dx, dy = x - x.mean(), y - y.mean()
    return {"r": dx @ dy / np.sqrt((dx @ dx) * (dy @ dy))}


def law_school() -> Estimator:
    return Estimator(correlation, (LSAT, np.array(GPA)))


def three_scales(y: Any) -> dict[str, float]:
    return {"mean": y.mean(), "rate": 1 / y.mean(), "log_mean": np.log(y.mean())}


def air_conditioning() -> Estimator:
    return Estimator(three_scales, HOURS)


def by_mean(params: Any, y: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.log(params[0]) + y / params[0]


def by_log_mean(params: Any, y: Any) -> Any:
    return params[0] + y * np.exp(-params[0])


def fit_of_mean() -> Fit:
    return fit(by_mean, {"mean": 100.0}, HOURS)


def fit_of_log_mean() -> Fit:
    return fit(by_log_mean, {"mean": 4.0}, HOURS)


def mean_of(y: Any) -> dict[str, float]:
    return {"mean": y.mean()}


def error_of_exponential(y: Any) -> Any:
    return [y.mean() / np.sqrt(y.size)]


def mean_with_its_error() -> Estimator:
    return Estimator(mean_of, HOURS, standard_error=error_of_exponential)


def skewed() -> Estimator:
    return Estimator(mean_of, SKEWED)


def birthwt() -> Fit:
    data = stored("birthwt.json")
    race = np.array(data["race"])
    columns = [np.ones(189), data["age"], data["lwt"], race == 2, race == 3, data["smoke"]]
    names = ["const", "age", "lwt", "race2", "race3", "smoke"]
    X = np.column_stack(columns).astype(float)
    return fit(logit(5).nll, np.zeros(6), (X, np.array(data["low"], float)), names=names)


def warpbreaks() -> Fit:
    data = stored("warpbreaks.json")
    wool, tension = np.array(data["wool"]), np.array(data["tension"])
    X = np.column_stack([np.ones(54), wool == "B", tension == "M", tension == "H"]).astype(float)
    start = {"const": 3.0, "woolB": 0.0, "tensionM": 0.0, "tensionH": 0.0}
    return fit(poisson(3).nll, start, (X, np.array(data["breaks"], float)))


def lung() -> Fit:
    data = stored("lung.json")
    X = np.column_stack([np.ones(227), data["age"], data["sex"], data["ph_karno"]]).astype(float)
    args = (X, np.array(data["time"], float), np.array(data["event"], float))
    start = {"const": 5.0, "age": 0.0, "sex": 0.0, "ph_karno": 0.0, "log_scale": 0.0}
    return fit(weibull(3).nll, start, args)


def regression(params: Any, x: Any, y: Any) -> Any:
    constant, slope, log_sigma = params
    return log_sigma + 0.5 * ((y - constant - slope * x) / np.exp(log_sigma)) ** 2


def petersen() -> Fit:
    data = stored("petersen.npz")
    start = {"const": 0.0, "x": 1.0, "log_sigma": 0.7}
    return fit(regression, start, (data["x"], data["y"]))


def batches(params: Any, Y: Any) -> Any:
    """One-way random effects: each batch of five is a multivariate normal."""
    mu, var_b, var_e = params
    mean = Y.mean(axis=1)
    inner = ((Y - mean[:, None]) ** 2).sum(axis=1)
    with np.errstate(all="ignore"):
        outer = var_e + 5 * var_b
        return 0.5 * (
            4 * np.log(var_e) + np.log(outer) + inner / var_e + 5 * (mean - mu) ** 2 / outer
        )


def dyestuff() -> Fit:
    bounds = [(None, None), (0, None), (1e-3, None)]
    return fit(batches, {"mu": 1500.0, "var_b": 1000.0, "var_e": 2000.0}, DYESTUFF, bounds=bounds)


def with_deviation(params: Any) -> dict[str, float]:
    mu, var_b, var_e = params
    return {"mu": mu, "var_b": var_b, "var_e": var_e, "sd_b": np.sqrt(max(var_b, 0.0))}


@dataclass(frozen=True, slots=True)
class Case:
    """What is resampled, and which of a case's truths it has."""

    truths: str
    source: Callable[[], Fit | Estimator]
    n_resamples: int
    sampling: Plan = Cases()  # noqa: RUF009  (frozen)
    only: str = "(?!stud)"
    derived: Callable[[Any], Any] | None = None

    def run(self, n_resamples: int, n_jobs: int = 1) -> Bootstrap:
        boot = bootstrap(
            self.source(),
            sampling=self.sampling,
            n_resamples=n_resamples,
            n_jobs=n_jobs,
            rng=1,
            progress=False,
        )
        return boot if self.derived is None else boot.derive(self.derived)

    @property
    def quantities(self) -> list[str]:
        return [name for name in TRUTHS[self.truths]["truths"] if re.match(self.only, name)]


FIRMS = Clustered(stored("petersen.npz")["firm"])
CASES = {
    "law school": Case("p01_law_corr", law_school, 20_000),
    "air conditioning": Case("p02_aircondit_exp", air_conditioning, 20_000),
    "air conditioning, studentized": Case("p02_aircondit_exp", fit_of_mean, 2999, only=r"stud\d"),
    "air conditioning, studentized log": Case(
        "p02_aircondit_exp", fit_of_log_mean, 2999, only="studlog"
    ),
    "air conditioning, studentized by own errors": Case(
        "p02_aircondit_exp", mean_with_its_error, 4999, only="studobs"
    ),
    "skewed": Case("p05_skew16_mean", skewed, 20_000),
    "birthwt": Case("m03_birthwt_logit", birthwt, 1999),
    "warpbreaks": Case("m04_warpbreaks_poisson", warpbreaks, 1999),
    "lung": Case("m06_lung_weibull", lung, 1999),
    "petersen": Case("m10_petersen_cluster", petersen, 999, FIRMS),
    "petersen, rows": Case("m10_petersen_rows", petersen, 499),
    "dyestuff": Case("h05a_dyestuff", dyestuff, 999, derived=with_deviation),
}


@cache
def run(name: str) -> Bootstrap:
    return CASES[name].run(CASES[name].n_resamples)


def below(boot: Bootstrap) -> Floats:
    return np.asarray((boot.replicates < boot.estimate).mean(axis=0))


def equal(boot: Bootstrap) -> Floats:
    return np.asarray((boot.replicates == boot.estimate).mean(axis=0))


def accelerations(boot: Bootstrap) -> Floats:
    """Of verified jackknife refits."""
    assert boot.fit is not None
    clusters = boot.sampling.clusters if isinstance(boot.sampling, Clustered) else None
    deleted = bootstrap(boot.fit, sampling=Jackknife(clusters), progress=False).replicates
    return acceleration(deleted, np.zeros(len(deleted), dtype=np.intp))


def at_bound(boot: Bootstrap) -> Floats:
    return np.full(len(boot.names), np.mean(boot.status == Status.AT_BOUND))


SUMMARIES: dict[str, Callable[[Bootstrap], Floats]] = {
    "se": lambda boot: boot.standard_error,
    "bias": lambda boot: boot.bias,
    "p_less": below,
    "p_eq": equal,
    "z0": lambda boot: ndtri(below(boot) + equal(boot) / 2),
    "a_jack": accelerations,
    "p_boundary": at_bound,
}
METHODS = {
    "perc": "percentile",
    "basic": "basic",
    "normal": "normal",
    "normalbc": "normal",
    "bca": "bca",
    "stud": "studentized",
    "studlog": "studentized",
    "studobs": "studentized",
}


def value_of(boot: Bootstrap, quantity: str) -> Floats:
    """Read a quantity of the table off the replicates, (p,)."""
    if quantity in SUMMARIES:
        return SUMMARIES[quantity](boot)
    found = re.fullmatch(r"([a-z]+)(\d+)_(lo|hi)", quantity)
    assert found is not None
    kind, level, side = found.groups()
    bounds = boot.confidence_interval(METHODS[kind], int(level) / 100)
    end = bounds.low if side == "lo" else bounds.high
    if kind == "normal":
        # The table has intervals around the estimate, ours are corrected for bias.
        return end + boot.bias
    return np.exp(end) if kind == "studlog" else end


@dataclass(frozen=True, slots=True)
class Comparison:
    """One number and its truth."""

    what: str
    ours: float
    truth: float
    tolerance: float
    error: float

    @property
    def n_errors(self) -> float:
        """The difference beyond the tolerance, in Monte Carlo errors."""
        beyond = max(abs(self.ours - self.truth) - self.tolerance, 0.0)
        return beyond / self.error if self.error else (np.inf if beyond else 0.0)

    @property
    def passed(self) -> bool:
        return self.n_errors <= 4


def compared(case: Case, boot: Bootstrap, quantity: str) -> Iterator[Comparison]:
    values = dict(zip(boot.names, value_of(boot, quantity).tolist(), strict=True))
    for name, numbers in TRUTHS[case.truths]["truths"][quantity].items():
        truth, root_b, own, tolerance = numbers
        error = float(np.hypot(own, root_b / np.sqrt(len(boot.status))))
        yield Comparison(f"{quantity} {name}", values[name], truth, tolerance, error)


@pytest.mark.parametrize(
    ("name", "quantity"), [(name, each) for name, case in CASES.items() for each in case.quantities]
)
def test_every_number_of_a_case(name: str, quantity: str) -> None:
    missed = [one for one in compared(CASES[name], run(name), quantity) if not one.passed]
    assert not missed


def test_each_truth_belongs_to_a_case() -> None:
    covered = {(case.truths, each) for case in CASES.values() for each in case.quantities}
    assert covered == {(name, each) for name, one in TRUTHS.items() for each in one["truths"]}


# R's glm.fit and survreg on the same 100 resamples; the standard deviations of those refits.
FIXED = {
    "warp": [0.11533446243599114, 0.1195537478120295, 0.12309583170638307, 0.12402288717072547],
    "lung": [
        0.7068558690931578,
        0.007426699426207827,
        0.1283866531164439,
        0.0064212842750521635,
        0.06207658677288732,
    ],
}


@pytest.mark.parametrize(("name", "source"), [("warp", warpbreaks), ("lung", lung)])
def test_a_hundred_fixed_resamples(name: str, source: Callable[[], Fit]) -> None:
    given, errors = stored("fixed_resamples.npz"), np.array(FIXED[name])
    refits = given[f"{name}_refits"]
    boot = bootstrap(source(), sampling=Given(indices=given[f"{name}_rows"]), n_resamples=100)
    assert_allclose(boot.replicates, refits, rtol=0, atol=2e-4)
    assert np.abs((boot.replicates - refits) / errors).max() < 1e-3
    assert_allclose(boot.standard_error, errors, rtol=1e-3)
    covariance = np.cov(refits, rowvar=False)
    assert np.abs((boot.covariance - covariance) / np.outer(errors, errors)).max() < 1e-3


def balanced(weights: Any) -> list[float]:
    """The closed-form fit of a balanced one-way layout whose batches have weights."""
    mean = DYESTUFF.mean(axis=1)
    mu = weights @ mean / 6
    inner = weights @ ((DYESTUFF - mean[:, None]) ** 2).sum(axis=1)
    outer = 5 * weights @ (mean - mu) ** 2
    var_e = inner / 24
    var_b = (outer / 6 - var_e) / 5
    return [mu, var_b, var_e] if var_b > 0 else [mu, 0.0, (inner + outer) / 30]


def test_all_resamples_of_six_batches() -> None:
    # 462 sets of counts, on the boundary of var_b where the closed form is.
    drawn = combinations_with_replacement(range(6), 6)
    counts = np.array([np.bincount(batches, minlength=6) for batches in drawn])
    boot = bootstrap(dyestuff(), sampling=Given(weights=counts), n_resamples=462)
    exact = np.array([balanced(one) for one in counts])
    errors = np.array([17.6945534620748, 732.737081528462, 563.925057648625])
    assert np.abs((boot.replicates - exact) / errors).max() < 1e-3
    assert np.array_equal(boot.status == Status.AT_BOUND, exact[:, 1] == 0)
    share = stats.multinomial(6, np.full(6, 1 / 6)).pmf(counts)
    centred = boot.replicates - share @ boot.replicates
    assert_allclose(np.sqrt(share @ centred**2), errors, rtol=1e-4)
    assert share[boot.status == Status.AT_BOUND].sum() == pytest.approx(0.09156378600823045)


# R: tests/r/cd4.R, boot(cd4, correlated, R) and boot.ci of all types.
CD4 = json.loads((HERE / "r" / "cd4.json").read_text())


def error_of_correlation(x: Any, y: Any) -> list[float]:
    """By the influence function, as the script has it."""
    u, v = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    r = (u * v).mean()
    error = np.sqrt(((u * v - r / 2 * (u**2 + v**2)) ** 2).sum()) / x.size
    return [error, 1000 * error]


def both_signs(x: Any, y: Any) -> dict[str, float]:
    r = correlation(x, y)["r"]
    return {"r": r, "minus": -1000 * r}


@cache
def cd4(name: str) -> Bootstrap:
    rows = [[ord(letter) - ord("a") for letter in word] for word in CD4[name]["rows"]]
    args = (np.array(CD4["baseline"]), np.array(CD4["oneyear"]))
    estimator = Estimator(both_signs, args, standard_error=error_of_correlation)
    return bootstrap(estimator, sampling=Given(indices=rows), n_resamples=len(rows))


@LEVELS
@pytest.mark.parametrize("method", ["percentile", "basic", "normal", "bca", "studentized"])
@pytest.mark.parametrize("name", ["R999", "R1000", "R2000"])
def test_intervals_of_resamples_of_r_are_those_of_boot_ci(
    name: str, method: str, level: float
) -> None:
    # The second parameter is the first times -1000, so its ends change places.
    low, high = CD4[name][method][[0.90, 0.95, 0.99].index(level)]
    bounds = cd4(name).confidence_interval(method, level)
    assert_allclose(bounds.low, [low, -1000 * high], rtol=1e-10)
    assert_allclose(bounds.high, [high, -1000 * low], rtol=1e-10)


@LEVELS
@pytest.mark.parametrize("name", ["R999", "R1000", "R2000"])
def test_bca_intervals_of_given_influence_values_are_those_of_boot_ci(
    name: str, level: float
) -> None:
    # R's own jackknife values, which are not centred; those of -1000 r are -1000 times them.
    influence = np.array(CD4[name]["influence"])
    pull = (influence**3).sum() / (6 * (influence**2).sum() ** 1.5)
    boot = cd4(name)
    kind = BCa(boot.names, boot.estimate, *boot.ordered(), np.array([pull, -pull]))
    bounds = kind.interval(level)
    low, high = CD4[name]["bca_by_influence"][[0.90, 0.95, 0.99].index(level)]
    assert_allclose(bounds.low, [low, -1000 * high], rtol=1e-10)
    assert_allclose(bounds.high, [high, -1000 * low], rtol=1e-10)


TWO = np.column_stack([HOURS[:7], 1e-4 * np.array([7.0, 1, 4, 40, 2, 11, 5])])


def weighted_means(Y: Any, weights: Any = None) -> Any:
    return np.average(Y, axis=0, weights=weights)


@cache
def bayesian() -> Bootstrap:
    return bootstrap(Estimator(weighted_means, TWO), sampling=Bayesian(), n_resamples=9999, rng=1)


def test_the_bayesian_bootstrap_of_two_means() -> None:
    # Exponential weights over their sum are Dirichlet(1, ..., 1): the covariance of the means is
    # S/(n + 1), S with the divisor n, and their skewness that of the data 2 √(n + 1)/(n + 2).
    # Five numbers within 4 Monte Carlo errors: a false-alarm rate of 3e-4.
    boot, n = bayesian(), len(TWO)
    exact = np.cov(TWO, rowvar=False, ddof=0) / (n + 1)
    assert np.all(
        np.abs(boot.standard_error - np.sqrt(np.diag(exact))) < 4 * boot.standard_error_mcse
    )
    centred = boot.replicates - TWO.mean(axis=0)
    product = centred.prod(axis=1)
    assert abs(product.mean() - exact[0, 1]) < 4 * product.std() / np.sqrt(9999)
    cubes = (centred / np.sqrt(np.diag(exact))) ** 3
    skewness = 2 * np.sqrt(n + 1) / (n + 2) * stats.skew(TWO)
    assert np.all(np.abs(cubes.mean(axis=0) - skewness) < 4 * cubes.std(axis=0) / np.sqrt(9999))


def spline_quantile(y: Floats, probability: float) -> float:
    """Invert the distribution of a Dirichlet mean, a B-spline with the data for knots."""
    knots = np.sort(y)
    density = BSpline.basis_element(knots, extrapolate=False)
    cumulative = density.antiderivative()
    grid = np.linspace(knots[0], knots[-1], 200_001)[1:-1]
    values = cumulative(grid) - cumulative(knots[0])
    scale = (len(y) - 1) / (knots[-1] - knots[0])
    return float(np.interp(probability, scale * values, grid))


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_intervals_of_the_bayesian_bootstrap_are_those_of_a_spline(level: float) -> None:
    # Curry and Schoenberg (1966). Four ends within 4 Monte Carlo errors: 3e-4.
    boot = bayesian()
    exact = np.array(
        [[spline_quantile(y, (1 + side * level) / 2) for y in TWO.T] for side in (-1, 1)]
    )
    bounds = boot.confidence_interval("percentile", level)
    assert np.all(np.abs(bounds.low - exact[0]) < 4 * bounds.low_mcse)
    assert np.all(np.abs(bounds.high - exact[1]) < 4 * bounds.high_mcse)
    basic = boot.confidence_interval("basic", level)
    assert_allclose(basic.low + bounds.high, 2 * TWO.mean(axis=0), rtol=1e-12)
