"""The evaluations that a fit will take."""

from __future__ import annotations

__all__ = ["expected_evaluations"]

_SEARCH, _CHECKS = 38, 5
"""Evaluations of a fit: BFGS takes 38 times q + 1, what follows q² + 5q. Measured on the logit,
negative binomial, Weibull and Poisson, q = 3 to 14, n = 1,500: 17 to 66 times q + 1, mostly 25 to
50; what follows 0.7 to 1.5 times as many."""


def expected_evaluations(size: int) -> int:
    """Forecast how many evaluations a fit of so many parameters takes, in tens."""
    return int(round(_SEARCH * (size + 1) + size * (size + _CHECKS), -1))
