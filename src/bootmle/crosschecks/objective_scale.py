"""Whether an objective is −log L or −2 log L, by the outcomes under which scores have mean 0."""

from __future__ import annotations

import numpy as np

from bootmle.crosschecks.response import STEP, means_of, responses, with_response
from bootmle.crosschecks.score_covariances import Scores
from bootmle.execution.raised import RAISED
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.derivatives import contribution_curvatures, contribution_gradients

__all__ = ["objective_scale"]

_SCALE = 0.01
"""Relative error of the scale of an objective, which is 1 or 2."""


def objective_scale(fit: Fit, scores: Scores) -> float | None:
    """Measure whether an objective is −log L (1) or −2 log L (2), for counts and two outcomes."""
    # The probabilities of two outcomes sum to 1. A Poisson score that is affine in y by b, with the
    # curvature h, has h/b² = μ over the scale. None where neither is the case.
    with np.errstate(all="ignore"):
        try:
            for position, y in responses(fit):
                means = means_of(fit, scores, position, y)
                if means is not None:
                    return _scale_of(fit, scores, position, y, *means)
        except RAISED:  # the user's code may raise anything on data of its own
            pass
    return None


def _scale_of(
    fit: Fit, scores: Scores, position: int, y: Floats, levels: list[Floats], shares: list[Floats]
) -> float | None:
    """Measure the scale from the outcomes that scores have mean 0 under."""
    params = fit.likelihood.parameters.to_user(fit.whitening.center)
    parts = [with_response(fit, position, level) for level in levels]
    if len(levels) == 2:
        values = np.array([part.contributions(params) for part in parts])
        ratios = {scale: np.exp(-values / scale).sum(axis=0) for scale in (1.0, 2.0)}
    else:
        direction = np.ones((1, scores.whitened.shape[1]))
        step = fit.step_sizes.gradient_step
        ahead = contribution_gradients(
            with_response(fit, position, levels[0] + 1), fit.whitening, step
        )
        base = parts[0].contributions(params)
        bends = contribution_curvatures(parts[0], fit.whitening, direction, base, STEP)
        ratio = bends[:, 0] / ahead.sum(axis=1) ** 2 / levels[0]
        ratios = {scale: ratio * scale for scale in (1.0, 2.0)}
    for scale, each in ratios.items():
        if np.abs(each - 1).max() < _SCALE:
            return scale
    return None
