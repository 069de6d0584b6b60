"""Each replicate's own sandwich, from the scores behind its last gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats
from bootmle.optimization.leverage import Leverage

__all__ = ["Sandwich", "Units", "sandwich_covariances", "sandwich_errors"]

Members = NDArray[np.intp]

Units = tuple[list[NDArray[np.intp]], NDArray[np.intp]]
"""Rows of each unit that is drawn, and its stratum."""


@dataclass(frozen=True, slots=True, eq=False)
class Sandwich:
    """How the scores of a resample are combined into the covariance of their sum."""

    prior: Floats | None = None
    """Prior weight (n,) that each observation of a row has."""
    units: Members | None = None
    """Number (N,) of the unit that each observation is drawn with; None if each is drawn alone."""
    strata: Members | None = None
    """Stratum (G,) of each unit; None if there is only one."""
    row_of: Members | None = None
    """Row (N,) of each observation; None if each has its own."""
    drawn: Floats | None = None
    """How often each observation was drawn, (N,), where rows may have several."""
    informations: Floats | None = None
    """Information (G, r, r) of each unit at the estimate, in the coordinates of ``factor``, where
    scores are corrected for the leverage of the units."""
    factor: Floats | None = None
    correction: str = "CR2"

    @classmethod
    def of(
        cls,
        rows: Sequence[Members],
        strata: Members,
        prior: Floats | None,
        row_of: Members | None = None,
    ) -> Sandwich:
        """Read which rows are drawn together, and within which strata."""
        alone = all(each.size == 1 for each in rows)
        units = np.empty(sum(each.size for each in rows), dtype=np.intp)
        for number, each in enumerate(rows):
            units[each] = number
        return cls(prior, None if alone else units, strata if strata.any() else None, row_of)

    def of_resample(self, drawn: Floats) -> Sandwich:
        """Keep how often observations were drawn, where their rows do not tell."""
        return self if self.row_of is None else replace(self, drawn=drawn)

    @property
    def by_row(self) -> bool:
        """Whether the meat is a plain sum over rows of w_i times squared prior weights."""
        return self.units is None and self.strata is None and self.informations is None

    def has_coordinates(self, factor: Floats) -> bool:
        """Whether these whitened coordinates are those of the units' informations."""
        return self.factor is not None and np.array_equal(factor, self.factor)

    def meat(self, scores: Floats, weights: Floats | None, rows: Members | None) -> Floats:
        """Sum w_g S_g S_gᵀ over the units, S_g the sum of a unit's scores, from scores (q, m)."""
        # The weights (m,) are how often each row was drawn, times its prior weight; the rows (m,)
        # are its numbers in the original data, None if all are there.
        # Weighted scores would count a unit drawn twice four times.
        chosen = slice(None) if rows is None else rows
        prior = 1.0 if self.prior is None else self.prior[chosen]
        weights = np.broadcast_to(prior, scores.shape[1:]) if weights is None else weights
        if self.by_row:
            return np.asarray(scores @ (scores * (weights * prior)).T)
        if self.row_of is not None and self.drawn is not None:
            observations = np.flatnonzero(self.drawn)
            own = self.row_of[observations]
            prior = 1.0 if self.prior is None else self.prior[own]
            scores = scores[:, own if rows is None else np.searchsorted(rows, own)]
            weights, chosen = self.drawn[observations] * prior, observations
        return self._by_units(scores, weights, prior, chosen)

    def _by_units(
        self, scores: Floats, weights: Floats, prior: Floats | float, chosen: slice | Members
    ) -> Floats:
        """Sum scores by unit, and center the sums by stratum."""
        counts = np.divide(weights, prior, out=np.zeros(len(weights)), where=np.greater(prior, 0))
        if self.units is None:
            strata = None if self.strata is None else self.strata[chosen]
            scaled = self._corrected(scores * np.sqrt(weights * prior), counts, chosen)
            return _squares(scaled, counts, strata)
        units = self.units[chosen]
        drawn = np.bincount(units, counts) / np.maximum(np.bincount(units), 1)
        sums = _sums(scores * weights, units) / np.sqrt(np.where(drawn > 0, drawn, 1.0))
        sums = self._corrected(sums, drawn, slice(drawn.size))
        return _squares(sums, drawn, None if self.strata is None else self.strata[: drawn.size])

    def _corrected(self, sums: Floats, drawn: Floats, chosen: slice | Members) -> Floats:
        """Correct the chosen units' scores (r, g) for their leverage among those drawn."""
        if self.informations is None:
            return sums
        try:
            leverage = Leverage.of(self.informations[chosen], drawn)
        except np.linalg.LinAlgError:
            return np.full_like(sums, np.nan)
        return leverage.corrected(sums.T, self.correction).T


def _squares(scaled: Floats, counts: Floats, strata: Members | None) -> Floats:
    """Return the sum of squares, minus that of the strata's means."""
    meat = scaled @ scaled.T
    if strata is not None:
        totals = _sums(scaled * np.sqrt(counts), strata)
        meat -= (totals / np.maximum(np.bincount(strata, counts), 1.0)) @ totals.T
    return np.asarray(meat)


def _sums(values: Floats, groups: Members) -> Floats:
    """Sum (q, m) values by group."""
    return np.array([np.bincount(groups, row) for row in values])


def _solved(matrices: Floats, right: Floats) -> Floats:
    """Solve stacked systems, (b, r, q); NaN for a matrix that is singular."""
    try:
        return np.asarray(np.linalg.solve(matrices, right), dtype=float)
    except np.linalg.LinAlgError:
        if len(matrices) == 1:
            return np.full_like(right, np.nan)
        pairs = zip(matrices[:, None], right[:, None], strict=True)
        return np.concatenate([_solved(*pair) for pair in pairs])


def sandwich_errors(factor: Floats, curvature: Floats, meat: Floats) -> Floats:
    """Return the roots (b, q) of the diagonals of A M⁻¹ J M⁻¹ Aᵀ, A (q, r), M and J (b, r, r)."""
    # A is the factor, M the curvature, J the meat; NaN in M or J gives NaN, as does a singular M.
    errors = np.full((len(meat), len(factor)), np.nan)
    known = np.isfinite(meat).all(axis=(1, 2)) & np.isfinite(curvature).all(axis=(1, 2))
    if known.any():
        directions = np.broadcast_to(factor.T, (int(known.sum()), *factor.T.shape))
        solved = _solved(curvature[known], directions)
        variances = (solved * np.matmul(meat[known], solved)).sum(axis=1)
        errors[known] = np.sqrt(np.maximum(variances, 0.0))
    return errors


def sandwich_covariances(factor: Floats, curvature: Floats, meat: Floats) -> Floats:
    """Return the matrices (b, q, q) whose diagonals' roots `sandwich_errors` returns."""
    found = np.full((len(meat), len(factor), len(factor)), np.nan)
    known = np.isfinite(meat).all(axis=(1, 2)) & np.isfinite(curvature).all(axis=(1, 2))
    if known.any():
        directions = np.broadcast_to(factor.T, (int(known.sum()), *factor.T.shape))
        solved = _solved(curvature[known], directions)
        found[known] = np.matmul(np.swapaxes(solved, 1, 2), np.matmul(meat[known], solved))
    return found
