"""Least favorable families: what ABC intervals take, from the expansion (Efron 1987, section 4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.refitting.weighted_units import WeightedUnits

__all__ = ["LeastFavorable"]

_STEP = 0.1
"""Step of the derivatives of quantities, in standard errors: to fourth order they are then off by
10⁻⁴/30 of the fifth, and rounding leaves 10⁻¹³ of the quantity over its standard error."""


@dataclass(frozen=True, slots=True, eq=False)
class LeastFavorable:
    """Influences on k quantities, and their second derivatives, in weights of the G units.

    Attributes
    ----------
    influences : (G, k) array
        Derivatives in each unit's weight, which are −H⁻¹(s − s̄) of a parameter, s̄ the mean score of
        the unit's stratum.
    bias : (k,) array
        Half the sum of the second derivatives in each unit's weight: the bias to second order.
    quadratic : (k,) array
        Half the second derivative along the quantity's own influences over its standard error, by
        that error: c_q of DiCiccio and Efron (1992).
    estimate_at : callable
        ``estimate_at(steps (k,)) -> (k,)``, each at the weights 1 + step · influence / error; NaN
        where there is no estimate.
    """

    influences: Floats
    bias: Floats
    quadratic: Floats
    estimate_at: Callable[[Floats], Floats]

    @classmethod
    def of(cls, units: WeightedUnits) -> LeastFavorable:
        """Differentiate the optimum twice in the units' weights."""
        # With x = −H⁻¹ s̃ the first derivative along weights w is x·w, and the second
        # −H⁻¹(T[x·w, x·w] + 2 H̃·w x·w), s̃ and H̃ centered by stratum, H and T those of the data.
        size, expansion = units.expansion.size, units.expansion
        centered = _centered(units)
        whole = units.models(np.ones((1, len(centered))))
        inverse = np.linalg.inv(whole.curvature[0])
        assert whole.third is not None
        third, first = whole.third[0], -centered[:, :size] @ inverse
        square = first.T @ first

        slopes, values, vectors = _slopes(units, square)
        cross = expansion.curvatures(first.T @ centered[:, size:])  # Σ x_ik H̃_i, by k
        forcing = np.einsum("jkl,kl->j", third, square) + 2 * np.einsum("kjk->j", cross)
        curvatures = np.array([_second(units, vector) for vector in vectors.T])
        bias = (-inverse @ forcing @ slopes + values @ curvatures) / 2

        influences = first @ slopes
        errors = np.sqrt((influences**2).sum(axis=0))
        along = influences / np.where(errors > 0, errors, 1.0)
        moves = along.T @ first  # (k, q)
        turned = expansion.curvatures(along.T @ centered[:, size:])
        forcings = np.einsum("jlm,kl,km->kj", third, moves, moves)
        forcings += 2 * np.einsum("kjl,kl->kj", turned, moves)
        own = np.array([_second(units, move)[k] for k, move in enumerate(moves)])
        second = own - (forcings @ inverse * slopes.T).sum(axis=1)
        quadratic = second / 2 / np.where(errors > 0, errors, 1.0)

        def estimate_at(steps: Floats) -> Floats:
            known = np.flatnonzero(np.isfinite(steps) & (errors > 0))
            ends = np.full(steps.size, np.nan)
            if known.size:
                weights = 1 + steps[known, None] * along.T[known]
                ends[known] = units.estimates(weights)[range(known.size), known]
            return ends

        return cls(influences, bias, quadratic, estimate_at)


def _centered(units: WeightedUnits) -> Floats:
    """Subtract from each unit's derivatives the means of its stratum, (G, terms)."""
    terms = units.expansion.terms.copy()
    for stratum in np.unique(units.strata):
        inside = units.strata == stratum
        terms[inside] -= terms[inside].mean(axis=0)
    return terms


def _slopes(units: WeightedUnits, square: Floats) -> tuple[Floats, Floats, Floats]:
    """Differentiate the quantities, (q, k); eigenvalues and eigenvectors of the influences'."""
    values, vectors = np.linalg.eigh(square)
    steps = _STEP * vectors.T
    near = units.at(steps) - units.at(-steps)
    far = units.at(2 * steps) - units.at(-2 * steps)
    return vectors @ ((8 * near - far) / (12 * _STEP)), np.maximum(values, 0.0), vectors


def _second(units: WeightedUnits, direction: Floats) -> Floats:
    """Differentiate the quantities twice along a direction, (k,), to fourth order."""
    places = _STEP * np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    weights = np.array([-1.0, 16.0, -30.0, 16.0, -1.0]) / (12 * _STEP**2)
    return np.asarray(weights @ units.at(places[:, None] * direction))
