"""What became of each simulated data set: estimates, standard errors, intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status

__all__ = ["SimulatedFits"]


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedFits:
    """Results of N data sets, each fitted, bootstrapped and cross-checked.

    Attributes
    ----------
    estimates : (N, k) array
        Of k quantities: the parameters, then what was derived. NaN where a fit failed.
    status : (N,) int array
        Values of `Status`, of the fits.
    errors : (N, s, k) array
        Standard errors of s sources; NaN where one is withheld.
    low, high : (N, m, k) arrays
        Ends of the intervals of m methods; NaN where there is none.
    replicate : (N, k) array
        One replicate of each data set, where there is only one; its deviation is scaled to
        samples of the data's size where the plan draws others.
    n_failed : (N,) int array
        Replicates that failed.
    alarms, flags : (N,) int arrays
        What fired, and what the cross-check found: a bit for each kind.
    messages : mapping
        Number of a data set to what was said of it.
    """

    estimates: Floats
    status: NDArray[np.int8]
    errors: Floats
    low: Floats
    high: Floats
    replicate: Floats
    n_failed: NDArray[np.int64]
    alarms: NDArray[np.int64]
    flags: NDArray[np.int64]
    messages: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Count the data sets."""
        return len(self.status)

    @classmethod
    def blank(cls, count: int, sources: int, methods: int, size: int, status: int) -> SimulatedFits:
        """Make room for so many data sets, of one status and without any number."""

        def nothing(*shape: int) -> Floats:
            return np.full((count, *shape, size), np.nan)

        def zeros() -> NDArray[np.int64]:
            return np.zeros(count, dtype=np.int64)

        intervals = (nothing(methods), nothing(methods))
        states = np.full(count, status, dtype=np.int8)
        return cls(
            nothing(),
            states,
            nothing(sources),
            *intervals,
            nothing(),
            *(zeros(), zeros(), zeros()),
        )

    @classmethod
    def concatenate(cls, parts: Sequence[SimulatedFits]) -> SimulatedFits:
        """Join parts in order."""
        starts = np.cumsum([0, *map(len, parts)])
        messages = {
            int(start) + place: text
            for start, part in zip(starts, parts, strict=False)
            for place, text in part.messages.items()
        }
        arrays: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS
        }
        return cls(**arrays, messages=messages)

    def first(self, count: int) -> SimulatedFits:
        """Keep the first data sets."""
        kept = {place: text for place, text in self.messages.items() if place < count}
        return SimulatedFits(
            **{name: getattr(self, name)[:count] for name in _ARRAYS}, messages=kept
        )

    def where(self, chosen: NDArray[np.bool_]) -> SimulatedFits:
        """Keep some data sets, without what was said of them."""
        return SimulatedFits(**{name: getattr(self, name)[chosen] for name in _ARRAYS})

    def saying(self, messages: Mapping[int, str]) -> SimulatedFits:
        """Say something of some data sets."""
        return replace(self, messages=messages)

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Which data sets have no estimate, (N,)."""
        return np.asarray(self.status < 0)

    @property
    def reasons(self) -> Counter[str]:
        """Why data sets have no estimate, and how often."""
        return Counter(
            self.messages.get(int(k)) or Status(self.status[k]).message
            for k in np.flatnonzero(self.failed)
        )


_ARRAYS = tuple(each.name for each in fields(SimulatedFits) if each.name != "messages")
