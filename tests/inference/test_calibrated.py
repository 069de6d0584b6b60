"""Calibrated intervals against exact inner replicates, and against levels that are known."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal

from bootmle import (
    Bayesian,
    Blocks,
    Bootstrap,
    Cases,
    Clustered,
    Estimator,
    Fit,
    Parametric,
    Stratified,
    bootstrap,
    fit,
)
from bootmle.bootstrapping.interval_kinds import METHODS
from bootmle.inference.calibration import Calibration
from bootmle.inference.intervals import ReplicateArrays
from bootmle.likelihood.arrays import Floats
from bootmle.refitting.nested import InnerErrors, NestedTask
from bootmle.refitting.weighted_units import WeightedUnits
from bootmle.sampling import Plan, draw_resample

UNITS = np.array([1.0, 1000.0])
N = 30
LABELS = np.arange(N) // 3


def means_nll(params: Floats, y: Floats) -> Floats:
    """Two normal means of unit variance and of variance 10⁶."""
    return np.asarray((((y - params) / UNITS) ** 2).sum(axis=1) / 2)


@pytest.fixture(scope="module")
def means() -> Fit:
    y = np.random.default_rng(1).exponential(size=(N, 2)) * UNITS
    return fit(means_nll, {"one": 1.0, "thousand": 1000.0}, args=y)


@pytest.fixture(scope="module")
def boot(means: Fit) -> Bootstrap:
    return bootstrap(means, n_resamples=199, rng=0)


@pytest.mark.parametrize(
    "plan", [Cases(), Stratified(LABELS % 2), Clustered(LABELS), Bayesian(), Cases(size="poisson")]
)
def test_levels_are_those_of_exact_inner_replicates(means: Fit, plan: Plan) -> None:
    """A normal mean is the weighted mean, and its expansion is exact."""
    count, (y,) = 20, means.args
    units = plan.redrawn_units(N)
    assert units is not None
    weighted = WeightedUnits.of(means, units, lambda params: params)
    outer = np.array([draw_resample(plan, N, 7, k).weights for k in range(count)])
    estimates = outer @ y / outer.sum(axis=1, keepdims=True)
    error = 2 * means.hessian_errors  # about the spread of these exponential data
    task = NestedTask(weighted, plan, 7, np.arange(count), estimates, means.estimate, error, 99)
    levels = task.part(0, 0, count)
    for place in range(count):
        drawn = task._redrawn(place)[:-1, weighted.unit_of]
        inner = drawn @ y / drawn.sum(axis=1, keepdims=True)
        below = (inner < means.estimate).mean(axis=0)
        root = (inner - estimates[place] < estimates[place] - means.estimate).mean(axis=0)
        assert_allclose(levels.below[place], (99 * below + 0.5) / 100, atol=0.0101)
        assert_allclose(levels.root[place], (99 * root + 0.5) / 100, atol=0.0101)


@pytest.mark.parametrize("plan", [Cases(), Stratified(LABELS % 2), Clustered(LABELS), Bayesian()])
def test_a_resample_of_a_resample_has_its_mean_and_the_plans_variance(plan: Plan) -> None:
    units = plan.redrawn_units(N)
    assert units is not None
    rows, strata = units
    drawn = draw_resample(plan, N, 3, 0).weights[[each[0] for each in rows]]
    again = plan.redraw(drawn, strata, 20_000, np.random.default_rng(0))
    # Five Monte Carlo errors of about 30 means and variances: a false alarm in 10⁻⁵ of seeds.
    assert_allclose(again.mean(axis=0), drawn, atol=5 * np.sqrt(drawn.max() / 20_000))
    sizes = np.bincount(strata)[strata]
    expected = drawn * (1 - drawn / sizes) * (1 if plan != Bayesian() else sizes / (sizes + 1))
    assert_allclose(again.var(axis=0), expected, atol=0.3)
    assert_array_equal(again[:, drawn == 0], 0.0)


def calibrated(levels: Floats, method: str, level: float) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(0)
    replicates = np.sort(rng.normal(size=(999, 2)), axis=0) * UNITS
    nothing = np.zeros(2)
    known = Calibration(levels, levels, nothing, nothing, nothing > 0, 250)
    arrays = ReplicateArrays(("a", "b"), 0.1 * UNITS, replicates, nothing, levels=known)
    bounds = METHODS[method].of(arrays).interval(level)
    return bounds.low, bounds.high


@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize("kind", ["percentile", "basic"])
def test_uniform_levels_change_nothing(kind: str, level: float) -> None:
    uniform = np.tile(np.arange(1, 1000)[:, None] / 1000, 2)
    name = {"percentile": "calibrated", "basic": "calibrated-basic"}[kind]
    assert_allclose(calibrated(uniform, name, level), calibrated(uniform, kind, level), rtol=1e-9)


def test_levels_too_near_the_middle_widen_the_interval() -> None:
    # Levels of √uniform on one side: a tail of 5% is at 0.05² of the replicates.
    uniform = np.arange(1, 1000) / 1000
    narrow = np.column_stack([uniform, uniform**2])
    low, high = calibrated(narrow, "calibrated", 0.9)
    plain_low, plain_high = calibrated(narrow, "percentile", 0.9)
    assert_allclose(low[0], plain_low[0])
    assert low[1] < plain_low[1]
    assert high[1] < plain_high[1]
    expected = np.sort(np.random.default_rng(0).normal(size=(999, 2)), axis=0)[901, 1] * 1000
    assert_allclose(high[1], expected, rtol=0.01)  # 0.95² of 1,000 is rank 902.5


def test_p_values_invert_the_intervals(boot: Bootstrap) -> None:
    boot.calibration(499)
    for method in ("calibrated", "calibrated-basic"):
        ends = boot.confidence_interval(method, 0.6)
        for end in (ends.low, ends.high):
            # The widest interval that leaves the value out: levels of 499 resamples have ties.
            found = boot.p_value(end, method)
            assert np.all((found > 0.4 - 1e-9) & (found < 0.43))
        assert np.all(ends.low_mcse > 0)


def test_workers_and_derived_quantities_change_nothing(boot: Bootstrap, means: Fit) -> None:
    known = boot.calibration(99)
    with parallel_config(backend="threading"):
        other = bootstrap(means, n_resamples=199, rng=0).calibration(99, n_jobs=2)
    assert_array_equal(known.below, other.below)
    assert_array_equal(known.root, other.root)
    derived = boot.derive(lambda params: {"log": np.log(params[1]), "sum": params.sum()})
    assert_allclose(derived.calibration(99).below[:, 0], known.below[:, 1], atol=0.0101)
    assert derived.confidence_interval("calibrated", 0.8).low.shape == (2,)


def test_errors_of_the_expansion_are_corrected() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 2)) * [1.0, 0.5]
    errors = InnerErrors.of(x, 0.2 + 1.1 * x + 0.1 * x**2)
    assert_allclose(errors.coefficients.T, [[0.2, 0.1, 0.1]] * 2, atol=1e-9)
    more = rng.normal(size=(999, 2)) * [0.5, 0.25]
    share = errors.share_below(more, np.array([0.3, 0.3]))
    assert_allclose(share, (0.2 + 1.1 * more + 0.1 * more**2 < 0.3).mean(axis=0), atol=2e-3)


def probit_like(params: Floats, x: Floats, y: Floats) -> Floats:
    return np.asarray(np.logaddexp(0, (1 - 2 * y) * (params[0] + params[1] * x)))


def simulate(params: Floats, rng: np.random.Generator, y: Floats) -> Floats:
    return params + UNITS * rng.normal(size=y.shape)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (Blocks(3), "would be cut"),
        (Parametric(simulate), "simulates data"),
        (Clustered(LABELS, within="cases"), "no resamples of a resample"),
    ],
)
def test_plans_without_resamples_of_resamples_are_refused(
    means: Fit, plan: Plan, message: str
) -> None:
    other = bootstrap(means, sampling=plan, n_resamples=50, rng=0)
    with pytest.raises(ValueError, match=message):
        other.confidence_interval("calibrated", 0.8)


def test_an_estimator_and_merged_runs_are_refused() -> None:
    other = bootstrap(Estimator(np.mean, args=np.arange(9.0)), n_resamples=50, rng=0)
    with pytest.raises(ValueError, match="no likelihood to expand"):
        other.confidence_interval("calibrated")


def test_an_expansion_that_is_off_is_refused_by_name() -> None:
    # Twenty rows of a logit: most resamples of resamples are nearly separated.
    rng = np.random.default_rng(4)
    x = rng.normal(size=20)
    y = (rng.random(20) < 1 / (1 + np.exp(-2 * x))).astype(float)
    mle = fit(probit_like, {"const": 0.0, "slope": 1.0}, args=(x, y))
    other = bootstrap(mle, n_resamples=39, rng=0)
    with pytest.raises(ValueError, match=r"slope by .* standard errors even corrected"):
        other.confidence_interval("calibrated", 0.8)


CALLS: list[tuple[Callable[[Bootstrap], Any], str]] = [
    (lambda boot: boot.calibration(1), "n_resamples must be an integer >= 2"),
    (lambda boot: boot.confidence_interval("calibrated", 0.999), "beyond the outermost"),
]


@pytest.mark.parametrize(("call", "message"), CALLS)
def test_what_replicates_cannot_show_is_refused(
    boot: Bootstrap, call: Callable[[Bootstrap], Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        call(boot)


def test_intervals_use_250_resamples_or_more_that_are_known(means: Fit) -> None:
    boot = bootstrap(means, n_resamples=99, rng=0)
    boot.calibration(9)
    ends = boot.confidence_interval("calibrated", 0.5)
    assert set(boot.calibrations.known) == {9, 250}
    again = bootstrap(means, n_resamples=99, rng=0).confidence_interval("calibrated", 0.5)
    assert_array_equal(ends.low, again.low)
    boot.calibration(300)
    boot.confidence_interval("calibrated", 0.5)
    assert set(boot.calibrations.known) == {9, 250, 300}
