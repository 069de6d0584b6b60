"""Missing values: masked ones are refused or left out, and skipped NaN are counted."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bootmle import Estimator, Status, bootstrap, fit

RNG = np.random.default_rng(3)
Y = RNG.normal(3.0, 1.0, 80)
X = RNG.normal(size=80) * 1e3
HIDDEN = np.arange(80) % 5 == 2
MASKED = np.ma.masked_array(np.where(HIDDEN, -999.0, Y), mask=HIDDEN)
START = [2.0, 0.0]


def nll(params: Any, y: Any, x: Any) -> Any:
    return 0.5 * (y - params[0] - params[1] * x / 1e3) ** 2


def total(params: Any, y: Any, x: Any) -> Any:
    return nll(params, y, x).sum()


@pytest.mark.parametrize("fun", [nll, total])
def test_masked_data_are_refused_with_their_number(fun: Any) -> None:
    with pytest.raises(ValueError, match=r"args: masked rows are missing \(16 in args\[0\]\)"):
        fit(fun, START, (MASKED, X))


@pytest.mark.parametrize("fun", [nll, total])
def test_masked_rows_are_left_out_where_asked_for(fun: Any) -> None:
    weights = None if fun is total else np.linspace(0.5, 2.0, 80)
    kept = None if weights is None else weights[~HIDDEN]
    dropped = fit(fun, START, (MASKED, X), missing="drop", weights=weights)
    complete = fit(fun, START, (Y[~HIDDEN], X[~HIDDEN]), weights=kept)
    assert dropped.n == 64
    assert_array_equal(dropped.estimate, complete.estimate)
    one, other = (bootstrap(mle, n_resamples=19, rng=0) for mle in (dropped, complete))
    assert_array_equal(one.replicates, other.replicates)


def own_mask(params: Any, y: Any, x: Any) -> Any:
    hidden = HIDDEN if len(y) == 80 else np.zeros(len(y), dtype=bool)
    return np.ma.masked_array(nll(params, y, x), mask=hidden)


def test_masked_contributions_are_refused_or_their_rows_left_out() -> None:
    with pytest.raises(ValueError, match="fun: 16 of 80 contributions are masked"):
        fit(own_mask, START, (Y, X))
    dropped = fit(own_mask, START, (Y, X), missing="drop")
    assert_array_equal(dropped.estimate, fit(nll, START, (Y[~HIDDEN], X[~HIDDEN])).estimate)


def test_a_mask_without_a_masked_row_changes_nothing() -> None:
    whole = np.ma.masked_array(Y, mask=np.zeros(80, dtype=bool))
    assert_allclose(fit(nll, START, (whole, X)).estimate, fit(nll, START, (Y, X)).estimate)


def test_a_choice_that_is_unknown_and_data_that_are_all_masked() -> None:
    with pytest.raises(ValueError, match="missing: 'ignore' is unknown; use one of raise, drop"):
        fit(nll, START, (Y, X), missing="ignore")
    with pytest.raises(ValueError, match="every row is masked"):
        fit(nll, START, (np.ma.masked_array(Y, mask=True), X), missing="drop")


def test_a_masked_estimate_is_a_failed_replicate() -> None:
    def means(y: Any) -> Any:
        hidden = np.sum(y == Y[0]) > 1
        return np.ma.masked_array([y.mean(), 1e3 * y.std()], mask=[False, hidden])

    boot = bootstrap(Estimator(means, Y), n_resamples=64, rng=0)
    missing = np.array([status == Status.NOT_FINITE for status in boot.status])
    assert 5 < missing.sum() < 40
    assert np.isnan(boot.replicates[missing]).all()
    assert boot.n_failed == missing.sum()


@pytest.mark.parametrize(
    ("reduce", "said"),
    [
        (pd.Series.sum, "n counts them: pass complete rows"),
        (pd.Series.mean, "n counts them and multiplies its mean, so that .* are too small: pass"),
    ],
)
def test_rows_that_a_sum_skips_for_a_missing_value_are_counted(reduce: Any, said: str) -> None:
    def reduced(params: Any, rows: pd.DataFrame) -> Any:
        return reduce(nll(params, rows["y"], rows["x"]))

    frame = pd.DataFrame({"y": np.where(HIDDEN, np.nan, Y), "x": X})
    told = " ".join(fit(reduced, START, frame).notes)
    assert re.search(rf"^.*16 of 80 rows have a missing value \(NaN\).* {said}", told)
    assert "missing value" not in " ".join(fit(reduced, START, frame.dropna()).notes)


def test_missing_values_that_the_objective_does_not_skip_are_not_noted() -> None:
    def filled(params: Any, rows: pd.DataFrame) -> Any:
        return total(params, rows["y"].fillna(3.0), rows["x"])

    lacking = np.where(HIDDEN, np.nan, Y)
    for frame in (
        pd.DataFrame({"y": lacking, "x": X}),
        pd.DataFrame({"y": Y, "x": X, "unused": lacking}),
    ):
        assert "missing value" not in " ".join(fit(filled, START, frame).notes)


def test_contributions_that_are_zero_for_a_missing_value_are_counted() -> None:
    def skipping(params: Any, y: Any, x: Any) -> Any:
        return np.where(np.isnan(y), 0.0, nll(params, np.nan_to_num(y), x))

    told = " ".join(fit(skipping, START, (np.where(HIDDEN, np.nan, Y), X)).notes)
    assert "16 of 80 rows have a missing value (NaN) and add nothing" in told
    assert "missing value" not in " ".join(fit(skipping, START, (Y, X)).notes)
