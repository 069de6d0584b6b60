"""Parameters that a supremum leaves open: over a range of their values the nll is as low there."""

# Where a dose-response curve becomes a step, its midpoint may be anywhere between two doses.

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.optimization.bounds import Columns
from bootmle.optimization.whitening import WhitenedObjective

__all__ = ["open_columns"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """When the curvature along a parameter dies out toward a supremum."""

    rise: tuple[float, float] = (1e-3, 0.2)
    """Sums of the rises to both sides that show it: a third of a standard error has 0.1."""
    share: float = 1 / 3
    """Of a standard error, by the curvature that is known."""
    aimed: float = 0.05
    """The sum aimed at where it was more."""
    steps: tuple[float, ...] = tuple(10.0 ** np.arange(6, -9, -1))
    """In sizes of the parameter, tried where that does not hold: from far outside the range."""
    left: float = 0.5
    """Share of it that is left further out: of an exponential over a third of its way far less,
    of what converges nearly all."""
    level: float = 1e-3
    """Rise further out that is none, as of a supremum."""


_RULES = _Rules()


def open_columns(
    target: WhitenedObjective,
    here: Floats,
    further: Floats,
    columns: Iterable[int],
    sizes: Floats,
    units: Floats,
) -> Columns:
    """List the columns along which the curvature dies out from one point (q,) to another."""
    # Sizes (q,) and rough standard errors (q,), the others fixed, say which steps to try.
    base, beyond = target.value_at(here), target.value_at(further)
    if not beyond <= base + _RULES.level:
        return np.empty(0, dtype=np.intp)

    def rise(point: Floats, column: int, step: float) -> float:
        side = np.zeros(point.size)
        side[column] = step
        return target.value_at(point + side) + target.value_at(point - side)

    found = []
    least, most = _RULES.rise
    for column in columns:
        step = _RULES.share * float(units[column])
        seen = rise(here, column, step) - 2 * base
        if most < seen < np.inf:
            step *= float(np.sqrt(_RULES.aimed / seen))
            seen = rise(here, column, step) - 2 * base
        if not least <= seen <= most:
            for step in np.multiply(_RULES.steps, sizes[column]).tolist():
                seen = rise(here, column, step) - 2 * base
                if seen <= most:
                    break
        if rise(further, column, step) - 2 * beyond <= max(_RULES.left * seen, 0.0):
            found.append(column)
    return np.array(found, dtype=np.intp)
