"""Studies on disk: read back bit for bit, merged from parts, and what is refused by name."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from bootmle import Blocks, Coverage, Estimator, Fit, Flag, bootstrap, coverage, fit, load
from bootmle.commands.cli import main
from bootmle.execution.checkpoint import read_manifest, run_id, write_manifest
from bootmle.execution.packing import pack, unpack
from bootmle.refitting.alarm_kinds import AlarmKind
from bootmle.simulation.simulated_fits import SimulatedFits
from models import normal

OPTIONS: dict[str, Any] = {"n_datasets": 18, "n_resamples": 39, "methods": ["percentile"], "rng": 3}


def mean_and_spread(y: Any) -> dict[str, float]:
    return {"mean": y.mean(), "spread": 1000 * y.std()}


def simulate(params: Any, rng: Any, y: Any) -> Any:
    """Draw data of an Estimator or of a fit's log_sigma; one set in a few cannot be drawn."""
    drawn = rng.normal(size=y.size)
    if drawn[0] > 0.8:
        raise ArithmeticError("no such data")
    return params[0] + (params[1] / 1000 if params[1] > 9 else np.exp(params[1])) * drawn


@pytest.fixture(scope="module")
def model() -> Estimator:
    return Estimator(mean_and_spread, np.random.default_rng(0).normal(size=30))


def study(model: Fit | Estimator, **options: Any) -> Coverage:
    square = {"derive": lambda params: {"square": params[0] ** 2}}
    return coverage(model, simulate, **{**OPTIONS, **square, **options})


@pytest.fixture(scope="module")
def whole(model: Estimator) -> Coverage:
    """The study that was never kept: five chunks of four data sets, the last one shorter."""
    return study(model)


def assert_same(one: Coverage, other: Coverage) -> None:
    for field in fields(SimulatedFits):
        if field.name != "messages":
            ours, theirs = (getattr(each.data, field.name) for each in (one, other))
            assert (ours.dtype, ours.tobytes()) == (theirs.dtype, theirs.tobytes())
    assert dict(one.data.messages) == dict(other.data.messages)
    for field in fields(Coverage):
        if field.name not in {"data", "seconds"}:
            assert_array_equal(getattr(one, field.name), getattr(other, field.name))


def pieces_in(path: Path) -> list[Path]:
    return sorted(path.glob("piece-*.bin"))


def test_a_directory_is_the_study_bit_for_bit(
    model: Estimator, whole: Coverage, tmp_path: Path
) -> None:
    assert 0 < whole.n_failed < 9
    kept = study(model, checkpoint=tmp_path)
    again = Coverage.load(tmp_path)
    assert_same(again, whole)
    assert_same(again, kept)
    assert again.names == ("mean", "spread", "square")
    truth = np.append(model.estimate, model.estimate[0] ** 2)
    assert again.truth.tobytes() == truth.tobytes()
    assert again.seconds == pytest.approx(kept.seconds)
    assert str(replace(again, seconds=1.0)) == str(replace(whole, seconds=1.0))


@pytest.mark.parametrize("options", [{}, {"warp": True}], ids=["full", "warp"])
def test_a_study_of_a_fit_is_too(options: dict[str, Any], tmp_path: Path) -> None:
    own = normal()
    mle = fit(own.nll, own.truth, own.data(40, rng=1), names=own.names)
    kept = study(mle, n_datasets=6, methods=["hessian", "basic"], checkpoint=tmp_path, **options)
    again = Coverage.load(tmp_path)
    assert_same(again, kept)
    assert again.sources == ("bootstrap", "hessian", "sandwich")
    assert str(again) == str(kept)


def test_what_was_left_out_and_the_users_plan_are_on_record(
    model: Estimator, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"n_datasets": 4, "n_resamples": 39, "checkpoint": tmp_path}
    kept = coverage(model, simulate, sampling=Blocks(3), **options)
    again = Coverage.load(tmp_path)
    assert_same(again, kept)
    assert len(again.notes) == 2
    assert again.sampling == str(Blocks(3))


def test_shards_in_several_directories_are_merged(
    model: Estimator, whole: Coverage, tmp_path: Path
) -> None:
    paths = [tmp_path / str(i) for i in (1, 2, 3)]
    for i, path in enumerate(paths, 1):
        study(model, checkpoint=path, shard=(i, 3))
    assert_same(Coverage.load(*reversed(paths)), whole)
    two = Coverage.load(paths[0], paths[2])
    assert two.notes == ("6 of 18 data sets are missing: 4 to 7, 16 to 17",)
    kept = np.r_[0:4, 8:16]
    assert_array_equal(two.data.estimates, whole.data.estimates[kept])
    assert_array_equal(two.data.low, whole.data.low[kept])


def test_an_overlap_must_agree(model: Estimator, whole: Coverage, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    study(model, checkpoint=one, n_datasets=8)
    study(model, checkpoint=other)
    assert_same(Coverage.load(one, other), whole)
    path = pieces_in(one)[0]
    chunk, data, seconds = unpack(path.read_bytes(), SimulatedFits)
    moved = replace(data, low=data.low + 1e-12)
    path.write_bytes(pack(chunk, moved, seconds, run_id(read_manifest(one))))
    with pytest.raises(ValueError, match=r"paths: number 0 in .*other differs"):
        Coverage.load(one, other)


def test_a_study_that_was_stopped_is_read_with_a_note(model: Estimator, tmp_path: Path) -> None:
    part = study(model, checkpoint=tmp_path, deadline=1e-9)
    again = Coverage.load(tmp_path)
    assert again.data.estimates.tobytes() == part.data.estimates.tobytes()
    assert again.notes == ("17 of 18 data sets are missing: 1 to 17",)
    assert again.notes[0] in str(again)


def test_a_damaged_piece_between_others_is_named(
    model: Estimator, whole: Coverage, tmp_path: Path
) -> None:
    for i in range(1, 6):
        study(model, checkpoint=tmp_path, shard=(i, 5))
    path = pieces_in(tmp_path)[2]
    path.write_bytes(path.read_bytes()[:-9])
    (note,) = Coverage.load(tmp_path).notes
    assert f"missing: 8 to 11; damaged: {path}" in note
    assert_same(replace(study(model, checkpoint=tmp_path), notes=()), whole)
    assert_same(Coverage.load(tmp_path), whole)


OTHERS: dict[str, dict[str, Any]] = {
    "seed": {"rng": 4},
    "n_resamples": {"n_resamples": 49},
    "methods": {"methods": ["basic"]},
    "truth": {"truth": {"mean": 1.0}},
}


@pytest.mark.parametrize("key", OTHERS)
def test_other_studies_are_refused_naming_what_differs(
    key: str, model: Estimator, tmp_path: Path
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    study(model, checkpoint=one, n_datasets=4)
    study(model, checkpoint=other, **{"n_datasets": 4, **OTHERS[key]})
    with pytest.raises(ValueError, match=rf"paths: .*other has {key} .*; only parts of the same"):
        Coverage.load(one, other)


def test_a_study_is_told_from_a_bootstrap(model: Estimator, tmp_path: Path) -> None:
    study(model, checkpoint=tmp_path / "study", n_datasets=4)
    boot = bootstrap(model, n_resamples=70, rng=0, checkpoint=tmp_path / "boot")
    boot.save(tmp_path / "file")
    for other in ("file", "nothing"):
        with pytest.raises(
            ValueError, match=rf"paths: .*{other} is not a directory with a run.json"
        ):
            Coverage.load(tmp_path / "study", tmp_path / other)
    with pytest.raises(ValueError, match=r"paths: .*boot holds a bootstrap run.*load\(\)"):
        Coverage.load(tmp_path / "study", tmp_path / "boot")
    with pytest.raises(ValueError, match=r"paths: .*study holds a simulation study.*Coverage.load"):
        load(tmp_path / "boot", tmp_path / "study")


def test_flags_are_stored_by_name(model: Estimator, tmp_path: Path) -> None:
    """A member added to an enumeration later changes nothing that an old study says."""
    study(model, checkpoint=tmp_path, n_datasets=4)
    (path,) = pieces_in(tmp_path)
    chunk, data, seconds = unpack(path.read_bytes(), SimulatedFits)
    flags = np.array(["SKEWED", "HEAVY_TAILED SKEWED", "", ""])
    alarms = np.array(["", "AT_BOUND", "", ""])
    fitted = np.zeros(4, dtype=data.status.dtype)
    stored = replace(data, status=fitted, flags=flags, alarms=alarms)
    path.write_bytes(pack(chunk, stored, seconds, run_id(read_manifest(tmp_path))))
    again = Coverage.load(tmp_path)
    assert again.flagged == {Flag.SKEWED.value: 0.5, Flag.HEAVY_TAILED.value: 0.25}
    assert again.alarmed == {AlarmKind.AT_BOUND.value: 0.25}
    newer = np.array(["", "COLD_FUSION SKEWED", "", ""])
    stored = replace(data, flags=newer)
    path.write_bytes(pack(chunk, stored, seconds, run_id(read_manifest(tmp_path))))
    with pytest.raises(ValueError, match="Flag: the study has COLD_FUSION, which this version"):
        Coverage.load(tmp_path)
    with pytest.raises(ValueError, match="Flag: the study has COLD_FUSION, which this version"):
        study(model, checkpoint=tmp_path, n_datasets=4)


def test_a_fit_stores_the_names_of_its_own_flags(tmp_path: Path) -> None:
    own = normal()
    mle = fit(lambda p, y: 2 * own.nll(p, y), own.truth, own.data(800, rng=1))
    options: dict[str, Any] = {"methods": ["hessian"], "warp": True, "n_datasets": 4, "rng": 0}
    coverage(mle, own.simulate, checkpoint=tmp_path, **options)
    (path,) = pieces_in(tmp_path)
    assert b"OBJECTIVE_SCALE" in path.read_bytes().replace(b"\0", b"")
    assert Coverage.load(tmp_path).flagged[Flag.OBJECTIVE_SCALE.value] == 1.0


def test_a_study_of_an_earlier_version_is_refused_by_name(
    model: Estimator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study(model, checkpoint=tmp_path, n_datasets=4)
    write_manifest(tmp_path, {**read_manifest(tmp_path), "kind": "Trials"}, replace=True)
    message = "holds results of kind 'Trials', which this version does not read"
    for read in (
        lambda: Coverage.load(tmp_path),
        lambda: load(tmp_path),
        lambda: study(model, checkpoint=tmp_path, n_datasets=4),
    ):
        with pytest.raises(ValueError, match=message):
            read()
    assert main(["status", str(tmp_path)]) == 2
    assert main(["report", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count(message) == 2


def without_record(path: Path) -> None:
    """Make a directory as versions did that kept no record."""
    write_manifest(path, {**read_manifest(path), "record": {}}, replace=True)


def test_a_directory_without_a_record_is_gone_on_with_and_then_read(
    model: Estimator, whole: Coverage, tmp_path: Path
) -> None:
    study(model, checkpoint=tmp_path, n_datasets=8)
    without_record(tmp_path)
    written = {path: path.stat().st_mtime_ns for path in pieces_in(tmp_path)}
    with pytest.raises(
        ValueError, match=r"begun by an earlier version.*; call coverage\(\.\.\., c"
    ):
        Coverage.load(tmp_path)
    assert_same(study(model, checkpoint=tmp_path), whole)
    assert_same(Coverage.load(tmp_path), whole)
    assert written == {path: path.stat().st_mtime_ns for path in written}


def test_a_complete_directory_without_a_record_only_gets_one(
    model: Estimator, whole: Coverage, tmp_path: Path
) -> None:
    study(model, checkpoint=tmp_path)
    sound = (tmp_path / "run.json").read_bytes()
    without_record(tmp_path)
    study(model, checkpoint=tmp_path)
    assert_same(Coverage.load(tmp_path), whole)
    assert read_manifest(tmp_path)["record"]["names"] == list(whole.names)
    again = (tmp_path / "run.json").stat().st_mtime_ns
    study(model, checkpoint=tmp_path)
    assert (tmp_path / "run.json").stat().st_mtime_ns == again
    assert (tmp_path / "run.json").read_bytes() == sound


def test_a_study_of_which_nothing_is_left_is_read_and_says_so(
    model: Estimator, tmp_path: Path
) -> None:
    def broken(params: Any, rng: Any, y: Any) -> Any:
        raise ArithmeticError("no such data")

    with pytest.raises(RuntimeError, match=r"none of 18 .*; 18 times: ArithmeticError: no such"):
        coverage(model, broken, **OPTIONS, checkpoint=tmp_path)
    shown = str(Coverage.load(tmp_path))
    assert "no data set could be fitted" in shown
    assert "failed 18 times: ArithmeticError: no such data" in shown
