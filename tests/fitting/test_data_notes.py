"""What a printed fit says of its data before any replicate is drawn."""

from typing import Any

import numpy as np
import pytest

from bootmle import Cases, bootstrap, fit

RNG = np.random.default_rng(6)
X = RNG.normal(size=150) * 100
Y = 1 + X / 50 + RNG.normal(size=150)
WHO = np.repeat(np.arange(50), 3)
EVENTS = np.concatenate([RNG.normal(5, 0.4, 60), RNG.uniform(0, 10, 140)])
LAST = "Hessian SEs are a cross-check: "


def squares(b: Any, x: Any, y: Any) -> Any:
    return 0.5 * (y - b[0] - b[1] * x) ** 2


def extended(b: Any, x: Any) -> Any:
    signal = np.exp(-0.5 * ((x - 5) / 0.4) ** 2) / (0.4 * np.sqrt(2 * np.pi))
    return b[0] + b[1] - np.sum(np.log(b[0] * signal + b[1] * 0.1))


def intercepts(b: Any, x: Any, y: Any, who: Any) -> Any:
    _, code = np.unique(who, return_inverse=True)
    r, size = y - b[0] - b[1] * x, np.bincount(code)
    return 0.5 * np.sum(np.bincount(code, r**2) - np.bincount(code, r) ** 2 / (1 + size))


def test_a_closure_is_told_that_nothing_can_be_resampled() -> None:
    shown = str(fit(lambda b: squares(b, X, Y).mean(), [0.0, 0.0]))
    assert "args is empty" in shown
    assert "a mean cannot be told from a sum" in shown
    assert LAST not in shown
    shown = str(fit(lambda b: squares(b, X, Y), [0.0, 0.0]))
    assert "args is empty" in shown
    assert f"{LAST}bootstrap(mle)" in shown


@pytest.mark.parametrize(
    ("fun", "start", "args", "note", "call"),
    [
        (
            lambda b, x, y: squares(b, x, y).sum() + 5 * b[0] ** 2,
            [0.0, 0.0],
            (X, Y),
            "a term belongs to no unit",
            "bootstrap(mle)",
        ),
        (
            extended,
            [50.0, 150.0],
            EVENTS,
            "a term is the expected number of rows",
            "bootstrap(mle, sampling=Cases(size='poisson'))",
        ),
        (
            intercepts,
            [0.0, 0.0],
            (X, Y, WHO),
            "a unit that is drawn twice does not count as two",
            "bootstrap(mle, sampling=Clustered(labels))",
        ),
    ],
    ids=["penalty", "extended", "grouped"],
)
def test_the_last_line_names_a_plan_that_suits(
    fun: Any, start: Any, args: Any, note: str, call: str
) -> None:
    shown = str(fit(fun, start, args))
    assert note in shown
    assert f"{LAST}{call} has" in shown


def test_events_drawn_in_a_poisson_number_have_the_spread_of_their_number() -> None:
    # At every optimum the yields add up to the number of events: SD √200, ± 4/√(2B) of it.
    mle = fit(extended, [50.0, 150.0], EVENTS)
    boot = bootstrap(mle, sampling=Cases(size="poisson"), n_resamples=399, rng=0)
    spread = boot.replicates.sum(axis=1).std(ddof=1)
    assert abs(spread / np.sqrt(200) - 1) < 4 / np.sqrt(2 * 399)
    numbers = [Cases("poisson").draw(200, k, np.random.default_rng(k)).weights for k in range(399)]
    assert abs(np.sum(numbers, axis=1).std(ddof=1) / np.sqrt(200) - 1) < 4 / np.sqrt(2 * 399)
    with pytest.raises(ValueError, match="size: 'random' is unknown; use 'fixed' or 'poisson'"):
        Cases(size="random")
