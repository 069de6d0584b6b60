"""HTML for notebooks: the rows and lines that print shows, in the colors of the page around them.

There are no scripts, style sheets or colors in it: what stands out is bold, with its reason as a
tooltip.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, Self

__all__ = ["Flagged", "lines", "print_at_prompt", "table"]

_TABLE = "border-collapse:collapse;margin:0;white-space:nowrap;font-variant-numeric:tabular-nums"
_CELL = "font-weight:normal;padding:.15em .6em;text-align:"
_LINES = (
    "list-style:none;margin:.8em 0;max-width:100ch;padding-left:2.5em;text-indent:-2em;"
    "white-space:pre-wrap"
)


class Flagged(str):
    """A table cell that stands out, with the reason; printed it is its text."""

    reason: str

    def __new__(cls, text: str, reason: str) -> Self:
        """Keep the reason with the text."""
        cell = super().__new__(cls, text)
        cell.reason = reason
        return cell


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    spanning: tuple[str, int] | None = None,
) -> str:
    """Lay out a table as `align` does; `Flagged` cells are bold, with their reason as a tooltip."""
    first, *others = header
    titles = _title(first, "left") + "".join(_title(title, "right") for title in others)
    above = "" if spanning is None else _spanning(*spanning, len(header))
    parts = [
        f'<div style="margin:.8em 0;overflow-x:auto"><table style="{_TABLE}">',
        f'<thead style="border-bottom:1px solid">{above}<tr>{titles}</tr></thead><tbody>',
        *map(_row, rows),
        "</tbody></table></div>",
    ]
    return "\n".join(parts)


def lines(texts: Sequence[str], marked: Sequence[str] = ()) -> str:
    """List lines; those beginning with an exclamation mark, or as ``marked``, begin in bold."""
    # Blanks are kept, so there are none between the items.
    items = "".join(f"<li>{_line(text, [*marked, '!'])}</li>" for text in texts)
    return f'<ul style="{_LINES}">{items}</ul>'


def _title(text: str, side: str) -> str:
    """Lay out a column title."""
    return f'<th scope="col" style="{_CELL}{side};opacity:.7">{escape(text)}</th>'


def _spanning(text: str, count: int, columns: int) -> str:
    """Lay out a title above the last columns."""
    empty = f'<th colspan="{columns - count}"></th>'
    style = f"{_CELL}right;opacity:.7"
    title = f'<th colspan="{count}" scope="colgroup" style="{style}">{escape(text)}</th>'
    return f"<tr>{empty}{title}</tr>"


def _row(cells: Sequence[str]) -> str:
    """Lay out a row, its first cell as its title."""
    name, *others = cells
    title = f'<th scope="row" style="{_CELL}left">{escape(name)}</th>'
    return f"<tr>{title}{''.join(map(_cell, others))}</tr>"


def _cell(text: str) -> str:
    """Lay out a cell."""
    start = f'<td style="{_CELL}right"'
    if isinstance(text, Flagged):
        return f'{start} title="{escape(text.reason)}"><b>{escape(text)}</b></td>'
    return f"{start}>{escape(text)}</td>"


def _line(text: str, marked: Sequence[str]) -> str:
    """Lay out a line, its beginning in bold where it is marked."""
    start = next((each for each in marked if text.startswith(each)), "")
    rest = escape(text[len(start) :])
    return f"<b>{escape(start)}</b>{rest}" if start else rest


def print_at_prompt(shown: object, printer: Any, cycle: bool) -> None:
    """Show at IPython's prompt what print shows: the ``_repr_pretty_`` of every result."""
    printer.text(str(shown))
