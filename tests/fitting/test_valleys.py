"""Valleys that bend within their width, and one that leads through infinity: NIST's values."""

import numpy as np
import pytest

import optima_nist
from bootmle import Status, fit
from optima_runs import Run

RUNS: dict[str, Run] = {str(run): run for run in optima_nist.runs()}


@pytest.mark.parametrize(
    "name",
    [
        "nist/Bennett5/start 1/contributions",
        "nist/MGH10/start 1/total",
        # From here b1 passes 0, and b2 passes infinity.
        "nist/MGH09/start 1/contributions, jac",
    ],
)
def test_the_certified_values_of_nist_are_reached_through_a_bending_valley(name: str) -> None:
    run = RUNS[name]
    with np.errstate(all="ignore"):
        mle = run.solve()
    assert mle.status is Status.CERTIFIED
    assert mle.nll == pytest.approx(run.best, abs=1e-8)


def test_a_hessian_that_leaves_its_sign_open_certifies_nothing() -> None:
    # Schaffer's first function, in whose ring-shaped trough one direction has no curvature.
    def schaffer(x: np.ndarray) -> float:
        square = float(x @ x)
        return 0.5 + (np.sin(square) ** 2 - 0.5) / (1 + 0.001 * square) ** 2

    mle = fit(schaffer, [-52.206, 56.829], bounds=[(-100, 100)] * 2)
    assert mle.information.definiteness == "undecided"
    assert not mle.converged
