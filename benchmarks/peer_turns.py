"""One turn of a peer: a number of refits, what they took and what came of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bootmle.likelihood.arrays import Floats
from peer_cases import Case


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """Seconds of B refits, the variances of the estimates, and what can be counted.

    Evaluations and gradients are those of one refit, failures those of all; nan where the peer
    tells none.
    """

    B: int
    seconds: float
    variances: Floats
    evaluations: float = np.nan
    gradients: float = np.nan
    failures: float = np.nan

    @classmethod
    def of(cls, seconds: float, replicates: Any, **counts: float) -> Turn:
        """Summarize replicates, (B, p)."""
        values = np.asarray(replicates, dtype=float)
        return cls(len(values), seconds, values.var(axis=0, ddof=1), **counts)


Measure = Callable[[Case, int, int, int], Turn]
"""Take a turn: a case, B, n_jobs and a seed."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A way to bootstrap.

    `needs` is the package that must be there; of R's, "R" and its name. `families` are the models
    that it has, and `clusters` says whether it can draw them.
    """

    name: str
    needs: str
    with_gradient: bool
    measure: Measure
    families: tuple[str, ...] = ("logit", "nb2", "gamma")
    clusters: bool = True

    def serves(self, case: Case) -> bool:
        return case.family in self.families and (self.clusters or case.clusters is None)


class Stopwatch:
    """Seconds since it was made: of the processor on one core, of the wall on several.

    The processor's time of one thread is the wall time of a core that nobody shares.
    """

    def __init__(self, n_jobs: int) -> None:
        self.clock = time.process_time if n_jobs == 1 else time.perf_counter
        self.started = self.clock()

    def read(self) -> float:
        return self.clock() - self.started
