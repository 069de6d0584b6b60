"""The contributions at the points that were evaluated last, kept while a fit goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bootmle.likelihood.arrays import Floats

__all__ = ["KeptValues"]

_CAP = 2**22
"""Values that are kept at most (32 MiB)."""


@dataclass(slots=True)
class KeptValues:
    """Full parameter vectors and copies of the contributions there, of all rows, the latest."""

    args: tuple[Any, ...]
    most: int
    found: dict[bytes, tuple[Floats, Floats]] = field(default_factory=dict)

    @classmethod
    def of(cls, args: tuple[Any, ...], n: int, size: int) -> KeptValues | None:
        """Make room for the points of Hessians in so many parameters; None where it is lacking."""
        most = 4 * size * (size + 4)
        return cls(args, most) if n * most <= _CAP else None

    def keep(self, args: tuple[Any, ...], params: Floats, values: Floats) -> None:
        """Keep what was evaluated on these args, unless they are others."""
        if args is not self.args:
            return
        key = params.tobytes()
        self.found.pop(key, None)
        if len(self.found) == self.most:
            del self.found[next(iter(self.found))]
        self.found[key] = params.copy(), values.copy()

    def arrays(self) -> tuple[Floats, Floats]:
        """Return the parameter vectors (k, p) and the contributions (k, n)."""
        points, values = zip(*self.found.values(), strict=True) if self.found else ((), ())
        return np.array(points), np.array(values)
