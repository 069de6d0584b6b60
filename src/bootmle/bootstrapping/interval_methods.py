"""Intervals of every kind, from the replicates."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any, Never

import numpy as np
from numpy.typing import NDArray

from bootmle.bootstrapping.choosing import (
    FEW_LOST,
    LEVEL,
    NONE,
    QUICK,
    choose_kinds,
    describe_refusals,
    is_clustered,
    off_center,
    withheld,
)
from bootmle.bootstrapping.double_bootstrap import Doubled
from bootmle.bootstrapping.fit_intervals import cluster_errors_of, cluster_robust_of, family_of
from bootmle.bootstrapping.interval_kinds import METHODS, read_kind, why_not
from bootmle.bootstrapping.interval_needs import (
    why_lacking,
    why_no_derived_errors,
    why_no_quantiles,
)
from bootmle.display.known_names import refuse_keywords
from bootmle.execution.threads import computation
from bootmle.fitting.fit import Fit
from bootmle.inference.bca import BCa
from bootmle.inference.derived import derive_in_turn
from bootmle.inference.derived_scales import DerivedScales
from bootmle.inference.intervals import (
    ConfidenceInterval,
    IntervalMethod,
    Need,
    ReplicateArrays,
    read_level,
)
from bootmle.inference.mixed import Mixed
from bootmle.inference.normal import Normal
from bootmle.inference.studentized import Studentized
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status
from bootmle.refitting.cluster_robust import ClusterRobust
from bootmle.refitting.leave_one_out import LeaveOneOut
from bootmle.sampling import read_plan

__all__ = ["Inference"]


@dataclass(frozen=True, slots=True, eq=False)
class Inference(Doubled):
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
            data do not identify has the whole line. NaN where a kind has no interval: a normal one
            of a parameter with infinite replicates, a studentized one where the estimate's own
            standard error is 0 though the replicates vary; with a warning, a BCa one that so few
            replicates cannot show, where other parameters have theirs.

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
        prepared, _ = self._prepared(method), read_level(confidence_level, alternative)
        if isinstance(prepared, Mixed) and NONE in prepared.kinds:
            warnings.warn(f"{describe_refusals(self)}; its ends are nan", stacklevel=2)
        bounds = self._with_correction(prepared, prepared.interval(confidence_level, alternative))
        return self._expanded(bounds)

    def interval_where_possible(self, method: str, confidence_level: float) -> ConfidenceInterval:
        """Compute an interval, with NaN for endpoints that so few replicates cannot show."""
        prepared = self._prepared(method)
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

    def _prepared(self, method: Any) -> IntervalMethod:
        """Prepare one kind of interval of the parameters that are identified."""
        if str(method).lower() == Mixed.name:
            return self._recommended()
        kind = read_kind(method)
        reason = why_not(kind, self.lacks)
        if reason:
            others = [repr(name) for name, each in METHODS.items() if not why_not(each, self.lacks)]
            raise ValueError(
                f"method: {kind.name!r} is not available, as {reason}; use {' or '.join(others)}"
            )
        return kind.of(self._arrays(kind.needs))

    def recommended_kinds(self) -> NDArray[np.str_]:
        """Name the kind of interval that is recommended for each parameter, (p,).

        By the rules of a simulation study: of the number of units, of whether they are clusters,
        and of whether replicates are off center. "none" where the fit is a local optimum, for
        parameters at a bound, and where alarms say that the replicates mean nothing.
        """
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
        if kind == Studentized.name:
            if self.unmeasured() and not (self.derived and self.own_errors.is_quick(self)):
                return nothing
            data = self.with_own_errors().data
            lost = np.isnan(data.standard_errors[~data.failed]).mean(axis=0)
            # Of a ratio whose denominator may be 0, say, the delta method knows nothing.
            lost = np.where(self.derived & self.heavy_tails, 1.0, lost)
        ends = self.interval_where_possible(kind, LEVEL)
        return np.asarray(np.isfinite([ends.low, ends.high]).all(axis=0) & (lost < FEW_LOST))

    def _recommended(self) -> IntervalMethod:
        """Prepare for each parameter that is identified the kind that is recommended."""
        if self.derived and self.unmeasured() and not self.lacks(Need.STANDARD_ERRORS):
            # Those of a total take refits, as the parameters' own do, and wait until asked for.
            _ = self.origin.unmeasured() or self.with_own_errors()
        kinds = self.recommended_kinds()[~self.flat()]
        if kinds.size and (kinds == NONE).all():
            raise ValueError(
                f"method: {describe_refusals(self)}; a kind's name gives it all the same"
            )
        made = [name for name in np.unique(kinds).tolist() if name != NONE]
        return Mixed({name: self._prepared(name) for name in made}, kinds)

    @property
    def _n_units(self) -> float:
        """Number of units that are drawn; infinitely many where it is not known."""
        return np.inf if self.n_units is None else self.n_units

    def _quick(self) -> bool:
        """Whether the jackknife is known, or takes a tenth of the replicates' time at most."""
        return self._jackknife().is_at_hand or self._n_units <= QUICK * len(self.data)

    def _arrays(self, needs: frozenset[Need]) -> ReplicateArrays:
        """Collect what kinds of intervals are computed from."""
        chosen = ~self.flat()
        known: dict[str, Any] = {}
        if Need.JACKKNIFE in needs:
            estimates, known["strata"] = self.jackknife()
            known["jackknife"] = estimates[:, chosen]
        if Need.STANDARD_ERRORS in needs:
            data, correction, own = self.with_own_errors()
            assert own is not None
            known["errors"] = data.standard_errors[~data.failed][:, chosen]
            known["own_error"] = own[chosen]
            if self.scales:
                known["scales"] = DerivedScales(self.scales).take(chosen)
            if correction is not None:
                known["correction"] = correction.take(chosen)
                known["corrected"] = data.status[~data.failed] == Status.EXPANDED
        if Need.EXPANSION in needs:
            assert isinstance(self.fit, Fit)
            assert not isinstance(self.sampling, str)
            with computation():
                known["family"] = family_of(self.fit, self.sampling, self.derivation, chosen)
        if Need.CLUSTERS in needs:
            robust = self._cluster_robust()
            known["cluster_errors"] = cluster_errors_of(robust, chosen, chosen.size)
        if Need.LEVELS in needs:
            known["levels"] = self.calibration().take(chosen)
        return ReplicateArrays(
            tuple(self.names[j] for j in np.flatnonzero(chosen)),
            self.estimate[chosen],
            self.kept()[:, chosen],
            self.bias[chosen],
            self.linear_part(self.kept())[:, chosen],
            self.is_random,
            **known,
        )

    def _cluster_robust(self) -> ClusterRobust | None:
        """Return what cluster-robust errors take, as kept with the run, or from the fit."""
        if self.cluster_robust is not None:
            return self.cluster_robust
        assert isinstance(self.fit, Fit)
        assert not isinstance(self.sampling, str)
        with computation():
            return cluster_robust_of(self.fit, self.sampling, self.derivation)

    def _expanded(self, bounds: ConfidenceInterval) -> ConfidenceInterval:
        """Give the whole line to parameters that the data do not identify."""
        ends = np.full((4, len(self.names)), np.nan)
        ends[:2] = [[-np.inf], [np.inf]]
        ends[:, ~self.flat()] = [bounds.low, bounds.high, bounds.low_mcse, bounds.high_mcse]
        return ConfidenceInterval(*ends)

    def lacks(self, need: Need) -> str:
        """Say why these replicates lack what an interval needs; empty where they have it."""
        if need is Need.QUANTILES:
            return "" if self.supports_quantiles else why_no_quantiles(str(self.sampling))
        if need is Need.JACKKNIFE and self._jackknife().is_at_hand:
            return ""
        if need is Need.CLUSTERS and self.cluster_robust is not None:
            return ""
        if need is Need.STANDARD_ERRORS:
            if self.derived and self.own_standard_error is None:
                return why_no_derived_errors(self)
            known = self.own_standard_error is not None and self.rescaling == (1.0, 1.0)
            if known and not (self.unmeasured() and self.without_samples()):
                return ""
        if self.fit is None or isinstance(self.sampling, str):
            use = "load(path, fit=mle)"
            restored = self.labels is not None or read_plan(str(self.sampling)) is not None
            if need in {Need.CLUSTERS, Need.EXPANSION} and not restored:
                use = "mle.confidence_interval(..., sampling=plan), with the plan's labels"
            before = ", or call jackknife() before save()" if need is Need.JACKKNIFE else ""
            return f"the file does not hold {need.value} (use {use}{before})"
        reason = why_lacking(need, self.fit, self.sampling, str(self.sampling), self.refit)
        if need is Need.STANDARD_ERRORS and not reason:
            return "the fit is at a bound, or its Hessian is not positive definite"
        return reason

    def jackknife(self) -> tuple[Floats, NDArray[np.intp]]:
        """Estimate without each unit that the plan draws: (G, p), and the units' strata, (G,).

        Computed once. Solved on the expansion where the objective returns contributions, and
        certified where a deletion moves the estimate by more than a tenth of a standard error.

        Raises
        ------
        ValueError
            If the plan draws no units that can be left out, or the fit is not available.
        """
        if reason := self.lacks(Need.JACKKNIFE):
            raise ValueError(f"jackknife: {reason}")
        estimates, strata = self._jackknife().found
        return derive_in_turn(self.derivation, estimates), strata

    def _jackknife(self) -> LeaveOneOut:
        """Return the estimates without each unit, computed or yet to be."""
        return self.leave_one_out or LeaveOneOut(
            self.fit, self.sampling, len(self.data), apart=self.apart
        )
