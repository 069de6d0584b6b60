"""The array type that numbers travel in, and vectors that a user's function returns."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.display.checks import as_name
from bootmle.display.text import brief

__all__ = ["Floats", "by_name", "read_estimates", "unmasked"]

Floats = NDArray[np.float64]
"""An array of double precision numbers, of any shape."""


def read_estimates(raw: Any, argument: str = "function") -> tuple[Floats, tuple[str, ...] | None]:
    """Read what a function returns: a vector, and its names where it has any."""
    if isinstance(raw, float):  # NumPy's, too: most functions that are called very often
        return np.array([raw]), None
    own: tuple[str, ...] | None = None
    if isinstance(raw, Mapping):
        own, raw = tuple(map(as_name, raw)), list(raw.values())
    elif hasattr(raw, "index") and hasattr(raw, "to_numpy"):
        own, raw = tuple(map(as_name, raw.index)), raw.to_numpy()
    raw = unmasked(raw)
    if raw is None:
        raise TypeError(f"{argument}: returned None; return an array, a mapping or a Series")
    no_numbers = f"{argument}: returned {brief(raw)}; return an array, a mapping or a Series"
    try:
        plain = np.atleast_1d(np.asarray(raw))
    except ValueError:  # parts of unequal length
        raise TypeError(no_numbers) from None
    if np.iscomplexobj(raw) or any(np.iscomplexobj(each) for each in plain):
        raise TypeError(f"{argument}: returned complex numbers ({brief(raw)}); estimates are real")
    try:
        if plain.dtype.kind not in "biufO" or any(isinstance(one, str) for one in plain.flat):
            raise TypeError("dates and text are no numbers, though NumPy makes numbers of them")
        values = plain.astype(float)
    except (TypeError, ValueError):
        raise TypeError(no_numbers) from None
    if values.ndim != 1 or values.size == 0:
        raise ValueError(f"{argument}: returned shape {values.shape}; return a vector")
    return values, own


def unmasked(raw: Any) -> Any:
    """Put NaN in place of what is masked, which NumPy's functions would otherwise read."""
    if not np.ma.isMaskedArray(raw):
        return raw
    return np.ma.filled(raw.astype(float), np.nan)


def by_name(given: Any) -> Any:
    """Return a Series as a mapping, or as a list where its index is no more than numbers."""
    if not (hasattr(given, "to_numpy") and hasattr(given, "index") and np.ndim(given) == 1):
        return given
    if all(isinstance(label, int) for label in given.index):
        return list(given)
    return {as_name(label): value for label, value in given.items()}
