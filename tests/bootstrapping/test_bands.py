"""Curves with bands, and pictures of pairs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal

from bootmle import Bootstrap, Fit, bootstrap, crosscheck, fit
from bootmle.bootstrapping import pairs

BootOf = Callable[..., Bootstrap]
GRID = np.linspace(0.0, 3.0, 7)


@pytest.fixture(scope="module")
def mle() -> Fit:
    rng = np.random.default_rng(3)
    x = rng.uniform(0, 3, 150)
    y = 2.0 + 100.0 * x + rng.normal(size=150)

    def nll(params: Any, x: Any, y: Any) -> Any:
        return 0.5 * (y - params[0] - params[1] * x) ** 2

    return fit(nll, {"level": 0.0, "slope": 90.0}, args=(x, y))


@pytest.fixture(scope="module")
def boot(mle: Fit) -> Bootstrap:
    return bootstrap(mle, n_resamples=199, rng=0)


def line(params: Any) -> Any:
    return params[0] + params[1] * GRID


def lines(params: Any) -> Any:
    return np.array([line(params), line(params) - 5.0])


def test_the_band_of_a_line_is_that_of_its_points(boot: Bootstrap) -> None:
    curve = boot.derive(line)
    for level in (0.8, 0.95):
        band = curve.band(GRID, confidence_level=level)
        at_two = boot.derive(lambda p: p[0] + 2 * p[1]).confidence_interval("percentile", level)
        place = int(np.flatnonzero(GRID == 2.0)[0])
        assert_allclose([band.low[place], band.high[place]], [at_two.low[0], at_two.high[0]])
        # The share of curves inside everywhere is the level's, by the definition of sup-t bands.
        inside = (band.simultaneous_low <= curve.replicates) & (
            curve.replicates <= band.simultaneous_high
        )
        assert abs(inside.all(axis=1).mean() - level) < 1.5 / 199
        assert (band.simultaneous_high - band.simultaneous_low > band.high - band.low).all()
    assert_array_equal(band.grid, GRID)


def test_the_delta_method_of_a_curve(mle: Fit, boot: Bootstrap) -> None:
    design = np.column_stack([np.ones(7), GRID])
    expected = np.sqrt(np.einsum("gj,jk,gk->g", design, mle.covariance, design))
    check = crosscheck(boot.derive(line))
    assert_allclose(check.standard_errors["hessian"], expected, rtol=1e-5)


def test_limits_of_what_does_not_vary_are_its_value(boot: Bootstrap) -> None:
    band = boot.derive(lambda p: p[1] * GRID).band(GRID)
    assert band.low[0] == band.high[0] == band.simultaneous_low[0] == band.estimate[0] == 0.0
    without = boot.derive(line).band(simultaneous=False)
    assert np.isnan(without.simultaneous_low).all()
    assert_array_equal(without.grid, np.arange(7.0))


def test_arrays_of_any_shape(boot: Bootstrap) -> None:
    derived = boot.derive(lines)
    assert derived.names[8] == "derived[1, 1]"
    band = derived.band(GRID)
    assert band.low.shape == band.estimate.shape == (2, 7)
    assert_allclose(band.low[1], band.low[0] - 5.0)
    assert list(band.to_frame().index.names) == ["curve0", "grid"]
    frame = boot.derive(lambda p: pd.DataFrame(lines(p), ["a", "b"], [f"t{k}" for k in range(7)]))
    assert frame.names[7:9] == ("b: t0", "b: t1")
    assert_array_equal(frame.replicates, derived.replicates)
    parts = boot.derive(lambda p: {"line": line(p), "slope": p[1]})
    assert parts.names[5:] == ("line[5]", "line[6]", "slope")


def test_vectorized_functions(boot: Bootstrap) -> None:
    many = boot.derive(lambda p: p[0] + p[1] * GRID[:, None], vectorized=True)
    one = boot.derive(line)
    assert_allclose(many.replicates, one.replicates, rtol=1e-12)
    by_delta = [crosscheck(each).standard_errors["hessian"] for each in (many, one)]
    assert_allclose(by_delta[0], by_delta[1])
    both = boot.derive(lambda p: np.array([p[0] + p[1] * GRID[:, None]] * 2), vectorized=True)
    assert both.band(GRID).low.shape == (2, 7)
    for wrong in (line, lambda p: p.mean(), lambda p: p / p.sum()):
        with pytest.raises(ValueError, match="vectorized: function"):
            boot.derive(wrong, vectorized=True)


def test_grids_that_do_not_fit(boot: Bootstrap) -> None:
    curve = boot.derive(line)
    with pytest.raises(ValueError, match=r"grid: .*pass the 7 points"):
        curve.band(GRID[:-1])
    with pytest.raises(ValueError, match="grid: 'histogram' has none"):
        curve.plot(grid=GRID)
    with pytest.raises(ValueError, match="names: a band"):
        curve.plot("band", names=["derived1"])


def test_the_picture_of_a_band(boot: Bootstrap) -> None:
    figure, panels = boot.derive(lines).plot("band", grid=GRID)
    assert len(panels) == 2
    (estimate,) = [each for each in panels[1].lines if each.get_label() == "estimate"]
    assert_array_equal(estimate.get_ydata(), lines(boot.estimate)[1])
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["95% everywhere", "95% at each point", "20 replicates", "estimate"]


def test_the_picture_of_pairs(mle: Fit, boot: Bootstrap) -> None:
    figure, panels = boot.plot("pairs")
    assert panels.shape == (2, 2)
    assert not panels[0, 1].axison
    (ellipse,) = [each for each in panels[1, 0].lines if "Hessian" in str(each.get_label())]
    from_center = np.column_stack([ellipse.get_xdata(), ellipse.get_ydata()]) - mle.estimate
    distance = np.einsum("kj,jl,kl->k", from_center, mle.information.matrix, from_center)
    assert_allclose(distance, 5.991464547107979, rtol=1e-6)  # R: qchisq(0.95, 2)
    points = panels[1, 0].collections[0].get_offsets()
    assert_array_equal(points, boot.replicates)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "around 50% and 95% of them" in labels


def test_pairs_of_many_parameters_are_those_of_the_most_skewed(boot_of: BootOf) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(399, 12)) * np.logspace(-3, 3, 12)
    values[:, [3, 7]] = np.exp(values[:, [3, 7]] / np.logspace(-3, 3, 12)[[3, 7]])
    values[:3, 0], values[:, 5] = np.inf, 4.0
    boot = boot_of(np.append(values[5, :5], [4.0, *values[5, 6:]]), values)
    chosen = pairs._choose(boot, None)
    assert len(chosen) == 8
    assert {3, 7} <= set(chosen)
    assert chosen == sorted(chosen)
    _, some = boot.plot("pairs", names=["x6", "x1"], ax=Figure().subplots(2, 2))
    assert "always 4" in some[0, 0].texts[0].get_text()
    assert not some[1, 0].axison
