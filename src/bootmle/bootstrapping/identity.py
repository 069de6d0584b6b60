"""The identity of a run: its data, objective, plan and options, as JSON."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import joblib
import numpy as np
import scipy

from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.refitting.task import chunk_size
from bootmle.sampling import Plan

__all__ = ["describe", "differences", "versions"]

_VALUES_AGREE = 1e-9
"""Tolerance for values of the objective, which differ by rounding on another machine."""


def versions() -> dict[str, str]:
    """Return the versions on which the last bits of a result depend."""
    return {
        "bootmle": metadata.version("bootmle"),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "joblib": joblib.__version__,
        "machine": platform.machine(),
    }


def describe(fit: Fit | Estimator, sampling: Plan, refit: str, seed: int) -> dict[str, Any]:
    """Describe a run as JSON, so that another one can be compared with it."""
    return {
        **fit.description(),
        "seed": str(seed),
        "sampling": sampling.description(fit),
        "refit": refit,
        "chunk": chunk_size(fit.n),
    }


def differences(stored: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    """List what differs between two descriptions, as "name: stored, now own"."""
    return [
        f"{name}: {stored.get(name)}, now {value}"
        for name, value in own.items()
        if not _same(name, stored.get(name), value)
    ]


def _same(name: str, stored: Any, own: Any) -> bool:
    """Whether two entries agree; values of the objective up to rounding."""
    if name != "objective" or not isinstance(stored, list) or len(stored) != len(own):
        return bool(stored == own)
    one, other = np.array(stored, dtype=float), np.array(own, dtype=float)
    return bool(np.allclose(one, other, rtol=_VALUES_AGREE, atol=_VALUES_AGREE, equal_nan=True))
