"""Clusters drawn whole: against rows drawn elsewhere, closed forms and the moments of the draw."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from bootmle import Clustered, Estimator, Given, Status, bootstrap, crosscheck, fit
from bootmle.fitting.fit import Fit
from bootmle.sampling.streams import draw_numbers, stream_of
from models import poisson

Floats = NDArray[np.float64]
SIZES = [1, 7, 3, 2, 5, 1, 4, 6, 2, 3, 5, 1]
LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(len(SIZES)), SIZES))
N, GROUPS, SEED = LABELS.size, len(SIZES), 5

MODEL = poisson(1)


def stream(replicate: int, seed: int = SEED) -> np.random.Generator:
    return stream_of(seed, replicate)


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
    assert_array_equal(drawn, draw_numbers(stream(0), N, N))


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
    [(np.ones((4, 2)), r"shape \(4, 2\)"), (3, "3"), ([], r"shape \(0,\)")],
)
def test_labels_of_another_shape_are_refused(labels: Any, shown: str) -> None:
    with pytest.raises(ValueError, match=rf"clusters: {shown}; pass one label"):
        Clustered(labels)


def test_one_cluster_is_none() -> None:
    with pytest.raises(ValueError, match=r"clusters: all rows belong to .*; each stratum needs"):
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

    def supports_weights(y: Any, weights: Any = None) -> Any:
        w = np.ones(N) if weights is None else weights
        return [w @ y, w.sum()]

    estimator = Estimator(supports_weights if weighted else by_rows, args=y)
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


# Strata: 5 clusters in the north, 7 in the south, of sizes that differ.
NORTH = np.array([0, 2, 3, 7, 9])
STRATA = np.where(np.isin(LABELS, NORTH), "north", "south")
UNIT = np.array([50.0, 0.01])


def balanced() -> tuple[Floats, NDArray[np.intp], NDArray[np.str_]]:
    """Six clusters of 4 rows in each of two strata, of other levels; scales 50 and 0.01."""
    rng = np.random.default_rng(7)
    labels = np.repeat(np.arange(12), 4)
    strata = np.where(labels < 6, "north", "south")
    level = 3.0 * rng.normal(size=(12, 2))[labels] + 10.0 * (labels < 6)[:, None]
    mixed = rng.permutation(48)
    return (UNIT * (level + rng.normal(size=(48, 2))))[mixed], labels[mixed], strata[mixed]


def average(Y: Any, weights: Any = None) -> Any:
    return np.average(Y, axis=0, weights=weights)


def test_strata_keep_their_number_of_clusters() -> None:
    plan = Clustered(LABELS, strata=STRATA)
    assert repr(plan) == "Clustered(12 clusters, 2 strata)"
    first = np.array([int(np.flatnonzero(group == LABELS)[0]) for group in range(GROUPS)])
    for k in range(70):
        times = plan.draw(N, k, stream(k)).weights
        assert times[first[NORTH]].sum() == 5
        assert times[first].sum() == GROUPS
        for group in range(GROUPS):
            assert np.unique(times[group == LABELS]).size == 1


def test_clusters_in_one_stratum_are_clusters_without(weights_of: Any) -> None:
    one = weights_of(Clustered(LABELS, strata=["all"] * N), SEED, N, 40)
    assert_array_equal(one, weights_of(Clustered(LABELS), SEED, N, 40))


def cluster_means(Y: Floats, labels: Any) -> Floats:
    return np.array([Y[labels == group].mean(axis=0) for group in np.unique(labels)])


def test_the_covariance_of_a_mean_in_strata_is_exact() -> None:
    # Σ_h G_h S_h / G², S_h the covariance of the cluster means with divisor G_h. Both errors
    # within 5 Monte Carlo errors: 1e-6. Strata left out would add the distance between them.
    Y, labels, strata = balanced()
    estimator = Estimator(average, Y)
    plan = Clustered(labels, strata=strata)
    boot = bootstrap(estimator, sampling=plan, n_resamples=3999, rng=1)
    halves = [cluster_means(Y[strata == h], labels[strata == h]) for h in ("north", "south")]
    exact = np.sqrt(sum(6 * half.var(axis=0) for half in halves) / 144)
    assert np.all(np.abs(boot.standard_error - exact) < 5 * boot.standard_error_mcse)
    without = bootstrap(estimator, sampling=Clustered(labels), n_resamples=999, rng=1)
    assert np.all(without.standard_error > 1.3 * exact)


@pytest.mark.parametrize("stratified", [False, True])
def test_the_error_of_a_mean_with_rows_redrawn_has_two_levels(stratified: bool) -> None:
    # G clusters of m rows: (Var(ȳ_g) + mean(s_g²)/m) / G, both with the divisors G and m; by
    # strata, the sum of G_h² of these over G². 5 Monte Carlo errors of two: 1e-6 for each.
    Y, labels, strata = balanced()
    plan = Clustered(labels, strata=strata if stratified else None, within="cases")
    boot = bootstrap(Estimator(average, Y), sampling=plan, n_resamples=3999, rng=1)
    parts = [strata == h for h in ("north", "south")] if stratified else [np.full(48, True)]
    variance = np.zeros(2)
    for part in parts:
        groups = np.unique(labels[part])
        within = np.mean([Y[labels == group].var(axis=0) for group in groups], axis=0)
        between = cluster_means(Y[part], labels[part]).var(axis=0)
        variance += groups.size * (between + within / 4) / 144
    gap = np.abs(boot.standard_error - np.sqrt(variance))
    assert np.all(gap < 5 * boot.standard_error_mcse)


def test_rows_are_redrawn_within_their_clusters() -> None:
    # A cluster of one row has nothing to redraw; of others, the sum of weights is whole clusters.
    plan = Clustered(LABELS, within="cases")
    assert repr(plan) == "Clustered(12 clusters, within cases)"
    alike = 0
    for k in range(70):
        times = plan.draw(N, k, stream(k)).weights
        shares = [times[group == LABELS].sum() / SIZES[group] for group in range(GROUPS)]
        assert_array_equal(shares, np.round(shares))
        assert sum(shares) == GROUPS
        alike += all(np.unique(times[group == LABELS]).size == 1 for group in range(GROUPS))
    assert alike == 0


def test_all_resamples_of_two_clusters_of_two_rows_are_as_likely_as_they_should_be() -> None:
    # 4 pairs of clusters times 16 pairs of rows within each: chi-squared over 64 at 1e-6.
    plan = Clustered(["a", "a", "b", "b"], within="cases")
    drawn = [plan.draw(4, k, stream(k, 11)).rows for k in range(6400)]
    place = np.array([4**3, 4**2, 4, 1])
    assert all(one is not None and one.size == 4 for one in drawn)
    found, counts = np.unique([int(place @ one) for one in drawn], return_counts=True)
    assert found.size == 64
    assert float(((counts - 100.0) ** 2 / 100.0).sum()) < 137.0  # chi-squared of 63 at 2e-7


FORMS = ["dict", "frame", "nested", "frame in a dict"]


def held_in(form: str) -> Any:
    """The balanced data in every form that names its columns."""
    Y, labels, strata = balanced()
    table: Any = {"y": Y[:, 0], "z": Y[:, 1], "firm": labels.astype(str), "region": strata}
    if "frame" in form:
        table = pytest.importorskip("pandas").DataFrame(table, index=np.arange(48)[::-1])
    return {
        "dict": (Y, table),
        "frame": (table,),
        "nested": (Y, (Y, {"about": table})),
        "frame in a dict": ({"about": table},),
    }[form]


def table_in(form: str, args: Any) -> Any:
    if form == "nested":
        return args[1][1]["about"]
    return args[0]["about"] if form == "frame in a dict" else args[-1]


@pytest.mark.parametrize("form", FORMS)
def test_a_column_draws_the_same_rows_as_its_labels(form: str) -> None:
    _, labels, strata = balanced()
    args = held_in(form)

    def function(*args: Any) -> Any:
        table = table_in(form, args)
        return [np.mean(table["y"]), np.mean(table["z"])]

    named = Clustered("firm", strata="region", within="cases")
    assert repr(named) == "Clustered('firm', 'region' strata, within cases)"
    plans = (named, Clustered(labels, strata=strata, within="cases"))
    one, other = (
        bootstrap(Estimator(function, args), sampling=plan, n_resamples=30, rng=SEED)
        for plan in plans
    )
    assert_array_equal(one.replicates, other.replicates)
    assert str(one.sampling) == str(other.sampling)
    assert str(one.sampling) == "Clustered(12 clusters, 2 strata, within cases)"


def means_of_clusters(table: Any) -> Floats:
    """Means over clusters of the clusters' means: what counts copies by their labels."""
    labels = np.asarray(table["firm"])
    Y = np.column_stack([np.asarray(table["y"]), np.asarray(table["z"])])
    return cluster_means(Y, labels)


def expected_of_clusters(replicate: int) -> tuple[Floats, Floats]:
    """The average over all clusters drawn, and over the different ones."""
    Y, labels, _ = balanced()
    times = Clustered(labels).draw(48, replicate, stream(replicate)).weights
    each = cluster_means(Y, labels)
    counts = np.array([times[labels == group][0] for group in range(12)])
    return counts @ each / 12, each[counts > 0].mean(axis=0)


@pytest.mark.parametrize("form", FORMS)
def test_an_estimator_sees_a_cluster_drawn_twice_as_two(form: str) -> None:
    # If the copies kept their label they would be one cluster, as long as both.
    args = held_in(form)

    def function(*args: Any) -> Any:
        return means_of_clusters(table_in(form, args)).mean(axis=0)

    estimator = Estimator(function, args)
    named = bootstrap(estimator, sampling=Clustered("firm"), n_resamples=70, rng=SEED)
    own = bootstrap(estimator, sampling=Clustered(balanced()[1]), n_resamples=70, rng=SEED)
    for k in range(70):
        fresh, merged = expected_of_clusters(k)
        assert_allclose(named.replicates[k], fresh, rtol=1e-10)
        assert_allclose(own.replicates[k], fresh, rtol=1e-10)
        assert k or np.abs((fresh - merged) / UNIT).max() > 0.01


@pytest.mark.parametrize("form", FORMS)
def test_a_total_sees_a_cluster_drawn_twice_as_two(form: str) -> None:
    args = held_in(form)

    def total(params: Any, *args: Any) -> float:
        each = means_of_clusters(table_in(form, args))
        return float(0.5 * (((each - params) / UNIT) ** 2).sum())

    mle = fit(total, {"first": 0.0, "second": 0.0}, args)
    boot = bootstrap(mle, sampling=Clustered("firm"), n_resamples=70, rng=SEED)
    for k in range(70):
        gap = (boot.replicates[k] - expected_of_clusters(k)[0]) / (UNIT / np.sqrt(12))
        assert np.abs(gap).max() < 2e-3


def test_the_data_keep_their_own_labels() -> None:
    args = held_in("dict")
    before = args[1]["firm"].copy()
    estimator = Estimator(lambda Y, table: means_of_clusters(table).mean(axis=0), args)
    bootstrap(estimator, sampling=Clustered("firm"), n_resamples=9, rng=SEED)
    assert_array_equal(args[1]["firm"], before)


def test_the_crosscheck_of_a_column_is_that_of_its_labels() -> None:
    Y, labels, _ = balanced()
    args = {"y": Y[:, 0], "z": Y[:, 1], "firm": labels}

    def nll(params: Any, table: Any) -> Any:
        first = (table["y"] - params[0]) / UNIT[0]
        return 0.5 * (first**2 + ((table["z"] - params[1]) / UNIT[1]) ** 2)

    mle = fit(nll, {"first": 0.0, "second": 0.0}, args)
    boot = bootstrap(mle, sampling=Clustered("firm"), n_resamples=199, rng=0)
    sums = 4 * (cluster_means(Y, labels) - Y.mean(axis=0))
    expected = np.sqrt((sums**2).sum(axis=0)) / 48
    assert_allclose(crosscheck(boot).standard_errors["cluster"], expected, rtol=1e-5)


def test_a_stratum_of_one_cluster_is_refused() -> None:
    strata = np.where(LABELS == 4, "alone", "other")
    with pytest.raises(ValueError, match="clusters: a stratum has only one; each stratum needs"):
        Clustered(LABELS, strata=strata)


def test_a_cluster_in_two_strata_is_refused() -> None:
    with pytest.raises(ValueError, match=r"strata: the cluster of row .* lies in two strata"):
        Clustered(LABELS, strata=np.arange(N) % 2)


@pytest.mark.parametrize("count", [N - 1, N + 1])
def test_a_wrong_number_of_strata_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"strata: {count} labels, clusters has {N}"):
        Clustered(LABELS, strata=np.zeros(count))


@pytest.mark.parametrize("within", [True, 1])
def test_an_unknown_second_level_is_refused(within: Any) -> None:
    with pytest.raises(ValueError, match=r"within: .* is unknown; use 'cases', labels of groups"):
        Clustered(LABELS, within=within)


@pytest.mark.parametrize("within", ["rows", "Cases"])
def test_a_second_level_that_is_no_column_is_refused(within: str) -> None:
    with pytest.raises(ValueError, match=f"within: no data frame .* has a column '{within}'"):
        bootstrap(Estimator(average, balanced()[0]), sampling=Clustered(LABELS, within=within))


def test_labels_of_another_number_of_rows_are_no_second_level() -> None:
    with pytest.raises(ValueError, match=f"within: 3 labels, clusters has {N}; pass one of each"):
        Clustered(LABELS, within=[1, 2, 3])


def nested() -> tuple[Floats, NDArray[np.intp], NDArray[np.intp]]:
    """Two classes of two rows, labeled 1 and 2, in each of the twelve firms of `balanced`."""
    Y, labels, _ = balanced()
    rank = np.argsort(np.argsort(labels, kind="stable"), kind="stable")
    return Y, labels, 1 + rank % 4 // 2


def by_class(values: Any) -> Any:
    """Values (48, ...) of firms, classes and rows, (12, 2, 2, ...)."""
    _, labels, classes = nested()
    return values[np.lexsort((classes, labels))].reshape(12, 2, 2, *values.shape[1:])


def test_the_error_of_a_mean_with_groups_redrawn_has_two_levels() -> None:
    # G clusters of two groups: (Var(ȳ_g) + mean(Var of the groups' means)/2) / G, with the
    # divisors G and 2 (Davison and Hinkley 1997, section 3.8). 5 Monte Carlo errors: 1e-6.
    Y, labels, classes = nested()
    plan = Clustered(labels, within=classes)
    assert repr(plan) == "Clustered(12 clusters, within 24 groups)"
    boot = bootstrap(Estimator(average, Y), sampling=plan, n_resamples=3999, rng=1)
    means = by_class(Y).mean(axis=2)
    variance = (means.mean(axis=1).var(axis=0) + means.var(axis=1).mean(axis=0) / 2) / 12
    assert np.all(np.abs(boot.standard_error - np.sqrt(variance)) < 5 * boot.standard_error_mcse)


def test_groups_come_with_all_their_rows_and_clusters_with_as_many_groups_as_they_have() -> None:
    _, labels, classes = nested()
    plan = Clustered(labels, within=classes)
    apart = 0
    for k in range(70):
        times = by_class(plan.draw(48, k, stream(k)).weights)
        assert_array_equal(times[..., 0], times[..., 1])
        assert_array_equal(times[..., 0].sum(axis=1) % 2, 0)
        assert times[..., 0].sum() == 24
        apart += bool(np.any(times[:, 0] != times[:, 1]))
    assert apart >= 65  # each draw has no such cluster with probability 0.002


def test_clusters_within_clusters_are_another_name_for_cases() -> None:
    one, other = (Clustered(LABELS, within=each) for each in ("clusters", "cases"))
    assert repr(one) == repr(other)
    assert_array_equal(rows(one, 3), rows(other, 3))


def test_copies_of_groups_and_of_clusters_have_labels_of_their_own() -> None:
    """Two group-bys, as of a model with effects of firms and of classes within them."""
    pd = pytest.importorskip("pandas")
    Y, labels, classes = nested()
    rooms = 2 * labels + classes
    frame = pd.DataFrame({"y": Y[:, 0], "firm": labels, "room": rooms})

    def counted(frame: Any) -> Any:
        rooms = frame.groupby("room").firm.nunique()
        firms = frame.groupby("firm").y.mean()
        return [firms.mean(), len(firms), len(frame), len(rooms), rooms.max()]

    plan = Clustered("firm", within="room")
    boot = bootstrap(Estimator(counted, frame), sampling=plan, n_resamples=50, rng=SEED)
    assert_array_equal(boot.replicates[:, 1:], np.tile([12.0, 48.0, 24.0, 1.0], (50, 1)))
    known = bootstrap(
        Estimator(average, Y), sampling=Clustered(labels, within=rooms), n_resamples=50, rng=SEED
    )
    assert_allclose(boot.replicates[:, 0], known.replicates[:, 0])


def test_one_contribution_for_each_group_is_drawn_within_its_cluster() -> None:
    Y, labels, classes = nested()
    y, rooms = Y[:, 0], 2 * labels + classes
    places = [np.flatnonzero(rooms == each) for each in dict.fromkeys(rooms.tolist())]

    def by_group(params: Any, y: Any) -> Any:
        return np.array([((y[rows] - params[0]) ** 2).sum() / 2 for rows in places])

    def by_row(params: Any, y: Any) -> Any:
        return (y - params[0]) ** 2 / 2

    one, other = (
        bootstrap(
            fit(fun, [y.mean()], y),
            sampling=Clustered(labels, within=classes),
            n_resamples=1999,
            rng=SEED,
        )
        for fun in (by_group, by_row)
    )
    gap = np.abs(one.standard_error - other.standard_error)
    assert np.all(gap < 4 * np.hypot(one.standard_error_mcse, other.standard_error_mcse))


@pytest.mark.parametrize(
    ("plan", "argument"),
    [
        (Clustered("town"), "clusters"),
        (Clustered("firm", strata="town"), "strata"),
        (Clustered(np.arange(48) // 4, strata="town"), "strata"),
    ],
    ids=["clusters", "strata", "strata of an array"],
)
def test_an_unknown_column_is_refused(plan: Clustered, argument: str) -> None:
    estimator = Estimator(lambda Y, table: [table["y"].mean(), table["z"].mean()], held_in("dict"))
    with pytest.raises(ValueError, match=rf"{argument}: .* column 'town'; the columns are \['fi"):
        bootstrap(estimator, sampling=plan, n_resamples=9, rng=0)


def test_a_column_of_one_cluster_is_refused_when_it_is_read() -> None:
    args = {"y": np.arange(9.0), "firm": np.array(["a"] * 9)}
    estimator = Estimator(lambda table: [table["y"].mean(), table["y"].std()], args)
    with pytest.raises(ValueError, match=r"clusters: all rows belong to .*; each stratum needs"):
        bootstrap(estimator, sampling=Clustered("firm"), n_resamples=9, rng=0)


def of_batches(params: Any, y: Any, batch: Any) -> Any:
    """Contributions of clusters with an intercept of their own, unlike any sum over rows."""
    mean, log_sigma, log_tau = params
    _, codes = np.unique(batch, return_inverse=True)
    counts = np.bincount(codes)
    centred = y - mean
    sums, squares = np.bincount(codes, centred), np.bincount(codes, centred**2)
    within, between = np.exp(2 * log_sigma), np.exp(2 * log_tau)
    total = within + counts * between
    quadratic = squares / within - between * sums**2 / (within * total)
    return 0.5 * (quadratic + (counts - 1) * np.log(within) + np.log(total))


def test_one_contribution_for_each_cluster_is_weighted_by_its_cluster(weights_of: Any) -> None:
    rng = np.random.default_rng(4)
    batch = np.repeat(np.arange(25), 4)
    y = 3.0 + np.repeat(rng.normal(0, 1.5, 25), 4) + rng.normal(0, 1.0, 100)
    mle = fit(of_batches, [1.0, 0.0, 0.0], (y, batch))
    by_labels = bootstrap(mle, sampling=Clustered(batch), n_resamples=64, rng=0)
    by_number = bootstrap(mle, sampling=Clustered(np.arange(25)), n_resamples=64, rng=0)
    assert_array_equal(by_labels.replicates, by_number.replicates)
    assert str(by_labels.sampling) == "Clustered(25 clusters)"
    weights = weights_of(Clustered(np.arange(25)), 0, 25, 64)
    for k in (0, 5, 63):
        drawn = np.repeat(np.arange(25), weights[k].astype(int))
        rows = np.concatenate([np.flatnonzero(batch == each) for each in drawn])
        fresh = np.repeat(np.arange(25), 4)
        alone = fit(of_batches, mle.estimate, (y[rows], fresh))
        assert_allclose(by_labels.replicates[k], alone.estimate, rtol=2e-3)
    with pytest.raises(ValueError, match="within: the objective returns one contribution for each"):
        bootstrap(mle, sampling=Clustered(batch, within="cases"), n_resamples=9)


def test_strata_of_clusters_follow_their_contributions(weights_of: Any) -> None:
    rng = np.random.default_rng(4)
    batch = np.repeat([3, 0, 2, 1, 9, 8, 7, 6], 4)
    strata = np.repeat(["a", "b", "a", "b", "b", "a", "b", "a"], 4)
    y = rng.normal(0, 1.0, 32)
    mle = fit(of_batches, [0.0, 0.0, 0.0], (y, batch))
    plan = Clustered(batch, strata=strata).prepared(mle)
    weights = weights_of(plan, 0, 8, 50)
    assert_array_equal(weights[:, strata[::4] == "a"].sum(axis=1), np.full(50, 4.0))
