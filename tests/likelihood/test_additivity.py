"""Whether an objective adds up over its rows: each kind is recognized for what it is."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import gammaln

from bootmle.likelihood.additivity import measure_response
from bootmle.likelihood.data import as_args
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.parameters import read_parameters
from bootmle.likelihood.response import Additivity

Floats = NDArray[np.float64]
RNG = np.random.default_rng(5)
N = 60
X = np.column_stack([np.ones(N), RNG.normal(size=N)])
Y = X @ [1.0, 0.5] + RNG.normal(size=N)
GROUP = np.repeat(np.arange(20), 3)
DATA = (X.copy(), Y.copy())
B: Floats = np.asarray(np.linalg.lstsq(X, Y, rcond=None)[0])
STEP: Floats = np.linalg.cholesky(np.linalg.inv(X.T @ X)).sum(axis=1)
"""A standard error in each whitened coordinate."""


def squares(b: Floats, X: Any, y: Any) -> Any:
    return 0.5 * np.sum((y - X @ b) ** 2)


def merged(b: Floats, X: Any, y: Any, g: Any) -> Any:
    """Random intercepts: the rows of a label share one, of variance 1."""
    _, code = np.unique(g, return_inverse=True)
    r, m = y - X @ b, np.bincount(code)
    return 0.5 * (np.sum(r**2) - np.sum(np.bincount(code, r) ** 2 / (1 + m)))


def extended(b: Floats, y: Any) -> Any:
    return np.sum(b) - np.sum(np.log(b[0] + b[1] * 2 * y))


EVENTS = RNG.random(N)
YIELDS = np.array([40.0, 20.0])

OBJECTIVES: dict[str, tuple[Callable[..., Any], tuple[Any, ...], Additivity]] = {
    "sum": (squares, (X, Y), Additivity.ADDITIVE),
    "constant": (lambda b, X, y: squares(b, X, y) + 99.0, (X, Y), Additivity.CONSTANT_TERM),
    "huge constant": (lambda b, X, y: squares(b, X, y) + 1e12, (X, Y), Additivity.CONSTANT_TERM),
    "log factorial": (
        lambda b, X, y: squares(b, X, y) + gammaln(len(y) + 1),
        (X, Y),
        Additivity.CONSTANT_TERM,
    ),
    "penalty": (lambda b, X, y: squares(b, X, y) + 3 * b @ b, (X, Y), Additivity.PENALTY),
    "mean": (lambda b, X, y: squares(b, X, y) / len(y), (X, Y), Additivity.MEAN),
    "mean and penalty": (
        lambda b, X, y: squares(b, X, y) / len(y) + b @ b,
        (X, Y),
        Additivity.MEAN,
    ),
    "broadcast": (
        lambda b, X, y: np.sum((y - X @ b) ** 2),
        (X, Y[:, None]),
        Additivity.SQUARE,
    ),
    "ignores args": (lambda b, X, y: squares(b, *DATA), (X, Y), Additivity.CONSTANT),
    "concentrated": (
        lambda b, X, y: len(y) / 2 * np.log(np.mean((y - X @ b) ** 2)),
        (X, Y),
        Additivity.EXCHANGEABLE,
    ),
    "standardized, ddof=1": (
        lambda b, X, y: 0.5 * np.sum((y / np.std(y, ddof=1) - X @ b) ** 2),
        (X, Y),
        Additivity.EXCHANGEABLE,
    ),
    "grouped": (merged, (X, Y, GROUP), Additivity.GROUPED),
    "pairs beside a sum": (
        lambda b, X, y: np.sum((X @ b) ** 2) / 2 - np.sum(y * (X @ b)) + 0.1 * b @ b,
        (X, Y[:, None]),
        Additivity.GROUPED,
    ),
}


def response(fun: Callable[..., Any], args: Any, at: Floats, step: Floats) -> Any:
    parameters, args = read_parameters(at), as_args(args)
    n = len(args[0])
    likelihood = Likelihood(fun, None, args, parameters, n, per_observation=False)
    points = [at, at + step, at - step]
    whole = [likelihood.total(point) for point in points[:2]]
    return measure_response(likelihood.resampled, n, n, points, whole)


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_each_kind_is_recognized(kind: str) -> None:
    fun, args, expected = OBJECTIVES[kind]
    assert response(fun, args, B, STEP).kind is expected


KEYS: dict[str, Callable[[Any], int]] = {"first": lambda y: 0, "length": len, "place": id}


@pytest.mark.parametrize(("by", "n"), [("first", 60), ("first", 59), ("length", 60), ("place", 60)])
def test_sums_that_are_remembered_are_no_penalty(by: str, n: int) -> None:
    known: dict[int, Any] = {}

    def remembered(b: Floats, X: Any, y: Any) -> Any:
        if KEYS[by](y) not in known:
            known[KEYS[by](y)] = y @ y, X.T @ y, X.T @ X
        yy, Xy, XX = known[KEYS[by](y)]
        return 0.5 * (yy - 2 * b @ Xy + b @ XX @ b) + len(y) * b[0] ** 2

    # Whether a place in memory is taken again is not for the test to say.
    expected = {Additivity.CONSTANT} | ({Additivity.GROUPED} if by == "place" else set())
    assert response(remembered, (X[:n].copy(), Y[:n].copy()), B, STEP).kind in expected


def test_data_that_are_the_same_in_every_row_are_not_ignored() -> None:
    found = response(lambda b, y: squares(b, X[: len(y)], y) + b @ b, np.ones(N), B, STEP)
    assert found.kind is not Additivity.CONSTANT


@pytest.mark.parametrize("factorial", [0.0, 1.0])
def test_an_extended_term_equals_the_number_of_rows_at_the_optimum(factorial: float) -> None:
    def nll(b: Floats, y: Any) -> Any:
        return extended(b, y) + factorial * gammaln(len(y) + 1)

    # Scaling both yields has its optimum where they add up to the number of events.
    found = response(nll, EVENTS, YIELDS, np.array([6.0, 4.0]))
    assert found.kind is Additivity.EXTENDED
    assert found.evidence.endswith("for 60 rows")
    elsewhere = response(nll, EVENTS, 2 * YIELDS, np.array([6.0, 4.0]))
    assert elsewhere.kind is Additivity.PENALTY


@pytest.mark.parametrize(("kind", "count"), [("sum", 3), ("constant", 6), ("grouped", 8)])
def test_a_few_evaluations_on_no_more_rows_than_there_are(kind: str, count: int) -> None:
    fun, args, _ = OBJECTIVES[kind]
    calls: list[int] = []

    def counted(b: Floats, *args: Any) -> Any:
        calls.append(len(args[0]))
        return fun(b, *args)

    likelihood = Likelihood(counted, None, args, read_parameters(B), N, per_observation=False)
    whole = [likelihood.total(point) for point in (B, B + STEP)]
    calls.clear()
    measure_response(likelihood.resampled, N, N, [B, B + STEP, B - STEP], whole)
    assert (len(calls), max(calls)) == (count, N)


def test_a_unit_that_the_objective_cannot_do_without_leaves_the_rest_unknown() -> None:
    def needs_first(b: Floats, X: Any, y: Any) -> Any:
        if not np.any(y == Y[0]):
            raise KeyError("the reference")
        return squares(b, X, y)

    assert response(needs_first, (X, Y), B, STEP).kind is Additivity.ADDITIVE

    def needs_two(b: Floats, X: Any, y: Any) -> Any:
        if not (np.any(y == Y[0]) and len(y) > N // 2):
            raise KeyError("all rows")
        return squares(b, X, y)

    with pytest.raises(KeyError, match="all rows"):
        response(needs_two, (X, Y), B, STEP)
