"""The expected information, and Pearson's chi-squared, from simulated data or the score's form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bootmle.crosschecks.score_covariances import Scores
from bootmle.execution.raised import RAISED
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.derivatives import contribution_curvatures, contribution_gradients
from bootmle.likelihood.likelihood import Likelihood

__all__ = ["Expected", "expected_information", "objective_scale"]


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
    form: float = 1e-4
    """Relative error up to which scores have the form from which the expectation follows: that of
    differenced scores, in units of the largest."""
    scale: float = 0.01
    """Relative error of the scale of an objective, which is 1 or 2."""
    step: float = 0.02
    """Step of the second differences in standard errors: their truncation cancels, as that of the
    same differences of the data is subtracted."""


_RULES = _Rules()


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """The expectation of the Hessian under the fitted model.

    Attributes
    ----------
    covariance : (q, q) array
        Its inverse, in the free parameters.
    error : float
        Relative error of standard errors by it.
    pearson : float or None
        Pearson's chi-squared, where each contribution has one linear predictor.
    """

    covariance: Floats
    error: float
    pearson: float | None = None


def expected_information(
    fit: Fit, scores: Scores, simulate: Callable[..., Any] | None
) -> Expected | None:
    """Take the expectation over a response the score is affine in, or over simulated data.

    None where neither is possible.
    """
    with np.errstate(all="ignore"):
        try:
            return _of_response(fit, scores) or (simulate and _of_simulation(fit, scores, simulate))
        except RAISED:  # the user's code may raise anything on data of its own
            return None


def objective_scale(fit: Fit, scores: Scores) -> float | None:
    """Measure whether an objective is −log L (1) or −2 log L (2), for counts and two outcomes.

    The probabilities of two outcomes sum to 1. A Poisson score that is affine in y by b, with the
    curvature h, has h/b² = μ over the scale. None where neither is the case.
    """
    with np.errstate(all="ignore"):
        try:
            for position, y in _responses(fit):
                means = _means(fit, scores, position, y)
                if means is not None:
                    return _scale_of(fit, scores, position, y, *means)
        except RAISED:  # the user's code may raise anything on data of its own
            pass
    return None


def _scale_of(
    fit: Fit, scores: Scores, position: int, y: Floats, levels: list[Floats], shares: list[Floats]
) -> float | None:
    """Measure the scale from the outcomes that scores have mean 0 under."""
    params = fit.likelihood.parameters.to_user(fit.whitening.center)
    parts = [_with_response(fit, position, level) for level in levels]
    if len(levels) == 2:
        values = np.array([part.contributions(params) for part in parts])
        ratios = {scale: np.exp(-values / scale).sum(axis=0) for scale in (1.0, 2.0)}
    else:
        direction = np.ones((1, scores.whitened.shape[1]))
        step = fit.step_sizes.gradient_step
        ahead = contribution_gradients(
            _with_response(fit, position, levels[0] + 1), fit.whitening, step
        )
        base = parts[0].contributions(params)
        bends = contribution_curvatures(parts[0], fit.whitening, direction, base, _RULES.step)
        ratio = bends[:, 0] / ahead.sum(axis=1) ** 2 / levels[0]
        ratios = {scale: ratio * scale for scale in (1.0, 2.0)}
    for scale, each in ratios.items():
        if np.abs(each - 1).max() < _RULES.scale:
            return scale
    return None


def _of_simulation(fit: Fit, scores: Scores, simulate: Callable[..., Any]) -> Expected | None:
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
    covariance = _covariance(scores, mean)
    if covariance is None:
        return None
    errors = hessians.std(axis=0, ddof=1) / np.sqrt(len(hessians))
    error = _RULES.errors * float(np.linalg.norm(errors)) / np.sqrt(size) / 2
    return Expected(covariance, error) if error < _RULES.largest else None


def _covariance(scores: Scores, mean: Floats) -> Floats | None:
    """Invert a whitened information into the free parameters' covariance."""
    if not np.isfinite(mean).all() or not np.linalg.eigvalsh(mean)[0] > 0:
        return None
    return np.asarray(scores.spread @ np.linalg.solve(mean, scores.spread.T))


def _hessian(fit: Fit, likelihood: Likelihood, weights: Floats | None = None) -> Floats:
    """Return second differences (r, r) of a total at the estimate, in whitened coordinates."""
    size = fit.whitening.size
    steps = _RULES.step * np.eye(size)
    pairs = [(i, j) for i in range(size) for j in range(i)]
    corners = np.array([steps[i] + steps[j] for i, j in pairs]).reshape(-1, size)
    ends = np.concatenate([steps, corners])
    points = np.concatenate([np.zeros((1, size)), ends, -ends])
    params = likelihood.parameters.to_user(fit.whitening.to_working(points))
    values = likelihood.values_at(params)
    own = likelihood.weights if weights is None else weights
    totals = values.sum(axis=1) if own is None or values.shape[1] != len(own) else values @ own
    both = (totals[1 : len(ends) + 1] + totals[len(ends) + 1 :] - 2 * totals[0]) / _RULES.step**2
    hessian = np.diag(both[:size])
    for (i, j), one in zip(pairs, both[size:], strict=True):
        hessian[i, j] = hessian[j, i] = (one - both[i] - both[j]) / 2
    return hessian


def _of_response(fit: Fit, scores: Scores) -> Expected | None:
    """Take the expectation over the argument, if any, that is the response of such a model."""
    for position, y in _responses(fit):
        means = _means(fit, scores, position, y)
        if means is None:
            continue
        levels, shares = means
        parts = [
            (_with_response(fit, position, level), share)
            for level, share in zip(levels, shares, strict=True)
        ]
        weights = fit.likelihood.weights
        wide = [share if weights is None else share * weights for _, share in parts]
        mean = sum(_hessian(fit, one, w) for (one, _), w in zip(parts, wide, strict=True))
        covariance = _covariance(
            scores, np.eye(scores.whitened.shape[1]) + mean - _hessian(fit, fit.likelihood)
        )
        if covariance is not None:
            return Expected(covariance, 1e-4, _pearson(fit, scores, parts))
    return None


def _responses(fit: Fit) -> Iterator[tuple[int, Floats]]:
    """List the arguments that may be a response, with their positions."""
    if not fit.likelihood.supports_weights or fit.likelihood.frequencies is not None:
        return
    for position, given in enumerate(fit.likelihood.args):
        of_rows = isinstance(given, np.ndarray) and given.shape == (fit.likelihood.n,)
        if of_rows and given.dtype.kind in "fiub":
            yield position, given.astype(float)


def _with_response(fit: Fit, position: int, y: Floats) -> Likelihood:
    """Put another response into the data."""
    args = list(fit.likelihood.args)
    args[position] = y
    return fit.likelihood.with_args(tuple(args))


def _means(
    fit: Fit, scores: Scores, position: int, y: Floats
) -> tuple[list[Floats], list[Floats]] | None:
    """Find responses and their probabilities, (n,) each, under which every score has mean 0.

    Of a binary response both values; of one that scores are affine in, the value at which they
    are 0, at which the Hessian is its own expectation.
    """
    values = np.unique(y)
    step = fit.step_sizes.gradient_step

    def at(response: Floats) -> Floats:
        return contribution_gradients(_with_response(fit, position, response), fit.whitening, step)

    if len(values) == 2:
        low, high = (np.full(len(y), each) for each in values)
        first, second = at(low), at(high)
        share = _share(first, second - first)
        if share is None or not ((share >= 0) & (share <= 1)).all():
            return None
        return [low, high], [1 - share, share]
    width = float(np.std(y)) or 1.0
    here, once, twice = scores.whitened, at(y + width), at(y + 2 * width)
    largest = np.abs(once).max() + np.abs(here).max()
    if not np.abs(twice - 2 * once + here).max() < _RULES.form * largest:
        return None
    share = _share(here, once - here)
    if share is None:
        return None
    root = y + width * share
    if not np.abs(at(root)).max() < _RULES.form * largest:
        return None
    return [root], [np.ones(len(y))]


def _share(first: Floats, change: Floats) -> Floats | None:
    """Solve first + share · change = 0 row by row, (n,); None where some row has no solution."""
    length = (change**2).sum(axis=1)
    if not (length > 0).all():
        return None
    share = -(first * change).sum(axis=1) / length
    left = first + share[:, None] * change
    if not np.abs(left).max() < _RULES.form * (np.abs(first).max() + np.abs(change).max()):
        return None
    return np.asarray(share)


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
            _RULES.step,
        )
        for one, share in parts
    )
    squares = (scores.whitened @ directions.T) ** 2
    sums = [float(np.sum(s / h)) for s, h in zip(squares.T, np.asarray(curvatures).T, strict=True)]
    if not np.isfinite(sums).all() or abs(sums[0] / sums[1] - 1) > 1e-3:
        return None
    return sums[0]
