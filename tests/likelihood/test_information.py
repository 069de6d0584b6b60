from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, getcontext
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult
from scipy.special import expit, gammaln

from bootmle.likelihood.definiteness import bound_eigenvalues, eigensystem, orient
from bootmle.likelihood.information import Information, information, measure_information

pytestmark = pytest.mark.usefixtures("within_a_verb")

Floats = NDArray[np.float64]
Objective = Callable[[Floats], float]


def budget(p: int) -> int:
    return 1 + 4 * (p * p + p)


def names(p: int) -> list[str]:
    return [f"x{k + 1}" for k in range(p)]


def relative_to_diagonal(difference: Floats, hessian: Floats) -> float:
    roots = np.sqrt(np.abs(np.diag(hessian)))
    return float(np.max(np.abs(difference) / np.outer(roots, roots)))


def true_errors(hessian: Floats) -> Floats:
    roots = np.sqrt(np.diag(hessian))
    inverse = np.linalg.inv(hessian / np.outer(roots, roots))
    return np.sqrt(np.diag(inverse)) / roots


class Regression:
    """A generalized linear model with its exact derivatives, at a point near its optimum."""

    def __init__(self, seed: int, decades: int = 0, shift: float = 0.0) -> None:
        rng = np.random.default_rng(seed)
        self.p, self.poisson = int(rng.integers(2, 6)), bool(seed % 2)
        n = int(rng.integers(30 * self.p, 1000))
        self.scale, self.shift = 10.0 ** rng.uniform(-decades, decades, size=self.p), shift
        self.x = (rng.normal(size=(n, self.p)) + 0.5 * rng.normal(size=(n, 1))) / self.scale
        truth = 0.3 * rng.normal(size=self.p) * self.scale
        mean = self.mean(truth)
        self.y = rng.poisson(mean) if self.poisson else (rng.random(n) < mean).astype(float)
        self.point = truth + self.scale * rng.normal(size=self.p) * (seed % 3) / np.sqrt(n)

    def mean(self, theta: Floats) -> Floats:
        index = self.x @ theta
        result: Floats = np.exp(index) if self.poisson else expit(index)
        return result

    def contributions(self, theta: Floats) -> Floats:
        index = self.x @ theta
        cumulant = np.exp(index) if self.poisson else np.logaddexp(0, index)
        result: Floats = cumulant - self.y * index
        return result

    def value(self, theta: Floats) -> float:
        return float(np.sum(self.contributions(theta))) + self.shift

    def scores(self, theta: Floats) -> Floats:
        result: Floats = (self.mean(theta) - self.y)[:, None] * self.x
        return result

    def gradient(self, theta: Floats) -> Floats:
        result: Floats = self.x.T @ (self.mean(theta) - self.y)
        return result

    def hessian(self, theta: Floats) -> Floats:
        mean = self.mean(theta)
        weight = mean if self.poisson else mean * (1 - mean)
        result: Floats = (self.x * weight[:, None]).T @ self.x
        return result


@pytest.mark.parametrize("with_gradient", [False, True])
@pytest.mark.parametrize(("shift", "accuracy"), [(0.0, 1e-6), (1e6, 1e-4)])
@pytest.mark.parametrize("decades", [0, 6])
def test_random_models_stay_within_their_bounds(
    with_gradient: bool, shift: float, accuracy: float, decades: int
) -> None:
    """At the rate of 1% that is allowed, more than 3 of 60 fall outside with probability 0.003."""
    outside, ratios = 0, []
    for seed in range(60):
        model = Regression(seed, decades, shift)
        gradient = model.gradient if with_gradient else None
        found = measure_information(
            model.value, model.point, names=names(model.p), gradient=gradient
        )
        hessian = model.hessian(model.point)
        error = np.abs(found.matrix - hessian)
        outside += bool(np.any(error > found.error))
        ratios.append(np.median(found.error / np.maximum(error, np.finfo(float).tiny)))
        assert found.definiteness == "positive definite"
        assert found.n_evaluations <= budget(model.p)
        assert np.max(np.abs(found.standard_errors / true_errors(hessian) - 1)) < accuracy
    assert outside <= 3
    assert np.median(ratios) < 100


def polynomial(t: Floats) -> float:
    x, y, z = t
    return float(2 * y * x**4 + 2 * y**3 + 2 * x * z**3)


@pytest.mark.parametrize("scale", [(1, 1, 1), (1e-6, 1, 1e6), (1e6, 1e-6, 1e3)])
def test_polynomial_away_from_its_stationary_points(scale: tuple[float, float, float]) -> None:
    unit = np.array(scale)
    found = measure_information(
        lambda t: polynomial(t / unit), np.array([1.0, 2.0, 3.0]) * unit, names="xyz"
    )
    hessian = np.array([[48.0, 8, 54], [8, 24, 0], [54, 0, 36]])
    assert relative_to_diagonal(found.matrix * np.outer(unit, unit) - hessian, hessian) < 1e-8
    np.testing.assert_allclose(found.gradient * unit, [70, 26, 54], rtol=1e-9)
    assert found.definiteness == "indefinite"
    assert found.n_evaluations <= budget(3)
    direction = found.null_directions[:, 0] / unit
    assert direction @ hessian @ direction < 0
    assert np.isnan(found.standard_errors).all()


def simulate_wages() -> tuple[Floats, Floats]:
    """Wages in currency units on covariates of unlike units, badly conditioned."""
    rng = np.random.default_rng(1)
    n = 1500
    columns = [
        np.ones(n),
        rng.uniform(20, 60, n).round(3),
        rng.integers(8, 21, n),
        *(rng.random((3, n)) < 0.4),
        rng.exponential(10, n).round(3),
        rng.normal(size=n),
        rng.random(n),
        rng.random(n) < 0.1,
        rng.gamma(5, 1, n).round(3),
    ]
    x = np.stack([np.asarray(column, dtype=float) for column in columns], axis=1)
    return x, 9000 + 120 * x[:, 1] + 850 * x[:, 2] + 9500 * rng.normal(size=n)


@pytest.mark.parametrize(("shift", "accuracy"), [(0.0, 1e-6), (1e6, 1e-4)])
def test_wages_in_currency_units(shift: float, accuracy: float) -> None:
    """Differences at 1e-5 make most of these variances negative or meaningless."""
    x, y = simulate_wages()
    n, p = len(y), x.shape[1] + 1

    def value(t: Floats) -> float:
        residual = (y - x @ t[:-1]) * np.exp(-t[-1])
        return float(np.sum(residual**2 / 2 + t[-1] + np.log(2 * np.pi) / 2)) + shift

    beta = np.linalg.lstsq(x, y)[0]
    sigma = np.sqrt(np.mean((y - x @ beta) ** 2))
    found = measure_information(value, np.append(beta, np.log(sigma)), names=names(p))
    hessian = np.diag(np.full(p, 2.0 * n))
    hessian[:-1, :-1] = x.T @ x / sigma**2
    assert value(found.point) - shift > 15000
    assert found.definiteness == "positive definite"
    assert found.n_evaluations <= budget(p)
    assert np.max(np.abs(found.standard_errors / true_errors(hessian) - 1)) < accuracy


def test_saddle_of_a_mixture() -> None:
    """Closed form at equal means, sd s: n/(2s²) (1 − var/s²) and n/(2s²)."""
    rng = np.random.default_rng(2)
    y = np.concatenate([rng.normal(54.0, 6.0, 100), rng.normal(80.0, 6.0, 172)])

    def value(mu: Floats) -> float:
        density = -((y[:, None] - mu) ** 2) / 72
        return float(-np.sum(np.logaddexp(density[:, 0], density[:, 1])))

    found = measure_information(value, [y.mean(), y.mean()], names=["mu1", "mu2"])
    expected = len(y) / 72 * np.array([1 - np.var(y) / 36, 1])
    assert found.definiteness == "indefinite"
    assert np.all(np.abs(found.eigenvalues - expected) <= found.eigenvalue_errors)
    np.testing.assert_allclose(found.eigenvalues, expected, rtol=1e-6)
    assert found.describe_direction(found.null_directions[:, 0]) == "0.71·mu1 − 0.71·mu2"
    assert "negative curvature along" in str(found)
    assert np.isnan(found.covariance).all()


def sum_model() -> tuple[Objective, Callable[[Floats], Floats], Floats]:
    """Poisson regression on exp(a + b + c z)."""
    rng = np.random.default_rng(3)
    z = rng.normal(size=80)
    k = rng.poisson(np.exp(0.6 + 0.4 * z)).astype(float)
    x = np.stack([np.ones(80), np.ones(80), z], axis=1)

    def value(t: Floats) -> float:
        return float(np.sum(np.exp(x @ t) - k * (x @ t) + gammaln(k + 1)))

    def gradient(t: Floats) -> Floats:
        result: Floats = x.T @ (np.exp(x @ t) - k)
        return result

    optimum = np.zeros(3)
    for _ in range(30):
        hessian = (x * np.exp(x @ optimum)[:, None]).T @ x
        optimum -= np.linalg.lstsq(hessian, gradient(optimum), rcond=1e-10)[0]
    return value, gradient, optimum


@pytest.mark.parametrize("with_gradient", [False, True])
@pytest.mark.parametrize("split", [0.0, 0.3, -2.0])
@pytest.mark.parametrize("away", [0.0, 0.2])
@pytest.mark.parametrize("scale", [1.0, 1e5])
def test_parameters_that_enter_only_as_a_sum(
    with_gradient: bool, split: float, away: float, scale: float
) -> None:
    value, gradient, optimum = sum_model()
    unit = np.array([1.0, scale, 1.0])
    point = (optimum + np.array([split, -split, 0]) + away) * unit
    found = measure_information(
        lambda t: value(t / unit),
        point,
        names="abc",
        gradient=(lambda t: gradient(t / unit) / unit) if with_gradient else None,
    )
    assert found.definiteness == "singular"
    assert found.n_evaluations <= budget(3)
    assert found.null_directions.shape == (3, 1)
    flat = found.null_directions[:, 0] / unit
    np.testing.assert_allclose(flat / flat[0], [1, -1, 0], atol=1e-4)
    assert "flat along" in str(found)


@pytest.mark.parametrize("ridge", [1e-4, 1e-8, 1e-11])
def test_nearly_flat_directions_are_told_from_flat_ones(ridge: float) -> None:
    def value(t: Floats) -> float:
        return float(150 * (np.exp(t[0] + t[1]) - t[0] - t[1]) + 75 * ridge * (t[0] - t[1]) ** 2)

    found = measure_information(value, [0.1, -0.1], names="ab")
    assert found.definiteness == "positive definite"
    expected = np.array([300 * ridge, 300.0])
    assert np.all(np.abs(found.eigenvalues - expected) <= found.eigenvalue_errors)
    assert found.eigenvalue_errors[0] < found.eigenvalues[0] / 10


def test_regular_problem_of_the_worst_condition() -> None:
    """MGH10 (NIST StRD): smallest curvature 3.5e-7 on the unit diagonal; errors from JAX."""
    x = np.arange(50.0, 130.0, 5.0)
    first = [34780.0, 28610, 23650, 19630, 16370, 13720, 11540, 9744]
    y = np.array([*first, 8261, 7030, 6005, 5147, 4427, 3820, 3307, 2872])

    def value(t: Floats) -> float:
        residual = (y - t[0] * np.exp(t[1] / (x + t[2]))) * np.exp(-t[3])
        return float(np.sum(residual**2 / 2 + t[3]))

    # The certified estimates have ten digits; a Newton step supplies those that the SEs need.
    point = np.array([0.005609636471, 6181.3463463, 345.22363462, 0.8520663103634792])
    for _ in range(2):
        found = measure_information(value, point, names=names(4))
        point = point - found.covariance @ found.gradient
    expected = [0.00014140008743900387, 21.009144453351638, 0.7074185181025258, 0.1767766952966369]
    assert found.definiteness == "positive definite"
    assert found.n_evaluations <= budget(4)
    np.testing.assert_allclose(found.standard_errors, expected, rtol=2e-6)


def bounded(t: Floats) -> float:
    if t[0] < 0 or t[1] > 1:
        return np.nan
    return float(np.exp(t[0]) + 3 * (t[0] + 0.5) ** 2 + (t[1] - 1) ** 2 + t[0] * t[1])


@pytest.mark.parametrize("inside", [0.0, 1e-9, 1e-6, 1e-3, 0.1])
@pytest.mark.parametrize("upper", [1.0, 1 - 1e-6, 0.5])
def test_boundaries(inside: float, upper: float) -> None:
    found = measure_information(bounded, [inside, upper], names="ab")
    hessian = np.array([[6 + np.exp(inside), 1], [1, 2]])
    assert found.definiteness == "positive definite"
    assert np.all(np.abs(found.matrix - hessian) <= found.error)
    np.testing.assert_allclose(found.matrix, hessian, rtol=1e-6)


def test_saddle_at_a_boundary_that_raises() -> None:
    def value(t: Floats) -> float:
        if t[0] < 0:
            raise ValueError("outside")
        return float((t[1] - 1) ** 2 + t[0] * t[1] - 3 * (t[0] + 0.5) ** 2)

    found = measure_information(value, [0.0, 0.5], names="ab")
    assert found.definiteness == "indefinite"
    np.testing.assert_allclose(found.matrix, [[-6, 1], [1, 2]], rtol=1e-7)


class SimulatedLikelihood:
    """Random-intercept Poisson regression, integrated by common random numbers."""

    def __init__(self) -> None:
        rng = np.random.default_rng(4)
        self.x = rng.normal(size=60)
        mean = np.exp(0.5 + 0.3 * self.x + 0.7 * rng.normal(size=60))
        self.y = rng.poisson(mean).astype(float)
        self.draws = rng.normal(size=(60, 40))

    def logs(self, t: Floats) -> tuple[Floats, Floats]:
        index = t[0] + t[1] * self.x[:, None] + np.exp(t[2]) * self.draws
        return self.y[:, None] * index - np.exp(index), index

    def value(self, t: Floats) -> float:
        logs, _ = self.logs(t)
        return float(-np.sum(np.logaddexp.reduce(logs, axis=1)))

    def hessian(self, t: Floats) -> Floats:
        """Louis (1982): mean of h + g gᵀ over the draws, less the product of the mean g."""
        logs, index = self.logs(t)
        weight = np.exp(logs - np.logaddexp.reduce(logs, axis=1)[:, None])
        noise = np.exp(t[2]) * self.draws
        slopes = np.stack(np.broadcast_arrays(1.0, self.x[:, None], noise))
        score = self.y[:, None] - np.exp(index)
        gradient = slopes * score
        curved = -np.einsum("ajk,bjk,jk,jk->jab", slopes, slopes, np.exp(index), weight)
        curved[:, 2, 2] += np.sum(noise * score * weight, axis=1)
        curved += np.einsum("ajk,bjk,jk->jab", gradient, gradient, weight)
        mean = np.einsum("ajk,jk->ja", gradient, weight)
        total: Floats = -np.sum(curved - mean[:, :, None] * mean[:, None, :], axis=0)
        return total


def test_simulated_likelihood() -> None:
    model, point = SimulatedLikelihood(), np.array([0.5, 0.3, -0.4])
    found = measure_information(model.value, point, names="abs")
    hessian = model.hessian(point)
    assert found.definiteness == "positive definite"
    assert np.all(np.abs(found.matrix - hessian) <= found.error)
    assert relative_to_diagonal(found.matrix - hessian, hessian) < 1e-8


def test_stepwise_simulated_likelihood_is_not_called_indefinite() -> None:
    model, point = SimulatedLikelihood(), np.array([0.5, 0.3, -0.4])
    found = measure_information(lambda t: round(model.value(t), 3), point, names="abs")
    assert np.all(np.abs(found.matrix - model.hessian(point)) <= found.error)
    assert found.definiteness in ("positive definite", "undecided")


def test_curved_ridge_is_undecided() -> None:
    """Only the product is identified: flat along a curve that a straight walk leaves."""
    found = measure_information(lambda t: 300 + 100 * (t[0] * t[1] - 2) ** 2, [1, 2], names="ab")
    assert found.definiteness == "undecided"
    assert np.isnan(found.standard_errors).all()
    assert found.null_directions.shape == (2, 0)


@pytest.mark.parametrize("factor", [1.0, 1e6])
def test_zero_diagonal(factor: float) -> None:
    found = measure_information(lambda t: factor * t[0] * t[1], [0, 0], names="ab")
    assert found.definiteness == "indefinite"
    np.testing.assert_allclose(found.matrix, [[0, factor], [factor, 0]], atol=1e-9 * factor)
    np.testing.assert_allclose(np.prod(found.null_directions), -0.5)


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e6])
@pytest.mark.parametrize("offset", [0.0, 1e-13])
def test_scale_at_the_origin(scale: float, offset: float) -> None:
    """A parameter at 0 says nothing about its scale."""
    unit = np.array([scale, 1.0])

    def value(t: Floats) -> float:
        u = t / unit
        return float(np.sum(np.cosh(u)) + 0.3 * u[0] * u[1] + 50.123)

    found = measure_information(value, offset * unit, names="ab")
    hessian = np.array([[1, 0.3], [0.3, 1]]) / np.outer(unit, unit)
    assert found.definiteness == "positive definite"
    # Whether a tiny value says something of its scale takes one more for each.
    assert found.n_evaluations <= budget(2) + 2 * bool(offset)
    np.testing.assert_allclose(found.matrix, hessian, rtol=1e-7)


def test_inert_parameter_is_flat() -> None:
    found = measure_information(lambda t: float((t[0] - 2) ** 2), [2.0, 5.0], names="ab")
    assert found.definiteness == "singular"
    np.testing.assert_allclose(np.abs(found.null_directions[:, 0]), [0, 1], atol=1e-9)


def test_noise_is_measured_not_assumed() -> None:
    """Noise of known size, far above the rounding, and the rounding of a large constant."""

    def noisy(t: Floats) -> float:
        digits = 1e7 * np.sin(1e6 * t[0] + 3e6 * t[1])
        return float(np.sum((t - 1) ** 2) + 1e-7 * (digits - np.floor(digits)))

    found = measure_information(noisy, [1.1, 0.9], names="ab")
    assert 1e-8 < found.noise < 1e-7
    assert np.all(np.abs(found.matrix - 2 * np.eye(2)) <= found.error)
    shifted = measure_information(lambda t: float(np.sum((t - 1) ** 2)) + 1e6, [1, 1], names="ab")
    assert 1e-11 < shifted.noise < 3e-10


def test_single_precision_objective() -> None:
    model = Regression(0)
    found = measure_information(
        lambda t: float(np.float32(model.value(t))), model.point, names=names(model.p)
    )
    hessian = model.hessian(model.point)
    assert found.definiteness == "positive definite"
    assert np.all(np.abs(found.matrix - hessian) <= found.error)


def test_known_base_is_not_evaluated_again() -> None:
    model = Regression(1)
    base = model.value(model.point)
    points: list[Floats] = []

    def change(t: Floats) -> float:
        points.append(t)
        return model.value(t) - base

    found = measure_information(change, model.point, names=names(model.p), base=0.0)
    assert found.n_evaluations == len(points)
    assert not any(np.array_equal(t, model.point) for t in points)
    hessian = model.hessian(model.point)
    assert np.all(np.abs(found.matrix - hessian) <= found.error)


def test_gradient_takes_p_times_fewer_evaluations() -> None:
    x, _ = simulate_wages()
    hessian = x.T @ x
    p = len(hessian)
    found = measure_information(
        lambda t: float(t @ hessian @ t) / 2,
        np.zeros(p),
        names=names(p),
        gradient=lambda t: hessian @ t,
    )
    assert found.n_evaluations <= 10 * p
    assert relative_to_diagonal(found.matrix - hessian, hessian) < 1e-10


def test_function_that_is_no_gradient_widens_the_bounds() -> None:
    def rotation(t: Floats) -> Floats:
        return np.array([t[0] + 0.1 * t[1], t[1] - 0.1 * t[0]])

    found = measure_information(lambda t: 0.0, [0.1, 0.2], names="ab", gradient=rotation)
    assert found.error[0, 1] >= 0.09


@pytest.mark.parametrize("unit", [1.0, 1e-3, 1e3])
@pytest.mark.parametrize("slope", [0.0, 0.4])
def test_gradient_that_saturates_within_a_standard_error(unit: float, slope: float) -> None:
    # A standard error by the curvature at 30 is 3e6, and 2 beyond it the gradient is constant.
    turn = np.array([[1.0, slope], [0.0, 1.0]]) / unit

    def gradient(t: Floats) -> Floats:
        u, v = turn @ t
        return turn.T @ np.array([expit(u), -2 * v * np.exp(-v * v)])

    point = np.linalg.solve(turn, [-30.0, 4.0])
    u, v = turn @ point
    second = np.array([expit(u) * expit(-u), (4 * v * v - 2) * np.exp(-v * v)])
    hessian = (turn.T * second) @ turn
    found = measure_information(lambda t: 0.0, point, names="ab", gradient=gradient)
    assert np.all(np.abs(found.matrix - hessian) <= found.error)
    assert relative_to_diagonal(found.error, hessian) < 0.05


def test_one_parameter() -> None:
    found = measure_information(lambda t: 10 * t[0] - 5 * np.log(t[0]), [0.5], names=["rate"])
    assert found.n_evaluations <= budget(1)
    np.testing.assert_allclose(found.standard_errors, [1 / np.sqrt(20)], rtol=1e-7)


def test_point_outside_the_domain_raises() -> None:
    with pytest.raises(ValueError, match=r"x: fun is nan"):
        measure_information(lambda t: np.nan, [1.0, 2.0], names="ab")


def test_nothing_near_the_point_is_undecided() -> None:
    def alone(t: Floats) -> float:
        return 1.0 if np.array_equal(t, [1.0, 2.0]) else np.inf

    found = measure_information(alone, [1.0, 2.0], names="ab")
    assert found.definiteness == "undecided"
    assert isinstance(str(found), str)


@pytest.mark.parametrize("seed", range(6))
def test_information_of_contributions_and_of_their_total(seed: int) -> None:
    model = Regression(seed, decades=3)
    hessian = model.hessian(model.point)
    parts = information(model.contributions, model.point)
    whole = information(model.value, model.point)
    for found in (parts, whole):
        assert found.definiteness == "positive definite"
        assert np.all(np.abs(found.matrix - hessian) <= found.error)
        assert np.all(np.abs(found.gradient - model.gradient(model.point)) <= found.gradient_error)
    assert np.all(np.abs(parts.matrix - whole.matrix) <= parts.error + whole.error)


@pytest.mark.parametrize("fun", ["contributions", "value"])
@pytest.mark.parametrize("jac", ["gradient", "scores"])
@pytest.mark.parametrize("joint", [False, True])
def test_information_from_a_gradient(fun: str, jac: str, joint: bool) -> None:
    model = Regression(4)
    value, slope = getattr(model, fun), getattr(model, jac)

    def both(theta: Floats) -> tuple[Any, Floats]:
        return value(theta), slope(theta)

    def measure() -> Information:
        return information(both if joint else value, model.point, jac=True if joint else slope)

    if (fun, jac) == ("value", "scores"):
        with pytest.raises(ValueError, match="jac: returned shape"):
            measure()
        return
    found, hessian = measure(), model.hessian(model.point)
    assert found.n_evaluations <= 10 * model.p
    assert np.all(np.abs(found.matrix - hessian) <= found.error)
    np.testing.assert_allclose(found.gradient, model.gradient(model.point), rtol=1e-12)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ({"rate": 2, "shape": 3}, ("rate", "shape")),
        (pd.Series([2, 3], index=["rate", "shape"]), ("rate", "shape")),
        (OptimizeResult({"x": np.array([2.0, 3.0])}), ("x1", "x2")),  # type: ignore[call-arg]
        ([2, 3], ("x1", "x2")),
    ],
)
def test_information_names_its_parameters(x: Any, expected: tuple[str, str]) -> None:
    found = information(lambda t: t @ t, x)
    assert found.names == expected
    np.testing.assert_array_equal(found.point, [2, 3])
    np.testing.assert_allclose(found.matrix, 2 * np.eye(2), atol=1e-8)


def test_information_of_a_mean_is_that_of_the_sum() -> None:
    y = np.random.default_rng(7).normal(size=40)
    found = information(lambda t, y: np.mean((y - t[0]) ** 2) / 2, [0.3], y)
    np.testing.assert_allclose(found.matrix, [[40]], rtol=1e-8)


def test_information_at_the_saddle_of_old_faithful() -> None:
    """R's faithful$waiting, by minutes from 43; numDeriv::hessian gives -15.545 and 3.778."""
    counts = [1, 0, 3, 5, 4, 3, 5, 5, 6, 5, 7, 9, 6, 4, 3, 4, 7, 6, 0, 4, 3, 4, 3, 2, 1, 1, 2]
    counts += [4, 5, 1, 7, 6, 8, 9, 12, 15, 10, 8, 13, 12, 14, 10, 6, 6, 2, 6, 3, 6, 1, 1, 2, 1]
    waiting = np.repeat(np.arange(43.0, 97.0), [*counts, 0, 1])

    def nll(mu: Floats, y: Floats) -> Floats:
        density = -((y[:, None] - mu) ** 2) / 72
        return np.asarray(np.log(12 * np.sqrt(2 * np.pi)) - np.logaddexp(*density.T))

    mean = waiting.mean()
    found = information(nll, {"mu1": mean, "mu2": mean}, waiting)
    assert found.definiteness == "indefinite"
    np.testing.assert_allclose(found.eigenvalues, [-15.54595588235294, 34 / 9], rtol=1e-8)
    np.testing.assert_allclose(found.gradient, 0, atol=1e-9)
    assert found.describe_direction(found.directions[:, 0]) == "0.71·mu1 − 0.71·mu2"
    assert np.isnan(found.standard_errors).all()


def test_information_outside_the_domain_raises() -> None:
    with pytest.raises(ValueError, match="the objective is nan"):
        information(lambda t: np.log(t) if t[0] > 0 else np.array([np.nan]), [-1.0])


def test_description_and_printing() -> None:
    found = measure_information(lambda t: float(t @ t), [1.0, 2.0], names=["alpha", "beta"])
    assert found.describe_direction([0.71, -0.7]) == "0.71·alpha − 0.70·beta"
    assert found.describe_direction([-1e-6, -3.0]) == "−1.00·beta"
    assert "alpha" in str(found)
    assert "positive definite" in str(found)
    assert isinstance(found, Information)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_directions_have_one_sign_whatever_the_rounding(sign: float) -> None:
    rng = np.random.default_rng(6)
    columns = sign * np.array([[1.0, -3, 2], [-1, 1, 2], [0, -2, -2]])
    expected = [[1, -1, 0], [3, -1, 2], [1, 1, -1]]
    for _ in range(100):
        unit = orient(columns * (1 + 1e-12 * rng.normal(size=(3, 3)))).T
        np.testing.assert_allclose(
            unit / np.abs(unit).max(axis=1, keepdims=True) * [[1], [3], [1]], expected, atol=1e-10
        )


def test_small_eigenvalues_beside_large_ones() -> None:
    """Scales of 1e-6 and 1e6: the roots of the characteristic polynomial in 60 digits."""
    getcontext().prec = 60
    a, b, c = 1.3e12, 0.7, 2.1e-12
    (low, high), vectors = eigensystem(np.array([[a, b], [b, c]]))
    trace = Decimal(a) + Decimal(c)
    root = (trace**2 - 4 * (Decimal(a) * Decimal(c) - Decimal(b) ** 2)).sqrt()
    assert low == pytest.approx(float((trace - root) / 2), rel=1e-14)
    assert high == pytest.approx(float((trace + root) / 2), rel=1e-14)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(2), atol=1e-15)


def test_eigenvalue_bounds_cover_perturbations() -> None:
    rng = np.random.default_rng(5)
    for _ in range(100):
        p = int(rng.integers(2, 8))
        root = rng.normal(size=(p, p))
        matrix, error = root + root.T, 10.0 ** rng.uniform(-6, -2, size=(p, p))
        error = np.maximum(error, error.T)
        signs = np.triu(rng.choice([-1.0, 1.0], size=(p, p)))
        exact, vectors = eigensystem(matrix)
        moved = np.linalg.eigvalsh(matrix + error * (signs + np.triu(signs, 1).T))
        assert np.all(np.abs(moved - exact) <= bound_eigenvalues(exact, vectors, error))


def log1p_squared(x: float) -> float:
    return float(np.log1p(x * x))


# Name: function, second derivative, points.
SHAPES: dict[str, tuple[Callable[[float], float], Callable[[float], float], list[float]]] = {
    "log": (lambda x: x - np.log(x), lambda x: x**-2, [1e-12, 1e-9, 1e-4, 0.3, 2e5]),
    "log10": (lambda x: -np.log10(x), lambda x: x**-2 / np.log(10), [1e-9, 1e-3, 1.0, 7e6]),
    "-sqrt": (lambda x: -np.sqrt(x), lambda x: x**-1.5 / 4, [1e-9, 1e-6, 0.02, 3.0, 1e8]),
    "x^1.5": (lambda x: x**1.5, lambda x: 0.75 / np.sqrt(x), [1e-6, 1e-4, 0.01, 5.0, 1e4]),
    "x^2.5": (lambda x: x**2.5, lambda x: 3.75 * np.sqrt(x), [1e-4, 3e-3, 0.16, 40.0]),
    "x log x": (lambda x: x * np.log(x), lambda x: 1 / x, [1e-9, 1e-5, 0.2, 4e7]),
    "-arccos": (
        lambda x: -np.arccos(x),
        lambda x: x * (1 - x * x) ** -1.5,
        [0.99999, 0.999, 0.5, -0.9],
    ),
    "1/x": (lambda x: 1 / x if x > 0 else np.inf, lambda x: 2 * x**-3, [1e-5, 0.1, 30.0]),
    "exp": (np.exp, np.exp, [-17.0, -3.0, 0.0, 9.0]),
    "log(1 + x²)": (
        log1p_squared,
        lambda x: 2 * (1 - x * x) / (1 + x * x) ** 2,
        [1e-3, 0.3, 4.0, 1e3],
    ),
}


@pytest.mark.filterwarnings("ignore:(invalid|divide|overflow)")
@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("name", SHAPES)
def test_closed_forms_lie_within_the_bounds(name: str, unit: float) -> None:
    """Near ends of the domain and far from them, alone and beside a regular parameter."""
    function, second, points = SHAPES[name]
    for x in points:
        alone = measure_information(lambda t: function(t[0] / unit), [x * unit], names="a")

        def both(t: Floats, other: float = max(1e-3, abs(second(x)))) -> float:
            return float(function(t[0] / unit) + (t[1] - 1) ** 2 * other)

        beside = measure_information(both, [x * unit, 1.0], names="ab")
        for found in (alone, beside):
            off = abs(found.matrix[0, 0] * unit**2 - second(x))
            assert off <= found.error[0, 0] * unit**2, (x, found)
            smallest = np.abs(found.eigenvalues - second(x) / unit**2).min()
            assert smallest <= found.eigenvalue_errors.max() + found.error[0, 0]
            wrong = "indefinite" if second(x) > 0 else "positive definite"
            assert found.definiteness not in {wrong, "singular"}
        assert alone.error[0, 0] * unit**2 < 0.1 * abs(second(x))


def test_eigenvalues_of_a_hilbert_matrix() -> None:
    """From 3e-8 to 1.6: those of its closed form, each within its bound."""
    p = 6
    hilbert = 1 / (np.arange(p)[:, None] + np.arange(p) + 1)
    rng = np.random.default_rng(0)
    for _ in range(20):
        center = rng.normal(size=p)

        def quadratic(t: Floats, center: Floats = center) -> float:
            return float((t - center) @ hilbert @ (t - center) / 2)

        found = measure_information(quadratic, center, names=names(p))
        off = np.abs(found.eigenvalues - np.linalg.eigvalsh(hilbert))
        assert np.all(off <= found.eigenvalue_errors + 1e-16)
        assert np.all(np.abs(found.matrix - hilbert) <= found.error)
