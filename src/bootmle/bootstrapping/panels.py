"""What the plots of the replicates share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from bootmle.inference.intervals import ConfidenceInterval
from bootmle.likelihood.arrays import Floats
from bootmle.refitting.replicates import Replicates

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Pictured", "has_spread", "read_names"]

_ROUNDING = 1e-12
"""Range relative to the values that is rounding: some thousand times the machine epsilon."""


class Pictured(Protocol):
    """What a plot needs of a Bootstrap."""

    @property
    def names(self) -> tuple[str, ...]:
        """The p parameters."""

    @property
    def estimate(self) -> Floats:
        """The estimate, (p,)."""

    @property
    def data(self) -> Replicates:
        """The replicates."""

    @property
    def fixed(self) -> tuple[str, ...]:
        """The fixed parameters."""

    def chosen(self, names: Sequence[str] | None) -> list[int]:
        """Return the positions of parameters."""

    def flat(self) -> NDArray[np.bool_]:
        """Whether each parameter is not identified, (p,)."""

    def ordered(self) -> tuple[Floats, Floats]:
        """Return the replicates sorted with undetermined ones lowest, and with them highest."""

    def interval_of(self, method: str, confidence_level: float) -> ConfidenceInterval:
        """Return the intervals."""


def read_names(boot: Pictured, names: Sequence[str] | None) -> list[int]:
    """Return the positions of the parameters; by default of all that are not fixed."""
    if names is not None:
        return boot.chosen(names)
    return [j for j, name in enumerate(boot.names) if name not in boot.fixed]


def has_spread(panel: Axes, values: Floats, flat: np.bool_) -> bool:
    """Whether a parameter's replicates vary; if not, write why."""
    finite = values[np.isfinite(values)]
    if flat:
        reason = "not identified by the data"
    elif finite.size == 0:
        reason = "no finite replicate"
    elif np.ptp(finite) <= _ROUNDING * np.abs(finite).max():
        reason = f"always {finite[0]:.6g}"
    else:
        return True
    panel.text(0.5, 0.5, reason, transform=panel.transAxes, ha="center", va="center")
    panel.set(xticks=[], yticks=[])
    return False
