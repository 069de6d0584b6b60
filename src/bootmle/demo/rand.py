"""The RAND Health Insurance Experiment: doctor visits, and a model for them.

The data are in the public domain. They were collected by the RAND Corporation
(https://www.rand.org/health/projects/hie.html) and used in A. C. Cameron and P. K. Trivedi (2005),
Microeconometrics: Methods and Applications, Cambridge University Press, chapter 20. `rand.csv.gz`
is the subset that statsmodels ships as `statsmodels.datasets.randhie`: a row per person and year.
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
    """Return covariates X (20190, 10), numbers of doctor visits y (20190,) and parameter names.

    X has the columns lncoins = log(coinsurance rate in percent + 1), idp (individual deductible
    plan), lpi (log of the annual participation incentive payment), fmde (log of the maximum
    expenditure, a function of the plan), physlm (physical limitation), disea (number of chronic
    diseases), hlthg, hlthf and hlthp (self-rated health good, fair or poor), and ones; y counts
    outpatient visits to a doctor in a year. The names are those of the columns, and log_alpha.

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
    """Return the rows' negative log-likelihoods (n,) in a negative binomial (NB2) regression.

    The mean is mu = exp(X @ b) and the variance mu + alpha mu²; params are b and log_alpha.

    Examples
    --------
    >>> nb2_nll(np.zeros(2), np.ones((2, 1)), np.array([0.0, 1.0])).round(4)  # log 2, log 4
    array([0.6931, 1.3863])
    """
    mu, size = np.exp(X @ params[:-1]), np.exp(-params[-1])
    log_choose = gammaln(y + size) - gammaln(size) - gammaln(y + 1)
    loglik: Floats = log_choose + size * np.log(size / (size + mu)) + y * np.log(mu / (size + mu))
    return -loglik
