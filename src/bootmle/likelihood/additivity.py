"""Whether the objective adds up over the units that are drawn, which a log-likelihood does."""

# For disjoint sets of units, f(A and B) = f(A) + f(B); f(A twice) = 2 f(A); and f changes with A.

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.data import fingerprint, walk_leaves
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.parameters import Parameters
from bootmle.likelihood.response import Additivity, Response

__all__ = ["beside", "constant_message", "is_sum", "measure_response", "square_message"]

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
    parts: int = 8
    """Halves, and single units, that all have one value where the objective ignores its data: of
    balanced binary data one half in three has the same, 8 in 5,000 tries."""


_LIMITS = _Limits()
_NEARBY = 0.01
"""Share of a parameter's size by which a start is left: enough for values to differ visibly."""
_SEED = 20_210_929
"""Which units make the halves: any fixed choice, so that a fit is reproducible."""


class _Values:
    """The objective on parts of the data, evaluated where and when they are asked for."""

    # Points are numbered: 0 the estimate, 1 and 2 to either side of it, a standard error away in
    # every whitened coordinate. Values on all units are known at 0 and 1.

    def __init__(
        self,
        part: Callable[[Units], Likelihood],
        count: int,
        points: Sequence[Floats],
        whole: Sequence[float],
        slack: float,
    ) -> None:
        """Choose the halves; the other one where the first cannot be evaluated."""
        order = np.random.default_rng(_SEED).permutation(count)
        self.points, self.whole, self.slack = points, whole, slack
        halves = [order[: count // 2], order[count // 2 :]]
        try:
            self._measure(part, *halves)
        except Exception:  # a unit that the objective cannot do without is in the other half
            self._measure(part, *reversed(halves))

    def _measure(self, part: Callable[[Units], Likelihood], half: Units, rest: Units) -> None:
        """Evaluate beside the estimate, where values are nowhere alike by chance."""
        self.count, self.part = half.size, part
        self.units = half, np.concatenate([half, half]), rest
        self.known = {(0, 1): part(half).total(self.points[1])}
        self.known[1, 1] = part(self.units[1]).total(self.points[1])

    def half(self, point: int) -> float:
        """Return the value on a half of the units."""
        return self._at(0, point)

    def twice(self, point: int) -> float:
        """Return the value on that half twice."""
        return self._at(1, point)

    def rest(self, point: int) -> float:
        """Return the value on the other half; NaN where it cannot be evaluated."""
        try:
            return self._at(2, point)
        except Exception:
            return np.nan

    def doubling(self, point: int) -> float:
        """Return what a half has twice beyond twice its value."""
        return self.twice(point) - 2 * self.half(point)

    def splitting(self, point: int) -> float:
        """Return what the whole has beyond the sum of its halves."""
        return self.whole[point] - self.half(point) - self.rest(point)

    @property
    def hides_sum(self) -> bool:
        """Whether a half rises as much twice as a sum does, below a constant that is huge."""
        rises = [at(1) - at(0) for at in (self.half, self.twice)]
        return is_sum(*rises)

    @property
    def tiny(self) -> float:
        """Difference that rounding or noise makes."""
        sizes = np.abs([*self.known.values(), *self.whole])
        # A half twice and two times that half have the noise of three values.
        return max(_LIMITS.rounding * float(np.nanmax(sizes)), 3 * self.slack)

    def ignore_units(self) -> bool:
        """Whether the value is that of any units: of their number alone, or an earlier one."""
        # Each part is freed before the next is taken: what is remembered by the place of an array
        # in memory is then found again.
        rest, alike = self.units[2], self.units[2][: self.count]
        other = self.rest(1) if alike.size == rest.size else self._alone(alike)
        if other != self.half(1):
            return False
        drawn = np.random.default_rng(_SEED)
        size = self.count + rest.size
        orders = [drawn.permutation(size) for _ in range(_LIMITS.parts)]
        try:
            rows = {fingerprint(self.part(order[:1]).args) for order in orders}
            single = {self._alone(order[:1]) for order in orders}
            halves = {self._alone(order[: self.count]) for order in orders}
        except Exception:  # whatever it raises, a part of the units is not enough for it
            return False
        return len(rows) > len(single) == 1 and halves == {self.half(1)}

    def _alone(self, units: Units) -> float:
        """Evaluate on some units, beside the estimate."""
        return self.part(units).total(self.points[1])

    def _at(self, which: int, point: int) -> float:
        if (which, point) not in self.known:
            self.known[which, point] = self.part(self.units[which]).total(self.points[point])
        return self.known[which, point]


def measure_response(
    part: Callable[[Units], Likelihood],
    count: int,
    n_rows: int,
    points: Sequence[Floats],
    whole: Sequence[float],
    slack: float = 0.0,
) -> Response:
    """Compare values on random halves of the units, and on a half twice: 3 evaluations of a sum."""
    # ``part(units)`` is the likelihood of some of the ``count`` units, copies as units of their
    # own; ``whole`` are the values on all of them at the first two of the three points.
    values = _Values(part, count, points, whole, slack)
    kind = _judge(values, n_rows)
    if kind is not Additivity.ADDITIVE and values.ignore_units():
        kind = Additivity.CONSTANT
    return Response(kind, _evidence(kind, values, n_rows), whole[1])


def _judge(values: _Values, n_rows: int) -> Additivity:
    """Recognize what the values on the parts have in common."""
    half, twice = values.half(1), values.twice(1)
    if not np.isfinite([half, twice, values.whole[1]]).all():
        return Additivity.UNTESTED
    if half == twice == values.whole[1] and values.rest(1) in {half, np.nan}:
        # A step function may be the same on all data at one point.
        same = values.half(0) == values.twice(0) == values.whole[0]
        return Additivity.CONSTANT if same else Additivity.EXCHANGEABLE
    if abs(twice - half) <= values.tiny < abs(half) and not values.hides_sum:
        return Additivity.MEAN
    if abs(twice - 4 * half) <= values.tiny < abs(half):
        return Additivity.SQUARE
    doubled, split = abs(values.doubling(1)), abs(values.splitting(1))
    if doubled <= values.tiny:
        return Additivity.EXCHANGEABLE if split > values.tiny else Additivity.ADDITIVE
    # Constants move no optimum: from here on only changes from the estimate count.
    doubled = values.doubling(1) - values.doubling(0)
    split = values.splitting(1) - values.splitting(0)
    if abs(doubled) <= 2 * values.tiny:
        same = not abs(split) > 2 * values.tiny
        return Additivity.CONSTANT_TERM if same else Additivity.EXCHANGEABLE
    if abs(doubled - split) <= 4 * values.tiny:
        return Additivity.EXTENDED if _is_expected_number(values, n_rows) else Additivity.PENALTY
    # A statistic of a sample, such as a variance with ddof=1, is another one on a half twice by 1/m
    # of itself, m units in the half: the curvature changes by as much, the optimum by 1/√m.
    limits = _LIMITS.change + np.array([0.5 / np.sqrt(values.count), 1 / values.count])
    return Additivity.EXCHANGEABLE if (_changes(values) <= limits).all() else Additivity.GROUPED


def _changes(values: _Values) -> Floats:
    """Return how much doubling changes slope and curvature, in whitened coordinates, (2,)."""

    def slope_and_curvature(at: Callable[[int], float]) -> Floats:
        return np.array([(at(1) - at(2)) / 2, at(1) + at(2) - 2 * at(0)])

    half, twice = slope_and_curvature(values.half), slope_and_curvature(values.twice)
    # A sample of the data's size has a curvature of one in every whitened coordinate.
    usual = max(float(values.points[0].size), abs(twice[1]), 2 * abs(half[1]))
    return np.asarray(np.abs(twice - 2 * half) / usual)


def _is_expected_number(values: _Values, n_rows: int) -> bool:
    """Whether the term is n at the estimate, with or without the logarithm of n! beside it."""
    half = n_rows // 2
    factorial = float(gammaln(2 * half + 1) - 2 * gammaln(half + 1))
    terms = np.array([0.0, factorial]) - values.doubling(0)
    return bool(np.abs(terms - n_rows).min() <= _LIMITS.expected * n_rows)


def _evidence(kind: Additivity, values: _Values, n_rows: int) -> str:
    """Show the numbers that tell what is wrong."""
    if kind is Additivity.GROUPED:
        half, twice = (at(1) - at(0) for at in (values.half, values.twice))
        return f"it rises by {half:.4g} on half of the units, by {twice:.4g} on that half twice"
    if kind in {Additivity.SQUARE, Additivity.CONSTANT}:
        half, twice = values.half(1), values.twice(1)
        if kind is Additivity.CONSTANT and half != twice:
            return f"it is {half:.6g} on any half of the rows"
        return f"it is {half:.6g} on half of the rows, {twice:.6g} on that half twice"
    if kind is Additivity.EXTENDED:
        return f"it is {-values.doubling(0):.6g}, for {n_rows:,} rows"
    if kind is Additivity.EXCHANGEABLE:
        halves = values.half(1) + values.rest(1)
        return f"it is {values.whole[1]:.6g} on all units, {halves:.6g} on two halves together"
    return ""


def is_sum(half: float, twice: float) -> bool:
    """Whether the change on units twice is nearer to a sum's, twice that on them, than a mean's."""
    return abs(twice - 2 * half) < abs(twice - half)


def beside(
    parameters: Parameters, working: Floats | None = None, step: Floats | None = None
) -> Floats:
    """Return a full vector a step from a working point, at most half-way to any bound."""
    # By default a hundredth of each parameter's size, or of 1, from the start.
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
