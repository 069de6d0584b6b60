"""A confidence interval for every parameter, and how it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bootmle.display import html
from bootmle.display.encoding import printable
from bootmle.display.text import align, rounded, rounded_like
from bootmle.likelihood.arrays import Floats

__all__ = ["ConfidenceInterval"]


@dataclass(frozen=True, slots=True, eq=False)
class ConfidenceInterval:
    """An interval for every parameter.

    Attributes
    ----------
    low, high : (p,) arrays
        Endpoints; infinite on the open side of a one-sided interval.
    low_mcse, high_mcse : (p,) arrays
        Monte Carlo errors of the endpoints.
    names : tuple of str
        Of the parameters.
    """

    low: Floats
    high: Floats
    low_mcse: Floats
    high_mcse: Floats
    names: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Floats]:
        """Unpack as SciPy's: ``low, high = ...``."""
        return iter((self.low, self.high))

    def __getitem__(self, end: int) -> Floats:
        """Return low, 0, or high, 1."""
        return (self.low, self.high)[end]

    def __str__(self) -> str:
        """Show a table."""
        return printable(align(*self._table()))

    def _repr_html_(self) -> str:
        """Show the same in a notebook."""
        return html.table(*self._table())

    _repr_pretty_ = html.print_at_prompt

    def _table(self) -> tuple[list[str], list[list[str]]]:
        """Lay out a row for each parameter; Monte Carlo errors only where there are some."""
        errors = np.array([self.low_mcse, self.high_mcse])
        noisy = bool((errors > 0).any())
        titles = ["", "low", "± MC", "high", "± MC"] if noisy else ["", "low", "high"]
        names = self.names or [f"x{j + 1}" for j in range(len(self.low))]
        rows = []
        for name, low, high, *mcse in zip(names, self.low, self.high, *errors, strict=True):
            cells = [_shown((low, high), *each) for each in zip((low, high), mcse, strict=True)]
            rows.append([name, *(cell for end in cells for cell in (end if noisy else end[:1]))])
        return titles, rows


def _shown(ends: tuple[float, float], end: float, error: float) -> tuple[str, str]:
    """Show an endpoint to three digits of a quarter of the interval, and its Monte Carlo error."""
    width = abs(ends[1] - ends[0]) / 4
    if not np.isfinite(end):
        return f"{end:g}", ""
    if not (np.isfinite(width) and width > 0):
        return (rounded_like(end, error, 2) if error > 0 else rounded(end, 6)), rounded(error, 2)
    return rounded_like(end, width, 3), rounded_like(error, width, 3)
