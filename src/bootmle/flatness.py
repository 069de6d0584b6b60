"""Whether a direction is flat: a walk along it, which the objective does not notice."""

from __future__ import annotations

import numpy as np

from bootmle.arrays import Floats
from bootmle.differences import SAFETY, Frame, Measured, Objective

__all__ = ["is_flat"]

_EPS = float(np.finfo(float).eps)
_VISIBLE = 1e-3
"""Change of the objective that counts as one, whatever the noise."""
_WALK = 100.0
"""Distance, in conditional standard errors, over which a flat direction has to be flat."""
_NARROWING = 10.0
"""How much narrower a valley may become over that distance."""
_BESIDE = 3e-6
"""Largest distance from the bottom of a valley, in standard errors, that is made up for."""
_SHARES = (1.0, 1 / 8, 1 / 64)
"""Parts of that distance at which it is tried where the objective's domain ends."""


def is_flat(
    objective: Objective, frame: Frame, measured: Measured, noise: float, z: Floats
) -> bool:
    """Walk along a direction to both sides; the objective may change by its noise alone.

    Where its domain ends on one side, the walk to the other has to reach the whole distance.
    """
    z = z * _WALK / np.linalg.norm(frame.axes @ z / frame.scales)
    step = frame.axes @ z
    jitter = _EPS * np.linalg.norm(frame.inverse * (np.abs(objective.point) + np.abs(step)))
    # The direction is known up to the bounds, so that the walk may stray by as much.
    astray = jitter + np.linalg.norm(measured.error) * np.linalg.norm(z)
    slope = float(np.linalg.norm(measured.slope))
    allowed = 2 * SAFETY * noise + astray * (slope + (1.0 if objective.order == 1 else astray))
    if objective.order == 2:
        # A point is beside the bottom of a valley, by what its slope says, and valleys narrow.
        allowed += (_NARROWING * min(slope + float(astray), _BESIDE)) ** 2
    walks = [_walk(objective, frame, end) for end in (step, -step)]
    furthest, largest = max(share for share, _ in walks), max(change for _, change in walks)
    return bool(furthest == 1 and largest <= allowed < _VISIBLE)


def _walk(objective: Objective, frame: Frame, step: Floats) -> tuple[float, float]:
    """Go as far as the domain does: the share of the step, and what the objective changes by."""
    for share in _SHARES:
        change = frame.turn(objective(share * step) - objective.base)
        if np.isfinite(change).all():
            return share, float(np.max(np.abs(change)))
    return 0.0, np.inf
