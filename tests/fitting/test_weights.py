"""Frequency weights against the data written out, and importance weights against them."""

from functools import cache
from typing import Any

import joblib
import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose, assert_array_equal

from bootmle import (
    Bayesian,
    Blocks,
    Bootstrap,
    Cases,
    Clustered,
    Fit,
    Given,
    Jackknife,
    Parametric,
    Stratified,
    Subsample,
    bootstrap,
    coverage,
    crosscheck,
    fit,
    fit_statsmodels,
)

rng = np.random.default_rng(17)
N_ROWS = 60
COUNTS = rng.integers(0, 6, N_ROWS)
ROWS = np.repeat(np.arange(N_ROWS), COUNTS)
N = ROWS.size
# The second covariate's unit makes the standard errors differ by a factor of about 300.
X = np.column_stack([np.ones(N_ROWS), rng.normal(size=N_ROWS), 300 * rng.normal(size=N_ROWS)])
Y = rng.poisson(np.exp(X @ [0.6, 0.4, -0.001]) * rng.gamma(1.5, 1 / 1.5, N_ROWS)).astype(float)
STRATA = rng.integers(0, 3, N_ROWS)
CLUSTERS = np.sort(rng.integers(0, 15, N_ROWS))
"""Labels of rows: copies of a row share them."""
OBSERVED = rng.integers(0, 15, N)
"""Labels of observations: copies of a row may be in different clusters."""
START = {"const": 0.5, "slope": 0.0, "small": 0.0}
B = 199
SAME = 1e-6
"""Standard errors by which replicates may differ: sums in another order end a search elsewhere,
which is certified to 1e-3 and converges quadratically."""


def nll(params: Any, X: Any, y: Any) -> Any:
    """A Poisson regression: misspecified here, as the sandwich differs from the Hessian."""
    index = X @ params
    return np.exp(index) - y * index


def scores(params: Any, X: Any, y: Any) -> Any:
    return (np.exp(X @ params) - y)[:, None] * X


@cache
def pair(fun: Any = nll, **options: Any) -> tuple[Fit, Fit]:
    """Fit with frequency weights, and on the data written out."""
    weighted = fit(fun, START, (X, Y), weights=COUNTS, weights_kind="frequency", **options)
    return weighted, fit(fun, START, (X[ROWS], Y[ROWS]), **options)


def given() -> Given:
    return Given(np.random.default_rng(3).integers(N, size=(60, N)))


PLANS = {
    "cases": (Cases(), Cases()),
    "poisson": (Cases(size="poisson"), Cases(size="poisson")),
    "bayesian": (Bayesian(), Bayesian()),
    "subsample": (Subsample(0.6), Subsample(0.6)),
    "jackknife": (Jackknife(), Jackknife()),
    "grouped": (Jackknife(CLUSTERS), Jackknife(CLUSTERS[ROWS])),
    "stratified": (Stratified(STRATA), Stratified(STRATA[ROWS])),
    "stratified observations": (Stratified(OBSERVED // 5), Stratified(OBSERVED // 5)),
    "clustered": (Clustered(CLUSTERS), Clustered(CLUSTERS[ROWS])),
    "clustered observations": (Clustered(OBSERVED), Clustered(OBSERVED)),
    "within": (Clustered(CLUSTERS, within="cases"), Clustered(CLUSTERS[ROWS], within="cases")),
    "strata of clusters": (
        Clustered(CLUSTERS, strata=CLUSTERS // 8),
        Clustered(CLUSTERS[ROWS], strata=CLUSTERS[ROWS] // 8),
    ),
    "blocks": (Blocks(5), Blocks(5)),
    "given": (given(), given()),
}
STUDENTIZING = ("cases", "stratified", "stratified observations", "clustered")


@cache
def runs(
    name: str, fun: Any = nll, n_resamples: int = B, **options: Any
) -> tuple[Bootstrap, Bootstrap]:
    """Bootstrap both."""
    one, other = (
        bootstrap(mle, sampling=plan, n_resamples=n_resamples, rng=0, n_jobs=1, progress=False)
        for mle, plan in zip(pair(fun, **options), PLANS[name], strict=True)
    )
    return one, other


def same(one: Any, other: Any, errors: Any) -> None:
    """Compare quantities (..., p) in standard errors (p,)."""
    assert_allclose(np.asarray(one) / errors, np.asarray(other) / errors, rtol=0, atol=SAME)


def test_the_fit_is_that_of_the_data_written_out() -> None:
    one, other = pair()
    same(one.estimate, other.estimate, other.hessian_errors)
    assert (one.n, other.n) == (N, N)
    assert one.nll == pytest.approx(other.nll, rel=1e-12)
    assert one.aic == pytest.approx(other.aic, rel=1e-12)
    assert_allclose(one.hessian_errors, other.hessian_errors, rtol=1e-6)
    assert f"frequency weights: {N} observations in {np.sum(COUNTS > 0)} rows" in str(one)
    assert f"{N} observations" in str(one).splitlines()[0]


@pytest.mark.parametrize("plan", PLANS)
def test_replicates_are_those_of_the_data_written_out(plan: str) -> None:
    one, other = runs(plan)
    same(one.replicates, other.replicates, other.standard_error)
    assert_array_equal(one.status, other.status)
    assert_allclose(one.standard_error, other.standard_error, rtol=1e-6)
    assert one.rescaling == other.rescaling
    assert [alarm.kind for alarm in one.alarms if alarm.kind.name != "DEPENDENT_ROWS"] == [
        alarm.kind for alarm in other.alarms if alarm.kind.name != "DEPENDENT_ROWS"
    ]
    if other.own_standard_error is not None:
        assert one.own_standard_error is not None
        assert_allclose(one.own_standard_error, other.own_standard_error, rtol=1e-5)
        assert_allclose(one.data.standard_errors, other.data.standard_errors, rtol=1e-5)


def test_replicates_with_scores() -> None:
    one, other = runs("cases", jac=scores)
    same(one.replicates, other.replicates, other.standard_error)
    assert_allclose(one.data.standard_errors, other.data.standard_errors, rtol=1e-5)


@pytest.mark.parametrize("scale", [1.0, 50.0])
def test_an_objective_of_another_scale(scale: float) -> None:
    one, other = runs("clustered observations", lambda p, X, y: scale * nll(p, X, y))
    same(one.replicates, other.replicates, other.standard_error)
    assert_allclose(one.data.standard_errors, other.data.standard_errors, rtol=1e-5)


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize("kind", ["percentile", "bca", "studentized", "basic", "normal"])
@pytest.mark.parametrize("plan", ["cases", "clustered observations"])
def test_intervals(plan: str, kind: str, level: float) -> None:
    one, other = (boot.confidence_interval(kind, level) for boot in runs(plan, n_resamples=399))
    errors = other.high - other.low
    assert_allclose(one.low / errors, other.low / errors, rtol=0, atol=1e-5)
    assert_allclose(one.high / errors, other.high / errors, rtol=0, atol=1e-5)


@pytest.mark.parametrize("plan", ["cases", "stratified", "clustered", "clustered observations"])
def test_the_sources_of_a_crosscheck(plan: str) -> None:
    one, other = (crosscheck(boot) for boot in runs(plan))
    assert one.standard_errors.keys() == other.standard_errors.keys()
    assert {"hessian", "opg", "sandwich"} <= one.standard_errors.keys()
    for name, errors in other.standard_errors.items():
        assert_allclose(one.standard_errors[name], errors, rtol=1e-5, err_msg=name)
    assert_allclose(one.sampling_error, other.sampling_error, rtol=1e-5)
    for name, verdict in other.verdicts.items():
        assert one.verdicts[name].agrees == verdict.agrees, name


def test_influence_of_each_observation() -> None:
    one, other = (boot.influence() for boot in runs("cases", n_resamples=999))
    assert one.labels == other.labels
    errors = np.nanmax(np.abs(other.standard_error_change), axis=0)
    same(one.standard_error_change, other.standard_error_change, 10 * errors)


def test_the_automatic_block_length() -> None:
    one, other = (Blocks().prepared(mle).length for mle in pair())
    assert one == pytest.approx(other, rel=1e-6)


def draw_counts(params: Any, rng: Any, X: Any, y: Any) -> Any:
    return X, rng.poisson(np.exp(X @ params)).astype(float)


def test_simulated_data_have_a_row_for_each_observation() -> None:
    one, other = (
        bootstrap(mle, sampling=Parametric(draw_counts), n_resamples=40, rng=0, progress=False)
        for mle in pair()
    )
    same(one.replicates, other.replicates, other.standard_error)


@pytest.mark.parametrize("plan", ["cases", "stratified", "clustered"])
def test_a_study_at_a_known_truth(plan: str) -> None:
    fits = pair()
    one, other = (
        coverage(
            mle, draw_counts, sampling=each, n_datasets=4, n_resamples=39, rng=0, progress=False
        ).data
        for mle, each in zip(fits, PLANS[plan], strict=True)
    )
    same(one.estimates, other.estimates, fits[1].hessian_errors)
    assert_allclose(one.errors, other.errors, rtol=1e-5)


@pytest.mark.parametrize("plan", [Stratified("g"), Clustered("g"), Jackknife("g")], ids=repr)
def test_labels_in_a_column_of_the_data(plan: Any) -> None:
    def in_columns(params: Any, data: Any) -> Any:
        return nll(params, np.column_stack([data["x"], data["z"], data["small"]]), data["y"])

    columns = {"x": X[:, 0], "z": X[:, 1], "small": X[:, 2], "y": Y, "g": CLUSTERS}
    written = {name: column[ROWS] for name, column in columns.items()}
    one, other = (
        bootstrap(mle, sampling=plan, n_resamples=40, rng=0, n_jobs=1, progress=False)
        for mle in (
            fit(in_columns, START, columns, weights=COUNTS, weights_kind="frequency"),
            fit(in_columns, START, written),
        )
    )
    same(one.replicates, other.replicates, other.standard_error)


def test_correlation_of_neighbors_is_that_of_rows_and_not_of_their_copies() -> None:
    y = np.random.default_rng(5).normal(size=200)
    mle = fit(
        lambda p, y: p[1] + 0.5 * ((y - p[0]) / np.exp(p[1])) ** 2,
        [0.0, 0.0],
        y,
        weights=np.full(200, 5),
        weights_kind="frequency",
    )
    boot = bootstrap(mle, n_resamples=B, rng=0, progress=False)
    assert "neighboring" not in f"{boot}\n{crosscheck(boot)}"


def test_evaluations_are_of_the_rows_and_not_of_their_copies() -> None:
    sizes: list[int] = []

    def counted(params: Any, X: Any, y: Any) -> Any:
        sizes.append(len(y))
        return nll(params, X, y)

    mle = fit(counted, START, (X, Y), weights=1000 * COUNTS, weights_kind="frequency")
    bootstrap(mle, n_resamples=10, rng=0, n_jobs=1, progress=False)
    assert mle.n == 1000 * N
    assert max(sizes) <= 2 * N_ROWS  # fit doubles half of the rows, and half of them again


def test_weights_of_one_are_no_weights() -> None:
    one = fit(nll, START, (X, Y), weights=np.ones(N_ROWS), weights_kind="frequency")
    boots = [
        bootstrap(mle, n_resamples=40, rng=0, progress=False)
        for mle in (one, fit(nll, START, (X, Y)))
    ]
    assert_array_equal(boots[0].replicates, boots[1].replicates)


def test_rows_of_weight_zero_may_be_incomplete() -> None:
    y = np.where(COUNTS > 0, Y, np.nan)
    mle = fit(nll, START, (X, y), weights=COUNTS, weights_kind="frequency")
    same(mle.estimate, pair()[1].estimate, mle.hessian_errors)
    masked = np.ma.masked_array(Y, np.arange(N_ROWS) == np.argmax(COUNTS))
    kept = ~masked.mask
    one = fit(nll, START, (X, masked), weights=COUNTS, weights_kind="frequency", missing="drop")
    other = fit(nll, START, (X[kept], Y[kept]), weights=COUNTS[kept], weights_kind="frequency")
    assert_array_equal(one.estimate, other.estimate)
    plans = Stratified(STRATA), Stratified(STRATA[kept])
    boots = [
        bootstrap(mle, sampling=plan, n_resamples=40, rng=0, progress=False)
        for mle, plan in zip((one, other), plans, strict=True)
    ]
    assert_array_equal(boots[0].replicates, boots[1].replicates)


def test_an_objective_that_holds_its_data_and_rows_of_weight_zero() -> None:
    one = fit(lambda p: nll(p, X, Y), START, weights=COUNTS, weights_kind="frequency")
    other = fit(lambda p: nll(p, X[ROWS], Y[ROWS]), START)
    boots = [bootstrap(mle, n_resamples=B, rng=0, n_jobs=1, progress=False) for mle in (one, other)]
    same(boots[0].replicates, boots[1].replicates, boots[1].standard_error)
    assert_allclose(boots[0].data.standard_errors, boots[1].data.standard_errors, rtol=1e-5)


def test_workers_extensions_and_files(tmp_path: Any) -> None:
    mle, _ = pair()
    run: dict[str, Any] = {"sampling": Clustered(OBSERVED), "rng": 0, "progress": False}
    whole = bootstrap(mle, n_resamples=130, n_jobs=1, **run)
    with joblib.parallel_config(backend="threading"):
        part = bootstrap(mle, n_resamples=70, n_jobs=2, checkpoint=tmp_path, **run)
    assert_array_equal(part.replicates, whole.replicates[:70])
    assert_array_equal(part.extend(60).replicates, whole.replicates)
    left = COUNTS > 0
    as_importance = fit(nll, START, (X[left], Y[left]), weights=COUNTS[left])
    run["sampling"] = Clustered(CLUSTERS[left])
    with pytest.raises(ValueError, match=r"data: .*, now "):
        bootstrap(as_importance, n_resamples=70, checkpoint=tmp_path, **run)


def test_importance_weights_are_said_and_draw_rows() -> None:
    mle = fit(nll, START, (X, Y), weights=COUNTS)
    assert mle.n == N_ROWS
    assert f"importance weights: each of {N_ROWS} rows is one observation" in str(mle)
    assert (
        "weights_kind='frequency'"
        in crosscheck(bootstrap(mle, n_resamples=B, rng=0, progress=False))
        .verdicts["hessian"]
        .reason
    )


@pytest.mark.parametrize(
    ("weights", "kind", "parts"),
    [
        (COUNTS + 0.5, "frequency", ["weights_kind='frequency'", "whole", "importance"]),
        (COUNTS - 1, "frequency", ["not negative", "-1"]),
        (COUNTS * 2.0**32, "frequency", ["weights_kind='frequency'", "67,108,864", "divided by k"]),
        (np.ma.masked_equal(COUNTS, COUNTS[0]), "importance", ["masked", "missing"]),
        (0 * COUNTS, "frequency", ["zeros only"]),
        (COUNTS[1:], "frequency", [f"{N_ROWS - 1} weights", f"{N_ROWS} contributions"]),
        (None, "frequency", ["weights_kind", "pass weights="]),
        (COUNTS, "counts", ["weights_kind", "'counts'", "importance, frequency"]),
    ],
)
def test_weights_that_are_no_frequencies(weights: Any, kind: str, parts: list[str]) -> None:
    with pytest.raises(ValueError, match="weights") as caught:
        fit(nll, START, (X, Y), weights=weights, weights_kind=kind)
    assert all(part in str(caught.value) for part in parts), caught.value


def relative(params: Any, X: Any, y: Any) -> Any:
    """Each contribution depends on the mean of all rows."""
    return nll(params, X, y / y.mean())


def lagged(params: Any, X: Any, y: Any) -> Any:
    return nll(params, X, y) + 0.1 * np.abs(np.roll(y, 1) - y) * params[1]


@pytest.mark.parametrize(
    ("fun", "part"),
    [
        (lambda p, X, y: nll(p, X, y).sum(), "a total cannot be weighted"),
        (relative, "contributions depend on all rows"),
        (lagged, "order of the rows"),
    ],
)
def test_objectives_whose_rows_cannot_stand_for_several(fun: Any, part: str) -> None:
    with pytest.raises(ValueError, match=f"weights.*{part}"):
        fit(fun, START, (X, Y), weights=COUNTS, weights_kind="frequency")


def test_contributions_of_clusters_cannot_stand_for_several() -> None:
    def by_cluster(params: Any, X: Any, y: Any) -> Any:
        return nll(params, X, y).reshape(-1, 2).sum(axis=1)

    with pytest.raises(ValueError, match="fewer contributions than rows"):
        fit(by_cluster, START, (X, Y), weights=COUNTS[:30] + 1, weights_kind="frequency")


def test_labels_of_another_length_are_refused() -> None:
    mle, _ = pair()
    with pytest.raises(ValueError, match=f"labels for {N} observations"):
        bootstrap(mle, sampling=Stratified(STRATA[1:]))


def glm(rows: Any, **weights: Any) -> Any:
    return sm.GLM(Y[rows], X[rows], sm.families.Poisson(), **weights)


def test_a_glm_with_frequency_weights() -> None:
    every = np.arange(N_ROWS)
    results = [glm(every, freq_weights=COUNTS).fit(), glm(ROWS).fit()]
    boots = [
        bootstrap(fit_statsmodels(each), n_resamples=B, rng=0, n_jobs=1, progress=False)
        for each in results
    ]
    same(boots[0].replicates, boots[1].replicates, boots[1].standard_error)
    robust = glm(ROWS).fit(cov_type="HC0").bse
    assert_allclose(crosscheck(boots[0]).standard_errors["sandwich"], robust, rtol=1e-5)


def test_a_glm_with_both_kinds_of_weights() -> None:
    size, variances = COUNTS + 1, np.linspace(0.5, 2.0, N_ROWS)
    rows = np.repeat(np.arange(N_ROWS), size)
    every = np.arange(N_ROWS)
    both = glm(every, freq_weights=size, var_weights=variances).fit()
    written = glm(rows, var_weights=variances[rows]).fit()
    boots = [
        bootstrap(fit_statsmodels(each), n_resamples=B, rng=0, n_jobs=1, progress=False)
        for each in (both, written)
    ]
    same(boots[0].replicates, boots[1].replicates, boots[1].standard_error)
    robust = glm(rows, var_weights=variances[rows]).fit(cov_type="HC0").bse
    assert_allclose(crosscheck(boots[0]).standard_errors["sandwich"], robust, rtol=1e-5)


def test_fractional_frequency_weights_of_a_glm() -> None:
    results = glm(np.arange(N_ROWS), freq_weights=COUNTS + 0.25).fit()
    with pytest.raises(ValueError, match=r"freq_weights .* fractional .* var_weights"):
        fit_statsmodels(results)
