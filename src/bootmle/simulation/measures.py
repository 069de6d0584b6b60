"""Performance measures of a simulation study (Morris, White and Crowther 2019)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from bootmle.crosschecks import Flag
from bootmle.inference.standard_errors import standard_error, standard_error_mcse
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status
from bootmle.refitting.alarm_kinds import AlarmKind
from bootmle.simulation.simulated_fits import SimulatedFits, count_names
from bootmle.simulation.warp_speed import warp_endpoints

__all__ = ["Measures"]


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """What a simulation study measures."""

    names: tuple[str, ...]
    truth: Floats
    data: SimulatedFits = field(repr=False)
    sources: tuple[str, ...]
    methods: tuple[str, ...]
    confidence_level: float
    n_resamples: int
    sampling: str
    seed: int
    seconds: float
    stopped: str = ""
    notes: tuple[str, ...] = ()

    @property
    def warp(self) -> bool:
        """Whether each data set has a single replicate (a warp-speed study)."""
        return self.n_resamples == 1

    @property
    def kept(self) -> SimulatedFits:
        """The data sets whose fit did not fail."""
        return self.data.where(~self.data.failed)

    @property
    def estimates(self) -> Floats:
        """Estimates of the data sets whose fit did not fail, (N, k)."""
        return self.kept.estimates

    @property
    def n_failed(self) -> int:
        """Number of data sets whose fit failed."""
        return int(self.data.failed.sum())

    @property
    def at_bound(self) -> float:
        """Share of the data sets whose fit is at a bound."""
        return float(np.mean(self.kept.status == Status.AT_BOUND)) if len(self.kept) else np.nan

    @property
    def bias(self) -> Floats:
        """Mean of the estimates minus the truth, (k,)."""
        return np.asarray(self._finite().mean(axis=0) - self.truth)

    @property
    def bias_mcse(self) -> Floats:
        """Monte Carlo standard error of `bias`, (k,)."""
        return np.asarray(self.empirical_sd / np.sqrt(max(len(self._finite()), 1)))

    @property
    def empirical_sd(self) -> Floats:
        """Standard deviation of the estimates, which every standard error estimates, (k,)."""
        return standard_error(self._finite())

    @property
    def empirical_sd_mcse(self) -> Floats:
        """Monte Carlo standard error of `empirical_sd`, (k,)."""
        return standard_error_mcse(self._finite())

    def _finite(self) -> Floats:
        """Return the estimates of data sets where all are finite, (N, k)."""
        return self.estimates[self._is_finite()]

    def _is_finite(self) -> NDArray[np.bool_]:
        """Mark the data sets whose estimates are all finite, (N,)."""
        return np.asarray(np.isfinite(self.estimates).all(axis=1))

    @property
    def se_ratio(self) -> dict[str, Floats]:
        """Mean standard error over the standard deviation of the estimates, source to (k,).

        Both are taken over the data sets in which the source gives a standard error. Where some
        are withheld, as the Hessian's are at a bound, the denominator is not `empirical_sd`.
        """
        return {source: self._mean_error(source) / self._spread(source) for source in self.sources}

    @property
    def se_ratio_mcse(self) -> dict[str, Floats]:
        """Monte Carlo standard error of `se_ratio`, source to (k,)."""
        return {
            source: ratio * np.hypot(self._spread_mcse(source), self._mean_error_mcse(source))
            for source, ratio in self.se_ratio.items()
        }

    @property
    def se_withheld(self) -> dict[str, Floats]:
        """Share of the data sets with finite estimates but no standard error, source to (k,)."""
        finite = self._is_finite()
        missing = {source: np.isnan(self._beside(source)[finite]) for source in self.sources}
        return {source: _nanmean(each.astype(float)) for source, each in missing.items()}

    @property
    def se_variation(self) -> dict[str, Floats]:
        """Coefficient of variation of the standard errors, source to (k,); NaN in a warp study."""
        with np.errstate(invalid="ignore"):
            return {
                source: _by_column(standard_error, self._errors(source)) / self._mean_error(source)
                for source in self.sources
            }

    @property
    def se_spread(self) -> dict[str, Floats]:
        """Standard deviation of the standard errors over that of the estimates, source to (k,)."""
        variation = self.se_variation
        return {source: variation[source] * ratio for source, ratio in self.se_ratio.items()}

    def _beside(self, source: str) -> Floats:
        """Return the estimates where a source has a standard error, NaN elsewhere, (N, k)."""
        given = np.isfinite(self._errors(source))
        if self.warp and source == "bootstrap":
            away = np.isfinite(self.kept.replicate - self.estimates)
            given = np.repeat(away.all(axis=1, keepdims=True), away.shape[1], axis=1)
        return np.where(given, self.estimates, np.nan)

    def _spread(self, source: str) -> Floats:
        """Return their standard deviation, (k,); NaN for a quantity that does not vary."""
        spread = _by_column(standard_error, self._beside(source))
        return np.where(spread > 0, spread, np.nan)

    def _spread_mcse(self, source: str) -> Floats:
        """Return the relative Monte Carlo standard error of that standard deviation, (k,)."""
        error = _by_column(standard_error_mcse, self._beside(source))
        return np.asarray(error / self._spread(source))

    def _errors(self, source: str) -> Floats:
        """Return one source's standard errors, (N, k); NaN where withheld or not finite."""
        errors = self.kept.errors[:, self.sources.index(source)]
        given = np.isfinite(errors) & self._is_finite()[:, None]
        return np.where(given, errors, np.nan)

    def _mean_error(self, source: str) -> Floats:
        """Average one source's standard errors, (k,)."""
        if self.warp and source == "bootstrap":
            return standard_error(self._deviations())
        return _nanmean(self._errors(source))

    def _mean_error_mcse(self, source: str) -> Floats:
        """Return the relative Monte Carlo standard error of a mean standard error, (k,)."""
        if self.warp and source == "bootstrap":
            return standard_error_mcse(self._deviations()) / self._mean_error(source)
        count = np.isfinite(self._errors(source)).sum(axis=0)
        return np.asarray(self.se_variation[source] / np.sqrt(np.maximum(count, 1)))

    def _deviations(self) -> Floats:
        """Return the finite deviations of single replicates from their estimates, (M, k)."""
        away = self.kept.replicate - self.kept.estimates
        return away[np.isfinite(away).all(axis=1)]

    def _endpoints(self, method: str) -> tuple[Floats, Floats]:
        """Return the endpoints of one method's intervals, (N, k) each."""
        kept, place = self.kept, self.methods.index(method)
        if self._is_pooled(method):
            return warp_endpoints(kept.estimates, self._deviations(), method, self.confidence_level)
        return kept.low[:, place], kept.high[:, place]

    def _is_pooled(self, method: str) -> bool:
        """Whether all data sets share one pair of deviations, as in a warp study."""
        return self.warp and bool(np.isnan(self.kept.low[:, self.methods.index(method)]).all())

    @property
    def coverage(self) -> dict[str, Floats]:
        """Share of the intervals that contain the truth, method to (k,)."""
        below, above = self.below, self.above
        return {method: 1 - below[method] - above[method] for method in self.methods}

    @property
    def coverage_mcse(self) -> dict[str, Floats]:
        """Monte Carlo standard error of `coverage`, method to (k,); not 0 even at 100%."""
        return self._share_mcse(self.coverage)

    @property
    def below(self) -> dict[str, Floats]:
        """Share of the intervals with the truth below their lower endpoint, method to (k,)."""
        return self._share(lambda low, high: self.truth < low)

    @property
    def below_mcse(self) -> dict[str, Floats]:
        """Monte Carlo standard error of `below`, method to (k,)."""
        return self._share_mcse(self.below)

    @property
    def above(self) -> dict[str, Floats]:
        """Share of the intervals with the truth above their upper endpoint, method to (k,)."""
        return self._share(lambda low, high: self.truth > high)

    @property
    def above_mcse(self) -> dict[str, Floats]:
        """Monte Carlo standard error of `above`, method to (k,)."""
        return self._share_mcse(self.above)

    @property
    def withheld(self) -> dict[str, Floats]:
        """Share of the data sets without an interval, method to (k,); not counted as a miss."""
        return {method: 1 - _nanmean(self._given(method).astype(float)) for method in self.methods}

    @property
    def mean_length(self) -> dict[str, Floats]:
        """Mean length of the intervals, method to (k,); infinite if one of them is."""
        return {method: _nanmean(self._lengths(method)) for method in self.methods}

    @property
    def mean_length_mcse(self) -> dict[str, Floats]:
        """Monte Carlo standard error of `mean_length`, method to (k,).

        NaN where that is infinite, and in a warp study, where all data sets share one length.
        """
        errors = {}
        for method in self.methods:
            count = self._given(method).sum(axis=0)
            with np.errstate(invalid="ignore"):
                spread = _by_column(standard_error, self._lengths(method))
            share = np.nan if self._is_pooled(method) else 1 / np.sqrt(np.maximum(count, 1))
            errors[method] = share * spread
        return errors

    def _lengths(self, method: str) -> Floats:
        """Return the lengths of one method's intervals, (N, k)."""
        low, high = self._endpoints(method)
        return np.asarray(high - low)

    def _given(self, method: str) -> NDArray[np.bool_]:
        """Mark the data sets that have an interval, (N, k)."""
        low, high = self._endpoints(method)
        return ~(np.isnan(low) | np.isnan(high))

    def _share(self, which: Callable[[Floats, Floats], NDArray[np.bool_]]) -> dict[str, Floats]:
        """Return the share of each method's intervals that a condition holds for."""
        return {
            method: _nanmean(np.where(self._given(method), which(*self._endpoints(method)), np.nan))
            for method in self.methods
        }

    def _share_mcse(self, shares: dict[str, Floats]) -> dict[str, Floats]:
        """Return the Monte Carlo standard errors of shares of intervals, method to (k,)."""
        errors = {}
        for method, share in shares.items():
            count = self._given(method).sum(axis=0)
            # Two successes and two failures are added (Agresti and Coull 1998), so that shares of 0
            # and 1 have an error, too.
            shrunk = (count * share + 2) / (count + 4)
            errors[method] = np.sqrt(shrunk * (1 - shrunk) / (count + 4))
        return errors

    @property
    def flagged(self) -> dict[str, float]:
        """Share of the data sets with each of the cross-check's flags, its text to share."""
        return _shares(self.kept.flags, Flag)

    @property
    def alarmed(self) -> dict[str, float]:
        """Share of the data sets with each alarm, its text to share."""
        return _shares(self.kept.alarms, AlarmKind)


def _nanmean(values: Floats) -> Floats:
    """Average over data sets without missing values; NaN where all are missing."""
    count = np.sum(~np.isnan(values), axis=0)
    with np.errstate(all="ignore"):
        return np.asarray(np.where(count > 0, np.nansum(values, axis=0) / count, np.nan))


def _by_column(measure: Callable[[Floats], Floats], values: Floats) -> Floats:
    """Apply a measure to each column without its missing values."""
    return np.array([measure(column[~np.isnan(column), None])[0] for column in values.T])


def _shares(names: NDArray[np.str_], kinds: type[Enum]) -> dict[str, float]:
    """Return the share of data sets with each kind's name, for kinds that occur."""
    counts = count_names(names)
    return {str(kind.value): counts[kind.name] / len(names) for kind in kinds if counts[kind.name]}
