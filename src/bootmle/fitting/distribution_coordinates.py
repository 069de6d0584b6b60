"""Center and spread of a distribution in place of its loc and scale."""

# Where a shape diverges, loc and scale do along a curve, and center and spread do not.

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
import scipy

from bootmle.fitting.distribution_densities import BY_NAME
from bootmle.fitting.distribution_domains import Domain, own_methods
from bootmle.fitting.distribution_starts import Model
from bootmle.likelihood.arrays import Floats

__all__ = ["Centered", "Coordinates", "Station", "coordinates_at"]


_FURTHEST = 1e7
"""Shape beyond which rounding may make a likelihood lower than it is: an F of 1e15 loses it all."""

_BFGS: Any = {"maxiter": 25, "eps": 1e-5, "gtol": 1e-3}
"""Of a fit from near its optimum. Noise of 1e-9 at a shape of 1e6 leaves gradients of 1e-4 with
this step, and none with SciPy's; a slope of 1e-3 lifts the nll by 1e-8 where n = 100."""


class Station(NamedTuple):
    """The parameters (p,) with a shape held, and the nll there."""

    params: Floats
    value: float


@dataclass(slots=True)
class Coordinates:
    """A model in its free shapes, on their scales, its center and the logarithm of its spread."""

    model: Model
    by_moments: bool
    known: dict[tuple[float, ...], Floats] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, str]:
        """The names of center and spread."""
        return ("mean", "SD") if self.by_moments else ("median", "interquartile range")

    def standard(self, shapes: Floats) -> Floats:
        """Return center and spread where loc = 0 and scale = 1: mean and SD, or by quartiles."""
        key = tuple(shapes.tolist())
        if key not in self.known:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                try:
                    self.known[key] = self._measure(shapes)
                except ArithmeticError:  # SciPy's own formula overflows
                    self.known[key] = np.full(2, np.nan)
        return self.known[key]

    def _measure(self, shapes: Floats) -> Floats:
        """Compute them by what the distribution has in closed form; NaN where it has neither."""
        distribution = self.model.distribution
        if self.by_moments:
            mean, variance = distribution.stats(*shapes, moments="mv")
            found = np.array([mean, np.sqrt(variance)], dtype=float)
        else:
            low, middle, high = distribution.ppf([0.25, 0.5, 0.75], *shapes)
            found = np.array([middle, high - low], dtype=float)
        return found if np.isfinite(found).all() and found[1] > 0 else np.full(2, np.nan)

    def _free(self, shapes: Floats) -> list[tuple[float, Domain]]:
        """Pair the free shapes with their domains."""
        pairs = zip(shapes.tolist(), self.model.domains[:-2], strict=True)
        return [(shape, domain) for shape, domain in pairs if domain in self.model.free]

    def at(self, shapes: Floats, center: float, spread: float) -> Floats:
        """Return the parameters (p,) with a center and a spread; NaN too far out."""
        sizes = np.abs([k - d.low if d.low > -np.inf else k for k, d in self._free(shapes)])
        if not (sizes < _FURTHEST).all():
            return np.full(shapes.size + 2, np.nan)
        first, unit = self.standard(shapes)
        fixed = self.model.fixed
        scale = fixed.get("scale", spread / unit)
        return np.array([*shapes, fixed.get("loc", center - scale * first), scale])

    def place(self, params: Floats) -> tuple[float, float]:
        """Return the center and the spread of parameters."""
        first, unit = self.standard(params[:-2])
        return float(params[-2] + params[-1] * first), float(params[-1] * unit)

    def place_of_data(self, params: Floats) -> tuple[float, float]:
        """Return those of the data, or of parameters where data are censored."""
        if len(self.model.args) > 1:
            return self.place(params)
        values = self.model.args[0]
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        return (values.mean(), values.std()) if self.by_moments else (middle, high - low)

    def fit(self, params: Floats, held: int = -1) -> Station:
        """Fit all, or all but one shape, from a point, by SciPy's BFGS."""
        domains = self.model.domains[:-2]
        others = [k for k, each in enumerate(domains) if each in self.model.free and k != held]
        first, size = self.place(params)
        start = [float(domains[k].scale.forward(params[k])) for k in others]

        def parameters(z: Floats) -> Floats:
            shapes = params[:-2].copy()
            for k, value in zip(others, z[:-2], strict=True):
                shapes[k] = domains[k].scale.inverse(value)
            return self.at(shapes, first + size * z[-2], size * np.exp(z[-1]))

        def fun(z: Any) -> Any:
            return self.model.total(parameters(z))

        with np.errstate(all="ignore"):
            origin: Any = np.array([*start, 0.0, 0.0])
            found: Any = scipy.optimize.minimize(fun, origin, method="BFGS", options=_BFGS)
            return Station(parameters(found.x), float(found.fun))


@dataclass(frozen=True, slots=True)
class Centered:
    """The contributions, by shapes, center and spread."""

    how_to_fix: ClassVar[str] = BY_NAME
    coordinates: Coordinates

    def __call__(self, params: Floats, *args: Floats) -> Floats:
        """Return the contributions, (n,)."""
        own = self.coordinates.at(params[:-2], *params[-2:])
        contributions: Floats = self.coordinates.model.nll(own, *args)
        return contributions


def coordinates_at(model: Model, start: Floats) -> Coordinates | None:
    """Return coordinates by moments, or quartiles; None without either, but by quadrature."""
    own = own_methods(getattr(model.distribution, "family", model.distribution))
    for by_moments, needed in ((True, {"_stats", "_munp"}), (False, {"_ppf"})):
        coordinates = Coordinates(model, by_moments)
        if own & needed and np.isfinite(coordinates.standard(start[:-2])).all():
            return coordinates
    return None
