"""Standard errors of single replicates of a total, from what its rows or clusters contribute."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bootmle.execution.threads import computation
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.refitting.refit import LikelihoodRefit
from bootmle.refitting.task import Task

__all__ = ["errors_by_expansion", "errors_by_parts"]

_SAME = 0.5
"""Distance, in its own standard errors, within which a replicate is at the same optimum. Corrected
replicates whose expansion ends too early are off most: of 66 (logit, Weibull and NB2, n = 50 to
200) none is further."""


def errors_by_expansion(task: Task, numbers: NDArray[np.intp]) -> Floats:
    """Return expanded replicates' own standard errors, (B, p)."""
    assert isinstance(task.refit, LikelihoodRefit)
    refit, size = task.with_sandwiches(task.refit), task.size
    errors = np.full((len(numbers), refit.n_params), np.nan)
    with computation():
        for chunk in np.unique(numbers // size).tolist():
            own = refit.expanded_errors(
                list(task.draw_all(range(chunk * size, (chunk + 1) * size)))
            )
            here = np.flatnonzero(numbers // size == chunk)
            errors[here] = own[numbers[here] % size]
    return errors


def errors_by_parts(fit: Fit, task: Task, numbers: NDArray[np.intp], estimates: Floats) -> Floats:
    """Return own standard errors (m, p) by refits; NaN where one ends far from its estimate."""
    assert isinstance(task.refit, LikelihoodRefit)
    errors = np.full(estimates.shape, np.nan)
    with computation():
        whole = task.with_sandwiches(task.refit)
        refit = whole.by_parts(fit, tuple(task.sampling.units_apart or ()))
        for k, number in enumerate(numbers.tolist()):
            # Two rows, always: the last bits of a product depend on their number.
            (found,), _ = refit([task.draw(number)] * 2, slice(0, 1))
            if found.errors is not None:
                near = np.abs(found.params - estimates[k]) <= _SAME * found.errors
                errors[k] = np.where(near.all(), found.errors, np.nan)
    return errors
