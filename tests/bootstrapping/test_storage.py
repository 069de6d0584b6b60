"""Replicates on disk: bit for bit, whole or not at all, and nothing that could run code."""

import json
import os
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from bootmle import Bootstrap, Status, load
from bootmle.bootstrapping.storage import read_run, write_run
from bootmle.refitting.replicates import Replicates

Builder = Callable[..., Bootstrap]

ESTIMATE = np.array([0.1 + 0.2, -1e300])
ABOUT = {
    "names": ["β", "a b"],
    "estimate": ESTIMATE.tolist(),
    "seed": str(2**127 + 1),
    "seconds": 0.1 + 0.2,
    "nested": [{"k": 1}],
}
FIELDS = ("estimates", "status", "distance", "n_evaluations", "n_gradients", "standard_errors")


def awkward() -> Replicates:
    """One replicate for each status, with every kind of number that a double can be."""
    states = np.array(list(Status), dtype=np.int8)
    odd = [0.1, -0.0, 5e-324, np.nan, np.inf, -np.inf, 1.7e308, np.pi]
    values = np.resize(odd, (len(states), 2)) * np.array([1.0, 1.0])
    count = np.arange(len(states), dtype=np.int64) + 2**40
    messages = {0: "ValueError: «naïve»\nsecond line", len(states) - 1: '{"k": "\\"}'}
    return Replicates(values, states, values[:, 0], count, -count, messages, -values)


def assert_same_bits(one: Replicates, other: Replicates) -> None:
    for name in FIELDS:
        first, second = getattr(one, name), getattr(other, name)
        assert first.dtype == second.dtype
        assert first.shape == second.shape
        assert first.tobytes() == second.tobytes()
    assert dict(one.messages) == dict(other.messages)


def arrays_of(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def test_a_round_trip_keeps_every_bit_status_and_message(tmp_path: Path) -> None:
    write_run(tmp_path / "run", ABOUT, awkward())
    about, data = read_run(tmp_path / "run")
    assert_same_bits(data, awkward())
    assert np.array(about["estimate"]).tobytes() == ESTIMATE.tobytes()
    assert ABOUT.items() <= about.items()
    assert [Status(state) for state in data.status] == list(Status)


@pytest.mark.parametrize("name", ["run", "run.npz", "run.v2.boot", "replikate ü"])
def test_the_file_has_the_name_it_was_given_and_is_alone(name: str, tmp_path: Path) -> None:
    write_run(str(tmp_path / name), ABOUT, awkward())
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_result_with_failed_and_infinite_replicates_comes_back(
    boot_of: Callable[..., Bootstrap], tmp_path: Path
) -> None:
    values = np.column_stack([np.arange(60.0), 1000.0 * np.arange(60.0)])
    status = np.full(60, Status.CERTIFIED)
    values[3], status[3] = np.nan, Status.RAISED
    values[7], status[7] = [np.inf, np.nan], Status.NO_FINITE_OPTIMUM
    boot = boot_of([30.0, 30_000.0], values, status, not_identified=("x2",), notes=("a note",))
    boot.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert_same_bits(again.data, boot.data)
    assert str(again) == str(boot)
    assert (again.n_failed, again.not_identified, again.notes) == (1, ("x2",), ("a note",))


def half_written(file: Any, **arrays: Any) -> NoReturn:
    file.write(b"PK half of a file")
    raise OSError(28, "No space left on device")


def lost_power(descriptor: int) -> NoReturn:
    raise KeyboardInterrupt


def crash_while_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "savez_compressed", half_written)


def crash_before_renaming(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lost_power)


@pytest.mark.parametrize("crash", [crash_while_writing, crash_before_renaming])
def test_a_crash_while_saving_leaves_the_old_file_and_nothing_else(
    crash: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path / "run", ABOUT, awkward())
    before = (tmp_path / "run").read_bytes()
    crash(monkeypatch)
    with pytest.raises((OSError, KeyboardInterrupt)):
        write_run(tmp_path / "run", ABOUT, awkward().first(2))
    assert (tmp_path / "run").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("crash", [crash_while_writing, crash_before_renaming])
def test_a_crash_during_the_first_save_leaves_no_file(
    crash: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash(monkeypatch)
    with pytest.raises((OSError, KeyboardInterrupt)):
        write_run(tmp_path / "run", ABOUT, awkward())
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_on_disk_before_it_takes_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    sync = os.fsync

    def watching(descriptor: int) -> None:
        synced.append((tmp_path / "run").exists())
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watching)
    write_run(tmp_path / "run", ABOUT, awkward())
    assert synced == [False, True], "the file under its temporary name, then the folder's entry"


def header(shape: tuple[int, ...], descr: str = "<f8") -> bytes:
    file = BytesIO()
    form = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, form)
    return file.getvalue()


HOSTILE: dict[str, tuple[str, bytes]] = {
    "larger than the file": ("estimates", header((10**13, 2)) + bytes(64)),
    "of objects": ("distance", header((14,), "|O") + bytes(64)),
    "a bomb behind its shape": ("distance", header((14,)) + bytes(10**7)),
    "a bomb of another shape": ("distance", header((10**6,)) + bytes(8 * 10**6)),
    "a deep record": ("about", header((200_000,), "|u1") + b"[" * 200_000),
    "a record of another kind": ("about", header((2,), "|u1") + b"[]"),
    "an unknown status": ("status", header((14,), "|i1") + bytes([77] * 14)),
    "an array of another program": ("other", header((14,)) + bytes(14 * 8)),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_refused_by_name_before_it_is_expanded(kind: str, tmp_path: Path) -> None:
    name, content = HOSTILE[kind]
    write_run(tmp_path / "run", ABOUT, awkward().first(14))
    with zipfile.ZipFile(tmp_path / "run") as stored:
        members = {each: stored.read(each) for each in stored.namelist()}
    with zipfile.ZipFile(tmp_path / "run", "w", zipfile.ZIP_DEFLATED) as changed:
        for each, own in (members | {f"{name}.npy": content}).items():
            changed.writestr(each, own)
    tracemalloc.start()
    with pytest.raises(ValueError, match="is not a saved Bootstrap, or is damaged") as caught:
        load(tmp_path / "run")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert str(tmp_path / "run") in str(caught.value)
    assert most < 5e6


def test_saving_again_replaces_the_file(tmp_path: Path) -> None:
    write_run(tmp_path / "run", ABOUT, awkward())
    write_run(tmp_path / "run", ABOUT, awkward().first(2))
    assert len(read_run(tmp_path / "run")[1]) == 2


def test_no_array_of_the_file_holds_objects(tmp_path: Path) -> None:
    write_run(tmp_path / "run", ABOUT, awkward())
    arrays = arrays_of(tmp_path / "run")
    assert arrays.keys() >= {*FIELDS, "about"}
    assert not any(array.dtype.hasobject for array in arrays.values())
    assert json.loads(arrays["about"].tobytes())["names"] == ["β", "a b"]


class Mischief:
    """An object whose unpickling creates a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def pickled_array(folder: Path) -> Path:
    write_run(folder / "run", ABOUT, awkward())
    arrays = arrays_of(folder / "run")
    arrays["distance"] = np.array([Mischief(folder / "made")], dtype=object)
    with (folder / "run").open("wb") as file:
        np.savez(file, **arrays)
    return folder / "run"


def pickled_object(folder: Path) -> Path:
    (folder / "run").write_bytes(pickle.dumps(Mischief(folder / "made")))
    return folder / "run"


@pytest.mark.parametrize("forge", [pickled_array, pickled_object])
def test_a_pickle_in_the_file_is_refused_and_not_run(
    forge: Callable[[Path], Path], tmp_path: Path
) -> None:
    path = forge(tmp_path)
    with pytest.raises(ValueError, match="is not a saved Bootstrap, or is damaged"):
        read_run(path)
    assert not (tmp_path / "made").exists()


def other_npz(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, x=np.ones(3))


def single_array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.ones(3))


FOREIGN: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("estimate,se\n1.0,0.2\n"),
    "another npz": other_npz,
    "an npy": single_array,
    "a folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_file_is_named_and_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "other"
    FOREIGN[kind](path)
    with pytest.raises(
        ValueError,
        match=r"is not a saved Bootstrap, or is damaged|is a directory without run\.json",
    ) as caught:
        load(path)
    assert str(caught.value).startswith(f"paths: {path} ")
    assert "pickle" not in str(caught.value)


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load(tmp_path / "nowhere")


def test_a_missing_folder_is_missing_when_saving(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        write_run(tmp_path / "nowhere" / "run", ABOUT, awkward())


def test_a_directory_is_no_file_to_save_to(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=f"path: {tmp_path} is a directory; name a file"):
        write_run(tmp_path, ABOUT, awkward())
    assert not list(tmp_path.parent.glob("*.tmp"))


def test_changed_numbers_are_noticed(tmp_path: Path) -> None:
    # Stored without compression, the numbers can be changed in place; only the checksum tells.
    write_run(tmp_path / "run", ABOUT, awkward())
    arrays = arrays_of(tmp_path / "run")
    with (tmp_path / "run").open("wb") as file:
        np.savez(file, **arrays)
    content = (tmp_path / "run").read_bytes()
    distance = awkward().distance
    assert content.count(distance.tobytes()) == 1
    (tmp_path / "run").write_bytes(content.replace(distance.tobytes(), (-distance).tobytes()))
    with pytest.raises(ValueError, match="damaged"):
        read_run(tmp_path / "run")


def saved(boot_of: Builder, path: Path) -> Bootstrap:
    boot: Bootstrap = boot_of([1.0, 1000.0], np.random.default_rng(0).normal(size=(60, 2)))
    boot.save(path)
    return boot


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_named_and_closed(
    share: float, boot_of: Builder, tmp_path: Path
) -> None:
    saved(boot_of, tmp_path / "run")
    content = (tmp_path / "run").read_bytes()
    (tmp_path / "run").write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match="damaged"):
        load(tmp_path / "run")


def test_a_flipped_byte_is_noticed_or_changes_nothing(boot_of: Builder, tmp_path: Path) -> None:
    boot = saved(boot_of, tmp_path / "run")
    content = (tmp_path / "run").read_bytes()
    for place in range(0, len(content), 11):
        flipped = bytearray(content)
        flipped[place] ^= 0xFF
        (tmp_path / "run").write_bytes(bytes(flipped))
        found: Bootstrap | str
        try:
            found = load(tmp_path / "run")
        except ValueError as error:
            found = str(error)
        if isinstance(found, str):
            assert str(tmp_path) in found
        else:
            assert found.replicates.tobytes() == boot.replicates.tobytes()


CONTRADICTIONS: dict[str, Callable[[dict[str, Any], dict[str, Any]], object]] = {
    "format": lambda arrays, about: about.update(format=99),
    "names": lambda arrays, about: about.pop("names"),
    "status": lambda arrays, about: arrays.update(status=arrays["status"][:5]),
    "estimate": lambda arrays, about: about.update(estimate=about["estimate"][:1]),
}


@pytest.mark.parametrize("kind", CONTRADICTIONS)
def test_parts_that_do_not_belong_together(kind: str, boot_of: Builder, tmp_path: Path) -> None:
    path = tmp_path / "run"
    saved(boot_of, path)
    arrays = arrays_of(path)
    about = json.loads(arrays["about"].tobytes())
    CONTRADICTIONS[kind](arrays, about)
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    with path.open("wb") as file:
        np.savez(file, **arrays)
    with pytest.raises(ValueError, match="is not a saved Bootstrap, or is damaged"):
        load(path)
