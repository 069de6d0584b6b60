"""Column vectors against vectors: objectives that pair every row with every other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bootmle.likelihood.additivity import beside
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.data import count_rows, map_leaves, take_rows, walk_leaves
from bootmle.likelihood.likelihood import Likelihood

__all__ = ["refuse_broadcasts"]

_SAME = 1e-9
"""Relative difference that the order of a sum makes."""
_SEED = 20_210_929
"""Which other order the rows get: any fixed choice."""


def refuse_broadcasts(likelihood: Likelihood) -> None:
    """Refuse a column of shape (n, 1) whose rows are paired with all others."""
    # Then it does not matter which row of it goes with which row of the rest, and it does matter
    # that it is a column.
    leaves = dict(walk_leaves(likelihood.args))
    columns = {label: np.shape(leaf) for label, leaf in leaves.items() if _is_column(leaf)}
    if not columns or len(leaves) == 1:
        return
    point = beside(likelihood.parameters)
    whole = likelihood.total(point)
    if not np.isfinite(whole) or _adds_up(likelihood, point, whole):
        return
    for label, shape in columns.items():
        paired = not _changes(likelihood, label, _shuffled, point, whole)
        if paired and _changes(likelihood, label, _flat, point, whole):
            raise ValueError(
                f"fun: {label} of shape {shape} meets a vector in a broadcast: every row is paired "
                f"with all {shape[0]:,}, since their order does not change the objective; pass it "
                f"as a vector, of shape ({shape[0]},)"
            )


def _is_column(leaf: Any) -> bool:
    """Whether a leaf has shape (n, 1), and rows that differ."""
    if isinstance(leaf, list) or len(np.shape(leaf)) != 2 or np.shape(leaf)[1] != 1:
        return False
    values = np.asarray(leaf)
    return bool((values != values[0]).any())


def _adds_up(likelihood: Likelihood, point: Floats, whole: float) -> bool:
    """Whether the value is the sum of those on two halves, or their mean: it pairs no rows then."""
    n = int(count_rows(likelihood.args) or 0)
    rows = np.arange(n)
    try:
        first = likelihood.resampled(rows[: n // 2]).total(point)
        second = likelihood.resampled(rows[n // 2 :]).total(point)
    except Exception:  # an objective that holds part of its data is examined elsewhere
        return True
    near = _SAME * (abs(first) + abs(second))
    mean = (n // 2 * first + (n - n // 2) * second) / n
    return min(abs(first + second - whole), abs(mean - whole)) <= near


def _changes(
    likelihood: Likelihood, label: str, change: Callable[[Any], Any], point: Floats, whole: float
) -> bool:
    """Whether the objective has another value where one of its arguments is changed."""
    args = map_leaves(lambda own, leaf: change(leaf) if own == label else leaf, likelihood.args)
    try:
        value = likelihood.with_args(args).total(point)
    except Exception:  # a column is needed as such
        return False
    return not abs(value - whole) <= _SAME * abs(whole)


def _shuffled(leaf: Any) -> Any:
    """Put the rows in another order."""
    return take_rows(leaf, np.random.default_rng(_SEED).permutation(len(leaf)))


def _flat(leaf: Any) -> Any:
    """Make a vector of a column."""
    return leaf.iloc[:, 0] if hasattr(leaf, "iloc") else leaf[:, 0]
