"""The way to an optimum where trial points leave the domain, or run off to infinity."""

from typing import Any

import numpy as np
import pytest

from bootmle import Status, fit

Y = np.random.default_rng(0).normal(3.0, 2.0, 60)


@pytest.mark.parametrize("start", [[1.5, 1.0], [30.0, -1.0]])
def test_an_edge_of_the_domain_is_no_optimum_and_warns_of_nothing(start: list[float]) -> None:
    def nll(params: Any, y: Any) -> Any:
        return np.where(params[0] >= 1, params[0], np.inf) + 0.5 * (y - params[1]) ** 2

    mle = fit(nll, start, Y)
    assert mle.status is Status.NOT_CERTIFIED
    assert not mle.converged


@pytest.mark.parametrize("start", [5.0, 100.0])
def test_an_infinite_estimate_is_no_certified_optimum(start: float) -> None:
    # On a log scale 710 overflows: a flat end of the likelihood is not an optimum there.
    def nll(params: Any, y: Any) -> Any:
        return (0.5 * (y - params[1]) ** 2 + np.exp(-params[0])).sum()

    mle = fit(nll, {"a": start, "mu": 2.0}, Y, transform={"a": "log"})
    assert mle.estimate[0] == np.inf
    assert mle.status is Status.NO_FINITE_OPTIMUM
