"""Table 1: n=1500 and p=12, a normal mixture, and the RAND data."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize

from bootmle import Bootstrap, Fit, bootstrap
from bootmle.likelihood.arrays import Floats
from bootmle.refitting.refit import LikelihoodRefit
from bootmle.refitting.task import CHUNK
from judging import Verdict, judge, solve_all
from problems import MODES, SEED, Problem, draw, large_problems
from tables import Row

B = 1999
"""Replicates that shared evaluations and times are spread over."""

Solve = Callable[[Iterable[int]], object]


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to run: replicates refitted, checked with the solver, and rounds timed."""

    refitted: int
    checked: int
    rounds: int
    scipy_refits: int


FULL = Effort(B, 500, 15, 8)
FULL_RAND = Effort(199, 32, 5, 2)
QUICK = Effort(320, 48, 3, 3)
QUICK_RAND = Effort(32, 4, 1, 1)


def large_table(quick: bool) -> Iterator[Row]:
    """Measure every problem in every mode."""
    for problem in large_problems():
        long = problem.n > 10_000
        effort = (QUICK_RAND if long else QUICK) if quick else (FULL_RAND if long else FULL)
        yield from _rows(problem, effort)


def _rows(problem: Problem, effort: Effort) -> Iterator[Row]:
    """Measure one problem."""
    fits = {mode: problem.fit(mode) for mode in MODES}
    ratios = _wall_times(problem, fits, effort)
    estimate = fits["contributions, jac"].estimate
    optima = solve_all(problem, estimate, effort.checked)
    for mode, mle in fits.items():
        boot = bootstrap(mle, n_resamples=effort.refitted, rng=SEED, progress=False)
        verdicts = judge(problem, estimate, boot, optima)
        for verdict in verdicts:
            if verdict.wrong:
                print(f"  {problem.name}, {mode}: {verdict}", flush=True)
        about: Row = {"problem": problem.name, "n": problem.n, "p": estimate.size, "mode": mode}
        yield about | _counted(mle, boot) | _judged(boot, verdicts) | ratios[mode]
        if not MODES[mode][0]:
            yield about | {"mode": f"{mode}: expansion"} | _expanded(mle, boot)


def _counted(mle: Fit, boot: Bootstrap) -> Row:
    """Count evaluations per refit, the shared ones spread over B."""
    shared = boot.n_shared / B
    of_gradient = mle.likelihood.scores_given
    return {
        "B": len(boot.status),
        "objective": boot.data.n_evaluations.mean() + (0.0 if of_gradient else shared),
        "gradient": boot.data.n_gradients.mean() + (shared if of_gradient else 0.0),
        "shared": boot.n_shared,
        "most": int(boot.data.n_evaluations.max()),
    }


def _judged(boot: Bootstrap, verdicts: list[Verdict]) -> Row:
    """Summarize the comparison with the solver."""
    return {
        "certified": float((boot.status == 0).mean()),
        "checked": len(verdicts),
        "distance": max(verdict.distance for verdict in verdicts),
        "missed": sum(verdict.wrong for verdict in verdicts),
    }


def _expanded(mle: Fit, verified: Bootstrap) -> Row:
    """Compare the expansion's standard errors with the verified ones on the same resamples."""
    count = len(verified.status)
    boot = bootstrap(mle, n_resamples=count, refit="expansion", rng=SEED, progress=False)
    error = np.abs(boot.standard_error / verified.standard_error - 1).max()
    refit = LikelihoodRefit.prepare(mle, verified=False)
    seconds = _seconds(_ours(refit), range(CHUNK)) / CHUNK
    counted = _counted(mle, boot)
    return counted | {"se_error_percent": 100 * float(error), "ms": 1e3 * seconds}


def _wall_times(problem: Problem, fits: dict[str, Fit], effort: Effort) -> dict[str, Row]:
    """Time our refits and SciPy's in turn; return medians of the paired ratios."""
    refits = {mode: LikelihoodRefit.prepare(mle) for mode, mle in fits.items()}
    shared = {mode: _shared_seconds(mle) / B for mode, mle in fits.items()}
    estimate = fits["contributions, jac"].estimate
    theirs = _theirs(problem, estimate)
    times: dict[str, list[float]] = {name: [] for name in (*refits, *theirs)}
    for turn in range(-1, effort.rounds):
        numbers = range(CHUNK * max(turn, 0), CHUNK * (max(turn, 0) + 1))
        for mode, refit in refits.items():
            each = _seconds(_ours(refit), numbers) / CHUNK + shared[mode]
            times[mode].append(each)
        for name, solve in theirs.items():
            some = numbers if name == "c" else numbers[: effort.scipy_refits]
            times[name].append(_seconds(solve, some) / len(some))
    # The first turn warms the caches.
    kept = {name: np.array(values[1:]) for name, values in times.items()}
    return {mode: _ratios(kept, mode) for mode in fits}


def _ratios(times: dict[str, Any], mode: str) -> Row:
    """Divide SciPy's times by ours, turn by turn."""
    against = "c" if MODES[mode][1] else "ab"
    medians = {f"vs_{name}": float(np.median(times[name] / times[mode])) for name in against}
    seconds = {f"ms_{name}": 1e3 * float(np.median(times[name])) for name in against}
    return {
        "ms": 1e3 * float(np.median(times[mode])),
        **seconds,
        **medians,
        "runs": len(times[mode]),
    }


def _shared_seconds(mle: Fit) -> float:
    """Time what all refits share."""
    return min(_seconds(lambda _: LikelihoodRefit.prepare(mle), ()) for _ in range(3))


def _ours(refit: LikelihoodRefit) -> Solve:
    """Draw and refit one chunk, as a worker does."""
    n = refit.fit.likelihood.n
    assert n is not None
    return lambda numbers: refit([draw(n, number) for number in numbers])


def _theirs(problem: Problem, estimate: Floats) -> dict[str, Solve]:
    """Write the loops that a SciPy user writes: draw, take the rows, minimize the summed nll."""

    def loop(start: Floats, **options: Any) -> Solve:
        def solve(numbers: Iterable[int]) -> None:
            for number in numbers:
                rows = draw(problem.n, number).rows
                assert rows is not None
                minimize(problem.total, start, problem.take(rows), **options)

        return solve

    return {
        "a": loop(problem.start, method="BFGS"),
        "b": loop(estimate, method="BFGS"),
        "c": loop(estimate, method="L-BFGS-B", jac=problem.gradient),
    }


def _seconds(solve: Solve, numbers: Iterable[int]) -> float:
    """Time one call by the processor's clock: the wall time of a core that nobody shares."""
    started = time.process_time()
    solve(numbers)
    return time.process_time() - started
