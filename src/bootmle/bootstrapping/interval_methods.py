"""Intervals of every kind, from the replicates."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Never

import numpy as np
from numpy.typing import NDArray

from bootmle.bootstrapping.choosing import (
    FEW_LOST,
    FEW_UNITS,
    FEWEST_UNITS,
    LEVEL,
    NONE,
    NONE_LOST,
    QUICK,
    choose_kinds,
    describe_refusals,
    is_clustered,
    off_center,
    withheld,
)
from bootmle.bootstrapping.interval_inputs import Inputs
from bootmle.bootstrapping.interval_kinds import METHODS, read_kind, why_not
from bootmle.bootstrapping.missing_ends import describe_missing
from bootmle.display.known_names import refuse_keywords
from bootmle.inference.bca import BCa
from bootmle.inference.intervals import (
    ConfidenceInterval,
    IntervalMethod,
    Need,
    read_level,
)
from bootmle.inference.mixed import Mixed
from bootmle.inference.normal import Normal
from bootmle.inference.signed_root import SignedRoot, WaldScore
from bootmle.inference.studentized import Studentized
from bootmle.likelihood.arrays import Floats
from bootmle.sampling import Plan, read_plan

__all__ = ["Inference"]


@dataclass(frozen=True, slots=True, eq=False)
class Inference(Inputs):
    """Replicates of a fit, and their intervals; attributes as of `Spread`."""

    def confidence_interval(
        self,
        method: str = "percentile",
        confidence_level: float = 0.95,
        alternative: str = "two-sided",
        **unknown: Never,
    ) -> ConfidenceInterval:
        """Compute confidence intervals.

        Parameters
        ----------
        method : str
            "percentile", "basic" or "normal" (Davison and Hinkley 1997, chapter 5); "bca" (Efron
            1987), with the acceleration of the jackknife, by observation or by cluster;
            "studentized", with each replicate's own sandwich (by the delta method for derived
            quantities), or what an `Estimator`'s ``standard_error`` returns; "abc", BCa's without
            replicates (see `Fit.confidence_interval`); "calibrated" and "calibrated-basic",
            percentile and basic ones at levels chosen by the double bootstrap (see `calibration`);
            "signed-root", where the profile likelihood's signed root lies between quantiles that it
            has in the replicates at the estimate (some refits for each when first asked for);
            "wald-score", as that by the geometric mean of the Wald and the robust score statistic;
            "cr1", "cr2" and "cr3", t intervals by the cluster-robust sandwich with a correction
            for few clusters: G/(G − 1), or the clusters' leverage (Bell and McCaffrey 2002, with
            Satterthwaite's degrees of freedom; MacKinnon, Nielsen and Webb 2023); "recommended",
            for each parameter the kind of `recommended_kinds`. In any case.
        confidence_level : float
            At least 0.5 and below 1: the probability of covering, 0.95 for 95% intervals.
        alternative : str
            "two-sided", "less" (an upper limit only) or "greater" (a lower limit only).

        Returns
        -------
        ConfidenceInterval
            With ``low``, ``high``, ``low_mcse`` and ``high_mcse``, (p,) each. A parameter that the
            data do not identify has the whole line, and ends are infinite where replicates without
            a finite optimum reach across them. A warning says why other ends are infinite or NaN:
            replicates without a standard error of their own, say, a normal interval of infinite
            replicates, or a BCa end that so few replicates cannot show.

        Raises
        ------
        ValueError
            For an unknown method, one that these replicates do not have, and a level that so few
            replicates cannot show.

        Notes
        -----
        With more than 4 parameters the sandwich takes the Hessian that certified the replicate: its
        errors are 1 to 2% too large in samples of about 100.

        Studentized intervals of derived quantities are computed on the scale that the ``transform``
        of `derive` names, and stay within its range; on that of the quantity itself without one.

        Examples
        --------
        >>> import numpy as np
        >>> from bootmle import Estimator, bootstrap
        >>> y = np.random.default_rng(0).normal(size=50)
        >>> boot = bootstrap(Estimator(np.mean, args=y), n_resamples=999, rng=0)
        >>> boot.confidence_interval(confidence_level=0.9).low.shape
        (1,)
        """
        refuse_keywords(unknown, "confidence_interval", Inference.confidence_interval)
        bounds = self.interval_of(method, confidence_level, alternative)
        with_ends = {"less": (bounds.high,), "greater": (bounds.low,)}
        ends = with_ends.get(alternative.lower(), (bounds.low, bounds.high))
        self.warn_of_missing(method, ends, stacklevel=3)
        return bounds

    def warn_of_missing(
        self, method: str, values: Sequence[Floats], noun: str = "an end", *, stacklevel: int
    ) -> None:
        """Warn of ends, or other values (p,), that are nan or infinite, with the reason."""
        if np.isfinite(values).all():
            return
        if missing := describe_missing(self, self.kinds_of(method), values, noun):
            warnings.warn(missing, stacklevel=stacklevel)

    def interval_of(
        self, method: str, confidence_level: float = 0.95, alternative: str = "two-sided"
    ) -> ConfidenceInterval:
        """Compute an interval, without a word on ends that are infinite or nan."""
        prepared, _ = self._prepared(method), read_level(confidence_level, alternative)
        if isinstance(prepared, Mixed) and NONE in prepared.kinds:
            warnings.warn(f"{describe_refusals(self)}; its ends are nan", stacklevel=3)
        if isinstance(prepared, Mixed) and (missing := self.missing_ratios()):
            warnings.warn(missing, stacklevel=3)
        bounds = self._with_correction(prepared, prepared.interval(confidence_level, alternative))
        return self._expanded(bounds)

    def kinds_of(self, method: str) -> list[str]:
        """Name each parameter's kind of interval by a method, (p,)."""
        if str(method).lower() == Mixed.name:
            return list(map(str, self.recommended_kinds()))
        return [read_kind(method).name] * len(self.names)

    def interval_where_possible(self, method: str, confidence_level: float) -> ConfidenceInterval:
        """Compute an interval, with NaN for endpoints that so few replicates cannot show."""
        prepared = self._prepared(method, measure=False)
        bounds = prepared.interval(confidence_level, withhold=True)
        return self._expanded(self._with_correction(prepared, bounds))

    def _with_correction(
        self, method: IntervalMethod, bounds: ConfidenceInterval
    ) -> ConfidenceInterval:
        """Add the error of the correction of expanded replicates to the Monte Carlo errors."""
        known = self.rescaled_correction()
        if known is None or np.all(method.corrects_itself):
            return bounds
        mirror = 2 * self.estimate[~self.flat()] if method.reflects else None
        wide = known.take(~self.flat()).widened(bounds, mirror)
        return replace(
            bounds,
            low_mcse=np.where(method.corrects_itself, bounds.low_mcse, wide.low_mcse),
            high_mcse=np.where(method.corrects_itself, bounds.high_mcse, wide.high_mcse),
        )

    def check_interval(self, method: str, confidence_level: float) -> None:
        """Raise where some parameter lacks an interval."""
        kind, (tail, _) = self._prepared(method), read_level(confidence_level, "two-sided")
        for upper in (False, True):
            kind.check(tail, confidence_level, upper=upper)

    def _prepared(self, method: Any, *, measure: bool = True) -> IntervalMethod:
        """Prepare one kind of interval of the parameters that are identified."""
        # To ``measure`` what a recommended one takes may take long: a table does not.
        if str(method).lower() == Mixed.name:
            return self._recommended(measure)
        kind = read_kind(method)
        reason = why_not(kind, self.lacks)
        if reason:
            others = [repr(name) for name, each in METHODS.items() if not why_not(each, self.lacks)]
            raise ValueError(
                f"method: {kind.name!r} is not available, as {reason}; use {' or '.join(others)}"
            )
        return kind.of(self.arrays(kind.needs))

    def recommended_kinds(self) -> NDArray[np.str_]:
        """Name the kind of interval that is recommended for each parameter, (p,).

        By the rules of a simulation study: of the number of units, of whether they are clusters,
        and of whether replicates are off center or without an optimum. What this takes is measured
        first, up to some refits of each replicate. "none" where the fit is a local optimum, for
        parameters at a bound, and where alarms say that the replicates mean nothing.
        """
        self._measure_recommended()
        return self.kinds_at_hand()

    def kinds_at_hand(self) -> NDArray[np.str_]:
        """Name those that are recommended among what is known or takes seconds, (p,)."""
        if self.supports_quantiles:
            off, clustered = off_center(self), is_clustered(self)
            kinds = choose_kinds(self._n_units, off, self.serves, clustered=clustered)
        else:
            kinds = np.full(len(self.names), Normal.name)
        return np.where(withheld(self), NONE, kinds)

    def serves(self, kind: str) -> NDArray[np.bool_]:
        """Whether a kind is at hand, and has finite endpoints, for each parameter."""
        nothing, lost = np.zeros(len(self.names), dtype=bool), np.zeros(len(self.names))
        if why_not(METHODS[kind], self.lacks) or (kind == BCa.name and not self._quick()):
            return nothing
        if kind == SignedRoot.name and not self._takes_ratios(quickly=True):
            return nothing
        if kind == WaldScore.name and not self.takes_scores(quickly=True):
            return nothing
        if kind == Studentized.name:
            if self.unmeasured() and not (self.derived and self.own_errors.is_quick(self)):
                return nothing
            data = self.with_own_errors().data
            lost = np.isnan(data.standard_errors[~data.failed]).mean(axis=0)
            # Of a ratio whose denominator may be 0, say, the delta method knows nothing.
            lost = np.where(self.derived & self.heavy_tails, 1.0, lost)
        bounds = self.interval_where_possible(kind, LEVEL)
        ends = np.array([bounds.low, bounds.high])
        # A likelihood that never falls so far does not limit its parameter.
        shown = ~np.isnan(ends) if kind == SignedRoot.name else np.isfinite(ends)
        return np.asarray(shown.all(axis=0) & (lost < FEW_LOST))

    def _recommended(self, measure: bool) -> IntervalMethod:
        """Prepare for each parameter that is identified the kind that is recommended."""
        kinds = (self.recommended_kinds() if measure else self.kinds_at_hand())[~self.flat()]
        if kinds.size and (kinds == NONE).all():
            raise ValueError(
                f"method: {describe_refusals(self)}; a kind's name gives it all the same"
            )
        made = [name for name in np.unique(kinds).tolist() if name != NONE]
        return Mixed({name: self._prepared(name) for name in made}, kinds)

    def _measure_recommended(self) -> None:
        """Measure what the recommendation depends on, however long it takes."""
        if self.derived and self.unmeasured() and not self.lacks(Need.STANDARD_ERRORS):
            # Those of a total take refits, as the parameters' own do, and wait until asked for.
            _ = self.origin.unmeasured() or self.with_own_errors()
        if self.takes_scores():
            self.own_errors.scores_of(self)
        if self._takes_ratios() and self._better_by_ratio().any():
            self.own_errors.roots_of(self)

    def _takes_ratios(self, *, quickly: bool = False) -> bool:
        """Whether signed-root intervals are considered; if they are known or take seconds, too."""
        # Of clusters there is no study.
        if self.lacks(Need.ROOTS) or is_clustered(self) or self._n_units > FEW_UNITS:
            return False
        return not quickly or self.own_errors.ratios_are_quick(self)

    def takes_scores(self, *, quickly: bool = False) -> bool:
        """Whether wald-score intervals are considered; if they are known or take seconds, too."""
        few = self.supports_quantiles and self._n_units <= FEWEST_UNITS and not is_clustered(self)
        if not few or why_not(WaldScore, self.lacks) or self.unmeasured() or not self._none_lost():
            return False
        if withheld(self).all():
            return False
        return not quickly or self.own_errors.scores_are_quick(self)

    def _none_lost(self) -> bool:
        """Whether hardly any replicate lacks a finite optimum."""
        kept = self.data.estimates[~self.data.failed]
        return bool(np.mean(~np.isfinite(kept).all(axis=1)) < NONE_LOST)

    def _better_by_ratio(self) -> NDArray[np.bool_]:
        """Whether a parameter's interval would be by the likelihood ratio, if it is there, (p,)."""
        if not self.supports_quantiles or is_clustered(self) or self._n_units > FEW_UNITS:
            return np.zeros(len(self.names), dtype=bool)
        return ~(withheld(self) | self.serves(Studentized.name) | self.flat())

    def missing_ratios(self) -> str:
        """Say which intervals a file may lack that the run with its fit would recommend."""
        plan = read_plan(str(self.sampling))
        resized = plan is not None and type(plan).rescaling is not Plan.rescaling
        with_samples = self.fit is not None and not isinstance(self.sampling, str)
        if with_samples or self.refit != "verified" or resized:
            return ""
        if self.lacks_roots() or self.data.n_evaluations.max(initial=0) < 2:  # an Estimator's are 1
            return ""
        kind, better = SignedRoot.name, self._better_by_ratio()
        few = self._n_units <= FEWEST_UNITS and not is_clustered(self)
        if few and not self.lacks(Need.STANDARD_ERRORS) and self._none_lost():
            kind, better = WaldScore.name, ~(withheld(self) | self.flat())
        better &= ~np.isin(self.names, self.fixed)
        if not better.any():
            return ""
        names = ", ".join(np.array(self.names)[better].tolist())
        lacking, use = "likelihood", "use load(path, fit=mle)"
        if plan is None and self.labels is None:
            lacking, use = "plan", f"bootstrap again, with rng={self.seed}"
        return (
            f"the file does not hold the {lacking}, whose {kind} intervals may be the "
            f"recommended ones of {names}: {use}"
        )

    @property
    def _n_units(self) -> float:
        """Number of units that are drawn; infinitely many where it is not known."""
        return np.inf if self.n_units is None else self.n_units

    def _quick(self) -> bool:
        """Whether the jackknife is known, or takes a tenth of the replicates' time at most."""
        return self._jackknife().is_at_hand or self._n_units <= QUICK * len(self.data)

    def _expanded(self, bounds: ConfidenceInterval) -> ConfidenceInterval:
        """Give the whole line to parameters that the data do not identify."""
        ends = np.full((4, len(self.names)), np.nan)
        ends[:2] = [[-np.inf], [np.inf]]
        ends[:, ~self.flat()] = [bounds.low, bounds.high, bounds.low_mcse, bounds.high_mcse]
        low, high, low_mcse, high_mcse = ends
        return ConfidenceInterval(low, high, low_mcse, high_mcse, self.names)
