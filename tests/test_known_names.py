"""Names, keywords and calls of other libraries: answered, or refused with the name to use."""

import re
from collections.abc import Callable, Mapping
from io import StringIO
from typing import Any

import numpy as np
import pandas as pd
import pytest
from patsy import dmatrix

import bootmle
from bootmle import (
    Bootstrap,
    Clustered,
    Estimator,
    Fit,
    Status,
    Wild,
    bootstrap,
    coverage,
    crosscheck,
    fit,
)

RNG = np.random.default_rng(5)
X = pd.DataFrame({"const": 1.0, "dose": RNG.uniform(0, 4, 80), "age": RNG.normal(50, 9, 80)})
Y = RNG.poisson(np.exp(0.5 + 0.3 * X["dose"].to_numpy()))


def nll(params: Any, X: Any, y: Any) -> Any:
    eta = X @ params
    return np.exp(eta) - y * eta


def by_name(params: Any, x: Any, y: Any) -> Any:
    eta = params["intercept"] + params["slope"] * x
    return np.exp(eta) - y * eta


@pytest.fixture(scope="module")
def mle() -> Fit:
    return fit(nll, [0.0, 0.0, 0.0], args=(X, Y))


@pytest.fixture(scope="module")
def boot(mle: Fit) -> Bootstrap:
    return bootstrap(mle, n_resamples=199, rng=0)


FIT_VIEWS: Mapping[str, Callable[[Fit], Any]] = {
    "params": lambda mle: mle.estimate,  # statsmodels
    "x": lambda mle: mle.estimate,  # scipy
    "fun": lambda mle: mle.nll,
    "llf": lambda mle: -mle.nll,
    "aic": lambda mle: 2 * mle.nll + 2 * 3,
    "bic": lambda mle: 2 * mle.nll + 3 * np.log(80),
    "standard_error": lambda mle: np.sqrt(np.diag(np.linalg.inv(mle.information.matrix))),
    "covariance": lambda mle: np.linalg.inv(mle.information.matrix),
}


@pytest.mark.parametrize("name", FIT_VIEWS)
def test_views_of_a_fit(mle: Fit, name: str) -> None:
    np.testing.assert_allclose(getattr(mle, name), FIT_VIEWS[name](mle), rtol=1e-6)


def test_tables_of_a_fit(mle: Fit) -> None:
    assert mle.summary() == str(mle) == repr(mle.summary())
    np.testing.assert_array_equal(mle.to_frame()["estimate"], mle.estimate)
    assert str(mle.status) == mle.status.message
    assert f"{Status.AT_BOUND}" == Status.AT_BOUND.message


def test_covariance_of_fixed_and_withheld() -> None:
    half = fit(nll, {"a": 0.0, "b": 0.0, "c": 0.0}, args=(X, Y), fixed={"b": 0.2})
    assert not half.covariance[1].any()
    np.testing.assert_allclose(np.sqrt(np.diag(half.covariance)), half.hessian_errors)
    twins = X.assign(dose=X["age"])
    assert np.isnan(fit(nll, np.zeros(3), args=(twins, Y)).covariance).any()


def test_views_of_a_bootstrap(boot: Bootstrap) -> None:
    np.testing.assert_array_equal(boot.standard_errors, boot.standard_error)
    assert boot.summary() == str(boot) == repr(boot.summary())
    bounds = boot.confidence_interval("normal", 0.9)
    np.testing.assert_allclose(
        boot.conf_int(alpha=0.1, method="normal"), np.column_stack([bounds.low, bounds.high])
    )
    assert boot.conf_int().shape == (3, 2)
    with pytest.raises(ValueError, match=r"alpha: 0\.95.*95% intervals have 0\.05"):
        boot.conf_int(alpha=0.95)


def test_exported_tables(boot: Bootstrap, tmp_path: Any) -> None:
    text = boot.to_csv()
    assert text is not None
    read = pd.read_csv(StringIO(text), index_col=0)
    pd.testing.assert_frame_equal(read, boot.to_frame(), check_names=False)
    assert boot.to_csv(tmp_path / "table.csv") is None
    assert (tmp_path / "table.csv").read_text() == text
    assert boot.to_markdown().splitlines()[1] == "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    awkward = boot.derive(lambda p: {"50%_of|dose": p[1] / 2})
    assert r"50\%\_of|dose & $" in awkward.to_latex()
    assert r"| 50%_of\|dose |" in awkward.to_markdown()


def test_replicates_as_xarray(boot: Bootstrap) -> None:
    pytest.importorskip("xarray")
    data = boot.to_xarray()
    assert data["replicates"].dims == ("draw", "parameter")
    np.testing.assert_array_equal(data["replicates"].sel(parameter="age"), boot.replicates[:, 2])


def test_derived_arrays_as_xarray(boot: Bootstrap) -> None:
    pytest.importorskip("xarray")
    grid = np.linspace(0, 4, 5)
    curve = boot.derive(lambda p: np.exp(p[0] + np.outer(p[1:], grid))).to_xarray()
    assert curve["replicates"].dims == ("draw", "dim_0", "dim_1")
    assert curve["estimate"].dims == ("dim_0", "dim_1")
    assert curve["replicates"].shape == (199, 2, 5)
    expected = np.exp(boot.replicates[:, 0] + boot.replicates[:, 1] * grid[3])
    np.testing.assert_allclose(curve["replicates"][:, 0, 3], expected)
    named = boot.derive(lambda p: {"ratio": p[1] / p[2], "dose": p[1]}).to_xarray()
    assert named["replicates"].dims == ("draw", "parameter")
    np.testing.assert_array_equal(named["estimate"].sel(parameter="dose"), boot.estimate[1])
    assert set(named.coords) == {"draw", "parameter"}
    assert set(curve.coords) == {"draw"}


MLE_ERRORS = {
    "bse": "standard_error",  # statsmodels
    "cov_params": "covariance",
    "conf_int": "bootstrap(mle).confidence_interval()",
    "pvalues": "bootstrap(mle).p_value()",
    "nobs": "n",
    "hess_inv": "optimize_result",  # scipy
    "success": "converged",
    "message": "status.message",
    "nfev": "n_evaluations",
    "best_values": "estimate",  # lmfit
    "covar": "covariance",
    "fit_report": "summary()",
    "params_": "estimate",  # lifelines
    "standard_errors_": "standard_error",
    "variance_matrix_": "covariance",
    "print_summary": "summary()",
    "log_likelihood_": "llf",
    "coef_": "estimate",  # scikit-learn
    "logLik": "llf",  # R
    "vcov": "covariance",
    "estimat": "estimate",  # a slip
}


@pytest.mark.parametrize("name", MLE_ERRORS)
def test_attributes_of_other_fits(mle: Fit, name: str) -> None:
    with pytest.raises(AttributeError, match=f"use {re.escape(MLE_ERRORS[name])}"):
        getattr(mle, name)


BOOT_ERRORS = {
    "t": "replicates",  # R's boot
    "t0": "estimate",
    "ci": "confidence_interval",
    "confint": "confidence_interval",
    "bootstrap_distribution": "replicates",  # scipy
    "bse": "standard_error",
    "params": "estimate",
    "cov": "covariance",  # arch
    "apply": "derive",
    "hist": "plot",
    "standart_error": "standard_error",
}


@pytest.mark.parametrize("name", BOOT_ERRORS)
def test_attributes_of_other_bootstraps(boot: Bootstrap, name: str) -> None:
    with pytest.raises(AttributeError, match=f"Bootstrap has no .*; use {BOOT_ERRORS[name]}"):
        getattr(boot, name)


def test_unknown_attributes_of_other_results(mle: Fit, boot: Bootstrap) -> None:
    check, mean = crosscheck(boot), Estimator(np.mean, args=Y)
    with pytest.raises(AttributeError, match=r"Crosscheck has no .*use to_frame"):
        _ = check.summary  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"Estimator has no .*use estimate"):
        _ = mean.params  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"Fit has no .*help\(bootmle.Fit\)"):
        _ = mle.zebra  # type: ignore[attr-defined]
    assert not hasattr(mle, "zebra")


KEYWORDS = [
    ("bootstrap", {"B": 99}, "n_resamples"),
    ("bootstrap", {"R": 99}, "n_resamples"),  # R's boot
    ("bootstrap", {"n_boot": 99}, "n_resamples"),
    ("bootstrap", {"reps": 99}, "n_resamples"),  # arch
    ("bootstrap", {"seed": 1}, "rng=1"),
    ("bootstrap", {"random_state": 1}, "rng=1"),  # scikit-learn
    ("bootstrap", {"workers": 2}, "n_jobs"),  # scipy
    ("bootstrap", {"cluster": 1}, r"sampling=Clustered\(labels\)"),
    ("bootstrap", {"strata": 1}, r"sampling=Stratified\(strata\)"),
    ("bootstrap", {"alpha": 0.05}, r"confidence_level=0.95 of confidence_interval\(\)"),
    ("bootstrap", {"method": "BCa"}, r"method is an argument of confidence_interval\(\)"),
    ("bootstrap", {"n_resample": 99}, "n_resamples"),
    ("confidence_interval", {"alpha": 0.05}, "confidence_level=0.95, the coverage"),
    ("confidence_interval", {"type": "bca"}, "method"),  # R's boot.ci
    ("confidence_interval", {"conf": 0.95}, "confidence_level"),
    ("fit", {"start_params": [0.0]}, "x0"),  # statsmodels
    ("fit", {"p0": [0.0]}, "x0"),
    ("fit", {"seed": 0}, "rng=0"),
    ("fit", {"gr": None}, "jac"),  # R's optim
    ("fit", {"maxiter": 5}, r"options=\{'maxiter'"),
    ("fit", {"sample_weight": Y}, "weights"),
    ("fit", {"zebra": Y}, r"help\(bootmle.fit\)"),
    ("coverage", {"n_boot": 9}, "n_resamples"),
    ("crosscheck", {"covariance": None}, "covariances"),
    ("Estimator", {"data": None}, "args"),
]


@pytest.mark.parametrize(("verb", "given", "use"), KEYWORDS)
def test_keywords_of_others(
    mle: Fit, boot: Bootstrap, verb: str, given: dict[str, Any], use: str
) -> None:
    calls: dict[str, Callable[..., Any]] = {
        "bootstrap": lambda **more: bootstrap(mle, **more),
        "confidence_interval": boot.confidence_interval,
        "fit": lambda **more: fit(nll, np.zeros(3), args=(X, Y), **more),
        "coverage": lambda **more: coverage(mle, lambda *_: None, **more),
        "crosscheck": lambda **more: crosscheck(boot, **more),
        "Estimator": lambda **more: Estimator(np.mean, Y, **more),
    }
    with pytest.raises(TypeError, match=use):
        calls[verb](**given)


def test_calls_of_others(mle: Fit, boot: Bootstrap) -> None:
    with pytest.raises(ValueError, match="one of percentile"):  # boot.ci(type="perc")
        boot.confidence_interval("perc")
    with pytest.raises(ValueError, match=r"confidence_level=0\.9"):
        boot.confidence_interval(0.9)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"means 95% in half .* and 5% in the other.*=0\.95"):
        boot.confidence_interval("percentile", 0.05)
    with pytest.raises(TypeError, match=r"Estimator\(np.mean, args=y\)"):
        bootstrap((Y,), np.mean)  # type: ignore[arg-type]


MORE_KEYWORDS = [
    ("bootstrap", {"statistic": np.mean}, r"Estimator\(statistic, args=y\)"),  # scipy
    ("bootstrap", {"vectorized": True}, r"vectorized is an argument of fit\(\)"),
    ("bootstrap", {"batch": 9}, "Estimator"),
    ("fit", {"hess": None}, r"information\(fun, x\)"),
    ("fit", {"callback": print}, "progress=True"),
    ("fit", {"cov_type": "HC0"}, r"sandwich of crosscheck\(mle\)"),  # statsmodels
    ("fit", {"exog": None}, "use args"),
    ("fit", {"lower": [0, 0, 0]}, "use bounds"),  # R's optim
    ("fit", {"fix": {}}, "use fixed"),
    ("bootstrap", {"sim": "parametric"}, r"sampling=Parametric\(simulate\)"),  # R's boot
    ("bootstrap", {"ran_gen": None}, r"sampling=Parametric\(simulate\)"),
    ("bootstrap", {"parallel": "multicore"}, "use n_jobs"),
    ("bootstrap", {"stype": "w"}, "weights="),
    ("bootstrap", {"wild": 1}, r"sampling=Wild\(labels\)"),
    ("coverage", {"n_sims": 9}, "use n_datasets"),
    ("crosscheck", {"cov": None}, "use covariances"),
    ("conf_int", {"level": 0.9}, "confidence_level=0.95"),
    ("conf_int", {"reps": 9}, r"n_resamples is an argument of bootstrap\(\)"),  # arch
    ("to_csv", {"sep": ";"}, r"to_frame\(\)\.to_csv"),  # pandas
]


@pytest.mark.parametrize(("verb", "given", "use"), MORE_KEYWORDS)
def test_more_keywords_of_others(
    mle: Fit, boot: Bootstrap, verb: str, given: dict[str, Any], use: str
) -> None:
    calls: dict[str, Callable[..., Any]] = {
        "bootstrap": lambda **more: bootstrap(mle, **more),
        "fit": lambda **more: fit(nll, np.zeros(3), args=(X, Y), **more),
        "coverage": lambda **more: coverage(mle, lambda *_: None, **more),
        "crosscheck": lambda **more: crosscheck(boot, **more),
        "conf_int": boot.conf_int,
        "to_csv": boot.to_csv,
    }
    with pytest.raises(TypeError, match=use):
        calls[verb](**given)


MORE_ATTRIBUTES = {
    ("mle", "predict"): r"bootstrap\(mle\)\.derive\(function\)",  # statsmodels
    ("mle", "fittedvalues"): r"bootstrap\(mle\)\.derive\(function\)",
    ("mle", "wald_test"): r"bootstrap\(mle\)\.p_value\(\)",
    ("mle", "df_resid"): "n, and",
    ("mle", "mle_retvals"): "optimize_result",
    ("mle", "resid"): "your own model at mle.estimate",
    ("mle", "deviance"): "nll",
    ("mle", "save"): r"bootstrap\(mle\)\.save",
    ("mle", "redchi"): "nll",  # lmfit
    ("mle", "eval_uncertainty"): r"bootstrap\(mle\)\.derive",
    ("mle", "nvarys"): "n, and free",
    ("mle", "correl"): "covariance",
    ("mle", "crosscheck"): r"bootmle\.crosscheck\(mle\)",
    ("mle", "profile"): r"plot\(\), or crosscheck\(mle, profile=True\)",  # R
    ("boot", "var"): "covariance",  # arch
    ("boot", "get_state"): "seed",
    ("boot", "std"): "standard_error",  # pandas
    ("boot", "mean"): "replicates",
    ("boot", "merge"): r"bootmle\.load",
    ("boot", "transform"): "derive",
    ("check", "table"): "to_frame",
    ("check", "agrees"): "verdicts",
    ("bootmle", "IIDBootstrap"): "Cases",  # arch
    ("bootmle", "StationaryBootstrap"): "Blocks",
    ("bootmle", "minimize"): "fit",  # scipy
    ("bootmle", "boot"): "bootstrap",  # R
    ("bootmle", "ClusterBootstrap"): "Clustered",
    ("bootmle", "crossheck"): "crosscheck",  # a slip
}


@pytest.mark.parametrize(("what", "name"), MORE_ATTRIBUTES)
def test_more_attributes_of_others(mle: Fit, boot: Bootstrap, what: str, name: str) -> None:
    owner = {"mle": mle, "boot": boot, "check": crosscheck(mle), "bootmle": bootmle}[what]
    with pytest.raises(AttributeError, match=f"use {MORE_ATTRIBUTES[what, name]}"):
        getattr(owner, name)


PLANS_AND_INTERVALS = [
    ("sampling", "stationary", r"pass Blocks\(\)"),
    ("sampling", "parametric", r"pass Parametric\(simulate\)"),
    ("sampling", "clustered", r"pass Clustered\(labels\)"),
    ("sampling", "wild", r"pass Wild\(labels\)"),
    ("sampling", Clustered, r"Clustered is a class; pass a plan, Clustered\(\.\.\.\)"),
    ("method", "perc", "use 'percentile'"),  # R
    ("method", "norm", "use 'normal'"),
    ("method", "stud", "use 'studentized'"),
    ("method", "bootstrap-t", "use 'studentized'"),
]


@pytest.mark.parametrize(("argument", "given", "use"), PLANS_AND_INTERVALS)
def test_plans_and_intervals_of_others(
    mle: Fit, boot: Bootstrap, argument: str, given: Any, use: str
) -> None:
    calls: dict[str, Callable[[Any], Any]] = {
        "sampling": lambda plan: bootstrap(mle, sampling=plan),
        "method": boot.confidence_interval,
    }
    with pytest.raises((TypeError, ValueError), match=use):
        calls[argument](given)


def test_more_calls_of_others(mle: Fit, boot: Bootstrap) -> None:
    low, high = boot.confidence_interval()  # scipy's is a named tuple
    np.testing.assert_array_equal(boot.confidence_interval()[0], low)
    np.testing.assert_array_equal(boot.confidence_interval()[-1], high)
    params: Any = mle.params
    assert params["dose"] == mle.estimate[1]  # statsmodels' is a Series
    assert repr(params) == repr(mle.estimate)
    with pytest.raises(KeyError, match="no 'weight'; the names are"):
        params["weight"]
    with pytest.raises(TypeError, match=r"no formula is taken.*args=\(y, X\).*fit_statsmodels"):
        fit("y ~ x", {"a": 0.0})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="use n_resamples=999"):
        bootstrap(mle, 999)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"conf_int\(method='bca'\)"):
        boot.conf_int("bca")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"Wild\(labels, weights='webb'\)"):
        bootstrap(mle, sampling=Wild("webb"))


def test_bounds_by_name() -> None:
    start = {"const": 0.0, "dose": 0.0, "age": 0.0}
    named = fit(nll, start, args=(X, Y), bounds={"dose": (0, 0.1)})
    listed = fit(nll, start, args=(X, Y), bounds=[(None, None), (0, 0.1), (None, None)])
    np.testing.assert_array_equal(named.estimate, listed.estimate)
    assert named.status is Status.AT_BOUND
    with pytest.raises(ValueError, match=r"bounds: no parameters \['weight'\]; the names are"):
        fit(nll, start, args=(X, Y), bounds={"weight": (0, 1)})


def test_parameters_read_by_name() -> None:
    x, y = X["dose"].to_numpy(), Y
    named = fit(by_name, {"intercept": 0.0, "slope": 0.0}, args=(x, y))
    plain = fit(nll, [0.0, 0.0], args=(X[["const", "dose"]].to_numpy(), y))
    np.testing.assert_allclose(named.estimate, plain.estimate, rtol=1e-6)
    one, other = (bootstrap(each, n_resamples=49, rng=0) for each in (named, plain))
    np.testing.assert_allclose(one.standard_error, other.standard_error, rtol=1e-6)
    with pytest.raises(KeyError, match=r"no 'intercept'; the names are \['x1', 'x2'\]"):
        fit(by_name, [0.0, 0.0], args=(x, y))


def test_vectorized_parameters_read_by_name() -> None:
    def many(params: Any, x: Any, y: Any) -> Any:
        eta = params["intercept"] + params["slope"] * x[:, None]
        return np.exp(eta) - y[:, None] * eta

    x, y = X["dose"].to_numpy(), Y
    start = {"intercept": 0.0, "slope": 0.0}
    one, other = fit(many, start, args=(x, y), vectorized=True), fit(by_name, start, args=(x, y))
    np.testing.assert_allclose(one.estimate, other.estimate, rtol=1e-6)


def test_names_from_columns(mle: Fit) -> None:
    assert mle.names == ("const", "dose", "age")
    assert "columns of args[0] that they multiply (names=X.columns)" in str(mle)
    design = dmatrix("np.log(dose + 1) + age", X)
    assert fit(nll, np.zeros(3), args=(design, Y)).names == tuple(design.design_info.column_names)
    assert fit(nll, np.zeros(3), args=(X, Y), names=list("abc")).names == ("a", "b", "c")
    assert fit(nll, np.zeros(3), args=(X.to_numpy(), Y)).names == ("x1", "x2", "x3")


def test_names_from_a_model_matrix_of_formulaic() -> None:
    formulaic = pytest.importorskip("formulaic")
    columns = ("Intercept", "np.log(dose + 1)", "age")
    design = formulaic.model_matrix("np.log(dose + 1) + age", X)
    assert fit(nll, np.zeros(3), args=(design, Y)).names == columns
    dense = formulaic.model_matrix("np.log(dose + 1) + age", X, output="numpy")
    assert fit(nll, np.zeros(3), args=(dense, Y)).names == columns


def test_names_of_some_parameters_from_columns() -> None:
    def tobit(params: Any, X: Any, y: Any) -> Any:
        return params[-1] + 0.5 * ((y - X @ params[:-1]) / np.exp(params[-1])) ** 2

    def reversed_(params: Any, X: Any, y: Any) -> Any:
        return nll(params[::-1], X, y)

    def location(params: Any, frame: Any) -> Any:
        mean, log_scale = params
        return log_scale + 0.5 * ((frame["y"] - mean) / np.exp(log_scale)) ** 2

    assert fit(tobit, np.zeros(4), args=(X, Y)).names == ("const", "dose", "age", "x4")
    assert fit(reversed_, np.zeros(3), args=(X, Y)).names == ("x1", "x2", "x3")
    frame = pd.DataFrame({"y": Y, "group": 1.0})
    assert fit(location, np.zeros(2), args=frame).names == ("x1", "x2")


def test_names_from_tuples() -> None:
    index = pd.MultiIndex.from_tuples([("lambda_", "x"), ("rho_", "Intercept")])
    both = Estimator(lambda y: pd.Series([y.mean(), y.std()], index=index), args=Y)
    assert both.names == ("lambda_: x", "rho_: Intercept")
    start: Any = {("mu", "a"): 0.0, ("mu", "b"): 0.0, ("mu", "c"): 0.0}
    assert fit(nll, start, args=(X, Y)).names == ("mu: a", "mu: b", "mu: c")
