"""The Bootstrap: replicates, and everything that is read off them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bootmle.arrays import Floats
from bootmle.audits import ExpansionAudit
from bootmle.execution.storage import write_run
from bootmle.fitting import Fit
from bootmle.jackknifing import jackknife_of, units_of
from bootmle.spreads import Spread
from bootmle.status import Status
from bootmle.summaries.bca import acceleration, bca_interval
from bootmle.summaries.derived import derive_all, derive_at
from bootmle.summaries.intervals import ConfidenceInterval, fewest_replicates, interval
from bootmle.summaries.inversion import p_values
from bootmle.summaries.joint import simultaneous_interval
from bootmle.tables import align, duration, rounded_like

__all__ = ["Bootstrap"]


@dataclass(frozen=True, slots=True, eq=False)
class Bootstrap(Spread):
    """Bootstrap replicates of a fit, with intervals and tables; attributes as of `Spread`."""

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
            "percentile", "basic", "normal", or "bca" (Efron 1987), whose acceleration is that of
            the jackknife: by observation or by cluster, solved on the expansion where the
            objective returns contributions, and certified where that is not enough.
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
        if not self.quantiles and str(method).lower() != "normal":
            raise ValueError(
                f"method: {method!r} takes quantiles of the replicates, which those of "
                f"{self.sampling} are not meant for; use 'normal'"
            )
        if str(method).lower() == "bca":
            return self._bca(confidence_level, alternative)
        options: dict[str, Any] = {"confidence_level": confidence_level, "alternative": alternative}
        if str(method).lower() == "normal":
            finite = self.finite()
            bounds = interval(finite, finite, self.estimate, method=method, **options)
            # Deviations and biases are not scaled alike where samples are of another size.
            shift = finite.mean(axis=0) - self.estimate - np.nan_to_num(self.bias)
            bounds = bounds.moved(shift, drawn=self.drawn).withheld(self.diverges())
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

    def _bca(self, confidence_level: float, alternative: str) -> ConfidenceInterval:
        """Compute BCa intervals."""
        units = units_of(self.fit, self.sampling)
        if "jackknife" not in self.cache and self.fit is not None:
            self.cache["jackknife"] = jackknife_of(self.fit, units, len(self.data))
        jackknife, strata = self.cache["jackknife"], units[1]
        for function in self.derivation:
            jackknife = derive_all(function, jackknife)
        bounds = bca_interval(
            *self.ordered(),
            self.estimate,
            np.where(self.flat(), np.nan, acceleration(jackknife, strata)),
            self.names,
            confidence_level=confidence_level,
            alternative=alternative,
        )
        return self._with_whole_lines(bounds)

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
        try:
            values = np.broadcast_to(np.asarray(null, dtype=float), self.estimate.shape)
        except (TypeError, ValueError):
            raise ValueError(
                f"null: {null!r}; pass one number, or {len(self.names)}, one a parameter"
            ) from None
        kept = len(self.data) - self.n_failed
        smallest = (2 if str(alternative).lower() == "two-sided" else 1) / (kept + 1)
        if str(method).lower() == "normal":
            smallest = 1e-12

        def interval_at(level: float) -> ConfidenceInterval:
            return self.confidence_interval(method, level, alternative)

        return self.identified(p_values(interval_at, values, smallest))

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
        if not self.quantiles:
            raise ValueError(f"simultaneous: the replicates of {self.sampling} make no quantiles")
        chosen = self.chosen(names)
        lost = [self.names[j] for j in chosen if (self.flat() | self.diverges())[j]]
        if lost:
            raise ValueError(f"names: {lost} have no standard error; leave them out")
        return simultaneous_interval(
            self.finite()[:, chosen], self.estimate[chosen], confidence_level
        )

    def derive(
        self, function: Callable[[Floats], Any], names: Sequence[str] | None = None
    ) -> Bootstrap:
        """Compute derived quantities on every replicate, with the same summaries.

        Parameters
        ----------
        function : callable
            ``function(params)`` of the full parameter vector (p,) returns a number, an array (k,),
            a mapping or a Series: a ratio, a prediction, a marginal effect.
        names : sequence of str, optional
            Names of the k quantities; those of a mapping or Series by default.

        Returns
        -------
        Bootstrap
            Of the k quantities. One that moves along a direction that the data do not identify has
            no standard error.

        Raises
        ------
        TypeError, ValueError
            Where the function does not return numbers, finite at the estimate.

        Examples
        --------
        >>> import numpy as np
        >>> from bootmle import Estimator, bootstrap
        >>> y = np.random.default_rng(0).gamma(4.0, size=50)
        >>> moments = Estimator(lambda y: {"mean": y.mean(), "sd": y.std()}, args=y)
        >>> boot = bootstrap(moments, n_resamples=999, rng=0)
        >>> boot.derive(lambda p: {"variation": p[1] / p[0]}).names
        ('variation',)
        """
        estimate, labels = derive_at(function, self.estimate, names)
        derived = derive_all(function, self.replicates)
        centre = None if self.centre is None else derive_at(function, self.centre, labels)[0]
        return replace(
            self,
            derivation=(*self.derivation, function),
            names=labels,
            estimate=estimate,
            data=replace(self.data, estimates=derived),
            centre=centre,
            fixed=(),
            not_identified=self._moved_along_flat(function, estimate, labels),
            audits=(),
            alarms=(),
        )

    def to_frame(self, confidence_level: float = 0.95) -> Any:
        """Return estimate, bias, standard error and percentile interval as a pandas DataFrame."""
        try:
            import pandas as pd
        except ImportError:
            raise ImportError('to_frame needs pandas: pip install "bootmle[pandas]"') from None
        low, high = self._ends(confidence_level)
        columns = {
            "estimate": self.estimate,
            "bias": self.bias,
            "standard_error": self.standard_error,
            "standard_error_mcse": self.standard_error_mcse,
            "low": low,
            "high": high,
        }
        return pd.DataFrame(columns, index=list(self.names))

    def _ends(self, confidence_level: float) -> tuple[Floats, Floats]:
        """Return the percentile interval's ends, NaN where there are too few replicates for it."""
        nothing = np.full(len(self.names), np.nan)
        if not self.quantiles:
            bounds = self.confidence_interval("normal", confidence_level)
            return bounds.low, bounds.high
        if len(self.data) - self.n_failed < fewest_replicates(confidence_level):
            return nothing, nothing
        bounds = self.confidence_interval(confidence_level=confidence_level)
        return bounds.low, bounds.high

    def save(self, path: str | Path) -> None:
        """Write the replicates to one file, whole or not at all; `load` reads it."""
        about = {
            "names": list(self.names),
            "seeds": [str(seed) for seed in self.seeds or (self.seed,)],
            "sampling": str(self.sampling),
            "rescaling": list(self.rescaling),
            "quantiles": self.quantiles,
            "drawn": self.drawn,
            "centre": None if self.centre is None else self.centre.tolist(),
            "refit": self.refit,
            "fixed": list(self.fixed),
            "n_shared": self.n_shared,
            "seconds": self.seconds,
            "not_identified": list(self.not_identified),
            "notes": list(self.notes),
            "audits": [audit.to_json() for audit in self.audits],
            "alarms": [alarm.to_json() for alarm in self.alarms],
        }
        write_run(path, about, self.estimate, self.data)

    def __str__(self) -> str:
        """Show the table to read and paste."""
        return "\n".join([self._table(), "", *self._closing()])

    def _table(self) -> str:
        """Lay out estimates, standard errors and intervals."""
        errors, mcse = self.standard_error, self.standard_error_mcse
        ends = np.column_stack(self._ends(0.95))
        rows = [
            [name, f"{numbers[0]:.6g}", "fixed"] + [""] * 3
            if name in self.fixed
            else [name, *_row(*numbers)]
            for name, *numbers in zip(self.names, self.estimate, errors, mcse, *ends.T, strict=True)
        ]
        return align(["", "estimate", "bootstrap SE", "± MC", "95% low", "95% high"], rows)

    def _closing(self) -> list[str]:
        """Say how many replicates there are, what failed, how long it took, and the seed."""
        count = len(self.data)
        failures = f"{self.n_failed:,} failed" if self.n_failed else "none failed"
        lines = [
            f"B = {count:,} replicates by {self.sampling}, {failures}; "
            f"{duration(self.seconds)}; seed {self.seed}",
        ]
        reasons = Counter(
            self.data.messages.get(int(k)) or Status(self.status[k]).message
            for k in np.flatnonzero(self.data.failed)
        )
        shown = reasons.most_common(3)
        lines += [f"failed, {times:,} times: {reason}" for reason, times in shown]
        rest = self.n_failed - sum(times for _, times in shown)
        lines += [f"failed, {rest:,} times: for other reasons, in boot.data.messages"] * (rest > 0)
        divergent = int(self.data.divergent.sum())
        if divergent:
            lines.append(
                f"{divergent:,} replicates have no finite optimum: standard errors are those of "
                f"the others, intervals count them as infinite"
            )
        if self.not_identified:
            lines.append(f"not identified by the data: {', '.join(self.not_identified)}")
        lines += self.notes
        lines += [str(audit) for audit in self.audits if isinstance(audit, ExpansionAudit)]
        return lines + [f"! {alarm}" for alarm in self.alarms]

    def _moved_along_flat(
        self, function: Callable[[Floats], Any], estimate: Floats, labels: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Name the derived quantities that change along a direction that is not identified."""
        if not self.not_identified:
            return ()
        if not isinstance(self.fit, Fit):
            return labels
        moved = np.zeros(estimate.size, dtype=bool)
        size = 1e-3 * max(1.0, float(np.abs(self.estimate).max()))
        for way in self.fit.information.null_directions.T:
            step = np.zeros(len(self.names))
            step[self.fit.free] = size * way
            there, _ = derive_at(function, self.estimate + step, labels)
            moved |= np.abs(there - estimate) > 1e-6 * size
        return tuple(name for name, one in zip(labels, moved, strict=True) if one)


def _row(value: float, error: float, mcse: float, low: float, high: float) -> list[str]:
    """Show one parameter's numbers with the digits that its standard error supports."""
    if error == 0:
        return [f"{number:.6g}" for number in (value, error, mcse, low, high)]
    cells = [rounded_like(each, error, 3) for each in (value, error, mcse)]
    ends = [rounded_like(end, error, 3) if np.isfinite(end) else f"{end:g}" for end in (low, high)]
    return [*cells, *ends]
