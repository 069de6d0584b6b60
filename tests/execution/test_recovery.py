"""Workers that die: the culprit is found and named, everybody else is kept."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bootmle import Status
from bootmle.execution import recovery
from bootmle.execution.parallel import compute_pieces
from bootmle.execution.payload import Payload, StoredPayload
from bootmle.execution.pieces import Piece, join
from bootmle.execution.recovery import Recovery
from bootmle.refitting.replicates import Replicates

Computation = Callable[..., Any]
Expected = Callable[[int], Any]


def in_order(pieces: Iterable[Piece[Replicates]]) -> tuple[Replicates, list[int]]:
    together, numbers = join(sorted(pieces, key=lambda piece: piece.first))
    return together, numbers.tolist()


class Deaths:
    """Stands for a process of its own: dies where a culprit is among what it computes."""

    def __init__(self, culprits: set[int], size: int) -> None:
        self.culprits, self.size = culprits, size
        self.tries: list[tuple[int, int]] = []

    def __call__(self, function: Any, payload: Any, span: tuple[int, int]) -> Any:
        self.tries.append(span)
        if self.culprits & {number % self.size for number in range(*span)}:
            raise BrokenExecutor("The exit codes of the workers are {SIGSEGV(-11)}")
        return function(payload, span)


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
        found = Recovery(task, payload).compute((3 * size, 4 * size))
    reason = "its worker process died: SIGSEGV(-11)"
    assert set(np.flatnonzero(found.status == Status.WORKER_DIED)) == culprits
    assert dict(found.messages) == dict.fromkeys(sorted(culprits), reason)
    kept = ~found.failed
    np.testing.assert_array_equal(found.estimates[kept], expected(4 * size)[-size:][kept])
    assert np.isnan(found.estimates[~kept]).all()
    # Each culprit costs two tries a level, and nothing is tried twice.
    levels = int(np.ceil(np.log2(size)))
    assert len(alone.tries) == len(set(alone.tries)) <= 1 + 2 * levels * len(culprits)


def test_a_piece_that_survives_alone_is_computed_whole(
    computation: Computation, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = Deaths(set(), 64)
    monkeypatch.setattr(recovery, "call_alone", alone)
    task = computation(size=64)
    with Payload.pack(task).stored() as payload:
        Recovery(task, payload).compute((0, 64))
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
        Recovery(task, payload).compute((0, 4))


def test_the_reason_does_without_an_exit_code(
    computation: Computation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any) -> None:
        raise BrokenExecutor("a worker terminated")

    monkeypatch.setattr(recovery, "call_alone", dies)
    task = computation(size=1)
    (reason,) = Recovery(task, StoredPayload("", "", os.getpid())).compute((0, 1)).messages.values()
    assert reason == "its worker process died"


def test_a_worker_that_is_killed_once_costs_nothing(
    computation: Computation, expected: Expected, tmp_path: Path
) -> None:
    task = computation(kills_once=(9,), marker=tmp_path / "killed")
    together, numbers = in_order(compute_pieces(task, [(0, 24)], 2))
    assert (tmp_path / "killed").exists()
    assert numbers == list(range(24))
    assert together.failed.sum() == 0
    assert together.estimates.tobytes() == expected(24).tobytes()


def test_a_replicate_that_kills_its_process_is_named_and_all_others_are_kept(
    computation: Computation, expected: Expected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "_TRIES", 2)  # each starts a process
    together, _ = in_order(compute_pieces(computation(kills=(9,)), [(0, 16)], 2))
    assert np.flatnonzero(together.failed).tolist() == [9]
    assert together.status[9] == Status.WORKER_DIED
    assert dict(together.messages) == {9: "its worker process died: SIGKILL(-9)"}
    kept = np.delete(np.arange(16), 9)
    np.testing.assert_array_equal(together.estimates[kept], expected(16)[kept])


@pytest.mark.parametrize(
    ("signal", "times", "lost"), [("KILL", 4, False), ("KILL", 5, True), ("SEGV", 1, True)]
)
def test_a_member_is_not_blamed_for_kills_from_outside(
    signal: str, times: int, lost: bool, computation: Computation, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [times]

    def alone(function: Any, payload: Any, span: tuple[int, int]) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise BrokenExecutor(f"The exit codes of the workers are {{SIG{signal}(-1)}}")
        return function(payload, span)

    monkeypatch.setattr(recovery, "call_alone", alone)
    task = computation()
    with Payload.pack(task).stored() as stored:
        found = Recovery(task, stored).compute((3, 4))
    assert (found.status[0] == Status.WORKER_DIED) == lost
