"""Fits of all parameters but one, along a path on which that one is moved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.optimization.bounds import Columns, crossed_columns
from bootmle.optimization.outcome import descend
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = ["OthersFit", "extrapolate"]

_GEOMETRIC = 1.1
"""Ratio from which on a parameter's logarithm is extrapolated: an amplitude beside a rate changes
exponentially."""


@dataclass(slots=True)
class OthersFit:
    """Fits of the others (q - 1,) with one parameter held, each from near the one before."""

    target: WhitenedObjective
    column: int
    factor: Floats
    """Of the others' whitening, at the last fit."""
    legs: int
    """Times that they are fitted, in coordinates of the curvature where they are."""
    steps: int = 4
    """Of each leg, before the curvature is measured again."""

    def point(self, place: float, others: Floats) -> Floats:
        """Put a point (q,) together."""
        return np.insert(others, self.column, place)

    def at(self, place: float, others: Floats, step_sizes: StepSizes) -> tuple[Floats, float]:
        """Fit them from a point; return them and the nll, ∞ unless they converge within bounds."""
        target, parameters = self.target, self.target.likelihood.parameters
        if not others.size:
            return others, target.value_at(self.point(place, others))
        column: Columns = np.array([self.column])
        user = parameters.to_user(self.point(place, others))
        held = target.likelihood.holding(column, user[parameters.free[column]])
        whitening = Whitening(others, self.factor)
        here = WhitenedObjective(held, whitening, target.base, stopwatch=target.stopwatch)
        origin = np.zeros(others.size)
        for _ in range(self.legs):
            run = descend(here, origin, step_sizes, rounds=self.steps, ceiling=np.inf)
            target.n_evaluations += here.n_evaluations
            if not np.isfinite(run.hessian[0]).all():
                break
            others = here.whitening.to_working(run.z[0])
            here = here.seen_in(here.whitening.rewhitened(others, run.hessian[0]))
            if run.done[0]:
                self.factor = here.whitening.factor
                outside = crossed_columns(held.parameters, held.parameters.to_user(others))
                return others, np.inf if outside.size else here.value(origin)
        return others, np.inf


def extrapolate(places: Floats, others: Floats, place: float) -> Floats:
    """Say where others (k, r) at k places will be, by the polynomial through them."""
    # Or through the logarithms of those that change by much.
    gaps = places[:, None] - places + np.eye(len(places))
    shares = np.where(np.eye(len(places)) > 0, 1.0, (place - places) / gaps).prod(axis=1)
    sizes = np.abs(others)
    one_sign = np.abs(np.sign(others).sum(axis=0)) == len(places)
    geometric = one_sign & (sizes.max(axis=0) > _GEOMETRIC * sizes.min(axis=0))
    logarithms = shares @ np.log(np.where(geometric, sizes, 1.0))
    return np.asarray(
        np.where(geometric, np.sign(others[-1]) * np.exp(logarithms), shares @ others)
    )
