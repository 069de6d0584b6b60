"""Clusters drawn whole: against rows drawn elsewhere, closed forms and the moments of the draw."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from bootmle import Clustered, Estimator, Given, Status, bootstrap, crosscheck, fit
from bootmle.fitting import Fit
from bootmle.simulation import poisson

Floats = NDArray[np.float64]
SIZES = [1, 7, 3, 2, 5, 1, 4, 6, 2, 3, 5, 1]
LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(len(SIZES)), SIZES))
N, GROUPS, SEED = LABELS.size, len(SIZES), 5

MODEL = poisson(1)


def stream(replicate: int, seed: int = SEED) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(replicate,)))


def rows(plan: Clustered, replicate: int) -> NDArray[np.intp]:
    drawn = plan.draw(N, replicate, stream(replicate)).rows
    assert drawn is not None
    return drawn


def data() -> tuple[Floats, Floats]:
    """Counts with a covariate of scale 100."""
    rng = np.random.default_rng(1)
    X = np.column_stack([np.ones(N), 100 * rng.normal(size=N)])
    return X, rng.poisson(np.exp(1.5 + 0.003 * X[:, 1])).astype(float)


def whole(reduce: bool = False) -> Fit:
    def total(params: Any, X: Any, y: Any) -> float:
        return float(MODEL.nll(params, X, y).sum())

    return fit(total if reduce else MODEL.nll, {"const": 1.0, "slope": 0.0}, data())


@pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])
def test_replicates_are_those_of_the_same_rows_given(reduce: bool, solve: Any) -> None:
    mle, plan = whole(reduce), Clustered(LABELS)
    boot = bootstrap(mle, sampling=plan, n_resamples=70, rng=SEED)
    assert set(boot.status) <= {Status.CERTIFIED, Status.CERTIFIED_BY_FALLBACK}
    X, y = data()
    H = (X * np.exp(X @ mle.estimate)[:, None]).T @ X
    for k in range(70):
        weights = np.bincount(rows(plan, k), minlength=N).astype(float)
        gap = boot.replicates[k] - solve(MODEL, (X, y), weights, mle.estimate)
        assert np.sqrt(gap @ H @ gap) < 1e-3


@pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])
def test_weights_of_clusters_are_the_rows_taken_one_by_one(reduce: bool) -> None:
    # Rows that Given takes by their index, padded to a common length by none: one size at a time.
    mle, plan = whole(reduce), Clustered(LABELS)
    drawn = [rows(plan, k) for k in range(70)]
    boot = bootstrap(mle, sampling=plan, n_resamples=70, rng=SEED)
    error = mle.information.standard_errors
    sizes = [one.size for one in drawn]
    common = max(set(sizes), key=sizes.count)
    chosen = [k for k, size in enumerate(sizes) if size == common]
    assert len(chosen) >= 3
    given = bootstrap(mle, sampling=Given(indices=[drawn[k] for k in chosen]))
    assert np.abs((boot.replicates[chosen] - given.replicates) / error).max() < 1e-6


def test_each_cluster_comes_with_all_its_rows() -> None:
    plan = Clustered(LABELS)
    for k in range(70):
        weights = plan.draw(N, k, stream(k)).weights
        times = [np.unique(weights[group == LABELS]) for group in range(GROUPS)]
        assert all(one.size == 1 for one in times)
        assert sum(float(one[0]) for one in times) == GROUPS


def test_clusters_of_unequal_size_make_resamples_of_unequal_size() -> None:
    # Mean n and variance G times that of a cluster's size, within 5 errors of 4000 draws: 1e-6.
    plan = Clustered(LABELS)
    sizes = np.array([rows(plan, k).size for k in range(4000)])
    variance = GROUPS * np.var(SIZES)
    assert abs(sizes.mean() - N) < 5 * np.sqrt(variance / 4000)
    assert sizes.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / 4000))


def test_the_counts_of_clusters_are_multinomial() -> None:
    # Variance 1 − 1/G and covariance −1/G of 78 pairs, within 5 errors: 4e-5 in all.
    plan = Clustered(LABELS)
    first = [int(np.flatnonzero(group == LABELS)[0]) for group in range(GROUPS)]
    counts = np.array([plan.draw(N, k, stream(k)).weights[first] for k in range(4000)])
    deviations = counts - 1
    upper = np.triu_indices(GROUPS)
    products = (deviations[:, :, None] * deviations[:, None, :])[:, upper[0], upper[1]]
    expected = np.where(upper[0] == upper[1], 1 - 1 / GROUPS, -1 / GROUPS)
    error = products.std(axis=0, ddof=1) / np.sqrt(4000)
    assert np.all(np.abs(products.mean(axis=0) - expected) < 5 * error)


def test_clusters_of_one_row_are_cases_by_another_name() -> None:
    drawn = Clustered(np.arange(N)).draw(N, 0, stream(0)).rows
    assert drawn is not None
    assert drawn.size == N
    assert_array_equal(drawn, stream(0).integers(N, size=N))


def of_strings() -> Any:
    return [f"firm {chr(97 + label)}" for label in LABELS]


def of_series() -> Any:
    return pytest.importorskip("pandas").Series(of_strings(), index=np.arange(N)[::-1])


def of_categories() -> Any:
    return pytest.importorskip("pandas").Series(of_strings(), dtype="category")


LABELLINGS = {
    "array": LABELS,
    "list": LABELS.tolist(),
    "small integers": LABELS.astype(np.int8),
    "floats": LABELS + 0.5,
    "negative": LABELS - 40,
    "strings": of_strings,
    "series": of_series,
    "categories": of_categories,
    "dates": np.datetime64("2020-01-01") + LABELS.astype("timedelta64[D]"),
}


@pytest.mark.parametrize("kind", LABELLINGS)
def test_labels_of_any_kind_draw_the_same(kind: str) -> None:
    labels: Any = LABELLINGS[kind]
    plan = Clustered(labels() if callable(labels) else labels)
    assert repr(plan) == "Clustered(12 clusters)"
    for k in range(20):
        assert_array_equal(rows(plan, k), rows(Clustered(LABELS), k))


def test_labels_are_numbered_as_they_first_appear() -> None:
    plan = Clustered(["z", "z", "b", "a", "b"])
    assert_array_equal(plan.codes, [0, 0, 1, 2, 1])
    for members, expected in zip(plan.members, ([0, 1], [2, 4], [3]), strict=True):
        assert_array_equal(members, expected)


def test_labels_do_not_follow_later_changes() -> None:
    labels = LABELS.copy()
    plan = Clustered(labels)
    before = rows(plan, 3)
    labels[:] = 0
    assert_array_equal(rows(plan, 3), before)


@pytest.mark.parametrize(
    "labels",
    [
        [1.0, np.nan, 2.0],
        np.array([1.0, np.nan, 2.0]),
        ["a", None, "b"],
        np.array(["2020-01-01", "NaT", "2020-01-02"], dtype="datetime64[D]"),
    ],
    ids=["nan", "array", "none", "date"],
)
def test_missing_labels_are_refused(labels: Any) -> None:
    with pytest.raises(ValueError, match="clusters: labels are missing"):
        Clustered(labels)


def test_labels_missing_in_a_series_are_refused() -> None:
    pandas = pytest.importorskip("pandas")
    with pytest.raises(ValueError, match="clusters: labels are missing"):
        Clustered(pandas.Series(["a", None, "b"]))


@pytest.mark.parametrize(
    ("labels", "shown"),
    [(np.ones((4, 2)), r"\(4, 2\)"), (3, r"\(\)"), ([], r"\(0,\)")],
)
def test_labels_of_another_shape_are_refused(labels: Any, shown: str) -> None:
    with pytest.raises(ValueError, match=rf"clusters: shape {shown}; pass one label"):
        Clustered(labels)


def test_one_cluster_is_none() -> None:
    with pytest.raises(ValueError, match=r"clusters: all rows belong to .*; two clusters"):
        Clustered(["a"] * N)


@pytest.mark.parametrize("count", [N - 1, N + 1])
def test_a_wrong_number_of_labels_is_refused(count: int) -> None:
    labels = np.arange(count) % 7
    with pytest.raises(ValueError, match=f"clusters: {count} labels for {N} observations"):
        bootstrap(whole(), sampling=Clustered(labels), n_resamples=9, rng=0)


@pytest.mark.parametrize("weighted", [False, True], ids=["rows", "weights"])
def test_an_estimator_is_given_whole_clusters(weighted: bool) -> None:
    y = 1000.0 + np.random.default_rng(2).normal(size=N)

    def by_rows(y: Any) -> Any:
        return [y.sum(), y.size]

    def by_weights(y: Any, weights: Any = None) -> Any:
        w = np.ones(N) if weights is None else weights
        return [w @ y, w.sum()]

    estimator = Estimator(by_weights if weighted else by_rows, args=y)
    plan = Clustered(LABELS)
    boot = bootstrap(estimator, sampling=plan, n_resamples=70, rng=SEED)
    expected = [[y[rows(plan, k)].sum(), rows(plan, k).size] for k in range(70)]
    assert_allclose(boot.replicates, expected, rtol=1e-12)


def test_the_error_of_a_mean_is_that_of_cluster_sums() -> None:
    # Of a ratio of sums, to first order √Σ_g (Σ_i e_gi)² / n; the bootstrap of 60 clusters lies
    # within 4 Monte Carlo errors of 1/√(2B) and 3% of it.
    rng = np.random.default_rng(3)
    labels = np.repeat(np.arange(60), rng.integers(2, 9, 60))
    y = 500 + 8 * rng.normal(size=60)[labels] + 4 * rng.normal(size=labels.size)
    mle = fit(lambda p, y: 0.5 * (y - p[0]) ** 2 + 0.5 * (y / 1e3 - p[1]) ** 2, [0.0, 0.0], y)
    boot = bootstrap(mle, sampling=Clustered(labels), n_resamples=999, rng=0)
    sums = np.bincount(labels, weights=y - y.mean())
    expected = np.sqrt(sums @ sums) / labels.size * np.array([1.0, 1e-3])
    assert_allclose(boot.standard_error, expected, rtol=4 / np.sqrt(2 * 999) + 0.03)
    assert_allclose(crosscheck(boot).standard_errors["cluster"], expected, rtol=1e-5)


def test_rows_that_depend_on_earlier_rows_of_their_cluster_are_allowed() -> None:
    # An autoregression that restarts in each cluster of 5 rows; closed form by weighted sums.
    def nll(params: Any, y: Any) -> Any:
        before = np.roll(y, 1)
        before[::5] = 0.0
        return 0.5 * (y - params[0] * before - params[1] * (before == 0)) ** 2

    rng = np.random.default_rng(4)
    y = rng.normal(size=100)
    for t in range(100):
        y[t] += 0.5 * y[t - 1] if t % 5 else 3.0
    boot = bootstrap(
        fit(nll, [0.0, 0.0], y), sampling=Clustered(np.arange(100) // 5), n_resamples=70, rng=SEED
    )
    before = np.roll(y, 1)
    before[::5] = 0.0
    for k in range(70):
        w = Clustered(np.arange(100) // 5).draw(100, k, stream(k)).weights
        slope = (w * before) @ y / ((w * before) @ before)
        start = (w * (before == 0)) @ y / (w @ (before == 0))
        assert_allclose(boot.replicates[k], [slope, start], atol=1e-3 * 0.1)


def test_an_objective_that_cannot_be_divided_is_refused() -> None:
    held = np.random.default_rng(5).normal(size=N)

    def nll(params: Any, y: Any) -> float:
        return float((0.5 * (y + held - params[0]) ** 2 + 0.5 * (y - params[1]) ** 2).sum())

    mle = fit(nll, [0.0, 0.0], np.random.default_rng(6).normal(size=N))
    with pytest.raises(ValueError, match=r"sampling: Clustered\(\) draws groups of rows"):
        bootstrap(mle, sampling=Clustered(LABELS), n_resamples=9, rng=0)


def test_a_run_does_not_depend_on_the_number_of_workers() -> None:
    mle = whole()
    one, two = (
        bootstrap(mle, sampling=Clustered(LABELS), n_resamples=130, rng=3, n_jobs=jobs).replicates
        for jobs in (1, 2)
    )
    assert_array_equal(one, two)
