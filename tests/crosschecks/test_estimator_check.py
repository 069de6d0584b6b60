"""The cross-check of an Estimator's bootstrap: the jackknife, its own errors, no Hessian."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bootmle import Bootstrap, Estimator, bootstrap, crosscheck

Y = np.random.default_rng(2).gamma(2.0, 3.0, 80)


def moments(y: Any) -> Any:
    return {"mean": y.mean(), "square": (y**2).mean()}


def errors(y: Any) -> Any:
    return {"mean": y.std() / np.sqrt(len(y)), "square": 3 * (y**2).std() / np.sqrt(len(y))}


def run(n_resamples: int = 499) -> Bootstrap:
    own = Estimator(moments, Y, standard_error=errors)
    return bootstrap(own, n_resamples=n_resamples, rng=0)


def test_the_jackknife_of_means_is_their_standard_error() -> None:
    check = crosscheck(run())
    for j, values in enumerate((Y, Y**2)):
        expected = values.std(ddof=1) / np.sqrt(80)
        assert check.standard_errors["jackknife"][j] == pytest.approx(expected)
    assert check.verdicts["bootstrap"].agrees
    assert check.verdicts["jackknife"].agrees


def test_its_own_standard_error_is_judged() -> None:
    check = crosscheck(run())
    assert_allclose(check.standard_errors["standard_error"], list(errors(Y).values()))
    verdict = check.verdicts["standard_error"]
    assert not verdict.agrees
    assert "for square" in verdict.reason
    assert "the jackknife agrees with the bootstrap" in verdict.reason


def test_there_is_no_hessian_and_it_is_said_why() -> None:
    check = crosscheck(run())
    assert check.hessian is None
    assert np.isnan(check.standard_errors["hessian"]).all()
    assert "hessian: none: an Estimator has no likelihood" in str(check)
    with pytest.raises(ValueError, match="profile: an Estimator has no likelihood"):
        crosscheck(run(), profile=True)


def test_given_sources_are_compared_and_named() -> None:
    jackknife = crosscheck(run()).standard_errors["jackknife"]
    given = {
        "same": jackknife,
        "variances": jackknife**2,
        "part": {"square": jackknife[1]},
        "far": [1.3, 2.9] * jackknife,
    }
    verdicts = crosscheck(run(), given).verdicts
    assert verdicts["same"].agrees
    assert "equals the jackknife" in verdicts["same"].reason
    assert "take square roots" in verdicts["variances"].reason
    assert verdicts["part"].reason.endswith("it has none for mean")
    assert "none of the known formulas" in verdicts["far"].reason
    with pytest.raises(ValueError, match=r"covariances: 'bad' has the labels median"):
        crosscheck(run(), {"bad": {"median": 1.0}})


def test_derived_quantities_have_a_jackknife_too() -> None:
    derived = run().derive(lambda m: m[0] / 10, names=["tenth"])
    check = crosscheck(derived)
    assert list(check.standard_errors) == ["bootstrap", "jackknife", "hessian"]
    assert check.standard_errors["jackknife"][0] == pytest.approx(Y.std(ddof=1) / np.sqrt(80) / 10)
