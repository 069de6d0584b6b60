"""Alarms: each fires on what it is about, names it, and stays silent on a regular model."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bootmle import Bootstrap, Cases, Estimator, Status, bootstrap, crosscheck, fit
from bootmle.refitting.alarm_kinds import Alarm, AlarmKind
from bootmle.refitting.alarms import likelihood_alarms
from bootmle.refitting.modes import mode_alarms
from bootmle.refitting.refit import LikelihoodRefit
from bootmle.refitting.replicates import Replicates
from models import exponential, nb2, normal, normal_mixture, poisson, weibull

pytestmark = pytest.mark.usefixtures("within_a_verb")

FORMS = pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])


def kinds(boot: Bootstrap) -> list[AlarmKind]:
    return [alarm.kind for alarm in boot.alarms]


def alarm_of(boot: Bootstrap, kind: AlarmKind) -> Alarm:
    found = [alarm for alarm in boot.alarms if alarm.kind is kind]
    assert len(found) == 1, kinds(boot)
    return found[0]


def objective(model: Any, factor: float, reduce: bool) -> Any:
    def nll(params: Any, *args: Any) -> Any:
        values = factor * model.nll(params, *args)
        return values.sum() if reduce else values

    return nll


@FORMS
@pytest.mark.parametrize(
    "model", [normal(), poisson(2), weibull(2), nb2(1)], ids=lambda model: model.name
)
def test_no_alarm_on_a_regular_model_and_nothing_printed(model: Any, reduce: bool) -> None:
    args = model.data(500, rng=1)
    boot = bootstrap(fit(objective(model, 1.0, reduce), model.truth, args), n_resamples=99, rng=0)
    assert boot.alarms == ()
    assert "!" not in str(boot)


@FORMS
@pytest.mark.parametrize("model", [poisson(2), weibull(2)], ids=lambda model: model.name)
def test_minus_two_log_likelihood_is_named_and_the_bootstrap_stands(
    model: Any, reduce: bool
) -> None:
    args = model.data(500, rng=1)
    right, doubled = (
        bootstrap(fit(objective(model, k, reduce), model.truth, args), n_resamples=199, rng=0)
        for k in (1.0, 2.0)
    )
    alarm = alarm_of(doubled, AlarmKind.OBJECTIVE_SCALE)
    assert "−2 log L" in alarm.message
    assert "misspecified" in alarm.message
    np.testing.assert_allclose(doubled.standard_error, right.standard_error, rtol=1e-3)


@FORMS
def test_a_sum_of_squares_is_not_taken_for_a_likelihood(reduce: bool) -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(200), 100 * rng.normal(size=200)])
    y = X @ [1.0, 0.02] + 5 * rng.normal(size=200)

    def squares(b: Any, X: Any, y: Any) -> Any:
        values = 0.5 * (y - X @ b) ** 2
        return values.sum() if reduce else values

    alarm = alarm_of(
        bootstrap(fit(squares, [0.0, 0.0], (X, y)), n_resamples=99, rng=0),
        AlarmKind.OBJECTIVE_SCALE,
    )
    assert "sum of squares" in alarm.message
    assert "−2 log L" not in alarm.message


def test_the_excess_follows_its_own_law_where_the_model_is_misspecified(data_of: Any) -> None:
    # Overdispersed counts: twice the excess is Σ λ χ²₁ with λ near 5, not χ² with p degrees.
    stored = data_of("warpbreaks.json")
    wool, tension = np.array(stored["wool"]), np.array(stored["tension"])
    X = np.column_stack([np.ones(54), wool == "B", tension == "M", tension == "H"]).astype(float)
    mle = fit(poisson(3).nll, [3.0, 0.0, 0.0, 0.0], (X, np.array(stored["breaks"], float)))
    boot = bootstrap(mle, n_resamples=499, rng=0)
    assert AlarmKind.OBJECTIVE_SCALE in kinds(boot)
    assert AlarmKind.EXCESS_DISTRIBUTION not in kinds(boot)


def test_replicates_that_lie_too_far_break_the_excess_law() -> None:
    model = poisson(1)
    refit = LikelihoodRefit.prepare(fit(model.nll, model.truth, model.data(300, rng=1)))
    errors = refit.fit.information.standard_errors
    draws = np.random.default_rng(0).normal(size=(200, 2)) * errors
    for factor, word in ((3.0, "further"), (0.3, "nearer")):
        law = laws(refit, refit.fit.estimate + factor * draws)
        assert len(law) == 1
        assert word in law[0].message
    root = np.linalg.cholesky(np.linalg.inv(refit.fit.information.matrix))
    regular = refit.fit.estimate + np.random.default_rng(0).normal(size=(200, 2)) @ root.T
    assert not laws(refit, regular)


def laws(refit: LikelihoodRefit, estimates: Any) -> list[Alarm]:
    found = likelihood_alarms(refit.fit, refit, replicates_at(estimates))
    return [alarm for alarm in found if alarm.kind is AlarmKind.EXCESS_DISTRIBUTION]


def replicates_at(estimates: Any) -> Replicates:
    count = len(estimates)
    none = np.zeros(count, dtype=np.int64)
    status = np.full(count, Status.CERTIFIED, dtype=np.int8)
    return Replicates(np.array(estimates), status, np.zeros(count), none, none)


def three_groups() -> Any:
    rng = np.random.default_rng(0)
    groups = zip((0, 6, 12), (12, 10, 11), strict=True)
    return np.concatenate([rng.normal(center, 1, size) for center, size in groups])


def two_means(start: Any, y: Any) -> Any:
    model = normal_mixture()
    held = {"log_sigma": 0.0, "logit_weight": 0.0}
    return fit(model.nll, [*start, 0.0, 0.0], y, names=model.names, fixed=held)


def test_a_better_optimum_is_said_and_its_estimate_offered() -> None:
    # Two components for three groups: the middle one goes to either side, two local optima.
    y = three_groups()
    poor, best = two_means([0.0, 9.0], y), two_means([3.0, 12.0], y)
    assert poor.converged
    assert best.nll < poor.nll - 1
    boot = bootstrap(poor, n_resamples=199, rng=0)
    alarm = alarm_of(boot, AlarmKind.BETTER_OPTIMUM)
    assert alarm.estimate is not None
    np.testing.assert_allclose(np.sort(alarm.estimate[:2]), np.sort(best.estimate[:2]), atol=1e-4)
    assert f"{best.nll:.8g}" in alarm.message
    assert f"{poor.nll:.8g}" in alarm.message
    again = two_means(alarm.estimate[:2], y)
    assert again.nll == pytest.approx(best.nll, abs=1e-8)
    assert AlarmKind.BETTER_OPTIMUM not in kinds(bootstrap(again, n_resamples=199, rng=0))


def two_normals(params: Any, y: Any) -> Any:
    with np.errstate(all="ignore"):
        parts = [
            -log_sigma - 0.5 * ((y - mu) / np.exp(log_sigma)) ** 2 - np.logaddexp(0, weight)
            for mu, log_sigma, weight in (
                (params[0], params[2], -params[4]),
                (params[1], params[3], params[4]),
            )
        ]
        return -np.logaddexp(*parts)


def test_a_degenerate_scale_is_an_unbounded_likelihood_not_a_better_optimum() -> None:
    rng = np.random.default_rng(0)
    y = np.concatenate([rng.normal(0, 1, 40), rng.normal(6, 1, 40)])
    mle = fit(two_normals, [0.0, 6.0, 0.0, 0.0, 0.0], y)
    estimates = np.tile(mle.estimate, (3, 1))
    estimates[1] = [y[0], y.mean(), -200.0, np.log(y.std()), -np.log(79)]
    alarms = likelihood_alarms(mle, LikelihoodRefit.prepare(mle), replicates_at(estimates))
    assert [alarm.kind for alarm in alarms] == [AlarmKind.UNBOUNDED_LIKELIHOOD]
    assert "replicate 1 " in alarms[0].message


def bounded(limit: float, y: Any, side: int = 1) -> Bootstrap:
    ends = (None, limit) if side > 0 else (limit, None)
    mle = fit(normal().nll, {"mu": 0.0, "log_sigma": 0.5}, y, bounds=[ends, (None, None)])
    return bootstrap(mle, n_resamples=128, rng=1)


@pytest.mark.parametrize("side", [1, -1], ids=["upper", "lower"])
def test_the_share_at_a_bound_is_reported(side: int, weights_of: Any) -> None:
    y = side * normal().data(30, rng=3)[0]
    limit = float(y.mean() + side * 0.5 * y.std() / np.sqrt(30))
    means = weights_of(Cases(), 1, 30, 128) @ y / 30
    boot = bounded(limit, y, side)
    alarm = alarm_of(boot, AlarmKind.AT_BOUND)
    assert alarm.message in str(crosscheck(boot)).replace("\n    ", " ")
    assert alarm.names == ("mu",)
    assert f"{np.mean(side * (means - limit) > 0):.1%}" in alarm.message
    assert f"mu at its {'upper' if side > 0 else 'lower'} bound" in alarm.message
    assert "boundary" in alarm.message


def test_a_bound_that_no_replicate_meets_raises_no_alarm() -> None:
    y = normal().data(200, rng=3)[0]
    assert kinds(bounded(50.0, y)) == []


def test_the_share_at_a_bound_counts_infinite_estimates_and_leaves_failures_out() -> None:
    (y,) = normal().data(30, rng=3)
    limit = float(y.mean() + y.std())
    mle = fit(normal().nll, [0.0, 0.5], y, bounds=[(None, limit), (None, None)], names=["mu", "ls"])
    estimates = np.tile(mle.estimate, (5, 1))
    estimates[0, 0] = limit
    estimates[1] = [-np.inf, np.inf]
    estimates[2] = [np.nan, -np.inf]
    estimates[3] = np.nan
    ends = Status.NO_FINITE_OPTIMUM
    status = [Status.AT_BOUND, ends, ends, Status.NOT_CERTIFIED, Status.CERTIFIED]
    replicates = replace(replicates_at(estimates), status=np.array(status, dtype=np.int8))
    (alarm,) = likelihood_alarms(mle, LikelihoodRefit.prepare(mle), replicates)
    assert alarm.kind is AlarmKind.AT_BOUND
    assert "25.0%" in alarm.message


def test_parameters_with_several_modes_are_named_and_the_others_not() -> None:
    rng = np.random.default_rng(0)
    y = np.concatenate([rng.normal(0, 1, 20), rng.normal(10, 1, 21)])
    estimator = Estimator(lambda y: {"median": np.median(y), "mean": 1000 * y.mean()}, args=y)
    alarm = alarm_of(bootstrap(estimator, n_resamples=499, rng=0), AlarmKind.SEVERAL_MODES)
    assert alarm.names == ("median",)
    assert "median" in alarm.message
    assert "mean" not in alarm.message


def test_one_mode_of_any_shape_raises_no_alarm() -> None:
    # Twelve samples, none called; a false alarm in a hundred samples would show here in 11%.
    rng = np.random.default_rng(0)
    columns = [
        *(rng.normal(size=999) for _ in range(4)),
        *(1e6 * rng.exponential(size=999) for _ in range(4)),
        *(1e-3 * rng.standard_t(4, size=999) for _ in range(4)),
    ]
    names = tuple(f"x{j}" for j in range(12))
    assert mode_alarms(names, replicates_at(np.column_stack(columns))) == ()


def test_modes_are_counted_whatever_the_scale() -> None:
    rng = np.random.default_rng(0)
    sign = np.where(rng.random(999) < 0.3, -1.0, 1.0)
    two = 5 * sign + rng.normal(size=999)
    both = replicates_at(np.column_stack([1e-6 * two, 1e6 * two, rng.normal(size=999)]))
    (alarm,) = mode_alarms(("a", "b", "c"), both)
    assert alarm.names == ("a", "b")


def test_a_fit_that_noise_keeps_from_its_optimum_is_said() -> None:
    (y,) = normal().data(30, rng=3)
    mle = fit(lambda p, y: np.round(normal().nll(p, y).sum(), 3), [0.0, 0.5], y)
    assert mle.status is Status.NOISE_LIMITED
    boot = bootstrap(mle, n_resamples=64, rng=0)
    if mle.decrement > 1e-3:
        assert "noise" in alarm_of(boot, AlarmKind.FIT_NOT_CERTIFIED).message


def test_the_table_ends_with_the_alarms_one_sentence_each() -> None:
    model = poisson(2)
    mle = fit(lambda p, *args: 2 * model.nll(p, *args), model.truth, model.data(500, rng=1))
    boot = bootstrap(mle, n_resamples=99, rng=0)
    assert len(boot.alarms) == 1
    last = str(boot).splitlines()[-len(boot.alarms) :]
    assert last == [f"! {alarm.message}" for alarm in boot.alarms]
    assert str(boot.alarms[0]) == boot.alarms[0].message
    assert "\n" not in boot.alarms[0].message


def test_alarms_are_stored_whole() -> None:
    alarm = Alarm(AlarmKind.BETTER_OPTIMUM, "fit again", ("a",), np.array([1.5, -1000.0]))
    again = Alarm.from_json(alarm.to_json())
    assert (again.kind, again.message, again.names) == (alarm.kind, alarm.message, alarm.names)
    np.testing.assert_array_equal(again.estimate, alarm.estimate)


def test_the_scale_is_not_alarming_in_small_samples_of_a_right_model() -> None:
    # The rule's rate is at most 1%; Binomial(60, 0.01) exceeds 4 with probability 3e-4.
    alarmed = 0
    for seed in range(60):
        model = poisson(3) if seed % 2 else exponential()
        mle = fit(model.nll, model.truth, model.data(100, rng=seed))
        boot = bootstrap(mle, n_resamples=2, rng=0, refit="expansion")
        alarmed += AlarmKind.OBJECTIVE_SCALE in kinds(boot)
    assert alarmed <= 4


def test_twice_the_variance_of_counts_is_alarming_in_most_data_sets() -> None:
    # In 0.7 of data sets at n = 200; Binomial(40, 0.7) falls below 17 with probability 2e-4.
    alarmed = 0
    for seed in range(40):
        X, _ = poisson(1).data(200, rng=seed)
        means = np.exp(X @ poisson(1).truth)
        counts = np.random.default_rng(seed).negative_binomial(means, 0.5).astype(float)
        mle = fit(poisson(1).nll, poisson(1).truth, (X, counts))
        boot = bootstrap(mle, n_resamples=2, rng=0, refit="expansion")
        alarmed += AlarmKind.OBJECTIVE_SCALE in kinds(boot)
    assert alarmed >= 17
