"""The verb: what it takes, what it returns, what it refuses, and that it can be repeated."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from bootmle import (
    Bootstrap,
    Clustered,
    Estimator,
    Flag,
    Parametric,
    Verdict,
    bootstrap,
    crosscheck,
    fit,
    load,
)
from bootmle.fitting.fit import Fit
from models import normal, poisson

MODEL = poisson(2)


def counts() -> Fit:
    """Three parameters, of scales 1, 1e3 and 1e-3."""
    X, y = MODEL.data(150, rng=1)
    scale = np.array([1.0, 1e-3, 1e3])
    return fit(MODEL.nll, MODEL.truth / scale, (X * scale, y), names=MODEL.names)


def boot_of_counts(**options: Any) -> Bootstrap:
    return bootstrap(counts(), **{"n_resamples": 199, "rng": 7, **options})


def test_a_fit_is_held_against_its_sandwich() -> None:
    mle = counts()
    check = crosscheck(mle)
    assert list(check.standard_errors) == ["sandwich", "hessian", "opg"]
    assert list(check.verdicts) == ["sandwich", "hessian", "opg"]
    assert check.names == mle.names
    assert check.hessian is mle.information
    assert_array_equal(check.estimate, mle.estimate)
    assert (
        "used as the reference; bootstrap(mle) would be better" in check.verdicts["sandwich"].reason
    )


def test_a_total_is_held_against_its_hessian() -> None:
    mle = fit(lambda p, X, y: MODEL.nll(p, X, y).sum(), MODEL.truth, MODEL.data(150, rng=1))
    check = crosscheck(mle)
    assert list(check.standard_errors) == ["hessian"]
    assert check.flags == frozenset()


def test_a_bootstrap_is_what_the_others_are_held_against() -> None:
    boot = boot_of_counts()
    check = crosscheck(boot)
    assert list(check.standard_errors) == ["bootstrap", "hessian", "opg", "sandwich"]
    np.testing.assert_allclose(check.standard_errors["bootstrap"], boot.standard_error, rtol=1e-12)
    assert "199 refits, none failed" in check.verdicts["bootstrap"].reason
    assert all(isinstance(verdict, Verdict) for verdict in check.verdicts.values())


def test_the_parametric_bootstrap_is_that_of_the_plan_with_the_same_seed() -> None:
    boot = boot_of_counts()
    check = crosscheck(boot, simulate=MODEL.simulate)
    again = crosscheck(boot, simulate=MODEL.simulate)
    drawn = boot_of_counts(sampling=Parametric(MODEL.simulate))
    assert_array_equal(check.standard_errors["parametric"], np.sqrt(np.diag(drawn.covariance)))
    assert str(check) == str(again)


def test_a_fit_is_simulated_as_well() -> None:
    check = crosscheck(counts(), simulate=MODEL.simulate)
    assert list(check.standard_errors) == ["sandwich", "parametric", "hessian", "opg"]
    # 999 replicates: four Monte Carlo errors, and 2% for the curvature of a Poisson of mean 1.6.
    ratio = check.standard_errors["parametric"] / check.standard_errors["hessian"]
    assert np.abs(ratio - 1).max() < 4 / np.sqrt(2 * 999) + 0.02


def test_clusters_add_a_source() -> None:
    check = crosscheck(boot_of_counts(sampling=Clustered(np.arange(150) // 3)))
    assert list(check.standard_errors) == ["bootstrap", "hessian", "opg", "sandwich", "cluster"]


def test_sources_come_in_one_order_whatever_is_asked_for() -> None:
    boot = boot_of_counts(sampling=Clustered(np.arange(150) // 3))
    given = {"z": np.eye(3), "a": np.eye(3)}
    check = crosscheck(boot, given, simulate=MODEL.simulate, profile=True)
    own = ["bootstrap", "parametric", "hessian", "opg", "sandwich", "cluster", "profile"]
    assert list(check.standard_errors) == list(check.verdicts) == [*own, "z", "a"]


def test_what_the_fit_and_the_bootstrap_hold_is_left_alone() -> None:
    boot = boot_of_counts()
    before = boot.replicates.copy(), pickle.dumps(boot.fit.estimate if boot.fit else None)
    crosscheck(boot, simulate=MODEL.simulate, profile=True)
    assert_array_equal(boot.replicates, before[0])
    assert pickle.dumps(boot.fit.estimate if boot.fit else None) == before[1]


def test_a_bootstrap_loaded_without_its_fit_is_refused_and_with_it_is_not(tmp_path: Path) -> None:
    boot = boot_of_counts()
    boot.save(tmp_path / "run.npz")
    with pytest.raises(ValueError, match=r"boot: was loaded without its fit; pass load\(path, fit"):
        crosscheck(load(tmp_path / "run.npz"))
    assert isinstance(boot.fit, Fit)
    again = crosscheck(load(tmp_path / "run.npz", fit=boot.fit))
    assert_array_equal(
        again.standard_errors["bootstrap"], crosscheck(boot).standard_errors["bootstrap"]
    )


@pytest.mark.parametrize("other", [None, 3.0, "boot", np.zeros(3), Estimator(np.mean, args=[1, 2])])
def test_what_has_no_likelihood_is_refused(other: Any) -> None:
    name = type(other).__name__
    with pytest.raises((TypeError, ValueError), match=f"boot: ({name} has no|was loaded without)"):
        crosscheck(other)


def test_a_simulator_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match=r"simulate: 3 is not callable"):
        crosscheck(counts(), simulate=3)  # type: ignore[arg-type]


def test_an_objective_that_holds_its_data_cannot_be_simulated() -> None:
    y = normal().data(50, rng=1)[0]
    mle = fit(lambda p: normal().nll(p, y), normal().truth)
    assert list(crosscheck(mle).standard_errors) == ["sandwich", "hessian", "opg"]
    with pytest.raises(ValueError, match=r"Parametric\(\) simulates args"):
        crosscheck(mle, simulate=normal().simulate)


def test_held_parameters_have_no_error_in_any_source() -> None:
    (y,) = normal().data(80, rng=1)
    mle = fit(normal().nll, {"mu": 0.0, "log_sigma": 0.5}, y, fixed={"log_sigma": 0.5})
    boot = bootstrap(mle, n_resamples=199, rng=0)
    check = crosscheck(boot, {"mine": [[0.01]]}, simulate=normal().simulate, profile=True)
    for errors in check.standard_errors.values():
        assert errors[1] == 0.0
        assert errors[0] > 0.0
    assert check.verdicts["hessian"].agrees
    assert Flag.NOT_IDENTIFIED not in check.flags
