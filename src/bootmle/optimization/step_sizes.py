"""Steps and tolerances that follow the noise of the objective, in standard errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["PROMISED", "StepSizes"]

PROMISED = 1e-3
"""Distance from its optimum, in standard errors, within which a certified refit ends."""


@dataclass(frozen=True, slots=True)
class _Rules:
    """How steps and tolerances depend on the noise ε of the objective."""

    gradient: float = 60.0
    """c³/ε: noise 2ε/c and truncation c²T/6 balance at c³ = 6ε/T, for a third derivative of 0.1."""
    gradient_limits: tuple[float, float] = (1e-3, 0.3)
    """Without noise 1e-3 leaves an error of 1e-3²/60; beyond 0.3 the formula is not local."""
    hessian: float = 50.0
    """h⁴/ε: noise 4ε/h² and truncation h²F/12 balance at h⁴ = 48ε/F, for a fourth derivative F of
    about 1."""
    hessian_limits: tuple[float, float] = (1e-3, 0.5)
    """As for gradients: without noise 1e-3 leaves an error of 1e-3²/12."""
    expansion: float = 3e3
    """h⁴/ε: noise √8 ε/h³ of third derivatives and what one-sided differences leave out, h times a
    fourth derivative, balance at h⁴ = 2.8ε/F, for F of about 1/1000."""
    expansion_limits: tuple[float, float] = (0.2, 1.0)
    """Measured at n = 40 to 1,500 on logit, Poisson, NB2, Weibull and ordered probit: replicates by
    the expansion are as accurate with 0.02 as with 0.3."""
    noise: float = 4.0
    """Noise levels by which equal values may differ: 2.8 standard deviations of a difference."""
    rounding: float = 1e-12
    """The same for rounding, as a share of the value."""
    attainable: float = 3.0
    """Multiple of the attainable distance within which a refit is accepted."""


_RULES = _Rules()


@dataclass(frozen=True, slots=True)
class StepSizes:
    """Step lengths and tolerances of the refits, in standard errors.

    Attributes
    ----------
    noise : float
        Noise level of the objective.
    gradient_step : float
        Forward-difference step of the gradient.
    hessian_step : float
        Step of the measured Hessian.
    """

    noise: float
    gradient_step: float
    hessian_step: float

    @classmethod
    def from_noise(cls, noise: float) -> StepSizes:
        """Choose the steps that balance truncation and noise."""
        gradient = np.clip((_RULES.gradient * noise) ** (1 / 3), *_RULES.gradient_limits)
        hessian = np.clip((_RULES.hessian * noise) ** 0.25, *_RULES.hessian_limits)
        return cls(noise, float(gradient), float(hessian))

    @property
    def expansion_step(self) -> float:
        """Distance between the points of an expansion of third order, by values."""
        step = (_RULES.expansion * self.noise) ** 0.25
        return float(np.clip(step, *_RULES.expansion_limits))

    def attainable(self, size: int) -> float:
        """Return the distance to the optimum that the noise allows."""
        return float(np.sqrt(size) * 2 * self.noise / self.gradient_step)

    def floor(self, size: int) -> float:
        """Return the distance below which the noise hides a refit's optimum."""
        return _RULES.attainable * self.attainable(size)

    def limited(self, size: int) -> bool:
        """Whether the noise keeps refits further than promised from their optima."""
        return self.floor(size) > PROMISED

    def slack(self, value: float = 0.0) -> float:
        """Return how much the nll may differ between points where it is the same."""
        return _RULES.noise * self.noise + _RULES.rounding * abs(value)
