"""Examining a run's replicates: some computed again in another way, and the alarms they raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.alarms import Alarm, likelihood_alarms, mode_alarms
from bootmle.audits import ColdAudit, ExpansionAudit, audit_cold, audit_expansion
from bootmle.fitting import Estimator, Fit, LikelihoodRefit
from bootmle.replicates import Replicates
from bootmle.task import Task

__all__ = ["Audits", "examine"]

Audits = tuple[ExpansionAudit | ColdAudit, ...]

_EXPANSION_AUDIT = 50
_COLD_AUDIT = 3
_COLD_EVERY = 650


def examine(
    fit: Fit | Estimator, task: Task, replicates: Replicates, numbers: NDArray[np.intp]
) -> tuple[Audits, tuple[Alarm, ...]]:
    """Audit a random few replicates, and collect the alarms that fired.

    Parameters
    ----------
    fit : Fit or Estimator
        What was refitted.
    task : Task
        What computed the replicates.
    replicates : Replicates
    numbers : (B,) int array
        Their numbers, which tell their streams.
    """
    audits = _audit(task, replicates, numbers)
    alarms = [alarm for audit in audits for alarm in audit.alarms()]
    if isinstance(task.refit, LikelihoodRefit) and isinstance(fit, Fit):
        rowwise = task.sampling.independent_rows
        alarms += likelihood_alarms(fit, task.refit, replicates, independent_rows=rowwise)
    return audits, (*alarms, *mode_alarms(fit.names, replicates))


def _audit(task: Task, replicates: Replicates, numbers: NDArray[np.intp]) -> Audits:
    """Compute a random few replicates again: verified, and cold by SciPy."""
    if not isinstance(task.refit, LikelihoodRefit):
        return ()
    usable = np.flatnonzero(np.isfinite(replicates.estimates).all(axis=1))
    order = np.random.default_rng([task.seed, len(replicates)]).permutation(usable)

    def run(audit: Callable[..., Any], chosen: NDArray[np.intp]) -> Any:
        resamples = [task.draw(int(number)) for number in numbers[chosen]]
        return audit(task.refit, resamples, replicates.take(chosen))

    audits: list[ExpansionAudit | ColdAudit] = []
    if not task.refit.verified:
        audits.append(run(audit_expansion, order[:_EXPANSION_AUDIT]))
    cold = min(_COLD_AUDIT, len(replicates) // _COLD_EVERY)
    if cold:
        audits.append(run(audit_cold, order[:cold]))
    return tuple(audits)
