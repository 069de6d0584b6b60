"""How long intervals are, and on which side they miss: a row for each parameter and method.

Run ``python benchmarks/intervals.py`` for tables of results/intervals.csv, which validation.py and
batched_intervals.py write, and of validation.csv at sizes that it lacks: for each kind of interval
the lowest and the highest coverage of 95% intervals over models and parameters, in percent, by the
number of clusters and by the size of regular samples, with the fewest data sets that one of them
rests on. In bold where one misses what is asked: coverage within
1.5 points of 95% (2.5 with few clusters or fewer than 50 rows), 2 Monte Carlo errors allowed. The
package recommends no kind as reliable where it misses: see `bootmle.bootstrapping.choosing`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import gammaln

from bootmle import Coverage
from models.clustered import CLUSTER_SIZE
from studies import STUDIES, Study
from tables import Row, write_table

__all__ = ["interval_rows", "write_intervals"]

RESULTS = Path(__file__).parent / "results"
LEVEL = 95.0
FEWEST = 50
"""Data sets of an interval that a table shows: a coverage is then known to 3 points."""
SHOWN = 1.0
"""Percentage of data sets without an interval from which on a table shows it: as much as
coverage may be off by beside what is asked."""


def interval_rows(study: Study, result: Coverage) -> Iterator[Row]:
    """Describe each parameter's interval by each method, in percent of the data sets with one.

    An interval has both ends, one of them finite; ``withheld`` is the percentage without one.
    ``length`` is the mean length over that of the exact interval, where there is one.
    """
    kept = result.kept
    for place, method in enumerate(result.methods):
        low, high = kept.low[:, place], kept.high[:, place]
        for j, name in enumerate(result.names):
            known = np.isfinite(low[:, j]) | np.isfinite(high[:, j])
            known &= ~(np.isnan(low[:, j]) | np.isnan(high[:, j]))
            truth, count = result.truth[j], int(known.sum())
            above = 100 * _mean(low[known, j] > truth)
            below = 100 * _mean(high[known, j] < truth)
            covered = 100 - above - below
            length = _mean(high[known, j] - low[known, j])
            exact = _EXACT.get((study.model.name, name))
            yield {
                "study": study.name,
                "model": study.title,
                "n": study.n,
                "regular": "yes" if study.regular else "no",
                "parameter": name,
                "method": method,
                "datasets": count,
                "resamples": result.n_resamples,
                "covers": covered,
                "mcse": float(np.sqrt(covered * (100 - covered) / max(count, 1))),
                "misses_below": above,
                "misses_above": below,
                "withheld": 100 - 100 * _mean(known),
                "mean_length": length,
                "length": "" if exact is None else length / exact(study.n),
            }


def _mean(values: Any) -> float:
    """Average what there may be none of."""
    return float(np.mean(values)) if len(values) else np.nan


def _of_normal_mean(n: int) -> float:
    """Mean length of Student's interval of a mean with a standard deviation of 2."""
    shrunk = np.sqrt(2 / (n - 1)) * np.exp(gammaln(n / 2) - gammaln((n - 1) / 2))
    return float(2 * stats.t.ppf(0.975, n - 1) * 2 * shrunk / np.sqrt(n))


def _of_log_scale(n: int) -> float:
    """Return the length of the interval of a normal log standard deviation, by chi-squared."""
    ends = np.asarray(stats.chi2.ppf([0.025, 0.975], n - 1))
    return float(np.log(ends[1] / ends[0]) / 2)


def _of_exponential_mean(n: int) -> float:
    """Mean length of the interval of an exponential mean of 2, by chi-squared."""
    ends = 2 * n / np.asarray(stats.chi2.ppf([0.975, 0.025], 2 * n))
    return float(2 * (ends[1] - ends[0]))


_EXACT: dict[tuple[str, str], Callable[[int], float]] = {
    ("normal", "mu"): _of_normal_mean,
    ("normal", "log_sigma"): _of_log_scale,
    ("exponential, raw", "mean"): _of_exponential_mean,
}


def write_intervals(rows: list[Row], folder: Path) -> None:
    """Write all rows, in the place of those of the same studies and methods in the file."""
    path = folder / "intervals.csv"
    fresh = {(row["study"], row["method"]) for row in rows}
    old: list[Row] = []
    if path.exists():
        with path.open(newline="") as file:
            old = [
                {**row}
                for row in csv.DictReader(file)
                if (row["study"], row["method"]) not in fresh
            ]
    order = list(STUDIES)
    together = sorted([*old, *rows], key=lambda row: order.index(str(row["study"])))
    write_table("intervals", together, folder)


def main() -> None:
    """Print the tables."""
    with (RESULTS / "intervals.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    drawn = {row["study"] for row in rows if row["method"] == "percentile"}
    rows += _of_validation({row["study"] for row in rows} - drawn)
    clustered = [row for row in rows if " clusters, " in row["model"]]
    derived = [row for row in rows if row["parameter"] in {"ratio", "quantile", "probability"}]
    regular = [row for row in rows if row["regular"] == "yes" and row not in [*clustered, *derived]]
    for title, chosen, key in (
        ("clusters", clustered, lambda row: int(row["n"]) // CLUSTER_SIZE),
        ("n", regular, lambda row: int(row["n"])),
        ("derived quantities, n", derived, lambda row: int(row["n"])),
    ):
        print("\n".join(f"| {' | '.join(line)} |" for line in _table(title, chosen, key)), "\n")


def _of_validation(studies: set[str]) -> Iterator[dict[str, str]]:
    """Take intervals of validation.csv; of few units studentized ones are recommended."""
    with (RESULTS / "validation.csv").open(newline="") as file:
        found = [row for row in csv.DictReader(file) if row["study"] in studies]
    for row in found:
        for method in ("percentile", "bca", "studentized", "hessian", "recommended"):
            source = "studentized" if method == "recommended" else method
            if row[source]:
                withheld = float(row[f"withheld_{source}"])
                count = (int(row["datasets"]) - int(row["failed"])) * (1 - withheld / 100)
                yield {
                    **{key: row[key] for key in ("study", "model", "n", "regular", "parameter")},
                    "method": method,
                    "datasets": str(round(count)),
                    "covers": row[source],
                    "mcse": row[f"{source}_mcse"],
                    "withheld": row[f"withheld_{source}"],
                }


def _table(
    title: str, rows: list[dict[str, str]], key: Callable[[dict[str, str]], int]
) -> Iterator[list[str]]:
    """Lay out the range of each method's coverage at each size; in bold what misses its target."""
    sizes = sorted({key(row) for row in rows})
    yield [f"95% intervals, {title} =", *map(str, sizes)]
    yield ["---"] * (len(sizes) + 1)
    for name in dict.fromkeys(map(_method, rows)):
        own = [[row for row in rows if _method(row) == name and key(row) == size] for size in sizes]
        shown = [_range(each) for each in own]
        if any(shown):
            yield [name, *shown]
        if any(shown) and any(float(row["withheld"]) >= SHOWN for each in own for row in each):
            yield [f"{name}, % with an interval", *map(_given, own)]


def missed(row: dict[str, str]) -> bool:
    """Whether an interval's coverage is off by more than asked, beyond 2 Monte Carlo errors."""
    few = " clusters, " in row["model"] or int(row["n"]) < 50
    off = abs(float(row["covers"]) - LEVEL) - 2 * float(row["mcse"])
    return off > (2.5 if few else 1.5)


def _method(row: dict[str, str]) -> str:
    """Name a method; of multiplied scores, with the correction."""
    plan = row["model"].rpartition(", ")[2]
    return f"{plan}: {row['method']}" if plan.startswith("Wild") else row["method"]


def _range(rows: list[dict[str, str]]) -> str:
    """Show the lowest and highest coverage, of the run with most data sets of each interval."""
    best = [row for row in _largest(rows) if int(row["datasets"]) >= FEWEST]
    if not best:
        return ""
    covers = [float(row["covers"]) for row in best]
    counts = [int(row["datasets"]) for row in best]
    shown = f"{min(covers):.1f} to {max(covers):.1f}"
    return (f"**{shown}**" if any(map(missed, best)) else shown) + f" ({min(counts):,})"


def _given(rows: list[dict[str, str]]) -> str:
    """Show in what share of the data sets there is an interval, from lowest to highest."""
    shares = [100 - float(row["withheld"]) for row in _largest(rows)]
    return f"{min(shares):.0f} to {max(shares):.0f}" if shares else ""


def _largest(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Keep the run with most data sets of each interval."""
    best: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        place = row["model"].rpartition(", ")[0] or row["model"], row["parameter"]
        if place not in best or int(row["datasets"]) > int(best[place]["datasets"]):
            best[place] = row
    return list(best.values())


if __name__ == "__main__":
    main()
