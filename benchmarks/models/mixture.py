"""A mixture of two normal distributions with a common variance."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_expit

from bootmle.likelihood.arrays import Floats
from models.model import Model, response_only
from models.normal import log_density

__all__ = ["normal_mixture"]


def normal_mixture() -> Model:
    """Return the mixture of N(0, 1) and N(3, 1), the first drawn with probability expit(-0.5).

    Examples
    --------
    >>> normal_mixture().names
    ('mu1', 'mu2', 'log_sigma', 'logit_weight')
    """
    return Model(
        name="normal mixture",
        names=("mu1", "mu2", "log_sigma", "logit_weight"),
        truth=np.array([0.0, 3.0, 0.0, -0.5]),
        nll=mixture_nll,
        scores=mixture_scores,
        simulate=draw_mixture,
        design=response_only,
    )


@np.errstate(all="ignore")
def mixture_nll(params: Floats, y: Floats) -> Floats:
    """Return the contributions, (n,)."""
    mu1, mu2, log_sigma, logit_weight = params
    first = log_expit(logit_weight) + log_density((y - mu1) / np.exp(log_sigma))
    second = log_expit(-logit_weight) + log_density((y - mu2) / np.exp(log_sigma))
    contributions: Floats = log_sigma - np.logaddexp(first, second)
    return contributions


@np.errstate(all="ignore")
def mixture_scores(params: Floats, y: Floats) -> Floats:
    """Return the gradients of the contributions, (n, 4)."""
    mu1, mu2, log_sigma, logit_weight = params
    sigma = np.exp(log_sigma)
    z1, z2 = (y - mu1) / sigma, (y - mu2) / sigma
    log_odds = logit_weight + log_density(z1) - log_density(z2)
    p1, p2 = expit(log_odds), expit(-log_odds)
    return np.column_stack(
        [
            -p1 * z1 / sigma,
            -p2 * z2 / sigma,
            1.0 - p1 * z1 * z1 - p2 * z2 * z2,
            expit(logit_weight) - p1,
        ]
    )


def draw_mixture(params: Floats, rng: np.random.Generator, y: Floats) -> tuple[Floats]:
    """Redraw the response."""
    mu1, mu2, log_sigma, logit_weight = params
    mean = np.where(rng.random(len(y)) < expit(logit_weight), mu1, mu2)
    return (rng.normal(mean, np.exp(log_sigma)),)
