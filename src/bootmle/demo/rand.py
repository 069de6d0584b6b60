"""The RAND Health Insurance Experiment: doctor visits, and a model for them.

The data are in the public domain. They were collected by the RAND Corporation
(https://www.rand.org/health/projects/hie.html) and used in A. C. Cameron and P. K. Trivedi (2005),
Microeconometrics: Methods and Applications, Cambridge University Press, chapter 20. `rand.csv.gz`
is the subset that statsmodels ships as `statsmodels.datasets.randhie`: one row a person and year.
"""

from __future__ import annotations

import gzip
from importlib.resources import files

import numpy as np
from scipy.special import gammaln

from bootmle.likelihood.arrays import Floats

__all__ = ["NAMES", "load_rand", "nb2_nll"]

NAMES = (
    "lncoins",
    "idp",
    "lpi",
    "fmde",
    "physlm",
    "disea",
    "hlthg",
    "hlthf",
    "hlthp",
    "const",
    "log_alpha",
)


def load_rand() -> tuple[Floats, Floats, tuple[str, ...]]:
    """Return the covariates, the number of doctor visits and the parameters' names.

    Returns
    -------
    X : (20190, 10) array
        The columns lncoins = log(coinsurance rate in percent + 1), idp (individual deductible
        plan), lpi (log of the annual participation incentive payment), fmde (log of the maximum
        expenditure, a function of the plan), physlm (physical limitation), disea (number of chronic
        diseases), hlthg, hlthf and hlthp (health said to be good, fair or poor), and ones.
    y : (20190,) array
        Outpatient visits to a doctor in a year.
    names : tuple of 11 str
        The names of X's columns and log_alpha: the parameters of `nb2_nll`.

    Examples
    --------
    >>> X, y, names = load_rand()
    >>> X.shape, int(y.sum()), names[-2:]
    ((20190, 10), 57752, ('const', 'log_alpha'))
    """
    with (files(__package__) / "rand.csv.gz").open("rb") as packed, gzip.open(packed) as table:
        rows = np.loadtxt(table, delimiter=",", skiprows=1)
    return np.column_stack([rows[:, 1:], np.ones(len(rows))]), rows[:, 0], NAMES


def nb2_nll(params: Floats, X: Floats, y: Floats) -> Floats:
    """Return each row's negative log-likelihood in a negative binomial (NB2) regression.

    The mean is mu = exp(X @ b) and the variance mu + alpha mu².

    Parameters
    ----------
    params : (k + 1,) array
        The coefficients b and log_alpha.
    X : (n, k) array
        The covariates.
    y : (n,) array
        The counts.

    Returns
    -------
    (n,) array
        The contributions: their sum is what `scipy.optimize.minimize` would be given.

    Examples
    --------
    >>> zero_coefficients = np.array([0.0, 0.0])
    >>> nb2_nll(zero_coefficients, np.ones((2, 1)), np.array([0.0, 1.0])).round(4)  # log 2, log 4
    array([0.6931, 1.3863])
    """
    mu, size = np.exp(X @ params[:-1]), np.exp(-params[-1])
    log_choose = gammaln(y + size) - gammaln(size) - gammaln(y + 1)
    loglik: Floats = log_choose + size * np.log(size / (size + mu)) + y * np.log(mu / (size + mu))
    return -loglik
