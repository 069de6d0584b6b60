"""What identifies a fit, and where its refits start, in a form that JSON holds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from bootmle.execution.threads import computation
from bootmle.fitting.optimum import Optimum
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.data import fingerprint
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import Whitening

__all__ = ["check_near", "checksum", "describe_optimum", "read_start", "start_of"]

_REACH, _FAR = 0.5, 3.0
"""Distances from the estimate, in standard errors, at which objectives are compared: one that
differs in curvature or slope alone agrees at the estimate itself, and a penalty or a kink may begin
anywhere where replicates lie, of which 0.3% are further away than 3."""

_ESTIMATES_AGREE = 1e-3
"""Largest distance, in standard errors, of an estimate that is the same but for its last digits:
the tolerance that certificates keep."""


def checksum(args: tuple[Any, ...]) -> str:
    """Reduce data to 16 digits."""
    return hashlib.sha256(repr(fingerprint(args)).encode()).hexdigest()[:16]


def describe_optimum(fit: Optimum) -> dict[str, Any]:
    """Describe names, data, objective and parameters."""
    objective = _values(fit)
    likelihood = fit.likelihood
    own, prior, frequencies = likelihood.parameters, likelihood.weights, likelihood.frequencies
    # Whole numbers have another checksum than the same numbers as importance weights.
    weights = () if prior is None else (prior if frequencies is None else frequencies.counts,)
    return {
        "names": list(fit.names),
        "data": checksum((*fit.args, *weights)),
        "objective": objective,
        "parameters": {
            "held": list(fit.fixed),
            "bounds": [[str(end) for end in pair] for pair in own.bounds.tolist()],
            "scales": [type(scale).__name__ for scale in own.scales],
        },
    }


def start_of(fit: Optimum) -> dict[str, Any]:
    """Describe where refits start: the estimate, its whitening and the noise."""
    return {
        "estimate": fit.estimate.tolist(),
        "center": fit.whitening.center.tolist(),
        "factor": fit.whitening.factor.tolist(),
        "noise": fit.step_sizes.noise,
    }


def read_start(fit: Optimum, start: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a fit that `start_of` described; none where they are its own."""
    estimate = np.array(start["estimate"])
    whitening = Whitening(
        np.array(start["center"]), np.array(start["factor"]).reshape(-1, fit.whitening.size)
    )
    own = fit.likelihood.parameters.to_working(fit.estimate)
    check_near(own, whitening.center, _ESTIMATES_AGREE * fit.whitening.units)
    if np.array_equal(estimate, fit.estimate) and np.array_equal(
        whitening.factor, fit.whitening.factor
    ):
        return {}
    return {
        "estimate": estimate,
        "whitening": whitening,
        "base": fit.likelihood.at(estimate),
        "step_sizes": StepSizes.from_noise(start["noise"]),
    }


def check_near(own: Floats, stored: Floats, allowed: Floats) -> None:
    """Refuse another estimate."""
    if own.shape != stored.shape or not np.all(np.abs(own - stored) <= allowed):
        raise ValueError(f"estimate: {stored}, now {own}")


def _values(fit: Optimum) -> list[float | None]:
    """Evaluate the objective at the estimate, near it, and far to both sides of each parameter."""
    size = fit.whitening.size
    step = np.full(size, _REACH / np.sqrt(max(size, 1)))
    # Along these directions each parameter in turn moves by a standard error, the others with it.
    rows = fit.whitening.factor / fit.whitening.units[:, None]
    steps = [0 * step, step, -step, *(_FAR * rows), *(-_FAR * rows)]
    working = fit.whitening.to_working(np.array(steps))
    with computation():
        found = [_value(fit, point) for point in fit.likelihood.parameters.to_user(working)]
    return [value if np.isfinite(value) else None for value in found]


def _value(fit: Optimum, params: Floats) -> float:
    """Evaluate the objective, NaN where it raises."""
    try:
        return fit.likelihood.total(params)
    except Exception:  # the user's code may raise anything outside its domain
        return np.nan
