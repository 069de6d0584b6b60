"""The information at the optimum itself: SciPy's point is polished first, or all measured again."""

from __future__ import annotations

from typing import Any

import numpy as np

from bootmle.fitting.position import Position
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.information import Information
from bootmle.optimization.convergence import information_beside, stationary_information
from bootmle.optimization.status import Status

__all__ = ["finds_early", "measure_at_end", "measure_polished"]


def finds_early(search: Position, metric: Floats) -> bool:
    """Whether the interior optimum is found from where SciPy's search paused."""
    # By a rough inverse Hessian.
    found = information_beside(
        search.likelihood, search.working, metric, search.values_at(search.user())
    )
    if found is None or found[0].definiteness != "positive definite":
        return False
    search.early = found
    return True


def measure_polished(search: Position, metric: Any) -> Information:
    """Move to the interior optimum that SciPy's point leads to, if there is one; measure there."""
    # By a rough inverse Hessian, if that is known.
    bounded = np.isfinite(search.likelihood.parameters.bounds).any()
    known = isinstance(metric, np.ndarray) and metric.shape == (search.working.size,) * 2
    exact = search.likelihood.automatic is not None
    if search.early is not None:
        found, around = search.early
        search.early = None
    elif search.looked or bounded or search.optimizer.constraints or exact:
        return search.measure()
    else:
        base = search.values_at(search.user())
        found, around = stationary_information(
            search.likelihood, search.working, metric if known else None, base
        )
    search.looked = True
    if not np.array_equal(found.point, search.working):
        search.working = search.polished = found.point
    search.around = None if around is None else (search.working.copy(), around)
    return found


def measure_at_end(search: Position) -> None:
    """Measure the information at the optimum itself, not at the last steps' start."""
    # Where it is undecided it certifies nothing.
    known = search.information
    inside = search.status is Status.CERTIFIED and known.tangent is None
    if not inside or known.point.size != search.working.size or not search.working.size:
        return
    if not np.array_equal(known.point, search.working):
        measured = search.measure(known.covariance)
        if measured.definiteness == known.definiteness:
            search.information = measured
    if search.information.definiteness == "undecided":
        search.status = Status.NOISE_LIMITED
