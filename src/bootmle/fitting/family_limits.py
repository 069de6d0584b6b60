"""Whether the likelihood of a distribution is highest at a limit of its family known by theory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy

from bootmle.execution.budget import at_most, budget
from bootmle.fitting.distribution_coordinates import coordinates_at
from bootmle.fitting.distribution_domains import read_domains
from bootmle.fitting.distribution_families import FamilyLimit, Path
from bootmle.fitting.distribution_limits import Limit, limit_message
from bootmle.fitting.distribution_ratio import by_ratio
from bootmle.fitting.distribution_starts import Model
from bootmle.fitting.fit import Fit
from bootmle.fitting.known_limits import known_limits
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status

__all__ = ["find_family_limit"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """How near to a limit the family is looked at."""

    distances: tuple[float, ...] = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
    """Along a path, until rounding takes over: log densities are off by these, or by their square
    roots."""
    far: float = 0.1
    """Where an optimum further inside is looked for: an F has 10 degrees of freedom there."""
    reached: float = 0.5
    """Largest difference from the limit's nll at the nearest: with 1e6 degrees of freedom an F is
    0.1 away from the normal of 100 values."""
    most: int = 1000
    """Evaluations of a limit's fit: of 24 that had a finite optimum, 20 took at most 750."""
    together: int = 2500
    """Evaluations after which no other limit is looked at: half of a fit's budget."""
    level: float = 1e-5
    """Difference of the nll that is none: rounding of 1e-9 a row leaves 1e-7 of 100."""


_RULES = _Rules()


class _Seen(NamedTuple):
    """A limit's fit, and the lowest and the nearest of the family's points beside it."""

    known: FamilyLimit
    fit: Fit
    lowest: Floats | None
    nearest: Floats | None


def find_family_limit(model: Model, first: Floats, find: Callable[[Model], Fit]) -> Limit | None:
    """Fit the limits that the family is known to have, and look beside the one that fits best."""
    # At the limit the nll does not depend on the other parameters to first order: whether it rises
    # from there shows without fitting them anew.
    known = known_limits(model)
    if not known:
        return None
    inside = np.array([domain.inside for domain in model.domains])
    best = min(_fit_from(model, first), _fit_from(model, inside), key=model.total)
    side = float(scipy.stats.skew(model.args[0]))
    looked = [_look(model, limit, find) for limit in known if limit.skewed * side >= 0]
    # One that fits much better, and has no optimum, is on its way to an infinite density.
    least = model.total(best) - _RULES.reached
    seen = [
        each for each in looked if each and (each.fit.status.has_optimum or each.fit.nll > least)
    ]
    limit = min(seen, key=lambda each: each.fit.nll, default=None)
    if limit is None:
        return Limit(best, np.zeros(best.size), "")
    level = limit.fit.nll - _RULES.level
    if model.total(best) >= level:
        far = [limit.known.on(path, _RULES.far, limit.fit.estimate) for path in limit.known.paths]
        beside = [] if limit.lowest is None else [limit.lowest]
        best = min([best, *beside, *(_fit_from(model, each) for each in far)], key=model.total)
    if model.total(best) < level:
        return Limit(best, np.zeros(best.size), "")
    where = best if limit.nearest is None else min(limit.nearest, best, key=model.total)
    name = f"{limit.known.name}{' of the negated values' if limit.known.mirrored else ''}"
    ends = [limit.known.ends.get(domain.name, 0.0) for domain in model.domains]
    return Limit(where, np.array(ends), limit_message(name, limit.fit))


def _fit_from(model: Model, start: Floats) -> Floats:
    """Fit the family from a start, by center and spread, those of the data if that is better."""
    free = by_ratio(model)
    seen, point = (model, start) if free is None else (free, free.distribution.seen(start))
    coordinates = coordinates_at(seen, point) if np.isfinite(point).all() else None
    if coordinates is None:
        return start
    there = coordinates.at(point[:-2], *coordinates.place_of_data(point))
    found = coordinates.fit(min(point, there, key=seen.total)).params
    lowest = min(point, found, key=seen.total)
    return lowest if free is None else np.asarray(free.distribution.own(lowest))


def _look(model: Model, known: FamilyLimit, find: Callable[[Model], Fit]) -> _Seen | None:
    """Fit a limit, and evaluate the family beside it; None where it has no optimum."""
    given = budget()
    if given is not None and given.spent > _RULES.together:
        return None
    sign = -1.0 if known.mirrored else 1.0
    distribution = getattr(scipy.stats, known.name)
    fixed = {**known.held, **{key: sign * model.fixed[key] for key in {"loc"} & set(model.fixed)}}
    values = (sign * model.args[0],)
    try:
        with at_most(_RULES.most):
            mle = find(Model(distribution, tuple(read_domains(distribution)), fixed, values))
    except ValueError:  # its likelihood has no maximum
        return None
    if mle.status is Status.NO_FINITE_OPTIMUM:  # its own limit is another one of those known
        return None
    beside = [point for path in known.paths for point in _approach(model, known, path, mle)]
    nearest = min(beside, key=lambda point: abs(model.total(point) - mle.nll), default=None)
    if nearest is None or not abs(model.total(nearest) - mle.nll) < _RULES.reached:
        return _Seen(known, mle, None, None)  # SciPy's density fails there
    return _Seen(known, mle, min(beside, key=model.total), nearest)


def _approach(model: Model, known: FamilyLimit, path: Path, mle: Fit) -> Iterator[Floats]:
    """Go along a path as long as that leads nearer to the limit: then rounding takes over."""
    left = np.inf
    for distance in (each for each in _RULES.distances if each >= known.nearest):
        point = known.on(path, distance, mle.estimate)
        away = abs(model.total(point) - mle.nll)
        if away < left:
            yield point
        elif np.isfinite(left):
            return
        left = min(left, away)
