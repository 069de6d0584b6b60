"""Rows that all occur several times are told; patterns of grouped data are not."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bootmle import fit
from bootmle.likelihood.repeated_rows import describe_repeats
from models import normal

RNG = np.random.default_rng(3)
Y, X = RNG.normal(size=60), RNG.integers(0, 9, 60)
LABELS = [f"s{k}" for k in range(60)]
FORMS: dict[str, Any] = {
    "arrays": lambda rows: (Y[rows], X[rows]),
    "matrix": lambda rows: (np.column_stack([Y, X])[rows],),
    "frame": lambda rows: (pd.DataFrame({"y": Y, "s": LABELS}).iloc[rows],),
    "text": lambda rows: ([LABELS[row] for row in rows], Y[rows] > 0),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_table_stacked_on_itself_is_told_from_one_with_some_repeated_rows(form: str) -> None:
    rows = np.arange(60)
    stacked = RNG.permutation(np.tile(rows, 3))
    (note,) = describe_repeats(FORMS[form](stacked))
    assert "occurs 3 times, or a multiple of that (60 distinct rows of 180)" in note
    assert describe_repeats(FORMS[form](rows)) == []
    assert describe_repeats(FORMS[form](np.append(stacked, 7))) == []


def test_grouped_binary_data_are_not_noted_in_2000_tables() -> None:
    # All counts of at least 20 patterns are even once in a million tables.
    noted = 0
    for _ in range(2000):
        noted += len(describe_repeats((RNG.integers(0, 2, (150, 6)),)))
    assert noted == 0
    assert describe_repeats((np.tile([0.0, 1.0], 50),)) == []


def test_fit_says_it_unless_rows_have_weights() -> None:
    nll, start = normal().nll, {"mu": 0.0, "log_sigma": 0.2}
    assert "√4 = 2 times too small" in str(fit(nll, start, np.tile(Y, 4)))
    lists = pd.DataFrame({"y": Y, "unread": [[1, 2]] * 60})  # which pandas cannot hash
    assert "too small" not in str(fit(lambda p, df: nll(p, df["y"].to_numpy()), start, lists))
    weighted = fit(nll, start, np.tile(Y, 4), weights=np.full(240, 0.25))
    assert "too small" not in str(weighted)
