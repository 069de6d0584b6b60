"""Does a wrong argument end in an error that a user can read?

Every public function, the plans, and every method of the results is called with odd values, one
argument at a time, as are functions that return odd values. An error has to be a ValueError, a
TypeError or one that the docstring names; what comes back is printed, too. Errors of the first two
kinds that another library raised are listed, for they rarely name the argument. Exits with 1 if any
error was internal or any call did not end.

    python benchmarks/fuzz.py [--only bootstrap] [--list]
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import os
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import matplotlib
import numpy as np
from scipy import stats

import bootmle
from fuzz_values import VALUES, returning

SECONDS = 8
"""Longest that a call may take: all of them are of nine replicates or fewer."""
DOCUMENTED = (ValueError, TypeError, OSError, ImportError, bootmle.Interrupted)
"""Errors that docstrings name besides that of a run all of whose replicates fail."""
Y = np.random.default_rng(109).normal(1.0, 2.0, 60)
START = {"mu": 0.5, "log_sd": 0.5}
SKIPPED = {"unknown", "others", "self", "cls"}
"""Parameters that only name what is misspelled."""
PROCESSES = ("True", "-1", "2", "a NumPy integer", "a NumPy truth value")
"""Values of n_jobs that start worker processes, which an alarm would leave behind."""


NEEDED: dict[str, dict[str, Any]] = {
    "extend": {"n": 3},
    "derive": {"function": lambda params: params[:1]},
}
"""What methods of results cannot be called without."""


class TooLong(BaseException):
    """Raised where a call does not end."""


@dataclass(frozen=True)
class Site:
    """A function with arguments that it takes, and the names of all it has."""

    name: str
    function: Callable[..., Any]
    given: dict[str, Any]

    def arguments(self) -> list[str]:
        """List the arguments to try; of *paths and **fixed one of a kind."""
        found = inspect.signature(self.function).parameters.values()
        return [each.name for each in found if each.name not in SKIPPED]

    def call(self, argument: str, value: Any) -> Any:
        """Call with a value for one argument."""
        given = {**self.given, argument: value}
        parameters = inspect.signature(self.function).parameters
        positional = [
            each.name
            for each in parameters.values()
            if each.kind in (each.POSITIONAL_ONLY, each.VAR_POSITIONAL) and each.name in given
        ]
        first = [given.pop(name) for name in positional]
        return self.function(*first, **given)


def nll(params: Any, y: Any) -> Any:
    """Return the contributions of normal observations."""
    return params[1] + 0.5 * ((y - params[0]) / np.exp(params[1])) ** 2


def simulate(params: Any, rng: Any, y: Any) -> Any:
    """Simulate such observations."""
    return rng.normal(params[0], np.exp(params[1]), y.size)


def moments(y: Any) -> Any:
    """Estimate in a way of one's own."""
    return np.array([y.mean(), 1000.0 * y.std()])


def sites() -> Iterator[Site]:
    """List all public functions, and the methods of what they return."""
    mle = bootmle.fit(nll, START, args=Y)
    boot = bootmle.bootstrap(mle, n_resamples=199, rng=0)
    estimator = bootmle.Estimator(moments, args=Y)
    of_estimator = bootmle.bootstrap(estimator, n_resamples=99, rng=0)
    study = bootmle.coverage(mle, simulate, n_datasets=3, n_resamples=39, rng=0)
    quick = {"n_resamples": 9, "rng": 0}
    labels = np.arange(60) // 6
    yield Site("fit", bootmle.fit, {"fun": nll, "x0": START, "args": Y})
    yield Site("bootstrap", bootmle.bootstrap, {"fit": mle, **quick})
    yield Site("bootstrap of an Estimator", bootmle.bootstrap, {"fit": estimator, **quick})
    yield Site("Estimator", bootmle.Estimator, {"function": moments, "args": Y})
    few = {"n_datasets": 3, "n_resamples": 39, "rng": 0, "methods": ["percentile"]}
    yield Site("coverage", bootmle.coverage, {"fit": mle, "simulate": simulate, **few})
    yield Site("crosscheck", bootmle.crosscheck, {"boot": boot})
    yield Site("crosscheck of a fit", bootmle.crosscheck, {"boot": mle})
    yield Site("information", bootmle.information, {"fun": nll, "x": mle.estimate, "args": Y})
    yield Site("load", bootmle.load, {"paths": "nowhere"})
    yield Site("Coverage.load", bootmle.Coverage.load, {"paths": "nowhere"})
    distribution = {"distribution": stats.norm, "data": Y}
    yield Site("fit_distribution", bootmle.fit_distribution, distribution)
    yield Site("fit_statsmodels", bootmle.fit_statsmodels, {})
    held: dict[Any, dict[str, Any]] = {
        bootmle.Cases: {},
        bootmle.Stratified: {"strata": labels},
        bootmle.Clustered: {"clusters": labels},
        bootmle.Blocks: {"length": 5},
        bootmle.Bayesian: {},
        bootmle.Parametric: {"simulate": simulate},
        bootmle.Subsample: {"size": 20},
        bootmle.Jackknife: {},
        bootmle.Given: {},
    }
    for plan, given in held.items():
        yield Site(plan.__name__, _used(plan, mle, quick), given)
    for shown, result in (
        ("Fit", mle),
        ("Bootstrap", boot),
        ("Bootstrap of an Estimator", of_estimator),
        ("Crosscheck", bootmle.crosscheck(boot)),
        ("Coverage", study),
        ("Information", mle.information),
        ("influence()", boot.influence()),
        ("simultaneous()", boot.simultaneous()),
        ("confidence_interval()", boot.confidence_interval()),
        ("derived", boot.derive(lambda params: params**2)),
        ("corrected", bootmle.bootstrap(mle, n_resamples=99, rng=0, refit="corrected")),
        ("several starts", bootmle.fit(nll, START, args=Y, n_starts=3, rng=0)),
    ):
        for name in dir(result):
            method = None if name.startswith("_") else getattr(result, name, None)
            if inspect.ismethod(method):
                options: dict[str, dict[str, Any]] = {
                    "extend": {"n": 3},
                    "derive": {"function": lambda p: p[:1]},
                }
                yield Site(f"{shown}.{name}", method, options.get(name, {}))


def _used(plan: Any, mle: Any, quick: dict[str, Any]) -> Callable[..., Any]:
    """Make a function with a plan's arguments that bootstraps by the plan."""

    def use(**given: Any) -> Any:
        return bootmle.bootstrap(mle, sampling=plan(**given), **quick)

    use.__signature__ = inspect.signature(plan)  # type: ignore[attr-defined]
    return use


FUNCTIONS = ("fun", "jac", "function", "simulate", "standard_error", "derive", "method")
"""Arguments that are functions: tried with functions that return every odd value, too."""


def calls() -> Iterator[tuple[str, Callable[[], Any]]]:
    """List every call, with words for it."""
    for site in sites():
        for argument in site.arguments():
            for what, make in VALUES.items():
                if argument == "n_jobs" and what in PROCESSES:
                    continue
                yield f"{site.name}({argument}={what})", _call(site, argument, make)
                if argument in FUNCTIONS:
                    odd = _call(site, argument, partial(_returning, make))
                    yield f"{site.name}({argument}: returns {what})", odd


def _returning(make: Callable[[], Any]) -> Callable[..., Any]:
    """Make a function that returns an odd value."""
    return returning(make())


def _call(site: Site, argument: str, make: Callable[[], Any]) -> Callable[[], Any]:
    """Prepare a call."""
    return lambda: site.call(argument, make())


def outcome(call: Callable[[], Any]) -> tuple[str, str]:
    """Make a call and print its result; return its kind of error and words on it."""
    signal.setitimer(signal.ITIMER_REAL, SECONDS, 1)
    try:
        result = call()
        str(result), repr(result)
        return "taken", ""
    except TooLong:
        return "no end", "no end"
    except BaseException as error:
        return _kind(error), _words(error)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _kind(error: BaseException) -> str:
    """Tell errors that name what is wrong from those that leaked out."""
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    inside = [k for k, name in enumerate(files) if f"{os.sep}bootmle{os.sep}" in name]
    called = files[inside[0] :] if inside else []
    users = any(name in (__file__, sys.modules["fuzz_values"].__file__) for name in called)
    known = ("replicates failed", "data sets could be fitted")
    failed = isinstance(error, RuntimeError) and any(words in str(error) for words in known)
    if users and not isinstance(error, DOCUMENTED):
        return "taken"  # exceptions of the user's own code pass through
    if not isinstance(error, DOCUMENTED) and not failed:
        return "internal"
    return "named" if users or (inside and inside[-1] == len(files) - 1) else "raw"


def _words(error: BaseException) -> str:
    """Show an error, and the last place in the package that it came from."""
    inside = [
        f"{os.path.basename(frame.filename)}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if f"{os.sep}bootmle{os.sep}" in frame.filename
    ]
    text = " ".join(str(error).split())[:120]
    return f"{inside[-1] if inside else 'outside'} {type(error).__name__}: {text}"


def main() -> None:
    """Try everything, list what was wrong by its place, and exit with 1 if anything was."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="the function to try")
    parser.add_argument("--list", action="store_true", help="list every call that was wrong")
    parser.add_argument("--trace", action="store_true", help="print every call")
    options = parser.parse_args()
    matplotlib.use("Agg")
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _too_long)
    started, kinds, wrong = time.perf_counter(), Counter[str](), dict[str, list[str]]()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for what, call in calls():
            if not what.startswith(options.only):
                continue
            with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
                kind, words = outcome(call)
            kinds[kind] += 1
            if options.trace:
                print(what, kind, flush=True)
            if kind in ("internal", "no end", "raw"):
                wrong.setdefault(f"{kind}: {words}", []).append(what)
    for words, found in sorted(wrong.items(), key=lambda each: each[0]):
        print(f"{len(found)} {words}\n    {'; '.join(found if options.list else found[:2])}")
    counted = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
    print(f"{kinds.total():,} calls in {time.perf_counter() - started:.0f} s: {counted}")
    sys.exit(1 if kinds["internal"] or kinds["no end"] else 0)


def _too_long(*_: object) -> None:
    raise TooLong


if __name__ == "__main__":
    main()
