"""Exact derivatives of an objective that is written in JAX."""

# The objective is compiled once for each shape of its data and differentiated automatically: by
# reverse mode for the gradients of replicates, by forward mode for the contributions' derivatives.
# Everything is computed in double precision, whatever JAX's own setting is.

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from bootmle.display.text import brief
from bootmle.execution.raised import RAISED
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.compiled import Kernels, Path, device, require_jax
from bootmle.likelihood.compiled_models import Limits
from bootmle.likelihood.compiled_newton import Curved, Refitted, Shared
from bootmle.likelihood.data import count_rows, walk_leaves
from bootmle.likelihood.device_data import casts, key_message
from bootmle.likelihood.device_refits import refit_on_device
from bootmle.likelihood.parameters import Parameters
from bootmle.likelihood.second_derivatives import is_hessian_of
from bootmle.likelihood.traced import RowsOfTotal, probes_beside, trace_scales

__all__ = ["Automatic", "AutomaticGradient", "Refitted", "is_jax_array", "read_automatic"]

_SAME = 1e-9, 1e-9
"""Relative and absolute difference of sums over rows from totals: rounding of one order of
operations or the other; the relative one of scores by row, too, from the largest of a parameter."""


_EXHAUSTED = "RESOURCE_EXHAUSTED"
"""How XLA begins the message of an allocation that failed."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Automatic:
    """An objective written in JAX, with its exact derivatives by the full parameter vector."""

    function: Callable[..., Any]
    by_rows: bool = False
    """Whether contributions are differentiated one by one, in reverse mode: their gradients then
    cost a few evaluations, not one for each parameter."""
    notes: tuple[str, ...] = ()
    """What was read off it, and why its refits cannot be compiled."""

    def __call__(self, params: Floats, *args: Any) -> Any:
        """Evaluate the contributions (n,) or the total."""
        return self._kernels.call("values", params, args)

    def at(self, points: Floats, *args: Any) -> Floats:
        """Evaluate the contributions (k, n), or the totals (k, 1), at full vectors (k, p)."""
        return self._kernels.each("values", points, [None] * len(points), args)

    def scores(self, params: Floats, *args: Any) -> Floats:
        """Evaluate the contributions' gradients (n, p), or that of the total, (p,)."""
        found = self._kernels.call("scores", params, args)
        if self.by_rows and not np.isfinite(found).all():
            return self._kernels.call("forward_scores", params, args)
        return found

    def gradient(self, params: Floats, weights: Floats | None, args: tuple[Any, ...]) -> Floats:
        """Evaluate the gradient (p,) of the weighted sum by reverse mode."""
        return self._kernels.call("gradient", params, args, weights)

    def hessian(self, params: Floats, weights: Floats | None, args: tuple[Any, ...]) -> Floats:
        """Evaluate the Hessian (p, p) of the weighted sum, by forward over reverse mode."""
        return self._kernels.call("hessian", params, args, weights)

    def trace_hessian(self, params: Floats, args: tuple[Any, ...]) -> None:
        """Raise JAX's error where forward over reverse mode does not work."""
        self._kernels.trace_hessian(params, args)

    def gradients(
        self, points: Floats, weights: Sequence[Floats | None], args: tuple[Any, ...]
    ) -> Floats:
        """Evaluate the gradients of several weighted sums, each at its own point, (b, p)."""
        return self._kernels.each("gradient", points, weights, args)

    def meats(
        self, points: Floats, weights: Sequence[Floats | None], args: tuple[Any, ...]
    ) -> Floats:
        """Evaluate sums of w_i s_i s_iᵀ over contributions, each at its own point, (b, p, p)."""
        return self._kernels.each("meat", points, weights, args)

    def terms(self, path: Path, order: int, args: tuple[Any, ...]) -> Floats:
        """Evaluate the contributions' distinct derivatives (n, terms) by z, up to an order."""
        return self._kernels.terms(path, order, args)

    def curvatures(self, path: Path, directions: Floats, args: tuple[Any, ...]) -> Floats:
        """Evaluate the contributions' second derivatives (k, n) along directions (k, r) of z."""
        twice = np.stack([directions, directions], axis=1)
        return self._kernels.mixed_along(path, twice, args)

    def refit(
        self,
        shared: Shared,
        curved: Curved,
        weights: Floats,
        limits: Limits,
        chosen: slice,
        *,
        exact: bool,
        meats: bool,
    ) -> Refitted | None:
        """Refit some replicates with weights (b, n) from an expansion, all in one call."""
        # None where the objective raises, as one that cannot be evaluated at many points at once; a
        # device without enough memory raises MemoryError.
        try:
            return refit_on_device(
                self._kernels, shared, curved, weights, limits, chosen, exact=exact, meats=meats
            )
        except RAISED as error:
            if _EXHAUSTED in str(error):  # one by one, the refits would take hours
                raise MemoryError(
                    f"jac: 'jax' has too little memory for {len(weights)} replicates on the "
                    f"{device().kind}; free what other processes hold of it"
                ) from error
            return None

    def memory(self, params: Floats, args: tuple[Any, ...]) -> tuple[int, int] | None:
        """Return an accelerator's memory and what one gradient takes of it, both in bytes."""
        # None on a CPU.
        total = device().memory
        return None if total is None else (total, self._kernels.bytes_of_gradient(params, args))

    @property
    def versions(self) -> dict[str, str]:
        """JAX's version and device, on which the last bits of a result depend."""
        return {"jax": str(require_jax().__version__), "device": device().kind}

    def casts(self, args: tuple[Any, ...]) -> list[str]:
        """Say which data are cast on their way to JAX."""
        return casts(args)

    def pitfalls(self, params: Floats, args: tuple[Any, ...]) -> list[str]:
        """Say where reverse mode finds no slope of a contribution that has a value."""
        values = np.ravel(self(params, *args))
        if self.by_rows:
            slopes = self._kernels.call("scores", params, args)
        else:
            slopes = self._kernels.call("gradient", params, args, None)[None]
        lost = np.isfinite(values).all() & ~np.isfinite(slopes).all(axis=1)
        if not lost.any():
            return []
        where = f"in {lost.sum()} of {values.size} rows, first in row {lost.argmax()}"
        return [
            f"JAX's reverse mode has no finite slope {where if self.by_rows else 'of the sum'}, "
            f"where the value is finite: a branch that jnp.where does not take is differentiated, "
            f"too; give it arguments inside its domain, jnp.where(ok, f(jnp.where(ok, x, 1.0)), "
            f"other); until then refits take forward mode, one by one"
        ]

    def noting(self, *notes: str) -> Automatic:
        """Return the objective with notes, and with what has been compiled."""
        noted = replace(self, notes=notes)
        _COMPILED[noted] = self._kernels
        return noted

    @property
    def _kernels(self) -> Kernels:
        """The compiled functions, which stay behind when the objective is pickled."""
        if self not in _COMPILED:
            _COMPILED[self] = Kernels(self.function, self.by_rows)
        return _COMPILED[self]


@dataclass(frozen=True, slots=True)
class AutomaticGradient:
    """The gradient of such an objective in the form of ``jac``."""

    objective: Automatic

    def __call__(self, params: Floats, *args: Any) -> Floats:
        """Evaluate the contributions' gradients (n, p), or that of the total, (p,)."""
        return self.objective.scores(params, *args)


_COMPILED: WeakKeyDictionary[Automatic, Kernels] = WeakKeyDictionary()
"""The compiled functions of each objective that is alive."""


def read_automatic(
    objective: Automatic, parameters: Parameters, args: tuple[Any, ...]
) -> tuple[Callable[..., Any], AutomaticGradient, Parameters]:
    """Evaluate an objective in JAX; return it, its gradient as jac, and its parameters."""
    # A total is taken apart into its rows, and scales are differentiated, where that can be done.
    # TypeError where JAX cannot trace it, with its reason, and for single precision.
    params = parameters.values
    try:
        found = objective(params.copy(), *args)
    except Exception as error:  # JAX has a class for each way in which tracing fails
        if "PRNG key" in str(error):
            for label, leaf in walk_leaves(args):
                if str(getattr(leaf, "dtype", "")) == "uint32":  # keys of the older kind
                    raise TypeError(key_message(label)) from error
        if not type(error).__module__.startswith("jax"):
            raise
        raise TypeError(
            f"jac: 'jax' cannot trace fun ({_reason(error)}); write it in jax.numpy, with "
            f"jnp.where or jax.lax.cond in place of Python's if, or leave jac out for differences"
        ) from error
    if found.dtype != np.float64:
        raise TypeError(
            f"jac: 'jax' needs fun to return double precision, not {found.dtype} ({brief(found)}); "
            f"remove conversions to another precision from fun, or leave jac out"
        )
    _differentiate(objective, params, args)
    n, note, points = count_rows(args), "", _points(objective, params, args)
    if found.size == 1 and n is not None and n > 1:
        objective, note = _taken_apart(objective, points, args, n)
    elif found.ndim and found.size == n:
        objective = _by_rows(objective, points, args)
    parameters, notes = trace_scales(parameters)
    objective = objective.noting(*([note] if note else []), *notes)
    exact = is_hessian_of(
        lambda point: objective.gradient(point, None, args),
        lambda point: objective.hessian(point, None, args),
        lambda point: objective.scores(point, *args),
        points,
    )  # else only the gradient is JAX's, and second derivatives are its differences
    fun = objective if exact else objective.__call__
    return fun, AutomaticGradient(objective), parameters


def _points(objective: Automatic, params: Floats, args: tuple[Any, ...]) -> list[Floats]:
    """Return the start and a point beside it, where a part of the objective does not vanish."""
    beside = (each for each in probes_beside(params) if np.isfinite(objective(each, *args)).all())
    return [params, *islice(beside, 1)]


def _differentiate(objective: Automatic, params: Floats, args: tuple[Any, ...]) -> None:
    """Differentiate an objective that has been evaluated; TypeError where JAX cannot, and why."""
    try:
        objective.scores(params, *args)
        objective.trace_hessian(params, args)
    except Exception as error:  # of JAX, whatever its class
        raise TypeError(
            f"jac: 'jax' cannot differentiate fun forward and in reverse ({_reason(error)}); "
            f"write loops with a known number of turns (jax.lax.scan or fori_loop) and functions "
            f"without jax.custom_vjp, or leave jac out for derivatives by differences"
        ) from error


def _reason(error: Exception) -> str:
    """Return the class of an error and the first line of its message."""
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"


def _taken_apart(
    total: Automatic, points: list[Floats], args: tuple[Any, ...], n: int
) -> tuple[Automatic, str]:
    """Evaluate a total row by row where it, and its gradient, are sums over single rows."""
    rows = Automatic(RowsOfTotal(total.function), by_rows=True)
    for factor, also in ((1, ""), (n, f"; the mean is multiplied by {n}")):
        try:
            if all(_is_sum(rows, total, factor, point, args) for point in points):
                return rows, (
                    f"the total is a sum over {n} rows, each evaluated alone, as if fun returned "
                    f"{n} contributions{also}"
                )
        except Exception:  # whatever it raises, one row is not enough for it
            break
    return total, (
        "the total is no sum over single rows, so that refits evaluate it on resampled rows, one "
        "after the other, and are not compiled"
    )


def _is_sum(
    rows: Automatic, total: Automatic, factor: int, params: Floats, args: tuple[Any, ...]
) -> bool:
    """Whether values and gradients on single rows sum to so many times those on all."""
    pairs = (
        (rows(params, *args), total(params, *args)),
        (rows.scores(params, *args), total.scores(params, *args)),
    )
    relative, absolute = _SAME
    return all(
        np.isfinite(each).all()
        and np.all(
            np.abs(each.sum(axis=0) - factor * whole)
            <= relative * np.abs(each).sum(axis=0) + absolute
        )
        for each, whole in pairs
    )


def _by_rows(objective: Automatic, points: list[Floats], args: tuple[Any, ...]) -> Automatic:
    """Differentiate row by row where that gives what all rows together give."""
    row_by_row = replace(objective, by_rows=True)
    try:
        same = all(
            np.all(
                np.abs(row_by_row._kernels.call("scores", each, args) - together)
                <= _SAME[0] * np.abs(together).max(axis=0)
            )
            for each, together in ((each, objective.scores(each, *args)) for each in points)
        )
    except Exception:  # whatever it raises, one row is not enough for it
        same = False
    return row_by_row if same else objective


def is_jax_array(values: Any) -> bool:
    """Whether the user's objective returned an array of JAX's."""
    module = type(values).__module__
    return module.startswith(("jax", "jaxlib"))
