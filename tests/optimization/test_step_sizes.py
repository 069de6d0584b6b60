"""Steps that balance truncation and noise, against the minima of their error bounds."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from bootmle.optimization.step_sizes import PROMISED, StepSizes


@pytest.mark.parametrize("noise", [1e-9, 1e-7, 1e-6, 1e-5])
def test_steps_are_near_the_minima_of_their_error_bounds(noise: float) -> None:
    sizes = StepSizes.from_noise(noise)

    def gradient(log_step: float) -> float:
        step = np.exp(log_step)
        return float(2 * noise / step + step**2 * 0.1 / 6)

    def hessian(log_step: float) -> float:
        step = np.exp(log_step)
        return float(4 * noise / step**2 + step**2 / 12)

    for error, step in ((gradient, sizes.gradient_step), (hessian, sizes.hessian_step)):
        best = minimize_scalar(error, bounds=(-12, 2), method="bounded")
        assert error(np.log(step)) < 1.01 * best.fun


@pytest.mark.parametrize("size", [1, 12])
def test_noise_limits_refits_exactly_where_it_hides_what_is_promised(size: int) -> None:
    noises = 10.0 ** np.arange(-14, -2)
    sizes = [StepSizes.from_noise(noise) for noise in noises]
    # √q differences of two values, each with noise, over the step.
    hidden = [3 * np.sqrt(size) * 2 * each.noise / each.gradient_step for each in sizes]
    np.testing.assert_allclose([each.floor(size) for each in sizes], hidden)
    limited = [each.limited(size) for each in sizes]
    assert limited == [distance > PROMISED for distance in hidden]
    assert not limited[0]
    assert limited[-1]
