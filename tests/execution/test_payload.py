"""Parcels: pickled once, opened once in a process; arrays are shared until somebody writes."""

import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bootmle.execution.payload import Payload

ARRAYS = {
    "C": np.arange(6.0).reshape(2, 3),
    "Fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "strided": np.arange(12.0)[::2],
    "empty": np.empty((0, 2)),
    "bool": np.array([True, False]),
    "object": np.array(["a", None], dtype=object),
}


@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("stored", [False, True])
def test_arrays_come_back_as_they_were_and_are_the_workers_own(kind: str, stored: bool) -> None:
    payload = Payload.pack({"data": ARRAYS[kind], "shift": 0.1})
    before = ARRAYS[kind].copy()
    with payload.stored() as file:
        content = pickle.loads(pickle.dumps(file if stored else payload)).open()
        np.testing.assert_array_equal(content["data"], before)
        assert (content["data"].dtype, content["shift"]) == (before.dtype, 0.1)
        content["data"][:1] = 0
    np.testing.assert_array_equal(ARRAYS[kind], before)


def test_numbers_are_not_copied_into_the_pickle() -> None:
    data = np.random.default_rng(0).normal(size=100_000)
    head, *buffers = Payload.pack((data, lambda x: x + 1)).parts
    assert head.nbytes < 10_000
    assert [np.shares_memory(buffer, data) for buffer in buffers] == [True]


def test_a_stored_parcel_is_light_and_mapped_and_its_file_goes_with_the_block() -> None:
    payload = Payload.pack(np.zeros(100_000))
    with payload.stored() as stored:
        assert Path(stored.path).stat().st_size > 800_000
        assert len(pickle.dumps(stored)) < 1000
        assert all(isinstance(part, np.memmap) and part.flags.writeable for part in stored.parts)
        content = stored.open()
    assert not Path(stored.path).parent.exists()
    assert content.sum() == 0.0


def test_a_process_opens_a_parcel_once_though_many_threads_ask(
    computation: Callable[..., Any], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    payload = Payload.pack(computation(log=log))
    together = threading.Barrier(8)

    def open_together(_: int) -> Any:
        together.wait()
        return payload.open()

    with ThreadPoolExecutor(8) as threads:
        first, *others = threads.map(open_together, range(8))
    assert all(other is first for other in others)
    assert [line.split()[0] for line in log.read_text().splitlines()] == ["pickled", "opened"]


def test_a_process_keeps_only_the_parcel_that_it_opened_last() -> None:
    first, second = Payload.pack([1]), Payload.pack([1])
    content = first.open()
    assert first.open() is content
    assert second.open() is not content
    assert first.open() is not content


def test_what_cannot_be_pickled_is_said_before_any_worker_starts() -> None:
    with pytest.raises(RuntimeError, match=r"n_jobs: .* could not read .* \(TypeError: .*lock"):
        Payload.pack(threading.Lock())


def test_what_cannot_be_read_where_it_arrives_is_said_there() -> None:
    def missing() -> None:
        raise ModuleNotFoundError("No module named 'mine'")

    class Foreign:
        def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
            return missing, ()

    with pytest.raises(RuntimeError, match=r"could not read .*No module named 'mine'"):
        Payload.pack(Foreign()).open()


def test_layouts_travel_with_closures() -> None:
    """The last bits of a product depend on them."""
    wide = np.arange(60.0).reshape(6, 10)
    for array in (wide[:, 3], wide[::-1], wide[::2, 1:8:3], wide.T[:3], np.broadcast_to(1.0, 4)):
        found = Payload.pack(lambda array=array: array).open()()
        np.testing.assert_array_equal(found, array)
        assert (found.strides, found.dtype) == (array.strides, array.dtype)
