"""Missing values: behind a mask, refused or left out where that is asked for; NaN, counted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.display.checks import check_choice
from bootmle.likelihood.data import take_rows, values_of, walk_leaves

__all__ = ["check_unmasked", "complete_rows", "drop_masked", "without_nan"]

Rows = NDArray[np.intp]

_CHOICES = ("raise", "drop")


def drop_masked(data: tuple[Any, ...], missing: str) -> tuple[tuple[Any, ...], Rows | None]:
    """Leave out the rows that are masked anywhere in the data; also return the rows kept.

    Raises
    ------
    ValueError
        For masked rows where they are not to be left out, with their number.
    """
    check_choice("missing", missing, _CHOICES)
    masks = {label: _masked_rows(leaf) for label, leaf in walk_leaves(data)}
    masked = {label: mask for label, mask in masks.items() if mask is not None and mask.any()}
    if not masked:
        return data, None
    if missing == "raise":
        shown = ", ".join(f"{int(mask.sum())} in {label}" for label, mask in masked.items())
        raise ValueError(
            f"args: masked rows are missing ({shown}); leave them out with missing='drop', or pass "
            f"complete data"
        )
    rows = np.flatnonzero(~np.any(list(masked.values()), axis=0))
    if not rows.size:
        raise ValueError("args: every row is masked somewhere; there is no complete row to fit")
    return take_rows(data, rows), rows


def complete_rows(contributions: Any) -> Rows | None:
    """Find the rows whose contribution is not masked; None where all are, or for a total."""
    mask = np.ma.getmaskarray(contributions).reshape(-1)
    return np.flatnonzero(~mask) if mask.size > 1 and mask.any() else None


def check_unmasked(raw: Any) -> None:
    """Refuse an evaluation that is masked somewhere, with the number of missing values."""
    masked = int(np.ma.getmaskarray(raw).sum()) if np.ma.isMaskedArray(raw) else 0
    if masked:
        raise ValueError(
            f"fun: {masked} of {np.size(raw)} contributions are masked, which reads as missing; "
            f"leave their rows out with missing='drop', or return complete contributions"
        )


def _masked_rows(leaf: Any) -> NDArray[np.bool_] | None:
    """Tell the rows of a leaf in which anything is masked; None where it has no mask."""
    if not np.ma.isMaskedArray(leaf):
        return None
    return np.asarray(np.ma.getmaskarray(leaf).reshape(len(leaf), -1).any(axis=1))


def without_nan(data: tuple[Any, ...]) -> Rows | None:
    """Find the rows without a NaN anywhere in the data; None where all are, or none is."""
    found = [mask for _, leaf in walk_leaves(data) if (mask := _nan_rows(leaf)) is not None]
    lacking = np.any(found, axis=0) if found else np.zeros(0, dtype=bool)
    return np.flatnonzero(~lacking) if lacking.any() and not lacking.all() else None


def _nan_rows(leaf: Any) -> NDArray[np.bool_] | None:
    """Tell the rows of a leaf in which anything is NaN; None where it holds no real numbers."""
    if hasattr(leaf, "isna"):
        lacking = np.asarray(leaf.isna())
    else:
        values = values_of(leaf) if hasattr(leaf, "dtype") or hasattr(leaf, "dtypes") else None
        if values is None or values.dtype.kind != "f":
            return None
        lacking = np.isnan(values)
    return np.asarray(lacking.reshape(len(lacking), -1).any(axis=1))
