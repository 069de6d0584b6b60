"""Shared by the tests of the workers: a computation that can be slow, raise, and die."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bootmle import Status
from bootmle.refitting.replicates import Replicates

COLUMNS = np.array([1.0, 1000.0])


def drawn(**settings: Any) -> Any:
    """A computation; its class is made here, so that workers need not import the tests."""

    class Drawn:
        size = 2
        kills: tuple[int, ...] = ()
        kills_once: tuple[int, ...] = ()
        marker = Path(os.devnull)
        log = Path(os.devnull)
        fails_at: int | None = None
        late: tuple[int, ...] = ()
        seconds = 0.2

        def __init__(self, **settings: Any) -> None:
            self.__dict__.update(settings)

        def __getstate__(self) -> dict[str, Any]:
            self.write("pickled")
            return self.__dict__.copy()

        def __setstate__(self, state: dict[str, Any]) -> None:
            self.__dict__.update(state)
            self.write("opened")

        def write(self, event: str) -> None:
            with self.log.open("a") as file:
                file.write(f"{event} {os.getpid()}\n")

        def __call__(self, chunk: int) -> Replicates:
            return self.part(chunk, 0, self.size)

        def part(self, chunk: int, first: int, last: int) -> Replicates:
            numbers = np.arange(chunk * self.size + first, chunk * self.size + last)
            for number in numbers:
                if number in self.kills or (number in self.kills_once and self.first_time()):
                    os.kill(os.getpid(), signal.SIGKILL)
                if number == self.fails_at:
                    raise ZeroDivisionError(f"replicate {number}")
            time.sleep(self.seconds if chunk in self.late else 0.0)
            values = [np.random.default_rng(number).normal(size=2) for number in numbers]
            status = np.full(len(numbers), Status.ESTIMATED, dtype=np.int8)
            return Replicates(COLUMNS * values, status, numbers / 4, numbers, numbers)

        def first_time(self) -> bool:
            first = not self.marker.exists()
            self.marker.touch()
            return first

        def lost(self, chunk: int, first: int, last: int, reason: str) -> Replicates:
            count = last - first
            nothing = np.full((count, 2), np.nan)
            status = np.full(count, Status.WORKER_DIED, dtype=np.int8)
            none = np.zeros(count, dtype=np.int64)
            messages = dict.fromkeys(range(count), reason)
            return Replicates(nothing, status, nothing[:, 0], none, none, messages)

    return Drawn(**settings)


def undisturbed(count: int) -> Any:
    """The estimates of the first replicates, without workers."""
    return COLUMNS * [np.random.default_rng(number).normal(size=2) for number in range(count)]


@pytest.fixture(scope="session")
def computation() -> Callable[..., Any]:
    """A computation of settings: size, kills, kills_once, marker, log, fails_at, late, seconds."""
    return drawn


@pytest.fixture(scope="session")
def expected() -> Callable[[int], Any]:
    """What it gives: count to (count, 2)."""
    return undisturbed
