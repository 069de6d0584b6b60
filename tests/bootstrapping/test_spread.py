"""The bias, with the replicates' linear part as a control variate: closed forms of a normal."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bootmle import (
    Bayesian,
    Cases,
    Clustered,
    Estimator,
    Fit,
    Stratified,
    Subsample,
    Wild,
    bootstrap,
    fit,
    load,
)

N, B = 60, 999
Y = 1000.0 + 5.0 * np.random.default_rng(0).normal(size=N)
VARIANCE = Y.var()


def nll(params: Any, y: Any) -> Any:
    mean, variance = params
    return np.log(variance) / 2 + (y - mean) ** 2 / (2 * variance)


def normal(**options: Any) -> Fit:
    start = {"mean": 1000.0, "variance": 30.0}
    return fit(nll, start, Y, transform={"variance": "log"}, **options)


@pytest.mark.parametrize(
    ("plan", "factor"),
    [
        (Cases(), 1.0),
        # The variance of a mean of n weights of Dirichlet(1, ..., 1) is σ²/(n + 1).
        (Bayesian(), N / (N + 1)),
        # Two strata of 30, alike: those of Cases within each.
        (Stratified(np.argsort(np.argsort(Y)) % 2), None),
        (Clustered(np.arange(N)), 1.0),
    ],
    ids=["Cases", "Bayesian", "Stratified", "Clustered"],
)
@pytest.mark.parametrize("refit", ["verified", "expansion", "corrected"])
def test_the_bias_of_a_mean_is_0_and_that_of_a_variance_is_known(
    plan: Any, factor: float | None, refit: str
) -> None:
    """−σ²/n, within 4 Monte Carlo errors, which are √(2/B) of it and not √(2/n) σ²/√B."""
    boot = bootstrap(normal(), sampling=plan, n_resamples=B, rng=1, refit=refit)
    close = 1e-3 if refit == "verified" else 0.01
    assert abs(boot.bias[0]) < close * boot.standard_error[0]
    assert boot.bias_mcse[0] < close * boot.standard_error[0]
    if factor is None:
        own = plan.strata
        within = np.mean([Y[own == k].var() for k in (0, 1)])
        expected = -within / N
    else:
        expected = -factor * VARIANCE / N
    assert abs(boot.bias[1] - expected) < 4 * boot.bias_mcse[1] + 2e-3 * abs(expected)
    assert boot.bias_mcse[1] < 1.5 * np.sqrt(2 / B) * abs(expected)
    assert boot.bias_mcse[1] < boot.standard_error[1] / np.sqrt(B) / 4


def test_the_printed_error_of_the_bias_is_right() -> None:
    """z² of 60 seeds sums to χ²: outside its 1e-4 quantiles in 2 of 10,000 runs."""
    mle = normal()
    boots = [bootstrap(mle, n_resamples=64, rng=seed, refit="expansion") for seed in range(60)]
    z = [(boot.bias[1] + VARIANCE / N) / boot.bias_mcse[1] for boot in boots]
    # Errors estimated from 64 skewed squares are low: the mean square is about 1.1.
    assert 0.5 < np.mean(np.square(z)) < 1.9
    assert abs(np.mean(z)) < 0.6


def test_derived_quantities_have_their_own_linear_part() -> None:
    """E(mean²) − mean² is σ²/n, and a difference of linear parts is one."""
    boot = bootstrap(normal(), n_resamples=B, rng=1)
    squares = boot.derive(lambda p: {"square": (p[0] - 990.0) ** 2, "half": p[0] / 2})
    assert abs(squares.bias[0] - VARIANCE / N) < 4 * squares.bias_mcse[0]
    assert squares.bias_mcse[0] < squares.standard_error[0] / np.sqrt(B) / 4
    assert abs(squares.bias[1]) < 1e-3 * squares.standard_error[1]
    again = squares.derive(lambda p: np.sqrt(p))
    assert again.bias_mcse[0] < again.standard_error[0] / np.sqrt(B) / 4


def test_normal_intervals_have_the_smaller_error() -> None:
    """With a center that is known, an endpoint's error is z times that of the SE."""
    boot = bootstrap(normal(), n_resamples=B, rng=1)
    ends = boot.confidence_interval("normal")
    assert_allclose(ends.low_mcse[0], 1.959964 * boot.standard_error_mcse[0], rtol=0.01)
    assert_allclose((ends.low + ends.high) / 2, boot.estimate - boot.bias, rtol=1e-12)


def test_it_is_stored_and_the_same_however_the_run_is_divided(tmp_path: Path) -> None:
    mle = normal()
    whole = bootstrap(mle, n_resamples=192, rng=1)
    for shard in ((1, 2), (2, 2)):
        bootstrap(mle, n_resamples=192, rng=1, checkpoint=tmp_path / "run", shard=shard)
    whole.save(tmp_path / "run.npz")
    longer = bootstrap(mle, n_resamples=100, rng=1).extend(92)
    for other in (load(tmp_path / "run"), load(tmp_path / "run.npz"), longer):
        assert_array_equal(other.data.linear, whole.data.linear)
        assert_array_equal(other.bias, whole.bias)
        assert_array_equal(other.bias_mcse, whole.bias_mcse)


def test_where_there_is_no_linear_part_the_bias_is_a_plain_mean() -> None:
    of_means = Estimator(np.mean, Y)
    for source, plan in ((of_means, Cases()), (normal(), Subsample(40))):
        boot = bootstrap(source, sampling=plan, n_resamples=99, rng=1)
        assert np.isnan(boot.data.linear).all()
        shift = (boot.kept() - boot.estimate).mean(axis=0)
        assert_allclose(boot.bias, shift * boot.rescaling[1] / boot.rescaling[0])
    steps = bootstrap(normal(), sampling=Wild(np.arange(N) // 6), n_resamples=99, rng=1)
    assert_array_equal(steps.bias, 0.0)
    assert_array_equal(steps.bias_mcse, 0.0)
