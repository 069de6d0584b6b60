"""The objective on its data: values and gradients of weighted contributions, or of a total."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.execution.ahead import Ahead, evaluated_ahead
from bootmle.execution.budget import budget
from bootmle.execution.meter import count_evaluations
from bootmle.likelihood.arrays import Floats, unmasked
from bootmle.likelihood.automatic import Automatic
from bootmle.likelihood.frequencies import Frequencies
from bootmle.likelihood.kept_values import KeptValues
from bootmle.likelihood.parameters import Parameters
from bootmle.likelihood.response import Response, Rows
from bootmle.likelihood.vectorization import Vectorized

__all__ = ["Calls", "Contributions"]

_BY_FIT = "fit(..., fixed={name: value})"

_TIMED = 32
"""Evaluations that are timed: the first of a fit, which are on all rows."""
_MANY = 16
"""Points from which on JAX evaluates them in a loop of its own, another program to be compiled."""


@dataclass(slots=True)
class Calls:
    """How often an objective was evaluated, on all of its rows or some of them."""

    n: int = 0
    ahead: Ahead | None = None
    """Who evaluates ahead, inside a block of `Likelihood.ahead`."""
    kept: KeptValues | None = None
    """Contributions at the last points, inside a block of `Likelihood.keeping_values`."""
    start: tuple[Floats, Floats] | None = None
    """Full parameters at which the objective was read, and what it returned, for `at_start`."""
    clock: list[float] = field(default_factory=list)
    """Seconds that the first evaluations took, each in this process."""

    @property
    def seconds(self) -> float:
        """What an evaluation takes, by the median: a single one may have had to wait. 0 without."""
        return float(np.median(self.clock)) if self.clock else 0.0

    def timed(self, function: Callable[..., Any], *args: Any) -> Any:
        """Evaluate, and time that where too few were."""
        if len(self.clock) >= _TIMED:
            return function(*args)
        started = time.perf_counter()
        value = function(*args)
        self.clock.append(time.perf_counter() - started)
        return value


@dataclass(frozen=True, slots=True)
class Contributions:
    """A negative log-likelihood's values and gradients on its data, with their weights.

    Attributes
    ----------
    function : callable
        The user's objective, ``function(params, *args)``.
    jac : callable or None
        Its exact gradient, ``jac(params, *args)``, where there is one.
    args : tuple
        The data.
    parameters : Parameters
        Names, start, fixed values, bounds and scales.
    n : int or None
        Number of contributions; of a total, the rows of ``args``, None where there are none.
    per_observation : bool
        Whether the objective returns contributions rather than their total.
    scale : float
        Factor on a total: n where it is a mean.
    weights : (n,) array or None
        Weight of each contribution; None where all are 1.
    frequencies : Frequencies or None
        The observations that each contribution stands for, where it may be several: parts of its
        weight.
    n_drawn : int or None
        Number of different observations in a resample of such data.
    rows : Rows
        How the objective depends on the rows.
    response : Response
        How the objective responds to the rows that are drawn.
    rows_error : str
        What the objective raised on some of the rows.
    scores_given : bool
        Whether ``jac`` returns one gradient for each contribution.
    in_jax : bool
        Whether the user's objective returns an array of JAX's.
    base_rows : (n,) int array or None
        The original data's rows that ``args`` consists of; None where it is all of them.
    fingerprint : tuple of int or None
        Checksums of the original data; None for simulated ones.
    calls : Calls
        Count of the objective's evaluations, shared by all that is derived from this.
    """

    function: Callable[..., Any]
    jac: Callable[..., Any] | None
    args: tuple[Any, ...]
    parameters: Parameters
    n: int | None
    per_observation: bool
    scale: float = 1.0
    weights: Floats | None = None
    frequencies: Frequencies | None = None
    n_drawn: int | None = None
    rows: Rows = Rows.NO_ARGS
    rows_error: str = ""
    response: Response = field(default=Response())
    scores_given: bool = False
    in_jax: bool = False
    base_rows: NDArray[np.intp] | None = field(default=None, repr=False)
    fingerprint: tuple[int, ...] | None = field(default=None, repr=False)
    calls: Calls = field(default_factory=Calls, repr=False, compare=False)

    def _count(self, n: int) -> None:
        """Count evaluations, for whoever derived this, for a budget and the progress shown."""
        if (given := budget()) is not None:
            given.spend(n)
        self.calls.n += n
        count_evaluations(n)

    @contextmanager
    def ahead(self, expected: int) -> Iterator[None]:
        """Let workers evaluate what `expect` announces, inside the block; about so many points."""
        calls = self.calls
        if self.vectorized or self.automatic is not None:
            yield
            return
        with evaluated_ahead(self.function, self.args, expected) as found:
            before, calls.ahead = calls.ahead, found
            try:
                yield
            finally:
                calls.ahead = before

    @contextmanager
    def keeping_values(self) -> Iterator[None]:
        """Keep the contributions at the last points inside the block, if they are not too many."""
        size = self.parameters.free.size
        if self.per_observation and self.jac is None and self.automatic is None:
            self.calls.kept = KeptValues.of(self.args, self.n_values, size)
        try:
            yield
        finally:
            self.calls.kept = None

    def expect(self, points: Floats) -> None:
        """Announce full parameter vectors (k, p) at which this will be evaluated next."""
        if self._ahead is not None:
            self._ahead.look(points)

    def expect_working(self, points: Iterable[Floats]) -> None:
        """Announce points (q,) of the working scale at which this will be evaluated next."""
        if self._ahead is not None:
            self._ahead.look([self.parameters.to_user(point) for point in points])

    @property
    def _ahead(self) -> Ahead | None:
        """Who evaluates ahead, if that is on the same data."""
        ahead = self.calls.ahead
        same = ahead is not None and ahead.args is self.args and ahead.function is self.function
        return ahead if same else None

    def _evaluate(self, params: Floats) -> Any:
        """Call the objective, unless that was done ahead."""
        self._count(1)
        ahead = self._ahead
        if ahead is None:
            return self.calls.timed(self.function, params, *self.args)
        return ahead.take(params, self.calls.timed)

    def contributions(self, params: Floats) -> Floats:
        """Evaluate the n contributions at a full parameter vector."""
        raw = np.asarray(unmasked(self._evaluate(params)))
        if raw.dtype.kind == "c":
            raise TypeError(f"fun: returned complex contributions at {params}; they must be real")
        values = np.array(raw, dtype=float)  # a copy: the function may write into one array again
        if values.shape != (self.n,):
            values = values.reshape(-1)
        if values.size != self.n:
            raise ValueError(f"fun: returned {values.size} contributions where there were {self.n}")
        if self.calls.kept is not None:
            self.calls.kept.keep(self.args, params, values)
        return values

    def contributions_at(self, points: Floats) -> Floats:
        """Evaluate the contributions at full parameter vectors (k, p), (k, n)."""
        if self.evaluates_together(len(points)):
            self._count(len(points))
            values = self._together(points).reshape(len(points), -1)
            if self.calls.kept is not None:
                for each in zip(points, values, strict=True):
                    self.calls.kept.keep(self.args, *each)
            return values
        self.expect(points)
        return np.array([self.contributions(point) for point in points])

    def values_at(self, points: Floats) -> Floats:
        """Evaluate the contributions (k, n), or the totals (k, 1), at full vectors (k, p)."""
        if self.per_observation:
            return self.contributions_at(points)
        if self.evaluates_together(len(points)):
            self._count(len(points))
            return self.scale * self._together(points).reshape(-1, 1)
        self.expect(points)
        return np.array([[self.total(point)] for point in points])

    @property
    def n_values(self) -> int:
        """Number of values that an evaluation returns: the contributions, or one total."""
        return (self.n or 0) if self.per_observation else 1

    @property
    def vectorized(self) -> bool:
        """Whether many parameter vectors are evaluated in one call."""
        return isinstance(self.function, Vectorized)

    def evaluates_together(self, count: int) -> bool:
        """Whether so many parameter vectors are evaluated in one call."""
        return self.vectorized or (self.automatic is not None and count >= _MANY)

    def _together(self, points: Floats) -> Floats:
        """Evaluate at full parameter vectors (k, p) in one call."""
        assert isinstance(self.function, Vectorized | Automatic)
        return self.function.at(points, *self.args)

    @property
    def automatic(self) -> Automatic | None:
        """The objective with its exact derivatives, where it is written in JAX for them."""
        return self.function if isinstance(self.function, Automatic) else None

    @property
    def could_use_jax(self) -> bool:
        """Whether the objective is written in JAX, and its gradient was left out."""
        return self.in_jax and self.jac is None

    @property
    def how_to_fix(self) -> str:
        """How to fix a parameter: as an adapter's objective says, and else by ``fit``."""
        owner = getattr(self.function, "__self__", self.function)
        return str(getattr(owner, "how_to_fix", _BY_FIT))

    def total(self, params: Floats) -> float:
        """Evaluate the weighted total at a full parameter vector."""
        if self.per_observation:
            return self.summed_values(self.contributions(params))
        return self.scale * float(np.asarray(unmasked(self._evaluate(params))).reshape(()))

    def summed_values(self, values: Floats | float) -> float:
        """Sum weighted contributions, or take a total as it is."""
        if self.weights is None:
            return float(np.sum(values))
        total = float(self.weights @ values)
        return (
            total
            if np.isfinite(total)
            else float(self.weights @ self.where_drawn(np.asarray(values)))
        )

    def where_drawn(self, values: Floats) -> Floats:
        """Return the contributions (..., n), 0 in place of those whose weight is zero."""
        return values if self.weights is None else np.where(self.weights == 0, 0.0, values)

    def at(self, params: Floats) -> Floats | float:
        """Evaluate the contributions, or the total where there are none."""
        return self.contributions(params) if self.per_observation else self.total(params)

    def at_start(self, params: Floats) -> Floats | float:
        """Do the same, unless that was done when the objective was read."""
        known, self.calls.start = self.calls.start, None
        if known is None or not np.array_equal(known[0], params):
            return self.at(params)
        return known[1] if self.per_observation else self.scale * float(known[1])

    @property
    def has_gradient(self) -> bool:
        """Whether there is an exact gradient of the weighted total, as `gradient` returns."""
        return self.jac is not None and (self.scores_given or self.weights is None)

    def scores(self, params: Floats) -> Floats:
        """Evaluate ``jac``: the gradients of the contributions (n, p), or that of the total."""
        assert self.jac is not None
        self.calls.n += getattr(self.jac, "calls_fun", False)
        return np.array(self.jac(params, *self.args), dtype=float)

    def gradient(self, params: Floats) -> Floats:
        """Evaluate the gradient of the weighted total, (p,)."""
        if self.automatic:
            found = self.automatic.gradient(params, self.total_weights, self.args)
            if np.isfinite(found).all():
                return found
        return self.gradient_and_scores(params)[0]

    def gradient_along_the_way(self, params: Floats) -> tuple[Floats, Floats | None]:
        """Evaluate the gradient (p,), with the scores (n, p) where they cost nothing more."""
        # Those of an objective in JAX are evaluated at the end, once.
        if self.automatic:
            return self.gradient(params), None
        return self.gradient_and_scores(params)

    @property
    def total_weights(self) -> Floats | None:
        """Weights of what an evaluation returns: contributions, or the scale (1,) of a total."""
        return self.weights if self.per_observation else np.array([self.scale])

    def gradient_and_scores(self, params: Floats) -> tuple[Floats, Floats | None]:
        """Evaluate the gradient (p,), and those of the contributions (n, p) where jac has them."""
        raw = self.scores(params)
        if not self.scores_given:
            return self.scale * raw.reshape(-1), None
        if self.weights is None:
            return np.asarray(raw.sum(axis=0)), raw
        raw = self.where_drawn(raw.T).T if self.automatic else raw
        return np.asarray(self.weights @ raw), raw
