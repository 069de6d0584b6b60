"""The verb bootstrap: prefixes, seeds, what it hands to the result, and what it refuses."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from bootmle import (
    Bayesian,
    Blocks,
    Bootstrap,
    Cases,
    Estimator,
    Fit,
    Given,
    Status,
    bootstrap,
    fit,
    load,
)
from bootmle.likelihood.lattice import value_lattice
from bootmle.refitting import task
from bootmle.refitting.audits import ExpansionAudit
from models import logit, normal, poisson

Y = 1000.0 + 50.0 * np.random.default_rng(1).normal(size=20)
FIELDS = ("estimates", "status", "distance", "n_evaluations", "n_gradients")


def poisson_fit(n: int = 60) -> Fit:
    model = poisson(1)
    return fit(model.nll, model.truth, model.data(n, rng=1), names=["const", "slope"])


def estimator() -> Estimator:
    def function(y: Any) -> list[float]:
        if y.max() < Y.max():
            raise ValueError("the largest is missing")
        return [float(y.mean()), float(y.std()) / 1000.0]

    return Estimator(function, args=Y)


def total_fit() -> Fit:
    return fit(lambda p, y: float(normal().nll(p, y).sum()), [1000.0, 4.0], Y)


RUNS: dict[str, tuple[Any, dict[str, Any]]] = {
    "contributions": (poisson_fit, {}),
    "expansion": (poisson_fit, {"refit": "expansion"}),
    "bayesian": (poisson_fit, {"sampling": Bayesian()}),
    "total": (total_fit, {}),
    "estimator that fails": (estimator, {}),
}


def run(kind: str, count: int) -> Bootstrap:
    build, options = RUNS[kind]
    return bootstrap(build(), n_resamples=count, rng=7, **options)


@pytest.mark.parametrize("kind", RUNS)
def test_a_hundred_replicates_are_the_first_of_two_hundred_bit_for_bit(kind: str) -> None:
    short, long = run(kind, 100), run(kind, 200)
    assert len(short.data) == 100
    for name in FIELDS:
        first = getattr(long.data, name)[:100]
        assert getattr(short.data, name).tobytes() == np.ascontiguousarray(first).tobytes()
    kept = {k: text for k, text in long.data.messages.items() if k < 100}
    assert dict(short.data.messages) == kept
    assert bool(kept) is (kind == "estimator that fails")


def test_failures_beyond_those_asked_for_do_not_count() -> None:
    short, long = run("estimator that fails", 10), run("estimator that fails", 64)
    assert 0 < short.n_failed == (long.status[:10] < 0).sum() < long.n_failed
    assert max(short.data.messages) < 10


@pytest.mark.parametrize("cap", [60 * 64, 60 * 5, 60, 1])
def test_long_data_are_run_in_smaller_chunks_to_the_same_optima(
    cap: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    mle = poisson_fit()
    usual = bootstrap(mle, n_resamples=70, rng=7)
    monkeypatch.setattr(task, "CHUNK_CAP", cap)
    other = bootstrap(mle, n_resamples=70, rng=7)
    gaps = (other.replicates - usual.replicates) @ np.linalg.cholesky(mle.information.matrix)
    # Other batch shapes may change last bits; a difference step of 1e-4 makes the most of them.
    assert np.linalg.norm(gaps, axis=1).max() < 1e-7
    assert_array_equal(other.status, usual.status)


def test_what_the_result_says_about_its_run() -> None:
    mle = poisson_fit()
    boot = bootstrap(mle, sampling=Bayesian(), n_resamples=70, rng=7)
    assert boot.fit is mle
    assert boot.names == ("const", "slope")
    assert_array_equal(boot.estimate, mle.estimate)
    assert boot.replicates.shape == (70, 2)
    assert (boot.seed, str(boot.sampling)) == (7, "Bayesian()")
    assert boot.n_shared == len(value_lattice(2, 3))
    assert 0 < boot.seconds < 60
    assert (boot.notes, boot.audits, boot.alarms, boot.not_identified) == ((), (), (), ())


def test_whole_numbers_of_numpy_will_do() -> None:
    mle, whole = poisson_fit(), np.array([70, 7])
    count, seed = whole[0], whole[1]
    assert not isinstance(count, int)
    boot = bootstrap(mle, n_resamples=count, rng=seed)
    assert_array_equal(boot.replicates, bootstrap(mle, n_resamples=70, rng=7).replicates)
    assert type(boot.seed) is int


@pytest.mark.parametrize("count", [2, 63, 64, 65, 128, 129])
def test_every_count_is_met_exactly(count: int) -> None:
    boot = bootstrap(Estimator(lambda y: [y.mean(), y.std()], Y), n_resamples=count, rng=0)
    assert len(boot.data) == len(boot.replicates) == len(boot.status) == count


def test_a_seed_of_any_size_is_kept() -> None:
    mean = Estimator(lambda y: [y.mean(), y.std()], Y)
    for seed in (0, 1, 2**64 + 3, 2**200):
        assert bootstrap(mean, n_resamples=2, rng=seed).seed == seed


def test_runs_without_a_seed_differ() -> None:
    mean = Estimator(lambda y: [y.mean(), y.std()], Y)
    one, other = (bootstrap(mean, n_resamples=40) for _ in range(2))
    assert one.seed != other.seed
    assert not np.any(np.all(one.replicates == other.replicates, axis=1))


def test_the_default_is_1999_replicates_by_cases() -> None:
    boot = bootstrap(Estimator(lambda y: [y.mean(), y.std()], Y), rng=0)
    assert (len(boot.data), str(boot.sampling)) == (1999, "Cases()")
    same = bootstrap(boot.fit, sampling=Cases(), rng=0)  # type: ignore[arg-type]
    assert_array_equal(same.replicates, boot.replicates)


def centred(params: Any, y: Any) -> Any:
    """Contributions that read the sample mean."""
    mean, scale = params
    return np.log(scale) + 0.5 * ((y - 0.5 * y.mean() - mean) / scale) ** 2


def test_refits_that_resample_rows_of_contributions_say_so() -> None:
    boot = bootstrap(fit(centred, [500.0, 40.0], Y), n_resamples=20, rng=0)
    assert len(boot.notes) == 1
    assert "refits resample the rows" in str(boot)
    assert "refits resample the rows" not in str(bootstrap(total_fit(), n_resamples=20, rng=0))


@pytest.mark.parametrize("build", [lambda: fit(centred, [500.0, 40.0], Y), estimator])
def test_the_expansion_is_refused_where_no_contributions_can_be_weighted(build: Any) -> None:
    with pytest.raises(ValueError, match=r"refit: 'expansion' weights .*; or use 'verified'"):
        bootstrap(build(), n_resamples=20, refit="expansion")


def test_fractional_weights_are_refused_where_refits_resample_rows() -> None:
    with pytest.raises(ValueError, match=r"sampling: Bayesian\(\) draws fractional weights"):
        bootstrap(fit(centred, [500.0, 40.0], Y), sampling=Bayesian(), n_resamples=20)


def test_the_audit_of_an_expansion_is_on_the_result_in_its_table_and_in_its_file(
    tmp_path: Path,
) -> None:
    boot = bootstrap(poisson_fit(300), n_resamples=99, rng=0, refit="expansion")
    (audit,) = boot.audits
    assert isinstance(audit, ExpansionAudit)
    assert str(audit) in str(boot).splitlines()
    boot.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert str(again.audits[0]) == str(audit)
    assert again.audits[0].to_json() == audit.to_json()
    assert str(audit) in str(again).splitlines()
    assert set(again.status) == {Status.EXPANDED}


def test_an_audit_of_fewer_than_fifty_replicates_takes_them_all() -> None:
    boot = bootstrap(poisson_fit(300), n_resamples=20, rng=0, refit="expansion")
    (audit,) = boot.audits
    assert audit.n == 20


def test_an_expansion_without_an_optimum_is_refitted_and_named() -> None:
    # At n = 14 a few logit replicates are separated: no cubic model can stand for those.
    model = logit(1)
    mle = fit(model.nll, model.truth, model.data(14, rng=1))
    quick, verified = (
        bootstrap(mle, n_resamples=99, rng=7, refit=refit) for refit in ("expansion", "verified")
    )
    refitted = quick.status != Status.EXPANDED
    assert 0 < refitted.sum() < 99
    assert (quick.data.n_evaluations[refitted] > 0).all()
    assert (quick.data.n_evaluations[~refitted] == 0).all()
    assert_array_equal(
        quick.status[refitted] == Status.NO_FINITE_OPTIMUM,
        verified.status[refitted] == Status.NO_FINITE_OPTIMUM,
    )


def test_given_resamples_need_no_seed() -> None:
    mle = poisson_fit()
    plan = Given(indices=np.random.default_rng(0).integers(60, size=(30, 60)))
    one, other = (bootstrap(mle, sampling=plan, rng=seed) for seed in (1, None))
    assert_array_equal(one.replicates, other.replicates)


def test_a_seed_that_is_drawn_is_short() -> None:
    for rng in (None, np.random.default_rng(1)):
        boot = bootstrap(Estimator(np.mean, args=np.arange(9.0)), n_resamples=9, rng=rng)
        assert 0 <= boot.seed < 2**32
    again = bootstrap(Estimator(np.mean, args=np.arange(9.0)), n_resamples=9, rng=boot.seed)
    np.testing.assert_array_equal(again.replicates, boot.replicates)


def test_the_duration_is_that_of_the_call() -> None:
    def slow(y: Any) -> float:
        time.sleep(0.004)
        return float(np.mean(y))

    estimator = Estimator(slow, args=np.arange(9.0))
    begun = time.perf_counter()
    boot = bootstrap(estimator, n_resamples=19, rng=0)
    took = time.perf_counter() - begun
    assert 0.95 * took - 0.01 < boot.seconds <= took
    assert boot.extend(9).seconds > boot.seconds + 9 * 0.004


def test_an_automatic_block_length_is_printed_to_four_digits() -> None:
    boot = bootstrap(
        Estimator(np.mean, args=np.arange(9.0)), sampling=Blocks(5 / 3), n_resamples=9, rng=0
    )
    assert "by Blocks(length=1.667, kind='stationary')" in str(boot)
    assert repr(Blocks(3)) == "Blocks(length=3, kind='stationary')"
