"""Optima of a fit at infinity, along any direction from its start."""

from __future__ import annotations

import numpy as np

from bootmle.fitting.descent import Descent
from bootmle.optimization.outcome import Outcome
from bootmle.optimization.plateaus import along_profile
from bootmle.optimization.recession import along_recession
from bootmle.optimization.status import Status
from bootmle.optimization.whitening import Whitening

__all__ = ["find_recession", "follow_far_parameter"]

_FAR = 100.0
"""Distance from the start, in units of its size or of 1, from which on a parameter that did not
converge may be diverging."""


def find_recession(search: Descent) -> Outcome | None:
    """Look for an optimum at infinity from where a search ended; None where there is none."""
    information, working, start = search.information, search.working, search.start()
    if not (np.isfinite(information.matrix).all() and np.isfinite(working).all()):
        return None
    # A parameter without curvature has the size of its start as its unit, or 1.
    least = 1 / np.maximum(1.0, np.abs(start)) ** 2
    units = 1 / np.sqrt(np.maximum(np.abs(np.diag(information.matrix)), least))
    whitening = Whitening(start, np.diag(units))
    target = search.target().seen_in(whitening)
    z = whitening.to_whitened(working)
    found = along_recession(target, z, z, search.step_sizes)
    search.count(target)
    return found if found is not None and found.status is Status.NO_FINITE_OPTIMUM else None


def follow_far_parameter(search: Descent) -> Outcome | None:
    """Walk on with a parameter that went far from its start; return that there is no optimum.

    Where there is one, the search goes on from about there.
    """
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
    search.count(target)
    if isinstance(found, Outcome):
        return found
    if found is not None:
        search.working = whitening.to_working(found)
        search.information = search.measure()
        search.converge()
    return None
