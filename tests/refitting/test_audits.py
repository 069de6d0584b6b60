"""Audits: a few replicates computed again in another way, and what they show."""

from typing import Any

import numpy as np
import pytest
from scipy.optimize import OptimizeResult

from bootmle import Estimator, bootstrap, fit
from bootmle.refitting.alarm_kinds import AlarmKind
from bootmle.refitting.audits import ColdAudit, ExpansionAudit
from models import exponential, logit, normal_mixture, poisson


def audit_of(boot: Any, kind: type) -> Any:
    (found,) = [audit for audit in boot.audits if isinstance(audit, kind)]
    return found


def test_verified_refits_need_no_audit_of_an_expansion() -> None:
    model = poisson(2)
    boot = bootstrap(fit(model.nll, model.truth, model.data(300, rng=1)), n_resamples=99, rng=0)
    assert boot.audits == ()


def test_the_expansion_is_audited_on_fifty_verified_refits_and_the_error_printed() -> None:
    model = poisson(2)
    mle = fit(model.nll, model.truth, model.data(300, rng=1))
    boot = bootstrap(mle, n_resamples=199, rng=0, refit="expansion")
    verified = bootstrap(mle, n_resamples=199, rng=0)
    audit = audit_of(boot, ExpansionAudit)
    unit = np.linalg.cholesky(mle.information.matrix)
    true = np.linalg.norm((boot.replicates - verified.replicates) @ unit, axis=1)
    assert audit.n == 50
    assert 0 < audit.median <= audit.largest
    assert audit.largest <= true.max() * 1.01 + 1e-4
    # The median of 50 out of 199 lies between the tenths of all: false alarms below 1e-6.
    assert np.quantile(true, 0.1) < audit.median < np.quantile(true, 0.9)
    assert np.abs(audit.ratio - 1).max() < 0.03
    assert "audited on 50 verified refits" in str(boot)
    assert boot.alarms == ()


def test_the_audits_own_evaluations_are_counted_apart() -> None:
    model = poisson(2)
    mle = fit(model.nll, model.truth, model.data(300, rng=1))
    boot = bootstrap(mle, n_resamples=99, rng=0, refit="expansion")
    assert boot.data.n_evaluations.sum() == 0
    assert audit_of(boot, ExpansionAudit).n_evaluations > 50


def test_an_inaccurate_expansion_raises_an_alarm_that_cannot_be_missed() -> None:
    model = exponential()
    boot = bootstrap(
        fit(model.nll, model.truth, model.data(5, rng=1)), n_resamples=199, rng=0, refit="expansion"
    )
    audit = audit_of(boot, ExpansionAudit)
    assert audit.largest > 0.1
    (alarm,) = [alarm for alarm in boot.alarms if alarm.kind is AlarmKind.EXPANSION_ERROR]
    assert "THE EXPANSION IS NOT ACCURATE" in str(boot)
    assert 'refit="verified"' in alarm.message


@pytest.mark.parametrize(
    ("largest", "ratio", "fires"),
    [
        (0.09, [1.0, 1.029], False),
        (0.11, [1.0, 1.0], True),
        (0.01, [1.0, 0.96], True),
        (0.01, [np.nan, 1.0], False),
    ],
)
def test_the_limits_of_the_expansions_alarm(largest: float, ratio: Any, fires: bool) -> None:
    audit = ExpansionAudit(50, 0.01, largest, np.array(ratio), 100)
    assert bool(audit.alarms()) is fires


def test_a_random_few_are_done_again_cold_and_agree() -> None:
    model = poisson(2)
    mle = fit(model.nll, np.zeros(3), model.data(100, rng=1))
    boot = bootstrap(mle, n_resamples=1300, rng=0)
    audit = audit_of(boot, ColdAudit)
    assert audit.n == 2
    assert audit.n_better == 0
    assert audit.largest < 0.02
    assert audit.n_evaluations > 20
    assert boot.alarms == ()


@pytest.mark.parametrize("transform", [None, {"sigma": "log"}])
def test_cold_refits_take_the_users_gradient_where_there_is_one(transform: Any) -> None:
    def nll(params: Any, y: Any) -> Any:
        mu, sigma = params
        return np.log(sigma) + 0.5 * ((y - mu) / sigma) ** 2

    def scores(params: Any, y: Any) -> Any:
        mu, sigma = params
        z = (y - mu) / sigma
        return np.column_stack([-z / sigma, (1 - z**2) / sigma])

    y = np.random.default_rng(0).normal(0.3, 0.1, 60)
    start: dict[str, Any] = {"x0": {"mu": 0.2, "sigma": 0.2}, "args": y, "transform": transform}
    given, without = (
        audit_of(bootstrap(fit(nll, **start, jac=jac), n_resamples=1300, rng=0), ColdAudit)
        for jac in (scores, None)
    )
    assert (given.n, given.n_better) == (2, 0)
    assert given.largest < 0.02
    # Differences take two evaluations more for each gradient.
    assert given.n_evaluations < 0.6 * without.n_evaluations


def test_cold_refits_that_find_something_better_raise_an_alarm() -> None:
    # The user's method finds the poor optimum at first, and the good one ever after.
    rng = np.random.default_rng(0)
    groups = zip((0, 6, 12), (12, 10, 11), strict=True)
    y = np.concatenate([rng.normal(center, 1, size) for center, size in groups])
    model, calls = normal_mixture(), [0]

    def lucky_later(fun: Any, x0: Any, args: Any = (), **options: Any) -> OptimizeResult:
        calls[0] += 1
        if calls[0] == 1:
            return OptimizeResult({"x": x0, "fun": fun(x0), "success": True, "message": ""})  # type: ignore[call-arg]
        grid = [np.array([a, b]) for a in np.linspace(-1, 4, 26) for b in np.linspace(8, 13, 26)]
        best = min(grid, key=fun)
        return OptimizeResult({"x": best, "fun": fun(best), "success": True, "message": ""})  # type: ignore[call-arg]

    mle = fit(
        model.nll,
        [0.5, 9.2, 0.0, 0.0],
        y,
        names=model.names,
        fixed={"log_sigma": 0.0, "logit_weight": 0.0},
        method=lucky_later,
    )
    calls[0] = 1
    boot = bootstrap(mle, n_resamples=1950, rng=2)
    audit = audit_of(boot, ColdAudit)
    assert audit.n == 3
    assert audit.n_better >= 1
    (alarm,) = [alarm for alarm in boot.alarms if alarm.kind is AlarmKind.COLD_REFIT]
    assert f"{audit.n_better} of 3" in alarm.message


def test_the_same_seed_audits_the_same_replicates() -> None:
    model = logit(2)
    mle = fit(model.nll, np.zeros(3), model.data(80, rng=1))
    one, two = (
        audit_of(
            bootstrap(mle, n_resamples=99, rng=3, refit="expansion", n_jobs=jobs), ExpansionAudit
        )
        for jobs in (1, 2)
    )
    assert (one.median, one.largest) == (two.median, two.largest)
    np.testing.assert_array_equal(one.ratio, two.ratio)


def test_estimators_have_no_audits() -> None:
    y = np.random.default_rng(0).normal(size=30)
    boot = bootstrap(Estimator(lambda y: [y.mean(), y.std()], args=y), n_resamples=700, rng=0)
    assert boot.audits == ()
