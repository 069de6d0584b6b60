"""The picture of a study: every method's coverage lies where the number is."""

import re
import sys
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from bootmle import Coverage, coverage, fit
from bootmle.simulation.study_plot import plot_coverage
from models import poisson


@pytest.fixture(scope="module")
def small() -> Coverage:
    """A study of a Poisson regression: 12 data sets, parameters of unequal scale derived."""
    model = poisson(1)
    return coverage(
        fit(model.nll, model.truth, model.data(40, rng=1), names=model.names),
        model.simulate,
        n_datasets=12,
        n_resamples=99,
        methods=("percentile", "hessian", "sandwich"),
        confidence_level=0.9,
        derive=lambda params: {"rate": 1000 * np.exp(params[0])},
        rng=5,
    )


def test_the_picture_has_a_row_for_each_quantity(small: Coverage) -> None:
    figure = Figure()
    found, ax = small.plot(figure.subplots())
    assert found is figure
    assert [label.get_text() for label in ax.get_yticklabels()] == list(small.names)
    box, first = ax.get_legend(), ax.containers[0]
    assert box is not None
    assert {text.get_text() for text in box.get_texts()} == set(small.methods)
    assert isinstance(first, ErrorbarContainer)
    shares = np.asarray(first.lines[0].get_xdata(), dtype=float)
    assert_allclose(shares, 100 * small.coverage["percentile"])


def test_bars_are_two_monte_carlo_errors_to_each_side(small: Coverage) -> None:
    _, panel = plot_coverage(small)
    bars = [each for each in panel.collections if isinstance(each, LineCollection)]
    for drawn, method in zip(bars, small.methods, strict=True):
        ends = [(start[0], end[0]) for start, end in drawn.get_segments()]
        middle, half = small.coverage[method], 2 * small.coverage_mcse[method]
        assert_allclose(ends, 100 * np.column_stack([middle - half, middle + half]))


def test_another_number_of_axes_is_refused(small: Coverage) -> None:
    two: Any = Figure().subplots(2)
    with pytest.raises(ValueError, match="ax: 2 Axes, where one is needed"):
        plot_coverage(small, two)
    wrong: Any = "here"
    with pytest.raises(TypeError, match="ax: 'here'; pass Axes"):
        plot_coverage(small, wrong)


def test_without_matplotlib_the_plot_says_what_to_install(
    small: Coverage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=re.escape('pip install "bootmle[plot]"')):
        plot_coverage(small)
