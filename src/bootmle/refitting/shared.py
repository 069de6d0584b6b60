"""What all refits of a fit share, measured once for each fit that is alive."""

from __future__ import annotations

from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from bootmle.fitting.fit import Fit
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.taken_apart import CHECKS, take_apart
from bootmle.refitting.dispersion import measure_dispersion, rescale
from bootmle.refitting.expansion import SharedExpansion, expand_shared

__all__ = ["Members", "is_measured", "parts_of", "shared_by_refits"]

Members = tuple[NDArray[np.intp], ...]
"""Rows of each unit that a total is taken apart into; the single rows if empty."""

_Shared = tuple[Fit | None, SharedExpansion | None, float]

_SHARED: WeakKeyDictionary[Fit, dict[tuple[bytes, ...] | None, _Shared]] = WeakKeyDictionary()
"""What was found for each fit, whole or apart."""


def is_measured(fit: Fit, *, apart: bool) -> bool:
    """Whether what all refits share is known already, of a total or of its parts."""
    return any((key is not None) == apart for key in _SHARED.get(fit, {}))


def shared_by_refits(fit: Fit, units: Members | None) -> _Shared:
    """Return a fit that is rescaled, if it has to be, the expansion, and the dispersion."""
    found = _SHARED.setdefault(fit, {})
    key = None if units is None else tuple(each.tobytes() for each in units)
    if key not in found:
        found[key] = _measure(fit, units)
    return found[key]


def _measure(fit: Fit, units: Members | None) -> _Shared:
    """Expand a fit, and rescale it if its objective is far from a log-likelihood in scale."""

    def of(one: Fit, divisor: float) -> Likelihood:
        return one.likelihood if units is None else parts_of(fit, units, one, divisor)

    likelihood = of(fit, 1.0)
    expansion = expand_shared(likelihood, fit.whitening, fit.step_sizes.expansion_step)
    if expansion is not None and units is not None:
        expansion = replace(expansion, n_evaluations=expansion.n_evaluations + CHECKS)
    dispersion = measure_dispersion(replace(fit, likelihood=likelihood), expansion)
    if dispersion == 1:
        return None, expansion, 1.0
    rescaled = rescale(fit, dispersion)
    likelihood, step = of(rescaled, dispersion), rescaled.step_sizes.expansion_step
    shared = expand_shared(likelihood, rescaled.whitening, step)
    return rescaled, shared, dispersion


def parts_of(fit: Fit, units: Members, one: Fit, divisor: float) -> Likelihood:
    """Take a fit's total apart, in the form of another whose objective is divided."""
    points, (near, far) = fit.responses
    return take_apart(one.likelihood, units or None, points, (near / divisor, far / divisor))
