"""The independent solver: Newton's method with analytic scores, in small monotone steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from bootmle.likelihood.arrays import Floats
from problems import Problem, draw

TIGHT = 1e-9
_ITERATIONS = 400
_LONGEST = 0.5
_WIDENING = 0.1
_FARTHEST = 1e4
_FLAT = 1e-6
_STEP = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """The resampled likelihood in standard errors of the original fit.

    No code is shared with the package's refits. A step is at most half a standard error (far out a
    tenth of the distance) and never raises the nll, so that the basin is the start's.
    """

    problem: Problem
    center: Floats
    factor: Floats

    @classmethod
    def at(cls, problem: Problem, estimate: Floats) -> Reference:
        """Whiten by the information at the estimate."""
        unscaled = cls(problem, estimate, np.diag(np.maximum(np.abs(estimate), 0.01)))
        information = _Replicate(unscaled, np.ones(problem.n)).curvature(np.zeros(estimate.size))
        inverse = np.linalg.inv(information)
        return cls(problem, estimate, unscaled.factor @ np.linalg.cholesky(inverse))

    def solve(self, replicate: int, start: Floats | None = None) -> Floats | None:
        """Return one replicate's optimum in z, from the estimate or another start.

        None where there is none within reach: steps that do not shrink, or no curvature.
        """
        target = _Replicate(self, draw(self.problem.n, replicate).weights)
        return target.minimum(np.zeros(self.center.size) if start is None else start)

    def whitened(self, params: Floats) -> Floats:
        """Return where a parameter vector is, in standard errors from the estimate."""
        return np.asarray(np.linalg.solve(self.factor, params - self.center))


class _Replicate:
    """One replicate's nll and its derivatives in z."""

    def __init__(self, reference: Reference, weights: Floats) -> None:
        self.reference = reference
        rows = np.flatnonzero(weights)
        self.weights, self.args = weights[rows], reference.problem.take(rows)

    def params(self, z: Floats) -> Floats:
        return np.asarray(self.reference.center + self.reference.factor @ z)

    def value(self, z: Floats) -> float:
        return float(self.weights @ self.reference.problem.nll(self.params(z), *self.args))

    def slope(self, z: Floats) -> Floats:
        scores = self.reference.problem.scores(self.params(z), *self.args)
        return np.asarray((self.weights @ scores) @ self.reference.factor)

    def curvature(self, z: Floats) -> Floats:
        shifts = _STEP * np.eye(z.size)
        rows = [(self.slope(z + e) - self.slope(z - e)) / (2 * _STEP) for e in shifts]
        return (np.array(rows) + np.array(rows).T) / 2

    def minimum(self, z: Floats) -> Floats | None:
        """Descend until step and gradient vanish."""
        for _ in range(_ITERATIONS):
            slope, curvature = self.slope(z), self.curvature(z)
            if not np.isfinite(curvature).all() or np.linalg.norm(z) > _FARTHEST:
                return None
            values, vectors = np.linalg.eigh(curvature)
            step = -(vectors / np.maximum(np.abs(values), _FLAT)) @ (vectors.T @ slope)
            if max(np.linalg.norm(step), np.linalg.norm(slope)) < TIGHT:
                return z + step if values[0] > _FLAT else None
            z = self._descend(z, step)
        return None

    def _descend(self, z: Floats, step: Floats) -> Floats:
        """Halve the step until the nll does not rise."""
        before = self.value(z)
        longest = max(_LONGEST, _WIDENING * float(np.linalg.norm(z)))
        step = step * min(1.0, longest / float(np.linalg.norm(step)))
        for _ in range(50):
            if self.value(z + step) <= before + 1e-13 * (1 + abs(before)):
                break
            step = step / 2
        return z + step


def separated(X: Floats, y: Floats) -> bool:
    """Whether a logit has no finite optimum, by linear programming (Konis 2007).

    There is none where some b has x_i b >= 0 for every success and <= 0 for every failure, not
    all of them 0.
    """
    signed = (2 * y - 1)[:, None] * X
    found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(y)), bounds=(-1, 1))
    return bool(found.x @ signed.sum(axis=0) > 1e-7)
