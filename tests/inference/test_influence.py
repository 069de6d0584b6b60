"""Influence against closed forms, a slow loop over units, and simulation of its errors."""

import re
import sys
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy.stats import norm

from bootmle.inference import jackknife_after_bootstrap
from bootmle.inference.influence import Influence, influence

Floats = NDArray[np.float64]
LEVELS = pytest.mark.parametrize("level", [0.8, 0.95])
FIGURES = ("standard_error", "low", "high")


def moments(y: Floats, rows: NDArray[np.intp]) -> Floats:
    """Two parameters of unequal scale on every resample: the mean, and 1000 second moments."""
    return np.column_stack([y[rows].mean(axis=1), 1000 * (y[rows] ** 2).mean(axis=1)])


def missing_of(rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    count, n = rows.shape
    found = np.ones((count, n), dtype=bool)
    found[np.arange(count)[:, None], rows] = False
    return found


def of(estimates: Floats, missing: NDArray[np.bool_], **more: Any) -> Influence:
    names = [f"x{j + 1}" for j in range(estimates.shape[1])]
    return influence(
        estimates, np.packbits(missing, axis=0), names, range(missing.shape[1]), **more
    )


def closed_form(y: Floats) -> Floats:
    """Standard errors of both moments at samples of n from the n − 1 values without each, (n, 2).

    Where observation g does not occur, a resample is n independent draws from the others.
    """
    n, values = y.size, np.column_stack([y, 1000 * y**2])
    others = np.array([np.delete(values, g, axis=0) for g in range(n)])
    return np.asarray(others.std(axis=1) / np.sqrt(n))


def quantile(values: Floats, probability: float) -> float:
    """Take the order statistic of rank (m + 1) α, between two of them on the normal scale."""
    ordered, rank = sorted(values.tolist()), (len(values) + 1) * probability
    below = int(rank + 1e-9)
    if abs(rank - below) < 1e-9 or ordered[below - 1] == ordered[below]:
        return float(ordered[below - 1])
    lower, upper = below / (len(values) + 1), (below + 1) / (len(values) + 1)
    low, at, high = (float(norm.ppf(each)) for each in (lower, probability, upper))
    share = (at - low) / (high - low)
    return float((1 - share) * ordered[below - 1] + share * ordered[below])


def test_every_resample_of_four_observations() -> None:
    y = np.array([1.0, 2.0, 4.0, 9.0])
    rows = np.array(list(product(range(4), repeat=4)))
    found = of(moments(y, rows), missing_of(rows))
    assert_array_equal(found.n_without, np.full(4, 3**4))
    # The 81 resamples without an observation are all there are: only ddof is between them.
    assert_allclose(found.standard_error, closed_form(y) * np.sqrt(81 / 80), rtol=1e-12)
    everything = moments(y, rows).std(axis=0, ddof=1)
    assert_allclose(found.standard_error_change, found.standard_error / everything - 1, atol=1e-12)


def test_standard_errors_are_those_of_the_sample_without_the_observation() -> None:
    rng = np.random.default_rng(1)
    y = rng.exponential(size=12)
    rows = rng.integers(12, size=(20_000, 12))
    found = of(moments(y, rows), missing_of(rows))
    expected = closed_form(y)
    # 24 comparisons at 4.5 Monte Carlo errors, twice: a false-alarm rate of 3e-4. The kurtosis of
    # both parameters is below 4.
    error = np.sqrt(0.75 / found.n_without[:, None])
    assert np.all(np.abs(found.standard_error / expected - 1) < 4.5 * error)
    whole = np.array([y.std(), 1000 * (y**2).std()]) / np.sqrt(12)
    off = found.standard_error_change - (expected / whole - 1)
    assert np.all(np.abs(off) < 4.5 * found.standard_error_change_mcse)
    assert np.abs(expected / whole - 1).max() > 20 * error.max()


def with_infinite_replicates() -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """Replicates of which some failed, and some have no finite optimum: (B, 3), (B, 9), (B,)."""
    rng = np.random.default_rng(2)
    estimates = rng.normal(size=(999, 3)) * [1.0, 1000.0, 1e-3]
    estimates[:40] = np.nan
    estimates[40:70, 1] = np.inf
    estimates[70:75, 1:] = [-np.inf, np.nan]
    estimates[75:80] = np.nan
    divergent = (np.arange(999) >= 40) & (np.arange(999) < 80)
    return estimates, rng.random((999, 9)) < 0.37, divergent


@LEVELS
def test_all_figures_are_those_of_a_loop_over_units(level: float) -> None:
    estimates, missing, divergent = with_infinite_replicates()
    found = of(estimates, missing, confidence_level=level, divergent=divergent)
    kept = np.arange(999) >= 40
    finite = kept[:, None] & np.isfinite(estimates)
    errors = [estimates[finite[:, j], j].std(ddof=1) for j in range(3)]
    for g, j in product(range(9), range(3)):
        without = estimates[kept & missing[:, g], j]
        inside = estimates[finite[:, j] & missing[:, g], j]
        assert found.n_without[g] == without.size
        assert found.standard_error[g, j] == pytest.approx(inside.std(ddof=1), rel=1e-10)
        change = found.standard_error[g, j] / errors[j] - 1
        assert found.standard_error_change[g, j] == pytest.approx(change, abs=1e-12)
        for side, worst, tail in (
            ("low", -np.inf, (1 - level) / 2),
            ("high", np.inf, (1 + level) / 2),
        ):
            end = quantile(np.where(np.isnan(without), worst, without), tail)
            whole = estimates[kept, j]
            whole_end = quantile(np.where(np.isnan(whole), worst, whole), tail)
            assert getattr(found, side)[g, j] == pytest.approx(end, rel=1e-9)
            change = 0.0 if end == whole_end else (end - whole_end) / errors[j]
            assert getattr(found, f"{side}_change")[g, j] == pytest.approx(change, abs=1e-9)


def test_an_infinite_end_may_be_finite_without_a_unit() -> None:
    estimates, missing, divergent = with_infinite_replicates()
    missing[divergent, 4] = False
    found = of(estimates, missing, divergent=divergent)
    assert np.isposinf(np.delete(found.high[:, 1], 4)).any()
    assert np.isfinite(found.high[4]).all()
    assert np.isneginf(found.high_change[4, 1])
    # 959 kept replicates have 24 beyond the end, every one of them infinite: none lacks the unit.
    share = found.n_without[4] / 959
    spread = np.sqrt(24 * share * (1 - share) * (959 - 24) / 958)
    assert found.high_z[4, 1] == pytest.approx(-24 * share / spread)
    assert "-inf" in str(found)


def test_replicates_without_a_finite_optimum_are_told_by_their_entries() -> None:
    estimates, missing, divergent = with_infinite_replicates()
    divergent[75:80] = False
    told, given = of(estimates, missing), of(estimates, missing, divergent=divergent)
    assert_array_equal(told.n_without, given.n_without)
    for figure in FIGURES:
        assert_array_equal(getattr(told, figure), getattr(given, figure))


def test_the_error_of_a_standard_error_is_that_of_its_influence_functions() -> None:
    estimates, missing = with_outlier(199)
    found = of(estimates, missing)
    for g, j in product(range(40), range(2)):
        a, x = missing[:, g], estimates[:, j]
        y, share = x - x[a].mean(), a.mean()
        pull = a / share * (y**2 / x[a].var() - 1) - ((x - x.mean()) ** 2 / x.var() - 1)
        ratio = x[a].std(ddof=1) / x.std(ddof=1)
        expected = ratio / 2 * np.sqrt((pull**2).mean() / 199)
        assert found.standard_error_change_mcse[g, j] == pytest.approx(expected, rel=1e-8)


SIZE, RUNS = 40, 20
OWN = np.arange(SIZE)
UNITS = np.where(OWN % 2 == 0, 1.0, 1e4)


def draws_with_own_units(rng: np.random.Generator) -> tuple[Floats, NDArray[np.bool_]]:
    """Draw replicates of parameters, each of which hangs on one unit of its own."""
    weights = rng.poisson(1, size=(999, SIZE))
    return (rng.exponential(size=(999, SIZE)) + 2 * (weights - 1)) * UNITS, weights == 0


@cache
def runs_with_own_units(level: float) -> list[tuple[Any, Floats]]:
    """Return the influence of runs, and the standard errors, in which ends have their errors."""
    rng, found = np.random.default_rng(5), []
    for _ in range(RUNS):
        estimates, missing = draws_with_own_units(rng)
        # The errors of ends take their unit, the standard error, as it is.
        unit = estimates.std(axis=0, ddof=1) / UNITS
        found.append((of(estimates, missing, confidence_level=level), unit))
    return found


@LEVELS
@pytest.mark.parametrize("apart", [0, 1])
def test_monte_carlo_errors_are_the_sd_of_the_changes_over_runs(apart: int, level: float) -> None:
    # With the unit that a parameter hangs on, and with one that has no influence on it. Over 800
    # changes the sd has a relative error of 2.5%.
    pairs, found = ((OWN + apart) % SIZE, OWN), []
    for result, unit in runs_with_own_units(level):
        for figure, factor in zip(FIGURES, (np.ones(SIZE), unit, unit), strict=True):
            change = getattr(result, f"{figure}_change")[pairs] * factor
            error = getattr(result, f"{figure}_change_mcse")[pairs] * factor
            found.append((change, error))
    for k in range(3):
        changes, errors = np.array(found[k::3]).transpose(1, 0, 2).reshape(2, -1)
        assert errors.mean() == pytest.approx(changes.std(), rel=0.15)


@LEVELS
def test_z_has_the_sign_of_the_change(level: float) -> None:
    found = of(*draws_with_own_units(np.random.default_rng(12)), confidence_level=level)
    for figure in FIGURES:
        z, change = getattr(found, f"{figure}_z"), getattr(found, f"{figure}_change")
        assert_array_equal(np.sign(change[OWN, OWN]), -1)
        assert np.all(z[OWN, OWN] < -2)


@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("draw", ["standard_normal", "standard_exponential"])
def test_without_influence_z_is_standard_normal(draw: str, scale: float) -> None:
    # 2000 values a figure, over which the mean varies by 0.022 and the sd by 0.017 from run to
    # run: 4.5 times that, a false-alarm rate of 2e-4 in all.
    rng = np.random.default_rng(6)
    estimates = getattr(rng, draw)((999, 100)) * scale
    found = of(estimates, rng.random((999, 20)) < 0.37, confidence_level=0.8)
    for figure in FIGURES:
        z = getattr(found, f"{figure}_z")
        assert abs(z.mean()) < 0.1
        assert z.std() == pytest.approx(1.0, rel=0.08)


def test_chance_marks_something_in_fewer_than_one_run_of_twenty() -> None:
    # 200 runs mark 10 on average, and over 20 with a probability of 1e-3. Relative to errors
    # estimated from the replicates without the unit it would be over half of them.
    rng, marked = np.random.default_rng(7), 0
    for _ in range(200):
        estimates = rng.exponential(size=(199, 2)) * [1.0, 1e4]
        marked += bool(of(estimates, rng.random((199, 12)) < 0.37).beyond.any())
    assert marked <= 20


def with_outlier(count: int = 1999) -> tuple[Floats, NDArray[np.bool_]]:
    rng = np.random.default_rng(8)
    y = rng.normal(size=40)
    y[17] = 9.0
    rows = rng.integers(40, size=(count, 40))
    return moments(y, rows), missing_of(rows)


def test_an_outlier_is_named_first() -> None:
    found = of(*with_outlier())
    lines = str(found).splitlines()
    assert lines[0].split()[:2] == ["unit", "parameter"]
    assert [line.split()[:2] for line in lines[1:3]] == [["17", "x2"], ["17", "x1"]]
    assert lines[1].count("*") == 3
    assert found.beyond[17].all()
    assert "* beyond its Monte Carlo error" in str(found)
    assert max(map(len, lines)) <= 100


def test_where_nothing_is_beyond_chance_five_rows_and_that_are_shown() -> None:
    rng = np.random.default_rng(9)
    found = of(rng.normal(size=(999, 2)) * [1, 1000], rng.random((999, 30)) < 0.37)
    table, closing = str(found).split("\n\n")
    assert len(table.splitlines()) == 6
    assert "*" not in str(found)
    largest = np.max([np.abs(getattr(found, f"{figure}_z")) for figure in FIGURES], axis=0)
    unit, parameter = np.unravel_index(largest.argmax(), largest.shape)
    assert table.splitlines()[1].split()[:2] == [str(unit), f"x{parameter + 1}"]
    assert "no change is beyond its Monte Carlo error" in closing


def test_more_than_ten_rows_are_counted() -> None:
    found = of(*draws_with_own_units(np.random.default_rng(10)), confidence_level=0.8)
    table, closing = str(found).split("\n\n")
    assert len(table.splitlines()) == 11
    assert f"{found.beyond.sum() - 10} more changes are beyond theirs: see to_frame()" in closing
    assert "80% percentile" in closing


def test_blocks_of_units_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = of(*with_outlier())
    monkeypatch.setattr(jackknife_after_bootstrap, "_AT_A_TIME", 0)
    blocks = of(*with_outlier())
    for name in Influence.__slots__[3:]:
        assert_allclose(getattr(blocks, name), getattr(whole, name), rtol=1e-9, atol=1e-12)


def test_a_unit_that_is_never_drawn_changes_nothing() -> None:
    rng = np.random.default_rng(11)
    missing = rng.random((999, 3)) < 0.37
    missing[:, 1] = True
    found = of(rng.normal(size=(999, 2)) * [1.0, 1e4], missing)
    assert found.n_without[1] == 999
    for figure in FIGURES:
        assert_allclose(getattr(found, f"{figure}_change")[1], 0.0, atol=1e-12)
        assert_allclose(getattr(found, f"{figure}_change_mcse")[1], 0.0, atol=1e-6)
        assert_array_equal(getattr(found, f"{figure}_z")[1], 0.0)


def test_a_parameter_that_is_held_has_no_changes() -> None:
    estimates, missing = with_outlier()
    estimates = np.column_stack([estimates, np.full(1999, 0.1)])
    found = of(estimates, missing)
    for figure, end in product(FIGURES, ("_change", "_change_mcse", "_z")):
        assert np.isnan(getattr(found, figure + end)[:, 2]).all()
        assert np.isfinite(getattr(found, figure + end)[:, :2]).all()
    assert not found.beyond[:, 2].any()


@LEVELS
def test_ends_are_withheld_where_too_few_replicates_remain(level: float) -> None:
    estimates, missing = with_outlier(60)
    found = of(estimates, missing, confidence_level=level)
    few = found.n_without < {0.8: 9, 0.95: 39}[level]
    assert_array_equal(np.isnan(found.low[:, 0]), few)
    assert_array_equal(np.isnan(found.high_change_mcse[:, 1]), few)
    assert np.isfinite(found.standard_error).all()
    assert ("nan: too few replicates" in str(found)) == few.any()


@pytest.mark.parametrize("level", [0, 1, 95, "most"])
def test_a_level_must_be_a_probability(level: Any) -> None:
    with pytest.raises(ValueError, match=f"confidence_level: {level!r}"):
        of(*with_outlier(60), confidence_level=level)


def test_samples_that_leave_a_unit_in_are_refused() -> None:
    estimates, missing = with_outlier(80)
    missing[:, 3] = False
    with pytest.raises(ValueError, match=r"unit 3 occurs in all 80 .*Cases, Stratified"):
        of(estimates, missing)
    # Replicates that failed do not show what there is without a unit.
    missing[5, 3] = True
    estimates[5] = np.nan
    with pytest.raises(ValueError, match="unit 3 occurs in all 79 replicates"):
        of(estimates, missing)


def test_the_frame_has_a_row_for_each_unit_and_parameter() -> None:
    estimates, missing = with_outlier()
    labels = [f"school {g}" for g in range(40)]
    found = influence(estimates, np.packbits(missing, axis=0), ["mean", "square"], labels)
    frame = found.to_frame()
    assert frame.index.names == ["unit", "parameter"]
    row: Any = frame.loc[("school 17", "square")]
    assert row["n_without"] == missing[:, 17].sum()
    assert bool(row["beyond"])
    for figure, end in product(FIGURES, ("", "_change", "_change_mcse")):
        assert row[figure + end] == getattr(found, figure + end)[17, 1]
    assert frame["standard_error"].unstack().shape == (40, 2)


def test_a_frame_without_pandas_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=re.escape('pip install "bootmle[pandas]"')):
        of(*with_outlier(60)).to_frame()
