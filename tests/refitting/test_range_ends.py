"""Replicates whose optimum lies at an end of a parameter's range have the status that fit gives."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from bootmle import Given, Status, bootstrap, fit

DOSE = np.repeat([1.0, 2.0, 3.0], 10)
EVENT = np.repeat([0.0, 1.0, 0.0, 1.0, 0.0, 1.0], [9, 1, 5, 5, 1, 9])
LOWER = np.repeat([0.0, 1.0, 2.0], [3, 9, 2])


def dose_response(params: Any, dose: Any, event: Any) -> Any:
    eta = (dose - params["mid"]) / params["scale"]
    return np.logaddexp(0, eta) - event * eta


def intervals(params: Any, lower: Any) -> Any:
    upper = norm.cdf((lower + 1 - params["mid"]) / params["scale"])
    return -np.log(upper - norm.cdf((lower - params["mid"]) / params["scale"]))


@pytest.mark.parametrize("bounds", [{}, {"scale": (0, None)}, {"scale": (1e-6, None)}])
@pytest.mark.parametrize("nll", [dose_response, intervals])
def test_a_replicate_without_a_scale_ends_as_a_fit_does(nll: Any, bounds: Any) -> None:
    # Quasi-separated doses (0 and 10 of 10 beside dose 2), and intervals of which two adjoin: the
    # scale goes to its end, where the midpoint is at dose 2, or where the intervals meet.
    args: tuple[Any, ...] = (DOSE, EVENT) if nll is dose_response else (LOWER,)
    separated = np.r_[np.zeros(10), np.arange(10, 20), np.full(10, 21)]
    indices = separated if nll is dose_response else np.r_[np.zeros(5), np.full(9, 4)]
    indices = indices.astype(int)
    with np.errstate(all="ignore"):
        mle = fit(nll, {"mid": 1.8, "scale": 0.7}, args, bounds=bounds)
        refit = mle.refit(tuple(each[indices] for each in args), mle.estimate)
        boot = bootstrap(mle, sampling=Given(indices=np.array([indices] * 2)), n_resamples=2)
    assert mle.status is Status.CERTIFIED
    assert (boot.status == Status.AT_BOUND).all()
    meet = 2.0 if nll is dose_response else 1.0
    assert abs(boot.replicates[0, 0] - meet) < 1e-5
    assert boot.replicates[0, 1] <= 1e-6
    assert refit.status is Status.AT_BOUND


@pytest.mark.parametrize(("middle", "events"), [(6, 4), (11, 9), (12, 9), (9, 5)])
def test_a_midpoint_near_its_limit_is_not_taken_to_go_on(middle: int, events: int) -> None:
    # The nll is level soon on the way of the scale to its bound, where the midpoint still moves.
    def probit(params: Any, dose: Any, event: Any) -> Any:
        eta = (dose - params["mid"]) / params["scale"]
        return -norm.logcdf((2 * event - 1) * eta)

    event = np.repeat([0.0, 1.0, 0.0, 1.0], [14, 6, 1, 9])
    some = np.r_[np.full(middle - events, 10), np.full(events, 15)]
    rows = np.r_[np.zeros(30 - middle - 10), some, np.full(10, 29)].astype(int)
    mle = fit(probit, {"mid": 2.0, "scale": 1.0}, (DOSE, event), bounds={"scale": (1e-6, None)})
    boot = bootstrap(mle, sampling=Given(indices=np.array([rows] * 2)), n_resamples=2)
    assert (boot.status == Status.AT_BOUND).all()
    assert abs(boot.replicates[0, 0] - 2) < 0.005


@pytest.mark.parametrize("unit", [1.0, 1e-3, 1e3])
@pytest.mark.parametrize("events", [2, 5, 7])
def test_a_midpoint_beside_an_infinite_log_slope_is_the_dose_with_both(
    unit: float, events: int
) -> None:
    # As the slope grows the midpoint goes to dose 2 so fast that the odds there stay what they are.
    def nll(params: Any, dose: Any, event: Any) -> Any:
        eta = (dose - params["mid"]) * np.exp(params["log_slope"])
        return np.logaddexp(0, eta) - event * eta

    none, some = np.zeros(10), np.r_[np.full(10 - events, 10), np.full(events, 15)]
    rows = np.array([np.r_[none, some, np.full(10, 21)]] * 2).astype(int)
    mle = fit(nll, {"mid": 1.8 * unit, "log_slope": -np.log(unit)}, (DOSE * unit, EVENT))
    boot = bootstrap(mle, sampling=Given(indices=rows), n_resamples=2)
    assert (boot.status == Status.NO_FINITE_OPTIMUM).all()
    assert abs(boot.replicates[0, 0] / unit - 2) < 1e-3
    assert boot.replicates[0, 1] == np.inf
    assert boot.data.n_evaluations.max() <= 270  # 15 times a regular one's 18
