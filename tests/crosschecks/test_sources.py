"""What is read as a source, and what is refused."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy import optimize

from bootmle import Flag, crosscheck, fit
from bootmle.crosschecks.sources import OWN, Source
from bootmle.crosschecks.user_sources import read_sources
from bootmle.fitting.fit import Fit
from models import normal

Floats = NDArray[np.float64]
# Untyped: SciPy's overloads take no method from a variable, and no result's matrix.
minimize: Any = optimize.minimize
Y = 1000.0 + 20.0 * np.random.default_rng(1).normal(size=60)
START = {"mu": 990.0, "log_sigma": 2.0}


def total(params: Any) -> float:
    return float(normal().nll(params, Y).sum())


def gradient(params: Any) -> Floats:
    return np.asarray(normal().scores(params, Y).sum(axis=0))


def whole(**options: Any) -> Fit:
    return fit(normal().nll, START, Y, **options)


def read(given: Any, mle: Fit | None = None) -> Source:
    (source,) = read_sources(mle or whole(), {"given": given})
    return source


MATRIX = np.array([[4.0, 0.1], [0.1, 0.01]])


@pytest.mark.parametrize("given", [MATRIX, MATRIX.tolist(), MATRIX.astype(np.float32)])
def test_a_matrix_gives_the_roots_of_its_diagonal(given: Any) -> None:
    source = read(given)
    assert_allclose(source.standard_errors, [2.0, 0.1], rtol=1e-6)
    assert source.result is None
    assert not source.quasi_newton


def test_a_frame_is_a_matrix_too() -> None:
    pandas = pytest.importorskip("pandas")
    assert_array_equal(read(pandas.DataFrame(MATRIX)).standard_errors, [2.0, 0.1])


def test_negative_variances_are_no_errors() -> None:
    assert_array_equal(read([[-4.0, 0.0], [0.0, 0.01]]).standard_errors, [np.nan, 0.1])


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B"])
def test_results_and_their_matrices(method: str) -> None:
    result = minimize(total, [990.0, 2.0], jac=gradient, method=method)
    held = result.hess_inv.todense() if method == "L-BFGS-B" else result.hess_inv
    source = read(result)
    assert_array_equal(source.standard_errors, np.sqrt(np.diag(held)))
    assert source.result is result
    assert source.quasi_newton
    matrix = read(result.hess_inv)
    assert_array_equal(matrix.standard_errors, source.standard_errors)
    assert matrix.quasi_newton is (method == "L-BFGS-B")


def test_a_matrix_of_the_free_parameters_alone_is_placed_among_all() -> None:
    mle = whole(fixed={"mu": 1000.0})
    assert_array_equal(read([[0.04]], mle).standard_errors, [0.0, 0.2])
    assert_array_equal(read(MATRIX, mle).standard_errors, [2.0, 0.1])


@pytest.mark.parametrize("name", OWN)
def test_names_of_its_own_sources_are_taken(name: str) -> None:
    with pytest.raises(
        ValueError, match=f"covariances: '{name}' is a source that the cross-check computes itself"
    ):
        crosscheck(whole(), {name: MATRIX})


@pytest.mark.parametrize("given", [MATRIX, [MATRIX], "BFGS", 3.0])
def test_sources_without_names_are_refused(given: Any) -> None:
    with pytest.raises(TypeError, match=r"covariances: .*pass a mapping from name"):
        crosscheck(whole(), given)


@pytest.mark.parametrize("given", [np.eye(3), np.ones(3), 4.0, np.ones((2, 2, 2)), np.eye(1)])
def test_matrices_of_another_shape_are_refused(given: Any) -> None:
    with pytest.raises(ValueError, match=r"covariances: 'bad' has shape .*; pass .*\(2, 2\)"):
        crosscheck(whole(), {"bad": given})


@pytest.mark.parametrize("given", ["BFGS", [["a", "b"], ["c", "d"]], object()])
def test_what_holds_no_numbers_is_refused(given: Any) -> None:
    with pytest.raises(TypeError, match=r"covariances: 'bad' is .*; pass a"):
        crosscheck(whole(), {"bad": given})


def test_a_result_without_a_matrix_is_refused() -> None:
    result: Any = optimize.OptimizeResult
    found = minimize(total, [990.0, 2.0], method="Nelder-Mead")
    with pytest.raises(ValueError, match="covariances: 'NM' has no hess_inv"):
        crosscheck(whole(), {"NM": found})
    with pytest.raises(ValueError, match="covariances: 'none' is None"):
        crosscheck(whole(), {"none": None})
    with pytest.raises(ValueError, match="covariances: 'empty' has no hess_inv"):
        crosscheck(whole(), {"empty": result({"x": np.zeros(2)})})


def test_no_error_rests_on_a_hessian_that_is_not_positive_definite() -> None:
    # Only a + b enters: R's vcov() of the full model is NA as well.
    def nll(params: Any, y: Any) -> Any:
        return normal().nll([params[0] + params[1], params[2]], y)

    check = crosscheck(fit(nll, {"a": 500.0, "b": 490.0, "log_sigma": 2.0}, Y))
    for source in ("hessian", "opg", "sandwich"):
        assert np.isnan(check.standard_errors[source]).all()
    for source in ("hessian", "opg"):
        assert not check.verdicts[source].agrees
    assert Flag.NOT_IDENTIFIED in check.flags


def test_sources_come_in_the_order_given_after_its_own() -> None:
    names = ("first", "second")
    check = crosscheck(whole(names=names), {"one": MATRIX, "two": 4 * MATRIX})
    assert list(check.standard_errors) == ["sandwich", "hessian", "opg", "one", "two"]
    assert_array_equal(check.standard_errors["two"], 2 * check.standard_errors["one"])


def test_masked_numbers_and_missing_ones_of_pandas_are_missing() -> None:
    pandas = pytest.importorskip("pandas")
    masked = np.ma.MaskedArray([2.0, 0.1], mask=[False, True])
    nullable = pandas.Series([2.0, pandas.NA], index=["mu", "log_sigma"], dtype="Float64")
    for given in (masked, nullable):
        source = read(given)
        assert_array_equal(source.standard_errors, [2.0, np.nan])
        assert_array_equal(source.missing, [False, True])


def test_labels_of_several_levels_are_those_of_the_last() -> None:
    pandas = pytest.importorskip("pandas")
    levels = pandas.MultiIndex.from_tuples([("scale", "log_sigma"), ("mean", "mu")])
    assert_array_equal(read(pandas.Series([0.1, 2.0], index=levels)).standard_errors, [2.0, 0.1])
    frame = pandas.DataFrame(MATRIX[::-1, ::-1], index=levels, columns=["log_sigma", "mu"])
    assert_array_equal(read(frame).standard_errors, [2.0, 0.1])


def test_a_parameter_may_be_called_x() -> None:
    def nll(params: Any, y: Floats) -> Floats:
        return np.asarray((y - params[0]) ** 2 / 2)

    mle = fit(nll, {"x": 0.0}, Y)
    assert_array_equal(read({"x": 0.1}, mle).standard_errors, [0.1])
    assert_array_equal(read(0.1, mle).standard_errors, [0.1])
    with pytest.raises(ValueError, match="the labels y, which are no parameters"):
        read({"x": 0.1, "y": 0.2}, mle)


@pytest.mark.parametrize("given", [[True, False], np.array(["2020", "2021"], "M8[Y]"), [1j, 2.0]])
def test_truth_values_dates_and_complex_numbers_are_refused(given: Any) -> None:
    with pytest.raises(TypeError, match="covariances: 'given' is"):
        read(given)


def test_half_of_a_matrix_and_a_column_of_estimates_are_refused() -> None:
    with pytest.raises(ValueError, match="'given' is not symmetric, with 0 and"):
        read(np.tril(MATRIX))
    pandas = pytest.importorskip("pandas")
    with pytest.raises(ValueError, match="is a data frame with columns"):
        read(pandas.DataFrame({"coef": [1000.0, 3.0]}, index=["mu", "log_sigma"]))
