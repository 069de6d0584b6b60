"""The verb `crosscheck`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bootmle.bootstrapping.bootstrap import bootstrap
from bootmle.bootstrapping.results import Bootstrap
from bootmle.crosschecks.comparison import Crosscheck
from bootmle.crosschecks.delta import check_derived
from bootmle.crosschecks.diagnoses import find
from bootmle.crosschecks.evidence import gather, measure_scores_under
from bootmle.crosschecks.profiles import profile_likelihood
from bootmle.crosschecks.remedies import measure_conditioning, suggest_transforms
from bootmle.crosschecks.sources import OWN, Source, fitted_sources, read_sources
from bootmle.crosschecks.user_matrices import judge_given
from bootmle.crosschecks.verdicts import judge_own, judge_reference
from bootmle.execution.threads import computation
from bootmle.fitting.fit import Fit
from bootmle.inference.intervals import ConfidenceInterval
from bootmle.sampling import Parametric

__all__ = ["crosscheck"]

_SIMULATED = 999


def crosscheck(
    boot: Bootstrap | Fit,
    covariances: Mapping[str, Any] | None = None,
    simulate: Callable[..., Any] | None = None,
    profile: bool = False,
) -> Crosscheck:
    """Set every source of standard errors beside the bootstrap, and say why each disagrees.

    Parameters
    ----------
    boot : Bootstrap or Fit
        The bootstrap of a fit, or quantities derived from it, which the other sources have by the
        delta method; a Fit alone is checked against its sandwich, or its Hessian where the
        objective returns only a total.
    covariances : mapping, optional
        Sources in doubt: name to (p, p) matrix, LbfgsInvHessProduct or OptimizeResult.
    simulate : callable, optional
        ``simulate(params, rng, *args) -> args``: adds the parametric bootstrap, with as many
        replicates as ``boot`` has (999 for a Fit).
    profile : bool
        Whether to find profile-likelihood intervals, which takes thousands of evaluations.

    Returns
    -------
    Crosscheck
        Sources "bootstrap", "hessian", "opg", "sandwich" and "cluster" (these where the objective
        returns contributions, the last where the plan draws clusters), "parametric", "profile",
        and the user's. Where the Hessian is not positive definite the errors that rest on it are
        NaN and flagged, never repaired.

    Raises
    ------
    ValueError, TypeError
        For a Bootstrap without its fit, one of an Estimator, or matrices of another shape.

    Notes
    -----
    A source agrees where it lies within 2 √(mcse² + s²) of the bootstrap, mcse the Monte Carlo
    error of the bootstrap's standard error and s the sampling error that any standard error has:
    s = ½ √Σ(q_i − q̄)² / Σ q_i, relative, with q_i = (H⁻¹ s_i)² and s_i the scores, summed by
    cluster where the plan draws clusters.

    Examples
    --------
    >>> import numpy as np
    >>> from bootmle import bootstrap, crosscheck, fit
    >>> y = np.random.default_rng(0).poisson(3.0, 300)
    >>> mle = fit(lambda params, y: np.exp(params[0]) - y * params[0], {"log_mean": 0.0}, args=y)
    >>> check = crosscheck(bootstrap(mle, n_resamples=999, rng=0))
    >>> check.verdicts["hessian"].agrees
    True
    """
    if not (isinstance(boot, Bootstrap) and boot.origin is not None):
        with computation():
            return _check(boot, covariances, simulate, profile)[0]
    if profile:
        raise ValueError("profile: is of parameters, not of derived quantities; leave it out")
    with computation():
        check, sources = _check(boot.origin, covariances, simulate, profile)
        return check_derived(_read_fit(boot), boot, check, sources)


def _check(
    boot: Bootstrap | Fit,
    covariances: Mapping[str, Any] | None,
    simulate: Callable[..., Any] | None,
    profile: bool,
) -> tuple[Crosscheck, list[Source]]:
    """Check the errors of the parameters; also return their sources."""
    booted = boot if isinstance(boot, Bootstrap) else None
    fit = _read_fit(boot)
    given = read_sources(fit, covariances)
    plan = None if booted is None else booted.sampling
    scores = measure_scores_under(fit, plan)
    known = {source.name: source for source in fitted_sources(fit, scores)}
    profiled = profile_likelihood(fit) if profile else None
    if profiled is not None:
        known["profile"] = Source("profile", profiled.standard_errors)
    if simulate is not None:
        known["parametric"] = _simulated(fit, booted, simulate)
    evidence = gather(fit, booted, scores, known)
    name = evidence.reference.name
    own = [known[each] for each in OWN if each in known and each != name]
    sources = [evidence.reference, *own, *given]
    check = Crosscheck(
        names=fit.names,
        estimate=fit.estimate,
        standard_errors={source.name: source.standard_errors for source in sources},
        sampling_error=evidence.sampling_error,
        tolerance={source.name: evidence.tolerance(source) for source in sources},
        mcse={source.name: source.noise for source in sources},
        verdicts={name: judge_reference(evidence)}
        | {source.name: judge_own(source, evidence) for source in own}
        | {source.name: judge_given(source, evidence) for source in given},
        findings=tuple(find(evidence)),
        hessian=fit.information,
        profile=profiled,
        percentile=_percentile(booted) if profile else None,
        conditioning=measure_conditioning(fit, booted),
        reparameterizations=suggest_transforms(evidence),
    )
    return check, sources


def _read_fit(boot: Any) -> Fit:
    """Find the fit."""
    fit = boot.fit if isinstance(boot, Bootstrap) else boot
    if fit is None and boot is not None:
        raise ValueError("boot: was loaded without its fit; pass load(path, fit=mle)")
    if not isinstance(fit, Fit):
        raise TypeError(
            f"boot: {type(fit).__name__} has no likelihood to check; pass a Fit, or its bootstrap"
        )
    return fit


def _percentile(boot: Bootstrap | None) -> ConfidenceInterval | None:
    """Take the bootstrap's own intervals, where it has replicates enough for them."""
    try:
        return None if boot is None else boot.confidence_interval()
    except ValueError:
        return None


def _simulated(fit: Fit, boot: Bootstrap | None, simulate: Callable[..., Any]) -> Source:
    """Bootstrap data simulated at the estimate."""
    count, seed = (_SIMULATED, 0) if boot is None else (len(boot.data), boot.seed)
    drawn = bootstrap(
        fit, sampling=Parametric(simulate), n_resamples=count, rng=seed, progress=False
    )
    return Source.of("parametric", drawn.covariance, mcse=drawn.standard_error_mcse)
