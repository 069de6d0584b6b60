"""A new kind of interval: its class, and an entry; everything that takes a method then takes it."""

import re
from typing import Any, ClassVar

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose
from scipy import stats

from bootmle import (
    Bayesian,
    Blocks,
    Cases,
    Estimator,
    Jackknife,
    Stratified,
    Subsample,
    bootstrap,
    coverage,
)
from bootmle.bootstrapping.interval_kinds import METHODS
from bootmle.inference.bca import BCa
from bootmle.inference.intervals import Need, ReplicateArrays
from bootmle.inference.order_statistics import sort_replicates

N = 40


class BiasCorrected(BCa):
    """Efron's bias-corrected interval of 1982: BCa without an acceleration, or a jackknife."""

    name: ClassVar[str] = "bc"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.QUANTILES})

    @classmethod
    def of(cls, arrays: ReplicateArrays) -> "BiasCorrected":
        ordered = sort_replicates(arrays.replicates)
        return cls(arrays.names, arrays.estimate, *ordered, np.zeros_like(arrays.estimate))


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "bc", BiasCorrected)


def moments(y: Any) -> Any:
    return {"mean": y.mean(), "sd": 1000 * y.std()}


def simulate(params: Any, rng: Any, y: Any) -> Any:
    return rng.normal(params[0], params[1] / 1000, y.size)


@pytest.fixture(scope="module")
def estimator() -> Estimator:
    return Estimator(moments, np.random.default_rng(1).normal(3.0, 2.0, N))


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_it_has_intervals_and_p_values(estimator: Estimator, level: float) -> None:
    boot = bootstrap(estimator, n_resamples=999, rng=0)
    bounds = boot.confidence_interval("BC", level)
    for j in range(2):
        # Quantiles at Φ(2 z0 ± z) of 999: within one rank of those by counting.
        ordered = np.sort(boot.replicates[:, j])
        shift = stats.norm.ppf(np.mean(ordered < boot.estimate[j]))
        for end, side in ((bounds.low[j], -1), (bounds.high[j], 1)):
            rank = 1000 * stats.norm.cdf(2 * shift + side * stats.norm.ppf((1 + level) / 2))
            assert ordered[int(rank) - 1] <= end <= ordered[int(rank)]
    assert_allclose(boot.p_value(bounds.low, "bc"), 1 - level, rtol=1e-9)
    assert_allclose(boot.p_value(bounds.high, "bc"), 1 - level, rtol=1e-9)
    assert boot.plot(method="bc", ax=Figure().subplots(1, 2))


def test_it_is_refused_where_what_it_needs_is_lacking(estimator: Estimator) -> None:
    boot = bootstrap(estimator, sampling=Jackknife(), n_resamples=N)
    with pytest.raises(ValueError, match=r"'bc' is not available, as .*; use 'normal'"):
        boot.confidence_interval("bc")
    with pytest.raises(ValueError, match=r"method: 'x' is unknown; use one of .*, bc"):
        boot.confidence_interval("x")


def test_a_study_takes_it(estimator: Estimator) -> None:
    options: dict[str, Any] = {"methods": ["bc", "percentile"], "confidence_level": 0.9, "rng": 0}
    study = coverage(estimator, simulate, n_datasets=200, n_resamples=99, **options)
    # Four errors of 200 trials of 0.9, and 0.03 that it under-covers at n = 40.
    assert abs(study.coverage["bc"][0] - 0.9) < 0.12
    assert np.all(study.withheld["bc"] < 0.2)
    warped = coverage(estimator, simulate, n_datasets=200, warp=True, **options)
    assert abs(warped.coverage["bc"][0] - 0.9) < 0.12
    with pytest.raises(ValueError, match=r"'bc' is not available, as .* not random"):
        coverage(estimator, simulate, sampling=Jackknife(), n_datasets=4, **options)


@pytest.mark.parametrize("studentized", [False, True])
@pytest.mark.parametrize(
    ("plan", "kinds"),
    [
        (Cases(), ["bca", "studentized"]),
        (Stratified(np.arange(15) % 2), ["bca", "studentized"]),
        (Bayesian(), [None, "studentized"]),
        (Blocks(2), [None, "studentized"]),
        (Subsample(9), [None, None]),
    ],
)
def test_the_table_recommends_only_an_interval_that_is_available(
    plan: Any, kinds: list[str | None], studentized: bool
) -> None:
    y = np.random.default_rng(3).exponential(size=15)

    def moments(y: Any, weights: Any) -> Any:
        mean = np.average(y, weights=weights)
        return [mean, 1000 * np.average((y - mean) ** 2, weights=weights)]

    def errors(y: Any, weights: Any) -> Any:
        mean, variance = moments(y, weights)
        fourth = np.average((y - mean) ** 4, weights=weights) - (variance / 1000) ** 2
        return [(variance / 15_000) ** 0.5, 1000 * (fourth / 15) ** 0.5]

    estimator = Estimator(moments, y, standard_error=errors if studentized else None)
    boot = bootstrap(estimator, sampling=plan, n_resamples=1999, rng=2)
    (line,) = [each for each in str(boot).splitlines() if each.startswith("off center or skewed")]
    found = re.findall(r"use confidence_interval\('(.*)'\)", line)
    assert found == [kind for kind in [kinds[studentized]] if kind is not None]
    assert all(np.isfinite(boot.confidence_interval(kind).low).all() for kind in found)


def test_one_parameter_without_a_bca_interval_does_not_deny_the_others_theirs() -> None:
    # The variance of 15 exponentials ends at the 0.99923 quantile, beyond 999 replicates.
    y = np.random.default_rng(3).exponential(size=15)
    boot = bootstrap(Estimator(lambda y: [y.mean(), 1000 * y.var()], y), n_resamples=999, rng=0)
    with pytest.warns(UserWarning, match="the BCa interval of x2 ends at .*an end is nan for x2"):
        bounds = boot.confidence_interval("bca")
    assert np.isfinite(bounds.high[0])
    assert np.isnan(bounds.high[1])
    alone = bootstrap(Estimator(lambda y: y.mean(), y), n_resamples=999, rng=0)
    assert bounds.high[0] == alone.confidence_interval("bca").high[0]
