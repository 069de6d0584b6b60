"""Steps along an axis that show how large its curvature is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bootmle.likelihood.arrays import Floats

__all__ = ["Probe"]

_TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True, slots=True)
class _StepLengths:
    """Lengths of probing steps, in conditional standard errors, by the objective's rounding r."""

    visible: float = 100.0
    """Multiple of r from which on a second difference, which rounding changes by up to 4 r, shows
    the curvature to a few percent."""
    target: tuple[float, float] = (3e-3, 0.3)
    """Limits of (100 r)^(1/4), which balances rounding 4 r/h² and truncation h²/12 times a fourth
    derivative of about 1/2."""
    sufficient: tuple[float, float] = (0.2, 30.0)
    """Multiples of the target that are good enough: only a scale's order of magnitude counts."""
    longest: float = 3.0
    """Length that is good enough at the last attempt."""
    bent: float = 0.5
    """Part of a gradient's difference that its second difference may be: the curvature, e^x's at a
    step of 1.1, is then right to within a quarter."""
    agreement: float = 2.0
    """Ratio of two steps' curvatures within which a gradient is linear over the longer."""


_STEPS = _StepLengths()


@dataclass(frozen=True, slots=True)
class Probe:
    """The difference that a step along an axis makes, and the curvature it shows."""

    step: float
    difference: Floats
    curvature: float
    resolution: float
    sign: float
    two_sided: bool
    bend: float = 0.0
    """Half the gradient's second difference along the axis, relative to the difference."""

    @property
    def is_bent(self) -> bool:
        """Whether the gradient is far from linear over the step."""
        return self.bend > _STEPS.bent

    def agrees(self, other: Probe) -> bool:
        """Whether the curvature is about that of another probe."""
        ratio = self.curvature / other.curvature if other.curvature else np.inf
        return bool(1 / _STEPS.agreement <= ratio <= _STEPS.agreement)

    @property
    def length(self) -> float:
        """The step in conditional standard errors, or an upper bound where nothing was seen."""
        visible = max(abs(self.curvature), 4 * self.resolution / self.step**2, _TINY)
        return float(self.step * np.sqrt(visible))

    @property
    def target(self) -> float:
        """The length that balances rounding and truncation of a plain second difference."""
        return float(np.clip((100 * self.resolution) ** 0.25, *_STEPS.target))

    @property
    def is_seen(self) -> bool:
        """Whether the curvature is visible beyond the rounding."""
        return abs(self.curvature) * self.step**2 > _STEPS.visible * self.resolution

    def suffices(self, last: bool) -> bool:
        """Whether the step has about the length aimed at, or is good enough as the last one."""
        low, high = _STEPS.sufficient
        near = low < self.length / self.target < high
        good_enough = self.length < _STEPS.longest or near if last else near and self.two_sided
        return self.is_seen and good_enough and not self.is_bent
