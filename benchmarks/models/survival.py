"""Weibull regression with right censoring, in its accelerated failure time form."""

from __future__ import annotations

from functools import partial

import numpy as np

from bootmle.likelihood.arrays import Floats
from models.model import INTERCEPT, Model, regression_design, slope_names, slopes

__all__ = ["weibull"]

Data = tuple[Floats, Floats, Floats]


def weibull(n_covariates: int = 10, censoring_mean: float = 8.0) -> Model:
    """Return the Weibull regression of (X, time, event), about 30% censored by default.

    The logarithm of the time is ``X @ b + exp(log_scale) * W`` with W the logarithm of a standard
    exponential variable; it is seen up to an independent exponential censoring time.

    Parameters
    ----------
    n_covariates : int
        The number of covariates besides the intercept: p = n_covariates + 2.
    censoring_mean : float
        The mean censoring time; infinite for none.

    Examples
    --------
    >>> model = weibull(n_covariates=0, censoring_mean=float("inf"))
    >>> model.names
    ('const', 'log_scale')
    >>> X, time, event = model.data(50, rng=0)
    >>> int(event.sum())
    50
    """
    return Model(
        name="weibull",
        names=(INTERCEPT, *slope_names(n_covariates), "log_scale"),
        truth=np.concatenate([[1.0], slopes(n_covariates), [-0.4]]),
        nll=weibull_nll,
        scores=weibull_scores,
        simulate=partial(draw_weibull, censoring_mean=censoring_mean),
        design=partial(survival_design, n_covariates=n_covariates),
    )


def survival_design(n: int, rng: np.random.Generator, *, n_covariates: int) -> Data:
    """Return covariates, and zeros for time and event."""
    X, time = regression_design(n, rng, n_covariates=n_covariates)
    return X, time, np.zeros(n)


@np.errstate(all="ignore")
def weibull_nll(params: Floats, X: Floats, time: Floats, event: Floats) -> Floats:
    """Return the contributions: of a density where event is 1, of a survivor where it is 0."""
    log_time, log_scale = np.log(time), params[-1]
    z = (log_time - X @ params[:-1]) / np.exp(log_scale)
    contributions: Floats = np.exp(z) - event * (z - log_scale - log_time)
    return contributions


@np.errstate(all="ignore")
def weibull_scores(params: Floats, X: Floats, time: Floats, event: Floats) -> Floats:
    """Return the gradients of the contributions, (n, p)."""
    scale = np.exp(params[-1])
    z = (np.log(time) - X @ params[:-1]) / scale
    by_z = np.exp(z) - event
    return np.column_stack([-(by_z / scale)[:, None] * X, event - by_z * z])


def draw_weibull(
    params: Floats,
    rng: np.random.Generator,
    X: Floats,
    time: Floats,
    event: Floats,
    *,
    censoring_mean: float,
) -> Data:
    """Redraw the times and whether they are events."""
    n = len(X)
    lifetime = np.exp(X @ params[:-1]) * rng.standard_exponential(n) ** np.exp(params[-1])
    censoring = censoring_mean * rng.standard_exponential(n)
    return X, np.minimum(lifetime, censoring), (lifetime <= censoring).astype(float)
