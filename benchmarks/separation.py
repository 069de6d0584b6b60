"""Whether resamples without a finite optimum are recognized, with linear programming as the judge.

Run ``python benchmarks/separation.py [MODEL ...] [--datasets N] [--csv DIR]``. Data sets of n = 15
to 60 rows with a covariate and one or two dummies are drawn until one has a finite optimum; it is
bootstrapped by cases. A resample has none where some direction of its parameters never lowers a
contribution of the likelihood and raises one (Albert and Anderson 1984; Konis 2007), which a linear
program decides. Exits with 1 where less than 99.5% of those are recognized, or a finite optimum is
called infinite.

Columns, for each model:

separated, recognized, fit
    Resamples that the program calls separated; the percentage of them that `bootstrap` calls
    NO_FINITE_OPTIMUM, and that `fit` does on the same rows.
false, failed, fit_false
    Resamples with a finite optimum of full rank that are called infinite, and that failed; the
    same of `fit` on the rows of as many.
signs
    Percentage of the recognized whose every parameter is infinite, with its sign, where the
    directions of the program leave it no other limit, NaN where they lead both ways, and finite
    where they do not move it.
median, most
    Evaluations of a separated replicate, in multiples of a regular one's median: the median, and
    the largest.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.special import log_ndtr

from bootmle import Given, Status, bootstrap, fit
from bootmle.likelihood.arrays import Floats
from tables import Row, report

linprog: Any = optimize.linprog  # its overloads take no mapping
_ASKED = 0.995
"""Share of the separated resamples that are recognized."""
_RESAMPLES = 40


@dataclass(frozen=True, slots=True)
class _Model:
    """A regression: its nll, responses at a linear predictor, directions that raise its terms."""

    nll: Callable[[Floats, Floats, Floats], Floats]
    draw: Callable[[np.random.Generator, Floats], Floats]
    rising: Callable[[Floats, Floats], tuple[Floats, Floats]]
    n_cuts: int = 0


def _logit(params: Floats, X: Floats, y: Floats) -> Floats:
    eta = X @ params
    return np.asarray(np.logaddexp(0, eta) - y * eta)


def _probit(params: Floats, X: Floats, y: Floats) -> Floats:
    return np.asarray(-log_ndtr((2 * y - 1) * (X @ params)))


def _poisson(params: Floats, X: Floats, y: Floats) -> Floats:
    eta = X @ params
    return np.asarray(np.exp(eta) - y * eta)


def _ordered(params: Floats, X: Floats, y: Floats) -> Floats:
    cuts = np.concatenate([[-np.inf], params[:2], [np.inf]])
    eta = X[:, 1:] @ params[2:]
    k = y.astype(int)
    with np.errstate(all="ignore"):
        upper, lower = cuts[k + 1] - eta, cuts[k] - eta
        # log(F(u) − F(l)) of the logistic F, written so that neither tail cancels.
        return np.asarray(
            np.logaddexp(0, -upper) + np.logaddexp(0, lower) - np.log1p(-np.exp(lower - upper))
        )


def _binary_rows(X: Floats, y: Floats) -> tuple[Floats, Floats]:
    return (2 * y - 1)[:, None] * X, np.empty((0, X.shape[1]))


def _count_rows(X: Floats, y: Floats) -> tuple[Floats, Floats]:
    return -X[y == 0], X[y > 0]


def _ordered_rows(X: Floats, y: Floats) -> tuple[Floats, Floats]:
    cuts = np.eye(2)
    upper = [np.concatenate([cuts[int(k)], -x[1:]]) for k, x in zip(y, X, strict=True) if k < 2]
    lower = [np.concatenate([-cuts[int(k) - 1], x[1:]]) for k, x in zip(y, X, strict=True) if k > 0]
    return np.array(upper + lower), np.empty((0, X.shape[1] + 1))


def _draw_ordered(rng: np.random.Generator, eta: Floats) -> Floats:
    latent = eta + rng.logistic(size=eta.size)
    return np.asarray(np.searchsorted([-0.5, 1.0], latent), dtype=float)


MODELS = {
    "logit": _Model(
        _logit,
        lambda rng, eta: (rng.random(eta.size) < 1 / (1 + np.exp(-eta))).astype(float),
        _binary_rows,
    ),
    "probit": _Model(
        _probit, lambda rng, eta: (eta + rng.normal(size=eta.size) > 0).astype(float), _binary_rows
    ),
    "poisson": _Model(
        _poisson, lambda rng, eta: rng.poisson(np.exp(eta - 0.5)).astype(float), _count_rows
    ),
    "ordered": _Model(_ordered, _draw_ordered, _ordered_rows, n_cuts=2),
}


def judge(model: _Model, X: Floats, y: Floats) -> tuple[bool, bool]:
    """Whether rows have no finite optimum, and whether the data leave a direction open."""
    rising, level = model.rising(X, y)
    both = np.vstack([rising, level])
    if model.n_cuts and len(np.unique(y)) < 3:
        return False, True  # thresholds meet at the edge of the domain: not judged
    rank = np.linalg.matrix_rank(both)
    limits = {"A_eq": level, "b_eq": np.zeros(len(level))} if len(level) else {}
    total = rising.sum(axis=0)
    if not len(rising):
        return False, bool(rank < both.shape[1])
    found = linprog(-total, A_ub=-rising, b_ub=np.zeros(len(rising)), bounds=(-1, 1), **limits)
    return bool(found.x @ total > 1e-7), bool(rank < both.shape[1])


def limits_of(model: _Model, X: Floats, y: Floats) -> Floats:
    """Return each parameter's limit (p,): infinite, NaN where it has two, 0 where it is finite."""
    rising, level = model.rising(X, y)
    equal = {"A_eq": level, "b_eq": np.zeros(len(level))} if len(level) else {}

    def reaches(cost: Floats) -> bool:
        found = linprog(-cost, A_ub=-rising, b_ub=np.zeros(len(rising)), bounds=(-1, 1), **equal)
        return bool(found.x @ cost > 1e-7)

    up, down = (np.array([reaches(s * e) for e in np.eye(rising.shape[1])]) for s in (1, -1))
    one_way = np.where(up, np.inf, np.where(down, -np.inf, 0.0))
    return np.where(up & down, np.nan, one_way)


def draw_data(model: _Model, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw a design with dummies and a response until it has a finite optimum."""
    while True:
        n, n_dummies = int(rng.integers(15, 61)), int(rng.integers(1, 3))
        x = rng.normal(size=n) if rng.random() < 0.5 else rng.integers(1, 4, n).astype(float)
        dummies = rng.random((n, n_dummies)) < rng.uniform(0.15, 0.5, n_dummies)
        X = np.column_stack([np.ones(n), x, dummies])
        beta = rng.normal(size=X.shape[1])
        eta = X @ beta - np.mean(X @ beta)
        y = model.draw(rng, eta)
        if not any(judge(model, X, y)):
            return X, y


@dataclass(slots=True)
class _Found:
    """What became of the judged resamples of one data set."""

    separated: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    status: NDArray[np.int8]
    evaluations: NDArray[np.int64]
    signs: list[bool]
    fit_separated: list[Status]
    fit_regular: list[Status]

    def costs(self) -> Floats:
        """Return evaluations of separated resamples in multiples of a regular one's median."""
        regular = self.evaluations[self.judged & ~self.separated]
        return self.evaluations[self.separated] / (np.median(regular) if regular.size else np.nan)


def examine(name: str, seed: int, offenders: list[str]) -> _Found:
    """Bootstrap one data set, and fit some of its resamples."""
    model, rng = MODELS[name], np.random.default_rng([seed, len(name)])
    X, y = draw_data(model, rng)
    start = np.concatenate([[-0.5, 0.5], np.zeros(X.shape[1] - 1)]) if model.n_cuts else None
    start = np.zeros(X.shape[1]) if start is None else start
    mle = fit(model.nll, start, args=(X, y))
    rows = rng.integers(0, len(y), (_RESAMPLES, len(y)))
    verdicts = np.array([judge(model, X[each], y[each]) for each in rows])
    separated, judged = verdicts[:, 0], verdicts[:, 0] | ~verdicts[:, 1]
    boot = bootstrap(mle, sampling=Given(rows), n_resamples=len(rows), rng=0, progress=False)
    wrong = judged & ((boot.status == Status.NO_FINITE_OPTIMUM) != separated)
    offenders += [
        f"{name} {seed} {k}: {Status(boot.status[k]).name}" for k in np.flatnonzero(wrong)
    ]

    signs = []
    for k in np.flatnonzero(separated & (boot.status == Status.NO_FINITE_OPTIMUM)):
        found = np.where(np.isfinite(boot.replicates[k]), 0.0, boot.replicates[k])
        right = limits_of(model, X[rows[k]], y[rows[k]])
        signs.append(np.array_equal(found, right, equal_nan=True))
        if not signs[-1]:
            offenders.append(f"signs {name} {seed} {k}: {found}, not {right}")

    def fitted(mask: NDArray[np.bool_]) -> list[Status]:
        found = []
        for k in np.flatnonzero(mask)[:4]:
            status = fit(model.nll, start, args=(X[rows[k]], y[rows[k]])).status
            if (status is Status.NO_FINITE_OPTIMUM) != separated[k]:
                offenders.append(f"fit {name} {seed} {k}: {status.name}")
            found.append(status)
        return found

    return _Found(
        separated,
        judged,
        boot.status,
        boot.data.n_evaluations,
        signs,
        fitted(separated),
        fitted(judged & ~separated),
    )


def run(name: str, n_datasets: int) -> tuple[Row, list[str], bool]:
    """Run one model; return its row, the offenders, and whether the rules hold."""
    offenders: list[str] = []
    found = [examine(name, seed, offenders) for seed in range(n_datasets)]
    separated = np.concatenate([each.separated for each in found])
    judged = np.concatenate([each.judged for each in found])
    status = np.concatenate([each.status for each in found])
    infinite = status == Status.NO_FINITE_OPTIMUM
    costs = np.concatenate([each.costs() for each in found])
    fits = [s is Status.NO_FINITE_OPTIMUM for each in found for s in each.fit_separated]
    false = [s is Status.NO_FINITE_OPTIMUM for each in found for s in each.fit_regular]
    regular = judged & ~separated
    row: Row = {
        "model": name,
        "resamples": len(status),
        "separated": int(separated.sum()),
        "recognized": 100 * float(infinite[separated].mean()),
        "fit": 100 * float(np.mean(fits)),
        "false": int(infinite[regular].sum()),
        "failed": int((status[judged] < 0).sum()),
        "fit_false": int(np.sum(false)),
        "signs": 100 * float(np.mean([each for one in found for each in one.signs])),
        "median": float(np.nanmedian(costs)),
        "most": float(np.nanmax(costs)),
    }
    holds = infinite[separated].mean() >= _ASKED and np.mean(fits) >= _ASKED
    return row, offenders, bool(holds and not infinite[regular].any() and not any(false))


def main() -> None:
    """Run the models and print their table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=list(MODELS), metavar="MODEL")
    parser.add_argument("--datasets", type=int, default=50)
    parser.add_argument("--csv", type=Path)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    rows: list[Row] = []
    held = True
    for name in asked.models:
        row, offenders, holds = run(name, asked.datasets)
        rows.append(row)
        held &= holds
        print(*offenders, sep="\n", file=sys.stderr)
    report("separation", rows, asked.csv)
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
