"""Labels of clusters and strata: arrays, Series, or the name of a column in the data."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.display.text import brief
from bootmle.likelihood.row_order import check_row_order

__all__ = ["members_of", "read_codes", "resolve_labels"]

Codes = NDArray[np.intp]

_MISSING = frozenset({"", "nan", "NaN", "NaT", "<NA>"})
"""What a missing label is once it is text, as by astype(str) or in a file; and no word for one."""
_AMBIGUOUS = frozenset({"None"})
"""What may be a missing label, or a word: None, Some, All."""


def resolve_labels(argument: str, labels: Any, args: tuple[Any, ...]) -> Any:
    """Look up a column, or a level of the index, by name; return other labels as they are."""
    if not isinstance(labels, str):
        check_row_order(args, argument, labels)
        return labels
    tables = list(_tables(args))
    found = [table for table, columns in tables if labels in columns]
    if not found:
        columns = sorted({str(name) for _, columns in tables for name in columns})
        raise ValueError(
            f"{argument}: no data frame or dict in args has a column {labels!r}; "
            + (f"the columns are {columns}" if columns else "pass an array of labels")
        )
    table = found[0]
    own = not hasattr(table, "iloc") or labels in getattr(table, "columns", ())
    return table[labels] if own else table.index.get_level_values(labels)


def read_codes(argument: str, labels: Any, *, again: bool = False) -> Codes:
    """Return the labels' numbers from 0, in order of first appearance; warn unless read again."""
    values = np.asarray(labels)
    if values.dtype.kind in "US" and not hasattr(labels, "dtype"):
        values = np.array(list(labels), dtype=object)  # before NaN, None or 1 became text
    if values.ndim != 1 or values.size == 0:
        shown = brief(labels) if values.ndim == 0 else f"shape {values.shape}"
        raise ValueError(f"{argument}: {shown}; pass one label for each observation, (n,)")
    if np.any(np.ma.getmask(labels)) or any(map(_is_missing, values.tolist())):
        raise ValueError(f"{argument}: labels are missing (NaN or None); give every row a label")
    names, codes = _number(argument, values)
    as_text = [name for name in names if isinstance(name, str) and name.strip() in _MISSING]
    if as_text:
        raise ValueError(
            f"{argument}: labels are missing (as text: {as_text[0]!r}); give every row a label, or "
            f"another name to that group"
        )
    for name in () if again else _AMBIGUOUS.intersection(map(str, names)):
        warnings.warn(
            f"{argument}: the {int((values == name).sum()):,} rows of {name!r} are taken as one "
            f"group; if their labels are missing, give every row a label; if not, rename the group",
            stacklevel=4,
        )
    return codes


def _is_missing(label: Any) -> bool:
    """Whether a label is None, or is not equal to itself, as NaN, NaT and pandas' NA."""
    try:
        return label is None or bool(label != label)
    except TypeError:  # pandas' NA is neither
        return True


def _number(argument: str, values: NDArray[Any]) -> tuple[list[Any], Codes]:
    """Return the labels as they first appear, each once, and the number of each row's."""
    if values.dtype != object:
        unique, first, codes = np.unique(values, return_index=True, return_inverse=True)
        rank = np.empty(first.size, dtype=np.intp)
        rank[np.argsort(first)] = np.arange(first.size)
        return unique[np.argsort(first)].tolist(), np.asarray(rank[codes], dtype=np.intp)
    kinds = {type(label).__name__ for label in values}
    try:
        numbers = {label: code for code, label in enumerate(dict.fromkeys(values))}
    except TypeError:
        numbers = {}
    mixed = len({isinstance(label, str) for label in numbers}) > 1
    if mixed or not numbers:  # 1 and "1" would be two groups
        raise ValueError(
            f"{argument}: labels are {' and '.join(sorted(kinds))}, which have no common order; "
            f"pass labels of one type, such as [str(label) for label in labels]"
        )
    return list(numbers), np.array([numbers[label] for label in values], dtype=np.intp)


def members_of(codes: Codes) -> tuple[Codes, ...]:
    """List the rows of each label, in the order of the labels' numbers."""
    order = np.argsort(codes, kind="stable")
    return tuple(np.split(order, np.cumsum(np.bincount(codes))[:-1]))


def _tables(data: Any) -> Iterator[tuple[Any, list[Any]]]:
    """List what has columns among the data, with their names; of pandas those of levels, too."""
    if isinstance(data, tuple):
        for part in data:
            yield from _tables(part)
    elif isinstance(data, Mapping):
        yield data, list(data)
        for part in data.values():
            yield from _tables(part)
    elif hasattr(data, "iloc"):
        levels = [name for name in data.index.names if name is not None]
        yield data, [*getattr(data, "columns", ()), *levels]
    elif hasattr(data, "columns"):
        yield data, list(getattr(data, "column_names", data.columns))  # pyarrow has names apart
    elif getattr(getattr(data, "dtype", None), "names", None):
        yield data, list(data.dtype.names)
