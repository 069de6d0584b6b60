"""How fast and how certain refits are, against SciPy and an independent solver.

Run ``python benchmarks/refits.py [--quick] [--large] [--small] [--csv DIR]``. Time matters in
the large problems; refits go wrong in the small ones.

Table 1, one row for each problem and mode:

objective, gradient
    Evaluations per refit, the shared ones spread over 1999 replicates.
shared, most
    Evaluations spent once, and the most that one refit took.
certified
    Share of the B replicates.
distance
    The largest from the independent solver's optimum, in standard errors, among those checked.
missed
    Replicates checked that are not certified within a thousandth of it.
ms, ms_a, ms_b, ms_c
    Median milliseconds per refit: ours with the shared part spread over 1999, and SciPy's: BFGS
    cold from the user's start (a), BFGS from the estimate (b), L-BFGS-B from the estimate with the
    analytic gradient (c).
vs_a, vs_b, vs_c
    Medians of the ratios to ours, paired in turns on one core; `runs` says how many. Times are the
    processor's: the wall time of a core that nobody shares.
se_error_percent
    The expansion's largest error of a standard error, against the verified ones.

Table 2, one row for each data set and mode. Shares are of the replicates that have an optimum:

no_optimum, named_so
    Shares of all replicates without an optimum, by the solver (for a logit by linear programming)
    and by the package.
over_0.01, over_1
    Certified, but that many standard errors from the solver's optimum.
wrong
    Replicates misjudged in any way, each listed above the table.
bfgs, ratio
    Evaluations of SciPy's BFGS from the estimate on the same replicates, and ours in their units.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from pathlib import Path

from bootmle.execution.threads import computation
from large import large_table
from small import small_table
from tables import report

TABLES = {"large": large_table, "small": small_table}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write the tables asked for; both by default."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under two minutes")
    parser.add_argument("--large", action="store_true", help="only n=1500 and the RAND data")
    parser.add_argument("--small", action="store_true", help="only small samples")
    parser.add_argument(
        "--csv", type=Path, metavar="DIR", help="write large.csv and small.csv here"
    )
    options = parser.parse_args(arguments)
    chosen = [name for name in TABLES if getattr(options, name)] or list(TABLES)
    warnings.simplefilter("ignore")
    with computation():
        for name in chosen:
            print(f"{name}:", flush=True)
            report(name, TABLES[name](options.quick), options.csv)


if __name__ == "__main__":
    main()
