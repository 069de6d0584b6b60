"""An objective that evaluates many parameter vectors in one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bootmle.likelihood.arrays import Floats

__all__ = ["Vectorized", "check_vectorized"]

_AGREE = 1e-9


@dataclass(frozen=True, slots=True)
class Vectorized:
    """Call ``function(params, *args)`` of params (p, k), which returns (n, k) or (k,).

    SciPy's convention, as in `scipy.optimize.differential_evolution`.

    Attributes
    ----------
    function : callable
        The user's objective.
    """

    function: Callable[..., Any]

    def __call__(self, params: Floats, *args: Any) -> Any:
        """Evaluate at one parameter vector (p,): contributions (n,) or the total."""
        values = np.asarray(self.function(params[:, None], *args))
        return values[..., 0] if values.ndim else values

    def at(self, points: Floats, *args: Any) -> Floats:
        """Evaluate at points (k, p): contributions (k, n), or totals (k,).

        Examples
        --------
        >>> squares = Vectorized(lambda params, y: (y[:, None] - params[0]) ** 2)
        >>> squares.at(np.array([[1.0], [2.0]]), np.array([1.0, 4.0]))
        array([[0., 9.],
               [1., 4.]])
        """
        return np.asarray(self.function(points.T, *args), dtype=float).T


def check_vectorized(fun: Any, start: Floats, args: tuple[Any, ...], jac: Any) -> Vectorized:
    """Check at the start that two parameter vectors at once give what each gives alone.

    Raises
    ------
    ValueError
        Where the objective does not take (p, k) or does not return (n, k) or (k,), and where it
        returns its gradient, too.
    TypeError
        For something that cannot be called.

    Examples
    --------
    >>> square = check_vectorized(lambda params: params[0] ** 2, np.array([1.0]), (), None)
    >>> square.at(np.array([[1.0], [3.0]]))
    array([1., 9.])
    """
    if not callable(fun):
        raise TypeError(f"fun: {fun!r} is not callable; pass the negative log-likelihood")
    if jac is True:
        raise ValueError("vectorized: fun returns values only; pass the gradient as jac=")
    objective = Vectorized(fun)
    two = np.array([start, start + 1e-3 * np.maximum(1.0, np.abs(start))])
    try:
        together = objective.at(two, *args)
        alone = [np.asarray(objective(each, *args), dtype=float) for each in two]
    except Exception as error:
        raise ValueError(
            f"vectorized: fun raised {type(error).__name__} ({error}) for params of shape "
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
            f"{two.T.shape}, whose columns are not what it returns for each alone; it must return "
            f"(n, k) or (k,)"
        )
    return objective
