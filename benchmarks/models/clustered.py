"""Regressions of clustered data: the margins are the model's, and clusters make rows dependent."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv, logit, ndtr

from bootmle.likelihood.arrays import Floats
from models.binary import logit_nll, logit_scores
from models.counts import nb2_contributions, nb2_scores
from models.model import INTERCEPT, Model, slope_names, slopes
from models.normal import normal_nll, normal_scores

__all__ = ["CLUSTER_SIZE", "clustered_linear", "clustered_logit", "clustered_nb2"]

Data = tuple[Floats, Floats, NDArray[np.intp]]

CLUSTER_SIZE = 20
"""Rows of a cluster, on average."""
_RATIO = np.exp(2.0)
"""Of the sizes of the largest and the smallest cluster, where they are unequal: γ = 2 of MacKinnon
and Webb (2017)."""
_CORRELATION = 0.2
"""Of two rows of a cluster, on the normal scale."""


def clustered_logit(n_clusters: int, *, unequal: bool = False) -> Model:
    """Return the logit of (X, y, cluster): x1 varies in and between clusters, x2 between them.

    Examples
    --------
    >>> X, y, cluster = clustered_logit(8, unequal=True).data(160, rng=0)
    >>> np.bincount(cluster)
    array([ 7,  9, 11, 15, 20, 26, 33, 39])
    """
    truth = np.concatenate([[0.5], slopes(2)])
    return _clustered("logit", truth, (), logit_nll, logit_scores, _binary, n_clusters, unequal)


def clustered_linear(n_clusters: int, *, unequal: bool = False) -> Model:
    """Return the normal linear model of (X, y, cluster).

    Examples
    --------
    >>> clustered_linear(8).names
    ('const', 'x1', 'x2', 'log_sigma')
    """
    truth = np.concatenate([[0.5], slopes(2), [0.0]])
    more = ("log_sigma",)
    return _clustered(
        "linear", truth, more, linear_nll, linear_scores, _normal, n_clusters, unequal
    )


def clustered_nb2(n_clusters: int, *, unequal: bool = False) -> Model:
    """Return the NB2 regression of (X, y, cluster).

    Examples
    --------
    >>> clustered_nb2(8).names
    ('const', 'x1', 'x2', 'log_alpha')
    """
    truth = np.concatenate([[0.5], slopes(2), [-0.5]])
    more = ("log_alpha",)
    return _clustered(
        "NB2", truth, more, nb2_contributions, nb2_scores, _counts, n_clusters, unequal
    )


def _clustered(
    name: str,
    truth: Floats,
    more: tuple[str, ...],
    nll: Callable[..., Floats],
    scores: Callable[..., Floats],
    respond: Callable[..., Floats],
    n_clusters: int,
    unequal: bool,
) -> Model:
    """Return a model whose rows know nothing of the clusters."""
    return Model(
        name=f"clustered {name}",
        names=(INTERCEPT, *slope_names(2), *more),
        truth=truth,
        nll=partial(_of_rows, nll),
        scores=partial(_of_rows, scores),
        simulate=partial(_draw, respond),
        design=partial(_design, n_clusters=n_clusters, unequal=unequal),
    )


def _of_rows(
    function: Callable[..., Floats], params: Floats, X: Floats, y: Floats, cluster: Any
) -> Floats:
    """Compute what takes no clusters."""
    return function(params, X, y)


def linear_nll(params: Floats, X: Floats, y: Floats) -> Floats:
    """Return the contributions, (n,)."""
    return normal_nll(np.array([0.0, params[-1]]), y - X @ params[:-1])


def linear_scores(params: Floats, X: Floats, y: Floats) -> Floats:
    """Return the gradients of the contributions, (n, p)."""
    by_mean, by_scale = normal_scores(np.array([0.0, params[-1]]), y - X @ params[:-1]).T
    return np.column_stack([by_mean[:, None] * X, by_scale])


def _design(n: int, rng: np.random.Generator, *, n_clusters: int, unequal: bool) -> Data:
    """Return the clusters of n rows, and places for covariates and response."""
    growth = np.linspace(0.0, np.log(_RATIO) if unequal else 0.0, n_clusters)
    ends = np.round(n * np.cumsum(np.exp(growth)) / np.exp(growth).sum()).astype(int)
    cluster = np.searchsorted(ends, np.arange(n), side="right")
    return np.zeros((n, 3)), np.zeros(n), cluster


def _draw(
    respond: Callable[..., Floats],
    params: Floats,
    rng: np.random.Generator,
    X: Floats,
    y: Floats,
    cluster: NDArray[np.intp],
) -> Data:
    """Draw covariates and responses, by a normal copula within clusters."""
    count = int(cluster.max()) + 1
    between = rng.standard_normal((count, 3))[cluster]
    inside = rng.standard_normal((len(cluster), 2))
    x1 = np.sqrt(0.5) * (between[:, 0] + inside[:, 0])
    X = np.column_stack([np.ones(len(cluster)), x1, between[:, 1]])
    normal = np.sqrt(_CORRELATION) * between[:, 2] + np.sqrt(1 - _CORRELATION) * inside[:, 1]
    return X, respond(params, rng, X, normal), cluster


def _binary(params: Floats, rng: np.random.Generator, X: Floats, normal: Floats) -> Floats:
    """Turn normal variables into responses of the logit."""
    return (logit(ndtr(normal)) < X @ params).astype(float)


def _normal(params: Floats, rng: np.random.Generator, X: Floats, normal: Floats) -> Floats:
    """Turn normal variables into responses of the linear model."""
    return np.asarray(X @ params[:-1] + np.exp(params[-1]) * normal)


def _counts(params: Floats, rng: np.random.Generator, X: Floats, normal: Floats) -> Floats:
    """Turn normal variables into gamma ones, and those into counts."""
    alpha = np.exp(params[-1])
    frailty = alpha * gammaincinv(1 / alpha, ndtr(normal))
    counts: Floats = rng.poisson(np.exp(X @ params[:-1]) * frailty).astype(float)
    return counts
