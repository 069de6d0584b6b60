"""The verified refit: a chunk of replicates moves to its optima together."""

# Every length is in standard errors of the original fit. The linear algebra of a chunk is batched;
# evaluations of the objective are the only loop.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.automatic_views import take_automatic_scores
from bootmle.likelihood.derivatives import gradient_and_hessian, gradients, hessian_by_gradients
from bootmle.optimization.flat_axes import has_flat_axis, hidden_curvature
from bootmle.optimization.newton import (
    TINY,
    CubicModels,
    bfgs_changes,
    maximize_models,
    newton_steps,
    trust_radius,
)
from bootmle.optimization.refit_rules import RULES, measures_own_hessians
from bootmle.optimization.sandwich import sandwich_errors
from bootmle.optimization.step_sizes import PROMISED, StepSizes
from bootmle.optimization.whitening import WhitenedObjective

__all__ = ["BatchedNewton"]

Members = NDArray[np.intp]


class BatchedNewton:
    """A chunk of b replicates and where each one stands: at its certified optimum once done."""

    def __init__(
        self,
        targets: Sequence[WhitenedObjective],
        models: CubicModels,
        step_sizes: StepSizes,
        *,
        start: Floats | None = None,
        ceiling: float = 0.0,
        goal: float = np.inf,
    ) -> None:
        """Take the replicates, their models, and where to start, (b, q); at 0 by default."""
        # One that cannot end as low as the goal is given up.
        count, size = models.slope.shape
        self.targets, self.models, self.step_sizes = targets, models, step_sizes
        # No step may end above the value at the estimate, unless a parameter is held away from it.
        self.ceiling, self.goal = ceiling, goal
        few = size <= RULES.few and not targets[0].likelihood.has_gradient
        self.fresh = np.full(count, start is not None or few)
        self.rounds = np.zeros(count, dtype=int)
        self.slow = np.zeros(count, dtype=int)  # last steps in a row that hardly contracted
        least, most = RULES.scatter
        n = np.array([each.likelihood.n_observations or np.inf for each in targets])
        self.scatter = np.clip(np.sqrt(size / n), least, most)
        self.far = np.inf if start is not None else RULES.far * trust_radius(size)
        self.z = np.zeros((count, size)) if start is None else start.copy()
        self.value = np.zeros(count)
        if start is not None:
            self.value[:] = [target.value(z) for target, z in zip(targets, start, strict=True)]
        self.start_value = float(self.value[0])
        self.gradient = np.zeros((count, size))
        self.first = np.full((count, size), np.nan)  # gradients at the estimate, if measured there
        self.correction = np.zeros((count, size, size))
        self.hessian = models.curvature.copy()
        self.steps = np.zeros((count, size))
        # Of the decrement and the Newton step the larger one: either alone may be too small.
        self.distance = np.full(count, np.inf)
        self.contraction = np.ones(count)
        self.trusted = np.zeros(count, dtype=bool)
        self.radius = np.full(count, trust_radius(size))
        self.done = np.zeros(count, dtype=bool)
        self.stuck = ~np.isfinite(self.value)

    def start_from_models(self) -> None:
        """Step to the models' optima, as far as the likelihood rises."""
        self.steps, self.trusted = maximize_models(self.models)
        if self.targets[0].likelihood.has_gradient:
            self.z[self.trusted] = self.steps[self.trusted]
            self.value[self.trusted] = np.nan
            self._advance(np.flatnonzero(~self.trusted))
        else:
            self._advance(np.arange(len(self.z)))
        self.stuck[:] = False

    def start_from_gradients(self) -> None:
        """Measure gradients alone at 0, and step to the optima of the models that have them."""
        self._measure_gradients(np.arange(len(self.z)))
        self.models = replace(self.models, slope=np.nan_to_num(self.gradient))
        self.steps, _ = maximize_models(self.models, 2 * trust_radius(self.z.shape[1]))
        self._advance(np.arange(len(self.z)))
        self.stuck[:] = False

    def run(self, rounds: int = RULES.rounds) -> None:
        """Move each replicate until it is certified, stuck or far away; go on if it was begun."""
        if not self.rounds.any():
            self._measure(np.flatnonzero(~self.stuck))
            self.first = np.where(np.any(self.z, axis=1, keepdims=True), np.nan, self.gradient)
            self._correct_models()
            self._certify()
        for _ in range(rounds):
            away = np.linalg.norm(self.z, axis=1)
            self.stuck |= (away > self.far) & (self.distance > RULES.arriving)
            diverging = (self.slow >= RULES.diverging) & (away > trust_radius(self.z.shape[1]))
            self.stuck |= diverging & np.isfinite(self.far)
            active = np.flatnonzero(~(self.done | self.stuck))
            if active.size == 0:
                return
            before, old_gradient = self.z[active].copy(), self.gradient[active].copy()
            moved = self._advance(active)
            self._measure(active[moved])
            self._learn(active[moved], before[moved], old_gradient[moved])
            self._certify()

    @property
    def diverges(self) -> bool:
        """Whether the first one's steps hardly contract though there is hardly anything to gain."""
        gain = -float(self.gradient[0] @ self.steps[0])
        return bool(self.slow[0] >= RULES.diverging) and gain < RULES.near**2

    def polish(self) -> None:
        """Take one more step at every optimum, by central differences: small distances matter."""
        members = np.flatnonzero(self.done)
        for member, target in enumerate(self.targets):
            if self.done[member]:
                self.value[member] = target.value(self.z[member])
        self.fresh[members] = not self.targets[0].likelihood.has_gradient
        self._measure(members)
        self.done[members] = False
        self._certify()
        self.done[members] = True

    def _advance(self, members: Members) -> NDArray[np.bool_]:
        """Step within the trust radius, and back until the likelihood does not fall."""
        moved = np.ones(len(members), dtype=bool)
        lengths = np.linalg.norm(self.steps[members], axis=1)
        for k, (member, length) in enumerate(zip(members, lengths.tolist(), strict=True)):
            moved[k] = self._backtrack(member, length)
        return moved

    def _backtrack(self, member: int, length: float) -> bool:
        """Try shorter and shorter steps until one lowers the nll."""
        fraction = min(1.0, self.radius[member] / max(length, TINY))
        target, z, step = self.targets[member], self.z[member], self.steps[member]
        if (
            self.trusted[member]
            and target.likelihood.has_gradient
            and self.distance[member] < RULES.close
        ):
            self.z[member], self.value[member] = z + fraction * step, np.nan
            return True
        if np.isnan(self.value[member]):
            self.value[member] = target.value(z)
        slack, last = self.step_sizes.slack(), target.last
        for _ in range(RULES.backtracks):
            trial = z + fraction * step
            value = target.value(trial)
            if value <= min(self.value[member], self.ceiling) + slack:
                full = fraction * length > RULES.full * self.radius[member]
                self.radius[member] *= 2.0 if full else 1.0
                self.z[member], self.value[member] = trial, value
                return True
            fraction = fraction / 4
            self.radius[member] = max(fraction * length, RULES.shortest)
        self.stuck[member], target.last = True, last
        return False

    def _measure(self, members: Members) -> None:
        """Measure gradients, and Hessians where there are few parameters."""
        if members.size == 0:
            return
        modelled = self.models.take(members).hessian(self.z[members]) + self.correction[members]
        self.hessian[members] = modelled
        for member in members[self.fresh[members]]:
            self._measure_all(member)
        others = members[~self.fresh[members]]
        if others.size:
            self._measure_gradients(others)
        lost = members[~np.isfinite(self.gradient[members]).all(axis=1)]
        self.stuck[lost] = True
        self.gradient[lost] = 0.0

    def _measure_gradients(self, members: Members) -> None:
        """Measure the gradients alone, with the known curvatures."""
        self.gradient[members] = gradients(
            [self.targets[member] for member in members],
            self.z[members],
            self.value[members],
            np.diagonal(self.hessian[members], axis1=1, axis2=2),
            self.step_sizes.gradient_step,
        )

    def _measure_all(self, member: int) -> None:
        """Measure the gradient and the whole Hessian."""
        z, target = self.z[member], self.targets[member]
        if np.isnan(self.value[member]):
            self.value[member] = target.value(z)
        self.gradient[member], self.hessian[member] = gradient_and_hessian(
            target,
            z,
            self.value[member],
            np.diag(self.hessian[member]),
            self.step_sizes.hessian_step,
        )

    def _certify(self) -> None:
        """Take the last step where both the decrement and the step's length are small enough."""
        members = np.flatnonzero(~(self.done | self.stuck))
        if members.size == 0:
            return
        steps, decrements, definite = newton_steps(self.gradient[members], self.hessian[members])
        distance = np.maximum(decrements, np.linalg.norm(steps, axis=1))
        self.rounds[members] += 1
        self.contraction[members] = distance / np.maximum(self.distance[members], TINY)
        self.steps[members], self.distance[members] = steps, distance
        slow = (self.contraction[members] > RULES.slow) & (self.rounds[members] > 1)
        self.slow[members] = np.where(slow, self.slow[members] + 1, 0)
        above = self.value[members] - self.goal > RULES.unreached * decrements**2
        self.stuck[members] |= above & definite & (decrements < RULES.near)
        close = definite & (distance <= self._tolerance(members))
        close[close] = self._is_curved(members[close])
        for k in np.flatnonzero(close & ~self.fresh[members]):
            member = members[k]
            close[k] = not has_flat_axis(self.targets[member], self.z[member], self.first[member])
            self.stuck[member] = not close[k]
        accepted = members[close]
        self.z[accepted] += steps[close]
        self.done[accepted] = True
        self.fresh[members] |= (self.contraction[members] > RULES.slow) | ~definite

    def _is_curved(self, members: Members) -> NDArray[np.bool_]:
        """Whether the curvature is more than the error of a measured Hessian in all directions."""
        curvatures, vectors = np.linalg.eigh(self.hessian[members])
        lowest = curvatures[:, 0]
        away = np.linalg.norm(self.z[members], axis=1) > trust_radius(self.z.shape[1])
        hidden = np.full(len(members), RULES.undecided)
        away |= self.rounds[members] > RULES.usual
        away |= lowest < RULES.uneven * curvatures[:, -1]
        for k in np.flatnonzero(self.fresh[members] & (away | (lowest < RULES.shallow))):
            hidden[k] = max(hidden[k], self._hidden(members[k], vectors[k, :, 0], lowest[k]))
        return np.asarray(lowest > hidden)

    def _hidden(self, member: int, direction: Floats, curvature: float) -> float:
        """Return the curvature that noise may make along a direction at one of the points."""
        z, target = self.z[member], self.targets[member]
        if np.isnan(self.value[member]):
            self.value[member] = target.value(z)
        step = self.step_sizes.hessian_step
        return hidden_curvature(target, z, self.value[member], direction, curvature, step)

    def _tolerance(self, members: Members) -> Floats:
        """Return the distance from which the last step ends within the promised one."""
        # At the model's own optimum its Hessian errs in proportion to the distance found there, so
        # the last step leaves at most about 3 distance² / |z|. A quasi-Newton Hessian leaves
        # ρ / (1 - ρ) of the last step, ρ the share to which that step contracted the one before,
        # but not less than √(q/n), by which a resample's Hessian scatters around the original's;
        # 1.5 is a margin.
        floor = self.step_sizes.floor(self.z.shape[1])
        scatter = self.scatter[members]
        left = RULES.left * RULES.scatter[0] / scatter
        far = np.linalg.norm(self.z[members], axis=1)
        modelled = np.minimum(np.sqrt(left * far / 3), RULES.wide)
        ratio = np.clip(self.contraction[members], scatter, 1.0)
        contracted = np.minimum(left * (1 - ratio) / (1.5 * ratio), RULES.wide)
        first = self.trusted[members] & (self.rounds[members] == 1)
        tolerance = np.where(first, modelled, np.where(self.rounds[members] == 1, 0.0, contracted))
        if self.z.shape[1] <= RULES.few:
            tolerance = np.minimum(tolerance, RULES.small_samples)
        return np.maximum(np.where(self.fresh[members], PROMISED, tolerance), floor)

    def _correct_models(self) -> None:
        """Correct the models' Hessians by the error of their gradients, along the line from 0."""
        # A cubic model leaves out a quartic: where the gradient errs by d, the Hessian errs by a
        # matrix that maps z to 3d.
        members = np.flatnonzero(self.trusted & ~(self.fresh | self.stuck))
        if members.size == 0:
            return
        z, hessian = self.z[members], self.hessian[members]
        error = self.gradient[members] - self.models.take(members).at(z)[1]
        self._update(members, z, np.matmul(hessian, z[..., None])[..., 0] + 3 * error)

    def _learn(self, members: Members, before: Floats, old_gradient: Floats) -> None:
        """Correct the Hessians by BFGS updates for what the models do not explain."""
        kept = ~self.fresh[members]
        if not kept.any():
            return
        members, before = members[kept], before[kept]
        models, s = self.models.take(members), self.z[members] - before
        bend = models.hessian(self.z[members]) - models.hessian(before)
        change = self.gradient[members] - old_gradient[kept]
        self._update(members, s, change + 0.5 * np.matmul(bend, s[..., None])[..., 0])

    def standard_errors(self) -> Floats:
        """Return sandwich errors (b, q) on the user's scale; NaN unless they were requested."""
        whitening, parameters = self.targets[0].whitening, self.targets[0].likelihood.parameters
        meats = np.full(self.hessian.shape, np.nan)
        done = np.flatnonzero(self.done).tolist()
        asked = [k for k in done if self.targets[k].sandwich is not None]
        if asked and self.targets[0].likelihood.automatic:
            take_automatic_scores([self.targets[k] for k in asked], self.z[asked])
        for k in asked:
            self._measure_curvature(k)
            if self.targets[k].meat is not None:
                meats[k] = self.targets[k].meat
        errors = sandwich_errors(whitening.factor, self.hessian, meats)
        return np.asarray(errors * np.abs(parameters.slopes(whitening.to_working(self.z))))

    def _measure_curvature(self, member: int) -> None:
        """Measure the Hessian of a sandwich by exact gradients, unless that was done by values."""
        target = self.targets[member]
        wanted = measures_own_hessians(self.z.shape[1]) and not self.fresh[member]
        if wanted and target.likelihood.has_gradient:
            measured = hessian_by_gradients(target, self.z[member])
            if measured is not None:
                self.hessian[member] = measured

    def _update(self, members: Members, s: Floats, y: Floats) -> None:
        """Make the Hessians map s to y."""
        changes = bfgs_changes(self.hessian[members], s, y)
        self.correction[members] += changes
        self.hessian[members] += changes
