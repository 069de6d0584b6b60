"""Sandwiches corrected for leverage: HC2 and HC3 of rows, CR2 and CR3 of clusters."""

from __future__ import annotations

from collections.abc import Iterator

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
_ROWWISE = {
    "CR2": "the sandwich with HC2 (MacKinnon and White 1985)",
    "CR3": "the sandwich with HC3 (MacKinnon and White 1985; nearly the jackknife)",
}
"""The corrections of clusters are these where each row is a cluster."""


def leverage_formulas(fit: Fit, clusters: NDArray[np.intp] | None) -> list[Formula]:
    """Multiply the units' scores by a power of I − H_g H⁻¹; none without kept derivatives."""
    scores, rows, factor = whitened_scores(fit), fit.row_derivatives, fit.whitening.factor
    if scores is None or rows is None or fit.likelihood.weights is not None:
        return []
    if not len(scores) == len(rows.seconds) <= _ROWS or factor.shape[0] != factor.shape[1]:
        return []
    inverse = np.linalg.inv(factor)
    pulls, seconds = (_summed(each, clusters) for each in (scores @ inverse, rows.seconds))
    informations = inverse.T @ _squared(seconds, len(factor)) @ inverse
    # As software of regressions does, which corrects the coefficients for a known scale.
    together = _together(informations.sum(axis=0))
    informations[:, ~together] = 0.0
    try:
        leverage = Leverage.of(informations)
    except np.linalg.LinAlgError:
        return []
    whitened = factor @ (factor * fit.likelihood.parameters.slopes(fit.whitening.center)[:, None]).T
    found = []
    for correction in _ROWWISE:
        influence = leverage.corrected(pulls, correction) @ whitened
        covariance = np.asarray(influence.T @ influence)
        if clusters is None:
            name, source = _ROWWISE[correction], correction.lower().replace("cr", "hc")
            found.append(Formula(name, covariance, source, complexity=1, error=_ERROR))
            continue
        name = f"the cluster-robust sandwich with {correction}"
        for multiple, by in _multiples(len(pulls), len(scores), len(factor), bool(together.all())):
            made = (name + by, multiple * covariance, correction.lower())
            found.append(Formula(*made, complexity=1 + bool(by), error=_ERROR))
    return found


def _multiples(g: int, n: int, p: int, whole: bool) -> Iterator[tuple[float, str]]:
    """List the factors for small samples that software multiplies them by."""
    yield 1.0, ""
    yield (g - 1) / g, f" times (G − 1)/G, {g - 1}/{g}, as of a jackknife"
    for k in (p,) if whole else (p, p - 1):  # a scale is often not counted
        if n > k:
            both = g / (g - 1) * (n - 1) / (n - k)
            yield both, f" times G/(G − 1)·(n − 1)/(n − {k}), {both:.5g}"


def _summed(rows: Floats, clusters: NDArray[np.intp] | None) -> Floats:
    """Sum rows (n, k) by cluster."""
    if clusters is None:
        return rows
    return np.array([np.bincount(clusters, column) for column in rows.T]).T


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
