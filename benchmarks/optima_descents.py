"""Exact derivatives at a point, and descents from it that the package has no part in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from optima_runs import Floats, Run, scores

minimize: Any = optimize.minimize


@dataclass(frozen=True, slots=True)
class Steps:
    """How we differentiate and descend."""

    first: float = 1e-8
    """Of a parameter's size: finds the size of its curvature to 1e-8 in double precision."""
    difference: float = 1e-4
    """Of the unit 1/√H_jj: fourth order leaves 1e-16, rounding 1e-12, and 1e-15 in extended
    precision; of the parameter's size where that is less, as where the curvature is 0."""
    aside: float = 0.1
    """Standard errors from which descents begin where the Hessian is weak: barriers below 0.005 in
    nll are crossed there."""
    radius: float = 0.5
    """Longest step of a descent, standard errors, so that it stays in its valley."""
    weakest: float = 1e-8
    """Eigenvalue at a unit diagonal below which a point is looked at from beside it; the smallest
    that sets the length of a standard error."""
    flat: float = 1e-12
    """Eigenvalue at a unit diagonal that cannot be told from 0: the Hessian's own error."""
    level: float = 1e-6
    """Rise of the nll, 0.001 standard errors, within which a flat direction is followed."""
    growth: float = 1.1
    """Of the steps along a flat direction: two rates of NIST's Lanczos problems can part only where
    two amplitudes have one sign, from 12.2 to 14.3 along it."""
    most: int = 2
    """Flat directions that are followed: of more, a sample."""
    saddle: float = -1e-8
    """Eigenvalue at a unit diagonal that is negative beyond the Hessian's error."""


STEPS = Steps()


def noise(run: Run, x: Floats) -> float:
    """Return the largest change of the nll by the last digit of the parameters."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (8, x.size))
    nearby = x * (1 + np.finfo(float).eps * signs)
    here = run.total(x)
    return float(np.nanmax(np.abs([run.total(point) - here for point in nearby])))


def derivatives(run: Run, x: Any) -> tuple[Floats, Floats, Floats]:
    """Return units 1/√|H_jj|, gradient and Hessian in them, in the precision of ``x``.

    The gradient is exact; the Hessian comes from its fourth-order central differences.
    """
    first = STEPS.first * np.maximum(np.abs(x), STEPS.first)
    gradient = scores(run.total, x)
    steps = np.diag(first)
    sizes = np.abs([(scores(run.total, x + d) - gradient) @ d / (d @ d) for d in steps])
    units = np.where(sizes > 0, 1 / np.sqrt(np.where(sizes > 0, sizes, 1)), np.abs(x) + 1)
    longest = np.maximum(np.abs(x), max(1e-3 * np.abs(x).max(), STEPS.first))
    rows = []
    for step in np.diag(STEPS.difference * np.minimum(units, longest)):
        up, down, up2, down2 = (scores(run.total, x + m * step) for m in (1, -1, 2, -2))
        rows.append((8 * (up - down) - (up2 - down2)) / (12 * step.sum()))
    hessian = np.array(rows) * np.outer(units, units)
    doubles = [np.asarray(part, float) for part in (units, gradient * units, hessian)]
    return doubles[0], doubles[1], (doubles[2] + doubles[2].T) / 2


def decrement(run: Run, x: Floats) -> tuple[float, float]:
    """Return √(gᵀH⁺g) and the smallest eigenvalue at a unit diagonal, off the bounds."""
    inside = _inside(run, x)
    if not inside.any():
        return 0.0, np.inf
    _, gradient, hessian = derivatives(run, x.astype(np.longdouble))
    gradient, hessian = gradient[inside], hessian[np.ix_(inside, inside)]
    if not (np.isfinite(hessian).all() and np.isfinite(gradient).all()):
        return np.nan, np.nan
    values, vectors = np.linalg.eigh(hessian)
    kept = np.abs(values) > STEPS.flat * np.abs(values).max()
    along = vectors.T[kept] @ gradient
    return float(np.sqrt(np.sum(along**2 / np.abs(values[kept])))), float(values[0])


def _inside(run: Run, x: Floats) -> NDArray[np.bool_]:
    """Tell which parameters are off their bounds."""
    margin = 1e-8 * np.maximum(1.0, np.abs(x))
    inside: NDArray[np.bool_] = (x > run.bounds[:, 0] + margin) & (x < run.bounds[:, 1] - margin)
    return inside


def descend(run: Run, x: Floats) -> float:
    """Return the lowest nll that local descents reach from beside a point."""
    if not run.exact or np.isfinite(run.bounds).any():
        return _descend_by_values(run, x)
    ends = [_descend_exactly(run, start) for start in _starts(run, x)]
    return float(np.nanmin([float(run.total(x)), *ends]))


def _descend_by_values(run: Run, x: Floats) -> float:
    """Descend by Nelder and Mead's method from two small simplices, within bounds."""
    low, high = run.bounds.T
    free = low < high
    bounds = run.bounds[free] if np.isfinite(run.bounds[free]).any() else None

    def value(part: Floats) -> float:
        params = x.copy()
        params[free] = part
        total = float(run.total(params))
        return total if np.isfinite(total) else np.inf

    units = np.array([_unit(run, x, int(k)) for k in np.flatnonzero(free)])
    ends = [value(x[free])]
    for side in (STEPS.aside, -STEPS.aside):
        corners = x[free] + side * np.vstack([np.zeros(units.size), np.diag(units)])
        options = {"initial_simplex": np.clip(corners, low[free], high[free])}
        options |= {"maxfev": 200 * units.size}
        found = minimize(value, x[free], method="Nelder-Mead", bounds=bounds, options=options)
        ends.append(float(found.fun))
    return min(ends)


def _unit(run: Run, x: Floats, k: int) -> float:
    """Double a step in one parameter until the nll has risen by half: a standard error."""
    here, step = run.total(x), 1e-8 * max(1e-8, abs(x[k]))
    width = min(np.diff(run.bounds[k])[0] / 100, 1e3 * max(1.0, abs(x[k])))
    direction = np.eye(x.size)[k]
    while step < width:
        if not max(run.total(x + step * direction), run.total(x - step * direction)) < here + 0.5:
            break
        step *= 2
    return float(step)


def _starts(run: Run, x: Floats) -> Iterator[Floats]:
    """List the point; where it is weak, points beside it and saddles along flat directions."""
    yield x
    units, _, hessian = derivatives(run, x.astype(np.longdouble))
    if not np.isfinite(hessian).all():
        return
    values, vectors = np.linalg.eigh(hessian)
    if values[0] > STEPS.weakest:
        return
    weakest = units * vectors[:, 0] / np.sqrt(max(abs(values[0]), STEPS.weakest))
    here = run.total(x)
    for side in (STEPS.aside, -STEPS.aside):
        while run.total(x + side * weakest) > here + STEPS.aside**2 and abs(side) > STEPS.first:
            side /= 10
        yield x + side * weakest
    flat = vectors.T[np.abs(values) < STEPS.flat * values[-1]]
    for direction in flat[: STEPS.most]:
        for side in (1.0, -1.0):
            yield from _along(run, x, side * units * direction)


def _along(run: Run, x: Floats, direction: Floats) -> Iterator[Floats]:
    """Follow a flat direction to where another bends down, and step that way; nothing if none."""
    level = run.total(x) + STEPS.level + noise(run, x)
    size = np.linalg.norm(x) / np.linalg.norm(direction)
    step = 1e-3 * size
    while step < 10 * size and run.total(x + step * direction) < level:
        point = x + step * direction
        units, _, hessian = derivatives(run, point)
        if not np.isfinite(hessian).all():
            return
        values, vectors = np.linalg.eigh(hessian)
        if values[0] < STEPS.saddle * values[-1]:
            yield point + STEPS.aside * units * vectors[:, 0] / np.sqrt(-values[0])
            return
        step *= STEPS.growth


def _descend_exactly(run: Run, x: Floats) -> float:
    """Descend by Newton steps in a trust region, in units of standard errors."""
    units, _, hessian = derivatives(run, x)
    if not np.isfinite(hessian).all():
        return float(run.total(x))
    values, vectors = np.linalg.eigh(hessian)
    metric = units[:, None] * vectors / np.sqrt(np.maximum(np.abs(values), STEPS.weakest))

    def value(z: Floats) -> float:
        total = float(run.total(x + metric @ z))
        return total if np.isfinite(total) else 1e300

    def slope(z: Floats) -> Floats:
        # Where the slope is not finite it reads as zero, which ends the descent there.
        found = metric.T @ scores(run.total, x + metric @ z)
        return np.asarray(np.where(np.isfinite(found), found, 0.0))

    def curvature(z: Floats) -> Floats:
        at, _, local = derivatives(run, x + metric @ z)
        scaled = metric / at[:, None]
        return np.asarray(np.nan_to_num(scaled.T @ local @ scaled))

    options = {"initial_trust_radius": STEPS.aside, "max_trust_radius": STEPS.radius}
    options |= {"maxiter": 60, "gtol": 1e-9}
    found = minimize(
        value, np.zeros(x.size), jac=slope, hess=curvature, method="trust-exact", options=options
    )
    return float(found.fun)
