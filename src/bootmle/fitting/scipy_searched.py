"""A fit's SciPy search: its own result, and where it ended."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import OptimizeResult

from bootmle.fitting.end_point import OFF, EndPoint
from bootmle.fitting.fit_views import FitViews
from bootmle.fitting.scipy_run import ScipyRun
from bootmle.likelihood.information import Information

__all__ = ["ScipySearched"]


@dataclass(frozen=True, slots=True, eq=False)
class ScipySearched(FitViews):
    """An optimum that SciPy's search led to."""

    scipy_stop: EndPoint | None = field(repr=False)
    scipy_run: ScipyRun = field(repr=False)

    @property
    def optimize_result(self) -> OptimizeResult:
        """SciPy's own result; its ``x`` holds the free parameters on the scale they are fitted on.

        Where `fit` found the optimum before SciPy's search ended, that ends here, by evaluations of
        its own, which ``n_evaluations`` leaves out. ValueError where data or objective have changed
        since; exceptions of the objective pass through.
        """
        if self.scipy_run.result is None:  # other data would lead elsewhere from here
            self.check_data()
            self.scipy_run.check_unchanged()
        return self.scipy_run.finish()

    @property
    def scipy_end(self) -> EndPoint | None:
        """Where SciPy stopped, where that was not the optimum; a paused search goes on to there."""
        if not self.scipy_run.ended_early:
            return self.scipy_stop
        _ = self.optimize_result  # which refuses what has changed
        end = self.scipy_run.end_point()
        there = self.whitening.to_whitened(self.likelihood.parameters.to_working(end.params))
        return end if np.linalg.norm(there) > OFF else None

    @property
    def scipy_information(self) -> Information | None:
        """The information at the point where SciPy stopped, where that was not the optimum.

        Unless that point is a saddle or near the optimum it is measured here, by evaluations of its
        own, which ``n_evaluations`` leaves out; `optimize_result` says what these raise.
        """
        end = self.scipy_end
        return None if end is None else end.information
