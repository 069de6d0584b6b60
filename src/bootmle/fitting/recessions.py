"""Optima of a fit at infinity, along any direction from its start."""

from __future__ import annotations

import numpy as np

from bootmle.fitting.descent import Descent
from bootmle.optimization.outcome import Outcome
from bootmle.optimization.recession import along_recession
from bootmle.optimization.status import Status
from bootmle.optimization.whitening import Whitening

__all__ = ["find_recession"]


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
