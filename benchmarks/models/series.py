"""A time series: the stationary autoregression of order one, each row reading the one before."""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from bootmle.likelihood.arrays import Floats
from models.model import Model, response_only
from models.normal import log_density

__all__ = ["ar1"]


def ar1(phi: float = 0.5) -> Model:
    """Return the stationary autoregression about a mean of 1, with innovations of variance 1.

    Row t is normal about ``mean + phi * (y[t - 1] - mean)``, the first row about the mean with the
    variance of the stationary law: the contributions are those of the exact likelihood (Hamilton
    1994, equation 5.2.9), infinite or NaN unless ``-1 < phi < 1``. They read the row before:
    resample them with `Blocks`, or simulate them with `Parametric`.

    Parameters
    ----------
    phi : float
        The true autocorrelation.

    Examples
    --------
    >>> model = ar1(phi=0.8)
    >>> model.names
    ('mean', 'phi', 'log_sigma')
    >>> model.nll([1.0, 0.0, 0.0], *model.data(3, rng=0)).shape
    (3,)
    """
    return Model(
        name="AR(1)",
        names=("mean", "phi", "log_sigma"),
        truth=np.array([1.0, phi, 0.0]),
        nll=ar1_nll,
        scores=ar1_scores,
        simulate=draw_ar1,
        design=response_only,
    )


def innovations(mean: float, phi: float, y: Floats) -> Floats:
    """Return each row less its expectation given the one before, (n,); the first row rescaled."""
    away = y - mean
    return np.concatenate([np.sqrt(1.0 - phi * phi) * away[:1], away[1:] - phi * away[:-1]])


@np.errstate(all="ignore")
def ar1_nll(params: Floats, y: Floats) -> Floats:
    """Return the contributions, (n,)."""
    mean, phi, log_sigma = params
    contributions = log_sigma - log_density(innovations(mean, phi, y) / np.exp(log_sigma))
    contributions[0] -= 0.5 * np.log1p(-phi * phi)
    # The later rows alone would allow an explosive series, which has no stationary mean.
    return np.where(abs(phi) < 1.0, contributions, np.nan)


@np.errstate(all="ignore")
def ar1_scores(params: Floats, y: Floats) -> Floats:
    """Return the gradients of the contributions, (n, 3)."""
    mean, phi, log_sigma = params
    sigma, away, kept = np.exp(log_sigma), y - mean, 1.0 - phi * phi
    z = innovations(mean, phi, y) / sigma
    by_mean, by_phi = (phi - 1.0) * z / sigma, np.zeros_like(z)
    by_mean[0] = -np.sqrt(kept) * z[0] / sigma
    by_phi[0] = phi / kept * (1.0 - z[0] ** 2)
    by_phi[1:] = -z[1:] * away[:-1] / sigma
    return np.column_stack([by_mean, by_phi, 1.0 - z * z])


def draw_ar1(params: Floats, rng: np.random.Generator, y: Floats) -> tuple[Floats]:
    """Redraw the series, the first row from the stationary law."""
    mean, phi, log_sigma = params
    shocks = rng.normal(0.0, np.exp(log_sigma), len(y))
    shocks[:1] /= np.sqrt(1.0 - phi * phi)
    return (mean + np.array(list(accumulate(shocks, lambda away, shock: phi * away + shock))),)
