"""Estimator serves other packages as they are: a scikit-learn-like class, and lifelines."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bootmle import Bayesian, Estimator, Given, Status, bootstrap
from bootmle.sampling.streams import draw_numbers, stream_of

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
        stream = stream_of(2, k)
        rows = draw_numbers(stream, N, N)
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


def lifelines_own(test: Any) -> Any:
    """Mark a test of lifelines, which warns by its version and that of pandas."""
    return pytest.mark.lifelines(pytest.mark.filterwarnings("ignore")(test))


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


@lifelines_own
def test_lifelines_as_the_readme_shows_it(data_of: Callable[[str], Any]) -> None:
    lifelines = pytest.importorskip("lifelines", reason="lifelines is not installed")
    stored = data_of("lung.json")
    frame = pd.DataFrame({name: stored[name] for name in ("time", "event", "age")}).iloc[9:]

    def params(frame: Any) -> Any:
        return lifelines.WeibullAFTFitter().fit(frame, "time", "event").params_

    boot = bootstrap(Estimator(params, args=frame), n_resamples=9, rng=0)
    assert boot.names == ("lambda_: age", "lambda_: Intercept", "rho_: Intercept")
    assert boot.n_failed == 0

    def hazards(frame: Any) -> Any:
        return lifelines.CoxPHFitter().fit(frame, "time", "event").params_

    cox = bootstrap(Estimator(hazards, args=frame), n_resamples=9, rng=0)
    assert cox.names == ("age",)
    assert cox.n_failed == 0


def slope(frame: Any) -> Any:
    """Least squares that joins columns by their labels, as lifelines does: repeats cannot be."""
    centered = frame["x"].reindex(frame.index[::-1]) - frame["x"].mean()
    return {"slope": (centered * frame["y"]).sum() / (centered**2).sum()}


def test_resampled_frames_have_a_fresh_index() -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"x": rng.normal(size=30), "y": rng.normal(size=30)}).iloc[5:]
    boot = bootstrap(Estimator(slope, args=frame), n_resamples=49, rng=0)
    assert boot.n_failed == 0
    rows = draw_numbers(stream_of(0, 3), 25, 25)
    x, y = frame["x"].to_numpy()[rows], frame["y"].to_numpy()[rows]
    assert_allclose(boot.replicates[3], np.polyfit(x, y, 1)[0], rtol=1e-10)
    with pytest.raises(RuntimeError, match=r"49 times: ValueError: .*duplicate"):
        bootstrap(Estimator(slope, args=frame, index="original"), n_resamples=49, rng=0)


def test_an_index_with_a_name_levels_or_dates_is_kept() -> None:
    frame = pd.DataFrame({"y": np.arange(12.0)})
    seen: list[Any] = []

    def mean(frame: Any) -> float:
        seen.append(frame.index)
        return float(frame["y"].mean())

    for index in (
        pd.Index([*range(12)], name="id"),
        pd.MultiIndex.from_product([range(3), range(4)]),
        pd.date_range("2024-01-01", periods=12),
    ):
        bootstrap(Estimator(mean, args=frame.set_axis(index)), n_resamples=2, rng=0)
        assert set(seen[-1]) < set(index)
        assert not seen[-1].is_unique
        fresh = Estimator(mean, args=frame.set_axis(index), index="fresh")
        bootstrap(fresh, n_resamples=2, rng=0)
        assert list(seen[-1]) == list(range(12))


def test_a_function_that_reads_labels_is_not_served_others_without_a_word() -> None:
    y, x = pd.Series(np.arange(9.0)), pd.Series(np.arange(9.0)[::-1])
    held = Estimator(lambda y: (y * x).mean(), args=y)  # aligned by label
    with pytest.raises(ValueError, match="index='original'"):
        bootstrap(held, n_resamples=9)
    asked = Estimator(lambda y: (y * x).mean(), args=y, index="original")
    assert bootstrap(asked, n_resamples=9, rng=0).n_failed == 0
    with pytest.raises(ValueError, match="index: 'reset' is unknown; use one of fresh, original"):
        Estimator(np.mean, args=y, index="reset")


def shaky() -> Callable[[Any], float]:
    """Return a function that other processes are sent whole."""

    def mean(y: Any) -> float:
        if y[0] > 0:
            warnings.warn(f"slow at {y[0]}", RuntimeWarning, stacklevel=1)
        if y[1] > 1:
            raise ValueError(f"no mean of {y}")
        return float(y.mean())

    return mean


def test_warnings_and_failures_are_counted_by_kind() -> None:
    y = np.random.default_rng(3).normal(size=20)
    y[:2] = -1.0
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        boot = bootstrap(Estimator(shaky(), args=y), n_resamples=99, rng=0)
    lines = str(boot).splitlines()
    warned = [line for line in lines if line.startswith("warned, ")]
    failed = [line for line in lines if line.startswith("failed, ")]
    drawn = [y[draw_numbers(stream_of(0, k), 20, 20)] for k in range(99)]
    lost = [sample[1] > 1 for sample in drawn]
    slow = [sample[0] > 0 and not out for sample, out in zip(drawn, lost, strict=True)]
    assert len(warned) == len(failed) == 1
    assert warned[0].startswith(f"warned, {sum(slow)} times: RuntimeWarning: slow at ")
    assert failed[0].startswith(f"failed, {sum(lost)} times: ValueError: no mean of ")


def test_warnings_are_shown_where_asked() -> None:
    y = np.append([-1.0, -1.0], np.linspace(0.1, 0.9, 9))
    with pytest.warns(RuntimeWarning, match="slow"):
        bootstrap(Estimator(shaky(), args=y, on_warning="show"), n_resamples=9, rng=0)
    with pytest.raises(ValueError, match="on_warning: 'hide' is unknown; use one of count, show"):
        Estimator(shaky(), args=y, on_warning="hide")
