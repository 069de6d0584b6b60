"""Clustered binary responses: the logit with a normal random intercept, by simulation."""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri, softmax

from bootmle.likelihood.arrays import Floats
from models.model import INTERCEPT, Model, regression_design, slope_names, slopes

__all__ = ["random_effects_logit"]

Data = tuple[Floats, Floats, NDArray[np.intp]]


def random_effects_logit(
    n_covariates: int = 2, cluster_size: int = 5, n_draws: int = 32, log_sigma: float = 0.0
) -> Model:
    """Return the logit regression of (X, y, cluster) with a normal intercept for each cluster.

    A contribution is minus the logarithm of a cluster's likelihood, averaged over fixed draws of
    its intercept: the simulated likelihood of Train (2009, section 6.6), with one stretch of a
    Halton sequence for each label (section 9.3.3). There is one contribution for each cluster, in
    the order in which the labels 0, 1, ... first appear: resample them with `Clustered`.

    Parameters
    ----------
    n_covariates : int
        The number of covariates besides the intercept: p = n_covariates + 2.
    cluster_size : int
        Rows of a cluster.
    n_draws : int
        Draws of each cluster's intercept. They are no part of the data: the simulator draws
        intercepts from the normal law itself.
    log_sigma : float
        The true logarithm of the intercepts' standard deviation.

    Examples
    --------
    >>> model = random_effects_logit(n_covariates=1, cluster_size=4)
    >>> model.names
    ('const', 'x1', 'log_sigma')
    >>> X, y, cluster = model.data(12, rng=0)
    >>> model.nll(model.truth, X, y, cluster).shape  # 3 clusters of 4 rows
    (3,)
    """
    return Model(
        name="random-effects logit",
        names=(INTERCEPT, *slope_names(n_covariates), "log_sigma"),
        truth=np.concatenate([[0.5], slopes(n_covariates), [log_sigma]]),
        nll=partial(random_effects_nll, n_draws=n_draws),
        scores=partial(random_effects_scores, n_draws=n_draws),
        simulate=draw_random_effects,
        design=partial(panel_design, n_covariates=n_covariates, cluster_size=cluster_size),
    )


def panel_design(n: int, rng: np.random.Generator, *, n_covariates: int, cluster_size: int) -> Data:
    """Return covariates, zeros for the response, and the label of each row's cluster."""
    X, y = regression_design(n, rng, n_covariates=n_covariates)
    return X, y, np.arange(n) // cluster_size


@lru_cache(maxsize=8)
def halton_normals(n_clusters: int, n_draws: int) -> Floats:
    """Return standard normal draws for the labels 0, 1, ..., (n_clusters, n_draws)."""
    place = np.arange(1, n_clusters * n_draws + 1)
    digits = np.arange(int(place[-1]).bit_length())
    # The sequence of base 2: binary digits of 1, 2, 3, ..., mirrored at the point.
    points = ((place[:, None] >> digits) & 1) @ 0.5 ** (digits + 1.0)
    return np.asarray(ndtri(points).reshape(n_clusters, n_draws))


def places(cluster: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the place of each row's cluster in the order of first appearance, (n,)."""
    _, first, codes = np.unique(cluster, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[codes])


def sum_by(cluster: NDArray[np.intp], values: Floats) -> Floats:
    """Sum the rows of each cluster, in the order of first appearance, (n, k) -> (G, k)."""
    order = np.argsort(cluster, kind="stable")
    labels = cluster[order]
    starts = np.flatnonzero(np.append(True, labels[1:] != labels[:-1]))
    in_order_of_labels = np.add.reduceat(values[order], starts, axis=0)
    return np.asarray(in_order_of_labels[np.argsort(order[starts])])


def odds_against(
    params: Floats, X: Floats, y: Floats, cluster: NDArray[np.intp], n_draws: int
) -> tuple[Floats, Floats]:
    """Return the odds against each row's response at each draw, and its intercepts, (n, R)."""
    # Room for a power of two: most subsets of the clusters find the table there.
    draws = halton_normals(1 << int(cluster.max()).bit_length(), n_draws)
    intercept = (np.exp(params[-1]) * draws)[cluster]
    eta = (X @ params[:-1])[:, None] + intercept
    return np.exp((1.0 - 2.0 * y)[:, None] * eta), intercept


def log_likelihoods(odds: Floats, cluster: NDArray[np.intp]) -> Floats:
    """Return the log-likelihood of each cluster at each of its draws, (G, R)."""
    # A quarter of log_expit's time. Odds beyond e^709 are infinite: such a draw has no weight, and
    # a cluster without any other draw an infinite contribution.
    return -sum_by(cluster, np.log1p(odds))


@np.errstate(all="ignore")
def random_effects_nll(
    params: Floats, X: Floats, y: Floats, cluster: NDArray[np.intp], *, n_draws: int
) -> Floats:
    """Return the clusters' contributions, (G,)."""
    odds, _ = odds_against(np.asarray(params), X, y, cluster, n_draws)
    by_draw = log_likelihoods(odds, cluster)
    return np.asarray(np.log(n_draws) - np.logaddexp.reduce(by_draw, axis=1))


@np.errstate(all="ignore")
def random_effects_scores(
    params: Floats, X: Floats, y: Floats, cluster: NDArray[np.intp], *, n_draws: int
) -> Floats:
    """Return the gradients of the contributions, (G, p): each draw's, by its posterior weight."""
    odds, intercept = odds_against(np.asarray(params), X, y, cluster, n_draws)
    posterior = softmax(log_likelihoods(odds, cluster), axis=1)[places(cluster)]
    by_eta = posterior * (1.0 - 1.0 / (1.0 + odds)) * (1.0 - 2.0 * y)[:, None]
    rows = [by_eta.sum(axis=1)[:, None] * X, (by_eta * intercept).sum(axis=1)]
    return sum_by(cluster, np.column_stack(rows))


def draw_random_effects(
    params: Floats, rng: np.random.Generator, X: Floats, y: Floats, cluster: NDArray[np.intp]
) -> Data:
    """Redraw the intercepts and the response."""
    intercepts = np.exp(params[-1]) * rng.standard_normal(int(cluster.max()) + 1)
    probability = expit(X @ params[:-1] + intercepts[cluster])
    return X, (rng.random(len(X)) < probability).astype(float), cluster
