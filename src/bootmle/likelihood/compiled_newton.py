"""Newton's iteration for many weighted sums of one objective: one program that JAX compiles.

Replicates move in groups of fixed width, each at its own place in its group; nothing that is
computed for one depends on the others. It does what `BatchedNewton` does where gradients are exact
and nothing unusual happens; whatever else it meets is left undone.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.compiled import (
    Kernels,
    device,
    double_precision,
    numpy_of_jax,
    require_jax,
)
from bootmle.likelihood.compiled_models import (
    Limits,
    Models,
    bfgs_changes,
    maximize,
    model_at,
    newton_steps,
    pivots_of,
    times,
    tolerance,
    where,
)
from bootmle.likelihood.scales import Log, Logit, Scale

__all__ = ["Limits", "Refitted", "Shared", "refit_on_device"]

Curved = tuple[tuple[int, Scale], ...]


class Shared(NamedTuple):
    """What all replicates share, on JAX's device."""

    args: Any
    params: Any
    """The full parameter vector (p,) at z = 0."""
    free: Any
    """Positions (q,) of the free parameters; None where all are free."""
    center: Any
    """The working parameters (q,) at z = 0."""
    factor: Any
    """Their derivatives (q, r) by z."""
    terms: Any
    """Distinct first and second derivatives (n, k) of the contributions by z."""
    thirds: Any
    """The third ones (n, m); None where the models are quadratic."""
    pairs: Any
    """Positions (r, r) of the second derivatives among their distinct ones."""
    triples: Any
    """The same (r, r, r) of the third ones."""
    prior: Any
    """Prior weights (n,) by which the meat's are multiplied; None where all are 1."""


class Refitted(NamedTuple):
    """Where b replicates ended."""

    z: Any
    done: Any
    distance: Any
    rounds: Any
    hessian: Any
    meat: Any
    """Of the sandwich, in whitened coordinates; zero where it was not asked for."""


class _State(NamedTuple):
    """Where the replicates of a group stand."""

    z: Any
    before: Any
    gradient: Any
    modelled: Any
    correction: Any
    hessian: Any
    distance: Any
    widest: Any
    rounds: Any
    done: Any
    active: Any
    scores: Any
    """Those (m, n, q) behind the last gradients, where meats are made of them."""


def refit_on_device(
    kernels: Kernels,
    shared: Shared,
    curved: Curved,
    weights: Floats,
    limits: Limits,
    chosen: slice,
    *,
    meats: bool,
) -> Refitted:
    """Refit some of the replicates with weights (b, n), where their models are; in NumPy's arrays.

    What is not among the chosen ones may be missing.
    """
    first, last, _ = chosen.indices(len(weights))
    # A CPU's cache holds one replicate, which then ends with its own last step.
    width = 1 if device().memory is None else len(weights)
    at_once = kernels.by_rows and shared.thirds is not None
    kind = "newton", curved, width, meats, at_once
    if kind not in kernels.loops:
        kernels.loops[kind] = NewtonProgram(kernels, curved, width, meats=meats, at_once=at_once)
    large = shared.terms, shared.thirds, shared.pairs, shared.triples, shared.prior
    with double_precision():
        terms, thirds, pairs, triples, prior = kernels.held("expansion", large, _moved)
        shared = shared._replace(
            args=kernels.on_device(shared.args),
            terms=terms,
            thirds=thirds,
            pairs=pairs,
            triples=triples,
            prior=prior,
        )
        groups = np.array([first // width, -(-last // width)])
        found = kernels.loops[kind].run(shared, weights, limits, groups)
        return Refitted(*map(np.asarray, found))


def _moved(arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """Move arrays to the device."""
    array = numpy_of_jax().asarray
    return tuple(None if each is None else array(each) for each in arrays)


class NewtonProgram:
    """The program for one kind of model: its scales, and what is asked for."""

    def __init__(
        self, kernels: Kernels, curved: Curved, width: int, *, meats: bool, at_once: bool
    ) -> None:
        """Move ``width`` replicates together.

        ``at_once`` makes the meats of the scores behind the last gradients, where few steps are
        expected; else the scores are evaluated after the last step alone.
        """
        self.kernels, self.curved, self.width = kernels, curved, width
        self.meats, self.at_once = meats, meats and at_once
        self.run = require_jax().jit(self.refit_groups)

    def refit_groups(self, shared: Shared, weights: Any, limits: Limits, groups: Any) -> Refitted:
        """Refit the replicates of some groups (first, last) of those with weights (b, n)."""
        jax, jnp = require_jax(), numpy_of_jax()
        models, count = _combine(shared, weights), len(weights)
        size, width = shared.factor.shape[1], self.width
        base = self.kernels.at(shared.params, shared.args).reshape(-1)
        square = jnp.zeros((count, size, size))
        empty = Refitted(
            *(jnp.zeros((count, size)), jnp.zeros(count, bool), jnp.zeros(count)),
            *(jnp.zeros(count, int), square, square if self.meats else jnp.zeros((count, 0, 0))),
        )

        def refit_next(group: Any, found: Refitted) -> Refitted:
            start = group * width
            own, its = jax.tree_util.tree_map(
                lambda each: jax.lax.dynamic_slice_in_dim(each, start, width), (weights, models)
            )
            part = self.refit_group(shared, base, own, its, limits)
            update = partial(jax.lax.dynamic_update_slice_in_dim, start_index=start, axis=0)
            merged: Refitted = jax.tree_util.tree_map(update, found, part)
            return merged

        found: Refitted = jax.lax.fori_loop(groups[0], groups[1], refit_next, empty)
        return found

    def refit_group(
        self, shared: Shared, base: Any, weights: Any, models: Models, limits: Limits
    ) -> Refitted:
        """Step from the models' optima until each replicate is certified or given up."""
        jax, jnp = require_jax(), numpy_of_jax()
        z, good = maximize(models, limits)
        trusted = jnp.linalg.norm(z, axis=1) < limits.radius
        flat, none = jnp.zeros_like(z), jnp.zeros_like(models.curvature)
        infinite = jnp.full(len(z), jnp.inf)
        state = _State(
            *(z, flat, flat, none, none, none, infinite, jnp.where(trusted, 0.0, jnp.inf)),
            *(jnp.zeros(len(z), int), jnp.zeros(len(z), bool), good),
            jnp.zeros((len(z), len(base) if self.at_once else 0, shared.center.size)),
        )
        state = jax.lax.while_loop(
            lambda at: at.active.any(),
            lambda at: self.step(shared, weights, models, limits, at),
            state,
        )
        certain = state.hessian - limits.undecided * jnp.eye(z.shape[1])
        done = state.done & jnp.isfinite(pivots_of(jnp.linalg.cholesky(certain))).all(axis=1)
        # From further away, or beyond the trust radius, a step may have led uphill.
        unseen = done & (state.widest >= limits.close)
        low = jax.lax.cond(
            unseen.any(),
            lambda at: self.rise(shared, base, weights, at) <= limits.slack,
            lambda at: jnp.ones(len(at), bool),
            state.z,
        )
        done &= ~unseen | low
        meat = self.meat(shared, weights, state)
        return Refitted(state.z, done, state.distance, state.rounds, state.hessian, meat)

    def step(
        self, shared: Shared, weights: Any, models: Models, limits: Limits, at: _State
    ) -> _State:
        """Measure the gradients, correct the models' Hessians, certify, and step."""
        jnp = numpy_of_jax()
        gradient, scores = self.slopes(shared, weights, at.z)
        _, model_gradient, modelled = model_at(models, at.z)
        first = (at.rounds == 0)[:, None]
        moved = at.z - at.before
        # At first the model's error says what its Hessian lacks, and later the change of gradients.
        order = 2.0 if models.third is None else 3.0
        lacking = times(modelled, moved) + order * (gradient - model_gradient)
        change = gradient - at.gradient + 0.5 * times(modelled - at.modelled, moved)
        hessian = modelled + at.correction
        update = bfgs_changes(hessian, moved, jnp.where(first, lacking, change), limits)
        hessian, correction = hessian + update, at.correction + update
        steps, decrement, definite = newton_steps(gradient, hessian, limits)
        length = jnp.linalg.norm(steps, axis=1)
        distance = jnp.maximum(decrement, length)
        ratio = jnp.where(first[:, 0], 0.0, distance / at.distance)
        sound = definite & jnp.isfinite(distance)
        close = sound & (distance <= tolerance(at.z, ratio, first[:, 0], limits))
        close &= ~first[:, 0] | (at.widest == 0)  # a model is not trusted beyond the radius
        far = (length > limits.radius) | (jnp.linalg.norm(at.z, axis=1) > limits.far)
        lost = ~sound | (ratio > limits.slow) | far | (at.rounds + 1 >= limits.rounds)
        new = _State(
            *(at.z + jnp.where((sound & (close | ~far))[:, None], steps, 0.0), at.z),
            *(gradient, modelled, correction, hessian, distance),
            *(jnp.maximum(at.widest, distance), at.rounds + 1, at.done | close, ~(close | lost)),
            scores if self.at_once else at.scores,
        )
        return _State(*(where(at.active, one, other) for one, other in zip(new, at, strict=True)))

    def slopes(self, shared: Shared, weights: Any, z: Any) -> tuple[Any, Any]:
        """Evaluate the gradients (m, r), and the scores (m, n, q) where they are needed."""
        params, along = self.linearized(shared, z)
        turned, scores = along.swapaxes(1, 2), None
        if self.at_once:
            scores = self.scores(shared, weights, params)
            return times(turned, times(scores.swapaxes(1, 2), weights)), scores
        gradient = require_jax().vmap(self.kernels.gradient_of, (0, None, 0))
        return times(turned, _free(shared, gradient(params, shared.args, weights))), scores

    def scores(self, shared: Shared, weights: Any, params: Any) -> Any:
        """Evaluate the contributions' gradients (m, n, q), 0 for those that are not drawn."""
        found = require_jax().vmap(self.kernels.scores_of, (0, None))(params, shared.args)
        return numpy_of_jax().where(weights[:, :, None] == 0, 0.0, _free(shared, found))

    def meat(self, shared: Shared, weights: Any, at: _State) -> Any:
        """Sum weighted squares of the scores, (m, r, r)."""
        if not self.meats:
            return numpy_of_jax().zeros((len(weights), 0, 0))
        params, along = self.linearized(shared, at.before if self.at_once else at.z)
        scores = at.scores if self.at_once else self.scores(shared, weights, params)
        squares = weights if shared.prior is None else weights * shared.prior
        scaled = numpy_of_jax().sqrt(squares)[:, :, None] * scores
        meat = scaled.swapaxes(1, 2) @ scaled
        return along.swapaxes(1, 2) @ meat @ along

    def rise(self, shared: Shared, base: Any, weights: Any, z: Any) -> Any:
        """Evaluate how far the sums rise above their values at z = 0, (m,)."""
        jax, jnp = require_jax(), numpy_of_jax()
        params, _ = self.linearized(shared, z)
        rises = jax.vmap(lambda point: self.kernels.at(point, shared.args).reshape(-1))(params)
        found = (jnp.where(weights == 0, 0.0, rises - base) * weights).sum(axis=1)
        return jnp.where(jnp.isnan(found), jnp.inf, found)

    def linearized(self, shared: Shared, z: Any) -> tuple[Any, Any]:
        """Return full parameter vectors (m, p), and the free ones' derivatives by z, (m, q, r)."""
        jax, jnp = require_jax(), numpy_of_jax()
        working = shared.center + z @ shared.factor.T
        user, slopes = working, jnp.ones_like(working)
        for column, scale in self.curved:
            at = working[:, column]
            value, slope = jax.jvp(partial(_inverse, scale), (at,), (jnp.ones_like(at),))
            user, slopes = user.at[:, column].set(value), slopes.at[:, column].set(slope)
        along = slopes[:, :, None] * shared.factor
        if shared.free is None:
            return user, along
        params = jnp.broadcast_to(shared.params, (len(z), shared.params.size))
        return params.at[:, shared.free].set(user), along


def _free(shared: Shared, values: Any) -> Any:
    """Select the free parameters' values (..., q) from those of all (..., p)."""
    return values if shared.free is None else values[..., shared.free]


def _inverse(scale: Scale, value: Any) -> Any:
    """Return the user's parameter from the working one."""
    jnp = numpy_of_jax()
    if isinstance(scale, Log):
        return scale.limit + scale.sign * jnp.exp(value)
    assert isinstance(scale, Logit)
    return scale.lower + (scale.upper - scale.lower) / (1.0 + jnp.exp(-value))


def _combine(shared: Shared, weights: Any) -> Models:
    """Combine the contributions' derivatives with weights (b, n) into b models."""
    size, sums = shared.factor.shape[1], weights @ shared.terms
    curvature = sums[:, size:][:, shared.pairs]
    if shared.thirds is None:
        return Models(sums[:, :size], curvature, None)
    thirds = (weights.astype(shared.thirds.dtype) @ shared.thirds).astype(sums.dtype)
    return Models(sums[:, :size], curvature, thirds[:, shared.triples])
