"""Labels of clusters among the data: found wherever they are, fresh for each copy drawn."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from bootmle.likelihood.data import take_rows
from bootmle.sampling.fresh_labels import FreshLabels

CODES = np.repeat(np.arange(4), [2, 3, 1, 2])
LABELS = np.array([30, 10, 40, 20])[CODES]
TEXTS = np.array(["c", "a", "d", "b"])[CODES]
VISIT = np.array([0, 0, 1, 1, 2, 3, 4, 4])
"""Groups within the clusters."""
YEAR = np.array([2001, 2000, 2001, 2000])[CODES]
"""Of clusters, but shared by some."""
X = np.linspace(0.5, 4.0, 8)

ROWS = np.r_[2:5, 0:2, 2:5]
COPIES = np.repeat([0, 1, 2], [3, 2, 3])
"""The second cluster, the first, and the second again."""

FORMS: dict[str, tuple[Any, Any]] = {
    "array": ((X, LABELS), lambda args: args[1]),
    "column vector": ((X, LABELS[:, None]), lambda args: args[1][:, 0]),
    "column of a matrix": (
        (np.column_stack([X, LABELS, YEAR]),),
        lambda args: args[0][:, 1],
    ),
    "whole numbers as floats": ((X, LABELS.astype(float)), lambda args: args[1]),
    "small integers": ((X, LABELS.astype(np.int8)), lambda args: args[1]),
    "list": ((X, LABELS.tolist()), lambda args: np.array(args[1])),
    "texts": ((X, TEXTS), lambda args: args[1].astype(int)),
    "objects": ((X, TEXTS.astype(object)), lambda args: args[1].astype(int)),
    "dict in a tuple": ((X, {"who": LABELS}), lambda args: args[1]["who"]),
    "Series": ((pd.Series(LABELS, name="who"),), lambda args: args[0].to_numpy()),
    "column": (
        (pd.DataFrame({"x": X, "who": LABELS, "year": YEAR}),),
        lambda args: args[0]["who"].to_numpy(),
    ),
    "column named by a number": (
        (pd.DataFrame({0: X, 1: LABELS}),),
        lambda args: args[0][1].to_numpy(),
    ),
    "categories": (
        (pd.DataFrame({"x": X, "who": pd.Categorical(TEXTS)}),),
        lambda args: args[0]["who"].astype(int).to_numpy(),
    ),
    "index": (
        (pd.DataFrame({"x": X}, index=pd.Index(LABELS, name="who")),),
        lambda args: args[0].index.to_numpy(),
    ),
    "level": (
        (pd.Series(X, index=pd.MultiIndex.from_arrays([YEAR, LABELS], names=["year", "who"])),),
        lambda args: args[0].index.get_level_values("who").to_numpy(),
    ),
    "field": (
        (np.array(list(zip(X, LABELS, strict=True)), dtype=[("x", float), ("who", int)]),),
        lambda args: args[0]["who"],
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_labels_are_found_in_any_form_and_fresh_for_each_copy(form: str) -> None:
    args, who = FORMS[form]
    labels = FreshLabels.find(args, CODES)
    assert len(labels.places) == 1
    fresh = labels.of(take_rows(args, ROWS), ROWS, COPIES)
    assert_array_equal(who(fresh), COPIES)
    assert type(fresh[0]) is type(args[0])


def test_groups_within_clusters_are_fresh_and_kept_apart() -> None:
    labels = FreshLabels.find((LABELS, VISIT), CODES)
    _, visit = labels.of(take_rows((LABELS, VISIT), ROWS), ROWS, COPIES)
    assert_array_equal(visit, [0, 0, 1, 2, 2, 3, 3, 4])


def test_covariates_are_left_alone() -> None:
    fractions = np.array([0.5, 1.5, 2.5, 3.5])[CODES]
    unique = np.arange(8)
    missing = np.where(X > 3, np.nan, LABELS)
    args = (X, fractions, YEAR, unique, missing, np.zeros((8, 2, 2)), [[1], [1, 2]] * 4)
    assert FreshLabels.find(args, CODES).places == ()


def test_rows_that_are_their_own_clusters_have_labels_too() -> None:
    assert len(FreshLabels.find((X, np.arange(8)), np.arange(8)).places) == 1


def grouped(args: Any) -> Any:
    """A value that groups by the labels, and reads the covariate of the clusters."""
    dose, label = args
    return sum(np.ptp(X[label == each]) + dose[label == each].mean() ** 2 for each in set(label))


def test_a_covariate_of_clusters_that_looks_like_labels_is_told_by_the_value() -> None:
    dose = np.array([7, 1, 9, 5])[CODES]
    args = (dose, LABELS)
    value = grouped(args)
    calls = []

    def changes(other: Any) -> bool:
        calls.append(1)
        return not np.isclose(grouped(other), value)

    labels = FreshLabels.find(args, CODES)
    assert [place.leaf for place in labels.places] == ["args[0]", "args[1]"]
    kept = labels.kept_where_only_groups(args, changes)
    assert [place.leaf for place in kept.places] == ["args[1]"]
    assert len(calls) == 3


def test_the_data_are_not_changed() -> None:
    frame = pd.DataFrame({"x": X, "who": LABELS})
    FreshLabels.find((frame,), CODES).of((frame,), np.arange(8), CODES)
    assert_array_equal(frame["who"], LABELS)


class Column:
    """A column of a table as of polars, made from its name and values."""

    def __init__(self, name: str, values: Any) -> None:
        self.name, self.values = name, np.asarray(values)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(self.values, dtype=dtype)


class Table:
    """A table whose columns are read by name, and rows by number."""

    def __init__(self, **columns: Any) -> None:
        self.columns, self.held = list(columns), columns
        self.shape = (len(next(iter(columns.values()))), len(columns))

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return Column(key, self.held[key])
        return Table(**{name: np.asarray(values)[key] for name, values in self.held.items()})

    def clone(self) -> Any:
        return Table(**self.held)

    def replace_column(self, place: int, column: Column) -> Any:
        self.held = {**self.held, self.columns[place]: column.values}
        return self


def test_labels_in_a_table_of_another_library_are_renewed() -> None:
    groups = np.repeat([5, 7, 9], 2)
    data = (Table(y=np.arange(6.0) + 0.5, g=groups),)
    labels = FreshLabels.find(data, np.repeat([0, 1, 2], 2))
    rows, copies = np.array([0, 1, 0, 1, 4, 5]), np.repeat([0, 1, 2], 2)
    (renewed,) = labels.of((data[0][rows],), rows, copies)
    np.testing.assert_array_equal(renewed.held["g"], np.repeat([0, 1, 2], 2))
    np.testing.assert_array_equal(renewed.held["y"], data[0].held["y"][rows])
    np.testing.assert_array_equal(data[0].held["g"], groups)
