"""Block bootstraps: stretches of consecutive observations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bootmle.display.checks import check_choice
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.response import Rows
from bootmle.sampling.plan import Plan, Structure
from bootmle.sampling.resample import Resample
from bootmle.sampling.streams import draw_numbers

__all__ = ["Blocks", "automatic_length"]

_KINDS = ("stationary", "circular", "moving")


@dataclass(frozen=True, slots=True)
class Blocks(Plan):
    """Draw blocks of consecutive observations of a time series, to the length of the series.

    Where the objective returns contributions their weights are drawn (Gonçalves and White 2004),
    so that a contribution may read earlier rows.

    Parameters
    ----------
    length : float, optional
        Length of the blocks, the mean one for stationary blocks; by default the automatic length
        for the observations' scores (Patton, Politis and White 2009), the longest over parameters.
    kind : str
        "stationary": geometric lengths, wrapped around (Politis and Romano 1994); "circular":
        fixed lengths, wrapped around (Politis and Romano 1992); "moving": fixed lengths, not
        wrapped (Künsch 1989), so that the ends of the series are drawn less often.

    Raises
    ------
    ValueError
        For a length that is not between 1 and n, whole for all but stationary blocks.

    Examples
    --------
    >>> import numpy as np
    >>> from bootmle import Blocks
    >>> Blocks(3, kind="circular").draw(6, 0, np.random.default_rng(0)).rows
    array([3, 4, 5, 1, 2, 3])
    """

    structure: ClassVar[Structure] = Structure.SERIES

    length: Any = None
    kind: str = "stationary"

    def __post_init__(self) -> None:
        """Check what can be checked without data."""
        check_choice("kind", self.kind, _KINDS)
        if self.length is None:
            return
        real = isinstance(self.length, Real) and not isinstance(self.length, bool)
        if not real or not float(self.length) >= 1:
            raise ValueError(f"length: {self.length!r}; pass a number of observations, 1 or more")
        if self.kind != "stationary" and self.length != round(self.length):
            raise ValueError(
                f"length: {self.length!r}; {self.kind} blocks have a whole length: pass an int, or "
                f"kind='stationary'"
            )

    def __repr__(self) -> str:
        """Show the length to four digits: `identity` has all."""
        length = self.length if isinstance(self.length, int | None) else f"{self.length:.4g}"
        return f"Blocks(length={length}, kind={self.kind!r})"

    def check(self, likelihood: Likelihood) -> None:
        """Refuse a total that blocks of rows cannot be drawn for."""
        if likelihood.n is None:
            raise ValueError(
                "sampling: Blocks() has nothing to resample: the objective holds its data and "
                "returns a total; return the contributions (delete .sum()), or pass the data in "
                "args"
            )
        if not likelihood.per_observation and likelihood.rows in {Rows.ORDERED, Rows.INDIVISIBLE}:
            raise ValueError(
                "sampling: Blocks() of rows join stretches that did not follow one another, which "
                "an objective that reads earlier rows takes for neighbors; return the n "
                "contributions instead (delete .sum())"
            )

    def prepared(self, fit: Fit | Estimator) -> Blocks:
        """Choose the automatic length where none is given; refuse blocks longer than the series."""
        influences = fit.influence_functions() if self.length is None else None
        if influences is not None:
            return replace(self, length=automatic_length(influences, self.kind))
        if self.length is None:
            raise ValueError(
                "length: none is given, and there are no contributions to choose it from; pass a "
                "length, or return the contributions (delete .sum())"
            )
        if self.length > fit.n:
            raise ValueError(
                f"length: {self.length} for {fit.n} observations; it cannot exceed them"
            )
        return self

    @property
    def relative_sampling_error(self) -> float:
        """Sampling error of the plan's standard errors over that of rows drawn one by one.

        The variance of its variance is 2ℓ/n of the square for stationary blocks of length ℓ,
        4ℓ/(3n) for others (Patton, Politis and White 2009, section 2), where that of rows is about
        2/n.
        """
        if self.length is None:
            return 1.0
        share = 1.0 if self.kind == "stationary" else 2 / 3
        return float(np.sqrt(max(share * self.length, 1.0)))

    def notes(self, n: int, centered: bool) -> tuple[str, ...]:
        """Say that moving blocks are not centered."""
        if centered or self.expected_weights(n) is None:
            return ()
        return (
            "moving blocks reach the ends of the series less often than its middle, and are not "
            "centered here: use kind='stationary'",
        )

    def expected_weights(self, n: int) -> Floats | None:
        """Return how often each observation is drawn on average; None where all are alike.

        Moving blocks reach the ends of the series less often than its middle.
        """
        if self.kind != "moving" or self.length <= 1:
            return None
        length, starts = int(self.length), n - int(self.length) + 1
        whole, rest = divmod(n, length)
        weights = np.zeros(n)
        for size, times in ((length, whole), (rest, 1)):
            # Starts that reach a row: the differences of how many begin and have ended before it.
            begun = np.minimum(np.arange(n) + 1, starts)
            ended = np.clip(np.arange(n) - size + 1, 0, starts)
            weights += times * (begun - ended) / starts
        return weights

    def draw(self, n: int, replicate: int, rng: np.random.Generator) -> Resample:
        """Draw one resample."""
        if self.kind == "stationary":
            return Resample(n, rows=self._stationary(n, rng))
        length = int(self.length)
        last = n if self.kind == "circular" else n - length + 1
        starts = draw_numbers(rng, last, -(-n // length))
        rows = (starts[:, None] + np.arange(length)).reshape(-1)[:n]
        return Resample(n, rows=rows % n)

    def _stationary(self, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """Begin a new block with probability 1 / length at every observation."""
        begins = rng.random(n) < 1 / float(self.length)
        begins[0] = True
        starts = draw_numbers(rng, n, n)
        latest = np.maximum.accumulate(np.where(begins, np.arange(n), 0))
        return np.asarray((starts[latest] + np.arange(n) - latest) % n, dtype=np.intp)


def automatic_length(series: Floats, kind: str) -> float:
    """Estimate the best block length for the variance of means of k series (n, k): the longest."""
    # (2 G²/D)^(1/3) n^(1/3) with flat-top weighted autocovariances up to twice the lag beyond which
    # correlations are negligible, at most min(3 √n, n/3), and all constants from Patton, Politis
    # and White (2009), Econometric Reviews 28, 372-375.
    n = len(series)
    longest = float(np.ceil(min(3 * np.sqrt(n), n / 3)))
    best = max(_length_of(column - column.mean(), kind) for column in series.T)
    best = float(np.clip(best, 1.0, max(longest, 1.0)))
    return best if kind == "stationary" else float(np.ceil(best))


def _length_of(centered: Floats, kind: str) -> float:
    """Estimate the length for one series, before it is bounded."""
    n = centered.size
    reach = max(5, int(np.ceil(np.sqrt(np.log10(n)))))
    most = min(int(np.ceil(np.sqrt(n))) + reach, n - 1)
    covariances = np.array([centered[: n - lag] @ centered[lag:] for lag in range(most + 1)]) / n
    if not covariances[0] > 0:
        return 1.0
    width = _bandwidth(covariances, n, reach)
    lags = np.arange(-width, width + 1)
    weighted = np.clip(2 * (1 - np.abs(lags) / width), 0.0, 1.0) * covariances[np.abs(lags)]
    slope, level = float((np.abs(lags) * weighted).sum()), float(weighted.sum())
    constant = 2.0 if kind == "stationary" else 4 / 3
    if level == 0:
        return 1.0
    return float((2 * slope**2 / (constant * level**2)) ** (1 / 3) * n ** (1 / 3))


def _bandwidth(covariances: Floats, n: int, reach: int) -> int:
    """Return twice the first lag from which ``reach`` correlations in a row are negligible."""
    correlations = np.abs(covariances[1:] / covariances[0])
    small = correlations < 2 * np.sqrt(np.log10(n) / n)
    most = covariances.size - 1
    for lag in range(most):
        if small[lag : lag + reach].all() and lag + reach <= most:
            return int(min(2 * (lag + 1), most))
    large = np.flatnonzero(~small)
    return int(min(2 * (large[-1] + 1), most)) if large.size else 1
