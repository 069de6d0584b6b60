"""Our turn, and the loops that users of SciPy write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from scipy.optimize import OptimizeResult, minimize

from bootmle import bootstrap
from bootmle.likelihood.arrays import Floats
from peer_cases import OURS, Case
from peer_turns import Measure, Peer, Stopwatch, Turn

Refit = Callable[[Case, tuple[Any, ...]], OptimizeResult]


def ours(mode: str) -> Measure:
    """Take a turn of `bootstrap`, with all that it does before and after the refits."""

    def measure(case: Case, B: int, n_jobs: int, seed: int) -> Turn:
        fit, plan, watch = case.fits[mode], case.sampling, Stopwatch(n_jobs)
        boot = bootstrap(fit, sampling=plan, n_resamples=B, n_jobs=n_jobs, rng=seed, progress=False)
        seconds, shared = watch.read(), np.array([mode != OURS[1], mode == OURS[1]])
        evaluations, gradients = shared * boot.n_shared / B + (
            boot.data.n_evaluations.mean(),
            boot.data.n_gradients.mean(),
        )
        variances = boot.standard_error**2
        return Turn(B, seconds, variances, evaluations, gradients, float(boot.n_failed))

    return measure


def as_people_write_it(case: Case, args: tuple[Any, ...]) -> OptimizeResult:
    """Minimize the summed nll by BFGS from where the user started."""
    found = minimize(case.problem.total, case.problem.start, args)
    # Its gradients are differences, which nfev counts.
    found.njev = 0
    return found


def with_summed_scores(case: Case, args: tuple[Any, ...]) -> OptimizeResult:
    """Minimize from the estimate with the sum of the scores that ours is given."""
    total, jac = case.problem.total, case.problem.gradient
    return minimize(total, case.estimate, args, jac=jac, method="L-BFGS-B")


def as_an_expert_writes_it(case: Case, args: tuple[Any, ...]) -> OptimizeResult:
    """Minimize from the estimate with the gradient of the sum."""
    total, jac = case.problem.total, case.gradient
    return minimize(total, case.estimate, args, jac=jac, method="L-BFGS-B")


def loop(refit: Refit) -> Measure:
    """Draw, take the rows and refit, one replicate a call of joblib's."""

    def measure(case: Case, B: int, n_jobs: int, seed: int) -> Turn:
        def one(sequence: np.random.SeedSequence) -> OptimizeResult:
            return refit(case, case.resample(np.random.default_rng(sequence)))

        watch = Stopwatch(n_jobs)
        seeds = np.random.SeedSequence(seed).spawn(B)
        found = Parallel(n_jobs=n_jobs)(delayed(one)(sequence) for sequence in seeds)
        seconds = watch.read()
        failures = sum(not result.success for result in found)
        return Turn.of(seconds, [result.x for result in found], **counts(found), failures=failures)

    return measure


def counts(found: Sequence[OptimizeResult]) -> dict[str, float]:
    """Average the evaluations that SciPy reports."""
    if not found:
        return {}
    return {
        "evaluations": float(np.mean([result.nfev for result in found])),
        "gradients": float(np.mean([result.njev for result in found])),
    }


class Expert:
    """The expert's refit as a function of the data drawn; it keeps SciPy's results."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.found: list[OptimizeResult] = []

    def __call__(self, *args: Any) -> Floats:
        self.found.append(as_an_expert_writes_it(self.case, args))
        return np.asarray(self.found[-1].x)

    def turn(self, seconds: float, replicates: Any) -> Turn:
        """Summarize replicates, counting evaluations unless they ran in other processes."""
        B = len(replicates)
        found = self.found[-B:] if len(self.found) >= B else []
        return Turn.of(seconds, replicates, **counts(found))


LOOPS = (
    Peer("SciPy loop, as people write it", "scipy", False, loop(as_people_write_it)),
    Peer("SciPy loop, warm start, scores summed", "scipy", True, loop(with_summed_scores)),
    Peer("SciPy loop, warm start, gradient", "scipy", True, loop(as_an_expert_writes_it)),
)
