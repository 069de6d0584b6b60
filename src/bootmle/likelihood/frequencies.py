"""Frequency weights: rows of the data that stand for several observations each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.display.checks import check_choice
from bootmle.likelihood.arrays import Floats

__all__ = ["Frequencies", "observed_rows"]

_KINDS = ("importance", "frequency")

_MOST = 2**26
"""Observations that rows may stand for: measured at 10 million, a run holds 210 bytes for each, and
a resample of 64 million takes a minute."""


@dataclass(frozen=True, slots=True, eq=False)
class Frequencies:
    """How many observations each row of the data stands for.

    Attributes
    ----------
    counts : (n,) int array
        Observations of each row that contributes.
    given : (m,) int array
        The same for the rows as they were passed, 0 for those left out.
    row_of : (N,) int array
        The row of each observation: copies of a row follow one another.
    """

    counts: NDArray[np.intp]
    given: NDArray[np.intp]
    row_of: NDArray[np.intp] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """List the row of each observation."""
        object.__setattr__(self, "row_of", np.repeat(np.arange(self.counts.size), self.counts))

    @classmethod
    def read(cls, weights: Floats, given: Any, kept: NDArray[np.intp] | None) -> Frequencies | None:
        """Read weights (n,) of the rows kept of those given; None where each is one observation."""
        wrong = weights[weights != np.round(weights)]
        if wrong.size or weights.sum() > _MOST:
            shown = f"got {wrong[:3]}" if wrong.size else f"they add up to {weights.sum():.4g}"
            advice = (
                "use weights_kind='importance' for weights of any other size"
                if wrong.size
                else "divided by k and rounded, they give √k times the standard errors"
            )
            raise ValueError(
                f"weights: with weights_kind='frequency' they are whole numbers of observations, "
                f"at most {_MOST:,} together; {shown}: {advice}"
            )
        if kept is None and np.all(weights == 1):
            return None
        counts = weights.astype(np.intp)
        if kept is None:
            return cls(counts, counts)
        whole = np.zeros(np.size(given), dtype=np.intp)
        whole[kept] = counts
        return cls(counts, whole)

    @property
    def total(self) -> int:
        """Number N of observations."""
        return int(self.row_of.size)

    @property
    def first(self) -> NDArray[np.intp]:
        """The first observation of each row that has any."""
        return np.flatnonzero(np.diff(self.row_of, prepend=-1))

    def gathered(self, weights: Floats) -> Floats:
        """Sum weights of the observations (..., N) by row, (..., n)."""
        observed = np.flatnonzero(self.counts)
        starts = np.cumsum(self.counts)[observed] - self.counts[observed]
        sums = np.zeros((*weights.shape[:-1], self.counts.size))
        sums[..., observed] = np.add.reduceat(weights, starts, axis=-1)
        return sums

    def labels(self, labels: Any) -> Any:
        """Repeat labels that are one for each row, as passed or left; others are as they were."""
        for counts in (self.given, self.counts):
            if np.shape(labels) == counts.shape:
                return np.repeat(np.asarray(labels), counts)
        return labels


def observed_rows(
    weights: Any, kind: Any, n_rows: int | None, kept: NDArray[np.intp] | None
) -> NDArray[np.intp] | None:
    """Return those of the rows kept that stand for any observation; None where all do."""
    # None, too, for importance weights. An objective need not be finite on rows left out.
    check_choice("weights_kind", kind, _KINDS)
    if kind == "frequency" and weights is None:
        raise ValueError("weights_kind: 'frequency', but there are no weights; pass weights=")
    if kind != "frequency" or n_rows is None:
        return None
    try:
        values = np.asarray(weights, dtype=float)
    except (TypeError, ValueError):  # refused with all other weights that cannot be used
        return None
    if values.shape != (n_rows,):
        return None
    kept = np.arange(n_rows) if kept is None else kept
    rows = kept[values[kept] != 0]
    return rows if 0 < rows.size < kept.size else None
