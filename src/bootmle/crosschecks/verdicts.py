"""The verdict on one source: whether it agrees with the reference, and if not, why."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from bootmle.bootstrapping.recommendation import recommend_interval
from bootmle.crosschecks.evidence import Evidence
from bootmle.crosschecks.flags import Flag, Verdict
from bootmle.crosschecks.reasons import explain
from bootmle.crosschecks.sources import Source
from bootmle.display.text import rounded
from bootmle.optimization.status import Status

__all__ = [
    "agreement",
    "describe_difference",
    "describe_replicates",
    "judge",
    "judge_reference",
    "withheld_from",
]

_PROFILED_AT_BOUND = (
    "report its intervals, which are conservative at a bound (Self and Liang 1987); half their "
    "length is no standard error there"
)


def judge(source: Source, evidence: Evidence) -> Verdict:
    """Judge one of the cross-check's own sources against the reference."""
    if source.name == "profile" and evidence.fit.status is Status.AT_BOUND:
        return Verdict(False, _PROFILED_AT_BOUND, Flag.AT_BOUND)
    settled = withheld_from(evidence) or _missing(source, evidence) or agreement(source, evidence)
    if settled is not None:
        return settled
    flag, why = explain(source, evidence)
    return Verdict(False, f"{describe_difference(source, evidence)}: {why}", flag)


def withheld_from(evidence: Evidence) -> Verdict | None:
    """Withhold judgment where the point gives no standard error, or the reference has none."""
    if evidence.better_optimum:
        reason = "withheld: the fit is a local optimum only; fit again from the better one below"
        return Verdict(False, reason, Flag.BETTER_OPTIMUM)
    information = evidence.fit.information
    withheld = evidence.fit.status.withheld
    if evidence.fit.status is Status.AT_BOUND:
        return Verdict(False, f"withheld: {withheld}, where the gradient is not 0", Flag.AT_BOUND)
    if evidence.fit.status is Status.NO_FINITE_OPTIMUM:
        return Verdict(False, _withheld_in_limit(evidence), Flag.NOT_AT_OPTIMUM)
    if information.definiteness != "positive definite":
        directions = [
            information.describe_direction(each) for each in information.null_directions.T
        ]
        along = f" along {' and '.join(directions)}" if directions else ""
        flat = information.definiteness == "singular"
        flag = Flag.NOT_IDENTIFIED if flat else Flag.NOT_POSITIVE_DEFINITE
        return Verdict(False, f"withheld: the Hessian is {information.definiteness}{along}", flag)
    if withheld:
        return Verdict(False, f"withheld: {withheld}", Flag.NOT_AT_OPTIMUM)
    if not np.isfinite(evidence.reference.standard_errors[evidence.varies]).all():
        return Verdict(False, "not comparable: the reference is not finite", Flag.UNEXPLAINED)
    return None


def _withheld_in_limit(evidence: Evidence) -> str:
    """Say which parameters have no standard error where there is no finite optimum."""
    fit = evidence.fit
    lost = [
        name
        for name, error, free in zip(fit.names, fit.hessian_errors, fit.free, strict=True)
        if free and not np.isfinite(error)
    ]
    if len(lost) == np.count_nonzero(fit.free):
        return f"withheld: {fit.status.withheld}"
    return f"withheld for {', '.join(lost)}: {fit.status.withheld}; the others are in the limit"


def _missing(source: Source, evidence: Evidence) -> Verdict | None:
    """State why a source has no standard errors; None where it has some."""
    if source.name == "opg" and np.isnan(source.standard_errors[evidence.fit.free]).all():
        reason = "none: the outer product of the scores is singular"
        return Verdict(False, reason, Flag.NOT_POSITIVE_DEFINITE)
    endless = evidence.named(np.isinf(source.standard_errors))
    if source.name == "profile" and endless:
        reason = (
            f"none for {', '.join(endless)}: on one side the profile likelihood never drops far "
            f"enough for an endpoint"
        )
        return Verdict(False, reason, Flag.SKEWED)
    return None


def agreement(source: Source, evidence: Evidence) -> Verdict | None:
    """State that a source agrees, or cannot; None where it might and does not."""
    if evidence.endless and source.name != "profile":
        return _endless(evidence)
    name, names = evidence.reference.name, evidence.differing(source)
    if not names:
        return Verdict(True, f"agrees with the {name} within 2 standard errors")
    away = evidence.distance(source, evidence.reference)
    # Of many parameters some are more than 2 standard errors off by chance: the largest of p
    # distances is compared with the normal quantile for p comparisons (Bonferroni).
    if not np.nanmax(away, initial=0.0) < ndtri(1 - 0.025 / len(away)) or evidence.lacks(source):
        return None
    reason = (
        f"agrees with the {name}, except for {', '.join(names)}: "
        f"{rounded(float(np.nanmax(away)), 2)} standard errors off, which is within chance for "
        f"{len(away)} parameters"
    )
    return Verdict(True, reason)


def _endless(evidence: Evidence) -> Verdict:
    """State that a symmetric standard error cannot stand for infinite replicates."""
    boot = evidence.boot
    assert boot is not None
    reason = (
        f"not comparable for {', '.join(evidence.endless)}: {boot.data.divergent.mean():.0%} of "
        f"the replicates have no finite optimum there, for which no symmetric standard error "
        f"stands"
    )
    return Verdict(False, reason, Flag.HEAVY_TAILED)


def judge_reference(evidence: Evidence) -> Verdict:
    """State what the reference rests on."""
    withheld = withheld_from(evidence)
    if evidence.boot is None:
        better = "bootstrap(mle) would be better"
        if evidence.fit.likelihood.n is None:
            better = (
                "bootstrap(mle) would be better, with per-observation contributions (no .sum())"
            )
        elif not evidence.has_enough_rows:
            better = "too few observations per parameter for a sandwich; bootstrap(mle, sampling="
            better += "Parametric(simulate)) would be better"
        return withheld or Verdict(True, f"used as the reference; {better}")
    if evidence.better_optimum:
        assert withheld is not None
        return withheld
    lost = evidence.boot.not_identified
    if lost:
        reason = (
            f"withheld for {', '.join(lost)}: the data do not identify them, and refits leave them "
            f"at their starting values"
        )
        return Verdict(False, reason, Flag.NOT_IDENTIFIED)
    if withheld is not None and withheld.flag is Flag.NOT_POSITIVE_DEFINITE:
        reason = (
            f"no reference: the Hessian is {evidence.fit.information.definiteness}, and refits may "
            f"stay at their starting values along a flat direction"
        )
        return Verdict(False, reason, Flag.NOT_POSITIVE_DEFINITE)
    if evidence.fit.status is Status.AT_BOUND:
        names = ", ".join(evidence.boot.at_bound) or "what is"
        reason = f"not valid for {names} at a bound, where replicates pile up (Andrews 2000)"
        return Verdict(False, reason, Flag.AT_BOUND)
    return describe_replicates(evidence)


def describe_replicates(evidence: Evidence) -> Verdict:
    """State how many replicates the reference rests on, and how precise it is."""
    boot = evidence.boot
    assert boot is not None
    failures = f"{boot.n_failed:,} of them failed" if boot.n_failed else "none failed"
    shares = evidence.reference.mcse / evidence.reference.standard_errors
    error = f"Monte Carlo standard errors of at most {np.nanmax(shares, initial=0.0):.1%}"
    linear = not isinstance(boot.sampling, str) and boot.sampling.linear
    kind = "linear steps" if linear else "refits"
    start = f"the reference: {len(boot.data):,} {kind}, {failures}"
    if not boot.diverges().any():
        return Verdict(True, f"{start}; {error}")
    divergent, advice = int(boot.data.divergent.sum()), recommend_interval(boot)
    advice = f": {advice}" if advice else ""
    reason = (
        f"{start}, {divergent:,} without a finite optimum, which standard errors leave out"
        f"{advice}; {error}"
    )
    return Verdict(not evidence.endless, reason, Flag.HEAVY_TAILED)


def describe_difference(source: Source, evidence: Evidence) -> str:
    """State for which parameters a source differs, and by what factor."""
    mask, name = evidence.differs(source), evidence.reference.name
    names = evidence.named(mask)
    if not names:
        return f"within chance of the {name}'s"
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    ratios = (source.standard_errors / evidence.reference.standard_errors)[mask]
    ratios = ratios[np.isfinite(ratios)]
    if ratios.size == 0:
        return f"differs from the {name} for {shown}"
    low, high = rounded(float(ratios.min()), 2), rounded(float(ratios.max()), 2)
    return f"{low if low == high else f'{low} to {high}'} times the {name}'s for {shown}"
