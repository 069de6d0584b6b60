"""Text: aligned tables, numbers to the digits that an error supports, values in messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = [
    *("ABOUT", "align", "brief", "data_frame", "duration", "durations"),
    *("rounded", "rounded_like"),
]

ABOUT = 1.3
"""Ratio of two forecasts up to which one is stated: they hold to within that."""

_FINEST = 1e-8
"""Relative error below which no more digits are shown: an optimum is not known to more."""
_DIGITS = 9
"""Digits before or after the point up to which a number is readable without an exponent."""
_LONGEST = 100
"""Characters of a value that a message shows: a line."""


def align(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    spanning: tuple[str, int] | None = None,
) -> str:
    """Align a table, first column left, others right; ``spanning`` heads the last k columns."""
    cells = [list(header), *map(list, rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(header))]
    lines = []
    if spanning is not None:
        title, count = spanning
        lacking = len(title) - (sum(widths[-count:]) + 2 * (count - 1))
        for k in range(count):
            widths[k - count] += max(0, lacking + k) // count
        lines.append(title.rjust(sum(widths) + 2 * (len(widths) - 1)))
    for row in cells:
        first = row[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join([first, *rest]).rstrip())
    return "\n".join(lines)


def rounded(value: float, digits: int = 3) -> str:
    """Show a number to some significant digits, without an exponent where it is readable."""
    if not np.isfinite(value) or value == 0:
        return f"{value:g}"
    exponent = int(np.floor(np.log10(abs(value))))
    if not -_DIGITS < exponent < _DIGITS:
        return f"{value:.{digits - 1}e}"
    return f"{value:.{max(0, digits - 1 - exponent)}f}"


def rounded_like(value: float, error: float, digits: int = 2) -> str:
    """Show a number to the decimal place of its error's last significant digit: "3.142"."""
    if not (np.isfinite(value) and np.isfinite(error) and error > 0):
        return f"{value:.6g}"
    error = max(error, _FINEST * abs(value))
    place = int(np.floor(np.log10(error))) - digits + 1
    if place < -_DIGITS or abs(value) >= 10**_DIGITS:
        size = np.floor(np.log10(max(abs(value), error)))
        return f"{value:.{max(digits - 1, int(size) - place)}e}"
    text = f"{value:.{max(0, -place)}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def duration(seconds: float) -> str:
    """Show a duration in seconds in the unit that suits it: "12.6 min"."""
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (np.inf, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.1f} {name}"
    raise ValueError(f"seconds: {seconds!r} is not a duration")


def durations(least: float, most: float) -> str:
    """Show between which durations one lies; a single one where they are about the same."""
    return f"{duration(least)} to {duration(most)}" if most > ABOUT * least else duration(most)


def brief(value: Any) -> str:
    """Show a value in one line of a message, cut off where it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def data_frame(
    columns: Mapping[str, Any], index: Sequence[str] | Mapping[str, Sequence[Any]]
) -> DataFrame:
    """Make a pandas DataFrame whose rows have names, or are the product of named levels."""
    try:
        import pandas
    except ImportError:
        raise ImportError('to_frame needs pandas: pip install "bootmle[pandas]"') from None
    if isinstance(index, Mapping):
        levels = pandas.MultiIndex.from_product(list(index.values()), names=list(index))
        return pandas.DataFrame(columns, index=levels)
    return pandas.DataFrame(columns, index=list(index))
