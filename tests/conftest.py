"""Shared by the tests: reference solutions without the package's own fitting, and builders."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bootmle import Bootstrap, Status
from bootmle.refitting.replicates import Replicates

Floats = NDArray[np.float64]
Solve = Callable[..., Floats]


def central_jacobian(function: Callable[[Floats], Floats], x: Floats, step: float = 1e-5) -> Floats:
    columns = []
    for j in range(x.size):
        e = np.zeros_like(x)
        e[j] = step * max(1.0, abs(x[j]))
        columns.append((function(x + e) - function(x - e)) / (2 * e[j]))
    return np.array(columns).T


def weighted_information(model: Any, args: tuple[Any, ...], weights: Floats, x: Floats) -> Floats:
    """Differentiate the weighted analytic score: the observed information at x."""
    matrix = central_jacobian(lambda at: weights @ model.scores(at, *args), x)
    return (matrix + matrix.T) / 2


def newton_optimum(model: Any, args: tuple[Any, ...], weights: Floats, start: Floats) -> Floats:
    """Damped Newton steps on the analytic scores, down to a gradient of 1e-9 standard errors."""

    def total(at: Floats) -> float:
        value = float(weights @ model.nll(at, *args))
        return value if np.isfinite(value) else np.inf

    x = np.array(start, dtype=float)
    for _ in range(200):
        gradient = weights @ model.scores(x, *args)
        values, vectors = np.linalg.eigh(weighted_information(model, args, weights, x))
        size = np.maximum(np.abs(values), 1e-8 * np.abs(values).max())
        step = -vectors @ ((vectors.T @ gradient) / size)
        decrement = np.sqrt(float(-gradient @ step))
        if decrement < 1e-9 and values.min() > 0:
            return x
        fraction = min(1.0, 1.0 / decrement) if decrement > 1 else 1.0
        while total(x + fraction * step) > total(x) + 1e-12 * abs(total(x)) and fraction > 1e-8:
            fraction /= 2
        x = x + fraction * step
    raise AssertionError(f"the reference solver stands at {x}, decrement {decrement}")


@pytest.fixture(scope="session")
def solve() -> Solve:
    """The reference solver: (model, args, weights, start) to the optimum."""
    return newton_optimum


@pytest.fixture(scope="session")
def information_at() -> Solve:
    """The observed information: (model, args, weights, x) to a matrix."""
    return weighted_information


def first_weights(plan: Any, seed: int, n: int, count: int) -> Floats:
    sequences = [np.random.SeedSequence(seed, spawn_key=(k,)) for k in range(count)]
    streams = [np.random.default_rng(sequence) for sequence in sequences]
    return np.array([plan.draw(n, k, stream).weights for k, stream in enumerate(streams)])


@pytest.fixture(scope="session")
def weights_of() -> Callable[..., Floats]:
    """The weights of a seed's first replicates: (plan, seed, n, count) to (count, n)."""
    return first_weights


def of_replicates(
    estimate: Any, estimates: Any, status: Any = None, names: Any = None, **more: Any
) -> Bootstrap:
    values = np.array(estimates, dtype=float)
    count, size = values.shape
    states = np.full(count, Status.ESTIMATED) if status is None else np.array(status)
    none = np.zeros(count, dtype=np.int64)
    data = Replicates(values, states.astype(np.int8), np.zeros(count), none, none)
    about = {"seed": 7, "sampling": "Cases()", "n_shared": 0, "seconds": 1.5, **more}
    return Bootstrap(
        fit=None,
        names=tuple(names or (f"x{j + 1}" for j in range(size))),
        estimate=np.array(estimate, dtype=float),
        data=data,
        **about,
    )


@pytest.fixture(scope="session")
def boot_of() -> Callable[..., Bootstrap]:
    """A Bootstrap of given replicates: (estimate, estimates, status, names)."""
    return of_replicates


@pytest.fixture(scope="session")
def data_of() -> Callable[[str], Any]:
    """The contents of a file in tests/data."""
    return lambda name: json.loads((Path(__file__).parent / "data" / name).read_text())
