"""Audits: a few replicates recomputed in another way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.display.text import rounded
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.response import Rows
from bootmle.optimization.status import Status
from bootmle.optimization.whitening import WhitenedObjective
from bootmle.refitting.alarm_kinds import Alarm, AlarmKind
from bootmle.refitting.alarms import likelihood_alarms
from bootmle.refitting.modes import mode_alarms
from bootmle.refitting.plausibility import (
    IN_DOUBT,
    correlation_alarms,
    order_alarms,
    replicate_alarms,
)
from bootmle.refitting.refit import LikelihoodRefit
from bootmle.refitting.replicates import Replicates
from bootmle.refitting.score_steps import ScoreSteps
from bootmle.refitting.task import Task
from bootmle.sampling import Structure
from bootmle.sampling.resample import Resample

__all__ = [
    "Audits",
    "ColdAudit",
    "ExpansionAudit",
    "audit_cold",
    "audit_expansion",
    "audit_from_json",
    "examine",
]


@dataclass(frozen=True, slots=True)
class _Thresholds:
    """How many replicates are audited, and what counts as an error."""

    expanded: int = 50
    """Replicates of the expansion that are verified: the largest error of 50 is exceeded by fewer
    than 5% of all with probability 1 − 0.95⁵⁰ = 92%."""
    cold: int = 3
    """Most replicates that SciPy refits."""
    cold_every: int = 650
    """Replicates for each of them: SciPy takes 500 to 750 evaluations where a refit takes about 20,
    so that this audit costs at most 5% more."""
    distance: float = 0.1
    """Largest error of the expansion, in standard errors: it adds √(1 + 0.1²) − 1 = 0.5% to one."""
    ratio: float = 0.03
    """Largest relative error of a standard error: two Monte Carlo errors at B = 1,999."""
    fall: float = 1e-3
    """Fall of the nll that makes another optimum: it moves an estimate by √(2 · 10⁻³) = 0.045
    standard errors."""


_THRESHOLDS = _Thresholds()


@dataclass(frozen=True, slots=True, eq=False)
class ExpansionAudit:
    """The expansion's error, measured on a random sample of verified refits.

    Attributes
    ----------
    n : int
        Size of the sample.
    median, largest : float
        Distance between the expansion's optimum and the verified one, in standard errors.
    ratio : (p,) array
        Standard error of the sample by the expansion, over that by verified refits.
    n_evaluations : int
        Evaluations of the audit itself.
    """

    n: int
    median: float
    largest: float
    ratio: Floats
    n_evaluations: int

    def __str__(self) -> str:
        """Show the error in one line."""
        worst = float(np.nanmax(np.abs(self.ratio - 1), initial=0.0))
        return (
            f"expansion, audited on {self.n} verified refits: off by {rounded(self.median, 2)} "
            f"standard errors in the median, {rounded(self.largest, 2)} at most; SEs by at most "
            f"{worst:.2%}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold of it."""
        return {"kind": "expansion", **asdict(self), "ratio": self.ratio.tolist()}

    def alarms(self) -> tuple[Alarm, ...]:
        """Raise an alarm where the error matters."""
        off = np.nanmax(np.abs(self.ratio - 1), initial=0.0)
        if self.largest <= _THRESHOLDS.distance and off <= _THRESHOLDS.ratio:
            return ()
        message = (
            f"THE EXPANSION IS NOT ACCURATE HERE: replicates are off by up to "
            f"{rounded(self.largest, 2)} standard errors, SEs by up to {off:.1%}; use "
            f'refit="verified"'
        )
        return (Alarm(AlarmKind.EXPANSION_ERROR, message),)


@dataclass(frozen=True, slots=True, eq=False)
class ColdAudit:
    """A few replicates that SciPy refitted from the user's start values.

    Attributes
    ----------
    n : int
        How many.
    largest : float
        Largest disagreement among those where SciPy's value is as good, in standard errors.
    n_better : int
        How often SciPy found a lower nll.
    n_evaluations : int
        Evaluations of the audit itself.
    """

    n: int
    largest: float
    n_better: int
    n_evaluations: int

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold of it."""
        return {"kind": "cold", **asdict(self)}

    def alarms(self) -> tuple[Alarm, ...]:
        """Raise an alarm where SciPy found something better."""
        if self.n_better == 0:
            return ()
        message = (
            f"SciPy, starting again from x0, found a better optimum for {self.n_better} of "
            f"{self.n} replicates: the likelihood has several, and replicates stay near the "
            f"estimate's; fit from several starts, fit(..., n_starts=20)"
        )
        return (Alarm(AlarmKind.COLD_REFIT, message),)


Audits = tuple[ExpansionAudit | ColdAudit, ...]


def audit_from_json(stored: Mapping[str, Any]) -> ExpansionAudit | ColdAudit:
    """Read what an audit's `to_json` returned."""
    fields = {name: value for name, value in stored.items() if name != "kind"}
    if stored["kind"] == "cold":
        return ColdAudit(**fields)
    return ExpansionAudit(**{**fields, "ratio": np.array(fields["ratio"], dtype=float)})


def audit_expansion(
    refit: LikelihoodRefit, resamples: Sequence[Resample], replicates: Replicates
) -> ExpansionAudit:
    """Verify replicates of the expansion, given with their resamples, and compare."""
    outcomes, counts = replace(refit, verified=True)(resamples)
    verified = np.array([outcome.params for outcome in outcomes])
    both = np.isfinite(verified).all(axis=1) & np.isfinite(replicates.estimates).all(axis=1)
    verified, expanded = verified[both], replicates.estimates[both]
    distance = _distances(refit, verified, expanded)
    ratio = expanded.std(axis=0, ddof=1) / verified.std(axis=0, ddof=1)
    return ExpansionAudit(
        n=int(both.sum()),
        median=float(np.median(distance)) if distance.size else np.nan,
        largest=float(distance.max(initial=0.0)),
        ratio=ratio,
        n_evaluations=int(sum(evaluations for evaluations, _ in counts)),
    )


def audit_cold(
    refit: LikelihoodRefit, resamples: Sequence[Resample], replicates: Replicates
) -> ColdAudit:
    """Refit finite replicates, given with their resamples, by SciPy from the start values."""
    largest, better, evaluations = 0.0, 0, 0
    estimates = replicates.estimates
    if not refit.verified:
        # An expansion is off its optimum: SciPy's is compared with the verified one.
        outcomes, counts = replace(refit, verified=True)(resamples)
        estimates = np.array([outcome.params for outcome in outcomes])
        evaluations += int(sum(count for count, _ in counts))
    for resample, estimate in zip(resamples, estimates, strict=True):
        if not np.isfinite(estimate).all():
            continue
        target = refit.target(resample)
        found, value, own = _cold(refit, target, estimate)
        evaluations += target.n_evaluations
        better += bool(value < own - _THRESHOLDS.fall)
        if abs(value - own) <= _THRESHOLDS.fall:
            largest = max(largest, float(_distances(refit, found[None], estimate[None])[0]))
    return ColdAudit(len(resamples), largest, better, evaluations)


def _cold(
    refit: LikelihoodRefit, target: WhitenedObjective, estimate: Floats
) -> tuple[Floats, float, float]:
    """Minimize one replicate from the user's start; return SciPy's point, its value and ours."""
    parameters = refit.fit.likelihood.parameters
    result = refit.fit.optimizer.minimize(
        target.value_at,
        parameters.to_working(parameters.values),
        parameters,
        gradient=target.analytic_gradient,
    )
    own = target.value_at(parameters.to_working(estimate))
    return parameters.to_user(result.x), target.value_at(result.x), own


def _distances(refit: LikelihoodRefit, one: Floats, other: Floats) -> NDArray[np.float64]:
    """Return distances between estimates in standard errors of the original fit."""
    parameters, whitening = refit.fit.likelihood.parameters, refit.fit.whitening
    z, z_other = (whitening.to_whitened(parameters.to_working(each)) for each in (one, other))
    return np.asarray(np.linalg.norm(z - z_other, axis=1))


def examine(
    fit: Fit | Estimator, task: Task, replicates: Replicates, numbers: NDArray[np.intp]
) -> tuple[Audits, tuple[Alarm, ...]]:
    """Audit a few replicates, whose numbers (B,) name their streams, and collect the alarms."""
    if isinstance(task.refit, ScoreSteps):
        return (), ()
    audits = _audit(task, replicates, numbers)
    alarms = [alarm for audit in audits for alarm in audit.alarms()]
    if task.sampling.is_random:
        alarms += replicate_alarms(fit.names, fit.estimate, fit.hessian_errors, replicates)
    if isinstance(fit, Estimator) and task.sampling.independent_rows:
        alarms += order_alarms(fit, replicates)
    in_doubt = any(alarm.kind in IN_DOUBT for alarm in alarms)
    if fit.likelihood is not None and isinstance(task.refit, LikelihoodRefit):
        correlated: list[Alarm] = []
        if task.sampling.structure is Structure.ROWS and fit.likelihood.rows is Rows.SEPARATE:
            correlated += correlation_alarms(task.refit)
        alarms += likelihood_alarms(
            fit,
            task.refit,
            replicates,
            independent_rows=task.sampling.independent_rows,
            in_doubt=in_doubt or bool(correlated),
        )
        alarms += correlated
    return audits, (*alarms, *mode_alarms(fit.names, replicates))


def _audit(task: Task, replicates: Replicates, numbers: NDArray[np.intp]) -> Audits:
    """Recompute a few random replicates: verified, and by SciPy from the start values."""
    if not isinstance(task.refit, LikelihoodRefit):
        return ()
    usable = np.flatnonzero(np.isfinite(replicates.estimates).all(axis=1))
    order = np.random.default_rng([task.seed, len(replicates)]).permutation(usable)

    def run(audit: Callable[..., Any], chosen: NDArray[np.intp]) -> Any:
        resamples = [task.draw(int(number)) for number in numbers[chosen]]
        return audit(task.refit, resamples, replicates.take(chosen))

    audits: list[ExpansionAudit | ColdAudit] = []
    sample = int((replicates.status == Status.VERIFIED).sum())
    if not (task.refit.verified or sample):
        audits.append(run(audit_expansion, order[: _THRESHOLDS.expanded]))
    cold = min(_THRESHOLDS.cold, (sample or len(replicates)) // _THRESHOLDS.cold_every)
    if cold:
        audits.append(run(audit_cold, order[:cold]))
    return tuple(audits)
