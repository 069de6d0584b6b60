"""Standard errors of single replicates of a total, from what its rows or clusters contribute."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bootmle.execution.threads import computation
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.refitting.refit import LikelihoodRefit
from bootmle.refitting.task import Task
from bootmle.sampling import Plan

__all__ = ["errors_by_parts"]

_SAME = 0.1
"""Distance in standard errors up to which certified optima are the same: each is within 0.01 of the
optimum, by the errors of its own sample."""


def errors_by_parts(
    fit: Fit, plan: Plan, seed: int, numbers: NDArray[np.intp], estimates: Floats, scale: Floats
) -> Floats:
    """Return the sandwich standard errors (m, p) of replicates with verified estimates (m, p).

    Each is refitted by the parts of its total; NaN where that ends further from its estimate than a
    little of ``scale``, standard errors (p,).
    """
    with computation():
        task = Task.prepare(fit, plan, "corrected", seed)
        assert isinstance(task.refit, LikelihoodRefit)
        refit = task.refit.by_parts(fit, tuple(plan.units_apart or ()))
        errors = np.full(estimates.shape, np.nan)
        for k, number in enumerate(numbers.tolist()):
            # Two rows, always: the last bits of a product depend on their number.
            (found,), _ = refit([task.draw(number)] * 2, slice(0, 1))
            near = np.abs(found.params - estimates[k]) <= _SAME * scale
            if found.errors is not None and near.all():
                errors[k] = found.errors
    return errors
