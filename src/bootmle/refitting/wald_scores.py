"""The mean of the Wald and the score statistic: of each replicate at the estimate, and of the data.

T = ±√(W S), W the deviation over the standard error at the estimate, S the Newton step back from
where the parameter is held over the standard error there: the robust score statistic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bootmle.execution.threads import computation
from bootmle.fitting.fit import Fit
from bootmle.fitting.profile_points import end_at, held_at, user_value
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.automatic_views import take_automatic_scores
from bootmle.likelihood.derivatives import gradient_and_hessian
from bootmle.optimization.whitening import WhitenedObjective
from bootmle.refitting.refit import LikelihoodRefit
from bootmle.refitting.signed_roots import LikelihoodProfile, minimize_holding
from bootmle.refitting.task import CHUNK, Task
from bootmle.sampling.resample import Resample

__all__ = ["WaldScoreProfile", "wald_scores"]


def wald_scores(task: Task, numbers: NDArray[np.intp], estimates: Floats, errors: Floats) -> Floats:
    """Return T of replicates (B, p) with known standard errors; NaN without, 0 if fixed."""
    assert isinstance(task.refit, LikelihoodRefit)
    refit = task.with_sandwiches(task.refit)
    found = np.full_like(estimates, np.nan)
    with computation():
        usable = np.flatnonzero(np.isfinite(estimates).all(axis=1))
        for first in range(0, usable.size, CHUNK):
            part = usable[first : first + CHUNK]
            targets = [refit.target(task.draw(number)) for number in numbers[part].tolist()]
            scores = _scores_of(refit.fit, targets, estimates[part])
            away = estimates[part] - refit.fit.estimate
            with np.errstate(divide="ignore", invalid="ignore"):
                size = np.sqrt(np.abs(away) / errors[part] * scores)
            found[part] = np.where(away == 0, 0.0, np.sign(away) * size)
    return found


def _scores_of(fit: Fit, targets: Sequence[WhitenedObjective], estimates: Floats) -> Floats:
    """Return the sizes of the score statistics of some replicates at the estimate, (b, p)."""
    parameters, whitening = fit.likelihood.parameters, fit.whitening
    z = whitening.to_whitened(parameters.to_working(estimates))
    scores = np.zeros_like(estimates)
    for column, position in enumerate(parameters.free.tolist()):
        held = np.tile(fit.estimate, (len(targets), 1))
        if whitening.center.size > 1:
            _, held = minimize_holding(fit, targets, column, z)
        scores[:, position] = [
            _score(fit, target, column, point) for target, point in zip(targets, held, strict=True)
        ]
    return scores


def _score(fit: Fit, target: WhitenedObjective, column: int, point: Floats) -> float:
    """Return the size of the Newton step of one parameter over its standard error at a point."""
    whitening = fit.whitening
    z = whitening.to_whitened(fit.likelihood.parameters.to_working(point))
    gradient, hessian = gradient_and_hessian(
        target, z, target.value(z), np.ones(z.size), fit.step_sizes.hessian_step
    )
    if target.likelihood.automatic:
        take_automatic_scores([target], z[None])
    known = target.meat is not None and np.isfinite(target.meat).all()
    if not known or not np.isfinite(hessian).all():
        return np.nan
    try:
        along = np.linalg.solve(hessian, whitening.factor[column])
    except np.linalg.LinAlgError:
        return np.nan
    variance = float(along @ target.meat @ along)
    return abs(float(along @ gradient)) / float(np.sqrt(variance)) if variance > 0 else np.nan


@dataclass(frozen=True, eq=False)
class WaldScoreProfile(LikelihoodProfile):
    """The same statistic of the data at values of a parameter, positive below the estimate."""

    errors: Floats = field(default_factory=lambda: np.empty(0))
    target: WhitenedObjective | None = None

    @classmethod
    def with_errors(cls, task: Task, errors: Floats) -> WaldScoreProfile:
        """Take the fit behind the refits, and its own standard errors (p,)."""
        assert isinstance(task.refit, LikelihoodRefit)
        refit = task.with_sandwiches(task.refit)
        target = refit.target(Resample(task.n, fractions=np.ones(task.n)))
        return cls(refit.fit, tuple(range(refit.n_params)), errors=errors, target=target)

    def _end(self, position: int, column: int, side: int, goal: float) -> float:
        """Find where the measure reaches a goal."""
        return end_at(
            *(self.fit, self._target(), column, side, goal),
            lambda distance: self._measure(position, column, distance),
        )

    def _measure(self, position: int, column: int, distance: float) -> float:
        """Return the size of the statistic at a distance."""
        assert self.target is not None
        point = self.fit.estimate.copy()
        point[position] = user_value(self.fit, column, distance)
        if self.fit.whitening.center.size > 1:
            certified, point = held_at(self.fit, self.target, column, distance)
            if not certified:
                return np.nan
        score = _score(self.fit, self.target, column, point)
        away = abs(float(point[position] - self.fit.estimate[position]))
        return float(np.sqrt(away / self.errors[position] * score))
