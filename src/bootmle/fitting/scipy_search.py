"""The beginning of a fit's search: SciPy's, and the point that it goes on from."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import OptimizeResult

from bootmle.fitting.end_point import OFF, EndPoint
from bootmle.fitting.polished import finds_early
from bootmle.fitting.scipy_run import ScipyRun
from bootmle.fitting.suprema import SupremumSearch
from bootmle.fitting.trail import Trail
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.bounds import into_bounds
from bootmle.optimization.whitening import Whitening

__all__ = ["ScipySearch"]

_UNBOUNDED = 1e8
"""Fall, in multiples of the nll at the start, that no negative log-likelihood makes."""


@dataclass(slots=True)
class ScipySearch(SupremumSearch, ABC):
    """A search that begins with SciPy's."""

    scipy: ScipyRun = field(init=False)
    nll: float = np.inf  # where the search ended
    scipy_stop: EndPoint | None = None  # where SciPy has stopped, if that was no optimum

    @property
    def result(self) -> OptimizeResult:
        """SciPy's own result, of a search that has gone to its end."""
        return self.scipy.finish()

    def _minimize(self) -> None:
        """Run SciPy's minimizer to its end, or to where the optimum beside it is found."""
        run = self.scipy
        if run.result is None:
            run.begin()
        self._stand_at_best()
        run.ended_early = run.trail is not None and self._ends_early(run.trail)
        if run.trail is not None and not run.ended_early:
            run.finish()
            self._stand_at_best()
        if self.optimizer.constraints:
            self.working = np.array(self.result.x, dtype=float)
        if not np.isfinite(self.working).all():
            self.working = self.start()
        user = into_bounds(self.parameters, self.parameters.to_user(self.working))
        self.working = self.parameters.to_working(user)

    def _ends_early(self, trail: Trail) -> bool:
        """Whether a Newton step from where SciPy's search paused leads to the optimum."""
        metric = trail.metric
        if metric is None:
            return False
        there = self.parameters.to_user(trail.next())
        nll = float(self.likelihood.summed_values(self.values_at(there)))
        if nll < self.lowest:
            self.remember(there, nll)
            self.working = trail.next()
        return finds_early(self, metric)

    def _stand_at_best(self) -> None:
        """Stand at the lowest point that SciPy's search saw."""
        run, start = self.scipy, self.start()
        best = start if run.best is None else run.best
        self.working, self.last = best.copy(), run.last
        self.lowest, self.drop = run.lowest, run.first - run.lowest
        self.remember(self.parameters.to_user(best), run.lowest)
        if run.lowest < run.first - _UNBOUNDED * (1 + abs(run.first)):
            self.refuse(f"falls to {run.lowest:.3g}", best - start)

    def stand_at(self, params: Floats) -> None:
        """Stand at a full parameter vector that was found otherwise."""
        self.working = self.parameters.to_working(params)
        self.nll = self.lowest = self.likelihood.total(params)
        self.remember(params, self.nll)
        self.scipy.result = OptimizeResult()
        self.scipy.result.update(x=params, fun=self.nll, success=True, message="")
        self.information = self.measure()
        self.whitening = Whitening(self.working, np.eye(self.working.size))

    def _was_scipy_off(self) -> bool:
        """Whether the point where SciPy stopped was not the optimum."""
        first = self.scipy_stop
        if first is None or first.point.size != self.whitening.center.size or first.point.size == 0:
            return False
        moved = np.linalg.norm(self.whitening.to_whitened(first.point))
        return bool(moved > OFF) or first.is_saddle
