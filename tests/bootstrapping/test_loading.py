"""Saved runs: what comes back, what can be joined, and what is refused by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bootmle import (
    Bayesian,
    Bootstrap,
    Cases,
    Clustered,
    Estimator,
    Parametric,
    Status,
    bootstrap,
    fit,
    load,
)
from bootmle.refitting.alarm_kinds import Alarm, AlarmKind
from bootmle.refitting.audits import ExpansionAudit
from models import poisson

BootOf = Callable[..., Bootstrap]
RANKS = np.arange(1.0, 1000.0)
TWO = np.array([1.0, -1000.0])


def counting(boot_of: BootOf, **more: Any) -> Bootstrap:
    boot: Bootstrap = boot_of(500 * TWO, RANKS[:, None] * TWO, **more)
    return boot


def poisson_run(**options: Any) -> Bootstrap:
    model = poisson(1)
    mle = fit(model.nll, model.truth, model.data(60, rng=1))
    return bootstrap(mle, n_resamples=99, **{"rng": 0, **options})


def bounds_of(bounds: Any) -> tuple[Any, Any]:
    return bounds.low, bounds.high


def saved(boot_of: BootOf, folder: Path, **more: Any) -> tuple[Bootstrap, Path]:
    boot = counting(boot_of, **more)
    path = folder / f"{boot.seed}-{len(list(folder.iterdir()))}"
    boot.save(path)
    return boot, path


def test_a_loaded_result_has_every_summary_and_the_fit_it_is_given(tmp_path: Path) -> None:
    boot = poisson_run()
    boot.save(tmp_path / "run")
    again = load(tmp_path / "run", fit=boot.fit)
    assert again.fit is boot.fit
    assert load(tmp_path / "run").fit is None
    assert_array_equal(again.covariance, boot.covariance)
    for level in (0.90, 0.95):
        one, other = (each.confidence_interval("basic", level) for each in (again, boot))
        assert_array_equal(bounds_of(one), bounds_of(other))


def test_alarms_and_what_is_not_identified_survive_the_file(
    boot_of: BootOf, tmp_path: Path
) -> None:
    alarm = Alarm(AlarmKind.BETTER_OPTIMUM, "a better one: −2.5", ("x1",), np.array([0.1, -np.inf]))
    boot, path = saved(boot_of, tmp_path, alarms=(alarm,), not_identified=("x2",))
    again = load(path)
    (kept,) = again.alarms
    assert (kept.kind, kept.message, kept.names) == (alarm.kind, alarm.message, alarm.names)
    assert_array_equal(np.array(kept.estimate), [0.1, -np.inf])
    assert again.not_identified == ("x2",)
    assert str(again) == str(boot)


def test_several_files_are_joined_in_the_order_given(boot_of: BootOf, tmp_path: Path) -> None:
    paths = []
    for seed, status in ((7, Status.CERTIFIED), (8, Status.RAISED)):
        values = (RANKS[:50] + 100 * seed)[:, None] * TWO
        states = np.full(50, Status.CERTIFIED)
        states[3] = status
        boot = boot_of(500 * TWO, values, states, seed=seed, n_shared=seed)
        boot.save(tmp_path / str(seed))
        paths.append(tmp_path / str(seed))
    both = load(*reversed(paths))
    assert_array_equal(both.replicates[:, 0], [*(RANKS[:50] + 800), *(RANKS[:50] + 700)])
    assert np.flatnonzero(both.data.failed).tolist() == [3]
    assert (both.n_shared, both.seconds, both.seed) == (15, 3.0, 8)


def test_files_of_the_same_seed_are_refused(boot_of: BootOf, tmp_path: Path) -> None:
    _, one = saved(boot_of, tmp_path)
    _, other = saved(boot_of, tmp_path)
    with pytest.raises(ValueError, match=r"paths: seeds \[7\] occur twice"):
        load(one, other)


def test_files_of_other_parameters_or_estimates_are_refused(
    boot_of: BootOf, tmp_path: Path
) -> None:
    _, one = saved(boot_of, tmp_path)
    _, renamed = saved(boot_of, tmp_path, seed=8, names=["x1", "z"])
    moved = tmp_path / "moved"
    boot_of([500.0, 1.0], RANKS[:, None] * TWO, seed=9).save(moved)
    for other in (renamed, moved):
        with pytest.raises(
            ValueError, match=r"has (estimate|names) .*; only runs of the same fit"
        ) as caught:
            load(one, other)
        assert str(other) in str(caught.value)
        assert str(one) in str(caught.value)


def test_loading_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="paths: name at least one file"):
        load()


OTHERS: dict[str, dict[str, Any]] = {
    "sampling": {"sampling": "Bayesian()"},
    "refit": {"refit": "expansion"},
    "fixed": {"fixed": ("x2",)},
    "names": {"names": ["x1", "z"]},
}


@pytest.mark.parametrize("key", OTHERS)
def test_runs_of_another_kind_are_refused_naming_what_differs(
    key: str, boot_of: BootOf, tmp_path: Path
) -> None:
    _, one = saved(boot_of, tmp_path)
    other, path = saved(boot_of, tmp_path, seed=8, **OTHERS[key])
    with pytest.raises(ValueError, match=f"paths: .* has {key} ") as caught:
        load(one, path)
    value = getattr(other, key)
    shown = list(value) if isinstance(value, tuple) else value
    for part in (str(one), str(path), repr(shown)):
        assert part in str(caught.value)


def test_runs_of_plans_and_refits_that_differ_are_refused(tmp_path: Path) -> None:
    runs = {
        "cases": poisson_run(),
        "bayesian": poisson_run(rng=1, sampling=Bayesian()),
        "expansion": poisson_run(rng=2, refit="expansion"),
    }
    for name, boot in runs.items():
        boot.save(tmp_path / name)
    for name, key in (("bayesian", "sampling"), ("expansion", "refit")):
        with pytest.raises(ValueError, match=f"paths: .*{name} has {key} "):
            load(tmp_path / "cases", tmp_path / name)


def test_seeds_are_kept_and_a_merged_file_still_knows_them(boot_of: BootOf, tmp_path: Path) -> None:
    # As large as those that are drawn from the system's entropy.
    seeds = [7, 2**127 + 1, 9]
    paths = [saved(boot_of, tmp_path, seed=seed)[1] for seed in seeds]
    merged = load(*paths[:2])
    assert merged.seeds == (7, 2**127 + 1)
    merged.save(tmp_path / "merged")
    again = load(tmp_path / "merged")
    assert (again.seeds, again.seed, len(again.replicates)) == (merged.seeds, 7, 2 * 999)
    assert load(tmp_path / "merged", paths[2]).seeds == tuple(seeds)
    for part, seed in zip(paths[:2], seeds, strict=False):
        for order in ((tmp_path / "merged", part), (part, tmp_path / "merged")):
            with pytest.raises(ValueError, match=rf"paths: seeds \[{seed}\] occur twice"):
                load(*order)


def test_the_audit_of_an_expansion_survives_the_file(tmp_path: Path) -> None:
    boot = poisson_run(refit="expansion")
    boot.save(tmp_path / "run")
    again = load(tmp_path / "run")
    (audit,), (kept,) = boot.audits, again.audits
    assert isinstance(audit, ExpansionAudit)
    assert isinstance(kept, ExpansionAudit)
    assert (kept.n, kept.n_evaluations) == (audit.n, audit.n_evaluations)
    assert (kept.median, kept.largest) == (audit.median, audit.largest)
    assert_array_equal(kept.ratio, audit.ratio)
    assert again.refit == "expansion"
    assert str(audit) in str(again)
    assert str(again) == str(boot)


def test_a_held_parameter_is_still_one_after_the_file(tmp_path: Path) -> None:
    model = poisson(2)
    mle = fit(model.nll, model.truth, model.data(60, rng=1), fixed={"x2": 0.0})
    boot = bootstrap(mle, n_resamples=99, rng=0, refit="expansion")
    boot.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert again.fixed == boot.fixed == ("x2",)
    assert str(again) == str(boot)


def test_the_fit_has_to_be_the_one_that_was_refitted(tmp_path: Path) -> None:
    model, boot = poisson(1), poisson_run()
    boot.save(tmp_path / "run")
    other = fit(model.nll, model.truth, model.data(60, rng=2))
    estimator = Estimator(lambda y: [y.mean(), y.std()], args=np.arange(9.0))
    for wrong in (other, estimator):
        with pytest.raises(ValueError, match="fit: its estimate") as caught:
            load(tmp_path / "run", fit=wrong)
        for part in (str(tmp_path / "run"), str(wrong.estimate), str(boot.estimate)):
            assert part in str(caught.value)


def test_runs_of_one_fit_are_joined_as_one_run_of_both(tmp_path: Path) -> None:
    runs = [poisson_run(rng=seed, sampling=Cases()) for seed in (3, 4)]
    for seed, boot in enumerate(runs):
        boot.save(tmp_path / str(seed))
    both = load(tmp_path / "0", tmp_path / "1", fit=runs[0].fit)
    stacked = np.concatenate([boot.replicates for boot in runs])
    assert both.replicates.tobytes() == stacked.tobytes()
    assert_allclose(both.standard_error, stacked.std(axis=0, ddof=1), rtol=1e-14)


@pytest.mark.parametrize("what", ["total", "estimator", "derived"])
def test_a_loaded_run_prints_what_the_run_does(what: str, tmp_path: Path) -> None:
    """Also where that takes a jackknife's refits, or derived quantities' own standard errors."""
    model = poisson(1)
    X, y = model.data(24, rng=1)
    groups = np.repeat(np.arange(8), 3)
    if what == "estimator":
        moments = Estimator(lambda y: {"mean": y.mean(), "sd": y.std()}, args=y)
        boot = bootstrap(moments, sampling=Clustered(groups), n_resamples=199, rng=0)
    elif what == "total":
        mle = fit(lambda p, X, y: float(model.nll(p, X, y).sum()), model.truth, (X, y))
        boot = bootstrap(mle, sampling=Clustered(groups), n_resamples=99, rng=0)
    else:
        boot = bootstrap(fit(model.nll, model.truth, (X, y)), n_resamples=99, rng=0)
        boot = boot.derive(lambda p: {"mean": np.exp(p[0])})
    boot.save(tmp_path / "run")
    assert str(load(tmp_path / "run")) == str(boot)
    kinds = {"total": "bca", "estimator": "bca", "derived": "studentized"}
    assert kinds[what] in boot.recommended_kinds()


def test_a_run_without_its_plan_says_which_intervals_it_lacks(tmp_path: Path) -> None:
    model = poisson(1)
    mle = fit(model.nll, model.truth, model.data(24, rng=1))
    boot = bootstrap(mle, sampling=Parametric(model.simulate), n_resamples=99, rng=5)
    boot.save(tmp_path / "run")
    lacking = "does not hold the plan, whose signed-root .*: bootstrap again, with rng=5"
    for known in (None, mle):
        with pytest.warns(UserWarning, match=lacking):
            load(tmp_path / "run", fit=known).confidence_interval("recommended")
