"""Where pictures are drawn: on the Axes given, or on a figure of pyplot's."""

import re
import sys
from collections.abc import Callable
from typing import Any

import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

from bootmle import Bootstrap
from bootmle.bootstrapping.histograms import plot_histograms
from bootmle.bootstrapping.traces import plot_trace

BootOf = Callable[..., Bootstrap]

PLOTS = pytest.mark.parametrize("plot", [plot_histograms, plot_trace])


@PLOTS
def test_own_axes_are_drawn_on_and_pyplot_is_left_alone(plot: Any, two: BootOf) -> None:
    figure = Figure()
    grid = figure.subplots(2, 1)
    given, panels = plot(two(), grid)
    assert given is figure
    assert list(panels) == list(grid)
    assert all(panel.lines for panel in grid)
    assert pyplot.get_fignums() == []
    one = Figure().subplots()
    assert plot(two(), one, names=["rate"])[1][0] is one


def test_axes_of_a_subfigure_lead_to_the_figure(two: BootOf) -> None:
    figure = Figure()
    panels = figure.add_subfigure(figure.add_gridspec(1, 2)[0]).subplots(2)
    assert plot_histograms(two(), panels)[0] is figure


@PLOTS
def test_another_number_of_axes_is_refused(plot: Any, two: BootOf) -> None:
    with pytest.raises(ValueError, match="ax: 3 Axes, where 2 are needed"):
        plot(two(), Figure().subplots(3))
    with pytest.raises(TypeError, match="ax: 'here'; pass Axes"):
        plot(two(), "here")


@PLOTS
def test_without_matplotlib_the_plot_says_what_to_install(
    plot: Any, monkeypatch: pytest.MonkeyPatch, two: BootOf
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=re.escape('pip install "bootmle[plot]"')):
        plot(two())
