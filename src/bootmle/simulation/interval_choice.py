"""Which intervals a study can have, and why it cannot have others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bootmle.bootstrapping.interval_kinds import METHODS, why_not
from bootmle.bootstrapping.interval_needs import why_lacking
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.inference.intervals import Need
from bootmle.inference.mixed import Mixed
from bootmle.sampling import Plan
from bootmle.simulation.experiment import WALD_METHODS

__all__ = ["DEFAULT_METHODS", "read_methods"]

DEFAULT_METHODS = ("percentile", "bca", "hessian")
"""The intervals of a study that names none."""


def read_methods(
    methods: Any, warp: bool, sampling: Plan, fit: Fit | Estimator, refit: str = "verified"
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the intervals asked for, and a note on each default that is not available."""
    # An array without dimensions is an Iterable that cannot be iterated over.
    if not isinstance(methods, Iterable) or getattr(methods, "ndim", 1) == 0:
        raise TypeError(f"methods: {methods!r}; pass a list of names, such as ['bca']")
    named = (methods,) if isinstance(methods, str) else tuple(methods)
    chosen = tuple(str(name).lower() for name in named)
    prepared = sampling.prepared(fit)

    def lacking(need: Need) -> str:
        if warp and need is not Need.QUANTILES:
            return "a warp study has one replicate of each data set"
        # What the plan chose for these data, such as a block length, is no property of others.
        return why_lacking(need, fit, prepared, str(sampling), refit)

    lost = {name: why_not(kind, lacking) for name, kind in METHODS.items()}
    lost[Mixed.name] = lost["percentile"] or ("a warp study chooses none" if warp else "")
    lost |= {name: _why_no_matrix(name, prepared, sampling, fit) for name in WALD_METHODS}
    allowed = f"here there are {', '.join(name for name in lost if not lost[name])}"
    unknown = [name for name in chosen if name not in lost]
    if unknown or not chosen:
        raise ValueError(f"methods: {unknown or methods!r}; {allowed}")
    kept = tuple(name for name in chosen if not lost[name])
    gone = tuple(name for name in chosen if lost[name])
    if gone and (methods is not DEFAULT_METHODS or not kept):
        raise ValueError(f"methods: {gone[0]!r} is not available, as {lost[gone[0]]}; {allowed}")
    return kept, tuple(f"without {name} intervals: {lost[name]}" for name in gone)


def _why_no_matrix(method: str, prepared: Plan, sampling: Plan, fit: Fit | Estimator) -> str:
    """Say why there are no standard errors of one of the cross-check's sources."""
    if fit.likelihood is None:
        return "an Estimator has no likelihood"
    if method != "hessian" and not fit.takes_weights:
        return "it takes the observations' own contributions"
    if method == "cluster" and prepared.cluster_codes is None:
        return f"{sampling} draws no clusters"
    return ""
