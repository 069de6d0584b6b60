"""How closely given numbers match a formula, allowing for the digits they were given to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bootmle.crosschecks.formulas import Formula
from bootmle.likelihood.arrays import Floats

__all__ = [
    "EXACT",
    "Given",
    "Match",
    "best_of",
    "is_evidence",
    "last_place",
    "measure",
    "read_matches",
    "rounding",
]

EXACT = 2e-4
"""Relative difference of standard errors, beyond rounding, up to which numbers equal a formula:
twice the error of second differences in other software, about 1e-4."""
_FULL = 11
"""Significant digits from which numbers count as not rounded."""
_FLOOR = 1e-6
"""Relative error of the measured Hessian's standard errors that never tells two formulas apart."""
_BEATEN = 10.0
"""Ratio of two formulas' residuals from which the worse one is ruled out."""
_COARSEST = 0.1
"""Relative rounding of a matrix beyond which no more is allowed for: one digit tells little."""
_WHOLE = 0.5
"""Half a unit of the last digit over the number at most: 1 may stand for 0.5 to 1.5."""
_SINGULAR = 1e-10
"""Least eigenvalue of a matrix with unit diagonal below which it has no inverse worth the name."""
_CHANCE = 0.01
"""Chance at most, over all formulas of a kind, that one matches numbers it has no part in."""


@dataclass(frozen=True, eq=False)
class Given:
    """A column of numbers for the q free parameters, NaN where missing, or a matrix of them.

    ``unit`` is half a unit of the last digit given, relative to each number, (q,): what the numbers
    stand for differs by so much at most. Cut off, they lie below it by up to a whole unit; then the
    column has the middle of what each may stand for.
    """

    column: Floats
    unit: Floats
    matrix: Floats | None = None
    cut: bool = False

    @classmethod
    def of(cls, column: Floats, matrix: Floats | None = None) -> Given:
        """Take numbers as rounded to the digits that they have."""
        unit, present = np.full(len(column), np.nan), np.isfinite(column) & (column > 0)
        unit[present] = rounding(column[present]) if present.any() else np.nan
        return cls(column, unit, matrix)

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which entries are there, (q,)."""
        return np.isfinite(self.column) & (self.column > 0)

    @property
    def is_identity(self) -> bool:
        """Whether all of several numbers are 1, as where a search took no step."""
        return int(self.present.sum()) > 1 and bool((self.column[self.present] == 1.0).all())

    @property
    def is_rounded(self) -> bool:
        """Whether it is a column of few digits."""
        return self.matrix is None and bool(np.nansum(self.unit) > 0)

    @property
    def readings(self) -> tuple[Given, ...]:
        """The same numbers, and those of few digits also as cut off, not rounded."""
        if not self.is_rounded or self.cut:
            return (self,)
        middle = self.column * (1 + self.unit)
        return self, Given(middle, self.unit / (1 + self.unit), cut=True)

    @cached_property
    def inside(self) -> Floats:
        """The matrix of what is present."""
        assert self.matrix is not None
        return self.matrix[np.ix_(self.present, self.present)]

    @cached_property
    def units(self) -> Floats:
        """Half a unit of the last digit of each entry of the matrix, which is finite."""
        return np.abs(self.inside) * rounding(self.inside.ravel()).reshape(self.inside.shape)

    def where(self, chosen: NDArray[np.bool_]) -> Given:
        """Take some of the numbers for missing."""
        return replace(self, column=np.where(chosen, self.column, np.nan))


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """A formula and how far the numbers are from it.

    Attributes
    ----------
    formula : Formula
    away : float
        The largest relative difference of standard errors.
    excess : float
        What the rounding of the numbers leaves of it.
    cut : bool
        Whether their digits were cut off, not rounded.
    doubtful : bool
        Whether so few digits may be matched by chance.
    """

    formula: Formula
    away: float
    excess: float
    cut: bool = False
    doubtful: bool = False

    @property
    def complexity(self) -> int:
        """The formula's, and 1 more where digits must have been cut off."""
        return self.formula.complexity + self.cut

    @property
    def closeness(self) -> str:
        """State to how many digits they match, at most 6."""
        digits = int(np.clip(np.floor(-np.log10(max(self.away, 1e-12)) + 0.3), 1, 6))
        return f"to {digits} digit{'s' if digits > 1 else ''}"


def best_of(
    given: Given, formulas: list[Formula], tolerance: float = EXACT, floor: float = 0.0
) -> list[Match]:
    """Return the formulas that the numbers equal, and that no other equals far more closely."""
    matches = [measure(given, each) for each in _near(given, formulas, tolerance)]
    matches = [each for each in matches if each.excess <= tolerance + each.formula.error]
    if not matches:
        return []
    least = min(each.excess for each in matches)
    limit = max(_BEATEN * least, _FLOOR, floor)
    kept = [each for each in matches if each.excess <= limit + each.formula.error]
    return sorted(kept, key=lambda each: (each.formula.complexity, max(each.excess, _FLOOR)))


def _near(given: Given, formulas: list[Formula], tolerance: float) -> list[Formula]:
    """Leave out formulas that a matrix's variances alone rule out, as of thousands most are."""
    # A ratio of variances lies between the least and the largest relative eigenvalue.
    if given.matrix is None or not formulas or not given.present.any():
        return formulas
    variances = np.array([each.covariance.diagonal() for each in formulas])[:, given.present]
    with np.errstate(all="ignore"):
        ratios = np.diag(given.inside) / variances
        off = np.minimum(np.abs(np.log(ratios)), np.abs(ratios - 1)).max(axis=1) / 2
    allowed = tolerance + (_COARSEST if given.units.any() else 0.0)
    return [
        each
        for each, far in zip(formulas, off, strict=True)
        if not far > allowed + each.error  # what is NaN is measured
    ]


def read_matches(given: Given, formulas: list[Formula]) -> list[Match]:
    """Match formulas, whether digits were rounded or cut off."""
    found: dict[str, Match] = {}
    for form in given.readings:
        for each in best_of(form, formulas):
            found.setdefault(each.formula.name, each)
    return list(found.values())


def is_evidence(given: Given, count: int, spent: int = 0) -> bool:
    """Whether one of ``count`` formulas is unlikely to match the numbers by chance."""
    # Each number matches with about twice its tolerance, as ratios spread over a factor of e;
    # ``spent`` numbers went into the formula itself.
    window = np.minimum(2 * (given.unit[given.present] + EXACT), 1.0)
    informative = np.sort(window)[: max(len(window) - spent, 0)]
    return bool(informative.size) and count * float(np.prod(informative)) < _CHANCE


def measure(given: Given, formula: Formula) -> Match:
    """Compare numbers with a formula: a column by ratios, a matrix by its relative eigenvalues."""
    present = given.present
    if not present.any() or not np.isfinite(formula.column[present]).all():
        return Match(formula, np.inf, np.inf)
    if given.matrix is not None:
        return _measure_matrix(given, formula)
    numbers, made = given.column[present], formula.column[present]
    if not (made > 0).all():
        return Match(formula, np.inf, np.inf)
    half = 2 if formula.variances else 1
    away = np.log(made / numbers)
    # What a number stands for is off by so much of it, and its logarithm by more below than above.
    unit = given.unit[present]
    excess = np.maximum(away - np.log1p(unit), np.log1p(-unit) - away) / half
    return Match(
        formula, float(np.abs(away).max()) / half, max(float(excess.max()), 0.0), given.cut
    )


def _measure_matrix(given: Given, formula: Formula) -> Match:
    """Compare a matrix C with V = L Lᵀ by the eigenvalues of L⁻¹ C L⁻ᵀ."""
    matrix = given.inside
    made = formula.covariance[np.ix_(given.present, given.present)]
    variances = np.diag(made)
    if formula.variances or not np.isfinite(matrix).all() or not (variances > 0).all():
        return Match(formula, np.inf, np.inf)
    unit = np.sqrt(np.outer(variances, variances))
    if np.linalg.eigvalsh(made / unit)[0] < _SINGULAR:
        # A pseudo-inverse has no inverse to measure by: its entries are compared.
        away = float(np.abs((matrix - made) / unit).max()) / 2
        return Match(formula, away, away)
    try:
        factor = np.linalg.cholesky(made)
    except np.linalg.LinAlgError:
        return Match(formula, np.inf, np.inf)
    half = np.linalg.solve(factor, matrix)
    values = np.linalg.eigvalsh(np.linalg.solve(factor, half.T))
    if not values[0] > 0:
        return Match(formula, np.inf, np.inf)
    off = float(np.abs(np.log(values)).max()) / 2
    inverse = np.abs(np.linalg.inv(factor))
    allowed = float(np.linalg.norm(inverse @ given.units @ inverse.T)) / 2
    return Match(formula, off, max(off - min(allowed, _COARSEST), 0.0))


def rounding(numbers: Floats) -> Floats:
    """Return half a unit of the last digit given, relative to each number, (k,)."""
    # All are taken to have as many decimals, or as many significant digits, as the longest.
    shown = [_digits(float(each)) for each in numbers]
    significant, decimals = (np.array(each, dtype=float) for each in zip(*shown, strict=True))
    if significant.max(initial=0) >= _FULL:
        return np.zeros(len(numbers))
    size = np.abs(np.where(numbers == 0, 1.0, numbers))
    by_size = 0.5 * 10.0 ** (np.floor(np.log10(size)) - significant.max() + 1)
    by_place = 0.5 * 10.0 ** -decimals.max()
    unit = np.minimum(np.maximum(by_size, by_place), 0.5 * 10.0**-decimals)
    return np.asarray(np.minimum(unit / size, _WHOLE))


def last_place(numbers: Floats) -> float:
    """Return half a unit of the last decimal of numbers of few digits; 0 of others, and of none."""
    numbers = numbers[np.isfinite(numbers)]
    if not numbers.size or not rounding(numbers).any():
        return 0.0
    return 0.5 * 10.0 ** -max(_digits(float(each))[1] for each in numbers)


def _digits(number: float) -> tuple[int, int]:
    """Count a number's significant digits and its decimals, without trailing zeros."""
    mantissa, exponent = f"{number:.14e}".split("e")
    digits = len(mantissa.replace(".", "").lstrip("-").rstrip("0")) or 1
    return digits, digits - 1 - int(exponent)
