"""Plans: one conformance test that all of them pass, then what each promises by itself."""

import copy
import dataclasses
import itertools
import pickle
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from bootmle import (
    Bayesian,
    Blocks,
    Cases,
    Clustered,
    Estimator,
    Given,
    Jackknife,
    Parametric,
    Residual,
    Stratified,
    Subsample,
    Wild,
    bootstrap,
    fit,
)
from bootmle.sampling import Plan
from bootmle.sampling.resample import Resample
from bootmle.sampling.streams import stream_of
from models import normal

N, COUNT, SEED = 12, 70, 3
"""COUNT is more than one chunk of replicates."""

INDICES = np.random.default_rng(0).integers(N, size=(COUNT, N))
COUNTS = np.random.default_rng(1).multinomial(N, np.full(N, 1 / N), size=COUNT)
FRACTIONS = N * np.random.default_rng(2).dirichlet(np.full(N, 2.0), size=COUNT)
LABELS = np.array([3, 3, 0, 0, 0, 1, 2, 2, 4, 5, 5, 5])
"""Clusters of one to three rows, not in order."""

STRATA = np.where(np.isin(LABELS, [0, 3, 4]), "north", "south")
"""Three of the clusters in each."""

WEIGHTED: dict[str, Any] = {
    "Cases()": Cases(),
    "Cases(poisson)": Cases(size="poisson"),
    "Bayesian()": Bayesian(),
    "Stratified(strata)": Stratified(STRATA),
    "Clustered(labels)": Clustered(LABELS),
    "Clustered(labels, strata)": Clustered(LABELS, strata=STRATA),
    "Clustered(labels, within)": Clustered(LABELS, within="cases"),
    "Clustered(labels, strata, within)": Clustered(LABELS, strata=STRATA, within="cases"),
    "Clustered(labels, groups)": Clustered(LABELS, within=np.arange(N) % 3),
    "Blocks(stationary)": Blocks(2.5),
    "Blocks(circular)": Blocks(5, kind="circular"),
    "Blocks(moving)": Blocks(5, kind="moving"),
    "Subsample(size)": Subsample(7),
    "Jackknife()": Jackknife().prepared(Estimator(np.mean, args=np.arange(float(N)))),
    "Jackknife(groups)": Jackknife(LABELS),
    "Given(indices)": Given(indices=INDICES),
    "Given(counts)": Given(weights=COUNTS),
    "Given(fractions)": Given(weights=FRACTIONS),
}
PLANS = {
    **WEIGHTED,
    "Parametric(simulate)": Parametric(normal().simulate),
    "Wild(labels)": Wild(LABELS),
    "Residual(predict)": Residual(lambda params, y: np.full(y.size, params[0])),
}
"""Those that draw weights, and those that draw new data or multipliers instead."""

OTHER_SIZES = ("Clustered", "Subsample", "Jackknife", "Cases(poisson)")
OF_N = [name for name in WEIGHTED if not name.startswith(OTHER_SIZES)]
"""Whose weights sum to n; clusters of unequal size make resamples of unequal size."""

THERE_ARE = {name: COUNT for name in WEIGHTED if name.startswith("Given")} | {
    "Jackknife()": N,
    "Jackknife(groups)": 6,
}
"""How many resamples plans have that do not draw them without end."""

EVERY = pytest.mark.parametrize("name", PLANS)
WEIGHTS = pytest.mark.parametrize("name", WEIGHTED)
DRAWN = pytest.mark.parametrize("name", [name for name in WEIGHTED if name not in THERE_ARE])
RANDOM = pytest.mark.parametrize("name", ["Cases()", "Cases(poisson)", "Bayesian()"])


def stream(replicate: int, seed: int = SEED) -> np.random.Generator:
    return stream_of(seed, replicate)


def draw(plan: Any, replicate: int, seed: int = SEED) -> Resample:
    resample = plan.draw(N, replicate, stream(replicate, seed))
    assert isinstance(resample, Resample)
    return resample


def all_weights(plan: Any, seed: int = SEED) -> Any:
    return np.array([draw(plan, k, seed).weights for k in range(COUNT)])


@EVERY
def test_a_plan_is_one_and_cannot_be_changed(name: str) -> None:
    plan = PLANS[name]
    is_plan = isinstance(PLANS[name], Plan)
    assert is_plan
    for field in dataclasses.fields(plan):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(plan, field.name, None)
    with pytest.raises((AttributeError, TypeError)):
        plan.something_else = 1
    assert name.partition("(")[0] in repr(plan)


@WEIGHTS
def test_a_replicate_does_not_depend_on_those_drawn_before(name: str) -> None:
    plan = PLANS[name]
    forwards = [draw(plan, k).weights for k in range(COUNT)]
    backwards = [draw(plan, k).weights for k in reversed(range(COUNT))]
    assert_array_equal(forwards, backwards[::-1])


@WEIGHTS
def test_a_copy_and_a_pickled_plan_draw_the_same(name: str) -> None:
    plan = PLANS[name]
    for other in (copy.deepcopy(plan), pickle.loads(pickle.dumps(plan))):
        assert_array_equal(all_weights(other), all_weights(plan))
        assert repr(other) == repr(plan)


@WEIGHTS
def test_weights_are_finite_and_not_negative(name: str) -> None:
    weights = all_weights(PLANS[name])
    assert weights.shape == (COUNT, N)
    assert weights.dtype == np.float64
    assert np.isfinite(weights).all()
    assert weights.min() >= 0


@pytest.mark.parametrize("name", OF_N)
def test_weights_sum_to_n(name: str) -> None:
    assert_allclose(all_weights(PLANS[name]).sum(axis=1), N, rtol=1e-12)


@WEIGHTS
def test_weights_are_the_counts_of_the_rows_and_fractional_ones_have_no_rows(name: str) -> None:
    plan = PLANS[name]
    for k in range(COUNT):
        resample = draw(plan, k)
        assert resample.n == N
        assert (resample.rows is None) is plan.fractional
        if resample.rows is not None:
            assert_array_equal(resample.weights, np.bincount(resample.rows, minlength=N))
    whole = np.array_equal(all_weights(plan), np.round(all_weights(plan)))
    assert whole is not plan.fractional


def own_weights(y: Any, weights: Any = None) -> Any:
    """An Estimator's function that returns the weights that it was given."""
    return np.ones(N) if weights is None else weights


@WEIGHTS
def test_replicate_i_of_bootstrap_draws_from_the_stream_of_its_number(name: str) -> None:
    estimator = Estimator(own_weights, args=np.arange(N))
    boot = bootstrap(estimator, sampling=PLANS[name], n_resamples=COUNT, rng=SEED)
    assert_array_equal(boot.replicates, all_weights(PLANS[name])[: THERE_ARE.get(name, COUNT)])


@EVERY
def test_the_number_of_resamples_there_are(name: str) -> None:
    plan = PLANS[name]
    assert plan.n_available == THERE_ARE.get(name)
    assert plan.exhaustive is name.startswith("Jackknife")


@WEIGHTS
def test_prior_weights_multiply_those_of_the_plan(name: str) -> None:
    # The weighted maximum-likelihood estimates of a normal are closed forms.
    y = 1000.0 + 50.0 * np.random.default_rng(5).normal(size=N)
    prior = np.random.default_rng(6).uniform(0.5, 2.0, N)
    mle = fit(normal().nll, [y.mean(), np.log(y.std())], y, weights=prior)
    boot = bootstrap(mle, sampling=PLANS[name], n_resamples=40, rng=SEED)
    weights = prior * all_weights(PLANS[name])[: min(40, THERE_ARE.get(name, COUNT))]
    share = weights / weights.sum(axis=1, keepdims=True)
    mean = share @ y
    spread = np.sqrt((share * (y - mean[:, None]) ** 2).sum(axis=1))
    unit = [y.std() / np.sqrt(N), 1 / np.sqrt(2 * N)]
    assert boot.n_failed == 0
    assert np.abs((boot.replicates - np.column_stack([mean, np.log(spread)])) / unit).max() < 1e-3


def drawn_data(plan: Any, replicate: int, seed: int = SEED) -> Any:
    simulate = draw(plan, replicate, seed).simulate
    assert simulate is not None
    return simulate(np.array([1000.0, 4.0]), (np.zeros(N),))[0]


def test_simulated_data_depend_on_the_number_and_the_seed_alone() -> None:
    plan = PLANS["Parametric(simulate)"]
    forwards = [drawn_data(plan, k) for k in range(COUNT)]
    backwards = [drawn_data(pickle.loads(pickle.dumps(plan)), k) for k in reversed(range(COUNT))]
    assert_array_equal(forwards, backwards[::-1])
    assert len(np.unique(forwards, axis=0)) == COUNT
    others = [drawn_data(plan, k, SEED + 1) for k in range(COUNT)]
    assert not np.any(np.array(forwards) == others)
    for k in range(COUNT):
        assert_array_equal(forwards[k], stream(k).normal(1000.0, np.exp(4.0), N))


@RANDOM
def test_replicates_and_seeds_differ(name: str) -> None:
    weights, other = all_weights(PLANS[name]), all_weights(PLANS[name], seed=SEED + 1)
    assert len(np.unique(weights, axis=0)) == COUNT
    assert not np.any(np.all(weights == other, axis=1))


@DRAWN
def test_few_resamples_recur_and_few_are_those_of_another_seed(name: str) -> None:
    # The fewest there are, 7**2 of moving blocks beside the cut one, recur now and then.
    weights, other = all_weights(PLANS[name]), all_weights(PLANS[name], seed=SEED + 1)
    assert len(np.unique(weights, axis=0)) > COUNT / 4
    assert np.mean(np.all(weights == other, axis=1)) < 0.2


@WEIGHTS
def test_a_total_and_contributions_have_the_same_replicates(name: str) -> None:
    # Weighted estimates of a normal are closed forms; a prior weight of one is none.
    plan, y = PLANS[name], 1000.0 + 50.0 * np.random.default_rng(5).normal(size=N)
    start = [y.mean(), np.log(y.std())]
    total = fit(lambda params, y: float(normal().nll(params, y).sum()), start, y)
    if plan.fractional:
        with pytest.raises(ValueError, match=r"draws fractional weights.*return the n contrib"):
            bootstrap(total, sampling=plan, n_resamples=40, rng=SEED)
        return
    weights = all_weights(plan)[: min(40, THERE_ARE.get(name, COUNT))]
    share = weights / weights.sum(axis=1, keepdims=True)
    mean = share @ y
    closed = np.column_stack([mean, np.log((share * (y - mean[:, None]) ** 2).sum(axis=1)) / 2])
    unit = [y.std() / np.sqrt(N), 1 / np.sqrt(2 * N)]
    parts = fit(normal().nll, start, y)
    for source in (total, parts):
        boot = bootstrap(source, sampling=plan, n_resamples=40, rng=SEED)
        assert boot.n_failed == 0
        assert np.abs((boot.replicates - closed) / unit).max() < 2e-3


@pytest.mark.parametrize("name", [name for name in PLANS if name in THERE_ARE])
def test_given_resamples_do_not_depend_on_the_seed(name: str) -> None:
    assert_array_equal(all_weights(PLANS[name]), all_weights(PLANS[name], seed=SEED + 1))


def many_weights(plan: Any, count: int = 8000) -> Any:
    return np.array([plan.draw(N, k, stream(k, 11)).weights for k in range(count)])


def errors_in_mcse(samples: Any, expected: Any) -> Any:
    """Differences of sample means from their expectations, in Monte Carlo standard errors."""
    mcse = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    return (samples.mean(axis=0) - expected) / mcse


MOMENTS = {
    # Multinomial(n, 1/n): variance 1 - 1/n, covariance -1/n, third moment that of a binomial.
    "Cases()": (1 - 1 / N, -1 / N, (1 - 1 / N) * (1 - 2 / N)),
    # Independent Poisson(1) counts: all three cumulants are 1 (Hanley and MacGibbon 2006).
    "Cases(poisson)": (1.0, 0.0, 1.0),
    # n times Dirichlet(1, ..., 1): each weight is n times a Beta(1, n - 1).
    "Bayesian()": (
        N**2 * stats.beta(1, N - 1).var(),
        -1 / (N + 1),
        N**3 * float(stats.beta(1, N - 1).stats("s")) * stats.beta(1, N - 1).std() ** 3,
    ),
}


@RANDOM
def test_the_moments_of_the_weights(name: str) -> None:
    # 102 comparisons within 5 Monte Carlo errors: a false-alarm rate of 6e-5 in all.
    variance, covariance, third = MOMENTS[name]
    deviations = many_weights(PLANS[name]) - 1.0
    upper = np.triu_indices(N)
    products = (deviations[:, :, None] * deviations[:, None, :])[:, upper[0], upper[1]]
    expected = np.where(upper[0] == upper[1], variance, covariance)
    assert np.abs(errors_in_mcse(deviations, 0.0)).max() < 5
    assert np.abs(errors_in_mcse(products, expected)).max() < 5
    assert np.abs(errors_in_mcse(deviations**3, third)).max() < 5


def test_bayesian_weights_are_beta_distributed() -> None:
    # Kolmogorov's test of every weight at 1e-6: a false-alarm rate of 1.2e-5 in all.
    for column in many_weights(Bayesian()).T:
        assert stats.kstest(column / N, stats.beta(1, N - 1).cdf).pvalue > 1e-6


def test_cases_draw_every_row_with_equal_probability_in_every_place() -> None:
    # Chi-squared over rows for each of 12 places at 1e-6: a false-alarm rate of 1.2e-5 in all.
    rows = np.array([draw(Cases(), k, seed=11).rows for k in range(4000)])
    assert rows.shape == (4000, N)
    for place in rows.T:
        assert stats.chisquare(np.bincount(place, minlength=N)).pvalue > 1e-6


def test_given_resamples_come_in_their_order_whatever_their_type() -> None:
    for indices in (INDICES, INDICES.tolist(), INDICES.astype(float), INDICES.astype(np.uint8)):
        plan = Given(indices=indices)
        drawn = [draw(plan, k).rows for k in range(COUNT)]
        assert_array_equal(np.array(drawn), INDICES)
    assert_array_equal(all_weights(Given(weights=FRACTIONS.tolist())), FRACTIONS)
    assert_array_equal(all_weights(Given(weights=COUNTS)), COUNTS)


def test_given_resamples_may_be_smaller_or_larger_than_the_data() -> None:
    for size in (5, 30):
        plan = Given(indices=np.random.default_rng(0).integers(N, size=(9, size)))
        assert plan.draw(N, 4, stream(4)).weights.sum() == size


@pytest.mark.parametrize("name", ["indices", "weights"])
def test_given_resamples_do_not_follow_later_changes_of_the_array(name: str) -> None:
    values = {"indices": INDICES, "weights": FRACTIONS}[name].copy()
    plan = Given(**{name: values})
    before = all_weights(plan)
    values[:] = 0
    assert_array_equal(all_weights(plan), before)


def all_of_five() -> Any:
    """Five rows of scales 50 and 0.01."""
    noise = np.random.default_rng(9).gamma(1.0, size=(5, 2))
    return np.array([1000.0, 1.0]) + np.array([50.0, 0.01]) * noise


def enumerated(source: Any) -> Any:
    indices = list(itertools.product(range(5), repeat=5))
    return bootstrap(source, sampling=Given(indices=indices), n_resamples=5**5)


@pytest.mark.parametrize("kind", ["estimator", "contributions"])
def test_all_resamples_of_five_have_the_exact_moments_of_a_mean(kind: str) -> None:
    # The covariance is S/n with the divisor n in S; ddof 1 leaves 3125/3124 of it. The third
    # moment is that of the data over n²: the skewness over √n.
    Y, unit = all_of_five(), np.array([50.0, 0.01])

    def nll(params: Any, Y: Any) -> Any:
        return 0.5 * (((Y - params) / unit) ** 2).sum(axis=1)

    def average(Y: Any, weights: Any = None) -> Any:
        return np.average(Y, axis=0, weights=weights)

    close = 1e-9 if kind == "estimator" else 1e-3
    boot = enumerated(Estimator(average, Y) if kind == "estimator" else fit(nll, Y[0], Y))
    exact = np.cov(Y, rowvar=False, ddof=0) / 5 * 3125 / 3124
    scale = np.sqrt(np.outer(np.diag(exact), np.diag(exact)))
    assert np.abs((boot.covariance - exact) / scale).max() < close
    assert np.abs(boot.bias / boot.standard_error).max() < close
    assert_allclose(boot.skewness, stats.skew(Y) / np.sqrt(5), rtol=10 * close)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_all_resamples_of_five_have_the_exact_quantiles_of_a_mean(level: float) -> None:
    # Ranks (B + 1) α that are not whole lie between two of the means, sorted.
    Y = all_of_five()
    boot = enumerated(Estimator(lambda Y: Y.mean(axis=0), Y))
    means = np.array([sum(rows) / 5 for rows in itertools.product(Y, repeat=5)])
    ordered = np.sort(means, axis=0)
    rank = 3126 * (1 - level) / 2
    below, above = int(np.floor(rank)) - 1, int(np.ceil(rank)) - 1
    slack = 1e-12 * Y.max(axis=0)
    bounds = boot.confidence_interval("percentile", level)
    assert np.all(bounds.low >= ordered[below] - slack)
    assert np.all(bounds.low <= ordered[above] + slack)
    assert np.all(bounds.high >= ordered[-1 - above] - slack)
    assert np.all(bounds.high <= ordered[-1 - below] + slack)
    basic = boot.confidence_interval("basic", level)
    assert_allclose(basic.low, 2 * Y.mean(axis=0) - bounds.high, rtol=1e-12)
    assert_allclose(basic.high, 2 * Y.mean(axis=0) - bounds.low, rtol=1e-12)


def test_cases_of_five_draw_all_resamples_alike(weights_of: Any) -> None:
    # The multinomial shares of 126 sets of counts, by chi-squared at 1e-6.
    counts = weights_of(Cases(), 11, 5, 20000).astype(int)
    found, times = np.unique(counts, axis=0, return_counts=True)
    shares = stats.multinomial(5, [0.2] * 5).pmf(found)
    assert shares.sum() == pytest.approx(1.0)
    assert stats.chisquare(times, 20000 * shares).pvalue > 1e-6


def test_given_resamples_are_counted_not_shown() -> None:
    assert repr(PLANS["Given(indices)"]) == "Given(indices of 70 resamples)"
    assert repr(PLANS["Given(fractions)"]) == "Given(weights of 70 resamples)"


@pytest.mark.parametrize("name", ["indices", "weights"])
@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (np.ones((2, 3, 4)), r"\(2, 3, 4\)"),
        (np.ones(4), r"\(4,\)"),
        (3.0, r"\(\)"),
        (np.empty((0, 4)), r"\(0, 4\)"),
        (np.empty((4, 0)), r"\(4, 0\)"),
        ([[1.0, -2.0]], "not negative"),
        ([[1.0, np.inf]], "finite"),
    ],
)
def test_given_shapes_and_values_that_are_refused(name: str, values: Any, shown: str) -> None:
    with pytest.raises(ValueError, match=rf"{name}: .*{shown}"):
        Given(**{name: values})


def test_fewer_resamples_than_asked_for_are_all_there_are() -> None:
    y = np.random.default_rng(5).normal(1000.0, 50.0, N)
    mle = fit(normal().nll, [1000.0, 4.0], y)
    boot = bootstrap(mle, sampling=Given(indices=INDICES), n_resamples=500)
    assert boot.replicates.shape == (COUNT, 2)
    assert str(boot.sampling) == "Given(indices of 70 resamples)"


@pytest.mark.parametrize("kind", ["jackknife", "20 of 60 rows", "Fay's BRR"])
def test_given_resamples_that_vary_more_or_less_than_a_bootstraps_say_so(kind: str) -> None:
    rng = np.random.default_rng(3)
    y, signs = rng.gamma(2.0, 10.0, 60), np.where(rng.random((800, 60)) < 0.5, 1, -1)
    plans = {
        "jackknife": (Given(weights=1 - np.eye(60)), "0.13"),
        "20 of 60 rows": (Given(indices=rng.integers(0, 60, (800, 20))), "1.7"),
        "Fay's BRR": (Given(weights=2 + signs), "0.50"),  # k = 0.5: weights 0.5 and 1.5
    }
    plan, factor = plans[kind]
    boot = bootstrap(Estimator(np.mean, args=y), sampling=plan, n_resamples=plan.n_available or 0)
    (note,) = (note for note in boot.notes if "bootstrap of 60 rows" in note)
    assert f"are about {factor} times what they should be" in note
    # Standard deviations of 800 draws are known to 2.5%; the factor to two digits, to 4%.
    assert_allclose(boot.standard_error / float(factor), y.std() / np.sqrt(60), rtol=0.1)


def test_given_resamples_of_a_bootstrap_have_no_note() -> None:
    rng = np.random.default_rng(3)
    half = np.array([rng.permutation(40)[:20] for _ in range(50)])  # without replacement
    for plan in (
        Given(indices=rng.integers(0, 40, (50, 40))),
        Given(indices=half),
        Given(weights=rng.dirichlet(np.ones(40), 50)),
        Given(weights=2 * rng.integers(0, 2, (50, 40))),
        Given(indices=np.zeros((1, 40), dtype=int)),
        Given(indices=(rng.integers(0, 8, (9, 8))[:, :, None] * 5 + np.arange(5)).reshape(9, 40)),
    ):
        assert plan.notes(40, False) == ()


def test_given_weights_that_include_base_weights_say_so() -> None:
    """Replicates of a weighted mean scatter around it: a fit that has no weights is elsewhere."""
    rng = np.random.default_rng(3)
    base, drawn = rng.lognormal(0, 1, 40), rng.multinomial(40, np.full(40, 1 / 40), 50)
    (note,) = Given(weights=base * drawn).notes(40, False)
    assert "use fit(..., weights=base) with Given(weights=resamples / base)" in note
    assert Given(weights=drawn).notes(40, False) == ()
