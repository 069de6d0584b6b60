"""Runs on disk: stopped anywhere and gone on with, in parts, damaged, and of another kind."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from threadpoolctl import threadpool_info

from bootmle import (
    Bayesian,
    Bootstrap,
    Clustered,
    Coverage,
    Estimator,
    Fit,
    Given,
    Interrupted,
    Parametric,
    bootstrap,
    coverage,
    fit,
    load,
)
from bootmle.commands.cli import main
from bootmle.execution.checkpoint import read_manifest, run_id, write_manifest
from bootmle.execution.packing import pack, unpack
from bootmle.refitting.replicates import Replicates
from models import logit, poisson

N = 60
ARRAYS = ("estimates", "status", "distance", "n_evaluations", "n_gradients", "standard_errors")


def logit_fit(seed: int = 1, scale: float = 1.0, **options: Any) -> Fit:
    model = logit(2)
    return fit(
        lambda params, *args: scale * model.nll(params, *args),
        model.truth,
        model.data(N, rng=seed),
        **options,
    )


@pytest.fixture(scope="module")
def mle() -> Fit:
    return logit_fit()


@pytest.fixture(scope="module")
def whole(mle: Fit) -> Bootstrap:
    """The run that was never stopped: five chunks, the last one shorter."""
    return bootstrap(mle, n_resamples=300, rng=0)


def assert_same(one: Bootstrap, other: Bootstrap) -> None:
    for name in ARRAYS:
        assert getattr(one.data, name).tobytes() == getattr(other.data, name).tobytes()
    assert dict(one.data.messages) == dict(other.data.messages)


def pieces_in(path: Path) -> list[str]:
    return sorted(each.name for each in path.glob("piece-*.bin"))


def in_five_pieces(model: Fit, path: Path, rng: int = 0) -> None:
    """Run in shards of one chunk each, which are written to files of their own."""
    for i in range(1, 6):
        bootstrap(model, n_resamples=300, rng=rng, checkpoint=path, shard=(i, 5))


def test_a_finished_run_is_read_and_not_computed_again(
    mle: Fit, whole: Bootstrap, tmp_path: Path
) -> None:
    first = bootstrap(mle, n_resamples=300, rng=0, checkpoint=tmp_path / "a")
    assert_same(first, whole)
    written = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "a").iterdir()}
    again = bootstrap(mle, n_resamples=300, rng=0, checkpoint=str(tmp_path / "a"))
    assert_same(again, whole)
    assert str(again).splitlines()[:-1] == str(first).splitlines()[:-1]
    assert written == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "a").iterdir()}
    assert_same(load(tmp_path / "a"), whole)


@pytest.mark.parametrize("lost", [{0}, {4}, {1, 3}, {0, 1, 2, 3, 4}], ids=str)
def test_only_missing_pieces_are_computed(
    lost: set[int], mle: Fit, whole: Bootstrap, tmp_path: Path
) -> None:
    in_five_pieces(mle, tmp_path)
    names = pieces_in(tmp_path)
    for piece in lost:
        (tmp_path / names[piece]).unlink()
    kept = {name: (tmp_path / name).stat().st_mtime_ns for name in pieces_in(tmp_path)}
    assert_same(bootstrap(mle, n_resamples=300, rng=0, checkpoint=tmp_path), whole)
    assert kept == {name: (tmp_path / name).stat().st_mtime_ns for name in kept}
    assert_same(load(tmp_path), whole)


def test_the_seed_of_a_run_without_one_is_that_of_its_first_sitting(
    mle: Fit, tmp_path: Path
) -> None:
    first = bootstrap(mle, n_resamples=70, checkpoint=tmp_path)
    again = bootstrap(mle, n_resamples=140, checkpoint=tmp_path)
    assert again.seed == first.seed
    assert_same(again, bootstrap(mle, n_resamples=140, rng=first.seed))


def test_a_larger_number_extends_the_run_and_a_smaller_one_reads_of_it(
    mle: Fit, whole: Bootstrap, tmp_path: Path
) -> None:
    few = bootstrap(mle, n_resamples=100, rng=0, checkpoint=tmp_path)
    assert_array_equal(few.replicates, whole.replicates[:100])
    assert_same(bootstrap(mle, n_resamples=300, rng=0, checkpoint=tmp_path), whole)
    assert_same(load(tmp_path), whole)
    fewer = bootstrap(mle, n_resamples=40, rng=0, checkpoint=tmp_path)
    assert_array_equal(fewer.replicates, whole.replicates[:40])
    assert_same(load(tmp_path), whole)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda stored: stored[:-100],
    "empty": lambda stored: b"",
    "a flipped bit": lambda stored: stored[:500] + bytes([stored[500] ^ 1]) + stored[501:],
    "zeros at the end": lambda stored: stored[:-512] + bytes(512),
    "longer": lambda stored: stored + b"\0",
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_piece_is_named_and_computed_again(
    kind: str, mle: Fit, whole: Bootstrap, tmp_path: Path
) -> None:
    in_five_pieces(mle, tmp_path)
    path = tmp_path / pieces_in(tmp_path)[2]
    sound = path.read_bytes()
    path.write_bytes(DAMAGES[kind](sound))
    partial = load(tmp_path)
    assert len(partial.data) == 300 - 64
    assert f"64 of 300 replicates are missing: 128 to 191; damaged: {path}" in str(partial)
    again = bootstrap(mle, n_resamples=300, rng=0, checkpoint=tmp_path)
    assert_same(again, whole)
    assert f"damaged, computed again: {path}: its checksum does not match" in str(again)
    assert path.read_bytes()[-100:] == sound[-100:]


def of_another_seed(mle: Fit, folder: Path, name: str) -> bytes:
    in_five_pieces(mle, folder, rng=1)
    return (folder / name).read_bytes()


def of_other_data(mle: Fit, folder: Path, name: str) -> bytes:
    in_five_pieces(logit_fit(seed=2), folder)
    return (folder / name).read_bytes()


def shortened(mle: Fit, folder: Path, name: str) -> bytes:
    in_five_pieces(mle, folder)
    number, data, seconds = unpack((folder / name).read_bytes(), Replicates)
    return pack(number, data.first(10), seconds, run_id(read_manifest(folder)))


def without_an_array(mle: Fit, folder: Path, name: str) -> bytes:
    stored = shortened(mle, folder, name)[32:].replace(b'"distance"', b'"whatever"')
    return hashlib.sha256(stored).digest() + stored


FOREIGN: dict[str, tuple[Callable[[Fit, Path, str], bytes], str]] = {
    "another seed": (of_another_seed, "it is a piece of another run"),
    "other data": (of_other_data, "it is a piece of another run"),
    "shortened": (shortened, "it holds 10 of 64 members"),
    "another version": (without_an_array, "it is not a piece that this version reads"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_piece_whose_checksum_matches_is_named_and_computed_again(
    kind: str, mle: Fit, whole: Bootstrap, tmp_path: Path
) -> None:
    in_five_pieces(mle, tmp_path / "run")
    path = tmp_path / "run" / pieces_in(tmp_path / "run")[2]
    make, reason = FOREIGN[kind]
    path.write_bytes(make(mle, tmp_path / "other", path.name))
    partial = load(tmp_path / "run")
    kept = np.delete(np.arange(300), np.arange(128, 192))
    assert_array_equal(np.array(partial.numbers), kept)
    assert_array_equal(partial.replicates, whole.replicates[kept])
    assert f"missing: 128 to 191; damaged: {path}: {reason}" in str(partial)
    again = bootstrap(mle, n_resamples=300, rng=0, checkpoint=tmp_path / "run")
    assert_same(again, whole)
    assert f"damaged, computed again: {path}: {reason}" in str(again)
    assert_same(load(tmp_path / "run"), whole)


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_resamples", 10**30), ("n_resamples", -5), ("n_resamples", 300.0), ("chunk", 0)],
)
def test_a_manifest_with_numbers_of_no_run_is_refused_at_once(
    name: str, value: float, mle: Fit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bootstrap(mle, n_resamples=70, rng=0, checkpoint=tmp_path)
    manifest = read_manifest(tmp_path)
    (manifest if name == "n_resamples" else manifest["run"])[name] = value
    write_manifest(tmp_path, manifest, replace=True)
    with pytest.raises(ValueError, match=rf"run\.json is damaged: {name} is {value}"):
        load(tmp_path)
    with pytest.raises(ValueError, match=rf"run\.json is damaged: {name} is {value}"):
        bootstrap(mle, n_resamples=70, rng=0, checkpoint=tmp_path)
    assert main(["status", str(tmp_path)]) == 2
    assert f"run.json is damaged: {name} is {value}" in capsys.readouterr().err


def test_pieces_without_their_manifest_are_not_taken_for_those_of_a_new_run(
    mle: Fit, whole: Bootstrap, tmp_path: Path
) -> None:
    bootstrap(mle, n_resamples=300, rng=0, checkpoint=tmp_path)
    manifest = (tmp_path / "run.json").read_bytes()
    (tmp_path / "run.json").unlink()
    before = {name: (tmp_path / name).read_bytes() for name in pieces_in(tmp_path)}
    for model in (mle, logit_fit(seed=2)):
        with pytest.raises(ValueError, match=r"checkpoint: .* but not its run\.json; restore"):
            bootstrap(model, n_resamples=300, rng=0, checkpoint=tmp_path)
    simulate = logit(2).simulate
    with pytest.raises(ValueError, match=r"checkpoint: .* but not its run\.json; restore"):
        coverage(mle, simulate, n_datasets=2, warp=True, rng=0, checkpoint=tmp_path)
    assert before == {name: (tmp_path / name).read_bytes() for name in pieces_in(tmp_path)}
    (tmp_path / "run.json").write_bytes(manifest)
    assert_same(bootstrap(mle, n_resamples=300, rng=0, checkpoint=tmp_path), whole)


def test_a_piece_under_another_name_is_noticed(mle: Fit, whole: Bootstrap, tmp_path: Path) -> None:
    in_five_pieces(mle, tmp_path)
    names = pieces_in(tmp_path)
    (tmp_path / names[1]).write_bytes((tmp_path / names[0]).read_bytes())
    again = bootstrap(mle, n_resamples=300, rng=0, checkpoint=tmp_path)
    assert_same(again, whole)
    assert "it begins with number 0" in str(again)


OTHERS: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "data": (lambda: logit_fit(seed=2), {}),
    "objective": (lambda: logit_fit(scale=1 + 1e-7), {}),
    "seed": (logit_fit, {"rng": 1}),
    "sampling": (logit_fit, {"sampling": Bayesian()}),
    "refit": (logit_fit, {"refit": "expansion"}),
    "names": (lambda: logit_fit(names=["a", "b", "c"]), {}),
    "parameters": (lambda: logit_fit(transform=["identity", "identity", "identity"]), {}),
}


@pytest.mark.parametrize("kind", [kind for kind in OTHERS if kind != "parameters"])
def test_another_run_is_refused_naming_what_differs(kind: str, mle: Fit, tmp_path: Path) -> None:
    bootstrap(mle, n_resamples=70, rng=0, checkpoint=tmp_path)
    build, options = OTHERS[kind]
    with pytest.raises(ValueError, match=f"checkpoint: .* holds another run: .*{kind}: "):
        bootstrap(build(), **{"n_resamples": 70, "rng": 0, "checkpoint": tmp_path, **options})
    assert len(load(tmp_path).data) == 70


def penalized(side: int, limit: float) -> Fit:
    """A normal mean and log deviation of a scale of 1e4, with a penalty beyond a limit."""
    y = np.random.default_rng(31).normal(1e4, 1e3, 100)

    def nll(params: Any, y: Any) -> Any:
        z = (y - params[0]) / np.exp(params[1])
        beyond = np.maximum(0.0, side * (params[0] - y.mean()) / 100.0 - limit)
        return params[1] + 0.5 * z**2 + 20.0 * beyond**2

    return fit(nll, {"mean": 1e4, "log_sd": 6.9}, args=y)


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("limit", [0.6, 1.5, 2.5])
def test_a_constant_in_the_objective_that_acts_away_from_the_estimate_is_noticed(
    side: int, limit: float, tmp_path: Path
) -> None:
    bootstrap(penalized(side, 100.0), n_resamples=70, rng=0, checkpoint=tmp_path)
    bootstrap(penalized(side, 100.0), n_resamples=70, rng=0, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="holds another run: objective: "):
        bootstrap(penalized(side, limit), n_resamples=70, rng=0, checkpoint=tmp_path)


def test_a_penalty_on_repeated_rows_is_noticed(tmp_path: Path) -> None:
    """It vanishes on the data, at every point: only a resample has the same row twice."""
    y = np.random.default_rng(3).normal(size=40)

    def model(weight: float) -> Fit:
        def nll(params: Any, y: Any) -> Any:
            return (
                0.5
                * np.sum((y - params[0]) ** 2)
                * (1.0 + weight * (np.unique(y).size < y.size and y.size == 40))
            )

        return fit(nll, [0.0], args=y)

    bootstrap(model(0.0), n_resamples=70, rng=0, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="holds another run: objective: "):
        bootstrap(model(1e-3), n_resamples=140, rng=0, checkpoint=tmp_path)


def test_changed_constraints_are_noticed(tmp_path: Path) -> None:
    """The objective is the same one, and so is the estimate, where no constraint is active."""
    y = np.random.default_rng(3).normal([1.0, 100.0], [1.0, 10.0], size=(40, 2))

    def model(*limits: float) -> Fit:
        below = [{"type": "ineq", "fun": lambda p, most=most: most - p[0]} for most in limits]
        return fit(
            lambda p, y: 0.5 * (((y - p) / [1.0, 10.0]) ** 2).sum(axis=1),
            [0.5, 50.0],
            args=y,
            constraints=below,
        )

    bootstrap(model(50.0), n_resamples=70, rng=0, checkpoint=tmp_path)
    bootstrap(model(50.0), n_resamples=70, rng=0, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="holds another run: constraints: "):
        bootstrap(model(60.0), n_resamples=140, rng=0, checkpoint=tmp_path)
    for other in ((), (50.0, 60.0)):
        with pytest.raises(ValueError, match=r"holds another run: .*'constrained': 33"):
            bootstrap(model(*other), n_resamples=140, rng=0, checkpoint=tmp_path)


class Counts:
    """Without a text of its own: the default one is an address."""

    def __init__(self, n: int) -> None:
        self.n = n


def draw_counts(options: Any, params: Any, rng: Any, X: Any, y: Any) -> Any:
    return X, rng.poisson(options.n, y.size)


@pytest.mark.filterwarnings("ignore:simulate. its data are the same")
def test_objects_without_a_text_of_their_own_are_told_by_what_they_hold(tmp_path: Path) -> None:
    model = poisson(1)
    mle = fit(model.nll, model.truth, model.data(40, rng=1))

    def run(n: int) -> Bootstrap:
        plan = Parametric(partial(draw_counts, Counts(n)))
        return bootstrap(mle, sampling=plan, n_resamples=9, rng=0, checkpoint=tmp_path)

    run(3)
    run(3)
    with pytest.raises(ValueError, match="holds another run: sampling: "):
        run(4)


def test_another_standard_error_function_is_noticed(tmp_path: Path) -> None:
    y = np.random.default_rng(29).gamma(2.0, size=80)

    def model(factor: float) -> Estimator:
        return Estimator(
            lambda y: [y.mean(), 1e4 * y.mean()],
            args=y,
            standard_error=lambda y: y.std() / 9 * np.array([1.0, 1e4 * factor]),
        )

    bootstrap(model(1.0), n_resamples=70, rng=0, checkpoint=tmp_path)
    bootstrap(model(1 + 1e-13), n_resamples=70, rng=0, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="holds another run: standard_error: "):
        bootstrap(model(1 + 1e-6), n_resamples=140, rng=0, checkpoint=tmp_path)


def test_a_run_of_a_version_that_compared_less_is_resumed(mle: Fit, tmp_path: Path) -> None:
    bootstrap(mle, n_resamples=70, rng=0, checkpoint=tmp_path)
    manifest = read_manifest(tmp_path)
    manifest["run"]["objective"] = manifest["run"]["objective"][:3]
    write_manifest(tmp_path, manifest, replace=True)
    again = bootstrap(mle, n_resamples=140, rng=0, checkpoint=tmp_path)
    assert_same(again, bootstrap(mle, n_resamples=140, rng=0))


def test_the_same_run_is_not_refused(mle: Fit, tmp_path: Path) -> None:
    bootstrap(mle, n_resamples=70, rng=0, checkpoint=tmp_path)
    build, _ = OTHERS["parameters"]
    assert_same(
        bootstrap(build(), n_resamples=70, rng=0, checkpoint=tmp_path),
        bootstrap(mle, n_resamples=70, rng=0),
    )


def test_labels_of_a_plan_belong_to_the_run(mle: Fit, tmp_path: Path) -> None:
    groups = np.arange(N) // 3
    bootstrap(mle, sampling=Clustered(groups), n_resamples=70, rng=0, checkpoint=tmp_path)
    same = bootstrap(mle, sampling=Clustered(groups), n_resamples=70, rng=0, checkpoint=tmp_path)
    assert len(same.data) == 70
    moved = groups.copy()
    moved[:6] = moved[:6][::-1]
    with pytest.raises(ValueError, match="holds another run: sampling: "):
        bootstrap(mle, sampling=Clustered(moved), n_resamples=70, rng=0, checkpoint=tmp_path)


def test_another_machines_optimum_is_that_of_the_first(
    mle: Fit, whole: Bootstrap, tmp_path: Path
) -> None:
    """Elsewhere the same fit ends a few last digits off: refits start where the first run's did."""
    bootstrap(mle, n_resamples=100, rng=0, checkpoint=tmp_path)
    whitening = replace(mle.whitening, center=mle.whitening.center + 1e-7 * mle.whitening.units)
    base = mle.likelihood.at(whitening.center)
    there = replace(mle, whitening=whitening, estimate=whitening.center, base=base)
    assert_same(bootstrap(there, n_resamples=300, rng=0, checkpoint=tmp_path), whole)
    far = replace(mle.whitening, center=mle.whitening.center + 0.1 * mle.whitening.units)
    moved = replace(mle, whitening=far, estimate=far.center, base=mle.likelihood.at(far.center))
    with pytest.raises(ValueError, match=r"holds another run: .*estimate: "):
        bootstrap(moved, n_resamples=300, rng=0, checkpoint=tmp_path)


def test_the_manifest_is_small_and_says_what_the_run_is(mle: Fit, tmp_path: Path) -> None:
    bootstrap(mle, n_resamples=70, rng=2**80, checkpoint=tmp_path / "deep" / "down")
    path = tmp_path / "deep" / "down" / "run.json"
    manifest = json.loads(path.read_text())
    assert path.stat().st_size < 5000
    assert manifest["run"]["seed"] == str(2**80)
    assert manifest["run"]["names"] == list(mle.names)
    assert len(manifest["run"]["objective"]) == 3 + 2 * 3 + 4 + 2
    assert manifest["run"]["objective"][0] == pytest.approx(mle.nll, rel=1e-12)
    assert manifest["start"]["estimate"] == mle.estimate.tolist()
    assert manifest["versions"]["numpy"] == np.__version__
    assert manifest["n_resamples"] == 70


def test_another_version_is_noted(mle: Fit, tmp_path: Path) -> None:
    bootstrap(mle, n_resamples=70, rng=0, checkpoint=tmp_path)
    manifest = read_manifest(tmp_path)
    manifest["versions"]["numpy"] = "1.0"
    write_manifest(tmp_path, manifest, replace=True)
    note = f"started with numpy 1.0, now {np.__version__}: last bits may differ"
    assert note in bootstrap(mle, n_resamples=70, rng=0, checkpoint=tmp_path).remarks


def test_another_kernel_of_blas_is_noted(mle: Fit, tmp_path: Path) -> None:
    """Last bits follow the kernel that BLAS chooses for the processor, not the machine's name."""
    bootstrap(mle, n_resamples=70, rng=0, checkpoint=tmp_path)
    manifest = read_manifest(tmp_path)
    own = manifest["versions"]["kernel"]
    assert own == ", ".join(
        sorted({each["architecture"] for each in threadpool_info() if "architecture" in each})
    )
    manifest["versions"]["kernel"] = "Elsewhere"
    write_manifest(tmp_path, manifest, replace=True)
    note = f"started with kernel Elsewhere, now {own}: last bits may differ"
    assert note in bootstrap(mle, n_resamples=70, rng=0, checkpoint=tmp_path).remarks


def test_a_damaged_manifest_is_named_and_never_written_over(mle: Fit, tmp_path: Path) -> None:
    bootstrap(mle, n_resamples=70, rng=0, checkpoint=tmp_path)
    path = tmp_path / "run.json"
    damaged = path.read_bytes()[:-40]
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"checkpoint: .*run\.json is damaged"):
        bootstrap(mle, n_resamples=70, rng=0, checkpoint=tmp_path)
    with pytest.raises(ValueError, match=r"checkpoint: .*run\.json is damaged"):
        load(tmp_path)
    assert path.read_bytes() == damaged
    bootstrap(mle, n_resamples=70, rng=0, checkpoint=tmp_path / "other")
    whole = (tmp_path / "other" / "run.json").read_text()
    for one, other in (("2026", "2027"), ("0", "1"), (": [", ": [ 1e-9, ")):
        path.write_text(whole.replace(one, other, 1) if one in whole else whole + " x")
        with pytest.raises(ValueError, match=r"run\.json is damaged"):
            load(tmp_path)
    path.write_text('{"format": 99}')
    with pytest.raises(ValueError, match="has format 99, but this version reads format 1"):
        load(tmp_path)


def test_shards_in_one_directory_are_the_run(mle: Fit, whole: Bootstrap, tmp_path: Path) -> None:
    parts = [
        bootstrap(mle, n_resamples=300, rng=0, checkpoint=tmp_path, shard=(i, 3)) for i in (2, 1, 3)
    ]
    assert [len(part.data) for part in parts] == [64 + 44, 64 + 64, 64]
    assert sum(len(part.data) for part in parts) == 300
    assert_array_equal(parts[0].replicates, whole.replicates[np.array(parts[0].numbers)])
    assert_same(load(tmp_path), whole)
    assert_same(bootstrap(mle, n_resamples=300, rng=0, checkpoint=tmp_path), whole)


def test_shards_in_several_directories_are_merged(
    mle: Fit, whole: Bootstrap, tmp_path: Path
) -> None:
    paths = [tmp_path / str(i) for i in (1, 2, 3)]
    for i, path in enumerate(paths, 1):
        bootstrap(mle, n_resamples=300, rng=0, checkpoint=path, shard=(i, 3))
    merged = load(*paths, fit=mle)
    assert_same(merged, whole)
    assert str(merged).split("\n\n")[0] == str(whole).split("\n\n")[0]
    assert_same(merged.extend(20), bootstrap(mle, n_resamples=320, rng=0))
    some = load(paths[0], paths[2])
    assert "108 of 300 replicates are missing: 64 to 127, 256 to 299" in str(some)


def test_an_overlap_must_agree(mle: Fit, whole: Bootstrap, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    bootstrap(mle, n_resamples=200, rng=0, checkpoint=one)
    bootstrap(mle, n_resamples=300, rng=0, checkpoint=other)
    assert_same(load(one, other), whole)
    chunk, data, seconds = unpack((one / pieces_in(one)[0]).read_bytes(), Replicates)
    moved = replace(data, estimates=data.estimates + 1e-12)
    run = run_id(read_manifest(one))
    (one / pieces_in(one)[0]).write_bytes(pack(chunk, moved, seconds, run))
    with pytest.raises(ValueError, match=r"paths: number 0 in .*other differs"):
        load(one, other)


def test_directories_of_other_runs_are_refused(mle: Fit, tmp_path: Path) -> None:
    bootstrap(mle, n_resamples=70, rng=0, checkpoint=tmp_path / "a")
    bootstrap(mle, n_resamples=70, rng=1, checkpoint=tmp_path / "b")
    with pytest.raises(ValueError, match=r"paths: .*b has seed '1', .*a has '0'"):
        load(tmp_path / "a", tmp_path / "b")
    (tmp_path / "c").mkdir()
    with pytest.raises(ValueError, match=r"paths: .*c is a directory without run\.json"):
        load(tmp_path / "c")


@pytest.mark.parametrize("shard", [(0, 3), (4, 3), (1, 2, 3), 3, (1.0, 2), (True, 2), "1/2"])
def test_a_shard_that_is_none_is_refused(shard: Any, mle: Fit, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"shard: .*; pass"):
        bootstrap(mle, checkpoint=tmp_path, shard=shard)


def test_a_shard_needs_a_directory_and_no_precision(mle: Fit, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"shard: got \(1, 2\) without a directory to merge the parts from"
    ):
        bootstrap(mle, shard=(1, 2))
    with pytest.raises(ValueError, match=r"precision: got 0\.1 with shard=.* only its own part"):
        bootstrap(mle, shard=(1, 2), checkpoint=tmp_path, precision=0.1)


def test_precision_on_disk_is_a_complete_run(mle: Fit, tmp_path: Path) -> None:
    boot = bootstrap(mle, n_resamples=5000, rng=0, precision=0.08, checkpoint=tmp_path)
    loaded = load(tmp_path)
    assert_same(loaded, boot)
    assert loaded.stopped == "precision=0.08"
    assert "missing" not in str(loaded)
    again = bootstrap(mle, n_resamples=5000, rng=0, precision=0.08, checkpoint=tmp_path)
    assert_same(again, boot)


def test_a_deadline_leaves_the_rest_for_the_next_call(
    mle: Fit, whole: Bootstrap, tmp_path: Path
) -> None:
    first = bootstrap(mle, n_resamples=300, rng=0, checkpoint=tmp_path, deadline=1e-9)
    assert len(first.data) == 1
    assert first.stopped == "the deadline"
    assert "299 of 300 replicates are missing: 1 to 299" in str(load(tmp_path))
    assert_same(bootstrap(mle, n_resamples=300, rng=0, checkpoint=tmp_path), whole)


class Interrupting:
    """An objective that is interrupted at one of its calls."""

    def __init__(self, at: int) -> None:
        self.at, self.calls = at, 0

    def __call__(self, y: Any) -> list[float]:
        self.calls += 1
        if self.calls == self.at:
            os.kill(os.getpid(), signal.SIGINT)
        return [float(y.mean()), 1000 * float(y.std())]


def test_an_interrupted_run_says_how_to_go_on_and_does(tmp_path: Path) -> None:
    y = np.random.default_rng(0).normal(size=30)
    usual = bootstrap(Estimator(Interrupting(-1), y), n_resamples=300, rng=0)
    with pytest.raises(Interrupted, match=r"they are in .*; repeat the call to resume") as stop:
        bootstrap(Estimator(Interrupting(150), y), n_resamples=300, rng=0, checkpoint=tmp_path)
    assert_same(load(tmp_path), stop.value.partial)
    again = bootstrap(Estimator(Interrupting(-1), y), n_resamples=300, rng=0, checkpoint=tmp_path)
    assert_same(again, usual)


@pytest.mark.parametrize("limit", [300, 5000])
def test_a_precision_that_is_reached_early_hides_no_stored_replicate(
    limit: int, mle: Fit, tmp_path: Path
) -> None:
    whole = bootstrap(mle, n_resamples=300, rng=0, checkpoint=tmp_path)
    few = bootstrap(mle, n_resamples=limit, rng=0, precision=0.1, checkpoint=tmp_path)
    assert 64 <= len(few.data) < 256
    assert few.stopped == "precision=0.1"
    again = load(tmp_path)
    assert_same(again, whole)
    assert (again.stopped, again.remarks) == ("", ())


def test_finished_pieces_are_on_disk_while_an_earlier_one_is_computed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y, rows = rng.normal(size=25), rng.integers(0, 25, (640, 25))
    rows[3] = 11
    last = "-0000639.bin"

    def waiting(y: Any) -> Any:
        """Wait for the last piece to be on disk, at one of the first replicates."""
        for _ in range(200 if y.max() == y.min() else 0):
            if any(name.endswith(last) for name in os.listdir(tmp_path)):
                return [1.0, 1000.0]
            time.sleep(0.05)
        return [y.mean(), 1000 * y.std()]

    what, plan = Estimator(waiting, y), Given(indices=rows)
    options: dict[str, Any] = {"sampling": plan, "n_resamples": 640, "checkpoint": tmp_path}
    boot = bootstrap(what, n_jobs=2, **options)
    assert boot.replicates[3].tolist() == [1.0, 1000.0], "it saw the last piece on disk"
    assert_array_equal(boot.replicates[4:, 0], y[rows[4:]].mean(axis=1))
    assert_same(load(tmp_path), boot)


def test_a_directory_that_cannot_be_written_loses_nothing(
    mle: Fit, whole: Bootstrap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, count = os.fsync, iter(range(1000))

    def full(descriptor: int) -> None:
        if next(count) >= 4:  # the manifest, its directory, and two pieces
            raise OSError(28, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    bootstrap(mle, n_resamples=300, rng=0, checkpoint=tmp_path, shard=(1, 3))
    message = r"No space left.*; 128 finished members are safe there; free some space or change"
    with pytest.raises(OSError, match=message) as caught:
        bootstrap(mle, n_resamples=300, rng=0, checkpoint=tmp_path)
    assert caught.value.errno == 28
    monkeypatch.undo()
    assert len(pieces_in(tmp_path)) == 2
    assert not list(tmp_path.glob(".*tmp"))
    assert_same(bootstrap(mle, n_resamples=300, rng=0, checkpoint=tmp_path), whole)


@pytest.mark.parametrize("where", ["file/run", "file/deeper/run"])
def test_a_directory_that_cannot_be_made_is_the_checkpoint(
    where: str, mle: Fit, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"checkpoint: cannot write to .*run \(Not a directory\)"):
        bootstrap(mle, n_resamples=70, rng=0, checkpoint=tmp_path / where)


def test_a_directory_that_is_removed_in_the_run_leaves_what_is_in_memory(tmp_path: Path) -> None:
    y, place, calls = np.random.default_rng(0).normal(size=30), tmp_path / "run", iter(range(10**6))

    def mean(y: Any) -> Any:
        if next(calls) == 200:
            while place.exists():
                shutil.rmtree(place, ignore_errors=True)
        return [y.mean(), 1000 * y.std()]

    with pytest.raises(Interrupted, match=r"the checkpoint .*run was removed") as stop:
        bootstrap(Estimator(mean, y), n_resamples=1280, rng=0, checkpoint=place)
    held = stop.value.partial.replicates
    assert_array_equal(held, bootstrap(Estimator(mean, y), n_resamples=1280, rng=0).replicates)


def test_an_estimators_data_and_estimates_belong_to_the_run(tmp_path: Path) -> None:
    y = np.random.default_rng(0).normal(size=30)
    bootstrap(Estimator(np.mean, y), n_resamples=70, rng=0, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="holds another run: estimate: "):
        bootstrap(Estimator(np.median, y), n_resamples=70, rng=0, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="holds another run: data: "):
        bootstrap(Estimator(np.mean, y[::-1].copy()), n_resamples=70, rng=0, checkpoint=tmp_path)


def test_an_estimator_equal_on_the_full_data_alone_is_noticed(tmp_path: Path) -> None:
    y = np.random.default_rng(0).normal(size=31)

    def trimmed(y: Any) -> Any:  # of data all of which differ, the mean
        return np.unique(y).mean()

    bootstrap(Estimator(np.mean, y), n_resamples=70, rng=0, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="holds another run: objective: "):
        bootstrap(Estimator(trimmed, y), n_resamples=140, rng=0, checkpoint=tmp_path)


SCRIPT = """
import sys
import numpy as np
from bootmle import bootstrap, fit
from models import poisson

model = poisson(1)
mle = fit(model.nll, model.truth, model.data(60, rng=1))
boot = bootstrap(mle, n_resamples=int(sys.argv[2]), rng=0, checkpoint=sys.argv[1])
"""


def test_a_killed_process_is_gone_on_with_by_another(tmp_path: Path) -> None:
    """SIGKILL at three moments, then once undisturbed: no replicate lost, none different."""
    script, run = tmp_path / "job.py", tmp_path / "run"
    script.write_text(textwrap.dedent(SCRIPT))
    command = [sys.executable, str(script), str(run), "2000"]
    for wanted in (1, 2, 4):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while process.poll() is None and (not run.exists() or len(pieces_in(run)) < wanted):
            time.sleep(0.005)
        process.kill()
        process.wait()
    finished = subprocess.run(command, check=True, capture_output=True, text=True)
    assert finished.stderr == ""
    model = poisson(1)
    mle = fit(model.nll, model.truth, model.data(60, rng=1))
    assert_same(load(run), bootstrap(mle, n_resamples=2000, rng=0))


def test_a_part_without_replicates_says_so(mle: Fit, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"shard: part 2 of 2 has no replicates: .*consists of 1 chunks"
    ):
        bootstrap(mle, n_resamples=64, rng=0, checkpoint=tmp_path, shard=(2, 2))


def test_a_deadline_before_the_precision_leaves_the_run_unfinished(
    mle: Fit, tmp_path: Path
) -> None:
    bootstrap(mle, n_resamples=500, rng=0, precision=0.001, deadline=1e-9, checkpoint=tmp_path)
    assert "499 of 500 replicates are missing" in str(load(tmp_path))


def draw(params: Any, rng: Any, design: Any, y: Any, shift: float = 0.0) -> Any:
    return logit(2).simulate(params + shift, rng, design, y)


def test_a_simulator_is_told_by_what_it_makes(mle: Fit, tmp_path: Path) -> None:
    options: Any = {"n_resamples": 64, "rng": 0, "checkpoint": tmp_path}
    first = bootstrap(mle, sampling=Parametric(partial(draw, shift=0.0)), **options)
    again = bootstrap(mle, sampling=Parametric(partial(draw, shift=0.0)), **options)
    assert_same(again, first)
    with pytest.raises(ValueError, match="holds another run: sampling: "):
        bootstrap(mle, sampling=Parametric(partial(draw, shift=0.1)), **options)


def test_a_directory_starts_a_loaded_fit_where_its_run_started(mle: Fit, tmp_path: Path) -> None:
    bootstrap(mle, n_resamples=128, rng=0, checkpoint=tmp_path)
    whitening = replace(mle.whitening, center=mle.whitening.center + 1e-9 * mle.whitening.units)
    base = mle.likelihood.at(whitening.center)
    there = replace(mle, whitening=whitening, estimate=whitening.center, base=base)
    longer = load(tmp_path, fit=there).extend(64)
    assert_same(longer, bootstrap(mle, n_resamples=192, rng=0))
    with pytest.raises(ValueError, match=r"fit: its parameters are \['a', 'b', 'c'\]"):
        load(tmp_path, fit=logit_fit(names=["a", "b", "c"]))


def test_a_study_is_told_from_a_run(mle: Fit, tmp_path: Path) -> None:
    coverage(mle, logit(2).simulate, n_datasets=2, warp=True, rng=0, checkpoint=tmp_path)
    with pytest.raises(ValueError, match=r"checkpoint: .* holds another run: .*chunk: 4, now 64"):
        bootstrap(mle, rng=0, checkpoint=tmp_path)
    assert len(Coverage.load(tmp_path).data) == 2


def test_dates_are_data(tmp_path: Path) -> None:
    days = np.arange("2026-01-01", "2026-02-10", dtype="datetime64[D]")
    mean = Estimator(lambda y, days: [y.mean(), 1000 * y.std()], (np.arange(40.0), days))
    first = bootstrap(mean, n_resamples=64, rng=0, checkpoint=tmp_path)
    assert_same(bootstrap(mean, n_resamples=64, rng=0, checkpoint=tmp_path), first)
    moved = Estimator(lambda y, days: [y.mean(), 1000 * y.std()], (np.arange(40.0), days + 1))
    with pytest.raises(ValueError, match="holds another run: data: "):
        bootstrap(moved, n_resamples=64, rng=0, checkpoint=tmp_path)


def test_a_piece_of_another_form_is_computed_again(tmp_path: Path) -> None:
    """Its checksum and the identity of the run hold: only its arrays are of no such run."""
    model = Estimator(lambda y: [y.mean(), 1000 * y.std()], np.arange(20.0))
    run = tmp_path / "run"
    whole = bootstrap(model, n_resamples=64, rng=0, checkpoint=run)
    (path,) = run.glob("piece-*")
    sound, identity = path.read_bytes(), run_id(read_manifest(run))
    data, nan = whole.data, np.full_like(whole.data.estimates, np.nan)
    for wrong in (
        replace(data, estimates=nan),
        replace(data, estimates=data.estimates[:, :1], standard_errors=nan[:, :1]),
        replace(data, estimates=data.estimates.astype(int)),
        replace(data, status=np.full(64, np.nan)),
        replace(data, status=np.full(64, 77, dtype=np.int8)),
        replace(data, distance=data.distance[:, None]),
        replace(data, messages={99: "none"}),
    ):
        path.write_bytes(pack(0, wrong, 0.1, identity))
        with pytest.raises(ValueError, match=path.name):
            load(run)
        again = bootstrap(model, n_resamples=64, rng=0, checkpoint=run)
        assert any(path.name in remark for remark in again.remarks)
        assert_array_equal(again.replicates, whole.replicates)
    path.write_bytes(sound)
    assert_array_equal(load(run).replicates, whole.replicates)


def test_an_interrupted_expansion_says_that_nothing_is_done() -> None:
    y = np.random.default_rng(0).normal(size=60)
    stop = [False]

    def nll(params: Any, y: Any) -> Any:
        if stop[0]:
            raise KeyboardInterrupt
        return params[1] + 0.5 * ((y - params[0]) / np.exp(params[1])) ** 2

    mle = fit(nll, [0.1, 0.1], args=y)
    stop[0] = True
    with pytest.raises(Interrupted, match="interrupted: no replicate is done yet") as caught:
        bootstrap(mle, n_resamples=99, rng=0)
    assert caught.value.partial is None
    stop[0] = False
    assert len(bootstrap(mle, n_resamples=99, rng=0).replicates) == 99
