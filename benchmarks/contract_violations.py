"""Violations for `contract.py`: objectives whose resamples are not what their writer means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import gammaln

from bootmle import Blocks, Cases, Clustered, Estimator, Jackknife, Stratified, bootstrap, fit

__all__ = ["Violation", "violations"]

_FEW: dict[str, Any] = {"n_resamples": 9, "rng": 0, "progress": False}


@dataclass(frozen=True, slots=True)
class Violation:
    """What somebody might do by mistake, and the words that the refusal has to hold."""

    name: str
    run: Callable[[], Any]
    words: str


def violations() -> Iterator[Violation]:
    """List all of them."""
    yield from _broadcasts()
    yield from _constants()
    yield from _extended()
    yield from _grouped()
    yield from _closures()
    yield from _ordered()
    yield from _estimators()
    yield from _masked()
    yield from _changed()


RNG = np.random.default_rng(20_261_129)
N = 90
X = np.column_stack([np.ones(N), RNG.normal(size=N)])
ETA = X @ [0.3, 0.6]
CODE = np.repeat(np.arange(30), 3)
OUTCOMES = {
    "logit": (RNG.random(N) < 1 / (1 + np.exp(-ETA))).astype(float),
    "poisson": RNG.poisson(np.exp(ETA)).astype(float),
    "normal": ETA + RNG.normal(size=30)[CODE] + RNG.normal(size=N),
}


def _terms(kind: str, eta: Any, y: Any) -> Any:
    if kind == "logit":
        return np.logaddexp(0, eta) - y * eta
    return np.exp(eta) - y * eta if kind == "poisson" else 0.5 * (y - eta) ** 2


def _resample(nll: Any, args: Any, plan: Any = Cases(), start: Any = (0.1, 0.1)) -> Any:  # noqa: B008
    return bootstrap(fit(nll, list(start), args), sampling=plan, **_FEW)


def _broadcasts() -> Iterator[Violation]:
    """A column vector against a vector: all pairs."""
    words = r"broadcast"

    def pairs(kind: str, how: Any) -> Any:
        return lambda b, X, y: how(_terms(kind, X @ b, np.asarray(y)))

    def beside(b: Any, X: Any, y: Any) -> Any:
        return np.sum(np.logaddexp(0, X @ b)) - np.sum(y * (X @ b))

    for kind, y in OUTCOMES.items():
        for shape, how in (("sum", np.sum), ("mean", np.mean)):
            for form, column in (("array", y[:, None]), ("frame", pd.DataFrame({"y": y}))):
                run = _bound(_resample, pairs(kind, how), (X, column))
                yield Violation(f"broadcast, {kind}, {shape}, {form}", run, words)
    data = (X, OUTCOMES["logit"][:, None])
    yield Violation("broadcast beside a sum", _bound(_resample, beside, data), words)


def _bound(function: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    return lambda: function(*args)


def _constants() -> Iterator[Violation]:
    """Objectives that never look at their data."""
    words = r"args"
    shapes: dict[str, Any] = {"total": np.sum, "mean": np.mean, "contributions": np.asarray}

    def of_globals(kind: str, how: Any) -> Any:
        return lambda b, *_: how(_terms(kind, X @ b, OUTCOMES[kind]))

    for kind, y in OUTCOMES.items():
        for shape, how in shapes.items():
            run = _bound(_resample, of_globals(kind, how), (X, y))
            yield Violation(f"ignores args, {kind}, {shape}", run, words)
        run = _bound(_resample, of_globals(kind, np.sum), (X, y), Clustered(CODE))
        yield Violation(f"ignores args, {kind}, clusters", run, words)
        yield Violation(f"memoized, {kind}", _bound(_resample, _Memoized(kind), (X, y)), words)


class _Memoized:
    """An objective that remembers its values by the parameters alone."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.known: dict[Any, Any] = {}

    def __call__(self, b: Any, X: Any, y: Any) -> Any:
        key = tuple(b)
        if key not in self.known:
            self.known[key] = np.sum(_terms(self.kind, X @ b, y))
        return self.known[key]


def _extended() -> Iterator[Violation]:
    """The number of events is an observation, and rows drawn hold it fixed."""
    words = r"size=.poisson."
    events = np.concatenate([RNG.normal(5, 0.4, 60), RNG.uniform(0, 10, 140)])

    def shapes(x: Any) -> tuple[Any, Any]:
        return np.exp(-0.5 * ((x - 5) / 0.4) ** 2) / (0.4 * np.sqrt(2 * np.pi)), 0.1

    def yields(b: Any, x: Any) -> Any:
        signal, background = shapes(x)
        with np.errstate(invalid="ignore"):
            return b[0] + b[1] - np.sum(np.log(b[0] * signal + b[1] * background))

    def logs(b: Any, x: Any) -> Any:
        return yields(np.exp(b), x)

    def fraction(b: Any, x: Any) -> Any:
        return yields([b[1] * b[0], b[1] * (1 - b[0])], x)

    def factorial(b: Any, x: Any) -> Any:
        return yields(b, x) + gammaln(len(x) + 1)

    def intensity(b: Any, t: Any) -> Any:
        """A Poisson process with intensity exp(b0 + b1 t) on (0, 1)."""
        whole = np.exp(b[0]) * np.expm1(b[1]) / b[1]
        return whole - np.sum(b[0] + b[1] * t)

    strata, clusters = np.arange(200) % 4, np.arange(200) // 2
    plans = (Cases(), Stratified(strata), Clustered(clusters), Jackknife(), Blocks(5))
    for name, nll, start, data in (
        ("yields", yields, [50.0, 150.0], events),
        ("log yields", logs, [4.0, 5.0], events),
        ("total and fraction", fraction, [0.3, 190.0], events),
        ("with log n!", factorial, [50.0, 150.0], events),
        ("intensity", intensity, [5.0, 0.5], np.sort(RNG.random(200))),
    ):
        for plan in plans if name == "yields" else plans[:1]:
            yield Violation(
                f"extended, {name}, {plan!r}", _bound(_resample, nll, data, plan, start), words
            )


def _intercepts(b: Any, X: Any, y: Any, who: Any) -> Any:
    """Random intercepts of variance 1: rows of one label count together."""
    _, index = np.unique(who, return_inverse=True)
    r, size = y - X @ b, np.bincount(index)
    return 0.5 * np.sum(np.bincount(index, r**2) - np.bincount(index, r) ** 2 / (1 + size))


def _grouped() -> Iterator[Violation]:
    """Rows that belong together, drawn one by one."""
    words = r"Clustered"
    y = OUTCOMES["normal"]
    frame = pd.DataFrame({"one": 1.0, "x": X[:, 1], "y": y, "who": CODE})

    def of_frame(b: Any, f: Any) -> Any:
        return _intercepts(b, f[["one", "x"]].to_numpy(), f["y"].to_numpy(), f["who"])

    for plan in (Cases(), Stratified(np.arange(N) % 2), Jackknife()):
        for form, nll, args in (
            ("arrays", _intercepts, (X, y, CODE)),
            ("frame", of_frame, frame),
        ):
            yield Violation(
                f"labels in args, {form}, {plan!r}", _bound(_resample, nll, args, plan), words
            )


def _closures() -> Iterator[Violation]:
    """What belongs to a cluster is held by the objective, in the order of the clusters."""
    words = r"args"
    offset = RNG.uniform(-1.5, 1.5, 30)
    y = RNG.poisson(np.exp(0.3 + 0.4 * X[:, 1] + 0.6 * offset[CODE])).astype(float)
    people = np.array([f"p{each:02d}" for each in CODE])

    def first_seen(who: Any) -> Any:
        return pd.factorize(np.asarray(who))[0]

    def sorted_labels(who: Any) -> Any:
        return np.unique(who, return_inverse=True)[1]

    for number, numbered in enumerate((first_seen, sorted_labels)):
        for form, labels in (("numbers", CODE), ("texts", people)):

            def nll(b: Any, X: Any, y: Any, who: Any, numbered: Any = numbered) -> Any:
                eta = X @ b[:2] + b[2] * offset[numbered(who)]
                return np.sum(np.exp(eta) - y * eta)

            yield Violation(
                f"constants in a closure, {'sorted' if number else 'first seen'}, {form}",
                _bound(_resample, nll, (X, y, labels), Clustered(labels), (0.1, 0.1, 0.1)),
                words,
            )


def _ordered() -> Iterator[Violation]:
    """The order of the rows matters."""
    series = np.cumsum(RNG.normal(size=N)) * 0.2

    def autoregression(b: Any, y: Any) -> Any:
        return 0.5 * (y[1:] - b[0] - b[1] * y[:-1]) ** 2

    def whole(b: Any, y: Any) -> Any:
        return np.sum(autoregression(b, y))

    def own_rows(b: Any, y: Any) -> Any:
        return np.sum((y - b[0] - b[1] * X[: len(y), 1]) ** 2)

    for name, nll in (("autoregression", whole), ("a covariate in a closure", own_rows)):
        yield Violation(f"order, {name}", _bound(_resample, nll, series), r"order|rows")


def _estimators() -> Iterator[Violation]:
    """Functions that return something else each time."""
    words = r"random|differ|twice|again"
    y = OUTCOMES["normal"]
    noise = np.random.default_rng(1)
    calls: list[int] = []

    def noisy(y: Any) -> Any:
        return {"mean": y.mean() + noise.normal(), "sd": y.std()}

    def counting(y: Any) -> Any:
        calls.append(1)
        return {"mean": y.mean() + len(calls), "sd": y.std()}

    def estimated(function: Any) -> Any:
        return bootstrap(Estimator(function, y), **_FEW)

    for name, function in (("random", noisy), ("stateful", counting)):
        yield Violation(f"estimator, {name}", _bound(estimated, function), words)


def _masked() -> Iterator[Violation]:
    """Missing values behind a mask."""
    words = r"mask|missing"
    y = np.ma.masked_array(OUTCOMES["normal"], mask=np.arange(N) % 7 == 0)

    def squares(b: Any, y: Any) -> Any:
        return 0.5 * (y - b[0]) ** 2

    def total(b: Any, y: Any) -> Any:
        return 0.5 * ((y - b[0]) ** 2).sum()

    def own_mask(b: Any, y: Any) -> Any:
        return np.ma.masked_array(0.5 * (y - b[0]) ** 2, mask=y > 1.5)

    plain = np.asarray(OUTCOMES["normal"])
    for name, nll, args in (
        ("contributions", squares, y),
        ("total", total, y),
        ("in a dict", lambda b, d: 0.5 * (d["y"] - b[0]) ** 2, {"y": y}),
        ("of the objective", own_mask, plain),
    ):
        yield Violation(f"masked {name}", _bound(_resample, nll, args, Cases(), (0.1,)), words)


def _changed() -> Iterator[Violation]:
    """Data that change between the fit and the bootstrap."""
    words = r"args.*chang|chang.*args"

    def squares(b: Any, y: Any) -> Any:
        return 0.5 * (np.asarray(y, dtype=float) - b[0]) ** 2

    def of_frame(b: Any, f: Any) -> Any:
        return 0.5 * (f["y"].to_numpy() - b[0]) ** 2

    def changing(nll: Any, data: Any, change: Callable[[Any], None]) -> Callable[[], Any]:
        def run() -> Any:
            own = data()
            mle = fit(nll, [0.1], own)
            change(own)
            return bootstrap(mle, **_FEW)

        return run

    y = OUTCOMES["normal"]
    for name, nll, data, change in (
        ("array", squares, y.copy, lambda a: np.multiply(a, 2.54, out=a)),
        ("one value", squares, y.copy, lambda a: a.__setitem__(3, 9.0)),
        ("list", squares, y.tolist, lambda a: a.__setitem__(0, 9.0)),
        ("sorted", squares, y.copy, lambda a: a.sort()),
        (
            "column of a frame",
            of_frame,
            lambda: pd.DataFrame({"y": y.copy()}),
            lambda f: f.__setitem__("y", f["y"] * 2),
        ),
    ):
        yield Violation(f"changed in place, {name}", changing(nll, data, change), words)
