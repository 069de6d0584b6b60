"""The log-likelihoods of statsmodels' models, and where their parameters end."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bootmle.likelihood.arrays import Floats

__all__ = [
    "GeneralizedLinear",
    "Groups",
    "Hurdle",
    "LogLike",
    "LogLikeObs",
    "StateSpace",
    "adds_up",
    "onto_bounds",
    "read_ranges",
]

_FAR = 1e6
"""Unconstrained value at which a transformation has reached its end: x/sqrt(1 + x²) is 5e-13 from
1, and an end this far out is none."""
_OPEN = 700.0
"""Unconstrained value, 1e-6 from the end of stationarity, beyond which rounding may lose the
state's first covariance: a seasonal model's likelihood was right there, and off by 300 at 1e-9."""
_SAME = 1e-8
"""Relative difference of sums in another order, and of ends that do not depend on others."""

_ROWS = "_grp_ix"
_GROUPED = [
    *("_endog_grp", "_exog_grp", "_offset_grp", "_groupsize", "_sumy", "_xy", "_n1", "_endofs"),
]
"""Attributes of conditional models that list something for each group, the multinomial's first."""


_IN_MODEL = (
    "at 0 by leaving its column out of the model, at another value as an offset; or call fit(..., "
    "fixed={name: value}) with the log-likelihood as a function of your own"
)


@dataclass(frozen=True, slots=True, eq=False)
class LogLikeObs:
    """A model with ``loglikeobs``."""

    how_to_fix: ClassVar[str] = _IN_MODEL

    model: Any

    def contributions(self, params: Floats) -> Floats:
        """Return the contributions; MNLogit has one column for each category."""
        values = np.asarray(self.model.loglikeobs(params))
        return -(values.sum(axis=1) if values.ndim == 2 else values)

    def scores(self, params: Floats) -> Floats:
        """Return the gradients of the contributions, (n, p)."""
        return -np.asarray(self.model.score_obs(params))


@dataclass(frozen=True, slots=True, eq=False)
class StateSpace:
    """A state-space model; ``closed`` ones are not evaluated outside their ranges."""

    how_to_fix: ClassVar[str] = "with model.fix_params(...), and fit_statsmodels() again"

    model: Any
    closed: bool
    stationary: Any
    """Which parameters end with stationarity, (p,)."""

    def contributions(self, params: Floats) -> Floats:
        """Return the contributions, ∞ where the model has no likelihood."""
        nothing = np.full(self.model.nobs, np.inf)
        if self.closed and not self._is_inside(params):
            return nothing
        try:
            values = -np.asarray(self.model.loglikeobs(params))
        except np.linalg.LinAlgError:
            return nothing
        # The Kalman filter returns zeros where all variances are 0, or the state's is infinite.
        return values if values.any() else nothing

    def _is_inside(self, params: Floats) -> bool:
        """Whether the model's own transformation has an inverse; any moving average has one."""
        # Its likelihood goes on beyond invertibility, as its mirror image (Hamilton 1994, ch. 3.7).
        try:
            with np.errstate(all="ignore"):
                inverse = self.model.untransform_params(
                    np.where(_moving_averages(self.model, params.size), 0.0, params)
                )
        except np.linalg.LinAlgError:
            return False
        far = np.abs(inverse[self.stationary]) > _OPEN
        return not (np.isnan(inverse).any() or far.any())


@dataclass(frozen=True, slots=True, eq=False)
class LogLike:
    """A model with ``loglike``, the total, alone."""

    how_to_fix: ClassVar[str] = _IN_MODEL

    model: Any

    def contributions(self, params: Floats) -> float:
        """Return the total."""
        return -float(self.model.loglike(params))


@dataclass(frozen=True, slots=True, eq=False)
class Hurdle:
    """A hurdle model: whether a count is 0, and the counts above it."""

    how_to_fix: ClassVar[str] = _IN_MODEL

    model: Any

    def contributions(self, params: Floats) -> Floats:
        """Return the contributions in the order of the rows."""
        model, zero = self.model, self.model.model1
        size = model.k_exog + model.k_extra1
        values = np.empty(model.endog.size)
        # Its own are those of zeros, then those of others.
        values[np.concatenate([zero.zero_idx, zero.nonzero_idx])] = zero.loglikeobs(params[:size])
        values[zero.nonzero_idx] += model.model2.loglikeobs(params[size:])
        return -values


class Groups:
    """A conditional model, whose contributions are those of its groups."""

    how_to_fix: ClassVar[str] = _IN_MODEL

    def __init__(self, model: Any, shape: tuple[int, ...]) -> None:
        names = [_ROWS] if hasattr(model, _ROWS) else _GROUPED
        lists = {name: getattr(model, name) for name in names if hasattr(model, name)}
        self.shape, self.models = shape, []
        for group in range(len(lists[names[0]])):
            one = copy(model)
            for name, entries in lists.items():
                # A flatiter cannot be pickled.
                entry = entries[group]
                setattr(one, name, [np.array(entry) if isinstance(entry, np.flatiter) else entry])
            one._n_groups = 1
            self.models.append(one)

    def contributions(self, params: Floats) -> Floats:
        """Return the contributions of the groups."""
        by_row = params.reshape(self.shape, order="F").ravel()
        return np.array([-model.loglike(by_row) for model in self.models])

    def scores(self, params: Floats) -> Floats:
        """Return the gradients of the contributions."""
        by_row = params.reshape(self.shape, order="F").ravel()
        scores = [np.reshape(model.score(by_row), self.shape) for model in self.models]
        return -np.array([score.ravel(order="F") for score in scores])


@dataclass(frozen=True, slots=True, eq=False)
class GeneralizedLinear:
    """A GLM with its dispersion fixed."""

    how_to_fix: ClassVar[str] = _IN_MODEL

    model: Any
    scale: float

    @property
    def weights(self) -> Floats | None:
        """Return freq_weights; var_weights are part of the density."""
        counts = np.asarray(self.model.freq_weights, dtype=float)
        fractional = counts[counts != np.round(counts)]
        if fractional.size:
            raise ValueError(
                f"results: the freq_weights of the {type(self.model).__name__} are fractional "
                f"({fractional[0]:.4g}), and no numbers of observations to be drawn; pass them as "
                f"var_weights, or use fit() with importance weights"
            )
        return None if (counts == 1).all() else counts

    def contributions(self, params: Floats) -> Floats:
        """Return the family's contributions at the model's means."""
        model = self.model
        values = model.family.loglike_obs(
            model.endog, model.predict(params), model.var_weights, self.scale
        )
        return -np.asarray(values)

    def scores(self, params: Floats) -> Floats:
        """Return the gradients of the contributions, (n, p), without freq_weights."""
        # McCullagh and Nelder (1989), eq. 2.13.
        model, family = self.model, self.model.family
        means = model.predict(params)
        residual = (model.endog - means) / (family.link.deriv(means) * family.variance(means))
        factor = model.var_weights * model.n_trials / self.scale
        return np.asarray(-(residual * factor)[:, None] * model.exog)


def adds_up(model: Any, params: Floats) -> bool:
    """Whether a model has contributions, and their sum is the likelihood that its fit maximizes."""
    try:
        contributions = np.asarray(model.loglikeobs(params))
    except (AttributeError, NotImplementedError):
        return False
    total = model.loglike(params)
    return bool(np.isclose(contributions.sum(), total, rtol=_SAME, equal_nan=True))


@dataclass(frozen=True, slots=True, eq=False)
class Ranges:
    """Where a model's own transformation lets its parameters go."""

    # ``bounds`` (p, 2) are the ends that do not depend on other parameters; ``closed`` tells
    # whether there are any but variances' 0, beyond which the likelihood may still be evaluated;
    # ``stationary`` (p,), which of them are those of stationarity, where there is no likelihood.

    bounds: Floats
    closed: bool
    stationary: Any


def _moving_averages(model: Any, size: int) -> Any:
    """Return which parameters are a moving average's, (p,)."""
    names = [*getattr(model, "param_names", ())]
    return np.array([name.startswith("ma.") for name in names] or [False] * size)


def read_ranges(model: Any, size: int) -> Ranges:
    """Measure the ranges of transform_params, one parameter at a time."""
    # The others at 0, and at any place but 0.
    one, other = (_ends(model, base) for base in (np.zeros(size), np.sin(np.arange(1.0, size + 1))))
    own = np.isclose(one, other, rtol=_SAME, atol=_SAME)
    stationary = np.isclose(one, [-1.0, 1.0]).all(axis=1) & ~_moving_averages(model, size)
    bounds = np.where(own, one, [-np.inf, np.inf])
    last = _OPEN / np.sqrt(1 + _OPEN**2)
    bounds[stationary] = np.where(own, one * last, bounds)[stationary]
    # Markov switching models have no quick inverse.
    closed = hasattr(model, "ssm") and not (own.all() and np.isinf(bounds[:, 1]).all())
    return Ranges(bounds, closed, stationary)


def _ends(model: Any, base: Floats) -> Floats:
    """Return each parameter's lower and upper end, (p, 2), the others at a place."""
    values = np.empty((3, base.size))
    for row, column in np.ndindex(values.shape):
        at = base.copy()
        at[column] = (-_FAR, 0.0, _FAR)[row]
        with np.errstate(all="ignore"):
            values[row, column] = model.transform_params(at)[column]
    ends = np.array([values.min(axis=0), values.max(axis=0)]).T
    return np.where(np.abs(ends) >= _FAR, np.copysign(np.inf, ends), ends)


def onto_bounds(
    contributions: Callable[[Floats], Any], params: Floats, bounds: Floats | None
) -> Floats:
    """Move parameters inside their bounds, and onto one where the likelihood is no lower there."""
    if bounds is None:
        return params
    params = np.clip(params, bounds[:, 0], bounds[:, 1])
    for column, ends in enumerate(bounds):
        for end in ends[np.isfinite(ends)]:
            moved = params.copy()
            moved[column] = end
            there = np.sum(contributions(moved))
            if np.isfinite(there) and there <= np.sum(contributions(params)):
                params = moved
    return params
