"""The jackknife that belongs to a plan, and which units each of its samples leaves out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.execution.threads import computation
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.newton import TINY, maximize_models
from bootmle.optimization.sandwich import Units
from bootmle.refitting.estimator_refit import EstimatorRefit
from bootmle.refitting.refit import LikelihoodRefit
from bootmle.sampling import Plan, draw_resample
from bootmle.sampling.resample import Resample

__all__ = ["LeaveOneOut", "absences", "delete_units", "jackknife_of"]

Rows = NDArray[np.intp]

_CERTIFY_UP_TO = 10
"""All jackknife refits are certified where they are at most a tenth of the replicates, whose time
they then add little to."""

_MOVED, _OFF = 0.1, 1e-3
"""Move of a coordinate, in standard errors, and share of it that the expansion may err by, beyond
both of which a unit is left out by a refit. Measured on logit, Poisson, NB2 and Weibull, n = 15 to
1,500: accelerations are then within 1e-5, and within 1e-3 where all are left to the expansion."""

_CHUNK = 256
"""Jackknife samples whose weights are held at a time."""


class LeaveOneOut:
    """The estimates without each unit that a plan draws, computed when first asked for and kept."""

    def __init__(
        self,
        fit: Fit | Estimator | None,
        sampling: Plan | str,
        n_replicates: int,
        *,
        apart: bool = False,
    ) -> None:
        """Take what was refitted on how many replicates, which decides how many are certified."""
        # ``apart`` says whether a total was taken apart, whose expansion then serves.
        self.fit, self.sampling, self.n_replicates = fit, sampling, n_replicates
        self.apart = apart

    @cached_property
    def found(self) -> tuple[Floats, NDArray[np.intp]]:
        """The estimates, (G, p), and the units' strata, (G,)."""
        assert self.fit is not None
        assert not isinstance(self.sampling, str)
        units = self.sampling.units(self.fit.n)
        assert units is not None
        parts = tuple(self.sampling.units_apart or ()) if self.apart else None
        return jackknife_of(self.fit, units, self.n_replicates, parts), units[1]

    @property
    def is_at_hand(self) -> bool:
        """Whether it is computed already, or takes no refits but is solved on the expansion."""
        if "found" in vars(self):
            return True
        if self.fit is None or self.fit.likelihood is None or isinstance(self.sampling, str):
            return False
        expanded = self.fit.takes_weights or self.apart
        return expanded and self.sampling.units(self.fit.n) is not None

    @classmethod
    def known(cls, estimates: Floats, strata: NDArray[np.intp]) -> LeaveOneOut:
        """Hold what is known already."""
        known = cls(None, "", 0)
        known.found = estimates, strata
        return known

    def to_json(self) -> dict[str, Any] | None:
        """Return what JSON can hold of it; None where it is not at hand."""
        if not self.is_at_hand:
            return None
        estimates, strata = self.found
        return {"estimates": estimates.tolist(), "strata": strata.tolist()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> LeaveOneOut:
        """Read what `to_json` returned."""
        estimates = np.array(stored["estimates"], dtype=float)
        return cls.known(estimates, np.array(stored["strata"], dtype=np.intp))


def jackknife_of(
    fit: Fit | Estimator, units: Units, n_replicates: int, parts: tuple[Rows, ...] | None = None
) -> Floats:
    """Estimate without each unit, (G, p), with the ``parts`` that a total was taken apart into."""
    rows, _ = units
    with computation():
        return delete_units(fit, rows, len(rows) <= n_replicates / _CERTIFY_UP_TO, parts)


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


def delete_units(
    fit: Fit | Estimator,
    units: Sequence[Rows],
    certify_all: bool,
    parts: tuple[Rows, ...] | None = None,
) -> Floats:
    """Estimate without each unit, (G, p), by the expansion where it serves; NaN where it fails."""
    fit.check_data()
    if fit.likelihood is None:
        return _refitted(EstimatorRefit(fit), fit.n, units)
    frequencies = fit.likelihood.frequencies
    if frequencies is not None and all(rows.size == 1 for rows in units):
        # Copies of a row leave the same data.
        own = frequencies.row_of[np.concatenate(units)]
        _, first, copy_of = np.unique(own, return_index=True, return_inverse=True)
        if first.size < len(units):
            return delete_units(fit, [units[int(k)] for k in first], certify_all)[copy_of]
    refit = replace(LikelihoodRefit.prepare(fit, units=parts), polished=True)
    if certify_all or not refit.works_together:
        return _refitted(refit, fit.n, units)
    z, off, good = _expanded(refit, units)
    parameters = refit.fit.likelihood.parameters
    estimates = parameters.to_user(refit.fit.whitening.to_working(z))
    far = np.flatnonzero(~good | ((np.abs(z).max(axis=1) > _MOVED) & (off > _OFF)))
    if far.size:
        estimates[far] = _refitted(refit, fit.n, [units[int(k)] for k in far])
    return np.asarray(estimates)


def _refitted(refit: LikelihoodRefit | EstimatorRefit, n: int, units: Sequence[Rows]) -> Floats:
    """Refit without each unit."""
    found = []
    for start in range(0, len(units), _CHUNK):
        chunk = units[start : start + _CHUNK]
        outcomes, _ = refit([Resample(n, rows=np.delete(np.arange(n), rows)) for rows in chunk])
        found += [outcome.params for outcome in outcomes]
    estimates = np.array(found)
    return np.where(np.isfinite(estimates), estimates, np.nan)


def _expanded(
    refit: LikelihoodRefit, units: Sequence[Rows]
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Solve the cubic models of data without each unit, (G, q), and say how far they are off."""
    # Relative to the move: as the square of what third derivatives change, or fourth ones of 1/n.
    expansion = refit.expansion
    assert expansion is not None
    solved, off, good = [], [], []
    for start in range(0, len(units), _CHUNK):
        chunk = units[start : start + _CHUNK]
        counts = np.ones((len(chunk), refit.fit.n))
        for row, rows in zip(counts, chunk, strict=True):
            row[rows] = 0.0
        models = expansion.models(refit.fit.likelihood.weights_of(counts))
        z, accepted = maximize_models(models)
        straight, _ = maximize_models(replace(models, third=None))
        size = np.maximum(np.linalg.norm(z, axis=1), TINY)
        bent = (np.linalg.norm(z - straight, axis=1) / size) ** 2
        solved.append(z)
        off.append(np.maximum(bent, size**2 / refit.fit.n))
        good.append(accepted)
    return np.concatenate(solved), np.concatenate(off), np.concatenate(good)
