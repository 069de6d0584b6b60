"""Positive responses without covariates: exponential and gamma, on the log or the raw scale."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, gammaln, xlogy

from bootmle.likelihood.arrays import Floats
from models.model import Model, response_only

__all__ = ["exponential", "gamma"]


def exponential(log: bool = True) -> Model:
    """Return the exponential model of mean 2.

    Parameters
    ----------
    log : bool
        Whether its parameter is log_mean, which may be any number, or the mean itself.

    Examples
    --------
    >>> exponential(log=False).nll([2.0], 4.0).round(4)  # log 2 + 4 / 2
    np.float64(2.6931)
    """
    return Model(
        name="exponential" if log else "exponential, raw",
        names=("log_mean",) if log else ("mean",),
        truth=np.log([2.0]) if log else np.array([2.0]),
        nll=exponential_nll if log else raw_exponential_nll,
        scores=exponential_scores if log else raw_exponential_scores,
        simulate=draw_exponential if log else draw_raw_exponential,
        design=response_only,
    )


def gamma(log: bool = True) -> Model:
    """Return the gamma model of shape 2 and scale 3.

    Parameters
    ----------
    log : bool
        Whether its parameters are log_shape and log_scale, or shape and scale themselves.

    Examples
    --------
    >>> gamma().names, gamma(log=False).names
    (('log_shape', 'log_scale'), ('shape', 'scale'))
    """
    return Model(
        name="gamma" if log else "gamma, raw",
        names=("log_shape", "log_scale") if log else ("shape", "scale"),
        truth=np.log([2.0, 3.0]) if log else np.array([2.0, 3.0]),
        nll=gamma_nll if log else raw_gamma_nll,
        scores=gamma_scores if log else raw_gamma_scores,
        simulate=draw_gamma if log else draw_raw_gamma,
        design=response_only,
    )


@np.errstate(all="ignore")
def exponential_nll(params: Floats, y: Floats) -> Floats:
    """Return the contributions at log_mean, (n,)."""
    (log_mean,) = params
    contributions: Floats = log_mean + y * np.exp(-log_mean)
    return contributions


@np.errstate(all="ignore")
def exponential_scores(params: Floats, y: Floats) -> Floats:
    """Return the gradients of the contributions with respect to log_mean, (n, 1)."""
    (log_mean,) = params
    return np.column_stack([1.0 - y * np.exp(-log_mean)])


@np.errstate(all="ignore")
def raw_exponential_nll(params: Floats, y: Floats) -> Floats:
    """Return the contributions at the mean, (n,)."""
    return exponential_nll(np.log(params), y)


@np.errstate(all="ignore")
def raw_exponential_scores(params: Floats, y: Floats) -> Floats:
    """Return the gradients of the contributions with respect to the mean, (n, 1)."""
    return exponential_scores(np.log(params), y) / params


def draw_exponential(params: Floats, rng: np.random.Generator, y: Floats) -> tuple[Floats]:
    """Redraw the response at log_mean."""
    return draw_raw_exponential(np.exp(params), rng, y)


def draw_raw_exponential(params: Floats, rng: np.random.Generator, y: Floats) -> tuple[Floats]:
    """Redraw the response at the mean."""
    (mean,) = params
    return (rng.exponential(mean, len(y)),)


@np.errstate(all="ignore")
def gamma_nll(params: Floats, y: Floats) -> Floats:
    """Return the contributions at (log_shape, log_scale), (n,)."""
    log_shape, log_scale = params
    shape = np.exp(log_shape)
    contributions: Floats = gammaln(shape) - xlogy(shape - 1.0, y)
    contributions += shape * log_scale + y * np.exp(-log_scale)
    return contributions


@np.errstate(all="ignore")
def gamma_scores(params: Floats, y: Floats) -> Floats:
    """Return the gradients of the contributions with respect to the logarithms, (n, 2)."""
    log_shape, log_scale = params
    shape = np.exp(log_shape)
    by_shape = shape * (digamma(shape) + log_scale - np.log(y))
    return np.column_stack([by_shape, shape - y * np.exp(-log_scale)])


@np.errstate(all="ignore")
def raw_gamma_nll(params: Floats, y: Floats) -> Floats:
    """Return the contributions at (shape, scale), (n,)."""
    return gamma_nll(np.log(params), y)


@np.errstate(all="ignore")
def raw_gamma_scores(params: Floats, y: Floats) -> Floats:
    """Return the gradients of the contributions with respect to shape and scale, (n, 2)."""
    return gamma_scores(np.log(params), y) / params


def draw_gamma(params: Floats, rng: np.random.Generator, y: Floats) -> tuple[Floats]:
    """Redraw the response at (log_shape, log_scale)."""
    return draw_raw_gamma(np.exp(params), rng, y)


def draw_raw_gamma(params: Floats, rng: np.random.Generator, y: Floats) -> tuple[Floats]:
    """Redraw the response at (shape, scale)."""
    shape, scale = params
    return (rng.gamma(shape, scale, len(y)),)
