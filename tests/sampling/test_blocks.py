"""Blocks: variances of a mean in closed form, what moving blocks centre at, and dependent rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy import stats
from scipy.signal import lfilter
from scipy.special import ndtri

from bootmle import Blocks, Cases, Estimator, bootstrap, fit, load
from bootmle.fitting.fit import Fit
from bootmle.sampling.blocks import automatic_length
from bootmle.sampling.streams import stream_of

Floats = NDArray[np.float64]
N, B, SEED = 24, 3999, 5
UNIT = np.array([50.0, 0.01])
KINDS = ["stationary", "circular", "moving"]


def autoregressions(n: int, phi: float = 0.6, seed: int = 1) -> Floats:
    """Two independent AR(1) series of scales 50 and 0.01."""
    noise = np.random.default_rng(seed).normal(size=(n, 2))
    return np.array([1000.0, 1.0]) + UNIT * np.asarray(lfilter([1.0], [1.0, -phi], noise, axis=0))


def nll(params: Any, Y: Any) -> Any:
    return 0.5 * (((Y - params) / UNIT) ** 2).sum(axis=1)


def total(params: Any, Y: Any) -> float:
    return float(nll(params, Y).sum())


def means(n: int = N, reduce: bool = False) -> Fit:
    start = {"first": 1000.0, "second": 1.0}
    return fit(total if reduce else nll, start, autoregressions(n))


def weighted_means() -> Estimator:
    def function(Y: Any, weights: Any = None) -> Any:
        return np.average(Y, axis=0, weights=weights)

    return Estimator(function, autoregressions(N))


def circular_autocovariances(Y: Floats) -> Floats:
    """R(j) = Σ_t (Y_t − Ȳ)(Y_{t+j} − Ȳ) / n, indices modulo n, (n, p)."""
    centred = Y - Y.mean(axis=0)
    return np.array([(centred * np.roll(centred, -j, axis=0)).mean(axis=0) for j in range(len(Y))])


def circular_variance(Y: Floats, length: int) -> Floats:
    """Of a mean of whole blocks and a cut one: m R(0) + 2 Σ (m − j) R(j) for each of m rows."""
    n, R = len(Y), circular_autocovariances(Y)

    def of_sum(m: int) -> Floats:
        return m * R[0] + 2 * sum((m - j) * R[j] for j in range(1, m)) if m else 0 * R[0]

    return (n // length * of_sum(length) + of_sum(n % length)) / n**2


def stationary_variance(Y: Floats, length: float) -> Floats:
    """Politis and Romano (1994), lemma 1: R(0) + 2 Σ (1 − i/n) (1 − p)^i R(i), over n."""
    n, R = len(Y), circular_autocovariances(Y)
    i = np.arange(1, n)[:, None]
    return (R[0] + 2 * ((1 - i / n) * (1 - 1 / length) ** i * R[1:]).sum(axis=0)) / n


def moving_variance(Y: Floats, length: int) -> Floats:
    """The variance over the n − l + 1 starts of a block's sum, and of a cut one's, over n²."""
    n = len(Y)
    starts = range(n - length + 1)

    def of_sum(m: int) -> Floats:
        return np.array([Y[s : s + m].sum(axis=0) for s in starts]).var(axis=0)

    return (n // length * of_sum(length) + of_sum(n % length)) / n**2


VARIANCES: dict[str, Any] = {
    "stationary": stationary_variance,
    "circular": circular_variance,
    "moving": moving_variance,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [1, 4, 7])
def test_the_variance_of_a_mean_is_exact(kind: str, length: int) -> None:
    # Both errors within 5 Monte Carlo errors: a false-alarm rate of 1e-6 for each case. Blocks of
    # 7 leave 3 of 24 rows to one that is cut.
    boot = bootstrap(weighted_means(), sampling=Blocks(length, kind=kind), n_resamples=B, rng=1)
    exact = np.sqrt(VARIANCES[kind](autoregressions(N), length))
    assert np.all(np.abs(boot.standard_error - exact) < 5 * boot.standard_error_mcse)


def test_stationary_blocks_of_a_fractional_mean_length() -> None:
    boot = bootstrap(weighted_means(), sampling=Blocks(2.5), n_resamples=B, rng=1)
    exact = np.sqrt(stationary_variance(autoregressions(N), 2.5))
    assert np.all(np.abs(boot.standard_error - exact) < 5 * boot.standard_error_mcse)


@pytest.mark.parametrize("kind", ["stationary", "circular"])
def test_wrapped_blocks_draw_all_rows_alike(kind: str, weights_of: Any) -> None:
    # 24 means of 4000 weights within 5 errors: a false-alarm rate of 1e-5.
    weights = weights_of(Blocks(7, kind=kind), 11, N, 4000)
    error = weights.std(axis=0, ddof=1) / np.sqrt(4000)
    assert np.abs((weights.mean(axis=0) - 1) / error).max() < 5
    assert Blocks(7, kind=kind).expected_weights(N) is None


def expected_by_enumeration(n: int, length: int) -> Floats:
    """How often each row is in a block, over all its starts, times the blocks."""
    counts = np.zeros(n)
    for start in range(n - length + 1):
        counts[start : start + length] += n / length / (n - length + 1)
    return counts


@pytest.mark.parametrize("length", [2, 3, 8, 12, 24])
def test_the_expected_weights_of_moving_blocks(length: int, weights_of: Any) -> None:
    plan = Blocks(length, kind="moving")
    expected = expected_by_enumeration(N, length)
    found = plan.expected_weights(N)
    assert found is not None
    assert_allclose(found, expected, rtol=1e-12)
    # 24 means of 4000 weights within 5 errors: a false-alarm rate of 1e-5.
    weights = weights_of(plan, 11, N, 4000)
    error = weights.std(axis=0, ddof=1) / np.sqrt(4000)
    assert np.all(np.abs(weights.mean(axis=0) - expected) <= 5 * error)


def test_moving_blocks_of_one_row_have_no_weights_of_their_own() -> None:
    assert Blocks(1, kind="moving").expected_weights(N) is None


def test_blocks_are_stretches_of_the_series() -> None:
    for kind, wrapped in (("circular", True), ("moving", False)):
        for k in range(70):
            stream = stream_of(SEED, k)
            rows = Blocks(7, kind=kind).draw(N, k, stream).rows
            assert rows is not None
            assert rows.shape == (N,)
            for first in range(0, N, 7):
                block = rows[first : first + 7]
                following = block[0] + np.arange(block.size)
                assert_array_equal(block, following % N if wrapped else following)
                assert wrapped or block[0] <= N - 7


def test_stationary_blocks_have_geometric_lengths() -> None:
    # A row follows the one before with probability (1 − p) + p/n, independently: binomial counts
    # over 2000 draws of 100 rows by chi-squared at 1e-6.
    follows = []
    for k in range(2000):
        stream = stream_of(11, k)
        rows = Blocks(4.0).draw(100, k, stream).rows
        assert rows is not None
        follows.append(int(((rows[1:] - rows[:-1]) % 100 == 1).sum()))
    law = stats.binom(99, 0.75 + 0.25 / 100)
    edges = np.arange(66, 84)
    inner = np.diff(law.cdf(edges))
    shares = np.concatenate([[law.cdf(edges[0])], inner, [law.sf(edges[-1])]])
    counts = np.bincount(np.searchsorted(edges, follows), minlength=shares.size)
    assert stats.chisquare(counts, shares * 2000).pvalue > 1e-6


def test_one_circular_block_is_the_series_from_another_start(weights_of: Any) -> None:
    assert_array_equal(weights_of(Blocks(N, kind="circular"), SEED, N, 9), np.ones((9, N)))
    assert_array_equal(weights_of(Blocks(N, kind="moving"), SEED, N, 9), np.ones((9, N)))


def test_moving_blocks_are_centred_at_the_optimum_under_their_expected_weights() -> None:
    # B = 3999: the replicates' mean is within 5 of its errors of that centre: 1e-6.
    boot = bootstrap(means(), sampling=Blocks(8, kind="moving"), n_resamples=B, rng=1)
    weights = expected_by_enumeration(N, 8)
    expected = weights @ autoregressions(N) / N
    assert boot.center is not None
    assert np.all(np.abs(boot.center - expected) < 1e-3 * boot.standard_error)
    error = boot.standard_error / np.sqrt(B)
    assert np.all(np.abs(boot.replicates.mean(axis=0) - boot.center) < 5 * error)
    assert np.all(np.abs(boot.bias) < 5 * error)
    assert np.abs((boot.center - boot.estimate) / error).max() > 10


@pytest.mark.parametrize("kind", ["stationary", "circular"])
def test_wrapped_blocks_are_centred_at_the_estimate(kind: str) -> None:
    boot = bootstrap(means(), sampling=Blocks(8, kind=kind), n_resamples=70, rng=1)
    assert boot.center is None
    # Means are linear, so that nothing is left of their bias.
    assert_allclose(boot.bias / boot.standard_error, 0.0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_intervals_are_those_of_deviations_from_the_centre(kind: str, level: float) -> None:
    # 999 replicates: both levels are order statistics, none interpolated.
    boot = bootstrap(means(), sampling=Blocks(8, kind=kind), n_resamples=999, rng=1)
    expected = expected_by_enumeration(N, 8) @ autoregressions(N) / N
    center = expected if kind == "moving" else boot.estimate
    close = 1e-3 * boot.standard_error.max(initial=0, where=[True, False])
    deviations = np.sort((boot.replicates - center) / UNIT, axis=0)
    rank = round(1000 * (1 - level) / 2)
    low, high = deviations[rank - 1], deviations[-rank]
    bounds = boot.confidence_interval("percentile", level)
    allowed = {"rtol": 0.0, "atol": close / UNIT[0]}
    assert_allclose((bounds.low - boot.estimate) / UNIT, low, **allowed)
    assert_allclose((bounds.high - boot.estimate) / UNIT, high, **allowed)
    bounds = boot.confidence_interval("basic", level)
    assert_allclose((bounds.low - boot.estimate) / UNIT, -high, **allowed)
    assert_allclose((bounds.high - boot.estimate) / UNIT, -low, **allowed)
    bounds = boot.confidence_interval("normal", level)
    reach = float(ndtri((1 + level) / 2)) * deviations.std(axis=0, ddof=1)
    # Means are linear, so that nothing is left of their bias.
    assert_allclose((bounds.low - boot.estimate) / UNIT, -reach, **allowed)
    assert_allclose((bounds.high - boot.estimate) / UNIT, reach, **allowed)


def test_a_saved_run_keeps_its_centre(tmp_path: Path) -> None:
    boot = bootstrap(means(), sampling=Blocks(8, kind="moving"), n_resamples=199, rng=1)
    boot.save(tmp_path / "run.npz")
    again = load(tmp_path / "run.npz")
    assert boot.center is not None
    assert again.center is not None
    assert_array_equal(again.center, boot.center)
    assert_array_equal(again.bias, boot.bias)
    for level in (0.8, 0.95):
        one, other = (each.confidence_interval("percentile", level) for each in (again, boot))
        assert_array_equal(one.low, other.low)
        assert_array_equal(one.high, other.high)


@pytest.mark.parametrize("kind", KINDS)
def test_means_of_autocorrelated_data_have_their_true_error(kind: str) -> None:
    # φ = 0.6 doubles the error, √((1 + φ)/(1 − φ)) = 2. With n = 4000 and blocks of 20 to 40 rows
    # the variance's own error is near √(4 l / 3 n) = 0.1, half that in the standard error: 20% is
    # four of them, 1e-4 for each.
    n, phi = 4000, 0.6
    truth = UNIT / (1 - phi) / np.sqrt(n)
    mle = means(n)
    blocks = bootstrap(mle, sampling=Blocks(kind=kind), n_resamples=399, rng=1)
    assert_allclose(blocks.standard_error, truth, rtol=0.2)
    if kind == "stationary":
        cases = bootstrap(mle, sampling=Cases(), n_resamples=399, rng=1)
        assert_allclose(cases.standard_error, truth / 2, rtol=0.2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("free", [0, 1])
def test_the_automatic_length_is_that_of_the_scores(kind: str, free: int) -> None:
    # The scores of the mean that is not held are its own series, centred, whatever its scale.
    noise = np.random.default_rng(8).normal(size=(300, 2))
    Y = UNIT * np.asarray(lfilter([1.0], [1.0, -0.8], noise, axis=0))
    mle = fit(nll, {"first": 0.0, "second": 0.0}, Y, fixed={["second", "first"][free]: 0.0})
    chosen = bootstrap(mle, sampling=Blocks(kind=kind), n_resamples=9, rng=0).sampling
    assert isinstance(chosen, Blocks)
    assert chosen.length == pytest.approx(automatic_length(Y[:, [free]], kind), rel=1e-4)
    assert chosen.kind == kind


def conditional(params: Any, y: Any) -> Any:
    """A Gaussian AR(1) given its first value, which contributes nothing."""
    before = np.concatenate([[0.0], y[:-1]])
    error = 0.5 * ((y - params[0] - params[1] * before) / 50) ** 2
    return np.where(np.arange(y.size) == 0, 0.0, error)


def test_contributions_that_read_earlier_rows_are_weighted() -> None:
    y = autoregressions(200)[:, 0] - 1000
    mle = fit(conditional, {"const": 0.0, "phi": 0.5}, y)
    with pytest.raises(ValueError, match=r"Cases\(\) draws single rows.*use Blocks"):
        bootstrap(mle, n_resamples=9, rng=0)
    boot = bootstrap(mle, sampling=Blocks(5.0), n_resamples=70, rng=SEED)
    X = np.column_stack([np.ones(199), y[:-1]])
    unit = 50 * np.sqrt(np.diag(np.linalg.inv(X.T @ X)))
    for k in range(70):
        stream = stream_of(SEED, k)
        weighted = Blocks(5.0).draw(200, k, stream).weights[1:, None] * X
        closed = np.linalg.solve(weighted.T @ X, weighted.T @ y[1:])
        assert np.abs((boot.replicates[k] - closed) / unit).max() < 1e-3


def test_a_total_that_reads_earlier_rows_is_refused() -> None:
    def reading(params: Any, y: Any) -> float:
        return float(conditional(params, y).sum())

    mle = fit(reading, {"const": 0.0, "phi": 0.5}, autoregressions(200)[:, 0] - 1000)
    with pytest.raises(ValueError, match=r"Blocks\(\) of rows join stretches.*delete \.sum"):
        bootstrap(mle, sampling=Blocks(5), n_resamples=9, rng=0)


def test_a_total_without_data_is_refused() -> None:
    Y = autoregressions(N)
    mle = fit(lambda params: total(params, Y), [1000.0, 1.0])
    with pytest.raises(ValueError, match=r"Blocks\(\) has nothing to resample"):
        bootstrap(mle, sampling=Blocks(5), n_resamples=9, rng=0)


def test_no_length_is_chosen_without_contributions() -> None:
    estimator = Estimator(lambda Y: Y.mean(axis=0), autoregressions(N))
    for source in (means(reduce=True), estimator):
        with pytest.raises(ValueError, match=r"length: none is given.*pass a length"):
            bootstrap(source, sampling=Blocks(), n_resamples=9, rng=0)
        assert len(bootstrap(source, sampling=Blocks(4), n_resamples=9, rng=0).data) == 9


@pytest.mark.parametrize("kind", KINDS)
def test_an_estimator_is_given_the_rows_in_their_order(kind: str) -> None:
    Y = autoregressions(N)

    def function(Y: Any) -> Any:
        return [Y[:, 0].mean(), np.abs(np.diff(Y[:, 1])).sum()]

    boot = bootstrap(Estimator(function, Y), sampling=Blocks(5, kind), n_resamples=70, rng=SEED)
    for k in range(70):
        stream = stream_of(SEED, k)
        rows = Blocks(5, kind).draw(N, k, stream).rows
        assert_allclose(boot.replicates[k], function(Y[rows]), rtol=1e-12)


@pytest.mark.parametrize("kind", ["stationary", "moving"])
def test_a_run_does_not_depend_on_the_number_of_workers(kind: str) -> None:
    # Threads: a function of a test file is not one that another process could import.
    with parallel_config(backend="threading"):
        one, two = (
            bootstrap(means(), sampling=Blocks(kind=kind), n_resamples=130, rng=3, n_jobs=jobs)
            for jobs in (1, 2)
        )
        assert_array_equal(one.replicates, two.replicates)
        assert repr(one.sampling) == repr(two.sampling)


@pytest.mark.parametrize("length", [0, -1, 0.5, True, "long", np.nan])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_length_is_refused(length: Any, kind: str) -> None:
    with pytest.raises(ValueError, match=r"length: .*; pass a number of observations, 1 or more"):
        Blocks(length, kind)


@pytest.mark.parametrize("kind", ["circular", "moving"])
def test_a_fractional_length_is_for_stationary_blocks_alone(kind: str) -> None:
    with pytest.raises(ValueError, match=f"length: 2.5; {kind} blocks have a whole length"):
        Blocks(2.5, kind)
    assert Blocks(3.0, kind).draw(N, 0, np.random.default_rng(0)).weights.sum() == N


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_longer_than_the_series_are_refused(kind: str) -> None:
    with pytest.raises(ValueError, match=f"length: 25 for {N} observations; it cannot exceed"):
        bootstrap(means(), sampling=Blocks(25, kind), n_resamples=9, rng=0)


def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="kind: 'fixed' is unknown; use one of stationary, circ"):
        Blocks(3, kind="fixed")
