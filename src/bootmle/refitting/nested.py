"""The double bootstrap: resamples of each resample, solved on the expansion that all share.

Beran (1987); Hall and Martin (1988); Davison and Hinkley (1997), section 5.6. A resample of a
resample is another row of weights. What the expansion is off at a replicate, whose own optimum is
known, it is taken to be off at the replicate's resamples, or the resamples have an expansion around
their replicate. What is left is measured on a verified sample of them, regressed on the expansion's
result (as in refit="corrected"), and the residuals are spread over all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bootmle.execution.threads import computation
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.newton import maximize_models, trust_radius
from bootmle.refitting.weighted_units import WeightedUnits
from bootmle.sampling import Plan, draw_resample
from bootmle.sampling.resample import Resample

__all__ = ["InnerErrors", "Levels", "NestedTask"]

_BLOCK = 2**22
"""Largest number of weights of one replicate's resamples (32 MiB): longer data take several
blocks, each a matrix product of its own."""
_CHUNK = 8
"""Replicates in a chunk: 250 resamples of each take about 0.1 s."""
_REACH = 4.0
"""Trust radii within which an inner optimum is taken: two from its replicate, which is within two
of the estimate."""
_FAR = 8.0
"""Standard errors from the estimate beyond which an inner replicate is only far away: no interval
of 99.9% reaches there, nor the double of what one does, twice 3.5."""
_RIDGE = 1e-12
"""Share of a sum of squares below which a regressor does not vary."""


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Levels of the estimate in the distributions of each replicate's resamples, (B, k) each."""

    # ``below`` is the share of inner replicates below the estimate, and ``root`` the share whose
    # distance from their replicate is less than the replicate's from the estimate.

    below: Floats
    root: Floats

    def __len__(self) -> int:
        """Count the replicates."""
        return len(self.below)

    @classmethod
    def concatenate(cls, parts: Sequence[Levels]) -> Levels:
        """Join parts in order."""
        return cls(
            np.concatenate([part.below for part in parts]),
            np.concatenate([part.root for part in parts]),
        )

    def between(self, first: int, last: int) -> Levels:
        """Keep the replicates at places first, ..., last - 1."""
        return Levels(self.below[first:last], self.root[first:last])

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Which replicates have no levels, (B,)."""
        return np.asarray(np.isnan(self.below).all(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class InnerErrors:
    """Quadratics that correct inner replicates in standard errors, and the residuals, sorted.

    Attributes
    ----------
    coefficients : (3, k) array
        Of 1, x and x², x the expansion's result.
    residuals : (S, k) array
    range : (2, k) array
        Smallest and largest x of the sample, beyond which the curve is not extrapolated.
    raw : (k,) array
        Root mean square of what was corrected.
    """

    coefficients: Floats
    residuals: Floats
    range: Floats
    raw: Floats

    @classmethod
    def of(cls, expanded: Floats, verified: Floats) -> Self:
        """Regress on the results of the expansion (S, k), both in standard errors."""
        wrong = verified - expanded
        count, size = expanded.shape
        coefficients, residuals = np.zeros((3, size)), np.zeros((count, size))
        for j in range(size):
            powers = expanded[:, j, None] ** np.arange(3)
            squares = ((powers - powers.mean(axis=0)) ** 2).sum(axis=0)
            usable = squares > _RIDGE * (powers**2).sum(axis=0)
            usable[0] = True
            found = np.linalg.lstsq(powers[:, usable], wrong[:, j], rcond=None)[0]
            coefficients[usable, j] = found
            freedom = max(count - int(usable.sum()), 1)
            residuals[:, j] = np.sort(wrong[:, j] - powers @ coefficients[:, j])
            residuals[:, j] *= np.sqrt(count / freedom)
        ends = np.array([expanded.min(axis=0), expanded.max(axis=0)])
        return cls(coefficients, residuals, ends, np.sqrt((wrong**2).mean(axis=0)))

    @property
    def spread(self) -> Floats:
        """Root mean square of the residuals, (k,)."""
        return np.asarray(np.sqrt((self.residuals**2).mean(axis=0)))

    def share_below(self, x: Floats, bound: Floats) -> Floats:
        """Return the expected share of inner replicates x (M, k) that lie below a bound (k,)."""
        inside = np.clip(x, *self.range)
        one, slope, curvature = self.coefficients
        room = bound - x - (one + inside * (slope + inside * curvature))
        count = len(self.residuals)
        shares = [
            np.searchsorted(own, left, "left").mean() + np.searchsorted(own, left, "right").mean()
            for own, left in zip(self.residuals.T, room.T, strict=True)
        ]
        return np.array(shares) / (2 * count)


@dataclass(frozen=True, slots=True, eq=False)
class NestedTask:
    """What a worker needs to compute the levels of any replicate.

    Attributes
    ----------
    units, sampling, seed
        The expansion by units, the prepared plan, and the run's entropy.
    numbers : (B,) array
        Numbers of the replicates, which identify their random streams.
    params : (B, p) array
        The replicates, verified or not.
    estimate, error : (k,) arrays
        The quantities' estimates and standard errors; an error of 0 where one does not vary.
    n_resamples : int
        Resamples of each resample.
    local : bool
        Whether resamples are solved on an expansion around their own replicate, which takes the
        evaluations of a lattice for each.
    errors : InnerErrors or None
        How the expansion is corrected.
    """

    units: WeightedUnits
    sampling: Plan
    seed: int
    numbers: NDArray[np.intp]
    params: Floats
    estimate: Floats
    error: Floats
    n_resamples: int
    local: bool = False
    errors: InnerErrors | None = None

    @property
    def size(self) -> int:
        """Replicates in a chunk."""
        return _CHUNK

    def part(self, chunk: int, first: int, last: int) -> Levels:
        """Compute the levels of some replicates of a chunk."""
        start = chunk * self.size
        with computation():
            found = [self._levels(place) for place in range(start + first, start + last)]
        below, root = np.array(found).swapaxes(0, 1)
        return Levels(below, root)

    def lost(self, chunk: int, first: int, last: int, reason: str) -> Levels:
        """Report replicates whose levels cannot be computed."""
        nothing = np.full((last - first, self.estimate.size), np.nan)
        return Levels(nothing, nothing)

    def none(self) -> Levels:
        """Return the levels of no replicate."""
        nothing = np.empty((0, self.estimate.size))
        return Levels(nothing, nothing)

    def sampled(self, count: int) -> tuple[Self, InnerErrors]:
        """Measure errors on so many verified inner replicates; return the task that corrects."""
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(0, 2)))
        usable = np.flatnonzero(np.isfinite(self.params).all(axis=1))
        expanded, drawn = [], []
        with computation():
            for place in rng.choice(usable, size=min(count, usable.size), replace=False):
                weights = self._redrawn(int(place))[[0, -1]]
                expanded.append(self._inner(int(place), weights))
                fractions = weights[0][self.units.unit_of]
                drawn.append(Resample(self.units.unit_of.size, fractions=fractions))
            outcomes, _ = replace(self.units.refit, verified=True)(drawn)
            params = np.array([each.params for each in outcomes])
            verified = self._scaled(self.units.quantities(params))
        known = np.isfinite(verified).all(axis=1)
        errors = InnerErrors.of(np.concatenate(expanded)[known], verified[known])
        return replace(self, errors=errors), errors

    def _levels(self, place: int) -> Floats:
        """Return both levels of the estimate, (2, k); NaN of a replicate that failed."""
        own = self.params[place]
        if np.isnan(own).all():
            return np.full((2, self.estimate.size), np.nan)
        inner = self._inner(place, self._redrawn(place))
        at = self._scaled(self.units.quantities(own[None]))[0]
        shares = np.array([self._share(inner, np.zeros_like(at)), self._share(inner, 2 * at)])
        # The resamples of a replicate without a finite optimum have none either.
        shares[0] = np.where(np.abs(at) < _FAR, shares[0], at < 0)
        # As ranks of M + 1: levels that are uniform are so too when counted on M resamples.
        levels = (self.n_resamples * shares + 0.5) / (self.n_resamples + 1)
        return np.where(np.isnan(at), np.nan, levels)

    def _share(self, inner: Floats, bound: Floats) -> Floats:
        """Return the share of inner replicates below a bound, in standard errors, (k,)."""
        if self.errors is None:
            return np.asarray(((inner < bound).mean(axis=0) + (inner <= bound).mean(axis=0)) / 2)
        return self.errors.share_below(inner, bound)

    def _redrawn(self, place: int) -> Floats:
        """Draw the resamples of one replicate's resample, and that itself: (M + 1, G)."""
        number, n = int(self.numbers[place]), self.units.unit_of.size
        weights = draw_resample(self.sampling, n, self.seed, number).weights
        first = np.unique(self.units.unit_of, return_index=True)[1]
        drawn = weights[first]
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(number, 1)))
        again = self.sampling.redraw(drawn, self.units.strata, self.n_resamples, rng)
        return np.concatenate([again, drawn[None]])

    def _inner(self, place: int, weights: Floats) -> Floats:
        """Solve for the quantities of all but the last row of weights, in standard errors."""
        shared, own = self.units, self.params[place]
        working = shared.refit.fit.likelihood.parameters.to_working(own)
        finite = bool(np.isfinite(working).all())
        units = (shared.around(working) if self.local and finite else None) or shared
        reach = _REACH * trust_radius(units.expansion.size)
        rows = max(1, _BLOCK // weights.shape[1])
        solved = [
            maximize_models(units.models(weights[start : start + rows]), reach)[0]
            for start in range(0, len(weights), rows)
        ]
        z = np.concatenate(solved)
        if finite:
            z += units.refit.fit.whitening.to_whitened(working) - z[-1]
        return self._scaled(units.at(z[:-1]))

    def _scaled(self, quantities: Floats) -> Floats:
        """Turn quantities (m, k) into standard errors from the estimate, those far away cut off."""
        scale = np.where(self.error > 0, self.error, np.inf)
        return np.clip((quantities - self.estimate) / scale, -_FAR, _FAR)
