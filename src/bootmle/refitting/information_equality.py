"""The information equality of a correct model, tested in one place for alarms and cross-check.

A correct model has E[s sᵀ] = E[h], with s a contribution's gradient and h its Hessian (White 1982,
Econometrica 50, section 4). Along one direction the sample's ratio of the two varies as s² − h
does. In small samples s² alone may show its heavy tail where s² − h does not, or the reverse, so
that the larger of both errors counts. At the estimate a score has the variance h (1 − l) for its
leverage l, the trace of h in whitened coordinates, so that the ratio's expectation is below 1, and
few residual degrees of freedom make it a scaled chi-squared variable.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtr, chdtrc, ndtr

from bootmle.display.text import rounded
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.derivatives import contribution_curvatures
from bootmle.optimization.status import Status
from bootmle.refitting.replicates import Replicates

__all__ = [
    "Equality",
    "compare",
    "equality_of_replicates",
    "equality_of_scores",
    "has_enough_rows",
    "under_the_model",
]


_MEASURED: WeakKeyDictionary[Fit, tuple[Floats, Floats]] = WeakKeyDictionary()
"""Directions and the contributions' curvatures along them, of fits that are still in use."""


@dataclass(frozen=True, slots=True)
class _Thresholds:
    """When the equality counts as violated."""

    # Measured on 500 data sets each of a correct normal (p = 2), Poisson (p = 2) and logit (p = 3)
    # model: it is said to fail in at most 0.6% of them at n = 100 and 0.2% at n = 200, and in 27%
    # and 74% of data sets of counts with twice the Poisson's variance. From replicates alone (150
    # data sets, B = 199): in none, and in 47% and 77%.

    margin: float = 0.25
    """Relative deviation of a ratio from 1 that is tolerated at any n: a standard error from the
    Hessian is then off by no more than √1.25, 12%."""
    errors: float = 3.0
    """Standard errors that the logarithm of the trace's ratio must be away from 0."""
    errors_of_any: float = 3.5
    """The same for the largest of several ratios, one for each parameter."""
    alike: float = 3.0
    """Standard errors up to which a ratio is 2: all are, of −2 log L. Measured on 20 data sets of
    each of 15 models at n = 200: so called in 95.7%, and at 2 errors in 92.6%."""
    near: float = 0.05
    """Difference from 2 that is allowed at any n, as the model is seldom quite right."""
    least_ratio: float = 0.5
    """Ratio below which the error of s² − h is taken at this ratio: near 0 it would grow without
    bound relative to the ratio."""
    of_squares: float = 1e-3
    """Relative error of s² = 2 ℓ h up to which it holds: that of second differences of one row."""
    rows: float = 5.0
    """Observations per parameter below which scores are not judged, nor is a sandwich a reference:
    its variances are then too small by p/n = 20% in expectation."""
    fewest: int = 50
    """Replicates below which their variance is not used: it is known to 20% then, √(2/50)."""
    at_bound: float = 0.025
    """Share of replicates at a bound beyond which their variance is not used: a normal's, censored
    at that quantile, is 0.96 times as large."""
    squares: float = 4.0
    """Variance of a squared standardized score, where only replicates are known: 2 for a normal's,
    2 + 1/μ for a Poisson's, which is this at μ = ½."""


_THRESHOLDS = _Thresholds()


@dataclass(frozen=True, slots=True, eq=False)
class Equality:
    """Ratios of the scores' variance to the observed information, and their sampling errors.

    Attributes
    ----------
    ratio, error : float
        tr(H⁻¹ JᵀJ)/r, and the standard error of its logarithm.
    ratios, errors : (q,) arrays
        The sandwich's variance of each free parameter over the Hessian's, and the standard errors
        of their logarithms; empty where they were not measured.
    measured_on : str
        "scores", or "replicates" where the objective returns only a total.
    expected : (1 + q,) array
        What a correct model leads one to expect of the ratio and of the ratios; empty if 1.
    freedom : (1 + q,) array
        Degrees of freedom of the chi-squared distribution they then have with normal scores; empty
        if infinite, 0 where judgment is withheld for want of observations.
    of_squares : bool
        Whether every contribution is a squared residual, with s² = 2 ℓ h.
    scale : float or None
        1 where the objective is known to be −log L, 2 where −2 log L.
    """

    ratio: float
    error: float
    ratios: Floats = field(default_factory=lambda: np.empty(0))
    errors: Floats = field(default_factory=lambda: np.empty(0))
    measured_on: str = "scores"
    expected: Floats = field(default_factory=lambda: np.empty(0))
    freedom: Floats = field(default_factory=lambda: np.empty(0))
    of_squares: bool = False
    scale: float | None = None

    @property
    def fails(self) -> bool:
        """Whether the trace's ratio is clearly not what it should be."""
        ratio, error = np.array([self.ratio]), np.array([self.error])
        count = _THRESHOLDS.errors
        return bool(_clearly_off(ratio, error, count, self.expected[:1], self.freedom[:1])[0])

    @property
    def failing(self) -> NDArray[np.bool_]:
        """Which parameters' ratios are clearly not what they should be, (q,)."""
        count = _THRESHOLDS.errors_of_any
        return _clearly_off(self.ratios, self.errors, count, self.expected[1:], self.freedom[1:])

    @property
    def twofold(self) -> bool:
        """Whether the trace's ratio is 2 within its error, and all are alike, as of −2 log L."""
        # Of parameters whose ratios differ by more than their errors a variance is misstated.
        if self.scale is not None:
            return self.scale == 2
        reach = np.clip(
            _THRESHOLDS.alike * self.error, _THRESHOLDS.near, np.log1p(_THRESHOLDS.margin)
        )
        close = abs(np.log(self.ratio / 2)) < reach
        off = np.abs(np.log(self.ratios / 2))
        allowed = np.maximum(np.log1p(_THRESHOLDS.margin), _THRESHOLDS.alike * self.errors)
        return bool(close and np.all(off < allowed))

    @property
    def suspects(self) -> str:
        """What may make the ratio what it is."""
        if self.of_squares:
            return (
                "the objective is a sum of squares; a negative log-likelihood divides it by twice "
                "the residual variance"
            )
        if self.twofold:
            return "the objective is −2 log L rather than −log L, or the model is misspecified"
        dispersed = "overdispersed" if self.ratio > 1 else "underdispersed"
        return (
            f"the model is misspecified ({dispersed} data, for example), or the objective (a sum "
            f"of squares?) is not a negative log-likelihood"
        )

    def __str__(self) -> str:
        """State the trace's ratio in words."""
        return (
            f"the variance of the {self.measured_on} is {rounded(self.ratio, 2)} times the "
            f"{'' if self.measured_on == 'scores' else 'inverse of the '}observed information (the "
            f"information equality fails)"
        )


def equality_of_scores(fit: Fit, scores: Floats, spread: Floats) -> Equality:
    """Compare whitened scores (n, r) with curvatures, from four evaluations for each parameter."""
    # For an interior optimum with a positive definite Hessian; the rows of ``spread`` (q, r) are
    # the parameters' directions in whitened coordinates.
    size = scores.shape[1]
    lengths = np.linalg.norm(spread, axis=1)
    directions = np.concatenate([np.eye(size), spread / np.maximum(lengths, 1e-300)[:, None]])
    along = fit.likelihood.score_share * (scores @ directions.T) ** 2, _curvatures(fit, directions)
    squares, curvatures = (
        np.column_stack([each[:, :size].mean(axis=1), each[:, size:]]) for each in along
    )
    ratios, errors = compare(squares, curvatures)
    expected, freedom = under_the_model(size * curvatures[:, 0], curvatures, size)
    return Equality(
        float(ratios[0]),
        float(errors[0]),
        ratios[1:],
        errors[1:],
        expected=expected,
        freedom=freedom,
        of_squares=_of_squares(fit, *along),
    )


def _of_squares(fit: Fit, squares: Floats, curvatures: Floats) -> bool:
    """Whether each contribution ℓ = c r² of a linear residual r: its score has s² = 2 ℓ h."""
    values = np.asarray(fit.base)
    if fit.likelihood.weights is not None or values.shape != (len(squares),):
        return False
    off = np.abs(squares - 2 * values[:, None] * curvatures)
    return bool((off.max(axis=0) <= _THRESHOLDS.of_squares * squares.max(axis=0)).all())


def under_the_model(
    leverages: Floats, curvatures: Floats, n_parameters: int
) -> tuple[Floats, Floats]:
    """Return the ratios (k,) to be expected of a correct model, and degrees of freedom (k,)."""
    # From leverages (n,) and curvatures (n, k). The residuals are correlated: n squares count as
    # n − p.
    left = len(leverages) - n_parameters if has_enough_rows(len(leverages), n_parameters) else 0
    if not leverages.any():  # where a step leaves the domain curvatures are not known
        return np.ones(curvatures.shape[1]), np.full(curvatures.shape[1], float(left))
    # A dispersion rescales the coordinates in which they were measured.
    leverages = leverages * n_parameters / max(float(leverages.sum()), 1e-300)
    curvatures = curvatures / np.maximum(curvatures.sum(axis=0), 1e-300)
    residual = np.clip(1 - leverages, 0, 1)[:, None]
    parts = np.clip(curvatures, 0, None) * residual
    expected = (curvatures * residual).sum(axis=0)
    squares = np.maximum((parts**2).sum(axis=0), 1e-300)
    freedom = parts.sum(axis=0) ** 2 / squares * left / len(leverages)
    return expected, freedom


def has_enough_rows(n: int, n_parameters: int) -> bool:
    """Whether there are enough observations for scores to be compared with curvatures."""
    return n >= _THRESHOLDS.rows * n_parameters


def compare(squares: Floats, curvatures: Floats) -> tuple[Floats, Floats]:
    """Sum squared scores (n, k) whose curvatures sum to 1: ratios (k,), and their logs' errors."""
    ratios = squares.sum(axis=0)
    own, excess = (
        np.sqrt(len(each)) * each.std(axis=0, ddof=1) for each in (squares, squares - curvatures)
    )
    errors = np.maximum(own / ratios, excess / np.maximum(ratios, _THRESHOLDS.least_ratio))
    return ratios, errors


def equality_of_replicates(fit: Fit, replicates: Replicates) -> Equality | None:
    """Compare the variance of replicates of independently drawn rows with the inverse Hessian."""
    # Their trace in units of the inverse Hessian is tr(H⁻¹ JᵀJ)/r to first order. None where they
    # are too few, or many are at a bound, which makes their variance smaller.
    optima = replicates.estimates[replicates.optimal]
    at_bound = float(np.mean(replicates.status == Status.AT_BOUND))
    if len(optima) < _THRESHOLDS.fewest or at_bound > _THRESHOLDS.at_bound:
        return None
    z = fit.whitening.to_whitened(fit.likelihood.parameters.to_working(optima))
    each = ((z - z.mean(axis=0)) ** 2).mean(axis=1)
    ratio = float(each.mean())
    if not 0 < ratio < np.inf:
        return None
    drawn = each.std() / np.sqrt(len(each)) / ratio
    sampling = np.sqrt(_THRESHOLDS.squares / (fit.likelihood.n or np.inf))
    return Equality(ratio, float(np.hypot(sampling, drawn)), measured_on="replicates")


def _curvatures(fit: Fit, directions: Floats) -> Floats:
    """Second differences (n, k) of the weighted contributions, measured once for each fit."""
    # They are 0 where they leave the domain.
    known = _MEASURED.get(fit)
    if known is None or not np.array_equal(known[0], directions):
        known = _MEASURED[fit] = directions, _measure_curvatures(fit, directions)
    return known[1]


def _measure_curvatures(fit: Fit, directions: Floats) -> Floats:
    """Measure them at the estimate, unless `fit` has."""
    if fit.row_derivatives is not None:
        return fit.likelihood.of_observations(fit.row_derivatives.along(directions)).T
    curvatures = contribution_curvatures(
        fit.likelihood, fit.whitening, directions, np.asarray(fit.base), fit.step_sizes.hessian_step
    )
    return curvatures if np.isfinite(curvatures).all() else np.zeros_like(curvatures)


def _clearly_off(
    ratios: Floats, errors: Floats, count: float, expected: Floats, freedom: Floats
) -> NDArray[np.bool_]:
    """Whether ratios are off by more than the margin, ``count`` errors, and a chi-squared tail."""
    expected = expected if expected.size else np.ones_like(ratios)
    ratios = np.where(expected > 0, ratios / np.where(expected > 0, expected, 1.0), 0.0)
    off = np.abs(np.log(np.where(ratios > 0, ratios, 1.0)))
    clear = off > np.maximum(np.log1p(_THRESHOLDS.margin), count * errors)
    if freedom.size:
        tail = np.where(
            ratios > 1, chdtrc(freedom, freedom * ratios), chdtr(freedom, freedom * ratios)
        )
        clear &= (tail < ndtr(-count)) & (freedom > 0)
    return np.asarray((ratios > 0) & clear)
