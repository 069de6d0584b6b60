"""Contributions of the studies' models for many resamples at once, with slopes and curvatures.

Every contribution depends on the parameters by one or two linear predictors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import betaln, digamma, gammaln, log_ndtr, ndtr, polygamma

from bootmle.likelihood.arrays import Floats
from models.normal import LOG_2PI

__all__ = ["BATCHED", "CLOSED", "Parts"]

Parts = tuple[Floats, Floats, Floats]
"""Contributions (R, n), their slopes (R, m, n) and curvatures (R, m, m, n) in m predictors."""


def logit(u: Floats, y: Floats) -> Parts:
    eta = u[:, 0]
    share = 1 / (1 + np.exp(-eta))
    return np.logaddexp(0.0, (1 - 2 * y) * eta), (share - y)[:, None], _square(share * (1 - share))


def probit(u: Floats, y: Floats) -> Parts:
    sign = 2 * y - 1
    z = sign * u[:, 0]
    value = -log_ndtr(z)
    ratio = np.exp(value - (z * z + LOG_2PI) / 2)
    return value, (-sign * ratio)[:, None], _square(ratio * (z + ratio))


def poisson(u: Floats, y: Floats) -> Parts:
    eta = u[:, 0]
    mean = np.exp(eta)
    return mean - y * eta, (mean - y)[:, None], _square(mean)


def nb2(u: Floats, y: Floats) -> Parts:
    mean, size = np.exp(u[:, 0]), np.exp(-u[:, 1, :1])
    counts, place = np.unique(y, return_inverse=True)  # special functions once for each count
    rest, both = size + mean, size + counts
    log_share = np.log1p(mean / size)
    value = (betaln(size, counts + 1) + np.log(both))[:, place]
    value += size * log_share + y * np.log1p(size / mean)
    by_size = (digamma(both) - digamma(size))[:, place] - log_share + (mean - y) / rest
    twice = (polygamma(1, both) - polygamma(1, size))[:, place] + 1 / size - 2 / rest
    twice += (size + y) / rest**2
    cross = size * (y - mean) * mean / rest**2
    return (
        value,
        np.stack([(mean - y) * size / rest, size * by_size], axis=1),
        _block(mean * size * (size + y) / rest**2, cross, -size * by_size - size**2 * twice),
    )


def exponential(u: Floats, y: Floats) -> Parts:
    mean = np.where(u[:, 0] > 0, u[:, 0], np.nan)
    return (
        np.log(mean) + y / mean,
        ((mean - y) / mean**2)[:, None],
        _square((2 * y - mean) / mean**3),
    )


def gamma(u: Floats, y: Floats) -> Parts:
    log_shape, log_scale = u[:, 0], u[:, 1]
    shape, ratio, log_y = np.exp(log_shape), y / np.exp(log_scale), np.log(y)
    one = shape[:, :1]
    slope = shape * (digamma(one) + log_scale - log_y)
    return (
        gammaln(one) + shape * log_scale - (shape - 1) * log_y + ratio,
        np.stack([slope, shape - ratio], axis=1),
        _block(slope + shape**2 * polygamma(1, one), shape, ratio),
    )


def location_scale(u: Floats, y: Floats, psi: Callable[..., Any], seen: Floats) -> Parts:
    """Contributions ``seen log s + psi(z)`` with z = (y - location)/s, psi with two slopes."""
    log_scale = u[:, 1]
    scale = np.exp(log_scale)
    z = (y - u[:, 0]) / scale
    value, first, second = psi(z)
    return (
        seen * log_scale + value,
        np.stack([-first / scale, seen - first * z], axis=1),
        _block(second / scale**2, (second * z + first) / scale, (second * z + first) * z),
    )


def normal(u: Floats, y: Floats) -> Parts:
    return location_scale(u, y, lambda z: (z * z / 2, z, np.ones_like(z)), np.ones_like(y))


def tobit(u: Floats, y: Floats) -> Parts:
    seen = y > 0

    def psi(z: Floats) -> tuple[Floats, Floats, Floats]:
        censored = -log_ndtr(z)
        ratio = np.exp(censored - (z * z + LOG_2PI) / 2)
        return (
            np.where(seen, (z * z + LOG_2PI) / 2, censored),
            np.where(seen, z, -ratio),
            np.where(seen, 1.0, ratio * (z + ratio)),
        )

    return location_scale(u, y, psi, seen.astype(float))


def weibull(u: Floats, time: Floats, event: Floats) -> Parts:
    def psi(z: Floats) -> tuple[Floats, Floats, Floats]:
        hazard = np.exp(z)
        return hazard - event * z, hazard - event, hazard

    return location_scale(u, np.log(time), psi, event)


def ordered_probit(u: Floats, first: Floats, last: Floats) -> Parts:
    low, high = u[:, 0] - 1e3 * first, u[:, 1] + 1e3 * last
    right = low + high > 0
    share = np.where(right, ndtr(-low) - ndtr(-high), ndtr(high) - ndtr(low))
    share = np.where(share > 0, share, np.nan)
    by_low = np.exp(-(low**2 + LOG_2PI) / 2) / share
    by_high = -np.exp(-(high**2 + LOG_2PI) / 2) / share
    return (
        -np.log(share),
        np.stack([by_low, by_high], axis=1),
        _block(by_low**2 - low * by_low, by_low * by_high, by_high**2 - high * by_high),
    )


def _square(one: Floats) -> Floats:
    return one[:, None, None]


def _block(a: Floats, b: Floats, c: Floats) -> Floats:
    return np.stack([np.stack([a, b], axis=1), np.stack([b, c], axis=1)], axis=1)


def _regression(X: Floats, *rest: Floats) -> tuple[Floats, tuple[Floats, ...]]:
    return X[None], rest


def _with_scale(X: Floats, *rest: Floats) -> tuple[Floats, tuple[Floats, ...]]:
    n, k = X.shape
    shape = np.zeros((n, k + 1))
    shape[:, k] = 1.0
    return np.stack([np.column_stack([X, np.zeros(n)]), shape]), rest


def _numbers(count: int) -> Callable[..., tuple[Floats, tuple[Floats, ...]]]:
    def read(y: Floats) -> tuple[Floats, tuple[Floats, ...]]:
        return np.repeat(np.eye(count)[:, None, :], len(y), axis=1), (y,)

    return read


def _categories(X: Floats, y: Floats) -> tuple[Floats, tuple[Floats, ...]]:
    """Predict both ends of each observation's interval: the cuts of its category."""
    category, cuts = y.astype(int), np.pad(np.eye(3), ((1, 1), (0, 0)))
    ends = [np.column_stack([-X, cuts[category + more]]) for more in (0, 1)]
    return np.stack(ends), ((y == 0).astype(float), (y == 3).astype(float))


BATCHED: dict[str, tuple[Callable[..., Parts], Callable[..., Any]]] = {
    "exponential, raw": (exponential, _numbers(1)),
    "normal": (normal, _numbers(2)),
    "gamma": (gamma, _numbers(2)),
    "weibull": (weibull, _with_scale),
    "poisson": (poisson, _regression),
    "logit": (logit, _regression),
    "tobit": (tobit, _with_scale),
    "probit": (probit, _regression),
    "nb2": (nb2, _with_scale),
    "ordered probit": (ordered_probit, _categories),
}
"""By a model's name: its contributions, and what turns its args into (designs (m, n, p), data)."""


def _mean(weights: Floats, y: Floats) -> Floats:
    return np.asarray(weights @ y[:, None] / weights.sum(axis=1, keepdims=True))


def _moments(weights: Floats, y: Floats) -> Floats:
    count, center = weights.sum(axis=1), y.mean()
    mean, square = (weights @ np.column_stack([y - center, (y - center) ** 2]) / count[:, None]).T
    variance = square - mean**2
    return np.column_stack([mean + center, np.log(np.where(variance > 0, variance, np.nan)) / 2])


CLOSED: dict[str, Callable[..., Floats]] = {"exponential, raw": _mean, "normal": _moments}
"""Estimates (R, p) of rows of weights (R, n) where there is a formula."""
