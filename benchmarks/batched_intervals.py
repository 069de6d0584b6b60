"""Coverage of intervals from thousands of data sets: all resamples of one are refitted at once.

Run ``python benchmarks/batched_intervals.py [NAME ...] [--datasets N] [--resamples B]
[--methods KIND ...] [--inner N] [--checkpoint DIR] [--seconds S] [--csv DIR]`` with the names of
validation.py's regular studies; it writes the same rows of intervals.csv. Data sets are those of
validation.py. Estimates, standard errors and jackknife come from batched.py, in 1 to 10% of the
processor time; intervals are computed by bootmle's own classes and chosen by its own rules, from
resamples of another stream. ``--check N`` bootstraps the first N data sets by bootmle, too, on the
same resamples, and prints the largest differences, in standard errors. Stored data sets are not
computed again.

Kinds that are not bootmle's: "studentized-cr3" with scores corrected for the leverage of each row,
"row-cr3", Student's interval with that standard error.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from batched import BATCHED, Batched
from bootmle import Coverage, Fit, bootstrap
from bootmle.bootstrapping.choosing import FEW_LOST, choose_kinds, is_off_center
from bootmle.bootstrapping.interval_methods import METHODS
from bootmle.inference.abc import ABC
from bootmle.inference.bca import BCa
from bootmle.inference.calibrated import Calibrated
from bootmle.inference.calibration import Calibration
from bootmle.inference.intervals import ReplicateArrays
from bootmle.inference.percentile import Percentile
from bootmle.inference.studentized import Studentized
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status
from bootmle.sampling import draw_resample
from bootmle.simulation.simulated_fits import SimulatedFits
from bootmle.simulation.study import study_of
from intervals import interval_rows, write_intervals
from studies import STUDIES, Study
from tables import Row

KINDS = ("percentile", "bca", "studentized", "abc", "hessian", "recommended")
TAIL = 0.025
CHUNK = 50
"""Data sets in a stored piece."""
STEP = 1e-3
"""Step of numerical derivatives in standard errors."""


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
    parser.add_argument("--inner", type=int, default=250, help="of each resample, for calibrated")
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
    started, parts = time.monotonic(), []
    for first in range(0, options.datasets, CHUNK):
        path = folder and folder / f"{options.resamples}-{first:06d}.npz"
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

    def quantities(self, params: Floats) -> Floats:
        """Append derived quantities to parameters, (R, k)."""
        derive = self.study.derive
        if derive is None:
            return params
        return np.array([[*each, *derive(each).values()] for each in params])

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
            return Intervals(self, data, weights.astype(float), rng).ends()
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
        own, off = Intervals(self, data, weights, np.random.default_rng(0)), dict[str, float]()
        for kind in set(self.study.methods) & {*METHODS, "recommended"}:
            ends = own.of(kind)[:, : data.p]
            theirs = boot.interval_where_possible(kind, 1 - 2 * TAIL)
            apart = np.abs(ends - np.array([theirs.low, theirs.high])) / data.error
            off[kind] = float(np.nanmax(apart, initial=0.0))
            off[f"{kind} missing"] = float(
                np.isnan(ends).sum() - np.isnan(theirs.low).sum() - np.isnan(theirs.high).sum()
            )
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


class Intervals:
    """The intervals of one data set from its resamples."""

    def __init__(
        self, simulated: Simulated, data: Batched, weights: Floats, rng: np.random.Generator
    ) -> None:
        """Refit the resamples."""
        self.simulated, self.data, self.weights, self.rng = simulated, data, weights, rng
        self.quantities = simulated.quantities
        self.estimate = self.quantities(data.estimate[None])[0]
        self.derived = self.estimate.size > data.p
        fitted = data.fit(weights)
        known = ~np.isnan(fitted.params).any(axis=1)
        self.kept, self.errors = weights[known], fitted.errors[known]
        self.params = fitted.params[known]
        self.replicates = self.quantities(self.params)

    def ends(self) -> tuple[Floats, Floats]:
        """Return the estimates (k,) and the ends (2, methods, k)."""
        kinds = self.simulated.study.methods
        return self.estimate, np.stack([self.of(kind) for kind in kinds], axis=1)

    def of(self, kind: str) -> Floats:
        """Return both ends of a kind of interval, (2, k)."""
        made: dict[str, Callable[[], Floats]] = {
            "percentile": lambda: _ends(Percentile.of(self._arrays())),
            "bca": self._bca,
            "studentized": lambda: self._studentized(self.errors, self.data.error),
            "studentized-cr3": self._studentized_cr3,
            "row-cr3": self._row_cr3,
            "abc": self._abc,
            "hessian": self._hessian,
            "calibrated": self._calibrated,
            "recommended": self._recommended,
        }
        return made[kind]()

    def _arrays(self, **more: Any) -> ReplicateArrays:
        names = self.simulated.names
        return ReplicateArrays(names, self.estimate, self.replicates, 0 * self.estimate, **more)

    def _bca(self) -> Floats:
        deleted = self.data.fit(1 - np.eye(self.data.n)).params
        strata = np.zeros(self.data.n, dtype=np.intp)
        return _ends(BCa.of(self._arrays(jackknife=self.quantities(deleted), strata=strata)))

    def _studentized(self, errors: Floats, own: Floats) -> Floats:
        """Studentize the parameters; derived quantities have no errors."""
        p = self.data.p
        names = self.simulated.names[:p]
        arrays = ReplicateArrays(
            names, self.data.estimate, self.params, np.zeros(p), errors=errors, own_error=own
        )
        found = np.full((2, self.estimate.size), np.nan)
        found[:, :p] = _ends(Studentized.of(arrays))
        return found

    def _studentized_cr3(self) -> Floats:
        finite = np.isfinite(self.params).all(axis=1)
        errors = np.full(self.params.shape, np.nan)
        errors[finite] = self.data.corrected_errors(self.params[finite], self.kept[finite])
        return self._studentized(errors, self._own_cr3())

    def _own_cr3(self) -> Floats:
        whole = np.ones((1, self.data.n))
        return np.asarray(self.data.corrected_errors(self.data.estimate[None], whole)[0])

    def _row_cr3(self) -> Floats:
        """Take derived quantities' errors by the delta method."""
        whole, unit = np.ones((1, self.data.n)), 0.01 * self.data.error
        moved = self.data.corrected_influences(self.data.estimate[None], whole)[0]
        ends = [self.quantities(self.data.estimate + side * np.diag(unit)) for side in (-1, 1)]
        slopes = (ends[1] - ends[0]) / (2 * unit[:, None])
        errors = np.sqrt(((moved @ slopes) ** 2).sum(axis=0))
        reach = float(stats.t.ppf(1 - TAIL, self.data.n - 1)) * errors
        return np.array([self.estimate - reach, self.estimate + reach])

    def _hessian(self) -> Floats:
        errors = np.full(self.estimate.size, np.nan)
        errors[: self.data.p] = np.sqrt(np.diag(np.linalg.inv(self.data.scale)))
        reach = stats.norm.ppf(1 - TAIL) * errors
        return np.array([self.estimate - reach, self.estimate + reach])

    def _abc(self) -> Floats:
        return _ends(ABC.of(self._arrays(family=Family(self.data, self.quantities))))

    def _calibrated(self) -> Floats:
        count, n = self.simulated.n_inner, self.data.n
        below = []
        for weights, params in zip(self.kept, self.params, strict=True):
            inner = self.rng.multinomial(n, weights / n, count).astype(float)
            drawn = self.quantities(self.data.optima(inner, params))
            known = ~np.isnan(drawn)
            lower = (drawn < self.estimate) + (drawn == self.estimate) / 2
            below.append((lower * known).sum(axis=0) / np.maximum(known.sum(axis=0), 1))
        nothing = np.zeros(self.estimate.size)
        levels = Calibration(
            np.array(below), np.array(below), nothing, nothing, nothing.astype(bool), count
        )
        return _ends(Calibrated.of(self._arrays(levels=levels)))

    def _recommended(self) -> Floats:
        """Choose by the table of rules; alarms, which may withhold an interval, are not raised."""
        made = {"percentile": self.of("percentile")}

        def shown(kind: str) -> Any:
            if kind not in made:
                made[kind] = self.of(kind)
            lost = np.isnan(self.errors).mean(axis=0) if kind == "studentized" else np.zeros(1)
            served: Any = np.isfinite(made[kind]).all(axis=0)
            served[: lost.size] &= lost < FEW_LOST
            return served

        kinds = choose_kinds(self.data.n, self._off_center(), shown)
        return np.stack([made[kind][:, j] for j, kind in enumerate(kinds)], axis=1)

    def _off_center(self) -> Any:
        """Whether replicates are off center or skewed, (k,), as bootmle judges it."""
        values, count = self.replicates, len(self.replicates)
        below = (
            np.mean(values < self.estimate, axis=0) + np.mean(values == self.estimate, axis=0) / 2
        )
        shift: Any = stats.norm.ppf(np.clip(below, 0.5 / count, 1 - 0.5 / count))
        finite = np.where(np.isfinite(values), values, np.nan)
        skewness: Any = stats.skew(finite, axis=0, nan_policy="omit")
        return is_off_center(shift, np.asarray(skewness), count)


class Family:
    """What ABC intervals take: influences and second derivatives in the rows' weights."""

    def __init__(self, data: Batched, quantities: Callable[[Floats], Floats]) -> None:
        """Differentiate the optimum twice: see `bootmle.refitting.least_favorable`."""
        estimate, whole = data.estimate[None], np.ones((1, data.n))
        inverse = np.linalg.inv(data.scale)
        first = -data.scores(estimate)[0] @ inverse
        hessians = data.hessians(estimate)
        hessians = hessians - hessians.mean(axis=0)
        values, vectors = np.linalg.eigh(first.T @ first)

        def third(moves: Floats) -> Floats:  # T[x, x], by differences of the gradient
            size = STEP / np.maximum(np.abs(moves / data.error).max(axis=1, keepdims=True), 1e-12)
            ends = [
                data.derivatives(estimate + side * size * moves, np.tile(whole, (len(moves), 1)))[1]
                for side in (-1, 0, 1)
            ]
            return np.asarray((ends[0] - 2 * ends[1] + ends[2]) / size**2)

        def second_of(moves: Floats) -> Floats:  # of the quantities, along moves of the parameters
            size = 0.05 / np.maximum(np.abs(moves / data.error).max(axis=1, keepdims=True), 1e-12)
            ends = [quantities(estimate + side * size * moves) for side in (-1, 0, 1)]
            return np.asarray((ends[0] - 2 * ends[1] + ends[2]) / size**2)

        unit = 0.01 * data.error
        ends = [quantities(estimate + side * np.diag(unit)) for side in (-1, 1)]
        slopes = (ends[1] - ends[0]) / (2 * unit[:, None])
        axes = (np.sqrt(np.maximum(values, 0)) * vectors).T
        forcing = third(axes).sum(axis=0) + 2 * np.einsum("npq,nq->p", hessians, first)
        self.bias = (-inverse @ forcing @ slopes + second_of(axes).sum(axis=0)) / 2
        self.influences = first @ slopes
        error = np.sqrt((self.influences**2).sum(axis=0))
        along = self.influences / error
        moves = along.T @ first
        forcings = third(moves) + 2 * np.einsum("nk,npq,kq->kp", along, hessians, moves)
        second = np.diag(second_of(moves)) - (forcings @ inverse * slopes.T).sum(axis=1)
        self.quadratic = second / 2 / error

        def estimate_at(steps: Floats) -> Floats:
            weights = 1 + np.nan_to_num(steps)[:, None] * along.T
            found = np.diag(quantities(data.optima(weights, data.estimate))).copy()
            found[~np.isfinite(steps)] = np.nan
            return found

        self.estimate_at = estimate_at


def _ends(method: Any) -> Floats:
    """Return both ends, (2, k)."""
    return np.array([method.end(TAIL, upper=upper)[0] for upper in (False, True)])


if __name__ == "__main__":
    main()
