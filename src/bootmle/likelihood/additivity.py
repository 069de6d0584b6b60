"""Whether the objective adds up over the units that are drawn, which a log-likelihood does.

For disjoint sets of units, f(A and B) = f(A) + f(B); f(A twice) = 2 f(A); and f changes with A.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.likelihood import Likelihood

__all__ = ["Additivity", "Response", "measure_response"]

Units = NDArray[np.intp]


class Additivity(Enum):
    """How an objective responds to the units that are drawn."""

    UNTESTED = "its response to the units was not measured"
    ADDITIVE = "the objective is a sum over units"
    CONSTANT_TERM = "the objective is a sum over units and a constant, which moves no optimum"
    PENALTY = "a term belongs to no unit (a penalty or prior): every resample has it once"
    EXTENDED = "a term is the expected number of rows, as in an extended likelihood"
    EXCHANGEABLE = "units depend on one another through statistics of the sample"
    GROUPED = "a unit that is drawn twice does not count as two"
    MEAN = "the objective is a mean over units"
    SQUARE = "the objective grows as the square of the number of rows"
    CONSTANT = "the objective does not change with its data"


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
_SEED = 20_210_929
"""Which units make the halves: any fixed choice, so that a fit is reproducible."""


@dataclass(frozen=True, slots=True)
class Response:
    """How the objective responds to its units, and the numbers that show it, if any do."""

    kind: Additivity = Additivity.UNTESTED
    evidence: str = ""


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
    first, second = order[: count // 2], order[count // 2 :]
    half, twice = part(first), part(np.concatenate([first, first]))
    rest = part(second) if whole else None
    unknown = [np.nan] * (len(points) - len(whole))
    values = _Values(
        whole=np.array([*whole, *unknown]),
        half=np.array([half.total(point) for point in points]),
        rest=np.array([rest.total(x) for x in points[: len(whole)]] + unknown if rest else unknown),
        twice=np.array([twice.total(point) for point in points]),
    )
    kind = _judge(values, n_rows, first.size, points[0].size)
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
    if abs(np.diff(values.doubling - values.splitting)[0]) <= 2 * values.tiny:
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
