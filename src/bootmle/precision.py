"""Whether replicates are as many as a precision takes."""

from __future__ import annotations

import numpy as np

from bootmle.arrays import Floats
from bootmle.replicates import Replicates
from bootmle.summaries.spread import of_finite, standard_error, standard_error_mcse

__all__ = ["precise_enough", "worst_relative_error"]

_FEWEST = 100


def precise_enough(data: Replicates, precision: float) -> str:
    """Say that a precision is reached; empty where it is not."""
    return f"precision={precision:g}" if worst_relative_error(data) <= precision else ""


def worst_relative_error(data: Replicates) -> float:
    """Return the largest Monte Carlo error of a standard error, relative to it."""
    kept: Floats = data.estimates[~data.failed]
    if np.isfinite(kept).sum(axis=0).min() < _FEWEST:
        return np.inf
    errors, mcse = of_finite(standard_error, kept), of_finite(standard_error_mcse, kept)
    varies = errors > 0
    return float(np.max(mcse[varies] / errors[varies], initial=0.0))
