"""BCa intervals against R's boot and exact accelerations; what cannot have one is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from bootmle import (
    Bayesian,
    Blocks,
    Bootstrap,
    Clustered,
    Estimator,
    Fit,
    Jackknife,
    Parametric,
    Stratified,
    bootstrap,
    fit,
    load,
)
from bootmle.inference.bca import BCa, acceleration
from bootmle.refitting.leave_one_out import jackknife_of
from bootmle.sampling import Plan
from models import poisson

LEVELS = pytest.mark.parametrize("level", [90, 95])

# Accelerations of the jackknife, refitted by R (glm and boot::empinf(type = "jack")).
WARPBREAKS_A = [0.0393615397886, -0.00803549891335, -0.006939056535, -0.00224225077838]
PETERSEN_A = [0.000726337411815, 0.00225590666179, 0.0232618663002]

# R: boot.ci(type = "bca") of up to 1e6 replicates: lower and upper end of each parameter, each with
# the Monte Carlo standard deviation of one replicate's worth: to be divided by √B.
WARPBREAKS = {
    90: [
        (3.48487848, 0.3850717255),
        (3.881363048, 0.2928196801),
        (-0.3880899795, 0.3142575582),
        (-0.02873220435, 0.3039380457),
        (-0.5468954579, 0.4012498863),
        (-0.1013594938, 0.3777197181),
        (-0.7284351783, 0.3546571786),
        (-0.2994504383, 0.3928173012),
    ],
    95: [
        (3.443734632, 0.4375492751),
        (3.916242011, 0.3230680077),
        (-0.422369665, 0.3178158315),
        (0.005344789391, 0.3802184348),
        (-0.5909100237, 0.5406930729),
        (-0.05851036008, 0.4047974376),
        (-0.7691979019, 0.3998901569),
        (-0.2562389565, 0.497349109),
    ],
}
PETERSEN = {
    90: [
        (-0.07982989619, 0.1916576366),
        (0.1404286631, 0.2114315439),
        (0.9520203467, 0.1450837299),
        (1.1185455, 0.1531542266),
        (0.665824927, 0.05048031521),
        (0.7308495736, 0.06333680885),
    ],
    95: [
        (-0.100783438, 0.2234640097),
        (0.1618027835, 0.2552785362),
        (0.936331563, 0.1702637644),
        (1.13452952, 0.1713497621),
        (0.6601617636, 0.05524673822),
        (0.7377357872, 0.07702774572),
    ],
}


def warpbreaks(data_of: Callable[[str], Any]) -> Any:
    stored = data_of("warpbreaks.json")
    wool, tension = np.array(stored["wool"]), np.array(stored["tension"])
    X = np.column_stack([np.ones(54), wool == "B", tension == "M", tension == "H"]).astype(float)
    return fit(poisson(3).nll, [3.0, 0.0, 0.0, 0.0], (X, np.array(stored["breaks"], float)))


def regression(params: Any, x: Any, y: Any) -> Any:
    constant, slope, log_sigma = params
    return log_sigma + 0.5 * ((y - constant - slope * x) / np.exp(log_sigma)) ** 2


@pytest.fixture(scope="module")
def petersen() -> Bootstrap:
    stored = np.load(Path(__file__).parents[1] / "data" / "petersen.npz")
    mle = fit(regression, [0.0, 1.0, 0.7], (stored["x"], stored["y"]))
    return bootstrap(mle, sampling=Clustered(stored["firm"]), n_resamples=1999, rng=3)


def units_of(fit: Fit | Estimator | None, plan: Plan | str) -> Any:
    assert fit is not None
    assert not isinstance(plan, str)
    return plan.units(fit.n)


@pytest.mark.parametrize(("certify", "within"), [(True, 1e-5), (False, 2e-3)])
def test_accelerations_of_refitted_jackknives(
    data_of: Callable[[str], Any], certify: bool, within: float
) -> None:
    mle = warpbreaks(data_of)
    boot = bootstrap(mle, n_resamples=64, rng=0)
    units = units_of(mle, boot.sampling)
    estimates = jackknife_of(mle, units, 10_000 if certify else 100)
    assert_allclose(acceleration(estimates, units[1]), WARPBREAKS_A, rtol=within)


def test_accelerations_by_cluster(petersen: Bootstrap) -> None:
    units = units_of(petersen.fit, petersen.sampling)
    assert petersen.fit is not None
    estimates = jackknife_of(petersen.fit, units, 1999)
    assert_allclose(acceleration(estimates, units[1]), PETERSEN_A, rtol=1e-3)


def assert_ends(bounds: Any, truth: Any, count: int) -> None:
    ends = np.column_stack([bounds.low, bounds.high]).reshape(-1)
    values, spreads = np.array(truth).T
    # Four Monte Carlo errors, for 8 ends: a false-alarm rate of 5e-4.
    assert np.all(np.abs(ends - values) < 4 * spreads / np.sqrt(count))
    errors = np.column_stack([bounds.low_mcse, bounds.high_mcse]).reshape(-1)
    ratios = errors * np.sqrt(count) / spreads
    assert 0.4 < ratios.min() < ratios.max() < 2.5
    assert 0.75 < np.exp(np.log(ratios).mean()) < 1.3


@pytest.fixture(scope="module")
def breaks(data_of: Callable[[str], Any]) -> Bootstrap:
    return bootstrap(warpbreaks(data_of), n_resamples=3999, rng=2)


@LEVELS
def test_ends_are_those_of_r(breaks: Bootstrap, level: int) -> None:
    assert_ends(breaks.confidence_interval("bca", level / 100), WARPBREAKS[level], 3999)


@LEVELS
def test_ends_by_cluster_are_those_of_r(petersen: Bootstrap, level: int) -> None:
    assert_ends(petersen.confidence_interval("BCa", level / 100), PETERSEN[level], 1999)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_without_skewness_or_bias_it_is_the_percentile_interval(
    boot_of: Callable[..., Bootstrap], level: float
) -> None:
    values = np.sort(stats.norm.ppf(np.arange(1, 1000) / 1000))[:, None] * [1.0, 1e6]
    boot = boot_of([0.0, 0.0], values)
    plain = boot.confidence_interval(confidence_level=level)
    found = BCa(("a", "b"), np.zeros(2), values, values, np.zeros(2)).interval(level)
    assert_allclose(found.low, plain.low, rtol=1e-9)
    assert_allclose(found.high, plain.high, rtol=1e-9)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_a_monotone_function_maps_its_interval(level: float) -> None:
    y = np.random.default_rng(0).exponential(2.0, 200)
    boot = bootstrap(Estimator(lambda y: [y.mean(), y.std()], y), n_resamples=3999, rng=0)
    plain = boot.confidence_interval("bca", level)
    # The acceleration of a linear function is that of its argument.
    derived = boot.derive(lambda p: 3.0 * p).confidence_interval("bca", level)
    assert_allclose(derived.low, 3 * plain.low)
    assert_allclose(derived.high, 3 * plain.high)


def test_one_sided_ends_are_those_of_the_wider_interval() -> None:
    y = np.random.default_rng(1).gamma(2.0, size=(50, 2)) * [1.0, 1e4]
    boot = bootstrap(Estimator(lambda y: y.mean(axis=0), y), n_resamples=999, rng=0)
    both = boot.confidence_interval("bca", 0.9)
    assert_allclose(boot.confidence_interval("bca", 0.95, "less").high, both.high)
    assert_allclose(boot.confidence_interval("bca", 0.95, "greater").low, both.low)
    assert np.all(boot.confidence_interval("bca", 0.95, "less").low == -np.inf)


def test_strata_enter_the_acceleration_with_their_own_means() -> None:
    # For a difference of two means: Σ_h Σ d³/n_h³ / (6 (Σ_h Σ d²/n_h²)^1.5), d from their own mean.
    rng = np.random.default_rng(2)
    y, group = rng.exponential(1.0, 30), np.repeat([0, 1], [10, 20])

    def difference(y: Any, group: Any) -> Any:
        return [y[group == 0].mean() - y[group == 1].mean(), y[group == 1].mean()]

    estimator = Estimator(difference, (y, group))
    units = units_of(estimator, Stratified(group).prepared(estimator))
    found = acceleration(jackknife_of(estimator, units, 100), units[1])
    pulls = [(y[group == h] - y[group == h].mean()) / (group == h).sum() for h in (0, 1)]
    cubes = (pulls[0] ** 3).sum() - (pulls[1] ** 3).sum()
    squares = (pulls[0] ** 2).sum() + (pulls[1] ** 2).sum()
    assert_allclose(found[0], cubes / (6 * squares**1.5), rtol=1e-9)
    assert_allclose(found[1], (pulls[1] ** 3).sum() / (6 * (pulls[1] ** 2).sum() ** 1.5), rtol=1e-9)


def simulate(params: Any, rng: Any, X: Any, y: Any) -> Any:
    return X, rng.poisson(np.exp(X @ params)).astype(float)


@pytest.mark.parametrize("plan", [Bayesian(), Blocks(4), Jackknife(), Parametric(simulate)])
def test_plans_without_a_jackknife_of_their_own_are_refused(
    data_of: Callable[[str], Any], plan: Any
) -> None:
    boot = bootstrap(warpbreaks(data_of), sampling=plan, n_resamples=99, rng=0)
    with pytest.raises(
        ValueError, match=r"method: 'bca' is not available, as .*; use '(percentile|normal)'"
    ):
        boot.confidence_interval("bca")


def test_a_saved_run_holds_the_jackknife_that_contributions_make_cheap(
    data_of: Callable[[str], Any], tmp_path: Path
) -> None:
    boot = bootstrap(warpbreaks(data_of), n_resamples=999, rng=0)
    boot.save(tmp_path / "run")
    again = load(tmp_path / "run")
    for level in (0.8, 0.95):
        one, other = (each.confidence_interval("bca", level) for each in (again, boot))
        assert_array_equal(one.low, other.low)
        assert_array_equal(one.high, other.high)


def test_a_saved_run_of_an_estimator_has_none_unless_it_was_computed(tmp_path: Path) -> None:
    y = np.random.default_rng(3).exponential(1.0, 12)
    model = Estimator(lambda y: [y.mean(), 1000 * y.std()], y)
    boot = bootstrap(model, n_resamples=99, rng=0)  # of more, the table takes the jackknife
    boot.save(tmp_path / "before")
    with pytest.raises(ValueError, match=r"\(path, fit=mle\), or call jackknife\(\) before save"):
        load(tmp_path / "before").confidence_interval("bca", 0.8)
    bounds = boot.confidence_interval("bca", 0.8)
    boot.save(tmp_path / "after")
    assert_array_equal(load(tmp_path / "after").confidence_interval("bca", 0.8).low, bounds.low)


def test_a_corrected_level_beyond_the_outermost_replicate_is_refused() -> None:
    y = np.random.default_rng(3).exponential(1.0, 12) ** 3
    boot = bootstrap(Estimator(lambda y: [y.mean(), y.max()], y), n_resamples=199, rng=0)
    with pytest.raises(ValueError, match=r"the BCa interval of x1 ends at .* there are 199;"):
        boot.confidence_interval("bca", 0.999)


def test_a_parameter_that_is_not_identified_has_the_whole_line() -> None:
    y = np.random.default_rng(4).normal(3.0, 1.0, 60)

    def redundant(params: Any, y: Any) -> Any:
        return 0.5 * ((y - params[0] - params[1]) / np.exp(params[2])) ** 2 + params[2]

    boot = bootstrap(fit(redundant, {"a": 1.0, "b": 1.0, "ls": 0.0}, y), n_resamples=999, rng=0)
    bounds = boot.confidence_interval("bca", 0.9)
    assert bounds.low[:2].tolist() == [-np.inf, -np.inf]
    assert bounds.high[:2].tolist() == [np.inf, np.inf]
    assert bounds.low[2] < boot.estimate[2] < bounds.high[2]
