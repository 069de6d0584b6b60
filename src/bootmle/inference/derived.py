"""Derived quantities: a function of the parameters, on every replicate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from bootmle.fitting.estimator import read_estimates
from bootmle.likelihood.arrays import Floats

__all__ = ["derive_all", "derive_at", "undefined"]


def derive_at(
    function: Callable[[Floats], Any], params: Floats, names: Sequence[str] | None
) -> tuple[Floats, tuple[str, ...]]:
    """Evaluate a function at one parameter vector, and settle the names of what it returns.

    Parameters
    ----------
    function : callable
        ``function(params)`` returns a number, an array (k,), a mapping or a Series.
    params : (p,) array
        The point.
    names : sequence of k str, or None
        Names of the k quantities; those of a mapping or Series, else derived1 ... derivedk.

    Returns
    -------
    (k,) array, tuple of str

    Raises
    ------
    TypeError, ValueError
        For something that is no vector of finite numbers, or names of another number.

    Examples
    --------
    >>> values, names = derive_at(lambda p: {"ratio": p[0] / p[1]}, np.array([1.0, 2.0]), None)
    >>> values, names
    (array([0.5]), ('ratio',))
    """
    if not callable(function):
        raise TypeError(f"function: {function!r} is not callable; pass function(params)")
    values, own = read_estimates(function(params.copy()))
    labels = tuple(map(str, names)) if names is not None else own
    labels = labels or tuple(f"derived{k + 1}" for k in range(values.size))
    if isinstance(names, str) or len(labels) != values.size:
        raise ValueError(
            f"names: {names!r} for {values.size} derived quantities; list one for each"
        )
    if not np.isfinite(values).all():
        found = dict(zip(labels, values.tolist(), strict=True))
        raise ValueError(
            f"function: {found} is not finite at the estimate; derive what has a value there"
        )
    return values, labels


def derive_all(function: Callable[[Floats], Any], replicates: Floats) -> Floats:
    """Evaluate a function at every replicate (B, p); NaN where it cannot be.

    Parameters
    ----------
    function : callable
        As in `derive_at`.
    replicates : (B, p) array
        Infinite entries are passed on.

    Returns
    -------
    (B, k) array

    Examples
    --------
    >>> derive_all(lambda p: p.sum(), np.array([[1.0, 2.0], [3.0, np.nan]]))
    array([[ 3.],
           [nan]])
    """
    found: list[Floats | None] = []
    with np.errstate(all="ignore"):
        for params in replicates:
            try:
                missing = bool(np.isnan(params).all())
                found.append(None if missing else read_estimates(function(params.copy()))[0])
            except ArithmeticError:  # an infinite parameter has no value of the quantity
                found.append(None)
    sizes = {values.size for values in found if values is not None}
    if len(sizes) != 1:
        raise ValueError(
            f"function: returned {' and '.join(map(str, sorted(sizes)))} quantities at different "
            f"replicates; return as many at each"
        )
    nothing = np.full(sizes.pop(), np.nan)
    return np.array([nothing if values is None else values for values in found])


def undefined(names: Sequence[str], replicates: Floats, derived: Floats) -> Iterator[str]:
    """Say which quantities have no value at replicates whose parameters are finite.

    Parameters
    ----------
    names : sequence of k str
        The quantities.
    replicates : (B, p) array
        The parameters.
    derived : (B, k) array
        What `derive_all` made of them.

    Returns
    -------
    iterator of str

    Examples
    --------
    >>> list(undefined(["root"], np.array([[4.0], [-1.0]]), np.array([[2.0], [np.nan]])))
    ['root has no value at 1 replicate: no standard error, and intervals count it as infinite']
    """
    lost = np.isnan(derived[np.isfinite(replicates).all(axis=1)]).sum(axis=0)
    for name, times in zip(names, lost.tolist(), strict=True):
        if times:
            what = "1 replicate" if times == 1 else f"{times:,} replicates"
            it = "it" if times == 1 else "them"
            yield (
                f"{name} has no value at {what}: no standard error, and intervals count {it} as "
                f"infinite"
            )
