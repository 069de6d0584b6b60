"""A budget of evaluations, at whose end a search stops where it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

__all__ = ["Budget", "SpentError", "at_most", "budget"]


class SpentError(Exception):
    """Raised through a search whose budget is spent."""


@dataclass(slots=True)
class Budget:
    """Evaluations that several searches may take together."""

    whole: int
    spent: int = 0
    stop: float = np.inf  # count at which the search that is under way has to end
    outer: Budget | None = None  # out of which this one is

    @property
    def is_spent(self) -> bool:
        """Whether none are left."""
        return self.spent >= self.whole

    def spend(self, count: int) -> None:
        """Count evaluations that are about to be made."""
        if self.spent + count > self.stop:
            raise SpentError
        self.spent += count
        if self.outer is not None:
            self.outer.spend(count)


_BUDGET: ContextVar[Budget | None] = ContextVar("budget", default=None)


def budget() -> Budget | None:
    """Return the budget of the block this is in, None without one."""
    return _BUDGET.get()


@contextmanager
def at_most(evaluations: int) -> Iterator[Budget]:
    """Give the searches in the block a budget, which may be part of another."""
    token = _BUDGET.set(given := Budget(evaluations, outer=_BUDGET.get()))
    try:
        yield given
    finally:
        _BUDGET.reset(token)
