"""Shared by the tests of the pictures: replicates to draw, and what is drawn of them."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from bootmle import Bootstrap

Floats = NDArray[np.float64]
BootOf = Callable[..., Bootstrap]

NAMES = ("rate", "log_$a$_b")


@pytest.fixture(autouse=True)
def _without_a_screen() -> Iterator[None]:
    matplotlib.use("Agg")
    yield
    pyplot.close("all")


@pytest.fixture(scope="session")
def two(boot_of: BootOf) -> BootOf:
    """A skewed parameter estimated at 1, and a normal one at -2000 of scale 1e3."""

    def draw(count: int = 999, **more: Any) -> Bootstrap:
        rng = np.random.default_rng(0)
        values = np.column_stack([rng.gamma(2.0, 0.5, count), rng.normal(-2000, 1e3, count)])
        return boot_of([1.0, -2000.0], values, names=NAMES, **more)

    return draw


@pytest.fixture(scope="session")
def picture(two: BootOf) -> Callable[[Any], tuple[Figure, Any]]:
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
