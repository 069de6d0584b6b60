"""The expansion by units: estimates, and quantities derived from them, at any weights of units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.execution.threads import computation
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.likelihood import Likelihood
from bootmle.optimization.newton import TINY, CubicModels, maximize_models, trust_radius
from bootmle.optimization.sandwich import Units
from bootmle.optimization.status import Status
from bootmle.optimization.whitening import Whitening
from bootmle.refitting.expansion import SharedExpansion, expand_shared
from bootmle.refitting.refit import EXPANSION_REACH, LikelihoodRefit
from bootmle.sampling.resample import Resample

__all__ = ["WeightedUnits", "why_not_expanded"]

_CLOSE = 0.01
"""Error of the expansion, in standard errors, beyond which an estimate is refitted. Predicted by
the square of what the third derivatives change over the first step; measured at the ends of 95% ABC
intervals of eight models, n = 20 to 1,000: at most 0.024 where 0.01 is predicted, 0.1 in the median
where 0.1 to 0.3 is."""


def why_not_expanded(fit: Fit) -> str:
    """Say why a fit has no expansion to third order by observations; empty where it has."""
    if fit.status is Status.AT_BOUND:
        return "the fit is at a bound, where the likelihood's expansion does not give estimates"
    if not fit.takes_weights:
        return (
            "it takes the observations' contributions, each from its own row (return them: delete "
            ".sum())"
        )
    if fit.optimizer.constraints:
        return "the expansion does not follow constraints"
    expansion = LikelihoodRefit.prepare(fit).expansion
    if expansion is None or expansion.order < 3:
        return (
            "the likelihood's third derivatives are not at hand: the data are too long for them, "
            "or the model's domain ends within a tenth of a standard error"
        )
    return ""


def _by_unit(
    expansion: SharedExpansion, likelihood: Likelihood, unit_of: NDArray[np.intp]
) -> SharedExpansion:
    """Sum the derivatives of the observations of each unit."""

    def summed(values: NDArray[Any]) -> Floats:
        own = likelihood.of_observations(values.T)
        return np.array([np.bincount(unit_of, row) for row in own]).T

    thirds = summed(expansion.thirds).astype(np.float32)
    return replace(expansion, terms=summed(expansion.terms), thirds=thirds)


@dataclass(frozen=True, slots=True, eq=False)
class WeightedUnits:
    """Derivatives of the units that a plan draws, and estimates at any weights of them."""

    # ``expansion`` has a row for each unit, ``unit_of`` (N,) and ``strata`` (G,) number the units
    # of the observations and the units' strata, and ``quantities`` turns full parameter vectors
    # (m, p) into what is estimated, (m, k). ``refits`` says whether estimates that the expansion is
    # not close to are refitted; else ``predicted`` collects its errors, in standard errors.

    refit: LikelihoodRefit
    expansion: SharedExpansion
    unit_of: NDArray[np.intp]
    strata: NDArray[np.intp]
    quantities: Callable[[Floats], Floats]
    refits: bool = True
    predicted: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, fit: Fit, units: Units, quantities: Callable[[Floats], Floats]) -> WeightedUnits:
        """Sum the observations' derivatives by unit; `why_not_expanded` has found nothing."""
        refit, (rows, strata) = LikelihoodRefit.prepare(fit), units
        unit_of = np.empty(fit.n, dtype=np.intp)
        for number, each in enumerate(rows):
            unit_of[each] = number
        assert refit.expansion is not None
        expansion = _by_unit(refit.expansion, refit.fit.likelihood, unit_of)
        return cls(refit, expansion, unit_of, strata, quantities)

    def around(self, center: Floats) -> WeightedUnits | None:
        """Expand around another point of the working scale, (q,); None where that is not finite."""
        fit = self.refit.fit
        moved = replace(fit, whitening=Whitening(center, fit.whitening.factor))
        found = expand_shared(fit.likelihood, moved.whitening, fit.step_sizes.expansion_step)
        if found is None or found.order < self.expansion.order:
            return None
        expansion = _by_unit(found, fit.likelihood, self.unit_of)
        return replace(self, refit=replace(self.refit, fit=moved), expansion=expansion)

    def models(self, weights: Floats) -> CubicModels:
        """Combine the units' derivatives with weights (m, G) into m models."""
        return self.expansion.models(weights)

    def estimates(self, weights: Floats) -> Floats:
        """Estimate at weights (m, G), (m, k): by the expansion where it is close, else refitted."""
        # Infinite where there is no finite optimum, NaN where a refit fails, or is not wanted and
        # the expansion has no optimum.
        with computation():
            return self.quantities(self._solved(weights))

    def _solved(self, weights: Floats) -> Floats:
        """Solve for full parameter vectors, (m, p)."""
        models, reach = self.models(weights), EXPANSION_REACH * trust_radius(self.expansion.size)
        z, good = maximize_models(models, reach)
        straight, _ = maximize_models(replace(models, third=None), reach)
        first = np.linalg.norm(models.slope, axis=1)
        off = np.linalg.norm(z - straight, axis=1) ** 2 / np.maximum(first, TINY)
        params = self.params(z)
        if not self.refits:
            self.predicted.append(float(off[good].max(initial=0.0)))
            params[~good] = np.nan
            return params
        doubtful = np.flatnonzero(~good | ~(off <= _CLOSE))
        if doubtful.size:
            n = self.unit_of.size
            drawn = [Resample(n, fractions=weights[k][self.unit_of]) for k in doubtful]
            outcomes, _ = self.refit(drawn)
            params[doubtful] = [each.params for each in outcomes]
        return params

    def at(self, z: Floats) -> Floats:
        """Compute the quantities at whitened points (m, q): (m, k)."""
        return self.quantities(self.params(z))

    def params(self, z: Floats) -> Floats:
        """Map whitened points (m, q) to full parameter vectors (m, p)."""
        fit = self.refit.fit
        return fit.likelihood.parameters.to_user(fit.whitening.to_working(z))
