"""The measured quantities that verdicts are drawn from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bootmle.arrays import Floats
from bootmle.crosschecks.scores import Scores
from bootmle.crosschecks.sources import Source
from bootmle.fitting import Fit
from bootmle.results import Bootstrap
from bootmle.sampling import Clustered
from bootmle.status import Status

__all__ = ["Evidence", "clusters_of", "gather"]

_SKEWED = 0.5
_HEAVY = 1.25
_MISSPECIFIED = 0.25
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
    mcse, sampling_error : (p,) arrays
        Monte Carlo error of the reference's standard errors, and the sampling error s that they
        have as estimates.
    known : mapping
        The check's own sources by name.
    """

    fit: Fit
    boot: Bootstrap | None
    scores: Scores | None
    reference: Source
    mcse: Floats
    sampling_error: Floats
    known: dict[str, Source] = field(default_factory=dict)

    def tolerance(self, source: Source) -> Floats:
        """How far from the reference a standard error may lie: 2 √(mcse² + s²), (p,).

        Twice s for the OPG, whose logarithm is, to first order, that of the Hessian's error less
        that of the sandwich's over the Hessian's: it strays to the other side.
        """
        share = 2.0 if source.name == "opg" else 1.0
        error = np.hypot(self.mcse, share * np.nan_to_num(self.sampling_error))
        floor = _ROUNDING * np.nan_to_num(self.reference.standard_errors)
        return np.asarray(np.maximum(2 * error, floor))

    @property
    def clustered(self) -> bool:
        """Whether clusters are drawn."""
        return self.scores is not None and self.scores.clusters is not None

    @property
    def misspecified(self) -> float | None:
        """tr(H⁻¹JᵀJ)/p where it is clearly not 1; the replicates' own trace without scores."""
        if self.scores is not None:
            scale, error = self.scores.scale
        elif self.boot is not None and self.fit.metric.size:
            scale, error = _trace_of_replicates(self.fit, self.boot)
        else:
            return None
        off = abs(np.log(scale)) if scale > 0 else 0.0
        return scale if off > max(np.log1p(_MISSPECIFIED), 3 * error / scale) else None

    def apart(self, source: Source, other: Source | None = None) -> NDArray[np.bool_]:
        """Tell which standard errors lie outside the rule around the reference's, (p,)."""
        reference = (other or self.reference).standard_errors
        with np.errstate(invalid="ignore"):
            outside = np.abs(source.standard_errors - reference) > self.tolerance(source)
        lost = ~np.isfinite(source.standard_errors) & np.isfinite(reference)
        return np.asarray(outside | lost)

    def lost(self, source: Source) -> bool:
        """Whether a standard error is missing that the reference has."""
        have = np.isfinite(self.reference.standard_errors)
        return bool(np.any(have & ~np.isfinite(source.standard_errors)))

    def distance(self, source: Source, other: Source) -> Floats:
        """Distance between two sources in errors, half the tolerance each, (p,)."""
        apart = np.abs(source.standard_errors - other.standard_errors)
        with np.errstate(all="ignore"):
            return np.asarray(np.where(apart > 0, apart / (self.tolerance(source) / 2), apart))

    def off(self, source: Source) -> tuple[str, ...]:
        """Name the parameters whose standard error lies outside the rule."""
        return self.named(self.apart(source))

    def named(self, chosen: NDArray[np.bool_]) -> tuple[str, ...]:
        """Name the parameters that are chosen."""
        return tuple(name for name, one in zip(self.fit.names, chosen, strict=True) if one)

    @property
    def skewed(self) -> tuple[str, ...]:
        """Parameters whose replicates are skewed."""
        if self.boot is None or self.fit.status is Status.AT_BOUND:
            return ()
        return self.named(np.abs(np.nan_to_num(self.boot.skewness)) > _SKEWED)

    @property
    def heavy_tailed(self) -> tuple[str, ...]:
        """Parameters whose replicates spread further than their quantiles say."""
        if self.boot is None or self.fit.status is Status.AT_BOUND:
            return ()
        with np.errstate(all="ignore"):
            ratio = self.boot.standard_error / self.boot.quantile_standard_error
        return self.named(np.nan_to_num(ratio) > _HEAVY)


def gather(
    fit: Fit, boot: Bootstrap | None, scores: Scores | None, known: dict[str, Source]
) -> Evidence:
    """Measure what the verdicts are drawn from."""
    reference = _reference(boot, known)
    relative = np.zeros(len(fit.names))
    if scores is not None:
        relative[fit.likelihood.parameters.free] = scores.sampling_error
    elif fit.likelihood.n:
        relative[fit.likelihood.parameters.free] = 1 / np.sqrt(2 * fit.likelihood.n)
    mcse = np.zeros(len(fit.names)) if boot is None else np.nan_to_num(boot.standard_error_mcse)
    return Evidence(fit, boot, scores, reference, mcse, relative * reference.standard_errors, known)


def clusters_of(boot: Bootstrap | None) -> NDArray[np.intp] | None:
    """Return the cluster of each observation, where the plan draws clusters."""
    plan = None if boot is None else boot.sampling
    return plan.codes if isinstance(plan, Clustered) else None


def _trace_of_replicates(fit: Fit, boot: Bootstrap) -> tuple[float, float]:
    """Return the replicates' variance in units of the inverse Hessian, and its error."""
    kept = boot.replicates[~(boot.data.failed | boot.data.divergent)]
    z = fit.metric.to_whitened(fit.likelihood.parameters.to_working(kept))
    each = ((z - z.mean(axis=0)) ** 2).sum(axis=1) / z.shape[1]
    each *= boot.rescaling[0] ** 2
    scale = float(each.mean())
    own = scale * np.sqrt(2 / (fit.likelihood.n or np.inf))
    return scale, float(np.hypot(own, each.std() / np.sqrt(len(each))))


def _reference(boot: Bootstrap | None, known: dict[str, Source]) -> Source:
    """Choose what the others are held against."""
    if boot is not None:
        return Source.of("bootstrap", boot.covariance)
    return known["sandwich"] if "sandwich" in known else known["hessian"]
