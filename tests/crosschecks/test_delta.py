"""The delta method beside the bootstrap: against closed forms, and why it can differ."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bootmle import Bootstrap, Clustered, Flag, bootstrap, crosscheck, fit
from bootmle.crosschecks.delta import gradient
from models import logit


def normal_nll(params: Any, y: Any) -> Any:
    mean, log_sd = params
    return 0.5 * ((y - mean) / np.exp(log_sd)) ** 2 + log_sd


def normal_boot(n: int = 300, mean: float = 10.0, **options: Any) -> Bootstrap:
    y = np.random.default_rng(0).normal(mean, 2.0, n)
    mle = fit(normal_nll, [1.0, 0.0], y, names=["mean", "log_sd"])
    return bootstrap(mle, **{"n_resamples": 1999, "rng": 0, **options})


def moments(params: Any) -> dict[str, float]:
    """The coefficient of variation, and an upper quantile in other units."""
    mean, sd = params[0], np.exp(params[1])
    return {"variation": sd / mean, "upper": 1000 * (mean + 1.645 * sd)}


def test_every_source_is_the_closed_form_of_its_matrix() -> None:
    boot = normal_boot()
    check = crosscheck(boot.derive(moments), covariances={"mine": [[4.0, 1.0], [1.0, 9.0]]})
    mean, sd = boot.estimate[0], np.exp(boot.estimate[1])
    slopes = np.array([[-sd / mean**2, sd / mean], [1000.0, 1645.0 * sd]])
    assert check.names == ("variation", "upper")
    whole = crosscheck(boot)
    own = {"hessian": whole.hessian.covariance, "mine": np.array([[4.0, 1.0], [1.0, 9.0]])}
    for source, covariance in own.items():
        expected = np.sqrt(np.diag(slopes @ covariance @ slopes.T))
        assert_allclose(check.standard_errors[source], expected, rtol=1e-6)
    assert_allclose(check.standard_errors["bootstrap"], boot.derive(moments).standard_error)
    assert_allclose(gradient(boot.derive(moments)), slopes, rtol=1e-6)


def test_a_right_model_agrees_and_a_wrong_matrix_is_told_by_its_own_verdict() -> None:
    check = crosscheck(normal_boot().derive(moments), covariances={"mine": np.eye(2)})
    for source in ("hessian", "opg", "sandwich"):
        assert check.verdicts[source].agrees
    wrong = check.verdicts["mine"]
    assert not wrong.agrees
    assert "for the parameters themselves" in wrong.reason


def test_chained_functions_are_differentiated_together() -> None:
    boot = normal_boot()
    twice = boot.derive(moments).derive(lambda p: {"log": np.log(p[0]), "half": p[1] / 2})
    mean, sd = boot.estimate[0], np.exp(boot.estimate[1])
    assert_allclose(gradient(twice), [[-1 / mean, 1.0], [500.0, 822.5 * sd]], rtol=1e-6)
    once = boot.derive(lambda p: {"log": p[1] - np.log(p[0])})
    ours, theirs = (crosscheck(each).standard_errors["sandwich"][0] for each in (twice, once))
    assert_allclose(ours, theirs, rtol=1e-6)


def test_a_function_that_bends_is_told_from_a_wrong_source() -> None:
    """The square of a mean near 0: its tangent has half the spread, or none."""
    boot = normal_boot(mean=0.1)
    check = crosscheck(boot.derive(lambda p: {"square": p[0] ** 2}))
    for source in ("hessian", "sandwich"):
        verdict = check.verdicts[source]
        assert verdict.flag is Flag.NONLINEAR
        assert "differs from the bootstrap for square: the function is nonlinear" in verdict.reason
    assert Flag.NONLINEAR in check.flags


def test_heavy_tails_are_told_before_chance() -> None:
    boot = normal_boot(n=100, mean=0.5)
    derived = boot.derive(lambda p: {"variation": np.exp(p[1]) / p[0]})
    assert derived.heavy_tails.all()
    verdict = crosscheck(derived).verdicts["hessian"]
    assert verdict.flag is Flag.HEAVY_TAILED
    assert f"{derived.quantile_standard_error[0]:.3g}" in verdict.reason


def test_clusters_are_those_of_the_plan() -> None:
    model = logit(2)
    mle = fit(model.nll, model.truth, model.data(120, rng=0))
    boot = bootstrap(mle, sampling=Clustered(np.arange(120) // 4), n_resamples=499, rng=0)
    check = crosscheck(boot.derive(lambda p: [p[1], 1000 * p[2]]))
    expected = crosscheck(boot).standard_errors["cluster"][1:] * [1, 1000]
    assert_allclose(check.standard_errors["cluster"], expected, rtol=1e-6)
    whole = crosscheck(boot)
    assert_allclose(check.sampling_error[0], whole.sampling_error[1], rtol=1e-6)


def test_profiles_are_of_parameters() -> None:
    with pytest.raises(ValueError, match="profile: only parameters have"):
        crosscheck(normal_boot(n_resamples=99).derive(moments), profile=True)


def test_a_quantity_that_is_identified_where_its_parameters_are_not() -> None:
    """Only the sum of two parameters is in the likelihood: it has an error, they have none."""
    y = np.random.default_rng(0).poisson(3.0, 200)

    def nll(params: Any, y: Any) -> Any:
        total = params[0] + params[1]
        return np.exp(total) - y * total

    boot = bootstrap(fit(nll, [0.5, 0.5], y, names=["a", "b"]), n_resamples=499, rng=0)
    derived = boot.derive(lambda p: {"sum": p[0] + p[1]})
    check = crosscheck(derived)
    assert np.isfinite(derived.standard_error).all()
    assert check.sampling_error[0] > 0
    assert "the reference" in check.verdicts["bootstrap"].reason
