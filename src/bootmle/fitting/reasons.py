"""Why a search ended without a certificate, and what to do."""

from __future__ import annotations

import numpy as np

from bootmle.fitting.descent import Descent
from bootmle.fitting.kinks import has_kinks

__all__ = ["HIGHER", "why_not_certified"]

HIGHER = (
    "the search ended above a point that it had passed, or out of bounds, and returned there: "
    "where the objective is not smooth, or its valleys are narrow, start elsewhere or give the "
    "parameters comparable scales"
)

_BOTTOM = 1e-3
"""Distance to the optimum at which only a flat direction prevents a certificate."""

_NO_DERIVATIVE = (
    "no derivative can be measured: around this point the objective is constant, or not finite; "
    "check that fun uses its parameters, and start elsewhere"
)
_KINK = (
    "the measured curvature depends on the length of the step: the objective has a kink at its "
    "lowest point, as absolute values do; use Estimator to bootstrap your own fit"
)
_FLAT = (
    "the objective is nearly flat along some direction, perhaps a curved one, or has a kink at its "
    "lowest point, as absolute values do: do two parameters enter only as a product, or are its "
    "differences too small to measure? Fix one parameter ({how}), or multiply the objective; "
    "where it has kinks, use Estimator to bootstrap your own fit"
)
_NOT_CONVERGED = (
    "{what}; start elsewhere, give the parameters comparable scales, or check whether the "
    "objective has steps, kinks or noise"
)


def why_not_certified(search: Descent, message: str) -> str:
    """Say what keeps the search from a certificate, and what to do; given why SciPy failed."""
    if not np.isfinite(search.information.matrix).all():
        return _NO_DERIVATIVE
    kinked = has_kinks(search)
    if kinked and search.information.definiteness == "positive definite":
        return _KINK
    flat = search.information.definiteness in {"undecided", "singular"}
    if flat and (kinked or search.decrement < _BOTTOM):
        return _FLAT.format(how=search.likelihood.how_to_fix)
    what = (
        f"SciPy reports: {message}" if message else "the search came to rest at no smooth optimum"
    )
    return _NOT_CONVERGED.format(what=what)
