"""What `converged` means for each status, in one table that every fit follows."""

from dataclasses import replace

import numpy as np
import pytest

from bootmle import Status, fit

OPTIMA = {
    *(Status.CERTIFIED, Status.CERTIFIED_BY_FALLBACK, Status.VERIFIED),
    *(Status.AT_BOUND, Status.NOT_IDENTIFIED, Status.ESTIMATED),
}
UNPROVEN = {Status.NOISE_LIMITED, Status.EXPANDED, Status.LINEAR}


@pytest.mark.parametrize("status", Status)
def test_converged_is_what_was_proven(status: Status) -> None:
    assert status.converged == (status in OPTIMA)
    assert status.has_optimum == (status in OPTIMA | UNPROVEN)
    assert status.failed == (status < 0)
    assert not (status.failed and status.has_optimum)


def test_a_fit_has_no_rule_of_its_own() -> None:
    y = np.random.default_rng(0).exponential(2.0, 20)
    mle = fit(lambda params, y: params[0] + y * np.exp(-params[0]), {"log_mean": 0.0}, y)
    assert all(replace(mle, status=status).converged == status.converged for status in Status)
