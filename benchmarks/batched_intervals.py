"""Coverage of intervals from thousands of data sets: all resamples of one are refitted at once.

Run ``python benchmarks/batched_intervals.py [NAME ...] [--datasets N] [--resamples B]
[--methods KIND ...] [--inner N] [--checkpoint DIR] [--seconds S] [--csv DIR]`` with the names of
validation.py's regular studies; it writes the same rows of intervals.csv. Data sets are those of
validation.py. Estimates, standard errors and jackknife come from batched.py, in 1 to 10% of the
processor time; intervals are computed by bootmle's own classes and chosen by its own rules, from
resamples of another stream. ``--check N`` bootstraps the first N data sets by bootmle, too, on the
same resamples, and prints the largest differences, in standard errors. Stored data sets are not
computed again. Calibrated intervals, which are bootmle's but for what batched_double.py says, take
as long as all others together: ask for them apart, by ``--methods calibrated``.

Kinds that are not bootmle's: "studentized-cr3" with scores corrected for the leverage of each row,
"row-cr3", Student's interval with that standard error.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batched import Batched
from batched_double import Redrawn, redraw
from batched_kinds import TAIL, Intervals
from batched_models import BATCHED
from bootmle import Coverage, Fit, bootstrap
from bootmle.bootstrapping.calibrating import INNER
from bootmle.bootstrapping.interval_kinds import METHODS
from bootmle.inference.derived_scales import DerivedScales
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status
from bootmle.sampling import Plan, draw_resample
from bootmle.simulation.simulated_fits import SimulatedFits
from bootmle.simulation.study import study_of
from intervals import interval_rows, write_intervals
from studies import STUDIES, Study
from tables import Row

KINDS = ("percentile", "bca", "studentized", "abc", "hessian", "recommended")
CHUNK = 50
"""Data sets in a stored piece."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the studies asked for, or read what is stored of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [
        name for name, study in STUDIES.items() if study.model.name in BATCHED and study.regular
    ]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--datasets", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=399)
    parser.add_argument("--methods", nargs="+", default=KINDS, metavar="KIND")
    parser.add_argument("--inner", type=int, default=100, help="of each resample, for calibrated")
    parser.add_argument("--checkpoint", type=Path, metavar="DIR")
    parser.add_argument("--seconds", type=float, default=np.inf, help="of each study")
    parser.add_argument("--check", type=int, metavar="N")
    parser.add_argument("--csv", type=Path, metavar="DIR")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    for name in options.names or names:
        rows = run(name, options)
        for row in rows:
            print(*(row[key] for key in ("study", "parameter", "method", "datasets")), end=" ")
            print(
                *(
                    f"{float(row[key]):.2f}"
                    for key in ("covers", "mcse", "misses_below", "misses_above", "withheld")
                ),
                row["length"],
                flush=True,
            )
        if options.csv:
            write_intervals(rows, options.csv)


def run(name: str, options: argparse.Namespace) -> list[Row]:
    """Compute a study's missing pieces; describe all of them."""
    study = replace(STUDIES[name], methods=tuple(options.methods))
    one = Simulated(study, options.resamples, options.inner)
    folder = options.checkpoint and options.checkpoint / "-".join([name, *study.methods])
    size = f"{options.resamples}{f'x{options.inner}' * ('calibrated' in study.methods)}"
    started, parts = time.monotonic(), []
    for first in range(0, options.datasets, CHUNK):
        path = folder and folder / f"{size}-{first:06d}.npz"
        if path and path.exists():
            with np.load(path) as file:
                parts.append((file["estimates"], file["ends"]))
            continue
        if time.monotonic() - started > options.seconds:
            continue
        found = [one.data_set(number) for number in range(first, first + CHUNK)]
        parts.append((np.array([each for each, _ in found]), np.array([each for _, each in found])))
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, estimates=parts[-1][0], ends=parts[-1][1])
    for number in range(options.check or 0):
        print(name, number, *(f"{kind} {off:.2g}" for kind, off in one.compare(number).items()))
    if not parts:
        return []
    estimates, ends = (np.concatenate(each) for each in zip(*parts, strict=True))
    return list(interval_rows(study, one.as_study(estimates, ends)))


class Simulated:
    """A study's data sets, their resamples, and intervals of each kind."""

    def __init__(self, study: Study, n_resamples: int, n_inner: int) -> None:
        """Fit the data set whose covariates all others share."""
        self.study, self.n_resamples, self.n_inner = study, n_resamples, n_inner
        self.fit, _ = study.fitted()
        self.truth = self.quantities(study.model.truth[None])[0]
        names = list(study.model.names)
        derived = study.derive(study.model.truth) if study.derive else {}
        self.names = (*names, *derived)
        scales = study.transform or {}
        self.scales = DerivedScales(tuple(scales.get(each, "identity") for each in self.names))

    def quantities(self, params: Floats) -> Floats:
        """Append derived quantities to parameters, (R, k)."""
        derive = self.study.derive
        if derive is None:
            return params
        return np.column_stack([params, *derive(params.T).values()])

    def draw(self, number: int) -> tuple[Any, ...]:
        """Simulate a data set of validation.py."""
        rng = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(number, 0)))
        truth = self.study.model.truth
        return self.study.draw(truth.copy(), rng, *self.fit.written_out_args)

    def data_set(self, number: int) -> tuple[Floats, Floats]:
        """Return the estimates (k,) and the ends (2, methods, k) of one data set; NaN for none."""
        size = len(self.names)
        nothing = np.full(size, np.nan), np.full((2, len(self.study.methods), size), np.nan)
        try:
            data = Batched(self.study.model.name, self.draw(number), self.study.model.truth)
            if not data.converged:
                return nothing
            rng = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(number, 2)))
            weights = rng.multinomial(data.n, np.full(data.n, 1 / data.n), self.n_resamples)
            again = partial(redraw, count=self.n_inner, rng=rng)
            found = Intervals(
                self.names, self.quantities, data, weights.astype(float), rng, again, self.scales
            )
            return found.estimate, found.ends(self.study.methods)
        except (np.linalg.LinAlgError, ZeroDivisionError):  # no resample has an optimum
            return nothing

    def compare(self, number: int) -> dict[str, float]:
        """Return the largest distance of each kind's ends from bootmle's own, in SEs."""
        args = self.draw(number)
        boot = bootstrap(
            self.fit.refit(args, self.study.model.truth),
            n_resamples=self.n_resamples,
            rng=number,
            progress=False,
        )
        assert isinstance(boot.fit, Fit)
        assert not isinstance(boot.sampling, str)
        n = boot.fit.n
        drawn = [draw_resample(boot.sampling, n, boot.seed, k) for k in range(self.n_resamples)]
        data = Batched(self.study.model.name, args, self.study.model.truth)
        weights = np.array([each.weights for each in drawn])
        verified = np.random.default_rng(np.random.SeedSequence(boot.seed, spawn_key=(0, 2)))
        again = partial(redraw_as, boot.sampling, boot.seed)
        own = Intervals(self.names, self.quantities, data, weights, verified, again, self.scales)
        off = dict[str, float]()
        derive, transform = self.study.derive, self.study.transform
        parts = [boot] if derive is None else [boot, boot.derive(derive, transform=transform)]
        for kind in (each for each in self.study.methods if each in {*METHODS, "recommended"}):
            ends = own.of(kind)
            try:
                found = [each.interval_where_possible(kind, 1 - 2 * TAIL) for each in parts]
                theirs = np.hstack([[each.low, each.high] for each in found])
            except ValueError:  # no parameter is calibrated
                theirs = np.full_like(ends, np.nan)
            off[kind] = float(np.nanmax(np.abs(ends - theirs) / own.error, initial=0.0))
            off[f"{kind} missing"] = float(np.isnan(ends).sum() - np.isnan(theirs).sum())
        return off

    def as_study(self, estimates: Floats, ends: Floats) -> Coverage:
        """Make a Coverage of the data sets."""
        failed = ~np.isfinite(estimates).all(axis=1)
        data = SimulatedFits.blank(
            len(estimates), 0, len(self.study.methods), len(self.names), int(Status.CERTIFIED)
        )
        status = np.where(failed, int(Status.RAISED), int(Status.CERTIFIED)).astype(np.int8)
        data = replace(data, estimates=estimates, low=ends[:, 0], high=ends[:, 1], status=status)
        record = {
            "names": self.names,
            "truth": self.truth,
            "sources": (),
            "methods": self.study.methods,
            "confidence_level": 1 - 2 * TAIL,
            "n_resamples": self.n_resamples,
            "sampling": "Cases()",
            "seed": 0,
            "notes": (),
        }
        return study_of(record, data, 0.0)


def redraw_as(plan: Plan, seed: int, numbers: NDArray[np.intp], kept: Floats) -> Redrawn:
    """Resample a run's resamples as bootmle does: see `bootmle.refitting.nested`."""
    n, one = kept.shape[1], np.zeros(kept.shape[1], dtype=np.intp)
    streams = [np.random.SeedSequence(seed, spawn_key=(int(each), 1)) for each in numbers]
    drawn = [
        plan.redraw(each, one, INNER, np.random.default_rng(stream))
        for each, stream in zip(kept, streams, strict=True)
    ]
    return np.tile(np.arange(n), (len(kept), 1)), np.array(drawn)


if __name__ == "__main__":
    main()
