"""Intervals of a fit that take no replicates, and what they are computed from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bootmle.bootstrapping.arguments import check_plan
from bootmle.execution.threads import computation
from bootmle.fitting.fit import Fit
from bootmle.fitting.fit_views import INTERVALS
from bootmle.inference.abc import ABC
from bootmle.inference.derived import derive_at, derive_in_turn
from bootmle.inference.intervals import ConfidenceInterval, ReplicateArrays, read_level
from bootmle.likelihood.arrays import Floats
from bootmle.refitting.least_favorable import LeastFavorable
from bootmle.refitting.weighted_units import WeightedUnits, why_not_expanded
from bootmle.sampling import Cases, Plan

__all__ = ["abc_interval", "family_of", "why_no_family"]


def why_no_family(fit: Fit, sampling: Plan, shown: str) -> str:
    """Say why there are no influences of the units of a plan, which ``shown`` writes."""
    if sampling.units(fit.n) is None:
        return f"{shown} draws no units whose weights could change"
    return why_not_expanded(fit)


def family_of(
    fit: Fit, sampling: Plan, functions: Sequence[Callable[[Floats], Any]], chosen: Any
) -> LeastFavorable:
    """Differentiate the chosen quantities by the weights of the units."""

    def quantities(params: Floats) -> Floats:
        return derive_in_turn(functions, params)[:, chosen]

    units = sampling.units(fit.n)
    assert units is not None
    return LeastFavorable.of(WeightedUnits.of(fit, units, quantities))


def abc_interval(
    fit: Fit,
    confidence_level: float,
    alternative: str,
    sampling: Plan | None,
    derive: Callable[[Floats], Any] | None,
) -> ConfidenceInterval:
    """Compute ABC intervals of a fit's parameters, or of quantities derived from them."""
    read_level(confidence_level, alternative)
    plan = Cases() if sampling is None else sampling
    check_plan(fit, plan)
    with computation():
        prepared = plan.prepared(fit)
        if reason := why_no_family(fit, prepared, str(plan)):
            raise ValueError(f"method: 'abc' is not available, as {reason}")
        if fit.not_identified:
            raise ValueError(
                f"method: 'abc' is not available, as the data do not identify "
                f"{', '.join(fit.not_identified)}; bootstrap, which serves the others"
            )
        functions = () if derive is None else (derive,)
        estimate, names = fit.estimate, fit.names
        if derive is not None:
            estimate, names = derive_at(derive, estimate, None)
        family = family_of(fit, prepared, functions, slice(None))
        nothing = np.empty((0, estimate.size))
        arrays = ReplicateArrays(names, estimate, nothing, nothing.sum(axis=0), family=family)
        return ABC.of(arrays).interval(confidence_level, alternative)


INTERVALS["abc"] = abc_interval
