"""What results depend on: single observations or clusters, and replicates that failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bootmle.bootstrapping.hypotheses import Hypotheses
from bootmle.inference.derived import derive_at
from bootmle.inference.influence import Influence, influence
from bootmle.inference.worst_case import WorstCase, worst_case
from bootmle.likelihood.arrays import Floats
from bootmle.refitting.leave_one_out import absences
from bootmle.sampling import Structure

__all__ = ["Sensitivity"]

_STEP, _STILL = 1e-3, 1e-6
"""Step along a direction that is not identified, relative to the largest estimate, and change of a
derived quantity, relative to the step, that is only rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Sensitivity(Hypotheses):
    """Replicates of a fit, and what their summaries depend on; attributes as of `Spread`."""

    def influence(self, confidence_level: float = 0.95) -> Influence:
        """Find which observations or clusters drive each standard error and percentile endpoint.

        The jackknife after bootstrap (Efron 1992): from the samples that lack a unit, without any
        refit.

        Parameters
        ----------
        confidence_level : float
            Confidence level of the two-sided percentile interval.

        Returns
        -------
        Influence
            Standard errors and endpoints without each unit, their changes, and the Monte Carlo
            errors of these; `to_frame` and `print` show them.

        Raises
        ------
        ValueError
            If the samples are not available, are simulated, or leave no unit out.

        Examples
        --------
        >>> import numpy as np
        >>> from bootmle import Estimator, bootstrap
        >>> y = np.append(np.random.default_rng(0).normal(size=30), 12.0)
        >>> boot = bootstrap(Estimator(np.mean, args=y), n_resamples=999, rng=0)
        >>> int(np.argmin(boot.influence().standard_error_change[:, 0]))
        30
        """
        sampling = self.sampling
        if self.fit is None or isinstance(sampling, str) or len(self.seeds) > 1:
            raise ValueError(
                "influence: needs the samples of one run, with its plan and fit; load one path, "
                "with fit=, or bootstrap again"
            )
        simulated = sampling.structure is Structure.MODEL
        if simulated or sampling.linear or not self.supports_quantiles:
            raise ValueError(
                f"influence: needs samples that leave units out at random, and those of {sampling} "
                f"do not; bootstrap with Cases(), Stratified or Clustered"
            )
        codes, labels = sampling.unit_labels(self.fit.n)
        numbers = np.arange(len(self.data)) if self.numbers is None else self.numbers
        kept = np.flatnonzero(~self.flat())
        return influence(
            self.rescaled(self.replicates)[:, kept],
            absences(sampling, self.seed, numbers, codes),
            [self.names[j] for j in kept],
            labels,
            confidence_level=confidence_level,
            divergent=self.data.divergent,
        )

    def worst_case(self, confidence_level: float = 0.95) -> WorstCase:
        """Bound standard errors and percentile endpoints over the failed replicates.

        Parameters
        ----------
        confidence_level : float
            Confidence level of the two-sided percentile interval.

        Returns
        -------
        WorstCase
            The least and the greatest ``standard_error``, ``low`` and ``high``, (2, p) each, that
            any values of the failed replicates would give.

        Examples
        --------
        >>> import numpy as np
        >>> from bootmle import Estimator, bootstrap
        >>> y = np.random.default_rng(0).normal(size=50)
        >>> boot = bootstrap(Estimator(np.mean, args=y), n_resamples=999, rng=0)
        >>> bool(np.isclose(boot.worst_case().standard_error, boot.standard_error).all())
        True
        """
        bounds = worst_case(self.kept(), *self.ordered(), self.n_failed, confidence_level)
        flat = self.flat()
        return WorstCase(
            self.identified(bounds.standard_error),
            np.where(flat, -np.inf, bounds.low),
            np.where(flat, np.inf, bounds.high),
        )

    def moved_along_flat(
        self, function: Callable[[Floats], Any], estimate: Floats, labels: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Name the derived quantities that the data do not identify."""
        if not self.not_identified:
            return ()
        if self.fit is None:
            return labels
        moved = np.zeros(estimate.size, dtype=bool)
        size = _STEP * max(1.0, float(np.abs(self.estimate).max()))
        for direction in self.fit.null_directions.T:
            there, _ = derive_at(function, self.estimate + size * direction, labels)
            moved |= np.abs(there - estimate) > _STILL * size
        return tuple(name for name, one in zip(labels, moved, strict=True) if one)

    def moved_inward(
        self, function: Callable[[Floats], Any], estimate: Floats, labels: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Name the derived quantities that depend on a parameter at a bound."""
        moved = np.zeros(estimate.size, dtype=bool)
        for name in self.at_bound:
            there, j = self.estimate.copy(), self.names.index(name)
            values = self.replicates[:, j]
            there[j] = values[np.isfinite(values)].mean()
            moved |= derive_at(function, there, labels)[0] != estimate
        return tuple(name for name, one in zip(labels, moved, strict=True) if one)
