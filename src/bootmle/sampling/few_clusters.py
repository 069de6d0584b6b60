"""How many clusters are few, and the note on them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["FEW_CLUSTERS", "note_on_few_clusters"]

FEW_CLUSTERS = 40
"""Fewer clusters are worth a note: √(G/(G − 1)) is 1.013 at 40, and "few" may mean up to 50 of them
(Cameron and Miller 2015, section VI)."""


def note_on_few_clusters(sizes: NDArray[np.intp]) -> tuple[str, ...]:
    """Say by how much standard errors are low; empty where there are many clusters, and alike."""
    count, alike, notes = sizes.size, np.sum(sizes) ** 2 / np.sum(sizes**2), []
    if count < FEW_CLUSTERS:
        notes.append(
            f"only {count} clusters: standard errors are low by about √(G/(G − 1)) = "
            f"{np.sqrt(count / (count - 1)):.3f}, and more where clusters differ in size"
        )
    if alike < min(FEW_CLUSTERS, count / 2):
        notes.append(
            f"the {count} clusters differ much in size (the largest has {sizes.max():,} of "
            f"{sizes.sum():,} rows) and tell as much as {alike:.2g} of one size, by Kish's formula"
        )
    return tuple(notes)
