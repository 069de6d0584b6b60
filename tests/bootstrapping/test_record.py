"""The record of a run: one list of what a Bootstrap is made of, written and read in one place."""

import copy
import json
import pickle
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from bootmle import Bootstrap, Cases, Estimator, Subsample, bootstrap, fit, load
from bootmle.execution.checkpoint import read_manifest, write_manifest
from bootmle.inference.correction import Correction
from bootmle.optimization.leverage import Leverage
from bootmle.refitting.alarm_kinds import Alarm, AlarmKind
from bootmle.refitting.audits import ColdAudit
from bootmle.refitting.cluster_robust import ClusterRobust
from bootmle.refitting.leave_one_out import LeaveOneOut
from models import poisson

BootOf = Callable[..., Bootstrap]

Y = np.random.default_rng(3).exponential([1.0, 1000.0], (30, 2))

OTHERS: dict[str, Any] = {
    "seeds": (2**127 + 1, 7),
    "numbers": np.array([64, 65, 66]),
    "stopped": "the deadline",
    "rescaling": (0.5, 0.25),
    "supports_quantiles": False,
    "is_random": False,
    "center": np.array([1.5, -2000.0]),
    "own_standard_error": np.array([0.1, np.nan]),
    "refit": "expansion",
    "correction": Correction(
        *(np.ones((4, 2)) * [1.0, 1e4], np.full((4, 2), 0.1), 7, 11),
        *(np.full((4, 2), 0.2), np.array([[0.1, np.nan]] * 4)),
    ),
    "apart": True,
    "fixed": ("x2",),
    "at_bound": ("x1",),
    "not_identified": ("x1",),
    "notes": ("one", "two"),
    "remarks": ("three",),
    "audits": (ColdAudit(3, 0.01, 0, 1000),),
    "alarms": (Alarm(AlarmKind.AT_BOUND, "at a bound", ("x1",), np.array([0.1, -np.inf])),),
    "leave_one_out": LeaveOneOut.known(np.ones((4, 2)) * [1.0, 1e4], np.array([0, 0, 1, 1])),
    "derived": True,
    "shape": (3, 1),
    "scales": ("log", "identity"),
    "n_units": 4,
    "labels": {"kind": "Stratified", "options": {"strata": {"codes": [0, 1], "labels": ["b", 7]}}},
    "cluster_robust": ClusterRobust(
        np.array([[0.1, 1e4], [1 / 3, -1e4]]),
        Leverage(np.eye(2), np.full((2, 2), 0.5), np.array([np.eye(2)] * 2)),
        np.array([[1.0, 0.0], [0.0, 1e3]]),
    ),
}
NOT_STORED = {"fit", "derivation", "origin"}
APART = {"calibrations", "data", "own_errors"}
"""Files and directories hold the replicates as arrays beside the record, with the errors that were
measured; a calibration is computed again from the seed."""


def three(boot_of: BootOf, **more: Any) -> Bootstrap:
    values = np.array([[1.0, -1000.0], [2.0, -2000.0], [4.0, 500.0]])
    return replace(boot_of([1.0, -1000.0], values), **more)


def plain(value: Any) -> Any:
    """Compare by this: arrays as lists, objects as what they write."""
    if hasattr(value, "to_json"):
        return plain(value.to_json())
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return repr(value.tolist() if isinstance(value, np.ndarray) else value)


def test_a_field_is_stored_unless_it_is_on_the_short_list_of_those_that_cannot_be() -> None:
    stored = {each.name for each in fields(Bootstrap) if each.metadata}
    assert {each.name for each in fields(Bootstrap)} - stored == NOT_STORED | APART
    entries = {"names", "estimate", "sampling", "n_shared", "seconds"}
    assert stored == OTHERS.keys() | entries, "add a new field to the tests below"


@pytest.mark.parametrize("name", OTHERS)
def test_every_field_comes_back_from_json(name: str, boot_of: BootOf) -> None:
    boot = three(boot_of, **{name: OTHERS[name]})
    text = json.dumps(boot.to_json())
    again = Bootstrap.from_json(json.loads(text), boot.data)
    for each in fields(Bootstrap):
        if each.name not in APART:
            one, other = getattr(again, each.name), getattr(boot, each.name)
            assert plain(one) == plain(other), each.name
            assert type(one) is type(other), each.name
    assert json.dumps(again.to_json()) == text


@pytest.mark.parametrize("name", OTHERS)
def test_every_field_comes_back_from_a_file(name: str, boot_of: BootOf, tmp_path: Path) -> None:
    boot = three(boot_of, **{name: OTHERS[name]})
    boot.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert plain(getattr(again, name)) == plain(getattr(boot, name))
    assert again.replicates.tobytes() == boot.replicates.tobytes()


def test_a_directory_and_a_file_give_the_same_record(tmp_path: Path) -> None:
    model = poisson(2)
    mle = fit(model.nll, model.truth, model.data(60, rng=1), fixed={"x2": 0.0})
    options: dict[str, Any] = {"sampling": Subsample(20), "n_resamples": 99, "rng": 5}
    boot = bootstrap(mle, checkpoint=tmp_path / "run", **options)
    boot.save(tmp_path / "file")
    directory, file = load(tmp_path / "run"), load(tmp_path / "file")
    # Audits, alarms, the jackknife and the time of the call are of the whole run, which a directory
    # may not hold yet.
    of_the_end = {"audits", "alarms", "leave_one_out", "seconds"}
    one, other = directory.to_json(), file.to_json()
    assert one.keys() == other.keys()
    assert {key for key in one if plain(one[key]) != plain(other[key])} <= of_the_end


@pytest.mark.parametrize("name", ["rescaling", "is_random", "seeds"])
def test_an_entry_that_numbers_depend_on_is_not_made_up(
    name: str, boot_of: BootOf, tmp_path: Path
) -> None:
    record = three(boot_of).to_json()
    del record[name]
    with pytest.raises(ValueError, match=f"has no entry '{name}'"):
        Bootstrap.from_json(record, three(boot_of).data)


OLD = {"supports_quantiles": "quantiles", "is_random": "drawn", "center": "centre"}


def test_directories_with_the_names_of_before_are_read_and_resumed(tmp_path: Path) -> None:
    mean = Estimator(lambda y: y.mean(axis=0), args=Y)
    options: dict[str, Any] = {"sampling": Subsample(10), "rng": 5, "checkpoint": tmp_path}
    bootstrap(mean, n_resamples=64, **options)
    manifest = read_manifest(tmp_path)
    late = ("seconds", "stopped", "numbers", "remarks", "audits", "alarms", "leave_one_out")
    kept = {key: each for key, each in manifest["record"].items() if key not in (*late, "derived")}
    old = {OLD.get(key, key): each for key, each in kept.items()}
    write_manifest(tmp_path, {**manifest, "record": old}, replace=True)
    again = load(tmp_path)
    assert (again.is_random, again.supports_quantiles, again.center) == (True, True, None)
    assert again.rescaling == (np.sqrt(0.5), 0.5)
    assert len(bootstrap(mean, n_resamples=128, **options).data) == 128


def test_files_of_the_format_before_are_read(tmp_path: Path) -> None:
    mean = Estimator(lambda y: y.mean(axis=0), args=Y)
    boot = bootstrap(mean, n_resamples=999, rng=0)
    bounds = boot.confidence_interval("bca", 0.9)
    boot.save(tmp_path / "run")
    with np.load(tmp_path / "run") as stored:
        arrays = dict(stored)
    about = json.loads(arrays["about"].tobytes())
    found = about.pop("leave_one_out")
    about |= {"format": 2, "jackknife": found["estimates"], "strata": [0.0] * 30}
    old = {OLD.get(key, key): each for key, each in about.items()}
    arrays["about"] = np.frombuffer(json.dumps(old).encode(), np.uint8)
    with (tmp_path / "run").open("wb") as file:
        np.savez(file, **arrays)
    again = load(tmp_path / "run")
    assert again.is_random
    assert_array_equal(again.confidence_interval("bca", 0.9).low, bounds.low)


def test_derived_quantities_are_still_such_after_two_files(tmp_path: Path) -> None:
    mean = Estimator(lambda y: y.mean(axis=0), args=Y)
    derived = bootstrap(mean, n_resamples=99, rng=0).derive(lambda p: p, ["x1", "x2"])
    derived.save(tmp_path / "one")
    load(tmp_path / "one").save(tmp_path / "two")
    with pytest.raises(ValueError, match="fit: the files hold derived quantities"):
        load(tmp_path / "two", fit=mean)
    with pytest.raises(ValueError, match="extend: these are derived quantities"):
        replace(derived, sampling=Cases()).extend(5)


def test_a_result_holds_no_container_that_can_be_changed(tmp_path: Path) -> None:
    mean = Estimator(lambda y: y.mean(axis=0), args=Y)
    boot = bootstrap(mean, n_resamples=99, rng=0, checkpoint=tmp_path)
    for result in (boot, load(tmp_path), boot.derive(lambda p: p[0], ["first"])):
        for each in fields(Bootstrap):
            assert not isinstance(getattr(result, each.name), dict | list | set), each.name


COPIES: dict[str, Callable[[Bootstrap], Bootstrap]] = {
    "replace": lambda boot: replace(boot, remarks=("again",)),
    "copy": copy.copy,
    "deep copy": copy.deepcopy,
    "pickle": lambda boot: pickle.loads(pickle.dumps(boot)),
}
CALLS: list[int] = []


def counted(y: Any) -> Any:
    CALLS.append(len(y))
    return y.mean(axis=0)


@pytest.mark.parametrize("how", COPIES)
def test_the_jackknife_is_computed_once_for_a_result_and_its_copies(how: str) -> None:
    boot = bootstrap(Estimator(counted, args=Y), n_resamples=999, rng=0)
    before = len(CALLS)
    bounds = boot.confidence_interval("bca", 0.9)
    assert len(CALLS) == before + 30
    for level in (0.8, 0.9):
        other = COPIES[how](boot).confidence_interval("bca", level)
    boot.derive(lambda p: p[0], ["first"]).confidence_interval("bca", 0.9)
    assert len(CALLS) == before + 30
    assert_array_equal(other.low, bounds.low)


def test_a_longer_run_has_a_jackknife_of_its_own() -> None:
    # Which deletions are certified depends on the number of replicates.
    boot = bootstrap(Estimator(counted, args=Y), n_resamples=999, rng=0)
    boot.confidence_interval("bca", 0.9)
    longer = boot.extend(100)
    before = len(CALLS)
    longer.confidence_interval("bca", 0.9)
    assert len(CALLS) == before + 30
