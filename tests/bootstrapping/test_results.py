"""The Bootstrap: its table, its summaries of failed and infinite replicates, its frame and file."""

import copy
import pickle
import re
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy.stats import norm

from bootmle import Bootstrap, Estimator, Status, bootstrap, fit
from bootmle.refitting.alarm_kinds import Alarm, AlarmKind
from models import poisson

BootOf = Callable[..., Bootstrap]
LEVELS = pytest.mark.parametrize(("level", "rank"), [(0.90, 50), (0.95, 25)])
RANKS = np.arange(1.0, 1000.0)
TWO = np.array([1.0, -1000.0])


def two_valued(error: float, center: float, count: int = 100) -> NDArray[np.float64]:
    """Half the replicates on each side of the center, so that the SE is ``error`` exactly."""
    half = error * np.sqrt((count - 1) / count)
    return center + half * np.resize([1.0, -1.0], count)


def counting(boot_of: BootOf, **more: Any) -> Bootstrap:
    """Replicates 1 ... 999 and -1000 ... -999,000: interval ends are ranks to be read off."""
    return boot_of(500 * TWO, RANKS[:, None] * TWO, **more)


def table_of(boot: Bootstrap) -> list[str]:
    """The titles and a line for each parameter, without the line that heads the interval."""
    above, *lines = str(boot).split("\n\n")[0].splitlines()
    assert above.strip().startswith("95% percentile interval")
    return lines


def cells_of(boot: Bootstrap) -> list[list[str]]:
    return [re.split(r"\s{2,}", line.strip()) for line in table_of(boot)[1:]]


TITLES = ["estimate", "bootstrap SE", "± MC", "low", "high"]


def test_columns_are_aligned_under_their_titles(boot_of: BootOf) -> None:
    scales = np.array([1e-4, 1.0, 123.4, 5e6])
    rng = np.random.default_rng(0)
    names = ["a", "a much longer name", "β", "x4"]
    boot = boot_of(scales, scales * (1 + 0.1 * rng.normal(size=(99, 4))), names=names)
    above = str(boot).splitlines()[0]
    header, *lines = table_of(boot)
    assert len(above) == len(header)
    assert above.index("95%") >= header.index("± MC") + len("± MC")
    assert re.split(r"\s{2,}", header.strip()) == TITLES
    ends = [header.index(title) + len(title) for title in TITLES]
    assert len(lines) == 4
    for name, line in zip(names, lines, strict=True):
        assert line.startswith(name)
        assert len(line) == ends[-1]
        starts = [match.start() for match in re.finditer(r"\S+", line[len(names[1]) :])]
        assert len(starts) == len(TITLES)
        for end in ends:
            assert line[end - 1] != " "
            assert end == len(line) or line[end] == " "


@pytest.mark.parametrize("power", range(-7, 8))
@pytest.mark.parametrize("lead", [1.234, 9.876])
def test_the_estimate_has_the_digits_that_its_standard_error_supports(
    lead: float, power: int, boot_of: BootOf
) -> None:
    # Three digits of the SE, and every number of the line to the same decimal place.
    error = lead * 10.0**power
    estimate = np.pi * error
    values = np.column_stack([two_valued(error, estimate), two_valued(1.0, 0.0)])
    shown = cells_of(boot_of([estimate, 0.0], values))[0][1:]
    place = max(0, 2 - power)
    if place <= 9:
        assert [len(cell.partition(".")[2]) for cell in shown] == [place] * 5
    assert abs(float(shown[0]) - estimate) <= 0.5000001 * 10.0**-place
    assert abs(float(shown[1]) - error) <= 0.5000001 * 10.0**-place
    digits = shown[1].replace(".", "").lstrip("0")
    assert len(digits) == max(3, power + 1)


def test_parameters_of_unequal_scale_have_decimals_of_their_own(boot_of: BootOf) -> None:
    values = np.column_stack([two_valued(0.0123, 1.5), two_valued(4567.0, 1.5e6)])
    small, large = cells_of(boot_of([1.5, 1.5e6], values))
    assert small[1:3] == ["1.5000", "0.0123"]
    assert large[1:3] == ["1500000", "4567"]


def test_the_numbers_of_the_table_are_those_of_the_result(boot_of: BootOf) -> None:
    rng = np.random.default_rng(0)
    boot = boot_of([2.0, 3000.0], [2.0, 3000.0] + rng.gamma(4.0, size=(399, 2)) * [0.1, 500.0])
    bounds = boot.confidence_interval(confidence_level=0.95)
    columns = (boot.estimate, boot.standard_error, boot.standard_error_mcse, *bounds_of(bounds))
    for j, (_, *shown) in enumerate(cells_of(boot)):
        unit = 10.0 ** -len(shown[0].partition(".")[2])
        assert_allclose([float(cell) for cell in shown], [c[j] for c in columns], atol=0.51 * unit)


def bounds_of(bounds: Any) -> tuple[Any, Any]:
    return bounds.low, bounds.high


def test_the_closing_line_has_count_plan_failures_time_and_seed(boot_of: BootOf) -> None:
    closing = str(counting(boot_of)).splitlines()[-1]
    assert closing == "B = 999 replicates by Cases(), none failed; 1.5 s; seed 7"
    values = np.arange(4000.0).reshape(2000, 2)
    assert "B = 2,000 replicates" in str(boot_of([1.0, 1000.0], values))


def test_the_table_names_the_interval_it_shows_and_the_noise_it_has(boot_of: BootOf) -> None:
    drawn = str(counting(boot_of))
    assert drawn.splitlines()[0].strip() == "95% percentile interval"
    assert "± MC is the Monte Carlo standard error" in drawn
    whole = counting(boot_of, supports_quantiles=False, is_random=False)
    assert str(whole).splitlines()[0].strip() == "95% normal interval"
    assert "± MC is" not in str(whole)
    low, high = bounds_of(whole.confidence_interval("normal"))
    rows = [line.split() for line in str(whole).split("\n\n")[0].splitlines()[2:]]
    assert_allclose(
        [[float(cell) for cell in row[-2:]] for row in rows],
        np.transpose([low, high]),
        rtol=1e-3,
        atol=0.5,
    )


def test_too_few_replicates_for_an_interval_still_have_a_table(boot_of: BootOf) -> None:
    boot = boot_of(500 * TWO, RANKS[:20, None] * TWO)
    for cells in cells_of(boot):
        assert cells[-2:] == ["nan", "nan"]
        assert float(cells[2]) > 0
    with pytest.raises(ValueError, match="at least 39 replicates, there are 20"):
        boot.confidence_interval()


def test_a_held_parameter_is_shown_as_fixed(boot_of: BootOf) -> None:
    values = np.column_stack([RANKS, np.full(999, 2.5)])
    boot = boot_of([500.0, 2.5], values, names=["mu", "shape"], fixed=("shape",))
    assert cells_of(boot)[1] == ["shape", "2.5", "fixed"]
    assert boot.standard_error[1] == 0.0


def test_a_parameter_that_does_not_vary_is_not_called_fixed(boot_of: BootOf) -> None:
    values = np.column_stack([RANKS, np.full(999, 2.5)])
    boot = boot_of([500.0, 2.5], values, names=["mu", "shape"])
    assert cells_of(boot)[1] == ["shape", "2.5", "0", "0", "2.5", "2.5"]


def test_only_a_parameter_that_was_held_is_called_fixed() -> None:
    model = poisson(2)
    held = fit(model.nll, model.truth, model.data(60, rng=1), fixed={"x2": 0.25})
    constant = Estimator(lambda y: {"mean": y.mean(), "two": 2.0}, args=RANKS)
    one, other = (bootstrap(each, n_resamples=99, rng=0) for each in (held, constant))
    assert (one.fixed, other.fixed) == (("x2",), ())
    assert cells_of(one)[1] == ["x2", "0.25", "fixed"]
    assert cells_of(other)[1] == ["two", "2", "0", "0", "2", "2"]
    assert one.standard_error[1] == other.standard_error[1] == 0.0


FAILED = (Status.RAISED, Status.NOT_FINITE, Status.NOT_CERTIFIED)


def with_failures(boot_of: BootOf) -> Bootstrap:
    """The counting replicates with twelve failed ones among them."""
    values = np.full((1011, 2), np.nan)
    status = np.full(1011, Status.CERTIFIED)
    failed = np.arange(0, 1011, 90)
    status[failed] = np.resize(FAILED, 12)
    values[np.setdiff1d(np.arange(1011), failed)] = RANKS[:, None] * TWO
    return boot_of(500 * TWO, values, status)


def test_failed_replicates_are_counted_and_leave_every_summary(boot_of: BootOf) -> None:
    boot, clean = with_failures(boot_of), counting(boot_of)
    assert (boot.n_failed, clean.n_failed) == (12, 0)
    for name in ("standard_error", "standard_error_mcse", "bias", "skewness", "covariance"):
        assert_allclose(getattr(boot, name), getattr(clean, name), rtol=1e-12)
    assert_array_equal(boot.quantile_standard_error, clean.quantile_standard_error)
    assert np.isfinite(boot.standard_error).all()


@LEVELS
@pytest.mark.parametrize("method", ["percentile", "basic", "normal"])
def test_failed_replicates_leave_every_interval(
    method: str, level: float, rank: int, boot_of: BootOf
) -> None:
    one, other = (
        each.confidence_interval(method, level)
        for each in (with_failures(boot_of), counting(boot_of))
    )
    assert_allclose(bounds_of(one), bounds_of(other), rtol=1e-12)
    if method == "percentile":
        # Davison and Hinkley (1997), section 5.2: the ranks (B + 1) α are whole.
        assert_allclose(one.low, [rank, -1000.0 * (1000 - rank)])
        assert_allclose(one.high, [1000.0 - rank, -1000.0 * rank])


def test_the_table_says_how_many_failed_and_why(boot_of: BootOf) -> None:
    shown = str(with_failures(boot_of))
    assert "B = 1,011 replicates by Cases(), 12 failed" in shown
    for status in FAILED:
        assert f"failed, 4 times: {status.message}" in shown
    assert "failed" not in str(counting(boot_of)).replace("none failed", "")


def with_divergent(boot_of: BootOf, count: int) -> Bootstrap:
    """The largest replicates of the first parameter lie at infinity."""
    values = RANKS[:, None] * TWO
    status = np.full(999, Status.CERTIFIED)
    values[999 - count :, 0] = np.inf
    status[999 - count :] = Status.NO_FINITE_OPTIMUM
    return boot_of(500 * TWO, values, status)


@LEVELS
def test_infinite_replicates_count_in_intervals_but_not_in_standard_errors(
    level: float, rank: int, boot_of: BootOf
) -> None:
    for count in (rank - 1, rank):
        boot = with_divergent(boot_of, count)
        bounds = boot.confidence_interval(confidence_level=level)
        assert np.isinf(bounds.high[0]) == (count == rank)
        assert bounds.low[0] == rank
        assert_allclose(bounds.high[1], -1000.0 * rank)
        errors = [RANKS[: 999 - count].std(ddof=1), 1000.0 * RANKS.std(ddof=1)]
        assert_allclose(boot.standard_error, errors, rtol=1e-12)
        assert_allclose(np.sqrt(np.diag(boot.covariance)), errors, rtol=1e-12)
        assert_allclose(boot.covariance[0, 1], -1000.0 * RANKS[: 999 - count].var(ddof=1))
        assert boot.n_failed == 0


@pytest.mark.parametrize("level", [0.90, 0.95])
@pytest.mark.parametrize("infinite", [np.inf, -np.inf, np.nan])
def test_infinite_replicates_leave_no_normal_interval_of_their_parameter(
    infinite: float, level: float, boot_of: BootOf
) -> None:
    values, status = RANKS[:, None] * TWO, np.full(999, Status.CERTIFIED)
    values[::100, 1], status[::100] = infinite, Status.NO_FINITE_OPTIMUM
    with pytest.warns(UserWarning, match="nan for x2: 10 of 999 replicates have no finite optimum"):
        bounds = boot_of(500 * TWO, values, status).confidence_interval("normal", level)
    whole = (bounds.low, bounds.high, bounds.low_mcse, bounds.high_mcse)
    assert np.isnan([each[1] for each in whole]).all()
    half = norm.ppf(0.5 + level / 2) * values[:, 0].std(ddof=1)
    center = 2 * 500 - values[:, 0].mean()
    assert_allclose([bounds.low[0], bounds.high[0]], [center - half, center + half])
    assert np.all(np.array([bounds.low_mcse[0], bounds.high_mcse[0]]) > 0)


def test_the_table_says_how_infinite_replicates_count(boot_of: BootOf) -> None:
    shown = str(with_divergent(boot_of, 30))
    assert "30 replicates have no finite optimum" in shown
    assert cells_of(with_divergent(boot_of, 30))[0][-1] == "inf"


@LEVELS
def test_what_is_not_identified_has_no_standard_error_and_the_whole_line(
    level: float, rank: int, boot_of: BootOf
) -> None:
    boot = counting(boot_of, not_identified=("x2",))
    bounds = boot.confidence_interval(confidence_level=level)
    assert (bounds.low[1], bounds.high[1]) == (-np.inf, np.inf)
    assert bounds.low[0] == rank
    for name in ("standard_error", "standard_error_mcse", "quantile_standard_error", "bias"):
        assert np.isnan(getattr(boot, name)).tolist() == [False, True]
    assert np.isnan(boot.covariance).tolist() == [[False, True], [True, True]]
    assert "not identified by the data: x2" in str(boot)


def test_notes_and_alarms_stand_below_the_table(boot_of: BootOf) -> None:
    alarm = Alarm(AlarmKind.AT_BOUND, "12% of the replicates lie at a bound", ("x1",))
    shown = str(counting(boot_of, notes=("rows are resampled",), alarms=(alarm,))).splitlines()
    assert shown[-2:] == ["rows are resampled", "! 12% of the replicates lie at a bound"]


@LEVELS
def test_the_frame_holds_the_summaries(level: float, rank: int, boot_of: BootOf) -> None:
    boot = counting(boot_of, names=["mu", "sigma"])
    frame = boot.to_frame(confidence_level=level)
    bounds = boot.confidence_interval(confidence_level=level)
    assert list(frame.index) == ["mu", "sigma"]
    expected = {
        "estimate": boot.estimate,
        "bias": boot.bias,
        "standard_error": boot.standard_error,
        "standard_error_mcse": boot.standard_error_mcse,
        "low": bounds.low,
        "high": bounds.high,
    }
    assert list(frame.columns) == list(expected)
    for name, values in expected.items():
        assert_array_equal(frame[name].to_numpy(), values)
    assert frame.loc["mu", "low"] == rank


def test_the_default_frame_is_at_ninety_five_percent(boot_of: BootOf) -> None:
    assert counting(boot_of).to_frame()["low"].tolist() == [25.0, -975_000.0]


def test_without_pandas_the_frame_says_what_to_install(
    boot_of: BootOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=re.escape('pip install "bootmle[pandas]"')):
        counting(boot_of).to_frame()


def test_too_few_replicates_for_intervals_are_said_to_be_so(boot_of: BootOf) -> None:
    few, enough = (
        boot_of([0.0, 0.0], np.random.default_rng(0).normal(size=(count, 2)) * [1.0, 1000.0])
        for count in (38, 39)
    )
    assert "no 95% intervals (nan): they need at least 39 replicates" in str(few)
    assert "intervals (nan)" not in str(enough)


def test_the_repr_is_short_and_names_the_parameters(boot_of: BootOf) -> None:
    shown = repr(counting(boot_of, names=["mu", "sigma"]))
    assert shown.startswith("Bootstrap(")
    assert "'sigma'" in shown
    assert "seeds=(7,)" in shown
    assert len(shown) < 300


def test_a_result_is_frozen(boot_of: BootOf) -> None:
    with pytest.raises(FrozenInstanceError):
        counting(boot_of).seeds = (8,)  # type: ignore[misc]


def poisson_run(**options: Any) -> Bootstrap:
    model = poisson(1)
    mle = fit(model.nll, model.truth, model.data(60, rng=1))
    return bootstrap(mle, n_resamples=99, rng=0, **options)


COPIES: dict[str, Callable[[Bootstrap], Bootstrap]] = {
    "copy": copy.copy,
    "deep copy": copy.deepcopy,
    "pickle": lambda boot: pickle.loads(pickle.dumps(boot)),
}


@pytest.mark.parametrize("how", COPIES)
def test_copies_and_pickles_are_the_same_result(how: str) -> None:
    boot = poisson_run()
    other = COPIES[how](boot)
    assert str(other) == str(boot)
    assert repr(other) == repr(boot)
    assert other.data.estimates.tobytes() == boot.data.estimates.tobytes()
    assert_array_equal(other.status, boot.status)
    assert_array_equal(other.covariance, boot.covariance)


def test_a_copied_fit_can_be_bootstrapped_again() -> None:
    boot = poisson_run()
    mle: Any = pickle.loads(pickle.dumps(boot)).fit
    assert_array_equal(bootstrap(mle, n_resamples=99, rng=0).replicates, boot.replicates)
