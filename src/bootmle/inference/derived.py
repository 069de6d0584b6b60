"""Derived quantities: a function of the parameters, on every replicate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from bootmle.likelihood.arrays import Floats, read_estimates

__all__ = ["derive_all", "derive_at", "undefined"]


def derive_at(
    function: Callable[[Floats], Any], params: Floats, names: Sequence[str] | None
) -> tuple[Floats, tuple[str, ...]]:
    """Evaluate a function at one parameter vector: its k finite values, and their names.

    Names are those given, else those of the mapping or Series returned, else derived1 ... derivedk.
    """
    if not callable(function):
        raise TypeError(f"function: {function!r} is not callable; pass function(params)")
    values, own = read_estimates(function(params.copy()))
    labels = tuple(map(str, names)) if names is not None else own
    labels = labels or tuple(f"derived{k + 1}" for k in range(values.size))
    if isinstance(names, str) or len(labels) != values.size:
        raise ValueError(
            f"names: {names!r} for {values.size} derived quantities; pass a list of one for each"
        )
    if not np.isfinite(values).all():
        found = dict(zip(labels, values.tolist(), strict=True))
        raise ValueError(
            f"function: {found} is not finite at the estimate; derive quantities that are"
        )
    return values, labels


def derive_all(function: Callable[[Floats], Any], replicates: Floats) -> Floats:
    """Evaluate a function at every replicate, (B, p) to (B, k); NaN where it has no value."""
    found: list[Floats | None] = []
    with np.errstate(all="ignore"):
        for params in replicates:
            try:
                missing = bool(np.isnan(params).all())
                found.append(None if missing else read_estimates(function(params.copy()))[0])
            except ArithmeticError:  # such as ZeroDivisionError: no value there
                found.append(None)
    sizes = {values.size for values in found if values is not None}
    if len(sizes) != 1:
        raise ValueError(
            f"function: returned {' and '.join(map(str, sorted(sizes)))} quantities at different "
            f"replicates; return the same number at each"
        )
    nothing = np.full(sizes.pop(), np.nan)
    return np.array([nothing if values is None else values for values in found])


def undefined(names: Sequence[str], replicates: Floats, derived: Floats) -> Iterator[str]:
    """Say which quantities have no value at some replicates whose parameters are finite."""
    lost = np.isnan(derived[np.isfinite(replicates).all(axis=1)]).sum(axis=0)
    for name, times in zip(names, lost.tolist(), strict=True):
        if times:
            what = "1 replicate" if times == 1 else f"{times:,} replicates"
            it = "it" if times == 1 else "them"
            yield (
                f"{name} has no value at {what}: no standard error, and intervals count {it} as "
                f"infinite"
            )
