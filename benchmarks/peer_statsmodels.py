"""statsmodels: its own `bootstrap()`, and Newton refits from the estimate in a loop."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from bootmle.likelihood.arrays import Floats
from peer_cases import Case
from peer_turns import Measure, Peer, Stopwatch, Turn


def own_bootstrap(method: str) -> Measure:
    """Call `bootstrap()` of a GenericLikelihoodModel's results; failures are its warnings."""

    def measure(case: Case, B: int, n_jobs: int, seed: int) -> Turn:
        results = _generic(case, case.problem.args).fit(case.estimate, method=method, disp=0)
        failure = import_module("statsmodels.tools.sm_exceptions").ConvergenceWarning
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            watch = Stopwatch(n_jobs)
            _, _, replicates = results.bootstrap(nrep=B, method=method, rng=seed)
        failures = sum(issubclass(warning.category, failure) for warning in warned)
        return Turn.of(watch.read(), replicates, failures=failures)

    return measure


def newton(case: Case, B: int, n_jobs: int, seed: int) -> Turn:
    """Refit from the estimate, each step with a gradient and a Hessian; of gamma by differences."""

    def one(sequence: np.random.SeedSequence) -> tuple[Floats, int, bool]:
        args = case.resample(np.random.default_rng(sequence))
        model, start = _model(case, args)
        results = model.fit(start, method="newton", disp=0, skip_hessian=True)
        told = results.mle_retvals
        return results.params, told["iterations"], told["converged"]

    watch = Stopwatch(n_jobs)
    seeds = np.random.SeedSequence(seed).spawn(B)
    found = Parallel(n_jobs=n_jobs)(delayed(one)(sequence) for sequence in seeds)
    seconds, (params, steps, converged) = watch.read(), zip(*found, strict=True)
    replicates = np.array(params)
    if case.family == "nb2":
        replicates[:, -1] = np.log(replicates[:, -1])
    return Turn.of(
        seconds, replicates, gradients=float(np.mean(steps)), failures=B - sum(converged)
    )


def _model(case: Case, args: tuple[Any, ...]) -> tuple[Any, Floats]:
    """Return statsmodels' own model of resampled data, where it has one, and its start."""
    models, start = import_module("statsmodels.api"), case.estimate
    if case.family == "logit":
        return models.Logit(args[1], args[0]), start
    if case.family == "nb2":
        return models.NegativeBinomial(args[1], args[0]), np.append(start[:-1], np.exp(start[-1]))
    return _generic(case, args), start


def _generic(case: Case, args: tuple[Any, ...]) -> Any:
    """Write the likelihood as statsmodels' users do, with the user's start."""
    *X, y = args

    def nloglikeobs(model: Any, params: Floats) -> Floats:
        return case.problem.nll(params, *([model.exog] if X else []), model.endog)

    parent = import_module("statsmodels.base.model").GenericLikelihoodModel
    written = {"start_params": case.problem.start, "nloglikeobs": nloglikeobs}
    return type("Model", (parent,), written)(y, *(X or [np.ones((len(y), 1))]))


def _own(name: str, method: str) -> Peer:
    """Describe the `bootstrap()` with one of the methods of `fit`."""
    measure = own_bootstrap(method)
    return Peer(name, "statsmodels", False, measure, clusters=False)


STATSMODELS = (
    _own("statsmodels bootstrap()", "nm"),
    _own("statsmodels bootstrap(method='bfgs')", "bfgs"),
    Peer("statsmodels in a loop, Newton from the estimate", "statsmodels", True, newton),
)
