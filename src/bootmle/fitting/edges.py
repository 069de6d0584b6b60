"""Edges at which the objective jumps, as at an end of the support that parameters set."""

# The nll may fall right up to one: its lowest value is there, and no smooth optimum.

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import null_space

from bootmle.fitting.position import Position
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.outcome import descend
from bootmle.optimization.status import Status
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = ["ends_at_edge"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """What counts as a jump, and where one is looked for, in sizes of the parameters."""

    jump: float = 0.5
    """Rise within rounding: what a regular nll rises by over one standard error."""
    distances: tuple[float, ...] = (2.0**-20, 2.0**-15, 2.0**-10, 2.0**-5, 1.0)
    """From a search's end, one after the other."""
    inward: float = 2.0**-10
    """Step back from an edge over which the nll must rise."""
    between: int = 10
    """Points over this step, whose third differences show noise (Moré and Wild 2011)."""
    rough: float = 0.1
    """Noise, as a share of the rise over that step, beyond which it may be no rise."""
    margin: float = 1e-10
    """Distance from an edge along which the others are fitted: rounding leads beyond it else."""
    beside: float = 2.0**-10
    """Step along another parameter, to see where the edge is then."""
    parallel: float = 1e-6
    """Slope of an edge that is none."""
    endless: float = 0.1
    """Fall over the margin that is that of a logarithm of the distance, which has no end."""
    rounds: int = 4
    """Times that edges are looked for, and the rest is fitted along them."""
    legs: int = 8
    """Of such a fit, in coordinates of the curvature where it stands."""
    steps: int = 4
    """Of each leg."""
    settled: float = 1e-6
    """Fall of the nll over a round that ends them."""
    densest: float = float(np.log(np.finfo(float).max))
    """An average log-likelihood that is hardly one: no number holds such a density."""


_RULES = _Rules()

_JUMP = (
    "the likelihood rises right up to a jump in {names}, as at an end of the support that depends "
    "on parameters: its maximum there is not smooth, and no standard error follows; fix what sets "
    "that end, or use Estimator to bootstrap your own fit"
)
_ENDLESS = (
    "the likelihood rises without bound toward an edge in {names}, as where a density is infinite "
    "at an end of its support: there is no maximum; fix what sets that end"
)
_SIGN = (
    "the objective is {nll:.3g} there: does fun return the log-likelihood rather than its negative?"
)


@dataclass(frozen=True, slots=True)
class _Edges:
    """Looks for jumps of the nll from a point (q,) where it is finite."""

    target: WhitenedObjective
    sizes: Floats

    def jump(self, working: Floats, column: int, sign: float) -> tuple[float, float] | None:
        """Return the distance to where it jumps along one parameter, and its rise until there."""

        def rise(distance: float) -> float:
            point = working.copy()
            point[column] += sign * distance
            return self.target.value_at(point) - here

        here = self.target.value_at(working)
        bounds = self.target.likelihood.parameters.bounds[column]
        near, level, high = 0.0, 0.0, 0.0
        for share in _RULES.distances:
            far = share * self.sizes[column]
            if not bounds[0] < working[column] + sign * far < bounds[1]:
                return None
            high = rise(far)
            if not high < level + _RULES.jump:
                break
            near, level = far, high
        while high - level > _RULES.jump and level < _RULES.jump:
            middle = (near + far) / 2
            places = working[column] + np.array([near, middle, far]) * sign
            if places[1] in (places[0], places[2]):
                return near, level
            between = rise(middle)
            if between < level + _RULES.jump:
                near, level = middle, between
            else:
                far, high = middle, between
        return None

    def onto(self, working: Floats, column: int) -> tuple[Floats, Floats] | None:
        """Go along one parameter to a jump that the nll falls up to; return its normal, too."""
        # None where there is no such jump.
        for sign in (1.0, -1.0):
            found = self.jump(working, column, sign)
            if found is None or found[1] > _RULES.settled:
                continue
            point, back = working.copy(), working.copy()
            point[column] += sign * (found[0] - _RULES.margin * self.sizes[column])
            back[column] += sign * (found[0] - _RULES.inward * self.sizes[column])
            if self._rises_back(point, back):
                return point, self._normal(point, column, sign)
        return None

    def _rises_back(self, point: Floats, back: Floats) -> bool:
        """Whether the nll rises smoothly back from an edge: noise has jumps everywhere."""
        shares = np.arange(_RULES.between)[:, None] / (_RULES.between - 1)
        values = np.array([self.target.value_at(each) for each in point + shares * (back - point)])
        rise = values[-1] - values[0]
        # A logarithm of the distance, which has no end, is steepest at the edge.
        noise = np.sqrt(np.mean(np.diff(values[1:], 3) ** 2) / 20)
        return bool(noise < _RULES.rough * rise)

    def is_endless(self, working: Floats) -> bool:
        """Whether the nll falls by much over the last digits before a jump beside a point."""
        for column, size in enumerate(self.sizes):
            for sign in (1.0, -1.0):
                found = self.jump(working, column, sign)
                if found is not None and found[0] <= 2 * _RULES.margin * size:
                    back = working.copy()
                    back[column] += sign * (found[0] - _RULES.margin * size)
                    rise = self.target.value_at(back) - self.target.value_at(working)
                    return bool(rise - found[1] > _RULES.endless)
        return False

    def _normal(self, point: Floats, column: int, sign: float) -> Floats:
        """Return the edge's normal (q,), by where the edge is as each other parameter moves."""
        normal = np.zeros(point.size)
        normal[column] = 1.0
        for other in np.setdiff1d(np.arange(point.size), [column]):
            for side in (1.0, -1.0):
                step = side * _RULES.beside * self.sizes[other]
                moved = point.copy()
                moved[other] += step
                inside = self.target.value_at(moved) - self.target.value_at(point) < _RULES.jump
                found = self.jump(moved, column, sign) if inside else None
                if found is not None:
                    slope = sign * (found[0] - _RULES.margin * self.sizes[column]) / step
                    normal[other] = -slope if abs(slope) > _RULES.parallel else 0.0
                    break
        return normal


def ends_at_edge(search: Position) -> bool:
    """Go to the edge that the nll falls up to, if there is one, and say so in the search."""
    left, columns = search.working, set[int]()
    if search.best_params is not None and search.best < search.likelihood.total(search.user()):
        search.working = search.likelihood.parameters.to_working(search.best_params)
    sizes = np.maximum(np.abs(search.working), np.abs(search.start()))
    sizes = np.where((sizes > 0) & np.isfinite(sizes), sizes, 1.0)
    for _ in range(_RULES.rounds):
        search.whitening = Whitening(search.working, np.eye(search.working.size))
        target = search.target()
        point, normals = _onto_edges(_Edges(target, sizes), search.working)
        if not len(normals):
            break
        columns |= set(np.flatnonzero(normals.any(axis=0)).tolist())
        lowest = min(point, _fit_along(search, target, point, normals, sizes), key=target.value_at)
        fall = -target.value_at(lowest)
        search.working = lowest if fall > 0 else search.working
        if not fall > _RULES.settled:
            break
    if not columns:
        search.working = left
        return False
    search.target()
    search.status, search.decrement = Status.NOT_CERTIFIED, np.inf
    search.infinite = np.empty(0, dtype=np.intp)
    names = search.likelihood.parameters.listed(np.array(sorted(columns)))
    why = _ENDLESS if _Edges(target, sizes).is_endless(search.working) else _JUMP
    search.notes[:] = [why.format(names=names)]
    nll = search.likelihood.total(search.user())
    if nll < -_RULES.densest * (search.likelihood.n_observations or 1):
        search.notes.append(_SIGN.format(nll=nll))
    return True


def _onto_edges(edges: _Edges, working: Floats) -> tuple[Floats, Floats]:
    """Go to all edges that the nll falls up to; return the point and their normals (k, q)."""
    normals = np.empty((0, working.size))
    for column in range(working.size):
        if normals[:, column].any():  # that edge depends on this parameter, too
            continue
        found = edges.onto(working, column)
        if found is not None:
            working, normals = found[0], np.vstack([normals, found[1]])
    return working, normals


def _fit_along(
    search: Position, target: WhitenedObjective, point: Floats, normals: Floats, sizes: Floats
) -> Floats:
    """Fit what can move along the edges, from a point (q,) beside them."""
    basis = null_space(normals * sizes)
    if not basis.shape[1]:
        return point
    whitening = Whitening(point, sizes[:, None] * basis)
    for _ in range(_RULES.legs):
        here = target.seen_in(whitening)
        origin = np.zeros(whitening.size)
        run = descend(here, origin, search.step_sizes, rounds=_RULES.steps, ceiling=np.inf)
        if not np.isfinite(run.hessian[0]).all():
            break
        point = whitening.to_working(run.z[0])
        whitening = whitening.rewhitened(point, run.hessian[0])
        if run.done[0]:
            break
    return point
