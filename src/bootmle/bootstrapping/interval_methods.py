"""Inference from replicates: intervals of every kind, and p-values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.bootstrapping.spread import Spread
from bootmle.display.text import brief
from bootmle.inference.bca import acceleration, bca_interval
from bootmle.inference.derived import derive_all
from bootmle.inference.influence import Influence, influence
from bootmle.inference.intervals import ConfidenceInterval, interval
from bootmle.inference.p_values import p_values
from bootmle.inference.simultaneous import simultaneous_interval
from bootmle.inference.studentized import studentized_interval
from bootmle.inference.worst_case import WorstCase, worst_case
from bootmle.likelihood.arrays import Floats
from bootmle.refitting.leave_one_out import LeaveOneOut, absences
from bootmle.sampling import Structure

__all__ = ["Inference"]


@dataclass(frozen=True, slots=True, eq=False)
class Inference(Spread):
    """Replicates of a fit, and what follows from them; attributes as of `Spread`."""

    def confidence_interval(
        self,
        method: str = "percentile",
        confidence_level: float = 0.95,
        alternative: str = "two-sided",
    ) -> ConfidenceInterval:
        """Compute confidence intervals.

        Parameters
        ----------
        method : str
            "percentile", "basic", "normal"; "bca" (Efron 1987), whose acceleration is that of the
            jackknife: by observation or by cluster, solved on the expansion where the objective
            returns contributions, and certified where that is not enough; or "studentized", by
            each replicate's own sandwich, or what an `Estimator`'s ``standard_error`` returns. Of
            more than 4 parameters, or with ``jac``, the sandwich takes the Hessian that certified
            the replicate: its errors are 1 to 2% too large in samples of about 100.
        confidence_level : float
            Between 0 and 1.
        alternative : str
            "two-sided", "less" (an upper limit only) or "greater" (a lower limit only).

        Returns
        -------
        ConfidenceInterval
            With ``low``, ``high``, ``low_mcse`` and ``high_mcse``, (p,) each. A parameter that the
            data do not identify has the whole line; one with infinite replicates has no normal
            interval (NaN).

        Raises
        ------
        ValueError
            For an unknown method, or a level that so few replicates cannot show.

        Examples
        --------
        >>> import numpy as np
        >>> from bootmle import Estimator, bootstrap
        >>> y = np.random.default_rng(0).normal(size=50)
        >>> boot = bootstrap(Estimator(np.mean, args=y), n_resamples=999, rng=0)
        >>> bounds = boot.confidence_interval(confidence_level=0.9)
        >>> bool(bounds.low[0] < boot.estimate[0] < bounds.high[0])
        True
        """
        name = str(method).lower()
        options: dict[str, Any] = {"confidence_level": confidence_level, "alternative": alternative}
        if not self.supports_quantiles and name != "normal":
            raise ValueError(
                f"method: {method!r} reads quantiles of the replicates, and those of "
                f"{self.sampling} are not drawn at random; use 'normal'"
            )
        if name == "bca":
            bounds = self._bca(confidence_level, alternative)
        elif name == "studentized":
            bounds = self._studentized(**options)
        elif name == "normal":
            # What has infinite replicates is withheld at the end.
            finite = np.where(self.diverges(), self.estimate, self.kept())
            bounds = interval(finite, finite, self.estimate, method=method, **options)
            # Deviations and biases are not scaled alike where samples are of another size.
            shift = finite.mean(axis=0) - self.estimate - np.nan_to_num(self.bias)
            bounds = bounds.moved(shift, drawn=self.is_random).withheld(self.diverges())
        else:
            bounds = interval(*self.ordered(), self.estimate, method=method, **options)
        return self._with_whole_lines(bounds)

    def _with_whole_lines(self, bounds: ConfidenceInterval) -> ConfidenceInterval:
        """Give the whole line to parameters that the data do not identify."""
        flat = self.flat()
        return ConfidenceInterval(
            np.where(flat, -np.inf, bounds.low),
            np.where(flat, np.inf, bounds.high),
            np.where(flat, np.nan, bounds.low_mcse),
            np.where(flat, np.nan, bounds.high_mcse),
        )

    def bca_where_possible(self, confidence_level: float) -> ConfidenceInterval:
        """Compute BCa intervals, with NaN for an end beyond the outermost replicate."""
        return self._with_whole_lines(self._bca(confidence_level, "two-sided", withhold=True))

    def _bca(
        self, confidence_level: float, alternative: str, *, withhold: bool = False
    ) -> ConfidenceInterval:
        """Compute BCa intervals."""
        jackknife, strata = self.jackknife()
        return bca_interval(
            *self.ordered(),
            self.estimate,
            np.where(self.flat(), np.nan, acceleration(jackknife, strata)),
            self.names,
            confidence_level=confidence_level,
            alternative=alternative,
            withhold=withhold,
        )

    def jackknife(self) -> tuple[Floats, NDArray[np.intp]]:
        """Estimate without each unit that the plan draws, (G, p), and number the units' strata.

        Computed once.

        Raises
        ------
        ValueError
            Where the plan draws no units that can be left out, or there is no fit at hand.
        """
        kept = self.leave_one_out or LeaveOneOut(self.fit, self.sampling, len(self.data))
        estimates, strata = kept.found
        for function in self.derivation:
            estimates = derive_all(function, estimates)
        return estimates, strata

    def _studentized(self, **options: Any) -> ConfidenceInterval:
        """Compute studentized intervals."""
        if self.derivation:
            raise ValueError(
                "method: 'studentized' needs a standard error of each replicate, and derived "
                "quantities have no errors of their own; use 'bca'"
            )
        own = self.own_standard_error
        if own is None or self.rescaling != (1.0, 1.0):
            raise ValueError(
                f"method: 'studentized' needs a standard error of each replicate, "
                f"{self._why_none()}"
            )
        kept = ~self.data.failed
        errors = self.data.standard_errors[kept]
        return studentized_interval(self.replicates[kept], errors, self.estimate, own, **options)

    def _why_none(self) -> str:
        """Say why replicates have no standard errors of their own, and what to do."""
        fit = self.fit
        if fit is not None and fit.likelihood is None and fit.standard_error is None:
            return (
                "which Estimator(..., standard_error=) brings; pass it, or use 'bca' or "
                "'percentile'"
            )
        if fit is not None and fit.likelihood is not None and not fit.takes_weights:
            return (
                "which takes the observations' contributions, each from its own row: return them "
                "(delete .sum()), or use 'bca' or 'percentile'"
            )
        if self.refit == "expansion":
            return (
                "which refit='expansion' does not compute; bootstrap with refit='verified', or use "
                "'bca' or 'percentile'"
            )
        return f"which the samples of {self.sampling} do not give; use 'percentile'"

    def p_value(
        self, null: Any = 0.0, method: str = "percentile", alternative: str = "two-sided"
    ) -> Floats:
        """Compute p-values by inverting an interval: the level at which it leaves ``null`` out.

        Parameters
        ----------
        null : float or (p,) array_like
            The values in question.
        method, alternative : str
            Of the interval; "less" tests against values above the upper limit.

        Returns
        -------
        (p,) array
            At least the smallest that so many replicates can show; NaN where there is none.

        Raises
        ------
        ValueError
            For an unknown method, or null values of another number.

        Examples
        --------
        >>> import numpy as np
        >>> from bootmle import Estimator, bootstrap
        >>> y = np.random.default_rng(0).normal(size=50)
        >>> boot = bootstrap(Estimator(np.mean, args=y), n_resamples=999, rng=0)
        >>> bool(boot.p_value()[0] > 0.05), float(boot.p_value(null=9.0)[0])
        (True, 0.002)
        """
        values = self._read_null(null)
        kept = len(self.data) - self.n_failed
        smallest = (2 if str(alternative).lower() == "two-sided" else 1) / (kept + 1)
        if str(method).lower() == "normal":
            smallest = 1e-12

        def interval_at(level: float) -> ConfidenceInterval:
            return self.confidence_interval(method, level, alternative)

        return self.identified(p_values(interval_at, values, smallest))

    def _read_null(self, null: Any) -> Floats:
        """Read the values in question, (p,)."""
        try:
            values = np.broadcast_to(np.asarray(null, dtype=float), self.estimate.shape)
        except (TypeError, ValueError):
            values = np.full(1, np.nan)
        if np.isnan(values).any():
            raise ValueError(
                f"null: {brief(null)}; pass one number, or {len(self.names)}, one for each of "
                f"{list(self.names)}"
            )
        return values

    def simultaneous(
        self, confidence_level: float = 0.95, names: Sequence[str] | None = None
    ) -> ConfidenceInterval:
        """Compute sup-t intervals, which hold for all parameters, or a subset, at once.

        Parameters
        ----------
        confidence_level : float
            Probability that all hold together.
        names : sequence of str, optional
            The parameters, in the order wanted; by default all that vary.

        Returns
        -------
        ConfidenceInterval
            Estimate ± c SE, with c from the largest deviation (Montiel Olea and Plagborg-Møller
            2019).

        Raises
        ------
        ValueError
            For names that are not the parameters', parameters with infinite replicates or not
            identified, and a level that so few replicates cannot show.

        Examples
        --------
        >>> import numpy as np
        >>> from bootmle import Estimator, bootstrap
        >>> y = np.random.default_rng(0).normal(size=50)
        >>> spread = Estimator(lambda y: {"mean": y.mean(), "sd": y.std()}, args=y)
        >>> boot = bootstrap(spread, n_resamples=999, rng=0)
        >>> both, one = boot.simultaneous(), boot.simultaneous(names=["mean"])
        >>> bool(both.high[0] > one.high[0])
        True
        """
        if not self.supports_quantiles:
            raise ValueError(
                f"simultaneous: reads a quantile of the replicates, and those of {self.sampling} "
                f"are not drawn at random; use confidence_interval('normal')"
            )
        chosen = self.chosen(names)
        lost = [self.names[j] for j in chosen if (self.flat() | self.diverges())[j]]
        if lost or not chosen:
            raise ValueError(
                f"names: {lost or list(self.names)} are not identified, or infinite in some "
                f"replicates; leave them out"
            )
        return simultaneous_interval(
            self.kept()[:, chosen], self.estimate[chosen], confidence_level
        )

    def influence(self, confidence_level: float = 0.95) -> Influence:
        """Find which observations, or clusters, drive each standard error and percentile end.

        By the jackknife after the bootstrap (Efron 1992): from the samples that lack a unit.

        Parameters
        ----------
        confidence_level : float
            Of the two-sided percentile interval.

        Returns
        -------
        Influence
            Standard errors and ends without each unit, their changes, and the Monte Carlo errors
            of these; `to_frame` and `print` show them.

        Raises
        ------
        ValueError
            Where the samples are not at hand, are simulated, or leave no unit out.

        Examples
        --------
        >>> import numpy as np
        >>> from bootmle import Estimator, bootstrap
        >>> y = np.append(np.random.default_rng(0).normal(size=30), 12.0)
        >>> boot = bootstrap(Estimator(np.mean, args=y), n_resamples=999, rng=0)
        >>> int(np.argmin(boot.influence().standard_error_change[:, 0]))
        30
        """
        sampling = self.sampling
        if self.fit is None or isinstance(sampling, str) or len(self.seeds) > 1:
            raise ValueError(
                "influence: takes the samples of one run, with its plan and fit at hand: load one "
                "path with fit=, or bootstrap again"
            )
        if sampling.structure is Structure.MODEL or not self.supports_quantiles:
            raise ValueError(
                f"influence: is read off samples that leave units out at random, which those of "
                f"{sampling} do not; bootstrap with Cases(), Stratified or Clustered"
            )
        codes, labels = sampling.unit_labels(self.fit.n)
        numbers = np.arange(len(self.data)) if self.numbers is None else self.numbers
        kept = np.flatnonzero(~self.flat())
        return influence(
            self.rescaled(self.replicates)[:, kept],
            absences(sampling, self.seed, numbers, codes),
            [self.names[j] for j in kept],
            labels,
            confidence_level=confidence_level,
            divergent=self.data.divergent,
        )

    def worst_case(self, confidence_level: float = 0.95) -> WorstCase:
        """Bound how far each SE and percentile end could move, had failed replicates been worst.

        Parameters
        ----------
        confidence_level : float
            Of the two-sided percentile interval.

        Returns
        -------
        WorstCase
            With ``standard_error``, ``low`` and ``high``, (2, p) each, least and greatest.

        Examples
        --------
        >>> import numpy as np
        >>> from bootmle import Estimator, bootstrap
        >>> y = np.random.default_rng(0).normal(size=50)
        >>> boot = bootstrap(Estimator(np.mean, args=y), n_resamples=999, rng=0)
        >>> bool(np.isclose(boot.worst_case().standard_error, boot.standard_error).all())
        True
        """
        bounds = worst_case(self.kept(), *self.ordered(), self.n_failed, confidence_level)
        flat = self.flat()
        return WorstCase(
            self.identified(bounds.standard_error),
            np.where(flat, -np.inf, bounds.low),
            np.where(flat, np.inf, bounds.high),
        )
