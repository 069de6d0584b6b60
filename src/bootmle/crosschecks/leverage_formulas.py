"""Sandwiches whose scores are corrected for the leverage of each row: HC2 and HC3."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from bootmle.crosschecks.formulas import Formula
from bootmle.fitting.fit import Fit
from bootmle.fitting.scores import whitened_scores
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.leverage import Leverage

__all__ = ["leverage_formulas"]

_ROWS = 20_000
"""Rows beyond which they are not computed: there an average leverage changes the fourth digit."""
_LINKED = 1e-3
"""Correlation in the Hessian from which two parameters share leverage: kept derivatives sum to the
Hessian within that."""
_ERROR = 1e-5
"""Of standard errors, as kept derivatives leave it: measured on Poisson, logit and normal
regressions of 40 to 2,000 rows, at most 3e-6."""
_NAMES = {
    "hc2": ("CR2", "the sandwich with HC2 (MacKinnon and White 1985)"),
    "hc3": ("CR3", "the sandwich with HC3 (MacKinnon and White 1985; nearly the jackknife)"),
}
"""The correction of clusters that is theirs where each row is a cluster, and the name."""


def leverage_formulas(fit: Fit) -> list[Formula]:
    """Multiply each row's score by a power of I − H_i H⁻¹; none without kept derivatives."""
    scores, rows, factor = whitened_scores(fit), fit.row_derivatives, fit.whitening.factor
    if scores is None or rows is None or fit.likelihood.weights is not None:
        return []
    if not len(scores) == len(rows.seconds) <= _ROWS or factor.shape[0] != factor.shape[1]:
        return []
    inverse = np.linalg.inv(factor)
    informations = inverse.T @ _squared(rows.seconds, len(factor)) @ inverse
    # As software of regressions does, which corrects the coefficients for a known scale.
    informations[:, ~_together(informations.sum(axis=0))] = 0.0
    try:
        leverage = Leverage.of(informations)
    except np.linalg.LinAlgError:
        return []
    slopes = fit.likelihood.parameters.slopes(fit.whitening.center)
    found = []
    for source, (correction, name) in _NAMES.items():
        corrected = leverage.corrected(scores @ inverse, correction)
        influence = corrected @ factor @ (factor * slopes[:, None]).T
        covariance = np.asarray(influence.T @ influence)
        found.append(Formula(name, covariance, source, complexity=1, error=_ERROR))
    return found


def _squared(seconds: Floats, size: int) -> Floats:
    """Lay distinct second derivatives (n, q (q + 1) / 2) out as matrices (n, q, q)."""
    matrices = np.empty((len(seconds), size, size))
    i, j = np.triu_indices(size)
    matrices[:, i, j] = matrices[:, j, i] = seconds
    return matrices


def _together(hessian: Floats) -> NDArray[np.bool_]:
    """Tell which pairs of parameters are linked by the Hessian, directly or through others."""
    unit = np.sqrt(np.diag(hessian))
    linked = np.abs(hessian / np.outer(unit, unit)) > _LINKED
    labels = connected_components(linked, directed=False)[1]
    return np.asarray(labels[:, None] == labels)
