"""What is said before a long run: its evaluations, its time, and what it would take otherwise."""

from __future__ import annotations

from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np

from bootmle.bootstrapping.arguments import check_refit
from bootmle.display.text import ABOUT, durations
from bootmle.execution.checkpoint import spans_in
from bootmle.execution.pieces import length_of, spans_missing
from bootmle.execution.progress import announce
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.refitting.forecast import Forecast, forecast_run
from bootmle.sampling import Plan

__all__ = ["announce_run"]


def announce_run(
    fit: Fit | Estimator,
    sampling: Plan,
    refit: str,
    work: tuple[Any, Path | None, tuple[int, int]],
    workers: int,
) -> None:
    """Forecast a run before anything is computed, and what it would take otherwise."""
    n_resamples, path, (_, parts) = work
    if isinstance(n_resamples, bool) or not isinstance(n_resamples, Integral):
        return  # an error says so later
    stored = [] if path is None else spans_in(path)
    count = length_of(spans_missing([(0, int(n_resamples))], stored)) // parts
    found = forecast_run(fit, sampling, refit, count, workers)
    seconds = found.least.seconds, found.most.seconds
    more = "" if isinstance(fit, Estimator) else f", {_evaluations(found)} evaluations"
    if seconds[1] > ABOUT * seconds[0]:
        more += "; how many are verified is settled after the first 40"
    if refit == "verified" and _corrects(fit, sampling):
        other = forecast_run(fit, sampling, "corrected", count, workers)
        if np.isfinite(other.most.seconds):
            between = durations(other.least.seconds, other.most.seconds)
            more += f'; refit="corrected": about {between}'
    if np.isfinite(seconds[1]):  # else single rows cannot be evaluated, as an error says later
        announce(*seconds, count, workers, more)


def _evaluations(found: Forecast) -> str:
    """Show a number of evaluations, or between which it lies."""
    least, most = found.least.evaluations, found.most.evaluations
    return f"{least:,.0f} to {most:,.0f}" if most > ABOUT * least else f"{most:,.0f}"


def _corrects(fit: Fit | Estimator, sampling: Plan) -> bool:
    """Whether refit="corrected" is possible."""
    try:
        check_refit(fit, sampling, "corrected")
    except ValueError:
        return False
    return True
