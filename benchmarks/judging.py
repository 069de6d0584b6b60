"""Replicates compared with the independent solver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bootmle import Bootstrap, Status
from bootmle.likelihood.arrays import Floats
from problems import Problem
from references import Reference

NEAR = 1e-3
_REACHED = {Status.CERTIFIED, Status.CERTIFIED_BY_FALLBACK, Status.NOISE_LIMITED}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a replicate compares with the solver.

    Attributes
    ----------
    exists : bool
        Whether the solver finds an optimum, from the estimate or from the package's answer.
    status : Status
        What the package says.
    distance : float
        Standard errors from that optimum; NaN where one of them is missing.
    own : float
        Standard errors from the optimum that the solver finds from the package's answer; NaN
        where it finds none.
    """

    replicate: int
    exists: bool
    status: Status
    distance: float
    own: float
    message: str

    @property
    def reached(self) -> bool:
        return self.status in _REACHED

    @property
    def wrong(self) -> bool:
        """Whether there is an optimum and it is missed, or none and one is reported."""
        if self.exists:
            return not (self.reached and self.distance <= NEAR)
        return self.status is not Status.NO_FINITE_OPTIMUM

    def __str__(self) -> str:
        seen = "there is an optimum" if self.exists else "there is no optimum"
        return (
            f"replicate {self.replicate}: {seen}, {self.status.name}, "
            f"distance {self.distance:.2g}, own {self.own:.2g} {self.message}"
        )


def solve_all(problem: Problem, estimate: Floats, count: int) -> list[Floats | None]:
    """Solve the replicates from the estimate."""
    reference = Reference.at(problem, estimate)
    with np.errstate(all="ignore"):
        return [reference.solve(replicate) for replicate in range(count)]


def judge(
    problem: Problem, estimate: Floats, boot: Bootstrap, optima: list[Floats | None]
) -> list[Verdict]:
    """Compare the replicates with the solver's optima."""
    reference = Reference.at(problem, estimate)
    with np.errstate(all="ignore"):
        return [_judge(reference, boot, k, optimum) for k, optimum in enumerate(optima)]


def _judge(reference: Reference, boot: Bootstrap, k: int, optimum: Floats | None) -> Verdict:
    """Compare one replicate; solve again from its answer unless that is the same optimum."""
    z = reference.whitened(boot.replicates[k])
    distance = np.nan if optimum is None else float(np.linalg.norm(z - optimum))
    own = distance
    if not distance <= NEAR and np.isfinite(z).all():
        other = reference.solve(k, z)
        own = np.nan if other is None else float(np.linalg.norm(z - other))
    status, message = Status(int(boot.status[k])), boot.data.messages.get(k, "")
    exists = optimum is not None or bool(own <= NEAR)
    return Verdict(k, exists, status, distance, own, message)
