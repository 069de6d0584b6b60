"""How many clusters are few, and the note on them."""

from __future__ import annotations

import numpy as np

__all__ = ["FEW_CLUSTERS", "note_on_few_clusters"]

FEW_CLUSTERS = 40
"""Fewer clusters are worth a note: √(G/(G − 1)) is 1.013 at 40, and "few" may mean up to 50 of them
(Cameron and Miller 2015, section VI)."""


def note_on_few_clusters(count: int) -> tuple[str, ...]:
    """Say by how much standard errors are low; empty where there are many clusters."""
    if count >= FEW_CLUSTERS:
        return ()
    return (
        f"only {count} clusters: standard errors are low by about √(G/(G − 1)) = "
        f"{np.sqrt(count / (count - 1)):.3f}, and more where clusters differ in size",
    )
