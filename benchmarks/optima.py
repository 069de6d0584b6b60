"""Whether `fit` ends at an optimum, on problems that others wrote.

Run ``python benchmarks/optima.py [NAME ...] [--csv DIR]``. A name is that of a suite, or the
beginning of a run's, such as ``nist/Lanczos2`` or ``functions/Beale/start 3/total``; all by
default. Exits with 1 if a rule is broken; every offender is listed with what reproduces it.

Suites:

nist
    NIST's 27 nonlinear regressions, from both starts.
more-wild
    The 53 least-squares problems of Moré and Wild.
functions
    Test functions of SciPy's benchmark with at most six parameters, open and within bounds.
distributions
    SciPy's continuous distributions, on data drawn from them.

Columns, for each run:

nll, scipy, best
    Ours; SciPy's from the same start: BFGS, L-BFGS-B within bounds, the distribution's own fit; and
    the lowest known: NIST's certified values, published minima, the nll of the truth.
n_evaluations, nfev
    Ours and SciPy's; compared where SciPy's method is BFGS without a gradient.
stated, exact
    The decrement by the fit, and by exact derivatives at the same point.
distance
    Of certified points: √(2 (nll − that of the optimum below)), in standard errors.
lowest
    Smallest eigenvalue of the exact Hessian at a unit diagonal.
offenses
    certified at a saddle, a slope, a flat direction: a descent that the package has no part in ends
    more than 5e-5 lower; outside the bounds; above SciPy: by more than 1e-9; raised: where SciPy's
    point is a local minimum; false infinity: where it is one and not higher, where the nll is the
    lowest known, or a descent ends more than 5e-5 lower. Only in the first two suites, whose unit
    is a standard error, these break a rule: infinity above a known optimum; decrement understated:
    by more than ten times, and above 1e-5; refused at an optimum: exact decrement below 1e-3.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

import optima_dimensions
import optima_distributions
import optima_more_wild
import optima_nist
from optima_judging import Judgment, judge
from optima_runs import Run
from tables import Row, write_table
from tables import report as print_table

SUITES = {
    "nist": optima_nist.runs,
    "more-wild": optima_more_wild.runs,
    "functions": optima_dimensions.runs,
    "distributions": optima_distributions.runs,
}
NIST_RUNS, NIST_GOAL = 162, 150
EVALUATIONS_GOAL = 1.5
"""Our evaluations over SciPy's BFGS's, the median: the goal of the issue."""
LIKELIHOODS = {"nist", "more-wild"}
"""Suites that the last goals are for: a unit of a test function is no standard error."""
KINDS = {
    "outside the bounds": "results outside their bounds",
    "above SciPy": "results above SciPy's own",
    "raised": "exceptions where SciPy's point is a local minimum",
    "false infinity": "no finite optimum where the nll has a minimum or falls",
}
OF_LIKELIHOODS = {
    "infinity above a known optimum": "no finite optimum where a finite one is known to be lower",
    "decrement understated": "decrements stated more than ten times less than exact",
    "refused at an optimum": "refused with an exact decrement below 1e-3",
}
FEW = 6
"""So few runs are described whether they are right or not: somebody asked for them by name."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is asked for, print and write it, and exit with 1 if a rule is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SUITES)}")
    parser.add_argument("--csv", type=Path, metavar="DIR", help="write optima.csv here")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    judgments = list(judged(options.names))
    if not judgments:
        parser.error(f"NAME: {', '.join(options.names)}; use the beginning of a run's name")
    if options.csv:
        write_table("optima", [judgment.row() for judgment in judgments], options.csv)
    broken = report(judgments)
    sys.exit(1 if broken else 0)


def judged(names: Sequence[str]) -> Iterator[Judgment]:
    """Judge the runs whose names begin so, saying how long each suite takes."""
    for suite, runs in SUITES.items():
        started, count = time.perf_counter(), 0
        with np.errstate(all="ignore"):
            for run in runs():
                if not names or any(_begins(run, name) for name in names):
                    count += 1
                    yield judge(run)
        if count:
            print(f"  {suite}: {count} runs, {time.perf_counter() - started:.0f} s", flush=True)


def _begins(run: Run, name: str) -> bool:
    """Whether a run's name begins with whole parts of another."""
    return f"{run}/".startswith(f"{name.rstrip('/')}/")


def report(judgments: list[Judgment]) -> bool:
    """Print offenders, a table of suites and the rules; True if one is broken."""
    for judgment in judgments:
        if judgment.offenses or len(judgments) <= FEW:
            print(described(judgment), "\n")
    print_table("optima", (_summary(*group) for group in _groups(judgments).items()), None)
    broken = False
    for title, value, met in rules(judgments):
        print(f"{'ok         ' if met else 'FALLS SHORT'}  {title}: {value}")
        broken |= not met
    return broken


def described(judgment: Judgment) -> str:
    """Say what is wrong with a run, and what reproduces it."""
    run = judgment.run
    lines = [
        f"{run}: {', '.join(judgment.offenses) or 'ok'}",
        f"start {run.start.tolist()}",
        f"{judgment.status}{' at ' if judgment.estimate.size else ''}"
        f"{judgment.estimate.tolist() or ''}",
        f"nll {judgment.nll:.12g}; SciPy {judgment.scipy:.12g}; best known {run.best:.12g}",
        f"decrement {judgment.stated:.1e}, exact {judgment.exact:.1e}; smallest eigenvalue "
        f"{judgment.lowest:.1e}; a descent ends {judgment.fall:.1e} lower",
        judgment.message,
    ]
    return "\n    ".join(line for line in lines if line)


def _groups(judgments: list[Judgment]) -> dict[str, list[Judgment]]:
    """Group runs by suite and form."""
    groups: dict[str, list[Judgment]] = {}
    for judgment in judgments:
        suite, _, _, form = judgment.run.identity
        groups.setdefault(f"{suite}, {form}", []).append(judgment)
    return groups


def _summary(title: str, chosen: list[Judgment]) -> Row:
    """Summarize the runs of a suite in one form."""
    ratios = [judgment.ratio for judgment in chosen if judgment.ratio > 0]
    row: Row = {
        "suite, form": title,
        "runs": len(chosen),
        "converged": sum(judgment.converged for judgment in chosen),
        "at best": sum(judgment.at_best for judgment in chosen),
        "offenders": sum(bool(judgment.offenses) for judgment in chosen),
        "seconds": round(sum(judgment.seconds for judgment in chosen), 1),
    }
    if ratios:
        row |= {"evaluations": float(np.median(ratios)), "most": max(ratios)}
    return row


def rules(judgments: list[Judgment]) -> Iterator[tuple[str, str, bool]]:
    """List the goals: a title, what is found, and whether that is good enough."""
    found = Counter(offense for judgment in judgments for offense in judgment.offenses)
    certified = {kind: count for kind, count in found.items() if kind.startswith("certified")}
    where = "; ".join(f"{kind[10:]} {count}" for kind, count in certified.items())
    yield "certified points that are no local minimum", where or "0", not certified
    for kind, title in KINDS.items():
        yield title, str(found[kind]), not found[kind]
    for kind, title in OF_LIKELIHOODS.items():
        bound = sum(kind in j.offenses for j in judgments if j.run.identity[0] in LIKELIHOODS)
        others = found[kind] - bound
        yield title, f"{bound}{f', and {others} of test functions' if others else ''}", not bound
    nist = [judgment for judgment in judgments if judgment.run.identity[0] == "nist"]
    if len(nist) == NIST_RUNS:
        reached = sum(judgment.at_best and judgment.converged for judgment in nist)
        yield (
            f"NIST runs at the certified values, of {NIST_RUNS}",
            f"{reached}",
            reached >= NIST_GOAL,
        )
    for suite in SUITES:
        ratios = [j.ratio for j in judgments if j.run.identity[0] == suite and j.ratio > 0]
        if ratios:
            median = float(np.median(ratios))
            met = median <= EVALUATIONS_GOAL
            yield f"{suite}: median evaluations against SciPy's BFGS", f"{median:.2f}", met


if __name__ == "__main__":
    main()
