"""Table 2: n from 10 to 60 and p from 1 to 4, and a normal mixture at n=100."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.optimize import minimize

from bootmle import Bootstrap, bootstrap
from bootmle.likelihood.arrays import Floats
from judging import Verdict, judge, solve_all
from large import B
from models import normal_mixture
from problems import SEED, Problem, draw, simulated, small_models
from references import separated
from tables import Row

SIZES = (10, 20, 40, 60)
_SHOWN = ("contributions", "contributions, jac", "scalar")


def small_table(quick: bool) -> Iterator[Row]:
    """Measure every model at every size."""
    count = 64 if quick else 399
    for name, model in small_models().items():
        for n in (20,) if quick else SIZES:
            for seed in range(1 if quick else 2):
                yield from _rows(name, simulated(model, n, seed), seed, count)
    for seed in range(1 if quick else 3):
        mixture = simulated(normal_mixture(), 100, seed)
        yield from _rows("normal mixture", mixture, seed, count)


def _rows(name: str, problem: Problem, seed: int, count: int) -> Iterator[Row]:
    """Measure one data set in three modes; nothing where the original has no optimum."""
    about: Row = {"model": name, "n": problem.n, "p": problem.start.size, "seed": seed}
    if not problem.fit("contributions, jac").converged:
        print(f"  {name}, n={problem.n}, seed {seed}: the data have no finite optimum", flush=True)
        return
    estimate = problem.fit("contributions, jac").estimate
    optima = _optima(problem, estimate, count)
    bfgs = np.array([_bfgs(problem, estimate, number) for number in range(count)])
    for mode in _SHOWN:
        try:
            boot = bootstrap(problem.fit(mode), n_resamples=count, rng=SEED, progress=False)
        except np.linalg.LinAlgError as error:
            print(f"  {name}, n={problem.n}, seed {seed}, {mode}: raised {error}", flush=True)
            continue
        verdicts = judge(problem, estimate, boot, optima)
        for verdict in verdicts:
            if verdict.wrong:
                print(f"  {name}, n={problem.n}, seed {seed}, {mode}: {verdict}", flush=True)
        yield about | {"mode": mode, "B": count} | _judged(boot, verdicts, bfgs, mode)


def _optima(problem: Problem, estimate: Floats, count: int) -> list[Floats | None]:
    """Solve from the estimate, and let linear programming decide where there is no optimum."""
    optima = solve_all(problem, estimate, count)
    if problem.name != "logit":
        return optima
    for number, optimum in enumerate(optima):
        rows = draw(problem.n, number).rows
        assert rows is not None
        if separated(*problem.take(rows)) == (optimum is not None):
            print(f"  {problem.name}, n={problem.n}: replicate {number}: solver against LP")
            optima[number] = None
    return optima


def _bfgs(problem: Problem, estimate: Floats, number: int) -> int:
    """Count the evaluations that SciPy's BFGS takes from the estimate."""
    rows = draw(problem.n, number).rows
    assert rows is not None
    result = minimize(problem.total, estimate, problem.take(rows), method="BFGS")
    return int(result.nfev)


def _judged(
    boot: Bootstrap,
    verdicts: list[Verdict],
    bfgs: np.ndarray[tuple[int], np.dtype[np.int_]],
    mode: str,
) -> Row:
    """Summarize one data set; shares are of the replicates with an optimum."""
    exists = np.array([verdict.exists for verdict in verdicts])
    there = [verdict for verdict in verdicts if verdict.exists]
    distances = np.array([verdict.distance for verdict in there if verdict.reached])
    evaluations = boot.data.n_evaluations + boot.n_shared / B
    row: Row = {
        "no_optimum": float(1 - exists.mean()),
        "named_so": sum(v.status.name == "NO_FINITE_OPTIMUM" for v in verdicts) / len(verdicts),
        "certified": sum(verdict.reached for verdict in there) / len(there),
        "over_0.01": float((distances > 0.01).mean()),
        "over_1": float((distances > 1).mean()),
        "distance": float(distances.max(initial=0.0)),
        "wrong": sum(verdict.wrong for verdict in verdicts),
        "evaluations": float(evaluations[exists].mean()),
        "gradients": float(boot.data.n_gradients[exists].mean()),
        "most": int(boot.data.n_evaluations.max()),
    }
    if "jac" in mode:
        return row
    return row | {
        "bfgs": float(bfgs[exists].mean()),
        "ratio": float(evaluations[exists].mean() / bfgs[exists].mean()),
    }
