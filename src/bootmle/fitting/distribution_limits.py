"""Distributions that a family only reaches with a shape at infinity, as a gamma does the normal."""

# Its loc and scale diverge with the shape along a curve; its center and spread do not. In these
# coordinates a limit is seen at a few values of the shape, the others fitted at each.

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import scipy

from bootmle.display.text import rounded, rounded_like
from bootmle.execution.budget import budget
from bootmle.fitting.distribution_coordinates import Centered, Coordinates, Station, coordinates_at
from bootmle.fitting.distribution_domains import Domain, is_discrete
from bootmle.fitting.distribution_ratio import by_ratio
from bootmle.fitting.distribution_starts import Model
from bootmle.fitting.fit import Fit, fit
from bootmle.fitting.known_limits import known_ends
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.scales import Log, Logit
from bootmle.optimization.status import Status

__all__ = ["Limit", "find_limit", "limit_message"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """Where a limit is looked for, and when it is one."""

    suspected: tuple[float, float] = (10.0, 4.0)
    """Rise of the nll, with the data's center and spread, at a distant shape within which its limit
    is looked for: from SciPy's fit, and from the lowest point near it. A gamma of shape 2 rises by
    14 for n = 100."""
    stations: tuple[float, ...] = (1.0, 10.0, 1e2, 1e4, 1e6)
    """Shapes, or their reciprocals, at which the others are fitted: a gamma's skewness at the last
    one is 0.002, and its log density is known to 1e-9."""
    real: tuple[float, ...] = (1.0, 4.0, 16.0, 64.0, 256.0, 1024.0)
    """The same of shapes of either sign, to both sides: johnsonsu is a lognormal but for
    exp(−2 |a| / b), and overflows at exp(700 b)."""
    saturating: float = 0.5
    """Share of the fall between the two stations before the last that is left to the last one: a
    nll that falls as 1/√a leaves a tenth."""
    reached: float = 0.1
    """Largest fall that is left beyond the last one, if falls are a geometric series: 0.4 standard
    errors."""
    alike: float = 1.0
    """Largest difference from another distribution that the family has as its limit, in multiples
    of that fall, of which a tenth is left."""
    same: float = 1e-5
    """The same for a fall of nothing."""
    level: float = 1e-7
    """Change of the nll that is none: BFGS leaves 1e-10, and rounding at the last station 1e-9."""
    least: float = 1e-2
    """Fall to the end without which the shape has no effect at all."""
    diverging: float = 0.5
    """Ratio of a parameter's last two moves from which on it diverges: a power of the shape has 1
    on a log scale, and 10 or more on its own, what converges a tenth."""
    moved: float = 1e-2
    """Last move of one that diverges, in spreads, or on a log scale."""


_RULES = _Rules()

_LIMITS = ("norm", "gumbel_r", "gumbel_l", "logistic", "laplace", "expon")
"""Distributions without shapes that are limits of others, by which a limit is named."""


class Limit(NamedTuple):
    """A supremum of the likelihood: where it was seen, what diverges, and what it is the limit of.

    Without one, where loc and scale depend on a shape along a curve, ``diverging`` is 0; ``inner``
    is then the fit in center and spread, if it is certified or has spent its budget.
    """

    params: Floats
    diverging: Floats  # (p,): ±1 where a parameter goes to ±∞ or the end of its scale, 0 elsewhere
    message: str
    inner: Fit | None = None

    @property
    def is_infinite(self) -> bool:
        """Whether the optimum is at infinity."""
        return bool(self.diverging.any())


def find_limit(model: Model, start: Floats) -> Limit | None:
    """Look for a supremum where a shape is at an end of its range, or for a better start."""
    # None where the data tell the family from its limits.
    free = by_ratio(model)
    if free is None:
        return _find_limit(model, start)
    ratio = free.distribution
    found = _find_limit(free, ratio.seen(start))
    if found is None:
        return None
    diverging = found.diverging.copy()
    if diverging[ratio.a] > 0 and not diverging[ratio.a + 1]:  # b is in proportion to a
        diverging[ratio.a + 1] = np.sign(found.params[ratio.a + 1])
    return found._replace(params=ratio.own(found.params), diverging=diverging)


def _find_limit(model: Model, start: Floats) -> Limit | None:
    """Look for it in the coordinates of a model."""
    if is_discrete(model.distribution) or not {"loc", "scale"} - set(model.fixed):
        return None
    coordinates = coordinates_at(model, start)
    if coordinates is None:
        return None
    level = coordinates.model.total(start)
    if not any(True for _ in _far_shapes(coordinates, Station(start, level), 0)):
        return None
    fits = Station(start, level), coordinates.fit(start)
    best, suspected = min(fits, key=lambda each: each.value), False
    looked_at = known_ends(model)
    for held, sign, far in _far_shapes(coordinates, best, 1):
        if (model.names[held], sign) in looked_at or _is_spent():
            suspected = True
            continue
        stations = list(_walk(coordinates, best.params, held, far))
        values = np.array([each.value for each in stations])
        if _falls_to_end(values, best.value, level):
            found = _describe(coordinates, stations, held, sign)
            lower = level < model.total(found.params)  # a start may be nearer to the end
            return found._replace(params=start) if lower else found
        best, suspected = min([best, *stations], key=lambda each: each.value), True
    return _fit_inside(coordinates, best.params) if suspected else None


def _fit_inside(coordinates: Coordinates, start: Floats) -> Limit:
    """Fit in center and spread, which a shape changes less than loc and scale."""
    try:
        inner = _fit_coordinates(coordinates, start)
    except ValueError:  # unbounded on the way
        return Limit(start, np.zeros(start.size), "")
    ends = inner.status in {Status.CERTIFIED, Status.NOISE_LIMITED} or _is_spent()
    params = coordinates.at(inner.estimate[:-2], *inner.estimate[-2:]) if ends else start
    return Limit(params, np.zeros(start.size), "", inner if ends else None)


def _is_spent() -> bool:
    """Whether no evaluations are left."""
    given = budget()
    return given is not None and given.is_spent


def _far_shapes(
    coordinates: Coordinates, near: Station, stage: int
) -> Iterator[tuple[int, float, Floats]]:
    """List shapes with an end at which the nll hardly rises, the end, and values on the way."""
    places = coordinates.place_of_data(near.params), coordinates.place(near.params)
    for held, domain in enumerate(coordinates.model.domains[:-2]):
        if domain not in coordinates.model.free or isinstance(domain.scale, Logit):
            continue
        for sign in (-1.0, 1.0):
            far = _values(domain.scale, sign)
            if sign < 0 and _is_value(coordinates.model, near.params, held, domain):
                continue
            shapes = near.params[:-2].copy()
            shapes[held] = far[-2]
            if np.isfinite(coordinates.standard(shapes)).all():
                there = [coordinates.at(shapes, *place) for place in places]
                if min(map(coordinates.model.total, there)) < near.value + _RULES.suspected[stage]:
                    yield held, sign, far


def _is_value(model: Model, params: Floats, held: int, domain: Domain) -> bool:
    """Whether the end of a shape's range is a value of it, as nc = 0 is, with the others here."""
    at_end = params.copy()
    for at_end[held] in domain.closed_ends:
        return bool(np.isfinite(model.total(at_end)))
    return False


def _values(scale: object, sign: float) -> Floats:
    """Return values of a shape toward an end of its range."""
    if isinstance(scale, Log):
        return scale.limit + scale.sign * np.array(_RULES.stations) ** sign
    return sign * np.array(_RULES.real)


def _walk(coordinates: Coordinates, start: Floats, held: int, values: Floats) -> Iterator[Station]:
    """Fit the others at one value of a shape after the other, center and spread kept."""
    domains = coordinates.model.domains[:-2]
    inside = [each.inside if each in coordinates.model.free else np.nan for each in domains]
    shapes, places = start[:-2].copy(), [coordinates.place_of_data(start), coordinates.place(start)]
    for value in values:
        # What was found so far may be outside of the domain here: b of norminvgauss is below a.
        reset = np.where(np.isnan(inside), shapes, inside)
        shapes[held] = reset[held] = value
        starts = [coordinates.at(each, *place) for each in (shapes, reset) for place in places]
        lowest = min(starts, key=coordinates.model.total)
        if np.isfinite(lowest).all() and np.isfinite(coordinates.model.total(lowest)):
            station = coordinates.fit(lowest, held)
            shapes, places = station.params[:-2].copy(), [coordinates.place(station.params)]
            yield station


def _falls_to_end(values: Floats, lowest: float, first: float) -> bool:
    """Whether the nll is lowest, and levels off, at the last station, below a first value."""
    if values.size < 3 or not max(first, values.max()) - values[-1] > _RULES.least:
        return False
    falls, level = -np.diff(values), _RULES.level
    if not -level < falls[-1] <= max(_RULES.saturating * falls[-2], level):
        return False
    left = falls[-1] ** 2 / (falls[-2] - falls[-1]) if falls[-1] > level else level
    lowest = min(lowest, float(values.min()))
    return bool(left < _RULES.reached and values[-1] <= lowest + max(falls[-1], level))


def _describe(coordinates: Coordinates, stations: list[Station], held: int, sign: float) -> Limit:
    """Say which parameters diverge, and which distribution the limit is."""
    model, last = coordinates.model, stations[-1].params
    diverging = _diverging(coordinates, [each.params for each in stations[-3:]])
    diverging[held] = sign
    within = replace(model, fixed={**model.fixed, model.names[held]: float(last[held])})
    further = _find_limit(within, last) if set(model.names[:-2]) - set(within.fixed) else None
    if further is not None and further.is_infinite:
        diverging = np.where(further.diverging, further.diverging, diverging)
        return Limit(further.params, diverging, further.message)
    fall = stations[-2].value - stations[-1].value
    if named := _fit_named(coordinates, stations[-1], fall):
        return Limit(last, diverging, limit_message(*named))
    limit = _fit_inside(replace(coordinates, model=within), last)
    message = "" if limit.inner is None else limit_message("another distribution", limit.inner)
    return Limit(limit.params, diverging, message)


def _diverging(coordinates: Coordinates, path: list[Floats]) -> Floats:
    """Return the signs (p,) of what diverges over three stations; 0 for the others."""
    signs = np.zeros(path[0].size)
    size = coordinates.place(path[-1])[1]
    for position, domain in enumerate(coordinates.model.domains):
        values = np.array([params[position] for params in path])
        values = values / size if domain.name == "loc" else values
        before, move = np.diff(np.asarray(domain.scale.forward(values)))
        if abs(move) > max(_RULES.moved, _RULES.diverging * abs(before)):
            signs[position] = np.sign(move)
    return signs


def _fit_named(coordinates: Coordinates, last: Station, fall: float) -> tuple[str, Fit] | None:
    """Fit the distribution without shapes that is the limit, if it is one of those known."""
    family, place = coordinates.model, coordinates.place(last.params)
    fixed = {key: family.fixed[key] for key in ("loc", "scale") if key in family.fixed}
    for name in _LIMITS:
        limit = Model(getattr(scipy.stats, name), family.domains[-2:], fixed, family.args)
        seen = Coordinates(limit, coordinates.by_moments)
        params = seen.at(np.empty(0), *place)
        if abs(limit.total(params) - last.value) < max(_RULES.alike * fall, _RULES.same):
            start = dict(zip(limit.names, params.tolist(), strict=True))
            scales = {domain.name: domain.scale for domain in limit.free}
            return name, fit(limit.nll, start, limit.args, fixed=fixed, transform=scales)
    return None


def _fit_coordinates(coordinates: Coordinates, params: Floats) -> Fit:
    """Fit the free shapes, center and spread."""
    model, names = coordinates.model, coordinates.names
    start = dict(zip((*model.names[:-2], *names), params, strict=True))
    start |= dict(zip(names, coordinates.place(params), strict=True))
    fixed = {key: value for key, value in model.fixed.items() if key in start}
    fixed |= {
        names[k]: start[names[k]] for k, key in enumerate(("loc", "scale")) if key in model.fixed
    }
    scales = {domain.name: domain.scale for domain in model.free if domain.name in start}

    if names[1] not in fixed:
        scales[names[1]] = Log()
    density = Centered(coordinates)
    return fit(density, start, model.args, fixed=fixed, transform=scales)


def limit_message(name: str, mle: Fit) -> str:
    """List the estimates in the limit with their standard errors."""
    shown = [
        f"{each} {rounded_like(value, error, 3)}"
        + (f" (Hessian SE {rounded(error)})" if np.isfinite(error) else "")
        for each, value, error, free in zip(
            mle.names, mle.estimate, mle.hessian_errors, mle.free, strict=True
        )
        if free
    ]
    return f"; the limit is {name}, with {', '.join(shown)}"
