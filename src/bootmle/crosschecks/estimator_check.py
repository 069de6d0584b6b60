"""The cross-check of an Estimator's bootstrap, which has no likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bootmle.bootstrapping.results import Bootstrap
from bootmle.crosschecks.comparison import Crosscheck
from bootmle.crosschecks.diagnoses import diagnose_replicates
from bootmle.crosschecks.evidence import Evidence
from bootmle.crosschecks.flags import Flag, Verdict
from bootmle.crosschecks.formula_verdicts import describe_matches
from bootmle.crosschecks.formulas import Context, Formula, Kind
from bootmle.crosschecks.matching import Given, read_matches
from bootmle.crosschecks.scaled_formulas import scaled_formulas, small_sample_formulas
from bootmle.crosschecks.sources import Source
from bootmle.crosschecks.verdicts import agreement, describe_difference, describe_replicates
from bootmle.fitting.estimator import Estimator
from bootmle.inference.intervals import Need
from bootmle.likelihood.arrays import Floats

__all__ = ["check_estimator"]

_NO_HESSIAN = (
    "none: an Estimator has no likelihood, whose curvature the Hessian is; pass fit() the negative "
    "log-likelihood if there is one"
)
# Untyped, so that who checks a Fit, the usual case, need not ask whether there is a Hessian.
_ABSENT: Any = None
_NAMES = {"standard_error": "the function's own standard_error", "jackknife": "the jackknife"}


def check_estimator(
    estimator: Estimator, boot: Bootstrap, users: Sequence[Source], more: Sequence[Source]
) -> Crosscheck:
    """Compare the bootstrap with the jackknife, the estimator's own errors, and the user's."""
    # ``more`` are further sources of the cross-check's own: a parametric bootstrap.
    reference = Source.of("bootstrap", boot.covariance, mcse=boot.standard_error_mcse)
    own = [*_own_sources(estimator, boot), *more]
    subject: Any = estimator  # what is asked of it here a Fit answers alike
    evidence = Evidence(
        subject, boot, None, reference, _relative(boot), {each.name: each for each in own}
    )
    nothing = np.full(len(boot.names), np.nan)
    hessian = Source("hessian", nothing, np.zeros(len(boot.names)))
    verdicts = {"bootstrap": describe_replicates(evidence)}
    verdicts |= {each.name: _judge(each, evidence) for each in own}
    verdicts["hessian"] = Verdict(False, _NO_HESSIAN)
    verdicts |= {each.name: _judge_user(each, evidence) for each in users}
    return Crosscheck(
        names=boot.names,
        estimate=boot.estimate,
        **evidence.compare([reference, *own, hessian, *users]),
        verdicts=verdicts,
        diagnoses=tuple(diagnose_replicates(evidence)),
        hessian=_ABSENT,
    )


def _own_sources(estimator: Estimator, boot: Bootstrap) -> list[Source]:
    """List the function's own standard errors and the jackknife's, where there are any."""
    nothing = np.zeros(len(boot.names))
    found = []
    if estimator.errors is not None and boot.origin is None:
        found.append(Source("standard_error", np.asarray(estimator.errors), nothing))
    if not boot.lacks(Need.JACKKNIFE):
        influence = _influence(boot)
        # (G − 1)/G Σ(θ_g − θ̄)² in each stratum (Tukey 1958).
        found.append(Source("jackknife", np.sqrt((influence**2).sum(axis=0)), nothing))
    return found


def _influence(boot: Bootstrap) -> Floats:
    """Return the units' deviations, (G, p), whose squares sum to the jackknife's variances."""
    estimates, strata = boot.jackknife()
    influence = np.zeros_like(estimates)
    for stratum in np.unique(strata):
        inside = strata == stratum
        own = estimates[inside]
        share = np.sqrt((len(own) - 1) / len(own))
        influence[inside] = share * (np.nanmean(own, axis=0) - own)
    return np.nan_to_num(influence)


def _relative(boot: Bootstrap) -> Floats:
    """Return the relative sampling error s of a standard error, (p,), from the jackknife."""
    if boot.lacks(Need.JACKKNIFE):
        return np.full(len(boot.names), 1 / np.sqrt(2 * boot.fit.n) if boot.fit else np.nan)
    squares = _influence(boot) ** 2
    scatter = np.sqrt(((squares - squares.mean(axis=0)) ** 2).sum(axis=0))
    total = squares.sum(axis=0)
    return np.asarray(0.5 * scatter / np.where(total > 0, total, 1.0))


def _judge(source: Source, evidence: Evidence) -> Verdict:
    """Judge the jackknife or the function's own standard errors."""
    settled = agreement(source, evidence)
    if settled is not None:
        return settled
    head = describe_difference(source, evidence)
    if source.name == "parametric":
        why = "data simulated by your function vary differently than resamples of your data"
        return Verdict(False, f"{head}: {why}", Flag.MISSPECIFIED)
    if source.name == "jackknife":
        why = (
            "the estimator is not smooth (a quantile, a selected model), for which the jackknife "
            "is inconsistent, or the sample is small"
        )
        return Verdict(False, f"{head}: {why}", Flag.SMALL_SAMPLE)
    other = evidence.known.get("jackknife")
    with_bootstrap = other is not None and not np.any(evidence.differs(other))
    more = "; the jackknife agrees with the bootstrap" if with_bootstrap else ""
    return Verdict(False, f"{head}: its formula is another{more}", Flag.UNEXPLAINED)


def _judge_user(source: Source, evidence: Evidence) -> Verdict:
    """Judge the user's numbers by the sources that they equal, alone or by a factor."""
    missing = evidence.named(source.missing)
    more = f"; it has none for {', '.join(missing)}" if missing else ""
    bases = [
        Formula(
            _NAMES.get(each.name, f"the {each.name}"), np.diag(each.standard_errors**2), each.name
        )
        for each in (evidence.reference, *evidence.known.values())
    ]
    n = 0 if evidence.boot is None or evidence.boot.fit is None else evidence.boot.fit.n
    names = evidence.fit.names
    context = Context(names, evidence.fit.estimate, {}, {}, {}, n, 0, 0.0)
    scaled = [
        made
        for base in bases
        for make in (small_sample_formulas, scaled_formulas)
        for made in make(base, context)
    ]
    given = Given.of(source.standard_errors)
    matches = read_matches(given, bases) or read_matches(given, scaled)
    settled = agreement(source, evidence)
    if matches and matches[0].formula.kind is not Kind.SOURCE:
        reason = f"{describe_matches(matches[:1])}: {matches[0].formula.advice}"
        return Verdict(False, f"{reason}{more}", Flag.OTHER_FORMULA)
    said = f"{describe_matches(matches)}: " if matches else ""
    if settled is not None:
        return replace(settled, reason=f"{said}{settled.reason}{more}")
    reason = f"{said}{describe_difference(source, evidence)}"
    none = "" if matches else ": it matches none of the known formulas"
    return Verdict(False, f"{reason}{none}{more}", Flag.UNEXPLAINED)
