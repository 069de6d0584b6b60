"""Stations of a path on which one parameter is moved, and where they lead the others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.optimization.approach import Approach
from bootmle.optimization.others_fit import extrapolate
from bootmle.optimization.path_rules import RULES

__all__ = ["Station", "guesses", "shrinkage"]


class Station(NamedTuple):
    """How far the parameter went, the others (q - 1,) and their standard errors, and the nll."""

    distance: float
    others: Floats
    units: Floats
    value: float


def shrinkage(before: list[Station], distance: float) -> Floats:
    """Say by what the others' standard errors (q - 1,) change, as exponentials of the distance."""
    first, last = before[-2:] if len(before) > 1 else (before[0], before[0])
    if first.distance == last.distance:  # or a step that rounding has lost
        return np.ones_like(last.units)
    share = (distance - last.distance) / (last.distance - first.distance)
    changes: Floats = (last.units / first.units) ** min(share, RULES.growth)
    return changes


def guesses(before: list[Station], distance: float) -> list[Floats]:
    """Say where the others will be, as functions of the distance, which may be infinite."""
    # Or of its logarithm; or where they were last.
    others, found = np.array([each.others for each in before]), [before[-1].others]
    for on_log in (False, True):
        places, place = np.array([each.distance for each in before]), distance
        if on_log:
            if min(*places, distance) <= 0:
                continue
            places, place = np.log(places), float(np.log(distance))
        if len(places) > 2:
            side = float(np.sign(places[-1] - places[0]))
            approach = Approach(side * places, others)
            found.append(approach.at(side * place) if np.isfinite(place) else approach.limits())
        elif np.isfinite(place):
            found.append(extrapolate(places, others, place))
    return [each for each in found if np.isfinite(each).all()]
