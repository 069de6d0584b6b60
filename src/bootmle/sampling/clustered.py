"""The cluster bootstrap: groups of rows drawn whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bootmle.likelihood import Likelihood, Rows
from bootmle.resample import Resample

__all__ = ["Clustered"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Clustered:
    """Draw G of the G clusters with replacement, each with all its rows (Field and Welsh 2007).

    Parameters
    ----------
    clusters : (n,) array_like
        Label of the cluster that each observation belongs to; sizes may differ.

    Raises
    ------
    ValueError
        Unless there is one label for each observation, none missing, and at least two clusters.

    Examples
    --------
    >>> import numpy as np
    >>> from bootmle import Clustered
    >>> plan = Clustered(["a", "a", "b", "c"])
    >>> first, second, *_ = plan.draw(4, 0, np.random.default_rng(0)).weights
    >>> bool(first == second)
    True
    """

    clusters: ArrayLike
    codes: NDArray[np.intp] = field(init=False)
    members: tuple[NDArray[np.intp], ...] = field(init=False)
    independent_rows: ClassVar[bool] = False
    fractional: ClassVar[bool] = False
    n_available: ClassVar[int | None] = None

    def __post_init__(self) -> None:
        """Read the labels, and list the rows of each cluster."""
        codes = _read_codes(self.clusters)
        order = np.argsort(codes, kind="stable")
        ends = np.cumsum(np.bincount(codes))[:-1]
        object.__setattr__(self, "codes", codes)
        object.__setattr__(self, "members", tuple(np.split(order, ends)))

    def check(self, likelihood: Likelihood) -> None:
        """Refuse an objective that groups of rows cannot be drawn for."""
        if likelihood.rows is Rows.UNDIVIDED and not likelihood.separable:
            raise ValueError(
                "sampling: Clustered() draws groups of rows, but the objective cannot be evaluated "
                "on a part of the rows: pass everything with a row for each observation in args"
            )

    def check_size(self, n: int) -> None:
        """Refuse labels of another number of observations."""
        if self.codes.size != n:
            raise ValueError(
                f"clusters: {self.codes.size} labels for {n} observations; pass one label for each "
                f"contribution, in the same order"
            )

    def draw(self, n: int, replicate: int, rng: np.random.Generator) -> Resample:
        """Draw one resample of clusters."""
        chosen = rng.integers(len(self.members), size=len(self.members))
        return Resample(n, rows=np.concatenate([self.members[cluster] for cluster in chosen]))

    def __repr__(self) -> str:
        """Show how many clusters there are, not all labels."""
        return f"Clustered({len(self.members)} clusters)"


def _read_codes(clusters: Any) -> NDArray[np.intp]:
    """Give each label its number, from 0 in the order in which they first appear."""
    labels = np.asarray(clusters)
    if labels.ndim != 1 or labels.size == 0:
        raise ValueError(
            f"clusters: shape {labels.shape}; pass one label for each observation, (n,)"
        )
    missing = labels != labels
    if np.any(missing) or any(label is None for label in labels.tolist()):
        raise ValueError("clusters: labels are missing (NaN or None); give every row its cluster")
    _, first, codes = np.unique(labels, return_index=True, return_inverse=True)
    if first.size < 2:
        raise ValueError(f"clusters: all rows belong to {labels[0]!r}; two clusters are the least")
    rank = np.empty(first.size, dtype=np.intp)
    rank[np.argsort(first)] = np.arange(first.size)
    return rank[codes]
