"""Sources of standard errors: matrices computed from the fit, and those the user passes."""

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
"""Names of the sources that the cross-check computes itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Standard errors and their source.

    Attributes
    ----------
    name : str
    standard_errors : (p,) array
        For all parameters; 0 for fixed ones, NaN where withheld or where a "variance" is negative.
    mcse : (p,) array
        Their Monte Carlo standard errors; 0 where nothing is drawn.
    covariance : (p, p) array or None
        The matrix, where there is one.
    result : OptimizeResult or None
        The minimizer's result that the matrix comes from.
    quasi_newton : bool
        Whether the matrix is a minimizer's quasi-Newton approximation.
    """

    name: str
    standard_errors: Floats
    mcse: Floats
    covariance: Floats | None = None
    result: Any = None
    quasi_newton: bool = False

    @classmethod
    def of(cls, name: str, covariance: Floats, mcse: Floats | None = None, **about: Any) -> Source:
        """Take the standard errors from a covariance matrix."""
        variances = np.diag(covariance)
        errors = np.sqrt(np.where(variances >= 0, variances, np.nan))
        drawn = np.zeros_like(errors) if mcse is None else np.nan_to_num(mcse)
        return cls(name, errors, drawn, covariance, **about)


def fitted_sources(fit: Fit, scores: Scores | None) -> list[Source]:
    """List the sources computed from the fit itself: Hessian, OPG, sandwiches."""
    # All are NaN where the Hessian is not positive definite, or the gradient not 0 as at a bound:
    # OPG and sandwich are positive semi-definite whatever the Hessian is, and would hide it.
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
    """Read the user's matrices, LbfgsInvHessProducts and OptimizeResults."""
    unnamed = isinstance(covariances, OptimizeResult) or not isinstance(covariances, Mapping)
    if covariances is not None and unnamed:
        raise TypeError(
            f"covariances: {type(covariances).__name__}; pass a mapping from name to matrix or "
            f'OptimizeResult, such as {{"BFGS": res}}'
        )
    for name in covariances or {}:
        if name in OWN:
            raise ValueError(
                f"covariances: {name!r} is a source that the cross-check computes itself; give "
                f"yours another name"
            )
    return [_read(fit, name, given) for name, given in (covariances or {}).items()]


def _read(fit: Fit, name: str, given: Any) -> Source:
    """Read one of the user's sources."""
    result = given if isinstance(given, Mapping) and "x" in given else None
    raw = given if result is None else result.get("hess_inv")
    if raw is None:
        lacks = "is None" if given is None else "has no hess_inv (its method computes none)"
        raise ValueError(f"covariances: {name!r} {lacks}; leave it out")
    quasi_newton = result is not None or hasattr(raw, "todense")
    if hasattr(raw, "reindex") and sorted(map(str, raw.index)) == sorted(fit.names):
        raw = raw.reindex(index=list(fit.names), columns=list(fit.names))
    try:
        matrix = np.asarray(raw.todense() if hasattr(raw, "todense") else raw, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(
            f"covariances: {name!r} is {brief(raw)}; pass a (p, p) matrix or an OptimizeResult"
        ) from None
    p, q = len(fit.names), int(fit.free.sum())
    if matrix.shape == (q, q) and q != p:
        matrix = _in_all(fit, matrix)
    if matrix.shape != (p, p):
        hint = "; of standard errors, np.diag(se**2)" if matrix.shape == (p,) else ""
        raise ValueError(f"covariances: {name!r} has shape {matrix.shape}; pass ({p}, {p}){hint}")
    return Source.of(name, matrix, result=result, quasi_newton=quasi_newton)


def _in_all(fit: Fit, matrix: Floats) -> Floats:
    """Embed a matrix of the free parameters in one of all parameters."""
    full = np.zeros((len(fit.names), len(fit.names)))
    free = fit.likelihood.parameters.free
    full[np.ix_(free, free)] = matrix
    return full
