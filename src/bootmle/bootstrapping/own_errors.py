"""Replicates' own standard errors where a total was taken apart: measured when first asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bootmle.inference.correction import Correction
from bootmle.optimization.status import Status
from bootmle.refitting.errors_by_parts import errors_by_parts
from bootmle.refitting.replicates import Replicates

__all__ = ["OwnErrors"]


class OwnErrors:
    """Those of the replicates of a run that the expansion does not give, once they are known."""

    def __init__(self) -> None:
        """Begin without any."""
        self.known: tuple[Replicates, Correction | None] | None = None

    def of(self, run: Any) -> tuple[Replicates, Correction | None]:
        """Return a run's replicates and their correction, with the errors of verified ones."""
        if self.known is None:
            data, numbers = run.data, run.numbers
            bare = np.isnan(data.standard_errors).all(axis=1) & (data.status != Status.EXPANDED)
            wanted = np.flatnonzero(bare & np.isfinite(data.estimates).all(axis=1))
            drawn = wanted if numbers is None else numbers[wanted]
            place = (run.fit, run.sampling, run.seed)
            errors = data.standard_errors.copy()
            errors[wanted] = errors_by_parts(
                *place, drawn, data.estimates[wanted], run.standard_error
            )
            data = replace(data, standard_errors=errors)
            self.known = data, _with_errors(run.correction, data)
        return self.known


def _with_errors(correction: Correction | None, data: Replicates) -> Correction | None:
    """Give the verified sample of a correction the errors that the same replicates have."""
    if correction is None or correction.predicted_errors is None:
        return correction
    places = {row.tobytes(): k for k, row in enumerate(data.estimates)}
    sample = [places[row.tobytes()] for row in correction.verified]
    return replace(correction, verified_errors=data.standard_errors[sample])
