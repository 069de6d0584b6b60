"""Results of other libraries, recognized by their attributes; none of them is imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bootmle.likelihood.arrays import Floats

__all__ = ["LibraryResult", "recognize"]


@dataclass(frozen=True, slots=True, eq=False)
class LibraryResult:
    """What a library reports: labels, estimates and standard errors (k,), maybe a matrix (k, k)."""

    library: str
    labels: tuple[str, ...]
    estimates: Floats
    errors: Floats
    covariance: Floats | None = None


def recognize(given: Any) -> LibraryResult | None:
    """Read the result of a known library; None where it is none of theirs."""
    for library, attributes, read in _LIBRARIES:
        if all(hasattr(given, each) for each in attributes):
            found = read(given)
            return None if found is None else _checked(library, *found)
    return None


Raw = tuple[Any, Any, Any, Any]
"""Labels, estimates, standard errors, covariance matrix or None."""


def _checked(library: str, labels: Any, estimates: Any, errors: Any, matrix: Any) -> LibraryResult:
    """Turn what was found into arrays; a missing number is NaN."""
    values, numbers = (np.array(list(each), dtype=float) for each in (estimates, errors))
    covariance = None if matrix is None else np.asarray(matrix, dtype=float)
    if covariance is not None and covariance.shape != (len(labels),) * 2:
        covariance = None
    return LibraryResult(library, tuple(map(str, labels)), values, numbers, covariance)


def _labels(values: Any, otherwise: Any = None) -> list[str]:
    """Return a Series' index, else the names given, else x1 ... xk."""
    if hasattr(values, "index") and not callable(values.index):
        return [
            " ".join(map(str, each)) if isinstance(each, tuple) else each for each in values.index
        ]
    if otherwise is not None and len(otherwise) == len(values):
        return list(otherwise)
    return [f"x{k}" for k in range(1, len(values) + 1)]


def _statsmodels(given: Any) -> Raw:
    names = getattr(getattr(given, "model", None), "exog_names", None)
    values, errors = np.ravel(given.params), np.ravel(given.bse)
    labels = _labels(given.params, names) if np.ndim(given.params) == 1 else _labels(values)
    return labels, values, errors, _called(given.cov_params)


def _called(matrix: Callable[[], Any]) -> Any:
    """Compute a covariance matrix that may not exist."""
    try:
        return matrix()
    except Exception:  # another library's code may raise anything
        return None


def _lmfit(given: Any) -> Raw | None:
    if not isinstance(given.params, Mapping):
        return None
    varied = [each for each in given.params.values() if hasattr(each, "stderr") and each.vary]
    names = [each.name for each in varied]
    errors = [np.nan if each.stderr is None else each.stderr for each in varied]
    covariance = given.covar if list(given.var_names) == names else None
    return names, [each.value for each in varied], errors, covariance


def _iminuit(given: Any) -> Raw:
    return list(given.parameters), list(given.values), list(given.errors), given.covariance


def _arch(given: Any) -> Raw:
    return _labels(given.params), given.params, given.std_err, given.param_cov


def _lifelines(given: Any) -> Raw:
    values = given.params_
    return _labels(values), values, given.standard_errors_, given.variance_matrix_


def _biogeme(given: Any) -> Raw | None:
    table = _called(given.get_estimated_parameters)
    shown = [] if table is None else list(table.columns)
    for column in ("Rob. Std err", "Robust std err.", "Std err", "Std err."):
        if column in shown and "Value" in shown:
            return _labels(table["Value"]), table["Value"], table[column], None
    return None


def _xlogit(given: Any) -> Raw:
    return list(given.coeff_names), given.coeff_, given.stderr, getattr(given, "covariance", None)


_LIBRARIES: tuple[tuple[str, tuple[str, ...], Callable[[Any], Raw | None]], ...] = (
    ("statsmodels", ("params", "bse", "cov_params"), _statsmodels),
    ("arch", ("params", "std_err", "param_cov"), _arch),
    ("lifelines", ("params_", "standard_errors_", "variance_matrix_"), _lifelines),
    ("lmfit", ("params", "covar", "var_names"), _lmfit),
    ("iminuit", ("parameters", "values", "errors", "covariance", "errordef"), _iminuit),
    ("biogeme", ("get_estimated_parameters",), _biogeme),
    ("xlogit", ("coeff_names", "coeff_", "stderr"), _xlogit),
)
"""Library, the attributes that its results have, and how they are read."""
