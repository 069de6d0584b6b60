"""What to make of one source: whether it agrees with the bootstrap, and if not, why."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from bootmle.crosschecks.evidence import Evidence
from bootmle.crosschecks.flags import Flag, Verdict
from bootmle.crosschecks.sources import Source
from bootmle.display.text import rounded
from bootmle.optimization.status import Status
from bootmle.refitting.information_equality import Equality
from bootmle.sampling import Structure
from bootmle.sampling.clustered import FEW_CLUSTERS

__all__ = [
    "agreement",
    "differs",
    "equality_flag",
    "judge_own",
    "judge_reference",
    "withheld_from",
]

_CORRELATED = 3.0
"""Standard errors at which neighbouring scores count as correlated, where blocks are drawn."""


def judge_own(source: Source, evidence: Evidence) -> Verdict:
    """Judge one of the check's own sources against the reference."""
    withheld = withheld_from(evidence)
    if withheld is not None:
        return withheld
    if source.name == "profile":
        return _judge_profile(source, evidence)
    if source.name == "parametric":
        return _judge_parametric(source, evidence)
    return _judge_matrix(source, evidence)


def withheld_from(evidence: Evidence) -> Verdict | None:
    """Withhold judgement where no standard error follows from the point, or none is there."""
    information = evidence.fit.information
    withheld = evidence.fit.status.withheld
    if evidence.fit.status is Status.AT_BOUND:
        return Verdict(False, f"{withheld}, where the slope is not 0", Flag.AT_BOUND)
    if information.definiteness != "positive definite":
        ways = [information.describe_direction(way) for way in information.null_directions.T]
        along = f" along {' and '.join(ways)}" if ways else ""
        reason = (
            f"withheld: the Hessian is {information.definiteness}{along}, and is never repaired"
        )
        flat = information.definiteness == "singular"
        return Verdict(False, reason, Flag.NOT_IDENTIFIED if flat else Flag.NOT_POSITIVE_DEFINITE)
    if withheld:
        return Verdict(False, f"withheld: {withheld}", Flag.NOT_AT_OPTIMUM)
    if not np.isfinite(evidence.reference.standard_errors[evidence.varies]).all():
        return Verdict(False, "cannot be compared: the reference is not finite", Flag.UNEXPLAINED)
    return None


def agreement(source: Source, evidence: Evidence) -> Verdict | None:
    """Say that a source agrees; None where it does not.

    Of many parameters some lie outside 2 errors by chance: the largest of p distances is held
    against the normal quantile for p comparisons at once (Bonferroni).
    """
    name, off = evidence.reference.name, evidence.off(source)
    if not off:
        return Verdict(True, f"agrees with the {name}: no further off than 2 errors")
    away = evidence.distance(source, evidence.reference)
    if not np.nanmax(away, initial=0.0) < ndtri(1 - 0.025 / len(away)) or evidence.lost(source):
        return None
    reason = (
        f"agrees with the {name}, but for {', '.join(off)}: {rounded(float(np.nanmax(away)), 2)} "
        f"errors off, which chance explains among {len(away)} parameters"
    )
    return Verdict(True, reason)


def judge_reference(evidence: Evidence) -> Verdict:
    """Say what the reference rests on."""
    withheld = withheld_from(evidence)
    if evidence.boot is None:
        better = "bootstrap(mle) is a better one"
        if evidence.fit.likelihood.n is None:
            better = "return the contributions (delete .sum()), and bootstrap(mle) is a better one"
        return withheld or Verdict(True, f"the reference here; {better}")
    count, failed = len(evidence.boot.data), evidence.boot.n_failed
    lost = evidence.boot.not_identified
    if lost:
        names = ", ".join(lost)
        reason = f"withheld for {names}, which the refits leave where they start"
        return Verdict(False, reason, Flag.NOT_IDENTIFIED)
    if withheld is not None and withheld.flag is Flag.NOT_POSITIVE_DEFINITE:
        reason = (
            f"no reference: the Hessian is {evidence.fit.information.definiteness}, and refits may "
            f"stay where they start along a flat way"
        )
        return Verdict(False, reason, Flag.NOT_POSITIVE_DEFINITE)
    if evidence.fit.status is Status.AT_BOUND:
        reason = "not valid for an estimate at a bound, where replicates pile up (Andrews 2000)"
        return Verdict(False, reason, Flag.AT_BOUND)
    failures = f"{failed:,} of them failed" if failed else "none failed"
    shares = evidence.reference.noise / evidence.reference.standard_errors
    error = f"Monte Carlo error at most {np.nanmax(shares, initial=0.0):.1%}"
    divergent = int(evidence.boot.data.divergent.sum())
    if evidence.boot.diverges().any():
        reason = (
            f"the reference: {count:,} refits, {failures}, but {divergent:,} without a finite "
            f"optimum, where standard errors leave out what is infinite: report the percentile "
            f"interval; {error}"
        )
        return Verdict(True, reason, Flag.HEAVY_TAILED)
    return Verdict(True, f"the reference: {count:,} refits, {failures}; {error}")


def differs(source: Source, evidence: Evidence) -> str:
    """Say for which parameters a source differs, and how far."""
    chosen = evidence.apart(source)
    names = evidence.named(chosen)
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    ratios = (source.standard_errors / evidence.reference.standard_errors)[chosen]
    ratios = ratios[np.isfinite(ratios)]
    if ratios.size == 0:
        return f"differs for {shown}"
    low, high = rounded(float(ratios.min()), 2), rounded(float(ratios.max()), 2)
    return f"×{low} for {shown}" if low == high else f"×{low} to ×{high} for {shown}"


def equality_flag(equality: Equality) -> Flag:
    """Choose the flag of an information equality that fails."""
    return Flag.OBJECTIVE_SCALE if equality.twofold else Flag.MISSPECIFIED


def _judge_matrix(source: Source, evidence: Evidence) -> Verdict:
    """Judge the Hessian's, the OPG's or a sandwich's standard errors."""
    if source.name == "opg" and np.isnan(source.standard_errors[evidence.fit.free]).all():
        reason = "none: the scores' outer product is singular"
        return Verdict(False, reason, Flag.NOT_POSITIVE_DEFINITE)
    agreed = agreement(source, evidence)
    if agreed is not None:
        return agreed
    flag, why = _explain(source, evidence)
    return Verdict(False, f"{differs(source, evidence)}: {why}", flag)


def _explain(source: Source, evidence: Evidence) -> tuple[Flag, str]:
    """Find the reason for a disagreement, from what the other sources say."""
    found = _by_plan(source, evidence)
    if found is not None:
        return found
    if source.name in {"hessian", "opg"}:
        found = _by_simulation(source, evidence) or _by_scores(source, evidence)
        if found is not None:
            return found
    return _by_shape(source, evidence)


def _by_plan(source: Source, evidence: Evidence) -> tuple[Flag, str] | None:
    """Blame what the plan allows for and the source does not."""
    if source.name not in {"hessian", "opg", "sandwich"}:
        return None
    if evidence.structure is Structure.CLUSTERS:
        robust = evidence.known.get("cluster")
        agrees = robust is not None and not np.any(evidence.apart(robust))
        more = "; the cluster-robust sandwich, which does not, agrees with the bootstrap"
        return (
            Flag.CLUSTERED,
            f"it treats rows of one cluster as independent{more if agrees else ''}",
        )
    if evidence.structure is Structure.SERIES:
        return _by_blocks(evidence)
    if evidence.structure is Structure.STRATA:
        return Flag.STRATIFIED, "it ignores the strata, within which the bootstrap draws"
    if evidence.structure is Structure.MODEL and source.name != "hessian":
        return Flag.MISSPECIFIED, (
            "it takes the scores' variance from your data, the parametric bootstrap from the "
            "model: that is misspecified, or the sample small for it"
        )
    return None


def _by_blocks(evidence: Evidence) -> tuple[Flag, str]:
    """Blame dependence where scores show it, and else the blocks, of which a series has few."""
    scores = evidence.scores
    if scores is None or abs(scores.autocorrelation) > _CORRELATED:
        return Flag.DEPENDENT_ROWS, "it treats rows as independent, which blocks of them do not"
    return Flag.SMALL_SAMPLE, (
        f"it treats the scores as independent, and those of neighbouring rows are not correlated "
        f"({rounded(abs(scores.autocorrelation), 2)} standard errors from none): the series has "
        f"few blocks, unless rows further apart depend on each other"
    )


def _by_simulation(source: Source, evidence: Evidence) -> tuple[Flag, str] | None:
    """Set the source beside data simulated from the model itself."""
    parametric = evidence.known.get("parametric")
    if parametric is None:
        return None
    bias = evidence.apart(source, parametric)
    wrong = evidence.apart(parametric)
    if np.any(bias & evidence.apart(source)) and not np.any(wrong):
        return Flag.SMALL_SAMPLE, (
            f"even in data simulated from the model the estimates do not spread by it "
            f"({_in_errors(source, parametric, evidence)} from them): a bias of the curvature at "
            f"one point, in a sample too small for it"
        )
    if np.any(wrong) and not np.any(bias):
        return Flag.MISSPECIFIED, (
            "it agrees with data simulated from the model, which the bootstrap of your data does "
            "not: the model is misspecified, not the curvature"
        )
    return None


def _by_scores(source: Source, evidence: Evidence) -> tuple[Flag, str] | None:
    """Set the Hessian, or the OPG, beside the sandwich of both."""
    equality = evidence.failed_equality
    if equality is not None:
        return equality_flag(equality), str(equality)
    weights = evidence.fit.likelihood.weights
    if weights is not None and np.any(weights != 1):
        return Flag.OBJECTIVE_SCALE, (
            "it takes the prior weights for repeated rows, where the bootstrap weights single "
            "ones; expand the rows if the weights are frequencies"
        )
    if source.name == "opg" and not np.any(evidence.apart(evidence.known["hessian"])):
        return Flag.SMALL_SAMPLE, (
            "the outer product of the scores is the noisiest of these estimates; the Hessian agrees"
        )
    robust, reference = evidence.known.get("sandwich"), evidence.reference
    if robust is None or np.any(evidence.apart(robust) & evidence.apart(source)):
        return None
    # The rule for agreement alone fails for one right model in ten or more.
    clear = evidence.equality is not None and bool(evidence.equality.failing.any())
    if robust is reference:
        return Flag.MISSPECIFIED if clear else Flag.SMALL_SAMPLE, (
            "the model's variance is wrong there, or the sample too small for either; "
            "bootstrap(mle) would tell"
        )
    agrees = (
        "the sandwich, which takes the scores' variance from the data, agrees with the bootstrap"
    )
    if clear:
        return Flag.MISSPECIFIED, f"{agrees}: the model's variance may be wrong there"
    return Flag.SMALL_SAMPLE, (
        f"{agrees}, but differs from the curvature by no more than chance may in a small sample of "
        f"a right model"
    )


def _by_shape(source: Source, evidence: Evidence) -> tuple[Flag, str]:
    """Blame the shape of the sampling distribution, or the sample's size."""
    off = set(evidence.off(source))
    heavy = [name for name in evidence.heavy_tailed if name in off]
    if heavy:
        return Flag.HEAVY_TAILED, (
            f"the replicates of {', '.join(heavy)} have heavy tails: their standard deviation "
            f"exceeds their quantiles' by more than a quarter"
        )
    skewed = [name for name in evidence.skewed if name in off]
    if skewed:
        return Flag.SKEWED, (
            f"the sampling distribution of {', '.join(skewed)} is skewed, which no curvature at "
            f"one point shows"
        )
    clusters = None if evidence.scores is None else evidence.scores.clusters
    if source.name == "cluster" and clusters is not None and clusters.max() < FEW_CLUSTERS:
        count = int(clusters.max()) + 1
        return Flag.SMALL_SAMPLE, f"{count} clusters are few for a sandwich (40 are the least)"
    n, p = evidence.fit.likelihood.n or 0, int(evidence.fit.free.sum())
    what = "a variance of the scores" if source.name == "opg" else "a linear approximation"
    return Flag.SMALL_SAMPLE, (
        f"{what} at one point, from {n:,} observations for {p} parameters; refits follow the "
        f"likelihood itself"
    )


def _judge_parametric(source: Source, evidence: Evidence) -> Verdict:
    """Judge data simulated from the model against resampled ones."""
    return agreement(source, evidence) or Verdict(
        False,
        f"{differs(source, evidence)}: data simulated from the model do not spread the estimates "
        f"as your data do, so the model is misspecified",
        Flag.MISSPECIFIED,
    )


def _judge_profile(source: Source, evidence: Evidence) -> Verdict:
    """Judge profile-likelihood intervals by half their length."""
    endless = evidence.named(np.isinf(source.standard_errors))
    if endless:
        reason = (
            f"none for {', '.join(endless)}: on one side the likelihood never drops far enough to "
            f"end the interval"
        )
        return Verdict(False, reason, Flag.SKEWED)
    agreed = agreement(source, evidence)
    if agreed is not None:
        return agreed
    flag, why = _by_scores(source, evidence) or _by_shape(source, evidence)
    return Verdict(False, f"{differs(source, evidence)}: {why}", flag)


def _in_errors(source: Source, other: Source, evidence: Evidence) -> str:
    """Measure the largest distance between two sources in errors of a standard error."""
    away = evidence.distance(source, other)
    return f"{rounded(float(np.nanmax(away)), 2)} errors"
