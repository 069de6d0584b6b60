"""How a field of a run's record is stored: to JSON, back, and when runs are merged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

__all__ = ["entry", "exactly", "if_same", "list_of", "optional", "tuple_of"]


def entry(
    write: Callable[[Any], Any] = lambda value: value,
    read: Callable[[Any], Any] = lambda value: value,
    join: Callable[[Sequence[Any]], Any] = lambda values: values[0],
) -> dict[str, Any]:
    """Describe a stored field: its conversion to and from JSON, and how runs are merged."""
    return {"write": write, "read": read, "join": join}


def list_of(
    write: Callable[[Any], Any], read: Callable[[Any], Any], *, join: Any = chain.from_iterable
) -> dict[str, Any]:
    """Describe a field that is a tuple; merging concatenates those of all runs."""
    return entry(
        lambda values: [write(value) for value in values],
        lambda values: tuple(read(value) for value in values),
        lambda values: tuple(join(values)),
    )


def optional(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Convert a value unless it is None."""
    return lambda value: None if value is None else convert(value)


def if_same(values: Sequence[Any]) -> Any:
    """Keep what all runs that are merged have, by what they write; else None."""
    written = [getattr(value, "to_json", lambda value=value: value)() for value in values]
    return values[0] if all(each == written[0] for each in written) else None


def exactly(*kinds: type) -> Callable[[Any], Any]:
    """Read a value of one of some types."""

    def read(value: Any) -> Any:
        if type(value) not in kinds:
            raise TypeError(f"it has to be of type {' or '.join(kind.__name__ for kind in kinds)}")
        return value

    return read


def tuple_of(*kinds: type) -> dict[str, Any]:
    """Describe a field that is a tuple of plain values, stored as a list."""
    each = exactly(*kinds)
    return entry(list, lambda values: tuple(map(each, exactly(list)(values))))
