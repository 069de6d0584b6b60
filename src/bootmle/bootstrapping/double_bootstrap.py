"""A bootstrap's calibration by the double bootstrap, computed when first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from bootmle.bootstrapping.arguments import check_n_resamples
from bootmle.bootstrapping.calibrating import INNER, OUTER, calibrate
from bootmle.bootstrapping.interval_needs import why_lacking
from bootmle.bootstrapping.spread import Spread
from bootmle.execution.parallel import check_n_jobs
from bootmle.execution.progress import shown
from bootmle.fitting.fit import Fit
from bootmle.inference.calibration import Calibration
from bootmle.inference.derived import derive_in_turn
from bootmle.inference.intervals import Need
from bootmle.sampling import Cases

__all__ = ["Doubled"]


@dataclass(frozen=True, slots=True, eq=False)
class Doubled(Spread):
    """Replicates of a fit, and their calibration; attributes as of `Spread`."""

    def calibration(
        self,
        n_resamples: int | None = None,
        *,
        n_jobs: int | None = 1,
        progress: bool | None = None,
    ) -> Calibration:
        """Calibrate intervals by the double bootstrap: resamples of each resample.

        They are solved on the expansion that all refits share, corrected by verified ones; where it
        is not accurate enough, on one around each verified replicate, which takes the evaluations
        of a lattice. Computed once, from the run's seed; ``confidence_interval("calibrated")``
        uses the one of 250, or of more that was computed before.

        Parameters
        ----------
        n_resamples : int, optional
            Resamples of each of the first 1,000 resamples; 250 by default.
        n_jobs, progress
            As in `bootstrap`; the result does not depend on them.

        Returns
        -------
        Calibration
            With the method ``level(tail, upper=...)``: the calibrated level of an endpoint of
            percentile intervals, (p,), and its Monte Carlo error.

        Raises
        ------
        ValueError
            For plans and fits without resamples of resamples, and where the expansion is not
            accurate enough for them.

        Examples
        --------
        >>> import numpy as np
        >>> from bootmle import bootstrap, fit
        >>> y = np.random.default_rng(0).exponential(2.0, 100)
        >>> mle = fit(lambda p, y: p[0] + y / np.exp(p[0]), {"log_mean": 0.0}, args=y)
        >>> boot = bootstrap(mle, n_resamples=99, rng=0)
        >>> level, error = boot.calibration(99).level(0.05, upper=True)
        >>> bool(0.9 < level[0] < 1)
        True
        """
        count = self._n_inner(n_resamples)
        if count in self.calibrations.known:
            return self.calibrations.known[count]
        fit, plan = self.fit, self.sampling
        if not isinstance(fit, Fit) or isinstance(plan, str) or len(self.seeds) > 1:
            raise ValueError(
                "calibration: needs the samples of one run, with its plan and fit; load one path, "
                "with fit=, or bootstrap again"
            )
        if reason := why_lacking(Need.LEVELS, fit, plan, str(plan), self.refit):
            raise ValueError(f"calibration: {reason}")
        origin = self if self.origin is None else self.origin
        kept = np.flatnonzero(~origin.data.failed)[:OUTER]
        numbers = np.arange(len(self.data)) if self.numbers is None else self.numbers
        error = np.nan_to_num(np.where(self.flat(), 0.0, self.quantile_standard_error))
        found = calibrate(
            fit,
            plan,
            self.seed,
            (numbers[kept], origin.replicates[kept]),
            partial(derive_in_turn, self.derivation),
            (self.names, self.estimate, np.where(np.isfinite(error), error, 0.0)),
            count,
            self.refit == "verified",
            check_n_jobs(n_jobs),
            shown(progress),
        )
        self.calibrations.known[count] = found
        return found

    def _n_inner(self, n_resamples: int | None) -> int:
        """Return the number of inner resamples: by default 250, or more that are known already."""
        if n_resamples is None:
            return max([INNER, *self.calibrations.known])
        return check_n_resamples(n_resamples, Cases())
