"""Flags of the Hessian's standard errors by parameter, and the profiles that they color."""

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from bootmle import Flag, bootstrap, crosscheck, fit

GOOD, FLAGGED, SECOND = "#0072B2", "#D55E00", "#009E73"


def test_profiles_have_the_color_of_the_flag() -> None:
    """Normal likelihood, Laplace errors: the error of the mean is right, that of log sigma low."""
    y = np.random.default_rng(0).laplace(5.0, 2.0, 1500)

    def normal(params: Any, y: Any) -> Any:
        return params[1] + 0.5 * ((y - params[0]) / np.exp(params[1])) ** 2

    mle = fit(normal, {"mean": 4.0, "log_sigma": 0.0}, y)
    check = crosscheck(bootstrap(mle, n_resamples=399, rng=0))
    assert check.hessian_flags == {"log_sigma": Flag.MISSPECIFIED}
    _, panels = mle.plot(ax=Figure().subplots(1, 2), flags=check.hessian_flags)
    assert [panel.lines[1].get_color() for panel in panels] == [GOOD, FLAGGED]
    labels = [text.get_text() for text in panels[0].get_legend().get_texts()]
    assert labels[:2] == [
        "profile likelihood, the Hessian's standard error agrees",
        "Hessian: signs of a misspecified model",
    ]
    both = {"mean": "one", "log_sigma": "another"}
    _, panels = mle.plot(ax=Figure().subplots(1, 2), flags=both)
    assert [panel.lines[1].get_color() for panel in panels] == [FLAGGED, SECOND]
    for wrong in ({"sigma": "x"}, ["mean"]):
        with pytest.raises(ValueError, match=r"flags: .*crosscheck\(boot\)\.hessian_flags"):
            mle.plot(flags=wrong)  # type: ignore[arg-type]


def test_all_agree_or_all_are_withheld() -> None:
    y = np.random.default_rng(2).exponential(1.0, 300)

    def rate(params: Any, y: Any) -> Any:
        return np.exp(params[0]) * y - params[0]

    assert crosscheck(fit(rate, {"log_rate": 0.3}, y)).hessian_flags == {}

    def twice(params: Any, y: Any) -> Any:
        return rate([params[0] + params[1]], y)

    flat = crosscheck(fit(twice, {"a": 0.0, "b": 0.0}, y))
    assert flat.hessian_flags == {"a": Flag.NOT_IDENTIFIED, "b": Flag.NOT_IDENTIFIED}
