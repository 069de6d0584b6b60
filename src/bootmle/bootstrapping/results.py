"""The Bootstrap: replicates, and everything that is read off them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bootmle.bootstrapping.histograms import plot_histograms
from bootmle.bootstrapping.sensitivity import Sensitivity
from bootmle.bootstrapping.storage import write_run
from bootmle.bootstrapping.summary_text import percentile_ends, summary_html, summary_text
from bootmle.bootstrapping.traces import plot_trace
from bootmle.display import html
from bootmle.display.text import import_pandas
from bootmle.execution.progress import shown
from bootmle.execution.runs import Collected, Run
from bootmle.execution.stopping import Interrupted
from bootmle.execution.threads import computation
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.inference.derived import derive_all, derive_at, undefined
from bootmle.likelihood.arrays import Floats
from bootmle.refitting.audits import examine
from bootmle.refitting.leave_one_out import LeaveOneOut
from bootmle.refitting.replicates import Replicates
from bootmle.refitting.task import Task
from bootmle.sampling import Plan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Bootstrap"]

_INNER = {
    *("blank", "center", "chosen", "derivation", "derived", "diverges", "finite", "flat"),
    *("from_json", "holding", "identified", "interval_where_possible", "is_random", "joined"),
    *("lacks", "leave_one_out", "numbers", "ordered", "origin", "own_standard_error"),
    *("rescaled", "rescaling", "seeds", "shared", "supports_quantiles", "to_json"),
}
"""What the modules around a Bootstrap read of it, and tab completion leaves out."""


@dataclass(frozen=True, slots=True, eq=False)
class Bootstrap(Sensitivity):
    """Bootstrap replicates of a fit, with intervals and tables; attributes as of `Spread`."""

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
        center = None if self.center is None else derive_at(function, self.center, labels)[0]
        return replace(
            self,
            derived=True,
            derivation=(*self.derivation, function),
            origin=self if self.origin is None else self.origin,
            names=labels,
            estimate=estimate,
            data=replace(self.data, estimates=derived),
            center=center,
            own_standard_error=None,
            fixed=(),
            not_identified=self._moved_along_flat(function, estimate, labels),
            remarks=(*self.remarks, *undefined(labels, self.replicates, derived)),
            audits=(),
            alarms=(),
        )

    def extend(
        self,
        n: int,
        *,
        sampling: Plan | None = None,
        n_jobs: int | None = 1,
        progress: bool | None = None,
    ) -> Bootstrap:
        """Add replicates that continue the same streams: as many at once would be the same.

        Parameters
        ----------
        n : int
            How many to add.
        sampling : plan, optional
            The plan, where it was loaded from a file that holds only its text.
        n_jobs, progress
            As of `bootstrap`.

        Returns
        -------
        Bootstrap
            Of all replicates.

        Raises
        ------
        ValueError
            Where there is no fit or plan at hand, of derived quantities, of several runs joined,
            and of a run's part.

        Examples
        --------
        >>> import numpy as np
        >>> from bootmle import Estimator, bootstrap
        >>> mean = Estimator(np.mean, args=np.arange(9.0))
        >>> more = bootstrap(mean, n_resamples=100, rng=0).extend(100)
        >>> at_once = bootstrap(mean, n_resamples=200, rng=0)
        >>> bool(np.array_equal(more.replicates, at_once.replicates))
        True
        """
        fit, plan = self._to_go_on(n, sampling)
        count = len(self.data) + n
        if plan.n_available is not None and count > plan.n_available:
            raise ValueError(f"n: {plan} holds {plan.n_available} samples, not {count}")
        with computation():
            task = Task.prepare(fit, plan, self.refit, self.seed)
            whole = range(len(self.data) // task.size)
            known = {
                chunk: self.data.take(chunk * task.size + np.arange(task.size)) for chunk in whole
            }
            run = Run(task, count, n_jobs, shown(progress), known=known).collect()
            longer = replace(self, sampling=plan).holding(task, run)
        if run.interrupted:
            done = f"{len(run.data):,} of {count:,} replicates are done: they are in .partial"
            raise Interrupted(done, longer if len(run.data) > len(self.data) else self)
        return replace(longer, seconds=self.seconds + run.seconds, remarks=())

    def _to_go_on(self, n: Any, sampling: Plan | None) -> tuple[Fit | Estimator, Plan]:
        """Check that a run can go on."""
        plan = self.sampling if sampling is None else sampling
        if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 1:
            raise ValueError(f"n: {n!r}; pass how many replicates to add, 1 or more")
        if self.fit is None:
            raise ValueError("extend: was loaded without its fit; pass load(path, fit=mle)")
        if isinstance(plan, str):
            raise ValueError(
                f"sampling: the file holds only its text, {plan}; pass the plan, sampling="
            )
        if self.derived or len(self.seeds) > 1 or self.numbers is not None:
            raise ValueError(
                "extend: these are derived quantities, several runs joined, or a part of a run; "
                "extend the one run that they are from"
            )
        if sampling is not None:
            plan = sampling.prepared(self.fit)
            if str(plan) != str(self.sampling):
                raise ValueError(f"sampling: {plan} is not the run's plan, {self.sampling}")
        return self.fit, plan

    def holding(self, task: Task, run: Collected[Replicates]) -> Bootstrap:
        """Hold what a run collected, examined where it is not to be handed over in a hurry."""
        consecutive = np.array_equal(run.numbers, np.arange(len(run.numbers)))
        held = replace(
            self,
            data=run.data,
            numbers=None if consecutive else run.numbers,
            seconds=run.seconds,
            stopped=run.reason,
            leave_one_out=LeaveOneOut(self.fit, self.sampling, len(run.data)),
        )
        return held if run.interrupted else held.examined(task)

    def examined(self, task: Task | None = None) -> Bootstrap:
        """Audit a few of the replicates and raise the alarms, as `bootstrap` does at its end.

        Raises
        ------
        ValueError
            Where there is no fit or plan at hand.
        """
        if self.fit is None or isinstance(self.sampling, str):
            raise ValueError("examined: takes the fit and the plan; pass load(path, fit=mle)")
        with computation():
            known = task or Task.prepare(self.fit, self.sampling, self.refit, self.seed)
            numbers = np.arange(len(self.data)) if self.numbers is None else self.numbers
            audits, alarms = examine(self.fit, known, self.data, numbers)
        return replace(self, audits=audits, alarms=alarms)

    def to_frame(self, confidence_level: float = 0.95) -> Any:
        """Return estimate, bias, standard error and percentile interval as a pandas DataFrame."""
        low, high = percentile_ends(self, confidence_level)
        columns = {
            "estimate": self.estimate,
            "bias": self.bias,
            "standard_error": self.standard_error,
            "standard_error_mcse": self.standard_error_mcse,
            "low": low,
            "high": high,
        }
        return import_pandas().DataFrame(columns, index=list(self.names))

    def plot(
        self,
        kind: str = "histogram",
        *,
        names: Sequence[str] | None = None,
        confidence_level: float = 0.95,
        method: str = "percentile",
        ax: Any = None,
    ) -> tuple[Figure, NDArray[Any]]:
        """Draw each parameter's replicates, or how its standard error and interval settle.

        Parameters
        ----------
        kind : str
            "histogram", with the estimate, the shaded interval and the normal curve that the
            Hessian claims; or "trace", of standard error and interval against the number of
            replicates, in bands of 2 Monte Carlo errors.
        names : sequence of str, optional
            The parameters, in the order wanted; by default all but held ones.
        confidence_level, method
            Of the interval, as of `confidence_interval`.
        ax : Axes or array of Axes, optional
            Where to draw, one for each parameter; by default a new figure of pyplot's.

        Returns
        -------
        Figure, array of Axes

        Raises
        ------
        ImportError
            Without matplotlib: pip install "bootmle[plot]".
        ValueError, TypeError
            For an unknown kind, unknown names, another number of Axes, a trace of replicates that
            are no draws (`Jackknife`), and a method or level without an interval.

        Examples
        --------
        >>> import numpy as np
        >>> from matplotlib.figure import Figure
        >>> from bootmle import Estimator, bootstrap
        >>> y = np.random.default_rng(0).normal(size=50)
        >>> boot = bootstrap(Estimator(np.mean, args=y, names=["mean"]), n_resamples=999, rng=0)
        >>> figure, panels = boot.plot(ax=Figure().subplots())
        >>> panels[0].get_title()
        'mean'
        """
        options: dict[str, Any] = {"names": names, "confidence_level": confidence_level}
        if kind == "trace":
            return plot_trace(self, ax, method=method, **options)
        if kind != "histogram":
            raise ValueError(f"kind: {kind!r} is unknown; use 'histogram' or 'trace'")
        errors = self._hessian_errors()
        return plot_histograms(self, ax, method=method, hessian_errors=errors, **options)

    def _hessian_errors(self) -> Floats | None:
        """Read standard errors off the Hessian; None where none follow from it."""
        return None if self.fit is None or self.derived else self.fit.hessian_errors

    def save(self, path: str | Path) -> None:
        """Write the replicates to one file, whole or not at all; `load` reads it.

        With the jackknife that BCa takes, where contributions make it cheap or it was computed.
        """
        kept = self.leave_one_out
        if kept is not None and kept.is_at_hand:
            kept = LeaveOneOut.known(*self.jackknife())
        write_run(path, replace(self, leave_one_out=kept).to_json(), self.data)

    def __str__(self) -> str:
        """Show the table to read and paste."""
        return summary_text(self)

    def _repr_html_(self) -> str:
        """Show the same in a notebook."""
        return summary_html(self)

    _repr_pretty_ = html.print_at_prompt

    def __dir__(self) -> list[str]:
        return sorted(set(object.__dir__(self)) - _INNER)

    def _moved_along_flat(
        self, function: Callable[[Floats], Any], estimate: Floats, labels: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Name the derived quantities that change along a direction that is not identified."""
        if not self.not_identified:
            return ()
        if self.fit is None:
            return labels
        moved = np.zeros(estimate.size, dtype=bool)
        size = 1e-3 * max(1.0, float(np.abs(self.estimate).max()))
        for way in self.fit.null_directions.T:
            there, _ = derive_at(function, self.estimate + size * way, labels)
            moved |= np.abs(there - estimate) > 1e-6 * size
        return tuple(name for name, one in zip(labels, moved, strict=True) if one)
