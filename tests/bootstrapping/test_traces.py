"""Traces: lines and bands are those of the first replicates, and end at the final numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bootmle import Bootstrap, Estimator, Jackknife, bootstrap
from bootmle.bootstrapping.histograms import plot_histograms
from bootmle.bootstrapping.traces import plot_trace

BootOf = Callable[..., Bootstrap]
Look = Callable[..., Any]

ESTIMATE = np.array([1.0, -2000.0])


@pytest.mark.parametrize("level", [0.90, 0.95])
@pytest.mark.parametrize("method", ["percentile", "normal"])
def test_a_trace_ends_at_the_bootstraps_own_numbers(
    level: float, method: str, two: BootOf, line: Look
) -> None:
    boot = two()
    bounds = boot.confidence_interval(method, level)
    _, panels = plot_trace(boot, confidence_level=level, method=method)
    for j, panel in enumerate(panels):
        error = boot.standard_error[j]
        last = [line(panel, label)[1][-1] for label in ("low", "standard error", "high")]
        ends = (np.array([bounds.low[j], bounds.high[j]]) - ESTIMATE[j]) / error
        assert_allclose(last, [ends[0], 1.0, ends[1]])
        assert line(panel, "standard error")[0][-1] == 999


def test_a_trace_follows_the_first_replicates(two: BootOf, picture: Look, line: Look) -> None:
    boot = two()
    for j, panel in enumerate(picture(plot_trace)[1]):
        counts, errors = line(panel, "standard error")
        assert counts[0] == 20
        first = [boot.replicates[:count, j].std(ddof=1) for count in counts]
        assert_allclose(errors, np.array(first) / boot.standard_error[j])


def test_ends_begin_where_there_are_replicates_enough_for_them(picture: Look, line: Look) -> None:
    for panel in picture(plot_trace)[1]:
        counts, low = line(panel, "low")
        # (B + 1) 0.025 is 1 at B = 39.
        assert np.all(np.isfinite(low) == (counts >= 39))


def test_bands_are_two_monte_carlo_errors_to_each_side(two: BootOf, picture: Look) -> None:
    boot = two()
    bounds = boot.confidence_interval()
    for j, panel in enumerate(picture(plot_trace)[1]):
        errors = [bounds.low_mcse[j], boot.standard_error_mcse[j], bounds.high_mcse[j]]
        for band, error in zip(panel.collections, errors, strict=True):
            (path,) = band.get_paths()
            last = path.vertices[path.vertices[:, 0] == 999, 1]
            assert np.ptp(last) == pytest.approx(4 * error / boot.standard_error[j])


def test_the_axis_of_a_trace_holds_its_later_part(boot_of: BootOf, line: Look) -> None:
    values = np.random.default_rng(0).normal(size=(999, 2)) * [1.0, 1e3]
    values[:3] *= 1e4
    for panel in plot_trace(boot_of([0.0, 0.0], values))[1]:
        low, high = panel.get_ylim()
        for label in ("low", "standard error", "high"):
            counts, values = line(panel, label)
            late = values[counts >= 99.9]
            assert low < late.min() <= late.max() < high


def test_replicates_that_are_no_draws_have_no_trace() -> None:
    y = np.random.default_rng(0).gamma(2.0, size=40)
    boot = bootstrap(Estimator(lambda y: [y.mean(), 1e3 * y.std()], args=y), sampling=Jackknife())
    with pytest.raises(ValueError, match=r"kind: 'trace' .* not drawn at random; use 'histogram'"):
        plot_trace(boot)
    _, panels = plot_histograms(boot, method="normal")
    assert len(panels) == 2
