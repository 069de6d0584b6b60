"""Signed roots of the likelihood ratio: of each replicate at the estimate, and of the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.execution.threads import computation
from bootmle.fitting.fit import Fit
from bootmle.fitting.profile_points import end_at, lowest_inside, root_at
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.batch import BatchedNewton
from bootmle.optimization.newton import CubicModels
from bootmle.optimization.outcome import descend
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective
from bootmle.refitting.refit import LikelihoodRefit
from bootmle.refitting.task import CHUNK, Task

__all__ = ["LikelihoodProfile", "minimize_holding", "signed_roots"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """How replicates without a finite optimum are followed toward their supremum."""

    rounds: int = 10
    """Newton steps before that: they find an optimum, and creep where curvature vanishes: 40 end
    up to 1.7 above the supremum of a separated logit."""
    beside: int = 3
    """Newton steps after each stretch: these and the ten before reach the suprema of 104 separated
    logits to 1e-4."""
    stretches: int = 20
    """Stretches at most; those took up to 8."""
    fall: float = 1e-3
    """Fall in a stretch at which one is near: signed roots of 2 then change by 5e-4."""


_RULES = _Rules()


def signed_roots(task: Task, numbers: NDArray[np.intp], estimates: Floats) -> Floats:
    """Return r = sign(θ* − θ̂) √(2 (ℓ*(θ*) − max ℓ* with the parameter at θ̂)), (B, p)."""
    # A replicate without a finite optimum has one, too: by the supremum. NaN where there is none;
    # 0 for fixed parameters.
    assert isinstance(task.refit, LikelihoodRefit)
    refit = replace(task.refit, sandwich=None)
    roots = np.full_like(estimates, np.nan)
    with computation():
        for first in range(0, len(numbers), CHUNK):
            part = slice(first, first + CHUNK)
            targets = [refit.target(task.draw(number)) for number in numbers[part].tolist()]
            roots[part] = _roots_of(refit.fit, targets, estimates[part])
    return roots


def _roots_of(fit: Fit, targets: Sequence[WhitenedObjective], estimates: Floats) -> Floats:
    """Return the roots of some replicates, (b, p)."""
    parameters, whitening = fit.likelihood.parameters, fit.whitening
    z, lowest, signs = (
        np.zeros((len(targets), whitening.size)),
        [],
        np.sign(estimates - fit.estimate),
    )
    for k, target in enumerate(targets):
        if np.isfinite(estimates[k]).all():
            z[k] = whitening.to_whitened(parameters.to_working(estimates[k]))
            lowest.append(target.value(z[k]))
            continue
        run = descend(target, z[k], fit.step_sizes, rounds=_RULES.rounds)
        reached, value = _followed(target, run, 0, fit.step_sizes)
        lowest.append(value)
        on_the_way = np.sign(target.to_user(reached) - fit.estimate)
        signs[k] = np.where(np.isnan(signs[k]), on_the_way, signs[k])
    roots = np.zeros_like(estimates)
    for column, position in enumerate(parameters.free.tolist()):
        rise = 2 * (_lowest_holding(fit, targets, column, z) - np.array(lowest))
        size = np.sqrt(np.where(np.isfinite(rise), np.maximum(rise, 0.0), np.nan))
        roots[:, position] = signs[:, position] * size
    return roots


def _lowest_holding(
    fit: Fit, targets: Sequence[WhitenedObjective], column: int, z: Floats
) -> Floats:
    """Minimize replicates, (b,), with a parameter held at its estimate, from near their optima."""
    if fit.whitening.center.size == 1:
        return np.zeros(len(targets))
    reduced, run = _minimize_holding(fit, targets, column, z)
    bounded = np.isfinite(reduced[0].likelihood.parameters.bounds).any()
    for k in np.flatnonzero(bounded | (run.stuck & ~run.done)).tolist():
        lowest = lowest_inside(targets[k], reduced[k], run, k)
        run.value[k] = run.value[k] if np.isnan(lowest) else lowest
    return run.value


def minimize_holding(
    fit: Fit, targets: Sequence[WhitenedObjective], column: int, z: Floats
) -> tuple[Floats, Floats]:
    """Return the values (b,) and the parameters (b, p) with one held at its estimate."""
    reduced, run = _minimize_holding(fit, targets, column, z)
    return run.value, reduced[0].to_user(run.z)


def _minimize_holding(
    fit: Fit, targets: Sequence[WhitenedObjective], column: int, z: Floats
) -> tuple[list[WhitenedObjective], BatchedNewton]:
    """Minimize replicates with a parameter held at its estimate."""
    whitening = fit.whitening
    held = np.array([column]), fit.estimate[fit.likelihood.parameters.free[[column]]]
    rest = whitening.holding(held[0])
    reduced = [target.holding(*held, rest) for target in targets]
    # By the quadratic that whitening makes round.
    along = whitening.factor[column] / np.linalg.norm(whitening.factor[column])
    working = whitening.to_working(z - np.outer(z @ along, along))
    start = reduced[0].whitening.to_whitened(np.delete(working, column, axis=1))
    above = [not target.value(place) <= 0 for target, place in zip(reduced, start, strict=True)]
    start[np.array(above)] = 0.0
    count, size = start.shape
    flat = CubicModels(np.zeros((count, size)), np.tile(np.eye(size), (count, 1, 1)), None)
    run = BatchedNewton(reduced, flat, fit.step_sizes, start=start)
    run.run(_RULES.rounds)
    for k in np.flatnonzero(~run.done & ~run.stuck).tolist():
        run.z[k], run.value[k] = _followed(reduced[k], run, k, fit.step_sizes)
    return reduced, run


def _followed(
    target: WhitenedObjective, run: BatchedNewton, member: int, step_sizes: StepSizes
) -> tuple[Floats, float]:
    """Go on along the way from the estimate, and down beside it, until a supremum is near."""
    z, value = run.z[member], float(run.value[member])
    for _ in range(_RULES.stretches):
        before = value
        while (further := target.value(2 * z)) < value - _RULES.fall / 10:
            z, value = 2 * z, further
        beside = descend(target, z, step_sizes, rounds=_RULES.beside)
        if beside.value[0] < value:
            z, value = beside.z[0], float(beside.value[0])
        if not before - value >= _RULES.fall:
            break
    return z, value


@dataclass(frozen=True, eq=False)
class LikelihoodProfile:
    """The data's profile likelihood: its signed roots, positive below the estimate."""

    fit: Fit
    positions: tuple[int, ...]
    known: dict[tuple[int, float], float] = field(default_factory=dict)

    @classmethod
    def of(cls, task: Task) -> LikelihoodProfile:
        """Profile the fit behind the refits, for all parameters."""
        assert isinstance(task.refit, LikelihoodRefit)
        return cls(task.refit.fit, tuple(range(task.refit.n_params)))

    def take(self, chosen: Any) -> LikelihoodProfile:
        """Keep some parameters."""
        return replace(self, positions=tuple(np.array(self.positions)[chosen].tolist()))

    def values_at(self, roots: Floats) -> Floats:
        """Return the values of the parameters, (k,), with these signed roots."""
        with computation():
            return np.array(
                [self._value(*each) for each in zip(self.positions, roots, strict=True)]
            )

    def roots_at(self, values: Floats) -> Floats:
        """Return the signed roots at values of the parameters, (k,)."""
        with computation():
            return np.array(
                [self._root(*each) for each in zip(self.positions, values, strict=True)]
            )

    def _value(self, position: int, root: float) -> float:
        """Find the value of one parameter."""
        estimate, column = float(self.fit.estimate[position]), self._column(position)
        if np.isnan(root) or root == 0 or column is None:
            return root if np.isnan(root) else estimate
        if np.isinf(root):
            return float(-np.copysign(np.inf, root))
        key = position, float(root)
        if key not in self.known:
            side = -int(np.sign(root)) * self._direction(column)
            self.known[key] = self._end(position, column, side, abs(float(root)))
        return self.known[key]

    def _root(self, position: int, value: float) -> float:
        """Find the root at a value of one parameter."""
        parameters, whitening = self.fit.likelihood.parameters, self.fit.whitening
        column, away = self._column(position), self.fit.estimate[position] - value
        if away == 0 or np.isnan(value):
            return 0.0 if away == 0 else np.nan
        if column is None:
            return float(np.copysign(np.inf, away))
        user = self.fit.estimate.copy()
        user[position] = value
        with np.errstate(invalid="ignore", divide="ignore"):
            distance = parameters.to_working(user)[column] - whitening.center[column]
        distance = float(distance / whitening.units[column])
        if not np.isfinite(distance):
            return float(np.copysign(np.inf, away))
        return float(np.sign(away)) * self._measure(position, column, distance)

    def _end(self, position: int, column: int, side: int, goal: float) -> float:
        """Find where the measure reaches a goal."""
        return end_at(self.fit, self._target(), column, side, goal)

    def _measure(self, position: int, column: int, distance: float) -> float:
        """Return the size of the root at a distance."""
        return root_at(self.fit, self._target(), column, distance)

    def _column(self, position: int) -> int | None:
        """Return the place among the free parameters; None for a fixed one."""
        free = self.fit.likelihood.parameters.free.tolist()
        return free.index(position) if position in free else None

    def _direction(self, column: int) -> int:
        """Whether the parameter rises, 1, or falls, −1, on its scale."""
        slopes = self.fit.likelihood.parameters.slopes(self.fit.whitening.center)
        return int(np.sign(slopes[column]))

    def _target(self) -> WhitenedObjective:
        """See the data in the fit's coordinates."""
        return WhitenedObjective(self.fit.likelihood, self.fit.whitening, self.fit.base)
