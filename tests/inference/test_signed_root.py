"""Intervals by the likelihood ratio, with the quantiles that its signed root has in replicates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq

from bootmle import Estimator, Fit, Given, Subsample, Wild, bootstrap, fit, load
from bootmle.sampling import Cases, draw_resample

N = 20
SCALE = 1000.0


def normal(params: Any, y: Any) -> Any:
    return params[1] + 0.5 * ((y - params[0]) / np.exp(params[1])) ** 2


def draw() -> Any:
    return np.random.default_rng(5).normal(2.0, 1.0, N) * SCALE


def separable(gap: float = 0.2) -> Fit:
    """A logit of which a resample without two of its rows is separated, its slope per 1,000."""
    x = np.linspace(-2, 2, N)
    x[[9, 10]] = -gap / 2, gap / 2
    y = (x > 0).astype(float)
    y[[7, 13]] = 1 - y[[7, 13]]

    def nll(params: Any, x: Any, y: Any) -> Any:
        return np.logaddexp(0, (1 - 2 * y) * (params[0] + params[1] * x))

    return fit(nll, {"const": 0.0, "slope": 0.0}, (SCALE * x, y))


def test_of_a_normal_mean_it_is_the_studentized_interval() -> None:
    """Its root is ±√(n log(1 + t²/n)), and both intervals take the same order statistics."""
    mle = fit(normal, {"mu": 1900.0, "log_sigma": 7.0}, draw())
    boot = bootstrap(mle, n_resamples=199, rng=0)
    for level in (0.9, 0.95):
        root, student = (boot.confidence_interval(k, level) for k in ("signed-root", "studentized"))
        assert_allclose([root.low[0], root.high[0]], [student.low[0], student.high[0]], rtol=1e-3)
        assert np.isfinite([root.low_mcse, root.high_mcse]).all()


def test_of_an_exponential_mean_it_is_known_in_closed_form() -> None:
    y = np.random.default_rng(1).exponential(SCALE, N)
    mle = fit(lambda p, y: p[0] + y / np.exp(p[0]), {"log_mean": 7.0}, y)
    boot = bootstrap(mle, n_resamples=199, rng=0)

    def root(mean: Any, at: Any) -> Any:
        return np.sign(mean - at) * np.sqrt(2 * N * (np.log(at / mean) + mean / at - 1))

    means = [y @ draw_resample(Cases(), N, 0, k).weights / N for k in range(199)]
    roots = np.sort([root(mean, y.mean()) for mean in means])
    found = boot.confidence_interval("signed-root", 0.9)
    for end, wanted in ((found.low[0], roots[189]), (found.high[0], roots[9])):
        expected = brentq(lambda at, r=wanted: root(y.mean(), at) - r, 10.0, 1e5)
        assert_allclose(np.exp(end), expected, rtol=1e-3)
    assert_allclose(boot.p_value(found.low, "signed-root", "greater"), [0.05], rtol=0.02)


def test_the_score_of_a_mean_is_its_wald_statistic() -> None:
    """Of an exponential mean, on its own scale: the interval is the studentized one."""
    y = np.random.default_rng(1).exponential(SCALE, N)
    mle = fit(lambda p, y: np.log(p[0]) + y / p[0], {"mean": 900.0}, y)
    boot = bootstrap(mle, n_resamples=199, rng=0)
    found, own = (boot.confidence_interval(k, 0.9) for k in ("wald-score", "studentized"))
    assert_allclose([found.low, found.high], [own.low, own.high], rtol=2e-3)
    assert_allclose(boot.p_value(found.low, "wald-score", "greater"), [0.05], rtol=0.02)


def test_wald_and_score_statistics_of_a_regression() -> None:
    """Against the formula: the score statistic at the optimum over the others, by Newton steps."""
    x = np.linspace(-1, 2, N)
    y = np.random.default_rng(3).poisson(np.exp(0.5 + 0.6 * x))

    def nll(params: Any, x: Any, y: Any) -> Any:
        eta = params[0] + params[1] * x / SCALE
        return np.exp(eta) - y * eta

    mle = fit(nll, {"const": 0.0, "slope": 0.0}, (SCALE * x, y))
    boot = bootstrap(mle, n_resamples=39, rng=0)
    boot.confidence_interval("wald-score", 0.9)
    drawn = [draw_resample(Cases(), N, 0, k).weights for k in range(39)]
    X, scores = np.column_stack([np.ones(N), x]), boot.own_errors.scores_of(boot)[0]
    assert scores is not None
    for k, w in enumerate(drawn):
        const = 0.0
        for _ in range(30):
            mean = np.exp(const + mle.estimate[1] * x)
            const -= (w @ (mean - y)) / (w @ mean)
        h = (X * (w * np.exp(const + mle.estimate[1] * x))[:, None]).T @ X
        rows = (np.exp(const + mle.estimate[1] * x) - y) * (X @ np.linalg.inv(h)[1])
        score = abs(w @ rows) / np.sqrt(w @ rows**2)
        away = boot.replicates[k, 1] - mle.estimate[1]
        expected = np.sign(away) * np.sqrt(abs(away) / boot.data.standard_errors[k, 1] * score)
        assert_allclose(scores[k, 1], expected, rtol=0.01, atol=1e-3)


def test_replicates_without_a_finite_optimum_have_one(tmp_path: Path) -> None:
    mle = separable()
    boot = bootstrap(mle, n_resamples=79, rng=0)
    assert 3 < boot.data.divergent.sum() < 60
    found = boot.confidence_interval("signed-root")
    assert np.isfinite([found.low, found.high]).all()
    assert np.isinf(boot.confidence_interval("percentile").high[1])
    assert boot.recommended_kinds().tolist() == ["signed-root"] * 2
    assert "signed-root" in str(boot)
    # At an end the likelihood ratio is a quantile of the replicates': the p-value is 5%.
    assert_allclose(boot.p_value(found.high, "signed-root"), [0.05, 0.05], atol=2e-3)
    boot.save(tmp_path / "run")
    again = load(tmp_path / "run", fit=mle).confidence_interval("recommended")
    assert_array_equal([again.low, again.high], [found.low, found.high])
    with pytest.raises(ValueError, match="the file does not hold the likelihood ratio of each"):
        load(tmp_path / "run").confidence_interval("signed-root")
    lacking = "recommended ones of const, slope: use load"
    assert lacking in str(load(tmp_path / "run"))
    with pytest.warns(UserWarning, match=lacking):
        load(tmp_path / "run").confidence_interval("recommended")


@pytest.mark.parametrize("gap", [0.2, 0.002])
def test_a_separated_replicates_supremum_is_0_however_narrow_the_gap(gap: float) -> None:
    mle = separable(gap)
    rows = np.r_[[each for each in range(N) if each not in {7, 13}], 0, 19]
    boot = bootstrap(mle, sampling=Given(indices=[rows, rows]), n_resamples=2)
    x, y = mle.likelihood.args[0][rows], mle.likelihood.args[1][rows]

    def held(which: int, other: float) -> float:
        params = np.insert(np.array([other]), which, mle.estimate[which])
        return float(np.logaddexp(0, (1 - 2 * y) * (params[0] + params[1] * x)).sum())

    lowest = [
        min(held(0, slope) for slope in np.geomspace(1e-4, 1e2, 20001)),
        min(held(1, const) for const in np.linspace(-5, 5, 20001)),
    ]
    roots, _ = boot.own_errors.roots_of(boot)
    assert_allclose(np.abs(roots[0]), np.sqrt(2 * np.array(lowest)), rtol=1e-3, atol=0.01)


@pytest.mark.parametrize("scale", [1 / N, 1.0, 50.0])
def test_weights_are_in_units_of_draws_or_refused(scale: float) -> None:
    """Times c, a replicate's likelihood ratio is c times as large, its estimate the same."""
    mle = fit(normal, {"mu": 1900.0, "log_sigma": 7.0}, draw())
    for drawn in (np.random.default_rng(0).dirichlet(np.ones(N), 79) * N, counts(79)):
        boot = bootstrap(mle, sampling=Given(weights=scale * drawn), n_resamples=79)
        kinds = boot.recommended_kinds()
        assert np.isin(kinds, ["wald-score", "signed-root", "studentized"]).any() == (scale == 1)
        for kind in ("signed-root", "wald-score") if scale != 1 else ():
            with pytest.raises(ValueError, match="do not vary as numbers of draws"):
                boot.confidence_interval(kind)


def counts(size: int) -> Any:
    return np.array([draw_resample(Cases(), N, 0, k).weights for k in range(size)])


def test_an_estimators_file_lacks_no_likelihood(tmp_path: Path) -> None:
    boot = bootstrap(Estimator(np.mean, draw()), n_resamples=49, rng=0)
    boot.save(tmp_path / "run")
    assert "likelihood" not in str(load(tmp_path / "run"))


def test_a_fixed_parameter_has_an_interval_of_no_length() -> None:
    mle = fit(normal, {"mu": 1900.0, "log_sigma": 7.0}, draw(), fixed={"mu": 2000.0})
    found = bootstrap(mle, n_resamples=99, rng=0).confidence_interval("signed-root", 0.9)
    assert found.low[0] == found.high[0] == 2000.0
    assert found.low[1] < mle.estimate[1] < found.high[1]


def test_what_has_no_likelihood_ratio_is_refused_by_its_reason() -> None:
    mle = fit(normal, {"mu": 1900.0, "log_sigma": 7.0}, draw())
    boot = bootstrap(mle, n_resamples=49, rng=0)
    mean = Estimator(np.mean, draw())
    refused = {
        "derived quantities have no profile": boot.derive(lambda p: p[0]),
        "an Estimator has no likelihood": bootstrap(mean, n_resamples=49, rng=0),
        "steps along scores": bootstrap(mle, sampling=Wild(np.arange(N) % 5), n_resamples=49),
        "'expansion' does not go to the": bootstrap(mle, n_resamples=49, refit="expansion"),
        "samples of another size": bootstrap(mle, sampling=Subsample(0.5), n_resamples=49),
    }
    for message, each in refused.items():
        with pytest.raises(ValueError, match=f"'signed-root' is not available, as .*{message}"):
            each.confidence_interval("signed-root", 0.9)
        with pytest.raises(ValueError, match="'wald-score' is not available, as "):
            each.confidence_interval("wald-score", 0.9)


def test_few_rows_whose_replicates_all_have_an_optimum_are_recommended_wald_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    y = np.random.default_rng(1).exponential(SCALE, N)
    mle = fit(lambda p, y: np.log(p[0]) + y / p[0], {"mean": 900.0}, y)
    boot = bootstrap(mle, n_resamples=79, rng=0)
    with monkeypatch.context() as patched:  # where they take long
        patched.setattr("bootmle.bootstrapping.own_errors.QUICK_SECONDS", 0.0)
        assert "('recommended'), which computes wald-score intervals first" in str(boot)
    assert boot.recommended_kinds().tolist() == ["wald-score"]
    assert str(boot).splitlines()[2].split()[-1] == "wald-score"
    assert "no interval here is reliable" not in str(boot)
    boot.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert again.recommended_kinds().tolist() == ["studentized"]
    assert "whose wald-score intervals may be the recommended ones of mean: use load" in str(again)
