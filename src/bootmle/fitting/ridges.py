"""Curved ridges: parameters that enter only as a product, say, which no straight walk shows.

One parameter is held on either side of the estimate, and the others are fitted again: where the nll
comes back to what it was, within its noise, the data do not tell where on the curve to stand.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bootmle.fitting.descent import Descent
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.definiteness import orient, unit_diagonal
from bootmle.likelihood.differences import SAFETY
from bootmle.optimization.bounds import crossed_columns
from bootmle.optimization.convergence import refine
from bootmle.optimization.status import Status
from bootmle.optimization.whitening import Whitening

__all__ = ["settle_on_ridge"]

_SHALLOW = 1e-5
"""Curvature, on a unit diagonal, below which a direction is suspected of being a ridge's."""
_ALONG = (30.0, 3.0, 0.75)
"""Distances in conditional standard errors, a nearer one where the domain or the curve ends."""
_ENDED = 1e-3
"""Rise of the nll, at the first of them, that no shallow curvature makes."""
_CERTIFIED = 1e-6
_UNFINISHED = 1e-12
_RESOLVED = 1e-6


def settle_on_ridge(search: Descent) -> bool:
    """Recognize an estimate that is one of a curve of them, and say so in the search."""
    # At a certified optimum the information of the leg before is near enough to rule a ridge out.
    near = search.status is Status.CERTIFIED and not _shallow(search.information.matrix).size
    if near or not np.isfinite(search.user()).all():
        return False
    if not np.array_equal(search.information.point, search.working):
        search.information = search.measure()
    directions = _shallow(search.information.matrix)
    if not directions.size:
        return False
    whitening = Whitening.from_curvature(
        search.working, search.information.matrix, directions.shape[1]
    )
    before = search.working, search.whitening
    search.whitening = whitening
    target = search.target()
    z, decrement = refine(target, search.step_sizes)
    search.count(target)
    search.working = whitening.to_working(z)
    if decrement > _CERTIFIED or not all(_is_ridge(search, way) for way in directions.T):
        search.working, search.whitening = before
        return False
    ways = orient(directions)
    search.information = replace(search.measure(), definiteness="singular", null_directions=ways)
    search.status, search.decrement = Status.NOT_IDENTIFIED, decrement
    named = " and ".join(search.information.describe_direction(way) for way in ways.T)
    search.notes.append(f"the nll stays the same along a curve that leaves along {named}")
    return True


def _shallow(matrix: Floats) -> Floats:
    """Return the directions (q, k) of nearly no curvature, k at most q - 1."""
    none = np.empty((len(matrix), 0))
    if len(matrix) < 2 or not np.isfinite(matrix).all():
        return none
    scales = unit_diagonal(matrix)
    values, vectors = np.linalg.eigh(scales[:, None] * matrix * scales)
    shallow = np.abs(values) < _SHALLOW
    return none if shallow.all() else np.asarray(scales[:, None] * vectors[:, shallow])


def _is_ridge(search: Descent, way: Floats) -> bool:
    """Whether the nll is the same on both sides, a parameter that is much involved held there."""
    scales = unit_diagonal(search.information.matrix)
    shares = np.abs(way / scales)
    for column in np.flatnonzero(shares > 0.5 * shares.max()):
        along = way * scales[column] / way[column]
        if all(_is_level(search, int(column), side * along) for side in (1.0, -1.0)):
            return True
    return False


def _is_level(search: Descent, column: int, way: Floats) -> bool:
    """Whether the nll is the same some way on, as far as its domain, or the curve, goes.

    A Hessian that is positive definite is not doubted where its rise could not be seen.
    """
    information = search.information
    definite = information.definiteness == "positive definite"
    allowed = 2 * SAFETY * information.noise + _UNFINISHED
    for distance in _ALONG:
        scipy_information = 0.5 * distance**2 * float(way @ information.matrix @ way)
        if not allowed < (min(_RESOLVED, 0.1 * scipy_information) if definite else _RESOLVED):
            return False
        rise = _rise(search, column, search.working + distance * way)
        if abs(rise) < _ENDED:
            return abs(rise) <= allowed
    return False


def _rise(search: Descent, column: int, working: Floats) -> float:
    """Fit the others with one parameter held; NaN outside the domain or the bounds."""
    likelihood = search.likelihood
    user = likelihood.parameters.to_user(working)
    if crossed_columns(likelihood.parameters, user).size or not np.isfinite(user).all():
        return np.nan
    held: NDArray[np.intp] = np.array([column])
    rest = Descent(
        likelihood.holding(held, user[likelihood.parameters.free[held]]),
        search.optimizer,
        lowest=search.lowest,
    )
    rest.working = np.delete(working, column)
    try:
        with np.errstate(all="ignore"):
            rest.information = rest.measure()
            rest.settle()
    except Exception:  # the user's code may raise anything outside its domain
        return np.nan
    finally:
        search.n_evaluations += rest.n_evaluations
    target = search.target()
    rise = target.value_of(rest.user())
    search.count(target)
    return rise
