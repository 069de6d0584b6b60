"""The results of the simulated data sets: estimates, standard errors, intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.crosschecks import Flag
from bootmle.display.message_kinds import count_kinds
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status
from bootmle.refitting.alarm_kinds import AlarmKind

__all__ = ["SimulatedFits", "count_names", "join_names"]

Names = NDArray[np.str_]
"""For each data set the names of an enumeration's members, separated by blanks.

Names, not positions: a member added later does not change what a stored study says.
"""


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedFits:
    """Results of N data sets, each fitted, bootstrapped and cross-checked.

    Attributes
    ----------
    estimates : (N, k) array
        Estimates of k quantities: the parameters, then derived ones. NaN where a fit failed.
    status : (N,) int array
        Values of `Status`, of the fits.
    errors : (N, s, k) array
        Standard errors from s sources; NaN where one is withheld.
    low, high : (N, m, k) arrays
        Endpoints of the intervals of m methods; NaN where there is none.
    replicate : (N, k) array
        The only replicate of each data set in a warp study; its deviation is rescaled to samples
        of the data's size where the plan draws others.
    n_failed : (N,) int array
        Number of replicates that failed.
    alarms, flags : (N,) str arrays
        Names of the `AlarmKind` members raised, and of the cross-check's `Flag` members.
    messages : mapping
        Index of a data set to what went wrong with it.
    """

    estimates: Floats
    status: NDArray[np.int8]
    errors: Floats
    low: Floats
    high: Floats
    replicate: Floats
    n_failed: NDArray[np.int64]
    alarms: Names
    flags: Names
    messages: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Count the data sets."""
        return len(self.status)

    @classmethod
    def like(cls, start: Mapping[str, Any], record: Mapping[str, Any]) -> SimulatedFits | None:
        """Return no data sets, of the study that a manifest describes; earlier ones did not."""
        if not record:
            return None
        sources, methods, names = (len(record[name]) for name in ("sources", "methods", "names"))
        return cls.blank(0, sources, methods, names, 0)

    def check(self) -> None:
        """Raise ValueError for statuses that there are not."""
        unknown = set(np.unique(self.status).tolist()) - set(map(int, Status))
        if unknown:
            raise ValueError(f"status holds {min(unknown)}")

    @classmethod
    def blank(cls, count: int, sources: int, methods: int, size: int, status: int) -> SimulatedFits:
        """Return ``count`` data sets of one status, without numbers."""

        def missing(*shape: int) -> Floats:
            return np.full((count, *shape, size), np.nan)

        return cls(
            estimates=missing(),
            status=np.full(count, status, dtype=np.int8),
            errors=missing(sources),
            low=missing(methods),
            high=missing(methods),
            replicate=missing(),
            n_failed=np.zeros(count, dtype=np.int64),
            alarms=_no_names(count, AlarmKind),
            flags=_no_names(count, Flag),
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

    def between(self, first: int, last: int) -> SimulatedFits:
        """Keep the data sets at places first, ..., last - 1."""
        kept = {k - first: text for k, text in self.messages.items() if first <= k < last}
        return SimulatedFits(
            **{name: getattr(self, name)[first:last] for name in _ARRAYS}, messages=kept
        )

    def where(self, chosen: NDArray[np.bool_]) -> SimulatedFits:
        """Keep the chosen data sets, without their messages."""
        return SimulatedFits(**{name: getattr(self, name)[chosen] for name in _ARRAYS})

    def with_messages(self, messages: Mapping[int, str]) -> SimulatedFits:
        """Replace the messages."""
        return replace(self, messages=messages)

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Which data sets have no estimate, (N,)."""
        return np.asarray(self.status < 0)

    @property
    def reasons(self) -> Counter[str]:
        """Why data sets have no estimate, and how often."""
        messages = (
            self.messages.get(int(k)) or Status(self.status[k]).message
            for k in np.flatnonzero(self.failed)
        )
        return Counter(dict(count_kinds(messages)))


_ARRAYS = tuple(each.name for each in fields(SimulatedFits) if each.name != "messages")


def join_names(members: Iterable[Enum]) -> str:
    """Join the names of an enumeration's members, sorted."""
    return " ".join(sorted({member.name for member in members}))


def count_names(names: Names) -> Counter[str]:
    """Count the data sets that each name stands for."""
    return Counter(name for joined in names for name in joined.split())


def _no_names(count: int, kinds: type[Enum]) -> Names:
    """Return empty names, in a dtype that holds all members at once."""
    # Its width depends on the enumeration alone, so that shards and resumed studies are merged bit
    # for bit.
    return np.zeros(count, dtype=f"U{len(join_names(kinds))}")
