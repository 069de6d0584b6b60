"""Columns in which one parameter's entry is that of a function of two, or in another's unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np

from bootmle.crosschecks.formulas import Context, Formula, Kind
from bootmle.crosschecks.matching import EXACT, Given, is_evidence
from bootmle.likelihood.arrays import Floats

__all__ = ["combined_formula"]

Pair = tuple[str, Callable[[float, float], tuple[float, float]]]
_PAIRS: tuple[Pair, ...] = (
    ("{0}/{1}", lambda a, b: (1 / b, -a / b**2)),
    ("{0}/{1}, times √{1}", lambda a, b: (b**-0.5, -a * b**-1.5)),
    ("{0}/({0} + {1})", lambda a, b: (b / (a + b) ** 2, -a / (a + b) ** 2)),
    ("{0} + {1}", lambda a, b: (1.0, 1.0)),
    ("{0} − {1}", lambda a, b: (1.0, -1.0)),
    ("{0}·{1}", lambda a, b: (b, a)),
    ("{0}, divided by √{1}", lambda a, b: (b**-0.5, 0.0)),
    ("{0}, times √{1}", lambda a, b: (b**0.5, 0.0)),
    ("{0}, divided by {1}", lambda a, b: (1 / b, 0.0)),
    ("{0}, times {1}", lambda a, b: (b, 0.0)),
)
"""Functions of two parameters, each with its gradient; in another's unit, a multiple of the first.
"""
_SHARPER = 10.0
"""Such an entry has to match as closely as the others do, times this."""


def combined_formula(base: Formula, given: Given, context: Context) -> Formula | None:
    """Find, for the entry or two that do not match, a function of two parameters that does."""
    made, present = base.column, given.present & np.isfinite(base.column)
    with np.errstate(all="ignore"):
        off = np.abs(np.log(given.column / made))
    exact = np.full(len(made), np.inf)
    exact[present] = given.unit[present]
    away = np.where(present, off - exact, 0.0)
    same = present & (away <= EXACT + base.error)
    other = np.flatnonzero(present & ~same)
    if not 0 < len(other) <= min(2, same.sum()):
        return None
    tolerance = min(EXACT, _SHARPER * max(float(away[same].max()), 1e-6)) + base.error
    count = (len(_PAIRS) * len(made)) ** len(other)
    if not is_evidence(given, count):
        return None
    covariance, shown = base.covariance.copy(), []
    for j in other:
        found = _pair_of(base, int(j), given, context, exact[j] + tolerance)
        if found is None:
            return None
        title, factor = found
        covariance[j] *= factor
        covariance[:, j] *= factor
        shown.append(title)
    own = ", ".join(context.names[j] for j in other)
    return replace(
        base,
        name=f"{base.name}, but for {own} that of {' and of '.join(shown)}",
        covariance=covariance,
        kind=Kind.OTHER,
        advice=f"those are not standard errors of {own}",
        complexity=1 + len(other),
    )


def _pair_of(
    base: Formula, j: int, given: Given, context: Context, allowed: float
) -> tuple[str, float] | None:
    """Find a function of parameter j and another one; return its title and the factor."""
    matrix: Floats = base.covariance
    for (title, slopes), k in product(_PAIRS, range(len(context.names))):
        if k == j:
            continue
        with np.errstate(all="ignore"):
            a, b = slopes(context.estimate[j], context.estimate[k])
            variance = a**2 * matrix[j, j] + 2 * a * b * matrix[j, k] + b**2 * matrix[k, k]
            away = abs(np.log(given.column[j] / np.sqrt(variance)))
        if away <= allowed:
            factor = float(np.sqrt(variance / matrix[j, j]))
            return title.format(context.names[j], context.names[k]), factor
    return None
