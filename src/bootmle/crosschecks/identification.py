"""Which formula a given column of standard errors, or matrix, follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import comb

import numpy as np

from bootmle.crosschecks.combined_formulas import combined_formula
from bootmle.crosschecks.evidence import Evidence
from bootmle.crosschecks.formulas import Context, Formula, Kind, listed, plain_formulas
from bootmle.crosschecks.held_formulas import held_formulas
from bootmle.crosschecks.leverage_formulas import leverage_formulas
from bootmle.crosschecks.matching import (
    EXACT,
    Given,
    Match,
    best_of,
    is_evidence,
    measure,
    read_matches,
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
    slipped_formulas,
    small_sample_formulas,
)
from bootmle.crosschecks.sources import Source
from bootmle.display.text import rounded

__all__ = ["given_of", "identify"]


@dataclass(frozen=True, slots=True)
class _Thresholds:
    """What counts as a match after the exact ones."""

    apart: float = 0.03
    """Relative difference from the inverse Hessian below which a Hessian forced positive definite,
    whose size is fitted, is none: that of other software's errors, several times."""
    coarse: float = 0.03
    """Rounding of every number, relative to it, from which formulas that differ as little, which
    many do, may give the same numbers."""
    loose: float = 5e-3
    """Relative difference up to which numbers are those of a plain formula, roughly: other
    software's differenced derivatives and optima leave so much."""
    shared: int = 3
    """Numbers from which an unknown common factor counts before formulas without one."""
    ahead: float = 0.5
    """Share of the numbers that a formula must match to be named for them alone."""


_THRESHOLDS = _Thresholds()
_BOOTSTRAPS = {"bootstrap", "parametric"}


def given_of(source: Source, evidence: Evidence, context: Context) -> Given:
    """Take a source's numbers for the parameters that formulas are of, or its matrix."""
    # A column, where covariances are 0.
    free = evidence.fit.likelihood.parameters.free
    free = free if context.inside is None else free[context.inside]
    column = source.standard_errors[free]
    if source.covariance is None or not source.has_covariances:
        return Given.of(column)
    return Given.of(column, source.covariance[np.ix_(free, free)])


def identify(given: Given, source: Source, evidence: Evidence, context: Context) -> list[Match]:
    """Return the formulas that the numbers equal and that cannot be told apart; none if none do."""
    if not given.present.any():
        return []
    bases = plain_formulas(context)
    whole = [each for each in bases if np.isfinite(each.covariance).all()]
    own = _distinct([each for each in whole if each.source not in _BOOTSTRAPS])
    of_matrix = given.matrix is not None
    slips = [made for base in own for made in slipped_formulas(base, of_matrix=of_matrix)]
    found = _marked(given, [*bases, *_multiples(own, context), *slips])
    if not found and given.is_identity:
        return best_of(given, list(search_formulas(own[0], evidence.fit))[:1]) if own else []
    if not found:
        tiers = _tiers(given, own, source, evidence, context)
        # Of a few digits more than one kind of formula may be behind.
        every = (each for tier in tiers for each in tier)
        found = list(every) if given.is_rounded else next((tier for tier in tiers if tier), [])
    found = found or next((tier for tier in _rough_tiers(given, own, context) if tier), [])
    if given.is_rounded and np.nanmin(given.unit) > _THRESHOLDS.coarse:
        return [replace(each, doubtful=True) for each in _simplest(found)]
    return sorted(found, key=lambda each: each.complexity)


def _tiers(
    given: Given, own: list[Formula], source: Source, evidence: Evidence, context: Context
) -> Iterator[list[Match]]:
    """Try formulas that are none of the plain ones and their multiples, kind by kind."""
    fit, missing = evidence.fit, ~given.present
    scores = evidence.scores
    if context.inside is None and scores is not None and scores.strata is None:
        units = [None] if scores.clusters is None else [None, scores.clusters]
        yield _likely(given, [made for each in units for made in leverage_formulas(fit, each)])
    yield _by_a_factor(given, own, _THRESHOLDS.shared)
    for base in sorted(own, key=lambda each: each.source != "hessian"):
        yield _likely(given, list(held_formulas(base, context.names, missing)))
    if context.inside is not None:  # what follows is computed at a finite optimum
        return
    yield _rescaled(given, own, context)
    base = own[0] if own else Formula("", np.full((len(missing),) * 2, np.nan))
    meat = None
    if scores is not None and "sandwich" in context.covariances:
        meat = fit.information.matrix @ context.covariances["sandwich"] @ fit.information.matrix
    yield _likely(given, list(pseudo_inverse_formulas(base, fit.information, meat)))
    if given.matrix is None:  # a matrix shows the very directions along which it differs
        for form in given.readings:
            made = raised_formulas(base, fit.information, form)
            far = [each for each in made if _farthest(each, base) > _THRESHOLDS.apart]
            yield _likely(given, far, spent=1)
    searches = list(search_formulas(base, fit))
    yield _likely(given, searches)
    yield _likely(given, list(elsewhere_formulas(base, fit, source.point)))
    stepped = wrong_step_formulas(base, fit, context)
    # A step that gives the Hessian itself is not wrong.
    yield _likely(given, [each for each in stepped if _farthest(each, base) > _THRESHOLDS.loose])


def _rough_tiers(given: Given, own: list[Formula], context: Context) -> Iterator[list[Match]]:
    """Try formulas that match roughly, by a factor alone, or only some of the numbers."""
    yield _loosely(given, own)
    yield _by_a_factor(given, own, 2)
    yield _simplest([each for form in given.readings for each in _in_part(form, own, context)])


def _marked(given: Given, formulas: list[Formula]) -> list[Match]:
    """Match formulas, and mark what formulas no more complex may match by chance."""
    # In the order of the list: what differs by rounding has no better order.
    places = {each.name: k for k, each in enumerate(formulas)}
    found = sorted(read_matches(given, formulas), key=lambda each: places[each.formula.name])
    if not given.is_rounded:
        return found
    complexities = np.array([each.complexity for each in formulas])
    counts = [int((complexities <= each.formula.complexity).sum()) for each in found]
    return [
        replace(each, doubtful=not is_evidence(given, count))
        for each, count in zip(found, counts, strict=True)
    ]


def _rescaled(given: Given, own: list[Formula], context: Context) -> list[Match]:
    """Match a column some of whose numbers are those of functions of the parameters."""
    if given.matrix is not None:
        return []
    found: list[Match] = []
    for form in given.readings:
        for base in own:
            made = rescaled_formula(base, form, context)
            if made is not None:
                moved = made.complexity - 1
                count = comb(len(context.names), moved) * N_SCALES**moved
                found += _likely(form, [made], count)
    if found:
        return _simplest(found)
    return _simplest(
        [
            measure(form, made)
            for form in given.readings
            for base in own
            if (made := combined_formula(base, form, context)) is not None
        ]
    )


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


def _simplest(matches: Sequence[Match]) -> list[Match]:
    """Keep the matches of least complexity."""
    least = min((each.complexity for each in matches), default=0)
    return [each for each in matches if each.complexity == least]


def _likely(given: Given, formulas: list[Formula], count: int = 0, spent: int = 0) -> list[Match]:
    """Match formulas so many that chance has to be ruled out."""
    if not is_evidence(given, count or len(formulas), spent):
        return []
    return _simplest(read_matches(given, formulas))


def _by_a_factor(given: Given, bases: list[Formula], fewest: int) -> list[Match]:
    """Match formulas by a common factor that is none of the known."""
    if given.present.sum() < fewest or not is_evidence(given, 2 * len(bases), spent=1):
        return []
    found = []
    for form in given.readings:
        made = [made for base in bases if (made := _times_a_factor(form, base)) is not None]
        found += best_of(form, made)
    return _simplest(found)


def _times_a_factor(given: Given, base: Formula) -> Formula | None:
    """Multiply a formula by the middle of the factors that the numbers' rounding leaves."""
    present = given.present
    logs, unit = np.log(given.column[present] / base.column[present]), given.unit[present]
    factor = float(np.exp((logs + np.log1p(-unit)).max() + (logs + np.log1p(unit)).min()))
    if not np.isfinite(factor):
        return None
    return replace(
        base,
        name=f"{rounded(factor, 3)} times {base.name} in every parameter",
        covariance=factor * base.covariance,
        kind=Kind.DISPERSED,
        advice="a dispersion factor, or a scaled objective",
    )


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
        allowed[present] = given.unit[present] + EXACT + base.error
        same = present & (off <= allowed)
        kept = given.where(same)
        if same.sum() < 2 or same.sum() <= _THRESHOLDS.ahead * present.sum():
            continue
        if not is_evidence(kept, 2 ** len(off) * len(bases)):
            continue
        other = present & ~same
        if not other.any():  # of a matrix, whose diagonal matches
            continue
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
            complexity=int(other.sum()),
        )
        return [replace(measure(kept, base), formula=part)]
    return []
