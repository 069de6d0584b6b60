"""Arguments of the wrong kind: each is refused by its name, whatever it is."""

from collections.abc import Callable
from fractions import Fraction
from functools import cache, partial
from typing import Any

import numpy as np
import pytest

from bootmle import (
    Blocks,
    Bootstrap,
    Clustered,
    Coverage,
    Estimator,
    Fit,
    Stratified,
    Subsample,
    bootstrap,
    coverage,
    crosscheck,
    fit,
    load,
)
from bootmle.display.checks import check_flag

Y = np.random.default_rng(109).normal(1.0, 2.0, 60)
START = {"mu": 0.5, "log_sd": 0.5}


def nll(params: Any, y: Any) -> Any:
    return params[1] + 0.5 * ((y - params[0]) / np.exp(params[1])) ** 2


def simulate(params: Any, rng: Any, y: Any) -> Any:
    return rng.normal(params[0], np.exp(params[1]), y.size)


def moments(y: Any) -> Any:
    return [y.mean(), 1000 * y.std()]


@cache
def mle() -> Fit:
    return fit(nll, START, args=Y)


@cache
def boot() -> Bootstrap:
    return bootstrap(mle(), n_resamples=99, rng=0)


class Thing:
    def __repr__(self) -> str:
        return "Thing()"


VALUES: dict[str, Any] = {
    "a number": 2.5,
    "a word": "text",
    "an array": np.arange(3),
    "a number in an array": np.array(3.0),
    "a list": [2],
    "a set": {"mu", "log_sd"},
    "a mapping": {"a": 1},
    "a thing": Thing(),
    "a function": lambda *args, **options: None,
}

QUICK: dict[str, Any] = {"n_resamples": 9, "rng": 0}
STUDY: dict[str, Any] = {"n_datasets": 3, "n_resamples": 39, "rng": 0, "methods": ["percentile"]}


def of(made: Callable[[], Any], argument: str, **options: Any) -> Callable[[Any], Any]:
    """Call what is made with a value for one argument, beside others."""
    return lambda value: made()(**{**options, argument: value})


def of_plan(made: Any, argument: str, **options: Any) -> Callable[[Any], Any]:
    """Bootstrap by a plan with a value for one argument."""
    return lambda value: bootstrap(mle(), sampling=made(**{**options, argument: value}), **QUICK)


def of_bootstrap(argument: str) -> Callable[[Any], Any]:
    return of(lambda: partial(bootstrap, mle()), argument, **QUICK)


def of_coverage(argument: str) -> Callable[[Any], Any]:
    return of(lambda: partial(coverage, mle(), simulate), argument, **STUDY)


def of_fit(argument: str) -> Callable[[Any], Any]:
    return of(lambda: partial(fit, nll), argument, x0=START, args=Y)


def of_estimator(argument: str) -> Callable[[Any], Any]:
    return of(lambda: partial(Estimator, moments), argument, args=Y)


NUMBERS = {"a number", "a number in an array"}
TAKEN = {
    "bootstrap deadline": {"a number"},
    "coverage derive": {"a function"},
    "fit tol": {"a number"},
    "fit options": {"a mapping"},
    "save path": {"a word"},
    "load paths": {"a word"},
    "Blocks length": NUMBERS,
}
"""The values of the right kind."""

BOOTSTRAP = "sampling n_resamples precision refit n_jobs rng progress shard deadline"
COVERAGE = "n_datasets methods confidence_level derive warp n_jobs progress"
FIT = "method bounds constraints tol options names fixed weights transform vectorized"
SITES: dict[str, Callable[[Any], Any]] = {
    **{f"bootstrap {name}": of_bootstrap(name) for name in BOOTSTRAP.split()},
    **{f"coverage {name}": of_coverage(name) for name in COVERAGE.split()},
    **{f"fit {name}": of_fit(name) for name in FIT.split()},
    "extend n": of(lambda: boot().extend, "n"),
    "extend sampling": of(lambda: boot().extend, "sampling", n=5),
    "extend n_jobs": of(lambda: boot().extend, "n_jobs", n=5),
    "extend progress": of(lambda: boot().extend, "progress", n=5),
    "save path": of(lambda: boot().save, "path"),
    "simultaneous names": of(lambda: boot().simultaneous, "names"),
    "simultaneous confidence_level": of(lambda: boot().simultaneous, "confidence_level"),
    "confidence_interval method": of(lambda: boot().confidence_interval, "method"),
    "p_value alternative": of(lambda: boot().p_value, "alternative"),
    "derive function": of(lambda: boot().derive, "function"),
    "derive names": of(lambda: partial(boot().derive, lambda p: p), "names"),
    "plot kind": of(lambda: boot().plot, "kind"),
    "plot names": of(lambda: boot().plot, "names"),
    "load paths": lambda value: load(value),
    "crosscheck profile": of(lambda: partial(crosscheck, boot()), "profile"),
    "Estimator names": of_estimator("names"),
    "Estimator standard_error": of_estimator("standard_error"),
    "Blocks length": of_plan(Blocks, "length"),
    "Blocks kind": of_plan(Blocks, "kind", length=3),
    "Stratified strata": of_plan(Stratified, "strata"),
    "Clustered clusters": of_plan(Clustered, "clusters"),
    "Clustered within": of_plan(Clustered, "within", clusters=np.arange(60) // 3),
    "Subsample size": of_plan(Subsample, "size"),
}


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("kind", VALUES)
def test_what_is_of_the_wrong_kind_is_refused_by_name(site: str, kind: str) -> None:
    if kind in TAKEN.get(site, set()):
        pytest.skip("a value of the right kind")
    with pytest.raises((TypeError, ValueError)) as caught:
        SITES[site](VALUES[kind])
    assert site.split()[1] in str(caught.value).splitlines()[0]


@pytest.mark.parametrize("value", [True, False, np.True_, 0, 1])
def test_flags_are_true_or_false(value: Any) -> None:
    assert check_flag("progress", value) is bool(value)


def test_estimates_are_numbers_not_what_numpy_makes_numbers_of() -> None:
    for odd in (np.datetime64("2020-01-01"), ["1.5", "2"], np.array(["1", "2"], dtype=object)):
        with pytest.raises(TypeError, match=r"function: returned .*; return an array"):
            Estimator(lambda y, odd=odd: odd, args=Y)


def test_contributions_that_turn_complex_are_refused() -> None:
    def turning(params: Any, y: Any) -> Any:
        values = nll(params, y)
        return values if params[0] == 0.5 else values + 0j

    with pytest.raises(TypeError, match="fun: returned complex contributions"):
        fit(turning, START, args=Y)


@pytest.mark.parametrize("names", [["a\nb", "c"], ["a", "b\x00"]])
def test_names_that_would_break_a_table_are_refused(names: list[str]) -> None:
    with pytest.raises(ValueError, match=r"names: .* one line"):
        fit(nll, [0.5, 0.5], args=Y, names=names)


def test_a_precision_may_be_a_fraction() -> None:
    run = bootstrap(mle(), n_resamples=199, rng=0, precision=Fraction(1, 1000))  # type: ignore[arg-type]
    assert any("precision=0.001 was not reached" in remark for remark in run.remarks)


@pytest.mark.parametrize("path", ["a\x00b", b"bytes", None])
def test_paths_that_no_file_has_are_refused_by_name(path: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="path: "):
        boot().save(path)
    if path is not None:
        with pytest.raises((TypeError, ValueError), match="checkpoint: "):
            bootstrap(mle(), **QUICK, checkpoint=path)


@pytest.mark.parametrize("path", [None, 3, [], b"study"])
def test_a_study_is_read_from_paths(path: Any) -> None:
    with pytest.raises(TypeError, match=r"paths: got .*; pass the path of a directory"):
        Coverage.load(path)


def test_numbers_that_no_run_has_are_refused() -> None:
    with pytest.raises(ValueError, match="n_jobs: "):
        bootstrap(mle(), **QUICK, n_jobs=10**30)
    with pytest.raises(ValueError, match="n must be an integer"):
        boot().extend(10**30)
    assert len(boot().extend(np.int8(100)).data) == 199  # type: ignore[arg-type]
