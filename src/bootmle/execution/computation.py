"""What workers compute: chunks of replicates, or of any other results that can be joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Computation", "Countable", "Joinable"]


class Joinable(Protocol):
    """Results whose parts can be joined, such as `Replicates`."""

    @classmethod
    def concatenate(cls, parts: Sequence[Self], /) -> Self:
        """Join parts in order."""
        ...


class Countable(Joinable, Protocol):
    """Results whose members can be counted and truncated."""

    def __len__(self) -> int:
        """Count the members."""
        ...

    def first(self, count: int, /) -> Self:
        """Keep the first members."""
        ...

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Which members failed."""
        ...


Result_co = TypeVar("Result_co", bound=Joinable, covariant=True)


class Computation(Protocol[Result_co]):
    """A task divided into chunks of equal size, whose results do not depend on where they run."""

    @property
    def size(self) -> int:
        """Number of members in a chunk."""
        ...

    def __call__(self, chunk: int, /) -> Result_co:
        """Compute a whole chunk."""
        ...

    def part(self, chunk: int, first: int, last: int, /) -> Result_co:
        """Compute the members first, ..., last - 1 of a chunk."""
        ...

    def lost(self, chunk: int, first: int, last: int, reason: str, /) -> Result_co:
        """Report the members first, ..., last - 1 of a chunk as failed, with the reason."""
        ...
