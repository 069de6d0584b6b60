"""The one source of derivatives: gradients, Hessians and the contributions' derivatives at points.

They come from JAX where the objective is written in it, from the user's gradient where there is
one, else from differences: callers do not ask which. Another way to compute them is a function that
returns gradients as ``jac`` does, chosen in `split_gradient`; if it has Hessians too, this module
is where they are used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.automatic import Automatic
from bootmle.likelihood.automatic_views import (
    automatic_derivatives,
    automatic_gradients,
    path_of,
)
from bootmle.likelihood.lattice import fourth_order_slope
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.view import Coordinates, View

__all__ = [
    "accurate_gradient",
    "contribution_curvatures",
    "contribution_gradients",
    "free_scores",
    "gradient_and_hessian",
    "gradients",
    "hessian_by_gradients",
    "split_gradient",
]


@dataclass(frozen=True, slots=True)
class _Limits:
    """Limits of the steps, which are in standard errors, and of the values they lead to."""

    accurate: tuple[float, float] = (1e-2, 0.5)
    """Of noise^(1/5), which balances noise / c with c⁴/30 times the fifth derivative: 3e-10 at the
    shortest step, 2e-3 at the longest."""
    bend: float = 2.0
    """Third derivative from which on the fifth counts: it is taken as the third's cube, as of a
    term that changes e-fold over 1/bend standard errors. Regular third ones are about 1/√n."""
    bent: float = 1e-5
    """Shortest step where it does: rounding leaves 1e-11 of the gradient there."""
    curvature: tuple[float, float] = (1.0, 1e6)
    """Of the curvatures that shorten forward steps: they are about 1 at the fit's own optimum, so
    that steps are between one and a thousandth of what they are there."""
    measured_curvature: tuple[float, float] = (0.05, 1e6)
    """The same for central steps, which may be √20 times as long where the curvature is low."""
    of_gradients: float = 1e-3
    """Of a Hessian by central differences of gradients: they leave 1e-3²/6 of a fourth derivative,
    and rounding of 1e-16 a thousandfold."""


_LIMITS = _Limits()


@dataclass(frozen=True, slots=True)
class _Part:
    """The value (0) or the gradient (1) of a function that returns both."""

    function: Callable[..., Any]
    which: int
    calls_fun: ClassVar[bool] = True
    """That a gradient is an evaluation of the objective, too."""

    def __call__(self, params: Floats, *args: Any) -> Any:
        both = self.function(params, *args)
        if not (isinstance(both, tuple) and len(both) == 2):
            raise ValueError(
                f"jac: True needs fun to return (value, gradient), not {type(both).__name__}"
            )
        return both[self.which]


def split_gradient(
    fun: Callable[..., Any], jac: Any
) -> tuple[Callable[..., Any], Callable[..., Any] | None]:
    """Read SciPy's forms of jac: return the function of the values, and that of the gradients."""
    if jac is None or jac is False or (isinstance(jac, str) and jac in {"2-point", "3-point"}):
        return fun, None
    if jac is True:
        return _Part(fun, 0), _Part(fun, 1)
    if isinstance(jac, str) and jac == "jax":
        return Automatic(fun), None
    if callable(jac):
        return fun, jac
    raise ValueError(
        f"jac: {jac!r} is not supported; pass a function, True where fun returns (value, "
        f"gradient), 'jax' where fun is written in JAX, or None for differences"
    )


def accurate_gradient(view: View, z: Floats, noise: float) -> Floats:
    """Return the gradient (r,) at one point, to fourth order in a difference's step."""
    # Beyond the domain on both sides the difference of two infinities is no slope, and is NaN.
    if view.likelihood.has_gradient:
        (gradient,) = _exact_gradients([view], z[None])
        return np.asarray(gradient)
    steps = np.full(z.size, float(np.clip(noise**0.2, *_LIMITS.accurate)))
    gradient, bends = _slopes_and_bends(view, z, steps)
    balanced = (30 * noise / np.maximum(bends, _LIMITS.bend) ** 3) ** 0.2
    shorter = np.maximum(balanced, _LIMITS.bent)
    bent = np.flatnonzero((bends > _LIMITS.bend) & (shorter < steps))
    if bent.size:
        steps[bent] = shorter[bent]
        gradient[bent] = _slopes_and_bends(view, z, steps, bent)[0]
    return gradient


def _slopes_and_bends(
    view: View, z: Floats, steps: Floats, columns: NDArray[np.intp] | None = None
) -> tuple[Floats, Floats]:
    """Return first derivatives and the sizes of third ones by steps along some coordinates."""
    unit = np.diag(steps) if columns is None else np.diag(steps)[columns]
    values = view.values(z + np.concatenate([unit, -unit, 2 * unit, -2 * unit]))
    up, down, up2, down2 = values.reshape(4, len(unit))
    c = steps if columns is None else steps[columns]
    near, far = up - down, up2 - down2
    return fourth_order_slope(near, far, c), np.abs(far - 2 * near) / (2 * c**3)


def gradients(
    views: Sequence[View], points: Floats, values: Floats, curvatures: Floats, step: float
) -> Floats:
    """Return each view's gradient at its own point, where it was evaluated last, (b, r)."""
    # Differences are forward, corrected by the known curvatures (b, r): as accurate as central
    # ones, with half the evaluations.
    if views[0].likelihood.has_gradient:
        return _exact_gradients(views, points)
    c = step / np.sqrt(np.clip(curvatures, *_LIMITS.curvature))
    params = views[0].to_user(points[:, None, :] + c[:, :, None] * np.eye(c.shape[1]))
    ahead = [_look_ahead(*each) for each in zip(views, params, values, c, strict=True)]
    return np.asarray(np.array(ahead) / c - 0.5 * c * curvatures)


def _exact_gradients(views: Sequence[View], points: Floats) -> Floats:
    """Evaluate the exact gradients (b, r) at a point (r,) of each view."""
    first = views[0].likelihood
    if first.automatic:
        together = automatic_gradients(views, points)
        if together is not None:
            return together
    each = zip(views, *views[0].linearized(points), strict=True)
    return np.array([view.gradient_along(params, directions) for view, params, directions in each])


def _look_ahead(view: View, params: Floats, value: float, c: Floats) -> Floats:
    """Measure the change by a step of c along each coordinate, and the scores it gives."""
    if view.sandwich is None:
        return np.asarray(np.array(view.values_of(params)) - value)
    rises = view.rises(params, view.last)
    view.take_scores(rises, np.diag(1 / c))
    return view.summed(rises)


def gradient_and_hessian(
    view: View, z: Floats, value: float, curvatures: Floats, step: float
) -> tuple[Floats, Floats]:
    """Measure the gradient (r,) and the whole Hessian (r, r) at a point whose value is known."""
    # By central and mixed differences of the values, with steps shortened by the curvatures (r,).
    if view.likelihood.automatic:
        exact = automatic_derivatives(view, z)
        if exact is not None:
            return exact
    size = z.size
    c = step / np.sqrt(np.clip(curvatures, *_LIMITS.measured_curvature))
    steps = np.diag(c)
    pairs = [(i, j) for i in range(size) for j in range(i)]
    corners = np.array([steps[i] + steps[j] for i, j in pairs]).reshape(-1, size)
    points = z + np.concatenate([steps, -steps, corners])
    if view.sandwich is None:
        values = view.values(points) - value
    else:
        rises = view.rises(view.to_user(points), view.base)
        values = view.summed(rises) - value
        view.take_scores(rises[:size] - rises[size : 2 * size], np.diag(0.5 / c))
    up, down, across = values[:size], values[size : 2 * size], values[2 * size :]
    # Beyond the domain on both sides the difference of two infinities is NaN.
    gradient = np.asarray((up - down) / (2 * c))
    hessian = np.diag((up + down) / c**2)
    for (i, j), both in zip(pairs, across, strict=True):
        hessian[i, j] = hessian[j, i] = (both - up[i] - up[j]) / (c[i] * c[j])
    return gradient, hessian


def hessian_by_gradients(view: View, z: Floats) -> Floats | None:
    """Return the Hessian (r, r) at a point, exactly in JAX, else by differences of the gradient."""
    # None where it is not finite. Central differences take 2r gradients, as `jac` returns them.
    if view.likelihood.automatic:
        exact = automatic_derivatives(view, z)
        return None if exact is None else exact[1]
    steps = _LIMITS.of_gradients * np.eye(z.size)
    meat = view.meat  # of the scores at the point itself
    params, directions = view.linearized(np.concatenate([z + steps, z - steps]))
    found = [view.gradient_along(*each) for each in zip(params, directions, strict=True)]
    view.meat = meat
    up, down = np.split(np.array(found), 2)
    hessian = (up - down) / (2 * _LIMITS.of_gradients)
    return (hessian + hessian.T) / 2 if np.isfinite(hessian).all() else None


def contribution_gradients(likelihood: Likelihood, coordinates: Coordinates, step: float) -> Floats:
    """Return the gradients (N, r) of the observations' weighted contributions at z = 0."""
    if likelihood.scores_given:
        center = coordinates.center
        slopes = likelihood.parameters.slopes(center)
        found = ((free_scores(likelihood, center) * slopes) @ coordinates.factor).T
    else:
        unit = step * np.eye(coordinates.size)
        near, far = (
            _contributions(likelihood, coordinates, each)
            - _contributions(likelihood, coordinates, -each)
            for each in (unit, 2 * unit)
        )
        found = fourth_order_slope(near, far, step)
    return likelihood.of_observations(found).T


def contribution_curvatures(
    likelihood: Likelihood,
    coordinates: Coordinates,
    directions: Floats,
    base: Floats,
    step: float,
) -> Floats:
    """Return second derivatives (N, k) of weighted contributions along directions (k, r)."""
    # At z = 0, where the contributions are ``base`` (n,); not finite where a step leaves the
    # domain.
    path = path_of(likelihood, coordinates)
    if likelihood.automatic and path is not None:
        found = likelihood.automatic.curvatures(path, directions, likelihood.args)
        return likelihood.of_observations(found).T
    ends = _contributions(likelihood, coordinates, step * directions) + _contributions(
        likelihood, coordinates, -step * directions
    )
    return likelihood.of_observations((ends - 2 * base) / step**2).T


def free_scores(likelihood: Likelihood, working: Floats) -> Floats:
    """Evaluate the contributions' exact gradients by the free parameters, (n, q)."""
    parameters = likelihood.parameters
    return likelihood.scores(parameters.to_user(working))[:, parameters.free]


def _contributions(likelihood: Likelihood, coordinates: Coordinates, points: Floats) -> Floats:
    """Evaluate the contributions at points (k, r), (k, n)."""
    params = likelihood.parameters.to_user(coordinates.to_working(points))
    return likelihood.contributions_at(params)
