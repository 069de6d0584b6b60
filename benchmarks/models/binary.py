"""Binary responses: logit and probit regression of (X, y), y 0 or 1."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.special import expit, log_ndtr, ndtr

from bootmle.likelihood.arrays import Floats
from models.model import INTERCEPT, Model, regression_design, slope_names, slopes
from models.normal import log_density

__all__ = ["logit", "probit"]

Data = tuple[Floats, Floats]


def logit(n_covariates: int = 11) -> Model:
    """Return the logit regression with an intercept of 0.5.

    Parameters
    ----------
    n_covariates : int
        The number of covariates besides the intercept: p = n_covariates + 1.

    Examples
    --------
    >>> model = logit(n_covariates=1)
    >>> model.nll([0.0, 0.0], *model.data(3, rng=0)).round(4)  # log 2
    array([0.6931, 0.6931, 0.6931])
    """
    return Model(
        name="logit",
        names=(INTERCEPT, *slope_names(n_covariates)),
        truth=np.concatenate([[0.5], slopes(n_covariates)]),
        nll=logit_nll,
        scores=logit_scores,
        simulate=draw_logit,
        design=partial(regression_design, n_covariates=n_covariates),
    )


def probit(n_covariates: int = 11) -> Model:
    """Return the probit regression with an intercept of 0.5.

    Parameters
    ----------
    n_covariates : int
        The number of covariates besides the intercept: p = n_covariates + 1.

    Examples
    --------
    >>> probit(n_covariates=2).truth
    array([ 0.5,  0.5, -0.4])
    """
    return Model(
        name="probit",
        names=(INTERCEPT, *slope_names(n_covariates)),
        truth=np.concatenate([[0.5], slopes(n_covariates)]),
        nll=probit_nll,
        scores=probit_scores,
        simulate=draw_probit,
        design=partial(regression_design, n_covariates=n_covariates),
    )


@np.errstate(all="ignore")
def logit_nll(params: Floats, X: Floats, y: Floats) -> Floats:
    """Return the contributions, (n,)."""
    return np.logaddexp(0.0, (1.0 - 2.0 * y) * (X @ params))


@np.errstate(all="ignore")
def logit_scores(params: Floats, X: Floats, y: Floats) -> Floats:
    """Return the gradients of the contributions, (n, p)."""
    sign = 1.0 - 2.0 * y
    return (sign * expit(sign * (X @ params)))[:, None] * X


@np.errstate(all="ignore")
def probit_nll(params: Floats, X: Floats, y: Floats) -> Floats:
    """Return the contributions, (n,)."""
    return -log_ndtr((2.0 * y - 1.0) * (X @ params))


@np.errstate(all="ignore")
def probit_scores(params: Floats, X: Floats, y: Floats) -> Floats:
    """Return the gradients of the contributions, (n, p)."""
    sign = 2.0 * y - 1.0
    z = sign * (X @ params)
    return -(sign * np.exp(log_density(z) - log_ndtr(z)))[:, None] * X


def draw_logit(params: Floats, rng: np.random.Generator, X: Floats, y: Floats) -> Data:
    """Redraw the response."""
    return X, (rng.random(len(X)) < expit(X @ params)).astype(float)


def draw_probit(params: Floats, rng: np.random.Generator, X: Floats, y: Floats) -> Data:
    """Redraw the response."""
    return X, (rng.random(len(X)) < ndtr(X @ params)).astype(float)
