"""Profiles beside quadratics: against closed forms."""

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from bootmle import Fit, fit

RNG = np.random.default_rng(4)
Y = RNG.exponential(2.0, 12)
OFF, GOOD, WITHHELD = "#D55E00", "#0072B2", "#CC79A7"


def rate(params: Any, y: Any) -> Any:
    return params[0] * y - np.log(params[0])


def curves(panel: Any) -> tuple[Any, ...]:
    wald, profile = panel.lines[:2]
    assert_allclose(wald.get_xdata(), profile.get_xdata())
    return profile.get_xdata(), profile.get_ydata(), wald.get_ydata(), profile.get_color()


def test_the_profile_of_a_rate() -> None:
    n, mean = Y.size, Y.mean()
    mle = fit(rate, {"rate": 1.0}, args=Y, bounds=[(1e-9, None)])
    _, (panel,) = mle.plot()
    x, drop, wald, color = curves(panel)
    # Linear interpolation of the signed root between points half a standard error apart.
    assert_allclose(drop, 2 * n * (x * mean - 1 - np.log(x * mean)), atol=0.03, rtol=0.01)
    assert_allclose(wald, n * (x * mean - 1) ** 2, rtol=1e-4, atol=1e-6)
    assert color == OFF
    assert "95%: " in panel.texts[0].get_text()


def test_a_quadratic_likelihood_is_its_approximation() -> None:
    x = RNG.normal(size=40)

    def normal(params: Any, x: Any, y: Any) -> Any:
        return 0.5 * (y - params[0] - params[1] * x) ** 2

    args = (x, 1e3 * x + RNG.normal(size=40))
    mle = fit(normal, {"a": 0.0, "b": 900.0, "held": 0.0}, args=args, fixed={"held": 0.0})
    figure, panels = mle.plot()
    assert [panel.get_title() for panel in panels] == ["a", "b"]
    for panel in panels:
        _, drop, wald, color = curves(panel)
        assert_allclose(drop, wald, atol=1e-3)
        assert color == GOOD
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["profile likelihood, about quadratic", "quadratic approximation", "95%"]


def test_where_there_is_no_standard_error() -> None:
    at_bound = fit(rate, {"rate": 0.2}, args=Y, bounds=[(None, 0.3)])
    _, (panel,) = at_bound.plot(ax=Figure().subplots())
    assert panel.lines[0].get_color() == WITHHELD
    assert panel.get_xlim()[1] == pytest.approx(0.3)

    def twins(params: Any, y: Any) -> Any:
        return 0.5 * (y - params[0] - params[1]) ** 2

    _, panels = fit(twins, {"a": 0.0, "b": 0.0}, args=Y).plot()
    assert panels[0].texts[0].get_text() == "not identified by the data"


def test_what_cannot_be_drawn() -> None:
    mle: Fit = fit(rate, {"rate": 1.0}, args=Y, bounds=[(1e-9, None)])
    with pytest.raises(ValueError, match=r"names: \['mean'\]; pass a list of some of \['rate'\]"):
        mle.plot(["mean"])
    endless = fit(lambda p, y: np.logaddexp(0, -p[0] * y), {"b": 1.0}, args=Y)
    with pytest.raises(ValueError, match="no optimum"):
        endless.plot()
