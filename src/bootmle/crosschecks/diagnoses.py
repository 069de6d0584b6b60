"""What holds whatever the source: of the point, the scores and the replicates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bootmle.crosschecks.evidence import Evidence
from bootmle.crosschecks.flags import Flag
from bootmle.crosschecks.remedies import flat_for_all
from bootmle.crosschecks.verdicts import equality_flag
from bootmle.display.text import rounded
from bootmle.fitting.fit import Fit
from bootmle.likelihood.information import Information
from bootmle.optimization.status import Status
from bootmle.refitting.alarms import AlarmKind
from bootmle.sampling import Structure

__all__ = ["Finding", "find"]

_DEPENDENT = 4.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found wrong, and a sentence on it."""

    flag: Flag
    sentence: str

    def __str__(self) -> str:
        """Show the sentence."""
        return self.sentence


def find(evidence: Evidence) -> Iterator[Finding]:
    """List what is to be said of the fit whatever the source."""
    yield from _of_claim(evidence.fit)
    yield from _of_optimum(evidence)
    yield from _of_scores(evidence)
    yield from _of_shape(evidence)


def _of_claim(fit: Fit) -> Iterator[Finding]:
    """Say where SciPy stopped, where that was not the optimum."""
    scipy_information, free = fit.scipy_information, fit.likelihood.parameters.free
    if scipy_information is None or scipy_information.point.size != free.size:
        return
    params = fit.estimate.copy()
    params[free] = scipy_information.point
    rise = rounded(fit.likelihood.total(params) - fit.nll, 4)
    if scipy_information.definiteness != "indefinite":
        sentence = f"SciPy stopped {rise} above the optimum in nll; the fit went on from there"
        yield Finding(Flag.NOT_AT_OPTIMUM, sentence)
        return
    eigenvalue = rounded(float(scipy_information.eigenvalues[0]))
    bound = rounded(float(scipy_information.eigenvalue_errors[0]), 1)
    way = scipy_information.describe_direction(scipy_information.null_directions[:, 0])
    yield Finding(
        Flag.SADDLE,
        f"SciPy stopped at a saddle: the curvature is negative (eigenvalue {eigenvalue} ± {bound}) "
        f"along {way}; the optimum found from there is lower by {rise} in nll",
    )


def _of_optimum(evidence: Evidence) -> Iterator[Finding]:
    """Say what is wrong with the point itself."""
    fit = evidence.fit
    if fit.status is Status.AT_BOUND:
        yield Finding(
            Flag.AT_BOUND,
            "an estimate lies at a bound or constraint: neither the Hessian nor the bootstrap is "
            "valid for it (Andrews 2000)",
        )
    elif not fit.converged:
        yield Finding(
            Flag.NOT_AT_OPTIMUM, f"the fit is not certified: {fit.status.message}; see print(fit)"
        )
    yield from _of_curvature(fit, fit.information)
    for alarm in () if evidence.boot is None else evidence.boot.alarms:
        if alarm.kind is AlarmKind.BETTER_OPTIMUM:
            yield Finding(Flag.BETTER_OPTIMUM, alarm.message)


def _of_curvature(fit: Fit, information: Information) -> Iterator[Finding]:
    """Say that the Hessian is not positive definite."""
    if information.definiteness == "singular":
        ways = [information.describe_direction(way) for way in information.null_directions.T]
        more = (
            "; no observation's contribution changes along that direction, so more data of the "
            "same kind will not help: hold one of them (fixed=)"
            if flat_for_all(fit)
            else ""
        )
        yield Finding(
            Flag.NOT_IDENTIFIED,
            f"the data do not identify {' and '.join(ways)}, so that "
            f"{', '.join(fit.not_identified)} have no standard error{more}",
        )
    elif information.definiteness != "positive definite" and fit.status is not Status.AT_BOUND:
        yield Finding(
            Flag.NOT_POSITIVE_DEFINITE,
            f"the Hessian at the estimate is {information.definiteness}: no standard error follows "
            f"from it",
        )


def _of_scores(evidence: Evidence) -> Iterator[Finding]:
    """Say what the observations' scores show."""
    scores = evidence.scores
    equality = evidence.failed_equality
    if equality is not None:
        yield Finding(equality_flag(equality), f"{equality}: {equality.suspects}")
    declared = evidence.structure not in {Structure.ROWS, Structure.MODEL}
    if scores is None or declared or not evidence.sound:
        return
    if abs(scores.autocorrelation) > _DEPENDENT:
        yield Finding(
            Flag.DEPENDENT_ROWS,
            f"the scores of neighbouring rows are correlated ({rounded(scores.autocorrelation, 2)} "
            f"standard errors from none): unless they are sorted by the outcome, drawing rows one "
            f"by one is not valid; draw the groups that belong together, "
            f"sampling=Clustered(labels), or stretches of a series, Blocks()",
        )


def _of_shape(evidence: Evidence) -> Iterator[Finding]:
    """Say what the replicates' distribution shows."""
    if evidence.heavy_tailed:
        yield Finding(
            Flag.HEAVY_TAILED,
            f"the replicates of {', '.join(evidence.heavy_tailed)} have heavy tails: report "
            f"quantile_standard_error and the percentile interval",
        )
    if evidence.skewed:
        yield Finding(
            Flag.SKEWED,
            f"the replicates of {', '.join(evidence.skewed)} are skewed: symmetric intervals "
            f"are inappropriate; report the percentile interval",
        )
