"""Rows that all occur several times, as in a table stacked on itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.data import count_rows, values_of, walk_leaves

__all__ = ["describe_repeats"]

Codes = NDArray[np.uint64]

_DISTINCT = 20
"""Fewest distinct rows: counts of so many patterns are all even by chance once in a million."""
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
"""2⁶⁴ over the golden ratio, odd: multiplying by it mixes bits (Knuth, volume 3, 6.4)."""
_REPEATED = (
    "every row of the data occurs {times} times, or a multiple of that ({distinct:,} distinct rows "
    "of {n:,}): if they are copies, standard errors are √{times} = {root:.3g} times too small; "
    "pass each row once"
)


def describe_repeats(args: tuple[Any, ...]) -> list[str]:
    """Say how often every row occurs, where that is more than once for all of them."""
    # Of grouped binary data some pattern occurs an odd number of times.
    n, codes = count_rows(args), [_codes(leaf) for _, leaf in walk_leaves(args)]
    if n is None or n < 2 * _DISTINCT:
        return []
    whole = np.zeros(n, dtype=np.uint64)
    for code in codes:
        if code is None:
            return []
        whole = _mixed(whole) + code
    if np.count_nonzero(whole == whole[0]) == 1:  # which spares most tables the sorting
        return []
    counts = np.unique(whole, return_counts=True)[1]
    times = int(np.gcd.reduce(counts))
    if times == 1 or counts.size < _DISTINCT:
        return []
    root = float(np.sqrt(times))
    return [_REPEATED.format(times=times, distinct=counts.size, n=n, root=root)]


def _codes(leaf: Any) -> Codes | None:
    """Give equal rows of a leaf equal numbers; None for data of a kind that is not read."""
    if hasattr(leaf, "iloc"):
        from pandas.util import hash_pandas_object

        try:
            return np.asarray(hash_pandas_object(leaf, index=False), dtype=np.uint64)
        except TypeError:  # a column of lists, or a frame of another library
            return None
    values = values_of(leaf) if isinstance(leaf, list) or hasattr(leaf, "__array__") else None
    if values is None or values.dtype.kind not in "biufMmUS" or not values.size:
        return None
    if values.dtype.kind in "US":
        values = np.unique(values, return_inverse=True)[1].reshape(values.shape)
    # Eight bytes a value, so that they are read as whole numbers, which add up without rounding.
    wide = values.astype(np.float64) if values.dtype.kind == "f" else values.astype(np.int64)
    codes = np.zeros(len(wide), dtype=np.uint64)
    for column in wide.reshape(len(wide), -1).T:
        codes = _mixed(codes) + np.ascontiguousarray(column).view(np.uint64)
    return codes


def _mixed(codes: Codes) -> Codes:
    """Spread what tells codes apart over all of their bits."""
    mixed = codes * _FACTOR
    return np.asarray(mixed ^ (mixed >> np.uint64(32)), dtype=np.uint64)
