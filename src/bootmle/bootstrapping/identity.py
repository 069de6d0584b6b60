"""What makes two runs the same: data, objective, plan and options, in a form that JSON holds."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import partial
from importlib import metadata
from typing import Any

import joblib
import numpy as np
import scipy

from bootmle.fitting.estimator import Estimator, n_observations
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.data import as_args, fingerprint
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import Whitening
from bootmle.refitting.task import chunk_size
from bootmle.sampling import Parametric, Plan

__all__ = [
    "describe",
    "differences",
    "name_of",
    "restored",
    "simulated",
    "start_of",
    "versions",
]

_VALUES_AGREE = 1e-9
_ESTIMATES_AGREE = 1e-3
_REACH = 0.5


def versions() -> dict[str, str]:
    """Name the versions that the last bits of a result depend on."""
    return {
        "bootmle": metadata.version("bootmle"),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "joblib": joblib.__version__,
        "machine": platform.machine(),
    }


def describe(fit: Fit | Estimator, sampling: Plan, refit: str, seed: int) -> dict[str, Any]:
    """Describe a run in a form that JSON holds, so that another can be told to be the same."""
    return {
        "names": list(fit.names),
        "data": _data(fit),
        "objective": _values(fit),
        "seed": str(seed),
        "sampling": f"{sampling} {_digest(sampling)}{_simulator(fit, sampling)}",
        "refit": refit,
        "parameters": _parameters(fit),
        "chunk": chunk_size(n_observations(fit)),
    }


def differences(stored: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    """Name what differs between two descriptions, as "name: stored, now own".

    Examples
    --------
    >>> differences({"seed": "1", "objective": [2.0]}, {"seed": "2", "objective": [2.0 + 1e-12]})
    ['seed: 1, now 2']
    """
    return [
        f"{name}: {stored.get(name)}, now {value}"
        for name, value in own.items()
        if not _same(name, stored.get(name), value)
    ]


def start_of(fit: Fit | Estimator) -> dict[str, Any]:
    """Return where refits start: the estimate, and for a Fit its whitening and noise."""
    start: dict[str, Any] = {"estimate": fit.estimate.tolist()}
    if isinstance(fit, Fit):
        start["center"] = fit.whitening.center.tolist()
        start["factor"] = fit.whitening.factor.tolist()
        start["noise"] = fit.step_sizes.noise
    return start


def restored(fit: Fit | Estimator, start: Mapping[str, Any]) -> Fit | Estimator:
    """Start where the first run of several started, to the last bit.

    Raises
    ------
    ValueError
        Where the estimates are further apart than a thousandth of a standard error.
    """
    estimate = np.array(start["estimate"])
    if isinstance(fit, Estimator):
        _check_near(fit.estimate, estimate, 1e-9 * np.maximum(1.0, np.abs(estimate)))
        return fit
    whitening = Whitening(
        np.array(start["center"]), np.array(start["factor"]).reshape(-1, fit.whitening.size)
    )
    own = fit.likelihood.parameters.to_working(fit.estimate)
    _check_near(own, whitening.center, _ESTIMATES_AGREE * fit.whitening.units)
    if np.array_equal(estimate, fit.estimate) and np.array_equal(
        whitening.factor, fit.whitening.factor
    ):
        return fit
    return replace(
        fit,
        estimate=estimate,
        whitening=whitening,
        base=fit.likelihood.at(estimate),
        step_sizes=StepSizes.from_noise(start["noise"]),
    )


def _check_near(own: Floats, stored: Floats, allowed: Floats) -> None:
    """Refuse another estimate."""
    if own.shape != stored.shape or not np.all(np.abs(own - stored) <= allowed):
        raise ValueError(f"estimate: {stored}, now {own}")


def _same(name: str, stored: Any, own: Any) -> bool:
    """Whether two entries agree; values of the objective to 1e-9."""
    if name != "objective" or not isinstance(stored, list) or len(stored) != len(own):
        return bool(stored == own)
    one, other = np.array(stored, dtype=float), np.array(own, dtype=float)
    return bool(np.allclose(one, other, rtol=_VALUES_AGREE, atol=_VALUES_AGREE, equal_nan=True))


def _data(fit: Fit | Estimator) -> str:
    """Checksum the data, and the prior weights."""
    args = fit.args if isinstance(fit, Estimator) else fit.likelihood.args
    prior = None if isinstance(fit, Estimator) else fit.likelihood.weights
    marks = fingerprint(args if prior is None else (*args, prior))
    return hashlib.sha256(repr(marks).encode()).hexdigest()[:16]


def _values(fit: Fit | Estimator) -> list[float | None]:
    """Evaluate the objective at three points: around the estimate, half a standard error away."""
    if isinstance(fit, Estimator):
        return [float(value) for value in fit.estimate]
    size = fit.whitening.size
    way = np.full(size, _REACH / np.sqrt(max(size, 1)))
    working = fit.whitening.to_working(np.array([0 * way, way, -way]))
    with np.errstate(all="ignore"):
        found = [_value(fit, point) for point in fit.likelihood.parameters.to_user(working)]
    return [value if np.isfinite(value) else None for value in found]


def _value(fit: Fit, params: Floats) -> float:
    """Evaluate the objective, NaN where it raises."""
    try:
        return fit.likelihood.total(params)
    except Exception:  # the user's code may raise anything outside its domain
        return np.nan


def _parameters(fit: Fit | Estimator) -> dict[str, Any]:
    """List what parameters are held, bounded and transformed."""
    if isinstance(fit, Estimator):
        return {"standard_error": fit.standard_error is not None}
    own = fit.likelihood.parameters
    return {
        "held": [name for name, free in zip(fit.names, fit.free, strict=True) if not free],
        "bounds": [[str(end) for end in pair] for pair in own.bounds.tolist()],
        "scales": [type(scale).__name__ for scale in own.scales],
    }


def _simulator(fit: Fit | Estimator, sampling: Plan) -> str:
    """Tell one plan's simulator from another's of the same name."""
    if not isinstance(sampling, Parametric):
        return ""
    args = fit.args if isinstance(fit, Estimator) else fit.likelihood.args
    return f" {simulated(sampling.simulate, fit.estimate, args)}"


def _digest(plan: Plan) -> str:
    """Checksum what a plan holds: labels, weights, lengths; functions by their names."""
    assert is_dataclass(plan)
    held = [_mark(getattr(plan, field.name)) for field in fields(plan)]
    return hashlib.sha256(repr(held).encode()).hexdigest()[:16]


def _mark(value: Any) -> Any:
    """Reduce one value to what tells it apart in every process."""
    if isinstance(value, np.ndarray) or hasattr(value, "iloc") or isinstance(value, list):
        return fingerprint((np.asarray(value),))
    if isinstance(value, tuple):
        return [_mark(part) for part in value]
    return name_of(value) if callable(value) else repr(value)


def name_of(function: Callable[..., Any]) -> str:
    """Name a function, without its address in memory.

    Examples
    --------
    >>> name_of(partial(np.add, 1))
    'partial(add, (1,), {})'
    """
    if isinstance(function, partial):
        return f"partial({name_of(function.func)}, {function.args}, {function.keywords})"
    named = getattr(function, "__qualname__", None) or getattr(function, "__name__", None)
    return str(named or type(function).__qualname__)


def simulated(simulate: Callable[..., Any], params: Floats, args: tuple[Any, ...]) -> str:
    """Checksum what a simulator makes of one stream, so that a changed one is noticed."""
    try:
        data = as_args(simulate(params.copy(), np.random.default_rng(0), *args))
        return hashlib.sha256(repr(fingerprint(data)).encode()).hexdigest()[:16]
    except Exception:  # the user's code may raise anything, and does so again where it matters
        return "raises"
