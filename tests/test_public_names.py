"""The public names and signatures: a contract that the design writes down."""

import dataclasses
import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bootmle
from bootmle import Bootstrap, Cases, Estimator, Fit, bootstrap, coverage, fit, load

PLANS = ["Cases", "Stratified", "Clustered", "Blocks", "Bayesian"]
PLANS += ["Parametric", "Subsample", "Jackknife", "Given", "Wild", "Residual"]
VERBS = ["fit", "bootstrap", "crosscheck", "coverage", "information"]
RESULTS = ["Fit", "Bootstrap", "Crosscheck", "Coverage", "Information", "Status", "Flag", "Verdict"]

ADAPTERS = ["fit_distribution", "fit_numpyro", "fit_statsmodels"]

REQUIRED = inspect.Parameter.empty
FIT = {
    "fun": REQUIRED,
    "x0": REQUIRED,
    "args": (),
    "method": "BFGS",
    "jac": None,
    "bounds": None,
    "constraints": (),
    "tol": None,
    "options": None,
    "names": None,
    "fixed": None,
    "weights": None,
    "weights_kind": "importance",
    "transform": None,
    "vectorized": False,
    "missing": "raise",
    "n_starts": 1,
    "rng": None,
    "n_jobs": 1,
    "progress": None,
}
BOOTSTRAP = {
    "fit": REQUIRED,
    "sampling": Cases(),
    "n_resamples": 1999,
    "precision": None,
    "refit": "verified",
    "n_jobs": 1,
    "rng": None,
    "progress": None,
    "checkpoint": None,
    "shard": None,
    "deadline": None,
    "timeout": None,
}
COVERAGE = {
    "fit": REQUIRED,
    "simulate": REQUIRED,
    "sampling": Cases(),
    "n_datasets": 1000,
    "n_resamples": 599,
    "methods": ("percentile", "bca", "hessian"),
    "confidence_level": 0.95,
    "truth": None,
    "derive": None,
    "transform": None,
    "warp": False,
    "refit": "verified",
    "n_jobs": 1,
    "rng": None,
    "progress": None,
    "checkpoint": None,
    "shard": None,
    "deadline": None,
    "timeout": None,
}


def parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    every = inspect.signature(function).parameters.values()
    # *others and **unknown only catch what other libraries take, to say what to use.
    return [each for each in every if each.name not in {"others", "unknown"}]


def positional(function: Callable[..., Any]) -> list[str]:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return [each.name for each in parameters(function) if each.kind is kind]


def defaults(function: Callable[..., Any]) -> dict[str, Any]:
    return {each.name: each.default for each in parameters(function)}


def test_all_holds_names_of_the_design_and_those_that_work_already() -> None:
    names = set(bootmle.__all__)
    assert len(names) == len(bootmle.__all__)
    assert names <= {*VERBS, *RESULTS, *PLANS, "Estimator", "Interrupted", "load", *ADAPTERS}
    assert names >= {"fit", "bootstrap", "Estimator", "load", "Cases", "Fit", "Bootstrap"}


@pytest.mark.parametrize("name", bootmle.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    what = getattr(bootmle, name)
    assert inspect.getdoc(what)
    assert what.__module__.partition(".")[0] == "bootmle"


def test_the_signature_of_fit() -> None:
    assert positional(fit) == ["fun", "x0", "args"]
    assert list(defaults(fit).items()) == list(FIT.items())


def test_the_signature_of_bootstrap() -> None:
    assert positional(bootstrap) == ["fit"]
    assert list(defaults(bootstrap).items()) == list(BOOTSTRAP.items())


def test_the_signature_of_coverage() -> None:
    assert positional(coverage) == ["fit", "simulate"]
    assert list(defaults(coverage).items()) == list(COVERAGE.items())


def test_the_signature_of_estimator() -> None:
    expected = {"function": REQUIRED, "args": (), "names": None, "standard_error": None}
    assert positional(Estimator) == list(expected)
    expected |= {"index": None, "on_warning": "count"}
    assert list(defaults(Estimator).items()) == list(expected.items())


def test_the_signature_of_load() -> None:
    paths, what = parameters(load)
    assert (paths.name, paths.kind) == ("paths", inspect.Parameter.VAR_POSITIONAL)
    assert (what.name, what.default) == ("fit", None)
    assert what.kind is inspect.Parameter.KEYWORD_ONLY


def test_the_signature_of_confidence_interval() -> None:
    expected = {
        "self": REQUIRED,
        "method": "percentile",
        "confidence_level": 0.95,
        "alternative": "two-sided",
    }
    assert list(defaults(Bootstrap.confidence_interval).items()) == list(expected.items())


def attributes(kind: type) -> set[str]:
    fields = {field.name for field in dataclasses.fields(kind)}
    return fields | {name for name in dir(kind) if not name.startswith("_")}


def test_the_attributes_of_a_fit() -> None:
    wanted = "estimate names nll aic converged status decrement information optimize_result"
    assert {*wanted.split(), "scipy_information", "n_evaluations"} <= attributes(Fit)


def test_the_attributes_of_a_bootstrap() -> None:
    wanted = "fit estimate names replicates status n_failed standard_error standard_error_mcse"
    more = "quantile_standard_error covariance bias confidence_interval alarms to_frame save seed"
    assert {*wanted.split(), *more.split()} <= attributes(Bootstrap)


def test_tab_completion_shows_what_is_of_use_and_leaves_the_rest_out() -> None:
    mean = bootstrap(Estimator(np.mean, args=np.arange(9.0)), n_resamples=99, rng=0)
    mle = fit(lambda params, y: (y - params[0]) ** 2 / 2, [0.0], args=np.arange(9.0))
    for result, inner in (
        (mean, "leave_one_out flat ordered to_json"),
        (mle, "base whitening step_sizes"),
    ):
        shown = set(dir(result))
        assert not shown & set(inner.split())
        assert all(hasattr(result, name) for name in {*shown, *inner.split()})
    wanted = "confidence_interval plot standard_error to_frame replicates fit save _repr_html_"
    assert set(wanted.split()) <= set(dir(mean))
    assert {"estimate", "aic", "information", "optimize_result", "__str__"} <= set(dir(mle))


def test_results_and_plans_are_frozen_and_have_slots() -> None:
    names = [name for name in bootmle.__all__ if name in {*PLANS, "Fit", "Bootstrap"}]
    assert len(names) >= 4
    for name in names:
        kind = getattr(bootmle, name)
        assert kind.__dataclass_params__.frozen, name
        assert hasattr(kind, "__slots__"), name


def test_extras_are_not_imported() -> None:
    code = "import sys, bootmle; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(shown.stdout.split())
    assert "bootmle" in imported
    assert not imported & {"pandas", "matplotlib", "dask", "distributed", "statsmodels", "jax"}


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(bootmle.__file__).parent / "py.typed").exists()
