"""The Bootstrap: replicates, and everything that is read off them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.alarms import Alarm
from bootmle.arrays import Floats
from bootmle.audits import ColdAudit, ExpansionAudit
from bootmle.execution.storage import write_run
from bootmle.fitting import Estimator, Fit
from bootmle.replicates import Replicates
from bootmle.sampling import Plan
from bootmle.status import Status
from bootmle.summaries import spread
from bootmle.summaries.intervals import ConfidenceInterval, fewest_replicates, interval
from bootmle.tables import align, duration, rounded_like

__all__ = ["Bootstrap"]


@dataclass(frozen=True, slots=True, eq=False)
class Bootstrap:
    """Bootstrap replicates of a fit.

    Attributes
    ----------
    fit : Fit, Estimator or None
        What was refitted; None after `load`.
    names : tuple of str
        The p parameters.
    estimate : (p,) array
        The original estimate.
    data : Replicates
        Estimates, status, messages and evaluations of every replicate.
    seed : int
        The entropy of all streams: pass it as ``rng`` to repeat the run.
    sampling : Plan or str
        The plan; its text after `load`.
    n_shared : int
        Evaluations spent once for all refits.
    seconds : float
        How long it took.
    seeds : tuple of int
        The same of all runs that were joined.
    rescaling : tuple of float
        Factors on the replicates' deviations and on their mean's, where samples are of another
        size than the data (`Subsample`, `Jackknife`).
    quantiles : bool
        Whether quantiles of the replicates make intervals.
    centre : (p,) array or None
        What the replicates spread around, where that is not the estimate (moving blocks).
    refit : str
        "verified" or "expansion".
    fixed : tuple of str
        Parameters that are held.
    not_identified : tuple of str
        Parameters with a part in a direction that the data do not identify.
    notes : tuple of str
        How resamples act, where that is not what the objective's form suggests.
    audits : tuple
        Replicates computed again in another way, and how far they agreed.
    alarms : tuple of Alarm
        What fired.
    """

    fit: Fit | Estimator | None = field(repr=False)
    names: tuple[str, ...]
    estimate: Floats
    data: Replicates = field(repr=False)
    seed: int
    sampling: Plan | str = field(repr=False)
    n_shared: int
    seconds: float
    seeds: tuple[int, ...] = ()
    rescaling: tuple[float, float] = (1.0, 1.0)
    quantiles: bool = True
    centre: Floats | None = None
    refit: str = "verified"
    fixed: tuple[str, ...] = ()
    not_identified: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    audits: tuple[ExpansionAudit | ColdAudit, ...] = ()
    alarms: tuple[Alarm, ...] = ()

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
        """Standard deviation of the replicates that have a finite optimum, ddof 1, (p,).

        Scaled to samples of n where the plan draws others.
        """
        return self._identified(spread.standard_error(self._finite()))

    @property
    def standard_error_mcse(self) -> Floats:
        """Monte Carlo error of `standard_error`, (p,); 0 where no samples are drawn at random."""
        if not self.quantiles:
            return self._identified(np.zeros(len(self.names)))
        return self._identified(spread.standard_error_mcse(self._finite()))

    @property
    def quantile_standard_error(self) -> Floats:
        """Half the distance between the 84.13% and 15.87% quantiles, (p,)."""
        return self._identified(spread.quantile_standard_error(*self._sorted()))

    @property
    def covariance(self) -> Floats:
        """Covariance matrix of the replicates that have a finite optimum, (p, p)."""
        matrix = spread.covariance(self._finite())
        flat = self._flat()
        matrix[flat, :] = np.nan
        matrix[:, flat] = np.nan
        return matrix

    @property
    def bias(self) -> Floats:
        """Mean of the replicates less the estimate, (p,)."""
        shift = spread.mean_shift(self._finite(), self.estimate)
        return self._identified(shift * self.rescaling[1] / self.rescaling[0])

    @property
    def skewness(self) -> Floats:
        """Skewness of the replicates that have a finite optimum, (p,)."""
        return self._identified(spread.skewness(self._finite()))

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
            "percentile", "basic" or "normal".
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
        options: dict[str, Any] = {"confidence_level": confidence_level, "alternative": alternative}
        if str(method).lower() == "normal":
            finite = self._finite()
            bounds = interval(finite, finite, self.estimate, method=method, **options)
            bounds = bounds.withheld(self._diverges())
        else:
            bounds = interval(*self._sorted(), self.estimate, method=method, **options)
        flat = self._flat()
        return ConfidenceInterval(
            np.where(flat, -np.inf, bounds.low),
            np.where(flat, np.inf, bounds.high),
            np.where(flat, np.nan, bounds.low_mcse),
            np.where(flat, np.nan, bounds.high_mcse),
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

    def _flat(self) -> NDArray[np.bool_]:
        """Which parameters have a part in a direction that is not identified, (p,)."""
        return np.array([name in self.not_identified for name in self.names], dtype=bool)

    def _identified(self, values: Floats) -> Floats:
        """Withhold what the data do not identify."""
        return np.where(self._flat(), np.nan, values)

    def _diverges(self) -> NDArray[np.bool_]:
        """Which parameters have replicates without a finite optimum, (p,)."""
        return np.asarray(~np.isfinite(self.replicates[self.data.divergent]).all(axis=0))

    def _finite(self) -> Floats:
        """Return the replicates with a finite optimum."""
        return self._rescaled(self.replicates[~(self.data.failed | self.data.divergent)])

    def _rescaled(self, replicates: Floats) -> Floats:
        """Put deviations from the centre around the estimate, scaled to samples of n."""
        if self.centre is None and self.rescaling[0] == 1:
            return replicates
        centre = self.estimate if self.centre is None else self.centre
        return self.estimate + self.rescaling[0] * (replicates - centre)

    def _sorted(self) -> tuple[Floats, Floats]:
        """Sort the replicates, undetermined ones as the worst at either end."""
        kept = self._rescaled(self.replicates[~self.data.failed])
        low = np.sort(np.where(np.isnan(kept), -np.inf, kept), axis=0)
        high = np.sort(np.where(np.isnan(kept), np.inf, kept), axis=0)
        return low, high


def _row(value: float, error: float, mcse: float, low: float, high: float) -> list[str]:
    """Show one parameter's numbers with the digits that its standard error supports."""
    if error == 0:
        return [f"{number:.6g}" for number in (value, error, mcse, low, high)]
    cells = [rounded_like(each, error, 3) for each in (value, error, mcse)]
    ends = [rounded_like(end, error, 3) if np.isfinite(end) else f"{end:g}" for end in (low, high)]
    return [*cells, *ends]
