"""What to make of one source: whether it agrees with the bootstrap, and if not, why."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from scipy.special import ndtri

from bootmle.arrays import Floats
from bootmle.crosschecks.evidence import Evidence
from bootmle.crosschecks.sources import Source
from bootmle.status import Status
from bootmle.tables import rounded

__all__ = [
    "Flag",
    "Verdict",
    "agreement",
    "differs",
    "judge_own",
    "judge_reference",
    "scale_reason",
]

_FEW_CLUSTERS = 40


class Flag(Enum):
    """What can be wrong with a standard error."""

    SADDLE = "a saddle"
    NOT_AT_OPTIMUM = "not at the optimum"
    BETTER_OPTIMUM = "a better optimum elsewhere"
    NOT_POSITIVE_DEFINITE = "a Hessian that is not positive definite"
    NOT_IDENTIFIED = "a direction that the data do not identify"
    AT_BOUND = "an estimate at a bound"
    OBJECTIVE_SCALE = "an objective on another scale than the log-likelihood"
    MISSPECIFIED = "scores that vary more or less than the curvature says"
    CLUSTERED = "clustered rows treated as independent"
    DEPENDENT_ROWS = "rows that are not independent"
    SKEWED = "a skewed sampling distribution"
    HEAVY_TAILED = "a heavy-tailed sampling distribution"
    SMALL_SAMPLE = "a sample too small for the curvature at one point"
    SEARCH_PATH = "a matrix of the search path, not a curvature"
    ROUNDING = "second differences lost in rounding"
    UNEXPLAINED = "a disagreement that the measured quantities do not explain"


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What to make of one source.

    Attributes
    ----------
    agrees : bool
        Whether all its standard errors lie within the rule around the reference's.
    reason : str
        Why, in plain words.
    flag : Flag or None
        The kind of reason; None where there is nothing wrong.
    curvature_ratios : (q,) array or None
        For a matrix at the optimum that differs: its variance along each eigenvector of the
        Hessian (`Information.directions`), over the variance measured there.
    """

    agrees: bool
    reason: str
    flag: Flag | None = None
    curvature_ratios: Floats | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """Show the reason."""
        return self.reason


def judge_own(source: Source, evidence: Evidence) -> Verdict:
    """Judge one of the check's own sources against the reference."""
    if source.name == "profile":
        return _judge_profile(source, evidence)
    if source.name == "parametric":
        return _judge_parametric(source, evidence)
    return _withheld(evidence) or _judge_matrix(source, evidence)


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
    if evidence.boot is None:
        withheld = _withheld(evidence)
        return withheld or Verdict(True, "the reference here; bootstrap(mle) is a better one")
    count, failed = len(evidence.boot.data), evidence.boot.n_failed
    if evidence.fit.not_identified:
        names = ", ".join(evidence.fit.not_identified)
        reason = f"withheld for {names}, which the refits leave where they start"
        return Verdict(False, reason, Flag.NOT_IDENTIFIED)
    if evidence.fit.status is Status.AT_BOUND:
        reason = "not valid for an estimate at a bound, where replicates pile up (Andrews 2000)"
        return Verdict(False, reason, Flag.AT_BOUND)
    failures = f"{failed:,} of them failed" if failed else "none failed"
    with np.errstate(all="ignore"):
        error = np.nanmax(evidence.mcse / evidence.reference.standard_errors, initial=0.0)
    return Verdict(
        True, f"the reference: {count:,} refits, {failures}; Monte Carlo error at most {error:.1%}"
    )


def differs(source: Source, evidence: Evidence) -> str:
    """Say for which parameters a source differs, and how far."""
    chosen = evidence.apart(source)
    names = evidence.named(chosen)
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    with np.errstate(all="ignore"):
        ratios = (source.standard_errors / evidence.reference.standard_errors)[chosen]
    ratios = ratios[np.isfinite(ratios)]
    if ratios.size == 0:
        return f"differs for {shown}"
    low, high = rounded(float(ratios.min()), 2), rounded(float(ratios.max()), 2)
    return f"×{low} for {shown}" if low == high else f"×{low} to ×{high} for {shown}"


def scale_reason(scale: float) -> tuple[Flag, str]:
    """Say how far the trace tr(H⁻¹JᵀJ)/p is from 1."""
    flag = Flag.OBJECTIVE_SCALE if 1.6 < scale < 2.5 else Flag.MISSPECIFIED
    return flag, f"the scores vary {rounded(scale, 2)} times as much as the curvature says"


def _withheld(evidence: Evidence) -> Verdict | None:
    """Withhold whatever rests on a Hessian that is not positive definite."""
    information = evidence.fit.information
    if information.definiteness == "positive definite":
        return None
    ways = [information.describe_direction(way) for way in information.null_directions.T]
    along = f" along {' and '.join(ways)}" if ways else ""
    reason = f"withheld: the Hessian is {information.definiteness}{along}, and is never repaired"
    singular = information.definiteness == "singular"
    return Verdict(False, reason, Flag.NOT_IDENTIFIED if singular else Flag.NOT_POSITIVE_DEFINITE)


def _judge_matrix(source: Source, evidence: Evidence) -> Verdict:
    """Judge the Hessian's, the OPG's or a sandwich's standard errors."""
    if evidence.fit.status is Status.AT_BOUND:
        reason = "no standard error follows from the curvature at a bound, where the slope is not 0"
        return Verdict(False, reason, Flag.AT_BOUND)
    if source.name == "opg" and np.isnan(source.standard_errors[evidence.fit.free]).all():
        reason = "none: the scores' outer product is singular"
        return Verdict(False, reason, Flag.NOT_POSITIVE_DEFINITE)
    flag, why = _explain(source, evidence)
    return agreement(source, evidence) or Verdict(
        False, f"{differs(source, evidence)}: {why}", flag
    )


def _explain(source: Source, evidence: Evidence) -> tuple[Flag, str]:
    """Find the reason for a disagreement, from what the other sources say."""
    by_rows = source.name in {"hessian", "opg", "sandwich"}
    if evidence.clustered and by_rows and not np.any(_apart_from(evidence, "cluster")):
        return Flag.CLUSTERED, (
            "it treats rows of one cluster as independent; the cluster-robust sandwich, which "
            "does not, agrees with the bootstrap"
        )
    if source.name in {"hessian", "opg"}:
        found = _by_simulation(source, evidence) or _by_scores(source, evidence)
        if found is not None:
            return found
    return _by_shape(source, evidence)


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
    scale = evidence.misspecified
    if scale is not None:
        return scale_reason(scale)
    robust, reference = evidence.known.get("sandwich"), evidence.reference
    if robust is None or np.any(evidence.apart(robust) & evidence.apart(source)):
        return None
    if robust is reference:
        return Flag.MISSPECIFIED, (
            "the model's variance is wrong there, or the sample too small for either; "
            "bootstrap(mle) would tell"
        )
    return Flag.MISSPECIFIED, (
        "the sandwich, which takes the scores' variance from the data, agrees with the bootstrap: "
        "the model's variance is wrong there"
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
    if source.name == "cluster" and clusters is not None and clusters.max() < _FEW_CLUSTERS:
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
    flag, why = _by_scores(source, evidence) or _by_shape(source, evidence)
    return agreement(source, evidence) or Verdict(
        False, f"{differs(source, evidence)}: {why}", flag
    )


def _apart_from(evidence: Evidence, name: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Tell where one of the check's own sources differs from the reference."""
    return np.asarray(evidence.apart(evidence.known[name]))


def _in_errors(source: Source, other: Source, evidence: Evidence) -> str:
    """Measure the largest distance between two sources in errors of a standard error."""
    away = evidence.distance(source, other)
    return f"{rounded(float(np.nanmax(away)), 2)} errors"
