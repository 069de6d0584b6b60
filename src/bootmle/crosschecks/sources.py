"""Where standard errors come from: matrices of the fit, and those the user brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bootmle.arrays import Floats
from bootmle.crosschecks.scores import Scores
from bootmle.fitting import Fit

__all__ = ["Source", "fitted_sources", "read_sources"]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A covariance matrix and where it comes from.

    Attributes
    ----------
    name : str
    covariance : (p, p) array
        In all parameters; NaN where the source is withheld.
    result : OptimizeResult or None
        The minimizer's result that the matrix is a by-product of.
    """

    name: str
    covariance: Floats
    result: Any = None

    @property
    def standard_errors(self) -> Floats:
        """Square roots of the diagonal, (p,); NaN for a negative "variance"."""
        variances = np.diag(self.covariance)
        with np.errstate(invalid="ignore"):
            return np.sqrt(np.where(variances >= 0, variances, np.nan))


def fitted_sources(fit: Fit, scores: Scores | None) -> list[Source]:
    """List the sources that the fit itself has: Hessian, OPG, sandwich."""
    definite = fit.information.definiteness == "positive definite"
    covariances = {"hessian": fit.information.covariance}
    if scores is not None:
        withheld = np.full_like(fit.information.matrix, np.nan)
        covariances["opg"] = scores.opg if definite else withheld
        covariances["sandwich"] = scores.sandwich if definite else withheld
    return [Source(name, _in_all(fit, matrix)) for name, matrix in covariances.items()]


def read_sources(fit: Fit, covariances: Mapping[str, Any] | None) -> list[Source]:
    """Read the user's matrices, LbfgsInvHessProducts and OptimizeResults.

    Raises
    ------
    ValueError
        For a name that is taken, or something that holds no (p, p) matrix of numbers.
    """
    taken = {"bootstrap", "hessian", "opg", "sandwich"}
    sources = []
    for name, given in (covariances or {}).items():
        if name in taken:
            raise ValueError(
                f"covariances: {name!r} is a source of its own; give yours another name"
            )
        sources.append(_read(fit, name, given))
    return sources


def _read(fit: Fit, name: str, given: Any) -> Source:
    """Read one of the user's sources."""
    result = given if hasattr(given, "keys") and "fun" in given and "x" in given else None
    held = given if result is None else result.get("hess_inv")
    if held is None:
        raise ValueError(
            f"covariances: {name!r} is an OptimizeResult without hess_inv; its method keeps none, "
            f"leave it out"
        )
    matrix = np.asarray(held.todense() if hasattr(held, "todense") else held, dtype=float)
    p, q = len(fit.names), int(fit.free.sum())
    if matrix.shape == (q, q) and q != p:
        matrix = _in_all(fit, matrix)
    if matrix.shape != (p, p):
        raise ValueError(f"covariances: {name!r} has shape {matrix.shape}; pass ({p}, {p})")
    return Source(name, matrix, result)


def _in_all(fit: Fit, matrix: Floats) -> Floats:
    """Place a matrix of the free parameters among all of them."""
    full = np.zeros((len(fit.names), len(fit.names)))
    free = fit.likelihood.parameters.free
    full[np.ix_(free, free)] = matrix
    return full
