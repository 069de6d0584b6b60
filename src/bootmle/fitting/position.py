"""Where a fit's search stands, what it has measured there, and what it says about it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.information import Information
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.quick_hessian import Surroundings
from bootmle.optimization.bounds import Columns, crossed_columns, scale_ends
from bootmle.optimization.convergence import observed_information
from bootmle.optimization.optimizer import Optimizer
from bootmle.optimization.outcome import SUPREMUM, describe_ends, divergence_signs
from bootmle.optimization.plateaus import SAME_SUPREMUM
from bootmle.optimization.status import Status
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = ["Position"]

_WRONG_SIGN = (
    "fun: unbounded below: it {how} as {where}. Does it return the log-likelihood rather than its "
    "negative? If the sign is right, the likelihood has no maximum: bound or fix a parameter "
    "({fix})"
)

_DOUBLINGS = 1000
"""Of a way to a bound, in either direction from 1: the range of floating-point numbers."""

_BETWEEN = (0.02, 0.05, 0.1, 0.2, 0.4, 0.75, 1.5, 3.0, 10.0, 30.0)
"""Shares of the distance at which a supremum was seen, where the nll must not rise from it: a wave
comes back to what it was, and an optimum may lie just beyond."""

_VANISHING = 1e-3
"""Curvature over a distance that is none, as in limits._Rules.vanishing."""

_NEARER = (0.0, 1 / 64, 1 / 16, 1 / 4, 1 / 2)
"""Shares of the way from the start at which infinite parameters must leave the nll higher."""

_SHARES = (0.0, 1 / 16, 1 / 4, 1 / 2, 1.0)
"""Of the way to a supremum: at the first of them that is low enough infinite parameters stay."""


@dataclass(slots=True)
class Position:
    """A point (q,) of a search on the working scale, and what is known there."""

    likelihood: Likelihood  # parameters that are held are not among its free ones
    optimizer: Optimizer
    working: Floats = field(init=False)
    information: Information = field(init=False)
    whitening: Whitening = field(init=False)
    status: Status = Status.NOT_CERTIFIED
    decrement: float = np.inf
    lowest: float = np.inf  # nll that SciPy saw
    drop: float = 0.0  # from the start's nll to the lowest
    best: float = np.inf  # lowest nll of a full parameter vector within its bounds
    best_params: Floats | None = None
    lows: list[tuple[int, float]] = field(default_factory=list)  # evaluations until each best nll
    infinite: Columns = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    along_curve: bool = False  # whether the infinite ones diverge along a curve
    notes: list[str] = field(default_factory=list)
    looked: bool = False  # whether the optimum beside SciPy's point was looked for
    early: tuple[Information, Surroundings | None] | None = None  # found where SciPy paused
    polished: Floats | None = None  # where that was found, by gradients good to the last digit
    around: tuple[Floats, Surroundings] | None = None  # a point (q,), and how the nll rises there
    last: tuple[Floats, Floats | float] | None = None  # full parameters, and the values there
    seconds: float = np.nan  # that the last evaluation of them took

    @property
    def step_sizes(self) -> StepSizes:
        """Steps and tolerances that follow the noise, which rounding alone brings to this."""
        rounding = np.finfo(float).eps * abs(self.lowest) / np.sqrt(self.likelihood.n or 1)
        return StepSizes.from_noise(max(self.information.noise, rounding))

    def start(self) -> Floats:
        """Return the user's start on the working scale."""
        parameters = self.likelihood.parameters
        return parameters.to_working(parameters.values)

    def user(self) -> Floats:
        """Return the full parameter vector where the search stands."""
        return self.likelihood.parameters.to_user(self.working)

    def measure(self, metric: Floats | None = None) -> Information:
        """Measure the information where the search stands; a metric is its rough inverse."""
        base = self.values_at(self.user())
        return observed_information(self.likelihood, self.working, metric, base=base)

    def target(self) -> WhitenedObjective:
        """See the objective in the current whitening, relative to its value here."""
        params = self.user()
        base = self.values_at(params)
        self.remember(params, float(self.likelihood.summed_values(base)))
        return WhitenedObjective(self.likelihood, self.whitening, base)

    def values_at(self, params: Floats) -> Floats | float:
        """Evaluate the contributions, or the total, unless this is where they were last."""
        if self.last is None or not np.array_equal(self.last[0], params):
            started = time.perf_counter()
            self.last = params.copy(), self.likelihood.at(params)
            self.seconds = time.perf_counter() - started
        return self.last[1]

    def remember(self, params: Floats, nll: float) -> None:
        """Keep a full parameter vector if it is the lowest yet within its bounds."""
        if nll < self.best and not crossed_columns(self.likelihood.parameters, params).size:
            self.best, self.best_params = nll, params
            self.lows.append((self.likelihood.calls.n, nll))

    def nearest_on_way(
        self, seen: Floats, finite: NDArray[np.bool_], hidden: float
    ) -> Floats | None:
        """Return a point (q,) no higher than the lowest yet, on the way to where the nll fell."""
        # Infinite parameters stay as near to where they are as that allows. Noise hides so much:
        # what is hidden by more than a supremum's own uncertainty says nothing about where to stay.
        if hidden > SAME_SUPREMUM:
            return seen
        whitening = Whitening(self.working, np.eye(self.working.size))
        target = WhitenedObjective(self.likelihood, whitening, 0.0)
        lowest = min(self.best, target.value_at(seen) + SAME_SUPREMUM)
        for share in _SHARES:
            point = np.where(finite, seen, self.working + share * (seen - self.working))
            value = target.value_at(point)
            if value <= lowest + max(hidden, self.step_sizes.slack(self.best)):
                return point
        return None

    def rises_to_supremum(self, direction: Floats, reach: float = 64.0) -> bool:
        """Record that the likelihood rises toward its supremum along a direction, or to a bound."""
        # It was seen so many multiples of the direction away. False where the nll rises on the way
        # after all, or is lower nearer to the start: there the search then stands.
        if self.meets_bound(direction):
            return True
        infinite = divergence_signs(np.nan_to_num(direction)) != 0
        alone = np.where(infinite, direction, 0.0)  # what else moves may do so by noise
        low = self._stays_low(reach * direction) or self._stays_low(reach * alone)
        if not low or self.leaves_plateau(infinite):
            return False
        return self.has_no_optimum(
            f"{SUPREMUM} as {self._ends(direction)}", np.flatnonzero(infinite)
        )

    def _stays_low(self, direction: Floats) -> bool:
        """Whether the nll, as far as it is finite, ends as low as anywhere along a direction."""
        target = self.target()
        values = [target.value_at(self.working + share * direction) for share in _BETWEEN]
        finite = [value for value in values if np.isfinite(value)]
        here = float(self.likelihood.summed_values(target.base))
        lowest = min([*finite, self.best - here], default=0.0)
        allowed = min(lowest + SAME_SUPREMUM, self.step_sizes.slack(here))
        return not finite or finite[-1] <= allowed

    def without_effect(self) -> NDArray[np.bool_]:
        """Return which parameters (q,) have none, over the whole way from their start."""
        curvatures = np.abs(np.diag(self.information.matrix))
        return curvatures * (self.working - self.start()) ** 2 < _VANISHING

    def leaves_plateau(self, infinite: NDArray[np.bool_]) -> bool:
        """Whether the nll is lower with infinite parameters (q,) nearer to the start."""
        # Where it is the search then stands: the optimum is not at infinity.
        whitening = Whitening(self.working, np.eye(self.working.size))
        target, start = WhitenedObjective(self.likelihood, whitening, 0.0), self.start()
        moved = self.working - start
        together = [np.where(infinite, start + share * moved, self.working) for share in _NEARER]
        alone = [np.where(place, start, self.working) for place in np.diag(infinite)[infinite]]
        points = [*together, *alone]
        values = [target.value_at(point) for point in points]
        lowest = int(np.argmin(values))
        if not values[lowest] < target.value_at(self.working) - SAME_SUPREMUM:
            return False
        self.working = points[lowest]
        self.information = self.measure()
        return True

    def meets_bound(self, direction: Floats) -> bool:
        """Go beyond the first bound in a direction, for it to be held there; False without one."""
        parameters = self.likelihood.parameters
        direction = np.where(divergence_signs(np.nan_to_num(direction)) == 0, 0.0, direction)
        size = float(np.max(np.abs(direction), initial=0.0))
        if not (np.isfinite(parameters.bounds).any() and 0 < size < np.inf):
            return False
        for doubling in range(-_DOUBLINGS, _DOUBLINGS):
            beyond = self.working + 2.0**doubling * direction / size
            if crossed_columns(parameters, parameters.to_user(beyond)).size:
                self.working, self.status = beyond, Status.AT_BOUND
                return True
        return False

    def has_no_optimum(self, why: str, infinite: Columns) -> bool:
        """Record that there is no finite optimum, and which parameters are infinite."""
        self.status, self.decrement, self.infinite = Status.NO_FINITE_OPTIMUM, np.inf, infinite
        self.notes.append(why)
        return True

    def refuse(self, how: str, direction: Floats) -> None:
        """Raise for an objective without a lower bound."""
        fix = self.likelihood.how_to_fix
        raise ValueError(_WRONG_SIGN.format(how=how, where=self._ends(direction), fix=fix))

    def _ends(self, direction: Floats) -> str:
        """Say where the parameters go along a direction."""
        parameters, signs = self.likelihood.parameters, divergence_signs(np.nan_to_num(direction))
        columns = np.flatnonzero(signs)
        return describe_ends(parameters, columns, scale_ends(parameters, columns, signs[columns]))
