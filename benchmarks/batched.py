"""Likelihoods of the studies' models for many resamples at once, and their optima by Newton steps.

A resample is a row of weights. Every contribution depends on the parameters by one or two linear
predictors, so that totals, gradients and Hessians of all resamples are a few matrix products.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, digamma, gammaln, log_ndtr, ndtr, polygamma

from bootmle.likelihood.arrays import Floats
from models.normal import LOG_2PI

__all__ = ["BATCHED", "Batched", "Fitted"]

Parts = tuple[Floats, Floats, Floats]
"""Contributions (R, n), their slopes (R, m, n) and curvatures (R, m, m, n) in m predictors."""

TOLERANCE = 1e-6
"""Standard errors from the optimum at which a resample is fitted: 1% of what a refit may be off."""
STEPS = 40
"""Most evaluations of a resample: one without a finite optimum moves by about 1 on a log or logit
scale in each."""
STILL = 0.01
"""Largest last step, in standard errors: toward a limit at infinity the total falls by less and
less, yet steps stay as long as they are."""
FAR = 8.0
"""Standard errors from the estimate beyond which a parameter without an optimum is infinite."""
AWAY = 25.0
"""Standard errors from the estimate at which it is looked for no longer."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """Optima (R, p) of resamples, infinite where there is none, and standard errors (R, p)."""

    params: Floats
    errors: Floats


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


class Batched:
    """A data set, and its optimum at any weights."""

    def __init__(self, name: str, args: tuple[Any, ...], start: Floats) -> None:
        """Fit the data from a start."""
        self.parts, read = BATCHED[name]
        self.closed = CLOSED.get(name)
        self.design, self.data = read(*args)
        m, n, p = self.design.shape
        both = [[(a[:, :, None] * b[:, None, :]) for b in self.design] for a in self.design]
        self.pairs = np.array(both).reshape(m * m * n, p * p)
        self.slopes = self.design.reshape(m * n, p)
        self.n, self.p = n, p
        self.scale = np.eye(p)
        self.estimate, self.error = np.asarray(start, float), np.full(p, np.inf)
        whole = np.ones((1, n))
        fitted, done = self._newton(self.estimate[None], whole)
        self.estimate, self.converged = fitted[0], bool(done[0])
        _, _, hessian = self.derivatives(fitted, whole)
        self.scale = hessian[0]
        self.error = self.errors(fitted, whole)[0]

    def derivatives(self, params: Floats, weights: Floats) -> Parts:
        """Return totals (R,), gradients (R, p) and Hessians (R, p, p)."""
        with np.errstate(all="ignore"):
            value, slope, curve = self.parts(
                np.einsum("mnp,rp->rmn", self.design, params), *self.data
            )
        count = len(params)
        total = (np.broadcast_to(value, weights.shape) * weights).sum(axis=1)
        gradient = (slope * weights[:, None]).reshape(count, -1) @ self.slopes
        hessian = (curve * weights[:, None, None]).reshape(count, -1) @ self.pairs
        return total, gradient, hessian.reshape(count, self.p, self.p)

    def scores(self, params: Floats) -> Floats:
        """Return every contribution's gradient, (R, n, p)."""
        with np.errstate(all="ignore"):
            _, slope, _ = self.parts(np.einsum("mnp,rp->rmn", self.design, params), *self.data)
        return np.asarray(np.einsum("rmn,mnp->rnp", slope, self.design))

    def hessians(self, params: Floats) -> Floats:
        """Return every contribution's Hessian at one point (1, p), (n, p, p)."""
        with np.errstate(all="ignore"):
            _, _, curve = self.parts(np.einsum("mnp,rp->rmn", self.design, params), *self.data)
        return np.asarray(np.einsum("kln,knp,lnq->npq", curve[0], self.design, self.design))

    def errors(self, params: Floats, weights: Floats) -> Floats:
        """Return sandwich standard errors, (R, p)."""
        _, _, hessian = self.derivatives(params, weights)
        scores = self.scores(params)
        infinite = ~np.isfinite(hessian).all(axis=(1, 2))
        hessian[infinite] = np.eye(self.p)
        inverse = np.linalg.pinv(hessian, hermitian=True)
        moved = np.matmul(scores, inverse)
        found = np.asarray(np.sqrt(np.einsum("rn,rnp->rp", weights, moved**2)))
        found[infinite] = np.nan
        return found

    def corrected_errors(self, params: Floats, weights: Floats) -> Floats:
        """Return sandwich standard errors by CR3 with each row as a cluster, (R, p)."""
        moved = self.corrected_influences(params, weights)
        return np.asarray(np.sqrt(np.einsum("rn,rnp->rp", weights, moved**2)))

    def corrected_influences(self, params: Floats, weights: Floats) -> Floats:
        """Return each row's influence with its score corrected by CR3, (R, n, p).

        A row's score is multiplied by (I − H_i H⁻¹)⁻¹, which is 1/(1 − leverage) of one predictor.
        """
        _, _, hessian = self.derivatives(params, weights)
        _, slope, curve = self.parts(np.einsum("mnp,rp->rmn", self.design, params), *self.data)
        inverse = np.linalg.pinv(hessian, hermitian=True)
        # In the space of the m predictors: (I_p - D' C D V)^-1 D' s = D' (I_m - C D V D')^-1 s
        spread = np.einsum("knp,rpq,lnq->rnkl", self.design, inverse, self.design)
        m = len(self.design)
        own = np.eye(m) - np.einsum("rkjn,rnjl->rnkl", curve, spread)
        slope = np.linalg.solve(own, np.moveaxis(slope, 1, 2)[..., None])[..., 0]
        scores = np.einsum("rnm,mnp->rnp", slope, self.design)
        return np.asarray(np.matmul(scores, inverse))

    def optima(self, weights: Floats, start: Floats) -> Floats:
        """Return the optima of rows of weights, (R, p), from a start; infinite if there is none."""
        if self.closed is not None:
            return np.asarray(self.closed(weights, *self.data))
        params, done = self._newton(np.tile(start, (len(weights), 1)), weights)
        return self._with_infinite(params, done)[0]

    def _with_infinite(self, params: Floats, done: Any) -> tuple[Floats, Any, Any]:
        """Put infinite values where parameters go on, NaN where nothing is known, (R, p)."""
        away = params - self.estimate
        far = ~done[:, None] & (np.abs(away) > FAR * self.error)
        lost = ~done & ~far.any(axis=1)
        ends = np.where(far, np.copysign(np.inf, away), params)
        ends[lost] = np.nan
        return ends, far, lost

    def fit(self, weights: Floats) -> Fitted:
        """Fit resamples, rows of weights (R, n)."""
        params, done = self._newton(np.tile(self.estimate, (len(weights), 1)), weights)
        errors = self.errors(params, weights)
        ends, far, lost = self._with_infinite(params, done)
        errors[far | lost[:, None]] = np.nan
        for one in np.unique(far[far.any(axis=1) & ~far.all(axis=1)], axis=0):
            rows, some = np.flatnonzero((far == one).all(axis=1)), ~one
            errors[np.ix_(rows, some)] = self._errors_of_some(params[rows], weights[rows], some)
        return Fitted(ends, errors)

    def _errors_of_some(self, params: Floats, weights: Floats, some: NDArray[np.bool_]) -> Floats:
        """Return the errors of the parameters that are finite, the others held, (R, q)."""
        _, _, hessian = self.derivatives(params, weights)
        scores = self.scores(params)[:, :, some]
        inverse = np.linalg.pinv(hessian[:, some][:, :, some], hermitian=True)
        squares = np.matmul(scores, inverse) ** 2
        return np.asarray(np.sqrt(np.einsum("rn,rnq->rq", weights, squares)))

    def _newton(self, params: Floats, weights: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Minimize each row's total, by Newton steps that are shortened where it does not fall."""
        params, count = params.copy(), len(params)
        done, ridge = np.zeros(count, dtype=bool), np.zeros(count)
        total, gradient, hessian = self.derivatives(params, weights)
        left = np.arange(count)
        for _ in range(STEPS):
            if not left.size:
                break
            damped = hessian[left] + ridge[left, None, None] * self.scale
            step = -_solved(damped, gradient[left])
            fall = -(step * gradient[left]).sum(axis=1)
            near = (fall >= 0) & (fall < TOLERANCE**2) & (ridge[left] == 0)
            near &= (np.abs(step) < STILL * self.error).all(axis=1)
            done[left[near]] = True
            params[left[near]] += step[near]
            goes_on = ~near & (np.abs(params[left] - self.estimate) < AWAY * self.error).all(axis=1)
            left, step, fall = left[goes_on], step[goes_on], fall[goes_on]
            if not left.size:
                break
            there = params[left] + np.where(fall[:, None] > 0, step, 0.0)
            new = self.derivatives(there, weights[left])
            better = (new[0] <= total[left] + 1e-12 * np.abs(total[left])) & (fall > 0)
            better &= np.isfinite(new[1]).all(axis=1) & np.isfinite(new[2]).all(axis=(1, 2))
            chosen = left[better]
            params[chosen] = there[better]
            total[chosen], gradient[chosen], hessian[chosen] = (each[better] for each in new)
            ridge[chosen] = np.where(ridge[chosen] > 1e-2, ridge[chosen] / 8, 0.0)
            worse = left[~better]
            ridge[worse] = np.maximum(8 * ridge[worse], 0.05)
        return params, done


def _solved(matrices: Floats, vectors: Floats) -> Floats:
    """Solve (R, p, p) systems for (R, p); of singular ones among them, in the least squares."""
    try:
        return np.asarray(np.linalg.solve(matrices, vectors[:, :, None])[:, :, 0])
    except np.linalg.LinAlgError:
        return np.asarray(np.einsum("rpq,rq->rp", np.linalg.pinv(matrices), vectors))
