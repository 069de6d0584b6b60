"""The double bootstrap of a run: its calibration, and why there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bootmle.display.text import rounded
from bootmle.execution.runs import Run
from bootmle.execution.threads import computation
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.inference.calibration import Calibration
from bootmle.likelihood.arrays import Floats
from bootmle.refitting.nested import NestedTask
from bootmle.refitting.weighted_units import WeightedUnits, why_not_expanded
from bootmle.sampling import Plan, Structure

__all__ = ["INNER", "OUTER", "Calibrations", "calibrate", "why_not_calibrated"]

INNER = 250
"""Resamples of each resample: a level's own error is then 1% at 0.025, of which calibration takes
an average over the replicates."""
OUTER = 1000
"""Most replicates whose resamples are drawn: a level of 0.025 has then an error of 0.005, or half a
point of coverage."""
_SAMPLES = (64, 256)
"""Inner replicates that are verified, and how many where they show that the expansion is off."""
_OFF = 0.1
"""Error of the expansion, in standard errors, from which on that is so: it adds 0.5% to one. Then
resamples of verified replicates have an expansion of their own: measured on a logit, a tobit and a
Weibull regression, n = 50, it is off by half as much."""
_REFUSED = 0.3
"""Error after the correction beyond which a quantity has no calibration. Measured there, against
16,000 to 24,000 verified inner replicates: up to 0.3 levels agree within their Monte Carlo errors,
at 0.33 one of 0.085 was taken for 0.149."""


class Calibrations:
    """The calibrations of a run that were asked for, by their number of resamples."""

    def __init__(self) -> None:
        """Begin without any."""
        self.known: dict[int, Calibration] = {}


def why_not_calibrated(fit: Fit | Estimator, plan: Plan, shown: str) -> str:
    """Say why a plan has no resamples of its resamples that the expansion serves."""
    if fit.likelihood is None:
        return (
            "an Estimator would be refitted some 250,000 times: it has no likelihood to expand "
            "(pass standard_error= for studentized intervals, or fit the likelihood)"
        )
    if plan.structure is Structure.MODEL:
        return (
            f"{shown} simulates data, which share no expansion with the data's own (to calibrate, "
            f"draw with Cases, or see what coverage(mle, simulate) finds)"
        )
    if plan.structure is Structure.SERIES:
        return (
            f"blocks of {shown} would be cut where the resamples join theirs (compare percentile "
            f"intervals at a few lengths, or see what coverage finds)"
        )
    if plan.redrawn_units(fit.n) is None:
        return (
            f"{shown} draws no resamples of a resample (to calibrate, draw with Cases, Stratified, "
            f"Bayesian, or Clustered without within=)"
        )
    return why_not_expanded(fit)


def calibrate(
    fit: Fit,
    plan: Plan,
    seed: int,
    replicates: tuple[NDArray[np.intp], Floats],
    quantities: Callable[[Floats], Floats],
    described: tuple[tuple[str, ...], Floats, Floats],
    n_resamples: int = INNER,
    expands_each: bool = True,
    n_jobs: int | None = 1,
    show: bool = False,
) -> Calibration:
    """Draw the resamples of replicates, given with their numbers; raise where that is no use."""
    # ``described`` are the quantities' names, estimates and standard errors; ``expands_each`` says
    # whether each replicate may have an expansion of its own.
    units = plan.redrawn_units(fit.n)
    assert units is not None
    names, estimate, error = described
    numbers, params = replicates
    with computation():
        weighted = WeightedUnits.of(fit, units, quantities)
    task = NestedTask(weighted, plan, seed, numbers, params, estimate, error, n_resamples)
    task, errors = task.sampled(_SAMPLES[0])
    if errors.raw.max(initial=0.0) > _OFF:
        task, errors = replace(task, local=expands_each).sampled(_SAMPLES[1])
    refused = ~(errors.spread <= _REFUSED)
    if refused.all():
        raise ValueError(
            f"method: 'calibrated' is not available, as {_why_refused(names, errors.spread)}; use "
            f"'studentized' or 'bca'"
        )
    run = Run(task, len(numbers), n_jobs, show, unit="resample").collect()
    if run.interrupted:
        raise KeyboardInterrupt(f"{len(run.data):,} of {len(numbers):,} replicates are calibrated")
    below, root = (each[~run.data.failed] for each in (run.data.below, run.data.root))
    mcse = errors.spread / np.sqrt(len(errors.residuals))
    return Calibration(below, root, errors.spread, mcse, refused, n_resamples)


def _why_refused(names: tuple[str, ...], spread: Floats) -> str:
    """Say that the expansion is off even after its correction, and by how much."""
    off = [f"{name} by {rounded(one, 2)}" for name, one in zip(names, spread, strict=True)]
    return (
        f"resamples of resamples lie too far from the estimate for the likelihood's expansion, "
        f"which is off for {', '.join(off)} standard errors even corrected by {_SAMPLES[1]} "
        f"verified ones"
    )
