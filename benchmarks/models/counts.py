"""Counts with a log link: Poisson and negative binomial (NB2) regression of (X, y)."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.special import betaln, digamma, gammaln

from bootmle.likelihood.arrays import Floats
from models.model import INTERCEPT, Model, regression_design, slope_names, slopes

__all__ = ["nb2", "poisson"]

Data = tuple[Floats, Floats]


def poisson(n_covariates: int = 11) -> Model:
    """Return the Poisson regression with an intercept of 0.5.

    Parameters
    ----------
    n_covariates : int
        The number of covariates besides the intercept: p = n_covariates + 1.

    Examples
    --------
    >>> poisson(n_covariates=0).nll([0.0], np.ones((1, 1)), np.array([3.0])).round(4)  # 1 + log 6
    array([2.7918])
    """
    return Model(
        name="poisson",
        names=(INTERCEPT, *slope_names(n_covariates)),
        truth=np.concatenate([[0.5], slopes(n_covariates)]),
        nll=poisson_nll,
        scores=poisson_scores,
        simulate=draw_poisson,
        design=partial(regression_design, n_covariates=n_covariates),
    )


def nb2(n_covariates: int = 10) -> Model:
    """Return the NB2 regression: the variance is mu + alpha mu², with log_alpha = -0.5.

    Parameters
    ----------
    n_covariates : int
        The number of covariates besides the intercept: p = n_covariates + 2.

    Examples
    --------
    >>> nb2(n_covariates=2).names
    ('const', 'x1', 'x2', 'log_alpha')
    """
    return Model(
        name="nb2",
        names=(INTERCEPT, *slope_names(n_covariates), "log_alpha"),
        truth=np.concatenate([[0.5], slopes(n_covariates), [-0.5]]),
        nll=nb2_contributions,
        scores=nb2_scores,
        simulate=draw_nb2,
        design=partial(regression_design, n_covariates=n_covariates),
    )


@np.errstate(all="ignore")
def poisson_nll(params: Floats, X: Floats, y: Floats) -> Floats:
    """Return the contributions, (n,)."""
    eta = X @ params
    return np.exp(eta) - y * eta + gammaln(y + 1.0)


@np.errstate(all="ignore")
def poisson_scores(params: Floats, X: Floats, y: Floats) -> Floats:
    """Return the gradients of the contributions, (n, p)."""
    return (np.exp(X @ params) - y)[:, None] * X


@np.errstate(all="ignore")
def nb2_contributions(params: Floats, X: Floats, y: Floats) -> Floats:
    """Return the contributions, (n,), by a formula that does not overflow, unlike the demo's."""
    log_alpha = params[-1]
    size, log_odds = np.exp(-log_alpha), X @ params[:-1] + log_alpha
    contributions: Floats = size * np.logaddexp(0.0, log_odds) + y * np.logaddexp(0.0, -log_odds)
    contributions += betaln(size, y + 1.0) + np.log(size + y)
    return contributions


@np.errstate(all="ignore")
def nb2_scores(params: Floats, X: Floats, y: Floats) -> Floats:
    """Return the gradients of the contributions, (n, p)."""
    eta, log_alpha = X @ params[:-1], params[-1]
    size = np.exp(-log_alpha)
    by_eta = (np.exp(eta) - y) / (1.0 + np.exp(eta + log_alpha))
    by_size = digamma(y + size) - digamma(size) - np.logaddexp(0.0, eta + log_alpha)
    return np.column_stack([by_eta[:, None] * X, size * by_size + by_eta])


def draw_poisson(params: Floats, rng: np.random.Generator, X: Floats, y: Floats) -> Data:
    """Redraw the response."""
    return X, rng.poisson(np.exp(X @ params)).astype(float)


def draw_nb2(params: Floats, rng: np.random.Generator, X: Floats, y: Floats) -> Data:
    """Redraw the response, Poisson about a gamma-distributed mean."""
    alpha = np.exp(params[-1])
    mean = np.exp(X @ params[:-1]) * rng.gamma(1.0 / alpha, alpha, len(X))
    return X, rng.poisson(mean).astype(float)
