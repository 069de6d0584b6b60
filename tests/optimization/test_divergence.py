"""No finite optimum: known by its ray, exactly where linear programming says separated."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linprog

from bootmle import Cases, Given, Status, bootstrap, fit
from bootmle.likelihood.objective import read_likelihood
from bootmle.likelihood.parameters import read_parameters
from bootmle.optimization.divergence import Ray, probe_rays
from bootmle.optimization.optimizer import Optimizer
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective, Whitening
from bootmle.refitting.fallback import fall_back
from bootmle.sampling.streams import stream_of
from models import logit, normal, poisson

Floats = NDArray[np.float64]


def target(fun: Any, size: int = 2) -> WhitenedObjective:
    likelihood = read_likelihood(fun, (), None, None, read_parameters(np.zeros(size)))
    return WhitenedObjective(
        likelihood, Whitening(np.zeros(size), np.eye(size)), fun(np.zeros(size))
    )


def ray_from(objective: WhitenedObjective, z: list[float], step: list[float]) -> Ray | None:
    start, sizes = np.array(z), StepSizes.from_noise(1e-14)
    return probe_rays(objective, start, objective.value(start), np.array(step), sizes)


def test_a_regular_optimum_is_no_ray() -> None:
    bowl = target(lambda p: float((p**2).sum()))
    assert ray_from(bowl, [1.0, 0.0], [1.0, 0.0]) is None


def test_a_far_optimum_is_no_ray() -> None:
    bowl = target(lambda p: float((p[0] - 40.0) ** 2 + p[1] ** 2))
    assert ray_from(bowl, [1.0, 0.0], [1.0, 0.0]) is None


def test_a_likelihood_that_saturates_is_a_saturating_ray() -> None:
    slope = target(lambda p: float(np.exp(-p[0]) + p[1] ** 2))
    ray = ray_from(slope, [1.0, 0.0], [2.0, 0.0])
    assert ray is not None
    assert ray.saturating
    np.testing.assert_allclose(ray.direction, [1.0, 0.0])


def test_a_likelihood_without_a_bound_is_a_ray_that_does_not_saturate() -> None:
    slope = target(lambda p: float(-p[0] + p[1] ** 2))
    ray = ray_from(slope, [1.0, 0.0], [2.0, 0.0])
    assert ray is not None
    assert not ray.saturating


def outside(p: Floats) -> float:
    return float(p[0] ** 2 + p[1] ** 2) if p[0] < 3 else np.nan


def test_beyond_the_domain_is_no_ray() -> None:
    assert ray_from(target(outside), [4.0, 0.0], [1.0, 0.0]) is None


def test_a_refit_that_left_the_domain_goes_on_from_the_estimate() -> None:
    step_sizes = StepSizes.from_noise(1e-14)
    left = np.array([4.0, 1.0])
    outcome = fall_back(target(outside), left, np.array([1.0, 0.0]), step_sizes, Optimizer())
    assert outcome.status is Status.CERTIFIED
    np.testing.assert_allclose(outcome.params, 0.0, atol=1e-6)


def test_a_flat_line_is_no_ray() -> None:
    flat = target(lambda p: float(p[1] ** 2))
    assert ray_from(flat, [1.0, 0.0], [2.0, 0.0]) is None


def separation_signs(X: Floats, y: Floats) -> Floats | None:
    """Where the coefficients go on separated data; None where a finite optimum exists.

    Linear programs (Albert and Anderson 1984): rows that some b with s x'b >= 0 separates
    strictly, then the range of each coefficient over the b that separate all of these. Entries
    are +1 or -1, 0 for a coefficient that stays finite, NaN where both signs are possible.
    """
    Z = np.unique((2 * y - 1)[:, None] * X, axis=0)
    n, p = Z.shape
    # All such rows at once: the most that z'b >= t, 0 <= t <= 1 can sum to has t = 1 for each of
    # them, as b may be as long as it takes and the sum of two such b separates what either does.
    most: Any = linprog(
        np.r_[np.zeros(p), -np.ones(n)],
        A_ub=np.hstack([-Z, np.eye(n)]),
        b_ub=np.zeros(n),
        bounds=[(None, None)] * p + [(0.0, 1.0)] * n,
    )
    strict = most.x[p:] > 0.5
    if not strict.any():
        return None
    signs = np.empty(p)
    limits: dict[str, Any] = {"A_ub": -Z[strict], "b_ub": -np.ones(strict.sum())}
    if not strict.all():
        limits |= {"A_eq": Z[~strict], "b_eq": np.zeros((~strict).sum())}
    for j in range(p):
        ends = []
        for side in (1.0, -1.0):
            answer = linprog(side * np.eye(p)[j], bounds=[(None, None)] * p, **limits)
            ends.append(side * answer.fun if answer.status == 0 else -side * np.inf)
        low, high = ends
        signs[j] = 1.0 if low > 1e-7 else -1.0 if high < -1e-7 else np.nan
        if abs(low) < 1e-7 and abs(high) < 1e-7:
            signs[j] = 0.0
    return signs


@cache
def resampled_signs(p: int, n: int, seed: int) -> list[Floats | None]:
    """The signs of each of 128 resamples of a data set of STRONG coefficients."""
    X, y = strong_data(p, n, seed)
    signs = []
    for k in range(128):
        rows = Cases().draw(n, k, stream_of(seed, k)).rows
        assert rows is not None
        signs.append(separation_signs(X[rows], y[rows]))
    return signs


def strong_data(p: int, n: int, seed: int) -> tuple[Floats, Floats]:
    model, rng = logit(p - 1), np.random.default_rng(seed)
    X, y = model.simulate(STRONG[p], rng, *model.design(n, rng))
    return X, y


STRONG = {
    2: np.array([0.0, 2.0]),
    3: np.array([0.0, 2.0, -2.0]),
    4: np.array([0.0, 2.0, -2.0, 1.0]),
}


@pytest.mark.parametrize(("p", "n", "seed"), [(2, 12, 0), (3, 25, 5), (4, 30, 1)])
@pytest.mark.parametrize("with_jac", [False, True], ids=["differences", "jac"])
def test_separated_logits_are_those_of_a_linear_program(
    p: int, n: int, seed: int, with_jac: bool
) -> None:
    model = logit(p - 1)
    args = strong_data(p, n, seed)
    mle = fit(model.nll, np.zeros(p), args, jac=model.scores if with_jac else None)
    assert mle.converged
    boot = bootstrap(mle, n_resamples=128, rng=seed)
    n_separated = 0
    for k, signs in enumerate(resampled_signs(p, n, seed)):
        diverged = boot.status[k] == Status.NO_FINITE_OPTIMUM
        assert diverged == (signs is not None), f"replicate {k}: {boot.data.messages.get(k)}"
        if signs is None:
            assert np.isfinite(boot.replicates[k]).all()
            continue
        n_separated += 1
        shown = np.where(np.isinf(boot.replicates[k]), np.sign(boot.replicates[k]), 0.0)
        shown = np.where(np.isnan(boot.replicates[k]), np.nan, shown)
        np.testing.assert_array_equal(shown, signs, err_msg=f"replicate {k}")
    assert n_separated >= 4
    assert boot.data.n_evaluations.max() < 1000


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("with_jac", [False, True], ids=["differences", "jac"])
def test_a_separated_fit_has_no_finite_optimum(seed: int, with_jac: bool) -> None:
    model, rng = logit(1), np.random.default_rng(seed)
    x = rng.normal(size=20)
    args = (np.column_stack([np.ones(20), x]), (x > np.median(x)).astype(float))
    mle = fit(model.nll, [0.0, 0.0], args, jac=model.scores if with_jac else None)
    assert mle.status is Status.NO_FINITE_OPTIMUM
    assert not mle.converged
    assert "x2 → +∞" in str(mle)


def test_a_replicate_without_counts_sends_the_intercept_of_a_poisson_to_minus_infinity() -> None:
    k = np.zeros(30)
    k[:2] = 1.0
    mle = fit(lambda p, k: np.exp(p[0]) - k * p[0], {"log_rate": 0.0}, k)
    boot = bootstrap(mle, n_resamples=128, rng=0)
    draws = [stream_of(0, i) for i in range(128)]
    empty = np.array([Cases().draw(30, i, s).weights @ k == 0 for i, s in enumerate(draws)])
    assert empty.sum() > 5
    np.testing.assert_array_equal(boot.status == Status.NO_FINITE_OPTIMUM, empty)
    np.testing.assert_array_equal(boot.replicates[empty, 0], -np.inf)


def test_a_diverged_replicate_says_where_each_parameter_goes() -> None:
    model = logit(1)
    X, y = model.data(12, rng=0)
    boot = bootstrap(
        fit(model.nll, [0.0, 0.0], (X, y), names=["const", "x"]), n_resamples=64, rng=3
    )
    diverged = np.flatnonzero(boot.status == Status.NO_FINITE_OPTIMUM)
    assert len(diverged) > 0
    for k in diverged:
        assert "likelihood rises" in boot.data.messages[int(k)]
        assert "→ +∞" in boot.data.messages[int(k)] or "→ −∞" in boot.data.messages[int(k)]


def test_whether_a_replicate_diverges_does_not_depend_on_an_iteration_cap() -> None:
    model = logit(1)
    args = model.data(14, rng=0)
    runs = [
        bootstrap(fit(model.nll, [0.0, 0.0], args, options={"maxiter": cap}), n_resamples=64, rng=0)
        for cap in (2, 1000)
    ]
    np.testing.assert_array_equal(runs[0].status, runs[1].status)
    assert (runs[0].status == Status.NO_FINITE_OPTIMUM).any()


def test_no_diverging_replicate_where_the_model_always_has_an_optimum() -> None:
    model = poisson(1)
    args = model.data(60, rng=0)
    boot = bootstrap(fit(model.nll, model.truth, args), n_resamples=128, rng=0)
    assert set(boot.status) == {Status.CERTIFIED}


def test_a_bound_elsewhere_does_not_hide_that_there_is_no_optimum() -> None:
    y = np.array([1.0, 2.0, 4.0, 8.0, 3.0, 5.0, 9.0, 2.5])
    start = {"mu": 4.0, "log_sigma": 1.0}
    mle = fit(normal().nll, start, y, bounds=[(None, 6.0), (None, None)])
    indices = [[3, 3, 3, 3, 6, 6, 6, 6], [0, 1, 2, 3, 4, 5, 6, 7], [5] * 8]
    boot = bootstrap(mle, sampling=Given(indices=indices))
    assert boot.status.tolist() == [Status.AT_BOUND, Status.CERTIFIED, Status.NO_FINITE_OPTIMUM]
    assert boot.replicates[2, 1] == -np.inf
