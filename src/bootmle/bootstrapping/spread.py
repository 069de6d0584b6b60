"""The spread of the replicates: standard errors, covariances and bias."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bootmle.bootstrapping.own_errors import Studentizing
from bootmle.bootstrapping.record import Record
from bootmle.display.checks import check_names
from bootmle.display.text import brief
from bootmle.inference import standard_errors as errors_of
from bootmle.inference.correction import Correction
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status

__all__ = ["Spread"]


@dataclass(frozen=True, slots=True, eq=False)
class Spread(Record):
    """Replicates of a fit and their spread; the attributes are those of `Record`."""

    @property
    def replicates(self) -> Floats:
        """Estimates of the replicates, (B, p); NaN for refits that failed."""
        return self.data.estimates

    @property
    def status(self) -> NDArray[np.int8]:
        """Status of each replicate, a value of `Status`, (B,)."""
        return self.data.status

    @property
    def n_failed(self) -> int:
        """Number of refits without an estimate."""
        return int(self.data.failed.sum())

    @property
    def standard_error(self) -> Floats:
        """Standard deviation of each parameter's finite replicates (ddof 1), (p,).

        Rescaled where samples are not of the data's size.
        """
        return self._of_finite(errors_of.standard_error, self.kept())

    @property
    def standard_error_mcse(self) -> Floats:
        """Monte Carlo standard error of `standard_error`, (p,); 0 for a `Jackknife`."""
        if not self.is_random and not self.supports_quantiles:
            return self.identified(np.zeros(len(self.names)))
        own = self._of_finite(errors_of.standard_error_mcse, self.kept())
        correction = self.rescaled_correction()
        return own if correction is None else np.hypot(own, correction.standard_error_error())

    @property
    def quantile_standard_error(self) -> Floats:
        """Half the distance between the 15.87% and 84.13% quantiles, (p,)."""
        return self.identified(errors_of.quantile_standard_error(*self.ordered()))

    @property
    def covariance(self) -> Floats:
        """Covariances of the replicates where both parameters are finite, (p, p)."""
        own, correction = self._of_finite_pairs(errors_of.covariance), self.rescaled_correction()
        return own if correction is None else own + correction.covariance_shift()[0]

    @property
    def covariance_mcse(self) -> Floats:
        """Monte Carlo standard error of each entry of `covariance`, (p, p)."""
        own = self._of_finite_pairs(errors_of.covariance_mcse) * (
            self.is_random or self.supports_quantiles
        )
        correction = self.rescaled_correction()
        return own if correction is None else np.hypot(own, correction.covariance_shift()[1])

    @property
    def bias(self) -> Floats:
        """Mean of each parameter's finite replicates minus the estimate, (p,).

        Minus the mean of their linear parts, Σ (w_i − 1) H⁻¹ s_i, which is 0 over all samples
        (Davison and Hinkley 1997, section 9.2.2), where the objective returns contributions.
        """
        kept = self.kept()
        shift = self._of_finite(errors_of.mean_shift, kept - self.linear_part(kept) - self.estimate)
        return shift * self.rescaling[1] / self.rescaling[0]

    @property
    def bias_mcse(self) -> Floats:
        """Monte Carlo standard error of `bias`, (p,)."""
        kept, correction = self.kept(), self.rescaled_correction()
        error = self._of_finite(errors_of.mean_shift_mcse, kept - self.linear_part(kept))
        if correction is not None:
            error = np.hypot(error, correction.bias_error())
        return (
            error
            * (self.is_random or self.supports_quantiles)
            * self.rescaling[1]
            / self.rescaling[0]
        )

    @property
    def skewness(self) -> Floats:
        """Skewness of each parameter's finite replicates, (p,)."""
        return self._of_finite(errors_of.skewness, self.kept())

    @property
    def heavy_tails(self) -> NDArray[np.bool_]:
        """Whether a single replicate dominates a variance, so that the SE grows with B, (p,)."""
        undefined = self.flat() | self._undefined()
        return np.asarray(errors_of.has_heavy_tails(self.kept()) & ~undefined)

    def chosen(self, names: Sequence[str] | None) -> list[int]:
        """Return the positions of parameters by name; by default all that vary."""
        if names is None:
            errors = self.standard_error
            return [j for j in range(len(self.names)) if errors[j] > 0]
        given = [] if isinstance(names, str) else check_names(names)
        if not given or not set(given) <= set(self.names):
            raise ValueError(f"names: {brief(names)}; pass a list of some of {list(self.names)}")
        return [self.names.index(name) for name in given]

    def flat(self) -> NDArray[np.bool_]:
        """Whether each parameter is not identified, (p,)."""
        return np.array([name in self.not_identified for name in self.names], dtype=bool)

    def _of_finite(self, statistic: Callable[[Floats], Floats], replicates: Floats) -> Floats:
        """Compute a statistic of each parameter's finite replicates; NaN where it is undefined."""
        values = errors_of.of_finite(statistic, replicates)
        return np.where(self._undefined(), np.nan, self.identified(values))

    def _of_finite_pairs(self, statistic: Callable[[Floats], Floats]) -> Floats:
        """Compute a statistic of each pair of parameters in the same way."""
        matrix = errors_of.of_finite_pairs(statistic, self.kept())
        withheld = self.flat() | self._undefined()
        return np.where(withheld | withheld[:, None], np.nan, matrix)

    def _undefined(self) -> NDArray[np.bool_]:
        """Whether a derived quantity has no value at some optimum, (p,)."""
        return np.asarray(np.isnan(self.replicates[self.data.optimal]).any(axis=0))

    def identified(self, values: Floats) -> Floats:
        """Replace the values of parameters that are not identified by NaN."""
        return np.where(self.flat(), np.nan, values)

    def diverges(self) -> NDArray[np.bool_]:
        """Whether a parameter has replicates without a finite optimum, (p,)."""
        return np.asarray(~np.isfinite(self.replicates[self.data.divergent]).all(axis=0))

    def kept(self) -> Floats:
        """Return the replicates that did not fail, including infinite ones."""
        return self.rescaled(self.replicates[~self.data.failed])

    def linear_part(self, kept: Floats) -> Floats:
        """Return the linear part of the replicates that did not fail, (B, p).

        0 where it is not known, some replicate is not finite, or it leaves a larger variance.
        """
        linear = self.data.linear[~self.data.failed]
        known = np.isfinite(linear).all(axis=0) & np.isfinite(kept).all(axis=0)
        linear = np.where(known, linear, 0.0)
        rest = errors_of.standard_error(np.where(known, kept, 0.0) - linear)
        whole = errors_of.standard_error(np.where(known, kept, 0.0))
        return np.where(known & (rest < whole), linear, 0.0)

    def rescaled(self, replicates: Floats) -> Floats:
        """Center replicates at the estimate, and rescale them to samples of the data's size."""
        if self.center is None and self.rescaling[0] == 1:
            return replicates
        center = self.estimate if self.center is None else self.center
        return self.estimate + self.rescaling[0] * (replicates - center)

    def rescaled_correction(self) -> Correction | None:
        """Return the correction of the replicates as `rescaled`; None where there is none."""
        return None if self.correction is None else self.correction.rescaled(self.rescaled)

    def ordered(self) -> tuple[Floats, Floats]:
        """Sort the replicates twice, with undetermined ones lowest and with them highest."""
        kept = self.kept()
        low = np.sort(np.where(np.isnan(kept), -np.inf, kept), axis=0)
        high = np.sort(np.where(np.isnan(kept), np.inf, kept), axis=0)
        return low, high

    def unmeasured(self) -> bool:
        """Whether the replicates' standard errors, of a total or derived, are yet to be learned."""
        if self.own_errors.known is not None:
            return False
        if self.derived:
            return self.origin is not None
        if not self.apart or self.own_standard_error is None:
            return False
        verified = self.data.status == Status.VERIFIED
        return bool(np.isnan(self.data.standard_errors[verified]).all())

    def without_samples(self) -> bool:
        """Whether replicates cannot be drawn again."""
        return self.fit is None or isinstance(self.sampling, str) or len(self.seeds) > 1

    def with_own_errors(self) -> Studentizing:
        """Return the replicates and their correction, with each one's own standard errors."""
        if self.unmeasured():
            return self.own_errors.of(self)
        own = Studentizing(self.data, self.correction, self.own_standard_error)
        return self.own_errors.known or own
