"""The jackknife that belongs to a plan, and which units each of its samples leaves out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.arrays import Floats
from bootmle.fitting import Estimator, Fit
from bootmle.fitting.deletion import delete_units
from bootmle.resample import Units
from bootmle.sampling import Clustered, Plan, draw_resample
from bootmle.threads import single_threaded

__all__ = ["absences", "jackknife_of", "label_units", "units_of"]

_CERTIFY_UP_TO = 10
"""Jackknife refits are all certified where they are at most a tenth of the replicates."""


def units_of(fit: Fit | Estimator | None, sampling: Plan | str) -> Units:
    """List the rows of each unit that a plan draws, and the units' strata.

    Raises
    ------
    ValueError
        Where there is no fit or plan at hand, or the plan draws no units that can be left out.
    """
    if fit is None or isinstance(sampling, str):
        raise ValueError(
            "method: 'bca' takes a jackknife of the fit, which a saved file does not hold; use "
            "load(path, fit=mle), or compute it before saving"
        )
    n = fit.n if isinstance(fit, Estimator) else fit.likelihood.n
    units = None if n is None else sampling.units(n)
    if units is None:
        raise ValueError(
            f"method: 'bca' needs the estimates without each unit in turn, and {sampling} draws "
            f"no units that can be left out; use 'percentile'"
        )
    return units


def jackknife_of(fit: Fit | Estimator, units: Units, n_replicates: int) -> Floats:
    """Estimate without each unit, (G, p)."""
    rows, _ = units
    with single_threaded(), np.errstate(all="ignore"):
        return delete_units(fit, rows, len(rows) <= n_replicates / _CERTIFY_UP_TO)


def label_units(sampling: Plan, n: int) -> tuple[NDArray[np.intp], list[Any]]:
    """Return the unit of each observation, (n,), and the units' labels: rows, or clusters."""
    units = sampling.units(n)
    if units is None or not isinstance(sampling, Clustered):
        return np.arange(n), list(range(n))
    codes = np.empty(n, dtype=np.intp)
    for number, rows in enumerate(units[0]):
        codes[rows] = number
    labels = np.asarray(sampling.clusters)
    return codes, [labels[rows[0]] for rows in units[0]]


def absences(
    sampling: Plan, seed: int, numbers: NDArray[np.intp], codes: NDArray[np.intp]
) -> NDArray[np.uint8]:
    """Draw samples again to see which units they lack: (⌈B/8⌉, G), eight samples to a byte."""
    packed = []
    for start in range(0, len(numbers), 8):
        eight = numbers[start : start + 8]
        missing = np.ones((len(eight), int(codes.max()) + 1), dtype=bool)
        for lacks, number in zip(missing, eight, strict=True):
            drawn = draw_resample(sampling, codes.size, seed, int(number)).weights > 0
            lacks[codes[drawn]] = False
        packed.append(np.packbits(missing, axis=0))
    return np.concatenate(packed)
