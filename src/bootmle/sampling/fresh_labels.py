"""Labels of clusters among the data: where they are, and fresh ones for clusters drawn twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.data import map_leaves, walk_leaves

__all__ = ["FreshLabels", "grouping_columns"]

Codes = NDArray[np.intp]
Values = NDArray[Any]

_SEED = 20_210_929
"""How clusters are renumbered to see whether their numbers matter: any fixed choice."""
_ONE_BY_ONE = 3
"""Places tried alone where not all are labels: each costs an evaluation of the objective."""


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """A column of one leaf of ``args``, and the group that it puts each of the n rows in."""

    leaf: str
    kind: str
    name: Any
    codes: Codes

    def numbered(self, rows: Codes, copies: Codes) -> Codes:
        """Give each group of each copy a number, in the order of the copies."""
        pairs = copies * (int(self.codes.max()) + 1) + self.codes[rows]
        return np.asarray(np.unique(pairs, return_inverse=True)[1], dtype=np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class FreshLabels:
    """Where the labels of clusters are among the data, so that each copy drawn gets its own.

    Attributes
    ----------
    places : tuple
        Columns, index levels and arrays that group rows by the clusters, or within them.
    codes : (n,) int array
        The cluster of each row.
    have_meaning : bool
        Whether a column that tells the clusters apart serves for more than that.
    """

    places: tuple[_Place, ...] = ()
    codes: Codes = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    have_meaning: bool = False

    @classmethod
    def find(cls, args: Any, codes: Codes) -> FreshLabels:
        """Find all that could be labels of these clusters, or of groups within them."""
        places = []
        for label, leaf in walk_leaves(args):
            for kind, name in _columns(leaf):
                groups = _groups_within(_read(leaf, kind, name), codes)
                if groups is not None:
                    places.append(_Place(label, kind, name, groups))
        return cls(tuple(places), codes)

    def of(self, taken: Any, rows: Codes, copies: Codes) -> Any:
        """Put fresh labels into the rows taken, which belong to so many copies."""

        def fresh(label: str, leaf: Any) -> Any:
            for place in self.places:
                if place.leaf == label:
                    numbers = place.numbered(rows, copies)
                    leaf = _written(leaf, place.kind, place.name, numbers)
            return leaf

        return map_leaves(fresh, taken)

    def without(self, other: FreshLabels) -> FreshLabels:
        """Leave out places that belong to another level."""
        taken = {(place.leaf, place.kind, place.name) for place in other.places}
        kept = [each for each in self.places if (each.leaf, each.kind, each.name) not in taken]
        return replace(self, places=tuple(kept))

    def kept_where_only_groups(self, args: Any, changes: Callable[[Any], bool]) -> FreshLabels:
        """Keep the places whose values group rows and serve for nothing else."""
        # ``changes(args)`` tells whether the model responds to other data: a covariate of clusters
        # groups rows as labels do, and shows itself once the clusters swap its values.
        if not self.places or not changes(self._swapped(args)):
            return self
        alone = [replace(self, places=(place,)) for place in self.places]
        tried = alone[:_ONE_BY_ONE] if len(alone) > 1 else []
        kept = [one.places[0] for one in tried if not changes(one._swapped(args))]
        others = [place for place in self.places if place not in kept]
        meaning = any(np.array_equal(place.codes, self.codes) for place in others)
        return replace(self, places=tuple(kept), have_meaning=meaning)

    def _swapped(self, args: Any) -> Any:
        """Give every cluster another's number."""
        order = np.random.default_rng(_SEED).permutation(int(self.codes.max()) + 1)
        return self.of(args, np.arange(self.codes.size), order[self.codes])


def grouping_columns(args: Any, changes: Callable[[Any], bool]) -> list[str]:
    """Name the columns whose values group rows, as seen from the model's value."""
    # It stays the same where all groups swap their labels, and changes where each row has its own.
    found = []
    for label, leaf in walk_leaves(args):
        for kind, name in _columns(leaf):
            codes = _groups(_read(leaf, kind, name))
            if codes is None or not 1 < int(codes.max()) + 1 < codes.size:
                continue
            labels = FreshLabels((_Place(label, kind, name, codes),), codes)
            rows = np.arange(codes.size)
            if not changes(labels._swapped(args)) and changes(labels.of(args, rows, rows)):
                found.append(label if name is None else f"{label} ({kind} {name!r})")
    return found


def _columns(leaf: Any) -> Iterator[tuple[str, Any]]:
    """List the columns of a leaf that may hold labels."""
    if hasattr(leaf, "iloc"):
        yield from (("column", name) for name in getattr(leaf, "columns", ()))
        if not hasattr(leaf, "columns"):
            yield "values", None
        yield from (("level", level) for level in range(leaf.index.nlevels))
    elif hasattr(leaf, "columns"):  # of polars and pyarrow
        yield from (("table", name) for name in _names(leaf))
    elif isinstance(leaf, np.ndarray) and leaf.dtype.names:
        yield from (("field", name) for name in leaf.dtype.names)
    elif isinstance(leaf, np.ndarray) and leaf.ndim == 2:
        yield from (("array", column) for column in range(leaf.shape[1]))
    elif isinstance(leaf, np.ndarray | list):
        yield "values", None


def _names(table: Any) -> list[str]:
    """List the columns of a table of polars or pyarrow."""
    return list(getattr(table, "column_names", table.columns))


def _read(leaf: Any, kind: str, name: Any) -> Values:
    """Read a column."""
    if kind in {"column", "field", "table"}:
        return np.asarray(leaf[name])
    if kind == "level":
        return np.asarray(leaf.index.get_level_values(name))
    if kind == "array":
        return np.asarray(leaf[:, name])
    try:
        return np.asarray(leaf)
    except ValueError:  # a ragged list holds no labels
        return np.empty((0, 0))


def _groups_within(values: Values, codes: Codes) -> Codes | None:
    """Give each row the number of its group; None where a column does not group within clusters."""
    # A column without repeats groups nothing, unless clusters are single rows.
    own = _groups(values) if values.shape == codes.shape else None
    if own is None:
        return None
    count = int(own.max()) + 1
    owner = np.empty(count, dtype=np.intp)
    owner[own] = codes
    nested = np.array_equal(owner[own], codes)
    return own if nested and (count < own.size or count == int(codes.max()) + 1) else None


def _groups(values: Values) -> Codes | None:
    """Give each row its value's number in order of appearance; None where there are no labels."""
    # Fractions are covariates, though there be one for each cluster; labels are whole numbers,
    # texts or other objects.
    if values.ndim != 1 or not values.size or values.dtype.kind not in "iufSUOMm":
        return None
    if values.dtype.kind == "f" and not np.array_equal(values, np.round(values)):
        return None
    numbers: dict[Any, int] = {}
    try:
        return np.array([numbers.setdefault(value, len(numbers)) for value in values.tolist()])
    except TypeError:  # not hashable
        return None


def _written(leaf: Any, kind: str, name: Any, codes: Codes) -> Any:
    """Return a copy of a leaf with other labels in one of its columns."""
    labels = _like(_read(leaf, kind, name), codes)
    if kind == "level":
        return _with_level(leaf, name, labels)
    if kind == "values":
        if hasattr(leaf, "iloc"):
            return type(leaf)(labels, index=leaf.index, name=leaf.name)
        return labels.tolist() if isinstance(leaf, list) else labels
    if kind == "table":
        place = _names(leaf).index(name)
        if hasattr(leaf, "set_column"):  # pyarrow's, which are never changed in place
            return leaf.set_column(place, name, [labels.tolist()])
        column = type(leaf[name])(name, labels)
        return leaf.clone().replace_column(place, column)
    if kind == "column":
        changed = leaf.copy(deep=False)
        changed[name] = labels
        return changed
    changed = leaf.astype(np.result_type(leaf, labels)) if kind == "array" else leaf.copy()
    changed[(slice(None), name) if kind == "array" else name] = labels
    return changed


def _with_level(table: Any, level: int, labels: Values) -> Any:
    """Return a data frame or Series with one level of its index replaced."""
    index = table.index
    if index.nlevels == 1:
        return table.set_axis(labels).rename_axis(index.name)
    levels = [labels if k == level else index.get_level_values(k) for k in range(index.nlevels)]
    return table.set_axis(type(index).from_arrays(levels, names=index.names))


def _like(labels: Values, codes: Codes) -> Values:
    """Write numbers as the labels that they replace are written: as numbers, or as text."""
    if labels.dtype.kind == "f":
        return codes.astype(labels.dtype)
    if isinstance(labels[0], str):
        return codes.astype(str).astype(labels.dtype if labels.dtype.kind == "O" else str)
    return codes
