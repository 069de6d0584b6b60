"""One run of the benchmark of optima: a problem, where it starts, and in which form it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from bootmle import Fit, fit

Floats = NDArray[np.float64]
minimize: Any = optimize.minimize

FORMS = ("total", "contributions", "contributions, jac")
_TINY = 1e-100
"""A complex step: what it adds to the real part is far below rounding, so its size is no matter."""


class Reference(NamedTuple):
    """Where SciPy ends, and after how many evaluations."""

    x: Floats
    fun: float
    nfev: int


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A problem in one form.

    Attributes
    ----------
    identity : tuple of str
        Suite, problem, start and form; joined by slashes, what one asks for on the command line.
    total : callable
        The negative log-likelihood of (p,) parameters; of complex and extended ones too where
        ``exact``.
    start : (p,) array
        Where the search starts.
    best : float
        The lowest value known, NaN where none is.
    solve : callable
        Runs this package.
    scipy : callable
        Runs SciPy from the same start.
    exact : bool
        Whether derivatives by complex steps are exact: a formula without absolute values and the
        like.
    comparable : bool
        Whether evaluations are compared with those of SciPy's BFGS.
    bounds : (p, 2) array
        Infinite where there are none.
    """

    identity: tuple[str, str, str, str]
    total: Callable[[Any], Any]
    start: Floats
    best: float
    solve: Callable[[], Fit]
    scipy: Callable[[], Reference]
    exact: bool
    comparable: bool
    bounds: Floats

    def __str__(self) -> str:
        return "/".join(self.identity)


def scores(fun: Callable[..., Any], params: Floats, *args: Any) -> Floats:
    """Return the gradient of each value of ``fun`` by complex steps, (..., p).

    Squire and Trapp (1998), SIAM Review 40, eq. 1: Im f(x + ih) / h, exact but for rounding.
    """
    points = params + 1j * _TINY * np.eye(params.size, dtype=params.dtype)
    return np.stack([np.imag(fun(point, *args)) / _TINY for point in points], axis=-1)


def as_run(
    identity: tuple[str, str, str, str],
    contributions: Callable[..., Any],
    start: Floats,
    args: tuple[Any, ...] = (),
    *,
    best: float = np.nan,
    exact: bool = True,
    bounds: Floats | None = None,
) -> Run:
    """Give contributions in one of the forms to this package, and their sum to SciPy."""
    form = identity[-1]

    def total(params: Any, *args: Any) -> Any:
        return contributions(params, *args).sum()

    def jac(params: Floats, *args: Any) -> Floats:
        return scores(contributions, params, *args)

    def gradient(params: Floats, *args: Any) -> Floats:
        return scores(total, params, *args)

    def scipys() -> Reference:
        found = minimize(total, start, args, jac=theirs, bounds=bounds)
        return Reference(np.array(found.x), float(found.fun), int(found.nfev))

    fun = contributions if "contributions" in form else total
    ours, theirs = (jac, gradient) if "jac" in form else (None, None)
    return Run(
        identity,
        lambda params: total(params, *args),
        start,
        best,
        lambda: fit(fun, start, args, jac=ours, bounds=bounds),
        scipys,
        exact,
        "jac" not in form and bounds is None,
        np.tile([-np.inf, np.inf], (start.size, 1)) if bounds is None else bounds,
    )
