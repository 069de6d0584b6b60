"""Bit for bit: workers, backends, seeds, prefixes; and weights against resampled rows."""

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from bootmle import Bayesian, Bootstrap, Cases, Estimator, Given, bootstrap, fit, load
from bootmle.sampling.streams import stream_of
from models import logit, nb2, normal, poisson, weibull

MODELS = {"poisson": (poisson(2), 60), "weibull": (weibull(4), 80), "logit": (logit(1), 14)}


def run(name: str = "poisson", with_jac: bool = False, **options: Any) -> Bootstrap:
    model, n = MODELS[name]
    jac = model.scores if with_jac else None
    mle = fit(model.nll, model.truth, model.data(n, rng=1), jac=jac)
    return bootstrap(mle, **{"n_resamples": 100, "rng": 7, **options})


def assert_same(one: Bootstrap, other: Bootstrap) -> None:
    np.testing.assert_array_equal(one.replicates, other.replicates)
    np.testing.assert_array_equal(one.status, other.status)
    np.testing.assert_array_equal(one.data.distance, other.data.distance)
    np.testing.assert_array_equal(one.data.n_evaluations, other.data.n_evaluations)
    assert one.data.messages == other.data.messages


@pytest.mark.parametrize("backend", ["loky", "threading", "sequential"])
@pytest.mark.parametrize("name", MODELS)
def test_workers_and_backends_do_not_change_a_bit(name: str, backend: str) -> None:
    with joblib.parallel_config(backend=backend):
        many = run(name, n_jobs=2)
    assert_same(run(name, n_jobs=1), many)


@pytest.mark.parametrize(
    "options",
    [{"with_jac": True}, {"refit": "expansion"}, {"sampling": Bayesian()}],
    ids=["jac", "expansion", "bayesian"],
)
def test_workers_do_not_change_a_bit_of_other_refits(options: Any) -> None:
    assert_same(run(**options, n_jobs=1), run(**options, n_jobs=2))


def test_workers_do_not_change_a_bit_of_totals_and_estimators() -> None:
    (y,) = normal().data(20, rng=1)
    total = fit(lambda p, y: float(normal().nll(p, y).sum()), [0.0, 0.0], y)
    quantiles = Estimator(lambda y: np.quantile(y, [0.25, 0.75]), args=y)
    for what in (total, quantiles):
        one, two = (bootstrap(what, n_resamples=70, rng=7, n_jobs=jobs) for jobs in (1, 2))
        assert_same(one, two)


def test_the_same_seed_gives_the_same_result_and_another_another() -> None:
    assert_same(run(), run())
    assert not np.array_equal(run().replicates, run(rng=8).replicates)


def test_the_seed_on_the_result_repeats_a_run_without_one() -> None:
    first = run(rng=None)
    assert_same(first, run(rng=first.seed))


def test_a_generator_is_drawn_from_once() -> None:
    generator = np.random.default_rng(4)
    first, second = run(rng=generator), run(rng=generator)
    again = np.random.default_rng(4)
    assert_same(first, run(rng=again))
    assert_same(second, run(rng=again))
    assert not np.array_equal(first.replicates, second.replicates)
    assert generator.bit_generator.state == again.bit_generator.state


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("count", [2, 32, 33, 61])
def test_a_shorter_run_is_the_start_of_a_longer_one(name: str, count: int) -> None:
    long, short = run(name, n_resamples=100), run(name, n_resamples=count)
    assert_same(first_of(long, count), short)


def first_of(boot: Bootstrap, count: int) -> Bootstrap:
    import dataclasses

    return dataclasses.replace(boot, data=boot.data.first(count))


def test_the_first_five_hundred_of_a_longer_run_are_a_shorter_one() -> None:
    long, short = run(n_resamples=999), run(n_resamples=500)
    np.testing.assert_array_equal(long.replicates[:500], short.replicates)
    assert_same(first_of(long, 500), short)


def test_the_global_random_state_is_neither_read_nor_changed() -> None:
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
    first = run()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # type: ignore[index]  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert_same(first, run())


@pytest.mark.parametrize("model", [poisson(2), nb2(2), weibull(2)], ids=lambda m: m.name)
def test_weights_of_contributions_equal_resampled_rows(model: Any) -> None:
    args = model.data(60, rng=1)
    supports_weights = fit(model.nll, model.truth, args)
    by_rows = fit(lambda p, *args: float(model.nll(p, *args).sum()), model.truth, args)
    runs = [bootstrap(mle, n_resamples=48, rng=7).replicates for mle in (supports_weights, by_rows)]
    whiten = np.linalg.cholesky(supports_weights.information.matrix)
    finite, same = (np.isfinite(run).all(axis=1) for run in runs)  # NB2 may have α = 0
    np.testing.assert_array_equal(finite, same)
    assert finite.sum() >= 40
    differences = runs[0][finite] - runs[1][finite]
    assert np.linalg.norm(differences @ whiten, axis=1).max() < 1e-3


def test_given_indices_equal_given_counts() -> None:
    model = poisson(2)
    mle = fit(model.nll, model.truth, model.data(60, rng=1))
    indices = np.random.default_rng(0).integers(60, size=(40, 60))
    counts = np.array([np.bincount(rows, minlength=60) for rows in indices])
    one = bootstrap(mle, sampling=Given(indices=indices), n_resamples=40)
    other = bootstrap(mle, sampling=Given(weights=counts), n_resamples=40)
    assert_same(one, other)


def test_given_the_draws_of_cases_is_cases() -> None:
    model = poisson(2)
    mle = fit(model.nll, model.truth, model.data(60, rng=1))
    streams = [stream_of(7, k) for k in range(64)]
    rows = [Cases().draw(60, k, s).rows for k, s in enumerate(streams)]
    given = Given(indices=np.array(rows))
    assert_same(
        bootstrap(mle, sampling=given, n_resamples=64), bootstrap(mle, n_resamples=64, rng=7)
    )


@pytest.mark.parametrize("name", MODELS)
def test_saving_and_loading_changes_nothing(name: str, tmp_path: Path) -> None:
    boot = run(name)
    boot.save(tmp_path / "run.npz")
    again = load(tmp_path / "run.npz")
    assert_same(boot, again)
    assert again.names == boot.names
    assert again.seed == boot.seed
    assert str(load(tmp_path / "run.npz", fit=boot.fit)) == str(boot)
    # Signed-root intervals need the likelihood: without its fit, a file says that it lacks them.
    assert str(again) == str(boot) or "signed-root intervals may be the recom" in str(again)
    np.testing.assert_array_equal(again.estimate, boot.estimate)


def test_saving_keeps_a_large_seed(tmp_path: Path) -> None:
    boot = run(rng=2**100 + 1)
    boot.save(tmp_path / "run.npz")
    assert load(tmp_path / "run.npz").seed == boot.seed == 2**100 + 1
