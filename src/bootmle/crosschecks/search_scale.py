"""A search's result on the user's scale, where it was searched on that of ``transform``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bootmle.fitting.fitted import Fitted
from bootmle.fitting.optimum import Optimum
from bootmle.likelihood.arrays import Floats

__all__ = ["on_users_scale"]


def on_users_scale(
    fit: Fitted, result: Mapping[str, Any], matrix: Floats
) -> tuple[Mapping[str, Any], Floats]:
    """Put a result's x and its matrix (p, p) on the user's scale, by the delta method."""
    x = np.asarray(result["x"], dtype=float)
    if not isinstance(fit, Optimum) or x.shape != fit.likelihood.parameters.free.shape:
        return result, matrix
    searched = fit.likelihood.parameters.with_scales(fit.scales)
    there, as_it_is = searched.to_user(x), fit.estimate.copy()
    as_it_is[searched.free] = x
    if not _distance(fit, there) < _distance(fit, as_it_is):
        return result, matrix
    slopes = np.ones(fit.estimate.size)
    slopes[searched.free] = searched.slopes(x)
    return {**result, "x": there}, matrix * np.outer(slopes, slopes)


def _distance(fit: Optimum, params: Floats) -> float:
    """Return the distance of a full parameter vector from the estimate in standard errors."""
    with np.errstate(all="ignore"):
        working = fit.likelihood.parameters.to_working(params)
        away = float(np.linalg.norm(fit.whitening.to_whitened(working)))
    return away if np.isfinite(away) else np.inf
