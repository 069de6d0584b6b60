"""A latent normal variable seen in part: ordered probit and Tobit regression of (X, y)."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.special import log_ndtr

from bootmle.likelihood.arrays import Floats
from models.model import INTERCEPT, Model, regression_design, slope_names, slopes
from models.normal import log_density

__all__ = ["ordered_probit", "tobit"]

Data = tuple[Floats, Floats]


def ordered_probit(n_covariates: int = 9) -> Model:
    """Return the ordered probit regression with categories 0 to 3, cut at -1, 0 and 1.

    Parameters
    ----------
    n_covariates : int
        The number of covariates; there is no intercept: p = n_covariates + 3.

    Examples
    --------
    >>> model = ordered_probit(n_covariates=1)
    >>> model.names
    ('x1', 'cut1', 'cut2', 'cut3')
    >>> X, y = model.data(6, rng=0)
    >>> bool(np.isfinite(model.nll([0.5, 1.0, 0.0, -1.0], X, y)).all())  # cuts out of order
    False
    """
    return Model(
        name="ordered probit",
        names=(*slope_names(n_covariates), "cut1", "cut2", "cut3"),
        truth=np.concatenate([slopes(n_covariates), [-1.0, 0.0, 1.0]]),
        nll=ordered_probit_nll,
        scores=ordered_probit_scores,
        simulate=draw_ordered_probit,
        design=partial(regression_design, n_covariates=n_covariates, intercept=False),
    )


def tobit(n_covariates: int = 10) -> Model:
    """Return the linear regression with normal errors whose response is censored below at 0.

    Parameters
    ----------
    n_covariates : int
        The number of covariates besides the intercept: p = n_covariates + 2.

    Examples
    --------
    >>> X, y = tobit(n_covariates=3).data(200, rng=0)
    >>> bool(y.min() == 0)
    True
    """
    return Model(
        name="tobit",
        names=(INTERCEPT, *slope_names(n_covariates), "log_sigma"),
        truth=np.concatenate([[0.5], slopes(n_covariates), [0.0]]),
        nll=tobit_nll,
        scores=tobit_scores,
        simulate=draw_tobit,
        design=partial(regression_design, n_covariates=n_covariates),
    )


def interval(params: Floats, X: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return the ends of each observation's interval of the error, each (n,)."""
    k = X.shape[1]
    cuts = np.concatenate([[-np.inf], params[k:], [np.inf]])
    eta, category = X @ params[:k], y.astype(int)
    return cuts[category] - eta, cuts[category + 1] - eta


def log_probability(low: Floats, high: Floats) -> Floats:
    """Return the logarithm of the standard normal probability of (low, high), (n,)."""
    right = low + high > 0
    # A difference of two numbers near 1 would cancel: an interval on the right is mirrored.
    low, high = np.where(right, -high, low), np.where(right, -low, high)
    log_high = log_ndtr(high)
    return log_high + np.log(-np.expm1(log_ndtr(low) - log_high))


@np.errstate(all="ignore")
def ordered_probit_nll(params: Floats, X: Floats, y: Floats) -> Floats:
    """Return the contributions, (n,)."""
    return -log_probability(*interval(np.asarray(params), X, y))


@np.errstate(all="ignore")
def ordered_probit_scores(params: Floats, X: Floats, y: Floats) -> Floats:
    """Return the gradients of the contributions, (n, p)."""
    low, high = interval(params, X, y)
    log_p = log_probability(low, high)
    by_low, by_high = np.exp(log_density(low) - log_p), -np.exp(log_density(high) - log_p)
    n_cuts = len(params) - X.shape[1]
    ends = np.eye(n_cuts + 2)[y.astype(int)] * by_low[:, None]
    ends += np.eye(n_cuts + 2)[y.astype(int) + 1] * by_high[:, None]
    return np.column_stack([-(by_low + by_high)[:, None] * X, ends[:, 1:-1]])


@np.errstate(all="ignore")
def tobit_nll(params: Floats, X: Floats, y: Floats) -> Floats:
    """Return the contributions: of a density above 0, of a probability at 0."""
    log_sigma = params[-1]
    z = (y - X @ params[:-1]) / np.exp(log_sigma)
    contributions: Floats = np.where(y > 0, log_sigma - log_density(z), -log_ndtr(z))
    return contributions


@np.errstate(all="ignore")
def tobit_scores(params: Floats, X: Floats, y: Floats) -> Floats:
    """Return the gradients of the contributions, (n, p)."""
    sigma = np.exp(params[-1])
    z = (y - X @ params[:-1]) / sigma
    by_z = np.where(y > 0, z, -np.exp(log_density(z) - log_ndtr(z)))
    return np.column_stack([-(by_z / sigma)[:, None] * X, (y > 0) - by_z * z])


def draw_ordered_probit(params: Floats, rng: np.random.Generator, X: Floats, y: Floats) -> Data:
    """Redraw the response."""
    k = X.shape[1]
    latent = X @ params[:k] + rng.standard_normal(len(X))
    return X, np.searchsorted(params[k:], latent).astype(float)


def draw_tobit(params: Floats, rng: np.random.Generator, X: Floats, y: Floats) -> Data:
    """Redraw the response."""
    latent = X @ params[:-1] + np.exp(params[-1]) * rng.standard_normal(len(X))
    return X, np.maximum(latent, 0.0)
