"""What a simulation study finds, of every standard error and every interval."""

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
from bootmle.refitting.alarms import AlarmKind
from bootmle.simulation.simulated_fits import SimulatedFits, count_names
from bootmle.simulation.warp_speed import warped_ends

__all__ = ["Measures"]


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """A simulation study of a model at a known truth.

    Attributes
    ----------
    names : tuple of str
        The k quantities: the parameters, then what was derived.
    truth : (k,) array
        Their true values.
    data : SimulatedFits
        What became of every data set.
    sources : tuple of str
        Whose standard errors were collected.
    methods : tuple of str
        Whose intervals were.
    confidence_level : float
    n_resamples : int
        Replicates of each data set; 1 for a warp study, whose replicates of all data sets stand in
        for those of one.
    sampling : str
    seed : int
    seconds : float
    stopped : str
        What stopped the study before its last data set; empty where nothing did.
    notes : tuple of str
    """

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
        """Whether each data set has a single replicate."""
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
        """Mean of the estimates less the truth, (k,)."""
        return np.asarray(self._finite().mean(axis=0) - self.truth)

    @property
    def bias_mcse(self) -> Floats:
        """Monte Carlo error of `bias`, (k,)."""
        return np.asarray(self.empirical_sd / np.sqrt(max(len(self._finite()), 1)))

    @property
    def empirical_sd(self) -> Floats:
        """Standard deviation of the estimates, which every standard error claims to be, (k,)."""
        return standard_error(self._finite())

    @property
    def empirical_sd_mcse(self) -> Floats:
        """Monte Carlo error of `empirical_sd`, (k,)."""
        return standard_error_mcse(self._finite())

    def _finite(self) -> Floats:
        """Return the estimates without an infinite one."""
        return self.estimates[self._is_finite()]

    def _is_finite(self) -> NDArray[np.bool_]:
        """Which data sets have finite estimates, (N,)."""
        return np.asarray(np.isfinite(self.estimates).all(axis=1))

    @property
    def se_ratio(self) -> dict[str, Floats]:
        """Mean standard error over the standard deviation of the same estimates, source to (k,).

        Of the data sets where the source gives an error: where it is withheld from some, as the
        Hessian's is at a bound, that is not `empirical_sd`.
        """
        return {source: self._mean_error(source) / self._spread(source) for source in self.sources}

    @property
    def se_ratio_mcse(self) -> dict[str, Floats]:
        """Monte Carlo error of `se_ratio`, source to (k,)."""
        return {
            source: self.se_ratio[source]
            * np.hypot(self._relative_error(source), self._relative_noise(source))
            for source in self.sources
        }

    @property
    def se_withheld(self) -> dict[str, Floats]:
        """Share of the data sets with finite estimates that lack an error, source to (k,)."""
        finite = self._is_finite()
        return {
            source: _nanmean(np.isnan(self._beside(source)[finite]).astype(float))
            for source in self.sources
        }

    @property
    def se_variation(self) -> dict[str, Floats]:
        """Spread of the standard errors over their mean, source to (k,); NaN of a warp study."""
        with np.errstate(invalid="ignore"):
            return {
                source: _by_column(standard_error, self._errors(source)) / self._mean_error(source)
                for source in self.sources
            }

    @property
    def se_spread(self) -> dict[str, Floats]:
        """Standard deviation of the standard errors over that of the estimates, source to (k,)."""
        return {
            source: self.se_variation[source] * self.se_ratio[source] for source in self.sources
        }

    def _beside(self, source: str) -> Floats:
        """Estimates of the data sets where a source has a standard error, NaN elsewhere, (N, k)."""
        given = np.isfinite(self._errors(source))
        if self.warp and source == "bootstrap":
            away = np.isfinite(self.kept.replicate - self.estimates)
            given = np.repeat(away.all(axis=1, keepdims=True), away.shape[1], axis=1)
        return np.where(given, self.estimates, np.nan)

    def _spread(self, source: str) -> Floats:
        """Return the standard deviation of these, (k,); NaN for a quantity that does not vary."""
        spread = _by_column(standard_error, self._beside(source))
        return np.where(spread > 0, spread, np.nan)

    def _relative_error(self, source: str) -> Floats:
        """Monte Carlo error of that standard deviation, relative to it, (k,)."""
        error = _by_column(standard_error_mcse, self._beside(source))
        return np.asarray(error / self._spread(source))

    def _errors(self, source: str) -> Floats:
        """One source's standard errors, (N, k), NaN where withheld, or of infinite estimates."""
        errors = self.kept.errors[:, self.sources.index(source)]
        given = np.isfinite(errors) & self._is_finite()[:, None]
        return np.where(given, errors, np.nan)

    def _mean_error(self, source: str) -> Floats:
        """Average one source's standard errors, (k,)."""
        if self.warp and source == "bootstrap":
            return standard_error(self._deviations())
        return _nanmean(self._errors(source))

    def _relative_noise(self, source: str) -> Floats:
        """Return the Monte Carlo error of a mean standard error, relative to it, (k,)."""
        if self.warp and source == "bootstrap":
            return standard_error_mcse(self._deviations()) / self._mean_error(source)
        count = np.isfinite(self._errors(source)).sum(axis=0)
        return np.asarray(self.se_variation[source] / np.sqrt(np.maximum(count, 1)))

    def _deviations(self) -> Floats:
        """Deviations of single replicates from their estimates, finite ones."""
        away = self.kept.replicate - self.kept.estimates
        return away[np.isfinite(away).all(axis=1)]

    def _ends(self, method: str) -> tuple[Floats, Floats]:
        """One method's intervals, (N, k) each."""
        kept, place = self.kept, self.methods.index(method)
        if self._is_pooled(method):
            return warped_ends(kept.estimates, self._deviations(), method, self.confidence_level)
        return kept.low[:, place], kept.high[:, place]

    def _is_pooled(self, method: str) -> bool:
        """Whether one pair of deviations serves all data sets, as in a warp study."""
        return self.warp and bool(np.isnan(self.kept.low[:, self.methods.index(method)]).all())

    @property
    def coverage(self) -> dict[str, Floats]:
        """Share of the intervals given that hold the truth, method to (k,)."""
        below, above = self.below, self.above
        return {method: 1 - below[method] - above[method] for method in self.methods}

    @property
    def coverage_mcse(self) -> dict[str, Floats]:
        """Monte Carlo error of `coverage`, method to (k,): not 0 where all intervals cover."""
        return self._errors_of(self.coverage)

    @property
    def below(self) -> dict[str, Floats]:
        """Share of the intervals given that the truth lies below, method to (k,)."""
        return self._share(lambda low, high: self.truth < low)

    @property
    def below_mcse(self) -> dict[str, Floats]:
        """Monte Carlo error of `below`, method to (k,)."""
        return self._errors_of(self.below)

    @property
    def above(self) -> dict[str, Floats]:
        """Share of the intervals given that the truth lies above, method to (k,)."""
        return self._share(lambda low, high: self.truth > high)

    @property
    def above_mcse(self) -> dict[str, Floats]:
        """Monte Carlo error of `above`, method to (k,)."""
        return self._errors_of(self.above)

    @property
    def withheld(self) -> dict[str, Floats]:
        """Share of the data sets without an interval, which is no miss, method to (k,)."""
        return {method: 1 - _nanmean(self._given(method).astype(float)) for method in self.methods}

    @property
    def mean_length(self) -> dict[str, Floats]:
        """Mean length of the intervals given, method to (k,); infinite where one is."""
        return {method: _nanmean(self._lengths(method)) for method in self.methods}

    @property
    def mean_length_mcse(self) -> dict[str, Floats]:
        """Monte Carlo error of `mean_length`, method to (k,).

        NaN where that is infinite, and where a warp study has one length for all data sets.
        """
        errors = {}
        for method in self.methods:
            count = self._given(method).sum(axis=0)
            with np.errstate(invalid="ignore"):
                spread = _by_column(standard_error, self._lengths(method))
            noise = np.nan if self._is_pooled(method) else 1 / np.sqrt(np.maximum(count, 1))
            errors[method] = noise * spread
        return errors

    def _lengths(self, method: str) -> Floats:
        """Lengths of one method's intervals, (N, k)."""
        low, high = self._ends(method)
        return np.asarray(high - low)

    def _given(self, method: str) -> NDArray[np.bool_]:
        """Which data sets have an interval, (N, k)."""
        low, high = self._ends(method)
        return ~(np.isnan(low) | np.isnan(high))

    def _share(self, which: Callable[[Floats, Floats], NDArray[np.bool_]]) -> dict[str, Floats]:
        """Return the share of each method's intervals for which something holds."""
        return {
            method: _nanmean(np.where(self._given(method), which(*self._ends(method)), np.nan))
            for method in self.methods
        }

    def _errors_of(self, shares: dict[str, Floats]) -> dict[str, Floats]:
        """Monte Carlo errors of shares of the intervals given, method to (k,).

        With 2 added to those that are counted and to those that are not (Agresti and Coull 1998).
        """
        errors = {}
        for method, share in shares.items():
            count = self._given(method).sum(axis=0)
            shrunk = (count * share + 2) / (count + 4)
            errors[method] = np.sqrt(shrunk * (1 - shrunk) / (count + 4))
        return errors

    @property
    def flagged(self) -> dict[str, float]:
        """Share of the data sets that the cross-check flagged, kind to share."""
        return _shares(self.kept.flags, Flag)

    @property
    def alarmed(self) -> dict[str, float]:
        """Share of the data sets that raised an alarm, kind to share."""
        return _shares(self.kept.alarms, AlarmKind)


def _nanmean(values: Floats) -> Floats:
    """Average over data sets without what is missing; NaN where all is."""
    count = np.sum(~np.isnan(values), axis=0)
    with np.errstate(all="ignore"):
        return np.asarray(np.where(count > 0, np.nansum(values, axis=0) / count, np.nan))


def _by_column(measure: Callable[[Floats], Floats], values: Floats) -> Floats:
    """Measure each column without what is missing."""
    return np.array([measure(column[~np.isnan(column), None])[0] for column in values.T])


def _shares(names: NDArray[np.str_], kinds: type[Enum]) -> dict[str, float]:
    """Return the share of data sets with each kind's name, for kinds that occur."""
    counts = count_names(names)
    return {str(kind.value): counts[kind.name] / len(names) for kind in kinds if counts[kind.name]}
