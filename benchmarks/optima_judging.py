"""Whether a fit is right."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from bootmle import Fit, Status
from optima_descents import STEPS, decrement, descend, noise
from optima_runs import Floats, Run


@dataclass(frozen=True, slots=True)
class Limits:
    """What is tolerated."""

    lower: float = 5e-5
    """Fall of the nll that shows a point to be no optimum: 0.01 standard errors, d²/2."""
    above: float = 1e-9
    """Height above SciPy's point that is none: 4e-5 standard errors."""
    understated: float = 10.0
    """Exact decrement over the stated one: the goal of the issue."""
    floor: float = 1e-5
    """Exact decrement that nobody needs to know better, standard errors."""
    refused: float = 1e-3
    """Exact decrement below which a fit must be certified: the goal of the issue."""
    optimum: float = 1e-2
    """Exact decrement of a local minimum: BFGS with differences ends 1e-3 to 1e-2 off."""


LIMITS = Limits()


@dataclass(slots=True)
class Judgment:
    """One run's outcome; NaN where it has none.

    Attributes
    ----------
    status : str
        Of the fit, or the exception that it raised.
    nll, scipy : float
        Ours, and SciPy's from the same start.
    noise : float
        What the last digit of the parameters changes in the nll.
    n_evaluations, nfev : int
        Ours and SciPy's.
    stated, exact : float
        Decrement by the fit, and by exact derivatives at the same point.
    lowest : float
        Smallest eigenvalue of the exact Hessian at a unit diagonal.
    fall : float
        How far a local descent from beside the estimate ends below it.
    """

    run: Run
    status: str = ""
    raised: bool = False
    converged: bool = False
    estimate: Floats = field(default_factory=lambda: np.empty(0))
    nll: float = np.nan
    scipy: float = np.nan
    scipy_is_optimum: bool = False
    outside: bool = False
    noise: float = 0.0
    n_evaluations: int = 0
    nfev: int = 0
    stated: float = np.nan
    exact: float = np.nan
    lowest: float = np.nan
    fall: float = np.nan
    seconds: float = 0.0
    message: str = ""

    @property
    def at_best(self) -> bool:
        """Whether the nll is within 0.01 standard errors and the noise of the lowest known."""
        return bool(self.nll - self.run.best <= LIMITS.lower + self.noise)

    @property
    def ratio(self) -> float:
        """Our evaluations over those of SciPy's BFGS."""
        given = self.run.comparable and self.n_evaluations and self.nfev
        return self.n_evaluations / self.nfev if given else np.nan

    @property
    def offenses(self) -> list[str]:
        """Name what is wrong."""
        above, tolerance = self.nll - self.scipy, LIMITS.above + 2 * self.noise
        infinite = self.status == Status.NO_FINITE_OPTIMUM.name
        refused = infinite or self.status == Status.NOT_CERTIFIED.name
        at_optimum = self.lowest > 0 and self.exact < LIMITS.refused
        understated = self.exact > max(LIMITS.floor, LIMITS.understated * self.stated)
        falls = self.fall > LIMITS.lower + self.noise
        known = abs(self.nll - self.run.best) <= LIMITS.lower + self.noise
        attained = known or falls or (self.scipy_is_optimum and above > -tolerance)
        seen = {
            f"certified at a {self._kind()}": self.converged and falls,
            "outside the bounds": self.outside,
            "above SciPy": above > tolerance,
            "raised": self.raised and self.scipy_is_optimum,
            "false infinity": infinite and attained,
            "infinity above a known optimum": infinite and not (attained or self.at_best),
            "decrement understated": self.converged and understated,
            "refused at an optimum": refused and at_optimum,
        }
        return [kind for kind, wrong in seen.items() if wrong]

    def _kind(self) -> str:
        """Name what a point is that can be left downwards."""
        if self.lowest < STEPS.saddle:
            return "saddle"
        return "flat direction" if self.exact < LIMITS.optimum else "slope"

    def row(self) -> dict[str, str | int | float]:
        """List what the results keep."""
        suite, problem, start, form = self.run.identity
        return {
            "suite": suite,
            "problem": problem,
            "start": start,
            "form": form,
            "p": self.run.start.size,
            "status": self.status.split(":")[0],
            "nll": self.nll,
            "above best": self.nll - self.run.best,
            "above SciPy": self.nll - self.scipy,
            "evaluations": self.n_evaluations,
            "SciPy's": self.nfev,
            "stated": self.stated,
            "exact": self.exact,
            "distance": float(np.sqrt(2 * max(self.fall, 0.0))),
            "lowest": self.lowest,
            "offenses": "; ".join(self.offenses),
            "seconds": self.seconds,
        }


def judge(run: Run) -> Judgment:
    """Run a fit and SciPy, and look at where they end."""
    judgment, started = Judgment(run), time.perf_counter()
    try:
        _record(judgment, run.solve())
    except Exception as error:
        judgment.raised, judgment.status = True, f"{type(error).__name__}: {error}"
    judgment.seconds = time.perf_counter() - started
    reference = run.scipy()
    judgment.scipy, judgment.nfev = reference.fun, reference.nfev
    if judgment.estimate.size and np.isfinite(judgment.estimate).all():
        _look(judgment)
    if judgment.raised or judgment.status == Status.NO_FINITE_OPTIMUM.name:
        judgment.scipy_is_optimum = _is_optimum(run, reference.x)
    return judgment


def _record(judgment: Judgment, fit: Fit) -> None:
    """Take down what a fit says of itself."""
    judgment.status, judgment.converged = fit.status.name, fit.converged
    judgment.estimate, judgment.nll = fit.estimate, fit.nll
    judgment.stated, judgment.n_evaluations = fit.decrement, fit.n_evaluations
    judgment.message = fit.notes[-1] if fit.notes else ""


def _look(judgment: Judgment) -> None:
    """Look at the estimate with exact derivatives, and descend from beside it."""
    run, x = judgment.run, judgment.estimate
    low, high = run.bounds.T
    judgment.outside = bool(np.any((x < low) | (x > high)))
    judgment.noise = noise(run, x)
    if run.exact and not judgment.outside:
        judgment.exact, judgment.lowest = decrement(run, x)
    infinite = judgment.status == Status.NO_FINITE_OPTIMUM.name
    if (judgment.converged or infinite) and not judgment.outside:
        judgment.fall = judgment.nll - descend(run, x)


def _is_optimum(run: Run, x: Floats) -> bool:
    """Whether a point is a local minimum, by its exact derivatives or by descents from it."""
    if not np.isfinite(x).all():
        return False
    if not run.exact:
        falls = float(run.total(x)) - descend(run, x) >= LIMITS.optimum
        return not falls and _rises_far_out(run, x)
    size, lowest = decrement(run, x)
    return size < LIMITS.optimum and lowest > -STEPS.saddle


def _rises_far_out(run: Run, x: Floats) -> bool:
    """Whether the nll rises as any one parameter goes ten times as far from 0."""
    # An F's dfn of 8e6 is no minimum: in 50 digits the nll falls on, by 7e-6.
    free = np.flatnonzero((np.diff(run.bounds)[:, 0] > 0) & (x != 0))
    further = [np.where(np.arange(x.size) == column, 10 * x, x) for column in free]
    return all(float(run.total(each)) - float(run.total(x)) > LIMITS.lower for each in further)
