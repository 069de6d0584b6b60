"""Optima of a fit at infinity, along any direction from its start."""

from __future__ import annotations

import numpy as np

from bootmle.fitting.descent import Descent
from bootmle.likelihood.definiteness import unit_diagonal
from bootmle.likelihood.information import Information
from bootmle.optimization.cones import along_cone
from bootmle.optimization.convergence import observed_information
from bootmle.optimization.curves import along_curve
from bootmle.optimization.outcome import Outcome, descend
from bootmle.optimization.profile_walk import along_profile
from bootmle.optimization.range_ends import RangeEnd, toward_range_end
from bootmle.optimization.recession import along_recession
from bootmle.optimization.status import Status
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = [
    "find_range_end",
    "find_recession",
    "follow_curve",
    "follow_far_parameter",
    "is_nearly_singular",
]

_STEPS = 6
"""Newton steps from the start: those of a separated logit lead one unit further each."""
_NEARLY_SINGULAR = 1e-8
"""Curvature, on a unit diagonal, up to which a certified optimum is looked at once more; measured
on two quasi-separated samples that were certified: below 1e-10."""
_FAR = 100.0
"""Distance from the start, in units of its size or of 1, from which on a parameter that did not
converge may be diverging."""


def find_recession(search: Descent) -> Outcome | None:
    """Look for an optimum at infinity from where a search ended; None where there is none."""
    # Or from its start, which is nearer: far out there may be nothing left to see but noise.
    information, working, start = search.information, search.working, search.start()
    if not (np.isfinite(information.matrix).all() and np.isfinite(working).all()):
        return None
    # A parameter without curvature has the size of its start as its unit, or 1.
    least = 1 / np.maximum(1.0, np.abs(start)) ** 2
    units = 1 / np.sqrt(np.maximum(np.abs(np.diag(information.matrix)), least))
    whitening = Whitening(start, np.diag(units))
    target = search.target().seen_in(whitening)
    z = whitening.to_whitened(working)
    found = along_cone(target, z, search.step_sizes)
    found = found or along_recession(target, z, z, search.step_sizes, flat_bottoms=True)
    found = _at_infinity(found)
    return found or (_from_start(search) if search.status is not Status.NOT_IDENTIFIED else None)


def is_nearly_singular(information: Information) -> bool:
    """Whether a direction is so flat that what is measured there may be the tail of a supremum."""
    if information.definiteness == "undecided" or not np.isfinite(information.matrix).all():
        return True
    unit = unit_diagonal(information.matrix)
    scaled = unit[:, None] * information.matrix * unit
    return bool(np.linalg.eigvalsh(scaled)[0] < _NEARLY_SINGULAR)


def _from_start(search: Descent) -> Outcome | None:
    """Look for one on a descent from the start, in the curvature's units there."""
    left, start = search.information, search.start()
    first = observed_information(search.likelihood, start)
    if not np.isfinite(first.matrix).all():
        return None
    search.information = first
    target = search.target().seen_in(Whitening.from_curvature(start, first.matrix))
    run = descend(target, np.zeros(start.size), search.step_sizes, _STEPS, ceiling=np.inf)
    found = None
    if not run.done[0]:
        found = along_recession(
            target, run.z[0], run.steps[0], search.step_sizes, flat_bottoms=True
        )
    found = _at_infinity(found)
    if found is None:
        search.information = left
    return found


def _at_infinity(found: Outcome | None) -> Outcome | None:
    """Return an outcome if it is at infinity."""
    return found if found is not None and found.status is Status.NO_FINITE_OPTIMUM else None


def follow_far_parameter(search: Descent) -> Outcome | None:
    """Walk on with a parameter that went far from its start; return that there is no optimum."""
    # Where there is one, the search goes on from about there.
    converged = search.status not in {Status.NOISE_LIMITED, Status.NOT_CERTIFIED}
    if search.likelihood.parameters.curved or converged:
        return None
    start = search.start()
    whitening = Whitening(start, np.diag(_FAR * np.maximum(1.0, np.abs(start))))
    z = whitening.to_whitened(search.working)
    if np.abs(z).max() < 1:
        return None
    target = search.target().seen_in(whitening)
    found = along_profile(target, z, search.step_sizes)
    if isinstance(found, Outcome):
        return found
    if found is not None:
        search.working = whitening.to_working(found)
        search.information = search.measure()
        search.converge()
    return None


def follow_curve(search: Descent) -> Outcome | None:
    """Look for an optimum at infinity along a curve from the start, past where a search ended."""
    # Where the nll is lower on it, the search goes on from there.
    if not np.isfinite(search.working).all():
        return None
    target = _from_the_start(search)
    whitening = target.whitening
    # Far out the noise is more than at the start.
    found = along_curve(target, whitening.to_whitened(search.working), StepSizes.from_noise(0.0))
    if found is None or isinstance(found, Outcome):
        return found
    search.working = whitening.to_working(found)
    search.information = search.measure()
    search.converge()
    return None


def find_range_end(search: Descent) -> RangeEnd | None:
    """Look for an optimum at an end of a parameter's range, past where a search ended."""
    if not np.isfinite(search.working).all():
        return None
    return toward_range_end(_from_the_start(search), search.working, StepSizes.from_noise(0.0))


def _from_the_start(search: Descent) -> WhitenedObjective:
    """See a search's objective from its start, in sizes of what starts there."""
    start = search.start()
    whitening = Whitening(start, np.diag(np.where(start == 0, 1.0, np.abs(start))))
    return search.target().seen_in(whitening)
