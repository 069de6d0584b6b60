"""Where fits of SciPy's distributions start, and whether the support ends at an extreme value."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from bootmle.execution.budget import budget
from bootmle.fitting.distribution_densities import CensoredDensity, Density
from bootmle.fitting.distribution_domains import Domain, is_discrete, own_methods
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.flat_spaces import noise_in

__all__ = [
    "End",
    "Model",
    "candidates",
    "end_at_extreme",
    "first_finite",
    "is_lost",
    "read_start",
    "starts_inside",
]

_AT_END = 1e-6
"""Largest distance, as a share of the data's range, of an end of the support from an extreme value
that it lies on: far above rounding, far below a gap between observations."""

_OUTSIDE = (0.1, 0.5)
"""Distances, as shares of the data's range, of other ends from the extreme value to start from."""

_SHARES = (1 / 2, 1 / 10, 2.0)
"""Of a positive shape that sets the end: other values to start from."""


_BESIDE = 1e-7
"""Relative steps of shapes and scale, over which only rounding sets third differences apart."""

_LOST = 0.1
"""Noise of the nll at which it says nothing: a fifth of its rise over a standard error."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A distribution, its parameters, those that are fixed, and its data."""

    distribution: Any
    domains: tuple[Domain, ...]
    fixed: Mapping[str, float]
    args: tuple[Floats, ...]

    @property
    def nll(self) -> Density | CensoredDensity:
        """The contributions, of values or of ranges."""
        kind = Density if len(self.args) == 1 else CensoredDensity
        return kind(self.distribution)

    def total(self, params: Floats) -> float:
        """Return the nll, ∞ where there is no likelihood."""
        if (given := budget()) is not None:
            given.spend(1)
        with np.errstate(all="ignore"):
            value = float(np.sum(self.nll(params, *self.args)))
        return value if np.isfinite(value) else np.inf

    @property
    def names(self) -> list[str]:
        """The parameters' names, in SciPy's order."""
        return [domain.name for domain in self.domains]

    @property
    def free(self) -> list[Domain]:
        """The parameters to fit."""
        return [domain for domain in self.domains if domain.name not in self.fixed]


@dataclass(frozen=True, slots=True, eq=False)
class End:
    """A free end of the support, at an extreme value of the data."""

    value: float
    is_lower: bool
    setters: tuple[str, ...]
    message: str
    params: Floats


def read_start(
    domains: Sequence[Domain], fixed: Mapping[str, float], start: Any
) -> dict[str, float]:
    """Read the user's start values, by name."""
    if start is None:
        return {}
    if not isinstance(start, Mapping):
        raise TypeError(f"start: {start!r}; pass a mapping, such as {{'loc': 0.0, 'scale': 1.0}}")
    known = {domain.name: domain for domain in domains if domain.name not in fixed}
    for name, value in start.items():
        if name not in known:
            raise ValueError(f"start: {name!r} is no free parameter; those are {list(known)}")
        domain = known[name]
        if not domain.holds(value) or not domain.low < float(value) < domain.high:
            raise ValueError(f"start: {name}={value!r}; {domain}, its ends excluded")
    return {name: float(value) for name, value in start.items()}


def candidates(model: Model, data: Any, known: Mapping[str, float]) -> Iterator[Floats]:
    """List places to start from: SciPy's fits, then a point inside the domain."""
    fixed = {**model.fixed, **known}
    in_scale = model.distribution.name == "dpareto_lognorm" and fixed.get("u") == 0.0
    in_scale &= "scale" not in fixed
    given = {name: value for name, value in fixed.items() if not (in_scale and name == "u")}
    methods = [] if is_discrete(model.distribution) or len(fixed) == len(model.names) else ["MLE"]
    # By quadrature moments take minutes.
    moments = not own_methods(model.distribution).isdisjoint(("_stats", "_munp"))
    if methods and moments and not isinstance(data, scipy.stats.CensoredData):
        methods.append("MM")
    for method in methods:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = model.distribution.fit(data, method=method, **_keywords(model, given))
            except (ValueError, RuntimeError, ArithmeticError):  # no fit, and no start
                continue
        start = np.array(found, dtype=float)
        if in_scale:  # SciPy's own fit ends lower with u free, which exp(u) turns into scale
            start[-1], start[0] = start[-1] * np.exp(start[0]), 0.0
        yield start
    if not is_discrete(model.distribution):
        yield _around_data(model, fixed)
    yield np.array([fixed.get(domain.name, domain.inside) for domain in model.domains])


def _around_data(model: Model, fixed: Mapping[str, float]) -> Floats:
    """Return shapes inside their domains, with a loc and scale whose support holds the data."""
    shapes = [fixed.get(domain.name, domain.inside) for domain in model.domains[:-2]]
    values = np.concatenate(model.args)
    low, high = np.quantile(values[np.isfinite(values)], [0.0, 1.0])
    margin = _OUTSIDE[0] * (high - low)
    ends = np.array(model.distribution.support(*shapes))
    first, last = np.where(np.isfinite(ends), ends, (-1.0, 1.0))
    if np.isfinite(ends).sum() == 1:
        first, last = (first, first + 2) if np.isfinite(ends[0]) else (last - 2, last)
    scale = fixed.get("scale", (high - low + 2 * margin) / (last - first))
    return np.array([*shapes, fixed.get("loc", low - margin - scale * first), scale])


def _keywords(model: Model, fixed: Mapping[str, float]) -> dict[str, float]:
    """Name parameters as SciPy's fit fixes them."""
    keys = {name: f"f{position}" for position, name in enumerate(model.names[:-2])}
    return {keys.get(name, f"f{name}"): value for name, value in fixed.items()}


def first_finite(model: Model, starts: Iterator[Floats]) -> Floats:
    """Return the first start at which all likelihoods are finite, and not lost in rounding."""
    noisy = None
    for start in starts:
        finite = np.isfinite(model.nll(start, *model.args))
        if finite.all():
            if not is_lost(model, start):
                return start
            noisy = start if noisy is None else noisy
    if noisy is not None:
        return noisy
    rows = np.flatnonzero(~finite)
    low, high = model.distribution.support(*start)
    at = ", ".join(f"{name}={value:g}" for name, value in zip(model.names, start, strict=True))
    more = f" (and {rows.size - 1} more)" if rows.size > 1 else ""
    raise ValueError(
        f"data: {model.args[-1][rows[0]]:g} in row {rows[0]}{more} has a likelihood of 0 or "
        f"infinity where {at}: {model.distribution.name} then takes values from {low:g} to "
        f"{high:g}; leave others out, or choose a distribution, fixed values, or a start, that "
        f"allow them"
    )


def is_lost(model: Model, start: Floats, with_scale: bool = False) -> bool:
    """Whether the likelihood is lost in rounding, as that of an F with df of 1e15 is."""
    moved = np.arange(start.size) < start.size - 2
    moved[-1] = with_scale
    steps = 1 + _BESIDE * np.arange(8)[:, None] * moved
    with np.errstate(all="ignore"):
        values = np.array([np.sum(model.nll(point, *model.args)) for point in start * steps])
    return bool(np.isfinite(values).all() and noise_in(values) > _LOST)


def end_at_extreme(model: Model, params: Floats) -> End | None:
    """Find a free end of the support at an extreme value: no smooth maximum lies there."""
    known = _known_values(model)
    if is_discrete(model.distribution) or not known.size:
        return None
    step = _AT_END * np.ptp(known)
    ends = model.distribution.support(*params)
    for side, (end, value) in enumerate(zip(ends, (known.min(), known.max()), strict=True)):
        if not abs(end - value) <= step:
            continue
        setters = tuple(_setters(model, params, side, step))
        if setters:
            how = " or ".join(f"f{name}=" for name in setters)
            message = (
                f"data: with its parameters free, {model.distribution.name} ends at the value "
                f"{value:g} itself, which is no smooth maximum; fix what sets that end: {how}"
            )
            return End(float(value), side == 0, setters, message, params)
    return None


def _known_values(model: Model) -> Floats:
    """Return the values that are not censored."""
    lower, upper = model.args[0], model.args[-1]
    return np.asarray(lower[lower == upper])


def _other_values(domain: Domain, value: float) -> list[float]:
    """List values of a shape with which the support may end elsewhere."""
    if not np.isfinite(domain.low):
        return [2 * domain.inside - value, domain.inside]
    return [domain.low + share * (value - domain.low) for share in _SHARES]


def _setters(model: Model, params: Floats, side: int, step: float) -> Iterator[str]:
    """List the free parameters that move an end of the support."""
    for position, domain in enumerate(model.domains):
        moved = params.copy()
        moved[position] += step
        ends = (model.distribution.support(*at)[side] for at in (params, moved))
        if domain in model.free and next(ends) != next(ends):
            yield domain.name


def starts_inside(model: Model, data: Any, end: End) -> Iterator[Floats]:
    """List starts whose support ends outside of the data, where shapes or loc set its end."""
    known = []
    for domain, value in zip(model.domains, end.params, strict=True):
        if domain.name in {*end.setters} - {"loc", "scale"}:
            known += [{domain.name: other} for other in _other_values(domain, value)]
    if end.setters == ("loc",):
        span, sign = float(np.ptp(_known_values(model))), -1.0 if end.is_lower else 1.0
        known += [{"loc": end.value + sign * share * span} for share in _OUTSIDE]
    for values in known:
        for start in candidates(model, data, values):
            finite = np.isfinite(model.nll(start, *model.args)).all()
            if finite and end_at_extreme(model, start) is None:
                yield start
                break
