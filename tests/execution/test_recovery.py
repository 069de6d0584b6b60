"""Workers that die: the culprit is found and named, everybody else is kept."""

from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bootmle import Status
from bootmle.execution import recovery
from bootmle.execution.parallel import compute_chunks
from bootmle.execution.payload import Payload, StoredPayload
from bootmle.execution.recovery import Recovery
from bootmle.refitting.replicates import Replicates

Computation = Callable[..., Any]
Expected = Callable[[int], Any]


class Deaths:
    """Stands for a process of its own: dies where a culprit is among what it computes."""

    def __init__(self, culprits: set[int], size: int) -> None:
        self.culprits, self.size = culprits, size
        self.tries: list[tuple[int, int]] = []

    def __call__(self, function: Any, payload: Any, chunk: int, *span: int) -> Any:
        first, last = span or (0, self.size)
        self.tries.append((first, last))
        if self.culprits & set(range(first, last)):
            raise BrokenExecutor("The exit codes of the workers are {SIGSEGV(-11)}")
        return function(payload, chunk, *span)


@pytest.mark.parametrize(
    ("size", "culprits"),
    [(1, {0}), (2, {1}), (7, {3}), (64, {0}), (64, {63}), (64, {5, 6, 40}), (5, set(range(5)))],
)
def test_halving_ends_at_the_culprits_and_keeps_the_others(
    size: int,
    culprits: set[int],
    computation: Computation,
    expected: Expected,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone = Deaths(culprits, size)
    monkeypatch.setattr(recovery, "call_alone", alone)
    task = computation(size=size)
    with Payload.pack(task).stored() as payload:
        found = Recovery(task, payload).compute(3)
    reason = "its worker process died: SIGSEGV(-11)"
    assert set(np.flatnonzero(found.status == Status.WORKER_DIED)) == culprits
    assert dict(found.messages) == dict.fromkeys(sorted(culprits), reason)
    kept = ~found.failed
    np.testing.assert_array_equal(found.estimates[kept], expected(4 * size)[-size:][kept])
    assert np.isnan(found.estimates[~kept]).all()
    # Each culprit costs two tries a level, and nothing is tried twice.
    levels = int(np.ceil(np.log2(size)))
    assert len(alone.tries) == len(set(alone.tries)) <= 1 + 2 * levels * len(culprits)


def test_a_chunk_that_survives_alone_is_computed_whole(
    computation: Computation, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its shape decides the last bits of a product, so an innocent chunk must not be halved.
    alone = Deaths(set(), 64)
    monkeypatch.setattr(recovery, "call_alone", alone)
    task = computation(size=64)
    with Payload.pack(task).stored() as payload:
        Recovery(task, payload).compute(0)
    assert alone.tries == [(0, 64)]


def test_an_exception_in_the_second_try_surfaces_as_itself(
    computation: Computation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "call_alone", Deaths({1}, 4))
    task = computation(size=4, fails_at=2)
    with (
        Payload.pack(task).stored() as payload,
        pytest.raises(ZeroDivisionError, match="replicate 2"),
    ):
        Recovery(task, payload).compute(0)


def test_the_reason_does_without_an_exit_code(
    computation: Computation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any) -> None:
        raise BrokenExecutor("a worker terminated")

    monkeypatch.setattr(recovery, "call_alone", dies)
    task = computation(size=1)
    (reason,) = Recovery(task, StoredPayload("", "")).compute(0).messages.values()
    assert reason == "its worker process died"


def test_a_worker_that_is_killed_once_costs_nothing(
    computation: Computation, expected: Expected, tmp_path: Path
) -> None:
    task = computation(kills_once=(9,), marker=tmp_path / "killed")
    numbers, chunks = zip(*compute_chunks(task, range(12), 2), strict=True)
    together = Replicates.concatenate(chunks)
    assert (tmp_path / "killed").exists()
    assert numbers == tuple(range(12))
    assert together.failed.sum() == 0
    assert together.estimates.tobytes() == expected(24).tobytes()


def test_a_replicate_that_kills_its_process_is_named_and_all_others_are_kept(
    computation: Computation, expected: Expected
) -> None:
    chunks = [chunk for _, chunk in compute_chunks(computation(kills=(9,)), range(8), 2)]
    together = Replicates.concatenate(chunks)
    assert np.flatnonzero(together.failed).tolist() == [9]
    assert together.status[9] == Status.WORKER_DIED
    assert dict(together.messages) == {9: "its worker process died: SIGKILL(-9)"}
    kept = np.delete(np.arange(16), 9)
    np.testing.assert_array_equal(together.estimates[kept], expected(16)[kept])
