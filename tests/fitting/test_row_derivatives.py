"""The contributions' derivatives that a fit measures with its Hessian, against calculus."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy.special import expit

from bootmle import Fit, crosscheck, fit
from bootmle.fitting.scores import whitened_scores
from bootmle.likelihood.kept_values import KeptValues
from bootmle.optimization.whitening import Whitening
from models import logit

Floats = NDArray[np.float64]
MODEL = logit(4)
X, Y = MODEL.data(300, rng=2)
SCALES = np.array([1.0, 1e3, 1e-2, 1.0, 1.0])


def counted(nll: Callable[..., Any], calls: list[int]) -> Callable[..., Any]:
    def counting(params: Any, *args: Any) -> Any:
        calls[0] += 1
        return nll(params, *args)

    return counting


def scores_of(mle: Fit) -> Floats:
    found = whitened_scores(mle)
    assert found is not None
    return found


@pytest.mark.parametrize("weighted", [False, True])
def test_gradients_and_curvatures_of_a_logit(weighted: bool) -> None:
    weights = np.arange(300) % 3 + 0.5 if weighted else None
    mle = fit(MODEL.nll, MODEL.truth / SCALES, (X * SCALES, Y), weights=weights)
    rows = mle.row_derivatives
    assert rows is not None
    p, Z = expit(X * SCALES @ mle.estimate), X * SCALES @ mle.whitening.factor
    exact = (p - Y)[:, None] * Z
    assert_allclose(rows.gradients, exact, atol=1e-6 * np.abs(exact).max())
    factor = np.ones(300) if weights is None else weights
    assert_allclose(scores_of(mle), factor[:, None] * exact, atol=1e-6)
    directions = np.random.default_rng(0).normal(size=(3, 5))
    exact = (p * (1 - p))[:, None] * (Z @ directions.T) ** 2
    assert_allclose(rows.along(directions).T, exact, atol=1e-4 * exact.max())


def test_a_cross_check_of_a_fit_evaluates_nothing() -> None:
    calls = [0]
    mle = fit(counted(MODEL.nll, calls), MODEL.truth, (X, Y))
    spent = calls[0]
    assert spent == mle.n_evaluations
    crosscheck(mle)
    assert calls[0] == spent


def test_derivatives_belong_to_the_coordinates_they_were_measured_in() -> None:
    mle = fit(MODEL.nll, MODEL.truth, (X, Y))
    moved = replace(mle, whitening=Whitening(mle.whitening.center, 2 * mle.whitening.factor))
    assert mle.row_derivatives is not None
    assert moved.row_derivatives is None
    assert_allclose(scores_of(moved), 2 * scores_of(mle), atol=1e-6)


def test_values_are_kept_while_there_is_room() -> None:
    args: tuple[Any, ...] = (np.arange(3.0),)
    kept = KeptValues.of(args, 3, 1)
    assert kept is not None
    for k in range(kept.most + 5):
        kept.keep(args, np.array([float(k)]), np.full(3, float(k)))
    kept.keep((np.arange(3.0),), np.array([-1.0]), np.zeros(3))
    points, values = kept.arrays()
    assert points[:, 0].tolist() == list(range(5, kept.most + 5))
    assert np.array_equal(values, np.repeat(points, 3, axis=1))
    assert KeptValues.of(args, 10**6, 12) is None
