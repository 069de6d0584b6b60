"""SciPy's minimizers on a likelihood: the user's method, bounds, constraints and options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy.optimize import LinearConstraint, NonlinearConstraint, OptimizeResult, minimize

from bootmle.display.text import brief
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.parameters import Parameters
from bootmle.optimization.constraints import check_constraints, limited, margin
from bootmle.optimization.equalities import without_repeated

__all__ = ["Optimizer"]

_WITH_GRADIENT = {"cg", "bfgs", "newton-cg", "l-bfgs-b", "tnc", "slsqp", "trust-constr"}
_WITH_BOUNDS = {
    "nelder-mead",
    "l-bfgs-b",
    "tnc",
    "slsqp",
    "powell",
    "trust-constr",
    "cobyla",
    "cobyqa",
}
_WITH_HESSIAN = {"dogleg", "trust-ncg", "trust-krylov", "trust-exact"}
_WITH_WORKERS = {"bfgs", "cg", "l-bfgs-b", "slsqp", "tnc"}
"""Methods whose finite differences SciPy, from 1.16 on, leaves to a function like `map`."""
_HAS_WORKERS = tuple(map(int, scipy.__version__.split(".")[:2])) >= (1, 16)
_SLACK = 1e-9
"""Violation of a constraint, relative to the largest parameter or 1, that is rounding."""
_STEP = float(np.finfo(float).eps ** 0.5)
"""Of SciPy's own differences, in sizes of the parameters."""
_HIGH = 1e6
"""Rise of the nll that stands for an infinite one, which trust-constr and SLSQP do not take."""
_POLISH = {"ftol": 1e-13, "maxiter": 300}
"""SLSQP's ftol is absolute: 1e-13 leaves a distance of about its root, 3e-7 standard errors."""


_PASSED = ("args", "jac", "hess", "hessp", "bounds", "constraints", "callback")
"""Keywords with which SciPy calls a method of one's own."""


@dataclass(frozen=True, slots=True)
class Optimizer:
    """What the user passes to `scipy.optimize.minimize` besides the objective.

    Attributes
    ----------
    method : str, callable or None
    constraints : tuple
        In SciPy's forms, functions of the full parameter vector.
    tol : float or None
    options : mapping or None
    """

    method: Any = "BFGS"
    constraints: tuple[Any, ...] = ()
    tol: float | None = None
    options: Mapping[str, Any] | None = None

    def minimize(
        self,
        value: Callable[[Floats], float],
        start: Floats,
        parameters: Parameters,
        *,
        gradient: Callable[[Floats], Floats] | None = None,
        unit: Floats | float = 1.0,
        announce: Callable[[Iterable[Floats]], None] | None = None,
        callback: Callable[[Floats], None] | None = None,
    ) -> OptimizeResult:
        """Minimize over the working scale, each parameter in its unit."""
        # The result's x is on the working scale; all else is SciPy's own. ``announce`` is told the
        # points (q,) of its differences before they are evaluated, and ``callback`` its iterates.
        method = self._method(parameters)
        scaled = _finite(value, start, unit, method)

        def announced(function: Callable[[Floats], Any], points: Iterable[Floats]) -> Iterator[Any]:
            moved = list(points)
            if announce is not None and moved and moved[0].size == start.size:
                announce([point * unit for point in moved])
            return map(function, moved)

        options: Any = dict(self.options) if self.options else {}
        if announce is not None and gradient is None and self._takes_workers(parameters):
            options.setdefault("workers", announced)
        result = minimize(
            scaled,
            start / unit,
            method=method,
            jac=self._gradient(gradient, unit, method),
            bounds=self._bounds(parameters, unit),
            constraints=self._for_scipy(parameters, unit, start / unit),
            tol=self.tol,
            options=options or None,
            callback=None if callback is None else lambda v: callback(v * unit),
        )
        if not hasattr(result, "x"):
            raise TypeError(f"method: returned {brief(result)}; return an OptimizeResult with x")
        result.x = result.x * unit
        return result

    def check(self, parameters: Parameters) -> None:
        """Refuse what SciPy could not use, and bounds with a method that does not support them."""
        if not (self.method is None or isinstance(self.method, str) or callable(self.method)):
            raise TypeError(
                f"method: {self.method!r}; name one of scipy.optimize.minimize's, or pass a "
                f"callable"
            )
        if callable(self.method):
            _check_signature(self.method)
        if not (self.tol is None or isinstance(self.tol, Real)):
            raise TypeError(f"tol: {self.tol!r}; pass a number, or None for SciPy's own")
        if not (self.options is None or isinstance(self.options, Mapping)):
            raise TypeError(f"options: {self.options!r}; pass a dict, such as {{'maxiter': 1000}}")
        keys: Iterable[Any] = self.options or ()
        if wrong := [key for key in keys if not isinstance(key, str)]:
            raise TypeError(f"options: {brief(wrong[0])} is no name; pass names, such as 'maxiter'")
        check_constraints(self.constraints, parameters.values.size)
        named = self.method.lower() if isinstance(self.method, str) else None
        self._check_name(named)
        able = named is None or named == "bfgs" or named in _WITH_BOUNDS
        if np.isfinite(parameters.bounds).any() and not able:
            raise ValueError(
                f"method: {self.method!r} does not support bounds; leave it out, or name one that "
                f"does, such as 'L-BFGS-B'"
            )

    def _check_name(self, named: str | None) -> None:
        """Refuse a method that does not exist or takes a Hessian."""
        if named in _WITH_HESSIAN:
            raise ValueError(
                f"method: {self.method!r} takes a Hessian, which fit does not pass on; leave "
                f"method out: fit continues to the optimum by Newton steps of its own"
            )
        if named is not None and named not in _WITH_GRADIENT | _WITH_BOUNDS:
            raise ValueError(
                f"method: {self.method!r} is unknown; leave it out, or use one of "
                f"{', '.join(sorted(_WITH_GRADIENT | _WITH_BOUNDS))}"
            )

    def inside(self, parameters: Parameters, params: Floats) -> NDArray[np.bool_]:
        """Whether full parameter vectors (b, p) lie within bounds and constraints."""
        free, bounds = params[:, parameters.free], parameters.bounds
        within = np.all((free > bounds[:, 0]) & (free < bounds[:, 1]), axis=1)
        if self.constraints:
            within &= np.array([self.feasible(each) for each in params])
        return np.asarray(within)

    def feasible(self, params: Floats) -> bool:
        """Whether a full parameter vector satisfies all constraints."""
        size = 1.0 + float(np.abs(params).max())
        return all(margin(each, params) >= -_SLACK * size for each in self.constraints)

    def limited_values(self, params: Floats) -> tuple[Floats, Floats, Floats]:
        """Evaluate all that constraints limit at full parameters, (k,), and the limits."""
        every = [limited(each, params) for each in self.constraints]
        values, lower, upper = (np.concatenate(each) for each in zip(*every, strict=True))
        return values, lower, upper

    @property
    def has_equalities(self) -> bool:
        """Whether some constraint holds with equality."""
        return any(
            each["type"] == "eq" if isinstance(each, Mapping) else bool(np.any(each.lb == each.ub))
            for each in self.constraints
        )

    def polish(
        self,
        value: Callable[[Floats], float],
        start: Floats,
        parameters: Parameters,
        unit: Floats,
        *,
        gradient: Callable[[Floats], Floats] | None = None,
    ) -> OptimizeResult:
        """Sharpen a constrained optimum, which few methods bring to the last digits, by SLSQP."""
        # The domain may end with the constraints: SLSQP steps back from high values alone.
        high = value(start) + _HIGH

        def inside(working: Floats) -> float:
            found = value(working)
            return found if np.isfinite(found) else high

        def slope(working: Floats) -> Floats:
            here, slopes = value(working), np.empty(working.size)
            for axis, step in enumerate(np.diag(_STEP * np.maximum(np.abs(working), unit))):
                ahead = value(working + step)
                step = step if np.isfinite(ahead) else -step
                ahead = ahead if np.isfinite(ahead) else value(working + step)
                slopes[axis] = (ahead - here) / step[axis]
            return slopes

        return replace(self, method="SLSQP", tol=None, options=_POLISH).minimize(
            inside, start, parameters, gradient=gradient or slope, unit=unit
        )

    @property
    def is_plain_bfgs(self) -> bool:
        """Whether the method is BFGS, however it is spelled."""
        return isinstance(self.method, str) and self.method.lower() == "bfgs"

    def _method(self, parameters: Parameters) -> Any:
        """Leave the choice to SciPy where BFGS does not support the bounds or constraints."""
        bounded = np.isfinite(parameters.bounds).any()
        return None if self.is_plain_bfgs and (bounded or self.constraints) else self.method

    def _takes_workers(self, parameters: Parameters) -> bool:
        """Whether SciPy asks for the points of its finite differences all at once."""
        method = self._method(parameters)
        if method is None:  # SciPy's choice
            method = "SLSQP" if self.constraints else "L-BFGS-B"
        return _HAS_WORKERS and isinstance(method, str) and method.lower() in _WITH_WORKERS

    def _gradient(
        self, gradient: Callable[[Floats], Floats] | None, unit: Floats | float, method: Any
    ) -> Callable[[Floats], Floats] | None:
        """Pass the gradient to the methods that use one."""
        takes = method is None or callable(method) or str(method).lower() in _WITH_GRADIENT
        if gradient is None and str(method).lower() == "newton-cg":
            raise ValueError(f"method: {method!r} takes a gradient; pass jac=, or leave method out")
        if gradient is None or not takes:
            return None
        return lambda v: gradient(v * unit) * unit

    def _bounds(self, parameters: Parameters, unit: Floats | float) -> Any:
        """Map the bounds to the working scale, in units."""
        if not np.isfinite(parameters.bounds).any():
            return None
        ends = [
            [scale.forward(end) if np.isfinite(end) else end for end in pair]
            for scale, pair in zip(parameters.scales, parameters.bounds, strict=True)
        ]
        scaled = np.array(ends, dtype=float) / np.reshape(np.broadcast_to(unit, len(ends)), (-1, 1))
        return [
            tuple(None if not np.isfinite(end) else float(end) for end in pair) for pair in scaled
        ]

    def _for_scipy(
        self, parameters: Parameters, unit: Floats | float, start: Floats
    ) -> Sequence[Any]:
        """Express the constraints through the scaled working parameters, none repeated."""

        def values(v: Floats) -> tuple[Floats, Floats, Floats]:
            return self.limited_values(parameters.to_user(v * unit))

        combined = without_repeated(values, start) if self.constraints else None
        return combined or [self._rescaled(c, parameters, unit) for c in self.constraints]

    def _rescaled(self, constraint: Any, parameters: Parameters, unit: Floats | float) -> Any:
        """Express a constraint on full parameters through the scaled working ones."""

        def at(v: Floats) -> Floats:
            return parameters.to_user(v * unit)

        if isinstance(constraint, Mapping):
            fun, args = constraint["fun"], constraint.get("args", ())
            return {"type": constraint["type"], "fun": lambda v: fun(at(v), *args)}
        if isinstance(constraint, LinearConstraint):
            matrix: Any = constraint.A
            return NonlinearConstraint(lambda v: matrix @ at(v), constraint.lb, constraint.ub)
        return NonlinearConstraint(lambda v: constraint.fun(at(v)), constraint.lb, constraint.ub)


def _finite(
    value: Callable[[Floats], float], start: Floats, unit: Floats | float, method: Any
) -> Callable[[Floats], float]:
    """Scale the objective; trust-constr gets a high value where there is no likelihood."""
    if str(method).lower() != "trust-constr":
        return lambda v: value(v * unit)
    high = value(start) + _HIGH

    def scaled(v: Floats) -> float:
        found = value(v * unit)
        return found if found < high else high

    return scaled


def _check_signature(method: Callable[..., Any]) -> None:
    """Refuse a method that cannot be called as SciPy calls those of others."""
    try:
        signature = inspect.signature(method)
    except (TypeError, ValueError):  # some callables have no signature to inspect
        return
    try:
        signature.bind("fun", "x0", **dict.fromkeys(_PASSED))
    except TypeError as error:
        raise TypeError(
            f"method: takes {signature}, but SciPy calls it as method(fun, x0, args=, jac=, ...) "
            f"({error}); let it take fun, x0, args and **options"
        ) from None
