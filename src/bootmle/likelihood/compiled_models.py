"""Cubic models of many replicates and their Newton steps, as JAX compiles them."""

from __future__ import annotations

from typing import Any, NamedTuple

from bootmle.likelihood.compiled import numpy_of_jax, require_jax

__all__ = [
    "Limits",
    "Models",
    "bfgs_changes",
    "maximize",
    "model_at",
    "newton_steps",
    "pivots_of",
    "times",
    "tolerance",
    "where",
]


class Limits(NamedTuple):
    """Lengths in standard errors, and what counts as definite: see the rules of BatchedNewton."""

    radius: float
    reach: float
    far: float
    rounds: int
    close: float
    slow: float
    slack: float
    pivot: float
    narrow: float
    undecided: float
    steps: int
    converged: float
    rounding: float
    positive: float
    scatter: float
    left: float
    wide: float
    most: float
    floor: float


class Models(NamedTuple):
    """Cubic models of b replicates around z = 0, as `CubicModels`."""

    slope: Any
    curvature: Any
    third: Any


def model_at(models: Models, z: Any) -> tuple[Any, Any, Any]:
    """Evaluate the models' values (m,), gradients (m, r) and Hessians (m, r, r)."""
    straight = times(models.curvature, z)
    value = ((models.slope + straight / 2) * z).sum(axis=1)
    if models.third is None:
        return value, models.slope + straight, models.curvature
    bend = times(models.third, z[:, None])
    bent = times(bend, z)
    gradient = models.slope + straight + bent / 2
    return value + (bent * z).sum(axis=1) / 6, gradient, models.curvature + bend


def maximize(models: Models, limits: Limits) -> tuple[Any, Any]:
    """Find the models' optima (m, r) by damped steps from 0; whether each has one in reach."""
    jax, jnp = require_jax(), numpy_of_jax()

    def evaluate(z: Any) -> tuple[Any, ...]:
        value, gradient, hessian = model_at(models, z)
        return value, *newton_steps(gradient, hessian, limits)

    def unfinished(at: tuple[Any, ...]) -> Any:
        _, _, _, steps, _, definite, rounds = at
        moving = jnp.linalg.norm(steps, axis=1) >= limits.converged
        return (moving & definite).any() & (rounds < limits.steps)

    def go_on(at: tuple[Any, ...]) -> tuple[Any, ...]:
        z, fraction, value, steps, _, definite, rounds = at
        length = jnp.linalg.norm(steps, axis=1)
        reach = fraction * jnp.minimum(1.0, limits.radius / jnp.maximum(length, limits.converged))
        trial = z + steps * reach[:, None]
        found = evaluate(trial)
        moving = (length >= limits.converged) & definite
        lower = (found[0] <= value + limits.rounding) & moving
        kept = [where(lower, one, other) for one, other in zip(found, at[2:6], strict=True)]
        fraction = jnp.where(lower, 1.0, fraction / 4)
        return where(lower, trial, z), fraction, *kept, rounds + 1

    z = jnp.zeros_like(models.slope)
    start = z, jnp.ones(len(z)), *evaluate(z), 0
    z, _, _, steps, _, definite, _ = jax.lax.while_loop(unfinished, go_on, start)
    good = definite & (jnp.linalg.norm(steps, axis=1) < limits.converged)
    z = jnp.where(good[:, None], z + steps, 0.0)
    return z, good & (jnp.linalg.norm(z, axis=1) < limits.reach)


def newton_steps(gradient: Any, hessian: Any, limits: Limits) -> tuple[Any, Any, Any]:
    """Return Newton steps (m, r), decrements (m,), and whether each Hessian is definite."""
    jax, jnp = require_jax(), numpy_of_jax()
    factor = jnp.linalg.cholesky(hessian)
    pivots = pivots_of(factor)
    least = jnp.maximum(limits.pivot, limits.narrow * pivots.max(axis=1, keepdims=True))
    definite = ((pivots > least) & (pivots < jnp.inf)).all(axis=1)
    solve = jax.scipy.linalg.solve_triangular
    halfway = solve(factor, gradient[..., None], lower=True)
    steps = -solve(factor, halfway, lower=True, trans=1)[..., 0]
    return steps, jnp.linalg.norm(halfway[..., 0], axis=1), definite


def pivots_of(factor: Any) -> Any:
    """Return the diagonals (m, r) of Cholesky factors, NaN where there is none."""
    return numpy_of_jax().diagonal(factor, axis1=1, axis2=2)


def bfgs_changes(hessian: Any, s: Any, y: Any, limits: Limits) -> Any:
    """Return BFGS updates that map s to y; zero where curvature is negative."""
    jnp = numpy_of_jax()
    image = times(hessian, s)
    along, across = (s * y).sum(axis=1), (s * image).sum(axis=1)
    usable = (along > limits.positive * (s * s).sum(axis=1)) & (across > 0)
    along, across = jnp.where(usable, along, 1.0), jnp.where(usable, across, 1.0)
    gain = y[:, :, None] * y[:, None, :] / along[:, None, None]
    loss = image[:, :, None] * image[:, None, :] / across[:, None, None]
    return jnp.where(usable[:, None, None], gain - loss, 0.0)


def times(matrices: Any, vectors: Any) -> Any:
    """Multiply matrices (..., i, j) by vectors (..., j)."""
    return (matrices @ vectors[..., None])[..., 0]


def where(chosen: Any, one: Any, other: Any) -> Any:
    """Choose between arrays whose first axis is the replicates'."""
    return numpy_of_jax().where(chosen.reshape(-1, *[1] * (one.ndim - 1)), one, other)


def tolerance(z: Any, ratio: Any, first: Any, limits: Limits) -> Any:
    """Return the distance from which the last step ends within the promised one."""
    jnp = numpy_of_jax()
    left, length = limits.left, jnp.linalg.norm(z, axis=1)
    modelled = jnp.minimum(jnp.sqrt(left * length / 3), limits.wide)
    share = jnp.clip(ratio, limits.scatter, 1.0)
    contracted = jnp.minimum(left * (1 - share) / (1.5 * share), limits.wide)
    least = jnp.minimum(jnp.where(first, modelled, contracted), limits.most)
    return jnp.maximum(least, limits.floor)
