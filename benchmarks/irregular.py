"""Models on which methods fail: wrong, weakly identified or not at all, or at the boundary."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bootmle.likelihood.arrays import Floats
from models import Model, ar1, nb2

__all__ = ["at", "draw_autocorrelated", "draw_overdispersed", "only_a_sum", "weak_instrument"]

LOG_ALPHA = -0.5
AUTOCORRELATION = 0.6


def draw_overdispersed(
    params: Floats, rng: np.random.Generator, X: Floats, y: Floats
) -> tuple[Floats, Floats]:
    """Draw negative binomial counts with the mean of the Poisson model."""
    drawn: tuple[Floats, Floats] = nb2().simulate(np.append(params, LOG_ALPHA), rng, X, y)
    return drawn


def draw_autocorrelated(params: Floats, rng: np.random.Generator, y: Floats) -> tuple[Floats]:
    """Draw an autoregression with the mean and the variance of the normal model."""
    mu, log_sigma = params
    scale = log_sigma + 0.5 * np.log1p(-(AUTOCORRELATION**2))
    drawn: tuple[Floats] = ar1().simulate(np.array([mu, AUTOCORRELATION, scale]), rng, y)
    return drawn


def weak_instrument(strength: float) -> Model:
    """Return two regressions on z with slopes pi and pi * beta: a small pi leaves beta open."""
    return Model(
        name="weak instrument",
        names=("beta", "pi"),
        truth=np.array([1.0, strength]),
        nll=weak_nll,
        scores=weak_scores,
        simulate=draw_weak,
        design=lambda n, rng: (rng.standard_normal(n), np.zeros(n), np.zeros(n)),
    )


def weak_nll(params: Floats, z: Floats, x: Floats, y: Floats) -> Floats:
    """Return the contributions, (n,), with errors of variance 1."""
    beta, pi = params
    contributions: Floats = 0.5 * ((x - pi * z) ** 2 + (y - pi * beta * z) ** 2)
    return contributions


def weak_scores(params: Floats, z: Floats, x: Floats, y: Floats) -> Floats:
    """Return the gradients of the contributions, (n, 2)."""
    beta, pi = params
    by_x, by_y = (pi * z - x) * z, (pi * beta * z - y) * z
    return np.column_stack([pi * by_y, by_x + beta * by_y])


def draw_weak(
    params: Floats, rng: np.random.Generator, z: Floats, x: Floats, y: Floats
) -> tuple[Floats, Floats, Floats]:
    """Redraw both responses."""
    beta, pi = params
    return z, pi * z + rng.standard_normal(len(z)), pi * beta * z + rng.standard_normal(len(z))


def only_a_sum() -> Model:
    """Return the normal mean with variance 1, written as the sum of two parameters."""
    return Model(
        name="only a sum",
        names=("a", "b"),
        truth=np.array([1.0, 0.5]),
        nll=lambda params, y: 0.5 * (y - params[0] - params[1]) ** 2,
        scores=lambda params, y: np.repeat((params.sum() - y)[:, None], 2, axis=1),
        simulate=lambda params, rng, y: (rng.normal(params.sum(), 1.0, len(y)),),
        design=lambda n, rng: (np.zeros(n),),
    )


def at(model: Model, **values: float) -> Model:
    """Move some true values."""
    truth = model.truth.copy()
    truth[[model.names.index(name) for name in values]] = list(values.values())
    return replace(model, truth=truth)
