"""Which intervals a study can have, and why it cannot have others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.sampling import Plan
from bootmle.simulation.experiment import BOOTSTRAP_METHODS, WALD_METHODS
from bootmle.simulation.warp_speed import WARP_METHODS

__all__ = ["METHODS", "read_methods"]

METHODS = ("percentile", "bca", "hessian")
"""The intervals of a study that names none."""


def read_methods(
    methods: Any, warp: bool, sampling: Plan, fit: Fit | Estimator
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Check the intervals that are asked for; where none were, leave out those that cannot be.

    Returns
    -------
    tuple of str
        The methods.
    tuple of str
        A note on each that was left out.

    Raises
    ------
    ValueError
        For a method that is unknown, or that was named and cannot be.

    Examples
    --------
    >>> import numpy as np
    >>> from bootmle import Blocks, Estimator
    >>> mean = Estimator(np.mean, args=np.arange(9.0))
    >>> chosen, notes = read_methods(METHODS, False, Blocks(3), mean)
    >>> chosen, notes[1]
    (('percentile',), 'without hessian intervals: an Estimator has no likelihood')
    """
    if not isinstance(methods, Iterable):
        raise TypeError(f"methods: {methods!r}; pass a list of names, such as ['bca']")
    named = (methods,) if isinstance(methods, str) else tuple(methods)
    chosen = tuple(str(name).lower() for name in named)
    prepared = sampling.prepared(fit)
    lost = {
        name: _why_not(name, warp, sampling, prepared, fit)
        for name in (*BOOTSTRAP_METHODS, *WALD_METHODS)
    }
    allowed = f"here there are {', '.join(name for name in lost if not lost[name])}"
    unknown = [name for name in chosen if name not in lost]
    if unknown or not chosen:
        raise ValueError(f"methods: {unknown or methods!r}; {allowed}")
    kept = tuple(name for name in chosen if not lost[name])
    gone = tuple(name for name in chosen if lost[name])
    if gone and (methods is not METHODS or not kept):
        raise ValueError(f"methods: no {gone[0]!r}, as {lost[gone[0]]}; {allowed}")
    return kept, tuple(f"without {name} intervals: {lost[name]}" for name in gone)


def _why_not(method: str, warp: bool, sampling: Plan, prepared: Plan, fit: Fit | Estimator) -> str:
    """Say why a method cannot be; empty where it can. The prepared plan knows its units."""
    if method in WALD_METHODS:
        return _why_no_matrix(method, prepared, sampling, fit)
    if not prepared.supports_quantiles and method != "normal":
        return f"it takes quantiles, which the replicates of {sampling} are not meant for"
    if warp:
        return "" if method in WARP_METHODS else "a warp study has one replicate of each data set"
    if method == "bca" and prepared.units(fit.n) is None:
        return f"it takes a jackknife, and what {sampling} draws has no units to leave out"
    if method == "studentized":
        return _why_not_studentized(prepared, sampling, fit)
    return ""


def _why_no_matrix(method: str, prepared: Plan, sampling: Plan, fit: Fit | Estimator) -> str:
    """Say why there are no standard errors of one of the cross-check's sources."""
    if fit.likelihood is None:
        return "an Estimator has no likelihood"
    if method != "hessian" and not fit.takes_weights:
        return "it takes the observations' own contributions"
    if method == "cluster" and prepared.cluster_codes is None:
        return f"{sampling} draws no clusters"
    return ""


def _why_not_studentized(prepared: Plan, sampling: Plan, fit: Fit | Estimator) -> str:
    """Say why replicates have no standard errors of their own."""
    if fit.likelihood is None:
        if fit.errors is None:
            return "the Estimator has no standard_error="
        scaled = prepared.rescaling(fit.n) != (1.0, 1.0)
        return f"{sampling} draws samples of another size" if scaled else ""
    if not fit.takes_weights:
        return "it takes the observations' own contributions"
    if not prepared.studentizes or prepared.units(fit.n) is None:
        return f"{sampling} does not draw units whole"
    return ""
