"""Whether standard errors and intervals are right, on models whose truth is known.

Run ``python benchmarks/validation.py [NAME ...] [--sizes N ...] [--datasets N] [--resamples B]
[--methods KIND ...] [--jobs N] [--checkpoint DIR] [--deadline SECONDS] [--csv DIR]``; names are
those of the studies, all by default, and kinds of intervals each study's own. With a directory for
checkpoints a run can be stopped, resumed and extended by more data sets. Prints a row for each
study, with its worst parameter: that with the percentile interval furthest from 95%.

ratio, hessian_ratio
    Mean standard error over the standard deviation of the estimates; ± is the Monte Carlo error.
percentile, bca, studentized, hessian, ...
    Coverage of 95% intervals in percent, of the data sets where one is given; `withheld_` is the
    percentage where none is.
noticed
    Percentage of data sets that the cross-check flagged or that raised an alarm; `what` lists the
    kinds.
se_ok, coverage_ok
    For regular studies of at least 200 rows: whether the ratio is within 3 Monte Carlo errors plus
    2% of 1, and the best method's coverage within 1.5 points of 95%, Monte Carlo error included.

intervals.csv has a row for every interval: its coverage, in what percentage of data sets it lies
above and below the truth, and its mean length. With --methods only that table is written, so that a
kind of interval can have more data sets than the study, or fewer.

Then the exponential mean at n=20 is set beside the coverage that is known, by integration for the
parametric bootstrap and from 40,000 data sets for the nonparametric one.
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bootmle import Coverage, Flag
from intervals import interval_rows, write_intervals
from studies import STUDIES, Study
from tables import Row, report, write_table

LEVEL = 95.0
KNOWN = {
    "exponential-mean-20": {
        "hessian": 92.555,
        "percentile": 90.37,
        "basic": 88.5325,
        "normal": 89.7675,
        "studentized": 94.6225,
        "bca": 91.565,
    },
    "exponential-mean-parametric-20": {
        "hessian": 92.555,
        "percentile": 93.606,
        "basic": 90.576,
    },
}
"""Coverage in percent of the mean of 20 exponential variables, nominally 95.

The parametric ones and the Hessian's follow from the gamma distribution function; the others, with
B = 1999, from 40,000 data sets: a Monte Carlo error of 0.15.
"""
KNOWN_MCSE = 0.15
HEADINGS = ("percentile", "bca", "studentized", "hessian")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the studies asked for; print and write their tables."""
    options = _parsed(arguments)
    warnings.simplefilter("ignore")
    rows: list[Row] = []
    for name in options.names:
        started = time.perf_counter()
        study = STUDIES[name]
        if options.methods:
            study = replace(study, methods=tuple(options.methods))
        found, intervals = measured(study, options)
        rows += found
        done = f"{found[0]['datasets']} data sets" if found else "nothing done"
        print(f"  {name}: {done}, {time.perf_counter() - started:.0f} s", flush=True)
        if options.csv:
            write_intervals(intervals, options.csv)
            if not options.methods:
                write(rows, options.csv)
    print(markdown(rows), "\n")
    if any(row["study"] in KNOWN for row in rows):
        report("known", known(rows), None)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(STUDIES)}")
    parser.add_argument("--sizes", type=int, nargs="+", metavar="N", help="only with so many rows")
    parser.add_argument("--datasets", type=int, default=1000, help="of each study; 1,000")
    parser.add_argument("--resamples", type=int, help="of each data set; each study's own")
    parser.add_argument("--methods", nargs="+", metavar="KIND", help="only these intervals")
    parser.add_argument("--jobs", type=int, default=1, help="as n_jobs of coverage")
    parser.add_argument("--checkpoint", type=Path, metavar="DIR", help="a directory for each study")
    parser.add_argument("--deadline", type=float, metavar="SECONDS", help="for each study")
    parser.add_argument("--csv", type=Path, metavar="DIR", help="write validation.csv here")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(STUDIES)
    if unknown:
        parser.error(f"NAME: {', '.join(sorted(unknown))}; use some of {', '.join(STUDIES)}")
    sizes = options.sizes or [study.n for study in STUDIES.values()]
    options.names = [name for name in options.names or STUDIES if STUDIES[name].n in sizes]
    return options


def measured(study: Study, options: argparse.Namespace) -> tuple[list[Row], list[Row]]:
    """Run one study; describe each parameter in a row, and each of its intervals in one."""
    name = "-".join([study.name, *(options.methods or ())])
    folder = options.checkpoint and options.checkpoint / name
    result = study.run(
        options.datasets,
        options.resamples,
        n_jobs=options.jobs,
        checkpoint=folder,
        deadline=options.deadline,
    )
    if result.n_failed == len(result.data):
        return [], []
    rows = [row_of(study, result, j) for j in range(len(result.names))]
    return rows, list(interval_rows(study, result))


def row_of(study: Study, result: Coverage, j: int) -> Row:
    """Describe one parameter of one study."""
    row: Row = {
        "study": study.name,
        "model": study.title,
        "n": study.n,
        "regular": _yes(study.regular),
        "datasets": len(result.data),
        "failed": result.n_failed,
        "resamples": result.n_resamples,
        "parameter": result.names[j],
        "truth": float(result.truth[j]),
        "bias": float(result.bias[j]),
        "sd": float(result.empirical_sd[j]),
    }
    for source, title in (("bootstrap", ""), ("hessian", "hessian_"), ("sandwich", "sandwich_")):
        if source in result.sources:
            row[f"{title}ratio"] = float(result.se_ratio[source][j])
            row[f"{title}ratio_mcse"] = float(result.se_ratio_mcse[source][j])
    for method in result.methods:
        row[method] = 100 * float(result.coverage[method][j])
        row[f"{method}_mcse"] = 100 * float(result.coverage_mcse[method][j])
        row[f"withheld_{method}"] = 100 * float(result.withheld[method][j])
    return row | judged(study, result, j) | noticed(result)


def judged(study: Study, result: Coverage, j: int) -> Row:
    """Say whether a regular study is as it should be."""
    if not study.regular or study.n < 200:
        return {}
    off = abs(result.se_ratio["bootstrap"][j] - 1)
    errors = {
        method: abs(100 * result.coverage[method][j] - LEVEL)
        - 200 * result.coverage_mcse[method][j]
        for method in result.methods
    }
    return {
        "se_ok": _yes(off < 3 * result.se_ratio_mcse["bootstrap"][j] + 0.02),
        "coverage_ok": _yes(np.nanmin(list(errors.values())) < 1.5),
    }


def _yes(right: bool) -> str:
    """Say yes or no."""
    return "yes" if right else "no"


def noticed(result: Coverage) -> Row:
    """Say how often something was flagged or raised an alarm, and what."""
    kept, kinds = result.kept, {**result.flagged, **result.alarmed}
    # Where SciPy stopped says nothing about the standard errors: the fit continued from there.
    flagged = [set(names.split()) - {Flag.NOT_AT_OPTIMUM.name} for names in kept.flags]
    kinds.pop(str(Flag.NOT_AT_OPTIMUM.value), None)
    often = sorted(kinds, key=lambda kind: -kinds[kind])
    return {
        "noticed": 100 * float(np.mean(np.array(flagged, dtype=bool) | (kept.alarms != ""))),
        "what": "; ".join(f"{kind} {100 * kinds[kind]:.0f}%" for kind in often),
        "seconds": round(result.seconds),
    }


def write(rows: list[Row], folder: Path) -> None:
    """Write all rows, in the place of those of the same studies in the file."""
    path = folder / "validation.csv"
    fresh = {row["study"] for row in rows}
    old: list[Row] = []
    if path.exists():
        with path.open(newline="") as file:
            old = [{**row} for row in csv.DictReader(file) if row["study"] not in fresh]
    together = sorted([*old, *rows], key=lambda row: list(STUDIES).index(str(row["study"])))
    write_table("validation", together, folder)


def markdown(rows: list[Row]) -> str:
    """Lay out the worst parameter of each study, for the README."""
    header = ["model", "n", "data sets", "worst for", "bootstrap SE / SD", "Hessian SE / SD"]
    header += [f"{method} %" for method in HEADINGS] + ["noticed %"]
    lines = [header, ["---"] * len(header)]
    for study in dict.fromkeys(row["study"] for row in rows):
        worst = max((row for row in rows if row["study"] == study), key=_miss)
        line = [str(worst[key]) for key in ("model", "n", "datasets", "parameter")]
        line += [_ratio(worst, title) for title in ("ratio", "hessian_ratio")]
        line += [_covered(worst, method) for method in HEADINGS]
        lines.append([*line, _noticed(worst)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _miss(row: Row) -> float:
    """Tell how far the percentile interval's coverage is from nominal."""
    return float(np.nan_to_num(abs(float(row.get("percentile", np.nan)) - LEVEL)))


def _ratio(row: Row, title: str) -> str:
    """Show a ratio with its Monte Carlo error."""
    value = float(row.get(title, np.nan))
    if not np.isfinite(value):
        return "-"
    return f"{value:.3f} ± {float(row[f'{title}_mcse']):.3f}"


def _covered(row: Row, method: str) -> str:
    """Show a coverage, and how often it was withheld."""
    value = float(row.get(method, np.nan))
    if not np.isfinite(value):
        return "-"
    withheld = float(row[f"withheld_{method}"])
    return f"{value:.1f}" + (f" ({withheld:.0f}% withheld)" if withheld >= 0.5 else "")


def _noticed(row: Row) -> str:
    """Show how often something was noticed, and in an irregular study what most often was."""
    share = f"{float(row['noticed']):.0f}"
    if row["regular"] == "yes" or not row["what"]:
        return share
    return f"{share}: {'; '.join(str(row['what']).split('; ')[:2])}"


def known(rows: list[Row]) -> Iterator[Row]:
    """Set coverage beside what is known."""
    for row in rows:
        for method, truth in KNOWN.get(str(row["study"]), {}).items():
            error = float(np.hypot(float(row[f"{method}_mcse"]), KNOWN_MCSE))
            yield {
                "study": row["study"],
                "method": method,
                "covers": row[method],
                "known": truth,
                "errors": (float(row[method]) - truth) / error,
                "withheld": row[f"withheld_{method}"],
            }


if __name__ == "__main__":
    main()
