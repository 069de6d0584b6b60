"""Verdicts on numbers whose formula is known, and on those that match none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import ndtri

from bootmle.crosschecks.evidence import Evidence
from bootmle.crosschecks.flags import Flag, Verdict
from bootmle.crosschecks.formulas import Kind
from bootmle.crosschecks.matching import EXACT, Match
from bootmle.crosschecks.sources import Source
from bootmle.crosschecks.verdicts import agreement, describe_difference, judge, judge_reference
from bootmle.display.text import rounded
from bootmle.likelihood.arrays import Floats

__all__ = ["judge_matches", "judge_unknown"]

_FLAGS = {
    Kind.DISPERSED: Flag.OBJECTIVE_SCALE,
    Kind.SCALED: Flag.OBJECTIVE_SCALE,
    Kind.SEARCH: Flag.SEARCH_PATH,
    Kind.ELSEWHERE: Flag.NOT_AT_OPTIMUM,
    Kind.OTHER: Flag.OTHER_FORMULA,
}


def judge_matches(matches: Sequence[Match], source: Source, evidence: Evidence) -> Verdict:
    """Judge numbers by the formulas that they equal."""
    # Of a matrix without covariances only the diagonal was compared.
    alone = source.covariance is not None and not source.has_covariances
    first, said = matches[0], describe_matches(matches, alone)
    kind, base = first.formula.kind, first.formula.source
    if kind is Kind.SOURCE:
        own = _judge_as(base, source, evidence)
        return Verdict(own.agrees, f"{said}: {own.reason}", own.flag)
    if first.doubtful:
        return Verdict(False, f"{said}: {describe_difference(source, evidence)}", Flag.UNEXPLAINED)
    # The fit's own objective may be the one on another scale, and the given numbers right.
    settled = agreement(source, evidence) if kind in {Kind.SCALED, Kind.DISPERSED} else None
    itself = _judge_itself(base, evidence)
    right = settled is not None and settled.agrees
    if settled is not None and right and (kind is Kind.DISPERSED or not itself.agrees):
        return Verdict(True, f"{said}: {settled.reason}")
    advice = first.formula.advice or describe_difference(source, evidence)
    reason = f"{said}: {advice}{_of_itself(base, itself, evidence)}"
    return Verdict(False, reason, _FLAGS[kind])


def describe_matches(matches: Sequence[Match], diagonal: bool = False) -> str:
    """Name the formulas that match, and how closely."""
    names = list(dict.fromkeys(each.formula.name for each in matches))
    shown, first = " or ".join(_grouped(names)), matches[0]
    if first.excess > EXACT + first.formula.error:
        return f"is close to {shown}, within {first.away:.1%}"
    apart = ", which cannot be told apart on these data" if len(names) > 1 else ""
    if first.cut:
        of_it = "its" if all(each.cut for each in matches) else "for the first its"
        apart += f", {of_it} digits cut off and not rounded"
    apart += ", and maybe another formula: so few digits do not tell" if first.doubtful else ""
    if diagonal:
        return f"has covariances of 0, and {first.closeness} the diagonal of {shown}{apart}"
    return f"{first.closeness} it equals {shown}{apart}"


def _grouped(names: Sequence[str]) -> list[str]:
    """Put a formula's multiples behind it."""
    multiples = {
        name: [each.removeprefix(name) for each in names if each.startswith(f"{name} times ")]
        for name in names
    }
    inside = {name + more for name, all_of_it in multiples.items() for more in all_of_it}
    return [
        f"{name} (or that{' or'.join(more)})" if more else name
        for name, more in multiples.items()
        if name not in inside
    ]


def _judge_as(base: str, source: Source, evidence: Evidence) -> Verdict:
    """Judge the numbers as those of one of the cross-check's own sources."""
    if base == evidence.reference.name:
        return judge_reference(evidence)
    # The expected information, too, takes the model to be correct.
    return judge(replace(source, name="hessian" if base == "expected" else base), evidence)


def _judge_itself(base: str, evidence: Evidence) -> Verdict:
    """Judge the source that a formula rests on."""
    own = evidence.known.get("hessian" if base == "expected" else base)
    if own is None or own is evidence.reference or own.name == evidence.reference.name:
        return judge_reference(evidence)
    return judge(own, evidence)


def _of_itself(base: str, itself: Verdict, evidence: Evidence) -> str:
    """State what the source itself is worth, and what to use."""
    reference = evidence.reference.name
    if base == reference or base not in evidence.known:
        return ""
    names = {"hessian": "the inverse Hessian", "opg": "the OPG"}
    shown = names.get(base, f"the {base}")
    if itself.agrees:
        return f"; {shown} itself agrees with the {reference}"
    return f"; {shown} itself does not agree with the {reference}: use the {reference}'s"


def judge_unknown(source: Source, evidence: Evidence) -> Verdict:
    """Judge numbers that match no formula: against the reference's Monte Carlo error alone."""
    hessian, reference = evidence.known["hessian"], evidence.reference
    none = "matches none of the known formulas"
    against = f"{_span(source, hessian)} times the inverse Hessian's"
    if _within_chance(source, evidence):
        reason = (
            f"agrees with the {reference.name} within Monte Carlo error, and {none} ({against})"
        )
        return Verdict(True, reason)
    if reference is not hessian:
        against += f", {_span(source, reference)} times the {reference.name}'s"
    return Verdict(False, f"{none}: {against}; use the {reference.name}'s", Flag.UNEXPLAINED)


def _span(source: Source, other: Source) -> str:
    """Show the range of ratios to another source."""
    with np.errstate(all="ignore"):
        ratios: Floats = source.standard_errors / other.standard_errors
    ratios = ratios[np.isfinite(ratios) & (ratios > 0)]
    if not ratios.size:
        return "nan"
    low, high = rounded(float(ratios.min()), 2), rounded(float(ratios.max()), 2)
    return low if low == high else f"{low} to {high}"


def _within_chance(source: Source, evidence: Evidence) -> bool:
    """Whether numbers may be another bootstrap's of the same data, with equal Monte Carlo error."""
    # Sampling error is no excuse: both are of one sample.
    reference = evidence.reference
    present = ~source.missing & evidence.varies
    if (
        evidence.boot is None
        or evidence.endless
        or not np.isfinite(source.standard_errors[present]).all()
    ):
        return False
    error = np.sqrt(2) * reference.mcse[present]
    away = np.abs(source.standard_errors - reference.standard_errors)[present]
    return bool(np.all(away <= ndtri(1 - 0.025 / max(present.sum(), 1)) * error))
