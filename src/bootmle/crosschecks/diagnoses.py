"""Diagnoses: what is wrong with the fit, the scores or the replicates, whatever the source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from bootmle.bootstrapping.recommendation import describe_recommendation, recommend_interval
from bootmle.crosschecks.evidence import Evidence
from bootmle.crosschecks.flags import Flag
from bootmle.crosschecks.reasons import equality_flag
from bootmle.crosschecks.remedies import flat_for_all
from bootmle.display.encoding import printable
from bootmle.display.text import rounded
from bootmle.fitting.fit import Fit
from bootmle.optimization.status import Status
from bootmle.refitting.alarm_kinds import AlarmKind
from bootmle.refitting.plausibility import CORRELATED, IN_DOUBT, correlation_message
from bootmle.sampling import Structure

__all__ = ["Diagnosis", "diagnose", "diagnose_replicates", "remark_on_scipy"]

_AT_BOUND = 0.025
"""Share of replicates at a bound beyond which an end of the 95% percentile interval is there."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong, and a sentence about it."""

    flag: Flag
    sentence: str

    def __str__(self) -> str:
        """Return the sentence."""
        return printable(self.sentence)


def diagnose(evidence: Evidence) -> Iterator[Diagnosis]:
    """Make all diagnoses that apply, in the table's order; at a local optimum, only that."""
    if evidence.better_optimum:
        found = (each for each in _alarms(evidence) if each.flag is Flag.BETTER_OPTIMUM)
        yield from found
        return
    for each in _DIAGNOSES:
        yield from each(evidence)


def diagnose_replicates(evidence: Evidence) -> Iterator[Diagnosis]:
    """Make the diagnoses of replicates alone, for which there need not be a likelihood."""
    for each in (_alarms, _heavy_tails, _skewness):
        yield from each(evidence)


def remark_on_scipy(evidence: Evidence) -> tuple[str, ...]:
    """Say where SciPy stopped, if that was not the optimum, and no saddle point."""
    fit = evidence.fit
    rise = _rise(evidence)
    if rise is None or _at_saddle(fit):
        return ()
    return (f"SciPy stopped {rise} above the optimum in nll; fit() continued from there",)


def _rise(evidence: Evidence) -> str | None:
    """Return how far above the optimum SciPy stopped; None where that is not known, or noise."""
    fit = evidence.fit
    stopped, free = fit.scipy_stop, fit.likelihood.parameters.free
    if stopped is None or stopped.point.size != free.size:
        return None
    rise = fit.likelihood.total(stopped.params) - fit.nll
    return rounded(rise, 4) if rise > fit.step_sizes.noise else None


def _at_saddle(fit: Fit) -> bool:
    """Whether SciPy stopped at a saddle point."""
    return fit.scipy_stop is not None and fit.scipy_stop.is_saddle


def _scipy_stopped(evidence: Evidence) -> Iterator[Diagnosis]:
    """Report that SciPy stopped at a saddle point."""
    fit, rise = evidence.fit, _rise(evidence)
    if fit.scipy_stop is None or rise is None or not _at_saddle(fit):
        return
    information = fit.scipy_stop.information
    eigenvalue = rounded(float(information.eigenvalues[0]))
    bound = rounded(float(information.eigenvalue_errors[0]), 1)
    direction = information.describe_direction(information.null_directions[:, 0])
    yield Diagnosis(
        Flag.SADDLE,
        f"SciPy stopped at a saddle point: the curvature is negative (eigenvalue {eigenvalue} ± "
        f"{bound}) along {direction}; the optimum found from there is {rise} lower in nll",
    )


def _not_at_optimum(evidence: Evidence) -> Iterator[Diagnosis]:
    """Report an estimate at a bound, or one that is not a certified optimum."""
    fit, boot = evidence.fit, evidence.boot
    if fit.status is Status.AT_BOUND:
        advice = "" if boot is None else describe_recommendation(boot)
        yield Diagnosis(
            Flag.AT_BOUND,
            "an estimate is at a bound or constraint, where neither the Hessian nor the bootstrap "
            f"is valid (Andrews 2000){f': {advice}' if advice else ''}",
        )
    elif not fit.converged:
        yield Diagnosis(
            Flag.NOT_AT_OPTIMUM, f"the fit is not certified: {fit.status.message}; see print(fit)"
        )


def _not_identified(evidence: Evidence) -> Iterator[Diagnosis]:
    """Report directions that the data do not identify."""
    fit, information = evidence.fit, evidence.fit.information
    if information.definiteness != "singular" or not fit.status.has_optimum:
        return
    directions = [information.describe_direction(each) for each in information.null_directions.T]
    more = ""
    if flat_for_all(fit):
        more = (
            "; no observation's contribution changes along that direction, so more data of the "
            f"same kind will not help: fix one of them ({fit.likelihood.how_to_fix})"
        )
    yield Diagnosis(
        Flag.NOT_IDENTIFIED,
        f"the data do not identify {' and '.join(directions)}, so {', '.join(fit.not_identified)} "
        f"have no standard error{more}",
    )


def _not_positive_definite(evidence: Evidence) -> Iterator[Diagnosis]:
    """Report a Hessian that is indefinite or undecided."""
    definiteness = evidence.fit.information.definiteness
    if definiteness in {"positive definite", "singular"}:
        return
    if evidence.fit.status not in {Status.AT_BOUND, Status.NO_FINITE_OPTIMUM}:
        yield Diagnosis(
            Flag.NOT_POSITIVE_DEFINITE,
            f"the Hessian at the estimate is {definiteness}, so it gives no standard errors",
        )


def _alarms(evidence: Evidence) -> Iterator[Diagnosis]:
    """Repeat the bootstrap's alarms under which its standard errors are no reference."""
    for alarm in () if evidence.boot is None else evidence.boot.alarms:
        if alarm.kind is AlarmKind.BETTER_OPTIMUM:
            yield Diagnosis(Flag.BETTER_OPTIMUM, alarm.message)
        elif alarm.kind in IN_DOUBT:
            yield Diagnosis(Flag.REPLICATES_IN_DOUBT, alarm.message)


def _replicates_at_bound(evidence: Evidence) -> Iterator[Diagnosis]:
    """Repeat how many replicates are at a bound beside which the estimate lies."""
    boot = evidence.boot
    if boot is None or not evidence.regular or np.mean(boot.status == Status.AT_BOUND) <= _AT_BOUND:
        return
    for alarm in boot.alarms:
        if alarm.kind is AlarmKind.AT_BOUND:
            yield Diagnosis(Flag.AT_BOUND, alarm.message)


def _information_equality(evidence: Evidence) -> Iterator[Diagnosis]:
    """Report an information equality that fails, and what may be the reason."""
    equality = evidence.failed_equality
    if equality is not None and not _matches_the_model(evidence):
        yield Diagnosis(equality_flag(equality), f"{equality}: {equality.suspects}")


def _matches_the_model(evidence: Evidence) -> bool:
    """Whether the reference is a parametric bootstrap with which the Hessian agrees."""
    hessian = evidence.known["hessian"]
    return evidence.structure is Structure.MODEL and not np.any(evidence.differs(hessian))


def _dependent_rows(evidence: Evidence) -> Iterator[Diagnosis]:
    """Report correlated scores of neighboring rows, where the plan draws rows one by one."""
    scores = evidence.scores
    rowwise = evidence.structure in {Structure.ROWS, Structure.MODEL}
    if scores is None or not rowwise or not evidence.regular:
        return
    if abs(scores.autocorrelation) > CORRELATED:
        yield Diagnosis(Flag.DEPENDENT_ROWS, correlation_message(scores.autocorrelation))


def _heavy_tails(evidence: Evidence) -> Iterator[Diagnosis]:
    """Report heavy-tailed replicates."""
    if evidence.heavy_tailed:
        yield Diagnosis(
            Flag.HEAVY_TAILED,
            f"the replicates of {', '.join(evidence.heavy_tailed)} have heavy tails: see "
            f"quantile_standard_error{_advice(evidence)}",
        )


def _skewness(evidence: Evidence) -> Iterator[Diagnosis]:
    """Report skewed replicates."""
    if evidence.skewed:
        yield Diagnosis(
            Flag.SKEWED,
            f"the replicates of {', '.join(evidence.skewed)} are skewed: symmetric intervals "
            f"are inappropriate{_advice(evidence)}",
        )


def _advice(evidence: Evidence) -> str:
    """Recommend the interval that print(boot) recommends."""
    advice = "" if evidence.boot is None else recommend_interval(evidence.boot)
    return f"; {advice}" if advice else ""


_DIAGNOSES: tuple[Callable[[Evidence], Iterator[Diagnosis]], ...] = (
    _scipy_stopped,
    _not_at_optimum,
    _not_identified,
    _not_positive_definite,
    _alarms,
    _replicates_at_bound,
    _information_equality,
    _dependent_rows,
    _heavy_tails,
    _skewness,
)
"""In order: the point, the scores, the replicates."""
