"""What holds of an optimum at infinity that a replicate seems to have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.optimization.divergence import domain_ends
from bootmle.optimization.open_values import open_columns
from bootmle.optimization.outcome import SUPREMUM, UNBOUNDED, Outcome
from bootmle.optimization.plateaus import SAME_SUPREMUM, fit_others
from bootmle.optimization.status import Status
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective

__all__ = ["leaves_domain", "mark_open", "passes_infinity"]

_ONWARD = 0.5
"""Share of the way to a supremum by which it is looked at from further out."""


def leaves_domain(target: WhitenedObjective, found: Outcome) -> bool:
    """Whether the domain ends before infinite parameters get there."""
    parameters = target.likelihood.parameters
    diverging = ~np.isfinite(found.params[parameters.free])
    if found.seen is None or not diverging.any():
        return False
    here = parameters.to_working(found.seen)
    return domain_ends(target.value_at, target.whitening.center, here, diverging)


def mark_open(target: WhitenedObjective, found: Outcome) -> Outcome:
    """Mark as undetermined, NaN, what a supremum leaves open."""
    parameters = target.likelihood.parameters
    ends = found.params[parameters.free]
    endless = found.message.startswith(UNBOUNDED)
    if found.seen is None or endless or np.isnan(ends).any():
        return found
    here, sizes = parameters.to_working(found.seen), target.whitening.units
    units = 1 / np.linalg.norm(target.whitening.inverse, axis=0)
    moved = ends != found.seen[parameters.free]
    further = here + _ONWARD * np.where(moved, here - target.whitening.center, 0.0)
    columns = open_columns(target, here, further, np.flatnonzero(~moved), sizes, units)
    if not columns.size:
        return found
    params = found.params.copy()
    params[parameters.free[columns]] = np.nan
    message = f"{SUPREMUM}: {parameters.listed(columns)} not determined there"
    return replace(found, params=params, status=Status.NO_FINITE_OPTIMUM, message=message)


def passes_infinity(
    target: WhitenedObjective, found: Outcome, seen: Floats, step_sizes: StepSizes
) -> bool:
    """Whether the nll is as low at the other end of what diverges: as a ratio's is."""
    here = target.likelihood.parameters.to_working(seen)
    infinite = np.isinf(found.params[target.likelihood.parameters.free])
    level = target.value_at(here) + SAME_SUPREMUM
    held = np.flatnonzero(infinite)
    for side in (1.0, -1.0) if held.size else ():
        point = np.where(infinite, 2 * target.whitening.center - here, side * here)
        fitted = fit_others(target, held, point, step_sizes, patient=True, goal=level)
        if fitted is not None and target.value_at(fitted.working) <= level:
            return True
    return False
