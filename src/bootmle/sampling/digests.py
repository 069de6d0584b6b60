"""Digests that tell plans of the same text apart, the same in every process."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bootmle.execution.threads import computation
from bootmle.fitting.description import checksum
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.data import as_args, fingerprint

if TYPE_CHECKING:
    from bootmle.fitting.estimator import Estimator
    from bootmle.fitting.fit import Fit

__all__ = ["check_simulator", "checksum_simulated", "digest", "name_of"]

_RAISES = "raises"
"""What stands for the checksum of data that could not be simulated."""
_FAR = 3.0
"""Standard errors by which a parameter is moved: counts of few rows may not change within one."""
_SHARE = 0.1
"""Share of a parameter, or of 1, by which it is moved where it has no standard error."""


def digest(values: list[Any]) -> str:
    """Reduce what a plan holds to 16 digits: labels, weights, lengths; functions by their names."""
    return hashlib.sha256(repr([_mark(value) for value in values]).encode()).hexdigest()[:16]


def _mark(value: Any) -> Any:
    """Reduce one value to what tells it apart."""
    if isinstance(value, np.ndarray) or hasattr(value, "iloc") or isinstance(value, list):
        return fingerprint((np.asarray(value),))
    if isinstance(value, tuple):
        return [_mark(part) for part in value]
    return name_of(value) if callable(value) else fingerprint((value,))


def name_of(function: Callable[..., Any]) -> str:
    """Name a function, without its address in memory."""
    if isinstance(function, partial):
        held = [*map(_mark, function.args), *map(_mark, sorted(function.keywords.items()))]
        return f"partial({name_of(function.func)}, {held})"
    named = getattr(function, "__qualname__", None) or getattr(function, "__name__", None)
    return str(named or type(function).__qualname__)


def check_simulator(
    simulate: Callable[..., Any],
    fit: Fit | Estimator,
    at_params: bool = True,
    stacklevel: int = 6,
) -> None:
    """Refuse a simulator that draws from another stream than its own, or into its arguments.

    A warning names parameters that it ignores, unless it need not draw ``at_params``; it points at
    the user's call, by default of `bootstrap`.
    """
    params, args = fit.estimate, fit.written_out_args
    before = fingerprint(args)
    first, second = (checksum_simulated(simulate, params, args) for _ in range(2))
    if fingerprint(args) != before:
        raise ValueError("simulate: changed its arguments in place; return new arrays")
    if first != second:
        raise ValueError(
            "simulate: two calls with generators of the same seed give different data; draw with "
            "rng, its second argument, so that a seed gives the same replicates"
        )
    places = np.flatnonzero(fit.free) if at_params and first != _RAISES else ()
    ignored = [fit.names[j] for j in places if _ignores(simulate, fit, int(j), first)]
    if ignored:
        warnings.warn(
            f"simulate: its data are the same whatever {', '.join(ignored)} may be; draw them from "
            f"the parameters, its first argument, unless it resamples residuals",
            stacklevel=stacklevel,
        )


def _ignores(simulate: Callable[..., Any], fit: Fit | Estimator, place: int, made: str) -> bool:
    """Whether data are the same far to both sides of a parameter's estimate."""
    error, value = float(fit.hessian_errors[place]), float(fit.estimate[place])
    step = _FAR * error if error > 0 else _SHARE * max(1.0, abs(value))
    for moved in (value + step, value - step):
        params = fit.estimate.copy()
        params[place] = moved
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is said of such a point is of no use
            if checksum_simulated(simulate, params, fit.written_out_args) != made:
                return False
    return True


def checksum_simulated(simulate: Callable[..., Any], params: Floats, args: tuple[Any, ...]) -> str:
    """Checksum what a simulator makes of one stream."""
    try:
        with computation():
            drawn = simulate(params.copy(), np.random.default_rng(0), *args)
            return _RAISES if drawn is None else checksum(as_args(drawn))
    except Exception:  # the user's code may raise anything, and does so again where it matters
        return _RAISES
