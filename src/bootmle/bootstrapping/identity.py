"""The identity of a run: its data, objective, plan and options, as JSON."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import joblib
import numpy as np
import scipy

from bootmle.execution.checkpoint import ROUNDED
from bootmle.execution.threads import kernel
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.refitting.task import chunk_of
from bootmle.sampling import Plan
from bootmle.sampling.streams import STREAMS

__all__ = ["describe", "differences", "versions"]

_VALUES_AGREE = 1e-9
"""Tolerance for values of the objective, which differ by rounding on another machine."""


def versions(fit: Fit | Estimator) -> dict[str, str]:
    """Return the versions on which the last bits of a result depend, and the device."""
    automatic = None if fit.likelihood is None else fit.likelihood.automatic
    return {
        "bootmle": metadata.version("bootmle"),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "joblib": joblib.__version__,
        "machine": platform.machine(),
        "kernel": kernel(),
        **({} if automatic is None else automatic.versions),
    }


def describe(fit: Fit | Estimator, sampling: Plan, refit: str, seed: int) -> dict[str, Any]:
    """Describe a run as JSON, so that another one can be compared with it."""
    return {
        **fit.description(seed),
        "seed": str(seed),
        "streams": STREAMS,
        "sampling": sampling.description(fit),
        "refit": refit,
        "chunk": chunk_of(fit),
    }


def differences(stored: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    """List what differs between two descriptions, as "name: stored, now own"."""
    found = []
    for name, value in own.items():
        if name in ROUNDED:
            found += _changed(name, stored.get(name) or [], value or [])
        elif stored.get(name) != value:
            found.append(f"{name}: {stored.get(name)}, now {value}")
    return found


def _changed(name: str, stored: Sequence[Any], own: Sequence[Any]) -> list[str]:
    """Describe the first of several values that differs by more than rounding."""
    # An earlier version compared fewer values, those that come first.
    for one, other in zip(stored, own, strict=False):
        pair = np.array([[one], [other]], dtype=float)
        if not np.allclose(
            pair[0], pair[1], rtol=_VALUES_AGREE, atol=_VALUES_AGREE, equal_nan=True
        ):
            return [f"{name}: {one}, now {other}"]
    return []
