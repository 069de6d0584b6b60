"""How long other ways to bootstrap the same fits take, turn by turn beside ours.

Run ``python benchmarks/peers.py [MODEL ...] [--jobs N] [--turns N] [--seconds S] [--csv DIR]``;
models are logit, NB2, RAND, gamma and clustered, all by default: about ten minutes on a core of its
own. Packages that are not installed are named and skipped. Ratios are taken turn by turn, each with
one of ours of the same minute. Slow peers refit fewer replicates than our 1,000: as many as fit
into S seconds, at least 8. Packages that call a refit of the user's (R's boot with optim, too) are
given the expert's: from the estimate, with the gradient of the sum, which takes a third as long as
the scores that our refits are given.

B
    Replicates in a turn.
seconds
    For 1,000 refits, the median over the turns: of the processor on one core, of the wall on
    several.
evaluations, gradients
    Of one refit, where they can be counted; a step of Newton's method or of Fisher scoring, with
    its Hessian, counts as a gradient.
failures
    Percent of the refits that the peer reports as failed; empty where it reports none.
SE_off
    The largest difference of a standard error from ours at B=1,999, in Monte Carlo errors of both:
    about 2 for 12 that agree, and over 4 in one row of a thousand.
vs_ours, vs_jac
    Medians of the ratios to our seconds without and with a gradient; `runs` says how many.

The second table has the models as columns: `vs_jac` for what is given a gradient or has its own,
`vs_ours` for what takes differences, and in brackets the SE_off that are over 4.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from bootmle.display.text import rounded
from bootmle.execution.threads import computation
from peer_carriers import CARRIERS
from peer_cases import CASES
from peer_loops import LOOPS
from peer_r import IN_R, r_versions
from peer_rounds import US, Effort, measured
from peer_statsmodels import STATSMODELS
from tables import OWN, Row, installed, made_with, report

PEERS = (*LOOPS, *STATSMODELS, *CARRIERS, *IN_R)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the models asked for, and print both tables and what they were measured with."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(CASES)}")
    parser.add_argument("--jobs", type=int, default=1, help="cores; some peers use one")
    parser.add_argument("--turns", type=int, default=3, help="of each peer on each model")
    parser.add_argument("--seconds", type=float, default=1.5, help="for the refits of a turn")
    parser.add_argument("--csv", type=Path, metavar="DIR", help="write peers.csv here")
    options = parser.parse_args(arguments)
    unknown = set(options.models) - set(CASES)
    if unknown:
        parser.error(f"MODEL: {', '.join(sorted(unknown))}; use some of {', '.join(CASES)}")
    warnings.simplefilter("ignore")
    os.environ["PYTHONWARNINGS"] = "ignore"  # Of joblib's workers.
    effort, started = Effort(options.turns, options.seconds, options.jobs), time.perf_counter()
    with computation():
        rows = list(_all_rows(options.models or list(CASES), effort))
    report("peers", rows, options.csv, _versions())
    print("\n".join(markdown(rows)), "\n")
    print("; ".join(f"{key}: {value}" for key, value in made_with(_versions()).items()))
    print(f"{effort.n_jobs} cores used, {(time.perf_counter() - started) / 60:.0f} minutes")


def _all_rows(models: Sequence[str], effort: Effort) -> Iterator[Row]:
    """Measure one model after the other with the peers that are there and have it."""
    for name in sorted({peer.needs for peer in PEERS if _version(peer.needs) is None}):
        print(f"{name} is not installed: skipped", flush=True)
    there = [peer for peer in PEERS if _version(peer.needs)]
    for model in models:
        case = CASES[model]()
        yield from measured(case, [peer for peer in there if peer.serves(case)], effort)
        print(f"{model}: load average {os.getloadavg()[0]:.1f}", flush=True)


def _version(package: str) -> str | None:
    """Return the version of a package, of R's where its name says so; None where it is absent."""
    language, _, of_r = package.rpartition(" ")
    if language == "R":
        return r_versions().get(of_r)
    return installed(package)


def markdown(rows: Sequence[Row]) -> list[str]:
    """Lay out the ratios with the models as columns."""
    models = list(dict.fromkeys(str(row["model"]) for row in rows))
    cells = {(row["with"], row["model"]): row for row in rows}
    lines = [f"| times ours | {' | '.join(models)} |", "| --- |" + " --- |" * len(models)]
    for name in (*US, *(peer.name for peer in PEERS)):
        found = [cells.get((name, model)) for model in models]
        if any(found):
            lines.append(f"| {name} | {' | '.join(_cell(name, row) for row in found)} |")
    return lines


def _cell(name: str, row: Row | None) -> str:
    """Show our own seconds, a peer's ratio to what is given as much, or nothing."""
    if row is None:
        return ""
    if name in US:
        return f"{rounded(float(row['seconds']), 2)} s"
    with_gradient = {peer.name: peer.with_gradient for peer in PEERS}[name]
    ratio = rounded(float(row["vs_jac" if with_gradient else "vs_ours"]), 2)
    off = float(row["SE_off"])
    return f"{ratio}x" if off <= 4 else f"{ratio}x ({off:.0f})"


def _versions() -> list[str]:
    """List the peers that are there, and R with the BLAS that it uses."""
    found = {peer.needs: _version(peer.needs) for peer in PEERS if peer.needs not in OWN}
    listed = [f"{name} {number}" for name, number in found.items() if number]
    return [*listed, "R {R} with {BLAS}".format_map(r_versions())] if r_versions() else listed


if __name__ == "__main__":
    main()
