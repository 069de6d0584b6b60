"""The measured quantities that verdicts and diagnoses rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.bootstrapping.results import Bootstrap
from bootmle.crosschecks.objective_scale import objective_scale
from bootmle.crosschecks.score_covariances import Scores, measure_scores
from bootmle.crosschecks.sources import Source
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status
from bootmle.refitting.alarm_kinds import AlarmKind
from bootmle.refitting.information_equality import (
    Equality,
    equality_of_replicates,
    equality_of_scores,
    has_enough_rows,
)
from bootmle.sampling import Plan, Structure

__all__ = ["Evidence", "gather", "measure_scores_under"]


@dataclass(frozen=True, slots=True)
class _Thresholds:
    """When two standard errors differ, and when replicates are far from normal."""

    errors: float = 2.0
    """Standard errors by which two may differ: a test at 5%."""
    rounding: float = 1e-4
    """Relative difference that never counts, the error of differenced Hessians and scores, which
    matters where s is 0."""
    skewness: float = 0.5
    """Skewness that is reported: that of a mean of 16 exponentials."""
    heavy: float = 1.2
    """Standard deviation over quantile-based standard error that is reported: that of a t
    distribution with 4.4 degrees of freedom."""
    endless: float = 0.025
    """Share of infinite replicates from which no symmetric standard error agrees: the 95%
    percentile interval then has an infinite end."""
    heavy_error: float = 3.0
    """Added to that over √B: the ratio's standard error in B normal replicates is 0.65/√B
    (measured on 4,000 samples of 200 and 2,000)."""


_THRESHOLDS = _Thresholds()


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What verdicts and diagnoses rest on.

    Attributes
    ----------
    fit : Fit
    boot : Bootstrap or None
    scores : Scores or None
        None where the objective returns only a total.
    reference : Source
        What the others are compared with: the bootstrap, else the sandwich, else the Hessian.
    relative : (p,) array
        Sampling error s of a standard error, relative to it; NaN where unknown.
    known : mapping
        The cross-check's own sources by name.
    equality : Equality or None
        The information equality at an interior optimum.
    """

    fit: Fit
    boot: Bootstrap | None
    scores: Scores | None
    reference: Source
    relative: Floats
    known: dict[str, Source] = field(default_factory=dict)
    equality: Equality | None = None

    @property
    def sampling_error(self) -> Floats:
        """Sampling error s of the reference's standard errors, (p,)."""
        return np.asarray(self.relative * self.reference.standard_errors)

    def tolerance(self, source: Source, other: Source | None = None) -> Floats:
        """Return how far a standard error may be from the reference's, or another's, (p,)."""
        against = other or self.reference
        size = np.nan_to_num(against.standard_errors)
        # To first order the logarithm of the OPG's error is twice that of the Hessian's minus that
        # of the sandwich's: its sampling error is twice as large, with the opposite sign.
        share = 2.0 if "opg" in {source.name, against.name} else 1.0
        drawn = np.hypot(source.mcse, against.mcse)
        error = np.hypot(drawn, share * np.nan_to_num(self.relative) * size)
        return np.asarray(np.maximum(_THRESHOLDS.errors * error, _THRESHOLDS.rounding * size))

    @property
    def varies(self) -> NDArray[np.bool_]:
        """Which quantities have a standard error at all: all but fixed parameters."""
        derived = self.boot is not None and self.boot.origin is not None
        return np.ones_like(self.relative, dtype=bool) if derived else self.fit.free

    @property
    def structure(self) -> Structure:
        """What the bootstrap takes the observations to be."""
        plan = None if self.boot is None else self.boot.sampling
        return plan.structure if isinstance(plan, Plan) else Structure.ROWS

    @property
    def regular(self) -> bool:
        """Whether the fit is an interior optimum with a positive definite Hessian."""
        return _is_regular(self.fit)

    @property
    def has_enough_rows(self) -> bool:
        """Whether there are enough observations for scores, or resamples, to tell on the model."""
        n, p = self.fit.likelihood.n_observations, int(self.fit.free.sum())
        return n is None or has_enough_rows(n, p)

    @property
    def failed_equality(self) -> Equality | None:
        """The information equality, where it clearly fails."""
        return None if self.equality is None or not self.equality.fails else self.equality

    def compare(self, sources: Sequence[Source]) -> dict[str, Any]:
        """Return what a Crosscheck shows of its sources, the reference first, field by field."""
        return {
            "standard_errors": {source.name: source.standard_errors for source in sources},
            "sampling_error": self.sampling_error,
            "tolerance": {source.name: self.tolerance(source) for source in sources},
            "mcse": {source.name: source.mcse for source in sources},
        }

    def differs(self, source: Source, other: Source | None = None) -> NDArray[np.bool_]:
        """Mark standard errors outside the tolerance of the reference's, or another's, (p,)."""
        reference = (other or self.reference).standard_errors
        outside = np.abs(source.standard_errors - reference) > self.tolerance(source, other)
        lacking = ~np.isfinite(source.standard_errors) & np.isfinite(reference)
        return np.asarray((outside | lacking) & ~source.missing & self.varies)

    def lacks(self, source: Source) -> bool:
        """Whether a source lacks a standard error that the reference has."""
        given = np.isfinite(self.reference.standard_errors)
        return bool(np.any(given & ~np.isfinite(source.standard_errors) & ~source.missing))

    def distance(self, source: Source, other: Source) -> Floats:
        """Return the difference of two sources in its standard errors, (p,)."""
        away = np.abs(source.standard_errors - other.standard_errors)
        error = self.tolerance(source, other) / _THRESHOLDS.errors
        return np.asarray(np.where(away > 0, away / error, away))

    def differing(self, source: Source) -> tuple[str, ...]:
        """Name the parameters whose standard errors differ from the reference's."""
        return self.named(self.differs(source))

    def among_differing(self, source: Source, names: tuple[str, ...]) -> str:
        """List those of some parameters whose standard errors differ from the reference's."""
        return ", ".join(name for name in names if name in self.differing(source))

    def named(self, mask: NDArray[np.bool_]) -> tuple[str, ...]:
        """Name the parameters that a mask marks."""
        names = self.fit.names if self.boot is None else self.boot.names
        return tuple(name for name, marked in zip(names, mask, strict=True) if marked)

    @property
    def skewed(self) -> tuple[str, ...]:
        """Parameters whose replicates are skewed by more than their number explains."""
        if not self._shows_shape or self.boot is None:
            return ()
        margin = _THRESHOLDS.skewness + 2 * np.sqrt(6 / len(self.boot.data))
        return self.named(np.abs(np.nan_to_num(self.boot.skewness)) > margin)

    @property
    def heavy_tailed(self) -> tuple[str, ...]:
        """Parameters whose replicates have heavier tails than a normal distribution."""
        if not self._shows_shape or self.boot is None:
            return ()
        margin = _THRESHOLDS.heavy + _THRESHOLDS.heavy_error / np.sqrt(len(self.boot.data))
        ratio = self.boot.standard_error / self.boot.quantile_standard_error
        return self.named(np.nan_to_num(ratio) > margin)

    @property
    def endless(self) -> tuple[str, ...]:
        """Parameters of which so many replicates are infinite that an interval's end is."""
        boot = self.boot
        if boot is None or not boot.data.divergent.any():
            return ()
        share = boot.data.divergent.mean()
        return self.named(boot.diverges()) if share > _THRESHOLDS.endless else ()

    @property
    def better_optimum(self) -> bool:
        """Whether a replicate led to a lower nll on the data: the fit is a local optimum."""
        alarms = () if self.boot is None else self.boot.alarms
        return any(alarm.kind is AlarmKind.BETTER_OPTIMUM for alarm in alarms)

    @property
    def _shows_shape(self) -> bool:
        """Whether the replicates have the shape of the sampling distribution."""
        drawn = (
            self.boot is not None and self.boot.supports_quantiles and self.boot.rescaling[0] == 1
        )
        return drawn and self.fit.status is not Status.AT_BOUND


def gather(
    fit: Fit, boot: Bootstrap | None, scores: Scores | None, known: dict[str, Source]
) -> Evidence:
    """Measure what verdicts and diagnoses rest on."""
    relative = np.zeros(len(fit.names))
    if scores is not None:
        relative[fit.likelihood.parameters.free] = scores.sampling_error
    else:
        relative[fit.free] = 1 / np.sqrt(2 * fit.likelihood.n) if fit.likelihood.n else np.nan
    if boot is not None and isinstance(boot.sampling, Plan):
        relative *= boot.sampling.relative_sampling_error
    equality = _equality(fit, boot, scores) if _is_regular(fit) else None
    reference = _reference(fit, boot, known)
    return Evidence(fit, boot, scores, reference, relative, known, equality)


def _equality(fit: Fit, boot: Bootstrap | None, scores: Scores | None) -> Equality | None:
    """Test the information equality on the scores; on independently drawn replicates without."""
    if scores is not None:
        found = equality_of_scores(fit, scores.whitened, scores.spread)
        return replace(found, scale=objective_scale(fit, scores)) if found.fails else found
    plan = None if boot is None else boot.sampling
    if boot is None or not isinstance(plan, Plan) or not plan.independent_rows:
        return None
    return equality_of_replicates(fit, boot.data)


def _is_regular(fit: Fit) -> bool:
    """Whether a fit is an interior optimum with a positive definite Hessian."""
    definite = fit.information.definiteness == "positive definite"
    return definite and fit.converged and fit.status is not Status.AT_BOUND


def measure_scores_under(fit: Fit, plan: Plan | str | None) -> Scores | None:
    """Measure the scores, with the clusters and strata that a plan draws."""
    if isinstance(plan, Plan):
        return measure_scores(fit, plan.cluster_codes, plan.stratum_codes)
    return measure_scores(fit)


def _reference(fit: Fit, boot: Bootstrap | None, known: dict[str, Source]) -> Source:
    """Choose what the others are compared with."""
    if boot is not None:
        return Source.of("bootstrap", boot.covariance, mcse=boot.standard_error_mcse)
    enough = has_enough_rows(fit.likelihood.n_observations or 0, int(fit.free.sum()))
    return known["sandwich"] if "sandwich" in known and enough else known["hessian"]
