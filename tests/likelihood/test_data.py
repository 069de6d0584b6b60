"""Data in args: every form, what is refused, and which rows are taken."""

import os
import subprocess
import sys
from copy import deepcopy
from functools import partial, wraps
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from bootmle.likelihood.data import (
    as_args,
    check_call,
    count_rows,
    fingerprint,
    laid_out,
    take_rows,
)

ROWS = np.array([2, 0, 2])


class Pair(NamedTuple):
    X: Any
    y: Any


FORMS: dict[str, tuple[Any, Any]] = {
    "vector": (np.array([10.0, 20.0, 30.0]), np.array([30.0, 10.0, 30.0])),
    "matrix": (np.arange(6.0).reshape(3, 2), np.array([[4.0, 5.0], [0.0, 1.0], [4.0, 5.0]])),
    "list": ([1, 2, 3], [3, 1, 3]),
    "list of strings": (["a", "b", "c"], ["c", "a", "c"]),
    "ragged list": ([[1], [2, 3], []], [[], [1], []]),
    "booleans": (np.array([True, False, False]), np.array([False, True, False])),
    "dates": (
        np.array(["2020-01-01", "2020-01-02", "2020-01-03"], dtype="M8[D]"),
        np.array(["2020-01-03", "2020-01-01", "2020-01-03"], dtype="M8[D]"),
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_rows_of_arrays_and_lists(form: str) -> None:
    data, expected = FORMS[form]
    assert count_rows((data,)) == 3
    taken = take_rows(data, ROWS)
    assert type(taken) is type(data)
    if isinstance(data, list):
        assert taken == expected
    else:
        np.testing.assert_array_equal(taken, expected)
        assert taken.dtype == data.dtype


def test_rows_of_frames_and_series_go_by_position_whatever_the_index() -> None:
    frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]}, index=[7, 0, 1])
    taken = take_rows(frame, ROWS)
    assert count_rows((frame, frame["a"])) == 3
    assert taken["a"].tolist() == [3, 1, 3]
    assert taken["b"].tolist() == ["z", "x", "z"]
    assert take_rows(frame["a"], ROWS).tolist() == [3, 1, 3]


def test_rows_of_a_sparse_matrix() -> None:
    matrix = sparse.csr_array(np.diag([1.0, 2.0, 3.0]))
    assert count_rows((matrix,)) == 3
    np.testing.assert_array_equal(take_rows(matrix, ROWS).toarray(), np.diag([1.0, 2.0, 3.0])[ROWS])


def test_nested_containers_keep_their_form() -> None:
    data = (Pair(X=np.eye(3), y=[1, 2, 3]), {"z": (pd.Series([4, 5, 6]), [7, 8, 9])})
    assert count_rows(data) == 3
    pair, mapping = take_rows(data, ROWS)
    assert isinstance(pair, Pair)
    assert pair.y == [3, 1, 3]
    np.testing.assert_array_equal(pair.X, np.eye(3)[ROWS])
    assert mapping["z"][0].tolist() == [6, 4, 6]
    assert mapping["z"][1] == [9, 7, 9]


def test_a_bare_argument_is_wrapped_and_a_tuple_is_not() -> None:
    y = np.arange(3.0)
    assert as_args(y)[0] is y
    assert as_args((y, y)) == (y, y)


def test_no_data_has_no_rows() -> None:
    assert count_rows(()) is None


@pytest.mark.parametrize("bad", [3, 2.5, "text", None, np.float64(1.0), np.array(4.0), {1, 2}])
def test_what_has_no_rows_is_refused_with_its_place_value_and_the_way_out(bad: Any) -> None:
    with pytest.raises(TypeError) as caught:
        count_rows((np.arange(3), {"constant": bad}))
    message = str(caught.value)
    assert "args[1]['constant']" in message
    assert repr(bad) in message
    assert "functools.partial" in message


def test_counts_that_differ_are_both_shown() -> None:
    with pytest.raises(ValueError, match=r"args\[0\] has 3 rows but args\[1\]\['w'\] has 4"):
        count_rows((np.arange(3), {"w": np.arange(4)}))


def test_no_rows_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match=r"args\[0\] has no rows"):
        count_rows((np.empty((0, 2)),))


@pytest.mark.parametrize(
    "data",
    [
        np.arange(4.0),
        [1, 2, 3, 4],
        pd.Series([1.0, 2.0, 3.0, 4.0]),
        pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": list("wxyz")}),
        np.asfortranarray(np.arange(8.0).reshape(4, 2)),
        np.arange(8.0)[::2],
        sparse.csr_array(np.diag([1.0, 2.0, 3.0, 4.0])),
    ],
    ids=["array", "list", "series", "frame", "fortran", "strided", "sparse"],
)
def test_a_fingerprint_notices_one_changed_value(data: Any) -> None:
    before = fingerprint((data,))
    assert fingerprint((data,)) == before
    if isinstance(data, pd.DataFrame):
        data.iloc[2, 0] = 99.0
    elif isinstance(data, pd.Series):
        data.iloc[2] = 99.0
    elif isinstance(data, sparse.csr_array):
        data.data[2] = 99.0
    else:
        data[2] = 99.0
    assert fingerprint((data,)) != before


class Plain:
    """Like many classes, without a text of its own: the default one is an address."""

    def __init__(self, value: float) -> None:
        self.value = value


def ragged(last: float) -> list[Any]:
    return [[*range(5000), last], [1.0], []]


FULL: dict[str, tuple[Any, Any]] = {
    "mask": (
        np.ma.array([1.0, 2.0], mask=[False, True]),
        np.ma.array([1.0, 2.0], mask=[False, False]),
    ),
    "type": (np.array([1.0, 2.0]), np.array([1, 2])),
    "shape": (np.ones((2, 3)), np.ones((2, 1, 3))),
    "index": (pd.Series([1.0, 2.0], index=[3, 4]), pd.Series([1.0, 2.0], index=[3, 5])),
    "index of a frame": (pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1, 2]}, index=[1, 0])),
    "name of an index": (pd.Index([1, 2], name="a"), pd.Index([1, 2], name="b")),
    "name of a series": (pd.Series([1, 2], name="a"), pd.Series([1, 2], name="b")),
    "time zone": (
        pd.Series(pd.to_datetime(["2020-01-01"], utc=True)),
        pd.Series(pd.to_datetime(["2020-01-01"], utc=True)).dt.tz_convert("Asia/Tokyo"),
    ),
    "name of a column": (pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"b": [1, 2]})),
    "order of categories": (
        pd.Series(pd.Categorical(["a", "b"], ["a", "b"])),
        pd.Series(pd.Categorical(["a", "b"], ["b", "a"])),
    ),
    "structure": (sparse.csr_array([[1.0, 0.0]]), sparse.csr_array([[0.0, 1.0]])),
    "structure of diagonals": (sparse.dia_array(np.eye(3)), sparse.dia_array(np.eye(3, k=1))),
    "end of a long ragged list": (ragged(1.0), ragged(2.0)),
    "middle of a long cell": (
        np.array([np.arange(5000.0), 0.0], dtype=object),
        np.array([np.where(np.arange(5000) == 2500, 0.5, np.arange(5000.0)), 0.0], dtype=object),
    ),
    "attribute": ([Plain(1.0), Plain(2.0)], [Plain(1.0), Plain(3.0)]),
}


@pytest.mark.parametrize("kind", FULL)
def test_a_fingerprint_is_of_all_that_data_consist_of(kind: str) -> None:
    one, other = FULL[kind]
    assert fingerprint((one,)) == fingerprint((deepcopy(one),))
    assert fingerprint((one,)) != fingerprint((other,))


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    """No address and no order of a set is part of it, and no object that holds itself hangs it."""
    code = """
from bootmle.likelihood.data import fingerprint
class Plain: pass
def f(): pass
loop = []
loop.append(loop)
print(fingerprint(([Plain(), Plain()], [f, f], [{"a", "b", "c"}], loop)))
"""
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in "12"
    }
    assert len(found) == 1


def two(params: Any, y: Any) -> Any:
    return y


@wraps(two)
def wrapped(*args: Any) -> Any:
    return two(*args[:2])


@pytest.mark.parametrize("function", [two, lambda params, *args: 0, partial(two), wrapped, np.add])
def test_a_function_that_takes_the_data_is_let_through(function: Any) -> None:
    check_call("fun", function, (np.ones(3),), ("params",))


@pytest.mark.parametrize(
    ("function", "args", "shown"),
    [
        (two, (), "missing a required argument: 'y'"),
        (two, (np.ones(3), np.ones(3)), "the 2 in args .too many positional arguments"),
        (partial(two, y=1), (np.ones(3),), "too many positional|multiple values"),
    ],
)
def test_a_function_that_takes_other_data_says_what_it_takes(
    function: Any, args: tuple[Any, ...], shown: str
) -> None:
    with pytest.raises(TypeError, match=rf"fun: takes \(params.*y.*\(?{shown}") as caught:
        check_call("fun", function, args, ("params",))
    assert "a tuple" in str(caught.value)


class Foreign:
    """An array of another library, whose text leaves most values out."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(self.values, dtype=dtype)

    def __repr__(self) -> str:
        return "Foreign([...])"


class Table:
    """A table as of polars or pyarrow: columns by name, no items()."""

    columns = ("a", "b")

    def __init__(self, values: Any) -> None:
        self.values = values

    def __getitem__(self, name: str) -> Any:
        return Foreign(self.values[:, self.columns.index(name)])

    def __repr__(self) -> str:
        return "Table(...)"


@pytest.mark.parametrize("kind", [Foreign, Table])
def test_one_value_in_data_of_another_library_is_told_apart(kind: Any) -> None:
    values = np.arange(200.0).reshape(100, 2)
    other = values.copy()
    other[50, 1] += 1.0
    assert fingerprint((kind(values),)) == fingerprint((kind(values.copy()),))
    assert fingerprint((kind(values),)) != fingerprint((kind(other),))


@pytest.mark.parametrize("form", ["bsr", "coo", "csc", "dia", "dok", "lil"])
def test_rows_of_every_sparse_format(form: Any) -> None:
    X = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0], [4.0, 5.0]])
    held = laid_out((sparse.csr_matrix(X).asformat(form),))
    assert count_rows(held) == 4
    (drawn,) = take_rows(held, ROWS)
    assert drawn.format == held[0].format == ("csr" if form == "dia" else form)
    np.testing.assert_array_equal(drawn.toarray(), X[ROWS])
