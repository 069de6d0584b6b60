"""The likelihood: contributions on their data, and what resampling makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.contributions import Contributions
from bootmle.likelihood.data import as_args, count_rows, take_rows
from bootmle.likelihood.response import Additivity, Rows

__all__ = ["Likelihood"]


@dataclass(frozen=True, slots=True)
class Likelihood(Contributions):
    """A negative log-likelihood, reweighted, resampled or simulated as plans draw."""

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

    def of_rows(self, values: Floats) -> Floats:
        """Select from values of the observations (N, r) those of one for each row."""
        return values if self.frequencies is None else values[self.frequencies.first]

    @property
    def score_share(self) -> float:
        """Σw/Σw²: prior weights enter the scores' variance squared, the curvature once."""
        weights, prior = self.weights, self.prior
        if weights is None or prior is None:
            return 1.0
        return float(weights.sum() / (weights @ prior))

    @property
    def has_units(self) -> bool:
        """Whether there is anything that could be drawn or simulated: contributions, or data."""
        return self.per_observation or self.rows is not Rows.NO_ARGS

    @property
    def supports_weights(self) -> bool:
        """Whether resamples act through weights of the contributions, not through rows."""
        return self.per_observation and self.rows is not Rows.EXCHANGEABLE

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
        response = replace(self.response, beside=np.nan)  # that of the old data
        n = rows if resized else self.n
        return replace(self, args=new, n=n, fingerprint=None, response=response)

    def holding(self, columns: NDArray[np.intp], values: Floats) -> Likelihood:
        """Fix some free parameters at values of the user's scale."""
        return replace(self, parameters=self.parameters.holding(columns, values))
