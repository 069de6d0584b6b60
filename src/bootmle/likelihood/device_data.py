"""Data on their way to JAX: numbers of 64 bits, or refused by what they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import unmasked
from bootmle.likelihood.data import walk_leaves

__all__ = ["as_numbers", "casts", "key_message", "refuse_keys"]

_PLAIN = {"float64", "int64", "bool"}

_WAYS = {
    "c": "pass real and imaginary parts as columns",
    "M": "pass numbers for dates, such as days since the first",
    "m": "pass numbers for durations, such as seconds",
    "V": "pass its fields as arrays of their own, in a dict",
}
"""What to do, by the kind of a NumPy dtype; else it is text or objects."""
_CODES = "pass codes for categories, and numeric columns alone of a data frame"


def as_numbers(label: str, leaf: Any) -> NDArray[Any]:
    """Return a leaf of the data as numbers of 64 bits, a data frame as its matrix."""
    if hasattr(leaf, "toarray") or hasattr(leaf, "todense"):
        raise TypeError(
            f"args: {label} is sparse ({type(leaf).__name__}), and jac='jax' takes dense arrays "
            f"only; pass it as an array (toarray(), todense()), or leave jac out"
        )
    if hasattr(leaf, "columns") and hasattr(leaf, "iloc") and leaf.shape[1]:
        columns = [
            as_numbers(f"{label}[{name!r}]", leaf.iloc[:, k]) for k, name in enumerate(leaf.columns)
        ]
        return np.column_stack([each.astype(np.result_type(*columns)) for each in columns])
    values = np.asarray(unmasked(leaf))
    return _widened(label, values, getattr(leaf, "dtype", values.dtype))


def _widened(label: str, values: NDArray[Any], own: Any) -> NDArray[Any]:
    """Widen numbers to 64 bits: products of narrower integers would silently wrap around."""
    kind = values.dtype.kind
    if kind == "O" and _has_missing(values):
        raise TypeError(
            f"args: {label} has missing values, which are no numbers; pass complete rows"
        )
    if kind == "V" and values.dtype.names is None:  # bfloat16 and other short types of ml_dtypes
        return values.astype(np.float64)
    if kind not in "fiub":
        raise TypeError(
            f"args: {label} holds {own}, and jac='jax' takes numbers only; "
            f"{_WAYS.get(own.kind, _CODES)}"
        )
    if kind == "u" and values.size and values.max() > np.iinfo(np.int64).max:
        return values.astype(np.float64)
    wide = {"i": np.int64, "u": np.int64, "f": np.float64}.get(kind, values.dtype)
    return values.astype(wide, copy=False)


def _has_missing(values: NDArray[Any]) -> bool:
    """Whether objects are numbers but for None and pandas' NA."""
    missing = [each is None or type(each).__name__ == "NAType" for each in values.flat]
    return any(missing) and not any(isinstance(each, str) for each in values.flat)


def casts(args: Any) -> list[str]:
    """Say which data are cast on their way to JAX."""
    found = []
    for label, leaf in walk_leaves(args):
        own = getattr(leaf, "dtypes", getattr(leaf, "dtype", None))
        kinds = sorted({str(each) for each in (own if np.iterable(own) else [own])})
        moved = as_numbers(label, leaf).dtype
        mixed = len(kinds) > 1 and {str(moved)} != set(kinds)
        if own is not None and (mixed or not set(kinds) <= _PLAIN):
            found.append(f"args: {label} holds {', '.join(kinds)}: cast to {moved} for JAX")
    return found


def refuse_keys(args: Any) -> None:
    """Refuse JAX's random keys among the data."""
    for label, leaf in walk_leaves(args):
        if str(getattr(leaf, "dtype", "")).startswith("key<"):
            raise TypeError(key_message(label))


def key_message(label: str) -> str:
    """Say that random keys are no data, and what to do."""
    return (
        f"args: {label} holds random keys, and an objective must not be random; "
        f"draw the numbers once, outside fun, and pass them in args, one row for each observation, "
        f"or bind draws that all rows share with functools.partial or a closure"
    )
