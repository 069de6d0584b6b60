"""What a fit advises, to whoever it was that called it."""

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from bootmle import bootstrap, crosscheck, fit, fit_distribution, fit_statsmodels
from bootmle.likelihood.arrays import Floats


def normal(params: Floats, y: Floats) -> Any:
    return 0.5 * (y - params[0] - params[1]) ** 2


def test_a_function_of_ones_own_is_held_by_fit() -> None:
    mle = fit(normal, {"a": 0.0, "b": 0.0}, args=(np.arange(6.0),))
    assert "of them (fit(..., fixed={name: value}))" in str(crosscheck(mle))


@pytest.mark.filterwarnings("ignore:Perfect separation")
def test_a_model_of_statsmodels_is_held_in_its_formula() -> None:
    x = np.arange(8.0)
    mle = fit_statsmodels(sm.GLM(x > 3.5, sm.add_constant(x), sm.families.Binomial()).fit())
    with pytest.raises(ValueError, match="by leaving its column out of the model"):
        bootstrap(mle, n_resamples=9)


def test_a_distribution_is_held_by_the_names_of_scipy() -> None:
    assert fit_distribution(stats.norm, np.arange(9.0)).likelihood.how_to_fix.startswith(
        "fit_distribution(..., floc=0)"
    )
