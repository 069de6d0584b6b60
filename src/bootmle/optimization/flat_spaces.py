"""Directions in which a likelihood is nearly flat at a point, and the noise there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.derivatives import gradient_and_hessian
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = [
    "FlatSpaces",
    "hides_curvature",
    "noise_at",
    "noise_in",
    "split_by_curvature",
    "table_along",
]


@dataclass(frozen=True, slots=True)
class _Rules:
    """When a direction counts as nearly flat, and how noise is measured."""

    shallow: float = 0.05
    """Curvature, in the original fit's standard errors, up to which a direction may be one."""
    apart: float = 10.0
    """Ratio of two such curvatures from which on only the smaller one's is followed."""
    table: float = 1e-4
    """Spacing of the points whose third differences show the noise."""
    noises: float = 4.0
    """Noise levels by which equal values may differ."""


_RULES = _Rules()


@dataclass(frozen=True, slots=True)
class FlatSpaces:
    """Orthonormal directions in which the nll is nearly flat (r, k), flattest first, and others."""

    flat: Floats
    across: Floats  # (r, r - k), each of the length over which the nll rises by one half
    slope: Floats  # (r,)
    lengths: Floats  # (k,) over which it does in the flat ones
    shallow: Floats  # all directions of little curvature (r, m), m at least k
    steep: Floats  # (r, r - m), the others, with lengths as across

    @property
    def n_shallow(self) -> int:
        """Number of directions of little curvature."""
        return int(self.shallow.shape[1])

    def narrowed(self) -> FlatSpaces:
        """Keep the flattest direction alone."""
        moved = self.flat[:, 1:] * self.lengths[1:]
        return FlatSpaces(
            self.flat[:, :1],
            np.hstack([self.across, moved]),
            self.slope,
            self.lengths[:1],
            self.shallow,
            self.steep,
        )


def split_by_curvature(
    target: WhitenedObjective, z: Floats, value: float, step_sizes: StepSizes
) -> FlatSpaces | None:
    """Split the directions by the curvature at a point; None where it is flat along none."""
    unit = np.ones(z.size)
    slope, hessian = gradient_and_hessian(target, z, value, unit, step_sizes.hessian_step)
    if not np.isfinite(hessian).all():
        return None
    curvatures, vectors = np.linalg.eigh(hessian)
    shallow = curvatures < _RULES.shallow
    count = int(shallow.sum())
    if not count:
        return None
    flat, lengths = vectors[:, shallow], np.ones(count)
    across = steeper = vectors[:, ~shallow] / np.sqrt(curvatures[~shallow])
    if count > 1:
        # The error of a whole Hessian's mixed differences hides which of them is flatter.
        whitening = target.whitening
        there = Whitening(whitening.to_working(z), whitening.factor @ flat)
        inside = target.seen_in(there)
        inside.sandwich = None
        origin = np.zeros(count)
        _, hessian = gradient_and_hessian(
            inside, origin, value, np.ones(count), step_sizes.hessian_step
        )
        target.n_evaluations += inside.n_evaluations
        if not np.isfinite(hessian).all():
            return None
        inner, turned = np.linalg.eigh(hessian)
        flat = flat @ turned
        least = max(float(np.abs(inner).min()), step_sizes.noise / step_sizes.hessian_step**2)
        lengths = 1 / np.sqrt(np.maximum(inner, least))
        steep = inner > _RULES.apart * least
        across = np.hstack([across, flat[:, steep] * lengths[steep]])
        flat, lengths = flat[:, ~steep], lengths[~steep]
    return FlatSpaces(flat, across, slope, lengths, vectors[:, shallow], steeper)


def hides_curvature(
    target: WhitenedObjective, z: Floats, direction: Floats, step_sizes: StepSizes
) -> bool:
    """Whether the noise at a point may make the curvature that is measured there."""
    noise = noise_at(target, z, direction / np.linalg.norm(direction))
    return bool(noise / step_sizes.hessian_step**2 > _RULES.shallow)


def noise_at(target: WhitenedObjective, z: Floats, direction: Floats) -> float:
    """Measure how far noise sets values apart, by third differences (Moré and Wild 2011)."""
    return noise_in(table_along(target, z, direction))


def table_along(target: WhitenedObjective, z: Floats, direction: Floats) -> Floats:
    """Evaluate at eight points near one (r,) along a direction."""
    return target.values(z + _RULES.table * np.arange(8)[:, None] * direction)


def noise_in(values: Floats) -> float:
    """Return how far noise sets values apart, by their third differences."""
    return _RULES.noises * float(np.sqrt(np.mean(np.diff(values, 3) ** 2) / 20))
