"""The user's sources: matrices, columns of standard errors, results of other libraries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult

from bootmle.crosschecks.library_results import LibraryResult, recognize
from bootmle.crosschecks.search_scale import on_users_scale
from bootmle.crosschecks.sources import OWN, Source
from bootmle.display.text import brief
from bootmle.fitting.fitted import Fitted
from bootmle.likelihood.arrays import Floats

__all__ = ["read_sources"]

_NEAR = 1.0
"""Standard errors within which a library's estimates must be the fit's for its results to be taken
by position: at more, some parameter may well be another one."""
_SAME = 0.1
"""Standard errors within which an estimate is a parameter's, where the order is another."""
_COLUMNS = {"se", "std err", "std_err", "stderr", "std error", "standard error", "bse", "se(coef)"}
_COLUMNS |= {"rob std err", "robust std err", "std errors", "standard errors", "standard_errors"}
_COLUMNS |= {"sd", "sderr", "standarderror"}
"""Titles of a table's column of standard errors, without points and in lower case."""
_ESTIMATES = {"coef", "coefficient", "estimate", "estimates", "params", "value", "beta", "b"}
"""Those of its column of estimates."""
_SYMMETRIC = 0.01
"""Difference of a matrix from its transpose, in units of its diagonal, that is an error of
differenced derivatives at most."""


def read_sources(fit: Fitted, covariances: Mapping[str, Any] | None) -> list[Source]:
    """Read the user's matrices, columns and results."""
    unnamed = isinstance(covariances, OptimizeResult) or not isinstance(covariances, Mapping)
    if covariances is not None and unnamed:
        raise TypeError(
            f"covariances: {type(covariances).__name__}; pass a mapping from name to matrix, "
            f'standard errors or result, such as {{"BFGS": res}}'
        )
    for name in covariances or {}:
        if name in OWN:
            raise ValueError(
                f"covariances: {name!r} is a source that the cross-check computes itself; give "
                f"yours another name"
            )
    return [_read(fit, name, given) for name, given in (covariances or {}).items()]


def _read(fit: Fitted, name: str, given: Any) -> Source:
    """Read one of the user's sources."""
    # A parameter may be called x; a result's is an array.
    if isinstance(given, Mapping) and np.ndim(given.get("x", 0.0)) == 1:
        return _read_result(fit, name, given)
    known = recognize(given)
    if known is not None:
        return _of_library(fit, name, known)
    if given is None:
        raise ValueError(f"covariances: {name!r} is None; leave it out")
    if isinstance(given, Mapping):
        return _of_column(fit, name, list(given), list(given.values()))
    if hasattr(given, "columns") and hasattr(given, "index"):
        return _of_frame(fit, name, given)
    if hasattr(given, "index") and not callable(given.index):
        return _of_column(fit, name, _own_labels(fit, given.index), given.to_numpy())
    return _of_array(fit, name, given)


def _read_result(fit: Fitted, name: str, result: Mapping[str, Any]) -> Source:
    """Read an OptimizeResult."""
    raw = result.get("hess_inv")
    if raw is None:
        raise ValueError(
            f"covariances: {name!r} has no hess_inv (its method computes none); leave it out"
        )
    result, matrix = on_users_scale(fit, result, _matrix(fit, name, raw))
    return Source.of(name, matrix, result=result, quasi_newton=True)


def _of_array(fit: Fitted, name: str, given: Any) -> Source:
    """Read a matrix or a column without labels."""
    if not hasattr(given, "todense"):
        values = _numbers(name, given)
        if values.ndim == 0 and 1 in {len(fit.names), int(fit.free.sum())}:
            values = values[None]
        if values.ndim == 1 or (values.ndim == 2 and 1 in values.shape and values.size > 1):
            return _of_column(fit, name, None, values.ravel())
    return _of_covariance(
        fit, name, _matrix(fit, name, given), quasi_newton=hasattr(given, "todense")
    )


def _matrix(fit: Fitted, name: str, raw: Any) -> Floats:
    """Read a matrix of all parameters, or of the free ones."""
    matrix = _numbers(name, raw.todense() if hasattr(raw, "todense") else raw)
    p, q = len(fit.names), int(fit.free.sum())
    if matrix.shape == (q, q) and q != p:
        full = np.zeros((p, p))
        full[np.ix_(fit.free, fit.free)] = matrix
        return full
    if matrix.shape != (p, p):
        raise ValueError(
            f"covariances: {name!r} has shape {matrix.shape}; pass a ({p}, {p}) matrix, or the "
            f"{p} standard errors"
        )
    return matrix


def _numbers(name: str, given: Any) -> Floats:
    """Turn into numbers; a missing one, None, is NaN."""
    try:
        masked = isinstance(given, np.ma.MaskedArray)
        values = given.astype(float).filled(np.nan) if masked else np.asarray(given)
        kind = values.dtype.kind
        if kind in "bmM" or (kind == "c" and np.any(values.imag != 0)):
            raise TypeError
        if values.dtype == object:
            values = np.array([np.nan if each is None else each for each in values.flat])
            values = values.astype(float).reshape(np.shape(given))
        return (values.real if kind == "c" else values).astype(float)
    except (TypeError, ValueError):
        raise TypeError(
            f"covariances: {name!r} is {brief(given)}; pass a (p, p) matrix, p standard errors by "
            f"name or in order, or an OptimizeResult"
        ) from None


def _own_labels(fit: Fitted, index: Any) -> list[Any] | None:
    """Return the labels of an index, of several levels the last; None where they count from 0."""
    labels = list(index)
    if all(isinstance(each, tuple) and each and each[-1] in fit.names for each in labels):
        labels = [each[-1] for each in labels]
    return None if labels == list(range(len(labels))) else labels


def _of_frame(fit: Fitted, name: str, frame: Any) -> Source:
    """Read a data frame: a matrix, or a table with a column of standard errors."""
    rows, columns = _own_labels(fit, frame.index), _own_labels(fit, frame.columns)
    if frame.shape[0] == frame.shape[1] and _are_matrix_labels(fit, rows, columns):
        return _of_matrix_frame(fit, name, frame, rows or columns)
    titles = {str(each).lower().replace(".", "").strip(): each for each in frame.columns}
    found = [titles[each] for each in titles if each in _COLUMNS]
    if frame.shape[1] == 1 and not set(titles) & _ESTIMATES:
        found = list(frame.columns)
    if len(found) != 1:
        raise ValueError(
            f"covariances: {name!r} is a data frame with columns {list(map(str, frame.columns))}; "
            f"pass the column of standard errors, or a matrix whose columns are its rows' labels"
        )
    return _of_column(fit, name, rows, frame[found[0]].to_numpy())


def _are_matrix_labels(
    fit: Fitted, rows: Sequence[Any] | None, columns: Sequence[Any] | None
) -> bool:
    """Whether a square frame's labels are those of a matrix."""
    if rows is None or columns is None:
        return rows is columns or set(map(str, rows or columns or ())) <= set(fit.names)
    return set(rows) == set(columns)


def _of_matrix_frame(fit: Fitted, name: str, frame: Any, labels: Sequence[Any] | None) -> Source:
    """Read a matrix whose labels, where it has any, are those of parameters."""
    if labels is None:
        return _of_array(fit, name, frame.to_numpy())
    places = _places(fit, name, labels)
    across = _own_labels(fit, frame.columns)
    if _own_labels(fit, frame.index) is None:
        across = None
    columns = places if across is None else _places(fit, name, across)
    full = np.full((len(fit.names),) * 2, np.nan)
    full[np.ix_(np.array(places), np.array(columns))] = _numbers(name, frame.to_numpy())
    full[np.ix_(~fit.free, ~fit.free)] = 0.0
    return _of_covariance(fit, name, full)


def _of_covariance(fit: Fitted, name: str, matrix: Floats, **about: Any) -> Source:
    """Take a matrix, in which parameters may be missing; refuse half of one."""
    unit = np.sqrt(np.abs(np.diag(matrix)))
    off = np.abs(matrix - matrix.T) > _SYMMETRIC * np.outer(unit, unit)
    if off.any():
        i, j = np.argwhere(off)[0]
        raise ValueError(
            f"covariances: {name!r} is not symmetric, with {matrix[i, j]:.6g} and "
            f"{matrix[j, i]:.6g} for {fit.names[i]} and {fit.names[j]}; pass the whole "
            f"covariance matrix, or the {len(fit.names)} standard errors"
        )
    return Source.of(name, matrix, absent=np.isnan(np.diag(matrix)) & fit.free, **about)


def _places(fit: Fitted, name: str, labels: Sequence[Any]) -> list[int]:
    """Find labels among the parameters; refuse foreign ones and repeated ones."""
    foreign = [str(each) for each in labels if str(each) not in fit.names]
    if foreign:
        raise ValueError(
            f"covariances: {name!r} has the labels {', '.join(foreign)}, which are no parameters "
            f"of this fit ({', '.join(fit.names)}); rename them, or pass an array in that order"
        )
    places = [fit.names.index(str(each)) for each in labels]
    if len(set(places)) < len(places):
        raise ValueError(f"covariances: {name!r} has a label twice: {', '.join(map(str, labels))}")
    return places


def _of_column(
    fit: Fitted, name: str, labels: Sequence[Any] | None, values: Any, **about: Any
) -> Source:
    """Read a column of standard errors, by label where there are labels."""
    numbers = _numbers(name, values)
    if numbers.ndim != 1:
        raise TypeError(f"covariances: {name!r} is {brief(values)}; pass one number for each name")
    if labels is None:
        p, q = len(fit.names), int(fit.free.sum())
        if numbers.size not in {p, q}:
            raise ValueError(
                f"covariances: {name!r} has shape {numbers.shape}; pass {p} standard errors, or "
                f"name them, or a ({p}, {p}) matrix"
            )
        places = list(range(p)) if numbers.size == p else list(np.flatnonzero(fit.free))
    else:
        places = _places(fit, name, labels)
    if np.any(numbers < 0):
        raise ValueError(
            f"covariances: {name!r} has {numbers[numbers < 0][0]:g} among its standard errors, "
            f"which are not negative; pass NaN where one is missing"
        )
    errors = np.where(fit.free, np.nan, 0.0)
    errors[places] = numbers
    return _of_errors(fit, name, errors, **about)


def _of_errors(fit: Fitted, name: str, errors: Floats, **about: Any) -> Source:
    """Take standard errors, of which some may be missing."""
    return Source(name, errors, np.zeros(errors.size), absent=np.isnan(errors) & fit.free, **about)


def _of_library(fit: Fitted, name: str, found: LibraryResult) -> Source:
    """Read a library's result: by label, or by position where its estimates are the fit's."""
    shown = f"{name} ({found.library})" if found.library not in name.lower() else name
    if set(found.labels) <= set(fit.names):
        places = _places(fit, name, found.labels)
    else:
        places = _by_position(fit, name, found)
    point = np.full(len(fit.names), np.nan)
    point[places] = found.estimates
    errors = np.where(fit.free, np.nan, 0.0)
    errors[places] = found.errors
    about = {"library": found.library, "point": point}
    if found.covariance is not None and len(places) == int(fit.free.sum()):
        full = np.zeros((len(fit.names),) * 2)
        full[np.ix_(places, places)] = found.covariance
        variances = np.diag(full)
        if np.allclose(np.sqrt(np.abs(variances)), errors, rtol=1e-6, equal_nan=True):
            return _of_covariance(fit, shown, full, **about)
    return _of_errors(fit, shown, errors, **about)


def _by_position(fit: Fitted, name: str, found: LibraryResult) -> list[int]:
    """Match by position a result whose labels are its own, checked by its estimates."""
    free = np.flatnonzero(fit.free)
    for places in (np.arange(len(fit.names)), free):
        if len(found.labels) != len(places):
            continue
        away = np.abs(found.estimates - fit.estimate[places])
        unit = np.where(found.errors > 0, found.errors, np.inf)
        unit = np.maximum(unit, np.nan_to_num(fit.hessian_errors[places]))
        if np.all(away <= _NEAR * np.where(np.isfinite(unit), unit, 0.0)):
            return [int(each) for each in places]
    found_by_value = _by_estimates(fit, found)
    if found_by_value is not None:
        return found_by_value
    foreign = [each for each in found.labels if each not in fit.names]
    raise ValueError(
        f"covariances: {name!r} is a result of {found.library} with the parameters "
        f"{', '.join(foreign)}, whose estimates are not this fit's "
        f"({', '.join(fit.names)}); pass its standard errors by this fit's names"
    )


def _by_estimates(fit: Fitted, found: LibraryResult) -> list[int] | None:
    """Match a result in another order, where each estimate is that of one parameter alone."""
    free = np.flatnonzero(fit.free)
    units = fit.hessian_errors[free]
    if len(found.labels) != len(free) or not np.isfinite(units).all():
        return None
    away = np.abs(found.estimates[:, None] - fit.estimate[free]) / units
    nearest = away.argmin(axis=1)
    alone = (away < _NEAR).sum(axis=1) == 1
    close = away.min(axis=1) < _SAME
    if not (alone & close).all() or len(set(nearest)) < len(free):
        return None
    return [int(free[j]) for j in nearest]
