"""Pictures of the replicates: what is drawn lies where the numbers are, and nothing collides."""

import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from bootmle import Bootstrap, Estimator, Jackknife, Status, bootstrap
from bootmle.summaries.pictures import plot_histograms, plot_trace

Floats = NDArray[np.float64]
BootOf = Callable[..., Bootstrap]

ESTIMATE = np.array([1.0, -2000.0])
NAMES = ("rate", "log_$a$_b")
LONG = [f"C(occupation, Treatment('none'))[T.level_{j}]" for j in range(12)]
PLOTS = pytest.mark.parametrize("plot", [plot_histograms, plot_trace])


@pytest.fixture(autouse=True)
def _without_a_screen() -> Iterator[None]:
    matplotlib.use("Agg")
    yield
    pyplot.close("all")


def two(boot_of: BootOf, count: int = 999, **more: Any) -> Bootstrap:
    """A skewed parameter, and a normal one of scale 1e3."""
    rng = np.random.default_rng(0)
    values = np.column_stack([rng.gamma(2.0, 0.5, count), rng.normal(-2000, 1e3, count)])
    return boot_of(ESTIMATE, values, names=NAMES, **more)


@cache
def picture(plot: Any, boot_of: BootOf) -> tuple[Figure, Any]:
    """What is only looked at."""
    return plot(two(boot_of))


def drawn(panel: Axes, label: str) -> Any:
    handles, labels = panel.get_legend_handles_labels()
    return handles[labels.index(label)]


def bars(panel: Axes) -> tuple[Floats, Floats]:
    patch = drawn(panel, "replicates")
    assert isinstance(patch, StepPatch)
    heights, edges, _ = patch.get_data()
    return np.asarray(heights), np.asarray(edges)


def line(panel: Axes, label: str) -> tuple[Floats, Floats]:
    found = drawn(panel, label)
    assert isinstance(found, Line2D)
    return np.asarray(found.get_xdata()), np.asarray(found.get_ydata())


def notes(panel: Axes) -> list[str]:
    return [each for text in panel.texts for each in text.get_text().splitlines()]


@PLOTS
def test_a_panel_for_each_parameter_but_held_ones(plot: Any, boot_of: BootOf) -> None:
    values = np.random.default_rng(0).normal(size=(99, 3)) * [1.0, 0.0, 1e3]
    boot = boot_of([0.0, 0.0, 0.0], values, names=["a", "held", "b"], fixed=("held",))
    figure, panels = plot(boot)
    assert isinstance(figure, Figure)
    assert [panel.get_title() for panel in panels] == ["a", "b"]
    assert figure.axes == list(panels)


@PLOTS
def test_names_choose_the_panels_and_their_order(plot: Any, boot_of: BootOf) -> None:
    _, panels = plot(two(boot_of), names=NAMES[::-1])
    assert [panel.get_title() for panel in panels] == list(NAMES[::-1])
    with pytest.raises(ValueError, match="names: \\['sigma'\\]"):
        plot(two(boot_of), names=["sigma"])


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 11, 12])
def test_a_figure_has_no_empty_panels(count: int, boot_of: BootOf) -> None:
    values = np.random.default_rng(0).normal(size=(99, count))
    figure, panels = plot_histograms(boot_of(np.zeros(count), values))
    assert len(figure.axes) == len(panels) == count


def test_bars_are_a_density_of_all_replicates(boot_of: BootOf) -> None:
    _, panels = picture(plot_histograms, boot_of)
    for panel, column in zip(panels, two(boot_of).replicates.T, strict=True):
        heights, edges = bars(panel)
        assert heights @ np.diff(edges) == pytest.approx(1.0)
        inside = (column >= edges[5]) & (column < edges[9])
        assert heights[5:9] @ np.diff(edges)[5:9] == pytest.approx(inside.mean())
        assert edges[0] <= column.min()
        assert edges[-1] >= column.max()
        assert 15 < len(heights) < 60


def test_a_line_at_the_estimate(boot_of: BootOf) -> None:
    for panel, estimate in zip(picture(plot_histograms, boot_of)[1], ESTIMATE, strict=True):
        assert_allclose(line(panel, "estimate")[0], estimate)


@pytest.mark.parametrize("level", [0.90, 0.95])
@pytest.mark.parametrize("method", ["percentile", "Basic", "normal"])
def test_the_interval_is_shaded_from_end_to_end(method: str, level: float, boot_of: BootOf) -> None:
    boot = two(boot_of)
    bounds = boot.confidence_interval(method, level)
    _, panels = plot_histograms(boot, confidence_level=level, method=method)
    for j, panel in enumerate(panels):
        shade = drawn(panel, f"{100 * level:g}% {method.lower()} interval")
        assert_allclose(
            [shade.get_x(), shade.get_x() + shade.get_width()], [bounds.low[j], bounds.high[j]]
        )
        left, right = panel.get_xlim()
        assert left <= bounds.low[j] < bounds.high[j] <= right


def test_the_curve_is_the_normal_density_of_the_hessians_error(boot_of: BootOf) -> None:
    errors = np.array([0.5, 2e3])
    _, panels = plot_histograms(two(boot_of), hessian_errors=errors)
    for panel, estimate, error in zip(panels, ESTIMATE, errors, strict=True):
        x, density = line(panel, "the Hessian's normal curve")
        # The mode, and one and two standard errors from it: 1, exp(-1/2), exp(-2).
        at = np.interp(estimate + error * np.array([0.0, 1.0, -2.0]), x, density)
        assert_allclose(at * error * np.sqrt(2 * np.pi), [1.0, 0.60653, 0.13534], rtol=1e-3)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_a_wrong_hessian_does_not_squash_the_bars(scale: float, boot_of: BootOf) -> None:
    boot = two(boot_of)
    for panel in plot_histograms(boot, hessian_errors=scale * boot.standard_error)[1]:
        heights, _ = bars(panel)
        assert heights.max() < panel.get_ylim()[1] < 3 * heights.max()


def test_no_curve_without_an_error(boot_of: BootOf) -> None:
    _, (one, other) = plot_histograms(two(boot_of), hessian_errors=np.array([np.nan, 1.0]))
    assert "the Hessian's normal curve" not in one.get_legend_handles_labels()[1]
    assert "the Hessian's normal curve" in other.get_legend_handles_labels()[1]


def lossy(boot_of: BootOf) -> Bootstrap:
    """Of 2000 replicates 3 infinite, one with undetermined sign in b, 4 failed, 2 far out in a."""
    values = np.random.default_rng(0).normal(size=(2000, 2)) * [1.0, 1e3]
    status = np.full(2000, Status.CERTIFIED)
    values[:3], status[:3] = [[np.inf, 1], [np.inf, 2], [-np.inf, np.nan]], Status.NO_FINITE_OPTIMUM
    values[10:14], status[10:14] = np.nan, Status.RAISED
    values[20:22, 0] = 1e5
    return boot_of([0.0, 0.0], values, status, ["a", "b"])


def test_what_is_not_in_the_histogram_is_counted(boot_of: BootOf) -> None:
    _, (a, b) = plot_histograms(lossy(boot_of))
    losses = ["3 of 2,000 infinite", "4 of 2,000 failed", "2 of 2,000 further out"]
    assert notes(a) == losses
    assert notes(b) == ["1 of 2,000 infinite", "4 of 2,000 failed"]
    assert a.get_xlim()[1] < 10


def test_bars_of_a_part_are_still_a_density_of_all_finite_ones(boot_of: BootOf) -> None:
    heights, edges = bars(plot_histograms(lossy(boot_of))[1][0])
    assert heights @ np.diff(edges) == pytest.approx(1991 / 1993)


def test_a_note_keeps_off_the_estimate(boot_of: BootOf) -> None:
    values = np.random.default_rng(0).gamma(1.0, size=(499, 2)) * [1.0, -1e3]
    values[0] = np.inf
    status = np.where(np.isinf(values[:, 0]), Status.NO_FINITE_OPTIMUM, Status.CERTIFIED)
    figure, panels = plot_histograms(boot_of([0.5, -500.0], values, status))
    figure.draw_without_rendering()
    for panel, estimate in zip(panels, [0.5, -500.0], strict=True):
        box = panel.texts[0].get_window_extent()
        x, _ = panel.transData.transform((estimate, 0.0))
        assert not box.x0 <= x <= box.x1


def test_nothing_is_noted_where_nothing_is_lost(boot_of: BootOf) -> None:
    assert not any(notes(panel) for panel in picture(plot_histograms, boot_of)[1])


@PLOTS
def test_an_infinite_end_is_named_and_drawn_to_the_edge(plot: Any, boot_of: BootOf) -> None:
    values = np.random.default_rng(0).normal(size=(99, 2)) * [1.0, 1e3]
    values[::20, 1] = np.inf
    status = np.where(np.isinf(values[:, 1]), Status.NO_FINITE_OPTIMUM, Status.CERTIFIED)
    boot = boot_of([0.0, 0.0], values, status)
    _, (finite, endless) = plot(boot)
    assert "high end infinite" in notes(endless)
    assert "high end infinite" not in notes(finite)
    if plot is plot_histograms:
        shade = drawn(endless, "95% percentile interval")
        assert shade.get_x() + shade.get_width() == pytest.approx(endless.get_xlim()[1])


@PLOTS
def test_a_parameter_without_spread_gets_words(plot: Any, boot_of: BootOf) -> None:
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
def test_rounding_errors_are_no_spread(plot: Any, boot_of: BootOf) -> None:
    values = np.random.default_rng(0).normal(size=(99, 2)) * [1e3, 1e-16] + [0.0, 1.0]
    assert np.ptp(values[:, 1]) > 0
    _, panels = plot(boot_of([0.0, 1.0], values))
    assert notes(panels[1]) == ["always 1"]


@PLOTS
def test_a_few_replicates_are_drawn_as_well(plot: Any, boot_of: BootOf) -> None:
    figure, panels = plot(two(boot_of, count=9), confidence_level=0.5)
    figure.draw_without_rendering()
    assert all(panel.lines for panel in panels)


@PLOTS
def test_own_axes_are_drawn_on_and_pyplot_is_left_alone(plot: Any, boot_of: BootOf) -> None:
    figure = Figure()
    grid = figure.subplots(2, 1)
    given, panels = plot(two(boot_of), grid)
    assert given is figure
    assert list(panels) == list(grid)
    assert all(panel.lines for panel in grid)
    assert pyplot.get_fignums() == []
    one = Figure().subplots()
    assert plot(two(boot_of), one, names=["rate"])[1][0] is one


def test_axes_of_a_subfigure_lead_to_the_figure(boot_of: BootOf) -> None:
    figure = Figure()
    panels = figure.add_subfigure(figure.add_gridspec(1, 2)[0]).subplots(2)
    assert plot_histograms(two(boot_of), panels)[0] is figure


@PLOTS
def test_another_number_of_axes_is_refused(plot: Any, boot_of: BootOf) -> None:
    with pytest.raises(ValueError, match="ax: 3 Axes, where 2 are needed"):
        plot(two(boot_of), Figure().subplots(3))
    with pytest.raises(TypeError, match="ax: 'here'; pass Axes"):
        plot(two(boot_of), "here")


@PLOTS
def test_without_matplotlib_the_plot_says_what_to_install(
    plot: Any, boot_of: BootOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=re.escape('pip install "bootmle[plot]"')):
        plot(two(boot_of))


@PLOTS
@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_lines_for_the_estimate_have_the_themes_colour(
    plot: Any, style: str, boot_of: BootOf
) -> None:
    with pyplot.style.context(style):
        figure, panels = plot(two(boot_of))
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
def test_signs_of_mathematics_in_names_are_taken_literally(plot: Any, boot_of: BootOf) -> None:
    _, panels = picture(plot, boot_of)
    assert panels[1].get_title() == "log_$a$_b"
    assert not panels[1].title.get_parse_math()


@PLOTS
def test_one_legend_says_what_is_what(plot: Any, boot_of: BootOf) -> None:
    figure, panels = picture(plot, boot_of)
    assert len(figure.legends) == 1
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert shown == panels[0].get_legend_handles_labels()[1]


def test_heavy_tails_leave_the_middle_to_be_seen(boot_of: BootOf) -> None:
    values = np.random.default_rng(0).standard_cauchy((1999, 2)) * [1.0, 1e6]
    boot = boot_of([0.0, 0.0], values)
    for panel, scale in zip(plot_histograms(boot)[1], [1.0, 1e6], strict=True):
        assert panel.get_xlim()[1] < 20 * scale
        assert re.match(r"\d+ of 1,999 further out", notes(panel)[0])


@pytest.mark.parametrize("level", [0.90, 0.95])
@pytest.mark.parametrize("method", ["percentile", "normal"])
def test_a_trace_ends_at_the_bootstraps_own_numbers(
    level: float, method: str, boot_of: BootOf
) -> None:
    boot = two(boot_of)
    bounds = boot.confidence_interval(method, level)
    _, panels = plot_trace(boot, confidence_level=level, method=method)
    for j, panel in enumerate(panels):
        error = boot.standard_error[j]
        last = [line(panel, label)[1][-1] for label in ("low end", "standard error", "high end")]
        ends = (np.array([bounds.low[j], bounds.high[j]]) - ESTIMATE[j]) / error
        assert_allclose(last, [ends[0], 1.0, ends[1]])
        assert line(panel, "standard error")[0][-1] == 999


def test_a_trace_follows_the_first_replicates(boot_of: BootOf) -> None:
    boot = two(boot_of)
    for j, panel in enumerate(picture(plot_trace, boot_of)[1]):
        counts, errors = line(panel, "standard error")
        assert counts[0] == 20
        first = [boot.replicates[:count, j].std(ddof=1) for count in counts]
        assert_allclose(errors, np.array(first) / boot.standard_error[j])


def test_ends_begin_where_there_are_replicates_enough_for_them(boot_of: BootOf) -> None:
    for panel in picture(plot_trace, boot_of)[1]:
        counts, low = line(panel, "low end")
        # (B + 1) 0.025 is 1 at B = 39.
        assert np.all(np.isfinite(low) == (counts >= 39))


@PLOTS
def test_failed_replicates_are_no_draws(plot: Any, boot_of: BootOf) -> None:
    values = np.random.default_rng(0).normal(size=(499, 2)) * [1.0, 1e3]
    values[:30] = np.nan
    status = np.where(np.isnan(values[:, 0]), Status.RAISED, Status.CERTIFIED)
    _, panels = plot(boot_of([0.0, 0.0], values, status), method="normal")
    if plot is plot_trace:
        counts, errors = line(panels[1], "standard error")
        assert counts[0] == 50
        assert np.isfinite(errors).all()


def test_bands_are_two_monte_carlo_errors_to_each_side(boot_of: BootOf) -> None:
    boot = two(boot_of)
    bounds = boot.confidence_interval()
    for j, panel in enumerate(picture(plot_trace, boot_of)[1]):
        errors = [bounds.low_mcse[j], boot.standard_error_mcse[j], bounds.high_mcse[j]]
        for band, error in zip(panel.collections, errors, strict=True):
            (path,) = band.get_paths()
            last = path.vertices[path.vertices[:, 0] == 999, 1]
            assert np.ptp(last) == pytest.approx(4 * error / boot.standard_error[j])


def test_the_axis_of_a_trace_holds_its_later_part(boot_of: BootOf) -> None:
    values = np.random.default_rng(0).normal(size=(999, 2)) * [1.0, 1e3]
    values[:3] *= 1e4
    for panel in plot_trace(boot_of([0.0, 0.0], values))[1]:
        low, high = panel.get_ylim()
        for label in ("low end", "standard error", "high end"):
            counts, values = line(panel, label)
            late = values[counts >= 99.9]
            assert low < late.min() <= late.max() < high


def test_replicates_that_are_no_draws_have_no_trace() -> None:
    y = np.random.default_rng(0).gamma(2.0, size=40)
    boot = bootstrap(Estimator(lambda y: [y.mean(), 1e3 * y.std()], args=y), sampling=Jackknife())
    with pytest.raises(ValueError, match="boot: its replicates are no draws"):
        plot_trace(boot)
    _, panels = plot_histograms(boot, method="normal")
    assert len(panels) == 2
