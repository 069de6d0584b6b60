"""Where standard errors come from: matrices of the fit, and those the user brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult

from bootmle.crosschecks.score_covariances import Scores
from bootmle.display.text import brief
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status

__all__ = ["OWN", "Source", "fitted_sources", "read_sources"]

OWN = ("bootstrap", "parametric", "hessian", "opg", "sandwich", "cluster", "profile")
"""Names of the sources that the check has itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Standard errors and where they come from.

    Attributes
    ----------
    name : str
    standard_errors : (p,) array
        In all parameters; 0 for held ones, NaN where withheld or a "variance" is negative.
    covariance : (p, p) array or None
        The matrix, where there is one.
    result : OptimizeResult or None
        The minimizer's result that the matrix is a by-product of.
    of_search : bool
        Whether a minimizer pieced the matrix together on its way.
    mcse : (p,) array or None
        Monte Carlo errors of the standard errors, where they are drawn.
    """

    name: str
    standard_errors: Floats
    covariance: Floats | None = None
    result: Any = None
    of_search: bool = False
    mcse: Floats | None = None

    @property
    def noise(self) -> Floats:
        """Monte Carlo errors, 0 where nothing is drawn."""
        return (
            np.zeros_like(self.standard_errors) if self.mcse is None else np.nan_to_num(self.mcse)
        )

    @classmethod
    def of(cls, name: str, covariance: Floats, **about: Any) -> Source:
        """Read the standard errors off a covariance matrix."""
        variances = np.diag(covariance)
        errors = np.sqrt(np.where(variances >= 0, variances, np.nan))
        return cls(name, errors, covariance, **about)


def fitted_sources(fit: Fit, scores: Scores | None) -> list[Source]:
    """List the sources that the fit itself has: Hessian, OPG, sandwiches.

    Where the Hessian is not positive definite, or the slope not zero as at a bound, they are NaN:
    an OPG or a sandwich is positive semi-definite whatever the Hessian is, and would hide it.
    """
    withheld = np.full_like(fit.information.matrix, np.nan)
    definite = fit.information.definiteness == "positive definite"
    definite &= fit.status is not Status.AT_BOUND
    covariances = {"hessian": fit.information.covariance if definite else withheld}
    if scores is not None:
        covariances["opg"] = scores.opg if definite else withheld
        covariances["sandwich"] = scores.sandwich if definite else withheld
        if scores.clusters is not None:
            covariances["cluster"] = scores.clustered_sandwich if definite else withheld
    return [Source.of(name, _in_all(fit, matrix)) for name, matrix in covariances.items()]


def read_sources(fit: Fit, covariances: Mapping[str, Any] | None) -> list[Source]:
    """Read the user's matrices, LbfgsInvHessProducts and OptimizeResults.

    Raises
    ------
    ValueError, TypeError
        For a name that is taken, or something that holds no (p, p) matrix of numbers.
    """
    unnamed = isinstance(covariances, OptimizeResult) or not isinstance(covariances, Mapping)
    if covariances is not None and unnamed:
        raise TypeError(
            f"covariances: {type(covariances).__name__}; pass a mapping from name to matrix or "
            f'OptimizeResult, such as {{"BFGS": res}}'
        )
    for name in covariances or {}:
        if name in OWN:
            raise ValueError(
                f"covariances: {name!r} is a source of its own; give yours another name"
            )
    return [_read(fit, name, given) for name, given in (covariances or {}).items()]


def _read(fit: Fit, name: str, given: Any) -> Source:
    """Read one of the user's sources."""
    result = given if isinstance(given, Mapping) and "x" in given else None
    held = given if result is None else result.get("hess_inv")
    if held is None:
        lacks = "is None" if given is None else "has no hess_inv: its method keeps none"
        raise ValueError(f"covariances: {name!r} {lacks}; leave it out")
    of_search = result is not None or hasattr(held, "todense")
    if hasattr(held, "reindex") and sorted(map(str, held.index)) == sorted(fit.names):
        held = held.reindex(index=list(fit.names), columns=list(fit.names))
    try:
        matrix = np.asarray(held.todense() if hasattr(held, "todense") else held, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(
            f"covariances: {name!r} is {brief(held)}; pass a (p, p) matrix or an OptimizeResult"
        ) from None
    p, q = len(fit.names), int(fit.free.sum())
    if matrix.shape == (q, q) and q != p:
        matrix = _in_all(fit, matrix)
    if matrix.shape != (p, p):
        hint = "; of standard errors, np.diag(se**2)" if matrix.shape == (p,) else ""
        raise ValueError(f"covariances: {name!r} has shape {matrix.shape}; pass ({p}, {p}){hint}")
    return Source.of(name, matrix, result=result, of_search=of_search)


def _in_all(fit: Fit, matrix: Floats) -> Floats:
    """Place a matrix of the free parameters among all of them."""
    full = np.zeros((len(fit.names), len(fit.names)))
    free = fit.likelihood.parameters.free
    full[np.ix_(free, free)] = matrix
    return full
