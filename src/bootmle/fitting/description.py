"""What identifies a fit, and where its refits start, in a form that JSON holds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bootmle.execution.raised import RAISED
from bootmle.execution.threads import computation
from bootmle.fitting.optimum import Optimum
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.data import fingerprint
from bootmle.likelihood.likelihood import Likelihood
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import Whitening

__all__ = ["check_near", "checksum", "describe_optimum", "read_start", "start_of"]

_REACH, _FAR = 0.5, 3.0
"""Distances from the estimate, in standard errors, at which objectives are compared: one that
differs in curvature or slope alone agrees at the estimate itself, and a penalty or a kink may begin
anywhere where replicates lie, of which 0.3% are further away than 3."""

_DRAWN, _RESAMPLED = 4, 2
"""Points drawn around the estimate, and resamples on which the objective is compared: a penalty or
a helper function may act beside the axes only, or on data with repeated rows only. Each is one
evaluation; the last values are compared on every resample and at as many of the points."""

_ESTIMATES_AGREE = 1e-3
"""Largest distance, in standard errors, of an estimate that is the same but for its last digits:
the tolerance that certificates keep."""


def checksum(args: tuple[Any, ...]) -> str:
    """Reduce data to 16 digits."""
    return hashlib.sha256(repr(fingerprint(args)).encode()).hexdigest()[:16]


def describe_optimum(fit: Optimum, seed: int) -> dict[str, Any]:
    """Describe names, data, objective, constraints and parameters, for the run with a seed."""
    # The streams of replicates have keys of one number.
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, 0)))
    points = _points(fit, rng)
    objective, limited = _values(fit, points, rng), _limited(fit, points)
    likelihood = fit.likelihood
    own, prior, frequencies = likelihood.parameters, likelihood.weights, likelihood.frequencies
    # Whole numbers have another checksum than the same numbers as importance weights.
    weights = () if prior is None else (prior if frequencies is None else frequencies.counts,)
    return {
        "names": list(fit.names),
        "data": checksum((*fit.args, *weights)),
        "objective": objective,
        **({"constraints": limited} if limited else {}),
        "parameters": {
            "held": list(fit.fixed),
            **({"constrained": len(limited)} if limited else {}),
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
    if lacking := [name for name in ("center", "factor", "noise") if name not in start]:
        raise ValueError(f"start: there is no {lacking[0]}, as if of an Estimator")
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


def _points(fit: Optimum, rng: np.random.Generator) -> Floats:
    """List points at the estimate, near it, far to both sides of each parameter, and at random."""
    size = fit.whitening.size
    step = np.full(size, _REACH / np.sqrt(max(size, 1)))
    # Along these directions each parameter in turn moves by a standard error, the others with it.
    rows = fit.whitening.factor / fit.whitening.units[:, None]
    drawn = rng.standard_normal((_DRAWN, size))
    steps = [0 * step, step, -step, *(_FAR * rows), *(-_FAR * rows), *drawn]
    return fit.likelihood.parameters.to_user(fit.whitening.to_working(np.array(steps)))


def _values(fit: Optimum, points: Floats, rng: np.random.Generator) -> list[float | None]:
    """Evaluate the objective at the points, and on resamples at the last of them."""
    n = fit.likelihood.n_observations
    counts: Any = () if n is None else rng.multinomial(n, np.full(n, 1 / n), _RESAMPLED)
    with computation():
        found = [_value(fit.likelihood, point) for point in points]
        for drawn, point in zip(counts, points[::-1], strict=False):
            found.append(_value(_resampled(fit.likelihood, drawn), point))
    return _plain(found)


def _resampled(likelihood: Likelihood, counts: Any) -> Likelihood | None:
    """Draw observations as often as counted; None where that is not possible."""
    try:
        if likelihood.supports_weights:
            return likelihood.reweighted(counts.astype(float))
        whole = likelihood.written_out()
        return whole.resampled(np.repeat(np.arange(counts.size), counts)) if whole.args else None
    except RAISED:
        return None


def _limited(fit: Optimum, points: Floats) -> list[float | None]:
    """Evaluate what constraints limit at the points, and the limits."""
    found: list[float] = []
    if not fit.optimizer.constraints:
        return []
    for point in points:
        try:
            found.extend(np.concatenate(fit.optimizer.limited_values(point)).tolist())
        except RAISED:  # the user's code may raise anything
            found.append(np.nan)
    return _plain(found)


def _plain(values: Sequence[float]) -> list[float | None]:
    """Write values as JSON, what is not finite as null."""
    return [value if np.isfinite(value) else None for value in values]


def _value(likelihood: Likelihood | None, params: Floats) -> float:
    """Evaluate the objective, NaN where it raises."""
    try:
        return np.nan if likelihood is None else likelihood.total(params)
    except RAISED:  # the user's code may raise anything outside its domain
        return np.nan
