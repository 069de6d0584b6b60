"""Replicates that cannot be what their plan means raise an alarm, and no others do."""

import re
from typing import Any

import numpy as np
import pytest

from bootmle import Bootstrap, Estimator, Flag, Jackknife, bootstrap, crosscheck, fit
from bootmle.refitting.alarm_kinds import AlarmKind

RNG = np.random.default_rng(8)
Y = RNG.normal(3.0, 2.0, 60)


def kinds(boot: Bootstrap) -> set[AlarmKind]:
    return {alarm.kind for alarm in boot.alarms}


def test_replicates_without_spread_are_named() -> None:
    boot = bootstrap(Estimator(lambda y: {"n": y.size, "mean": 1e3 * y.mean()}, Y), rng=0)
    (alarm,) = boot.alarms
    assert (alarm.kind, alarm.names) == (AlarmKind.NO_SPREAD, ("n",))
    assert "all replicates of n are the same" in str(boot)


def test_replicates_around_another_value_are_named_with_their_distance() -> None:
    # A resample has 60 (1 − (1 − 1/60)⁶⁰) = 38.1 different rows on average.
    def counts(y: Any) -> dict[str, float]:
        return {"different": len(np.unique(y)), "mean": 1e3 * y.mean()}

    boot = bootstrap(Estimator(counts, Y), n_resamples=199, rng=0)
    (alarm,) = boot.alarms
    assert (alarm.kind, alarm.names) == (AlarmKind.OFF_CENTER, ("different",))
    far = (60 - boot.replicates[:, 0].mean()) / boot.standard_error[0]
    said = re.search(r"different by (\S+) of their standard errors", alarm.message)
    assert said is not None
    assert float(said[1]) == pytest.approx(far, rel=0.05)


def test_nothing_is_called_valid_while_replicates_are_in_doubt() -> None:
    def nll(params: Any, y: Any) -> Any:
        return (y - params[0]) ** 2 + (params[1] - 5.0) ** 2

    boot = bootstrap(fit(nll, {"mean": 0.0, "given": 0.0}, Y), n_resamples=199, rng=0)
    assert {AlarmKind.NO_SPREAD, AlarmKind.OBJECTIVE_SCALE} <= kinds(boot)
    assert "remain valid" not in str(boot)
    check = crosscheck(boot)
    assert Flag.REPLICATES_IN_DOUBT in check.flags
    assert "remain valid" not in str(check)


def test_fixed_parameters_and_jackknives_are_not_judged() -> None:
    def nll(params: Any, y: Any) -> Any:
        return params[1] + 0.5 * ((y - params[0]) / np.exp(params[1])) ** 2

    held = fit(nll, {"mu": 1.0, "log_sd": 0.5}, Y, fixed={"log_sd": 0.7})
    assert not bootstrap(held, n_resamples=99, rng=0).alarms
    counted = Estimator(lambda y: {"n": y.size, "mean": y.mean()}, Y)
    assert not bootstrap(counted, sampling=Jackknife()).alarms


def squares(params: Any, y: Any) -> Any:
    return 0.5 * (y - params[0]) ** 2 + 0.5 * (y**2 - params[1]) ** 2 / 1e2


def test_correlated_neighbors_are_told_under_the_table() -> None:
    series = np.zeros(300)
    for t in range(1, 300):
        series[t] = 0.7 * series[t - 1] + RNG.normal()
    boot = bootstrap(fit(squares, [0.1, 1.0], series), n_resamples=99, rng=0)
    assert AlarmKind.DEPENDENT_ROWS in kinds(boot)
    assert "the scores of neighboring rows are correlated" in str(boot)


def test_independent_rows_raise_none_of_these() -> None:
    # Seeds 0 to 39: two scores beyond 4 standard errors by chance in 0.5% of runs of this test.
    suspected = {AlarmKind.NO_SPREAD, AlarmKind.OFF_CENTER, AlarmKind.DEPENDENT_ROWS}
    for seed in range(40):
        y = np.random.default_rng(seed).normal(size=100)
        boot = bootstrap(fit(squares, [0.1, 1.0], y), n_resamples=39, rng=0)
        assert not kinds(boot) & suspected
