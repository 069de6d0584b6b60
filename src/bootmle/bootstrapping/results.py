"""The Bootstrap: replicates of a fit and everything computed from them."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bootmle.bootstrapping.arguments import read_extension
from bootmle.bootstrapping.better_fit import better_fit
from bootmle.bootstrapping.calibrating import Calibrations
from bootmle.bootstrapping.choosing import QUICK
from bootmle.bootstrapping.correcting import Corrected, correct_run
from bootmle.bootstrapping.derivations import Derivations
from bootmle.bootstrapping.own_errors import QUICK_SECONDS, OwnErrors, Studentizing
from bootmle.bootstrapping.storage import write_run
from bootmle.bootstrapping.summary_text import summary_html, summary_text
from bootmle.display import html
from bootmle.display.encoding import printable
from bootmle.execution.ahead import points_on
from bootmle.execution.progress import shown
from bootmle.execution.runs import Collected, Run
from bootmle.execution.stopping import Interrupted, read_timeout, signals_interrupt
from bootmle.execution.threads import computation
from bootmle.fitting.fit import Fit
from bootmle.inference.intervals import Need
from bootmle.refitting.audits import examine
from bootmle.refitting.leave_one_out import LeaveOneOut
from bootmle.refitting.replicates import Replicates
from bootmle.refitting.task import Task
from bootmle.sampling import Plan

__all__ = ["Bootstrap"]

_INNER = {
    *("apart", "arrays", "blank", "calibrations", "center", "check_interval", "chosen"),
    *("cluster_robust", "correction", "derivation", "derived", "diverges", "finite", "flat"),
    *("from_json", "holding", "identified", "interval_of", "interval_where_possible", "is_random"),
    *("joined", "kinds_at_hand", "kinds_of", "labels", "lacks", "lacks_roots", "leave_one_out"),
    *("linear_part", "missing_ratios", "moved_along_flat", "moved_inward", "numbers", "ordered"),
    *("origin", "own_errors", "own_standard_error", "rescaled", "rescaled_correction", "rescaling"),
    *("scales", "seeds", "serves", "shape", "shared", "supports_quantiles", "takes_scores"),
    *("to_json", "unmeasured", "warn_of_missing", "with_own_errors", "without_samples"),
}
"""Members that other modules use and tab completion hides."""


@dataclass(frozen=True, slots=True, eq=False)
class Bootstrap(Derivations):
    """Bootstrap replicates of a fit, as `bootstrap` and `load` return them.

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
    seeds : tuple of int
        The seed of each run that was merged.
    sampling : Plan or str
        The plan; its text after `load`.
    n_shared : int
        Evaluations of the objective that all refits share.
    seconds : float
        Computing time.
    numbers : (B,) int array or None
        Numbers of the replicates, which identify their random streams; None for 0, ..., B − 1.
    stopped : str
        What stopped the run before its last replicate; empty if nothing did.
    rescaling : (float, float)
        Factors for the replicates' deviations and for their mean's deviation, where samples are
        not of the data's size (`Subsample`, `Jackknife`).
    supports_quantiles : bool
        Whether intervals may be based on quantiles of the replicates.
    is_random : bool
        Whether samples are drawn at random, so that they depend on the seed.
    center : (p,) array or None
        The expected center of the replicates where it is not the estimate (moving blocks).
    own_standard_error : (p,) array or None
        The fit's standard errors by the formula of each replicate's, for studentized intervals.
    refit : str
        "verified", "corrected" or "expansion".
    correction : Correction or None
        The verified sample by which the other replicates are corrected.
    apart : bool
        Whether the objective's total is taken apart into what its rows, or clusters, contribute.
    labels : mapping or None
        The plan's labels, by which `load` restores it for a fit.
    cluster_robust : ClusterRobust or None
        What cluster-robust intervals and the recommendation take, where clusters are drawn.
    n_units : int or None
        Number of units that are drawn: observations or clusters; None in files of old versions.
    fixed : tuple of str
        Fixed parameters.
    not_identified : tuple of str
        Parameters that the data do not identify.
    at_bound : tuple of str
        Parameters whose estimate is at a bound, or that a constraint at the optimum involves.
    notes : tuple of str
        What to know about the plan, and about how resamples act on the objective.
    remarks : tuple of str
        What happened to this run: damaged files, missing parts, a precision not reached.
    audits : tuple
        Replicates that were recomputed in another way, and how closely they agreed.
    alarms : tuple of Alarm
        Diagnostics that the user should know of.
    leave_one_out : LeaveOneOut or None
        The jackknife, for the acceleration of BCa intervals.
    derived : bool
        Whether these are derived quantities.
    shape : tuple of int
        The shape of derived quantities, or of the parameters: () for (p,).
    scales : tuple of str
        Scales on which the derived quantities are studentized; empty for parameters.
    derivation : tuple of callable
        The functions that computed the derived quantities; empty after `load`.
    origin : Bootstrap or None
        The Bootstrap of the parameters from which these quantities were derived.
    """

    def better_fit(self) -> Fit:
        """Fit the original data again, from the replicates that suit them best.

        An alarm says where a replicate leads to a better optimum; bootstrap that one instead.

        Returns
        -------
        Fit
            The better fit, or ``fit`` where none is; its ``optima`` lists what was found.

        Raises
        ------
        ValueError
            Without a fit, or with an `Estimator`.

        Examples
        --------
        >>> import numpy as np
        >>> from bootmle import bootstrap, fit
        >>> y = np.random.default_rng(0).exponential(2.0, 80)
        >>> mle = fit(lambda p, y: p[0] + y / np.exp(p[0]), {"log_mean": 0.0}, args=y)
        >>> len(bootstrap(mle, n_resamples=99, rng=0).better_fit().optima)
        1
        """
        origin = self if self.origin is None else self.origin
        return better_fit(origin.fit, origin.replicates[origin.data.optimal])

    def extend(
        self,
        n: int,
        *,
        sampling: Plan | None = None,
        n_jobs: int | None = 1,
        progress: bool | None = None,
        timeout: float | None = None,
    ) -> Bootstrap:
        """Add replicates; the result equals a single run of as many replicates, bit for bit.

        Parameters
        ----------
        n : int
            Number of replicates to add.
        sampling : plan, optional
            The plan, if the run was loaded from a file that holds only the plan's text.
        n_jobs, progress, timeout
            As in `bootstrap`.

        Returns
        -------
        Bootstrap
            With all replicates.

        Raises
        ------
        ValueError
            If there is no fit or no plan, and for derived quantities, merged runs and parts of a
            run.
        Interrupted
            On Ctrl-C or SIGTERM, with the finished part.

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
        begun = time.perf_counter()
        limit, (fit, plan) = read_timeout(timeout), read_extension(self, n, sampling)
        count = len(self.data) + int(n)
        with computation():
            with points_on(n_jobs):
                task = Task.prepare(fit, plan, self.refit, self.seed, limit, apart=self.apart)
            run, found = self._run_on(task, count, n_jobs, shown(progress))
            correction = None if found is None else found.correction
            longer = replace(self, sampling=plan, correction=correction)
            longer = longer.holding(task, run, self.seconds)
        if run.interrupted:
            done = f"{len(run.data):,} of {count:,} replicates are done; they are in .partial"
            raise Interrupted(done, longer if len(run.data) > len(self.data) else self)
        seconds = self.seconds + time.perf_counter() - begun
        remarks = () if found is None else found.remarks
        return replace(longer, remarks=remarks, seconds=seconds)

    def _run_on(
        self, task: Task, count: int, n_jobs: int | None, show: bool
    ) -> tuple[Collected[Replicates], Corrected | None]:
        """Compute what is missing of ``count`` replicates; those that are corrected, all."""
        if self.refit == "corrected":
            run = Run(task, count, n_jobs, show).collect()
            return correct_run(task.verifying(), run, n_jobs, show, known=self.data)
        return Run(task, count, n_jobs, show, known=self.data).collect(), None

    def holding(self, task: Task, run: Collected[Replicates], seconds: float = 0.0) -> Bootstrap:
        """Return this with the replicates of a run, audited unless the run was interrupted."""
        consecutive = np.array_equal(run.numbers, np.arange(len(run.numbers)))
        held = replace(
            self,
            data=run.data,
            numbers=None if consecutive else run.numbers,
            seconds=seconds + run.seconds,
            stopped=run.reason,
            leave_one_out=LeaveOneOut(self.fit, self.sampling, len(run.data), apart=self.apart),
            calibrations=Calibrations(),
            own_errors=OwnErrors(),
        )
        if run.interrupted:
            return held
        try:
            with signals_interrupt():
                return held.examined(task)
        except KeyboardInterrupt as stop:
            done = f"all {len(run.data):,} replicates are done, but were not audited"
            raise Interrupted(f"{done}; they are in .partial", held) from stop

    def examined(self, task: Task | None = None) -> Bootstrap:
        """Recompute a few replicates in another way and raise alarms, as `bootstrap` does.

        Raises
        ------
        ValueError
            If there is no fit or no plan.
        """
        if not isinstance(task, Task | None):
            raise TypeError(f"task: got {type(task).__name__}; leave it out")
        if self.fit is None or isinstance(self.sampling, str):
            raise ValueError("examined: needs the fit and the plan; use load(path, fit=mle)")
        with computation():
            known = task or Task.prepare(
                self.fit, self.sampling, self.refit, self.seed, apart=self.apart
            )
            numbers = np.arange(len(self.data)) if self.numbers is None else self.numbers
            audits, alarms = examine(self.fit, known, self.data, numbers)
        return replace(self, audits=audits, alarms=alarms)

    def save(self, path: str | Path) -> None:
        """Write the run to one file, completely or not at all; `load` reads it.

        The file includes the jackknife for BCa intervals, and the own standard errors of derived
        quantities, if they were computed or take seconds.

        Parameters
        ----------
        path : str or Path
            The file; one that exists is replaced.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        with suppress(Exception):  # of the user's own code, say: the run itself is to be kept
            self._learn_what_is_printed()
        kept = self.leave_one_out
        if kept is not None and kept.is_at_hand:
            kept = LeaveOneOut.known(*self.jackknife())
        known = self.own_errors.known or Studentizing(
            self.data, self.correction, self.own_standard_error
        )
        whole = replace(
            self,
            leave_one_out=kept,
            correction=known.correction,
            own_standard_error=known.own_standard_error,
        )
        write_run(path, whole.to_json(), known.data)

    def _learn_what_is_printed(self) -> None:
        """Compute what the recommendation takes and a file cannot: a loaded run prints the same."""
        if self.without_samples() or not self.supports_quantiles or not self.n_units:
            return
        studentized = self.serves("studentized")
        wanted = not (studentized.all() or self.lacks(Need.JACKKNIFE))
        share = self.n_units / max(len(self.data), 1)
        if wanted and share <= QUICK and share * self.seconds < QUICK_SECONDS:
            self.jackknife()

    def __str__(self) -> str:
        """Return the table and the remarks below it."""
        return printable(summary_text(self))

    def _repr_html_(self) -> str:
        """Return the same as HTML."""
        return summary_html(self)

    _repr_pretty_ = html.print_at_prompt

    def __dir__(self) -> list[str]:
        return sorted(set(object.__dir__(self)) - _INNER)
