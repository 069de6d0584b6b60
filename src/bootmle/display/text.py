"""Tables and values in words: aligned columns, as many digits as an error supports, data frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["align", "brief", "duration", "import_pandas", "rounded", "rounded_like"]

_FINEST = 1e-8
"""Relative size of an error below which no further digits are shown."""
_LONGEST = 100
"""Characters of a value that a message shows."""


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
    """Show a number to some significant digits, without an exponent where it is readable.

    Parameters
    ----------
    value : float
        The number.
    digits : int
        Significant digits.

    Returns
    -------
    str

    Examples
    --------
    >>> rounded(0.0123456), rounded(1234.5678), rounded(float("nan")), rounded(1.2345e-9)
    ('0.0123', '1235', 'nan', '1.23e-09')
    """
    if not np.isfinite(value) or value == 0:
        return f"{value:g}"
    exponent = int(np.floor(np.log10(abs(value))))
    if not -5 <= exponent <= 8:
        return f"{value:.{digits - 1}e}"
    return f"{value:.{max(0, digits - 1 - exponent)}f}"


def rounded_like(value: float, error: float, digits: int = 2) -> str:
    """Show a number to the decimal place of its error's last significant digit.

    Parameters
    ----------
    value, error : float
        The number, and its standard error in the same unit.
    digits : int
        Significant digits of the error to keep.

    Returns
    -------
    str

    Examples
    --------
    >>> rounded_like(3.14159, 0.021), rounded_like(31415.9, 210.0), rounded_like(2.5, 0.0)
    ('3.142', '31416', '2.5')
    """
    if not (np.isfinite(value) and np.isfinite(error) and error > 0):
        return f"{value:.6g}"
    error = max(error, _FINEST * abs(value))
    place = int(np.floor(np.log10(error))) - digits + 1
    if place < -9 or abs(value) >= 1e9:
        size = np.floor(np.log10(max(abs(value), error)))
        return f"{value:.{max(digits - 1, int(size) - place)}e}"
    return f"{value:.{max(0, -place)}f}"


def duration(seconds: float) -> str:
    """Show a duration in the unit that suits it.

    Parameters
    ----------
    seconds : float
        How long.

    Returns
    -------
    str

    Examples
    --------
    >>> duration(0.004), duration(12.34), duration(754), duration(12600)
    ('4 ms', '12.3 s', '12.6 min', '3.5 h')
    """
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (np.inf, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.1f} {name}"
    raise ValueError(f"seconds: {seconds!r} is not a duration")


def brief(value: Any) -> str:
    """Show a value in one line of a message, cut off where it is long.

    Parameters
    ----------
    value : object
        What was passed.

    Returns
    -------
    str

    Examples
    --------
    >>> brief("2-point"), brief([[1.0], [2.0]])
    ("'2-point'", '[[1.0], [2.0]]')
    """
    text = " ".join(repr(value).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def import_pandas() -> Any:
    """Return pandas, which data frames are made with.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        Without it: pip install "bootmle[pandas]".

    Examples
    --------
    >>> import_pandas().DataFrame({"mu": [1.5]}).shape
    (1, 1)
    """
    try:
        import pandas
    except ImportError:
        raise ImportError('to_frame needs pandas: pip install "bootmle[pandas]"') from None
    return pandas
