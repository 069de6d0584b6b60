"""Expanded replicates corrected by a verified sample: a control variate for the bootstrap.

Davison, Hinkley and Schechtman (1986); Davison and Hinkley (1997), section 9.3; Hesterberg (1996).
The difference between a verified replicate and its expansion is regressed on a cubic in each
parameter's own expanded replicate, and on another's where that accounts for most of the rest; the
regression is added to the replicates that are not verified. What it leaves is orthogonal to 1, θ*,
θ*² and θ*³, so means and variances are corrected without bias of first order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.inference.companions import Companions
from bootmle.inference.cubic import N_COEFFICIENTS, Cubic
from bootmle.inference.derived import derive_all
from bootmle.inference.derived_scales import DerivedScales
from bootmle.inference.intervals import ConfidenceInterval
from bootmle.inference.order_statistics import (
    order_quantile,
    order_quantile_mcse,
    sort_replicates,
)
from bootmle.inference.standard_errors import of_finite, standard_error, standard_error_mcse
from bootmle.likelihood.arrays import Floats

__all__ = ["Correction", "largest_share_of_mcse"]

_LEAST_FREEDOM = 1e-6
"""Least 1 − leverage that a residual is divided by: an observation alone on its curve tells nothing
of the error, and its residual is rounding."""
_ARRAYS = ("predicted", "verified", "predicted_errors", "verified_errors", "leverages")
_LOW, _HIGH = 0.025, 0.975
"""The endpoints that a table prints."""


@dataclass(frozen=True, slots=True, eq=False)
class Correction:
    """The verified sample, and what the correction says of the same replicates.

    Attributes
    ----------
    predicted, verified : (m, p) arrays
        Replicates of the sample: expanded and corrected, and verified.
    n_corrected : int
        Replicates that are corrected, not verified.
    n_replicates : int
        All replicates.
    predicted_errors, verified_errors : (m, p) arrays or None
        Each one's own standard errors, by the expansion and verified, where they were asked for.
    leverages : (m, p) array or None
        What `Companions` add to the replicates' leverages.
    """

    predicted: Floats
    verified: Floats
    n_corrected: int
    n_replicates: int
    predicted_errors: Floats | None = None
    verified_errors: Floats | None = None
    leverages: Floats | None = None

    @classmethod
    def apply(
        cls,
        expanded: Floats,
        sample: Floats,
        verified: Floats,
        n_replicates: int,
        *,
        alone: bool = False,
    ) -> tuple[Floats, Correction]:
        """Correct expanded replicates (k, p) by a sample of others (m, p), verified (m, p)."""
        # ``alone``, each column is corrected whatever the others are: without companions.
        polynomials = Cubic.of(sample)
        basis = polynomials.basis(sample, len(sample))
        coefficients = (basis * (verified - sample)).sum(axis=1)
        left = verified - sample - (coefficients[:, None, :] * basis).sum(axis=0)
        companions = None if alone else Companions.of(polynomials, basis, sample, left)

        def corrected(x: Floats) -> Floats:
            at = polynomials.basis(x, len(sample))
            moved = x + (coefficients[:, None, :] * at).sum(axis=0)
            if companions is not None:
                moved = moved + companions.added(x)
            # What is positive in every replicate stays so.
            positive = (sample > 0).all(axis=0) & (verified > 0).all(axis=0) & (x > 0)
            negative = (sample < 0).all(axis=0) & (verified < 0).all(axis=0) & (x < 0)
            kept = (positive & (moved <= 0)) | (negative & (moved >= 0))
            return np.where(kept, x, moved)

        predicted = corrected(sample)
        correction = cls(predicted, verified, len(expanded), n_replicates)
        if companions is not None:
            correction = replace(correction, leverages=companions.leverages)
        return corrected(expanded), correction

    def of_derived(
        self, function: Callable[[Floats], Any], derived: Floats, corrected: NDArray[np.bool_]
    ) -> tuple[Floats, Correction]:
        """Correct derived quantities (B, k), at the replicates that are ``corrected``, (B,)."""
        sample, verified = (derive_all(function, each) for each in (self.predicted, self.verified))
        return self._applied(derived, corrected, sample, verified)

    def of_pivots(
        self, pivots: Floats, corrected: NDArray[np.bool_], estimate: Floats
    ) -> tuple[Floats, Correction]:
        """Correct (θ* − θ̂)/s*, (B, p), at the replicates that are ``corrected``, (B,)."""
        assert self.predicted_errors is not None
        assert self.verified_errors is not None
        with np.errstate(divide="ignore", invalid="ignore"):
            sample = (self.predicted - estimate) / self.predicted_errors
            verified = (self.verified - estimate) / self.verified_errors
        return self._applied(pivots, corrected, sample, verified)

    def on_scales(self, scales: DerivedScales) -> Correction:
        """Return the correction of the same replicates on other scales."""
        assert self.predicted_errors is not None
        assert self.verified_errors is not None
        with np.errstate(invalid="ignore", over="ignore"):
            return replace(
                self,
                predicted=scales.forward(self.predicted),
                verified=scales.forward(self.verified),
                predicted_errors=self.predicted_errors * scales.slopes(self.predicted),
                verified_errors=self.verified_errors * scales.slopes(self.verified),
            )

    def _applied(
        self, values: Floats, corrected: NDArray[np.bool_], sample: Floats, verified: Floats
    ) -> tuple[Floats, Correction]:
        """Correct functions of the replicates (B, k) by those of the sample, (m, k)."""
        known = np.isfinite(sample) & np.isfinite(verified)
        usable = (known | ~known.any(axis=0)).all(axis=1)
        if usable.sum() <= N_COEFFICIENTS:
            return values, Correction(
                sample[usable], verified[usable], self.n_corrected, self.n_replicates
            )
        moved, correction = Correction.apply(
            values[corrected], sample[usable], verified[usable], self.n_replicates, alone=True
        )
        result = values.copy()
        result[corrected] = moved
        return result, correction

    def rescaled(self, rescale: Callable[[Floats], Floats]) -> Correction:
        """Rescale the replicates as all are, where samples are of another size than the data."""
        return replace(self, predicted=rescale(self.predicted), verified=rescale(self.verified))

    def take(self, columns: Any) -> Correction:
        """Keep some parameters."""
        taken: list[Any] = [None if each is None else each[:, columns] for each in self._arrays]
        return Correction(taken[0], taken[1], self.n_corrected, self.n_replicates, *taken[2:])

    def rows(self, chosen: Any) -> Correction:
        """Keep some replicates of the sample."""
        taken: list[Any] = [None if each is None else each[chosen] for each in self._arrays]
        return Correction(taken[0], taken[1], self.n_corrected, self.n_replicates, *taken[2:])

    @property
    def _arrays(self) -> tuple[Any, ...]:
        """What has a column for each parameter."""
        return tuple(getattr(self, name) for name in _ARRAYS)

    def bias_error(self) -> Floats:
        """Return the correction's part in the Monte Carlo error of the bias, (p,)."""
        return self._error_of_mean(self._residuals())

    def standard_error_error(self) -> Floats:
        """Return the correction's part in the Monte Carlo error of the standard errors, (p,)."""
        # Residuals by deletion (HC3) in the influence (θ* − mean) e / s, and the residual variance
        # that a regression does not give back, σ² / 2s.
        s = standard_error(self.verified)
        s = np.where(s > 0, s, np.inf)
        influence = self._deviations() * self._residuals() / s
        return np.hypot(self._error_of_mean(influence), self._share * self._variance() / (2 * s))

    def covariance_shift(self) -> tuple[Floats, Floats]:
        """Return what covariances lack, and the error of that: (p, p) each."""
        # Residuals are orthogonal to their own parameter's replicates, not to those of others.
        d, e = self._deviations(), self.verified - self.predicted
        size, shift, error = d.shape[1], [], []
        for j in range(size):
            shift.append(self._share * (d * e[:, [j]] + e * d[:, [j]]).mean(axis=0))
            r = self._residuals()
            error.append(self._error_of_mean(d * r[:, [j]] + r * d[:, [j]]))
        return np.array(shift).reshape(size, size), np.array(error).reshape(size, size)

    def error_at(self, values: Floats) -> Floats:
        """Return the error of the corrected replicates at given values, (p,): of endpoints."""
        # The standard error of the regression there, from residuals by deletion (HC3), and the
        # shift of a quantile by the residual variance, σ² (θ* − mean) / 2s².
        with np.errstate(invalid="ignore", over="ignore"):
            count = len(self.predicted)
            polynomials = Cubic.of(self.predicted)
            at = polynomials.basis(values[None], count)
            own = polynomials.basis(self.predicted, count)
            weights = (at * own).sum(axis=0)
            spread = np.sqrt(((weights * self._residuals()) ** 2).sum(axis=0))
            variance = self.verified.var(axis=0, ddof=1)
            variance = np.where(variance > 0, variance, np.inf)
            off = self._variance() * (values - self.verified.mean(axis=0)) / (2 * variance)
            return np.asarray(np.hypot(self._factor * spread, self._share * off))

    def widened(
        self, bounds: ConfidenceInterval, mirror: Floats | None = None, *, both: bool = False
    ) -> ConfidenceInterval:
        """Add the correction's error to the Monte Carlo errors of endpoints."""
        # An endpoint follows from the replicates at it, at its ``mirror`` image, or at ``both``
        # ends.
        ends = [bounds.low, bounds.high]
        places = ends if mirror is None else [mirror - end for end in ends]
        errors = [
            np.where(np.isfinite(end), self.error_at(place), 0.0)
            for end, place in zip(ends, places, strict=True)
        ]
        low, high = [np.maximum(*errors)] * 2 if both else errors
        return replace(
            bounds,
            low_mcse=np.hypot(bounds.low_mcse, low),
            high_mcse=np.hypot(bounds.high_mcse, high),
        )

    @property
    def _share(self) -> float:
        """Share of the replicates that are corrected."""
        return self.n_corrected / self.n_replicates

    @property
    def _factor(self) -> float:
        """Factor of a sample's error: share √(1 + m/k), 0 where all replicates are verified."""
        if not self.n_corrected:
            return 0.0
        return self._share * float(np.sqrt(1 + len(self.predicted) / self.n_corrected))

    def _error_of_mean(self, terms: Floats) -> Floats:
        """Return the error of the mean of (m, k) terms of the sample as that of all."""
        return np.asarray(self._factor * np.sqrt((terms**2).mean(axis=0) / len(terms)))

    def _deviations(self) -> Floats:
        """Return the sample's deviations from its mean, (m, p)."""
        return np.asarray(self.predicted - self.predicted.mean(axis=0))

    def _residuals(self) -> Floats:
        """Return residuals by deletion, e / (1 − leverage), (m, p)."""
        freedom = np.maximum(1 - self._leverages(), _LEAST_FREEDOM)
        return np.asarray((self.verified - self.predicted) / freedom)

    def _leverages(self) -> Floats:
        """Return the leverages of the sample's replicates in the regression, (m, p)."""
        basis = Cubic.of(self.predicted).basis(self.predicted, len(self.predicted))
        added = 0.0 if self.leverages is None else self.leverages
        return np.asarray((basis**2).sum(axis=0) + added)

    def _variance(self) -> Floats:
        """Return the residual variance, (p,)."""
        freedom = np.maximum(len(self.predicted) - self._leverages().sum(axis=0), 1.0)
        return np.asarray(((self.verified - self.predicted) ** 2).sum(axis=0) / freedom)

    @classmethod
    def joined(cls, runs: Sequence[Correction | None]) -> Correction | None:
        """Pool the samples of several runs; None where no run is corrected."""
        known = [each for each in runs if each is not None]
        if not known:
            return None
        arrays: list[Any] = [
            None if any(each is None for each in own) else np.concatenate(own)
            for own in zip(*(each._arrays for each in known), strict=True)
        ]
        n_corrected = sum(each.n_corrected for each in known)
        n_replicates = sum(each.n_replicates for each in known)
        return cls(arrays[0], arrays[1], n_corrected, n_replicates, *arrays[2:])

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold of it."""
        arrays = zip(_ARRAYS, self._arrays, strict=True)
        counts = {"n_corrected": self.n_corrected, "n_replicates": self.n_replicates}
        return {name: each.tolist() for name, each in arrays if each is not None} | counts

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Correction:
        """Read what `to_json` returned."""
        arrays = {name: np.array(stored[name], dtype=float) for name in _ARRAYS if name in stored}
        return cls(n_corrected=stored["n_corrected"], n_replicates=stored["n_replicates"], **arrays)


def largest_share_of_mcse(correction: Correction, replicates: Floats) -> float:
    """Return the correction's largest error over the Monte Carlo error of (B, p) replicates."""
    # Of every standard error and endpoint that a table prints.
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = [
            correction.standard_error_error() / of_finite(standard_error_mcse, replicates),
        ]
        low, high = sort_replicates(replicates)
        if (len(low) + 1) * _LOW >= 1:
            for ordered, level in ((low, _LOW), (high, _HIGH)):
                error = correction.error_at(order_quantile(ordered, level))
                ratios.append(error / order_quantile_mcse(ordered, level))
    known = [each[np.isfinite(each)] for each in ratios]
    return float(np.concatenate(known).max(initial=0.0))
