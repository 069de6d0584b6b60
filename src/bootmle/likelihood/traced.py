"""Sums over rows and slopes of scales, as they are read off by tracing them in JAX."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.compiled import double_precision, numpy_of_jax, require_jax
from bootmle.likelihood.parameters import Parameters
from bootmle.likelihood.scales import Scale

__all__ = ["RowsOfTotal", "TracedScale", "probes_beside", "trace_scales"]

_BESIDE = (0.1, 1e-2, 1e-3, 1e-4)
"""Relative distances from the start, of which the first inside the domain is taken: a penalty may
vanish at the start."""


@dataclass(frozen=True, slots=True)
class RowsOfTotal:
    """The contributions (n,) of a total: its values on each row alone."""

    function: Callable[..., Any]

    def __call__(self, params: Any, *args: Any) -> Any:
        """Evaluate all rows at once."""
        jax, jnp = require_jax(), numpy_of_jax()

        def of_row(row: Any) -> Any:
            alone = jax.tree_util.tree_map(lambda leaf: leaf[None], row)
            return jnp.asarray(self.function(params, *alone)).reshape(())

        return jax.vmap(of_row)(args)


def probes_beside(params: Floats) -> list[Floats]:
    """Return points beside the start, from far to near, in unequal steps."""
    steps = np.modf((np.arange(params.size) + 1) * np.sqrt(2))[0]
    return [params + share * (0.5 + steps) * np.maximum(np.abs(params), 1) for share in _BESIDE]


@dataclass(frozen=True, slots=True)
class TracedScale:
    """A scale of the user's own that is written in JAX, in double precision."""

    own: Scale

    def forward(self, value: Any) -> Any:
        """Map the user's parameter to the unconstrained scale."""
        with double_precision():
            return self.own.forward(value)

    def inverse(self, value: Any) -> Any:
        """Map the unconstrained scale back to the user's parameter."""
        with double_precision():
            return self.own.inverse(value)

    def inverse_derivatives(self, value: float) -> Floats:
        """Return the first to third derivatives of the inverse, (3,)."""
        function: Callable[[Any], Any] = self._inverse
        found = []
        with double_precision():
            for _ in range(3):
                function = require_jax().grad(function)
                found.append(float(function(float(value))))
        return np.array(found)

    def _inverse(self, value: Any) -> Any:
        """Return the parameter as JAX's scalar."""
        return numpy_of_jax().asarray(self.own.inverse(value)).reshape(())

    def __str__(self) -> str:
        """Name the scale as its own does."""
        return str(self.own)


def trace_scales(parameters: Parameters) -> tuple[Parameters, list[str]]:
    """Differentiate the scales of the user's own by JAX; say for which that cannot be done."""
    scales, notes = list(parameters.scales), []
    for column, scale in parameters.curved:
        if hasattr(scale, "inverse_derivatives"):
            continue
        traced = TracedScale(scale)
        try:
            traced.inverse_derivatives(traced.forward(parameters.values[parameters.free[column]]))
            scales[column] = traced
        except Exception as error:  # whatever its code raises where JAX traces it
            notes.append(
                f"transform: the scale of {parameters.free_names[column]} cannot be traced by JAX "
                f"({type(error).__name__}), so that refits are not compiled; write its inverse in "
                f"jax.numpy"
            )
    return replace(parameters, scales=tuple(scales)), notes
