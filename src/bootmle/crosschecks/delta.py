"""The cross-check of derived quantities: the bootstrap and the delta method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bootmle.bootstrapping.results import Bootstrap
from bootmle.crosschecks.comparison import Crosscheck
from bootmle.crosschecks.evidence import Evidence, measure_scores_under
from bootmle.crosschecks.flags import Flag, Verdict
from bootmle.crosschecks.sources import Source
from bootmle.crosschecks.verdicts import agreement, judge_reference, withheld_from
from bootmle.display.text import rounded
from bootmle.fitting.fit import Fit
from bootmle.inference.derived import differentiate
from bootmle.inference.standard_errors import of_finite, standard_error
from bootmle.likelihood.arrays import Floats

__all__ = ["check_derived"]

_FAR = 1.5
"""Bootstrap over delta-method standard error from which heavy tails are reported first."""


def check_derived(
    fit: Fit, boot: Bootstrap, check: Crosscheck, sources: Sequence[Source]
) -> Crosscheck:
    """Compare delta-method standard errors √(g C gᵀ) of derived quantities with the bootstrap's.

    g is the quantity's gradient at the estimate and C a source's covariance matrix (Oehlert 1992);
    the check and its sources, the reference first, are those of the parameters.
    """
    slopes = gradient(boot)
    reference = Source.of("bootstrap", boot.covariance, mcse=boot.standard_error_mcse)
    evidence = Evidence(fit, boot, None, reference, _sampling_error(fit, boot, slopes))
    others = [
        Source.of(each.name, slopes @ each.covariance @ slopes.T, mcse=_mcse(each, slopes))
        for each in sources[1:]
        if each.covariance is not None
    ]
    linear = _linearized(boot, slopes)
    verdicts = {reference.name: judge_reference(evidence)}
    verdicts |= {each.name: _judge(each, evidence, check, linear) for each in others}
    return replace(
        check,
        names=boot.names,
        estimate=boot.estimate,
        **evidence.compare([reference, *others]),
        verdicts=verdicts,
        profile=None,
        percentile=None,
        conditioning=None,
        reparameterizations=(),
    )


def gradient(boot: Bootstrap) -> Floats:
    """Differentiate derived quantities with respect to the parameters at the estimate, (k, p)."""
    origin = boot.origin
    return differentiate(boot.derivation, origin.estimate, of_finite(standard_error, origin.kept()))


def _sampling_error(fit: Fit, boot: Bootstrap, slopes: Floats) -> Floats:
    """Return the relative sampling error of each quantity's standard error, (k,)."""
    scores = measure_scores_under(fit, boot.sampling)
    if scores is None:
        return np.full(len(boot.names), 1 / np.sqrt(2 * (fit.likelihood.n or np.inf)))
    free = slopes[:, fit.likelihood.parameters.free]
    return replace(scores, spread=free @ scores.spread).sampling_error


def _mcse(source: Source, slopes: Floats) -> Floats:
    """Return a source's Monte Carlo standard errors, (k,): the least precise parameter's share."""
    covariance = source.covariance
    assert covariance is not None
    share = np.nanmax(source.mcse / source.standard_errors, initial=0.0)
    errors = np.sqrt(np.einsum("kp,pq,kq->k", slopes, covariance, slopes))
    return np.asarray(np.nan_to_num(share * errors))


def _linearized(boot: Bootstrap, slopes: Floats) -> Floats:
    """Return the bootstrap's standard errors of the linearized function, (k,)."""
    origin = boot.origin
    optima = origin.rescaled(origin.replicates[origin.data.optimal])
    return standard_error((optima - origin.estimate) @ slopes.T)


def _judge(source: Source, evidence: Evidence, check: Crosscheck, linear: Floats) -> Verdict:
    """Judge a source's delta-method standard errors, and whether the function is too nonlinear."""
    settled = (
        withheld_from(evidence)
        or _judge_heavy_tails(source, evidence)
        or agreement(source, evidence)
    )
    if settled is not None:
        return settled
    differs = evidence.differs(source)
    start = f"differs from the bootstrap for {', '.join(evidence.named(differs))}"
    linearized = Source(evidence.reference.name, linear, evidence.reference.mcse)
    nonlinear = differs & evidence.differs(linearized)
    if nonlinear.any():
        ratio = (linear / evidence.reference.standard_errors)[nonlinear]
        worst = rounded(float(ratio[np.argmax(np.abs(np.log(ratio)))]), 2)
        reason = (
            f"{start}: the function is nonlinear over the range of the estimates; linearized, it "
            f"has {worst} times the bootstrap's standard error on the same replicates"
        )
        return Verdict(False, reason, Flag.NONLINEAR)
    of_parameters = check.verdicts[source.name]
    reason = f"{start}; for the parameters themselves: {of_parameters.reason}"
    return Verdict(False, reason, of_parameters.flag or Flag.UNEXPLAINED)


def _judge_heavy_tails(source: Source, evidence: Evidence) -> Verdict | None:
    """State that the bootstrap's own standard error of a quantity is unreliable."""
    boot = evidence.boot
    assert boot is not None
    ratio = evidence.reference.standard_errors / source.standard_errors
    heavy = boot.heavy_tails & (ratio > _FAR)
    if not heavy.any():
        return None
    robust = ", ".join(rounded(error, 3) for error in boot.quantile_standard_error[heavy])
    reason = (
        f"differs from the bootstrap for {', '.join(evidence.named(heavy))}, whose tails are so "
        f"heavy that the bootstrap's standard error grows with B; the quantile-based one is "
        f"{robust}: report intervals"
    )
    return Verdict(False, reason, Flag.HEAVY_TAILED)
