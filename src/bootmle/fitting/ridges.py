"""Curved ridges: parameters that enter only as a product, say, which no straight line shows."""

# One parameter is held on either side of the estimate, and the others are fitted again: where the
# nll comes back to what it was, within its noise, the data do not identify a point on the curve.

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bootmle.fitting.descent import CERTIFIED, Descent
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.definiteness import orient, unit_diagonal
from bootmle.likelihood.differences import SAFETY
from bootmle.optimization.bounds import crossed_columns
from bootmle.optimization.convergence import refine
from bootmle.optimization.status import Status
from bootmle.optimization.whitening import Whitening

__all__ = ["find_ridge"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """When a direction is suspected of being a ridge's, and when it is one."""

    shallow: float = 1e-5
    """Curvature, on a unit diagonal, below which it is suspected."""
    before: float = 1e-4
    """The same a leg before, beside the bottom of a curved valley: it is 2e-5 beside a circle."""
    distances: tuple[float, ...] = (30.0, 3.0, 0.75)
    """Conditional standard errors along it; a nearer one where the domain or the curve ends."""
    ended: float = 1e-3
    """Rise of the nll from which on the next distance is tried: over the first a shallow direction
    makes it rise by 30²·1e-5/2 at most, and less once the others are fitted again."""
    involved: float = 0.5
    """Share of the largest part in the direction from which on a parameter is held in turn."""
    unfinished: float = 1e-12
    """Rise that the last digit of the others' fit may leave: the square of its distance, 1e-6."""
    resolved: float = 1e-6
    """Noise beyond which a rise could not be seen."""
    claimed: float = 0.1
    """The same, as a share of the rise that a positive definite Hessian claims."""


_RULES = _Rules()


def find_ridge(search: Descent) -> bool:
    """Recognize an estimate that is one of a curve of them, and say so in the search."""
    # At a certified optimum the information of the leg before is near enough to rule a ridge out.
    before = _shallow(search.information.matrix, _RULES.before)
    near = search.status is Status.CERTIFIED and not before.size
    if near or not np.isfinite(search.user()).all():
        return False
    known = search.information
    if not np.array_equal(known.point, search.working):
        search.information = search.measure(known.covariance)
    directions = _shallow(search.information.matrix)
    if not directions.size:
        search.information = known
        return False
    whitening = Whitening.from_curvature(
        search.working, search.information.matrix, directions.shape[1]
    )
    left = search.working, search.whitening
    search.whitening = whitening
    target = search.target()
    z, decrement = refine(target, search.step_sizes)
    search.working = whitening.to_working(z)
    if decrement > CERTIFIED or not all(_is_ridge(search, each) for each in directions.T):
        search.working, search.whitening = left
        search.information = known
        return False
    tangents = orient(directions)
    information = search.measure()
    search.information = replace(information, definiteness="singular", null_directions=tangents)
    search.status, search.decrement = Status.NOT_IDENTIFIED, decrement
    named = " and ".join(information.describe_direction(tangent) for tangent in tangents.T)
    through = "a curve" if tangents.shape[1] == 1 else "curves"
    search.notes.append(
        f"the likelihood is flat along {through} through the estimate (tangent: {named})"
    )
    return True


def _shallow(matrix: Floats, least: float = _RULES.shallow) -> Floats:
    """Return the directions (q, k) of nearly no curvature, k at most q - 1."""
    none = np.empty((len(matrix), 0))
    if len(matrix) < 2 or not np.isfinite(matrix).all():
        return none
    scales = unit_diagonal(matrix)
    values, vectors = np.linalg.eigh(scales[:, None] * matrix * scales)
    shallow = np.abs(values) < least
    return none if shallow.all() else np.asarray(scales[:, None] * vectors[:, shallow])


def _is_ridge(search: Descent, direction: Floats) -> bool:
    """Whether the nll is the same on both sides, a parameter that is much involved held there."""
    scales = unit_diagonal(search.information.matrix)
    shares = np.abs(direction / scales)
    for column in np.flatnonzero(shares > _RULES.involved * shares.max()):
        along = direction * scales[column] / direction[column]
        if _is_level(search, int(column), along):
            return True
    return False


def _is_level(search: Descent, column: int, direction: Floats) -> bool:
    """Whether the nll is the same some distance on, as far as its domain, or the curve, goes."""
    # To both sides. A Hessian that is positive definite is not doubted where its rise could not be
    # seen.
    information = search.information
    definite = information.definiteness == "positive definite"
    allowed = 2 * SAFETY * information.noise + _RULES.unfinished
    for distance in _RULES.distances:
        claimed = 0.5 * distance**2 * float(direction @ information.matrix @ direction)
        seen = _RULES.resolved
        if definite:
            seen = min(seen, _RULES.claimed * claimed)
        if not allowed < seen:
            return False
        for side in (1.0, -1.0):
            rise = _rise(search, column, search.working + side * distance * direction)
            if allowed < abs(rise) < _RULES.ended:
                return False
            if not abs(rise) < _RULES.ended:
                break
        else:
            return True
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
        is_brief=True,
    )
    rest.working = np.delete(working, column)
    try:
        rest.information = rest.measure()
        rest.converge()
    except Exception:  # the user's code may raise anything outside its domain
        return np.nan
    if search.status.failed and rest.best_params is not None:
        search.remember(rest.best_params, rest.best)
    target = search.target()
    return target.value_of(rest.user())
