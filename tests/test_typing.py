"""The types that a user sees: mypy checks them here, and pytest that they are those returned."""

import ast
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, assert_type

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import OptimizeResult

from bootmle import (
    Bayesian,
    Blocks,
    Bootstrap,
    Cases,
    Clustered,
    Coverage,
    Crosscheck,
    Estimator,
    Fit,
    Flag,
    Given,
    Jackknife,
    Parametric,
    Status,
    Stratified,
    Subsample,
    Verdict,
    bootstrap,
    coverage,
    crosscheck,
    fit,
    fit_distribution,
    fit_statsmodels,
    information,
    load,
)
from bootmle.bootstrapping.bands import Band
from bootmle.crosschecks.diagnoses import Diagnosis
from bootmle.crosschecks.profiles import Profile
from bootmle.crosschecks.remedies import Conditioning, Reparameterization
from bootmle.display.exports import Summary
from bootmle.fitting.several_starts import Optima
from bootmle.inference.calibration import Calibration
from bootmle.inference.influence import Influence
from bootmle.inference.intervals import ConfidenceInterval
from bootmle.inference.worst_case import WorstCase
from bootmle.likelihood.information import Information
from bootmle.refitting.alarm_kinds import Alarm
from bootmle.refitting.audits import ColdAudit, ExpansionAudit
from bootmle.refitting.replicates import Replicates
from bootmle.sampling import Plan
from bootmle.simulation.simulated_fits import SimulatedFits

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Y = np.random.default_rng(0).exponential(2.0, 60)


def nll(params: Any, y: Any) -> Any:
    return params[0] + y / np.exp(params[0])


def simulate(params: Any, rng: Any, y: Any) -> Any:
    return rng.exponential(np.exp(params[0]), y.size)


@pytest.fixture(scope="module")
def mle() -> Fit:
    return fit(nll, {"log_mean": 0.0}, args=Y)


@pytest.fixture(scope="module")
def boot(mle: Fit) -> Bootstrap:
    return bootstrap(mle, n_resamples=99, rng=0, progress=False)


@pytest.fixture(scope="module")
def check(boot: Bootstrap) -> Crosscheck:
    return crosscheck(boot, covariances={"guess": np.eye(1)}, profile=True)


@pytest.fixture(scope="module")
def study(mle: Fit) -> Coverage:
    return coverage(mle, simulate, n_datasets=8, n_resamples=39, rng=0, progress=False)


def test_the_types_of_a_fit(mle: Fit) -> None:
    assert_type(fit(nll, [0.0], Y, method="Nelder-Mead", bounds=[(None, 9.0)]), Fit)
    assert_type(fit(nll, pd.Series({"log_mean": 0.0}), Y, weights=np.ones(60)), Fit)
    assert_type(fit_distribution(stats.expon, Y, floc=0.0), Fit)
    assert_type(mle.aic, float)
    assert_type(mle.bic, float)
    assert_type(mle.confidence_interval(), Any)
    assert_type(mle.covariance, Floats)
    assert_type(mle.fun, float)
    assert_type(mle.llf, float)
    assert_type(mle.optima, Optima | None)
    assert_type(mle.params, Floats)
    assert_type(mle.plot(ax=Figure().subplots()), tuple[Figure, NDArray[Any]])
    assert_type(mle.standard_error, Floats)
    assert_type(mle.summary(), Summary)
    assert_type(mle.to_frame(), pd.DataFrame)
    assert_type(mle.x, Floats)
    assert_type(mle.converged, bool)
    assert_type(mle.decrement, float)
    assert_type(mle.estimate, Floats)
    assert_type(mle.fixed, tuple[str, ...])
    assert_type(mle.free, Bools)
    assert_type(mle.information, Information)
    assert_type(mle.n, int)
    assert_type(mle.n_evaluations, int)
    assert_type(mle.names, tuple[str, ...])
    assert_type(mle.nll, float)
    assert_type(mle.not_identified, tuple[str, ...])
    assert_type(mle.at_bound, tuple[str, ...])
    assert_type(mle.notes, tuple[str, ...])
    assert_type(mle.optimize_result, OptimizeResult)
    assert_type(mle.scipy_information, Information | None)
    assert_type(mle.status, Status)


def test_the_type_of_a_fit_of_statsmodels() -> None:
    api = pytest.importorskip("statsmodels.api")
    results = api.Logit((Y > 1).astype(float), np.ones(60)).fit(disp=False)
    assert_type(fit_statsmodels(results), Fit)


def test_the_types_of_an_information() -> None:
    info = information(nll, [0.7], Y)
    assert_type(info, Information)
    assert_type(info.covariance, Floats)
    assert_type(
        info.definiteness, Literal["positive definite", "indefinite", "singular", "undecided"]
    )
    assert_type(info.describe_direction([1.0]), str)
    assert_type(info.directions, Floats)
    assert_type(info.eigenvalue_errors, Floats)
    assert_type(info.eigenvalues, Floats)
    assert_type(info.error, Floats)
    assert_type(info.gradient, Floats)
    assert_type(info.gradient_error, Floats)
    assert_type(info.limit, Floats | None)
    assert_type(info.matrix, Floats)
    assert_type(info.n_evaluations, int)
    assert_type(info.names, tuple[str, ...])
    assert_type(info.noise, float)
    assert_type(info.null_directions, Floats)
    assert_type(info.point, Floats)
    assert_type(info.standard_errors, Floats)
    assert_type(info.tangent, Floats | None)


def test_the_types_of_an_estimator() -> None:
    median = Estimator(np.median, Y, ["median"], standard_error=lambda y: y.std() / 60**0.5)
    assert_type(median.estimate, Floats)
    assert_type(median.names, tuple[str, ...])
    assert_type(median.errors, Floats | None)
    assert_type(median.n, int)
    assert_type(median.args, tuple[Any, ...])
    assert_type(bootstrap(median, n_resamples=9, rng=0), Bootstrap)


def test_every_plan_is_one() -> None:
    plans: list[Plan] = [
        Bayesian(),
        Blocks(5, kind="circular"),
        Cases(),
        Clustered(np.arange(60) // 3, within="cases"),
        Given(indices=np.zeros((2, 60), dtype=int)),
        Jackknife(),
        Parametric(simulate),
        Stratified(np.arange(60) % 2),
        Subsample(0.5),
    ]
    assert all(isinstance(plan, Plan) for plan in plans)


def test_the_types_of_a_bootstrap(mle: Fit, boot: Bootstrap, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    assert_type(bootstrap(mle, sampling=Cases(), n_resamples=9, rng=rng), Bootstrap)
    assert_type(boot.alarms, tuple[Alarm, ...])
    assert_type(boot.audits, tuple[ExpansionAudit | ColdAudit, ...])
    assert_type(boot.bias, Floats)
    assert_type(boot.bias_mcse, Floats)
    assert_type(boot.covariance, Floats)
    assert_type(boot.covariance_mcse, Floats)
    assert_type(boot.data, Replicates)
    assert_type(boot.estimate, Floats)
    assert_type(boot.fit, Fit | Estimator | None)
    assert_type(boot.fixed, tuple[str, ...])
    assert_type(boot.heavy_tails, Bools)
    assert_type(boot.jackknife(), tuple[Floats, NDArray[np.intp]])
    assert_type(boot.kept(), Floats)
    assert_type(boot.n_failed, int)
    assert_type(boot.n_shared, int)
    assert_type(boot.n_units, int | None)
    assert_type(boot.recommended_kinds(), NDArray[np.str_])
    assert_type(boot.names, tuple[str, ...])
    assert_type(boot.not_identified, tuple[str, ...])
    assert_type(boot.at_bound, tuple[str, ...])
    assert_type(boot.notes, tuple[str, ...])
    assert_type(boot.quantile_standard_error, Floats)
    assert_type(boot.refit, str)
    assert_type(boot.remarks, tuple[str, ...])
    assert_type(boot.replicates, Floats)
    assert_type(boot.sampling, Plan | str)
    assert_type(boot.seconds, float)
    assert_type(boot.seed, int)
    assert_type(boot.skewness, Floats)
    assert_type(boot.standard_error, Floats)
    assert_type(boot.standard_error_mcse, Floats)
    assert_type(boot.status, NDArray[np.int8])
    assert_type(boot.stopped, str)
    boot.save(tmp_path / "run")
    assert_type(load(tmp_path / "run", fit=mle), Bootstrap)


def test_the_types_of_what_a_bootstrap_computes(boot: Bootstrap) -> None:
    assert_type(boot.confidence_interval("bca", 0.8, "less"), ConfidenceInterval)
    assert_type(boot.derive(lambda params: {"mean": np.exp(params[0])}), Bootstrap)
    assert_type(boot.examined(), Bootstrap)
    assert_type(boot.extend(1, n_jobs=1), Bootstrap)
    assert_type(boot.influence(0.8), Influence)
    assert_type(boot.influence(0.8).to_frame(), pd.DataFrame)
    assert_type(boot.p_value(0.5, method="basic"), Floats)
    assert_type(boot.plot(ax=Figure().subplots()), tuple[Figure, NDArray[Any]])
    assert_type(boot.simultaneous(0.8, names=["log_mean"]), ConfidenceInterval)
    assert_type(boot.to_frame(0.8), pd.DataFrame)
    assert_type(boot.better_fit(), Fit)
    assert_type(boot.calibration(), Calibration)
    assert_type(boot.band(simultaneous=False), Band)
    assert_type(boot.conf_int(0.1), Floats)
    assert_type(boot.standard_errors, Floats)
    assert_type(boot.summary(), Summary)
    assert_type(boot.to_csv(), str | None)
    assert_type(boot.to_latex(), str)
    assert_type(boot.to_markdown(), str)
    assert_type(boot.worst_case(0.8), WorstCase)
    bounds = boot.confidence_interval()
    assert_type(bounds.low, Floats)
    assert_type(bounds.high, Floats)
    assert_type(bounds.low_mcse, Floats)
    assert_type(bounds.high_mcse, Floats)


def test_the_types_of_a_crosscheck(mle: Fit, check: Crosscheck) -> None:
    assert_type(crosscheck(mle), Crosscheck)
    assert_type(check.conditioning, Conditioning | None)
    assert_type(check.estimate, Floats)
    assert_type(check.diagnoses, tuple[Diagnosis, ...])
    assert_type(check.flags, frozenset[Flag])
    assert_type(check.hessian, Information)
    assert_type(check.hessian_flags, dict[str, Flag])
    assert_type(check.mcse, Mapping[str, Floats])
    assert_type(check.names, tuple[str, ...])
    assert_type(check.remarks, tuple[str, ...])
    assert_type(check.percentile, ConfidenceInterval | None)
    assert_type(check.plot(Figure().subplots()), tuple[Figure, Axes])
    assert_type(check.profile, Profile | None)
    assert_type(check.reparameterizations, tuple[Reparameterization, ...])
    assert_type(check.sampling_error, Floats)
    assert_type(check.standard_errors, Mapping[str, Floats])
    assert_type(check.to_frame(), pd.DataFrame)
    assert_type(check.tolerance, Mapping[str, Floats])
    assert_type(check.verdicts, Mapping[str, Verdict])
    verdict = check.verdicts["guess"]
    assert_type(verdict.agrees, bool)
    assert_type(verdict.reason, str)
    assert_type(verdict.flag, Flag | None)
    assert_type(verdict.curvature_ratios, Floats | None)


def test_the_types_of_a_study(mle: Fit, study: Coverage, tmp_path: Path) -> None:
    options: dict[str, Any] = {"n_datasets": 4, "n_resamples": 39, "rng": 0, "progress": False}
    assert_type(coverage(mle, simulate, checkpoint=tmp_path, **options), Coverage)
    assert_type(Coverage.load(tmp_path), Coverage)
    assert_type(study.at_bound, float)
    assert_type(study.bias, Floats)
    assert_type(study.bias_mcse, Floats)
    assert_type(study.confidence_level, float)
    assert_type(study.data, SimulatedFits)
    assert_type(study.empirical_sd, Floats)
    assert_type(study.empirical_sd_mcse, Floats)
    assert_type(study.estimates, Floats)
    assert_type(study.kept, SimulatedFits)
    assert_type(study.methods, tuple[str, ...])
    assert_type(study.n_failed, int)
    assert_type(study.n_resamples, int)
    assert_type(study.names, tuple[str, ...])
    assert_type(study.notes, tuple[str, ...])
    assert_type(study.plot(Figure().subplots()), tuple[Figure, Axes])
    assert_type(study.sampling, str)
    assert_type(study.seconds, float)
    assert_type(study.seed, int)
    assert_type(study.sources, tuple[str, ...])
    assert_type(study.stopped, str)
    assert_type(study.to_frame(), pd.DataFrame)
    assert_type(study.truth, Floats)
    assert_type(study.warp, bool)


def test_the_types_of_a_studys_measures(study: Coverage) -> None:
    assert_type(study.above, dict[str, Floats])
    assert_type(study.above_mcse, dict[str, Floats])
    assert_type(study.alarmed, dict[str, float])
    assert_type(study.below, dict[str, Floats])
    assert_type(study.below_mcse, dict[str, Floats])
    assert_type(study.coverage, dict[str, Floats])
    assert_type(study.coverage_mcse, dict[str, Floats])
    assert_type(study.flagged, dict[str, float])
    assert_type(study.mean_length, dict[str, Floats])
    assert_type(study.mean_length_mcse, dict[str, Floats])
    assert_type(study.se_ratio, dict[str, Floats])
    assert_type(study.se_ratio_mcse, dict[str, Floats])
    assert_type(study.se_spread, dict[str, Floats])
    assert_type(study.se_variation, dict[str, Floats])
    assert_type(study.se_withheld, dict[str, Floats])
    assert_type(study.withheld, dict[str, Floats])


def conforms(value: Any, kind: Any) -> bool:
    """Whether a value is of an annotated type, its parts included."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any or origin is Literal:
        return kind is Any or value in args
    if origin in (typing.Union, types.UnionType):
        return any(conforms(value, each) for each in args)
    if origin is np.ndarray:
        (scalar,) = typing.get_args(args[1])
        return isinstance(value, np.ndarray) and (scalar is Any or value.dtype == scalar)
    if origin is tuple and args[-1] is not Ellipsis:
        parts = zip(value, args, strict=True)
        return isinstance(value, tuple) and all(conforms(one, each) for one, each in parts)
    if origin in (tuple, frozenset):
        return isinstance(value, origin) and all(conforms(each, args[0]) for each in value)
    if origin in (dict, Mapping):
        return isinstance(value, origin) and all(conforms(each, args[1]) for each in value.values())
    return value is None if kind is type(None) else isinstance(value, origin or kind)


RESULTS = ("mle", "boot", "check", "study", "info")
ASSERTED = [
    node.args
    for node in ast.walk(ast.parse(Path(__file__).read_text()))
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "assert_type"
]


@pytest.mark.parametrize("name", RESULTS)
def test_every_public_attribute_is_typed_and_is_what_its_type_says(
    name: str, request: pytest.FixtureRequest
) -> None:
    result = information(nll, [0.7], Y) if name == "info" else request.getfixturevalue(name)
    # xarray may not be installed.
    seen = {"save", "load", "to_xarray"} & set(dir(result))
    for value, kind in ASSERTED:
        for node in ast.walk(value):
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == name:
                seen.add(node.attr)
                if value is node:
                    expected = eval(ast.unparse(kind))
                    assert conforms(getattr(result, node.attr), expected), node.attr
    # A new attribute has its type asserted above, or is left out of dir() as an inner one.
    assert seen == {each for each in dir(result) if not each.startswith("_")}
