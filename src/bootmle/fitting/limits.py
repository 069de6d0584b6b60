"""The curvature in the limit of a fit without a finite optimum: that of what stays finite."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import null_space

from bootmle.display.text import rounded, rounded_like
from bootmle.fitting.position import Position
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.definiteness import is_definite, name_direction, unit_diagonal
from bootmle.likelihood.parameters import Parameters
from bootmle.optimization.bounds import Columns
from bootmle.optimization.open_values import open_columns
from bootmle.optimization.status import Status
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = ["not_determined", "take_limit"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """Which directions are those of a divergence."""

    vanishing: float = 1e-3
    """Curvature along them, far out and over the whole way from 0: a nll that saturates as exp(−t)
    has t² exp(−t), which is less from t = 13 on."""
    further: float = 0.5
    """Share of the way from the start by which a supremum is looked at from further out."""


_RULES = _Rules()


def not_determined(parameters: Parameters, columns: Columns) -> str:
    """Say that parameters have no single estimate."""
    verb = "is" if columns.size == 1 else "are"
    names = parameters.listed(columns)
    return f"{names} {verb} not determined: over a range of values the likelihood is as high"


def take_limit(search: Position, parameters: Parameters) -> None:
    """Take the curvature of what stays finite, far out, and report finite combinations."""
    # Nothing is taken where parameters are held at bounds, too, or the rest is not positive
    # definite.
    held = search.working.size != parameters.free.size
    if search.status is not Status.NO_FINITE_OPTIMUM or held or not search.infinite.size:
        return
    search.information = search.measure()
    _leave_open(search)
    directions = _finite_directions(search)
    if directions is None:
        return
    matrix, error = search.information.matrix, search.information.error
    inner = directions.T @ matrix @ directions
    bound = np.abs(directions).T @ error @ np.abs(directions)
    if not (np.isfinite(bound).all() and is_definite(inner, bound)):
        return
    size = len(inner)
    factor = directions @ Whitening.from_curvature(np.zeros(size), inner).factor
    if size:
        search.whitening = Whitening(search.working, factor)
    limit = np.hstack([factor, np.zeros((len(factor), 1))])  # one column at least
    limit[search.infinite] = np.nan
    search.information = replace(search.information, limit=limit)
    _report_combinations(search, directions, factor)


def _leave_open(search: Position) -> None:
    """Count parameters that the supremum leaves open among the infinite ones, and say so."""
    working, infinite, matrix = search.working, search.infinite, search.information.matrix
    away = working - search.start()
    away[np.setdiff1d(np.arange(working.size), infinite)] = 0.0
    sizes = np.maximum(np.abs(working), np.abs(working - search.start()))
    sizes = np.where(sizes > 0, sizes, 1.0)
    curvatures = np.diag(matrix)
    units = np.where(curvatures > 0, 1 / np.sqrt(np.abs(curvatures)), sizes)
    whitening = Whitening(working, np.eye(working.size))
    target = WhitenedObjective(search.likelihood, whitening, search.values_at(search.user()))
    finite = np.flatnonzero(away == 0)
    columns = open_columns(target, working, working + _RULES.further * away, finite, sizes, units)
    if columns.size:
        search.infinite = np.union1d(infinite, columns)
        search.notes.append(not_determined(search.likelihood.parameters, columns))


def _finite_directions(search: Position) -> Floats | None:
    """Return directions (q, r), of lengths like standard errors, in which nothing diverges."""
    # Those of the finite parameters, and combinations of infinite ones, which a curve has none of.
    # None where the curvature far out shows no direction of divergence.
    matrix, working, infinite = search.information.matrix, search.working, search.infinite
    finite = np.setdiff1d(np.arange(working.size), infinite)
    if not np.isfinite(matrix).all():
        return None
    sizes = np.where(working[infinite] == 0, 1.0, np.abs(working[infinite]))
    block = sizes[:, None] * matrix[np.ix_(infinite, infinite)] * sizes
    curvatures, vectors = np.linalg.eigh(block)
    diverging = curvatures < _RULES.vanishing
    if search.along_curve:
        diverging[:] = True
    if not diverging.any():
        return None
    combinations = null_space((sizes[:, None] * vectors[:, diverging]).T)
    found = np.zeros((working.size, finite.size + combinations.shape[1]))
    found[finite, np.arange(finite.size)] = unit_diagonal(matrix)[finite]
    found[infinite, finite.size :] = combinations
    curvatures = np.einsum("qr,qs,sr->r", found, matrix, found)
    return np.asarray(found / np.sqrt(np.where(curvatures > 0, curvatures, 1.0)))


def _report_combinations(search: Position, directions: Floats, factor: Floats) -> None:
    """Report the combinations of infinite parameters that have a finite estimate."""
    parameters, infinite = search.likelihood.parameters, search.infinite
    curved = {column for column, _ in parameters.curved}
    if curved & set(infinite.tolist()):
        return
    names = [parameters.free_names[column] for column in infinite]
    for direction in directions[infinite].T:
        if direction.any():
            unit = direction / np.linalg.norm(direction)
            unit = unit * np.sign(unit[np.argmax(np.abs(unit))])
            error = float(np.linalg.norm(unit @ factor[infinite]))
            value = rounded_like(float(unit @ search.working[infinite]), error, 3)
            search.notes.append(
                f"{name_direction(unit, names)} stays finite: {value}, Hessian SE {rounded(error)}"
            )
