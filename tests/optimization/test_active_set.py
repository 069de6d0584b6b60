"""The active set against SciPy's, and fits and refits at the bounded optimum's closed form."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from bootmle import Cases, Fit, Status, bootstrap, fit
from bootmle.likelihood.parameters import Parameters, read_parameters
from bootmle.optimization.active_set import optimize_within_bounds
from bootmle.optimization.step_sizes import StepSizes
from bootmle.refitting.alarm_kinds import AlarmKind
from models import normal

Floats = NDArray[np.float64]


@dataclass
class Quadratic:
    """½ (x − c)ᵀ H (x − c) within bounds, whose optimum with some held is a linear solution."""

    hessian: Floats
    center: Floats
    parameters: Parameters

    @property
    def step_sizes(self) -> StepSizes:
        return StepSizes.from_noise(0.0)

    def units(self, params: Floats) -> Floats:
        return np.asarray(1 / np.sqrt(np.diag(self.hessian)))

    def value(self, params: Floats) -> float:
        return float((params - self.center) @ self.hessian @ (params - self.center)) / 2

    def optimize(self, params: Floats, held: NDArray[np.intp]) -> Floats | None:
        found, free = params.copy(), np.setdiff1d(np.arange(params.size), held)
        pull = self.hessian[np.ix_(free, held)] @ (params - self.center)[held]
        found[free] = self.center[free] - np.linalg.solve(self.hessian[np.ix_(free, free)], pull)
        self.last = found
        return found


@pytest.mark.parametrize("size", [2, 5])
@pytest.mark.parametrize("seed", range(20))
def test_quadratics_within_bounds_have_the_optima_of_bounded_least_squares(
    size: int, seed: int
) -> None:
    rng = np.random.default_rng([size, seed])
    root = rng.normal(size=(3 * size, size)) * 10.0 ** rng.integers(-3, 4, size)
    center = rng.normal(size=size) / np.linalg.norm(root, axis=0)
    lower = -rng.exponential(size=size) / np.linalg.norm(root, axis=0)
    upper = rng.exponential(size=size) / np.linalg.norm(root, axis=0)
    bounds = list(zip(lower, upper, strict=True))
    problem = Quadratic(root.T @ root, center, read_parameters(np.zeros(size), bounds=bounds))
    held = optimize_within_bounds(problem, np.clip(center, lower, upper))
    solved = lsq_linear(root, root @ center, (lower, upper), method="bvls", tol=1e-14)
    assert held is not None
    np.testing.assert_array_equal(held, np.flatnonzero(solved.active_mask))
    np.testing.assert_allclose(
        problem.last / problem.units(center), solved.x / problem.units(center), atol=1e-8
    )


def test_holding_and_releasing_without_end_is_given_up() -> None:
    class Pendulum(Quadratic):
        def optimize(self, params: Floats, held: NDArray[np.intp]) -> Floats | None:
            return params if held.size else params + 2.0

    parameters = read_parameters([0.5], bounds=[(0.0, 1.0)])
    problem = Pendulum(np.eye(1), np.array([0.5]), parameters)
    assert optimize_within_bounds(problem, np.array([0.5])) is None


def test_a_fit_at_a_bound_that_diverges_elsewhere_has_no_finite_optimum() -> None:
    x = np.array([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0])

    def separated(params: Any, x: Any, y: Any) -> Any:
        slope, mu = params
        return np.logaddexp(0, -np.abs(x) * slope) + 0.5 * (y - mu) ** 2

    mle = fit(separated, {"slope": 0.0, "mu": 0.0}, (x, Y[:6]), bounds=[(None, None), (None, 1.0)])
    assert Y[:6].mean() > 1.0
    assert mle.status is Status.NO_FINITE_OPTIMUM
    assert mle.notes == ("the likelihood rises toward a supremum as slope → +∞",)


Y = np.random.default_rng(1).normal(3.0, 2.0, 80)
SE = float(Y.std() / np.sqrt(80))
START = {"mu": 0.0, "log_sigma": 0.0}
ONES = np.ones(80)
nll = normal().nll
FORMS = pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])


def total(params: Any, y: Any) -> float:
    return float(nll(params, y).sum())


def closed(weights: Floats, limit: float) -> list[float]:
    """The optimum under mu ≤ limit."""
    mu = min(float(weights @ Y / weights.sum()), limit)
    return [mu, 0.5 * np.log(weights @ (Y - mu) ** 2 / weights.sum())]


def bounded(limit: float, *, reduce: bool = False, **options: Any) -> Fit:
    bounds = [(None, limit), (None, None)]
    return fit(total if reduce else nll, START, Y, bounds=bounds, **options)


STOPS: dict[str, dict[str, Any]] = {
    "after one iteration": {"options": {"maxiter": 1}},
    "L-BFGS-B, loose": {"method": "L-BFGS-B", "tol": 0.1},
    "trust-constr, loose": {"method": "trust-constr", "tol": 1e-4},
    "SLSQP, loose": {"method": "SLSQP", "tol": 1e-3},
    "Powell, loose": {"method": "Powell", "tol": 1e-2},
    "TNC": {"method": "TNC"},
    "COBYLA": {"method": "COBYLA"},
    "Nelder-Mead": {"method": "Nelder-Mead"},
}


# SciPy's trust-constr warns where its differences do not change.
@pytest.mark.filterwarnings("ignore:delta_grad == 0.0:UserWarning")
@FORMS
@pytest.mark.parametrize("how", STOPS)
@pytest.mark.parametrize("standard_errors", [-1.8, -0.05, 0.2])
def test_the_fit_ends_at_the_bounded_optimum_wherever_scipy_stops(
    standard_errors: float, how: str, reduce: bool
) -> None:
    limit = float(Y.mean()) + standard_errors * SE
    mle = bounded(limit, reduce=reduce, **STOPS[how])
    assert mle.status is (Status.AT_BOUND if standard_errors < 0 else Status.CERTIFIED)
    assert mle.estimate[0] <= limit
    np.testing.assert_allclose(mle.estimate, closed(ONES, limit), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"method": "L-BFGS-B", "options": {"maxiter": 0}},
        {"method": "SLSQP", "options": {"maxiter": 1}},
        {"method": "Nelder-Mead"},
        {},
    ],
    ids=["no iteration", "one iteration", "Nelder-Mead", "default"],
)
@pytest.mark.parametrize(
    ("start", "ends"),
    [(10.0, (None, 10.0)), (-4.0, (-4.0, None)), (-4.0, (-4.0, 2.5))],
    ids=["upper", "lower", "lower, optimum at the upper"],
)
def test_a_start_at_the_wrong_bound_is_released(
    start: float, ends: tuple[Any, Any], options: dict[str, Any]
) -> None:
    x0 = {"mu": start, "log_sigma": 0.0}
    mle = fit(nll, x0, Y, bounds=[ends, (None, None)], **options)
    limit = np.inf if ends[1] is None else ends[1]
    assert mle.status is (Status.AT_BOUND if limit < Y.mean() else Status.CERTIFIED)
    np.testing.assert_allclose(mle.estimate, closed(ONES, limit), rtol=0, atol=1e-6)


X = np.random.default_rng(2).normal(size=80)
DESIGN = np.column_stack([np.ones(80), X - X.mean()])
RESPONSE = DESIGN @ [1.0, 0.5] + np.random.default_rng(3).normal(size=80)


def line(params: Any, design: Any, y: Any) -> Any:
    intercept, slope, log_sigma = params
    residual = y - design @ [intercept, slope]
    return log_sigma + 0.5 * (residual / np.exp(log_sigma)) ** 2


def bounded_line(weights: Floats, lower: list[float], upper: list[float]) -> list[float]:
    """Bounded least squares by SciPy's active-set solver, and the scale that goes with it."""
    root = np.sqrt(weights)
    solved = lsq_linear(root[:, None] * DESIGN, root * RESPONSE, (lower, upper), method="bvls")
    residual = RESPONSE - DESIGN @ solved.x
    return [*solved.x, 0.5 * np.log(weights @ residual**2 / weights.sum())]


def test_two_bounds_are_active_at_once(weights_of: Any) -> None:
    intercept, slope = np.linalg.lstsq(DESIGN, RESPONSE)[0]
    lower, upper = [-np.inf, slope + 0.1], [intercept - 0.1, np.inf]
    bounds = [(None, upper[0]), (lower[1], None), (None, None)]
    mle = fit(line, [0.0, 2.0, 1.0], (DESIGN, RESPONSE), bounds=bounds)
    assert mle.status is Status.AT_BOUND
    assert mle.notes == ("at a bound: x1, x2",)
    # The columns are orthogonal, so that each bound leaves the other coefficient alone.
    np.testing.assert_allclose(mle.estimate[:2], [upper[0], lower[1]], rtol=0, atol=1e-12)
    np.testing.assert_allclose(mle.estimate, bounded_line(ONES, lower, upper), rtol=0, atol=1e-6)
    boot = bootstrap(mle, n_resamples=64, rng=0)
    weights = weights_of(Cases(), 0, 80, 64)
    expected = np.array([bounded_line(row, lower, upper) for row in weights])
    np.testing.assert_allclose(boot.replicates, expected, rtol=0, atol=1e-6)
    at_bound = (expected[:, 0] >= upper[0]) | (expected[:, 1] <= lower[1])
    assert 0 < np.mean((expected[:, 0] < upper[0]) & (expected[:, 1] <= lower[1])) < 1
    np.testing.assert_array_equal(boot.status == Status.AT_BOUND, at_bound)


@FORMS
@pytest.mark.parametrize("standard_errors", [0.23, 0.02, -0.3])
def test_replicates_near_a_bound_against_the_closed_form(
    standard_errors: float, reduce: bool, weights_of: Any
) -> None:
    limit = float(Y.mean()) + standard_errors * SE
    boot = bootstrap(bounded(limit, reduce=reduce), n_resamples=199, rng=0)
    weights = weights_of(Cases(), 0, 80, 199)
    expected = np.array([closed(row, limit) for row in weights])
    np.testing.assert_allclose(boot.replicates, expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(boot.status == Status.AT_BOUND, weights @ Y / 80 > limit)
    assert set(boot.status) <= {
        Status.CERTIFIED,
        Status.CERTIFIED_BY_FALLBACK,
        Status.AT_BOUND,
    }
    # A total is not taken apart where that saves no ten seconds.
    assert boot.data.n_evaluations.mean() < (32 if reduce else 24)
    assert AlarmKind.OBJECTIVE_SCALE not in [alarm.kind for alarm in boot.alarms]


@pytest.mark.parametrize("method", ["COBYLA", "Nelder-Mead", "Powell", "TNC", "SLSQP"])
def test_replicates_near_a_bound_do_not_depend_on_the_method(method: str, weights_of: Any) -> None:
    limit = float(Y.mean()) + 0.23 * SE
    boot = bootstrap(bounded(limit, method=method), n_resamples=32, rng=0)
    expected = np.array([closed(row, limit) for row in weights_of(Cases(), 0, 80, 32)])
    np.testing.assert_allclose(boot.replicates, expected, rtol=0, atol=1e-6)
