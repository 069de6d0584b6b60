"""The normal distribution: its mean and the logarithm of its standard deviation."""

from __future__ import annotations

import math

import numpy as np

from bootmle.likelihood.arrays import Floats
from models.model import Model, response_only

__all__ = ["log_density", "normal"]

LOG_2PI = math.log(2.0 * math.pi)


def normal() -> Model:
    """Return the normal model with parameters mu = 1 and log_sigma = log 2.

    Examples
    --------
    >>> model = normal()
    >>> model.names
    ('mu', 'log_sigma')
    >>> model.nll([0.0, 0.0], 0.0).round(4)  # log(2 pi) / 2
    np.float64(0.9189)
    """
    return Model(
        name="normal",
        names=("mu", "log_sigma"),
        truth=np.array([1.0, np.log(2.0)]),
        nll=normal_nll,
        scores=normal_scores,
        simulate=draw_normal,
        design=response_only,
    )


def log_density(z: Floats) -> Floats:
    """Return the standard normal log density, (n,) -> (n,)."""
    return -0.5 * (z * z + LOG_2PI)


@np.errstate(all="ignore")
def normal_nll(params: Floats, y: Floats) -> Floats:
    """Return the contributions, (n,)."""
    mu, log_sigma = params
    contributions: Floats = log_sigma - log_density((y - mu) / np.exp(log_sigma))
    return contributions


@np.errstate(all="ignore")
def normal_scores(params: Floats, y: Floats) -> Floats:
    """Return the gradients of the contributions, (n, 2)."""
    mu, log_sigma = params
    z = (y - mu) / np.exp(log_sigma)
    return np.column_stack([-z / np.exp(log_sigma), 1.0 - z * z])


def draw_normal(params: Floats, rng: np.random.Generator, y: Floats) -> tuple[Floats]:
    """Redraw the response."""
    mu, log_sigma = params
    return (rng.normal(mu, np.exp(log_sigma), len(y)),)
