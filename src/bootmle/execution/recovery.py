"""Recovery of a chunk whose worker died: alone, then halved until the culprit is found."""

from __future__ import annotations

import re
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from bootmle.execution.computation import Computation, Joinable
from bootmle.execution.payload import StoredPayload
from bootmle.execution.pools import call_alone

__all__ = ["Recovery"]

Result = TypeVar("Result", bound=Joinable)


@dataclass(frozen=True, slots=True)
class Recovery(Generic[Result]):
    """Recomputes what was lost with a worker, on this machine and one piece at a time."""

    task: Computation[Result]
    payload: StoredPayload

    def compute(self, chunk: int) -> Result:
        """Compute a chunk alone, and in halves if it kills its process again."""
        try:
            return call_alone(_whole, self.payload, chunk)  # type: ignore[no-any-return]
        except BrokenExecutor as death:
            return self._halves(chunk, 0, self.task.size, death)

    def _part(self, chunk: int, first: int, last: int) -> Result:
        """Compute part of a chunk alone, and in halves if it kills its process."""
        try:
            return call_alone(_part, self.payload, chunk, first, last)  # type: ignore[no-any-return]
        except BrokenExecutor as death:
            return self._halves(chunk, first, last, death)

    def _halves(self, chunk: int, first: int, last: int, death: BrokenExecutor) -> Result:
        """Compute both halves of what killed its process; a single member is reported as failed."""
        if last - first == 1:
            return self.task.lost(chunk, first, last, _reason(death))
        middle = (first + last) // 2
        parts = [self._part(chunk, first, middle), self._part(chunk, middle, last)]
        return type(parts[0]).concatenate(parts)


def _whole(payload: StoredPayload, chunk: int) -> object:
    """Compute a chunk in the worker."""
    return payload.open()(chunk)


def _part(payload: StoredPayload, chunk: int, first: int, last: int) -> object:
    """Compute part of a chunk in the worker."""
    return payload.open().part(chunk, first, last)


def _reason(death: BrokenExecutor) -> str:
    """Describe how a process ended, with its exit code where joblib knows it."""
    codes = re.search(r"\{(.+)\}", str(death))
    return "its worker process died" + (f": {codes.group(1)}" if codes else "")
