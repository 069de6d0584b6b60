"""Newton's iteration for many weighted sums of one objective: one program that JAX compiles."""

# It does what `BatchedNewton` does where gradients are exact and nothing unusual happens; whatever
# else it meets is left undone. Where standard errors are asked for, or optima that are close
# together, the last step is Newton's own, by the exact Hessian.

from __future__ import annotations

from typing import Any, NamedTuple

from bootmle.likelihood.compiled import Kernels, numpy_of_jax, require_jax
from bootmle.likelihood.compiled_models import (
    Limits,
    Models,
    bfgs_changes,
    maximize,
    model_at,
    newton_steps,
    tolerance,
)
from bootmle.likelihood.scales import Log, Logit, Scale

__all__ = ["Curved", "NewtonProgram", "Refitted", "Shared"]

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
    """Of the sandwich, in whitened coordinates; empty where it was not asked for."""


class _State(NamedTuple):
    """Where a replicate stands."""

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
    measured: Any
    """Whether the Hessian was measured nearby, and follows the third derivatives since."""
    scores: Any
    """Those (n, p) that the last gradient sums, where the meat is made of them."""


class NewtonProgram:
    """The program for one kind of model: its scales, and what is asked for."""

    def __init__(
        self, kernels: Kernels, curved: Curved, *, exact: bool, meats: bool, cubic: bool
    ) -> None:
        """``exact`` says whether the last step has the exact Hessian, ``cubic`` what models are."""
        self.kernels, self.curved, self.exact, self.meats = kernels, curved, exact, meats
        # From a cubic model one gradient is mostly the only one: it sums the scores of the meat.
        self.at_once = meats and kernels.by_rows and cubic and not exact

    def prepare(self, shared: Shared, weights: Any) -> tuple[Any, Models]:
        """Evaluate the contributions at z = 0, and combine their derivatives into b models."""
        base = self.kernels.at(shared.params, shared.args).reshape(-1)
        return base, _combine(shared, weights)

    def all(
        self, shared: Shared, prepared: tuple[Any, Models], weights: Any, limits: Limits, _: Any
    ) -> Refitted:
        """Refit all replicates together, as an accelerator does."""
        base, models = prepared
        found: Refitted = require_jax().vmap(
            lambda own, model: self.refit(shared, base, own, model, limits)
        )(weights, models)
        return found

    def each(
        self,
        shared: Shared,
        prepared: tuple[Any, Models],
        weights: Any,
        limits: Limits,
        chosen: Any,
    ) -> Refitted:
        """Refit one replicate after the other, from the first chosen one to before the last."""
        # A CPU's cache holds one of them, which then ends with its own last step.
        jax, jnp = require_jax(), numpy_of_jax()
        base, models = prepared

        def refit(k: Any) -> Refitted:
            own, model = jax.tree_util.tree_map(lambda each: each[k], (weights, models))
            return self.refit(shared, base, own, model, limits)

        shapes = jax.eval_shape(refit, 0)
        empty = jax.tree_util.tree_map(
            lambda each: jnp.zeros((len(weights), *each.shape), each.dtype), shapes
        )
        found: Refitted = jax.lax.fori_loop(
            chosen[0],
            chosen[1],
            lambda k, found: jax.tree_util.tree_map(
                lambda every, one: every.at[k].set(one), found, refit(k)
            ),
            empty,
        )
        return found

    def refit(
        self, shared: Shared, base: Any, weights: Any, model: Models, limits: Limits
    ) -> Refitted:
        """Step from the model's optimum until the replicate is certified or given up."""
        jax, jnp = require_jax(), numpy_of_jax()
        z, good = maximize(model, limits)
        trusted = jnp.linalg.norm(z) < limits.radius
        none = jnp.zeros_like(model.curvature)
        start = _State(
            *(z, jnp.zeros_like(z), jnp.zeros_like(z), none, none, none),
            *(jnp.inf, jnp.where(trusted, 0.0, jnp.inf), 0, False, good, False),
            jnp.zeros((base.size if self.at_once else 0, shared.params.size)),
        )
        at = start
        if not self.exact or model.third is None:  # else the model's optimum is close enough
            at = jax.lax.while_loop(
                lambda at: at.active, lambda at: self.step(shared, weights, model, limits, at), at
            )
            at = at._replace(active=at.done)
        if self.exact:
            at = jax.lax.while_loop(
                lambda at: at.active, lambda at: self.polish(shared, weights, model, limits, at), at
            )
        certain = at.hessian - limits.undecided * jnp.eye(z.size)
        done = at.done & jnp.isfinite(jnp.linalg.cholesky(certain)).all()
        # From further away, or beyond the trust radius, a step may have led uphill.
        unseen = done & (at.widest >= limits.close)
        low = jax.lax.cond(
            unseen,
            lambda z: self.rise(shared, base, weights, z) <= limits.slack,
            lambda _: jnp.array(True),
            at.z,
        )
        meat = self.meat(shared, weights, at) if self.meats else jnp.zeros((0, 0))
        return Refitted(at.z, done & low, at.distance, at.rounds, at.hessian, meat)

    def step(self, shared: Shared, weights: Any, model: Models, limits: Limits, at: _State) -> Any:
        """Measure the gradient, correct the model's Hessian, certify, and step."""
        jnp = numpy_of_jax()
        gradient, scores = self.slopes(at.z, shared, weights)
        _, model_gradient, modelled = model_at(model, at.z)
        first, moved = at.rounds == 0, at.z - at.before
        # At first the model's error says what its Hessian lacks, and later the change of gradients.
        order = 2.0 if model.third is None else 3.0
        lacking = modelled @ moved + order * (gradient - model_gradient)
        change = gradient - at.gradient + 0.5 * ((modelled - at.modelled) @ moved)
        hessian = modelled + at.correction
        update = bfgs_changes(hessian, moved, jnp.where(first, lacking, change), limits)
        hessian, correction = hessian + update, at.correction + update
        steps, decrement, definite = newton_steps(gradient, hessian, limits)
        length = jnp.linalg.norm(steps)
        distance = jnp.maximum(decrement, length)
        ratio = jnp.where(first, 0.0, distance / at.distance)
        sound = definite & jnp.isfinite(distance)
        least = limits.wide if self.exact else tolerance(at.z, ratio, first, limits)
        close = sound & (distance <= least)
        close &= ~first | (at.widest == 0)  # a model is not trusted beyond the radius
        far = (length > limits.radius) | (jnp.linalg.norm(at.z) > limits.far)
        lost = ~sound | (ratio > limits.slow) | far | (at.rounds + 1 >= limits.rounds)
        return _State(
            *(at.z + jnp.where(sound & (close | ~far), steps, 0.0), at.z),
            *(gradient, modelled, correction, hessian, distance),
            *(jnp.maximum(at.widest, distance), at.rounds + 1, close, ~(close | lost), False),
            scores,
        )

    def polish(
        self, shared: Shared, weights: Any, model: Models, limits: Limits, at: _State
    ) -> _State:
        """Step by the exact Hessian; certify by what the third derivatives say the step leaves."""
        jax, jnp = require_jax(), numpy_of_jax()

        def gradient_at(z: Any) -> Any:
            return jax.grad(self.total)(z, shared, weights)

        def measure(z: Any) -> tuple[Any, Any]:
            gradient, along = jax.linearize(gradient_at, z)
            return gradient, jax.vmap(along)(jnp.eye(z.size))

        gradient, hessian = jax.lax.cond(
            at.measured, lambda z: (gradient_at(z), at.hessian), measure, at.z
        )
        steps, decrement, definite = newton_steps(gradient, hessian, limits)
        length = jnp.linalg.norm(steps)
        distance = jnp.maximum(decrement, length)
        bend = jnp.zeros_like(hessian) if model.third is None else model.third @ steps
        left = jnp.where(distance <= limits.wide, jnp.linalg.norm(bend @ steps), jnp.inf)
        sound = definite & jnp.isfinite(distance)
        close = sound & (distance <= limits.exact)
        if model.third is not None:
            close |= sound & (left <= limits.left) & (at.widest <= limits.close)
        far = (length > limits.radius) | (jnp.linalg.norm(at.z) > limits.far)
        lost = ~sound | (distance > limits.slow * at.distance) | far
        return at._replace(
            z=at.z + jnp.where(sound & (close | ~far), steps, 0.0),
            hessian=hessian + bend,
            distance=distance,
            widest=jnp.maximum(at.widest, distance),
            rounds=at.rounds + 1,
            done=close,
            active=~(close | lost | (at.rounds + 1 >= limits.rounds)),
            measured=distance <= limits.wide,
        )

    def total(self, z: Any, shared: Shared, weights: Any) -> Any:
        """Sum the weighted contributions."""
        return self.kernels.summed(self.params(z, shared), shared.args, weights)

    def slopes(self, z: Any, shared: Shared, weights: Any) -> tuple[Any, Any]:
        """Differentiate the weighted sum, (r,); also return what the meat is made of, if kept."""
        jax, jnp = require_jax(), numpy_of_jax()
        if not self.at_once:
            return jax.grad(self.total)(z, shared, weights), jnp.zeros((0, shared.params.size))
        params, by_z = jax.vjp(lambda z: self.params(z, shared), z)
        roots = self.roots(shared, weights)
        scores = self.scores(params, shared, roots)
        return by_z(jnp.where(roots == 0, 0.0, weights / roots) @ scores)[0], scores

    def roots(self, shared: Shared, weights: Any) -> Any:
        """Return square roots (n,) of the weights of the scores' squares."""
        return numpy_of_jax().sqrt(weights if shared.prior is None else weights * shared.prior)

    def scores(self, params: Any, shared: Shared, roots: Any) -> Any:
        """Differentiate the contributions times the roots, (n, p)."""
        # What is not drawn may lie outside its domain.
        found = self.kernels.scores_of(params, shared.args)
        return numpy_of_jax().where(roots[:, None] == 0, 0.0, roots[:, None] * found)

    def meat(self, shared: Shared, weights: Any, at: _State) -> Any:
        """Sum weighted squares of the scores, (r, r), at the last gradient's point or the end."""
        z, scores = at.before, at.scores
        if not self.at_once:
            z, roots = at.z, self.roots(shared, weights)
            scores = self.scores(self.params(z, shared), shared, roots)
        along = require_jax().jacfwd(self.params)(z, shared)
        return along.T @ (scores.T @ scores) @ along

    def rise(self, shared: Shared, base: Any, weights: Any, z: Any) -> Any:
        """Evaluate how far the sum rises above its value at z = 0."""
        jnp = numpy_of_jax()
        values = self.kernels.at(self.params(z, shared), shared.args).reshape(-1)
        found = jnp.where(weights == 0, 0.0, values - base) @ weights
        return jnp.where(jnp.isnan(found), jnp.inf, found)

    def params(self, z: Any, shared: Shared) -> Any:
        """Return the full parameter vector (p,)."""
        user = shared.center + shared.factor @ z
        for column, scale in self.curved:
            user = user.at[column].set(_inverse(scale, user[column]))
        return user if shared.free is None else shared.params.at[shared.free].set(user)


def _inverse(scale: Scale, value: Any) -> Any:
    """Return the user's parameter from the working one."""
    jnp = numpy_of_jax()
    if isinstance(scale, Log):
        return scale.limit + scale.sign * jnp.exp(value)
    if isinstance(scale, Logit):
        return scale.lower + (scale.upper - scale.lower) / (1.0 + jnp.exp(-value))
    return scale.inverse(value)


def _combine(shared: Shared, weights: Any) -> Models:
    """Combine the contributions' derivatives with weights (b, n) into b models."""
    size, sums = shared.factor.shape[1], weights @ shared.terms
    curvature = sums[:, size:][:, shared.pairs]
    if shared.thirds is None:
        return Models(sums[:, :size], curvature, None)
    thirds = (weights.astype(shared.thirds.dtype) @ shared.thirds).astype(sums.dtype)
    return Models(sums[:, :size], curvature, thirds[:, shared.triples])
