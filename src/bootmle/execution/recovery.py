"""Recovery of a piece whose worker died: alone, then halved until the culprit is found."""

from __future__ import annotations

import re
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from bootmle.execution.computation import Computation, Joinable
from bootmle.execution.payload import StoredPayload
from bootmle.execution.pieces import Span, compute_span, length_of
from bootmle.execution.pools import call_alone
from bootmle.execution.timelimit import stop_watching

__all__ = ["Recovery"]

Result = TypeVar("Result", bound=Joinable)

_FROM_OUTSIDE = r"SIG(KILL|TERM)"
"""Signals by which others end a process, such as a system that is short of memory."""
_TRIES = 5
"""Times that a member's process is killed from outside before the member is blamed for it: one more
than the kills that follow the first in the hardest case of benchmarks/faults.py, five in a row."""


@dataclass(frozen=True, slots=True)
class Recovery(Generic[Result]):
    """Recomputes what was lost with a worker, on this machine and one piece at a time."""

    task: Computation[Result]
    payload: StoredPayload

    def compute(self, span: Span) -> Result:
        """Compute members alone, and in halves if they kill their process."""
        alone = length_of([span]) == 1
        for left in reversed(range(_TRIES if alone else 1)):
            try:
                return call_alone(_compute, self.payload, span)  # type: ignore[no-any-return]
            except BrokenExecutor as error:
                death = error
            if not (left and re.search(_FROM_OUTSIDE, str(death))):
                break
        return self._halves(span, death)

    def _halves(self, span: Span, death: BrokenExecutor) -> Result:
        """Compute both halves of what killed its process; a single member is reported as failed."""
        first, last = span
        if last - first == 1:
            chunk, start = divmod(first, self.task.size)
            return self.task.lost(chunk, start, start + 1, _reason(death))
        middle = (first + last) // 2
        parts = [self.compute((first, middle)), self.compute((middle, last))]
        return type(parts[0]).concatenate(parts)


def _compute(payload: StoredPayload, span: Span) -> object:
    """Compute members in the worker."""
    try:
        return compute_span(payload.open(), span)
    finally:
        stop_watching()


def _reason(death: BrokenExecutor) -> str:
    """Describe how a process ended, with its exit code where joblib knows it."""
    codes = re.search(r"\{(.+)\}", str(death))
    return "its worker process died" + (f": {codes.group(1)}" if codes else "")
