"""The way to an optimum where trial points leave the domain, or run off to infinity."""

from typing import Any

import numpy as np
import pytest

from bootmle import Status, fit
from bootmle.likelihood.objective import read_likelihood
from bootmle.likelihood.parameters import read_parameters
from bootmle.optimization.convergence import whitened_gradient
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective, Whitening

Y = np.random.default_rng(0).normal(3.0, 2.0, 60)


def test_a_gradient_beyond_the_domain_on_both_sides_is_nan_without_a_warning() -> None:
    def nll(params: Any, y: Any) -> Any:
        return np.where(abs(params[0]) > 1e-3, np.inf, 0.5 * (y - params[1]) ** 2)

    likelihood = read_likelihood(nll, Y, None, None, read_parameters([0.0, 2.0]))
    target = WhitenedObjective(
        likelihood, Whitening(np.array([0.0, 2.0]), np.eye(2)), nll([0.0, 2.0], Y)
    )
    gradient = whitened_gradient(target, np.zeros(2), StepSizes.from_noise(1e-15))
    assert np.isnan(gradient[0])
    assert gradient[1] == pytest.approx(np.sum(2.0 - Y))


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
