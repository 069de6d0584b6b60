"""Reading names, start values, held values, bounds and scales; maps between the two scales."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import Bounds, OptimizeResult
from scipy.special import expit

from bootmle.likelihood.parameters import read_parameters
from bootmle.likelihood.scales import Log, Logit

pytestmark = pytest.mark.usefixtures("within_a_verb")


@pytest.mark.parametrize(
    ("x0", "names"),
    [
        ([1.0, 250.0], ("x1", "x2")),
        ((1, 250), ("x1", "x2")),
        (np.array([1.0, 250.0]), ("x1", "x2")),
        ({"mu": 1.0, "sigma": 250.0}, ("mu", "sigma")),
        (pd.Series({"mu": 1.0, "sigma": 250.0}), ("mu", "sigma")),
        (pd.Series([1.0, 250.0]), ("x1", "x2")),
        (OptimizeResult({"x": np.array([1.0, 250.0]), "fun": 3.0}), ("x1", "x2")),  # type: ignore[call-arg]
    ],
    ids=["list", "tuple", "array", "mapping", "series", "series without names", "result"],
)
def test_every_form_of_x0(x0: Any, names: tuple[str, ...]) -> None:
    read = read_parameters(x0)
    assert read.names == names
    assert read.values.dtype == np.float64
    assert_allclose(read.values, [1.0, 250.0])
    assert read.free_names == names


def test_a_scalar_start_is_one_parameter() -> None:
    assert read_parameters(3).values.shape == (1,)


def test_given_names_go_before_those_of_x0() -> None:
    assert read_parameters({"a": 1.0, "b": 2.0}, names=["u", "v"]).names == ("u", "v")


def test_the_start_is_a_copy() -> None:
    x0 = np.array([1.0, 2.0])
    read_parameters(x0).values[0] = 9.0
    assert x0[0] == 1.0


@pytest.mark.parametrize("fixed", [{"b": -7.0}, pd.Series({"b": -7.0})])
def test_fixed_parameters_are_held_at_their_value_and_leave_the_free_ones(fixed: Any) -> None:
    read = read_parameters({"a": 1.0, "b": 2.0, "c": 3.0}, fixed=fixed)
    assert read.free_names == ("a", "c")
    assert_allclose(read.values, [1.0, -7.0, 3.0])
    assert_allclose(read.to_user(np.array([10.0, 30.0])), [10.0, -7.0, 30.0])
    assert_allclose(read.to_working(np.array([4.0, 5.0, 6.0])), [4.0, 6.0])


@pytest.mark.parametrize(
    "bounds",
    [
        [(0.0, None), (None, 5.0)],
        [(0.0, np.inf), (-np.inf, 5.0)],
        np.array([[0.0, np.inf], [-np.inf, 5.0]]),
        Bounds([0.0, -np.inf], [np.inf, 5.0]),
        pd.Series({"x2": (None, 5.0), "x1": (0.0, None)}),
        pd.Series([(0.0, None), (None, 5.0)]),
    ],
    ids=["None", "inf", "array", "Bounds", "Series", "Series without names"],
)
def test_every_form_of_bounds(bounds: Any) -> None:
    read = read_parameters([1.0, 1.0], bounds=bounds)
    assert_allclose(read.bounds, [[0.0, np.inf], [-np.inf, 5.0]])


def test_scalar_ends_of_bounds_are_those_of_all_parameters() -> None:
    assert_allclose(read_parameters([1.0, 2.0], bounds=Bounds(0.0, 9.0)).bounds, [[0, 9], [0, 9]])


def test_bounds_of_held_parameters_go_with_them() -> None:
    read = read_parameters([1.0, 2.0], bounds=[(0, 3), (1, 4)], names=["a", "b"], fixed={"a": 1.0})
    assert_allclose(read.bounds, [[1.0, 4.0]])


class Cube:
    """A scale of the user's own, of single numbers."""

    def forward(self, value: float) -> float:
        return float(np.cbrt(value))

    def inverse(self, value: float) -> float:
        return value**3


@pytest.mark.parametrize(
    "transform",
    [
        ["identity", "log", ("logit", -1.0, 3.0)],
        {"b": "log", "c": ("logit", -1.0, 3.0)},
        pd.Series({"c": ("logit", -1.0, 3.0), "b": "log"}),
        ("identity", Log(), Logit(-1.0, 3.0)),
        ["IDENTITY", "Log", ("logit", -1, 3)],
    ],
)
def test_every_form_of_transform(transform: Any) -> None:
    read = read_parameters({"a": 4.0, "b": 2.0, "c": 0.5}, transform=transform)
    working = read.to_working(read.values)
    assert_allclose(working, [4.0, np.log(2.0), np.log(1.5 / 2.5)])
    assert_allclose(read.to_user(working), read.values)


def test_a_transform_of_ones_own() -> None:
    read = read_parameters([8.0, 1.0], transform=[Cube(), "identity"])
    assert_allclose(read.to_working(np.array([[8.0, 1.0], [27.0, 2.0]])), [[2, 1], [3, 2]])
    assert_allclose(read.to_user(np.array([[2.0, 1.0], [3.0, 2.0]])), [[8, 1], [27, 2]])


def test_one_word_is_the_transform_of_all() -> None:
    read = read_parameters([1.0, np.exp(1.0)], transform="log")
    assert_allclose(read.to_working(read.values), [0.0, 1.0], atol=1e-15)


def test_slopes_against_calculus() -> None:
    read = read_parameters(
        [1.0, 2.0, 0.5, 8.0],
        transform=["identity", "log", ("logit", -1.0, 3.0), Cube()],
    )
    at = np.array([0.3, -0.7, 0.4, 2.0])
    logistic = expit(0.4)
    expected = [1.0, np.exp(-0.7), 4.0 * logistic * (1 - logistic), 12.0]
    assert_allclose(read.slopes(at), expected, rtol=1e-8)


def test_points_of_any_leading_shape_are_mapped() -> None:
    read = read_parameters(
        [1.0, 2.0, 3.0], names=["a", "b", "c"], fixed={"b": 5.0}, transform="log"
    )
    points = np.random.default_rng(0).normal(size=(4, 3, 2))
    user = read.to_user(points)
    assert user.shape == (4, 3, 3)
    assert_allclose(user[..., 1], 5.0)
    assert_allclose(read.to_working(user), points)


def test_holding_some_of_the_free_parameters() -> None:
    read = read_parameters(
        {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0},
        fixed={"a": 1.5},
        bounds=[(0, 9), (1, 9), (2, 9), (3, 9)],
        transform={"d": "log"},
    )
    held = read.holding(np.array([1]), np.array([7.0]))
    assert held.free_names == ("b", "d")
    assert_allclose(held.bounds, [[1, 9], [3, 9]])
    assert_allclose(held.to_user(np.array([2.5, 0.0])), [1.5, 2.5, 7.0, 1.0])
    assert_allclose(read.values, [1.5, 2.0, 3.0, 4.0])


BAD: list[tuple[dict[str, Any], type[Exception], list[str]]] = [
    ({"x0": [1.0, np.nan]}, ValueError, ["x0", "nan", "finite"]),
    ({"x0": np.ma.masked_equal([1.0, 9.0], 9.0)}, ValueError, ["x0", "nan", "finite"]),
    ({"x0": {"a": 1, "b": 2}, "names": ["b", "a"]}, ValueError, ["names", "another order"]),
    ({"x0": [1.0 + 2.0j]}, TypeError, ["x0", "complex", "real"]),
    ({"x0": ["a"]}, TypeError, ["x0", "'a'", "numbers"]),
    ({"x0": [[1.0, 2.0]]}, ValueError, ["x0", "(1, 2)", "one number for each"]),
    ({"x0": []}, ValueError, ["x0", "(0,)"]),
    ({"x0": [1.0, 2.0], "names": ["a"]}, ValueError, ["names", "['a']", "2 parameters"]),
    ({"x0": [1.0, 2.0], "names": "ab"}, TypeError, ["names", "'ab'", "list"]),
    ({"x0": [1.0, 2.0], "names": ["a", "a"]}, ValueError, ["names", "['a']", "own name"]),
    ({"x0": {"a": 1.0}, "fixed": {"b": 2.0}}, ValueError, ["fixed", "'b'", "['a']"]),
    ({"x0": {"a": 1.0}, "fixed": {"a": 2.0}}, ValueError, ["fixed", "['a']", "at least one"]),
    ({"x0": {"a": 1, "b": 2}, "fixed": {"a": np.nan}}, ValueError, ["fixed", "'a'", "nan"]),
    ({"x0": {"a": 1.0, "b": 2.0}, "fixed": ["a"]}, TypeError, ["fixed", "['a']", "mapping"]),
    ({"x0": {"a": 1.0, "b": 2.0}, "fixed": "a"}, TypeError, ["fixed", "'a'", "mapping"]),
    ({"x0": {"a": 1, "b": 2}, "fixed": {"a": "z"}}, ValueError, ["fixed", "'a'", "'z'", "number"]),
    ({"x0": {"a": 1, "b": 2}, "fixed": {"a": None}}, ValueError, ["fixed", "'a'", "None"]),
    ({"x0": {"a": 1, "b": 2}, "fixed": {"a": np.inf}}, ValueError, ["fixed", "'a'", "inf"]),
    (
        {"x0": [1.5, 2.0], "bounds": [(1, 2, 3), (None, None)]},
        TypeError,
        ["bounds", "(1, 2, 3)", "(lower, upper)", "Bounds"],
    ),
    (
        {"x0": {"a": 1.0, "b": 2.0}, "bounds": {"a": 9}},
        TypeError,
        ["bounds", "[9, (None, None)]", "(lower, upper)"],
    ),
    ({"x0": [1.0, 2.0], "bounds": 5}, TypeError, ["bounds", "5", "(lower, upper)"]),
    (
        {"x0": [1.0, 2.0], "bounds": [("a", 3), (0, 3)]},
        TypeError,
        ["bounds", "'a'", "(lower, upper)"],
    ),
    ({"x0": [1.0, 2.0], "bounds": [(0, 3)]}, ValueError, ["bounds", "1 pairs", "2 parameters"]),
    ({"x0": [1.0], "bounds": [(3, 0)]}, ValueError, ["bounds", "3.0", "lower"]),
    ({"x0": [5.0], "bounds": [(0, 3)]}, ValueError, ["x0", "x1", "5", "bounds"]),
    ({"x0": [1.0, 2.0], "transform": ["log"]}, ValueError, ["transform", "1", "2 parameters"]),
    ({"x0": [1.0], "transform": "sqrt"}, ValueError, ["transform", "'sqrt'", "'log'", "inverse"]),
    ({"x0": {"a": 1.0}, "transform": {"b": "log"}}, ValueError, ["transform", "'b'", "['a']"]),
    (
        {"x0": [-1.0], "transform": "log"},
        ValueError,
        ["transform", "x1", "-1", "inside its domain"],
    ),
    (
        {"x0": [1.5], "transform": "logit"},
        ValueError,
        ["transform", "x1", "1.5", "inside its domain"],
    ),
    ({"x0": None}, TypeError, ["x0", "None", "start values"]),
    ({"x0": [[1.0], [1.0, 2.0]]}, TypeError, ["x0", "[[1.0], [1.0, 2.0]]", "start values"]),
    ({"x0": len}, TypeError, ["x0", "<built-in function len>", "start values"]),
    ({"x0": {"a": [1.0, 2.0]}}, ValueError, ["x0", "'a'", "[1.0, 2.0]", "one number"]),
    ({"x0": [1.0, 2.0], "names": 3}, TypeError, ["names", "3", "list"]),
    ({"x0": [1.0], "bounds": [(np.nan, 3)]}, ValueError, ["bounds", "nan", "None"]),
    ({"x0": [1.0], "transform": 3}, TypeError, ["transform", "3", "mapping", "'log'"]),
    (
        {"x0": [1.0], "transform": [("logit", 9, 0)]},
        ValueError,
        ["transform", "('logit', 9, 0)", "lower limit first"],
    ),
]


@pytest.mark.parametrize(("arguments", "kind", "parts"), BAD)
def test_bad_arguments_are_named_and_shown(
    arguments: dict[str, Any], kind: type[Exception], parts: list[str]
) -> None:
    with pytest.raises(kind) as caught:
        read_parameters(**arguments)
    for part in parts:
        assert part in str(caught.value)
