"""What derivatives are taken of: a likelihood in coordinates, one of which is a standard error."""

from __future__ import annotations

from typing import Any, Protocol

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.likelihood import Likelihood

__all__ = ["Coordinates", "View"]


class Coordinates(Protocol):
    """Coordinates z of a likelihood's working parameters, center + factor @ z."""

    @property
    def center(self) -> Floats:
        """The working parameters (q,) at z = 0."""

    @property
    def factor(self) -> Floats:
        """The derivatives (q, r) of the working parameters by z."""

    @property
    def size(self) -> int:
        """Number of coordinates r."""

    def to_working(self, z: Floats, /) -> Floats:
        """Map points (..., r) to working parameters (..., q)."""


class View(Protocol):
    """An objective seen in such coordinates, which counts its evaluations and raises nothing."""

    likelihood: Likelihood
    n_gradients: int
    meat: Floats | None
    base: Floats | float
    last: Floats | float
    sandwich: Any
    stopwatch: Any

    @property
    def whitening(self) -> Coordinates:
        """The coordinates."""

    def values(self, points: Floats, /) -> Floats:
        """Evaluate at points (k, r)."""

    def values_of(self, params: Floats, /) -> list[float]:
        """Evaluate at full parameter vectors (k, p)."""

    def rises(self, params: Floats, above: Floats | float, /) -> Floats:
        """Evaluate the contributions at full parameter vectors, minus others, (k, n)."""

    def summed(self, rises: Floats, /) -> Floats:
        """Sum contributions (k, n) to values (k,)."""

    def take_scores(self, scores: Floats, directions: Floats, /) -> None:
        """Take the contributions' derivatives (k, n) along directions, the columns of (k, r)."""

    def to_user(self, points: Floats, /) -> Floats:
        """Map points (..., r) to full parameter vectors (..., p)."""

    def linearized(self, points: Floats, /) -> tuple[Floats, Floats]:
        """Return full parameter vectors (k, p), and the free ones' derivatives by z, (k, q, r)."""

    def gradient_along(self, params: Floats, directions: Floats, /) -> Floats:
        """Evaluate the exact gradient at full parameters (p,), along directions (q, r)."""
