"""Tables as the benchmarks print and write them, with the date and the versions that made them."""

from __future__ import annotations

import csv
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bootmle.display.text import align

__all__ = ["Row", "installed", "made_with", "report", "shown", "write_table"]

Row = dict[str, str | int | float]

OWN = ("numpy", "scipy", "joblib", "bootmle")
MADE_WITH = "made_with.csv"
"""One row for each table in its folder: when, at which commit and with which versions."""


def report(
    name: str, measured: Iterable[Row], folder: Path | None, others: Sequence[str] = ()
) -> None:
    """Print one table, and write it where a folder is given; others are versions of peers."""
    rows = list(measured)
    titles = list(dict.fromkeys(title for row in rows for title in row))
    print(align(titles, [[shown(row.get(title, "")) for title in titles] for row in rows]), "\n")
    if folder is not None:
        write_table(name, rows, folder, others)


def write_table(name: str, rows: Sequence[Row], folder: Path, others: Sequence[str] = ()) -> None:
    """Write a table, and what made it; others are versions of what was measured besides."""
    titles = list(dict.fromkeys(title for row in rows for title in row))
    _write(folder / f"{name}.csv", titles, rows)
    path = folder / MADE_WITH
    made: Row = {"table": name, **made_with(others)}
    kept: list[Row] = []
    if path.exists():
        with path.open(newline="") as file:
            kept = [{**row} for row in csv.DictReader(file) if row["table"] != name]
    _write(path, list(made), sorted([*kept, made], key=lambda row: str(row["table"])))


def made_with(others: Sequence[str] = ()) -> Row:
    """Say when, at which commit, with which versions and on what this runs."""
    own = [f"{name} {installed(name)}" for name in OWN]
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": _commit(),
        "versions": ", ".join([f"Python {platform.python_version()}", *own, *others]),
        "cores": os.cpu_count() or 1,
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def installed(package: str) -> str | None:
    """Return the version of a package; None where it is absent."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def shown(cell: str | int | float) -> str:
    """Show a number to four digits."""
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def _write(path: Path, titles: Sequence[str], rows: Sequence[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, titles, lineterminator="\n")
        writer.writeheader()
        writer.writerows({title: shown(cell) for title, cell in row.items()} for row in rows)


def _commit() -> str:
    """Name the commit that is measured, with a plus where files differ from it."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
