"""The leverage of clusters, and the small-sample corrections of sandwiches that rest on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats

__all__ = ["CORRECTIONS", "Leverage"]

CORRECTIONS = {"CR2": -0.5, "CR3": -1.0}
"""Powers of I − h_g that multiply the scores of cluster g: CR2 makes the variance unbiased where
the model is right (Bell and McCaffrey 2002), CR3 is nearly the jackknife."""
_WHOLE = 1e-3
"""One minus a leverage below which a direction is the cluster's alone: a residual there is 0, and
so is its part of the sum, as in clubSandwich. Differences measure a leverage of 1 up to 4e-4 off
(a logit of 60 rows)."""
_PART = 0.01
"""Length of what lies in such directions, relative to a gradient's, from which on a quantity rests
on one cluster: less is 1e-4 of the variance that the model claims."""


@dataclass(frozen=True, slots=True, eq=False)
class Leverage:
    """Eigenvalues (G, r) and eigenvectors (G, r, r) of the clusters' shares h_g = L⁻¹ H_g L⁻ᵀ."""

    # H_g is a cluster's information, and L Lᵀ = Σ H_g: the shares sum to the identity. In the
    # normal linear model with known variance their eigenvalues are those of the cluster's block of
    # the hat matrix (Bell and McCaffrey 2002).

    root: Floats
    values: Floats
    vectors: Floats

    @classmethod
    def of(cls, informations: Floats, counts: Floats | None = None) -> Leverage:
        """Read clusters' informations (G, r, r), each there so often, (G,); LinAlgError if flat."""
        whole = (
            informations.sum(axis=0)
            if counts is None
            else np.tensordot(counts, informations, axes=1)
        )
        root = np.linalg.cholesky(whole)
        inverse = np.linalg.inv(root)
        return cls(root, *np.linalg.eigh(inverse @ informations @ inverse.T))

    def corrected(self, scores: Floats, correction: str) -> Floats:
        """Multiply the clusters' scores (G, r) by (I − H_g H⁻¹)^power."""
        power = self._power(correction)
        turned = self._turned(np.asarray(np.linalg.solve(self.root, scores.T), float).T[..., None])
        moved = self.vectors @ (power[..., None] * turned)
        return np.asarray(moved[..., 0] @ self.root.T)

    def degrees_of_freedom(self, directions: Floats, correction: str) -> Floats:
        """Return Satterthwaite's degrees of freedom of k corrected variances, (k,)."""
        # ``directions`` (r, k) are the quantities' gradients. 2 E²/Var of Σ_g (a_gᵀ ê_g)², where
        # the scores have the model's covariance (Bell and McCaffrey 2002, theorem 4): the matrix of
        # that quadratic form is a diagonal minus B Bᵀ, whose traces need no G × G matrix.
        inner = self._turned(np.asarray(np.linalg.solve(self.root, directions), float)[None])
        own = self._power(correction)[..., None] * inner
        turned = self.values[..., None] * own
        diagonal = (own * turned).sum(axis=1)  # (G, k)
        cross = self.vectors @ turned
        squares = (cross**2).sum(axis=1)
        products = np.einsum("gik,gjk->kij", cross, cross)
        trace = (diagonal - squares).sum(axis=0)
        square = (diagonal**2 - 2 * diagonal * squares).sum(axis=0) + (products**2).sum(axis=(1, 2))
        unknown = np.full(trace.shape, np.nan)
        return np.asarray(np.divide(trace**2, square, out=unknown, where=square > 0))

    def rests_on_one(self, directions: Floats) -> NDArray[np.bool_]:
        """Whether one cluster alone determines a part of k quantities with gradients (r, k)."""
        # It has no residual there, so that nothing shows how much another one would differ.
        whole = np.asarray(np.linalg.solve(self.root, directions), float)
        alone = np.where(self.values > 1 - _WHOLE, 1.0, 0.0)[..., None] * self._turned(whole[None])
        return np.asarray(
            np.linalg.norm(alone, axis=1).max(axis=0) > _PART * np.linalg.norm(whole, axis=0)
        )

    def _power(self, correction: str) -> Floats:
        """Return the eigenvalues of I − h_g to the power of a correction, (G, r)."""
        rest = 1 - self.values
        return np.where(rest > _WHOLE, np.maximum(rest, _WHOLE) ** CORRECTIONS[correction], 0.0)

    def _turned(self, columns: Floats) -> Floats:
        """Write columns (G or 1, r, k) in the eigenvectors of each cluster."""
        return np.asarray(np.swapaxes(self.vectors, 1, 2) @ columns)
