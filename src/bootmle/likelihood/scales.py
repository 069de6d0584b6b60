"""Scales on which a parameter can be fitted."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol

import numpy as np

from bootmle.likelihood.arrays import Floats

__all__ = ["Identity", "Log", "Logit", "Scale", "apply_scale", "read_scale"]


class Scale(Protocol):
    """A one-to-one map between a parameter and the scale it is fitted on."""

    def forward(self, value: Any) -> Any:
        """Map the user's parameter to the unconstrained scale."""

    def inverse(self, value: Any) -> Any:
        """Map the unconstrained scale back to the user's parameter."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The parameter itself."""

    def forward(self, value: Any) -> Any:
        """Return the value."""
        return value

    def inverse(self, value: Any) -> Any:
        """Return the value."""
        return value


@dataclass(frozen=True, slots=True)
class Log:
    """The logarithm of the distance from one limit: ``log(sign * (value - limit))``."""

    limit: float = 0.0
    sign: int = 1

    def forward(self, value: Any) -> Any:
        """Return the logarithm of the distance from the limit."""
        return np.log(self.sign * (value - self.limit))

    def inverse(self, value: Any) -> Any:
        """Return the parameter with this log distance."""
        return self.limit + self.sign * np.exp(value)

    def inverse_derivatives(self, value: float) -> Floats:
        """Return the first to third derivatives of the inverse, (3,)."""
        return np.full(3, self.sign * np.exp(value))

    def __str__(self) -> str:
        """Name the scale and its domain."""
        return f"log (of values {'above' if self.sign > 0 else 'below'} {self.limit:g})"


@dataclass(frozen=True, slots=True)
class Logit:
    """The log odds of the relative position between two limits."""

    lower: float = 0.0
    upper: float = 1.0

    def forward(self, value: Any) -> Any:
        """Return the log odds of the position."""
        return np.log(value - self.lower) - np.log(self.upper - value)

    def inverse(self, value: Any) -> Any:
        """Return the parameter at this position."""
        return self.lower + (self.upper - self.lower) / (1.0 + np.exp(-value))

    def inverse_derivatives(self, value: float) -> Floats:
        """Return the first to third derivatives of the inverse, (3,)."""
        share = 1.0 / (1.0 + np.exp(-value))
        first = (self.upper - self.lower) * share * (1.0 - share)
        bends = (1.0, 1.0 - 2.0 * share, 1.0 - 6.0 * share * (1.0 - share))
        return np.asarray(first * np.array(bends))

    def __str__(self) -> str:
        """Name the scale and its domain."""
        return f"logit (of values between {self.lower:g} and {self.upper:g})"


def read_scale(entry: Any) -> Scale:
    """Read one scale."""
    named: dict[str, Scale] = {"identity": Identity(), "log": Log(), "logit": Logit()}
    if isinstance(entry, str) and entry.lower() in named:
        return named[entry.lower()]
    if isinstance(entry, tuple) and len(entry) == 3 and entry[0] == "logit":
        return _read_logit(*entry)
    if hasattr(entry, "forward") and hasattr(entry, "inverse"):
        scale: Scale = entry
        return scale
    raise ValueError(
        f"transform: {entry!r} is unknown; use 'identity', 'log', 'logit', ('logit', lower, upper) "
        f"or an object with forward and inverse"
    )


def _read_logit(name: str, lower: Any, upper: Any) -> Logit:
    """Read a logit between two limits."""
    if not (isinstance(lower, Real) and isinstance(upper, Real) and float(lower) < float(upper)):
        raise ValueError(
            f"transform: {(name, lower, upper)!r}; pass two numbers, the lower limit first"
        )
    return Logit(float(lower), float(upper))


def apply_scale(scale: Scale, function: Any, values: Floats) -> Floats:
    """Apply one direction of a scale; a user's own may accept single numbers only."""
    if isinstance(scale, Log | Logit):
        result: Floats = function(values)
        return result
    flat = [float(function(float(value))) for value in np.ravel(values)]
    return np.array(flat).reshape(np.shape(values))
