"""The cubic model of a replicate and its Newton steps, as JAX compiles them."""

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
    "tolerance",
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
    exact: float


class Models(NamedTuple):
    """A replicate's cubic model around z = 0, or those of many along a first axis."""

    slope: Any
    curvature: Any
    third: Any


def model_at(model: Models, z: Any) -> tuple[Any, Any, Any]:
    """Evaluate the model's value, gradient (r,) and Hessian (r, r)."""
    straight = model.curvature @ z
    value = (model.slope + straight / 2) @ z
    if model.third is None:
        return value, model.slope + straight, model.curvature
    bend = model.third @ z
    bent = bend @ z
    gradient = model.slope + straight + bent / 2
    return value + bent @ z / 6, gradient, model.curvature + bend


def maximize(model: Models, limits: Limits) -> tuple[Any, Any]:
    """Find the model's optimum (r,) by damped steps from 0, and whether there is one in reach."""
    jax, jnp = require_jax(), numpy_of_jax()

    def evaluate(z: Any) -> tuple[Any, ...]:
        value, gradient, hessian = model_at(model, z)
        return value, *newton_steps(gradient, hessian, limits)

    def unfinished(at: tuple[Any, ...]) -> Any:
        _, _, _, steps, _, definite, rounds = at
        return (jnp.linalg.norm(steps) >= limits.converged) & definite & (rounds < limits.steps)

    def go_on(at: tuple[Any, ...]) -> tuple[Any, ...]:
        z, fraction, value, steps, _, _, rounds = at
        length = jnp.linalg.norm(steps)
        trial = z + steps * fraction * jnp.minimum(1.0, limits.radius / length)
        found = evaluate(trial)
        lower = found[0] <= value + limits.rounding
        kept = [jnp.where(lower, one, other) for one, other in zip(found, at[2:6], strict=True)]
        fraction = jnp.where(lower, 1.0, fraction / 4)
        return jnp.where(lower, trial, z), fraction, *kept, rounds + 1

    z = jnp.zeros_like(model.slope)
    start = z, 1.0, *evaluate(z), 0
    z, _, _, steps, _, definite, _ = jax.lax.while_loop(unfinished, go_on, start)
    good = definite & (jnp.linalg.norm(steps) < limits.converged)
    z = jnp.where(good, z + steps, 0.0)
    return z, good & (jnp.linalg.norm(z) < limits.reach)


def newton_steps(gradient: Any, hessian: Any, limits: Limits) -> tuple[Any, Any, Any]:
    """Return the Newton step (r,), the decrement, and whether the Hessian is definite."""
    jax, jnp = require_jax(), numpy_of_jax()
    factor = jnp.linalg.cholesky(hessian)
    pivots = jnp.diagonal(factor)
    least = jnp.maximum(limits.pivot, limits.narrow * pivots.max())
    definite = ((pivots > least) & (pivots < jnp.inf)).all()
    solve = jax.scipy.linalg.solve_triangular
    halfway = solve(factor, gradient, lower=True)
    return -solve(factor, halfway, lower=True, trans=1), jnp.linalg.norm(halfway), definite


def bfgs_changes(hessian: Any, s: Any, y: Any, limits: Limits) -> Any:
    """Return the BFGS update that maps s to y; zero where curvature is negative."""
    jnp = numpy_of_jax()
    image = hessian @ s
    along, across = s @ y, s @ image
    usable = (along > limits.positive * (s @ s)) & (across > 0)
    along, across = jnp.where(usable, along, 1.0), jnp.where(usable, across, 1.0)
    change = jnp.outer(y, y) / along - jnp.outer(image, image) / across
    return jnp.where(usable, change, 0.0)


def tolerance(z: Any, ratio: Any, first: Any, limits: Limits) -> Any:
    """Return the distance from which the last step ends within the promised one."""
    jnp = numpy_of_jax()
    left = limits.left
    modelled = jnp.minimum(jnp.sqrt(left * jnp.linalg.norm(z) / 3), limits.wide)
    share = jnp.clip(ratio, limits.scatter, 1.0)
    contracted = jnp.minimum(left * (1 - share) / (1.5 * share), limits.wide)
    least = jnp.minimum(jnp.where(first, modelled, contracted), limits.most)
    return jnp.maximum(least, limits.floor)
