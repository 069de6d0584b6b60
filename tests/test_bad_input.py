"""Every bad input: the error names the argument, shows its value and says the way out."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bootmle import Bayesian, Cases, Estimator, Fit, Given, Parametric, bootstrap, crosscheck, fit
from models import normal

Y = np.random.default_rng(1).normal(3.0, 2.0, 20)
START = {"mu": 2.0, "log_sigma": 0.5}
nll = normal().nll


def total(params: Any, y: Any) -> float:
    return float(nll(params, y).sum())


def standard(y: Any = Y) -> Fit:
    return fit(nll, START, y)


def refused(kind: type[Exception], parts: list[str], call: Callable[[], Any]) -> None:
    with pytest.raises(kind) as caught:
        call()
    message = str(caught.value)
    for part in parts:
        assert part in message, f"{part!r} is not in: {message}"


@pytest.mark.parametrize("objective", [nll, total])
def test_rows_of_args_that_differ(objective: Any) -> None:
    def two(params: Any, y: Any, z: Any) -> Any:
        return objective(params, y)

    parts = ["args[0]", "20 rows", "args[1]", "19", "same number of rows"]
    refused(ValueError, parts, lambda: fit(two, START, (Y, Y[:-1])))


@pytest.mark.parametrize("bad", [2.5, 7, "text", None, True])
def test_a_scalar_a_string_or_none_in_args(bad: Any) -> None:
    def with_constant(params: Any, y: Any, constant: Any) -> Any:
        return nll(params, y)

    parts = ["args[1]", repr(bad), "functools.partial"]
    refused(TypeError, parts, lambda: fit(with_constant, START, (Y, bad)))


@pytest.mark.parametrize("bad", [2.5, "text", None])
def test_a_bare_scalar_a_string_or_none_as_args(bad: Any) -> None:
    refused(TypeError, ["args", repr(bad), "functools.partial"], lambda: fit(nll, START, bad))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("objective", [nll, total])
def test_an_objective_that_is_not_finite_at_x0(objective: Any, bad: float) -> None:
    def broken(params: Any, y: Any) -> Any:
        return objective(params, y) + bad

    parts = ["x0", str(bad), "'mu': 2.0", "finite"]
    refused(ValueError, parts, lambda: fit(broken, START, Y))


def test_the_row_that_makes_the_objective_not_finite_is_named() -> None:
    y = np.where(np.arange(20) == 13, np.nan, Y)
    refused(ValueError, ["x0", "nan", "row 13", "missing"], lambda: fit(nll, START, y))


def autoregression(params: Any, y: Any) -> Any:
    residual = y[1:] - params[0] - np.tanh(params[1]) * y[:-1]
    return 0.5 * np.concatenate([[y[0] ** 2], residual**2])


@pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])
def test_an_objective_that_depends_on_the_order_of_rows_under_cases(reduce: bool) -> None:
    def objective(params: Any, y: Any) -> Any:
        values = autoregression(params, y)
        return values.sum() if reduce else values

    y = np.cumsum(Y - Y.mean())
    mle = fit(objective, [0.0, 0.0], y)
    parts = ["sampling", "Cases()", "order of the rows", "Blocks", "Clustered", "Parametric"]
    refused(ValueError, parts, lambda: bootstrap(mle, n_resamples=9, rng=0))


def test_fewer_contributions_than_rows_under_cases() -> None:
    def pairs(params: Any, y: Any) -> Any:
        return nll(params, y).reshape(-1, 2).sum(axis=1)

    parts = ["sampling", "Cases()", "fewer contributions", "Clustered"]
    mle = fit(pairs, START, Y)
    refused(ValueError, parts, lambda: bootstrap(mle, n_resamples=9, rng=0))


def test_a_total_without_data_has_nothing_to_resample() -> None:
    mle = fit(lambda p: total(p, Y), START)
    parts = ["sampling", "Cases()", ".sum()", "args"]
    refused(ValueError, parts, lambda: bootstrap(mle, n_resamples=9, rng=0))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (np.ones((20, 2)), "(20, 2)"),
        (np.ones((2, 20)), "(2, 20)"),
        (np.ones((4, 5, 1)), "(4, 5, 1)"),
        (np.ones(21), "21 contributions for 20 rows"),
        (np.empty(0), "(0,)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_objective_that_returns_the_wrong_shape(value: Any, shown: str) -> None:
    refused(ValueError, ["fun", shown], lambda: fit(lambda p, y: value, START, Y))


@pytest.mark.parametrize("value", [None, "text", {"nll": 1.0}])
def test_an_objective_that_returns_no_numbers(value: Any) -> None:
    parts = ["fun", repr(value), "return"]
    refused(TypeError, parts, lambda: fit(lambda p, y: value, START, Y))


@pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])
def test_an_objective_that_returns_complex_numbers(reduce: bool) -> None:
    def objective(params: Any, y: Any) -> Any:
        values = nll(params, y) + 0.5j
        return values.sum() if reduce else values

    refused(
        TypeError,
        ["fun", "complex", "10j" if reduce else "0.5j", "real"],
        lambda: fit(objective, START, Y),
    )


@pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])
@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "Nelder-Mead"])
def test_the_log_likelihood_with_the_wrong_sign(reduce: bool, method: str) -> None:
    def wrong(params: Any, y: Any) -> Any:
        values = -nll(params, y)
        return values.sum() if reduce else values

    parts = ["fun", "unbounded below", "log-likelihood rather than its negative", "∞"]
    refused(ValueError, parts, lambda: fit(wrong, START, Y, method=method))


def test_the_wrong_sign_where_the_scale_itself_is_the_parameter() -> None:
    # It falls to −∞ as the scale goes to 0, an edge of the domain; the ray was another search's.
    y = np.random.default_rng(0).normal(3.0, 2.0, 80)

    def wrong(params: Any, y: Any) -> Any:
        with np.errstate(all="ignore"):
            return -(((y - params[0]) / params[1]) ** 2) / 2 - np.log(params[1])

    with np.errstate(all="ignore"):
        mle = fit(wrong, [0.5, 1.0], y)
    assert not mle.converged
    assert "log-likelihood rather than its negative" in mle.notes[-1]


def test_the_poisson_log_likelihood_with_the_wrong_sign() -> None:
    k = np.random.default_rng(0).poisson(3.0, 40).astype(float)

    def wrong(params: Any, k: Any) -> Any:
        with np.errstate(over="ignore"):
            return k * params[0] - np.exp(params[0])

    parts = ["fun", "unbounded below", "negative", "log_rate"]
    refused(ValueError, parts, lambda: fit(wrong, {"log_rate": 0.0}, k))


def test_least_squares_with_the_wrong_sign() -> None:
    def wrong(params: Any, y: Any) -> Any:
        return -((y - params[0]) ** 2) - (y**2 - params[1]) ** 2

    parts = ["fun", "unbounded below", "negative"]
    refused(ValueError, parts, lambda: fit(wrong, [0.0, 0.0], Y))


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["a"], ["1 names", "['a']", "2 parameters"]),
        (["a", "b", "c"], ["3 names", "2 parameters"]),
        (["a", "a"], ["['a']", "own name"]),
    ],
)
def test_names_of_the_wrong_number_or_repeated(names: Any, parts: list[str]) -> None:
    refused(ValueError, ["names", *parts], lambda: fit(nll, [2.0, 0.5], Y, names=names))


@pytest.mark.parametrize("bad", [1, 0, -5, 2.5, True, np.nan])
def test_too_few_resamples(bad: Any) -> None:
    parts = ["n_resamples must be an integer >= 2", repr(bad)]
    refused(ValueError, parts, lambda: bootstrap(standard(), n_resamples=bad))


def test_more_resamples_than_can_be() -> None:
    parts = ["n_resamples must be an integer >= 2 and at most 1,000,000,000", str(10**30)]
    refused(ValueError, parts, lambda: bootstrap(standard(), n_resamples=10**30))


@pytest.mark.parametrize("bad", [0, 2.0, "all"])
def test_n_jobs_that_joblib_cannot_read(bad: Any) -> None:
    parts = ["n_jobs", repr(bad), "-1"]
    refused(ValueError, parts, lambda: bootstrap(standard(), n_resamples=9, n_jobs=bad))


@pytest.mark.parametrize("name", ["seed", "random_state"])
def test_other_names_for_rng(name: str) -> None:
    mle = standard()
    keyword: dict[str, Any] = {name: 42}
    refused(TypeError, [name, "rng=42"], lambda: bootstrap(mle, n_resamples=9, **keyword))


def test_an_unknown_keyword() -> None:
    mle = standard()
    refused(
        TypeError,
        ["bootstrap()", "'nresamples'", "use n_resamples"],
        lambda: bootstrap(mle, nresamples=9),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("bad", [-1, 1.5, "seed", True])
def test_an_rng_that_is_none(bad: Any) -> None:
    parts = ["rng", repr(bad), "Generator"]
    refused(ValueError, parts, lambda: bootstrap(standard(), n_resamples=9, rng=bad))


def centred(params: Any, y: Any) -> Any:
    return nll(params, y - 0.5 * y.mean())


def test_fractional_weights_of_contributions_that_read_all_rows() -> None:
    mle = fit(centred, START, Y)
    for plan in (Bayesian(), Given(weights=np.full((9, 20), 0.5))):
        parts = ["sampling", repr(plan)[:5], "depend on all rows", "on its own row", "Cases()"]
        with pytest.raises(ValueError, match=r"^sampling: ") as caught:
            bootstrap(mle, sampling=plan, n_resamples=9)
        for part in parts:
            assert part in str(caught.value)
        assert ".sum()" not in str(caught.value)


def test_the_expansion_of_contributions_that_read_all_rows() -> None:
    with pytest.raises(ValueError, match=r"^refit: 'expansion'") as caught:
        bootstrap(fit(centred, START, Y), refit="expansion", n_resamples=9)
    for part in ("depend on all rows", "on its own row", "'verified'"):
        assert part in str(caught.value)
    assert ".sum()" not in str(caught.value)


@pytest.mark.parametrize("plan", [Bayesian(), Given(weights=np.full((9, 20), 0.5))])
def test_fractional_weights_of_a_total(plan: Any) -> None:
    mle = fit(total, START, Y)
    parts = ["sampling", type(plan).__name__, "total", ".sum()", "Cases()"]
    refused(ValueError, parts, lambda: bootstrap(mle, sampling=plan, n_resamples=9))


def test_fractional_weights_of_an_estimator_that_takes_none() -> None:
    mean = Estimator(np.mean, args=Y)
    parts = ["sampling", "Bayesian()", "weights", "Cases()"]
    refused(ValueError, parts, lambda: bootstrap(mean, sampling=Bayesian(), n_resamples=9))


@pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])
def test_an_objective_that_changes_with_each_call(reduce: bool) -> None:
    rng = np.random.default_rng(0)

    def simulated(params: Any, y: Any) -> Any:
        values = nll(params, y) + rng.normal(scale=1e-3, size=len(y))
        return values.sum() if reduce else values

    parts = ["fun", "two calls", "differ", "draw random numbers once", "args"]
    refused(ValueError, parts, lambda: fit(simulated, START, Y))


@pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])
def test_an_objective_that_changes_its_data(reduce: bool) -> None:
    def centres(params: Any, y: Any) -> Any:
        y -= 1.0
        values = nll(params, y)
        return values.sum() if reduce else values

    parts = ["fun", "changed its data in place", "copies"]
    refused(ValueError, parts, lambda: fit(centres, START, Y.copy()))


def test_an_objective_that_changes_its_parameters() -> None:
    def exponentiates(params: Any, y: Any) -> Any:
        params[1] = 2 * params[1]
        return nll(params, y)

    parts = ["fun", "changed params in place", "copy"]
    refused(ValueError, parts, lambda: fit(exponentiates, START, Y))


def test_an_objective_that_cannot_be_called() -> None:
    refused(TypeError, ["fun", "3.0", "negative log-likelihood"], lambda: fit(3.0, START, Y))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("weights", "parts"),
    [
        (np.ones(19), ["19 weights", "20 contributions"]),
        (np.where(np.arange(20) == 3, -1.5, 1.0), ["-1.5", "not negative"]),
        (np.where(np.arange(20) == 3, np.nan, 1.0), ["nan", "finite"]),
        (np.zeros(20), ["all zero", "zeros only"]),
        (2, ["2;", "one weight for each contribution"]),
        (np.ones((20, 1)), ["shape (20, 1)", "one weight for each contribution"]),
    ],
)
def test_prior_weights_that_cannot_be_used(weights: Any, parts: list[str]) -> None:
    refused(ValueError, ["weights", *parts], lambda: fit(nll, START, Y, weights=weights))


def test_prior_weights_of_a_total() -> None:
    call = lambda: fit(total, START, Y, weights=np.ones(20))  # noqa: E731
    refused(ValueError, ["weights", "total", ".sum()"], call)


@pytest.mark.parametrize(
    ("jac", "parts"),
    [
        (lambda p, y: np.ones(3), ["(3,)", "(2,)", "(20, 2)"]),
        (lambda p, y: np.ones((2, 20)), ["(2, 20)", "(20, 2)"]),
        ("cs", ["'cs'", "function", "None"]),
        (True, ["True", "(value, gradient)"]),
    ],
)
def test_a_jac_that_cannot_be_used(jac: Any, parts: list[str]) -> None:
    refused(ValueError, ["jac", *parts], lambda: fit(nll, START, Y, jac=jac))


@pytest.mark.parametrize("plan", [Cases, "cases", None, 3])
def test_a_plan_that_is_none(plan: Any) -> None:
    parts = ["sampling", *(["Cases(...)"] if plan is Cases else [repr(plan), "Cases()"])]
    refused(TypeError, parts, lambda: bootstrap(standard(), sampling=plan, n_resamples=9))


def test_an_objective_that_takes_other_data() -> None:
    parts = ["fun", "(params, y, z)", "1 in args", "'z'", "tuple"]
    refused(TypeError, parts, lambda: fit(lambda params, y, z: y, START, [Y, Y]))
    parts = ["jac", "(params)", "1 in args", "too many", "tuple"]
    refused(TypeError, parts, lambda: fit(nll, START, Y, jac=lambda params: params))


def test_a_simulator_that_takes_other_data_or_returns_none() -> None:
    parts = ["simulate", "(params)", "rng", "1 in args", "too many"]
    plan = Parametric(lambda params: params)
    refused(TypeError, parts, lambda: bootstrap(standard(), sampling=plan, n_resamples=9))
    plan = Parametric(lambda params, rng, y: None)
    parts = ["simulate: returned None", "form of args"]
    refused(RuntimeError, parts, lambda: bootstrap(standard(), sampling=plan, n_resamples=9))


@pytest.mark.parametrize("bad", [3, ["runs"]])
def test_a_checkpoint_that_is_no_path(bad: Any) -> None:
    parts = ["checkpoint", repr(bad), "path of a directory"]
    refused(TypeError, parts, lambda: bootstrap(standard(), n_resamples=9, checkpoint=bad))


def test_a_checkpoint_that_is_a_file() -> None:
    parts = ["checkpoint", __file__, "is a file", "directory"]
    refused(ValueError, parts, lambda: bootstrap(standard(), n_resamples=9, checkpoint=__file__))


def test_a_result_of_scipy_without_a_name() -> None:
    mle = standard()
    parts = ["covariances", "OptimizeResult", '{"BFGS": res}']
    refused(TypeError, parts, lambda: crosscheck(mle, covariances=mle.optimize_result))
    parts = ["covariances", "'mine'", "(3,)", "2 standard errors"]
    refused(ValueError, parts, lambda: crosscheck(mle, covariances={"mine": [1.0, 2.0, 3.0]}))
    parts = ["covariances", "'mine'", "-2", "NaN where one is missing"]
    refused(ValueError, parts, lambda: crosscheck(mle, covariances={"mine": [1.0, -2.0]}))


def test_a_refit_that_does_not_exist() -> None:
    parts = ["refit", "'fast'", "verified", "expansion"]
    refused(ValueError, parts, lambda: bootstrap(standard(), refit="fast"))


def test_something_else_than_a_fit() -> None:
    parts = ["fit", "ndarray", "Estimator"]
    refused(TypeError, parts, lambda: bootstrap(np.ones(3), n_resamples=9))  # type: ignore[arg-type]


def test_a_fit_without_an_optimum_is_not_refitted() -> None:
    def slope(params: Any, y: Any) -> Any:
        return np.exp(-params[0]) * np.abs(y)

    mle = fit(slope, {"a": 0.0}, Y)
    parts = ["fit", "no finite optimum", "print(fit)"]
    refused(ValueError, parts, lambda: bootstrap(mle, n_resamples=9))


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ({}, ["indices=", "weights="]),
        ({"indices": [[0]], "weights": [[1.0]]}, ["indices=", "weights="]),
        ({"indices": [0, 1, 2]}, ["indices", "(3,)", "row for each resample"]),
        ({"indices": [[0, -1]]}, ["indices", "not negative"]),
        ({"indices": [[0.5, 1.0]]}, ["indices", "whole", "0.5"]),
        ({"indices": [[True, False]]}, ["indices", "True or False", "weights="]),
        ({"weights": [[1.0, np.nan]]}, ["weights", "finite"]),
    ],
)
def test_given_resamples_that_cannot_be_used(arguments: Any, parts: list[str]) -> None:
    refused(ValueError, parts, lambda: Given(**arguments))


def test_given_resamples_of_other_data() -> None:
    mle = standard()
    high, short = Given(indices=[[0, 20]] * 9), Given(weights=np.ones((9, 19)))
    refused(ValueError, ["indices", "20 of 20", "from 0"], lambda: bootstrap(mle, sampling=high))
    refused(ValueError, ["weights", "19", "20"], lambda: bootstrap(mle, sampling=short))


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ({"method": "bootstrap-t"}, ["method", "'bootstrap-t'", "percentile", "basic", "normal"]),
        ({"confidence_level": 95}, ["confidence_level", "95", "0.95"]),
        ({"confidence_level": 0.0}, ["confidence_level", "0.0"]),
        ({"confidence_level": "a"}, ["confidence_level", "'a'", "0.95"]),
        ({"confidence_level": None}, ["confidence_level", "None", "0.95"]),
        ({"confidence_level": np.nan}, ["confidence_level", "nan", "0.95"]),
        ({"confidence_level": [0.9, 0.95]}, ["confidence_level", "[0.9, 0.95]"]),
        ({"method": 3}, ["method", "3", "percentile", "basic", "normal"]),
        ({"method": None}, ["method", "None", "percentile"]),
        ({"alternative": "both"}, ["alternative", "'both'", "two-sided"]),
        ({"alternative": None}, ["alternative", "None", "two-sided", "less", "greater"]),
        ({"confidence_level": 0.99}, ["0.99", "199 replicates", "99", "n_resamples"]),
    ],
)
def test_intervals_that_cannot_be_given(arguments: Any, parts: list[str]) -> None:
    boot = bootstrap(standard(), n_resamples=99, rng=0)
    refused(ValueError, parts, lambda: boot.confidence_interval(**arguments))
