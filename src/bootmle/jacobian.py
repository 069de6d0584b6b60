"""The gradient that the user gives: its form, and whether it is the objective's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bootmle.arrays import Floats
from bootmle.likelihood import Likelihood

__all__ = ["read_jac", "with_jac_form"]

_STEPS = (1e-4, 1e-5)
_OFF = 0.02
"""Relative difference between jac and differences of fun that no error of these explains."""
_NOISE = 1e-4
_ZERO = 1e-8
_ROUNDING = 100.0


def read_jac(jac: Any) -> Callable[..., Any] | bool | None:
    """Read SciPy's forms of jac."""
    if jac is None or jac is False or (isinstance(jac, str) and jac in {"2-point", "3-point"}):
        return None
    if jac is True or callable(jac):
        known: Callable[..., Any] | bool = jac
        return known
    raise ValueError(
        f"jac: {jac!r} is not supported; pass a function, True where fun returns (value, "
        f"gradient), or None for differences"
    )


def with_jac_form(likelihood: Likelihood) -> Likelihood:
    """Evaluate jac at the start and see whether it returns a row for each contribution."""
    if not likelihood.jac:
        return likelihood
    values = likelihood.parameters.values
    gradient = np.asarray(likelihood.raw_gradient(values.copy()), dtype=float)
    if gradient.shape in {(values.size,), (values.size, 1)}:
        _compare_with_differences(likelihood, gradient.reshape(-1))
        return likelihood
    if likelihood.separable and gradient.shape == (likelihood.n, values.size):
        _compare_with_differences(likelihood, gradient.sum(axis=0))
        return replace(likelihood, scores_given=True)
    raise ValueError(
        f"jac: returned shape {gradient.shape}; return ({values.size},) for the total"
        + (f" or ({likelihood.n}, {values.size}) by contribution" if likelihood.separable else "")
    )


def _compare_with_differences(likelihood: Likelihood, gradient: Floats) -> None:
    """Refuse a gradient that is not the objective's, by central differences with two steps."""
    parameters = likelihood.parameters
    sizes = np.where(np.abs(parameters.values) > _ZERO, np.abs(parameters.values), 1.0)
    largest = float(np.max(np.abs(gradient[parameters.free] * sizes[parameters.free]), initial=0.0))
    start = likelihood.total(parameters.values.copy())
    for position in parameters.free:
        name, given = parameters.names[position], float(gradient[position])
        if not np.isfinite(given):
            raise ValueError(f"jac: by {name} it is {given} at x0, where fun is finite")
        steps = [step * sizes[position] for step in _STEPS]
        (coarse, _), (fine, floor) = (_slope(likelihood, start, position, step) for step in steps)
        noise = 3 * abs(coarse - fine) + floor + _NOISE * largest / sizes[position]
        # Not a number outside the domain: nothing to compare with.
        if abs(given - fine) > _OFF * max(abs(given), abs(fine)) + noise:
            ratio = f" (ratio {given / fine:.4g})" if fine else ""
            raise ValueError(
                f"jac: by {name} it is {given:.6g} at x0, differences of fun are {fine:.6g}"
                f"{ratio}: it is not the gradient of what fun returns"
            )


def _slope(likelihood: Likelihood, start: float, position: int, step: float) -> tuple[float, float]:
    """Difference the objective by one parameter at the start; NaN outside its domain.

    With an upper bound on what the objective's noise does to it: the second difference, curvature
    included, and rounding.
    """
    ends = []
    for side in (step, -step):
        params = likelihood.parameters.values.copy()
        params[position] += side
        try:
            with np.errstate(all="ignore"):
                ends.append(likelihood.total(params))
        except Exception:  # the user's code may raise anything outside its domain
            return np.nan, np.nan
    second = abs(ends[0] + ends[1] - 2 * start)
    rounding = _ROUNDING * np.finfo(float).eps * abs(start)
    return (ends[0] - ends[1]) / (2 * step), (2 * second + rounding) / step
