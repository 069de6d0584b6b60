"""`crosscheck`: standard errors from every source compared with the bootstrap's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Never

import numpy as np

from bootmle.bootstrapping.bootstrap import bootstrap
from bootmle.bootstrapping.results import Bootstrap
from bootmle.crosschecks.comparison import Crosscheck
from bootmle.crosschecks.context import context_of
from bootmle.crosschecks.delta import check_derived
from bootmle.crosschecks.diagnoses import diagnose, remark_on_scipy
from bootmle.crosschecks.estimator_check import check_estimator
from bootmle.crosschecks.evidence import gather, measure_scores_under
from bootmle.crosschecks.profiles import profile_likelihood
from bootmle.crosschecks.remedies import measure_conditioning, suggest_transforms
from bootmle.crosschecks.sources import OWN, Source, fitted_sources
from bootmle.crosschecks.user_matrices import judge_user_source
from bootmle.crosschecks.user_sources import read_sources
from bootmle.crosschecks.verdicts import judge, judge_reference
from bootmle.display.checks import check_flag
from bootmle.display.known_names import refuse_keywords
from bootmle.execution.meter import watched_step
from bootmle.execution.progress import shown
from bootmle.execution.threads import computation
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.inference.intervals import ConfidenceInterval
from bootmle.sampling import Parametric

__all__ = ["crosscheck"]

_SIMULATED = 999
"""Replicates of the parametric bootstrap of a Fit: Monte Carlo errors of about 1/√(2·999) = 2%."""


def crosscheck(
    boot: Bootstrap | Fit,
    covariances: Mapping[str, Any] | None = None,
    simulate: Callable[..., Any] | None = None,
    profile: bool = False,
    progress: bool | None = None,
    **unknown: Never,
) -> Crosscheck:
    """Compare standard errors from every source with the bootstrap's, and explain differences.

    Parameters
    ----------
    boot : Bootstrap or Fit
        The bootstrap of a fit, or quantities derived from it, for which the other sources use the
        delta method. A Fit alone is compared with its sandwich, or with its Hessian if the
        objective returns only a total, or there are fewer than 5 observations per parameter. The
        bootstrap of an `Estimator` is compared with the jackknife and its own ``standard_error``.
    covariances : mapping, optional
        Sources in doubt, by name: a (p, p) matrix, DataFrame or LbfgsInvHessProduct; p standard
        errors as an array, mapping, Series or DataFrame column, by name where they are named,
        missing ones NaN or left out; an OptimizeResult, or a result of statsmodels, lmfit,
        iminuit, arch, lifelines, biogeme or xlogit. The formula that they follow is named.
    simulate : callable, optional
        ``simulate(params, rng, *args) -> args``: adds the parametric bootstrap, with as many
        replicates as ``boot`` has (999 for a Fit).
    profile : bool
        Whether to find profile-likelihood intervals, which takes thousands of evaluations.
    progress : bool, optional
        Whether to show the evaluations so far, by default on a terminal and in a notebook; in a log
        file a line per minute.

    Returns
    -------
    Crosscheck
        Its sources are "bootstrap", "hessian", "opg" and "sandwich" (the last two if the objective
        returns per-observation contributions), "cluster" (if the plan draws clusters as well),
        "cr2" (if it draws fewer than 40, in one stratum: Bell and McCaffrey 2002), "parametric" and
        "profile" (on request), and the user's. Where the Hessian is not positive definite, the
        standard errors that rest on it are NaN and flagged.

    Raises
    ------
    ValueError, TypeError
        For a Bootstrap without its fit, an Estimator without its bootstrap, a matrix of another
        shape, or labels that are no parameters of the fit.

    Notes
    -----
    A source agrees if it is within 2 √(mcse² + s²) of the bootstrap. Here mcse is the Monte Carlo
    standard error of both, and s the sampling error of a standard error estimated from this sample,
    relative to it ½ √Σ(q_i − q̄)² / Σ q_i with q_i = (H⁻¹ s_i)², where s_i are the scores, summed by
    cluster if the plan draws clusters.

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
    refuse_keywords(unknown, "crosscheck", crosscheck)
    check_flag("profile", profile)
    with watched_step("crosscheck", shown(progress)), computation():
        return _crosscheck(boot, covariances, simulate, profile)


def _crosscheck(
    boot: Bootstrap | Fit,
    covariances: Mapping[str, Any] | None,
    simulate: Callable[..., Any] | None,
    profile: bool,
) -> Crosscheck:
    """Check the standard errors of parameters, or of derived quantities."""
    if isinstance(boot, Bootstrap) and isinstance(boot.fit, Estimator):
        return _check_estimator(boot, boot.fit, covariances, simulate, profile)
    if not (isinstance(boot, Bootstrap) and boot.origin is not None):
        return _check(boot, covariances, simulate, profile)[0]
    if profile:
        raise ValueError(
            "profile: only parameters have profile likelihoods, derived quantities do not; leave "
            "it out"
        )
    check, sources = _check(boot.origin, covariances, simulate, profile)
    return check_derived(_read_fit(boot), boot, check, sources)


def _check(
    boot: Bootstrap | Fit,
    covariances: Mapping[str, Any] | None,
    simulate: Callable[..., Any] | None,
    profile: bool,
) -> tuple[Crosscheck, list[Source]]:
    """Check the standard errors of the parameters; also return the sources."""
    booted = boot if isinstance(boot, Bootstrap) else None
    fit = _read_fit(boot)
    users = read_sources(fit, covariances)
    scores = measure_scores_under(fit, None if booted is None else booted.sampling)
    known = {source.name: source for source in fitted_sources(fit, scores)}
    profiled = profile_likelihood(fit) if profile else None
    if profiled is not None:
        known["profile"] = Source("profile", profiled.standard_errors, np.zeros(len(fit.names)))
    if simulate is not None:
        known["parametric"] = _simulated(fit, booted, simulate)
    evidence = gather(fit, booted, scores, known)
    name = evidence.reference.name
    own = [known[each] for each in OWN if each in known and each != name]
    sources = [evidence.reference, *own, *users]
    verdicts = {name: judge_reference(evidence)}
    verdicts |= {source.name: judge(source, evidence) for source in own}
    if users:
        context = context_of(evidence, simulate)
        verdicts |= {each.name: judge_user_source(each, evidence, context) for each in users}
    local = evidence.better_optimum
    check = Crosscheck(
        names=fit.names,
        estimate=fit.estimate,
        **evidence.compare(sources),
        verdicts=verdicts,
        diagnoses=tuple(diagnose(evidence)),
        hessian=fit.information,
        profile=profiled,
        percentile=_percentile(booted) if profile else None,
        conditioning=None if local else measure_conditioning(fit, booted),
        reparameterizations=() if local else suggest_transforms(evidence),
        remarks=() if local else remark_on_scipy(evidence),
    )
    return check, sources


def _check_estimator(
    boot: Bootstrap,
    estimator: Estimator,
    covariances: Mapping[str, Any] | None,
    simulate: Callable[..., Any] | None,
    profile: bool,
) -> Crosscheck:
    """Check the standard errors of an Estimator."""
    if profile:
        raise ValueError(
            "profile: an Estimator has no likelihood, whose profiles they would be; leave it out"
        )
    if boot.origin is not None and (covariances or simulate is not None):
        raise ValueError(
            "covariances, simulate: of quantities derived from an Estimator only the jackknife is "
            "compared; pass them with its own bootstrap"
        )
    estimator.check_data()
    users = read_sources(estimator, covariances)
    more = [] if simulate is None else [_simulated(estimator, boot, simulate)]
    return check_estimator(estimator, boot, users, more)


def _read_fit(boot: Any) -> Fit:
    """Return the fit; raise where there is none to check."""
    fit = boot.fit if isinstance(boot, Bootstrap) else boot
    if fit is None and boot is not None:
        raise ValueError("boot: was loaded without its fit; pass load(path, fit=mle)")
    if not isinstance(fit, Fit):
        raise TypeError(
            f"boot: {type(fit).__name__} has no likelihood to check; pass a Fit, or its bootstrap"
        )
    fit.check_data()
    return fit


def _percentile(boot: Bootstrap | None) -> ConfidenceInterval | None:
    """Return the bootstrap's percentile intervals; None where it has too few replicates."""
    try:
        return None if boot is None else boot.interval_of("percentile")
    except ValueError:
        return None


def _simulated(
    fit: Fit | Estimator, boot: Bootstrap | None, simulate: Callable[..., Any]
) -> Source:
    """Run the parametric bootstrap."""
    count, seed = (_SIMULATED, 0) if boot is None else (len(boot.data), boot.seed)
    drawn = bootstrap(
        fit, sampling=Parametric(simulate), n_resamples=count, rng=seed, progress=False
    )
    return Source.of("parametric", drawn.covariance, mcse=drawn.standard_error_mcse)
