"""The information equality: against closed forms, rarely missed by a right model, else found."""

from typing import Any

import numpy as np
import pytest

from bootmle import Blocks, Clustered, Flag, bootstrap, crosscheck, fit
from bootmle.crosschecks.score_covariances import measure_scores
from bootmle.fitting.fit import Fit
from bootmle.refitting.alarm_kinds import AlarmKind
from bootmle.refitting.information_equality import Equality, equality_of_scores
from models import ar1, exponential, gamma, logit, normal, poisson

SUSPECTS = {Flag.MISSPECIFIED, Flag.OBJECTIVE_SCALE}
MODELS: dict[str, Any] = {
    "normal": normal(),
    "poisson": poisson(3),
    "exponential": exponential(),
    "logit": logit(2),
    "gamma": gamma(),
}


def equality_of(mle: Fit) -> Equality:
    scores = measure_scores(mle)
    assert scores is not None
    return equality_of_scores(mle, scores.whitened, scores.spread)


def overdispersed(n: int, seed: int) -> tuple[Any, Any]:
    """Counts of twice the Poisson's variance."""
    X, _ = poisson(1).data(n, rng=seed)
    means = np.exp(X @ poisson(1).truth)
    return X, np.random.default_rng(seed).negative_binomial(means, 0.5).astype(float)


def poisson_nll(params: Any, X: Any, y: Any) -> Any:
    return np.exp(X @ params) - y * (X @ params)


@pytest.mark.parametrize("over", [True, False])
def test_ratios_are_those_of_a_poisson_regression(over: bool) -> None:
    # Score (y − μ)x, Hessian μxxᵀ: the sandwich over the inverse Hessian, by their closed forms.
    X, y = overdispersed(300, 1)
    if not over:
        y = np.random.default_rng(1).binomial(40, np.exp(0.5 + 0.3 * X[:, 1]) / 50).astype(float)
        y = np.round(y / 2 + np.exp(0.5 + 0.3 * X[:, 1]) / 2)
    X = X * [1.0, 1e3]
    mle = fit(poisson_nll, {"const": 1.0, "slope": 0.0}, (X, y))
    means = np.exp(X @ mle.estimate)
    bread = np.linalg.inv(X.T @ (means[:, None] * X))
    meat = X.T @ (((y - means) ** 2)[:, None] * X)
    found = equality_of(mle)
    sandwich = bread @ meat @ bread
    np.testing.assert_allclose(found.ratios, np.diag(sandwich) / np.diag(bread), rtol=1e-4)
    assert found.ratio == pytest.approx(np.trace(bread @ meat) / 2, rel=1e-4)
    pulls = (X @ bread) ** 2
    squares, bends = pulls * ((y - means) ** 2)[:, None], pulls * means[:, None]
    expected = np.sqrt(300) * np.maximum(
        squares.std(axis=0, ddof=1) / squares.sum(axis=0),
        (squares - bends).std(axis=0, ddof=1)
        / np.maximum(squares.sum(axis=0), 0.5 * bends.sum(axis=0)),
    )
    np.testing.assert_allclose(found.errors, expected, rtol=1e-3)
    assert np.any(expected * squares.sum(axis=0) > 18 * squares.std(axis=0)) == (not over)


@pytest.mark.parametrize("name", MODELS)
def test_right_models_are_rarely_suspected(name: str) -> None:
    # At most 1% of data sets each (measured: 0.0 to 0.4%): Binomial(60, 0.01) exceeds 4 in 3e-4.
    model, suspected = MODELS[name], 0
    for seed in range(60):
        mle = fit(model.nll, model.truth, model.data(200, rng=seed))
        suspected += bool(SUSPECTS & crosscheck(mle).flags)
    assert suspected <= 4


def test_overdispersion_is_suspected_in_most_data_sets() -> None:
    # Power 0.8 at n = 200: Binomial(40, 0.8) falls below 22 with probability 1e-4.
    suspected = 0
    for seed in range(40):
        mle = fit(poisson_nll, [1.0, 0.0], overdispersed(200, seed))
        suspected += bool(SUSPECTS & crosscheck(mle).flags)
    assert suspected >= 22


def test_a_right_autoregression_is_not_said_to_have_dependent_rows() -> None:
    # Neighbouring scores beyond 3 errors, for a Hessian that is off: under 1e-3 in 20 data sets.
    model = ar1(0.5)
    for seed in range(20):
        mle = fit(model.nll, model.truth, model.data(200, rng=seed))
        boot = bootstrap(mle, sampling=Blocks(), n_resamples=99, rng=seed, refit="expansion")
        assert Flag.DEPENDENT_ROWS not in crosscheck(boot).flags


def test_blocks_do_not_blame_dependence_for_overdispersion() -> None:
    mle = fit(poisson_nll, [1.0, 0.0], overdispersed(400, 0))
    boot = bootstrap(mle, sampling=Blocks(2), n_resamples=199, rng=0)
    verdict = crosscheck(boot).verdicts["hessian"]
    assert not verdict.agrees
    assert verdict.flag is Flag.SMALL_SAMPLE
    assert "neighboring rows are not correlated" in verdict.reason


def test_long_blocks_have_a_sampling_error_of_their_own() -> None:
    model = ar1(0.5)
    mle = fit(model.nll, model.truth, model.data(400, rng=0))
    errors = {
        kind: crosscheck(
            bootstrap(mle, sampling=Blocks(length, kind=kind), n_resamples=99, rng=0)
        ).sampling_error
        / bootstrap(mle, sampling=Blocks(length, kind=kind), n_resamples=99, rng=0).standard_error
        for kind, length in (("stationary", 1), ("circular", 1), ("moving", 12))
    }
    np.testing.assert_allclose(errors["stationary"], errors["circular"])
    np.testing.assert_allclose(errors["moving"], errors["circular"] * 8**0.5)


@pytest.mark.parametrize("weight", [0.1, 10.0])
def test_a_common_weight_is_no_misspecification(weight: float) -> None:
    # Score variance counts a weight squared, the curvature once.
    X, y = poisson(1).data(400, rng=2)
    weights = np.full(400, weight)
    unit, weighted = (
        equality_of(fit(poisson_nll, [1.0, 0.0], (X, y), weights=each)) for each in (None, weights)
    )
    np.testing.assert_allclose(weighted.ratios, unit.ratios, rtol=1e-5)
    np.testing.assert_allclose(weighted.errors, unit.errors, rtol=1e-4)
    assert weighted.error == pytest.approx(unit.error, rel=1e-4)
    mle = fit(poisson_nll, [1.0, 0.0], (X, y), weights=weights)
    boot = bootstrap(mle, n_resamples=199, rng=0)
    assert AlarmKind.OBJECTIVE_SCALE not in {alarm.kind for alarm in boot.alarms}
    assert "prior weights" in crosscheck(boot).verdicts["hessian"].reason


@pytest.mark.parametrize("total", [False, True])
def test_alarms_and_cross_check_share_one_margin(total: bool) -> None:
    # Counts of 1.31 times the Poisson's variance, known to 1% at n = 20,000: the margin is 1.25.
    X, _ = poisson(1).data(20_000, rng=0)
    X = X * [1.0, 1e3]
    means = np.exp(X @ (poisson(1).truth / [1.0, 1e3]))
    y = np.random.default_rng(0).negative_binomial(means / 0.31, 1 / 1.31).astype(float)

    def nll(params: Any, X: Any, y: Any) -> Any:
        values = poisson_nll(params, X, y)
        return values.sum() if total else values

    mle = fit(nll, poisson(1).truth / [1.0, 1e3], (X, y))
    boot = bootstrap(mle, n_resamples=399, rng=1)
    (said,) = [alarm.message for alarm in boot.alarms if alarm.kind is AlarmKind.OBJECTIVE_SCALE]
    words = (
        "variance of the replicates is 1.3 times the inverse" if total else "scores is 1.3 times"
    )
    assert words in said
    (found,) = [each for each in crosscheck(boot).diagnoses if each.flag is Flag.MISSPECIFIED]
    assert words in str(found)


def test_clusters_are_no_reason_to_doubt_the_scale_of_a_total() -> None:
    # Cluster means of twice the rows' spread: replicates of clusters spread by that, rightly.
    labels = np.repeat(np.arange(60), 10)
    rng = np.random.default_rng(1)
    y = 500 + 6 * rng.normal(size=60)[labels] + 3 * rng.normal(size=600)
    mle = fit(lambda p, y: float(normal().nll(p, y).sum()), {"mu": 500.0, "log_sigma": 1.5}, y)
    boot = bootstrap(mle, sampling=Clustered(labels), n_resamples=199, rng=0)
    assert AlarmKind.OBJECTIVE_SCALE not in {alarm.kind for alarm in boot.alarms}
    assert not SUSPECTS & {diagnosis.flag for diagnosis in crosscheck(boot).diagnoses}


@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_the_scale_of_a_poisson_objective_is_measured(factor: float) -> None:
    # Counts of twice the Poisson's variance look like −2 log L by their scores alone.
    X, y = overdispersed(300, 1)
    mle = fit(lambda b, X, y: factor * poisson_nll(b, X, y), [1.0, 0.0], (X, y))
    expected = Flag.MISSPECIFIED if factor == 1 else Flag.OBJECTIVE_SCALE
    assert crosscheck(mle).diagnoses[0].flag is expected


def test_a_sum_of_squares_is_recognized() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=100)
    y = x + 3 * rng.normal(size=100)
    mle = fit(lambda b, x, y: (y - b[0] - b[1] * x) ** 2, [0.0, 0.0], (x, y))
    (found,) = crosscheck(mle).diagnoses
    assert found.flag is Flag.OBJECTIVE_SCALE
    assert "the objective is a sum of squares" in found.sentence
