"""Studentized intervals of derived quantities: each replicate's own error by the delta method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import ndtr

from bootmle import Bootstrap, Clustered, Estimator, Fit, Stratified, Wild, bootstrap, fit, load
from bootmle.sampling import draw_resample
from models import logit

N = 30
SCALE = 1000.0


def draw() -> Any:
    return np.random.default_rng(5).normal(2.0, 1.0, N) * SCALE


def normal(params: Any, y: Any) -> Any:
    return params[1] + 0.5 * ((y - params[0]) / np.exp(params[1])) ** 2


def fitted() -> Fit:
    return fit(normal, {"mu": 1900.0, "log_sigma": 7.0}, draw())


def of_normal(params: Any) -> dict[str, float]:
    mu, sigma = params[0], np.exp(params[1])
    z = (mu - 3.0 * SCALE) / sigma
    return {"ratio": mu / sigma, "quantile": mu + 1.645 * sigma, "share": float(ndtr(z))}


def in_closed_form(weights: Any, y: Any) -> Any:
    """Sandwich errors √(g C gᵀ) at the moments of a weighted sample, (B, 3)."""
    share = weights / weights.sum(axis=1, keepdims=True)
    mu = share @ y
    d = y - mu[:, None]
    v = (share * d**2).sum(axis=1)
    s = np.sqrt(v)
    z = (mu - 3.0 * SCALE) / s
    height = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    influence = d, (d**2 / v[:, None] - 1) / 2
    slopes = (1 / s, -mu / s), (np.ones_like(s), 1.645 * s), (height / s, -height * z)
    moved = [a[:, None] * influence[0] + b[:, None] * influence[1] for a, b in slopes]
    return np.stack([np.sqrt((share * m**2).sum(axis=1) / len(y)) for m in moved], axis=1)


def drawn(boot: Bootstrap, n: int) -> Any:
    assert not isinstance(boot.sampling, str)
    size = len(boot.data)
    return np.array([draw_resample(boot.sampling, n, boot.seed, k).weights for k in range(size)])


def errors_of(boot: Bootstrap) -> Any:
    return boot.with_own_errors().data.standard_errors


@pytest.mark.parametrize("jac", [None, "by hand"])
def test_errors_are_those_of_the_delta_method_in_each_replicate(jac: Any) -> None:
    def slopes(params: Any, y: Any) -> Any:
        z = (y - params[0]) / np.exp(params[1])
        return np.column_stack([-z / np.exp(params[1]), 1 - z**2])

    y = draw()
    mle = fit(normal, [1900.0, 7.0], y, jac=slopes if jac else None)
    boot = bootstrap(mle, n_resamples=159, rng=0)
    derived = boot.derive(of_normal)
    bounds = derived.confidence_interval("studentized")
    expected = in_closed_form(drawn(boot, N), y)
    found = errors_of(derived) / expected
    assert_allclose(np.median(found, axis=0), 1, rtol=2e-3)
    assert_allclose(found, 1, rtol=0.03)
    own = in_closed_form(np.ones((1, N)), y)[0]
    ratios = np.sort((derived.replicates - derived.estimate) / expected, axis=0)
    # Order statistics 4 and 156 of 159.
    for end, ratio in ((bounds.high, ratios[3]), (bounds.low, ratios[155])):
        assert_allclose((end - derived.estimate) / own, -ratio, rtol=0.03)


def test_a_parameter_derived_as_it_is_has_its_own_interval() -> None:
    model = logit(3)
    X, y = model.data(60, rng=3)
    mle = fit(model.nll, model.truth, (X * [1.0, 1e3, 1.0, 1.0], y))
    boot = bootstrap(mle, n_resamples=99, rng=0)
    derived = boot.derive(lambda p: p[:2])
    for level in (0.8, 0.95):
        own, same = (each.confidence_interval("studentized", level) for each in (boot, derived))
        assert_allclose([same.low, same.high], [own.low[:2], own.high[:2]], rtol=1e-9)
    values = np.array([0.3, 1e-3])
    both = derived.p_value(values, "studentized"), boot.p_value([*values, 0.0, 0.0], "studentized")
    assert_allclose(both[0], both[1][:2], rtol=1e-6)


def test_intervals_stay_in_the_range_of_the_scale_that_is_stated() -> None:
    boot = bootstrap(fitted(), n_resamples=199, rng=0)
    derived = boot.derive(of_normal, transform={"share": "probit", "quantile": "log"})
    ends = derived.confidence_interval("studentized", 0.98)
    assert 0 < ends.low[2] < derived.estimate[2] < ends.high[2] < 1
    plain = boot.derive(of_normal).confidence_interval("studentized", 0.98)
    assert_allclose([plain.low[0], plain.high[0]], [ends.low[0], ends.high[0]])

    # On the scale itself the quantity is studentized as it is.
    def of_log(params: Any) -> Any:
        return np.log(params[0] + 1.645 * np.exp(params[1]))

    same = boot.derive(of_log).confidence_interval("studentized", 0.98)
    assert_allclose(np.exp([same.low, same.high]).ravel(), [ends.low[1], ends.high[1]], rtol=1e-4)
    at_end = derived.p_value({"share": ends.low[2]}, "studentized")[2]
    assert_allclose(at_end, 0.02, rtol=1e-6)


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        ({"ratios": "log"}, "there is no quantity 'ratios'; the names are"),
        (["log"], "1 scales for 3 quantities"),
        ("sqrt", "'sqrt' is unknown; use one of identity, log, logit, probit"),
        (3.5, "3.5 is unknown; use one of identity, log, logit, probit"),
        ({"ratio": "probit"}, "'probit' is for values between 0 and 1, and ratio is"),
    ],
)
def test_scales_that_do_not_fit_are_refused(transform: Any, message: str) -> None:
    boot = bootstrap(fitted(), n_resamples=9, rng=0)
    with pytest.raises(ValueError, match=f"transform: {message}"):
        boot.derive(of_normal, transform=transform)


def groups() -> Any:
    return np.arange(N) % 10


@pytest.mark.parametrize("plan", [Stratified(np.arange(N) // 15), Clustered(groups())])
def test_units_and_strata_count_as_in_the_parameters_errors(plan: Any, tmp_path: Path) -> None:
    boot = bootstrap(fitted(), sampling=plan, n_resamples=64, rng=0)
    mu = boot.derive(lambda p: [p[0], -p[0] / 2 + 0 * p[1]])
    bounds = mu.confidence_interval("studentized", 0.9)
    assert_allclose(errors_of(mu)[:, 0], boot.data.standard_errors[:, 0], rtol=1e-9)
    assert_allclose(errors_of(mu)[:, 1], boot.data.standard_errors[:, 0] / 2, rtol=1e-6)
    boot.save(tmp_path / "run")
    again = load(tmp_path / "run", fit=boot.fit).derive(of_normal)
    first = boot.derive(of_normal)
    for kind in ("studentized", "recommended"):
        own, loaded = (each.confidence_interval(kind, 0.9) for each in (first, again))
        assert_array_equal([loaded.low, loaded.high], [own.low, own.high])
    first.save(tmp_path / "derived")
    kept = load(tmp_path / "derived").confidence_interval("studentized", 0.9)
    own = first.confidence_interval("studentized", 0.9)
    assert_array_equal([kept.low, kept.high], [own.low, own.high])
    assert np.isfinite([bounds.low, bounds.high]).all()


def test_score_steps_have_the_covariance_of_their_scores() -> None:
    mle = fitted()
    boot = bootstrap(mle, sampling=Wild(groups()), n_resamples=99, rng=0)
    derived = boot.derive(lambda p: [p[0], 2 * p[0] + 500 * p[1]])
    derived.confidence_interval("studentized", 0.9)
    y, params = draw(), mle.estimate
    s2 = np.exp(2 * params[1])
    d = y - params[0]
    of_rows = 2 * d / N + 500 * (d**2 / s2 - 1) / (2 * N)
    sums = np.bincount(groups(), of_rows)
    weights = np.array(
        [draw_resample(boot.sampling, N, 0, k).multipliers for k in range(99)]  # type: ignore[arg-type]
    )
    steps = weights @ sums
    expected = np.sqrt(weights**2 @ sums**2 - steps**2 / 10)
    assert_allclose(errors_of(derived)[:, 1], expected, rtol=1e-3)
    assert_allclose(errors_of(derived)[:, 0], boot.data.standard_errors[:, 0], rtol=1e-9)


@pytest.mark.parametrize("total", [False, True])
def test_corrected_replicates_have_them_too(total: bool) -> None:
    """Against verified refits of the same resamples: pivots are corrected, ends agree."""
    model = logit(2)
    args = model.data(60 if total else 300, rng=3)

    def nll(params: Any, X: Any, y: Any) -> Any:
        rows = model.nll(params, X, y)
        return rows.sum() if total else rows

    size = 99 if total else 199
    verified = bootstrap(fit(model.nll, model.truth, args), n_resamples=size, rng=0)
    boot = bootstrap(fit(nll, model.truth, args), n_resamples=size, rng=0, refit="corrected")
    ends = []
    for each in (verified, boot):
        derived = each.derive(lambda p: {"sum": p[0] + p[1], "odds": np.exp(p[2])}, transform="log")
        bounds = derived.confidence_interval("studentized", 0.9)
        assert np.isfinite([bounds.low_mcse, bounds.high_mcse]).all()
        ends.append(np.array([bounds.low, bounds.high]))
    assert_allclose(ends[1], ends[0], atol=0.03 * np.ptp(ends[0], axis=0).min())


def test_what_has_no_covariances_is_refused_by_its_reason(tmp_path: Path) -> None:
    mle = fitted()
    boot = bootstrap(mle, n_resamples=49, rng=0)
    boot.save(tmp_path / "run")
    load(tmp_path / "run").derive(of_normal).save(tmp_path / "derived")
    moments = Estimator(lambda y: [y.mean(), y.std()], draw(), standard_error=lambda y: [1.0, 1.0])
    refused = {
        "does not hold standard errors of derived": load(tmp_path / "derived"),
        r"own covariance, of its sample \(use load": load(tmp_path / "run").derive(of_normal),
        "standard_error= returns no covariances": bootstrap(moments, n_resamples=49, rng=0).derive(
            lambda p: p[0] / p[1]
        ),
        "refit='expansion' computes no standard error": bootstrap(
            mle, n_resamples=49, rng=0, refit="expansion"
        ).derive(of_normal),
    }
    for message, each in refused.items():
        with pytest.raises(ValueError, match=f"'studentized' is not available, as .*{message}"):
            each.confidence_interval("studentized", 0.9)
        assert "studentized" not in each.recommended_kinds()


def test_the_recommended_interval_of_a_derived_quantity_is_studentized_unless_tails_are_heavy() -> (
    None
):
    boot = bootstrap(fitted(), n_resamples=399, rng=0)
    derived = boot.derive(lambda p: [p[0] / np.exp(p[1]), 1 / (p[0] - 1850.0)])
    assert derived.recommended_kinds()[0] == "studentized"
    assert derived.heavy_tails[1]
    assert derived.recommended_kinds()[1] != "studentized"
    assert "studentized" in str(derived)


def test_replicates_without_a_value_have_no_own_error_wherever_they_are() -> None:
    boot = bootstrap(fitted(), n_resamples=99, rng=0)

    def below(params: Any) -> list[float]:  # raises ZeroDivisionError at half of the replicates
        return [1 / bool(params[0] < boot.estimate[0] + 1.0), params[1]]

    def above(params: Any) -> list[float]:
        return [1 / bool(params[0] > boot.estimate[0] - 1.0), params[1]]

    for function in (below, above):  # one of them at the first replicate
        assert "has no value at" in str(boot.derive(function))
    with pytest.raises(ValueError, match="at none of the 99 replicates"):
        boot.derive(lambda p: 1 / bool(p[0] == boot.estimate[0]))
