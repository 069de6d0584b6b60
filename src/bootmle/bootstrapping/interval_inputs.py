"""What intervals of the replicates are computed from, and what is lacking for some kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.bootstrapping.double_bootstrap import Doubled
from bootmle.bootstrapping.fit_intervals import cluster_errors_of, cluster_robust_of, family_of
from bootmle.bootstrapping.interval_needs import (
    why_lacking,
    why_no_derived_errors,
    why_no_quantiles,
)
from bootmle.execution.threads import computation
from bootmle.fitting.fit import Fit
from bootmle.inference.derived import derive_in_turn
from bootmle.inference.derived_scales import DerivedScales
from bootmle.inference.intervals import Need, ReplicateArrays
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status
from bootmle.refitting.cluster_robust import ClusterRobust
from bootmle.refitting.leave_one_out import LeaveOneOut
from bootmle.sampling import read_plan

__all__ = ["Inputs"]


@dataclass(frozen=True, slots=True, eq=False)
class Inputs(Doubled):
    """Replicates of a fit, and what intervals take; attributes as of `Spread`."""

    def arrays(self, needs: frozenset[Need]) -> ReplicateArrays:
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
        if Need.ROOTS in needs:
            scored = Need.SCORES in needs
            made = self.own_errors.scores_of if scored else self.own_errors.roots_of
            roots, profile = made(self)
            known["roots"], known["profile"] = roots[:, chosen], profile.take(chosen)
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
        if need in {Need.ROOTS, Need.SCORES} and (reason := self.lacks_roots()):
            return reason
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

    def lacks_roots(self) -> str:
        """Say why these replicates have no likelihood ratios, whatever the plan and the fit."""
        if self.derived:
            return "derived quantities have no profile likelihood"
        if (self.status == Status.AT_BOUND).any():
            return "replicates lie at a bound, which their profiles would not keep to"
        if self.center is not None:
            return "the replicates' center is not the estimate"
        return "several runs are merged; load one path" if len(self.seeds) > 1 else ""

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
