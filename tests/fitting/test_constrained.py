"""Optima on constraints: closed forms of the multinomial, standard errors along the tangent space.

Off their constraints these objectives fall without end.
"""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import LinearConstraint, NonlinearConstraint

from bootmle import Cases, Fit, Status, bootstrap, crosscheck, fit

Floats = NDArray[np.float64]

COUNTS = np.array([68, 45, 37])
KINDS = np.random.default_rng(7).permutation(np.repeat(np.eye(3), COUNTS, axis=0))
N = len(KINDS)
SHARES = COUNTS / N
COVARIANCE = (np.diag(SHARES) - np.outer(SHARES, SHARES)) / N
ERRORS = np.sqrt(np.diag(COVARIANCE))

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def multinomial(params: Any, kinds: Any) -> Any:
    return -(kinds * np.log(params)).sum(axis=1)


def total(params: Any, kinds: Any) -> float:
    return float(multinomial(params, kinds).sum())


SUM: dict[str, Any] = {
    "mapping": {"type": "eq", "fun": lambda p: np.sum(p) - 1},
    "linear": LinearConstraint([[1.0, 1.0, 1.0]], 1, 1),
    "nonlinear": NonlinearConstraint(lambda p: np.array([1 / np.sum(p)]), 1, 1),
}
STARTS = pytest.mark.parametrize("start", [[0.3, 0.3, 0.4], [0.9, 0.05, 0.05], [0.6, 0.2, 0.2]])


def assert_shares(mle: Fit, scale: float = 1.0) -> None:
    assert mle.status is Status.CERTIFIED
    assert mle.decrement < 1e-6
    np.testing.assert_allclose(mle.estimate / scale, SHARES, rtol=0, atol=1e-6 * ERRORS.min())
    found = mle.information.covariance / scale**2
    np.testing.assert_allclose(found, COVARIANCE, rtol=0, atol=1e-6 * ERRORS.min() ** 2)
    assert mle.aic == pytest.approx(2 * (-(COUNTS @ np.log(SHARES * scale)) + 2))


@STARTS
@pytest.mark.parametrize(
    "bounds", [None, [(1e-6, 1)] * 3, [(0, 1)] * 3, [(0.25, 1), (0, 1), (0, 1)]]
)
@pytest.mark.parametrize("form", SUM)
def test_shares_that_sum_to_one_have_the_errors_of_the_multinomial(
    form: str, bounds: Any, start: list[float]
) -> None:
    assert_shares(fit(multinomial, start, KINDS, bounds=bounds, constraints=SUM[form]))


@STARTS
@pytest.mark.parametrize("scale", [1e-8, 1e-3, 100.0, 1e8])
@pytest.mark.parametrize("nll", [multinomial, total])
def test_shares_in_other_units_are_the_same(nll: Any, scale: float, start: list[float]) -> None:
    constraint = LinearConstraint([[1.0, 1.0, 1.0]], scale, scale)
    bounds = [(0, scale)] * 3
    x0 = np.array(start) * scale
    assert_shares(fit(nll, x0, KINDS, bounds=bounds, constraints=constraint), scale)


@pytest.mark.parametrize("transform", ["log", "logit"])
def test_shares_on_other_scales_are_the_same(transform: str) -> None:
    start, constraint = [0.3, 0.3, 0.4], SUM["mapping"]
    assert_shares(fit(multinomial, start, KINDS, transform=transform, constraints=constraint))


@pytest.mark.parametrize("form", ["mapping", "nonlinear"])
def test_replicates_are_the_shares_of_their_resamples(form: str, weights_of: Any) -> None:
    mle = fit(multinomial, [0.3, 0.3, 0.4], KINDS, constraints=SUM[form])
    boot = bootstrap(mle, n_resamples=64, rng=0)
    expected = weights_of(Cases(), 0, N, 64) @ KINDS / N
    np.testing.assert_allclose(boot.replicates, expected, rtol=0, atol=1e-3 * ERRORS.min())
    assert set(boot.status) <= {Status.CERTIFIED, Status.CERTIFIED_BY_FALLBACK}
    check = crosscheck(boot)
    for source in ("hessian", "opg", "sandwich"):
        np.testing.assert_allclose(check.standard_errors[source], ERRORS, rtol=1e-5)
    assert not [flag for flag in check.flags if "barely identifies" in str(flag)]


@pytest.mark.parametrize("start", [[0.3, 0.4, 0.3], [0.1, 0.1, 0.8], [0.25, 0.5, 0.25]])
def test_curved_constraints_have_the_errors_of_the_delta_method(start: list[float]) -> None:
    # Hardy and Weinberg: shares θ², 2θ(1 − θ), (1 − θ)² with θ the share of one allele among 2n.
    allele = (2 * COUNTS[0] + COUNTS[1]) / (2 * N)
    expected = [allele**2, 2 * allele * (1 - allele), (1 - allele) ** 2]
    slopes = np.array([2 * allele, 2 - 4 * allele, 2 * allele - 2])
    errors = np.abs(slopes) * np.sqrt(allele * (1 - allele) / (2 * N))
    balance = {"type": "eq", "fun": lambda p: 4 * p[0] * p[2] - p[1] ** 2}
    mle = fit(multinomial, start, KINDS, constraints=[SUM["mapping"], balance])
    assert mle.status is Status.CERTIFIED
    np.testing.assert_allclose(mle.estimate, expected, rtol=0, atol=1e-6 * errors.min())
    np.testing.assert_allclose(mle.information.standard_errors, errors, rtol=1e-6)


@pytest.mark.parametrize("as_bound", [True, False])
@pytest.mark.parametrize("start", [[0.3, 0.5, 0.2], [0.6, 0.2, 0.2], [0.02, 0.96, 0.02]])
def test_a_limit_and_a_sum_are_active_together(start: list[float], as_bound: bool) -> None:
    limit, constraints = 0.24, [SUM["mapping"]]
    bounds = [(0, 1), (0, 1), (0, limit if as_bound else 1)]
    if not as_bound:
        constraints = [*constraints, {"type": "ineq", "fun": lambda p: limit - p[2]}]
    mle = fit(multinomial, start, KINDS, bounds=bounds, constraints=constraints)
    share = COUNTS[0] / (COUNTS[0] + COUNTS[1])
    expected = [share * (1 - limit), (1 - share) * (1 - limit), limit]
    error = (1 - limit) * np.sqrt(share * (1 - share) / (COUNTS[0] + COUNTS[1]))
    assert mle.status is Status.AT_BOUND
    np.testing.assert_allclose(mle.estimate, expected, rtol=0, atol=1e-6 * error)
    errors = [error, error, 0.0]
    np.testing.assert_allclose(mle.information.standard_errors, errors, rtol=1e-6, atol=1e-12)
    assert (mle.notes[-1] == "at a bound: x3") is as_bound


@STARTS
def test_a_limit_that_does_not_bind_beside_a_sum_changes_nothing(start: list[float]) -> None:
    limit = {"type": "ineq", "fun": lambda p: 0.5 - p[2]}
    assert_shares(fit(multinomial, start, KINDS, constraints=[SUM["mapping"], limit]))


@pytest.mark.parametrize("start", [[0.3, 0.3, 0.3], [0.1, 0.2, 0.1], [0.5, 0.3, 0.2]])
def test_an_inequality_beyond_which_the_objective_falls_is_active(start: list[float]) -> None:
    limit = {"type": "ineq", "fun": lambda p: 1 - np.sum(p)}
    bounds = [(1e-6, 1)] * 3
    mle = fit(multinomial, start, KINDS, bounds=bounds, constraints=limit)
    assert mle.status is Status.AT_BOUND
    np.testing.assert_allclose(mle.estimate, SHARES, rtol=0, atol=1e-6 * ERRORS.min())


REPEATED: dict[str, Any] = {
    "twice": [SUM["mapping"], {"type": "eq", "fun": lambda p: 2 * np.sum(p) - 2}],
    "rows": LinearConstraint([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]], [1, 2], [1, 2]),
    "an inequality": [SUM["mapping"], {"type": "ineq", "fun": lambda p: 3 - 3 * np.sum(p)}],
    "beside another": [
        SUM["linear"],
        LinearConstraint([[1.0, 1.0, 1.0], [0.0, 0.0, 1.0]], [1, 0.1], [1, np.inf]),
    ],
}


@pytest.mark.parametrize("form", REPEATED)
def test_a_constraint_that_others_hold_already_changes_nothing(form: str) -> None:
    assert_shares(fit(multinomial, [0.3, 0.3, 0.4], KINDS, constraints=REPEATED[form]))


@pytest.mark.filterwarnings("ignore:delta_grad")
def test_trust_constr_steps_back_from_where_there_is_no_likelihood() -> None:
    method = "trust-constr"
    mle = fit(multinomial, [0.3, 0.3, 0.4], KINDS, method=method, constraints=SUM["mapping"])
    assert_shares(mle)


def test_constraints_that_contradict_each_other_are_not_met_halfway() -> None:
    other = {"type": "eq", "fun": lambda p: 2 * np.sum(p) - 3}
    mle = fit(multinomial, [0.3, 0.3, 0.4], KINDS, constraints=[SUM["mapping"], other])
    assert not mle.converged
    assert "do they contradict each other?" in str(mle)


def test_constraints_that_cannot_be_read_are_named() -> None:
    with pytest.raises(ValueError, match=r"constraints: .*shape \(1, 2\).*of the 3 parameters"):
        fit(multinomial, SHARES, KINDS, constraints=LinearConstraint([[1.0, 1.0]], 1, 1))
    with pytest.raises(ValueError, match=r"constraints: NonlinearConstraint with lb=2 above ub=1"):
        fit(multinomial, SHARES, KINDS, constraints=NonlinearConstraint(np.sum, 2, 1))


def test_as_many_constraints_as_parameters_leave_one_point() -> None:
    both = LinearConstraint([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0]], 2 / 3, 2 / 3)
    mle = fit(multinomial, [1 / 3] * 3, KINDS, constraints=both)
    assert mle.status is Status.AT_BOUND
    np.testing.assert_allclose(mle.estimate, 1 / 3, rtol=1e-9)


@pytest.mark.parametrize("seed", [0, 4, 5])
def test_an_identity_link_ends_where_its_smallest_mean_is_zero(seed: int) -> None:
    # Where the domain ends with the constraints no derivative can be measured on them. The optimum
    # there has a mean proportional to x - min x, whose factor is a ratio of sums.
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0, 5, 40))
    y = rng.poisson(0.05 + 0.6 * x).astype(float)

    def nll(params: Any, x: Any, y: Any) -> Any:
        mean = params[0] + params[1] * x
        logs = np.log(np.where(mean > 0, mean, 1.0))
        at_zero = np.where((mean == 0) & (y == 0), 0.0, np.inf)
        return np.where(mean > 0, mean - y * logs, at_zero)

    positive = LinearConstraint(np.column_stack([np.ones(40), x]), 0, np.inf)
    mle = fit(nll, {"a": 1.0, "b": 1.0}, (x, y), constraints=positive)
    slope = y.sum() / np.sum(x - x.min())
    assert mle.status is Status.AT_BOUND
    assert np.allclose(mle.estimate, [-slope * x.min(), slope], atol=1e-6)
