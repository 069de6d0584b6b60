"""The packages, pinned, with the formula that each one's default standard errors follow.

`data/software.csv` has a line for each call. The formula is known from the package's source or its
documentation, and what it gives is computed in `software_truths.py`, without bootmle; there is none
where the package prints no standard error. R's versions are those of Debian 12.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Row", "read_rows"]


@dataclass(frozen=True, slots=True)
class Row:
    """One call of one package.

    Attributes
    ----------
    package, version : str
    call : str
        What a user calls.
    module, function : str
        Where `software/` calls it; module "rows" is R's.
    problem : str
        Key of `software_problems.PROBLEMS`.
    formula : str
        How `crosscheck` has to name what is printed; empty where nothing is.
    truth : str
        Key of `software_truths.columns`.
    needs : tuple of str
        Requirements besides: versions it runs with, and bootmle's where its result is passed on.
    result : str
        Function that returns the package's own result, which `covariances=` has to recognize.
    same_start : bool
        Whether the numbers depend on where the search starts.
    """

    package: str
    version: str
    call: str
    module: str
    function: str
    problem: str
    formula: str
    truth: str
    needs: tuple[str, ...]
    result: str
    same_start: bool


def read_rows() -> list[Row]:
    """Read them all."""
    path = Path(__file__).parent / "data" / "software.csv"
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    return [
        Row(
            **{key: value for key, value in line.items() if key not in {"needs", "same_start"}},
            needs=tuple(line["needs"].split()),
            same_start=line["same_start"] == "yes",
        )
        for line in lines
    ]
