"""Whether the bootstrap meets what enumeration and millions of independent refits say.

Run ``python benchmarks/truths.py [NAME ...] [--resamples B] [--jobs N] [--csv DIR]``; names are
those of the cases, all by default. Exits with 1 if a number is missed.

One row for each number, the truths with their sources in tests/data/bootstrap_truths.json:

quantity
    What is compared, and of which parameter: ``perc95_lo`` is the lower end of the 95% percentile
    interval, ``normalbc`` the normal one around the estimate less its bias and ``normal`` around
    the estimate, ``z0`` and ``a_jack`` are BCa's correction and acceleration.
errors
    The difference beyond the truth's tolerance, in Monte Carlo standard errors of both.
ok
    Whether that is at most 4: one number in 16,000 is missed by chance.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

from tables import Row, report

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.test_bootstrap_truths import CASES, compared

B = 20_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the cases asked for, print their numbers, and exit with 1 if any is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CASES)}")
    parser.add_argument("--resamples", type=int, default=B, help=f"{B:,} by default")
    parser.add_argument("--jobs", type=int, default=1, help="as n_jobs of bootstrap")
    parser.add_argument("--csv", type=Path, metavar="DIR", help="write truths.csv here")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(CASES)
    if unknown:
        parser.error(f"NAME: {', '.join(sorted(unknown))}; use some of {', '.join(CASES)}")
    warnings.simplefilter("ignore")
    rows = [
        row
        for name in options.names or CASES
        for row in measured(name, options.resamples, options.jobs)
    ]
    report("truths", iter(rows), options.csv)
    missed = sum(row["ok"] == "no" for row in rows)
    print(f"{len(rows)} numbers, {missed} missed")
    sys.exit(1 if missed else 0)


def measured(name: str, n_resamples: int, n_jobs: int) -> list[Row]:
    """Resample one case, and compare each of its numbers."""
    case, started = CASES[name], time.perf_counter()
    boot = case.run(n_resamples, n_jobs)
    print(f"  {name}: {time.perf_counter() - started:.0f} s, {boot.n_failed} failed", flush=True)
    return [
        {
            "case": name,
            "B": len(boot.status),
            "quantity": one.what,
            "ours": f"{one.ours:.7g}",
            "truth": f"{one.truth:.7g}",
            "errors": one.n_errors,
            "ok": "yes" if one.passed else "no",
        }
        for quantity in case.quantities
        for one in compared(case, boot, quantity)
    ]


if __name__ == "__main__":
    main()
