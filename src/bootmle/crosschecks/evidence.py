"""The measured quantities that verdicts are drawn from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bootmle.bootstrapping.results import Bootstrap
from bootmle.crosschecks.score_covariances import Scores, measure_scores
from bootmle.crosschecks.sources import Source
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status
from bootmle.refitting.information_equality import (
    Equality,
    equality_of_replicates,
    equality_of_scores,
)
from bootmle.sampling import Plan, Structure

__all__ = ["Evidence", "gather", "measure_scores_under"]

_SKEWED = 0.5
_HEAVY = 1.2
_ROUNDING = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What verdicts are drawn from.

    Attributes
    ----------
    fit : Fit
    boot : Bootstrap or None
    scores : Scores or None
        None where the objective gives only a total.
    reference : Source
        What the others are held against: the bootstrap, else the sandwich, else the Hessian.
    relative : (p,) array
        Sampling error s of a standard error as an estimate, relative to it; NaN where unknown.
    known : mapping
        The check's own sources by name.
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
        """How far a standard error may lie from the reference's, or another's, (p,).

        2 √(mcse² + s²), mcse of both; twice s for the OPG, whose logarithm is, to first order,
        that of the Hessian's error less that of the sandwich's over the Hessian's: it strays to
        the other side.
        """
        against = other or self.reference
        size = np.nan_to_num(against.standard_errors)
        share = 2.0 if "opg" in {source.name, against.name} else 1.0
        drawn = np.hypot(source.noise, against.noise)
        error = np.hypot(drawn, share * np.nan_to_num(self.relative) * size)
        return np.asarray(np.maximum(2 * error, _ROUNDING * size))

    @property
    def varies(self) -> NDArray[np.bool_]:
        """Which quantities have a standard error at all: all but parameters that are held."""
        derived = self.boot is not None and self.boot.origin is not None
        return np.ones_like(self.relative, dtype=bool) if derived else self.fit.free

    @property
    def structure(self) -> Structure:
        """What the bootstrap takes the observations to be."""
        plan = None if self.boot is None else self.boot.sampling
        return plan.structure if isinstance(plan, Plan) else Structure.ROWS

    @property
    def sound(self) -> bool:
        """Whether the fit is an interior optimum with a curvature in every direction."""
        return _is_sound(self.fit)

    @property
    def failed_equality(self) -> Equality | None:
        """The information equality, where it clearly fails."""
        return None if self.equality is None or not self.equality.fails else self.equality

    def apart(self, source: Source, other: Source | None = None) -> NDArray[np.bool_]:
        """Tell which standard errors lie outside the rule around the reference's, (p,)."""
        reference = (other or self.reference).standard_errors
        outside = np.abs(source.standard_errors - reference) > self.tolerance(source, other)
        lost = ~np.isfinite(source.standard_errors) & np.isfinite(reference)
        return np.asarray(outside | lost)

    def lost(self, source: Source) -> bool:
        """Whether a standard error is missing that the reference has."""
        have = np.isfinite(self.reference.standard_errors)
        return bool(np.any(have & ~np.isfinite(source.standard_errors)))

    def distance(self, source: Source, other: Source) -> Floats:
        """Distance between two sources in errors, half the tolerance each, (p,)."""
        apart = np.abs(source.standard_errors - other.standard_errors)
        return np.asarray(np.where(apart > 0, apart / (self.tolerance(source, other) / 2), apart))

    def off(self, source: Source) -> tuple[str, ...]:
        """Name the parameters whose standard error lies outside the rule."""
        return self.named(self.apart(source))

    def named(self, chosen: NDArray[np.bool_]) -> tuple[str, ...]:
        """Name the parameters that are chosen."""
        names = self.fit.names if self.boot is None else self.boot.names
        return tuple(name for name, one in zip(names, chosen, strict=True) if one)

    @property
    def skewed(self) -> tuple[str, ...]:
        """Parameters whose replicates are skewed, by more than their number explains."""
        if not self._shapely or self.boot is None:
            return ()
        margin = _SKEWED + 2 * np.sqrt(6 / len(self.boot.data))
        return self.named(np.abs(np.nan_to_num(self.boot.skewness)) > margin)

    @property
    def heavy_tailed(self) -> tuple[str, ...]:
        """Parameters whose replicates spread further than their quantiles say."""
        if not self._shapely or self.boot is None:
            return ()
        margin = _HEAVY + 3 / np.sqrt(len(self.boot.data))
        ratio = self.boot.standard_error / self.boot.quantile_standard_error
        return self.named(np.nan_to_num(ratio) > margin)

    @property
    def _shapely(self) -> bool:
        """Whether the replicates' shape tells that of the sampling distribution."""
        drawn = (
            self.boot is not None and self.boot.supports_quantiles and self.boot.rescaling[0] == 1
        )
        return drawn and self.fit.status is not Status.AT_BOUND


def gather(
    fit: Fit, boot: Bootstrap | None, scores: Scores | None, known: dict[str, Source]
) -> Evidence:
    """Measure what the verdicts are drawn from."""
    relative = np.zeros(len(fit.names))
    if scores is not None:
        relative[fit.likelihood.parameters.free] = scores.sampling_error
    else:
        relative[fit.free] = 1 / np.sqrt(2 * fit.likelihood.n) if fit.likelihood.n else np.nan
    if boot is not None and isinstance(boot.sampling, Plan):
        relative *= boot.sampling.relative_sampling_error
    equality = _equality(fit, boot, scores) if _is_sound(fit) else None
    return Evidence(fit, boot, scores, _reference(boot, known), relative, known, equality)


def _equality(fit: Fit, boot: Bootstrap | None, scores: Scores | None) -> Equality | None:
    """Test the information equality on the scores; on independently drawn replicates without."""
    if scores is not None:
        return equality_of_scores(fit, scores.whitened, scores.spread)
    plan = None if boot is None else boot.sampling
    if boot is None or not isinstance(plan, Plan) or not plan.independent_rows:
        return None
    return equality_of_replicates(fit, boot.data)


def _is_sound(fit: Fit) -> bool:
    """Whether a fit is an interior optimum with a curvature in every direction."""
    definite = fit.information.definiteness == "positive definite"
    return definite and fit.converged and fit.status is not Status.AT_BOUND


def measure_scores_under(fit: Fit, plan: Plan | str | None) -> Scores | None:
    """Measure the scores, with the clusters and strata that a plan draws."""
    if isinstance(plan, Plan):
        return measure_scores(fit, plan.cluster_codes, plan.stratum_codes)
    return measure_scores(fit)


def _reference(boot: Bootstrap | None, known: dict[str, Source]) -> Source:
    """Choose what the others are held against."""
    if boot is not None:
        return Source.of("bootstrap", boot.covariance, mcse=boot.standard_error_mcse)
    return known["sandwich"] if "sandwich" in known else known["hessian"]
