"""What is measured at an optimum: the information in the user's parameters, and coordinates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bootmle.fitting.search import Search
from bootmle.likelihood.additivity import beside
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.definiteness import orient
from bootmle.likelihood.information import Information
from bootmle.likelihood.jacobian import check_jac_at, check_jac_between
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.row_dependence import (
    describe_data,
    describe_missing,
    describe_precision,
)
from bootmle.likelihood.scales import Identity
from bootmle.optimization.convergence import observed_information
from bootmle.optimization.status import Status
from bootmle.optimization.whitening import Whitening

__all__ = [
    "check_automatic",
    "check_jac_beside",
    "coordinates_at",
    "in_user_parameters",
    "notes_at",
    "probe_at",
    "withheld",
]

_ASIDE = 1e-3
"""Standard errors to either side of a probe: the error of a central difference is their square."""


def check_automatic(likelihood: Likelihood, search: Search, estimate: Floats) -> None:
    """Refuse a gradient by JAX that is not the objective's at the optimum."""
    # Of a branch that is not taken it can be NaN, or wrong; on the way to a limit at infinity it
    # may be what its rounding errors are.
    if likelihood.automatic and search.status is not Status.NO_FINITE_OPTIMUM:
        check_jac_at(likelihood, estimate)


def check_jac_beside(likelihood: Likelihood, search: Search, whitening: Whitening) -> None:
    """Refuse a gradient that is not the objective's a standard error from the optimum."""
    if search.status.converged:
        behind, at, ahead = (
            probe_at(likelihood, whitening, 1.0 + side) for side in (-_ASIDE, 0.0, _ASIDE)
        )
        check_jac_between(likelihood, at, (ahead, behind))


def in_user_parameters(likelihood: Likelihood, search: Search, estimate: Floats) -> Information:
    """Return the information in all free parameters, on the user's scale."""
    parameters = likelihood.parameters
    plain = all(isinstance(scale, Identity) for scale in parameters.scales)
    if plain and search.likelihood.parameters is parameters:
        return search.information
    unscaled = parameters.with_scales([Identity()] * parameters.free.size)
    found, metric = search.information, None
    if search.likelihood.parameters is parameters and found.definiteness == "positive definite":
        slopes = parameters.slopes(search.working)
        metric = found.covariance * np.outer(slopes, slopes)
    information = observed_information(
        replace(likelihood, parameters=unscaled), estimate[parameters.free], metric
    )
    if found.limit is not None:
        slopes = parameters.slopes(search.working)[:, None]
        return replace(information, limit=found.limit * slopes)
    if found.tangent is not None:
        slopes = parameters.slopes(search.working)[:, None]
        null = orient(found.null_directions * slopes)
        kind, tangent = found.definiteness, found.tangent * slopes
        return replace(information, definiteness=kind, null_directions=null, tangent=tangent)
    same = found.point.size == information.point.size
    if same and found.definiteness == "singular" and information.definiteness != "singular":
        # A straight flat direction on the working scale is a curved one here, and harder to detect.
        directions = found.null_directions * parameters.slopes(search.working)[:, None]
        return replace(information, definiteness="singular", null_directions=orient(directions))
    return information


def coordinates_at(
    likelihood: Likelihood, search: Search, information: Information, estimate: Floats
) -> Whitening:
    """Return coordinates for all free parameters: the search's, unless it fixed some at bounds."""
    if search.likelihood.parameters is likelihood.parameters:
        return Whitening(search.working, search.whitening.factor)
    matrix = np.nan_to_num(information.matrix)
    user = Whitening.from_curvature(estimate[likelihood.parameters.free], matrix)
    working = likelihood.parameters.to_working(estimate)
    slopes = likelihood.parameters.slopes(working)
    return Whitening(working, user.factor / np.where(slopes == 0, 1.0, slopes)[:, None])


def probe_at(likelihood: Likelihood, whitening: Whitening, side: float) -> Floats:
    """Return a point a standard error away in every whitened coordinate."""
    step = side * whitening.factor.sum(axis=1)
    return beside(likelihood.parameters, whitening.center, step)


def notes_at(
    likelihood: Likelihood, search: Search, estimate: Floats, base: Floats | float
) -> tuple[str, ...]:
    """Say what is to be known of the objective and its data, then of the search."""
    return (
        *describe_data(likelihood, estimate),
        *describe_missing(likelihood, estimate, base),
        *describe_precision(likelihood, base, search.step_sizes.noise),
        *search.notes,
    )


def withheld(information: Information, search: Search) -> Information:
    """Leave no direction that has a standard error, where the status withholds them."""
    known = information.limit is not None or information.tangent is not None
    if known or not search.status.withheld:
        return information
    return replace(information, limit=np.full((information.point.size, 1), np.nan))
