"""Shared by the tests: reference solutions without the package's own fitting, and builders."""

import json
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from bootmle import Bootstrap, Status
from bootmle.execution.threads import computation
from bootmle.refitting.replicates import Replicates
from bootmle.sampling.streams import stream_of

# Jobs that the tests start in processes of their own find the models, too.
_PATHS = [str(Path(__file__).parents[1] / "benchmarks"), os.environ.get("PYTHONPATH", "")]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, _PATHS))

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


@pytest.fixture
def within_a_verb() -> Iterator[None]:
    """Compute as below a public verb, for tests of what is called there alone."""
    with computation():
        yield


@pytest.fixture(scope="session")
def solve() -> Solve:
    """The reference solver: (model, args, weights, start) to the optimum."""
    return newton_optimum


@pytest.fixture(scope="session")
def information_at() -> Solve:
    """The observed information: (model, args, weights, x) to a matrix."""
    return weighted_information


def first_weights(plan: Any, seed: int, n: int, count: int) -> Floats:
    streams = [stream_of(seed, k) for k in range(count)]
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
    about = {
        "seeds": (more.pop("seed", 7),),
        "sampling": "Cases()",
        "n_shared": 0,
        "seconds": 1.5,
        **more,
    }
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


NAMES = ("rate", "log_$a$_b")


@pytest.fixture(autouse=True)
def _without_a_screen() -> Iterator[None]:
    matplotlib.use("Agg")
    yield
    pyplot.close("all")


@pytest.fixture(scope="session")
def two(boot_of: Callable[..., Bootstrap]) -> Callable[..., Bootstrap]:
    """A skewed parameter estimated at 1, and a normal one at -2000 of scale 1e3."""

    def draw(count: int = 999, **more: Any) -> Bootstrap:
        rng = np.random.default_rng(0)
        values = np.column_stack([rng.gamma(2.0, 0.5, count), rng.normal(-2000, 1e3, count)])
        return boot_of([1.0, -2000.0], values, names=NAMES, **more)

    return draw


@pytest.fixture(scope="session")
def picture(two: Callable[..., Bootstrap]) -> Callable[[Any], tuple[Figure, Any]]:
    """What is only looked at: a picture of these, by what draws it."""
    return cache(lambda plot: plot(two()))


def labelled(panel: Axes, label: str) -> Any:
    handles, labels = panel.get_legend_handles_labels()
    return handles[labels.index(label)]


def points(panel: Axes, label: str) -> tuple[Floats, Floats]:
    found = labelled(panel, label)
    assert isinstance(found, Line2D)
    return np.asarray(found.get_xdata()), np.asarray(found.get_ydata())


@pytest.fixture(scope="session")
def drawn() -> Callable[[Axes, str], Any]:
    """What has a label in the legend: (panel, label)."""
    return labelled


@pytest.fixture(scope="session")
def line() -> Callable[[Axes, str], tuple[Floats, Floats]]:
    """The line of a label: (panel, label) to x and y."""
    return points


@pytest.fixture(scope="session")
def notes() -> Callable[[Axes], list[str]]:
    """The lines written into a panel."""
    return lambda panel: [each for text in panel.texts for each in text.get_text().splitlines()]
