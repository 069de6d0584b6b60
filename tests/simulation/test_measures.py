"""What a study finds of standard errors that some data sets do not have."""

from typing import Any

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from bootmle import Coverage, Status, coverage, fit
from bootmle.simulation.simulated_fits import SimulatedFits
from models import normal

SCALES = np.array([1.0, 1000.0])
HALF_NORMAL = np.sqrt(1 - 2 / np.pi)
"""Standard deviation of a normal variable where it is positive."""


def censored(rng: np.random.Generator, count: int) -> Coverage:
    """A normal estimate bounded at 0, whose error is withheld at the bound; another that is not."""
    draws = rng.normal(size=(count, 2))
    inside = draws[:, 0] > 0
    data = SimulatedFits.blank(count, 2, 1, 2, Status.CERTIFIED)
    data.status[~inside] = Status.AT_BOUND
    data.estimates[:] = SCALES * np.column_stack([np.maximum(draws[:, 0], 0.0), draws[:, 1]])
    data.errors[:] = SCALES * rng.uniform(0.8, 1.2, size=(count, 2, 2))
    data.errors[~inside, 1, 0] = np.nan
    about: dict[str, Any] = {"n_resamples": 99, "sampling": "", "seed": 0, "seconds": 1.0}
    sources = ("bootstrap", "hessian")
    return Coverage(("mu", "other"), np.zeros(2), data, sources, ("normal",), 0.95, **about)


def test_a_ratio_is_of_the_errors_and_estimates_of_the_same_data_sets() -> None:
    """Four Monte Carlo errors: 1 false alarm in 16,000 for each of four."""
    study = censored(np.random.default_rng(0), 4000)
    bounded = np.sqrt(1 / 2 - 1 / (2 * np.pi))
    truths = {"bootstrap": [1 / bounded, 1.0], "hessian": [1 / HALF_NORMAL, 1.0]}
    for source, truth in truths.items():
        away = study.se_ratio[source] - truth
        assert (abs(away) < 4 * study.se_ratio_mcse[source]).all()
        assert (study.se_ratio_mcse[source] < 0.03).all()
    assert_array_equal(study.se_withheld["bootstrap"], [0.0, 0.0])
    assert_array_equal(study.se_withheld["hessian"], [study.at_bound, 0.0])
    line = f"hessian: no standard error for mu in {study.at_bound:.1%} of the data sets; mean/SD"
    assert line in str(study)
    assert "bootstrap: no standard error" not in str(study)


def test_where_none_is_withheld_the_ratio_is_to_the_empirical_deviation() -> None:
    study = censored(np.random.default_rng(1), 50)
    errors = study.data.errors
    assert_allclose(study.se_ratio["bootstrap"], errors[:, 0].mean(axis=0) / study.empirical_sd)
    assert_allclose(
        study.se_variation["bootstrap"],
        errors[:, 0].std(axis=0, ddof=1) / errors[:, 0].mean(axis=0),
    )


def test_the_error_of_a_ratio_is_how_far_studies_scatter() -> None:
    """Of 200 studies: the scatter is known to 1/√400, 5%; four times that is allowed, and 5%."""
    rng = np.random.default_rng(2)
    studies = [censored(rng, 200) for _ in range(200)]
    ratios = [study.se_ratio["hessian"] for study in studies]
    stated = [study.se_ratio_mcse["hessian"] for study in studies]
    assert_allclose(np.mean(stated, axis=0), np.std(ratios, axis=0, ddof=1), rtol=0.25)


def test_an_infinite_estimate_is_in_neither_part_of_the_ratio() -> None:
    study = censored(np.random.default_rng(3), 50)
    expected = {source: ratio.copy() for source, ratio in study.se_ratio.items()}
    more = SimulatedFits.blank(1, 2, 1, 2, Status.NO_FINITE_OPTIMUM)
    more.estimates[:], more.errors[:] = np.inf, 1e6
    object.__setattr__(study, "data", SimulatedFits.concatenate([study.data, more]))
    for source in study.sources:
        assert_allclose(study.se_ratio[source], expected[source], rtol=1e-12)


def test_an_error_that_no_data_set_has_makes_no_ratio() -> None:
    study = censored(np.random.default_rng(4), 20)
    study.data.errors[:, 1] = np.nan
    assert np.isnan(study.se_ratio["hessian"]).all()
    assert np.isnan(study.se_ratio_mcse["hessian"]).all()
    assert "hessian: no standard error in 100.0% of the data sets\n" in f"{study}\n"


def test_a_mean_bounded_at_its_truth_has_no_hessian_error_at_the_bound() -> None:
    model = normal()
    truth = model.truth * [0.0, 1.0]
    y = model.simulate(truth, np.random.default_rng(0), *model.data(60, rng=1))
    mle = fit(model.nll, truth, y, bounds=[(0.0, None), (None, None)])
    study = coverage(mle, model.simulate, truth=truth, n_datasets=60, warp=True, rng=0)
    assert 0.2 < study.at_bound < 0.8
    assert_array_equal(study.se_withheld["hessian"], [study.at_bound, study.at_bound])
    inside = study.data.status != Status.AT_BOUND
    errors, estimates = study.data.errors[inside, 1], study.data.estimates[inside]
    assert_allclose(study.se_ratio["hessian"], errors.mean(axis=0) / estimates.std(axis=0, ddof=1))


def test_a_study_of_nothing_has_no_numbers_and_no_warning() -> None:
    study = censored(np.random.default_rng(5), 6)
    study.data.status[:] = Status.RAISED
    for found in (study.se_ratio, study.se_ratio_mcse, study.se_withheld, study.coverage):
        assert all(np.isnan(values).all() for values in found.values())
    assert "no data set could be fitted" in str(study)
