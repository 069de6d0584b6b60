"""Whether the objective adds up over the units that are drawn, which a log-likelihood does.

For disjoint sets of units, f(A and B) = f(A) + f(B); f(A twice) = 2 f(A); and f changes with A.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.data import walk_leaves
from bootmle.likelihood.likelihood import Additivity, Likelihood, Response
from bootmle.likelihood.parameters import Parameters

__all__ = ["beside", "constant_message", "measure_response", "square_message"]

Units = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class _Limits:
    """What counts as a difference.

    Attributes
    ----------
    rounding : float
        Relative to the values: sums of other rows, or in another order, round differently.
    change : float
        Of the rise of the nll within a standard error: it moves no standard error by over 1%.
    expected : float
        Relative distance from the number of rows: at the optimum an extended term is equal to it.
    """

    rounding: float = 1e-9
    change: float = 0.01
    expected: float = 1e-3


_LIMITS = _Limits()
_NEARBY = 0.01
"""Share of a parameter's size by which a start is left: enough for values to differ visibly."""
_SEED = 20_210_929
"""Which units make the halves: any fixed choice, so that a fit is reproducible."""


@dataclass(frozen=True, slots=True, eq=False)
class _Values:
    """The objective on parts of the data: at the estimate, and to both sides of it, (3,).

    ``whole`` and ``rest`` are NaN where they are not evaluated.
    """

    whole: Floats
    half: Floats
    rest: Floats
    twice: Floats

    @property
    def tiny(self) -> float:
        """Difference that rounding makes."""
        return _LIMITS.rounding * float(np.nanmax(np.abs([self.whole, self.half, self.twice])))

    @property
    def doubling(self) -> Floats:
        """What a half has twice beyond twice its value."""
        return self.twice - 2 * self.half

    @property
    def splitting(self) -> Floats:
        """What the whole has beyond the sum of its halves."""
        return self.whole - self.half - self.rest


def measure_response(
    part: Callable[[Units], Likelihood],
    count: int,
    n_rows: int,
    points: Sequence[Floats],
    whole: Sequence[float] = (),
) -> Response:
    """Evaluate on a random half of the units and on that half twice, at three points.

    ``part(units)`` is the likelihood of some of the ``count`` units, copies as units of their own.
    The points are the estimate and one to either side of it, a standard error away in every
    whitened coordinate. Where the values on the whole are given for the first of them, those on
    the other half are compared with them as well.
    """
    order = np.random.default_rng(_SEED).permutation(count)
    half, rest = order[: count // 2], order[count // 2 :]

    def on(units: Units, times: int) -> Floats:
        found = [part(units).total(point) for point in points[:times]]
        return np.array(found + [np.nan] * (len(points) - times))

    def on_half(units: Units) -> tuple[Floats, Floats]:
        return on(units, len(points)), on(np.concatenate([units, units]), len(points))

    try:
        of_half, of_twice = on_half(half)
    except Exception:  # a unit that the objective cannot do without is in the other half
        half, rest = rest, half
        of_half, of_twice = on_half(half)
    try:
        of_rest = on(rest, len(whole))
    except Exception:
        of_rest = on(rest, 0)
    of_whole = np.array([*whole] + [np.nan] * (len(points) - len(whole)))
    values = _Values(of_whole, of_half, of_rest, of_twice)
    kind = _judge(values, n_rows, half.size, points[0].size)
    return Response(kind, _evidence(kind, values, n_rows))


def _judge(values: _Values, n_rows: int, count: int, n_params: int) -> Additivity:
    """Recognize what the values on the parts have in common."""
    if not np.isfinite([values.half, values.twice]).all():
        return Additivity.UNTESTED
    if np.array_equal(values.half, values.twice) and _same_everywhere(values):
        return Additivity.CONSTANT
    if _near(values.twice, values.half, values.tiny):
        return Additivity.MEAN
    if _near(values.twice, 4 * values.half, values.tiny):
        return Additivity.SQUARE
    # Constants move no optimum: from here on only changes from the estimate count.
    doubling = np.abs(np.diff(values.doubling)).max()
    splitting = np.nanmax(np.abs(np.diff(values.splitting)), initial=0.0)
    if doubling <= values.tiny:
        if splitting > values.tiny:
            return Additivity.EXCHANGEABLE
        plain = np.nanmax(np.abs([values.doubling, values.splitting])) <= values.tiny
        return Additivity.ADDITIVE if plain else Additivity.CONSTANT_TERM
    known = np.isfinite(values.splitting)
    if known.any() and abs(np.diff(values.doubling - values.splitting)[0]) <= 2 * values.tiny:
        return Additivity.EXTENDED if _is_expected_number(values, n_rows) else Additivity.PENALTY
    # A statistic of a sample, such as a variance with ddof=1, is another one on a half twice by 1/m
    # of itself, m units in the half: the curvature changes by as much, the optimum by 1/√m.
    limits = _LIMITS.change + np.array([0.5 / np.sqrt(count), 1 / count])
    within = (_changes(values, n_params) <= limits).all()
    return Additivity.EXCHANGEABLE if within else Additivity.GROUPED


def _same_everywhere(values: _Values) -> bool:
    """Whether the whole and the other half have the values of the half, where they are known."""
    return all(
        np.array_equal(each[np.isfinite(each)], values.half[np.isfinite(each)])
        for each in (values.whole, values.rest)
    )


def _near(one: Floats, other: Floats, tiny: float) -> bool:
    """Whether values agree up to rounding, and are not zero."""
    return bool(np.abs(one - other).max() <= tiny < np.abs(one).max())


def _changes(values: _Values, n_params: int) -> Floats:
    """Return how much doubling changes slope and curvature, in whitened coordinates, (2,)."""

    def slope_and_curvature(values: Floats) -> Floats:
        here, ahead, behind = values
        return np.array([(ahead - behind) / 2, ahead + behind - 2 * here])

    half, twice = slope_and_curvature(values.half), slope_and_curvature(values.twice)
    # A sample of the data's size has a curvature of one in every whitened coordinate.
    usual = max(float(n_params), abs(twice[1]), 2 * abs(half[1]))
    return np.asarray(np.abs(twice - 2 * half) / usual)


def _is_expected_number(values: _Values, n_rows: int) -> bool:
    """Whether the term is n at the estimate, with or without the logarithm of n! beside it."""
    half = n_rows // 2
    factorial = float(gammaln(2 * half + 1) - 2 * gammaln(half + 1))
    terms = np.array([0.0, factorial]) - values.doubling[0]
    return bool(np.abs(terms - n_rows).min() <= _LIMITS.expected * n_rows)


def _evidence(kind: Additivity, values: _Values, n_rows: int) -> str:
    """Show the numbers that tell what is wrong."""
    half, twice = values.half[0], values.twice[0]
    if kind is Additivity.GROUPED:
        half, twice = values.half[1] - half, values.twice[1] - twice
        return f"it rises by {half:.4g} on half of the units, by {twice:.4g} on that half twice"
    if kind in {Additivity.SQUARE, Additivity.CONSTANT}:
        return f"it is {half:.6g} on half of the rows, {twice:.6g} on that half twice"
    if kind is Additivity.EXTENDED:
        return f"it is {-values.doubling[0]:.6g}, for {n_rows:,} rows"
    return ""


def beside(
    parameters: Parameters, working: Floats | None = None, step: Floats | None = None
) -> Floats:
    """Return a full vector a step from a working point, at most half-way to any bound.

    By default a hundredth of each parameter's size, or of 1, from the start.
    """
    start = parameters.to_working(parameters.values) if working is None else working
    step = _NEARBY * (1 + np.abs(start)) if step is None else step
    free, (lower, upper) = parameters.free, parameters.bounds.T
    here, there = parameters.to_user(start), parameters.to_user(start + step)
    there[free] = np.clip(there[free], (here[free] + lower) / 2, (here[free] + upper) / 2)
    return np.asarray(there)


def constant_message(evidence: str) -> str:
    """Say that an objective does not look at its data, and what to do."""
    return (
        f"fun: its value does not depend on args ({evidence}): it reads its data elsewhere, such "
        f"as from a global variable, or remembers earlier values; compute it from the arguments"
    )


def square_message(half: float, twice: float, args: tuple[Any, ...]) -> str:
    """Say that an objective sums over pairs of rows, and what to do."""
    shapes = ", ".join(f"{label} {np.shape(leaf)}" for label, leaf in walk_leaves(args))
    return (
        f"fun: grows as the square of the number of rows ({half:.6g} on half of them, {twice:.6g} "
        f"on that half twice): a broadcast of (n, 1) against (n,)? The shapes are: {shapes}; pass "
        f"vectors as (n,)"
    )
