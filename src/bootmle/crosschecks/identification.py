"""Which formula a given column of standard errors, or matrix, follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bootmle.crosschecks.combined_formulas import combined_formula
from bootmle.crosschecks.evidence import Evidence
from bootmle.crosschecks.expected_information import expected_information
from bootmle.crosschecks.formulas import Context, Formula, Kind, listed, plain_formulas
from bootmle.crosschecks.held_formulas import held_formulas
from bootmle.crosschecks.matching import (
    EXACT,
    Given,
    Match,
    best_of,
    is_evidence,
    measure,
    rounding,
)
from bootmle.crosschecks.other_formulas import (
    N_SCALES,
    elsewhere_formulas,
    rescaled_formula,
    search_formulas,
    wrong_step_formulas,
)
from bootmle.crosschecks.regularized_formulas import pseudo_inverse_formulas, raised_formulas
from bootmle.crosschecks.scaled_formulas import (
    dispersed_formulas,
    scaled_formulas,
    small_sample_formulas,
)
from bootmle.crosschecks.sources import Source
from bootmle.display.text import rounded
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status

__all__ = ["context_of", "given_of", "identify"]


@dataclass(frozen=True, slots=True)
class _Thresholds:
    """What counts as a match after the exact ones."""

    apart: float = 0.03
    """Relative difference from the inverse Hessian below which a Hessian forced positive definite,
    whose size is fitted, is none: that of other software's errors, several times."""
    loose: float = 5e-3
    """Relative difference up to which numbers are those of a plain formula, roughly: other
    software's differenced derivatives and optima leave so much."""
    shared: int = 3
    """Numbers from which an unknown common factor counts before formulas without one."""
    ahead: float = 0.5
    """Share of the numbers that a formula must match to be named for them alone."""


_THRESHOLDS = _Thresholds()
_SOURCES = ("hessian", "opg", "sandwich", "cluster", "bootstrap", "parametric")
_BOOTSTRAPS = {"bootstrap", "parametric"}


def context_of(evidence: Evidence, simulate: Callable[..., Any] | None) -> Context:
    """Gather what formulas are made of."""
    fit, scores = evidence.fit, evidence.scores
    free = np.ix_(fit.likelihood.parameters.free, fit.likelihood.parameters.free)
    known = {**evidence.known, evidence.reference.name: evidence.reference}
    covariances: dict[str, Floats] = _regardless(evidence)
    for name in _SOURCES:
        matrix = known[name].covariance if name in known else None
        if matrix is not None:
            covariances.setdefault(name, matrix[free])
    expected = expected_information(fit, scores, simulate) if evidence.regular else None
    partial = None
    if expected is not None and np.isnan(expected.covariance).any():
        partial, expected = (
            _partial(expected.covariance, fit.likelihood.parameters.free_names),
            None,
        )
    if expected is not None:
        first = {"hessian": covariances.pop("hessian"), "expected": expected.covariance}
        covariances = {**first, **covariances}
    clusters = None if scores is None else scores.clusters
    return Context(
        names=fit.likelihood.parameters.free_names,
        estimate=fit.estimate[fit.free],
        covariances=covariances,
        errors={} if expected is None else {"expected": expected.error},
        dispersions={} if expected is None else expected.dispersions,
        n=fit.likelihood.n_observations or 0,
        clusters=0 if clusters is None else int(clusters.max()) + 1,
        nll=fit.nll,
        partial=partial,
    )


def _partial(covariance: Floats, names: Sequence[str]) -> Formula:
    """Name the inverse of the expected information of some parameters."""
    held = listed(names, np.isnan(np.diag(covariance)))
    name = f"the inverse of the expected information with {held} held fixed"
    return Formula(name, covariance, "hessian", error=EXACT)


def _regardless(evidence: Evidence) -> dict[str, Floats]:
    """Compute at a bound, or without an optimum, what other software prints all the same."""
    fit, scores = evidence.fit, evidence.scores
    matrix = fit.information.matrix
    if evidence.regular or not np.isfinite(matrix).all():
        return {}
    try:
        inverse = np.asarray(np.linalg.inv(matrix), dtype=float)
    except np.linalg.LinAlgError:
        return {}
    slopes = fit.likelihood.parameters.slopes(fit.whitening.center)
    found = {
        "hessian": inverse * np.outer(slopes, slopes) if fit.status is Status.AT_BOUND else inverse
    }
    if scores is not None and fit.status is Status.AT_BOUND:
        found |= {"opg": scores.opg, "sandwich": scores.sandwich}
    return found


def given_of(source: Source, evidence: Evidence) -> Given:
    """Take a source's numbers for the free parameters: a matrix, unless its covariances are 0."""
    free = evidence.fit.likelihood.parameters.free
    column = source.standard_errors[free]
    if source.covariance is None or not source.has_covariances:
        return Given(column)
    return Given(column, source.covariance[np.ix_(free, free)])


def identify(given: Given, source: Source, evidence: Evidence, context: Context) -> list[Match]:
    """Return the formulas that the numbers equal and that cannot be told apart; none if none do."""
    if not given.present.any():
        return []
    return next((tier for tier in _tiers(given, source, evidence, context) if tier), [])


def _tiers(
    given: Given, source: Source, evidence: Evidence, context: Context
) -> Iterator[list[Match]]:
    """Try formulas, the plain ones first; yield the matches of each kind."""
    fit, missing = evidence.fit, ~given.present
    bases = plain_formulas(context)
    whole = [each for each in bases if np.isfinite(each.covariance).all()]
    own = _distinct([each for each in whole if each.source not in _BOOTSTRAPS])
    multiples = _multiples(own, context)
    plain = _simplest(best_of(given, [*bases, *multiples]))
    yield [each for each in plain if each.formula.complexity == 0]
    yield _cut_off(given, bases)
    yield plain
    yield _simplest(_cut_off(given, multiples))
    yield _by_a_factor(given, own, _THRESHOLDS.shared)
    for base in sorted(own, key=lambda each: each.source != "hessian"):
        yield _likely(given, list(held_formulas(base, context.names, missing)))
    yield _rescaled(given, own, context)
    base = own[0] if own else Formula("", np.full((len(missing),) * 2, np.nan))
    meat = None
    if evidence.scores is not None and "sandwich" in context.covariances:
        meat = fit.information.matrix @ context.covariances["sandwich"] @ fit.information.matrix
    yield _likely(given, list(pseudo_inverse_formulas(base, fit.information, meat)))
    if given.matrix is None:  # a matrix shows the very directions along which it differs
        made = raised_formulas(base, fit.information, given)
        far = [each for each in made if _farthest(each, base) > _THRESHOLDS.apart]
        yield _likely(given, far, spent=1)
    searches = list(search_formulas(base, fit))
    if (given.column[given.present] == 1.0).all() and given.present.sum() > 1:
        yield best_of(given, searches[:1])
    yield _likely(given, searches)
    yield _likely(given, list(elsewhere_formulas(base, fit, source.point)))
    stepped = wrong_step_formulas(base, fit, context)
    # A step that gives the Hessian itself is not wrong.
    yield _likely(given, [each for each in stepped if _farthest(each, base) > _THRESHOLDS.loose])
    yield _loosely(given, own)
    yield _by_a_factor(given, own, 2)
    yield _in_part(given, own, context)


def _cut_off(given: Given, formulas: list[Formula]) -> list[Match]:
    """Match a column whose digits were cut off, not rounded."""
    if given.matrix is not None or not rounding(given.column[given.present]).any():
        return []
    return _likely(replace(given, cut=True), formulas)


def _rescaled(given: Given, own: list[Formula], context: Context) -> list[Match]:
    """Match a column some of whose numbers are those of functions of the parameters."""
    if given.matrix is not None:
        return []
    found: list[Match] = []
    for base in own:
        made = rescaled_formula(base, given, context)
        if made is not None:
            count = N_SCALES ** len(context.names)
            found += _likely(given, [made], count, made.complexity - 1)
    if found:
        return _simplest(found)
    pairs = (combined_formula(base, given, context) for base in own)
    return _simplest([measure(given, each) for each in pairs if each is not None])


def _farthest(formula: Formula, base: Formula) -> float:
    """Return the largest relative difference of two formulas; infinite where one has none."""
    with np.errstate(all="ignore"):
        off = np.abs(np.log(formula.column / base.column))
    return float(np.nan_to_num(off, nan=np.inf).max())


def _distinct(bases: list[Formula]) -> list[Formula]:
    """Leave out the expected information where it is the observed one, as for canonical links."""
    twins = {
        each.source
        for each in bases[1:2]
        if each.source == "expected"
        and np.abs(np.log(each.column / bases[0].column)).max() < EXACT + each.error
    }
    return [each for each in bases if each.source not in twins]


def _multiples(bases: list[Formula], context: Context) -> list[Formula]:
    """Multiply formulas by the known factors."""
    return [
        made
        for base in bases
        for make in (small_sample_formulas, scaled_formulas, dispersed_formulas)
        for made in make(base, context)
    ]


def _simplest(matches: list[Match]) -> list[Match]:
    """Keep the matches of least complexity."""
    least = min((each.formula.complexity for each in matches), default=0)
    return [each for each in matches if each.formula.complexity == least]


def _likely(given: Given, formulas: list[Formula], count: int = 0, spent: int = 0) -> list[Match]:
    """Match formulas so many that chance has to be ruled out."""
    if not is_evidence(given, count or len(formulas), spent):
        return []
    return _simplest(best_of(given, formulas))


def _by_a_factor(given: Given, bases: list[Formula], fewest: int) -> list[Match]:
    """Match formulas by a common factor that is none of the known."""
    if given.present.sum() < fewest or not is_evidence(given, 2 * len(bases), spent=1):
        return []
    scaled, present = [], given.present
    allowed = rounding(given.column[present])
    for base in bases:
        logs = np.log(given.column[present] / base.column[present])
        # The middle of what the rounding of each number leaves.
        factor = float(np.exp((logs - allowed).max() + (logs + allowed).min()))
        if np.isfinite(factor):
            shown = rounded(factor, 3)
            scaled.append(
                replace(
                    base,
                    name=f"{shown} times {base.name} in every parameter",
                    covariance=factor * base.covariance,
                    kind=Kind.DISPERSED,
                    advice="a dispersion factor, or a scaled objective",
                )
            )
    return best_of(given, scaled)


def _loosely(given: Given, bases: list[Formula]) -> list[Match]:
    """Match plain formulas roughly; the closest one."""
    close = [measure(given, each) for each in bases]
    close = [each for each in close if each.excess <= _THRESHOLDS.loose]
    if given.present.sum() < 2:
        return []
    return sorted(close, key=lambda each: each.excess)[:1]


def _in_part(given: Given, bases: list[Formula], context: Context) -> list[Match]:
    """Match a formula by most of the numbers, but not all."""
    present = given.present
    for base in bases:
        with np.errstate(all="ignore"):
            off = np.abs(np.log(given.column / base.column))
        allowed = np.full(len(off), np.inf)
        allowed[present] = rounding(given.column[present]) + EXACT + base.error
        same = present & (off <= allowed)
        kept = Given(np.where(same, given.column, np.nan))
        if same.sum() < 2 or same.sum() <= _THRESHOLDS.ahead * present.sum():
            continue
        if not is_evidence(kept, 2 ** len(off) * len(bases)):
            continue
        other = present & ~same
        ratios = (given.column / base.column)[other]
        names = [name for name, one in zip(context.names, other, strict=True) if one]
        shown = ", ".join(
            f"{name} (×{rounded(float(ratio), 3)})"
            for name, ratio in zip(names, ratios, strict=True)
        )
        part = replace(
            base,
            name=f"{base.name} for {listed(context.names, same)}, but not for {shown}",
            kind=Kind.OTHER,
            advice="look for another scale, or a slip, in what differs",
        )
        return [replace(measure(kept, base), formula=part)]
    return []
