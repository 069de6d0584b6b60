"""The gradient that the user passes: its form, and whether it is that of the objective."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from bootmle.display.text import brief
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.parameters import Parameters

__all__ = ["check_jac_at", "check_jac_between", "with_jac_form"]

_SEED = 20_240_229
"""Which signs: any fixed choice, so that a fit is reproducible."""


@dataclass(frozen=True, slots=True)
class _Comparison:
    """How jac is compared with differences of fun, and what counts as different."""

    steps: tuple[float, float] = (1e-4, 1e-5)
    """Relative to a parameter: central differences truncate about 1e-8 and 1e-10 of a slope, and
    round by 1e-12 and 1e-11 of the nll."""
    off: float = 0.02
    """Relative difference that none of these errors explains."""
    along: float = 1e-3
    """The same of a slope along a line, which is a sum over parameters: more are looked at one by
    one."""
    least: float = 1e-4
    """Slope per relative change, of the largest, below which it is not compared."""
    zero: float = 1e-8
    """Size, √ε, below which a parameter counts as 0 and its step is absolute."""
    rounding: float = 100.0
    """Multiple of ε by which values may be off: far more than a sum of n terms errs by."""
    aside: float = 1e-2
    """Relative distance of the second point: in an optimum at the start all slopes are 0."""


_COMPARISON = _Comparison()
_SUMMED = "it is", "it is not the gradient of what fun returns"
_SIGNED = (
    "its rows, summed with random signs, are",
    "they are not the gradients of the contributions that fun returns",
)


def with_jac_form(likelihood: Likelihood) -> Likelihood:
    """Check jac at the start, and determine whether it returns a row for each contribution."""
    if likelihood.jac is None:
        return likelihood
    values = likelihood.parameters.values
    raw = likelihood.jac(values.copy(), *likelihood.args)
    refusal = TypeError(f"jac: returned {brief(raw)}; return an array of numbers")
    if raw is None:
        raise refusal
    try:
        gradient = np.asarray(raw, dtype=float)
    except (TypeError, ValueError):
        raise refusal from None
    by_row = likelihood.per_observation and gradient.shape == (likelihood.n, values.size)
    if by_row and gradient.shape != (values.size, 1):
        likelihood = replace(likelihood, scores_given=True)
    elif gradient.shape not in {(values.size,), (values.size, 1)}:
        raise ValueError(
            f"jac: returned shape {gradient.shape}; return ({values.size},) for the total"
            + (f" or ({likelihood.n}, {values.size}) by contribution" * likelihood.per_observation)
        )
    _compare_with_differences(likelihood, gradient)
    return likelihood


def _compare_with_differences(likelihood: Likelihood, gradient: Floats) -> None:
    """Refuse a gradient that is not the objective's, by central differences with two steps."""
    # At an optimum the sum is zero, and so is any multiple of it: a second point then shows more.
    # So it does where JAX's derivative of a branch that is not taken may be NaN or wrong.
    shown = _compare_at(likelihood, likelihood.parameters.values, gradient, "at x0")
    if shown and not likelihood.automatic:
        return
    check_jac_at(likelihood, _beside(likelihood.parameters))


def check_jac_at(likelihood: Likelihood, params: Floats) -> None:
    """Refuse a gradient that is not the objective's at a point, unless it is not finite there."""
    try:
        gradient = likelihood.scores(params.copy())
    except Exception:  # the user's code may raise anything outside its domain
        return
    if np.isfinite(gradient).all():
        _compare_at(likelihood, params, gradient, f"at {params.tolist()}")


def check_jac_between(likelihood: Likelihood, params: Floats, ends: tuple[Floats, Floats]) -> None:
    """Refuse a gradient that is not the objective's at a point, if it is not along a line there.

    The two ``ends`` are near it, to either side, and to be told apart in every parameter.
    """
    # Two evaluations, where all parameters take four each: a wrong factor may be 1 at the start.
    if likelihood.jac is None or likelihood.automatic:
        return
    likelihood = replace(likelihood, scale=1.0, weights=None)  # as jac has neither
    by_row, (ahead, behind) = likelihood.scores_given, ends
    value = likelihood.contributions if by_row else likelihood.total
    try:
        gradient = likelihood.scores(params.copy()) @ (ahead - behind)
        first = np.atleast_1d(value(ahead))
        change = first - value(behind)
    except Exception:  # the user's code may raise anything outside its domain
        return
    signs = np.stack([np.ones(change.size), _signs(change.size)])[: 1 + by_row]
    given, found = signs @ np.atleast_1d(gradient), signs @ change
    rounding = _COMPARISON.rounding * np.finfo(float).eps * np.abs(first).sum()
    off = np.abs(given - found) > _COMPARISON.along * np.abs(found) + rounding
    if np.isfinite(found).all() and off.any():
        check_jac_at(likelihood, params)


def _beside(parameters: Parameters) -> Floats:
    """Return a point beside the start in every free parameter, within the bounds."""
    free, beside = parameters.free, parameters.values.copy()
    aside = _COMPARISON.aside * _signs(free.size) * _sizes(beside)[free]
    beside[free] = np.clip(beside[free] + aside, *parameters.bounds.T)
    return beside


def _compare_at(likelihood: Likelihood, params: Floats, gradient: Floats, where: str) -> bool:
    """Compare at a point; return whether a wrong gradient would have shown in every parameter."""
    # Gradients by contribution are also summed with random signs: errors in each of them may cancel
    # in their sum.
    signs = np.ones((1, 1))
    if likelihood.scores_given:
        signs = np.stack([np.ones(len(gradient)), _signs(len(gradient))])
    sums = _Sums(likelihood, params, signs)
    names, free = likelihood.parameters.names, likelihood.parameters.free
    given, sizes = signs @ gradient.reshape(signs.shape[1], -1), _sizes(params)
    least = _COMPARISON.least * np.max(np.abs(given * sizes)[:, free], axis=1, initial=0.0)
    seen = [
        _compare(names[j], given[:, j], *sums.slopes(j, sizes[j]), least / sizes[j], where)
        for j in free
    ]
    return all(seen)


def _compare(
    name: str, given: Floats, found: Floats, noise: Floats, least: Floats, where: str
) -> bool:
    """Compare sums (k,) of derivatives by one parameter; return whether any exceeds the noise."""
    largest = np.maximum(np.abs(given), np.abs(found))
    for k, (what, verdict) in enumerate((_SUMMED, _SIGNED)[: len(given)]):
        if not np.isfinite(given[k]):
            raise ValueError(f"jac: by {name} it is {given[k]} {where}, where fun is finite")
        # NaN outside the domain: nothing to compare with.
        if abs(given[k] - found[k]) > _COMPARISON.off * largest[k] + noise[k] + least[k]:
            ratio = f" (ratio {given[k] / found[k]:.4g})" if found[k] else ""
            raise ValueError(
                f"jac: by {name} {what} {given[k]:.6g} {where}, differences of fun are "
                f"{found[k]:.6g}{ratio}: {verdict}"
            )
    return bool(np.any(_COMPARISON.off * largest > noise + least))


@dataclass(slots=True)
class _Sums:
    """Sums of the contributions with signs (k, n), or the total with the one sign +."""

    likelihood: Likelihood
    params: Floats
    signs: Floats
    start: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Evaluate at the point itself."""
        self.start = self.at(self.params)

    def slopes(self, position: int, size: float) -> tuple[Floats, Floats]:
        """Difference by one parameter, NaN outside the domain; also bound the error."""
        # The bound adds how far two steps differ, second differences, and rounding.
        unit, found = np.eye(self.params.size)[position], []
        rounding = _COMPARISON.rounding * np.finfo(float).eps * np.abs(self.start).sum()
        for step in [size * step for step in _COMPARISON.steps]:
            up, down = (self.at(self.params + side * unit) for side in (step, -step))
            second = np.abs(self.signs @ (up + down - 2 * self.start))
            found.append((self.signs @ (up - down) / (2 * step), (2 * second + rounding) / step))
        (coarse, _), (fine, floor) = found
        # No difference with either step: the values lie on a grid wider than what they change by.
        known = np.where((coarse != 0) | (fine != 0), fine, np.nan)
        return known, 3 * np.abs(coarse - fine) + floor

    def at(self, params: Floats) -> Floats:
        """Evaluate the contributions (n,) or the total (1,); NaN where fun raises."""
        by_row = self.likelihood.scores_given
        try:
            values = (self.likelihood.contributions if by_row else self.likelihood.total)(params)
        except Exception:  # the user's code may raise anything outside its domain
            values = np.nan
        return np.full(self.signs.shape[1], values)


def _sizes(params: Floats) -> Floats:
    """Return the size of every parameter, 1 for one that is zero."""
    return np.where(np.abs(params) > _COMPARISON.zero, np.abs(params), 1.0)


def _signs(count: int) -> Floats:
    """Draw signs, the same every time."""
    return np.random.default_rng(_SEED).choice([-1.0, 1.0], count)
