"""Exact derivatives of objectives in JAX, as they are seen in coordinates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bootmle.execution.raised import RAISED
from bootmle.execution.timelimit import UNLIMITED
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.compiled import Path
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.view import Coordinates, View

__all__ = ["automatic_derivatives", "automatic_gradients", "path_of", "take_automatic_scores"]


def automatic_gradients(views: Sequence[View], points: Floats) -> Floats | None:
    """Evaluate the gradients of one objective in JAX with several weights; None where one fails."""
    # A contribution of weight zero outside its domain makes a sum that is not finite, as does what
    # the objective raises: then each view is evaluated by itself.
    likelihood = views[0].likelihood
    together = all(view.likelihood.args is likelihood.args for view in views)
    if not together or views[0].stopwatch is not UNLIMITED:  # which runs for each by itself
        return None
    params, directions = views[0].linearized(points)
    weights = [view.likelihood.total_weights for view in views]
    assert likelihood.automatic is not None
    try:
        found = likelihood.automatic.gradients(params, weights, likelihood.args)
    except RAISED:  # the user's code may raise anything
        return None
    if not np.isfinite(found).all():
        return None
    for view in views:
        view.n_gradients += 1
    free = likelihood.parameters.of_all(found)
    return np.asarray(np.matmul(free[:, None, :], directions)[:, 0])


def automatic_derivatives(view: View, z: Floats) -> tuple[Floats, Floats] | None:
    """Evaluate the exact gradient (r,) and Hessian (r, r) at a point of an objective in JAX."""
    # None where they are not finite, or a scale of the user's own has no exact derivatives.
    likelihood, parameters = view.likelihood, view.likelihood.parameters
    working, factor = view.whitening.to_working(z), view.whitening.factor
    scale = parameters.derivatives(working)
    if likelihood.automatic is None or scale is None:
        return None
    params = parameters.to_user(working)
    slopes, bends = scale[0], scale[1]
    gradient = view.gradient_along(params, np.diag(slopes))
    try:
        full = likelihood.automatic.hessian(params, likelihood.total_weights, likelihood.args)
    except RAISED:  # the user's code may raise anything
        return None
    free = full[np.ix_(parameters.free, parameters.free)]
    # A parameter on another scale bends: its slope adds to the curvature.
    by_slope = np.divide(gradient, slopes, out=np.zeros_like(gradient), where=slopes != 0)
    hessian = factor.T @ (slopes[:, None] * free * slopes + np.diag(by_slope * bends)) @ factor
    found = gradient @ factor, (hessian + hessian.T) / 2
    return found if all(np.isfinite(each).all() for each in found) else None


def take_automatic_scores(views: Sequence[View], points: Floats) -> None:
    """Make the sandwiches' meats of an objective in JAX, whose gradients leave the scores out."""
    params, directions = views[0].linearized(points)
    first = views[0].likelihood
    same = all(view.likelihood.args is first.args for view in views)
    if first.automatic and same and views[0].sandwich.by_row and first.weights is not None:
        prior = 1.0 if views[0].sandwich.prior is None else views[0].sandwich.prior
        weights = [np.asarray(view.likelihood.weights) * prior for view in views]
        meats = first.automatic.meats(params, weights, first.args)
        free = first.parameters.free
        for view, meat, along in zip(views, meats, directions, strict=True):
            view.meat = along.T @ meat[np.ix_(free, free)] @ along
        return
    for view, point, along in zip(views, params, directions, strict=True):
        scores = view.likelihood.gradient_and_scores(point)[1]
        if scores is not None:
            view.take_scores(first.parameters.of_all(scores).T, along)


def path_of(likelihood: Likelihood, coordinates: Coordinates) -> Path | None:
    """Return how z moves the parameters from z = 0; None if a scale is the user's own."""
    parameters, center = likelihood.parameters, coordinates.center
    slopes = parameters.derivatives(center)
    if slopes is None:
        return None
    return Path(parameters.to_user(center), parameters.free, coordinates.factor, slopes)
