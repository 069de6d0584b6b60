"""Objectives far from a log-likelihood in scale: replicates are exact, and an alarm says so."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bootmle import Bootstrap, Cases, Status, bootstrap, crosscheck, fit
from bootmle.refitting.alarm_kinds import AlarmKind
from models import normal

CERTIFIED = {Status.CERTIFIED, Status.CERTIFIED_BY_FALLBACK}
FORMS = pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])
COUNT = 99


def assert_exact(boot: Bootstrap, expected: Any, within: float) -> None:
    """Within a share of the standard errors that the expected replicates have."""
    assert set(boot.status) <= CERTIFIED
    errors = expected.std(axis=0, ddof=1)
    assert np.abs((boot.replicates - expected) / errors).max() < within
    np.testing.assert_allclose(boot.standard_error, errors, rtol=10 * within)


def assert_exact_and_alarmed(boot: Bootstrap, expected: Any, within: float = 1e-6) -> None:
    """Exact, and an alarm says that the objective is no log-likelihood."""
    assert_exact(boot, expected, within)
    (alarm,) = [each for each in boot.alarms if each.kind is AlarmKind.OBJECTIVE_SCALE]
    assert "misspecified" in alarm.message


@FORMS
@pytest.mark.parametrize("deviation", [1e3, 1e5])
def test_least_squares_in_large_units(deviation: float, reduce: bool, weights_of: Any) -> None:
    rng = np.random.default_rng(1)
    X = np.column_stack([np.ones(80), rng.normal(size=80)])
    y = X @ [3000.0, 2000.0] + deviation * rng.normal(size=80)

    def squares(params: Any, X: Any, y: Any) -> Any:
        values = 0.5 * (y - X @ params) ** 2
        return values.sum() if reduce else values

    boot = bootstrap(fit(squares, [0.0, 0.0], (X, y)), n_resamples=COUNT, rng=0)
    rows = [np.repeat(np.arange(80), w.astype(int)) for w in weights_of(Cases(), 0, 80, COUNT)]
    assert_exact_and_alarmed(boot, np.array([np.linalg.lstsq(X[r], y[r])[0] for r in rows]))


@FORMS
def test_least_squares_in_small_units(reduce: bool, weights_of: Any) -> None:
    # The other way: a curvature that says far more than the scores vary.
    rng = np.random.default_rng(1)
    X = np.column_stack([np.ones(80), rng.normal(size=80)])
    y = X @ [0.3, 0.2] + 1e-3 * rng.normal(size=80)

    def squares(params: Any, X: Any, y: Any) -> Any:
        values = 0.5 * (y - X @ params) ** 2
        return values.sum() if reduce else values

    boot = bootstrap(fit(squares, [0.0, 0.0], (X, y)), n_resamples=COUNT, rng=0)
    rows = [np.repeat(np.arange(80), w.astype(int)) for w in weights_of(Cases(), 0, 80, COUNT)]
    assert_exact_and_alarmed(boot, np.array([np.linalg.lstsq(X[r], y[r])[0] for r in rows]), 1e-3)


def log_linear(X: Any, y: Any, weights: Any) -> NDArray[np.float64]:
    """Newton's method on the score equations X'w(y − exp(Xβ)) = 0, a convex problem."""
    at = np.linalg.lstsq(X, np.log(y))[0]
    for _ in range(50):
        mean = np.exp(X @ at)
        at = at + np.linalg.solve((X.T * (weights * mean)) @ X, X.T @ (weights * (y - mean)))
    assert np.abs(X.T @ (weights * (y - np.exp(X @ at)))).max() < 1e-10 * (weights @ y)
    return np.asarray(at)


@FORMS
@pytest.mark.parametrize("level", [8.0, 13.0], ids=["thousands", "a million"])
def test_a_poisson_pseudo_likelihood_of_amounts(
    level: float, reduce: bool, weights_of: Any
) -> None:
    rng = np.random.default_rng(1)
    X = np.column_stack([np.ones(150), rng.normal(size=150)])
    amounts = np.exp(X @ [level, 0.5]) * rng.exponential(size=150)

    def pseudo(params: Any, X: Any, y: Any) -> Any:
        values = np.exp(X @ params) - y * (X @ params)
        return values.sum() if reduce else values

    mle = fit(pseudo, [level - 1.0, 0.0], (X, amounts))
    boot = bootstrap(mle, n_resamples=COUNT, rng=0)
    weights = weights_of(Cases(), 0, 150, COUNT)
    expected = np.array([log_linear(X, amounts, row) for row in weights])
    assert_exact_and_alarmed(boot, expected, 1e-3)


def test_importance_weights_in_large_units(weights_of: Any) -> None:
    rng = np.random.default_rng(1)
    y, prior = rng.normal(3.0, 2.0, 80), 1e6 * rng.exponential(size=80)
    mle = fit(normal().nll, [0.0, 0.0], y, weights=prior)
    boot = bootstrap(mle, n_resamples=COUNT, rng=0)
    weights = prior * weights_of(Cases(), 0, 80, COUNT)
    means = weights @ y / weights.sum(axis=1)
    squares = [w @ (y - mean) ** 2 / w.sum() for w, mean in zip(weights, means, strict=True)]
    assert_exact(boot, np.column_stack([means, 0.5 * np.log(squares)]), 1e-3)
    # The model is right, and so is the objective's scale: it is the weights.
    assert boot.alarms == ()
    assert "prior weights" in crosscheck(boot).verdicts["hessian"].reason


@pytest.mark.parametrize("factor", [1.0, 1e6], ids=["ones", "a million"])
def test_a_factor_on_all_weights_changes_no_replicate(factor: float) -> None:
    y = np.random.default_rng(1).normal(3.0, 2.0, 80)
    plain = bootstrap(fit(normal().nll, [0.0, 0.0], y), n_resamples=64, rng=0)
    weighted = fit(normal().nll, [0.0, 0.0], y, weights=np.full(80, factor))
    boot = bootstrap(weighted, n_resamples=64, rng=0)
    gaps = (boot.replicates - plain.replicates) / plain.standard_error
    assert set(boot.status) <= CERTIFIED
    assert np.abs(gaps).max() < 1e-3
