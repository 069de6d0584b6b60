"""Which intervals a study can have: those that the bootstrap gives, and refused before it runs."""

from functools import cache
from typing import Any

import numpy as np
import pytest

from bootmle import (
    Bayesian,
    Blocks,
    Cases,
    Clustered,
    Estimator,
    Fit,
    Given,
    Jackknife,
    Parametric,
    Stratified,
    Subsample,
    bootstrap,
    coverage,
    fit,
)
from bootmle.bootstrapping.interval_kinds import METHODS
from bootmle.inference.intervals import Need
from bootmle.sampling import Plan
from bootmle.simulation.interval_choice import DEFAULT_METHODS, read_methods
from models import poisson

N, MODEL = 24, poisson(1)
FEW: dict[str, Any] = {"n_datasets": 4, "n_resamples": 39, "confidence_level": 0.5, "rng": 0}
LABELS = np.arange(N) // 4
DATA = MODEL.data(N, rng=1)


def of_both(y: Any, weights: Any) -> dict[str, float]:
    mean = np.average(y, weights=weights)
    return {"mean": mean, "spread": 1000 * np.average((y - mean) ** 2, weights=weights) ** 0.5}


def errors_of(y: Any, weights: Any) -> list[float]:
    found = of_both(y, weights)
    return [found["spread"] / 1000 / N**0.5, found["spread"] / (2 * N) ** 0.5]


@cache
def models() -> dict[str, Fit | Estimator]:
    total: Any = lambda params, *args: MODEL.nll(params, *args).sum()  # noqa: E731
    y = np.random.default_rng(0).normal(size=N)
    return {
        "contributions": fit(MODEL.nll, MODEL.truth, DATA),
        "total": fit(total, MODEL.truth, DATA),
        "estimator": Estimator(of_both, y),
        "estimator with errors": Estimator(of_both, y, standard_error=errors_of),
    }


def drawn(params: Any, rng: Any, *args: Any) -> Any:
    """Data for either kind of model."""
    if len(args) > 1:
        return MODEL.simulate(params, rng, *args)
    return rng.normal(params[0], params[1] / 1000, N)


PLANS: dict[str, Plan] = {
    "cases": Cases(),
    "stratified": Stratified(LABELS % 2),
    "clustered": Clustered(LABELS),
    "within": Clustered(LABELS, within="cases"),
    "blocks": Blocks(3),
    "bayesian": Bayesian(),
    "parametric": Parametric(drawn),
    "subsample": Subsample(12),
    "jackknife": Jackknife(),
    "given": Given(np.random.default_rng(0).integers(N, size=(199, N))),
}


PAIRS = [
    (model, plan)
    for model in ("contributions", "total", "estimator", "estimator with errors")
    for plan in PLANS
    if (model, plan) != ("total", "bayesian")  # fractional weights need contributions
]


@pytest.mark.parametrize(("model", "plan"), PAIRS)
def test_the_methods_allowed_are_those_that_the_bootstrap_gives(model: str, plan: str) -> None:
    """At 60%, which 199 replicates can show whatever the corrected levels of BCa are."""
    mle, sampling = models()[model], PLANS[plan]
    boot = bootstrap(mle, sampling=sampling, n_resamples=199, rng=0)
    for method in (name for name, kind in METHODS.items() if Need.LEVELS not in kind.needs):
        try:
            boot.confidence_interval(method, 0.6)
            given = True
        except ValueError:
            given = False
        try:
            allowed = read_methods([method], False, sampling, mle)[0] == (method,)
        except ValueError:
            allowed = False
        assert allowed == given, method


class Counting:
    """A simulator that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, params: Any, rng: Any, *args: Any) -> Any:
        self.calls += 1
        return drawn(params, rng, *args)


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "bca": (
        "contributions",
        {"sampling": Blocks(3)},
        r"Blocks\(.*\) draws no units that a jackknife can leave out",
    ),
    "studentized": ("contributions", {"sampling": Bayesian()}, "does not draw units whole"),
    "basic": ("contributions", {"sampling": Jackknife()}, "are not random draws"),
    "cluster": ("contributions", {}, r"Cases\(\) draws no clusters"),
    "sandwich": ("total", {}, "it takes the observations' own contributions"),
    "hessian": ("estimator", {}, "an Estimator has no likelihood"),
}


@pytest.mark.parametrize("method", REFUSED)
def test_a_method_that_is_named_is_refused_before_anything_is_simulated(method: str) -> None:
    model, options, reason = REFUSED[method]
    simulate = Counting()
    with pytest.raises(
        ValueError, match=rf"methods: '{method}' is not available, as .*{reason}.*; here"
    ):
        coverage(models()[model], simulate, methods=("normal", method), **FEW, **options)
    assert simulate.calls == 0


def test_a_warp_study_refuses_what_one_replicate_cannot_tell() -> None:
    mle = models()["contributions"]
    for method in ("bca", "studentized"):
        with pytest.raises(
            ValueError, match=f"'{method}' is not available, as a warp study has one replicate"
        ):
            coverage(mle, drawn, methods=["percentile", method], warp=True, **FEW)


DEFAULTS: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "all": ("contributions", {}, DEFAULT_METHODS),
    "blocks": ("contributions", {"sampling": Blocks()}, ("percentile", "hessian")),
    "parametric": ("contributions", {"sampling": Parametric(drawn)}, ("percentile", "hessian")),
    "warp": ("contributions", {"warp": True}, ("percentile", "hessian")),
    "estimator": ("estimator", {}, ("percentile", "bca")),
}


@pytest.mark.parametrize("case", DEFAULTS)
def test_by_default_what_cannot_be_is_left_out_and_noted(case: str) -> None:
    model, options, methods = DEFAULTS[case]
    study = coverage(models()[model], drawn, **FEW, **options)
    assert study.methods == methods
    left_out = [method for method in DEFAULT_METHODS if method not in methods]
    assert [note.split(": ")[0] for note in study.notes] == [
        f"without {method} intervals" for method in left_out
    ]
    assert all(note in str(study).splitlines() for note in study.notes)
    if case == "blocks":
        # Each data set chooses its own length: that of the original data is no property of them.
        assert "by Blocks(length=None, kind='stationary');" in str(study)
    for method in methods:
        assert (study.withheld[method] < 1).any()


def test_a_default_of_which_nothing_is_left_is_refused() -> None:
    estimator = models()["estimator"]
    with pytest.raises(
        ValueError, match=r"methods: 'percentile' is not available, as .*; here there are normal"
    ):
        coverage(estimator, drawn, sampling=Jackknife(), **FEW)
