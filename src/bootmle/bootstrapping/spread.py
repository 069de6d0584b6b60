"""How far replicates spread: standard errors, bias, and what is withheld of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bootmle.bootstrapping.record import Record
from bootmle.inference import standard_errors as spread
from bootmle.likelihood.arrays import Floats

__all__ = ["Spread"]

_HEAVY = 0.1
"""Share of the variance by one replicate; of normal ones it is about 2 log(B) / B."""


@dataclass(frozen=True, slots=True, eq=False)
class Spread(Record):
    """Replicates of a fit, and how far they spread; attributes as of `Record`."""

    @property
    def replicates(self) -> Floats:
        """Estimates, (B, p); NaN where a refit failed."""
        return self.data.estimates

    @property
    def status(self) -> NDArray[np.int8]:
        """Values of `Status`, (B,)."""
        return self.data.status

    @property
    def n_failed(self) -> int:
        """Number of refits without an estimate."""
        return int(self.data.failed.sum())

    @property
    def standard_error(self) -> Floats:
        """Standard deviation of each parameter's finite replicates, ddof 1, (p,).

        Scaled to samples of n where the plan draws others.
        """
        return self._of_finite(spread.standard_error, self.kept())

    @property
    def standard_error_mcse(self) -> Floats:
        """Monte Carlo error of `standard_error`, (p,); 0 where no samples are drawn at random."""
        if not self.is_random and not self.supports_quantiles:
            return self.identified(np.zeros(len(self.names)))
        return self._of_finite(spread.standard_error_mcse, self.kept())

    @property
    def quantile_standard_error(self) -> Floats:
        """Half the distance between the 84.13% and 15.87% quantiles, (p,)."""
        return self.identified(spread.quantile_standard_error(*self.ordered()))

    @property
    def covariance(self) -> Floats:
        """Covariances of the replicates, where those of both parameters are finite, (p, p)."""
        return self._of_finite_pairs(spread.covariance)

    @property
    def covariance_mcse(self) -> Floats:
        """Monte Carlo error of each entry of `covariance`, (p, p)."""
        return self._of_finite_pairs(spread.covariance_mcse) * (
            self.is_random or self.supports_quantiles
        )

    @property
    def bias(self) -> Floats:
        """Mean of each parameter's finite replicates less the estimate, (p,)."""
        shift = self._of_finite(spread.mean_shift, self.kept() - self.estimate)
        return shift * self.rescaling[1] / self.rescaling[0]

    @property
    def bias_mcse(self) -> Floats:
        """Monte Carlo error of `bias`, (p,)."""
        error = self._of_finite(spread.mean_shift_mcse, self.kept())
        return (
            error
            * (self.is_random or self.supports_quantiles)
            * self.rescaling[1]
            / self.rescaling[0]
        )

    @property
    def skewness(self) -> Floats:
        """Skewness of each parameter's finite replicates, (p,)."""
        return self._of_finite(spread.skewness, self.kept())

    @property
    def heavy_tails(self) -> NDArray[np.bool_]:
        """Where one replicate makes much of the variance, so that the SE grows with B, (p,)."""
        kept = self.kept()
        counts = np.maximum(np.isfinite(kept).sum(axis=0), 2)
        usual = 2 * np.log(counts) / counts
        shares = self._of_finite(spread.largest_share, kept)
        return np.asarray(shares > np.maximum(_HEAVY, 3 * usual))

    def chosen(self, names: Sequence[str] | None) -> list[int]:
        """Find parameters by name; all that vary by default."""
        if names is None:
            errors = self.standard_error
            return [j for j in range(len(self.names)) if errors[j] > 0]
        unknown = [name for name in names if name not in self.names]
        if isinstance(names, str) or unknown or not len(names):
            raise ValueError(f"names: {names!r}; name some of {list(self.names)}")
        return [self.names.index(name) for name in names]

    def flat(self) -> NDArray[np.bool_]:
        """Which parameters have a part in a direction that is not identified, (p,)."""
        return np.array([name in self.not_identified for name in self.names], dtype=bool)

    def _of_finite(self, statistic: Callable[[Floats], Floats], replicates: Floats) -> Floats:
        """Compute a statistic of each parameter's finite replicates, where it has an estimate."""
        values = spread.of_finite(statistic, replicates)
        return np.where(self._undefined(), np.nan, self.identified(values))

    def _of_finite_pairs(self, statistic: Callable[[Floats], Floats]) -> Floats:
        """Compute a statistic of each pair of parameters likewise."""
        matrix = spread.of_finite_pairs(statistic, self.kept())
        withheld = self.flat() | self._undefined()
        return np.where(withheld | withheld[:, None], np.nan, matrix)

    def _undefined(self) -> NDArray[np.bool_]:
        """Which derived quantities have no value at some optima, (p,)."""
        return np.asarray(np.isnan(self.replicates[self.data.optimal]).any(axis=0))

    def identified(self, values: Floats) -> Floats:
        """Withhold what the data do not identify."""
        return np.where(self.flat(), np.nan, values)

    def diverges(self) -> NDArray[np.bool_]:
        """Which parameters have replicates without a finite optimum, (p,)."""
        return np.asarray(~np.isfinite(self.replicates[self.data.divergent]).all(axis=0))

    def kept(self) -> Floats:
        """Return the replicates that did not fail, infinite ones among them."""
        return self.rescaled(self.replicates[~self.data.failed])

    def rescaled(self, replicates: Floats) -> Floats:
        """Put deviations from the center around the estimate, scaled to samples of n."""
        if self.center is None and self.rescaling[0] == 1:
            return replicates
        center = self.estimate if self.center is None else self.center
        return self.estimate + self.rescaling[0] * (replicates - center)

    def ordered(self) -> tuple[Floats, Floats]:
        """Sort the replicates, undetermined ones as the worst at either end."""
        kept = self.kept()
        low = np.sort(np.where(np.isnan(kept), -np.inf, kept), axis=0)
        high = np.sort(np.where(np.isnan(kept), np.inf, kept), axis=0)
        return low, high
