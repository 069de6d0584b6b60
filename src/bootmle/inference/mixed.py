"""Intervals of several kinds, each for some of the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from bootmle.inference.intervals import IntervalMethod, Need, ReplicateArrays
from bootmle.likelihood.arrays import Floats

__all__ = ["Mixed"]


@dataclass(frozen=True, slots=True, eq=False)
class Mixed(IntervalMethod):
    """For each parameter the interval of its own kind: ``methods``, and ``kinds`` (p,) of names."""

    name: ClassVar[str] = "recommended"
    needs: ClassVar[frozenset[Need]] = frozenset()

    methods: Mapping[str, IntervalMethod]
    kinds: NDArray[np.str_]

    @classmethod
    def of(cls, arrays: ReplicateArrays) -> Mixed:
        """Raise: the kinds do not follow from the arrays alone."""
        raise TypeError("the kinds of mixed intervals are chosen, not computed from replicates")

    @property
    def corrects_itself(self) -> NDArray[np.bool_]:
        """As each parameter's kind, (p,)."""
        found = np.zeros(self.kinds.size, dtype=bool)
        for name, method in self.methods.items():
            found[self.kinds == name] = method.corrects_itself
        return found

    def end(self, tail: float, *, upper: bool) -> tuple[Floats, Floats]:
        """Take each parameter's endpoint from its kind."""
        end, error = np.full((2, self.kinds.size), np.nan)
        for name, method in self.methods.items():
            chosen = self.kinds == name
            own, mcse = method.end(tail, upper=upper)
            end[chosen], error[chosen] = own[chosen], mcse[chosen]
        return end, error

    def tail(self, values: Floats, *, upper: bool) -> Floats:
        """Take each parameter's tail from its kind."""
        found = np.full(self.kinds.size, np.nan)
        for name, method in self.methods.items():
            chosen = self.kinds == name
            found[chosen] = method.tail(values, upper=upper)[chosen]
        return found

    def check(self, tail: float, confidence_level: float, *, upper: bool) -> None:
        """Refuse what a kind refuses, where it is the kind of a parameter without an endpoint."""
        for name, method in self.methods.items():
            if np.isnan(method.end(tail, upper=upper)[0][self.kinds == name]).any():
                method.check(tail, confidence_level, upper=upper)
