"""The argument that is the response: under which values of it every score has mean 0."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bootmle.crosschecks.score_covariances import Scores
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.derivatives import contribution_gradients
from bootmle.likelihood.likelihood import Likelihood

__all__ = ["FORM", "STEP", "means_of", "responses", "with_response"]

FORM = 1e-4
"""Relative error up to which scores have the form from which the expectation follows: that of
differenced scores, in units of the largest."""
STEP = 0.02
"""Step of second differences in standard errors: their truncation cancels, as that of the same
differences of the data is subtracted."""


def responses(fit: Fit) -> Iterator[tuple[int, Floats]]:
    """List the arguments that may be a response, with their positions."""
    if not fit.likelihood.supports_weights or fit.likelihood.frequencies is not None:
        return
    for position, given in enumerate(fit.likelihood.args):
        of_rows = isinstance(given, np.ndarray) and given.shape == (fit.likelihood.n,)
        if of_rows and given.dtype.kind in "fiub":
            yield position, given.astype(float)


def with_response(fit: Fit, position: int, y: Floats) -> Likelihood:
    """Put another response into the data."""
    args = list(fit.likelihood.args)
    args[position] = y
    return fit.likelihood.with_args(tuple(args))


def means_of(
    fit: Fit, scores: Scores, position: int, y: Floats, chosen: NDArray[np.intp] | None = None
) -> tuple[list[Floats], list[Floats]] | None:
    """Find responses and their shares, (n,), under which all or chosen scores have mean 0."""
    # Of a binary response both values; of one that scores are affine in, the value at which they
    # are 0, at which the Hessian is its own expectation.
    values = np.unique(y)
    step = fit.step_sizes.gradient_step

    of_chosen = np.asarray(np.eye(scores.whitened.shape[1]), dtype=float)
    if chosen is not None:
        of_chosen = np.asarray(np.linalg.inv(scores.spread)[:, chosen], dtype=float)

    def at(response: Floats) -> Floats:
        likelihood = with_response(fit, position, response)
        return np.asarray(contribution_gradients(likelihood, fit.whitening, step) @ of_chosen)

    if len(values) == 2:
        low, high = (np.full(len(y), each) for each in values)
        first, second = at(low), at(high)
        share = _share(first, second - first)
        if share is None or not ((share >= 0) & (share <= 1)).all():
            return None
        return [low, high], [1 - share, share]
    width = float(np.std(y)) or 1.0
    here, once, twice = scores.whitened @ of_chosen, at(y + width), at(y + 2 * width)
    largest = np.abs(once).max() + np.abs(here).max()
    if not np.abs(twice - 2 * once + here).max() < FORM * largest:
        return None
    share = _share(here, once - here)
    if share is None:
        return None
    root = y + width * share
    if not np.abs(at(root)).max() < FORM * largest:
        return None
    return [root], [np.ones(len(y))]


def _share(first: Floats, change: Floats) -> Floats | None:
    """Solve first + share · change = 0 row by row, (n,); None where some row has no solution."""
    length = (change**2).sum(axis=1)
    if not (length > 0).all():
        return None
    share = -(first * change).sum(axis=1) / length
    left = first + share[:, None] * change
    if not np.abs(left).max() < FORM * (np.abs(first).max() + np.abs(change).max()):
        return None
    return np.asarray(share)
