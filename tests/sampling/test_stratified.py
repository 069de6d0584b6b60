"""Strata: exact moments of the draw and of a mean, and what is refused."""

from typing import Any

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import ndtri

from bootmle import Cases, Estimator, Stratified, bootstrap, crosscheck, fit
from bootmle.fitting.fit import Fit

SIZES = {"north": 5, "south": 9, "west": 1, "east": 15}
LABELS = np.random.default_rng(0).permutation(np.repeat(list(SIZES), list(SIZES.values())))
N, SEED = LABELS.size, 5
LEVEL = {"north": 0.0, "south": 400.0, "west": -300.0, "east": 100.0}


def data() -> Any:
    """Two variables of scales 50 and 0.01, their levels those of the strata."""
    rng = np.random.default_rng(1)
    level = np.array([LEVEL[label] for label in LABELS])
    return np.column_stack([level + 50 * rng.normal(size=N), 1 + 0.01 * rng.normal(size=N)])


def nll(params: Any, Y: Any) -> Any:
    return 0.5 * ((Y[:, 0] - params[0]) / 50) ** 2 + 0.5 * ((Y[:, 1] - params[1]) / 0.01) ** 2


def means() -> Fit:
    return fit(nll, {"first": 0.0, "second": 1.0}, data())


def exact_covariance() -> Any:
    """Sum n_h S_h / n² over the strata, S_h with the divisor n_h."""
    Y = data()
    parts = [Y[label == LABELS] for label in SIZES]
    spreads = [len(part) * np.cov(part, rowvar=False, ddof=0) for part in parts if len(part) > 1]
    return sum(spreads) / N**2


def test_every_stratum_keeps_its_size(weights_of: Any) -> None:
    weights = weights_of(Stratified(LABELS), SEED, N, 70)
    for label, size in SIZES.items():
        assert_array_equal(weights[:, label == LABELS].sum(axis=1), size)
    assert_array_equal(weights[:, LABELS == "west"], 1.0)


def test_the_moments_of_the_weights(weights_of: Any) -> None:
    # Multinomial within strata and independent between: 465 products and 30 means of 6000 draws
    # within 5.5 of their Monte Carlo errors, a false-alarm rate of 2e-5 in all.
    deviations = weights_of(Stratified(LABELS), 11, N, 6000) - 1
    random = np.flatnonzero(LABELS != "west")
    deviations = deviations[:, random]
    error = deviations.std(axis=0, ddof=1) / np.sqrt(6000)
    assert np.abs(deviations.mean(axis=0) / error).max() < 5.5
    upper = np.triu_indices(random.size)
    products = deviations[:, upper[0]] * deviations[:, upper[1]]
    labels = LABELS[random]
    size = np.array([SIZES[label] for label in labels])[upper[0]]
    together = labels[upper[0]] == labels[upper[1]]
    expected = np.where(upper[0] == upper[1], 1 - 1 / size, np.where(together, -1 / size, 0.0))
    error = products.std(axis=0, ddof=1) / np.sqrt(6000)
    assert np.abs((products.mean(axis=0) - expected) / error).max() < 5.5


def test_the_covariance_of_a_mean_is_exact() -> None:
    # Both standard errors and the correlation within 5 Monte Carlo errors: 2e-6 in all. Cases,
    # which draw the differences between strata too, are over twice too large in the first.
    boot = bootstrap(means(), sampling=Stratified(LABELS), n_resamples=3999, rng=1)
    exact = exact_covariance()
    error = np.sqrt(np.diag(exact))
    assert np.all(np.abs(boot.standard_error - error) < 5 * boot.standard_error_mcse)
    correlation = exact[0, 1] / error.prod()
    found = boot.covariance[0, 1] / boot.standard_error.prod()
    assert abs(found - correlation) < 5 * (1 - correlation**2) / np.sqrt(3999)
    cases = bootstrap(means(), n_resamples=999, rng=1)
    assert cases.standard_error[0] > 2 * error[0]


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_intervals_of_a_mean_are_nearly_normal_about_the_exact_error(level: float) -> None:
    # A mean of 30 within strata is normal to a few per cent of its error; 5 Monte Carlo errors.
    boot = bootstrap(means(), sampling=Stratified(LABELS), n_resamples=3999, rng=1)
    reach = float(ndtri((1 + level) / 2)) * np.sqrt(np.diag(exact_covariance()))
    for method in ("percentile", "basic", "normal"):
        bounds = boot.confidence_interval(method, level)
        for end, mcse, side in (
            (bounds.low, bounds.low_mcse, -1),
            (bounds.high, bounds.high_mcse, 1),
        ):
            assert np.all(np.abs(end - boot.estimate - side * reach) < 5 * mcse + 0.04 * reach)


def test_one_stratum_is_cases_by_another_name(weights_of: Any) -> None:
    one = weights_of(Stratified(["all"] * N), SEED, N, 70)
    assert_array_equal(one, weights_of(Cases(), SEED, N, 70))


def test_strata_of_one_row_leave_nothing_to_chance(weights_of: Any) -> None:
    assert_array_equal(weights_of(Stratified(np.arange(N)), SEED, N, 9), np.ones((9, N)))


def kinds() -> dict[str, Any]:
    return {
        "list": LABELS.tolist(),
        "objects": LABELS.astype(object),
        "codes": np.unique(LABELS, return_inverse=True)[1].astype(np.int8),
        "dates": np.datetime64("2020-01-01") + np.unique(LABELS, return_inverse=True)[1],
    }


@pytest.mark.parametrize("kind", kinds())
def test_labels_of_any_kind_draw_the_same(kind: str, weights_of: Any) -> None:
    plan = Stratified(kinds()[kind])
    assert repr(plan) == "Stratified(4 strata)"
    assert_array_equal(weights_of(plan, 3, N, 20), weights_of(Stratified(LABELS), 3, N, 20))


@pytest.mark.parametrize("form", ["dict", "frame", "nested"])
def test_a_column_is_the_same_as_its_labels(form: str) -> None:
    Y = data()
    table: Any = {"y": Y[:, 0], "z": Y[:, 1], "region": LABELS}
    if form == "frame":
        table = pytest.importorskip("pandas").DataFrame(table)

    def average(*args: Any) -> Any:
        held = args[1]["table"] if form == "nested" else args[0]
        return [np.mean(held["y"]), np.mean(held["z"])]

    args = (Y, {"table": table}) if form == "nested" else (table,)
    estimator = Estimator(average, args)
    named, given = (
        bootstrap(estimator, sampling=plan, n_resamples=20, rng=SEED)
        for plan in (Stratified("region"), Stratified(LABELS))
    )
    assert_array_equal(named.replicates, given.replicates)
    assert str(named.sampling) == str(given.sampling) == "Stratified(4 strata)"
    assert repr(Stratified("region")) == "Stratified('region')"


@pytest.mark.parametrize("named", [False, True])
def test_the_crosscheck_takes_it(named: bool) -> None:
    # The Hessian's errors are the scales over √n; the bootstrap's are those it was given.
    Y = data()
    args = {"first": Y[:, 0], "second": Y[:, 1], "region": LABELS}

    def of_columns(params: Any, table: Any) -> Any:
        return nll(params, np.column_stack([table["first"], table["second"]]))

    plan = Stratified("region" if named else LABELS)
    mle = fit(of_columns, {"first": 0.0, "second": 1.0}, args)
    boot = bootstrap(mle, sampling=plan, n_resamples=999, rng=0)
    found = crosscheck(boot).standard_errors
    assert_allclose(found["hessian"], np.array([50, 0.01]) / np.sqrt(N), rtol=1e-5)
    exact = np.sqrt(np.diag(exact_covariance()))
    assert np.all(np.abs(found["bootstrap"] - exact) < 5 * boot.standard_error_mcse)


def test_a_run_does_not_depend_on_the_number_of_workers() -> None:
    # Threads: a function of a test file is not one that another process could import.
    with parallel_config(backend="threading"):
        plan = Stratified(LABELS)
        one, two = (
            bootstrap(means(), sampling=plan, n_resamples=130, rng=3, n_jobs=jobs).replicates
            for jobs in (1, 2)
        )
        assert_array_equal(one, two)


@pytest.mark.parametrize("count", [N - 1, N + 1])
def test_a_wrong_number_of_labels_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"strata: {count} labels for {N} observations"):
        bootstrap(means(), sampling=Stratified(np.arange(count) % 3), n_resamples=9, rng=0)


def test_strata_of_one_row_are_counted() -> None:
    y = np.arange(20.0) ** 2
    mean = Estimator(lambda y: [y.mean(), 1000 * y.std()], y)
    labels = np.minimum(np.arange(20), 17)  # 17 strata of one row, and one of three
    boot = bootstrap(mean, sampling=Stratified(labels), n_resamples=50, rng=0)
    assert "17 of 18 strata have a single row, which every resample keeps" in str(boot)
    pairs = bootstrap(mean, sampling=Stratified(np.arange(20) // 2), n_resamples=50, rng=0)
    assert "single row" not in str(pairs)


def test_missing_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="strata: labels are missing"):
        Stratified(["a", None, "b"])


def test_an_unknown_column_is_refused() -> None:
    with pytest.raises(ValueError, match="strata: no data frame or dict in args has a column"):
        bootstrap(means(), sampling=Stratified("region"), n_resamples=9, rng=0)


def test_an_objective_that_reads_earlier_rows_is_refused() -> None:
    def reading(params: Any, Y: Any) -> Any:
        return nll(params, Y - 0.5 * np.roll(Y, 1, axis=0))

    with pytest.raises(ValueError, match=r"sampling: Stratified\(\) draws single rows"):
        bootstrap(fit(reading, [0.0, 1.0], data()), sampling=Stratified(LABELS), n_resamples=9)
