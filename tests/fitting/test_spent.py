"""A search that has spent its budget says so, and stands at the lowest point it reached."""

import numpy as np

from bootmle import fit
from bootmle.execution.budget import at_most
from bootmle.optimization.status import Status


def _valley(params: np.ndarray) -> float:
    """Rosenbrock's function; its minimum, at ones, is 0."""
    return float(np.sum(100 * (params[1:] - params[:-1] ** 2) ** 2 + (1 - params[:-1]) ** 2))


def test_a_search_stops_at_its_lowest_point_when_its_budget_is_spent() -> None:
    start = np.array([-1.2, 1.0, -1.2, 1.0, -1.2])
    seen: list[float] = []

    def fun(params: np.ndarray) -> float:
        seen.append(_valley(params))
        return seen[-1]

    with at_most(200) as budget:
        mle = fit(fun, start)
        first = fit(_valley, start)
    assert mle.status is first.status is Status.NOT_CERTIFIED
    assert "within 200 evaluations" in mle.notes[-1]
    assert mle.nll == _valley(mle.estimate) < 0.01 * _valley(start)
    assert len(seen) == mle.n_evaluations < 350  # the last Hessian takes about 100
    assert budget.spent >= mle.n_evaluations  # the second had its own 200: every search may start
    assert fit(_valley, start).status is Status.CERTIFIED
