"""Histograms: bars, interval and curve lie where the numbers are, and losses are counted."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.patches import StepPatch
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from bootmle import Bootstrap, Status
from bootmle.bootstrapping.histograms import plot_histograms

Floats = NDArray[np.float64]
BootOf = Callable[..., Bootstrap]
Look = Callable[..., Any]

ESTIMATE = np.array([1.0, -2000.0])


@pytest.fixture
def bars(drawn: Look) -> Callable[[Axes], tuple[Floats, Floats]]:
    """The histogram of a panel: heights and edges."""

    def read(panel: Axes) -> tuple[Floats, Floats]:
        patch = drawn(panel, "replicates")
        assert isinstance(patch, StepPatch)
        heights, edges, _ = patch.get_data()
        return np.asarray(heights), np.asarray(edges)

    return read


def test_bars_are_a_density_of_all_replicates(two: BootOf, picture: Look, bars: Look) -> None:
    _, panels = picture(plot_histograms)
    for panel, column in zip(panels, two().replicates.T, strict=True):
        heights, edges = bars(panel)
        assert heights @ np.diff(edges) == pytest.approx(1.0)
        inside = (column >= edges[5]) & (column < edges[9])
        assert heights[5:9] @ np.diff(edges)[5:9] == pytest.approx(inside.mean())
        assert edges[0] <= column.min()
        assert edges[-1] >= column.max()
        assert 15 < len(heights) < 60


def test_a_line_at_the_estimate(picture: Look, line: Look) -> None:
    for panel, estimate in zip(picture(plot_histograms)[1], ESTIMATE, strict=True):
        assert_allclose(line(panel, "estimate")[0], estimate)


@pytest.mark.parametrize("level", [0.90, 0.95])
@pytest.mark.parametrize("method", ["percentile", "Basic", "normal"])
def test_the_interval_is_shaded_from_end_to_end(
    method: str, level: float, two: BootOf, drawn: Look
) -> None:
    boot = two()
    bounds = boot.confidence_interval(method, level)
    _, panels = plot_histograms(boot, confidence_level=level, method=method)
    for j, panel in enumerate(panels):
        shade = drawn(panel, f"{100 * level:g}% {method.lower()} interval")
        assert_allclose(
            [shade.get_x(), shade.get_x() + shade.get_width()], [bounds.low[j], bounds.high[j]]
        )
        left, right = panel.get_xlim()
        assert left <= bounds.low[j] < bounds.high[j] <= right


def test_the_curve_is_the_normal_density_of_the_hessians_error(two: BootOf, line: Look) -> None:
    errors = np.array([0.5, 2e3])
    _, panels = plot_histograms(two(), hessian_errors=errors)
    for panel, estimate, error in zip(panels, ESTIMATE, errors, strict=True):
        x, density = line(panel, "the Hessian's normal curve")
        # The mode, and one and two standard errors from it: 1, exp(-1/2), exp(-2).
        at = np.interp(estimate + error * np.array([0.0, 1.0, -2.0]), x, density)
        assert_allclose(at * error * np.sqrt(2 * np.pi), [1.0, 0.60653, 0.13534], rtol=1e-3)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_a_wrong_hessian_does_not_squash_the_bars(scale: float, two: BootOf, bars: Look) -> None:
    boot = two()
    for panel in plot_histograms(boot, hessian_errors=scale * boot.standard_error)[1]:
        heights, _ = bars(panel)
        assert heights.max() < panel.get_ylim()[1] < 3 * heights.max()


def test_no_curve_without_an_error(two: BootOf) -> None:
    _, (one, other) = plot_histograms(two(), hessian_errors=np.array([np.nan, 1.0]))
    assert "the Hessian's normal curve" not in one.get_legend_handles_labels()[1]
    assert "the Hessian's normal curve" in other.get_legend_handles_labels()[1]


@pytest.fixture
def lossy(boot_of: BootOf) -> Bootstrap:
    """Of 2000 replicates 3 infinite, one with undetermined sign in b, 4 failed, 2 far out in a."""
    values = np.random.default_rng(0).normal(size=(2000, 2)) * [1.0, 1e3]
    status = np.full(2000, Status.CERTIFIED)
    values[:3], status[:3] = [[np.inf, 1], [np.inf, 2], [-np.inf, np.nan]], Status.NO_FINITE_OPTIMUM
    values[10:14], status[10:14] = np.nan, Status.RAISED
    values[20:22, 0] = 1e5
    return boot_of([0.0, 0.0], values, status, ["a", "b"])


def test_what_is_not_in_the_histogram_is_counted(lossy: Bootstrap, notes: Look) -> None:
    _, (a, b) = plot_histograms(lossy)
    losses = ["3 of 2,000 infinite", "4 of 2,000 failed", "2 of 2,000 further out"]
    assert notes(a) == losses
    assert notes(b) == ["1 of 2,000 infinite", "4 of 2,000 failed"]
    assert a.get_xlim()[1] < 10


def test_bars_of_a_part_are_still_a_density_of_all_finite_ones(
    lossy: Bootstrap, bars: Look
) -> None:
    heights, edges = bars(plot_histograms(lossy)[1][0])
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


def test_nothing_is_noted_where_nothing_is_lost(picture: Look, notes: Look) -> None:
    assert not any(notes(panel) for panel in picture(plot_histograms)[1])


def test_heavy_tails_leave_the_middle_to_be_seen(boot_of: BootOf, notes: Look) -> None:
    values = np.random.default_rng(0).standard_cauchy((1999, 2)) * [1.0, 1e6]
    boot = boot_of([0.0, 0.0], values)
    for panel, scale in zip(plot_histograms(boot)[1], [1.0, 1e6], strict=True):
        assert panel.get_xlim()[1] < 20 * scale
        assert re.match(r"\d+ of 1,999 further out", notes(panel)[0])
