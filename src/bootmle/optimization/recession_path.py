"""The path along which a supremum is looked for: the flattest directions, the rest fitted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.optimization.flat_spaces import (
    FlatSpaces,
    hides_curvature,
    noise_at,
    split_by_curvature,
)
from bootmle.optimization.newton import TINY
from bootmle.optimization.outcome import descend
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = ["LEVEL", "RecessionPath", "fit_across", "follow", "size_of"]

LEVEL = 1e-6
"""Change of the nll that is none: what an error of 1e-3 standard errors across makes."""


@dataclass(frozen=True, slots=True)
class _Rules:
    """How far a path goes, and how the rest is fitted."""

    legs: int = 6
    """Times that the distance is doubled and the rest fitted, before the search is given up."""
    shorter: tuple[float, ...] = (1 / 4, 1 / 16)
    """Shares of that distance, where noise, or the end of the domain, lies at the whole of it."""
    steps: int = 4
    """Newton steps of such a fit."""


_RULES = _Rules()


@dataclass(frozen=True, slots=True)
class RecessionPath:
    """A point (q,) where the rest is fitted, and how it came there."""

    z: Floats
    value: float
    before: float  # the value where the last leg began
    came: Floats
    spaces: FlatSpaces  # where the nll is nearly flat there, and where it is not
    step_sizes: StepSizes  # that follow the noise there

    @property
    def length(self) -> float:
        """Length of the last leg."""
        return float(np.linalg.norm(self.came))


def follow(
    target: WhitenedObjective, z: Floats, step: Floats, step_sizes: StepSizes
) -> RecessionPath | None:
    """Double the distance along the flattest directions, the rest fitted across them each time."""
    came, settled = z if z.any() else step, 0
    value = target.value(z)
    for _ in range(_RULES.legs):
        spaces = split_by_curvature(target, z, value, step_sizes)
        if spaces is None and hides_curvature(target, z, came, step_sizes):
            # Steps that are as long as the noise out there asks for show what it hides.
            step_sizes = StepSizes.from_noise(noise_at(target, z, came / size_of(came)))
            spaces = split_by_curvature(target, z, value, step_sizes)
        if spaces is None:
            return None
        flat = spaces.flat
        allowed = value + max(LEVEL, step_sizes.slack(value))
        following, below, done = _go_on(target, z, came, spaces, step_sizes)
        if value < below < np.inf and not below <= allowed:
            allowed = max(allowed, value + noise_at(target, following, came / size_of(came)))
        if not below <= allowed and flat.shape[1] > 1:
            spaces = spaces.narrowed()
            following, below, done = _go_on(target, z, came, spaces, step_sizes)
        for share in _RULES.shorter:
            if done and below <= allowed:
                break
            nearer = _go_on(target, z, came, spaces, step_sizes, share)
            if nearer[2] and nearer[1] <= allowed:
                following, below, done = nearer
        if not below <= allowed and settled:
            return None
        settled = settled + 1 if done else 0
        came, z, last, value = following - z, following, value, below
        if settled > 1:
            return RecessionPath(z, value, last, came, spaces, step_sizes)
    return None


def size_of(step: Floats) -> float:
    """Return a step's length, never 0."""
    return max(float(np.linalg.norm(step)), TINY)


def _go_on(
    target: WhitenedObjective,
    z: Floats,
    came: Floats,
    spaces: FlatSpaces,
    step_sizes: StepSizes,
    share: float = 1.0,
) -> tuple[Floats, float, bool]:
    """Go as far again along the flat directions, or a share of it, and fit across them."""
    # Return the point, its value, and whether that fit converged.
    flat = spaces.flat
    along = flat @ (flat.T @ came)
    if not np.linalg.norm(along) > 0:
        along = -flat @ (flat.T @ spaces.slope)
    length = size_of(along)
    reach = share * max(1.0, float(np.linalg.norm(flat.T @ z)))
    far = z + reach / length * along
    following, done = fit_across(target, far, spaces.across, step_sizes)
    return following, target.value(following), done


def fit_across(
    target: WhitenedObjective, z: Floats, across: Floats, step_sizes: StepSizes
) -> tuple[Floats, bool]:
    """Fit along some directions only, (q, r); return where that ends, and whether it converged."""
    if not across.shape[1]:
        return z, True
    whitening = target.whitening
    here = target.seen_in(Whitening(whitening.to_working(z), whitening.factor @ across))
    here.sandwich = None
    start = np.zeros(across.shape[1])
    run = descend(here, start, step_sizes, rounds=_RULES.steps, ceiling=np.inf)
    target.n_evaluations += here.n_evaluations
    return z + across @ run.z[0], bool(run.done[0])
