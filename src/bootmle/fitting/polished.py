"""The information at the optimum itself: SciPy's point is polished first, or all measured again."""

from __future__ import annotations

from typing import Any

import numpy as np

from bootmle.fitting.position import Position
from bootmle.likelihood.frame import frame_of
from bootmle.likelihood.information import Information
from bootmle.optimization.polishing import polish
from bootmle.optimization.status import Status
from bootmle.optimization.whitening import Whitening

__all__ = ["measure_at_end", "measure_polished"]


def measure_polished(search: Position, metric: Any) -> Information:
    """Move from near an interior optimum to it, by SciPy's own inverse Hessian; measure there."""
    bounded = np.isfinite(search.likelihood.parameters.bounds).any()
    known = isinstance(metric, np.ndarray) and metric.shape == (search.working.size,) * 2
    exact = search.likelihood.automatic is not None
    if search.polished is not None or bounded or search.optimizer.constraints or not known or exact:
        return search.measure()
    frame = frame_of(metric)
    if frame is None:
        return search.measure()
    search.whitening = Whitening(search.working, frame.axes)
    target = search.target()
    z = polish(target)
    if z is None:
        return search.measure()
    search.working = search.polished = search.whitening.to_working(z)
    return search.measure(metric)


def measure_at_end(search: Position) -> None:
    """Measure the information at the optimum itself, not at the last steps' start."""
    known = search.information
    inside = search.status is Status.CERTIFIED and known.tangent is None
    if not inside or known.point.size != search.working.size or not search.working.size:
        return
    if not np.array_equal(known.point, search.working):
        measured = search.measure(known.covariance)
        if measured.definiteness == known.definiteness:
            search.information = measured
