"""Tables for other programs: CSV, Markdown and LaTeX, from columns of numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bootmle.display.checks import read_path
from bootmle.display.text import rounded_like

__all__ = ["Summary", "as_csv", "as_latex", "as_markdown"]

_SPECIAL = {each: f"\\{each}" for each in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


class Summary(str):
    """A printed table that a prompt shows as it is printed."""

    def __repr__(self) -> str:
        return str(self)


def as_csv(columns: Mapping[str, Any], names: Sequence[str], path: str | Path | None) -> str | None:
    """Write columns at full precision to a file; return the text where there is no path."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["", *columns])
    for j, name in enumerate(names):
        writer.writerow([name, *(repr(float(column[j])) for column in columns.values())])
    if path is None:
        return text.getvalue()
    target = read_path("path", path)
    try:
        target.write_text(text.getvalue(), encoding="utf-8")
    except OSError as error:
        raise type(error)(
            error.errno, f"path: cannot write {str(target)!r} ({error.strerror}); name a file"
        ) from error
    return None


def as_markdown(columns: Mapping[str, Any], names: Sequence[str]) -> str:
    """Write a Markdown table with the digits that the standard errors support."""
    header = ["", *(title.replace("_", " ") for title in columns)]
    rows = [[name.replace("|", "\\|"), *cells] for name, *cells in _cells(columns, names)]
    marks = ["---", *["---:"] * len(columns)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, marks, *rows])


def as_latex(columns: Mapping[str, Any], names: Sequence[str]) -> str:
    """Write a LaTeX tabular with the digits that the standard errors support."""
    header = ["", *(title.replace("_", " ") for title in columns)]
    rows = [
        ["".join(_SPECIAL.get(each, each) for each in name), *(f"${cell}$" for cell in cells)]
        for name, *cells in _cells(columns, names)
    ]
    lines = [f"{' & '.join(row)} \\\\" for row in rows]
    top = f"\\begin{{tabular}}{{l{'r' * len(columns)}}}"
    head = f"{' & '.join(header)} \\\\"
    return "\n".join([top, "\\hline", head, "\\hline", *lines, "\\hline", "\\end{tabular}"])


def _cells(columns: Mapping[str, Any], names: Sequence[str]) -> list[list[str]]:
    """Format every row: its name, then its numbers."""
    errors = columns["standard_error"]
    return [
        [name, *(rounded_like(float(column[j]), errors[j], 3) for column in columns.values())]
        for j, name in enumerate(names)
    ]
