"""Evaluations ahead: points that are about to be asked for, one by one, are computed by workers.

Whoever asks goes on as if nothing had happened: in the same order, with the same values, counts and
exceptions, since a point at which a worker fails is evaluated again where it is asked for.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from joblib.parallel import LokyBackend, MultiprocessingBackend, get_active_backend
from numpy.typing import NDArray

from bootmle.execution.parallel import check_n_jobs
from bootmle.execution.payload import Payload, StoredPayload
from bootmle.execution.threads import computation

__all__ = ["Ahead", "evaluated_ahead", "points_on", "seconds_ahead"]

Point = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Rules:
    """When workers are worth it, and how much they do at once."""

    saves: float = 2.0
    """Seconds to be saved from which on workers are started, in the background: that takes 1 to 2
    seconds, and 10 where the machine is busy."""
    longer: float = 1.0
    """Least ratio of an evaluation's time to that of handing a point over."""
    together: int = 16
    """Points for each worker between two waits for the slowest."""
    cap: int = 2**22
    """Largest number of values held (32 MiB)."""


_RULES = _Rules()
_N_JOBS: ContextVar[int | None] = ContextVar("n_jobs", default=1)


def seconds_ahead(seconds: float, workers: int) -> float:
    """Forecast the seconds that points take on workers, which take so many on one."""
    saved = seconds * (1 - 1 / workers)
    return seconds - saved if saved > _RULES.saves else seconds


@dataclass(slots=True)
class Ahead:
    """Values of a function of points and its data, computed by workers before they are taken."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    n_jobs: int | None
    workers: int
    expected: int
    """How many evaluations there probably will be."""
    seconds: float = np.nan
    """Time of one evaluation in this process, the shortest so far."""
    size: int = 1
    """Numbers that an evaluation returns."""
    queue: dict[bytes, Point] = field(default_factory=dict)
    values: dict[bytes, Any] = field(default_factory=dict)
    pool: Any = None
    source: Any = None
    settings: dict[str, Any] = field(default_factory=dict)
    starting: Thread | None = None
    ended: ExitStack = field(default_factory=ExitStack)
    useless: bool = False
    """Whether an evaluation takes less time than handing it over."""

    def look(self, points: Iterable[Point]) -> None:
        """Expect these points to be asked for next."""
        self.queue = {} if self.useless else {each.tobytes(): each.copy() for each in points}
        self.values = {key: value for key, value in self.values.items() if key in self.queue}

    def take(self, point: Point, timed: Callable[..., Any]) -> Any:
        """Return the value at a point, computed by workers or here, where ``timed`` calls it."""
        key = point.tobytes()
        if key in self.queue and key not in self.values and self._is_worth_it():
            self._compute(key)
        self.queue.pop(key, None)
        if key in self.values:
            return self.values.pop(key)
        started = time.perf_counter()
        value = timed(self.function, point, *self.args)
        self.seconds = float(np.fmin(self.seconds, time.perf_counter() - started))
        self.size = np.size(value)
        return value

    def _is_worth_it(self) -> bool:
        """Whether workers are ready and have something to do; they start in the background."""
        if self.useless or len(self.queue) < 2:
            return False
        if self.pool is None and self.starting is None:
            saved = self.seconds * self.expected * (1 - 1 / self.workers)
            if not saved > _RULES.saves:
                return False
            self._start()
        if self.pool is None and self.starting is not None and not self.starting.is_alive():
            self._open()
        return self.pool is not None and not self.useless

    def _start(self) -> None:
        """Start the workers, and let each import what it needs, while this process goes on."""
        backend, _ = get_active_backend()
        if hasattr(backend, "client"):  # joblib waits forever for what Dask gave up on
            self.useless = True
            return
        if type(backend) is MultiprocessingBackend:  # it waits forever for a worker that died
            self.settings["backend"] = "loky"
        self.source = self.function, self.args
        if not getattr(backend, "supports_sharedmem", False):
            self.source = self.ended.enter_context(Payload.pack(self.source).stored())
        loky = isinstance(backend, LokyBackend) or "backend" in self.settings
        self.starting = Thread(target=_import_in_workers, args=(self.n_jobs if loky else 1,))
        self.starting.daemon = True
        self.starting.start()

    def _open(self) -> None:
        """Take over the workers, and measure once what handing a point over takes."""
        self.pool = self.ended.enter_context(
            Parallel(self.n_jobs, batch_size=1, return_as="list", **self.settings)
        )
        for _ in range(2):  # first each worker unpickles the data
            started = time.perf_counter()
            self._run([None] * self.workers)
        handing_over = (time.perf_counter() - started) / self.workers
        self.useless |= not self.seconds > _RULES.longer * handing_over

    def _compute(self, first: bytes) -> None:
        """Compute the values of the next points in the queue, from one on."""
        keys = list(self.queue)
        begin = keys.index(first)
        most = self.workers * min(_RULES.together, max(1, _RULES.cap // self.size // self.workers))
        pieces = math.ceil((len(keys) - begin) / most)
        keys = keys[begin : begin + math.ceil((len(keys) - begin) / pieces)]
        answers = self._run([self.queue[key] for key in keys])
        found = zip(keys, answers, strict=True)
        self.values.update((key, answer[0]) for key, answer in found if answer is not None)

    def _run(self, points: list[Point | None]) -> list[tuple[Any] | None]:
        """Let the workers evaluate; None for a point where that failed."""
        try:
            found = self.pool(delayed(_evaluated)(self.source, point) for point in points)
        except BrokenExecutor:  # a worker died: what killed it is evaluated here, as in serial
            self.useless = True
            return [None] * len(points)
        return list(found)


def _import_in_workers(n_jobs: int | None) -> None:
    """Wait until processes have started and imported this package; each keeps what it has."""
    with suppress(Exception):  # if it fails, it fails again where somebody listens
        Parallel(n_jobs, batch_size=1, backend="loky")(delayed(_import)() for _ in range(8))


def _import() -> None:
    """Do nothing, but after whatever unpickling this function imports."""


def _evaluated(source: Any, point: Point | None) -> tuple[Any] | None:
    """Evaluate in a worker; None where the user's code raises, or there is no point."""
    function, args = source.open() if isinstance(source, StoredPayload) else source
    try:
        with computation():
            return None if point is None else (function(point, *args),)
    except BaseException:  # it is raised again where the value is asked for, even Ctrl-C
        return None


@contextmanager
def points_on(n_jobs: int | None) -> Iterator[None]:
    """Let `evaluated_ahead` use so many workers inside the block."""
    check_n_jobs(n_jobs)
    token = _N_JOBS.set(n_jobs)
    try:
        yield
    finally:
        _N_JOBS.reset(token)


@contextmanager
def evaluated_ahead(
    function: Callable[..., Any], args: tuple[Any, ...], expected: int
) -> Iterator[Ahead | None]:
    """Let workers evaluate ahead inside the block; None where there is only one."""
    n_jobs = _N_JOBS.get()
    workers = 1 if n_jobs == 1 else check_n_jobs(n_jobs)
    if workers == 1:
        yield None
        return
    ahead = Ahead(function, args, n_jobs, workers, expected)
    with ahead.ended:
        yield ahead
