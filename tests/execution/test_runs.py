"""Runs that stop early or go on later: precision, extensions, deadlines, interruptions."""

import os
import pickle
import signal
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from bootmle import (
    Blocks,
    Bootstrap,
    Cases,
    Clustered,
    Estimator,
    Fit,
    Given,
    Interrupted,
    Jackknife,
    bootstrap,
    fit,
    load,
)
from models import logit, normal

Y = np.random.default_rng(1).normal(10.0, 2.0, 40)


def two(y: Any) -> list[float]:
    return [float(y.mean()), 1000 * float(y.std())]


def logit_fit(n: int = 60) -> Fit:
    model = logit(2)
    return fit(model.nll, model.truth, model.data(n, rng=1))


def assert_same_run(one: Bootstrap, other: Bootstrap) -> None:
    for name in ("estimates", "status", "distance", "n_evaluations", "standard_errors"):
        assert getattr(one.data, name).tobytes() == getattr(other.data, name).tobytes()
    assert dict(one.data.messages) == dict(other.data.messages)
    assert [str(alarm) for alarm in one.alarms] == [str(alarm) for alarm in other.alarms]
    assert str(one).split("\n\n")[0] == str(other).split("\n\n")[0]


@pytest.mark.parametrize(("first", "more"), [(64, 64), (100, 100), (2, 150), (130, 1)])
def test_an_extended_run_is_the_longer_run(first: int, more: int) -> None:
    mle = logit_fit()
    at_once = bootstrap(mle, n_resamples=first + more, rng=3)
    assert_same_run(bootstrap(mle, n_resamples=first, rng=3).extend(more), at_once)


@pytest.mark.parametrize("sampling", [Blocks(), Clustered(np.arange(60) // 3)])
def test_an_extension_has_the_same_plan(sampling: Any) -> None:
    mle = logit_fit()
    half = bootstrap(mle, sampling=sampling, n_resamples=70, rng=3)
    whole = bootstrap(mle, sampling=sampling, n_resamples=140, rng=3)
    assert_same_run(half.extend(70, n_jobs=1), whole)


def test_a_saved_run_is_extended_with_its_fit(tmp_path: Path) -> None:
    mle = logit_fit()
    bootstrap(mle, sampling=Blocks(4.5), n_resamples=70, rng=3).save(tmp_path / "run")
    loaded = load(tmp_path / "run", fit=mle)
    assert_same_run(loaded.extend(30), bootstrap(mle, sampling=Blocks(4.5), n_resamples=100, rng=3))
    with pytest.raises(ValueError, match="extend: the run was loaded without its fit"):
        load(tmp_path / "run").extend(30)


def test_a_plan_that_a_file_cannot_hold_is_asked_for(tmp_path: Path) -> None:
    mle, plan = logit_fit(), Given(np.random.default_rng(0).integers(60, size=(100, 60)))
    bootstrap(mle, sampling=plan, n_resamples=70, rng=3).save(tmp_path / "run")
    loaded = load(tmp_path / "run", fit=mle)
    with pytest.raises(ValueError, match="sampling: the file holds only the text of the plan"):
        loaded.extend(30)
    with pytest.raises(ValueError, match=r"sampling: got .*, but the run's plan is"):
        loaded.extend(30, sampling=Cases())
    whole = bootstrap(mle, sampling=plan, n_resamples=100, rng=3)
    assert_same_run(loaded.extend(30, sampling=plan), whole)


class Stopping:
    """An objective that counts its calls, and is stopped at one of them."""

    def __init__(self) -> None:
        self.calls, self.at, self.how = 0, -1, signal.SIGINT

    def __call__(self, params: Any, y: Any) -> Any:
        self.calls += 1
        if self.calls == self.at:
            os.kill(os.getpid(), self.how)
        return params[1] + 0.5 * ((y - params[0]) / np.exp(params[1])) ** 2


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_closing_audit_loses_no_replicate(how: signal.Signals) -> None:
    nll = Stopping()
    mle = fit(nll, {"mu": 0.5, "log_sd": 0.2}, args=np.random.default_rng(4).normal(size=60))
    bootstrap(mle, n_resamples=70, rng=5)  # what refits share is measured once for each fit
    nll.calls = 0
    whole = bootstrap(mle, n_resamples=200, rng=5)
    nll.at, nll.how, nll.calls = nll.calls - 5, how, 0
    with pytest.raises(Interrupted, match="all 200 replicates are done") as stop:
        bootstrap(mle, n_resamples=200, rng=5)
    assert_same_run(stop.value.partial, replace(whole, audits=(), alarms=()))
    nll.calls = 0
    nll.at = -1
    whole.extend(20)
    nll.at, nll.calls = nll.calls - 5, 0
    with pytest.raises(Interrupted, match="all 220 replicates are done") as stop:
        whole.extend(20)
    assert len(stop.value.partial.data) == 220
    assert stop.value.partial.seconds > whole.seconds


def test_what_cannot_be_extended_is_refused() -> None:
    mean = Estimator(two, Y)
    boot = bootstrap(mean, n_resamples=70, rng=0)
    for bad in (0, -3, 2.5, True):
        with pytest.raises(ValueError, match=r"n must be an integer from 1 to .*got"):
            boot.extend(bad)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="extend: these are derived"):
        boot.derive(lambda p: p[0]).extend(5)
    with pytest.raises(ValueError, match="extend: these are derived"):
        replace(boot, seeds=(0, 1)).extend(5)
    given = bootstrap(mean, sampling=Given(indices=np.zeros((5, 40), int)), n_resamples=5)
    with pytest.raises(ValueError, match="has 5 samples, not 6"):
        given.extend(1)


def test_precision_stops_at_the_first_chunk_that_reaches_it() -> None:
    """Replicates of normal means: the relative error of an SE is 1/√(2B), 0.05 at B = 200."""
    boot = bootstrap(Estimator(two, Y), n_resamples=5000, rng=0, precision=0.05)
    errors = boot.standard_error_mcse / boot.standard_error
    assert errors.max() <= 0.05
    assert len(boot.data) % 64 == 0
    assert 128 <= len(boot.data) <= 320
    assert boot.stopped == "precision=0.05"
    assert "stopped before the last replicate: precision=0.05" in str(boot)
    one_less = bootstrap(Estimator(two, Y), n_resamples=len(boot.data) - 64, rng=0)
    assert (one_less.standard_error_mcse / one_less.standard_error).max() > 0.05
    longer = bootstrap(Estimator(two, Y), n_resamples=len(boot.data), rng=0)
    assert_array_equal(longer.replicates, boot.replicates)


def test_the_limit_says_how_far_the_precision_is() -> None:
    boot = bootstrap(Estimator(two, Y), n_resamples=300, rng=0, precision=0.001)
    worst = (boot.standard_error_mcse / boot.standard_error).max()
    assert len(boot.data) == 300
    assert boot.stopped == ""
    reason = f"the largest relative Monte Carlo error of an SE is {worst:.2g}"
    assert f"not reached with n_resamples=300: {reason}" in str(boot)


@pytest.mark.parametrize("precision", [0, 1, -0.1, "0.02", np.nan])
def test_a_precision_that_is_no_share_is_refused(precision: Any) -> None:
    with pytest.raises(ValueError, match="precision: "):
        bootstrap(Estimator(two, Y), precision=precision)


def test_a_plan_that_draws_all_there_is_has_no_precision() -> None:
    with pytest.raises(ValueError, match=r"precision: .* always uses all its samples"):
        bootstrap(Estimator(two, Y), sampling=Jackknife(), precision=0.1)


class Slow:
    """A statistic that takes a while, and may raise a signal at one of its calls."""

    def __init__(self, pause: float = 0.0, at: int = -1, number: int = signal.SIGINT) -> None:
        self.pause, self.at, self.number, self.calls = pause, at, number, 0

    def __call__(self, y: Any) -> list[float]:
        self.calls += 1
        if self.calls == self.at:
            os.kill(os.getpid(), self.number)
        time.sleep(self.pause)
        return two(y)


@pytest.mark.parametrize("moment", [False, True], ids=["seconds", "datetime"])
def test_a_deadline_stops_before_the_refit_that_would_end_late(moment: bool) -> None:
    slow = Estimator(Slow(0.2), Y)
    limit = datetime.now(UTC) + timedelta(seconds=0.7) if moment else 0.7
    started = time.monotonic()
    boot = bootstrap(slow, n_resamples=64, rng=0, deadline=limit)
    assert time.monotonic() - started < 1.5
    assert 2 <= len(boot.data) <= 4
    assert boot.stopped == "the deadline"
    usual = bootstrap(Estimator(two, Y), n_resamples=len(boot.data), rng=0)
    assert_array_equal(boot.replicates, usual.replicates)


@pytest.mark.parametrize("deadline", [0, -5, "3h", True])
def test_a_deadline_that_is_none_is_refused(deadline: Any) -> None:
    with pytest.raises(ValueError, match="deadline: "):
        bootstrap(Estimator(two, Y), deadline=deadline)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_hands_over_what_is_done(name: str) -> None:
    number = signal.Signals[name]
    interrupted = Estimator(Slow(at=200, number=number), Y)
    handler = signal.getsignal(number)
    with pytest.raises(Interrupted, match=r"\d+ of 500 replicates are done: .*partial") as caught:
        bootstrap(interrupted, n_resamples=500, rng=0)
    partial = caught.value.partial
    assert 9 <= len(partial.data) < 200
    usual = bootstrap(Estimator(two, Y), n_resamples=len(partial.data), rng=0)
    assert_array_equal(partial.replicates, usual.replicates)
    assert "stopped before the last replicate: interrupted" in str(partial)
    assert signal.getsignal(number) is handler


def test_a_signal_before_the_second_replicate_leaves_nothing() -> None:
    slow = Slow()
    what = Estimator(slow, Y)
    bootstrap(what, n_resamples=2, rng=0)
    slow.at, slow.calls = slow.calls - 2, 0
    with pytest.raises(Interrupted, match="0 of 500 replicates") as caught:
        bootstrap(what, n_resamples=500, rng=0)
    assert caught.value.partial is None


def test_a_handler_of_the_users_own_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []

    def own(number: int, frame: Any) -> None:
        heard.append(number)

    before = signal.signal(signal.SIGTERM, own)
    try:
        boot = bootstrap(Estimator(Slow(at=50, number=signal.SIGTERM), Y), n_resamples=100, rng=0)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]
    assert len(boot.data) == 100


def test_monte_carlo_errors_of_bias_and_covariance() -> None:
    """Their spread over 300 runs of 200 normal replicates: 15% is 3.5 errors of a spread."""
    rng = np.random.default_rng(0)
    mixing = np.array([[1.0, 0.0], [-800.0, 600.0]])
    seen, stated = [], []
    blank = bootstrap(Estimator(two, Y), n_resamples=200, rng=0)
    for _ in range(300):
        drawn = replace(blank.data, estimates=rng.normal(size=(200, 2)) @ mixing.T)
        boot = replace(blank, data=drawn)
        seen.append([*boot.bias, *boot.covariance.ravel()])
        stated.append([*boot.bias_mcse, *boot.covariance_mcse.ravel()])
    np.testing.assert_allclose(np.mean(stated, axis=0), np.std(seen, axis=0), rtol=0.15)


def test_few_clusters_are_told() -> None:
    mle = fit(normal().nll, normal().truth, normal().data(90, rng=0))
    few = bootstrap(mle, sampling=Clustered(np.arange(90) // 3), n_resamples=99, rng=0)
    assert "only 30 clusters: standard errors are low by about √(G/(G − 1)) = 1.017" in str(few)
    many = bootstrap(mle, sampling=Clustered(np.arange(90) // 2), n_resamples=99, rng=0)
    assert "clusters:" not in str(many)


def test_clusters_of_very_unequal_sizes_are_told() -> None:
    mle = fit(normal().nll, normal().truth, normal().data(90, rng=0))
    labels = np.maximum(np.arange(90) - 44, 0)  # 45 rows in one of 46 clusters
    boot = bootstrap(mle, sampling=Clustered(labels), n_resamples=19, rng=0)
    assert "the largest has 45 of 90 rows) and tell as much as 3.9 of one size" in str(boot)


@pytest.mark.parametrize("freedom", [30, 1000])
def test_a_symmetric_statistic_gets_no_caution(freedom: int) -> None:
    y = np.random.default_rng(3).standard_t(freedom, 50)
    symmetric = np.concatenate([y, -y])
    boot = bootstrap(
        Estimator(lambda y: [y.mean(), 1000 * np.median(y)], symmetric), n_resamples=999, rng=0
    )
    assert "skewed" not in str(boot)
    assert "heavy tails" not in str(boot)


def test_a_skewed_statistic_names_the_interval_to_use() -> None:
    y = np.random.default_rng(3).exponential(size=15)
    plain = Estimator(lambda y: [y.mean(), 1000 * y.var()], y)
    assert "off center or skewed: x2; " in str(bootstrap(plain, n_resamples=999, rng=4))
    # The BCa interval of x2 ends at the 0.99923 quantile, which 999 replicates cannot show.
    few = str(bootstrap(plain, n_resamples=999, rng=4))
    assert "confidence_interval" not in few
    assert "use bca intervals for x1; those of x2 need about 1,999 replicates" in few
    boot = bootstrap(plain, n_resamples=1999, rng=4)
    assert "studentized" not in boot.recommended_kinds().tolist()
    assert np.isfinite(boot.confidence_interval("bca").high).all()


def test_heavy_tails_get_a_standard_error_from_quantiles() -> None:
    def ratio(y: Any) -> list[float]:
        return [y[:20].mean() / y[20:].mean(), 1000 * y.mean()]

    centred = Y - Y[20:].mean()
    boot = bootstrap(Estimator(ratio, centred), n_resamples=999, rng=0)
    shown = str(boot)
    assert boot.heavy_tails.tolist() == [True, False]
    assert "heavy tails: x1" in shown
    assert "quantile SE" in shown
    assert boot.quantile_standard_error[0] < boot.standard_error[0] / 3


def test_an_interrupted_extension_hands_over_no_less_than_there_was() -> None:
    slow = Slow()
    boot = bootstrap(Estimator(slow, Y), n_resamples=70, rng=0)
    slow.calls, slow.at = 0, 150
    with pytest.raises(Interrupted, match=r"\d+ of 570 replicates are done") as caught:
        boot.extend(500)
    count = len(caught.value.partial.data)
    assert 70 < count < 220
    usual = bootstrap(Estimator(two, Y), n_resamples=count, rng=0)
    assert_array_equal(caught.value.partial.replicates, usual.replicates)
    slow.calls, slow.at = 0, 1
    with pytest.raises(Interrupted) as caught:
        boot.extend(500)
    assert caught.value.partial is boot


def test_an_interruption_travels_between_processes() -> None:
    stop = pickle.loads(pickle.dumps(Interrupted("64 of 500 are done", None)))
    assert (str(stop), stop.partial) == ("64 of 500 are done", None)


def test_what_does_not_vary_has_no_spread_though_its_mean_is_rounded() -> None:
    boot = bootstrap(Estimator(lambda y: [y.mean(), 0.1], Y), n_resamples=999, rng=0)
    assert boot.standard_error[1] == boot.standard_error_mcse[1] == boot.bias[1] == 0
    assert boot.skewness[1] == 0
    assert not boot.heavy_tails[1]
    remarks = str(boot).split("\n\n")[1].splitlines()
    said = [line for line in remarks if "x2" in line and not line.startswith("! ")]
    assert [line.split(";")[0] for line in said] == [
        "no interval is recommended for x2: replicates do not vary"
    ]


def test_studentized_is_not_advised_where_many_replicates_have_no_error() -> None:
    model = logit(2)
    mle = fit(model.nll, model.truth, model.data(25, rng=5))
    boot = bootstrap(mle, n_resamples=399, rng=1)
    assert np.isnan(boot.data.standard_errors).any(axis=1).mean() > 0.01
    assert "studentized" not in boot.recommended_kinds().tolist()


def test_remarks_on_a_run_do_not_stay_with_a_longer_one() -> None:
    boot = bootstrap(Estimator(two, Y), n_resamples=100, rng=0, precision=0.001)
    assert "precision=0.001 was not reached" in str(boot)
    assert "precision" not in str(boot.extend(100))
