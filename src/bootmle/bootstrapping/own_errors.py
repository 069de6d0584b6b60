"""Replicates' own standard errors where a total was taken apart: measured when first asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bootmle.execution.meter import watched_step
from bootmle.execution.progress import shown
from bootmle.inference.correction import Correction
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status
from bootmle.refitting.errors_by_parts import errors_by_expansion, errors_by_parts
from bootmle.refitting.replicates import Replicates
from bootmle.refitting.task import Task

__all__ = ["OwnErrors"]


_GRADIENTS = 2
"""Gradients, of p + 1 evaluations each, that a refit by parts takes from the expansion."""


class OwnErrors:
    """The own standard errors of a run's replicates, once they are asked for."""

    def __init__(self) -> None:
        """Begin without any."""
        self.known: tuple[Replicates, Correction | None] | None = None

    def of(self, run: Any) -> tuple[Replicates, Correction | None]:
        """Return a run's replicates and their correction, with the errors of each replicate."""
        if self.known is None:
            data, task = run.data, Task.prepare(run.fit, run.sampling, run.refit, run.seed)
            numbers = np.arange(len(data)) if run.numbers is None else run.numbers
            expanded = errors_by_expansion(task, numbers)
            errors = np.where((data.status == Status.EXPANDED)[:, None], expanded, np.nan)
            left = np.isnan(errors).all(axis=1) & np.isfinite(data.estimates).all(axis=1)
            expected = int(left.sum()) * _GRADIENTS * (run.fit.whitening.size + 1)
            with watched_step("standard errors", shown(None), expected):
                errors[left] = errors_by_parts(run.fit, task, numbers[left], data.estimates[left])
            correction = _with_errors(run.correction, data.estimates, expanded, errors)
            self.known = replace(data, standard_errors=errors), correction
        return self.known


def _with_errors(
    correction: Correction | None, estimates: Floats, expanded: Floats, errors: Floats
) -> Correction | None:
    """Give the verified sample of a correction the errors that the same replicates have."""
    if correction is None:
        return None
    places = {row.tobytes(): k for k, row in enumerate(estimates)}
    sample = [places[row.tobytes()] for row in correction.verified]
    return replace(correction, predicted_errors=expanded[sample], verified_errors=errors[sample])
