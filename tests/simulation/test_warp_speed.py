"""Warp studies: standard errors of derived quantities, of clusters, and of smaller samples."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bootmle import Cases, Clustered, Estimator, Stratified, Subsample, coverage, fit
from bootmle.sampling import Plan
from models import poisson

N = 60
GROUPS = np.arange(N) // 3
PLANS: dict[str, Plan] = {
    "cases": Cases(),
    "stratified": Stratified(np.arange(N) % 2),
    "clustered": Clustered(GROUPS),
    "clustered in strata": Clustered(GROUPS, strata=GROUPS % 2),
}


def study(plan: Plan, **options: Any) -> Any:
    model = poisson(1)
    mle = fit(model.nll, model.truth, model.data(N, rng=1))
    return coverage(
        mle,
        model.simulate,
        sampling=plan,
        n_datasets=3,
        methods=["hessian", "sandwich", *(["cluster"] * isinstance(plan, Clustered))],
        derive=lambda params: {"rate": 1000 * np.exp(params[0]), "both": params[0] * params[1]},
        rng=0,
        **options,
    )


@pytest.mark.parametrize("name", PLANS)
def test_errors_that_need_no_replicates_are_those_of_the_full_study(name: str) -> None:
    """The same data sets, fitted alike: 1/1000 of another error is the step of the gradient."""
    quick, full = study(PLANS[name], warp=True), study(PLANS[name], n_resamples=39)
    assert quick.sources == full.sources
    assert_allclose(quick.data.estimates, full.data.estimates, rtol=1e-12)
    assert_allclose(quick.data.errors[:, 1:], full.data.errors[:, 1:], rtol=1e-5)
    assert_allclose(quick.data.low, full.data.low, rtol=1e-4)
    assert np.isfinite(quick.data.errors[:, 1:]).all()


def test_the_delta_method_is_exact_to_first_order() -> None:
    """Of exp(a) the error is exp(a) times that of a."""
    quick = study(Cases(), warp=True)
    rates, errors = quick.data.estimates[:, 2], quick.data.errors[:, 1]
    assert_allclose(errors[:, 2], rates * errors[:, 0], rtol=1e-6)


def test_a_derived_quantity_that_cannot_be_differentiated_loses_only_its_errors() -> None:
    model = poisson(1)
    mle = fit(model.nll, model.truth, model.data(N, rng=1))

    def derive(params: Any) -> Any:
        if not np.array_equal(params, mle.estimate):
            raise ZeroDivisionError
        return params.sum()

    found = coverage(mle, model.simulate, n_datasets=4, warp=True, derive=derive, rng=0)
    assert found.n_failed == 0
    errors = found.data.errors[:, 1]
    assert np.isfinite(errors[:, :2]).all()
    assert np.isnan(errors[:, 2]).all()


def test_replicates_of_smaller_samples_are_scaled_to_the_datas_size() -> None:
    """Of means the scaled subsamples' variance is s²/n, exactly: four Monte Carlo errors allow 1
    false alarm in 16,000 for each of two.
    """
    y = np.random.default_rng(0).normal(size=(40, 2)) * [1.0, 1000.0]
    means = Estimator(lambda y: y.mean(axis=0), y)

    def simulate(params: Any, rng: Any, y: Any) -> Any:
        return params + rng.normal(size=y.shape) * [1.0, 1000.0]

    found = coverage(
        means, simulate, sampling=Subsample(8), n_datasets=600, warp=True, methods="normal", rng=0
    )
    away = found.se_ratio["bootstrap"] - 1
    assert (abs(away) < 4 * found.se_ratio_mcse["bootstrap"]).all()
