"""NumPy's floating-point warnings: silent in every verb and worker, and as before after it."""

import sys
from collections.abc import Callable
from typing import Any

import cloudpickle
import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_array_equal

from bootmle import (
    Bootstrap,
    Fit,
    Given,
    Parametric,
    bootstrap,
    coverage,
    crosscheck,
    fit,
    information,
)
from bootmle.execution.threads import computation

cloudpickle.register_pickle_by_value(sys.modules[__name__])

Y = np.random.default_rng(0).normal(3.0, 2.0, 40)
START = {"mu": 2.0, "log_sigma": 0.0}
STRICT = {"divide": "raise", "over": "warn", "under": "print", "invalid": "raise"}
"""Settings that a user may have: under some of them NumPy raises."""


class Heard(BaseException):
    """NumPy would warn; no refit records this as its failure."""


def loud(values: Any) -> Any:
    """Divide by zero, overflow, and take a logarithm of what has none, beside the point."""
    if set(np.geterr().values()) != {"ignore"}:
        raise Heard
    zero = 0 * np.asarray(values)
    for _ in (1 / zero, np.exp(1e6 + zero), np.log(-1 + zero), np.exp(-1e6 + zero) * 1e-300):
        pass
    return values


def nll(params: Any, y: Any) -> Any:
    mu, log_sigma = params
    return loud(log_sigma + 0.5 * ((y - mu) / np.exp(log_sigma)) ** 2)


def total(params: Any, y: Any) -> Any:
    return nll(params, y).sum()


def scores(params: Any, y: Any) -> Any:
    mu, log_sigma = params
    z = (y - mu) / np.exp(log_sigma)
    return loud(np.column_stack([-z / np.exp(log_sigma), 1 - z**2]))


def vectorized(params: Any, y: Any) -> Any:
    return loud(params[1] + 0.5 * ((y[:, None] - params[0]) / np.exp(params[1])) ** 2)


def simulate(params: Any, rng: Any, y: Any) -> Any:
    return loud(rng.normal(params[0], np.exp(params[1]), y.size))


@pytest.fixture(scope="module")
def mle() -> Fit:
    return fit(nll, START, Y)


@pytest.fixture(scope="module")
def boot(mle: Fit) -> Bootstrap:
    return bootstrap(mle, n_resamples=99, rng=0)


VERBS: dict[str, Callable[[Fit, Bootstrap], Any]] = {
    "fit": lambda mle, boot: fit(nll, START, Y),
    "fit of totals": lambda mle, boot: fit(total, START, Y),
    "fit with jac": lambda mle, boot: fit(nll, START, Y, jac=scores),
    "fit of a vectorized fun": lambda mle, boot: fit(vectorized, START, Y, vectorized=True),
    "fit on a log scale": lambda mle, boot: fit(
        lambda p, y: nll((p[0], np.log(p[1])), y), [2.0, 1.0], Y, transform=["identity", "log"]
    ),
    "information": lambda mle, boot: information(nll, START, Y),
    "bootstrap": lambda mle, boot: bootstrap(mle, n_resamples=99, rng=0),
    "parametric bootstrap": lambda mle, boot: bootstrap(
        mle, sampling=Parametric(simulate), n_resamples=20, rng=0
    ),
    "extend": lambda mle, boot: boot.extend(20),
    "BCa": lambda mle, boot: boot.confidence_interval("bca", 0.8),
    "studentized": lambda mle, boot: boot.confidence_interval("studentized", 0.8),
    "influence": lambda mle, boot: boot.influence(),
    "derive": lambda mle, boot: boot.derive(lambda p: np.exp(p[1])),
    "crosscheck": lambda mle, boot: crosscheck(boot, simulate=simulate, profile=True),
    "coverage": lambda mle, boot: coverage(mle, simulate, n_datasets=3, n_resamples=59, rng=0),
}


@pytest.mark.parametrize("verb", VERBS)
def test_verbs_are_silent_and_leave_the_settings(verb: str, mle: Fit, boot: Bootstrap) -> None:
    with np.errstate(**STRICT):  # type: ignore[arg-type]
        VERBS[verb](mle, boot)
        assert np.geterr() == STRICT


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_workers_are_silent(
    backend: str, mle: Fit, boot: Bootstrap, capfd: pytest.CaptureFixture[str]
) -> None:
    with np.errstate(**STRICT), parallel_config(backend=backend):  # type: ignore[arg-type]
        found = bootstrap(mle, n_resamples=299, rng=0, n_jobs=2)
    assert found.n_failed == 0
    assert_array_equal(found.replicates[:99], boot.replicates)
    # Processes write their warnings where pytest's filter does not see them.
    assert "Warning" not in capfd.readouterr().err


class OwnError(Exception):
    """What the user's function raises."""


def raising(params: Any, y: Any) -> Any:
    if params[0] != START["mu"]:
        raise OwnError
    return nll(params, y)


RAISING: dict[str, Callable[[Fit], Any]] = {
    "fit": lambda mle: fit(raising, START, Y),
    "information": lambda mle: information(raising, START, Y),
    "bootstrap": lambda mle: bootstrap(mle, sampling=Given(weights=np.ones((2, 3)))),
    "crosscheck": lambda mle: crosscheck(mle, covariances={"one": np.eye(3)}),
    "coverage": lambda mle: coverage(
        mle, lambda params, rng, y: y[1:] * params.sum(), n_datasets=2
    ),
}


@pytest.mark.parametrize("verb", RAISING)
def test_verbs_that_raise_leave_the_settings_too(verb: str, mle: Fit) -> None:
    with np.errstate(**STRICT):  # type: ignore[arg-type]
        with pytest.raises((OwnError, TypeError, ValueError, RuntimeError)):
            RAISING[verb](mle)
        assert np.geterr() == STRICT


def test_one_block_does_both() -> None:
    before = np.geterr()
    with computation():
        assert set(np.geterr().values()) == {"ignore"}
    assert np.geterr() == before
