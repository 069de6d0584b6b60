"""Ridges: parameters of which the data identify a function alone, on whatever scale it bends."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bootmle import Flag, Status, bootstrap, crosscheck, fit, information

Y = np.random.default_rng(0).exponential(2.0, 100)
X = np.random.default_rng(1).normal(size=100)
Z = 1 + 0.5 * X + np.random.default_rng(2).normal(size=100)


def exponential(mean: Any, y: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.log(mean) + y / mean


def ratio(params: Any, y: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.log(params[1]) - np.log(params[0]) + params[0] * y / params[1]


RIDGES: dict[str, Callable[[Any, Any], Any]] = {
    "ratio": ratio,
    "product": lambda p, y: exponential(p[0] * p[1], y),
    "power": lambda p, y: exponential(np.abs(p[0]) ** p[1], y),
    "squares": lambda p, y: exponential(p[0] ** 2 + p[1] ** 2, y),
}


@pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])
@pytest.mark.parametrize("start", [[1.0, 2.0], [3.0, 0.5]])
@pytest.mark.parametrize("kind", RIDGES)
def test_a_function_of_two_parameters_identifies_neither(
    kind: str, start: list[float], reduce: bool
) -> None:
    def nll(params: Any, y: Any) -> Any:
        values = RIDGES[kind](params, y)
        return values.sum() if reduce else values

    mle = fit(nll, dict(zip("ab", start, strict=True)), Y)
    assert mle.status is Status.NOT_IDENTIFIED
    assert mle.not_identified == ("a", "b")
    assert mle.information.definiteness == "singular"
    assert mle.nll == pytest.approx(100 * (np.log(Y.mean()) + 1), abs=1e-9)
    assert np.isnan(mle.information.standard_errors).all()
    assert not np.any(mle.information.covariance == 0)


@pytest.mark.parametrize("transform", [None, "log"])
@pytest.mark.parametrize("start", [[1.0, 1.0], [10.0, 10.0], [0.1, 0.1], [100.0, 1.0], [0.01, 5.0]])
def test_a_ratio_is_recognized_from_every_start(start: list[float], transform: Any) -> None:
    mle = fit(ratio, dict(zip("as", start, strict=True)), Y, transform=transform)
    assert mle.status is Status.NOT_IDENTIFIED
    assert mle.not_identified == ("a", "s")
    assert mle.estimate[1] / mle.estimate[0] == pytest.approx(Y.mean(), rel=1e-7)


def test_neither_bootstrap_nor_check_gives_a_standard_error_along_a_ridge() -> None:
    def nll(params: Any, x: Any, z: Any) -> Any:
        return 0.5 * (z - 10 * params[0] - params[1] * params[2] * x) ** 2

    mle = fit(nll, {"c": 0.0, "a": 0.1, "b": 3.0}, (X, Z))
    boot = bootstrap(mle, n_resamples=99, rng=0)
    assert np.isnan(boot.standard_error).tolist() == [False, True, True]
    check = crosscheck(boot)
    assert {verdict.flag for verdict in check.verdicts.values()} == {Flag.NOT_IDENTIFIED}
    assert not any(verdict.agrees for verdict in check.verdicts.values())
    alone = fit(lambda p, x, z: nll([p[0], 1.0, p[1]], x, z), [0.0, 0.0], (X, Z))
    free = bootstrap(alone, n_resamples=99, rng=0).standard_error[0]
    assert boot.standard_error[0] == pytest.approx(free, rel=1e-4)


@pytest.mark.parametrize("closeness", [1e-1, 1e-3, 1e-5])
def test_nearly_collinear_columns_are_no_ridge(closeness: float) -> None:
    near = X + closeness * np.random.default_rng(3).normal(size=100)
    columns = np.column_stack([np.ones(100), X, 1e3 * near])
    mle = fit(lambda p, X, z: 0.5 * (z - X @ p) ** 2, np.zeros(3), (columns, Z))
    assert mle.status is Status.CERTIFIED
    scaled = columns / [1, 1, 1e3]
    errors = np.sqrt(np.diag(np.linalg.inv(scaled.T @ scaled))) / [1, 1, 1e3]
    np.testing.assert_allclose(mle.information.standard_errors, errors, rtol=1e-3)


def test_a_ridge_that_little_else_identifies_is_none() -> None:
    # The prior on a has a standard deviation of √10, all that identifies it; ab has one of 0.2.
    def nll(params: Any, y: Any) -> Any:
        return exponential(params[0] * params[1], y) + 0.0005 * (params[0] - 1.3) ** 2

    mle = fit(nll, {"a": 1.0, "b": 2.0}, Y)
    assert mle.converged
    assert mle.not_identified == ()
    assert mle.estimate == pytest.approx([1.3, Y.mean() / 1.3], rel=1e-5)
    assert mle.information.definiteness != "singular"
    assert mle.information.standard_errors[0] == pytest.approx(10**0.5, rel=1e-3)


@pytest.mark.parametrize("a", [0.23, 1.0, 3.3])
@pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])
def test_a_straight_ridge_towards_the_end_of_the_domain_is_flat(a: float, reduce: bool) -> None:
    def nll(params: Any, y: Any) -> Any:
        values = ratio(params, y)
        return values.sum() if reduce else values

    s = a * Y.mean()
    found = information(nll, {"a": a, "s": s}, Y)
    assert found.definiteness == "singular"
    hessian = 100 * np.array([[1 / a**2, -1 / (a * s)], [-1 / (a * s), 1 / s**2]])
    assert np.all(np.abs(found.matrix - hessian) <= found.error)
    assert np.all(np.abs(found.eigenvalues - [0, np.trace(hessian)]) <= found.eigenvalue_errors)
    along = found.null_directions[:, 0]
    np.testing.assert_allclose(along / along[0], [1.0, Y.mean()], rtol=1e-5)


def test_beside_a_ridge_the_curvature_along_it_is_negative_and_said_to_be() -> None:
    # With g(log s − log a) and g' > 0 the Hessian has the determinant −(g'/(as))² to second order.
    found = information(ratio, {"a": 1.0, "s": 1.01 * Y.mean()}, Y)
    assert found.definiteness == "indefinite"


def test_an_exception_far_from_the_estimate_costs_no_fit() -> None:
    # Uncentred years make the intercept shallow: the check for ridges walks far along it.
    rng = np.random.default_rng(0)
    year = rng.normal(2000.0, 3.0, 200)
    X = np.column_stack([np.ones(200), year])
    y = (rng.random(200) < 0.5).astype(float)

    def nll(params: Any, X: Any, y: Any) -> Any:
        if abs(params[0]) > 1e3:
            raise RuntimeError("no root in the bracket")
        eta = X @ params
        return np.logaddexp(0.0, eta) - y * eta

    assert fit(nll, [0.0, 0.0], (X, y)).status is Status.CERTIFIED
