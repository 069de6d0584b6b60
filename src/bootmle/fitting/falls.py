"""How far the nll falls, and whether a fall ends, along the way from the start or another one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bootmle.fitting.position import Position
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.convergence import FLAT
from bootmle.optimization.divergence import Ray, probe_rays
from bootmle.optimization.status import Status
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = ["Falls"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """How far falls are followed, and what counts as level."""

    path_doublings: int = 7
    """Of the path from the start, to 64 times its length, to see whether the nll keeps falling."""
    path_fall: float = 0.1
    """Fall since the start without which that path says nothing: a fifth of a standard error's."""
    path_level: float = 1e-6
    """Share of that fall by which the nll may rise on it."""
    path_falls_on: float = 0.01
    """Share of that fall by which an nll without a lower bound falls beyond SciPy's point."""
    fall_doublings: int = 200
    """Of a step along which the nll falls, to 1e60 times its length, before it has no end."""
    flat: float = 1e-3
    """Rise over 64 standard errors that is none; a regular nll has risen by 64²/2."""


_RULES = _Rules()


@dataclass(slots=True)
class Falls(Position):
    """A search's falls along straight ways."""

    def _keeps_falling(self, start: Floats) -> bool:
        """Whether the nll stays low far beyond SciPy's point, as it does past no optimum."""
        path = self.working - start
        bounded = np.isfinite(self.likelihood.parameters.bounds).any()
        if bounded or self.drop < _RULES.path_fall:
            return False
        target, doublings = self.target(), range(_RULES.path_doublings)
        beyond = []
        for k in doublings:
            beyond.append(target.value_at(self.working + 2.0**k * path))
            if not beyond[-1] <= _RULES.path_level * self.drop:
                return False
        if min(beyond) < -_RULES.path_falls_on * self.drop and self._fall_ends(path):
            return False
        return self.rises_to_supremum(path)

    def _ray_from(self, start: Floats) -> Ray | None:
        """Probe the ray from the start through here."""
        path = self.working - start
        if not np.any(path):
            return None
        self.whitening = Whitening(self.working, path[:, None])
        return probe_rays(self.target(), np.zeros(1), 0.0, np.ones(1), self.step_sizes)

    def _diverges(self, ray: Ray | None) -> bool:
        """Conclude from a ray that there is no optimum, or that the sign is wrong."""
        if ray is None:
            return False
        direction = self.whitening.factor @ ray.direction
        if self.meets_bound(direction):
            return True
        falls = not ray.saturating and -ray.end > _RULES.path_falls_on * max(1.0, self.drop)
        if falls and self._fall_ends(direction):
            return False
        return self.rises_to_supremum(direction, ray.reach)

    def _fall_ends(self, direction: Floats) -> bool:
        """Follow a fall while it lasts, to where it ends; False where it levels off far away."""
        # One that does not end is refused.
        self.whitening = Whitening(self.working, direction[:, None])
        target, falls = self.target(), [0.0]
        for doubling in range(_RULES.fall_doublings):
            falls.append(target.value(np.array([2.0**doubling])))
            if not falls[-1] < falls[-2] or falls[-1] == -np.inf:
                break
        if not falls[-1] < falls[-2]:
            distance = 2.0 ** (len(falls) - 3) if len(falls) > 2 else 0.0
            self.working = self.whitening.to_working(np.array([distance]))
            self.information = self.measure()
            return True
        if falls[-1] - falls[-2] < _RULES.path_falls_on * falls[-1] / len(falls):
            self.refuse(f"falls by {-falls[-1]:.3g} beyond where SciPy stopped", direction)
        return False

    def _stays_flat(self, target: WhitenedObjective, z: Floats, side: Floats) -> bool:
        """Whether the nll does not rise over many standard errors to one side, but to the other."""
        value, doublings = target.value(z), range(_RULES.path_doublings)
        along = [target.value(z + 2.0**k * side) - value for k in doublings]
        return max(along) < _RULES.flat and target.value(z - side) - value > FLAT

    def _falls_on(self, target: WhitenedObjective, z: Floats, side: Floats) -> bool:
        """Whether the nll falls on one side, and ends to fall: the search then stands there."""
        falls = target.value(z) - target.value(z + 2.0 ** (_RULES.path_doublings - 1) * side)
        return falls > _RULES.flat and self._fall_ends(self.whitening.factor @ side)

    def _stops_at_edge(self, start: Floats) -> bool:
        """End where no curvature can be measured: at an edge of the domain, or beyond it."""
        total = self.likelihood.total(self.user())
        if total == -np.inf:
            self.refuse("falls to -inf", self.working - start)
        self.status = Status.NOT_CERTIFIED if np.isfinite(total) else Status.NOT_FINITE
        self.whitening = Whitening(self.working, np.eye(self.working.size))
        return True
