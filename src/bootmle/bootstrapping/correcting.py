"""refit="corrected": verified refits of the first replicates correct the expansion of the others.

Replicates are drawn independently from the run's seed, so that the first m are a random sample, and
those of a longer run, of a shard or of a resumed run are the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.display.text import duration
from bootmle.execution.progress import say
from bootmle.execution.runs import Collected, Run
from bootmle.inference.correction import Correction, largest_share_of_mcse
from bootmle.inference.cubic import CUBIC_FROM
from bootmle.optimization.status import Status
from bootmle.refitting.replicates import Replicates
from bootmle.refitting.task import Task

__all__ = ["SHARE", "VERIFIED", "Corrected", "correct_by", "correct_run", "leading"]

VERIFIED = "verified"
"""The folder, in the directory of a run, that keeps the verified refits: itself that of a run."""

_FIRST = 40
"""Replicates that are verified at first. Measured at B = 999, p = 12, n = 1,500 (logit, Weibull):
errors of an SE are at most 0.45% with 24, 0.39% with 32, 0.19% with 48, 0.25% with 64."""

SHARE = 1 / 3
"""Largest error of the correction over the Monte Carlo error: together √(1 + 1/9) = 1.05 of it."""

_GROWTH = (1.5, 4.0)
"""Limits of the ratio of successive sizes: what 40 say of a far larger sample is rough."""

_NEARLY = 0.75
"""Share of the replicates from which on all are verified: nothing is left to be estimated."""

_FEWEST = 8
"""Replicates in the sample below which nothing is corrected: residuals of a cubic, which has 4
coefficients, then have 4 degrees of freedom."""

_HIDDEN = (
    *(Status.NO_FINITE_OPTIMUM, Status.AT_BOUND, Status.NOT_CERTIFIED),
    *(Status.NOT_FINITE, Status.RAISED, Status.TIMED_OUT),
)
"""What no expansion shows; where a verified replicate has it, all are verified."""


@dataclass(frozen=True, slots=True, eq=False)
class Corrected:
    """Replicates of which some are verified and the others corrected."""

    data: Replicates
    correction: Correction | None
    """None where nothing is corrected."""
    share: float
    """The correction's largest error over the Monte Carlo error."""
    beyond: int = 0
    """Verified replicates without the optimum inside the bounds that their expansion has."""

    size: int = 0
    """Replicates that are verified."""

    def next_size(self, total: int) -> int:
        """Return how many of all to verify: first enough for a cubic, which has smaller errors."""
        if self.size < min(_FIRST, total):
            return min(_FIRST, total)
        least, most = _GROWTH
        larger = int(np.ceil(np.clip(self.expected, least * self.size, most * self.size)))
        larger = CUBIC_FROM if self.size < CUBIC_FROM else larger
        return total if larger > _NEARLY * total else larger

    @property
    def expected(self) -> float:
        """How many will probably be verified in the end: errors fall as 1 / √size."""
        return self.size * (self.share / SHARE) ** 2

    @property
    def suffices(self) -> bool:
        """Whether the sample is large enough."""
        return self.share <= SHARE

    @property
    def remarks(self) -> tuple[str, ...]:
        """What to know where it is not."""
        if self.suffices:
            return ()
        how = "repeat the call to verify more of them"
        if self.beyond:
            count = int((self.data.status != Status.EXPANDED).sum())
            return (
                f"{self.beyond} of {count} verified replicates failed, lie at a bound or have no "
                f"finite optimum, which their expansion does not show: so would others; {how}",
            )
        if self.correction is None:
            return (f"too few replicates are verified to correct the others; {how}",)
        return (
            f"too few replicates are verified: the correction's error is {self.share:.2g} of the "
            f"Monte Carlo error; {how}",
        )


def correct_by(expanded: Replicates, verified: Replicates) -> Corrected:
    """Correct replicates by as few of the verified ones as suffice; those are their first."""
    available, count = len(verified), min(_FIRST, len(expanded))
    found = Corrected(expanded, None, np.inf)
    if 0 < available <= count:
        return _corrected(expanded, verified)
    while count <= available and not found.suffices:
        found = _corrected(expanded, verified.first(count))
        count = found.next_size(len(expanded))
    return found


def leading(
    numbers: NDArray[np.intp], verified: Replicates, its_numbers: NDArray[np.intp]
) -> Replicates:
    """Take verified replicates in the order of ``numbers``, up to the first that is missing."""
    there = np.isin(numbers, its_numbers)
    count = len(there) if there.all() else int(np.argmin(there))
    return verified.take(np.searchsorted(its_numbers, numbers[:count]))


def _corrected(expanded: Replicates, verified: Replicates) -> Corrected:
    """Correct all replicates but the first, which are verified."""
    count = len(verified)
    rest = expanded.take(np.arange(count, len(expanded)))
    certified = np.isin(verified.status, (Status.CERTIFIED, Status.CERTIFIED_BY_FALLBACK))
    status = np.where(certified, np.int8(Status.VERIFIED), verified.status)
    known = replace(verified, status=status)
    data = Replicates.concatenate([known, rest])
    open_ones = data.status == Status.EXPANDED
    if not open_ones.any():
        return Corrected(data, None, 0.0, size=count)
    expansions, own = expanded.status[:count] == Status.EXPANDED, verified.estimates
    usable = expansions & verified.optimal & np.isfinite(own).all(axis=1)
    beyond = int((expansions & np.isin(verified.status, _HIDDEN)).sum())
    if usable.sum() < _FEWEST:
        return Corrected(data, None, np.inf, beyond, count)
    estimates = data.estimates.copy()
    estimates[open_ones], correction = Correction.apply(
        data.estimates[open_ones],
        expanded.estimates[:count][usable],
        own[usable],
        int((~data.failed).sum()),
    )
    data = replace(data, estimates=estimates)
    if np.isfinite(data.standard_errors[open_ones]).any():
        correction = replace(
            correction,
            predicted_errors=expanded.standard_errors[:count][usable],
            verified_errors=verified.standard_errors[usable],
        )
    if beyond:
        return Corrected(data, correction, np.inf, beyond, count)
    share = largest_share_of_mcse(correction, estimates[~data.failed])
    return Corrected(data, correction, share, size=count)


def correct_run(
    task: Task,
    collected: Collected[Replicates],
    n_jobs: int | None,
    show: bool,
    *,
    known: Replicates | None = None,
    **place: Any,
) -> tuple[Collected[Replicates], Corrected]:
    """Verify the first replicates of a run until they suffice."""
    # ``task`` verifies, ``known`` are corrected before, and ``place`` says where a `Run` keeps
    # them.
    verified = task.none() if known is None else _verified_first(known)
    numbers, reason, interrupted = collected.numbers, collected.reason, collected.interrupted
    found, spent, stored = correct_by(collected.data, verified), 0.0, "store" in place
    while not (interrupted or found.suffices):
        wanted = found.next_size(len(numbers))
        if show and 0 < found.share < np.inf:
            say(_enlarging(found, wanted, len(numbers), spent / max(len(verified), 1)))
        at_hand = None if stored else verified
        last = int(numbers[wanted - 1]) + 1
        run = Run(task, last, n_jobs, show, known=at_hand, **place).collect()
        spent = run.seconds if stored else spent + run.seconds
        verified = leading(numbers, run.data, run.numbers)
        found = correct_by(collected.data, verified)
        reason, interrupted = reason or run.reason, run.interrupted
        if run.reason or len(verified) < wanted:
            break
    seconds = collected.seconds + spent
    kept = replace(collected, data=found.data, seconds=seconds, reason=reason)
    return replace(kept, interrupted=interrupted), found


def _enlarging(found: Corrected, wanted: int, total: int, each: float) -> str:
    """Say how far a sample has to grow, and what that takes at so many seconds a replicate."""
    last = total if found.expected > _NEARLY * total else max(wanted, round(found.expected))
    text = (
        f"the correction's error is {found.share:.2g} of the Monte Carlo error, at most "
        f"{SHARE:.2g} is wanted: {wanted:,} replicates are verified"
    )
    text += f", in the end probably about {last:,}" if last > wanted else " in all"
    return text + (f": about {duration(each * (last - found.size))} more" if each else "")


def _verified_first(data: Replicates) -> Replicates:
    """Return the replicates before the first that is not verified."""
    expanded = np.flatnonzero(data.status == Status.EXPANDED)
    return data.first(int(expanded[0])) if expanded.size else data
