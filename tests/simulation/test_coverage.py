"""Simulation studies: exact coverage, identities with the runs they are made of, and the tables."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bootmle import (
    Cases,
    Clustered,
    Coverage,
    Estimator,
    Fit,
    Interrupted,
    Status,
    bootstrap,
    coverage,
    crosscheck,
    fit,
)
from models import exponential, logit, normal, poisson, weibull

Simulate = Callable[..., Any]


def build(model: Any, n: int = 40) -> tuple[Fit, Simulate]:
    return fit(model.nll, model.truth, model.data(n, rng=1), names=model.names), model.simulate


@pytest.fixture(scope="module")
def small() -> Coverage:
    """A study of a Poisson regression: 12 data sets, parameters of unequal scale derived."""
    mle, simulate = build(poisson(1))
    return coverage(
        mle,
        simulate,
        n_datasets=12,
        n_resamples=199,
        methods=("percentile", "bca", "studentized", "hessian", "sandwich"),
        confidence_level=0.9,
        derive=lambda params: {"rate": 1000 * np.exp(params[0])},
        rng=5,
    )


def data_set(number: int, seed: int, mle: Fit, simulate: Simulate) -> tuple[Fit, int]:
    """The data set of a number, fitted, and the seed of its replicates."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number, 0)))
    args = simulate(mle.estimate, rng, *mle.likelihood.args)
    words = np.random.SeedSequence(seed, spawn_key=(number, 1)).generate_state(4)
    return mle.refit(args, mle.estimate), int.from_bytes(words.tobytes(), "little")


def test_each_trial_is_a_fit_its_bootstrap_and_its_crosscheck(small: Coverage) -> None:
    mle, simulate = build(poisson(1))
    for number in (0, 7, 11):
        again, seed = data_set(number, 5, mle, simulate)
        boot = bootstrap(again, n_resamples=199, rng=seed)
        check = crosscheck(boot)
        trial = small.data
        assert_array_equal(trial.estimates[number, :2], again.estimate)
        for source in ("bootstrap", "hessian", "sandwich"):
            place = small.sources.index(source)
            assert_allclose(trial.errors[number, place, :2], check.standard_errors[source])
        for method in ("percentile", "bca", "studentized"):
            place = small.methods.index(method)
            bounds = boot.confidence_interval(method, 0.9)
            assert_array_equal(trial.low[number, place, :2], bounds.low)
            assert_array_equal(trial.high[number, place, :2], bounds.high)
        reach = 1.6448536269514722 * check.standard_errors["hessian"]
        place = small.methods.index("hessian")
        assert_allclose(trial.high[number, place, :2], again.estimate + reach)
        derived = boot.derive(lambda params: {"rate": 1000 * np.exp(params[0])})
        ends = derived.confidence_interval("percentile", 0.9)
        assert trial.low[number, 0, 2] == ends.low[0]
        delta = crosscheck(derived).standard_errors["hessian"][0]
        assert_allclose(trial.errors[number, 1, 2], delta)


def test_summaries_are_those_of_the_trials(small: Coverage) -> None:
    estimates, trials = small.estimates, small.data
    assert small.names == ("const", "x1", "rate")
    assert_allclose(small.truth[2], 1000 * np.exp(small.truth[0]))
    assert_allclose(small.empirical_sd, estimates.std(axis=0, ddof=1))
    assert_allclose(small.bias, estimates.mean(axis=0) - small.truth)
    assert_allclose(
        small.se_ratio["hessian"], trials.errors[:, 1].mean(axis=0) / small.empirical_sd
    )
    held = (trials.low[:, 1] <= small.truth) & (small.truth <= trials.high[:, 1])
    assert_allclose(small.coverage["bca"], held.mean(axis=0))
    assert_allclose(small.below["bca"], (small.truth < trials.low[:, 1]).mean(axis=0))
    assert_allclose(small.mean_length["bca"], (trials.high - trials.low)[:, 1].mean(axis=0))
    lengths = (trials.high - trials.low)[:, 1]
    assert_allclose(small.mean_length_mcse["bca"], lengths.std(axis=0, ddof=1) / np.sqrt(12))
    errors = trials.errors[:, 0]
    assert_allclose(
        small.se_spread["bootstrap"], errors.std(axis=0, ddof=1) / small.empirical_sd, rtol=1e-12
    )
    above = (12 * small.above["bca"] + 2) / 16
    assert_allclose(small.above_mcse["bca"], np.sqrt(above * (1 - above) / 16))
    below = (12 * small.below["bca"] + 2) / 16
    assert_allclose(small.below_mcse["bca"], np.sqrt(below * (1 - below) / 16))
    assert_allclose(small.withheld["studentized"], [0, 0, 0])
    assert small.coverage["studentized"][2] > 0.5


def test_the_table_has_every_quantity_and_method(small: Coverage) -> None:
    shown = str(small)
    for text in ("mean/SD", "spread/SD", "sandwich", "covers %", "12 data sets, none failed"):
        assert text in shown
    assert shown.count("studentized") == 3
    assert "the 90% percentile interval for rate covers in" in shown
    frame = small.to_frame()
    assert frame.loc[("bca", "x1"), "coverage"] == small.coverage["bca"][1]
    assert len(frame) == 15


# Exact coverage of the 95% interval ȳ ± 1.96 ȳ/√20 for the mean of 20 exponentials, by the gamma
# distribution of ȳ. benchmarks/validation.py compares those of the bootstrap's intervals.
WALD = 0.9255530723710751


def exponential_study(**options: Any) -> Coverage:
    mle, simulate = build(exponential(log=False), n=20)
    return coverage(mle, simulate, truth=[1.0], rng=0, **options)


def test_wald_coverage_is_exact() -> None:
    """300 data sets, four Monte Carlo errors: 1 false alarm in 16,000 for each of three."""
    study = exponential_study(n_datasets=300, methods=["hessian", "normal"], warp=True)
    error = np.sqrt(WALD * (1 - WALD) / 300)
    assert abs(study.coverage["hessian"][0] - WALD) < 4 * error
    # The mean's standard deviation is 1/√20, its bootstrap error √(19/20) of that.
    assert abs(study.empirical_sd[0] / np.sqrt(1 / 20) - 1) < 4 * study.empirical_sd_mcse[0] * 4.5
    ratio, error = study.se_ratio["bootstrap"][0], study.se_ratio_mcse["bootstrap"][0]
    assert abs(ratio - np.sqrt(19 / 20)) < 4 * error
    assert "warp speed" in str(study)


@pytest.fixture(scope="module")
def resumable() -> tuple[Fit, Simulate, Coverage]:
    mle, simulate = build(normal())
    options = {"n_datasets": 18, "n_resamples": 39, "methods": ["percentile"], "rng": 3}
    return mle, simulate, coverage(mle, simulate, **options)  # type: ignore[arg-type]


def assert_same_study(one: Coverage, other: Coverage) -> None:
    for name in ("estimates", "status", "errors", "low", "high", "n_failed", "alarms", "flags"):
        assert getattr(one.data, name).tobytes() == getattr(other.data, name).tobytes()


def small_study(mle: Fit, simulate: Simulate, **options: Any) -> Coverage:
    usual = {"n_datasets": 18, "n_resamples": 39, "methods": ["percentile"], "rng": 3}
    return coverage(mle, simulate, **{**usual, **options})


def test_studies_are_resumed_sharded_and_extended(
    resumable: tuple[Fit, Simulate, Coverage], tmp_path: Path
) -> None:
    mle, simulate, whole = resumable
    one, other = tmp_path / "one", tmp_path / "other"
    part = small_study(mle, simulate, checkpoint=one, deadline=1e-9)
    assert len(part.data) == 1
    assert part.stopped == "the deadline"
    assert_same_study(small_study(mle, simulate, checkpoint=one), whole)
    for i in (2, 1):
        small_study(mle, simulate, checkpoint=other, shard=(i, 2), n_datasets=10)
    assert_same_study(small_study(mle, simulate, checkpoint=other), whole)
    with pytest.raises(ValueError, match="holds another run: n_resamples: 39, now 59"):
        small_study(mle, simulate, checkpoint=one, n_resamples=59)
    with pytest.raises(ValueError, match="holds another run: truth: "):
        small_study(mle, simulate, checkpoint=one, truth=mle.estimate + 1)


def test_results_do_not_depend_on_the_number_of_workers(
    resumable: tuple[Fit, Simulate, Coverage],
) -> None:
    mle, simulate, whole = resumable
    assert_same_study(small_study(mle, simulate, n_jobs=2), whole)


def test_a_fit_that_fails_is_counted_and_nothing_else_is_lost() -> None:
    mle, simulate = build(normal())

    def sometimes(params: Any, rng: Any, y: Any) -> Any:
        drawn = simulate(params, rng, y)[0]
        if drawn[0] > params[0] + 1.0:
            raise ArithmeticError("no such data")
        return drawn

    study = coverage(mle, sometimes, n_datasets=30, n_resamples=39, methods=["normal"], rng=0)
    assert 1 <= study.n_failed <= 20
    assert len(study.data) == 30
    assert all(
        study.data.messages[int(k)] == "ArithmeticError: no such data"
        for k in np.flatnonzero(study.data.failed)
    )
    assert f"30 data sets, {study.n_failed} failed" in str(study)
    assert np.isfinite(study.coverage["normal"]).all()


def test_separated_data_sets_are_flagged_and_no_miss_of_the_hessian() -> None:
    """At n = 12 many logits are separated: they have no optimum, and no Hessian errors."""
    mle, simulate = build(logit(1), n=12)
    study = coverage(mle, simulate, n_datasets=20, n_resamples=9, methods=["hessian"], rng=0)
    lost = int((study.data.status == Status.NO_FINITE_OPTIMUM).sum()) + study.n_failed
    assert lost > 0
    given = np.isfinite(study.kept.low[:, 0]).all(axis=1)
    assert study.withheld["hessian"][0] == pytest.approx(1 - given.mean())


def test_clusters_estimators_and_mappings_of_truths() -> None:
    mle, simulate = build(poisson(1), n=40)
    groups = Clustered(np.arange(40) // 4)
    study = coverage(
        mle, simulate, sampling=groups, n_datasets=5, n_resamples=39, methods=["cluster"], rng=0
    )
    assert study.sources == ("bootstrap", "hessian", "sandwich", "cluster")
    moved = coverage(mle, simulate, truth={"x1": 0.25}, n_datasets=4, warp=True, rng=0)
    assert moved.truth.tolist() == [mle.estimate[0], 0.25]
    y = np.random.default_rng(0).normal(size=30)
    mean = Estimator(lambda y: {"mean": y.mean(), "sd": 1000 * y.std()}, y)
    own = coverage(
        mean,
        lambda params, rng, y: rng.normal(params[0], params[1] / 1000, y.size),
        n_datasets=20,
        n_resamples=99,
        rng=0,
    )
    assert own.methods == ("percentile", "bca")
    assert own.sources == ("bootstrap",)
    assert abs(own.se_ratio["bootstrap"] - 1).max() < 0.6


class Interrupting:
    """A simulator that interrupts its process at one of its calls."""

    def __init__(self, simulate: Simulate, at: int) -> None:
        self.simulate, self.at, self.calls = simulate, at, 0

    def __call__(self, *arguments: Any) -> Any:
        self.calls += 1
        if self.calls == self.at:
            os.kill(os.getpid(), signal.SIGINT)
        return self.simulate(*arguments)


def test_an_interrupted_study_hands_over_what_is_done() -> None:
    mle, simulate = build(normal())
    with pytest.raises(Interrupted, match=r"8 of 18 data sets are done") as caught:
        small_study(mle, Interrupting(simulate, 14))  # called five times before the first data set
    assert len(caught.value.partial.data) == 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": ["bootstrap"]}, r"methods: \['bootstrap'\]; here there are percentile"),
        ({"methods": []}, r"methods: \[\]"),
        ({"truth": [1.0]}, "truth: "),
        ({"truth": {"gone": 1.0}}, r"truth: 'gone' is not among"),
        ({"n_datasets": 1}, "n_datasets must be an integer >= 2, got 1"),
        ({"n_resamples": 1}, "n_resamples must be an integer >= 2, got 1"),
    ],
)
def test_bad_arguments_are_named(options: dict[str, Any], message: str) -> None:
    mle, simulate = build(normal())
    with pytest.raises(ValueError, match=message):
        coverage(mle, simulate, **options)


def test_what_cannot_simulate_is_refused() -> None:
    mle, simulate = build(normal())
    with pytest.raises(TypeError, match="simulate: 3 is not callable"):
        coverage(mle, 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="seed: use rng=1"):
        coverage(mle, simulate, seed=1)  # type: ignore[arg-type]
    (y,) = mle.likelihood.args
    closed = fit(lambda params: normal().nll(params, y), mle.estimate)
    with pytest.raises(ValueError, match="the objective holds its data itself"):
        coverage(closed, simulate)


def test_plans_are_those_asked_for(small: Coverage) -> None:
    assert small.sampling == str(Cases())
    assert small.seed == 5


def test_a_warp_study_of_derived_quantities_keeps_them_apart() -> None:
    mle, simulate = build(poisson(1))
    study = coverage(
        mle,
        simulate,
        n_datasets=60,
        warp=True,
        derive=lambda params: {"rate": 1000 * np.exp(params[mle.names[0]])},
        rng=0,
    )
    assert study.n_failed == 0
    assert abs(study.se_ratio["bootstrap"] - 1).max() < 0.5
    assert abs(study.se_ratio["hessian"] - 1).max() < 0.5


def test_a_study_of_which_nothing_is_left_raises_with_the_commonest_reason() -> None:
    mle, _ = build(normal())

    def broken(params: Any, rng: Any, y: Any) -> Any:
        raise (ArithmeticError if rng.random() < 0.7 else KeyError)("no such data")

    message = r"none of 8 data sets could be fitted; [4-8] times: ArithmeticError: no such data"
    with pytest.raises(RuntimeError, match=message):
        coverage(mle, broken, n_datasets=8, n_resamples=39, methods=["normal"], rng=0)


def test_a_part_without_data_sets_says_so(tmp_path: Path) -> None:
    mle, simulate = build(normal())
    with pytest.raises(ValueError, match=r"shard: part 2 of 2 has no data sets: .* has 1 chunks"):
        small_study(mle, simulate, n_datasets=4, checkpoint=tmp_path, shard=(2, 2))


def test_a_bca_interval_that_cannot_be_shown_withholds_no_other() -> None:
    """At n=20 that of the Weibull's scale needs thousands of replicates, the others do not."""
    model = weibull(1)
    start = dict(zip(model.names, model.truth, strict=True))
    mle = fit(model.nll, start, args=model.data(20, 1), jac=model.scores)
    options: Any = {"methods": ["percentile", "bca"], "truth": model.truth, "rng": 0}
    study = coverage(mle, model.simulate, n_datasets=8, n_resamples=199, **options)
    const, _, log_scale = study.withheld["bca"]
    assert const < 0.5 < log_scale
    assert np.isfinite(study.coverage["bca"][0])
