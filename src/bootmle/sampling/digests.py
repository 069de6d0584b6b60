"""Digests that tell plans of the same text apart, the same in every process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from bootmle.execution.threads import computation
from bootmle.fitting.description import checksum
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.data import as_args, fingerprint

__all__ = ["check_simulator", "checksum_simulated", "digest", "name_of"]


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


def check_simulator(simulate: Callable[..., Any], params: Floats, args: tuple[Any, ...]) -> None:
    """Refuse a simulator that draws from another stream than its own, or into its arguments."""
    before = fingerprint(args)
    first, second = (checksum_simulated(simulate, params, args) for _ in range(2))
    if fingerprint(args) != before:
        raise ValueError("simulate: changed its arguments in place; return new arrays")
    if first != second:
        raise ValueError(
            "simulate: two calls with generators of the same seed give different data; draw with "
            "rng, its second argument, so that a seed gives the same replicates"
        )


def checksum_simulated(simulate: Callable[..., Any], params: Floats, args: tuple[Any, ...]) -> str:
    """Checksum what a simulator makes of one stream."""
    try:
        with computation():
            return checksum(as_args(simulate(params.copy(), np.random.default_rng(0), *args)))
    except Exception:  # the user's code may raise anything, and does so again where it matters
        return "raises"
