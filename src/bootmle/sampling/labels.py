"""Labels of clusters and strata: arrays, Series, or the name of a column in the data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.display.text import brief
from bootmle.likelihood.row_order import check_row_order

__all__ = ["members_of", "read_codes", "resolve_labels"]

Codes = NDArray[np.intp]


def resolve_labels(argument: str, labels: Any, args: tuple[Any, ...]) -> Any:
    """Look up a column by its name; return labels of any other form as they are."""
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
    return found[0][labels]


def read_codes(argument: str, labels: Any) -> Codes:
    """Return the labels' numbers from 0, in order of first appearance."""
    values = np.asarray(labels)
    if values.ndim != 1 or values.size == 0:
        shown = brief(labels) if values.ndim == 0 else f"shape {values.shape}"
        raise ValueError(f"{argument}: {shown}; pass one label for each observation, (n,)")
    missing = values != values
    if np.any(missing) or any(label is None for label in values.tolist()):
        raise ValueError(f"{argument}: labels are missing (NaN or None); give every row a label")
    try:
        _, first, codes = np.unique(values, return_index=True, return_inverse=True)
    except TypeError:
        kinds = " and ".join(sorted({type(label).__name__ for label in values.tolist()}))
        raise ValueError(
            f"{argument}: labels are {kinds}, which have no common order; pass labels of one type, "
            f"such as [str(label) for label in labels]"
        ) from None
    rank = np.empty(first.size, dtype=np.intp)
    rank[np.argsort(first)] = np.arange(first.size)
    return np.asarray(rank[codes], dtype=np.intp)


def members_of(codes: Codes) -> tuple[Codes, ...]:
    """List the rows of each label, in the order of the labels' numbers."""
    order = np.argsort(codes, kind="stable")
    return tuple(np.split(order, np.cumsum(np.bincount(codes))[:-1]))


def _tables(data: Any) -> Iterator[tuple[Any, list[Any]]]:
    """List the data frames, dicts and structured arrays among the data, with their columns."""
    if isinstance(data, tuple):
        for part in data:
            yield from _tables(part)
    elif isinstance(data, Mapping):
        yield data, list(data)
        for part in data.values():
            yield from _tables(part)
    elif hasattr(data, "columns"):
        yield data, list(getattr(data, "column_names", data.columns))  # pyarrow has names apart
    elif getattr(getattr(data, "dtype", None), "names", None):
        yield data, list(data.dtype.names)
