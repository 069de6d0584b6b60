"""A panel for each parameter: titles, words and legends are there, and nothing collides."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

from bootmle import Bootstrap, Status
from bootmle.bootstrapping.histograms import plot_histograms
from bootmle.bootstrapping.traces import plot_trace

BootOf = Callable[..., Bootstrap]
Look = Callable[..., Any]

NAMES = ("rate", "log_$a$_b")
LONG = [f"C(occupation, Treatment('none'))[T.level_{j}]" for j in range(12)]
PLOTS = pytest.mark.parametrize("plot", [plot_histograms, plot_trace])


@PLOTS
def test_a_panel_for_each_parameter_but_held_ones(plot: Any, boot_of: BootOf) -> None:
    values = np.random.default_rng(0).normal(size=(99, 3)) * [1.0, 0.0, 1e3]
    boot = boot_of([0.0, 0.0, 0.0], values, names=["a", "held", "b"], fixed=("held",))
    figure, panels = plot(boot)
    assert isinstance(figure, Figure)
    assert [panel.get_title() for panel in panels] == ["a", "b"]
    assert figure.axes == list(panels)


@PLOTS
def test_names_choose_the_panels_and_their_order(plot: Any, two: BootOf) -> None:
    _, panels = plot(two(), names=NAMES[::-1])
    assert [panel.get_title() for panel in panels] == list(NAMES[::-1])
    with pytest.raises(ValueError, match="names: \\['sigma'\\]"):
        plot(two(), names=["sigma"])


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 11, 12])
def test_a_figure_has_no_empty_panels(count: int, boot_of: BootOf) -> None:
    values = np.random.default_rng(0).normal(size=(99, count))
    figure, panels = plot_histograms(boot_of(np.zeros(count), values))
    assert len(figure.axes) == len(panels) == count


@PLOTS
def test_an_infinite_end_is_named_and_drawn_to_the_edge(
    plot: Any, boot_of: BootOf, drawn: Look, notes: Look
) -> None:
    values = np.random.default_rng(0).normal(size=(99, 2)) * [1.0, 1e3]
    values[::20, 1] = np.inf
    status = np.where(np.isinf(values[:, 1]), Status.NO_FINITE_OPTIMUM, Status.CERTIFIED)
    boot = boot_of([0.0, 0.0], values, status)
    _, (finite, endless) = plot(boot)
    assert "high endpoint infinite" in notes(endless)
    assert "high endpoint infinite" not in notes(finite)
    if plot is plot_histograms:
        shade = drawn(endless, "95% percentile interval")
        assert shade.get_x() + shade.get_width() == pytest.approx(endless.get_xlim()[1])


@PLOTS
def test_a_parameter_without_spread_gets_words(plot: Any, boot_of: BootOf, notes: Look) -> None:
    values = np.random.default_rng(0).normal(size=(99, 4)) * [1.0, 0.0, 1e3, 1.0]
    values[:, [1, 3]] = [3.5, np.inf]
    names = ["a", "constant", "flat", "gone"]
    status = np.full(99, Status.NO_FINITE_OPTIMUM)
    boot = boot_of(np.zeros(4), values, status, names, not_identified=("flat",))
    _, panels = plot(boot)
    shown = ["always 3.5", "not identified by the data", "no finite replicate"]
    assert [notes(panel)[0] for panel in panels[1:]] == shown
    assert not any(panel.lines or panel.patches for panel in panels[1:])


@PLOTS
def test_rounding_errors_are_no_spread(plot: Any, boot_of: BootOf, notes: Look) -> None:
    values = np.random.default_rng(0).normal(size=(99, 2)) * [1e3, 1e-16] + [0.0, 1.0]
    assert np.ptp(values[:, 1]) > 0
    _, panels = plot(boot_of([0.0, 1.0], values))
    assert notes(panels[1]) == ["always 1"]


@PLOTS
def test_a_few_replicates_are_drawn_as_well(plot: Any, two: BootOf) -> None:
    figure, panels = plot(two(count=9), confidence_level=0.5)
    figure.draw_without_rendering()
    assert all(panel.lines for panel in panels)


@PLOTS
@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_lines_for_the_estimate_have_the_themes_colour(
    plot: Any, style: str, two: BootOf, drawn: Look
) -> None:
    with pyplot.style.context(style):
        figure, panels = plot(two())
        assert drawn(panels[0], "estimate").get_color() == matplotlib.rcParams["text.color"]
    figure.draw_without_rendering()


@PLOTS
def test_twelve_long_names_do_not_collide(plot: Any, boot_of: BootOf) -> None:
    values = np.random.default_rng(0).normal(size=(199, 12)) * np.logspace(-6, 6, 12)
    figure, panels = plot(boot_of(np.zeros(12), values, names=LONG))
    figure.draw_without_rendering()
    titles = [panel.title.get_window_extent() for panel in panels]
    assert not any(one.overlaps(other) for one, other in combinations(titles, 2))
    assert not any(one.overlaps(panel.bbox) for one in titles for panel in panels)
    for panel in panels:
        left, right = panel.get_xlim()
        ticks = [tick for tick in panel.xaxis.get_major_ticks() if left <= tick.get_loc() <= right]
        labels = [tick.label1.get_window_extent() for tick in ticks]
        assert len(labels) >= 2
        assert not any(one.overlaps(other) for one, other in combinations(labels, 2))


@PLOTS
def test_signs_of_mathematics_in_names_are_taken_literally(plot: Any, picture: Look) -> None:
    _, panels = picture(plot)
    assert panels[1].get_title() == "log_$a$_b"
    assert not panels[1].title.get_parse_math()


@PLOTS
def test_one_legend_says_what_is_what(plot: Any, picture: Look) -> None:
    figure, panels = picture(plot)
    assert len(figure.legends) == 1
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert shown == panels[0].get_legend_handles_labels()[1]


@PLOTS
def test_failed_replicates_are_no_draws(plot: Any, boot_of: BootOf, line: Look) -> None:
    values = np.random.default_rng(0).normal(size=(499, 2)) * [1.0, 1e3]
    values[:30] = np.nan
    status = np.where(np.isnan(values[:, 0]), Status.RAISED, Status.CERTIFIED)
    _, panels = plot(boot_of([0.0, 0.0], values, status), method="normal")
    if plot is plot_trace:
        counts, errors = line(panels[1], "standard error")
        assert counts[0] == 50
        assert np.isfinite(errors).all()
