"""The jackknife that belongs to a plan, as intervals need it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bootmle.arrays import Floats
from bootmle.fitting import Estimator, Fit
from bootmle.fitting.deletion import delete_units
from bootmle.sampling import Plan
from bootmle.threads import single_threaded

__all__ = ["jackknife_of", "units_of"]

_CERTIFY_UP_TO = 10
"""Jackknife refits are all certified where they are at most a tenth of the replicates."""

Units = tuple[list[NDArray[np.intp]], NDArray[np.intp]]


def units_of(fit: Fit | Estimator | None, sampling: Plan | str) -> Units:
    """List the rows of each unit that a plan draws, and the units' strata.

    Raises
    ------
    ValueError
        Where there is no fit or plan at hand, or the plan draws no units that can be left out.
    """
    if fit is None or isinstance(sampling, str):
        raise ValueError(
            "method: 'bca' takes a jackknife of the fit, which a saved file does not hold; compute "
            "it before saving"
        )
    n = fit.n if isinstance(fit, Estimator) else fit.likelihood.n
    units = None if n is None else sampling.units(n)
    if units is None:
        raise ValueError(
            f"method: 'bca' takes a jackknife, which what {sampling} draws does not have; use "
            f"'percentile'"
        )
    return units


def jackknife_of(fit: Fit | Estimator, units: Units, n_replicates: int) -> Floats:
    """Estimate without each unit, (G, p)."""
    rows, _ = units
    with single_threaded(), np.errstate(all="ignore"):
        return delete_units(fit, rows, len(rows) <= n_replicates / _CERTIFY_UP_TO)
