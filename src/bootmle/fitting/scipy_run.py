"""SciPy's minimization, which pauses where a fit finds the optimum by itself."""

# Paused, it takes no evaluations for the last digits, which a fit finds again, nor for line
# searches that fail because differences are off. Finished, it goes the same way to its end, by the
# values that are known: the result is SciPy's own, to the last bit.

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import OptimizeResult

from bootmle.execution.threads import computation
from bootmle.fitting.end_point import EndPoint
from bootmle.fitting.optimum import SAME
from bootmle.fitting.trail import Trail
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.likelihood import Likelihood
from bootmle.optimization.bounds import crossed_columns
from bootmle.optimization.optimizer import Optimizer
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = ["ScipyRun"]


class _PausedError(Exception):
    """Raised through SciPy's minimizer."""


@dataclass(slots=True)
class ScipyRun:
    """SciPy's minimization on the working scale, from the parameters' values."""

    likelihood: Likelihood
    optimizer: Optimizer
    totals: dict[bytes, float] = field(default_factory=dict)  # by points (q,)
    first: float = np.nan  # nll at the start
    lowest: float = np.inf
    best: Floats | None = None  # (q,), within the bounds
    last: tuple[Floats, Floats | float] | None = None  # best full parameters, and values there
    trail: Trail | None = None  # of a run that has paused
    ended_early: bool = False  # whether a fit goes on from where it has paused
    end: EndPoint | None = None  # where a run that had paused was found to end
    result: OptimizeResult | None = None

    @property
    def can_pause(self) -> bool:
        """Whether the user leaves the minimizer, and when it ends, to this package."""
        own, parameters = self.optimizer, self.likelihood.parameters
        plain = own.is_plain_bfgs and own.tol is None and not own.options
        free = not (own.constraints or np.isfinite(parameters.bounds).any())
        differenced = not self.likelihood.has_gradient and self.likelihood.automatic is None
        return bool(plain and free and differenced)

    def begin(self) -> None:
        """Minimize to the end, or to where the search pauses."""
        if not self.can_pause:
            self.finish()
            return
        self.trail = Trail()
        try:
            self.result = self._minimize(self.trail)
            self.trail = None
        except _PausedError:
            return

    def finish(self) -> OptimizeResult:
        """Return SciPy's own result, after going on where the run had paused."""
        if self.result is None:
            with computation():
                self.result = self._minimize(None)
            self.trail = None
        return self.result

    def end_point(self) -> EndPoint:
        """Return where SciPy's search ends, after going on where the run had paused."""
        if self.end is None:
            self.end = EndPoint(self.likelihood, np.array(self.finish().x, dtype=float))
        return self.end

    def check_unchanged(self) -> None:
        """Refuse to go on with an objective that has another value at the start by now."""
        with computation():
            now = self.likelihood.total(self.likelihood.parameters.to_user(self.start))
        if abs(now - self.first) > SAME * abs(self.first):
            raise ValueError(
                f"fun: {now:.10g} at the start values, but {self.first:.10g} when it was fitted: "
                f"something it uses has changed; fit again"
            )

    def inside(self, size: int) -> Floats:
        """Return the points (k, q) inside the domain that are remembered, and forget the rest."""
        kept = [key for key, total in self.totals.items() if np.isfinite(total)]
        if self.result is not None:
            self.totals = {}
        return np.array([np.frombuffer(key) for key in kept]).reshape(-1, size)

    @property
    def start(self) -> Floats:
        """The point (q,) where it starts."""
        parameters = self.likelihood.parameters
        return parameters.to_working(parameters.values)

    def _minimize(self, trail: Trail | None) -> OptimizeResult:
        """Run SciPy's minimizer; values that are known take no evaluation."""

        def value(working: Floats) -> float:
            total = self._value(working)
            if trail is not None:
                trail.take(working, total)
                if trail.is_stuck():
                    raise _PausedError
            return total

        def arrived(working: Floats) -> None:
            assert trail is not None
            trail.arrive(working)
            if trail.has_arrived():
                raise _PausedError

        start = self.start
        target = WhitenedObjective(self.likelihood, Whitening(start, np.eye(start.size)), 0.0)
        return self.optimizer.minimize(
            value,
            start,
            self.likelihood.parameters,
            gradient=target.analytic_gradient,
            announce=self._announce,
            callback=None if trail is None else arrived,
        )

    def _value(self, working: Floats) -> float:
        """Evaluate the nll once, and keep the lowest point within the bounds."""
        key = working.tobytes()
        if key in self.totals:
            return self.totals[key]
        parameters = self.likelihood.parameters
        user = parameters.to_user(working)
        values = self.likelihood.at_start(user)
        total = self.likelihood.summed_values(values)
        if np.isnan(self.first) and np.array_equal(working, self.start):
            self.first = total
        if total < self.lowest and crossed_columns(parameters, user).size == 0:
            self.lowest, self.best = total, working.copy()
            self.last = user.copy(), values
        if self.can_pause:
            self.totals[key] = total
        return total

    def _announce(self, points: Iterable[Floats]) -> None:
        """Announce points (q,) that will be evaluated next."""
        new = [point for point in points if point.tobytes() not in self.totals]
        self.likelihood.expect_working(new)
