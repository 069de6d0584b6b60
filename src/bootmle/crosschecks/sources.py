"""Sources of standard errors, and those that are computed from the fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.crosschecks.score_covariances import Scores
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status
from bootmle.sampling.few_clusters import FEW_CLUSTERS

__all__ = ["OWN", "Source", "fitted_sources"]

OWN = ("bootstrap", "parametric", "hessian", "opg", "sandwich", "cluster", "cr2", "profile")
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
    library : str
        The library whose result it is; empty where it is none's.
    point : (p,) array or None
        That library's estimates.
    absent : (p,) bool array or None
        Which parameters the user gave no number for.
    """

    name: str
    standard_errors: Floats
    mcse: Floats
    covariance: Floats | None = None
    result: Any = None
    quasi_newton: bool = False
    library: str = ""
    point: Floats | None = None
    absent: NDArray[np.bool_] | None = None

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Which parameters the user gave no number for, (p,); none of a source of its own."""
        nothing = np.zeros(len(self.standard_errors), dtype=bool)
        return nothing if self.absent is None else self.absent

    @property
    def has_covariances(self) -> bool:
        """Whether a matrix is more than its diagonal; so is one of a single parameter."""
        matrix = self.covariance
        if matrix is None:
            return False
        varies = np.flatnonzero(np.diag(matrix))
        return varies.size < 2 or bool(np.any(matrix != np.diag(np.diag(matrix))))

    @classmethod
    def of(cls, name: str, covariance: Floats, mcse: Floats | None = None, **about: Any) -> Source:
        """Take the standard errors from a covariance matrix."""
        variances = np.diag(covariance)
        errors = np.sqrt(np.where(variances >= 0, variances, np.nan))
        drawn = np.zeros_like(errors) if mcse is None else np.nan_to_num(mcse)
        return cls(name, errors, drawn, covariance, **about)


def fitted_sources(fit: Fit, scores: Scores | None) -> list[Source]:
    """List the sources computed from the fit itself: Hessian, OPG, sandwiches."""
    # All are NaN where the Hessian is not positive definite, the gradient not 0 as at a bound, or
    # the parameter infinite: OPG and sandwich are positive semi-definite whatever the Hessian is,
    # and would hide it.
    known = np.isfinite(fit.information.covariance) & (fit.status is not Status.AT_BOUND)
    covariances = {"hessian": np.where(known, fit.information.covariance, np.nan)}
    if scores is not None:
        covariances["opg"] = np.where(known, scores.opg, np.nan)
        covariances["sandwich"] = np.where(known, scores.sandwich, np.nan)
        if scores.clusters is not None:
            covariances["cluster"] = np.where(known, scores.clustered_sandwich, np.nan)
        robust = scores.robust
        if robust is not None and len(robust.scores) < FEW_CLUSTERS:
            covariances["cr2"] = np.where(known, robust.covariance("CR2"), np.nan)
    return [Source.of(name, _in_all(fit, matrix)) for name, matrix in covariances.items()]


def _in_all(fit: Fit, matrix: Floats) -> Floats:
    """Embed a matrix of the free parameters in one of all parameters."""
    full = np.zeros((len(fit.names), len(fit.names)))
    free = fit.likelihood.parameters.free
    full[np.ix_(free, free)] = matrix
    return full
