"""Regular models for `contract.py`: random in family, size, form of the data and plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bootmle import Bayesian, Blocks, Cases, Clustered, Jackknife, Stratified, Subsample
from bootmle.likelihood.arrays import Floats
from studies import STUDIES

__all__ = ["Regular", "regular_models", "studied_models"]


@dataclass(frozen=True, slots=True)
class Regular:
    """A model that means what its resamples mean, its data, and a plan that suits them."""

    name: str
    nll: Callable[..., Any]
    start: Floats
    args: Any
    sampling: Any = field(default_factory=Cases)
    options: dict[str, Any] = field(default_factory=dict)


def regular_models(count: int = 200) -> Iterator[Regular]:
    """Make models of every family in turn, from a generator of their own each."""
    families = [_separable, _separable, _exchangeable, _clustered, _clustered, _series]
    for number in range(count):
        rng = np.random.default_rng([20_261_129, number])
        yield families[number % len(families)](rng)


def studied_models() -> Iterator[Regular]:
    """Take the models of the simulation studies, as contributions and as totals."""
    for name, study in STUDIES.items():
        if not study.regular:
            continue
        model, n = study.model, min(study.n, 120)
        args = model.data(n, rng=1)
        plan = study.sampling(args)
        yield Regular(f"{name}, contributions", model.nll, model.truth, args, plan)
        if isinstance(plan, Cases):
            yield Regular(f"{name}, total", _total_of(model.nll), model.truth, args, plan)


def _total_of(nll: Callable[..., Any]) -> Callable[..., Any]:
    return lambda params, *args: nll(params, *args).sum()


def _terms(kind: str, eta: Floats, y: Floats) -> Floats:
    """Contributions of regressions without a scale parameter."""
    if kind == "logit":
        return np.asarray(np.logaddexp(0, eta) - y * eta)
    if kind == "poisson":
        return np.asarray(np.exp(eta) - y * eta)
    if kind == "exponential":
        return np.asarray(eta + y * np.exp(-eta))
    return np.asarray(0.5 * (y - eta) ** 2)


def _outcomes(kind: str, eta: Floats, rng: np.random.Generator) -> Floats:
    if kind == "logit":
        return (rng.random(eta.size) < 1 / (1 + np.exp(-eta))).astype(float)
    if kind == "poisson":
        return rng.poisson(np.exp(eta)).astype(float)
    return (
        rng.exponential(np.exp(eta)) if kind == "exponential" else eta + rng.normal(size=eta.size)
    )


KINDS = ("logit", "poisson", "exponential", "normal")
FORMS = ("array", "tuple", "dict", "frame", "column vector")


def _data(
    form: str, X: Floats, y: Floats, labels: Any = None
) -> tuple[Any, Callable[..., tuple[Any, ...]]]:
    """Put data into one of the forms that ``args`` takes, and say how the objective reads it."""
    extra = () if labels is None else (labels,)
    if form == "array":
        table = np.column_stack([X, y, *extra])
        p = X.shape[1]
        return table, lambda t: (t[:, :p], t[:, p], *([t[:, p + 1]] if extra else []))
    if form == "dict":
        held = {"X": X, "y": y} | ({"who": labels} if extra else {})
        return held, lambda d: tuple(d.values())
    if form == "frame":
        frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])]).assign(y=y)
        columns = list(frame.columns[:-1])
        if extra:
            frame["who"] = labels
        return frame, lambda f: (
            f[columns].to_numpy(),
            f["y"].to_numpy(),
            *([f["who"].to_numpy()] if extra else []),
        )
    if form == "column vector":
        return (X, y[:, None], *extra), lambda X, y, *more: (X, y[:, 0], *more)
    return (X, y, *extra), lambda *args: args


def _separable(rng: np.random.Generator) -> Regular:
    """Rows on their own: totals, contributions, means, penalties, with weights and without."""
    kind, form = rng.choice(KINDS), rng.choice(FORMS)
    shape = str(rng.choice(["total", "contributions", "mean", "penalty", "constant"]))
    n, p = int(rng.integers(25, 400)), int(rng.integers(1, 4))
    X = np.column_stack([np.ones(n), rng.normal(size=(n, p - 1))])
    beta = rng.normal(scale=0.3, size=p)
    args, read = _data(form, X, _outcomes(kind, X @ beta, rng))

    def nll(b: Floats, *args: Any) -> Any:
        X, y = read(*args)
        values = _terms(kind, X @ b, y)
        if shape == "contributions":
            return values
        if shape == "mean":
            return values.mean()
        return values.sum() + {"penalty": 0.5 * b @ b, "constant": 1000.0}.get(shape, 0.0)

    options: dict[str, Any] = {}
    plans: list[Any] = [Cases(), Stratified(np.arange(n) % 3), Subsample(max(n // 2, 12))]
    if n < 60:
        plans.append(Jackknife())
    if shape == "contributions":
        plans.append(Bayesian())
        if rng.random() < 0.5:
            options["weights"] = rng.uniform(0.5, 2.0, n)
    plan = plans[rng.integers(len(plans))]
    name = f"{kind}, {shape} from {form}, n={n}, {plan!r}"
    return Regular(name, nll, np.zeros(p), args, plan, options)


def _exchangeable(rng: np.random.Generator) -> Regular:
    """Objectives that compute statistics of the sample that they are given."""
    n = int(rng.integers(30, 300))
    x, z = rng.normal(size=(2, n)) * [[2.0], [1.0]] + [[3.0], [0.0]]
    y = 1 + 0.5 * x + z * 0.2 + rng.normal(size=n)

    def centered(b: Floats, x: Any, y: Any) -> Any:
        return 0.5 * (y - b[0] - b[1] * (x - x.mean())) ** 2

    def standardized(b: Floats, x: Any, y: Any) -> Any:
        return 0.5 * np.sum((y - b[0] - b[1] * (x - x.mean()) / x.std(ddof=1)) ** 2)

    def concentrated(b: Floats, x: Any, y: Any) -> Any:
        return len(y) / 2 * np.log(np.mean((y - b[0] - b[1] * x) ** 2))

    def mean_log(b: Floats, x: Any, y: Any) -> Any:
        return 0.5 * np.log(np.mean((y - b[0] - b[1] * x) ** 2))

    time, dead = rng.exponential(np.exp(-0.5 * z)), rng.random(n) < 0.8

    def cox(b: Floats, time: Any, dead: Any, z: Any, x: Any) -> Any:
        """Cox's partial likelihood, Breslow's ties."""
        eta = b[0] * z + b[1] * (x - 3)
        order = np.argsort(-time, kind="stable")
        risk = np.logaddexp.accumulate(eta[order])
        last = np.searchsorted(-time[order], -time[order], side="right") - 1
        return np.sum(dead[order] * (risk[last] - eta[order]))

    choices: dict[str, tuple[Any, Any]] = {
        "centered contributions": (centered, (x, y)),
        "standardized, ddof=1": (standardized, (x, y)),
        "concentrated": (concentrated, (x, y)),
        "mean of a logarithm": (mean_log, (x, y)),
        "Cox": (cox, (time, dead, z, x)),
    }
    name = str(rng.choice(list(choices)))
    nll, args = choices[name]
    return Regular(f"{name}, n={n}", nll, np.array([0.1, 0.1]), args)


def _clustered(rng: np.random.Generator) -> Regular:
    """Random intercepts and sums by rows, labels in any form, covariates of clusters beside."""
    groups = int(rng.integers(15, 60))
    code = np.repeat(np.arange(groups), rng.integers(2, 6, groups))
    year = rng.integers(2000, 2000 + 3 * groups, groups)[code].astype(float)
    X = np.column_stack([np.ones(code.size), (year - 2000) / groups, rng.normal(size=code.size)])
    y = X @ [1.0, -0.3, 0.5] + rng.normal(size=groups)[code] + rng.normal(size=code.size)
    labels: Any = rng.permutation(10 * groups)[:groups][code]
    kind = str(rng.choice(["total", "total with a year", "contributions", "by cluster"]))
    forms = ["tuple", "dict", "frame", "array"]
    form = str(rng.choice(forms))
    if form in {"tuple", "dict", "frame"} and rng.random() < 0.4:
        labels = np.array([f"p{each}" for each in labels])
    if kind == "total with a year":
        X = np.column_stack([np.ones(code.size), year, X[:, 2]])
    args, read = _data(form, X, y, labels)

    def intercepts(b: Floats, X: Any, y: Any, who: Any) -> Floats:
        _, index = np.unique(who, return_inverse=True)
        r, size = y - X @ b, np.bincount(index)
        squares, totals = np.bincount(index, r**2), np.bincount(index, r)
        return np.asarray(0.5 * (squares - totals**2 / (1 + size) + np.log1p(size)))

    def nll(b: Floats, *args: Any) -> Any:
        X, y, who = read(*args)
        if kind == "total with a year":
            X = np.column_stack([X[:, 0], (X[:, 1] - 2000) / groups, X[:, 2]])
        if kind == "contributions":
            return 0.5 * (y - X @ b) ** 2
        if kind == "by cluster":
            _, first = np.unique(who, return_index=True)
            order = np.argsort(np.argsort(first))
            values = np.empty(first.size)
            values[order] = intercepts(b, X, y, who)
            return values
        return intercepts(b, X, y, who).sum()

    given = "who" if form in {"dict", "frame"} and rng.random() < 0.5 else labels
    name = f"clustered {kind}, labels in a {form}, {groups} clusters"
    return Regular(name, nll, np.array([0.1, 0.1, 0.1]), args, Clustered(given))


def _series(rng: np.random.Generator) -> Regular:
    """Autoregressions, by blocks of contributions or of independent rows."""
    n = int(rng.integers(60, 300))
    e, y = rng.normal(size=n), np.zeros(n)
    for t in range(1, n):
        y[t] = 0.6 * y[t - 1] + e[t]

    def inside(b: Floats, y: Any) -> Any:
        lagged = np.concatenate([[0.0], y[:-1]])
        return 0.5 * (y - b[0] - b[1] * lagged) ** 2

    def beside(b: Floats, y: Any, lagged: Any) -> Any:
        return 0.5 * np.sum((y - b[0] - b[1] * lagged) ** 2)

    kind = str(rng.choice(["stationary", "circular", "moving"]))
    length = int(rng.integers(2, 9))
    if rng.random() < 0.5:
        return Regular(f"AR(1) inside, n={n}", inside, np.zeros(2), y, Blocks(length, kind=kind))
    args = (y[1:], y[:-1])
    return Regular(f"AR(1) beside, n={n}", beside, np.zeros(2), args, Blocks(length, kind=kind))
