"""A formula that standard errors may follow, with what it gives on the data at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats

__all__ = ["Context", "Formula", "Kind", "listed", "plain_formulas"]


class Kind(Enum):
    """What a formula amounts to, which decides how it is judged."""

    SOURCE = "a source, perhaps with a small-sample factor"
    DISPERSED = "a source times a dispersion"
    SCALED = "a source on another scale of the objective"
    SEARCH = "the by-product of a search"
    ELSEWHERE = "a source at another point"
    OTHER = "something else than standard errors of these parameters"


@dataclass(frozen=True, slots=True, eq=False)
class Formula:
    """A formula and what it gives here.

    Attributes
    ----------
    name : str
        What it is, to follow "equals".
    covariance : (q, q) array
        Of the free parameters; NaN for those to which it gives none.
    source : str
        The cross-check's source that it rests on.
    kind : Kind
    advice : str
        Why it is no standard error here, and what to do.
    variances : bool
        Whether a column of it holds variances.
    complexity : int
        Of formulas that match, those of the least are named: a factor, parameters held.
    error : float
        Its own relative error, of standard errors.
    """

    name: str
    covariance: Floats
    source: str = "hessian"
    kind: Kind = Kind.SOURCE
    advice: str = ""
    variances: bool = False
    complexity: int = 0
    error: float = 0.0

    @property
    def column(self) -> Floats:
        """The numbers that a column holds, (q,)."""
        diagonal = np.diag(self.covariance)
        with np.errstate(invalid="ignore"):
            return np.asarray(diagonal if self.variances else np.sqrt(diagonal))


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What formulas are made of.

    Attributes
    ----------
    names : tuple of str
        The q free parameters.
    estimate : (q,) array
    covariances : mapping
        Source to (q, q) matrix: "hessian", "expected", "opg", "sandwich", "cluster",
        "clustered opg", "cr2", "cr3".
    errors : mapping
        Source to the relative error of its standard errors, where that is not 0.
    dispersions : mapping
        Name of a chi-squared statistic to its value.
    n, clusters : int
        Numbers of observations and of clusters; 0 where unknown.
    nll : float
    squares : float
        Sum of the squared contributions to it; 0 where there is only a total.
    partial : Formula or None
        The inverse of the expected information of those parameters that it is known for.
    inside : bool array or None
        Which free parameters these are, where the others are infinite.
    """

    names: tuple[str, ...]
    estimate: Floats
    covariances: dict[str, Floats]
    errors: dict[str, float]
    dispersions: dict[str, float]
    n: int
    clusters: int
    nll: float
    squares: float = 0.0
    partial: Formula | None = None
    inside: NDArray[np.bool_] | None = None

    @property
    def n_free(self) -> int:
        """Number of free parameters, infinite ones included."""
        return len(self.names) if self.inside is None else len(self.inside)


_NAMES = {
    "hessian": "the inverse Hessian",
    "expected": "the inverse of the expected information",
    "opg": "the OPG",
    "sandwich": "the sandwich",
    "cluster": "the cluster-robust sandwich",
    "clustered opg": "the OPG by clusters",
    "cr2": "the cluster-robust sandwich with CR2 (Bell and McCaffrey 2002)",
    "cr3": "the cluster-robust sandwich with CR3 (nearly the jackknife)",
    "bootstrap": "the bootstrap matrix",
    "parametric": "the parametric bootstrap matrix",
}


def plain_formulas(context: Context) -> list[Formula]:
    """List the formulas without a factor."""
    partial = [] if context.partial is None else [context.partial]
    return [
        Formula(_NAMES[source], matrix, source, error=context.errors.get(source, 0.0))
        for source, matrix in context.covariances.items()
        if np.isfinite(matrix).all()
    ] + partial


def listed(names: Sequence[str], chosen: NDArray[np.bool_]) -> str:
    """List the names that a mask marks."""
    return ", ".join(name for name, one in zip(names, chosen, strict=True) if one)
