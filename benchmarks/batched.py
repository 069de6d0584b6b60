"""Optima of the studies' models for many resamples at once, by Newton steps.

A resample is a row of weights: with the slopes and curvatures of batched_models.py, totals,
gradients and Hessians of all resamples are a few matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batched_models import BATCHED, CLOSED, Parts
from bootmle.likelihood.arrays import Floats

__all__ = ["Batched", "Fitted"]

Held = NDArray[np.intp] | None
"""Which parameter of each resample is held, (R,)."""

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

    def derivatives(self, params: Floats, weights: Floats, held: Held = None) -> Parts:
        """Return totals (R,), gradients (R, p) and Hessians (R, p, p); of a parameter held 0."""
        with np.errstate(all="ignore"):
            value, slope, curve = self.parts(
                np.einsum("mnp,rp->rmn", self.design, params), *self.data
            )
        count = len(params)
        total = (np.broadcast_to(value, weights.shape) * weights).sum(axis=1)
        gradient = (slope * weights[:, None]).reshape(count, len(self.slopes)) @ self.slopes
        hessian = (curve * weights[:, None, None]).reshape(count, len(self.pairs)) @ self.pairs
        hessian = hessian.reshape(count, self.p, self.p)
        if held is not None:
            gradient[np.arange(count), held] = 0.0
        return total, gradient, _apart(hessian, held)

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
        moved, infinite = self.influences(params, weights)
        found = np.asarray(np.sqrt(np.einsum("rn,rnp->rp", weights, moved**2)))
        found[infinite] = np.nan
        return found

    def errors_along(self, params: Floats, weights: Floats, slopes: Floats) -> Floats:
        """Return those of quantities with slopes (R, k, p), by the delta method, (R, k)."""
        moved, infinite = self.influences(params, weights)
        along = np.matmul(moved, np.swapaxes(slopes, 1, 2))
        found = np.asarray(np.sqrt(np.einsum("rn,rnk->rk", weights, along**2)))
        found[infinite] = np.nan
        return found

    def influences(self, params: Floats, weights: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Return each row's influence, (R, n, p), and where the Hessian is not finite, (R,)."""
        _, _, hessian = self.derivatives(params, weights)
        scores = self.scores(params)
        infinite = np.asarray(~np.isfinite(hessian).all(axis=(1, 2)))
        return np.matmul(scores, _inverses(hessian)), infinite

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
        inverse = _inverses(hessian)
        # In the space of the m predictors: (I_p - D' C D V)^-1 D' s = D' (I_m - C D V D')^-1 s
        spread = np.einsum("knp,rpq,lnq->rnkl", self.design, inverse, self.design)
        m = len(self.design)
        own = np.eye(m) - np.einsum("rkjn,rnjl->rnkl", curve, spread)
        slope = np.linalg.solve(own, np.moveaxis(slope, 1, 2)[..., None])[..., 0]
        scores = np.einsum("rnm,mnp->rnp", slope, self.design)
        return np.asarray(np.matmul(scores, inverse))

    def lowest(
        self, weights: Floats, held: Held = None, values: Floats | None = None
    ) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Return the lowest totals (R,) that Newton steps reach, where, and if it is an optimum.

        With the parameters numbered ``held`` at values, (R,) each.
        """
        start = np.tile(self.estimate, (len(weights), 1))
        if held is not None:
            start[np.arange(len(weights)), held] = values
        reached, done = self._newton(start, weights, held, away=np.inf)  # toward a supremum
        return self.derivatives(reached, weights)[0], reached, done

    def optima(self, weights: Floats, start: Floats) -> Floats:
        """Return the optima of rows of weights, (R, p); infinite if there is none."""
        # From one start, or from one for each.
        if self.closed is not None:
            return np.asarray(self.closed(weights, *self.data))
        starts = np.broadcast_to(start, (len(weights), self.p))
        params, done = self._newton(starts, weights)
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
        inverse = _inverses(hessian[:, some][:, :, some])
        squares = np.matmul(scores, inverse) ** 2
        return np.asarray(np.sqrt(np.einsum("rn,rnq->rq", weights, squares)))

    def _newton(
        self, params: Floats, weights: Floats, held: Held = None, away: float = AWAY
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Minimize each row's total, by Newton steps that are shortened where it does not fall."""
        params, count = params.copy(), len(params)
        done, ridge = np.zeros(count, dtype=bool), np.zeros(count)
        total, gradient, hessian = self.derivatives(params, weights, held)
        left, scale = np.arange(count), _apart(np.tile(self.scale, (count, 1, 1)), held)
        for _ in range(STEPS):
            if not left.size:
                break
            damped = hessian[left] + ridge[left, None, None] * scale[left]
            step = -_solved(damped, gradient[left])
            fall = -(step * gradient[left]).sum(axis=1)
            near = (fall >= 0) & (fall < TOLERANCE**2) & (ridge[left] == 0)
            near &= (np.abs(step) < STILL * self.error).all(axis=1)
            done[left[near]] = True
            params[left[near]] += step[near]
            goes_on = ~near & (np.abs(params[left] - self.estimate) < away * self.error).all(axis=1)
            left, step, fall = left[goes_on], step[goes_on], fall[goes_on]
            if not left.size:
                break
            there = params[left] + np.where(fall[:, None] > 0, step, 0.0)
            new = self.derivatives(there, weights[left], None if held is None else held[left])
            better = (new[0] <= total[left] + 1e-12 * np.abs(total[left])) & (fall > 0)
            better &= np.isfinite(new[1]).all(axis=1) & np.isfinite(new[2]).all(axis=(1, 2))
            chosen = left[better]
            params[chosen] = there[better]
            total[chosen], gradient[chosen], hessian[chosen] = (each[better] for each in new)
            ridge[chosen] = np.where(ridge[chosen] > 1e-2, ridge[chosen] / 8, 0.0)
            worse = left[~better]
            ridge[worse] = np.maximum(8 * ridge[worse], 0.05)
        return params, done


def _apart(matrices: Floats, held: Held) -> Floats:
    """Put the parameter that is held apart from the others, (R, p, p)."""
    if held is not None:
        rows = np.arange(len(matrices))
        matrices[rows, held] = matrices[rows, :, held] = 0.0
        matrices[rows, held, held] = 1.0
    return matrices


def _solved(matrices: Floats, vectors: Floats) -> Floats:
    """Solve (R, p, p) systems for (R, p); of singular ones among them, in the least squares."""
    try:
        return np.asarray(np.linalg.solve(matrices, vectors[:, :, None])[:, :, 0])
    except np.linalg.LinAlgError:
        return np.asarray(np.einsum("rpq,rq->rp", _inverses(matrices), vectors))


def _inverses(matrices: Floats) -> Floats:
    """Return the pseudoinverses of symmetric (R, p, p); NaN of what is not finite."""
    # Of NaN LAPACK's singular values may never end.
    found = np.full_like(matrices, np.nan)
    finite = np.isfinite(matrices).all(axis=(1, 2))
    found[finite] = np.linalg.pinv(matrices[finite], hermitian=True)
    return found
