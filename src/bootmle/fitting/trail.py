"""The trail of SciPy's search: its iterates, and its approximation to the Hessian."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.optimization.newton import bfgs_changes

__all__ = ["Trail"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """When SciPy's search pauses, by its own approximation to the Hessian."""

    near: float = 1e-3
    """Distance to the optimum, in standard errors, from which two looks at the axes are enough:
    3e-3 and 3e-4 take as many evaluations, on 171 test functions."""
    few: int = 5
    """Parameters up to which these take fewer evaluations than SciPy's last steps."""
    share: float = 1e-3
    """Largest share of the fall since the start that may be left."""
    trials: int = 10
    """Points that a line search looks at before it fails for differences that are off; one or two
    are enough elsewhere."""
    off: float = 1.0
    """Distance within which it fails for those, rather than far from any optimum."""
    apart: float = 1e-6
    """Step of a difference, in sizes of the parameter: SciPy's is 1.5e-8."""


_RULES = _Rules()


@dataclass(slots=True)
class Trail:
    """SciPy's iterates so far, and its approximation to the Hessian by their gradients."""

    seen: list[tuple[Floats, float]] = field(default_factory=list)  # since the last iterate
    start: float = np.nan  # nll there
    point: Floats | None = None
    slope: Floats | None = None
    hessian: Floats | None = None
    newton: Floats | None = None  # the step that leads to its optimum
    updates: int = 0
    distance: float = np.inf  # to the optimum, in standard errors

    def take(self, point: Floats, value: float) -> None:
        """Take down an evaluation."""
        if self.point is None:
            self.start, self.point = value, point.copy()
        self.seen.append((point.copy(), value))

    def is_stuck(self) -> bool:
        """Whether a line search near an optimum leads nowhere."""
        size = 0 if self.point is None else self.point.size
        return self.distance < _RULES.off and len(self.seen) > _RULES.trials * (size + 1)

    def has_arrived(self) -> bool:
        """Whether the optimum is near, and found by fewer evaluations than SciPy's last steps."""
        few = self.point is not None and self.point.size <= _RULES.few
        return few and self.distance < _RULES.near

    def arrive(self, point: Floats) -> None:
        """Update the Hessian by an iterate's gradient, which was evaluated before."""
        if self.slope is None and self.point is not None:
            self.slope, self.hessian = self._slope_at(self.point), np.eye(point.size)
        slope, before, hessian = self._slope_at(point), self.point, self.hessian
        value = next((f for x, f in reversed(self.seen) if np.array_equal(x, point)), np.nan)
        if slope is None or self.slope is None or before is None or hessian is None:
            self.slope, self.point, self.seen, self.distance = slope, point.copy(), [], np.inf
            return
        step, change = (point - before)[None], (slope - self.slope)[None]
        hessian = hessian + bfgs_changes(hessian[None], step, change)[0]
        self.hessian, self.updates = hessian, self.updates + 1
        self.slope, self.point, self.seen = slope, point.copy(), []
        try:
            self.newton = np.linalg.solve(hessian, slope)
        except np.linalg.LinAlgError:  # to rounding it has one curvature alone
            self.distance = np.inf
            return
        fall = float(slope @ self.newton)
        left = fall / 2 < _RULES.share * (self.start - value)
        known = left and fall >= 0 and self.updates >= point.size
        self.distance = float(np.sqrt(fall)) if known else np.inf

    def _slope_at(self, point: Floats) -> Floats | None:
        """Read the gradient (q,) at a point off the evaluations beside it; None without them."""
        value, slope = np.nan, np.full(point.size, np.nan)
        for other, nll in self.seen:
            step = other - point
            (moved,) = np.nonzero(step)
            if not moved.size:
                value = nll
            elif moved.size == 1:
                column, size = moved[0], _RULES.apart * max(1.0, abs(point[moved[0]]))
                if abs(step[column]) < size:
                    slope[column] = (nll - value) / step[column]
        return np.asarray(slope) if np.isfinite(slope).all() else None

    @property
    def metric(self) -> Floats | None:
        """The inverse Hessian (q, q) so far; None without one."""
        return None if self.hessian is None else np.asarray(np.linalg.inv(self.hessian), float)

    def next(self) -> Floats:
        """Return where a Newton step leads from the last iterate."""
        if self.point is None or self.newton is None:
            raise ValueError("there is no iterate yet")
        return np.asarray(self.point - self.newton)
