"""Names for parameters: the columns of the design matrices that they multiply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bootmle.display.checks import as_name
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.data import map_leaves, walk_leaves

__all__ = ["names_of_columns"]

_SAME = 1e-9
"""Relative difference that rounding may cause; products with powers of 2 are exact."""
_POWERS = 20
"""Columns are multiplied by 2 to 2^20, in turn: 1 would hide which parameter they belong to."""
_FROM_ZERO = 0.1
"""Part of the linear predictor that a parameter starting at 0 is given to tell."""


def names_of_columns(
    fun: Callable[..., Any], args: tuple[Any, ...], start: Floats
) -> tuple[tuple[str, ...], str] | None:
    """Return p names and where they are from, if parameters multiply named columns; else None."""
    # They do if the objective stays the same where columns are multiplied by numbers and their
    # parameters divided by them, and changes where the parameters alone are.
    found, places, position = [f"x{j + 1}" for j in range(start.size)], [], 0
    for place, leaf in walk_leaves(args):
        columns = _columns(leaf)
        for first in dict.fromkeys((position, start.size - len(columns))):
            span = slice(first, first + len(columns))
            if columns and first >= position and _multiply(fun, args, start, place, span):
                found[span], position = columns, span.stop
                places.append(place)
                break
    if not places or len(set(found)) < len(found):
        return None
    return tuple(found), " and ".join(places)


def _columns(leaf: Any) -> list[str]:
    """List the columns of a data frame or a design matrix; empty where they are numbers."""
    # Those of patsy have a ``design_info``; of formulaic, where they are no data frame, a
    # ``model_spec``.
    described = getattr(leaf, "design_info", getattr(leaf, "model_spec", None))
    names = list(getattr(leaf, "columns", getattr(described, "column_names", [])))
    return [as_name(name) for name in names] if any(not _whole(each) for each in names) else []


def _whole(name: Any) -> bool:
    """Whether a column has a number for a name."""
    return isinstance(name, int | np.integer)


def _multiply(
    fun: Callable[..., Any], args: tuple[Any, ...], start: Floats, place: str, span: slice
) -> bool:
    """Whether the parameters at some positions multiply the columns of the data at a place."""
    if span.stop > start.size:
        return False
    count = span.stop - span.start
    factors = 2.0 ** (1 + np.arange(count) % _POWERS)
    leaf = next(leaf for label, leaf in walk_leaves(args) if label == place)
    try:
        sizes = np.abs(np.asarray(leaf, dtype=float)).max(axis=0)
        point = start.copy()
        small = _FROM_ZERO / np.where(sizes > 0, sizes, 1.0)
        point[span] = np.where(point[span] == 0, small, point[span])
        other = point.copy()
        other[span] /= factors
        scaled = map_leaves(lambda label, part: part * factors if label == place else part, args)
        before, after, alone = (
            _value(fun, *each) for each in ((point, args), (other, scaled), (other, args))
        )
    except Exception:  # the user's code may raise anything away from its data
        return False
    same = np.allclose(before, after, rtol=_SAME, atol=0.0)
    return same and not np.allclose(before, alone, rtol=_SAME, atol=0.0)


def _value(fun: Callable[..., Any], params: Floats, args: tuple[Any, ...]) -> Floats:
    """Evaluate the objective, which may return its gradient as well."""
    value = fun(params, *args)
    return np.asarray(value[0] if isinstance(value, tuple) else value, dtype=float)
