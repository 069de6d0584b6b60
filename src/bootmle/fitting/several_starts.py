"""Fits from several starts: where they are, and the distinct optima that they lead to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from joblib import Parallel, delayed

from bootmle.display.encoding import printable
from bootmle.display.text import align, brief, data_frame
from bootmle.execution.parallel import check_n_jobs
from bootmle.execution.raised import RAISED, describe_raised
from bootmle.fitting.fit_views import FitViews
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["FoundOptimum", "Optima", "check_n_starts", "search_again", "try_starts"]

_MOST = 10**6
"""Starts that no fit has: at a millisecond each they would take 17 minutes."""

Kind = TypeVar("Kind", bound=FitViews)


@dataclass(frozen=True, slots=True)
class _Rules:
    """How starts are spread, and which ends are one optimum."""

    nearest: float = 1.0
    """Standard errors away from x0 of the nearest start, in each direction."""
    furthest: float = 3.0
    """The same of the furthest one, in units of √n standard errors: that is the spread of what a
    single observation tells, and 3 times it covers what the data make plausible."""
    few: int = 100
    """Number of observations that is taken where it is less, or unknown."""
    draws: int = 20
    """Draws of a start until the objective is finite there, each half as far away."""
    same: float = 0.05
    """Distance in standard errors up to which two ends are one optimum: certified ones are within
    1e-2 of it."""


_RULES = _Rules()


@dataclass(frozen=True, slots=True, eq=False)
class FoundOptimum:
    """An optimum that some starts led to.

    Attributes
    ----------
    nll : float
    times : int
        How many starts led there.
    estimate : (p,) array
    status : Status
    """

    nll: float
    times: int
    estimate: Floats
    status: Status


@dataclass(frozen=True, slots=True, eq=False)
class Optima:
    """The distinct optima of several starts, the best first.

    Attributes
    ----------
    found : tuple of FoundOptimum
        Certified ones.
    n_starts : int
    failures : tuple of (nll, str)
        Where starts ended without a certified optimum, and why; NaN where nothing was found.
    names : tuple of str
    """

    found: tuple[FoundOptimum, ...]
    n_starts: int
    failures: tuple[tuple[float, str], ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        """Count the distinct optima."""
        return len(self.found)

    def to_frame(self) -> DataFrame:
        """Return a DataFrame with a row for each optimum: nll, times and the estimates."""
        columns: dict[str, Any] = {
            "nll": [each.nll for each in self.found],
            "times": [each.times for each in self.found],
        }
        estimates = np.array([each.estimate for each in self.found]).reshape(len(self), -1)
        columns |= dict(zip(self.names, estimates.T, strict=True))
        return data_frame(columns, [str(k + 1) for k in range(len(self))])

    def __str__(self) -> str:
        """Show the same."""
        rows = [
            [str(k + 1), f"{each.nll:.8g}", str(each.times), *(f"{x:.5g}" for x in each.estimate)]
            for k, each in enumerate(self.found)
        ]
        header = ["", "nll", "times", *self.names]
        return printable("\n".join([align(header, rows), "", *self.notes()]))

    def notes(self) -> list[str]:
        """Say how often the best was reached, and what became of the other starts."""
        if not self.found:
            return [f"none of {self.n_starts} starts led to a certified optimum"]
        best, others = self.found[0], self.found[1:]
        several = f"{len(others)} other optima" if len(others) > 1 else "1 other optimum"
        worse = f", {several} from nll {others[0].nll:.8g} up" if others else ""
        lines = [f"{best.times} of {self.n_starts} starts led here{worse} (mle.optima)"]
        if self.failures:
            lost = f"{len(self.failures)} of {self.n_starts} starts led to no certified optimum"
            lines.append(f"{lost}: {self.failures[0][1]}")
        lower = [nll for nll, _ in self.failures if nll < best.nll]
        if lower:
            lines.append(
                f"! some of them ended lower (nll {min(lower):.8g}): the likelihood may be "
                f"unbounded there"
            )
        return lines


def check_n_starts(n_starts: Any) -> int:
    """Read the number of starts."""
    whole = isinstance(n_starts, int | np.integer) and not isinstance(n_starts, bool)
    if not whole or not 1 <= n_starts <= _MOST:
        raise ValueError(f"n_starts: got {brief(n_starts)}; pass an integer from 1 to {_MOST:,}")
    return int(n_starts)


def search_again(
    first: Kind,
    fit_from: Callable[[Kind, Floats], Kind],
    n_starts: int,
    rng: Any,
    n_jobs: int | None,
) -> Kind:
    """Fit from random starts as well, and return the best certified fit with its `Optima`."""
    return try_starts(first, fit_from, _spread(first, n_starts - 1, _generator(rng)), n_jobs)


_End = tuple[Floats, float, Status, int, str]
"""Estimate, nll, status, evaluations, and why there is no optimum."""


def try_starts(
    first: Kind,
    fit_from: Callable[[Kind, Floats], Kind],
    starts: Sequence[Floats],
    n_jobs: int | None,
) -> Kind:
    """Return the best certified fit from some starts, where it beats the first, else the first."""
    attempt = delayed(_attempt)
    ends = Parallel(check_n_jobs(n_jobs))(attempt(first, fit_from, start) for start in starts)
    own = (first.estimate, first.nll, first.status, first.n_evaluations, "; ".join(first.notes))
    every: list[_End] = [own, *ends]
    certified = [k for k, end in enumerate(every) if end[2] in _CERTIFIED]
    best = min(certified, key=lambda k: (every[k][1], k), default=0)
    slack = first.step_sizes.slack(first.nll)
    beaten = best > 0 and (0 not in certified or every[best][1] < first.nll - slack)
    fit = fit_from(first, starts[best - 1]) if beaten else first
    failures = tuple(
        (end[1], end[4] or end[2].message) for end in every if end[2] not in _CERTIFIED
    )
    found = _distinct(fit, [every[k] for k in certified])
    optima = Optima(found, len(every), failures, fit.names)
    n_evaluations = sum(end[3] for end in every) + (fit.n_evaluations if beaten else 0)
    notes = (*fit.notes, *optima.notes())
    return replace(fit, optima=optima, n_evaluations=n_evaluations, notes=notes)  # type: ignore[call-arg]


_CERTIFIED = (Status.CERTIFIED, Status.AT_BOUND, Status.NOT_IDENTIFIED, Status.NOISE_LIMITED)


def _generator(rng: Any) -> np.random.Generator:
    """Read a seed."""
    if isinstance(rng, np.random.Generator):
        return rng
    whole = isinstance(rng, int | np.integer) and not isinstance(rng, bool)
    if rng is not None and (not whole or rng < 0):
        raise ValueError(
            f"rng: got {brief(rng)}; pass an integer >= 0, a numpy.random.Generator, or None"
        )
    return np.random.default_rng(rng)


def _spread(fit: FitViews, count: int, rng: np.random.Generator) -> list[Floats]:
    """Draw starts around the fit's own, from one to 3 √n standard errors away."""
    parameters = fit.likelihood.parameters
    center = parameters.to_working(parameters.values)
    center = np.where(np.isfinite(center), center, fit.whitening.center)
    factor = np.where(np.isfinite(fit.whitening.factor), fit.whitening.factor, 0.0)
    n = max(_RULES.few, fit.likelihood.n_observations or 0)
    furthest = _RULES.furthest * float(np.sqrt(n))
    starts = []
    for size in np.geomspace(_RULES.nearest, furthest, count):
        for attempt in range(_RULES.draws):
            step = size * 0.5**attempt * rng.standard_normal(center.size)
            start = parameters.to_user(center + factor @ step)
            free = np.clip(start[parameters.free], *parameters.bounds.T)
            start[parameters.free] = free
            if np.isfinite(start).all() and np.isfinite(_value(fit, start)):
                starts.append(start)
                break
    return starts


def _value(fit: FitViews, start: Floats) -> float:
    """Evaluate the nll at a start; NaN where the objective raises."""
    try:
        with np.errstate(all="ignore"):
            return fit.likelihood.total(start)
    except RAISED:  # the user's code may raise anything far from its data
        return np.nan


def _attempt(fit: Kind, fit_from: Callable[[Kind, Floats], Kind], start: Floats) -> _End:
    """Fit from one start."""
    try:
        end = fit_from(fit, start)
    except RAISED as error:  # unbounded below, or whatever the user's code raises
        return start, np.nan, Status.RAISED, 0, describe_raised(error)
    return end.estimate, end.nll, end.status, end.n_evaluations, "; ".join(end.notes)


def _distinct(fit: FitViews, ends: Sequence[_End]) -> tuple[FoundOptimum, ...]:
    """Join ends at the same place, the lowest first."""
    parameters, found = fit.likelihood.parameters, list[FoundOptimum]()
    places: list[Floats] = []
    for estimate, nll, status, *_ in sorted(ends, key=lambda end: end[1]):
        with np.errstate(all="ignore"):
            place = fit.whitening.to_whitened(parameters.to_working(estimate))
        for k, other in enumerate(places):
            apart = np.abs(place - other)
            if np.linalg.norm(apart[np.isfinite(apart)]) < _RULES.same:
                found[k] = replace(found[k], times=found[k].times + 1)
                break
        else:
            places.append(place)
            found.append(FoundOptimum(nll, 1, estimate, status))
    return tuple(found)
