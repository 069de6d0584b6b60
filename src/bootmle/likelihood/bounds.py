"""Bounds of the parameters, in the forms that SciPy takes and by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bootmle.likelihood.arrays import Floats, by_name

__all__ = ["read_bounds"]


def read_bounds(given: Any, names: tuple[str, ...]) -> Floats:
    """Read SciPy's forms of bounds, or bounds by name, as lower and upper ones, (p, 2)."""
    size, bounds = len(names), _in_order(by_name(given), names)
    if bounds is None:
        return np.tile([-np.inf, np.inf], (size, 1))
    try:
        if hasattr(bounds, "lb"):
            lowest, highest, _ = np.broadcast_arrays(bounds.lb, bounds.ub, np.zeros(size))
            pairs = list(zip(lowest, highest, strict=True))
        else:
            pairs = [(lower, upper) for lower, upper in bounds]
        limits = np.array(
            [[-np.inf if a is None else a, np.inf if b is None else b] for a, b in pairs],
            dtype=float,
        )
    except (TypeError, ValueError):
        raise TypeError(
            f"bounds: {bounds!r}; pass a pair (lower, upper) for each parameter, None where there "
            f"is no bound, or a scipy.optimize.Bounds"
        ) from None
    if limits.shape != (size, 2):
        raise ValueError(
            f"bounds: {len(limits)} pairs for {size} parameters in x0; pass one for each"
        )
    if np.isnan(limits).any():
        raise ValueError(f"bounds: {limits.tolist()} has a NaN; pass None where there is no bound")
    if np.any(limits[:, 0] >= limits[:, 1]):
        raise ValueError(
            f"bounds: {limits.tolist()} has a lower bound that is not below the upper one; to fix "
            f"a parameter, use fixed="
        )
    return limits


def _in_order(bounds: Any, names: tuple[str, ...]) -> Any:
    """Put bounds by name into the parameters' order; those that are not named have none."""
    if not isinstance(bounds, Mapping) or hasattr(bounds, "lb"):
        return bounds
    unknown = [name for name in bounds if name not in names]
    if unknown:
        raise ValueError(f"bounds: no parameters {unknown}; the names are {list(names)}")
    return [bounds.get(name, (None, None)) for name in names]
