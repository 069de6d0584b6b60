"""A total taken apart: what each unit contributes, from evaluating the objective on it alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.execution.raised import describe_raised
from bootmle.likelihood.arrays import Floats, unmasked
from bootmle.likelihood.data import take_rows
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.response import Additivity, Rows

__all__ = ["CHECKS", "ApartError", "as_apart", "seconds_apart", "take_apart", "why_whole"]

_ROUNDING, _CHANGE = 1e-9, 1e-6
"""Differences that count as none, relative to the total, whose terms are added in another order,
and to its rise within a standard error: of that a millionth moves no standard error visibly."""
CHECKS = 2
"""Points at which contributions are compared with the total."""
_TIMED = 16
"""Units whose evaluation is timed, after one that is not: it may compile or load something."""
_NUMBERS = (float, np.float64)
"""What is taken as it is: a copy would take a quarter of the time of 1,500 cheap rows."""
_ADDITIVE = (Additivity.ADDITIVE, Additivity.CONSTANT_TERM, Additivity.MEAN)

Members = NDArray[np.intp]


class ApartError(ValueError):
    """The values on units alone are not the contributions to the total."""


@dataclass(frozen=True, slots=True, eq=False)
class _OfUnits:
    """A function of the data, evaluated on each unit alone; its rows share what a unit has."""

    function: Callable[..., Any]
    parts: list[tuple[Any, ...]]
    factors: Floats
    """Factor (G,) on each unit's value, by the number of its rows."""
    unit_of: Members
    """Unit of each row, (n,)."""

    def __call__(self, params: Floats, *_: Any) -> Floats:
        """Return the values (n, k) of all rows, k of each unit."""
        values: list[Any] = []
        for part in self.parts:
            value = self.function(params, *part)
            plain = type(value) in _NUMBERS
            values.append((value,) if plain else _copied(value))
        return np.asarray((np.array(values) * self.factors[:, None])[self.unit_of])


def _copied(value: Any) -> Floats:
    """Copy what a function may write into again, as a vector."""
    return np.array(unmasked(value), dtype=float).reshape(-1)


def why_whole(likelihood: Likelihood, *, clustered: bool) -> str:
    """Say why a total cannot be taken apart into rows or clusters; empty where it may be."""
    if likelihood.per_observation or likelihood.rows is not Rows.EXCHANGEABLE:
        return "it cannot be evaluated on single rows"
    if not clustered and likelihood.response.kind not in _ADDITIVE:
        return f"it is not a sum over rows ({likelihood.response.kind.value})"
    return ""


def seconds_apart(likelihood: Likelihood, units: Sequence[Members] | None, params: Floats) -> float:
    """Time an evaluation on each unit alone, by the median of a few; inf where that fails."""
    n = likelihood.n
    assert n is not None
    total = n if units is None else len(units)
    chosen = np.linspace(0, total - 1, min(total, _TIMED) + 1).astype(np.intp)
    own = chosen[:, None] if units is None else [units[each] for each in chosen]
    parts = [take_rows(likelihood.args, each) for each in own]
    try:
        clock = []
        for part in parts:
            likelihood.function(params, *part)
            clock.append(time.perf_counter())
    except Exception:  # the user's code may raise anything on so few rows
        return np.inf
    return float(np.median(np.diff(clock))) * total


def as_apart(likelihood: Likelihood) -> Likelihood:
    """Return a total as it counts when it is taken apart, without evaluating anything."""
    return replace(likelihood, per_observation=True, scores_given=likelihood.jac is not None)


def take_apart(
    likelihood: Likelihood,
    units: Sequence[Members] | None,
    points: Sequence[Floats],
    whole: Sequence[float],
) -> Likelihood:
    """Return the likelihood with the contributions of rows, from its units (default: rows) alone.

    ``whole`` are the totals at the first two points.

    Raises
    ------
    ApartError
        Where the contributions do not add up to the total.
    """
    n = likelihood.n
    assert n is not None
    units = [*np.arange(n)[:, None]] if units is None else units
    sizes, unit_of = np.array([each.size for each in units]), np.empty(n, dtype=np.intp)
    for number, each in enumerate(units):
        unit_of[each] = number
    mean = likelihood.response.kind is Additivity.MEAN
    # The mean over a unit's rows, times the scale / n, is what one row of it adds to the total.
    factors = np.full(sizes.shape, likelihood.scale / n) if mean else likelihood.scale / sizes
    parts = [take_rows(likelihood.args, each) for each in units]
    jac = None if likelihood.jac is None else _OfUnits(likelihood.jac, parts, factors, unit_of)
    apart = replace(
        likelihood,
        function=_OfUnits(likelihood.function, parts, factors, unit_of),
        jac=jac,
        scores_given=jac is not None,
        per_observation=True,
        scale=1.0,
    )
    try:
        near, far = (float(apart.contributions(point).sum()) for point in points[:CHECKS])
    except Exception as error:  # the user's code may raise anything on so few rows
        raise ApartError(
            f"on a single row or cluster it raised {describe_raised(error)}"
        ) from error
    rise = whole[1] - whole[0]
    allowed = _ROUNDING * max(map(abs, whole)) + _CHANGE * abs(rise)
    if not abs(far - near - rise) <= allowed:
        raise ApartError(
            f"its values on single rows or clusters do not add up to the total: within a standard "
            f"error they rise by {far - near:.6g} together, the total by {rise:.6g}"
        )
    return apart
