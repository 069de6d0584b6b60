"""Constraints: the optimum that each of SciPy's methods leaves is the constrained closed form."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bootmle import Cases, Fit, Status, bootstrap, fit
from models import normal

Floats = NDArray[np.float64]
Y = np.random.default_rng(1).normal(3.0, 2.0, 80)
SE = float(Y.std() / np.sqrt(80))
START = {"mu": 0.0, "log_sigma": 0.0}
nll = normal().nll
COUNT = 12

# SciPy's trust-constr warns of a constraint that is linear.
METHODS = pytest.mark.parametrize("method", ["BFGS", "SLSQP", "trust-constr", "COBYLA"])
LINEAR = pytest.mark.filterwarnings("ignore:delta_grad == 0.0:UserWarning")


def closed(weights: Floats, limit: float) -> list[float]:
    """The optimum under mu ≤ limit."""
    mu = min(float(weights @ Y / weights.sum()), limit)
    return [mu, 0.5 * np.log(weights @ (Y - mu) ** 2 / weights.sum())]


def limited(limit: float, method: str, **options: Any) -> Fit:
    constraint = {"type": "ineq", "fun": lambda p: limit - p[0]}
    return fit(nll, START, Y, method=method, constraints=constraint, **options)


@LINEAR
@METHODS
@pytest.mark.parametrize("standard_errors", [-1.8, -0.8, -0.3])
def test_an_active_inequality_is_met_to_the_last_digits(
    method: str, standard_errors: float
) -> None:
    limit = float(Y.mean()) + standard_errors * SE
    mle = limited(limit, method)
    assert mle.status is Status.AT_BOUND
    assert mle.converged
    np.testing.assert_allclose(mle.estimate, closed(np.ones(80), limit), rtol=0, atol=1e-6)
    assert mle.estimate[0] <= limit + 1e-9


@LINEAR
@METHODS
@pytest.mark.parametrize("standard_errors", [0.3, 10.0])
def test_an_inequality_that_does_not_bind_leaves_a_certified_optimum(
    method: str, standard_errors: float
) -> None:
    mle = limited(float(Y.mean()) + standard_errors * SE, method)
    assert mle.status is Status.CERTIFIED
    np.testing.assert_allclose(mle.estimate, closed(np.ones(80), np.inf), rtol=0, atol=1e-6)


@LINEAR
@METHODS
@pytest.mark.parametrize("standard_errors", [0.2, -0.3], ids=["inactive", "active"])
def test_no_replicate_lies_beyond_a_constraint(
    method: str, standard_errors: float, weights_of: Any
) -> None:
    limit = float(Y.mean()) + standard_errors * SE
    boot = bootstrap(limited(limit, method), n_resamples=COUNT, rng=0)
    weights = weights_of(Cases(), 0, 80, COUNT)
    expected = np.array([closed(row, limit) for row in weights])
    assert boot.n_failed == 0
    np.testing.assert_allclose(boot.replicates, expected, rtol=0, atol=1e-6)
    assert boot.replicates[:, 0].max() <= limit + 1e-9
    np.testing.assert_array_equal(boot.status == Status.AT_BOUND, weights @ Y / 80 > limit)


@pytest.mark.parametrize("method", ["CG", "Newton-CG", "cg"])
def test_a_method_that_cannot_keep_bounds_is_named_and_refused(method: str) -> None:
    with pytest.raises(ValueError, match=f"method: '{method}' does not support bounds") as caught:
        fit(nll, START, Y, method=method, bounds=[(None, 2.5), (None, None)])
    assert "'L-BFGS-B'" in str(caught.value)


def test_a_method_that_cannot_keep_bounds_serves_where_there_are_none() -> None:
    for bounds in (None, [(None, None), (-np.inf, np.inf)]):
        assert fit(nll, START, Y, method="CG", bounds=bounds).status is Status.CERTIFIED


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"method": "BFSG"}, ValueError, "method: 'BFSG' is unknown; .*bfgs, .*trust-constr"),
        ({"method": "trust-exact"}, ValueError, "method: 'trust-exact' takes a Hessian"),
        ({"method": "Newton-CG"}, ValueError, "method: 'Newton-CG' takes a gradient; pass jac="),
        ({"options": [3]}, TypeError, r"options: \[3\]; pass a dict"),
        ({"constraints": 3}, TypeError, "constraints: 3; pass a dict with 'type' and 'fun'"),
        ({"constraints": "mu"}, TypeError, "constraints: 'mu'; pass a dict"),
        ({"constraints": [{"type": "eq"}]}, ValueError, "constraints: {'type': 'eq'}; give it"),
        ({"constraints": {"type": "le", "fun": sum}}, ValueError, "constraints: .*'eq' or 'ineq'"),
    ],
)
def test_what_scipy_could_not_use_is_named(
    options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        fit(nll, START, Y, **options)


def test_a_method_that_takes_a_gradient_gets_it() -> None:
    def gradient(p: Any, y: Any) -> Any:
        z = (y - p[0]) / np.exp(p[1])
        return np.column_stack([-z / np.exp(p[1]), 1 - z**2])

    mle = fit(nll, START, Y, method="Newton-CG", jac=gradient)
    assert mle.estimate == pytest.approx([Y.mean(), np.log(Y.std())])
