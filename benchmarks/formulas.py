"""Does `crosscheck` name the formula behind a bare column of standard errors?

Columns by 32 formulas, computed here from scores in closed form, rounded as software prints them,
on data that the models do not describe; 10 data sets of each of the 4 models are 40 for most:

    python benchmarks/formulas.py --datasets 10 --digits 4

With --decimals instead of --digits, all have so many decimals; with --cut, digits are cut off, not
rounded. Only columns more than 3% from the inverse Hessian's are counted; `wrong name` is the share
of which other formulas are said, and not that one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from functools import partial
from typing import Any

import numpy as np
from scipy.special import ndtr, xlogy

from bootmle import Clustered, bootstrap, crosscheck, fit
from bootmle.display.text import align
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from models import Model, nb2, poisson, probit, weibull

APART = 0.03
"""Largest relative difference from the inverse Hessian below which a column is not judged."""
STEP = 1e-4
"""Step of the fourth-order differences of the closed-form scores, over 1 + |parameter|."""


@dataclass(frozen=True)
class Column:
    """A column, and the words by which its formula is named."""

    formula: str
    errors: Floats
    words: tuple[str, ...]


def main() -> None:
    """Print how often each formula is named, and how often another one is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", type=int, default=10, help="of each of the 4 models")
    parser.add_argument("--digits", type=int, default=4)
    parser.add_argument("--decimals", type=int, help="so many decimals, not significant digits")
    parser.add_argument("--cut", action="store_true", help="cut digits off, do not round")
    options = parser.parse_args()
    show = partial(shown, digits=options.digits, decimals=options.decimals, cut=options.cut)
    found: dict[str, list[tuple[bool, bool]]] = {}
    for model, draw in _models():
        for seed in range(options.datasets):
            _judge_all(model, draw, seed, found, show)
    found["all"] = [one for each in found.values() for one in each]
    rows = [
        [formula, str(len(each)), *(f"{np.mean(part):.1%}" for part in zip(*each, strict=True))]
        for formula, each in found.items()
    ]
    print(align(["formula", "columns", "named", "wrong name"], rows))


def shown(number: float, digits: int, decimals: int | None, cut: bool) -> float:
    """Round a number, or cut it off, to so many significant digits or decimals."""
    if not np.isfinite(number) or number == 0:
        return number
    places = digits - 1 - int(np.floor(np.log10(number))) if decimals is None else decimals
    unit = Decimal(1).scaleb(-places)
    rule = ROUND_DOWN if cut else ROUND_HALF_EVEN
    return float(Decimal(number).quantize(unit, rounding=rule))


def _judge_all(
    model: Model,
    draw: Any,
    seed: int,
    found: dict[str, list[tuple[bool, bool]]],
    show: Callable[[float], float],
) -> None:
    """Judge the columns of one data set."""
    rng = np.random.default_rng([seed, 21])
    n = int(rng.integers(150, 500))
    args = draw(model, n, rng)
    mle = fit(model.nll, dict(zip(model.names, model.truth, strict=True)), args)
    if not mle.converged:
        return
    groups = np.arange(n) // 5
    boot = bootstrap(
        mle, sampling=Clustered(groups), n_resamples=59, rng=seed, refit="expansion", progress=False
    )
    listed = list(_columns(model, mle, groups))
    for what, clustered in ((boot, True), (mle, False)):
        columns = {
            each.formula: each for each in listed if each.formula.startswith("cluster") is clustered
        }
        # In one call, all are compared with the same candidates.
        given = {f"by {name}": printed(mle, each, show) for name, each in columns.items()}
        check = crosscheck(what, given)
        for name, column in columns.items():
            # So that these do not count as the sandwich.
            reason = check.verdicts[f"by {name}"].reason.replace("the sandwich with HC", "HC")
            head = reason.split(": ")[0] if "none of" not in reason else ""
            named = any(word in reason for word in column.words)
            claims = ("equals" in head or "is close to" in head) and "maybe another" not in head
            if claims and not named:
                print(model.name, seed, name, given[f"by {name}"], reason)
            found.setdefault(name, []).append((named, claims and not named))


def printed(mle: Fit, column: Column, show: Callable[[float], float]) -> dict[str, float]:
    """Return what software prints of a column."""
    pairs = zip(mle.names, column.errors, strict=True)
    return {name: show(float(one)) for name, one in pairs if np.isfinite(one)}


def _models() -> Iterator[tuple[Model, Any]]:
    """List the models, each with data that it does not describe."""
    yield poisson(4), _counts
    yield nb2(2), _counts
    yield weibull(3), _times
    yield probit(5), _answers


def _counts(model: Model, n: int, rng: np.random.Generator) -> tuple[Any, ...]:
    """Draw counts that vary more where the first covariate is large."""
    X, y = model.data(n, rng)
    shape = np.exp(0.3 - 0.8 * X[:, 1])
    return X, rng.poisson((y + 0.2) * rng.gamma(shape, 1 / shape)).astype(float)


def _times(model: Model, n: int, rng: np.random.Generator) -> tuple[Any, ...]:
    """Draw lognormal times whose spread depends on the first covariate."""
    X, time, event = model.data(n, rng)
    return X, time * np.exp(0.6 * np.exp(0.5 * X[:, 1]) * rng.normal(size=n)), event


def _answers(model: Model, n: int, rng: np.random.Generator) -> tuple[Any, ...]:
    """Draw answers of which a fifth are given by lot."""
    X, y = model.data(n, rng)
    return X, np.where(rng.random(n) < 0.2, rng.integers(0, 2, n), y).astype(float)


def _columns(model: Model, mle: Fit, groups: Any) -> Iterator[Column]:
    """Compute the columns that differ from the inverse Hessian's, or are its own."""
    scores = model.scores(mle.estimate, *mle.args)
    informations = _row_hessians(model, mle)
    H = informations.sum(axis=0)
    V, n, q = np.linalg.inv(H), len(scores), len(H)
    sums = np.array([np.bincount(groups, s) for s in scores.T]).T
    S, C = (V @ (part.T @ part) @ V for part in (scores, sums))
    own = root(V)
    every = {
        **_sources(V, np.linalg.inv(scores.T @ scores), S, C, n, q, len(sums)),
        **_of_leverage(V, scores, informations),
        **_scaled(V, n),
        **_others(H, V, model, mle),
        **_forced(H),
        **_of_predictors(V, model, mle),
    }
    for formula, (errors, words) in every.items():
        apart = np.nanmax(np.abs(np.log(errors / own)))
        if formula == "Hessian" or apart > APART:
            yield Column(formula, errors, words)


Table = dict[str, tuple[Floats, tuple[str, ...]]]


def _sources(V: Any, B: Any, S: Any, C: Any, n: int, q: int, g: int) -> Table:
    """List the sources and their small-sample factors."""
    both = g / (g - 1) * (n - 1) / (n - q)
    return {
        "Hessian": (root(V), ("equals the inverse Hessian", "or the inverse Hessian")),
        "OPG": (root(B), ("equals the OPG",)),
        "sandwich": (root(S), ("equals the sandwich",)),
        "sandwich n/(n − 1)": (root(S * n / (n - 1)), ("n/(n − 1)",)),
        "sandwich n/(n − p)": (root(S * n / (n - q)), ("n/(n − p)", "HC1")),
        "sandwich (n − 1)/(n − k)": (root(S * (n - 1) / (n - q)), ("(n − 1)/(n − k)",)),
        "OPG n/(n − p)": (root(B * n / (n - q)), ("n/(n − p)",)),
        "cluster": (root(C), ("the cluster-robust sandwich",)),
        "cluster G/(G − 1)": (root(C * g / (g - 1)), ("G/(G − 1)",)),
        "cluster G/(G − 1)·(n − 1)/(n − p)": (root(C * both), ("(n − 1)/(n − p)",)),
    }


def _of_leverage(V: Any, scores: Floats, informations: Floats) -> Table:
    """Multiply each row's scores by a power of I − H_i H⁻¹, in standard errors."""
    factor = np.linalg.cholesky(V)
    values, vectors = np.linalg.eigh(np.eye(len(V)) - factor.T @ informations @ factor)
    found: Table = {}
    for name, power in (("HC2", -0.5), ("HC3", -1.0)):
        turned = np.einsum("nij,ni->nj", vectors, scores @ factor) * values**power
        influence = np.einsum("nij,nj->ni", vectors, turned) @ factor.T
        found[name] = root(influence.T @ influence), (name,)
    return found


def _scaled(V: Any, n: int) -> Table:
    """List other scales of the inverse Hessian."""
    return {
        "twice": (root(2 * V), ("twice the inverse Hessian",)),
        "half": (root(V / 2), ("half the inverse Hessian",)),
        "√n": (root(n * V), (f"n = {n:,} times",)),
        "half-widths of 90%": (1.644854 * root(V), ("half-widths of 90%",)),
        "half-widths of 95%": (1.959964 * root(V), ("half-widths of 95%",)),
        "variances": (np.asarray(np.diag(V)), ("the variances of",)),
        "a common factor of 1.37": (root(1.37 * V), ("in every parameter",)),
    }


def _others(H: Any, V: Any, model: Model, mle: Fit) -> Table:
    """List what holds parameters, drops directions, or belongs elsewhere."""
    q, names = len(H), mle.names
    held = np.full(q, np.nan)
    held[:-1] = root(np.linalg.inv(H[:-1, :-1]))
    blocks = H.copy()
    blocks[0, 1:] = blocks[1:, 0] = 0.0
    values, vectors = np.linalg.eigh(H)
    pseudo = (vectors[:, 1:] / values[1:]) @ vectors[:, 1:].T
    scaled = root(V)
    scaled[0] *= np.exp(mle.estimate[0])
    start = replace_point(model, mle, mle.likelihood.parameters.values)
    return {
        "last parameter held": (held, (f"{names[-1]} held fixed",)),
        "block of the first": (root(np.linalg.inv(blocks)), ("block-diagonal", "held fixed")),
        "diagonal alone": (1 / np.sqrt(np.diag(H)), ("all others held fixed",)),
        "pseudo-inverse": (root(pseudo), ("pseudo-inverse",)),
        "exp of the first": (scaled, (f"exp({names[0]})",)),
        "another point": (root(np.linalg.inv(start)), ("at the start values",)),
        "a step of 0.1": (root(np.linalg.inv(_forward(model, mle, 0.1))), ("h = 0.1",)),
        "hess_inv": (root(mle.optimize_result.hess_inv), ("by-product",)),
    }


def _forced(H: Any) -> Table:
    """Force a Hessian that needs none positive definite."""
    values, vectors = np.linalg.eigh(H)
    raised = np.maximum(values, np.sqrt(values[0] * values[1]))
    return {
        "an eigenvalue raised": (
            root((vectors / raised) @ vectors.T),
            ("smallest eigenvalue raised",),
        ),
        "a ridge": (root(np.linalg.inv(H + 0.5 * values[0] * np.eye(len(H)))), ("a ridge",)),
    }


def _of_predictors(V: Any, model: Model, mle: Fit) -> Table:
    """Compute what rests on the response's moments: expected information, dispersions."""
    if "weibull" in model.name:
        return {}
    X, y = mle.args
    b = mle.estimate[: X.shape[1]]
    if "probit" in model.name:
        p = ndtr(X @ b)
        density = np.exp(-((X @ b) ** 2) / 2) / np.sqrt(2 * np.pi)
        pearson, deviance = np.sum((y - p) ** 2 / (p * (1 - p))), 2 * mle.nll
        weight = density**2 / (p * (1 - p))
    else:
        mean = np.exp(X @ b)
        alpha = np.exp(mle.estimate[-1]) if "nb2" in model.name else 0.0
        weight = mean / (1 + alpha * mean)
        pearson = np.sum((y - mean) ** 2 / mean)
        deviance = 2 * np.sum(xlogy(y, y / mean) - (y - mean))
    expected = np.full(len(V), np.nan)
    expected[: len(b)] = root(np.linalg.inv(X.T @ (weight[:, None] * X)))
    found: Table = {"expected": (expected, ("the expected information",))}
    if len(b) == len(V):
        freedom = len(y) - len(b)
        found |= {
            "Pearson's dispersion": (root(V * pearson / freedom), ("Pearson's chi-squared",)),
            "deviance dispersion": (root(V * deviance / freedom), ("the deviance over",)),
        }
    return found


def replace_point(model: Model, mle: Fit, point: Floats) -> Floats:
    """Return the Hessian at another point."""
    return _hessian(model, replace(mle, estimate=point))


def _hessian(model: Model, mle: Fit) -> Floats:
    """Return the Hessian."""
    return np.asarray(_row_hessians(model, mle).sum(axis=0))


def _row_hessians(model: Model, mle: Fit) -> Floats:
    """Difference the closed-form scores, to fourth order, (n, q, q)."""
    columns = []
    for j, value in enumerate(mle.estimate):
        step = np.zeros(mle.estimate.size)
        step[j] = STEP * (1 + abs(value))

        def scores(times: float, step: Floats = step) -> Floats:
            return np.asarray(model.scores(mle.estimate + times * step, *mle.args))

        rise, wide = scores(1) - scores(-1), scores(2) - scores(-2)
        columns.append((8 * rise - wide) / (12 * step[j]))
    found = np.stack(columns, axis=2)
    return np.asarray((found + found.swapaxes(1, 2)) / 2)


def _forward(model: Model, mle: Fit, h: float) -> Floats:
    """Difference the objective forward, with one step for all parameters."""
    q = mle.estimate.size
    steps = h * np.eye(q)

    def total(step: Floats) -> float:
        return float(model.nll(mle.estimate + step, *mle.args).sum())

    zero, ahead = total(np.zeros(q)), [total(step) for step in steps]
    return np.array(
        [
            [(total(steps[i] + steps[j]) - ahead[i] - ahead[j] + zero) / h**2 for j in range(q)]
            for i in range(q)
        ]
    )


def root(matrix: Any) -> Floats:
    """Return the standard errors of a matrix; NaN for negative variances."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sqrt(np.diag(matrix)))


if __name__ == "__main__":
    main()
