"""What workers compute: replicates, or any other results that can be joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Computation", "Countable", "Joinable", "Storable"]


class Joinable(Protocol):
    """Results whose parts can be joined, such as `Replicates`."""

    @classmethod
    def concatenate(cls, parts: Sequence[Self], /) -> Self:
        """Join parts in order."""
        ...


class Countable(Joinable, Protocol):
    """Results whose members can be counted and cut."""

    def __len__(self) -> int:
        """Count the members."""
        ...

    def between(self, first: int, last: int, /) -> Self:
        """Keep the members at places first, ..., last - 1."""
        ...

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Which members failed."""
        ...


@runtime_checkable
class Storable(Protocol):
    """Results that are kept on disk, and checked when they are read."""

    @classmethod
    def like(cls, start: Mapping[str, Any], record: Mapping[str, Any], /) -> Self | None:
        """Return those of no member, with the form that a run's manifest says, if it does."""
        ...

    def check(self) -> None:
        """Raise ValueError for values that no computation has."""
        ...


Result_co = TypeVar("Result_co", bound=Joinable, covariant=True)


class Computation(Protocol[Result_co]):
    """A task divided into chunks of equal size, whose results do not depend on where they run."""

    @property
    def size(self) -> int:
        """Number of members in a chunk."""
        ...

    def part(self, chunk: int, first: int, last: int, /) -> Result_co:
        """Compute the members first, ..., last - 1 of a chunk."""
        ...

    def lost(self, chunk: int, first: int, last: int, reason: str, /) -> Result_co:
        """Report the members first, ..., last - 1 of a chunk as failed, with the reason."""
        ...
