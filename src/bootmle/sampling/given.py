"""Resamples that were drawn elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bootmle.display.text import rounded
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats, unmasked
from bootmle.likelihood.likelihood import Likelihood
from bootmle.optimization.sandwich import Units
from bootmle.sampling.plan import Plan, check_independent_rows
from bootmle.sampling.resample import Resample

__all__ = ["Given"]

_UNEVEN, _NOISE = 0.05, 5.0
"""Variance of rows' mean weights, relative to their squared mean, from which they are base weights,
and its noise, the mean variance over B, that it has to exceed so many times: rows of a cluster are
drawn together. Bootstraps, half samples and jackknives draw all rows alike."""
_LEAST, _MOST = 0.45, 1.5
"""Variance of bootstrap weights relative to their squared mean: 1 − 1/n of n units drawn, 1/2 in
strata of two. Fay's BRR has (1 − k)², a jackknife 1/(n − 1), m of n rows n/m."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Given(Plan):
    """Use resamples drawn elsewhere: row numbers from 0, or weights, a row for each resample.

    Parameters
    ----------
    indices : (B, m) int array_like, optional
        Row numbers; those of R's boot.array(..., indices=TRUE) minus 1.
    weights : (B, n) array_like, optional
        Weights of the observations.

    Raises
    ------
    ValueError
        Unless exactly one is given, two-dimensional, finite and not negative.

    Examples
    --------
    >>> from bootmle import Given
    >>> Given(indices=[[0, 0, 2], [1, 2, 2]]).n_available
    2
    """

    indices: ArrayLike | None = None
    weights: ArrayLike | None = None
    _fractional: bool = field(init=False)

    def __post_init__(self) -> None:
        """Check the form."""
        if (self.indices is None) == (self.weights is None):
            raise ValueError(
                "indices, weights: pass one of the two, Given(indices=) or Given(weights=)"
            )
        name, kind = ("indices", np.intp) if self.weights is None else ("weights", np.float64)
        array = _read(name, getattr(self, name), kind)
        object.__setattr__(self, name, array)
        fractional = name == "weights" and not np.array_equal(array, np.round(array))
        object.__setattr__(self, "_fractional", fractional)

    @property
    def fractional(self) -> bool:
        """Whether weights are other than whole numbers."""
        return self._fractional

    @property
    def n_available(self) -> int | None:
        """Number of resamples there are."""
        return len(self._all)

    def check(self, likelihood: Likelihood) -> None:
        """Refuse an objective whose rows cannot be drawn one by one."""
        check_independent_rows(likelihood, "Given()")

    def check_response(self, fit: Fit | Estimator) -> None:
        """Resamples drawn elsewhere mean what their author says."""

    def prepared(self, fit: Fit | Estimator) -> Given:
        """Refuse resamples of another number of observations."""
        n = fit.n
        if self.weights is None and self._all.max() >= n:
            raise ValueError(f"indices: row {self._all.max()} of {n}; rows are numbered from 0")
        if self.weights is not None and self._all.shape[1] != n:
            raise ValueError(
                f"weights: {self._all.shape[1]} columns for {n} observations; pass one for each"
            )
        return self

    def units(self, n: int) -> Units | None:
        """Units are single observations."""
        return list(np.arange(n)[:, None]), np.zeros(n, dtype=np.intp)

    @property
    def studentizes(self) -> bool:
        """Each observation drawn is a unit of its own."""
        return not self.fractional and self.counts_draws

    @property
    def counts_draws(self) -> bool:
        """Whether weights vary as numbers of draws do: by about their mean, in any units."""
        if self.weights is None:
            return True
        variances, means = self._moments(self._all.shape[1])
        ratio = variances.sum() / means.sum() if means.any() else 0.0
        return not (ratio < _LEAST or ratio > _MOST)  # of a single resample it is NaN

    def draw(self, n: int, replicate: int, rng: np.random.Generator) -> Resample:
        """Return one of the resamples; past the last one, the last again."""
        one = self._all[min(replicate, len(self._all) - 1)]
        if self.weights is None:
            return Resample(n, rows=one)
        if self.fractional:
            return Resample(n, fractions=one)
        return Resample(n, rows=np.repeat(np.arange(n), one.astype(np.intp)))

    def notes(self, n: int, centered: bool) -> tuple[str, ...]:
        """Say by how much the weights vary more or less than a bootstrap's, and unevenly."""
        return tuple(filter(None, (self._spread_note(n), self._uneven_note(n))))

    def _spread_note(self, n: int) -> str:
        """Say how far standard errors are off by weights that vary too much or too little."""
        ratio = self._relative_variance(n)
        if not (ratio < _LEAST or ratio > _MOST):
            return ""
        return (
            f"how often rows are drawn varies {rounded(ratio, 2)} times as much as in a bootstrap "
            f"of {n:,} rows: standard errors are about {rounded(float(np.sqrt(ratio)), 2)} times "
            f"what they should be, intervals as much off; divide by that (Fay's BRR, resamples of "
            f"another size), or use Jackknife() or Subsample(size)"
        )

    def _uneven_note(self, n: int) -> str:
        """Say that some rows have larger weights than others in all resamples."""
        variances, means = self._moments(n)
        noise, size = variances.mean() / len(self._all), means.mean() ** 2
        if not means.var() - noise > max(_UNEVEN * size, _NOISE * noise):
            return ""
        uneven = rounded(float(means.std() / means.mean()), 2)
        return (
            f"some rows have larger weights than others on average over all resamples (a standard "
            f"deviation of {uneven} of their mean), as where survey weights include base weights: "
            f"replicates are then of another estimate, unless base weights are in the fit alone; "
            f"use fit(..., weights=base) with Given(weights=resamples / base)"
        )

    def _relative_variance(self, n: int) -> float:
        """Return the variance of rows' weights relative to their squared means."""
        # Each row's mean, as base weights that every resample multiplies are no spread.
        variances, means = self._moments(n)
        squares = float((means**2 - variances / len(self._all)).sum())
        return float(variances.sum()) / squares if squares > 0 else np.nan

    def _moments(self, n: int) -> tuple[Floats, Floats]:
        """Return the variance and the mean of each row's weights, (n,); NaN of one resample."""
        count, sums, squares = len(self._all), np.zeros(n), np.zeros(n)
        for one in self._all:
            drawn = np.bincount(one, minlength=n) if self.weights is None else one
            sums += drawn
            squares += np.square(drawn, dtype=float)
        return (squares - sums**2 / count) / (count - 1 if count > 1 else np.nan), sums / count

    @property
    def _all(self) -> NDArray[Any]:
        """The array that was given."""
        return np.asarray(self.indices if self.weights is None else self.weights)

    def __repr__(self) -> str:
        """Show how many there are, not all of them."""
        kind = "indices" if self.weights is None else "weights"
        return f"Given({kind} of {len(self._all)} resamples)"


def _read(name: str, values: Any, kind: type) -> NDArray[Any]:
    """Read a two-dimensional array of finite values that are not negative."""
    try:
        array = np.asarray(unmasked(values), dtype=float)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}: not an array of numbers, a row for each resample: {values!r}"
        ) from None
    if array.ndim != 2 or array.size == 0 or not np.isfinite(array).all() or array.min() < 0:
        raise ValueError(
            f"{name}: needs a row for each resample, finite and not negative; got shape "
            f"{array.shape}"
        )
    if kind is np.intp and np.asarray(values).dtype == bool:
        raise ValueError(
            f"{name}: are True or False; pass row numbers, or Given(weights=) of how often each "
            f"row is drawn"
        )
    if kind is np.intp and not np.array_equal(array, np.round(array)):
        raise ValueError(f"{name}: row numbers are whole; got {array.reshape(-1)[:3]}")
    return array.astype(kind)
