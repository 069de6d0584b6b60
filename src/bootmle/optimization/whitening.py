"""Coordinates in standard errors, and one replicate's objective seen in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bootmle.execution.raised import unless_interrupted
from bootmle.execution.timelimit import UNLIMITED, Stopwatch
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.likelihood import Likelihood
from bootmle.optimization.sandwich import Sandwich

__all__ = ["WhitenedObjective", "Whitening"]

_SMALLEST = 1e-14
"""Eigenvalue, on a unit diagonal, that rounding leaves of 0."""
_SINGULAR = 1e-12
"""The same after an inversion and a product."""


@dataclass(frozen=True, slots=True)
class Whitening:
    """The map ``working = center + factor @ z``, where a unit of z is one standard error."""

    center: Floats
    """The estimate (q,) on the working scale."""
    factor: Floats
    """A (q, r) with A Aᵀ = H⁻¹, H the observed information or its positive definite stand-in; r < q
    where the data leave directions unidentified."""

    def __post_init__(self) -> None:
        """Lay the factor out by rows: the last bits of products depend on it."""
        object.__setattr__(self, "factor", np.ascontiguousarray(self.factor))

    @classmethod
    def from_curvature(cls, center: Floats, curvature: Floats, n_flat: int = 0) -> Whitening:
        """Whiten by a Hessian, leaving out its ``n_flat`` flattest directions."""
        diagonal = np.abs(np.diag(curvature))
        unit = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
        values, vectors = np.linalg.eigh(curvature / np.outer(unit, unit))
        order = np.argsort(np.abs(values))[n_flat:]
        # Absolute values: a positive definite stand-in for the whitening, never a result.
        size = np.maximum(np.abs(values[order]), _SMALLEST)
        return cls(center, vectors[:, order] / unit[:, None] / np.sqrt(size))

    def rewhitened(self, center: Floats, curvature: Floats) -> Whitening:
        """Whiten at another center, by a Hessian measured in these coordinates."""
        inner = Whitening.from_curvature(np.zeros(self.size), curvature)
        return Whitening(center, self.factor @ inner.factor)

    @property
    def size(self) -> int:
        """Number of whitened coordinates: q minus the flat directions."""
        return int(self.factor.shape[1])

    @property
    def units(self) -> Floats:
        """One standard error of each working parameter; 1 where it has none."""
        lengths = np.linalg.norm(self.factor, axis=1)
        return np.where(lengths > 0, lengths, 1.0)

    @property
    def inverse(self) -> Floats:
        """Inverse (r, q) of the factor; its rows in their own units, so that none is small."""
        return np.asarray(np.linalg.pinv(self.factor / self.units[:, None]) / self.units)

    def holding(self, columns: NDArray[np.intp]) -> Whitening:
        """Return that of the other working parameters where some are held."""
        keep = np.setdiff1d(np.arange(self.center.size), columns)
        scaled = self.factor / self.units[:, None]
        precision = np.linalg.pinv(scaled @ scaled.T, rcond=_SINGULAR)[np.ix_(keep, keep)]
        flat = int((np.abs(np.linalg.eigvalsh(precision)) < _SINGULAR).sum())
        unscaled = precision / np.outer(self.units[keep], self.units[keep])
        return Whitening.from_curvature(self.center[keep], unscaled, flat)

    def to_working(self, z: Floats) -> Floats:
        """Map whitened points (..., r) to the working scale, each by a product of its own."""
        # The last bits of a product of matrices depend on their number of rows.
        return np.asarray(self.center + np.matmul(self.factor, z[..., None])[..., 0])

    def to_whitened(self, working: Floats) -> Floats:
        """Map points (..., q) of the working scale to the nearest whitened ones."""
        scaled = (working - self.center) / self.units
        return np.asarray(scaled @ np.linalg.pinv(self.factor / self.units[:, None]).T)


class WhitenedObjective:
    """One replicate's objective in whitened coordinates, relative to its value at the estimate."""

    # Exceptions of the user's objective count as infinite values.

    __slots__ = (
        *("base", "error", "last", "likelihood", "meat", "whitening", "n_evaluations"),
        *("n_gradients", "sandwich", "stopwatch"),
    )

    def __init__(
        self,
        likelihood: Likelihood,
        whitening: Whitening,
        base: Floats | float,
        sandwich: Sandwich | None = None,
        stopwatch: Stopwatch = UNLIMITED,
    ) -> None:
        """Take the likelihood, its contributions (or total) at the estimate, and a time limit."""
        self.likelihood = likelihood
        self.whitening = whitening
        self.base = base
        self.sandwich = sandwich if likelihood.per_observation else None
        self.last = base  # contributions (or total) at the point evaluated last
        self.meat: Floats | None = None  # of the replicate's sandwich, at the last gradient
        self.error: BaseException | None = None  # the user's last one
        self.stopwatch = stopwatch
        self.n_evaluations = 0
        self.n_gradients = 0

    def rebase(self) -> None:
        """Evaluate the objective at the estimate, which values are relative to."""
        params = self.likelihood.parameters.to_user(self.whitening.center)
        self.n_evaluations += 1
        try:
            with self.stopwatch:
                self.base = self.last = self.likelihood.at(params)
        except BaseException as error:  # the user's code may raise anything
            self.error = unless_interrupted(error)

    def value(self, z: Floats) -> float:
        """Evaluate at one point (q,)."""
        return self.value_of(self.to_user(z))

    def values(self, points: Floats) -> Floats:
        """Evaluate at points (k, q); infinite where the objective is not finite."""
        return np.array(self.values_of(self.to_user(points)))

    def values_of(self, params: Floats) -> list[float]:
        """Evaluate at full parameter vectors (k, p)."""
        together = self._together(params, self.base)
        if together is not None:
            values: list[float] = self.summed(together).tolist()
            return values
        self.n_evaluations += len(params)
        self.likelihood.expect(params)
        return [self._evaluate(point) for point in params]

    def rises(self, params: Floats, above: Floats | float) -> Floats:
        """Evaluate contributions at full parameter vectors (k, p), minus others: (k, n)."""
        together = self._together(params, above)
        if together is not None:
            return together
        self.n_evaluations += len(params)
        self.likelihood.expect(params)
        rises = np.empty((len(params), self.likelihood.n_values))
        for place, point in enumerate(params):
            try:
                with self.stopwatch:
                    rises[place] = self.likelihood.contributions(point)
            except BaseException as error:  # the user's code may raise anything
                self.error = unless_interrupted(error)
                rises[place] = np.inf
        rises -= above
        return rises

    def _together(self, params: Floats, above: Floats | float) -> Floats | None:
        """Evaluate in one call (k, n), or (k, 1) of totals; None where one point may raise."""
        if not self.likelihood.evaluates_together(len(params)):
            return None
        try:
            with self.stopwatch:
                rises = self.likelihood.values_at(params) - above
        except BaseException as error:  # the user's code may raise anything outside its domain
            unless_interrupted(error)
            return None
        self.n_evaluations += len(params)
        return np.asarray(rises)

    def summed(self, rises: Floats) -> Floats:
        """Sum what contributions rise by (k, n) to values (k,); infinite where not finite."""
        weights = self.likelihood.weights
        values = rises.sum(axis=1) if weights is None else rises @ weights
        if weights is not None and not np.isfinite(values).all():
            values = self.likelihood.where_drawn(rises) @ weights
        return np.where(np.isnan(values), np.inf, values)

    def take_scores(self, scores: Floats, directions: Floats) -> None:
        """Make the sandwich's meat of derivatives (k, n) along directions, columns of (k, r)."""
        if self.sandwich is not None:
            likelihood = self.likelihood
            rows = likelihood.weights, likelihood.base_rows
            if self.sandwich.informations is None:
                self.meat = directions.T @ self.sandwich.meat(scores, *rows) @ directions
            elif self.sandwich.has_coordinates(self.whitening.factor):
                self.meat = self.sandwich.meat(directions.T @ scores, *rows)
            else:  # a search within bounds has other coordinates than the units' informations
                self.meat = np.full((directions.shape[1],) * 2, np.nan)

    def to_user(self, points: Floats) -> Floats:
        """Map whitened points (..., q) to full parameter vectors (..., p)."""
        return self.likelihood.parameters.to_user(self.whitening.to_working(points))

    def linearized(self, points: Floats) -> tuple[Floats, Floats]:
        """Return full parameter vectors (k, p), and the free ones' derivatives by z, (k, q, r)."""
        working = self.whitening.to_working(points)
        parameters = self.likelihood.parameters
        directions = self.whitening.factor * parameters.slopes(working)[..., None]
        return parameters.to_user(working), directions

    @property
    def analytic_gradient(self) -> Callable[[Floats], Floats] | None:
        """The exact gradient on the working scale, where there is one."""
        return self.gradient_at if self.likelihood.has_gradient else None

    def gradient_at(self, working: Floats) -> Floats:
        """Evaluate the exact gradient at one point (q,) of the working scale, by its scale."""
        parameters = self.likelihood.parameters
        return self.gradient_along(parameters.to_user(working), np.diag(parameters.slopes(working)))

    def gradient_along(self, params: Floats, directions: Floats) -> Floats:
        """Evaluate the exact gradient at full parameters (p,), along directions (q, r)."""
        self.n_gradients += 1
        try:
            with self.stopwatch:
                gradient, scores = self.likelihood.gradient_along_the_way(params)
        except BaseException as error:  # the user's code may raise anything
            self.error = unless_interrupted(error)
            return np.full(directions.shape[1], np.nan)
        of_all = self.likelihood.parameters.of_all
        if scores is not None:
            self.take_scores(of_all(scores).T, directions)
        return np.asarray(of_all(gradient) @ directions)

    def value_at(self, working: Floats) -> float:
        """Evaluate at one point (q,) of the working scale."""
        return self.value_of(self.likelihood.parameters.to_user(working))

    def value_of(self, params: Floats) -> float:
        """Evaluate at one full parameter vector."""
        self.n_evaluations += 1
        return self._evaluate(params)

    def seen_in(self, whitening: Whitening) -> WhitenedObjective:
        """See the same objective in other coordinates."""
        return WhitenedObjective(
            self.likelihood, whitening, self.base, self.sandwich, self.stopwatch
        )

    def holding(
        self, columns: NDArray[np.intp], values: Floats, whitening: Whitening | None = None
    ) -> WhitenedObjective:
        """Hold some free parameters at values of the user's scale."""
        # Objectives of one run share the whitening of the others.
        return WhitenedObjective(
            self.likelihood.holding(columns, values),
            self.whitening.holding(columns) if whitening is None else whitening,
            self.base,
            self.sandwich,
            self.stopwatch,
        )

    def _evaluate(self, params: Floats) -> float:
        """Evaluate at one full parameter vector."""
        try:
            with self.stopwatch:
                self.last = self.likelihood.at(params)
        except BaseException as error:  # the user's code may raise anything
            self.error = unless_interrupted(error)
            return np.inf
        rise = self.last - self.base
        value = self.likelihood.summed_values(rise)
        return np.inf if value != value else value
