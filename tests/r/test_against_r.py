"""R's boot and sandwich, and R's enumerations: the scripts and their output lie beside this file.

Where both sides are drawn, four Monte Carlo errors of both together are allowed, and where the
truth is enumerated four of ours: a false-alarm rate of 6e-5 for each number.
"""

import json
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy import stats

from bootmle import (
    Blocks,
    Bootstrap,
    Cases,
    Clustered,
    Estimator,
    Fit,
    Given,
    Stratified,
    Wild,
    bootstrap,
    crosscheck,
    fit,
)
from models import logit

Floats = NDArray[np.float64]
B = 1499
METHODS = ["percentile", "basic", "normal", "bca"]
KINDS = ["stationary", "circular", "moving"]


@cache
def output_of(name: str) -> Any:
    return json.loads((Path(__file__).parent / f"{name}.json").read_text())


def within(ours: Any, theirs: Any, error: Any) -> None:
    assert np.all(np.abs(np.array(ours) - theirs) < 4 * np.array(error))


def error_of_covariance(replicates: Floats) -> Floats:
    """The Monte Carlo error of a covariance matrix."""
    centred = replicates - replicates.mean(axis=0)
    products = centred[:, :, None] * centred[:, None, :]
    return np.asarray(products.std(axis=0) / np.sqrt(len(replicates)))


# R: tests/r/infert.R, glm(case ~ age + parity + spontaneous, binomial, infert).
@cache
def infert() -> Fit:
    r = output_of("infert")
    columns = [np.ones(248), r["age"], r["parity"], r["spontaneous"]]
    args = (np.column_stack(columns), np.array(r["case"], float))
    return fit(logit(3).nll, np.zeros(4), args)


@cache
def infert_plan(name: str) -> Stratified | Clustered:
    r = output_of("infert")
    return Stratified(r["education"]) if name == "Stratified" else Clustered(r["matched"])


@cache
def infert_boot(name: str) -> Bootstrap:
    return bootstrap(infert(), sampling=infert_plan(name), n_resamples=B, rng=1)


DRAWN = pytest.mark.parametrize("name", ["Stratified", "Clustered"])
BOTH = np.sqrt(1 + B / 20_000)
"""R drew 20,000: both Monte Carlo errors together, in ours."""


@DRAWN
def test_resamples_that_boot_drew_have_its_refits(name: str) -> None:
    # R: boot(infert, refit, R, strata = education), boot(matched sets, refit, R), boot.array().
    r, unit = output_of("infert")[name], infert().information.standard_errors
    counts = [np.bincount(rows, minlength=248) for rows in r["rows"].values()]
    boot = bootstrap(infert(), sampling=Given(weights=counts), n_resamples=10)
    assert np.abs((boot.replicates - r["refits"]) / unit).max() < 1e-3


@DRAWN
def test_the_rows_that_boot_drew_are_possible_ones(name: str) -> None:
    drawn = output_of("infert")[name]["rows"].values()
    counts = np.array([np.bincount(rows, minlength=248) for rows in drawn])
    r = output_of("infert")
    if name == "Stratified":
        for label in np.unique(r["education"]):
            inside = np.array(r["education"]) == label
            assert np.all(counts[:, inside].sum(axis=1) == inside.sum())
    else:
        for label in np.unique(r["matched"]):
            assert np.all(np.ptp(counts[:, np.array(r["matched"]) == label], axis=1) == 0)


@DRAWN
def test_covariance_and_bias_are_those_of_boot(name: str) -> None:
    r, boot = output_of("infert")[name], infert_boot(name)
    within(boot.covariance, r["covariance"], BOTH * error_of_covariance(boot.replicates))
    within(boot.bias, r["bias"], BOTH * boot.standard_error / np.sqrt(B))


@DRAWN
@pytest.mark.parametrize("level", [0.90, 0.95])
@pytest.mark.parametrize("method", METHODS)
def test_intervals_are_those_of_boot_ci(name: str, method: str, level: float) -> None:
    # R: boot.ci(b, conf = level, type = method), BCa with L by the jackknife within strata.
    columns = np.array(output_of("infert")[name][method])[:, [0, 1] if level == 0.9 else [2, 3]]
    bounds = infert_boot(name).confidence_interval(method, level)
    within(bounds.low, columns[:, 0], BOTH * bounds.low_mcse)
    within(bounds.high, columns[:, 1], BOTH * bounds.high_mcse)


def test_clusters_have_the_covariance_of_vcov_bs() -> None:
    # R: vcovBS(model, cluster = ~stratum, R = 20000).
    boot = infert_boot("Clustered")
    error = BOTH * error_of_covariance(boot.replicates)
    within(boot.covariance, output_of("infert")["vcovBS"], error)


def test_wild_scores_have_the_covariance_of_vcov_cl() -> None:
    # R: vcovCL(model, cluster = ~stratum, type = "HC0", cadjust = FALSE).
    r = output_of("infert")
    boot = bootstrap(infert(), sampling=Wild(r["matched"]), n_resamples=B, rng=1)
    within(boot.covariance, r["cluster"], error_of_covariance(boot.replicates))
    exact = np.sqrt(np.diag(r["cluster"]))
    assert boot.own_standard_error is not None
    assert_allclose(boot.own_standard_error, exact, rtol=1e-5)


def test_sandwiches_are_those_of_r() -> None:
    # R: vcov(model), sandwich(model), vcovCL(model, ~stratum, type = "HC0", cadjust = FALSE).
    r, check = output_of("infert"), crosscheck(infert_boot("Clustered"))
    assert_allclose(infert().estimate, r["estimate"], rtol=1e-4)
    for source in ("hessian", "sandwich", "cluster"):
        exact = np.sqrt(np.diag(r[source]))
        assert_allclose(check.standard_errors[source], exact, rtol=1e-4)


# R: tests/r/lynx.R, tsboot(embed(log10(lynx), 3), autoregression, R, l = 9, sim, endcorr).
def autoregression(params: Any, Y: Any) -> Any:
    constant, first, second, log_sigma = params
    gap = Y[:, 0] - constant - first * Y[:, 1] - second * Y[:, 2]
    return log_sigma + 0.5 * (gap / np.exp(log_sigma)) ** 2


@cache
def lynx() -> Fit:
    y = np.array(output_of("lynx")["y"])
    lagged = np.column_stack([y[2:], y[1:-1], y[:-2]])
    return fit(autoregression, [1.0, 1.0, 0.0, -1.0], lagged)


def roughness(y: Any) -> list[float]:
    return [1000 * y.mean(), np.abs(np.diff(y)).mean()]


def rough() -> Estimator:
    return Estimator(roughness, np.array(output_of("lynx")["y"]))


@pytest.mark.parametrize("kind", KINDS)
def test_stretches_that_tsboot_drew_have_its_refits(kind: str) -> None:
    r, unit = output_of("lynx"), lynx().information.standard_errors
    one = r["autoregression"][kind]
    boot = bootstrap(lynx(), sampling=Given(indices=one["rows"]), n_resamples=8)
    assert np.abs((boot.replicates - one["refits"]) / unit).max() < 1e-3
    other = r["roughness"][kind]
    boot = bootstrap(rough(), sampling=Given(indices=other["rows"]), n_resamples=8)
    assert_allclose(boot.replicates, other["refits"], rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "source", "count"), [("autoregression", lynx, 999), ("roughness", rough, 3999)]
)
def test_blocks_spread_as_those_of_tsboot(
    name: str, source: Callable[[], Fit | Estimator], count: int, kind: str
) -> None:
    r = output_of("lynx")[name][kind]
    boot = bootstrap(source(), sampling=Blocks(9, kind), n_resamples=count, rng=1)
    both = np.sqrt(1 + count / 20_000)
    within(boot.covariance, r["covariance"], both * error_of_covariance(boot.replicates))
    error = both * boot.standard_error / np.sqrt(count)
    within(boot.replicates.mean(axis=0), r["mean"], error)


# R: tests/r/enumeration.R, all resamples of five observations with their probabilities.
def five() -> tuple[Floats, Floats]:
    r = output_of("enumeration")
    return np.array(r["x"], float), np.array(r["y"], float)


def of_five(x: Any, y: Any) -> list[float]:
    return [np.log(y.mean()), 1000 * y.sum() / x.sum()]


def nll_of_five(params: Any, x: Any, y: Any) -> Any:
    """An exponential's log mean, and 1000 times the rate of a Poisson in x."""
    log_mean, rate = params
    with np.errstate(all="ignore"):
        exponential = log_mean + y * np.exp(-log_mean)
        return exponential + x * rate / 1000 - y * np.log(rate / 1000)


def plans() -> dict[str, Any]:
    r = output_of("enumeration")
    return {
        "Cases": Cases(),
        "Stratified": Stratified(r["sides"]),
        "Clustered": Clustered(r["pairs"]),
        "within": Clustered(r["pairs"], within="cases"),
        "moving": Blocks(2, "moving"),
        "circular": Blocks(2, "circular"),
        "stationary": Blocks(2, "stationary"),
    }


PLANS = pytest.mark.parametrize("name", plans())


@PLANS
def test_every_resample_of_five_is_as_likely_as_enumerated(name: str, weights_of: Any) -> None:
    # Chi-squared at 1e-6; resamples expected less than 5 times are counted together.
    r, count = output_of("enumeration")[name], 4000
    drawn = weights_of(plans()[name], 11, 5, count).astype(int)
    words = Counter("".join(map(str, one)) for one in drawn)
    assert set(words) <= set(r["counts"])
    found = np.array([words[word] for word in r["counts"]])
    expected = count * np.array(r["share"])
    rare = expected < 5
    pooled = [np.append(one[~rare], one[rare].sum()) for one in (found, expected)]
    kept = pooled[1] > 0
    assert stats.chisquare(pooled[0][kept], pooled[1][kept]).pvalue > 1e-6


@cache
def boot_of_five(name: str) -> Bootstrap:
    return bootstrap(Estimator(of_five, five()), sampling=plans()[name], n_resamples=3999, rng=1)


@PLANS
def test_moments_of_five_are_those_enumerated(name: str) -> None:
    r, replicates = output_of("enumeration")[name], boot_of_five(name).replicates
    covariance = np.array(r["covariance"])
    variance = np.diag(covariance)
    within(replicates.mean(axis=0), r["mean"], np.sqrt(variance / 3999))
    error = np.sqrt((np.array(r["fourth"]) - variance**2) / 3999)
    within(replicates.var(axis=0), variance, error)
    within(np.cov(replicates.T), covariance, error_of_covariance(replicates))


@pytest.mark.parametrize("name", [name for name in plans() if name != "moving"])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_percentile_ends_of_five_are_quantiles_enumerated(name: str, level: float) -> None:
    # The probabilities of less and of no more than an end lie around its level. Moving blocks have
    # intervals that are moved to their centre.
    r, boot = output_of("enumeration")[name], boot_of_five(name)
    share, values = np.array(r["share"]), np.array(r["refits"])
    bounds = boot.confidence_interval("percentile", level)
    slack = 4 * np.sqrt((1 - level**2) / 4 / 3999)
    gap = 1e-9 * np.abs(values).max(axis=0)
    for end, probability in ((bounds.low, (1 - level) / 2), (bounds.high, (1 + level) / 2)):
        assert np.all(share @ (values < end - gap) <= probability + slack)
        assert np.all(share @ (values <= end + gap) >= probability - slack)


def test_refits_of_all_counts_of_five_are_those_enumerated() -> None:
    r = output_of("enumeration")["Cases"]
    counts = np.array([[int(times) for times in word] for word in r["counts"]])
    mle = fit(nll_of_five, {"log_mean": 1.0, "rate": 1000.0}, five())
    boot = bootstrap(mle, sampling=Given(weights=counts), n_resamples=126)
    unit = np.sqrt(np.diag(r["covariance"]))
    assert np.abs((boot.replicates - r["refits"]) / unit).max() < 1e-3
    mean = np.array(r["share"]) @ boot.replicates
    assert_allclose(mean, r["mean"], rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_what_depends_on_the_order_of_five_is_as_enumerated(kind: str) -> None:
    r, count = output_of("enumeration")["roughness"][kind], 3999

    def ordered(x: Any, y: Any) -> list[float]:
        return [y.mean(), 1000 * np.abs(np.diff(x)).mean()]

    boot = bootstrap(Estimator(ordered, five()), sampling=Blocks(2, kind), n_resamples=count, rng=1)
    variance = np.diag(r["covariance"])
    within(boot.replicates.mean(axis=0), r["mean"], np.sqrt(variance / count))
    error = np.sqrt((np.array(r["fourth"]) - variance**2) / count)
    within(boot.replicates.var(axis=0), variance, error)
    within(boot.covariance[0, 1], r["covariance"][0][1], error_of_covariance(boot.replicates)[0, 1])
