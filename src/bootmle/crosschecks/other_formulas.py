"""Formulas of last resort: other scales, other points, searches, wrong steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import TypeVar

import numpy as np
from scipy.optimize import minimize

from bootmle.crosschecks.formulas import Context, Formula, Kind
from bootmle.crosschecks.matching import EXACT, Given
from bootmle.display.text import rounded
from bootmle.execution.raised import RAISED
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.convergence import observed_information

__all__ = [
    "N_SCALES",
    "elsewhere_formulas",
    "rescaled_formula",
    "search_formulas",
    "wrong_step_formulas",
]

_SEARCH = "a quasi-Newton approximation that depends on the path: not the curvature"
_SEARCH_ERROR = 1e-3
"""Relative error of a search run again: its differenced gradients change in the last digits."""
_SLOWEST = 2.0
"""Seconds that searching again, or differencing with other steps, may take."""
_STEPS = tuple(10.0**-k for k in range(1, 9))
"""Steps of differences that are tried, absolute and relative to the parameter."""


_T = TypeVar("_T")
Map = tuple[str, Callable[[float], float]]
_MAPS: tuple[Map, ...] = (
    ("log({})", lambda t: 1 / abs(t)),
    ("exp({})", np.exp),
    ("logit({})", lambda t: 1 / (t * (1 - t)) if 0 < t < 1 else np.nan),
    ("expit({})", lambda t: np.exp(-abs(t)) / (1 + np.exp(-abs(t))) ** 2),
    ("{}²", lambda t: 2 * abs(t)),
    ("√{}", lambda t: 0.5 / np.sqrt(t) if t > 0 else np.nan),
    ("1/{}", lambda t: 1 / t**2),
    ("exp(−{})", lambda t: np.exp(-t)),
    ("exp(2·{})", lambda t: 2 * np.exp(2 * t)),
    ("exp({}/2)", lambda t: np.exp(t / 2) / 2),
    ("log(√{})", lambda t: 0.5 / t if t > 0 else np.nan),
    ("2·{}", lambda t: 2.0),
    ("{}/2", lambda t: 0.5),
)
"""Scales on which a parameter may be reported, each with the size of its derivative."""
N_SCALES = len(_MAPS)


def rescaled_formula(base: Formula, given: Given, context: Context) -> Formula | None:
    """Find a scale for each parameter, most of them their own, on which a column matches."""
    # By the delta method a standard error on another scale is multiplied by the derivative there.
    made, present = base.column, given.present & np.isfinite(base.column)
    with np.errstate(all="ignore"):
        ratios = given.column / made
        allowed = np.full(len(made), np.inf)
        allowed[present] = given.unit[present] + EXACT + base.error
        found: dict[int, list[Map]] = {}
        for j in np.flatnonzero(present):
            if abs(np.log(ratios[j])) <= allowed[j]:
                continue
            value = context.estimate[j]
            fitting = [m for m in _MAPS if abs(np.log(ratios[j] / m[1](value))) <= allowed[j]]
            if not fitting:
                return None
            found[int(j)] = fitting
    kept = int(present.sum()) - len(found)
    same = len({fitting[0][0] for fitting in found.values()}) == 1 and len(found) > 1
    if not found or not (kept >= len(found) or same):
        return None
    slopes = np.ones(len(made))
    for place, fitting in found.items():
        slopes[place] = fitting[0][1](context.estimate[place])
    shown = ", ".join(
        " or ".join(title.format(context.names[place]) for title, _ in fitting)
        for place, fitting in found.items()
    )
    more = ", ".join(context.names[j] for j in found)
    return replace(
        base,
        name=f"{base.name} on another scale, of {shown}",
        covariance=base.covariance * np.outer(slopes, slopes),
        kind=Kind.OTHER,
        advice=f"those are not standard errors of {more}: they are multiplied by the derivative "
        f"(the delta method)",
        complexity=1 + len(found),
    )


def elsewhere_formulas(base: Formula, fit: Fit, point: Floats | None) -> Iterator[Formula]:
    """Invert the Hessian where SciPy stopped, at the start, and at a library's estimates."""
    parameters = fit.likelihood.parameters
    places: list[tuple[str, Floats]] = [("the start values", parameters.values)]
    end = _unless_raised(lambda: fit.scipy_end)
    if end is not None and end.point.size == fit.free.sum():
        places.append(("SciPy's end point", end.params))
    if point is not None and np.isfinite(point[fit.free]).all():
        places.append(("the library's estimates", np.where(fit.free, point, fit.estimate)))
    for where, params in places:
        working = parameters.to_working(params)
        away = float(np.linalg.norm(fit.whitening.to_whitened(working)))
        if not 1e-3 < away < np.inf:
            continue
        try:
            found = observed_information(fit.likelihood, working)
        except RAISED:
            continue
        if found.definiteness != "positive definite":
            continue
        slopes = parameters.slopes(working)
        yield replace(
            base,
            name=f"the inverse Hessian at {where}",
            covariance=found.covariance * np.outer(slopes, slopes),
            kind=Kind.ELSEWHERE,
            advice=f"that point is {rounded(away, 2)} standard errors from the optimum",
            complexity=1,
        )


def _unless_raised(found: Callable[[], _T]) -> _T | None:
    """Go on with a search that had paused, unless the objective raises where it then goes."""
    try:
        return found()
    except RAISED:
        return None


def search_formulas(base: Formula, fit: Fit) -> Iterator[Formula]:
    """Take the by-product of SciPy's own search from the start, or of another such search."""
    parameters = fit.likelihood.parameters
    yield replace(
        base,
        name="hess_inv, a by-product of a search that took no step: the identity matrix",
        covariance=np.eye(len(base.covariance)),
        kind=Kind.SEARCH,
        advice=_SEARCH,
    )
    own = _unless_raised(lambda: fit.optimize_result)
    if (
        own is not None
        and own.get("hess_inv") is not None
        and np.shape(own.x) == (parameters.free.size,)
    ):
        slopes = parameters.slopes(parameters.to_working(fit.estimate))
        # Its x is on the scale that was searched, which need not be the one of refits.
        yield _of_search(base, own, "the fit's own search", np.ones_like(slopes))
        if parameters.curved:
            yield _of_search(base, own, "the fit's own search", slopes)
    if fit.seconds_per_evaluation * 1000 > _SLOWEST:
        return

    def total(free: Floats) -> float:
        params = parameters.values.copy()
        params[parameters.free] = free
        return fit.likelihood.total(params)

    for method in ("BFGS", "L-BFGS-B"):
        try:
            result = minimize(total, parameters.values[parameters.free], method=method)
        except RAISED:
            continue
        yield _of_search(base, result, f"{method} from the fit's start values", 1.0)


def _of_search(base: Formula, result: object, where: str, slopes: Floats | float) -> Formula:
    """Name a search's matrix."""
    raw = result["hess_inv"]  # type: ignore[index]
    matrix = np.asarray(raw.todense() if hasattr(raw, "todense") else raw, dtype=float)
    q = base.covariance.shape[0]
    if matrix.shape != (q, q):
        matrix = np.full((q, q), np.nan)
    return replace(
        base,
        name=f"hess_inv, a by-product of {where}",
        covariance=matrix * np.outer(slopes * np.ones(q), slopes * np.ones(q)),
        kind=Kind.SEARCH,
        advice=_SEARCH,
        complexity=1,
        error=_SEARCH_ERROR,
    )


def wrong_step_formulas(base: Formula, fit: Fit, context: Context) -> Iterator[Formula]:
    """Invert Hessians differenced with steps too long or too short for some parameter."""
    q = len(context.names)
    count = len(_STEPS) * 2 * 2 * (2 * q**2 + 1)
    if fit.seconds_per_evaluation * count > _SLOWEST:
        return
    sizes = {
        "": np.ones(q),
        " times each parameter": np.where(context.estimate == 0, 1.0, np.abs(context.estimate)),
    }
    for step, (unit, scale) in product(_STEPS, sizes.items()):
        for central in (True, False):
            with np.errstate(all="ignore"):
                try:
                    matrix = _differenced(fit, step * scale, central)
                    inverse = np.asarray(np.linalg.inv(matrix), dtype=float)
                except RAISED:  # beyond its domain an objective may raise anything
                    continue
            if not np.isfinite(inverse).all():
                continue
            kind = "central" if central else "forward"
            yield replace(
                base,
                name=f"the inverse of a Hessian by {kind} differences with the step h = "
                f"{step:g}{unit}",
                covariance=inverse,
                kind=Kind.OTHER,
                advice="the step is too long or too short for some parameter's scale",
                complexity=1,
                error=_SEARCH_ERROR,
            )


def _differenced(fit: Fit, steps: Floats, central: bool) -> Floats:
    """Difference the objective, (q, q)."""
    q, place = len(steps), np.flatnonzero(fit.free)

    def total(*moves: tuple[int, float]) -> float:
        params = fit.estimate.copy()
        for j, side in moves:
            params[place[j]] += side * steps[j]
        return fit.likelihood.total(params)

    hessian = np.empty((q, q))
    with np.errstate(all="ignore"):
        zero = total()
        ahead = [total((i, 1.0)) for i in range(q)]
        for i in range(q):
            for j in range(i + 1):
                if central:
                    four = (
                        total((i, 1.0), (j, 1.0))
                        - total((i, 1.0), (j, -1.0))
                        - total((i, -1.0), (j, 1.0))
                        + total((i, -1.0), (j, -1.0))
                    ) / 4
                else:
                    four = total((i, 1.0), (j, 1.0)) - ahead[i] - ahead[j] + zero
                hessian[i, j] = hessian[j, i] = four / (steps[i] * steps[j])
    return hessian
