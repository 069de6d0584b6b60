"""Finite optima that a search leaves for a plateau, or that are flat at their bottom."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import gammaln, log_ndtr

from bootmle import Status, fit
from bootmle.likelihood.arrays import Floats


def box_bod(params: Floats) -> Floats:
    """NIST's BoxBOD with log sigma: past exp(-b2) = 0 the rate has no effect."""
    x = np.array([1, 2, 3, 5, 7, 10.0])
    y = np.array([109, 149, 149, 191, 213, 224.0])
    residuals = (y - params[0] * (1 - np.exp(-params[1] * x))) * np.exp(-params[2])
    return np.asarray(params[2] + 0.5 * residuals**2)


@pytest.mark.parametrize("start", [[1.0, 1.0, 4.5], [100.0, 0.75, 4.5017119387335525]])
def test_a_plateau_is_left_towards_the_start(start: list[float]) -> None:
    mle = fit(box_bod, start)
    assert mle.status is Status.CERTIFIED
    np.testing.assert_allclose(mle.estimate[:2], [213.80940889, 0.54723748542], rtol=1e-6)


@pytest.mark.parametrize("power", [4, 6])
def test_a_flat_bottom_is_no_infinity_and_no_kink(power: int) -> None:
    mle = fit(lambda x: float(x[0] ** 2 + x[1] ** power), [1.0, 1.0])
    assert mle.status is Status.NOISE_LIMITED
    assert mle.nll < 1e-12
    assert np.isnan(mle.hessian_errors).all()
    assert "the curvature vanishes at the optimum" in mle.notes[-1]


def test_a_fall_by_the_same_over_each_doubling_has_no_supremum() -> None:
    mle = fit(lambda x: -10 * np.log1p(x[0] ** 2) + 0.5 * x[1] ** 2, [1.0, 1.0])
    assert mle.status is Status.NOT_CERTIFIED
    assert "supremum" not in str(mle)


def wedge(x: Floats) -> float:
    """Fall to 0 at (1, 3), in a valley with a kink."""
    return float(max(abs(x[0] + 2 * x[1] - 7), abs(2 * x[0] + x[1] - 5)))


def waves(x: Floats) -> float:
    """Schaffer's second function: waves that die out far away."""
    wave = np.sin(x[0] ** 2 - x[1] ** 2) ** 2 - 0.5
    return float(0.5 + wave / (1 + 1e-3 * (x[0] ** 2 + x[1] ** 2)) ** 2)


@pytest.mark.parametrize(
    ("objective", "start"),
    [(wedge, [1.041, 49.765]), (waves, [49.339, -81.539])],
)
def test_a_fall_that_ends_is_no_infinity(
    objective: Callable[[Floats], float], start: list[float]
) -> None:
    mle = fit(objective, start)
    assert mle.status is not Status.NO_FINITE_OPTIMUM
    assert not any("supremum" in note for note in mle.notes)


def negative_binomial(params: Floats, y: Floats) -> Floats:
    """NB2 with log alpha: toward the Poisson the difference of two gammaln is noise."""
    mean, size = np.exp(params[0]), np.exp(-params[1])
    chances = size * np.log(size / (size + mean)) + y * np.log(mean / (size + mean))
    return np.asarray(gammaln(size) + gammaln(y + 1) - gammaln(y + size) - chances)


@pytest.mark.parametrize("seed", [1, 2, 6])
def test_what_is_lower_by_noise_alone_does_not_hide_an_infinity(seed: int) -> None:
    # A variance below the mean: the Poisson is the limit (Anscombe 1950).
    y = np.random.default_rng(seed).binomial(6, 0.4, 80).astype(float)
    mle = fit(negative_binomial, {"log_mean": 0.0, "log_alpha": -1.0}, args=y)
    assert mle.status is Status.NO_FINITE_OPTIMUM
    assert "log_alpha → −∞" in mle.notes[-1]
    assert abs(mle.estimate[0] - np.log(y.mean())) < 1e-4


def box_3d(x: Floats) -> Floats:
    """Box's three-dimensional function: 0 all along x1 = x2, x3 = 0 (Moré et al. 1981, 12)."""
    t = np.arange(1, 11) / 10
    rest = np.exp(-t * x[0]) - np.exp(-t * x[1]) - x[2] * (np.exp(-t) - np.exp(-10 * t))
    return np.asarray(0.5 * rest**2)


def test_a_flat_line_beside_the_start_is_no_infinity() -> None:
    mle = fit(box_3d, [0.0, 10.0, 20.0])
    assert mle.status is not Status.NO_FINITE_OPTIMUM
    assert mle.nll < 1e-12


@pytest.mark.parametrize("seed", [0, 4, 12, 26])
def test_a_lowest_point_on_the_way_to_a_supremum_is_no_objection_to_it(seed: int) -> None:
    # Responses that a line separates completely.
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(20), rng.normal(size=20) * 5, rng.random(20) < 0.4])
    sides = np.where(X @ [-1, 1, 2] > 0, 1, -1)
    mle = fit(lambda beta, X, sides: -log_ndtr(sides * (X @ beta)), np.zeros(3), args=(X, sides))
    assert mle.status is Status.NO_FINITE_OPTIMUM
    assert mle.nll == pytest.approx(-log_ndtr(sides * (X @ mle.estimate)).sum(), rel=1e-9)
    assert mle.nll <= mle.optimize_result.fun


def test_a_minimum_whose_far_side_hardly_rises_is_no_infinity() -> None:
    # exp(-x) + 1e-8 x is lowest at 18.4, where double precision shows no more than that.
    mle = fit(lambda x: float(np.exp(-x[0]) + 1e-8 * x[0]), [0.0])
    assert mle.status is not Status.NO_FINITE_OPTIMUM
    assert mle.estimate[0] == pytest.approx(-np.log(1e-8), abs=0.1)


def test_adjoining_intervals_have_no_best_scale_and_the_note_says_where_it_goes() -> None:
    # With s at 0 all of a normal lies at the edge: the likelihood is that of two shares, 6 and 2.
    def nll(params: Floats, low: Floats) -> Floats:
        upper, lower = (low + 10 - params[0]) / params[1], (low - params[0]) / params[1]
        above = lower > 0
        upper, lower = np.where(above, -lower, upper), np.where(above, -upper, lower)
        log_upper, log_lower = log_ndtr(upper), log_ndtr(lower)
        return np.asarray(-log_upper - np.log1p(-np.exp(log_lower - log_upper)))

    low = np.repeat([0.0, 10.0], [6, 2])
    mle = fit(nll, {"m": 0.0, "s": 10 * np.e}, low, transform={"s": "log"})
    assert mle.status is Status.NO_FINITE_OPTIMUM
    assert mle.nll == pytest.approx(-6 * np.log(0.75) - 2 * np.log(0.25), abs=1e-6)
    assert mle.notes[-1] == "the likelihood rises toward a supremum as s → 0"
