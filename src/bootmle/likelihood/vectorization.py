"""Objectives that evaluate many parameter vectors in one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bootmle.execution.raised import describe_raised
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.data import check_callable

__all__ = ["Vectorized", "check_vectorized"]

_AGREE = 1e-9
"""Relative difference that rounding may cause: a sum of a million terms in another order differs by
at most n ε = 2e-10."""


@dataclass(frozen=True, slots=True)
class Vectorized:
    """An objective of params (p, k) that returns (n, k) or (k,), SciPy's convention."""

    function: Callable[..., Any]

    def __call__(self, params: Floats, *args: Any) -> Any:
        """Evaluate at one parameter vector (p,): contributions (n,) or the total."""
        values = np.array(self.function(params[:, None], *args))
        return values[..., 0] if values.ndim else values

    def at(self, points: Floats, *args: Any) -> Floats:
        """Evaluate at points (k, p): contributions (k, n), or totals (k,)."""
        return np.array(self.function(points.T, *args), dtype=float).T


def check_vectorized(fun: Any, start: Floats, args: tuple[Any, ...], jac: Any) -> Vectorized:
    """Check at the start that two parameter vectors at once give what each gives alone."""
    check_callable(fun)
    if jac is True:
        raise ValueError("vectorized: fun returns values only; pass the gradient as jac=")
    if isinstance(jac, str) and jac == "jax":
        raise ValueError("vectorized: with jac='jax' fun takes one parameter vector; leave it out")
    objective = Vectorized(fun)
    two = np.array([start, start + 1e-3 * np.maximum(1.0, np.abs(start))])
    try:
        together = objective.at(two, *args)
        alone = [np.asarray(objective(each, *args), dtype=float) for each in two]
    except Exception as error:
        raise ValueError(
            f"vectorized: fun raised {describe_raised(error)} for params of shape "
            f"{two.T.shape}; it must take (p, k) and return (n, k) or (k,), k parameter vectors at "
            f"once, or leave vectorized out"
        ) from error
    same = together.shape[:1] == (2,) and all(
        one.shape == both.shape and np.allclose(one, both, rtol=_AGREE, atol=_AGREE, equal_nan=True)
        for one, both in zip(alone, together, strict=False)
    )
    if not same:
        raise ValueError(
            f"vectorized: fun returned an array of shape {together.T.shape} for params of shape "
            f"{two.T.shape}, whose columns differ from what it returns for each vector alone; it "
            f"must return (n, k) or (k,)"
        )
    return objective
