"""A replicate is the same to the last bit, whichever others are computed with it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bootmle import Bayesian, Cases, Clustered, Estimator, Fit, Jackknife, Parametric, fit
from bootmle.execution.threads import computation
from bootmle.refitting.task import Task
from bootmle.sampling.resample import Resample
from models import gamma, logit, nb2, normal_mixture, poisson, weibull

FIELDS = ("estimates", "status", "distance", "n_evaluations", "n_gradients", "standard_errors")


def fitted(model: Any, n: int, **options: Any) -> Fit:
    return fit(model.nll, model.truth, model.data(n, rng=1), **options)


def of_total(model: Any, n: int) -> Fit:
    return fit(lambda *a: float(model.nll(*a).sum()), model.truth, model.data(n, rng=1))


Y = np.random.default_rng(0).normal(size=30) * 1000.0

MODELS: dict[str, Callable[[], Any]] = {
    "contributions": lambda: fitted(logit(4), 120),
    "many parameters": lambda: fitted(poisson(11), 300),
    "small samples": lambda: fitted(gamma(), 15),
    "several modes": lambda: fitted(normal_mixture(), 60),
    "a gradient": lambda: fitted(nb2(3), 150, jac=nb2(3).scores),
    "a bound": lambda: fitted(logit(2), 60, bounds=[(None, None), (0.0, None), (None, None)]),
    "a total": lambda: of_total(weibull(2), 60),
    "a total of many": lambda: of_total(logit(5), 100),
    "an estimator": lambda: Estimator(
        lambda y: [y.mean(), y.std()], Y, standard_error=lambda y: [y.std(), 1.0]
    ),
}


def assert_parts_are_the_whole(model: Any, plan: Any, refit: str = "verified") -> None:
    with computation():
        task = Task.prepare(model, plan.prepared(model), refit, 3)
        whole = task(1)
        for length in (1, 5, 32):
            for first in range(0, task.size, length):
                last = min(first + length, task.size)
                # Another process begins anew; the same one knows what the last part's chunk shares.
                begun = replace(task) if first in (0, 32) else task
                part, same = begun.part(1, first, last), whole.take(np.arange(first, last))
                for name in FIELDS:
                    assert getattr(part, name).tobytes() == getattr(same, name).tobytes(), name
                assert dict(part.messages) == dict(same.messages)


@pytest.mark.parametrize("name", MODELS)
def test_a_replicate_does_not_depend_on_those_computed_with_it(name: str) -> None:
    assert_parts_are_the_whole(MODELS[name](), Cases())


@pytest.mark.parametrize(
    ("plan", "refit"),
    [
        (Bayesian(), "verified"),
        (Clustered(np.arange(120) // 3), "verified"),
        (Parametric(logit(4).simulate), "verified"),
        (Jackknife(), "verified"),
        (Cases(), "expansion"),
    ],
    ids=str,
)
def test_neither_under_any_plan(plan: Any, refit: str) -> None:
    assert_parts_are_the_whole(fitted(logit(4), 120), plan, refit)


def test_parts_of_a_chunk_share_what_it_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    draw_all = Cases.draw_all

    def counted(plan: Cases, n: int, seed: int, replicates: Iterable[int]) -> Iterator[Resample]:
        members = list(replicates)
        asked.extend(members)
        return draw_all(plan, n, seed, members)

    monkeypatch.setattr(Cases, "draw_all", counted)
    with computation():
        task = Task.prepare(fitted(logit(1), 40), Cases(), "verified", 3)
        for first in range(0, task.size, 8):
            task.part(1, first, first + 8)
    assert asked == list(range(task.size, 2 * task.size))
