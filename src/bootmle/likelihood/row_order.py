"""Whether data of pandas that belong together have their rows in the same order."""

from __future__ import annotations

from typing import Any

from bootmle.likelihood.data import walk_leaves

__all__ = ["check_row_order"]


def check_row_order(args: tuple[Any, ...], argument: str = "", given: Any = None) -> None:
    """Refuse data, or what is ``given`` beside them, whose index is that of others reordered."""
    # Rows go by position here and by index in pandas; a sorted or shuffled copy is one way a row's
    # labels, and the other way its place.
    leaves = [(label, leaf) for label, leaf in walk_leaves(args) if _has_index(leaf)]
    if not leaves:
        return
    name, first = leaves[0]
    others = leaves[1:] if not argument else [(argument, given)] if _has_index(given) else []
    for label, other in others:
        if _reordered(first.index, other.index):
            where = "args" if label.startswith("args") else label
            raise ValueError(
                f"{where}: the index of {label} is that of {name} in another order, and rows are "
                f"taken by position; pass {label} with .reindex({name}.index), or .to_numpy() if "
                f"the order is right as it is"
            )


def _has_index(leaf: Any) -> bool:
    """Whether it is a Series or a data frame."""
    return hasattr(leaf, "iloc") and hasattr(leaf, "index")


def _reordered(one: Any, other: Any) -> bool:
    """Whether two indexes have the same labels, each once, in another order."""
    if len(one) != len(other) or one.equals(other):
        return False
    return bool(one.is_unique and other.is_unique and other.isin(one).all())
