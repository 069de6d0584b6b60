"""Whether the likelihood rises without end along a ray."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bootmle.arrays import Floats
from bootmle.fitting.whitening import Target

__all__ = ["Ray", "probe_rays"]

_DOUBLINGS = 7
_AT_LEAST = 4
_FURTHER = 8


@dataclass(frozen=True, slots=True)
class Ray:
    """A half-line along which the nll falls all the way.

    Attributes
    ----------
    origin : (q,) array
        Where it starts.
    direction : (q,) array
        Its unit vector.
    end : float
        The lowest value seen.
    reach : float
        The distance at which it was seen.
    saturating : bool
        Whether the fall dies out (the likelihood has a supremum); else it goes on without bound.
    """

    origin: Floats
    direction: Floats
    end: float
    reach: float
    saturating: bool

    def follow(self, target: Target) -> tuple[Floats, float]:
        """Follow the ray on while the nll falls; return the lowest point and its value."""
        lowest, distance = self.end, self.reach
        for _ in range(_FURTHER):
            value = target.value(self.origin + 4 * distance * self.direction)
            if not value < lowest:
                break
            lowest, distance = value, 4 * distance
        return self.origin + distance * self.direction, lowest


def probe_rays(target: Target, z: Floats, step: Floats, noise: float) -> Ray | None:
    """Double the distance along the way from the estimate and along the last step.

    A regular optimum turns the likelihood down within a few standard errors; a likelihood still
    rising at over a hundred has none. Whether it is so is read off the values on the ray alone.
    """
    for direction in (step, z):
        length = float(np.linalg.norm(direction))
        if length > 0 and np.isfinite(length):
            ray = _probe(
                target, z, direction / length, max(length, float(np.linalg.norm(z)), 1.0), noise
            )
            if ray is not None:
                return ray
    return None


def _probe(target: Target, z: Floats, direction: Floats, reach: float, noise: float) -> Ray | None:
    """Follow one ray; None where the nll rises before the end, or is not finite at the origin."""
    start = target.value(z)
    if not np.isfinite(start):
        return None
    values = [start]
    for doubling in range(_DOUBLINGS):
        value = target.value(z + reach * 2.0**doubling * direction)
        if not np.isfinite(value) and doubling >= _AT_LEAST:
            break
        if not value <= values[-1] + 4 * noise + 1e-12 * abs(start):
            return None
        values.append(value)
    falls = -np.diff(values)
    total = float(falls.sum())
    if total <= 4 * noise:
        return None
    furthest = reach * 2.0 ** (len(falls) - 1)
    return Ray(z, direction, values[-1], furthest, bool(falls[-1] <= 0.1 * total))
