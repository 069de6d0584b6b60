"""Optima at infinity along curves, which some parameter leads to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.optimization.continuation import Path
from bootmle.optimization.outcome import Outcome
from bootmle.optimization.path_rules import RULES
from bootmle.optimization.plateaus import SAME_SUPREMUM
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = ["along_curve"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """Which parameters may lead."""

    led: float = 1e-3
    """Share of the furthest one's way up to which a parameter is led: sizes are those of starts, of
    which some are 0."""
    drivers: int = 2
    """Parameters that are tried, those that went furthest."""


_RULES = _Rules()


def along_curve(
    target: WhitenedObjective,
    z: Floats,
    step_sizes: StepSizes,
    *,
    from_end: bool = False,
    near: bool = False,
) -> Outcome | Floats | None:
    """Continue with a parameter that went far, the others fitted at each station."""
    # From the center, or from z, to see whether that is an optimum. Return that there is no finite
    # optimum where the nll levels off, a point (q,) where it is lower than at z, or None.
    whitening = target.whitening
    end, lowest, point = whitening.to_working(z), target.value(z), None
    for column, way in _drivers(target, end):
        path = Path(target, column, end, way, near)
        if np.isfinite(path.limit):
            continue
        if path.stays_level(step_sizes) if from_end else path.reaches_supremum(step_sizes):
            return path.outcome(step_sizes)
        if near and len(path.stations) > 1:
            break
        if from_end:
            continue
        if path.is_endless():
            return path.without_bound()
        for station in path.stations:
            if station.value < lowest - SAME_SUPREMUM:
                lowest, point = station.value, path.point(station)
    return None if point is None else whitening.to_whitened(point)


def _drivers(target: WhitenedObjective, end: Floats) -> list[tuple[int, float]]:
    """List the parameters that went furthest from the center, and how far."""
    # Where none did, that with the least effect, which may go to either side.
    center = target.whitening.center
    sizes = np.maximum(1.0, np.abs(center))
    paces = np.abs(end - center) / sizes
    if not np.isfinite(paces).all():
        return []
    if paces.max(initial=0.0) > RULES.first:
        columns = np.argsort(-paces, kind="stable")[: _RULES.drivers]
        columns = columns[paces[columns] > _RULES.led * paces.max()]
        return [(int(column), float((end - center)[column])) for column in columns]
    here = target.seen_in(Whitening(end, np.diag(RULES.first * sizes)))
    axes, base = np.eye(end.size), here.value(np.zeros(end.size))
    effects = np.abs(here.values(np.concatenate([axes, -axes])) - base).reshape(2, -1)
    target.n_evaluations += here.n_evaluations
    column = int(np.argmin(effects.max(axis=0)))
    return [(column, side * sizes[column]) for side in (1.0, -1.0)]
