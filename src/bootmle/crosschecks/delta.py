"""The cross-check of derived quantities: every source by the delta method, beside the bootstrap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bootmle.bootstrapping.results import Bootstrap
from bootmle.crosschecks.comparison import Crosscheck
from bootmle.crosschecks.evidence import Evidence, measure_scores_under
from bootmle.crosschecks.flags import Flag, Verdict
from bootmle.crosschecks.sources import Source
from bootmle.crosschecks.verdicts import agreement, judge_reference, withheld_from
from bootmle.display.text import rounded
from bootmle.fitting.fit import Fit
from bootmle.inference.derived import derive_all
from bootmle.inference.standard_errors import of_finite, standard_error
from bootmle.likelihood.arrays import Floats

__all__ = ["check_derived"]

_STEP = 1e-3
_FAR = 1.5


def check_derived(
    fit: Fit, boot: Bootstrap, check: Crosscheck, sources: Sequence[Source]
) -> Crosscheck:
    """Set the delta method's errors of derived quantities, √(g C gᵀ), beside the bootstrap's.

    g is the gradient of the quantity at the estimate, C a source's covariance matrix of the
    parameters (Oehlert 1992).

    Parameters
    ----------
    fit : Fit
    boot : Bootstrap
        The derived quantities.
    check : Crosscheck
        Of the parameters.
    sources : sequence of Source
        The same check's sources, the reference first.
    """
    slopes = gradient(boot)
    reference = Source.of("bootstrap", boot.covariance, mcse=boot.standard_error_mcse)
    evidence = Evidence(fit, boot, None, reference, _sampling_error(fit, boot, slopes))
    others = [
        Source.of(each.name, slopes @ each.covariance @ slopes.T, mcse=_noise(each, slopes))
        for each in sources[1:]
        if each.covariance is not None
    ]
    linear = _linearized(boot, slopes)
    verdicts = {reference.name: judge_reference(evidence)}
    verdicts |= {each.name: _judge(each, evidence, check, linear) for each in others}
    everything = [reference, *others]
    return replace(
        check,
        names=boot.names,
        estimate=boot.estimate,
        standard_errors={each.name: each.standard_errors for each in everything},
        sampling_error=evidence.sampling_error,
        tolerance={each.name: evidence.tolerance(each) for each in everything},
        mcse={each.name: each.noise for each in everything},
        verdicts=verdicts,
        profile=None,
        percentile=None,
        conditioning=None,
        reparameterizations=(),
    )


def gradient(boot: Bootstrap) -> Floats:
    """Differentiate derived quantities by the parameters at the estimate, (k, p)."""
    origin = boot.origin
    return differentiate(boot.derivation, origin.estimate, of_finite(standard_error, origin.kept()))


def differentiate(
    functions: Sequence[Callable[[Floats], Any]], estimate: Floats, errors: Floats
) -> Floats:
    """Differentiate what functions, one after the other, make of parameters (p,), (k, p).

    Central differences over a thousandth of a standard error; 0 for a parameter without one.
    """
    ways = _STEP * np.diag(np.where(errors > 0, errors, 0.0))
    points = np.concatenate([estimate + ways, estimate - ways])
    for function in functions:
        points = derive_all(function, points)
    ahead, behind = np.split(points, 2)
    lengths = np.where(errors > 0, 2 * _STEP * errors, np.inf)
    return np.asarray((ahead - behind).T / lengths)


def _sampling_error(fit: Fit, boot: Bootstrap, slopes: Floats) -> Floats:
    """Return the sampling error of each quantity's standard error, relative to it, (k,)."""
    scores = measure_scores_under(fit, boot.sampling)
    if scores is None:
        return np.full(len(boot.names), 1 / np.sqrt(2 * (fit.likelihood.n or np.inf)))
    free = slopes[:, fit.likelihood.parameters.free]
    return replace(scores, spread=free @ scores.spread).sampling_error


def _noise(source: Source, slopes: Floats) -> Floats:
    """Return the Monte Carlo error of a drawn source: that of its noisiest parameter, relative."""
    covariance = source.covariance
    assert covariance is not None
    share = np.nanmax(source.noise / source.standard_errors, initial=0.0)
    errors = np.sqrt(np.einsum("kp,pq,kq->k", slopes, covariance, slopes))
    return np.asarray(np.nan_to_num(share * errors))


def _linearized(boot: Bootstrap, slopes: Floats) -> Floats:
    """Return what the bootstrap's standard errors would be, were the function straight, (k,)."""
    origin = boot.origin
    optima = origin.rescaled(origin.replicates[origin.data.optimal])
    return standard_error((optima - origin.estimate) @ slopes.T)


def _judge(source: Source, evidence: Evidence, check: Crosscheck, linear: Floats) -> Verdict:
    """Say whether a source's delta-method errors agree, and if not, whether the function bends."""
    withheld = withheld_from(evidence)
    if withheld is not None:
        return withheld
    heavy = _judge_heavy_tails(source, evidence)
    if heavy is not None:
        return heavy
    agrees = agreement(source, evidence)
    if agrees is not None:
        return agrees
    apart = evidence.apart(source)
    straight = Source(evidence.reference.name, linear, mcse=evidence.reference.mcse)
    bends = apart & evidence.apart(straight)
    names = ", ".join(evidence.named(apart))
    if bends.any():
        ratio = (linear / evidence.reference.standard_errors)[bends]
        worst = rounded(float(ratio[np.argmax(np.abs(np.log(ratio)))]), 2)
        reason = (
            f"differs for {names}: the function bends over the spread of the estimates; on the "
            f"same replicates its tangent has {worst} times the bootstrap's error"
        )
        return Verdict(False, reason, Flag.NONLINEAR)
    of_parameters = check.verdicts[source.name]
    reason = f"differs for {names}; of the parameters themselves: {of_parameters.reason}"
    return Verdict(False, reason, of_parameters.flag or Flag.UNEXPLAINED)


def _judge_heavy_tails(source: Source, evidence: Evidence) -> Verdict | None:
    """Say that the bootstrap's own error of a quantity is not to be relied on."""
    boot = evidence.boot
    assert boot is not None
    ratio = evidence.reference.standard_errors / source.standard_errors
    heavy = boot.heavy_tails & (ratio > _FAR)
    if not heavy.any():
        return None
    beside = ", ".join(rounded(error, 3) for error in boot.quantile_standard_error[heavy])
    reason = (
        f"differs for {', '.join(evidence.named(heavy))}, where tails are so heavy that the "
        f"bootstrap's error grows with B; its quantile-based error is {beside}: use intervals"
    )
    return Verdict(False, reason, Flag.HEAVY_TAILED)
