"""Estimator serves other packages as they are: a scikit-learn-like class, and lifelines."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bootmle import Bayesian, Estimator, Given, Status, bootstrap

rng = np.random.default_rng(20_260_503)
N = 50
X = np.column_stack([rng.normal(size=N), 1000 * rng.normal(size=N)])
Y = 3.0 + X @ [2.0, -0.001] + rng.normal(size=N)


class Regression:
    """Least squares as scikit-learn writes it: fit() returns self, with coef_ and intercept_."""

    coef_: Any
    intercept_: float

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "Regression":
        root = np.sqrt(np.ones(len(y)) if sample_weight is None else sample_weight)
        design = root[:, None] * np.column_stack([np.ones(len(y)), X])
        self.intercept_, *self.coef_ = np.linalg.lstsq(design, root * y)[0]
        return self


def by_rows(X: Any, y: Any) -> dict[str, float]:
    model = Regression().fit(X, y)
    return {"intercept": model.intercept_, **dict(zip(("a", "b"), model.coef_, strict=True))}


def supports_weights(X: Any, y: Any, weights: Any) -> dict[str, float]:
    model = Regression().fit(X, y, sample_weight=weights)
    return {"intercept": model.intercept_, **dict(zip(("a", "b"), model.coef_, strict=True))}


@pytest.mark.parametrize("function", [by_rows, supports_weights])
def test_a_scikit_learn_like_estimator_by_rows_and_by_weights(function: Any) -> None:
    boot = bootstrap(Estimator(function, args=(X, Y)), n_resamples=99, rng=2)
    assert boot.names == ("intercept", "a", "b")
    design = np.column_stack([np.ones(N), X])
    for k in range(99):
        stream = np.random.default_rng(np.random.SeedSequence(2, spawn_key=(k,)))
        rows = stream.integers(N, size=N)
        expected = np.linalg.solve(design[rows].T @ design[rows], design[rows].T @ Y[rows])
        assert_allclose(boot.replicates[k], expected, rtol=1e-8)


def test_fractional_weights_reach_an_estimator_that_takes_them() -> None:
    boot = bootstrap(
        Estimator(supports_weights, (X, Y)), sampling=Bayesian(), n_resamples=1999, rng=2
    )
    design = np.column_stack([np.ones(N), X])
    inverse = np.linalg.inv(design.T @ design)
    residuals = Y - design @ inverse @ design.T @ Y
    sandwich = np.sqrt(np.diag(inverse @ (design.T * residuals**2) @ design @ inverse))
    # First-order theory, n = 50: 10% for its second order and 4 Monte Carlo errors of 1.7%.
    assert_allclose(boot.standard_error, sandwich, rtol=0.17)


# R: survreg(Surv(time, status) ~ age + sex + ph.karno, na.omit(lung[c(2:5, 7)]))
LUNG = [5.326315830178005, -0.008910582511706, 0.370187051466135, 0.009264171590347]
LUNG += [-0.28084610731487736]
LUNG_ERROR = np.array(
    [0.662975863187, 0.007108525989, 0.127957603658, 0.004463707352, 0.061706286990]
)


lifelines_own = pytest.mark.filterwarnings("ignore")  # by its version and that of pandas


@lifelines_own
def test_a_weibull_regression_of_lifelines_meets_survreg(data_of: Callable[[str], Any]) -> None:
    lifelines = pytest.importorskip("lifelines", reason="lifelines is not installed")
    stored = data_of("lung.json")
    names = ["age", "sex", "ph_karno"]
    frame = pd.DataFrame({name: stored[name] for name in ("time", "event", *names)})

    def fitted(frame: Any) -> Any:
        params = lifelines.WeibullAFTFitter().fit(frame, "time", "event").params_
        return [*params["lambda_"][["Intercept", *names]], -params["rho_"]["Intercept"]]

    estimator = Estimator(fitted, args=frame, names=["const", *names, "log_scale"])
    assert np.all(np.abs(estimator.estimate - LUNG) < 0.01 * LUNG_ERROR)


def survival(time: Any, event: Any, at: float) -> float:
    """Kaplan and Meier (1958), eq. 2b."""
    ends = np.unique(time[(event == 1) & (time <= at)])
    deaths = np.array([np.sum((time == end) & (event == 1)) for end in ends])
    return float(np.prod(1 - deaths / [np.sum(time >= end) for end in ends]))


@lifelines_own
def test_a_kaplan_meier_curve_of_lifelines_by_rows(data_of: Callable[[str], Any]) -> None:
    lifelines = pytest.importorskip("lifelines", reason="lifelines is not installed")
    stored = data_of("lung.json")
    time, event = (np.array(stored[name], dtype=float) for name in ("time", "event"))

    def curve(time: Any, event: Any) -> Any:
        fitted = lifelines.KaplanMeierFitter().fit(time, event)
        return fitted.survival_function_at_times([200, 500]).set_axis(["200 days", "500 days"])

    boot = bootstrap(
        Estimator(curve, args=(time, event)), sampling=Given(indices=stored["indices"])
    )
    expected = [[survival(time[r], event[r], at) for at in (200, 500)] for r in stored["indices"]]
    assert boot.names == ("200 days", "500 days")
    assert set(boot.status) == {Status.ESTIMATED}
    assert_allclose(boot.replicates, expected, rtol=1e-10)
