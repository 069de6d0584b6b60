"""What lies above clusters and within them: strata, and groups of rows drawn at a second level."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.sampling.fresh_labels import FreshLabels
from bootmle.sampling.labels import members_of, read_codes

__all__ = ["inner_members", "numbered", "relabeled", "rows_of", "strata_of_clusters"]

Codes = NDArray[np.intp]


def inner_members(codes: Codes, within: Any) -> tuple[tuple[Codes, ...], ...]:
    """List the rows of each group within each cluster; a label serves in several clusters."""
    own = read_codes("within", within)
    if own.size != codes.size:
        raise ValueError(
            f"within: {own.size} labels, clusters has {codes.size}; pass one of each for every row"
        )
    found: list[tuple[Codes, ...]] = []
    for rows in members_of(codes):
        _, numbers = np.unique(own[rows], return_inverse=True)
        found.append(tuple(rows[group] for group in members_of(numbers)))
    return tuple(found)


def numbered(groups: Iterable[Codes], size: int) -> Codes:
    """Return the number of the group of each member, (size,)."""
    numbers = np.empty(size, dtype=np.intp)
    for number, group in enumerate(groups):
        numbers[group] = number
    return numbers


def relabeled(
    args: Any,
    levels: tuple[FreshLabels, FreshLabels],
    rows: Codes,
    copies: tuple[Codes, Codes],
) -> Any:
    """Put fresh labels of both levels into the rows taken."""
    for labels, each in zip(levels, copies, strict=True):
        args = labels.of(args, rows, each) if labels.places else args
    return args


def strata_of_clusters(codes: Codes, strata: Any) -> Codes:
    """Find each cluster's stratum; a cluster in two is an error."""
    of_rows = read_codes("strata", strata)
    if of_rows.size != codes.size:
        raise ValueError(
            f"strata: {of_rows.size} labels, clusters has {codes.size}; pass one of each for every "
            f"row"
        )
    of_clusters = np.empty(int(codes.max()) + 1, dtype=np.intp)
    of_clusters[codes] = of_rows
    split = np.flatnonzero(of_clusters[codes] != of_rows)
    if split.size:
        raise ValueError(
            f"strata: the cluster of row {split[0]} lies in two strata; clusters are drawn whole, "
            f"each within one"
        )
    return of_clusters


def rows_of(chosen: Codes, codes: Codes, order: Codes) -> Codes:
    """Return the rows of clusters chosen, one cluster after the other, from those in order."""
    # By numbers: to put 500 clusters' arrays together takes seven times as long.
    sizes = np.bincount(codes)
    before, drawn = np.cumsum(sizes) - sizes, sizes[chosen]
    ends = np.cumsum(drawn)
    places = np.arange(ends[-1]) + np.repeat(before[chosen] - ends + drawn, drawn)
    return np.asarray(order[places])
