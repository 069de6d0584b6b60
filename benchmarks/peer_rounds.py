"""Turns of all peers on one case, each beside a turn of ours, and the rows of the table."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from bootmle import Bootstrap, bootstrap
from large import B as MANY
from peer_cases import OURS, Case
from peer_loops import ours
from peer_turns import Measure, Peer, Turn
from tables import Row

B = 1000
FEWEST = 8
FRESH = 5.0
"""Seconds after which our turn is repeated; a long one only after twice what it took."""

US = {"bootmle": OURS[0], "bootmle, jac": OURS[1]}


@dataclass(frozen=True, slots=True)
class Effort:
    """How many turns, seconds for the refits of each, and the cores for all."""

    turns: int
    seconds: float
    n_jobs: int


@dataclass(slots=True)
class Ours:
    """Our turns on a case, repeated when the last are too old."""

    case: Case
    n_jobs: int
    taken: list[dict[str, Turn]] = field(default_factory=list)
    stale: float = -np.inf

    def beside(self) -> dict[str, Turn]:
        """Return our turns of this minute."""
        started, seed = time.monotonic(), 1 + len(self.taken)
        if started > self.stale:
            turns = {name: ours(mode)(self.case, B, self.n_jobs, seed) for name, mode in US.items()}
            self.taken.append(turns)
            ended = time.monotonic()
            self.stale = ended + max(FRESH, 2 * (ended - started))
        return self.taken[-1]


def measured(case: Case, peers: Sequence[Peer], effort: Effort) -> Iterator[Row]:
    """Take the turns, and describe ours and each peer's."""
    fit, plan = case.fits[OURS[1]], case.sampling
    truth = bootstrap(fit, sampling=plan, n_resamples=MANY, rng=0, progress=False)
    us, sizes = Ours(case, effort.n_jobs), {}
    for peer in peers:
        sizes[peer.name] = _fitting(peer.measure, case, effort)
    pairs: dict[str, list[tuple[Turn, dict[str, Turn]]]] = {peer.name: [] for peer in peers}
    for number in range(effort.turns):
        for peer in peers:
            beside = us.beside()
            turn = peer.measure(case, sizes[peer.name], effort.n_jobs, 1 + number)
            pairs[peer.name].append((turn, beside))
    for name in US:
        yield _row(case, name, [turns[name] for turns in us.taken], truth)
    for name, pair in pairs.items():
        yield _row(case, name, [turn for turn, _ in pair], truth) | _ratios(pair)


def _fitting(measure: Measure, case: Case, effort: Effort) -> int:
    """Find how many refits fit into a turn, by taking more until they can be timed."""
    measure(case, 2, effort.n_jobs, 0)
    few, seconds = 2, 0.0
    while seconds < effort.seconds / 4 and few < B:
        few, seconds = 2 * few, measure(case, 2 * few, effort.n_jobs, 0).seconds
    return int(np.clip(few * effort.seconds / seconds, FEWEST, B))


def _row(case: Case, name: str, turns: Sequence[Turn], truth: Bootstrap) -> Row:
    """Summarize turns by their medians and totals."""
    total = sum(turn.B for turn in turns)
    errors = np.sqrt(np.mean([turn.variances for turn in turns], axis=0))
    noise = truth.standard_error_mcse * np.sqrt(1 + MANY / total)
    return {
        "model": case.name,
        "n": case.problem.n,
        "p": case.estimate.size,
        "with": name,
        "B": turns[0].B,
        "seconds": float(np.median([1000 * turn.seconds / turn.B for turn in turns])),
        "evaluations": _told([turn.evaluations for turn in turns]),
        "gradients": _told([turn.gradients for turn in turns]),
        "failures": _told([100 * turn.failures / turn.B for turn in turns]),
        "SE_off": float(np.max(np.abs(errors - truth.standard_error) / noise)),
        "runs": len(turns),
    }


def _told(values: list[float]) -> float | str:
    """Average what was counted; empty where nothing was."""
    mean = float(np.mean(values))
    return "" if np.isnan(mean) else mean


def _ratios(pairs: list[tuple[Turn, dict[str, Turn]]]) -> Row:
    """Divide by the seconds of a refit of ours, turn by turn."""
    ratios = [
        [turn.seconds / turn.B / (us[name].seconds / us[name].B) for name in US]
        for turn, us in pairs
    ]
    vs_ours, vs_jac = np.median(ratios, axis=0)
    return {"vs_ours": float(vs_ours), "vs_jac": float(vs_jac)}
