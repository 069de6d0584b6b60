"""Optima at infinity of contributions: the cone of directions that raise none of them."""

# A convex nll has no finite optimum where a direction lowers a contribution and raises none
# (Rockafellar 1970, Convex Analysis, section 27; for a logit Albert and Anderson 1984). Linear
# programs over the contributions' slopes find all such directions (Konis 2007): they say which
# parameters diverge, with which sign, and which of their combinations have finite estimates.

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import optimize

from bootmle.likelihood.arrays import Floats
from bootmle.optimization.bounds import Columns, scale_ends
from bootmle.optimization.outcome import SUPREMUM, Outcome, no_finite_optimum
from bootmle.optimization.plateaus import SAME_SUPREMUM, fit_others
from bootmle.optimization.recession_path import fit_across
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective

__all__ = ["along_cone"]

linprog: Any = optimize.linprog  # its overloads take no array of bounds


@dataclass(frozen=True, slots=True)
class _Rules:
    """How slopes are measured, and what counts as none; lengths in standard errors."""

    step: float = 1e-4
    """Spacing of central differences: they err by 1e-4²/6 of a slope."""
    noisy: float = 1e-11
    """Noise of the objective from which on these say nothing: 1e-7 of a slope."""
    level: float = 3e-7
    """Part of a contribution's slope in a direction that is none: ten times what these errors make
    of a probit's, 5 standard deviations out."""
    faint: float = 1e-3
    """Slope, as a share of the largest, of which rounding leaves such a part: it is left out, and
    measured elsewhere."""
    lowers: float = 1e-4
    """Part by which a direction lowers a contribution; a smaller one may be within the errors."""
    distances: tuple[float, ...] = (8.0, 64.0, 512.0)
    """Where each contribution is looked at: a regular one has turned by then."""
    cuts: int = 8
    """Places at which slopes are measured, after a direction raised a contribution there."""
    rows: int = 64
    """Contributions added to a linear program at a time: it needs few of them."""
    involved: float = 1e-4
    """Part of a parameter in a direction, in standard errors, by which it diverges, too."""
    further: int = 8
    """Times that a way is made four times as long until the nll is level: to 8e6 standard errors,
    where a part of 1e-4 has become one of 800."""
    rounding: float = 1e-9
    """Rise of a contribution that is none."""
    flat: float = 1e-6
    """Change of the nll that is none."""


_RULES = _Rules()
_EXACTLY = {"primal_feasibility_tolerance": 1e-9}  # 1e-7 by default


def along_cone(target: WhitenedObjective, z: Floats, step_sizes: StepSizes) -> Outcome | None:
    """Find a supremum at infinity by the slopes of the contributions; None where there is none."""
    # Or where a total, noise, or a direction that the data leave open hides it.
    if not target.likelihood.per_observation or step_sizes.noise > _RULES.noisy or not z.any():
        return None
    cone = _Cone(target)
    inside = cone.inside()
    if inside is None:
        return None
    across, flat = _split(cone.level(inside))
    direction = flat @ (flat.T @ inside)
    far = _level_point(target, z, direction, step_sizes)
    if far is None:
        return None
    far, done = fit_across(target, far, across, step_sizes)
    value, beyond = target.values(np.array([far, far + _RULES.distances[1] * direction]))
    if not (done and abs(beyond - value) <= max(_RULES.flat, step_sizes.slack(value))):
        return None
    whitening = target.whitening
    parts = whitening.factor @ flat / whitening.units[:, None]
    columns = np.flatnonzero(np.linalg.norm(parts, axis=1) > _RULES.involved)
    signs = cone.signs(inside, columns)
    working = whitening.to_working(far)
    fitted = None if signs is None else fit_others(target, columns, working, step_sizes)
    if signs is None or fitted is None:
        return None
    ends = scale_ends(target.likelihood.parameters, columns, signs)
    return no_finite_optimum(target, fitted.working, columns, ends, SUPREMUM, fitted.errors)


def _level_point(
    target: WhitenedObjective, z: Floats, direction: Floats, step_sizes: StepSizes
) -> Floats | None:
    """Return a point (r,) beyond which the nll falls no more along a direction; None without one.

    It may rise by what the direction's error makes, before the rest is fitted across it.
    """
    point, value = z, target.value(z)
    tolerance = max(_RULES.flat, step_sizes.slack(value))
    for quadrupling in range(_RULES.further):
        last, before = point, value
        point = z + 4.0**quadrupling * _RULES.distances[-1] * direction
        value = target.value(point)
        if not value <= before + SAME_SUPREMUM:
            return None
        if value >= before - tolerance:
            return last if quadrupling else point
    return None


@dataclass(slots=True)
class _Cone:
    """Slopes (m, r) of contributions, of length 1: a direction of recession raises none."""

    target: WhitenedObjective
    slopes: Floats = field(init=False)
    values: Floats = field(init=False)  # (n,) at the estimate
    sizes: Floats = field(init=False)  # (n,) of the slopes there
    n_cuts: int = 0

    def __post_init__(self) -> None:
        """Measure the slopes at the estimate."""
        size = self.target.whitening.size
        self.slopes = np.empty((0, size))
        self.values = self._contributions(np.zeros((1, size)))[0]
        self.sizes = self._measure(np.zeros(size))

    def _contributions(self, points: Floats) -> Floats:
        """Evaluate the contributions that are drawn (k, n), minus those at the estimate."""
        target = self.target
        rises, weights = (
            target.rises(target.to_user(points), target.base),
            target.likelihood.weights,
        )
        return rises if weights is None else rises[:, weights > 0]

    def _measure(self, z: Floats) -> Floats:
        """Add the slopes at a point; return their sizes (n,)."""
        steps = _RULES.step * np.eye(z.size)
        values = self._contributions(np.concatenate([z + steps, z - steps]))
        slopes = (values[: z.size] - values[z.size :]).T / (2 * _RULES.step)
        finite = np.nan_to_num(slopes, nan=0.0, posinf=0.0, neginf=0.0)
        sizes: Floats = np.linalg.norm(finite, axis=1)
        kept = np.isfinite(slopes).all(axis=1) & (sizes > _RULES.faint * sizes.max(initial=0.0))
        self.slopes = np.vstack([self.slopes, slopes[kept] / sizes[kept, None]])
        return sizes

    def inside(self) -> Floats | None:
        """Return a direction (r,) that lowers every contribution which any one lowers."""
        # None where none lowers any, or the data leave a direction open.
        _, open_space = _split(self.slopes)
        if open_space.size:
            # Slopes that are faint at the estimate are not so on one of its sides.
            for distance in (_RULES.distances[0], -_RULES.distances[0]):
                self._measure(distance * open_space.sum(axis=1) / np.sqrt(open_space.shape[1]))
        found = np.zeros(self.slopes.shape[1])
        for _ in range(found.size):
            level = self.level(found)
            other = self.lowering(level.sum(axis=0) / np.sqrt(max(1, len(level))))
            if other is None:
                break
            found = found + other
        length = float(np.linalg.norm(found))
        return found / length if length else None

    def level(self, direction: Floats) -> Floats:
        """Return the slopes (k, r) that a direction has no part in."""
        parts = self.slopes @ direction
        return self.slopes[parts >= -_RULES.lowers * np.linalg.norm(direction)]

    def signs(self, inside: Floats, columns: Columns) -> Floats | None:
        """Return the signs (k,) with which parameters diverge; 0 where they can with both."""
        whitening, signs = self.target.whitening, np.zeros(columns.size)
        for place, column in enumerate(columns):
            part = whitening.factor[column] / whitening.units[column]
            for sign in (1.0, -1.0):
                if sign * (part @ inside) > _RULES.involved or (
                    self.lowering(-sign * part) is not None
                ):
                    signs[place] += sign
        return signs if self.n_cuts <= _RULES.cuts else None

    def lowering(self, cost: Floats) -> Floats | None:
        """Return the direction (r,) of the cone, within a cube, along which a cost falls most."""
        while self.n_cuts <= _RULES.cuts:
            direction = self._solved(cost)
            if direction is None or not cost @ direction < -_RULES.lowers:
                return None
            risen = self._risen(direction)
            if risen is None:
                return direction
            self.n_cuts += 1
            self._measure(risen * direction)
            if not np.any(self.slopes @ direction > _RULES.level):
                self.n_cuts = _RULES.cuts + 1
        return None

    def _solved(self, cost: Floats) -> Floats | None:
        """Solve the linear program, by adding the slopes that the last solution raises most."""
        direction, used = -np.sign(cost), np.empty(0, dtype=np.intp)
        while True:
            parts = self.slopes @ direction
            worst = np.argsort(-parts, kind="stable")[: _RULES.rows]
            worst = worst[parts[worst] > _RULES.level]
            if not worst.size:
                # A solution inside the cube is what the tolerance leaves open.
                return direction if np.abs(direction).max() > 1 / 2 else None
            more = np.union1d(used, worst)
            if more.size == used.size:
                return None
            used, limits = more, np.full(more.size, _RULES.level / 2)
            solution = linprog(
                cost, A_ub=self.slopes[used], b_ub=limits, bounds=(-1, 1), options=_EXACTLY
            )
            if solution.status != 0:
                return None
            direction = solution.x

    def _risen(self, direction: Floats) -> float | None:
        """Return the first distance at which a contribution has risen; None where none has."""
        distances = np.array(_RULES.distances)
        values = self._contributions(distances[:, None] * direction)
        gaps = np.diff(distances, prepend=0.0)[:, None]
        rises = np.diff(np.vstack([self.values, values]), axis=0)
        risen = ~(rises <= 2 * _RULES.level * gaps * self.sizes + _RULES.rounding)
        first = np.flatnonzero(risen.any(axis=1))
        return float(distances[first[0]]) if first.size else None


def _split(slopes: Floats) -> tuple[Floats, Floats]:
    """Return bases (r, k) of the space that slopes span, and of what is left, (r, r - k)."""
    size = slopes.shape[1]
    _, sizes, vectors = np.linalg.svd(np.vstack([slopes, np.zeros((size, size))]))
    # Each slope may have that part in a direction that is left.
    rank = int((sizes > _RULES.lowers * np.sqrt(len(slopes))).sum())
    return vectors[:rank].T, vectors[rank:].T
