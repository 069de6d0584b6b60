"""The likelihood: an objective, its data, their weights, and what the objective returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.execution.ahead import Ahead, evaluated_ahead
from bootmle.execution.meter import count_evaluations
from bootmle.likelihood.arrays import Floats, unmasked
from bootmle.likelihood.automatic import Automatic
from bootmle.likelihood.data import as_args, count_rows, take_rows
from bootmle.likelihood.frequencies import Frequencies
from bootmle.likelihood.kept_values import KeptValues
from bootmle.likelihood.parameters import Parameters
from bootmle.likelihood.vectorization import Vectorized

__all__ = ["Additivity", "Calls", "Likelihood", "Response", "Rows"]


_BY_FIT = "fit(..., fixed={name: value})"

_MANY = 16
"""Points from which on JAX evaluates them in a loop of its own, another program to be compiled."""


class Rows(Enum):
    """How the value of the objective depends on the rows of ``args``."""

    SEPARATE = "each contribution depends on its own row alone"
    EXCHANGEABLE = "contributions depend on all rows, but not on their order"
    ORDERED = "contributions depend on the order of the rows"
    INDIVISIBLE = "the objective cannot be evaluated on some of the rows"
    CLUSTERED = "there are fewer contributions than rows"
    NO_ARGS = "args is empty: the objective contains its data"


class Additivity(Enum):
    """How an objective responds to the units that are drawn."""

    UNTESTED = "its response to the units was not measured"
    ADDITIVE = "the objective is a sum over units"
    CONSTANT_TERM = "the objective is a sum over units and a constant, which moves no optimum"
    PENALTY = "a term belongs to no unit (a penalty or prior): every resample has it once"
    EXTENDED = "a term is the expected number of rows, as in an extended likelihood"
    EXCHANGEABLE = "units depend on one another through statistics of the sample"
    GROUPED = "a unit that is drawn twice does not count as two"
    MEAN = "the objective is a mean over units"
    SQUARE = "the objective grows as the square of the number of rows"
    CONSTANT = "the objective does not change with its data"


@dataclass(frozen=True, slots=True)
class Response:
    """How the objective responds to its units, and the numbers that show it, if any do.

    ``beside`` is its value on all of them a standard error from the estimate.
    """

    kind: Additivity = Additivity.UNTESTED
    evidence: str = ""
    beside: float = np.nan


@dataclass(slots=True)
class Calls:
    """How often an objective was evaluated, on all of its rows or some of them."""

    n: int = 0
    ahead: Ahead | None = None
    """Who evaluates ahead, inside a block of `Likelihood.ahead`."""
    kept: KeptValues | None = None
    """Contributions at the last points, inside a block of `Likelihood.keeping_values`."""


@dataclass(frozen=True, slots=True)
class Likelihood:
    """A negative log-likelihood with the data and weights it is evaluated on.

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
    response: Response = Response()
    scores_given: bool = False
    in_jax: bool = False
    base_rows: NDArray[np.intp] | None = field(default=None, repr=False)
    fingerprint: tuple[int, ...] | None = field(default=None, repr=False)
    calls: Calls = field(default_factory=Calls, repr=False, compare=False)

    def _count(self, n: int) -> None:
        """Count evaluations, for whoever derived this and for the progress shown."""
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
        return self.function(params, *self.args) if ahead is None else ahead.take(params)

    def contributions(self, params: Floats) -> Floats:
        """Evaluate the n contributions at a full parameter vector."""
        raw = np.asarray(unmasked(self._evaluate(params)))
        if raw.dtype.kind == "c":
            raise TypeError(f"fun: returned complex contributions at {params}; they must be real")
        values = np.asarray(raw, dtype=float)
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

    @property
    def n_observations(self) -> int | None:
        """Number N of observations that are resampled: n, but where rows stand for several."""
        if self.n_drawn is not None:
            return self.n_drawn
        return self.n if self.frequencies is None else self.frequencies.total

    @property
    def prior(self) -> Floats | None:
        """Weight that each observation of a row has, (n,); None where all are 1."""
        if self.frequencies is None or self.weights is None:
            return self.weights
        counts = self.frequencies.counts
        return np.divide(self.weights, counts, out=np.zeros(counts.size), where=counts > 0)

    def weights_of(self, counts: Floats) -> Floats:
        """Turn how often each observation is drawn, (..., N), into weights of rows, (..., n)."""
        prior, frequencies = self.prior, self.frequencies
        counts = counts if frequencies is None else frequencies.gathered(counts)
        return counts if prior is None else prior * counts

    def of_observations(self, values: Floats) -> Floats:
        """Turn values of the contributions (..., n) into the observations', (..., N), weighted."""
        prior, frequencies = self.prior, self.frequencies
        values = values if prior is None else prior * values
        return values if frequencies is None else values[..., frequencies.row_of]

    def at(self, params: Floats) -> Floats | float:
        """Evaluate the contributions, or the total where there are none."""
        return self.contributions(params) if self.per_observation else self.total(params)

    def of_rows(self, values: Floats) -> Floats:
        """Select from values of the observations (N, r) those of one for each row."""
        return values if self.frequencies is None else values[self.frequencies.first]

    @property
    def has_gradient(self) -> bool:
        """Whether there is an exact gradient of the weighted total, as `gradient` returns."""
        return self.jac is not None and (self.scores_given or self.weights is None)

    @property
    def score_share(self) -> float:
        """Σw/Σw²: prior weights enter the scores' variance squared, the curvature once."""
        weights, prior = self.weights, self.prior
        if weights is None or prior is None:
            return 1.0
        return float(weights.sum() / (weights @ prior))

    @property
    def supports_weights(self) -> bool:
        """Whether resamples act through weights of the contributions, not through rows."""
        return self.per_observation and self.rows is not Rows.EXCHANGEABLE

    def scores(self, params: Floats) -> Floats:
        """Evaluate ``jac``: the gradients of the contributions (n, p), or that of the total."""
        assert self.jac is not None
        self.calls.n += getattr(self.jac, "calls_fun", False)
        return np.asarray(self.jac(params, *self.args), dtype=float)

    def gradient(self, params: Floats) -> Floats:
        """Evaluate the gradient of the weighted total, (p,)."""
        if self.automatic:
            found = self.automatic.gradient(params, self.total_weights, self.args)
            if np.isfinite(found).all():
                return found
        return self.gradient_and_scores(params)[0]

    def gradient_along_the_way(self, params: Floats) -> tuple[Floats, Floats | None]:
        """Evaluate the gradient (p,), with the scores (n, p) where they cost nothing more.

        Those of an objective in JAX are evaluated at the end, once.
        """
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

    def reweighted(self, counts: Floats) -> Likelihood:
        """Count observations (N,) as drawn; drop rows of weight zero where they are separate."""
        weights = self.weights_of(counts)
        drawn = None if self.frequencies is None else int(np.count_nonzero(counts))
        # JAX compiles anew for another number of rows: there all of them stay.
        if self.rows is not Rows.SEPARATE or self.automatic:
            return replace(self, weights=weights, frequencies=None, n_drawn=drawn)
        rows = np.flatnonzero(weights != 0)
        taken = replace(self, args=take_rows(self.args, rows), n=rows.size, n_drawn=drawn)
        return replace(taken, weights=weights.take(rows), frequencies=None, base_rows=rows)

    def rows_of(self, values: Floats) -> Floats:
        """Select from values of all original rows those of the rows that are left."""
        return values if self.base_rows is None else values.take(self.base_rows)

    def row_blocks(self, length: int) -> Iterator[Likelihood]:
        """Divide the data into blocks of rows where contributions are separate; else one block."""
        if self.rows is not Rows.SEPARATE or not self.per_observation or self.n_values <= length:
            yield self
            return
        for start in range(0, self.n_values, length):
            yield self.resampled(np.arange(start, min(start + length, self.n_values)))

    def divided(self, divisor: float) -> Likelihood:
        """Divide the objective, by its weights or its scale."""
        if not self.per_observation:
            return replace(self, scale=self.scale / divisor)
        weights = np.ones(self.n_values) if self.weights is None else self.weights
        return replace(self, weights=weights / divisor)

    def resampled(self, rows: NDArray[np.intp]) -> Likelihood:
        """Take rows of the data, repeated as given."""
        weights = None if self.weights is None else self.weights[rows]
        taken = replace(self, args=take_rows(self.args, rows), n=rows.size, weights=weights)
        return taken if self.frequencies is None else replace(taken, frequencies=None)

    def written_out(self) -> Likelihood:
        """Give each observation a row of its own."""
        if self.frequencies is None:
            return self
        rows, prior = self.frequencies.row_of, self.prior
        args, weights = take_rows(self.args, rows), None if prior is None else prior[rows]
        return replace(self, args=args, n=rows.size, weights=weights, frequencies=None)

    def with_args(self, args: tuple[Any, ...]) -> Likelihood:
        """Put other data of the same rows in place of the old."""
        return replace(self, args=args)

    def simulated(self, args: Any) -> Likelihood:
        """Put new data of the same form in place of the old."""
        if self.frequencies is not None:
            return self.written_out().simulated(args)
        new = as_args(args)
        rows, own = count_rows(new), count_rows(self.args)
        # The number of events of an extended likelihood is simulated, too.
        resized = self.response.kind is Additivity.EXTENDED
        if len(new) != len(self.args) or (rows != own and not resized):
            raise ValueError(
                f"simulate: returned {len(new)} argument(s) of {rows} rows; return "
                f"{len(self.args)} of {own} rows, as args has"
            )
        return replace(self, args=new, n=rows if resized else self.n, fingerprint=None)

    def holding(self, columns: NDArray[np.intp], values: Floats) -> Likelihood:
        """Fix some free parameters at values of the user's scale."""
        return replace(self, parameters=self.parameters.holding(columns, values))
