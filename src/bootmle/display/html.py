"""HTML for notebooks: the rows and lines that print shows, in the colours of the page around them.

There are no scripts, style sheets or colours in it: what stands out is bold, and says why where the
pointer rests on it.
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
    """A cell of a table that stands out; printed it is its text.

    Parameters
    ----------
    text : str
        What the cell shows.
    reason : str
        Why it stands out.

    Examples
    --------
    >>> cell = Flagged("nan", "the Hessian is indefinite")
    >>> cell, cell.reason
    ('nan', 'the Hessian is indefinite')
    """

    reason: str

    def __new__(cls, text: str, reason: str) -> Self:
        """Keep the reason beside the text."""
        cell = super().__new__(cls, text)
        cell.reason = reason
        return cell


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    spanning: tuple[str, int] | None = None,
) -> str:
    """Lay out a table: the first column to the left, the others to the right, as `align` does.

    Parameters
    ----------
    header : sequence of str
        Column titles.
    rows : sequence of sequences of str
        One cell for each column; those that are `Flagged` are bold, their reason a tooltip.
    spanning : (str, int), optional
        A title above the last so many columns.

    Returns
    -------
    str
        A table that scrolls by itself where it is wider than the page.

    Examples
    --------
    >>> html = table(["", "SE"], [["mu", Flagged("nan", "the Hessian is indefinite")]])
    >>> 'title="the Hessian is indefinite"><b>nan</b></td>' in html
    True
    """
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
    """List lines, further ones of a long line indented.

    Parameters
    ----------
    texts : sequence of str
        The lines.
    marked : sequence of str
        Beginnings of lines that are to be bold; an exclamation mark always is.

    Returns
    -------
    str

    Examples
    --------
    >>> html = lines(["opg: agrees", "hessian: too small"], ["hessian:"])
    >>> "<li>opg: agrees</li><li><b>hessian:</b> too small</li>" in html
    True
    """
    # Blanks are kept, so there are none between the items.
    items = "".join(f"<li>{_line(text, [*marked, '!'])}</li>" for text in texts)
    return f'<ul style="{_LINES}">{items}</ul>'


def _title(text: str, side: str) -> str:
    """Head a column."""
    return f'<th scope="col" style="{_CELL}{side};opacity:.7">{escape(text)}</th>'


def _spanning(text: str, count: int, columns: int) -> str:
    """Head the last columns together."""
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
    """Show a cell, and why it stands out where it does."""
    start = f'<td style="{_CELL}right"'
    if isinstance(text, Flagged):
        return f'{start} title="{escape(text.reason)}"><b>{escape(text)}</b></td>'
    return f"{start}>{escape(text)}</td>"


def _line(text: str, marked: Sequence[str]) -> str:
    """Show a line, its beginning in bold where it is marked."""
    start = next((each for each in marked if text.startswith(each)), "")
    rest = escape(text[len(start) :])
    return f"<b>{escape(start)}</b>{rest}" if start else rest


def print_at_prompt(shown: object, printer: Any, cycle: bool) -> None:
    """Show at IPython's prompt what print shows: a class takes this as its ``_repr_pretty_``.

    Parameters
    ----------
    shown : object
        What is at the prompt.
    printer : RepresentationPrinter
        IPython's.
    cycle : bool
        Whether it holds itself, which no result does.

    Examples
    --------
    >>> class Printer:
    ...     text = staticmethod(print)
    >>> print_at_prompt(1.5, Printer(), False)
    1.5
    """
    printer.text(str(shown))
