"""The expected information, and Pearson's chi-squared, from simulated data or the score's form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.crosschecks.deviance import deviance
from bootmle.crosschecks.response import FORM, STEP, means_of, responses, with_response
from bootmle.crosschecks.score_covariances import Scores
from bootmle.execution.raised import RAISED
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.derivatives import contribution_curvatures, contribution_gradients
from bootmle.likelihood.likelihood import Likelihood

__all__ = ["Expected", "expected_information"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """How the expectation is taken."""

    evaluations: int = 20_000
    """Of the objective, on simulated data: two seconds at 0.1 ms each."""
    fewest: int = 20
    """Data sets below which their mean is not used: its standard error is known to 16% then."""
    most: int = 400
    """Data sets at most: the error of a standard error is then about 1/√(400 n)."""
    largest: float = 0.03
    """Relative error of standard errors up to which they tell formulas apart: those of 3%."""
    errors: float = 3.0
    """Monte Carlo errors that are allowed for."""


_RULES = _Rules()


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """The expectation of the Hessian under the fitted model.

    Attributes
    ----------
    covariance : (q, q) array
        Its inverse, in the free parameters; NaN for those it is not known for, held fixed.
    error : float
        Relative error of standard errors by it.
    dispersions : mapping
        Name of a chi-squared statistic, Pearson's and the deviance, to its value; empty unless each
        contribution has one linear predictor.
    """

    covariance: Floats
    error: float
    dispersions: dict[str, float] = field(default_factory=dict)


def expected_information(
    fit: Fit, scores: Scores | None, simulate: Callable[..., Any] | None
) -> Expected | None:
    """Take the expectation over a response the score is affine in, or over simulated data."""
    # None where neither is possible.
    with np.errstate(all="ignore"):
        try:
            found = None if scores is None else _of_response(fit, scores)
            return found or (simulate and _of_simulation(fit, simulate))
        except RAISED:  # the user's code may raise anything on data of its own
            return None


def _of_simulation(fit: Fit, simulate: Callable[..., Any]) -> Expected | None:
    """Average the Hessian at the estimate over simulated data."""
    size = fit.whitening.size
    count = min(_RULES.most, _RULES.evaluations // (size * (size + 1) + 1))
    if count < _RULES.fewest:
        return None
    rng = np.random.default_rng(0)
    args = fit.written_out_args
    drawn = (simulate(fit.estimate.copy(), rng, *args) for _ in range(count))
    hessians = np.array([_hessian(fit, fit.likelihood.simulated(each)) for each in drawn])
    hessians = hessians[np.isfinite(hessians).all(axis=(1, 2))]
    if len(hessians) < _RULES.fewest:
        return None
    mean = np.eye(size) + hessians.mean(axis=0) - _hessian(fit, fit.likelihood)
    covariance = _covariance(fit, mean)
    if covariance is None:
        return None
    errors = hessians.std(axis=0, ddof=1) / np.sqrt(len(hessians))
    error = _RULES.errors * float(np.linalg.norm(errors)) / np.sqrt(size) / 2
    return Expected(covariance, error) if error < _RULES.largest else None


def _covariance(fit: Fit, mean: Floats) -> Floats | None:
    """Invert a whitened information into the free parameters' covariance."""
    if not np.isfinite(mean).all() or not np.linalg.eigvalsh(mean)[0] > 0:
        return None
    slopes = fit.likelihood.parameters.slopes(fit.whitening.center)
    spread = fit.whitening.factor * slopes[:, None]
    return np.asarray(spread @ np.linalg.solve(mean, spread.T))


def _hessian(fit: Fit, likelihood: Likelihood, weights: Floats | None = None) -> Floats:
    """Return second differences (r, r) of a total at the estimate, in whitened coordinates."""
    size = fit.whitening.size
    steps = STEP * np.eye(size)
    pairs = [(i, j) for i in range(size) for j in range(i)]
    corners = np.array([steps[i] + steps[j] for i, j in pairs]).reshape(-1, size)
    ends = np.concatenate([steps, corners])
    points = np.concatenate([np.zeros((1, size)), ends, -ends])
    params = likelihood.parameters.to_user(fit.whitening.to_working(points))
    values = likelihood.values_at(params)
    own = likelihood.weights if weights is None else weights
    totals = values.sum(axis=1) if own is None or values.shape[1] != len(own) else values @ own
    both = (totals[1 : len(ends) + 1] + totals[len(ends) + 1 :] - 2 * totals[0]) / STEP**2
    hessian = np.diag(both[:size])
    for (i, j), one in zip(pairs, both[size:], strict=True):
        hessian[i, j] = hessian[j, i] = (one - both[i] - both[j]) / 2
    return hessian


def _of_response(fit: Fit, scores: Scores) -> Expected | None:
    """Take the expectation over the argument, if any, that is the response of such a model."""
    every = np.arange(scores.whitened.shape[1])
    for position, y in responses(fit):
        means = means_of(fit, scores, position, y)
        affine = every if means is not None else _affine(fit, scores, position, y)
        if means is None and affine.size:
            means = means_of(fit, scores, position, y, affine)
        if means is None:
            continue
        parts = [
            (with_response(fit, position, level), share)
            for level, share in zip(*means, strict=True)
        ]
        weights = fit.likelihood.weights
        wide = [share if weights is None else share * weights for _, share in parts]
        mean = sum(_hessian(fit, one, w) for (one, _), w in zip(parts, wide, strict=True))
        mean = np.eye(every.size) + mean - _hessian(fit, fit.likelihood)
        if affine.size < every.size:
            return _partial(scores, mean, affine)
        covariance = _covariance(fit, mean)
        if covariance is not None:
            return Expected(covariance, 1e-4, _dispersions(fit, scores, parts))
    return None


def _partial(scores: Scores, mean: Floats, affine: NDArray[np.intp]) -> Expected | None:
    """Invert the information of some parameters, with the others held fixed."""
    back = np.linalg.inv(scores.spread)
    block = (back.T @ mean @ back)[np.ix_(affine, affine)]
    if not np.isfinite(block).all() or not np.linalg.eigvalsh(block)[0] > 0:
        return None
    covariance = np.full(back.shape, np.nan)
    covariance[np.ix_(affine, affine)] = np.linalg.inv(block)
    return Expected(covariance, 1e-4)


def _affine(fit: Fit, scores: Scores, position: int, y: Floats) -> NDArray[np.intp]:
    """Find the parameters whose scores are affine in a response, as those of a mean are."""
    if scores.spread.shape[0] != scores.spread.shape[1] or len(np.unique(y)) == 2:
        return np.empty(0, dtype=np.intp)
    back, width = np.linalg.inv(scores.spread), float(np.std(y)) or 1.0
    step = fit.step_sizes.gradient_step
    here, once, twice = (
        contribution_gradients(with_response(fit, position, y + k * width), fit.whitening, step)
        @ back
        for k in range(3)
    )
    bend = np.abs(twice - 2 * once + here).max(axis=0)
    return np.flatnonzero(bend < FORM * (np.abs(once) + np.abs(here)).max(axis=0))


def _dispersions(
    fit: Fit, scores: Scores, parts: list[tuple[Likelihood, Floats]]
) -> dict[str, float]:
    """Compute what is divided by n − p for a dispersion, where there is one linear predictor."""
    pearson = _pearson(fit, scores, parts)
    if pearson is None:
        return {}
    found = {"Pearson's chi-squared": pearson}
    total = deviance(fit)
    return found if total is None else {**found, "the deviance": total}


def _pearson(fit: Fit, scores: Scores, parts: list[tuple[Likelihood, Floats]]) -> float | None:
    """Sum s²/E[h] along a direction, which for one linear predictor is the same along each."""
    size = scores.whitened.shape[1]
    directions = np.random.default_rng(0).normal(size=(2, size))
    curvatures = sum(
        share[:, None]
        * contribution_curvatures(
            one,
            fit.whitening,
            directions,
            one.contributions(fit.likelihood.parameters.to_user(fit.whitening.center)),
            STEP,
        )
        for one, share in parts
    )
    squares = (scores.whitened @ directions.T) ** 2
    sums = [float(np.sum(s / h)) for s, h in zip(squares.T, np.asarray(curvatures).T, strict=True)]
    if not np.isfinite(sums).all() or abs(sums[0] / sums[1] - 1) > 1e-3:
        return None
    return sums[0]
