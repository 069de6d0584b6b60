"""What a verified refit of a total costs, on models that nothing in the package was tuned on.

Run ``python benchmarks/totals.py [--n 1500] [--resamples 64] [--only NAME] [--csv DIR]``. Every
objective returns its total alone, and has 12 parameters. One row for each model:

evaluations, most
    Of the objective, per refit: the mean, and the most that one took; what all refits share, spread
    over 1,999, is in neither. Where that saves time a total is taken apart, as that of the mixed
    logit is.
certified
    Share of the replicates.
distance
    The largest from the optimum that the contributions of the same model lead to, in standard
    errors.
bfgs
    Mean evaluations of SciPy's BFGS from the estimate, on the first resamples.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, gammaln, log_expit

from bootmle import Cases, bootstrap, fit
from bootmle.likelihood.arrays import Floats
from bootmle.sampling import draw_resample
from models import ordered_probit, tobit
from models.normal import log_density
from tables import Row, report

SEED = 20261129
BFGS_REFITS = 4


@dataclass(frozen=True, slots=True)
class Case:
    """A model: contributions, where a fit starts, and how data are drawn."""

    name: str
    contributions: Callable[..., Floats]
    start: Floats
    draw: Callable[[int, np.random.Generator], tuple[Any, ...]]


def design(n: int, rng: np.random.Generator, p: int) -> Floats:
    """Return an intercept and p − 1 covariates of unequal scale."""
    return np.column_stack([np.ones(n), rng.normal(size=(n, p - 1)) * np.geomspace(0.5, 2, p - 1)])


def slopes(p: int, intercept: float = 0.3) -> Floats:
    """Return coefficients of about equal effect."""
    return np.append(intercept, 0.3 * (-1.0) ** np.arange(p - 1) / np.geomspace(0.5, 2, p - 1))


def gompertz(params: Floats, X: Floats, time: Floats, event: Floats) -> Floats:
    """Gompertz proportional hazards with censoring: survival."""
    shape, eta = params[-1], X @ params[:-1]
    cumulative = np.exp(eta) * np.expm1(shape * time) / shape
    return np.asarray(cumulative - event * (eta + shape * time))


def draw_gompertz(n: int, rng: np.random.Generator) -> tuple[Any, ...]:
    """Draw times at shape 0.4, and censor a third."""
    X = design(n, rng, 11)
    risk = np.exp(X @ slopes(11) - 1)
    time = np.log1p(0.4 * rng.exponential(size=n) / risk) / 0.4
    censored = rng.exponential(4.0, n)
    return X, np.minimum(time, censored), (time <= censored).astype(float)


def zero_inflated(params: Floats, X: Floats, y: Floats) -> Floats:
    """Zero-inflated Poisson: count."""
    eta, share = X @ params[:-1], params[-1]
    log_poisson = y * eta - np.exp(eta) - gammaln(y + 1)
    positive = log_expit(-share) + log_poisson
    return np.asarray(-np.where(y > 0, positive, np.logaddexp(log_expit(share), positive)))


def draw_zero_inflated(n: int, rng: np.random.Generator) -> tuple[Any, ...]:
    """Draw counts, a fifth of them zero besides."""
    X = design(n, rng, 11)
    return X, rng.poisson(np.exp(X @ slopes(11))) * (rng.random(n) > 0.2)


def switching(params: Floats, X: Floats, y: Floats) -> Floats:
    """Mixture of two normal regressions with a common scale."""
    one, other = params[:5], params[5:10]
    scale, share = np.exp(params[10]), params[11]
    parts = [log_density((y - X @ each) / scale) - params[10] for each in (one, other)]
    return np.asarray(-np.logaddexp(log_expit(share) + parts[0], log_expit(-share) + parts[1]))


def draw_switching(n: int, rng: np.random.Generator) -> tuple[Any, ...]:
    """Draw from two regressions that lie well apart."""
    X = design(n, rng, 5)
    first = rng.random(n) < 0.6
    means = np.where(first, X @ slopes(5, 2.3), X @ -slopes(5, 2.3))
    return X, means + rng.normal(size=n)


def growth(params: Floats, X: Floats, t: Floats, y: Floats) -> Floats:
    """Logistic growth with a limit that depends on covariates: nonlinear regression."""
    limit, rate, middle, log_scale = X @ params[:9], params[9], params[10], params[11]
    curve = limit * expit(rate * (t - middle))
    return np.asarray(log_scale - log_density((y - curve) / np.exp(log_scale)))


def draw_growth(n: int, rng: np.random.Generator) -> tuple[Any, ...]:
    """Draw growth from 0 to limits of about 5 in ten units of time."""
    X, t = design(n, rng, 9), rng.uniform(0, 10, n)
    curve = (X @ slopes(9, 5.3)) * expit(0.9 * (t - 4))
    return X, t, curve + 0.5 * rng.normal(size=n)


def mixed_logit(params: Floats, X: Floats, y: Floats, draws: Floats) -> Floats:
    """Logit with a normal intercept for each person, simulated by draws of the person's own."""
    linear = np.einsum("ntk,k->nt", X, params[:-1])[:, :, None]
    eta = linear + np.exp(params[-1]) * draws[:, None, :]
    by_draw = log_expit((2 * y - 1)[:, :, None] * eta).sum(axis=1)
    return np.asarray(np.log(draws.shape[1]) - np.logaddexp.reduce(by_draw, axis=1))


def draw_mixed_logit(n: int, rng: np.random.Generator) -> tuple[Any, ...]:
    """Draw four choices of each person."""
    X = design(4 * n, rng, 11)
    eta = (X @ slopes(11)).reshape(n, 4) + rng.normal(size=(n, 1))
    y = (rng.random((n, 4)) < expit(eta)).astype(float)
    return X.reshape(n, 4, 11), y, rng.normal(size=(n, 32))


def cases() -> list[Case]:
    """List the models."""
    ordered, tobit_ = ordered_probit(9), tobit(10)
    apart = np.concatenate([slopes(5, 2.3), -slopes(5, 2.3), [0, 0.4]])
    limits = np.concatenate([slopes(9, 5.3), [0.9, 4.0, np.log(0.5)]])
    return [
        Case("gompertz", gompertz, np.append(slopes(11), 0.4), draw_gompertz),
        Case("ordered probit", ordered.nll, ordered.truth, ordered.data),
        Case("tobit", tobit_.nll, tobit_.truth, tobit_.data),
        Case("zero-inflated", zero_inflated, np.append(slopes(11), -1.4), draw_zero_inflated),
        Case("switching", switching, apart, draw_switching),
        Case("growth", growth, limits, draw_growth),
        Case("mixed logit", mixed_logit, np.append(slopes(11), 0.0), draw_mixed_logit),
    ]


def total(params: Floats, *args: Any, contributions: Callable[..., Floats]) -> float:
    """Sum the contributions."""
    return float(contributions(params, *args).sum())


def measure(case: Case, n: int, count: int) -> Row:
    """Refit one model."""
    args = case.draw(n, np.random.default_rng(SEED))
    nll = partial(total, contributions=case.contributions)
    fits = [fit(each, case.start, args) for each in (nll, case.contributions)]
    mle = fits[1]
    runs = [bootstrap(each, n_resamples=count, rng=SEED, progress=False) for each in fits]
    steps = (runs[0].replicates - runs[1].replicates) @ np.linalg.cholesky(mle.information.matrix)
    return {
        "model": case.name,
        "p": mle.estimate.size,
        "evaluations": float(runs[0].data.n_evaluations.mean()),
        "most": int(runs[0].data.n_evaluations.max()),
        "certified": float((runs[0].status == 0).mean()),
        "distance": float(np.nanmax(np.linalg.norm(steps, axis=1))),
        "bfgs": float(np.mean([bfgs(nll, args, mle.estimate, k) for k in range(BFGS_REFITS)])),
    }


def bfgs(nll: Callable[..., float], args: tuple[Any, ...], start: Floats, replicate: int) -> int:
    """Count BFGS's evaluations on one resample of rows."""
    resample = draw_resample(Cases(), len(args[0]), SEED, replicate)
    return int(minimize(nll, start, args=resample.of(args), method="BFGS").nfev)


def table(n: int, count: int, only: str) -> Iterator[Row]:
    """Measure the models whose name begins so."""
    for case in cases():
        if case.name.startswith(only):
            yield measure(case, n, count)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1500, help="observations")
    parser.add_argument("--resamples", type=int, default=64, help="refits of each model")
    parser.add_argument("--only", default="", help="models whose name begins so")
    parser.add_argument("--csv", type=Path, metavar="DIR", help="write totals.csv here")
    options = parser.parse_args(arguments)
    with np.errstate(all="ignore"):
        report("totals", table(options.n, options.resamples, options.only), options.csv)


if __name__ == "__main__":
    main()
