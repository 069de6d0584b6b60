"""The tangent space of constraints that are active, bounds among them, and optima along it."""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.information import Information, measure_information
from bootmle.likelihood.lattice import fourth_order_slope
from bootmle.likelihood.parameters import Parameters
from bootmle.optimization.optimizer import Optimizer
from bootmle.optimization.whitening import WhitenedObjective

__all__ = ["TangentCurvature", "TangentSpace", "converge_along_tangent"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """When a constraint is active, and how a point is brought back onto it; in standard errors."""

    active: float = 1e-6
    """Distance within which an inequality is active: SLSQP's end point is as near to it."""
    step: float = 1e-3
    """Of the constraints' derivatives: truncation is 1e-12/30 times a fifth derivative."""
    margin: float = 1e-9
    """Distance inside an inequality where the objective ends with it: rounding leads beyond it."""
    rank: float = 1e-8
    """Singular value, of rows of length 1, below which a constraint repeats others."""
    returns: int = 20
    """Steps back onto the constraints at most; measured on shares and a circle: 1 to 6."""
    on: float = 1e-15
    """Length of such a step, relative to the point in units, that ends them: rounding."""
    legs: int = 8
    """Newton steps along the tangent space, from where SLSQP ended; 1 or 2 are enough."""
    aim: float = 1e-8
    """Decrement that ends them: a hundredth of what a fit's certificate asks for."""


_RULES = _Rules()


@dataclass(slots=True)
class TangentSpace:
    """A chart of the constraints' surface around a point (q,) of the working scale."""

    parameters: Parameters
    optimizer: Optimizer
    point: Floats
    unit: Floats
    """A rough standard error of each working parameter, (q,)."""
    held: InitVar[NDArray[np.bool_] | None] = None
    """Of all values that are limited, those that are active wherever the point is."""
    margin: float = 0.0
    """Distance inside the inequalities at which it runs."""
    active: NDArray[np.bool_] = field(init=False)
    """Of all values that constraints and bounds limit, (k,)."""
    inward: Floats = field(init=False)
    """Sign (m,) with which each active one leaves its limit; 0 for an equality."""
    rows: Floats = field(init=False)
    """Derivatives (m, q) of the active ones by parameters in units, scaled to length 1."""
    lengths: Floats = field(init=False)
    limits: Floats = field(init=False)
    basis: Floats = field(init=False)
    """Its r directions on the working scale, (q, r)."""

    def __post_init__(self, held: NDArray[np.bool_] | None) -> None:
        """Find the active constraints, and the directions along which they stay the same."""
        values, lower, upper = self._values(self.point)
        slopes = self._slopes()
        lengths = np.linalg.norm(slopes, axis=1)
        lengths = np.where(lengths > 0, lengths, 1.0)
        low, high = np.abs(values - lower) / lengths, np.abs(upper - values) / lengths
        self.active = (np.minimum(low, high) <= _RULES.active) | (lower == upper)
        self.active |= False if held is None else held
        at_lower = (low <= high)[self.active]
        equal = (lower == upper)[self.active]
        self.lengths = lengths[self.active]
        self.rows = slopes[self.active] / self.lengths[:, None]
        fixed = equal | self._repeats(equal)
        self.inward = np.where(fixed, 0.0, np.where(at_lower, 1.0, -1.0))
        self.limits = np.where(at_lower, lower[self.active], upper[self.active])
        self.limits = self.limits + self.margin * self.inward * self.lengths
        _, sizes, directions = np.linalg.svd(self.rows)
        rank = int((sizes > _RULES.rank).sum())
        self.basis = self.unit[:, None] * directions[rank:].T

    def _repeats(self, equal: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which active constraints (m,) the equalities among them hold already."""
        onto = np.linalg.pinv(self.rows[equal], rcond=_RULES.rank) @ self.rows[equal]
        left = np.linalg.norm(self.rows - self.rows @ onto, axis=1)
        return np.asarray(left <= _RULES.rank)

    def working(self, along: Floats) -> Floats:
        """Go along the tangent space, (r,), and back onto the constraints."""
        working = self.point + self.basis @ along
        inverse = np.linalg.pinv(self.rows, rcond=_RULES.rank)
        reach = _RULES.on * (1.0 + float(np.max(np.abs(self.point / self.unit))))
        for _ in range(_RULES.returns):
            excess = (self._values(working)[0][self.active] - self.limits) / self.lengths
            back = inverse @ excess
            if not np.linalg.norm(back) > reach:
                break
            working = working - self.unit * back
        return working

    def crossed(self, working: Floats) -> NDArray[np.bool_]:
        """Which inactive constraints and bounds (k,) a point is beyond."""
        values, lower, upper = self._values(working)
        return ((values < lower) | (values > upper)) & ~self.active

    @property
    def at_bounds(self) -> NDArray[np.bool_]:
        """Which free parameters (q,) are at a bound."""
        return self.active[-self.point.size :]

    def presses(self, gradient: Floats) -> Floats:
        """Return by how much the nll rises inward (m,), over a unit, by its gradient (q,)."""
        multipliers = np.linalg.lstsq(self.rows.T, gradient * self.unit, rcond=_RULES.rank)[0]
        return np.asarray(np.where(self.inward == 0, np.inf, multipliers * self.inward))

    def _values(self, working: Floats) -> tuple[Floats, Floats, Floats]:
        """Evaluate what constraints and bounds limit, (k,), and the limits."""
        user = self.parameters.to_user(working)
        free, (lower, upper) = user[self.parameters.free], self.parameters.bounds.T
        values, lowest, highest = self.optimizer.limited_values(user)
        stacked = (values, free), (lowest, lower), (highest, upper)
        one, two, three = (np.concatenate(each) for each in stacked)
        return one, two, three

    def _slopes(self) -> Floats:
        """Differentiate those values by parameters in units, (k, q)."""
        columns = []
        for axis in np.eye(self.point.size) * self.unit * _RULES.step:
            up, down, up2, down2 = (self._values(self.point + k * axis)[0] for k in (1, -1, 2, -2))
            columns.append(fourth_order_slope(up - down, up2 - down2, _RULES.step))
        return np.column_stack(columns)


@dataclass(slots=True)
class TangentCurvature:
    """The curvature along the tangent space at a point (q,)."""

    target: InitVar[WhitenedObjective]
    space: TangentSpace
    along: Information = field(init=False)
    step: Floats = field(init=False)
    """To the optimum, (r,)."""
    decrement: float = np.inf

    def __post_init__(self, target: WhitenedObjective) -> None:
        """Measure it, in the coordinates of the tangent space."""
        space = self.space
        names = tuple(f"tangent {k + 1}" for k in range(space.basis.shape[1]))
        self.along = measure_information(
            lambda z: target.value_at(space.working(z)), np.zeros(len(names)), names=names
        )
        self.step = -self.along.covariance @ self.along.gradient
        if self.along.definiteness == "positive definite":
            self.decrement = float(np.sqrt(np.maximum(-self.along.gradient @ self.step, 0.0)))

    @property
    def tangent(self) -> Floats:
        """The basis T (q, r) with covariance T Tᵀ; NaN unless the curvature is positive definite.

        The delta method, as of Aitchison and Silvey (1958).
        """
        covariance = self.along.covariance
        if not np.isfinite(covariance).all():
            return np.full_like(self.space.basis, np.nan)
        return np.asarray(self.space.basis @ np.linalg.cholesky(covariance))


def converge_along_tangent(
    target: WhitenedObjective, optimizer: Optimizer, point: Floats, unit: Floats
) -> TangentCurvature | None:
    """Take Newton steps along the tangent space while they lower the decrement."""
    # None where it has no dimension, or the objective is not finite.
    found = _converge(target, optimizer, point, unit, 0.0)
    if found is not None and np.isfinite(found.along.matrix).all():
        return found
    return _converge(target, optimizer, point, unit, _RULES.margin) or found


def _converge(
    target: WhitenedObjective, optimizer: Optimizer, point: Floats, unit: Floats, margin: float
) -> TangentCurvature | None:
    """Do so at a distance inside the inequalities."""
    parameters = target.likelihood.parameters
    space = TangentSpace(parameters, optimizer, point, unit, margin=margin)
    size = space.basis.shape[1]
    if size == 0 or not np.isfinite(target.value_at(space.working(np.zeros(size)))):
        return None
    best = TangentCurvature(target, space)
    for _ in range(_RULES.legs):
        if not _RULES.aim < best.decrement < np.inf:
            break
        point = best.space.working(best.step)
        crossed = best.space.crossed(point)
        held = best.space.active | crossed
        if crossed.any():
            back = TangentSpace(parameters, optimizer, best.space.point, unit, held, margin)
            point = back.working(np.zeros(back.basis.shape[1]))
        space = TangentSpace(parameters, optimizer, point, unit, held, margin)
        if space.basis.shape[1] == 0:
            return None
        if not np.isfinite(target.value_at(point)):
            break
        found = TangentCurvature(target, space)
        if not (found.decrement < best.decrement or crossed.any()):
            break
        best = found
    return best
