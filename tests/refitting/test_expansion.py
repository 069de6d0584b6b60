"""The shared expansion: derivatives against calculus, blocks, and what lowers step and order."""

from collections.abc import Callable
from dataclasses import replace
from math import comb
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from bootmle import Cases, Fit, Status, bootstrap, fit
from bootmle.likelihood.lattice import score_lattice, value_lattice
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.parameters import read_parameters
from bootmle.likelihood.response import Rows
from bootmle.optimization.whitening import Whitening
from bootmle.refitting import expansion
from bootmle.refitting.expansion import SharedExpansion, expand_shared, n_terms
from bootmle.refitting.refit import LikelihoodRefit
from bootmle.sampling.streams import stream_of
from models import poisson

Floats = NDArray[np.float64]
FORMS = pytest.mark.parametrize("with_jac", [False, True], ids=["values", "scores"])
N = 60


def poisson_fit(with_jac: bool, n: int = N) -> Fit:
    """Poisson regression whose third covariate is in units a thousand times smaller."""
    model = poisson(2)
    X, y = model.data(n, rng=1)
    start = model.truth / [1.0, 1.0, 1000.0]
    jac = model.scores if with_jac else None
    return fit(model.nll, start, (X * [1.0, 1.0, 1000.0], y), jac=jac)


def scaled(whitening: Whitening, factor: float) -> Whitening:
    """The same coordinates in units of ``factor`` standard errors: a lattice that much finer."""
    return Whitening(whitening.center, factor * whitening.factor)


def exact_tensors(mle: Fit, whitening: Whitening, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Slope, curvature and third derivatives of Σ w_i ℓ_i, for ℓ_i = exp(x_i β) − y_i x_i β."""
    X, y = mle.likelihood.args
    mu, Z = np.exp(X @ mle.estimate), X @ whitening.factor
    return (
        (weights * (mu - y)) @ Z,
        np.einsum("n,ni,nj->ij", weights * mu, Z, Z),
        np.einsum("n,ni,nj,nk->ijk", weights * mu, Z, Z, Z),
    )


def expanded(likelihood: Likelihood, whitening: Whitening, step: float = 1.0) -> SharedExpansion:
    found = expand_shared(likelihood, whitening, step)
    assert found is not None
    return found


def errors_at(mle: Fit, factor: float, weights: Floats) -> list[float]:
    """Largest errors of slope, curvature and third derivatives, per unit of one standard error."""
    whitening = scaled(mle.whitening, factor)
    models = expanded(mle.likelihood, whitening).models(weights[None])
    assert models.third is not None
    found = (models.slope[0], models.curvature[0], models.third[0])
    exact = exact_tensors(mle, whitening, weights)
    return [
        float(np.abs(one - other).max()) / factor**degree
        for degree, (one, other) in enumerate(zip(found, exact, strict=True), start=1)
    ]


@FORMS
def test_derivatives_of_a_poisson_regression_and_the_order_of_their_errors(with_jac: bool) -> None:
    # By values an error is of the order that is left out, by scores of second order, or exact.
    mle, weights = poisson_fit(with_jac), np.random.default_rng(0).exponential(size=N)
    coarse, fine = (np.array(errors_at(mle, factor, weights)) for factor in (0.5, 0.25))
    orders = np.log2(coarse[1:] / fine[1:])
    assert_allclose(orders, 2 if with_jac else [2, 1], atol=0.1)
    if with_jac:
        assert coarse[0] < 1e-12
    else:
        assert np.log2(coarse[0] / fine[0]) == pytest.approx(3, abs=0.1)
    # At a quarter of a standard error the model is accurate to a part in a hundred.
    assert fine.max() < 0.01


@FORMS
def test_at_the_step_that_refits_take_the_cubic_model_is_close(with_jac: bool) -> None:
    mle = poisson_fit(with_jac, n=400)
    found = expanded(mle.likelihood, mle.whitening, mle.step_sizes.expansion_step)
    assert (found.order, found.step) == (3, 1.0 if with_jac else 0.2)
    weights = np.random.default_rng(0).multinomial(400, np.full(400, 1 / 400), size=5).astype(float)
    models = found.models(weights)
    assert models.third is not None
    for k, each in enumerate(weights):
        for one, other in zip(
            (models.slope[k], models.curvature[k], models.third[k]),
            exact_tensors(mle, mle.whitening, each),
            strict=True,
        ):
            assert_allclose(one, other, atol=0.02 if with_jac else 0.005)


def closed(function: Callable[..., Any], size: int, jac: Any = None, **more: Any) -> Likelihood:
    """A likelihood of the given function and the rows 1 to 5."""
    rows = np.arange(1.0, 6.0)
    about: dict[str, Any] = {"n": 5, "per_observation": True, "rows": Rows.SEPARATE, **more}
    return Likelihood(function, jac, (rows,), read_parameters(np.zeros(size)), **about)


CENTER = np.array([0.3, -200.0, 0.05])
FACTOR = np.array([[0.1, 0.0, 0.0], [5.0, 30.0, 0.0], [0.0, 0.001, 0.02]])


def cubic_contributions(params: Floats, rows: Floats) -> Floats:
    """Every observation a cubic of its own, in parameters of unequal scale."""
    a, b, c = (params - CENTER) / [0.1, 30.0, 0.02]
    return (
        7.0
        + rows * (a - 2 * b + c)
        + rows**2 * (a * a + b * b + 3 * c * c - a * b)
        + (a**3 - b**3 / rows + a * a * c + 2 * a * b * c * rows - b * c * c)
    )


def test_a_cubic_objective_is_reproduced_at_any_weights_and_point() -> None:
    whitening = Whitening(CENTER, FACTOR)
    likelihood = closed(cubic_contributions, 3)
    rng = np.random.default_rng(0)
    weights, z = rng.exponential(size=(20, 5)), 3.0 * rng.normal(size=(20, 3))
    value, _, _ = expanded(likelihood, whitening).models(weights).at(z)
    rows = likelihood.args[0]
    rise = np.array(
        [
            w @ (cubic_contributions(at, rows) - cubic_contributions(CENTER, rows))
            for w, at in zip(weights, whitening.to_working(z), strict=True)
        ]
    )
    # Third derivatives are kept in single precision, whose rounding is 6e-8.
    assert_allclose(value, rise, rtol=1e-6, atol=1e-6 * np.abs(rise).max())
    inner = expanded(likelihood, whitening).models(weights).at(z / 1e3)[0]
    small = [
        w @ (cubic_contributions(at, rows) - cubic_contributions(CENTER, rows))
        for w, at in zip(weights, whitening.to_working(z / 1e3), strict=True)
    ]
    # Next to the center they hardly count: the rest is in double precision.
    assert_allclose(inner, small, rtol=0, atol=1e-11 * np.abs(rise).max())


def test_a_total_is_expanded_as_one_contribution() -> None:
    whitening = Whitening(CENTER, FACTOR)

    def total(params: Floats, rows: Floats) -> float:
        return float(cubic_contributions(params, rows).sum())

    single = expanded(closed(total, 3, per_observation=False), whitening)
    every = expanded(closed(cubic_contributions, 3), whitening)
    assert single.terms.shape == (1, n_terms(3, 2))
    assert_allclose(single.terms[0], every.terms.sum(axis=0), rtol=1e-9, atol=1e-9)
    assert single.thirds.shape == (1, n_terms(3, 3) - n_terms(3, 2))
    assert_allclose(single.thirds[0], every.thirds.sum(axis=0), rtol=1e-6, atol=1e-6)


@FORMS
@pytest.mark.parametrize("rows_in_a_block", [1, 7, 59])
def test_blocks_of_rows_give_the_same_tensors(
    with_jac: bool, rows_in_a_block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    mle = poisson_fit(with_jac)
    whole = expanded(mle.likelihood, mle.whitening)
    sizes: list[int] = []
    original = mle.likelihood.function

    def watched(params: Floats, X: Floats, y: Floats) -> Any:
        sizes.append(len(y))
        return original(params, X, y)

    per_row = len(score_lattice(3, 3)) * 3 if with_jac else len(value_lattice(3, 3))
    monkeypatch.setattr(expansion, "BLOCK_CAP", rows_in_a_block * per_row)
    likelihood = mle.likelihood if with_jac else replace(mle.likelihood, function=watched)
    blocked = expanded(likelihood, mle.whitening)
    assert_allclose(blocked.terms, whole.terms, rtol=0, atol=1e-12 * np.abs(whole.terms).max())
    assert_allclose(blocked.thirds, whole.thirds, rtol=0, atol=1e-7 * np.abs(whole.thirds).max())
    assert (blocked.order, blocked.step) == (whole.order, whole.step)
    if not with_jac:
        assert max(sizes) == rows_in_a_block
        assert sum(sizes) == N * len(value_lattice(3, 3))


def test_contributions_that_read_other_rows_are_never_cut_into_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def centred(params: Floats, rows: Floats) -> Floats:
        return 0.5 * (rows - rows.mean() - params[0]) ** 2 + 0.5 * (rows - params[1] / 100) ** 2

    likelihood = closed(centred, 2, rows=Rows.EXCHANGEABLE)
    whitening = Whitening(np.zeros(2), np.diag([1.0, 100.0]))
    whole = expanded(likelihood, whitening)
    monkeypatch.setattr(expansion, "BLOCK_CAP", 1)
    assert_array_equal(expanded(likelihood, whitening).terms, whole.terms)
    # The blocks of one row each would have made another slope: every row its own mean.
    rows = likelihood.args[0]
    assert_allclose(whole.terms[:, 0], -(rows - rows.mean()), atol=1e-12)


def test_the_number_of_distinct_derivatives() -> None:
    for size in (1, 2, 5, 12):
        counts = [comb(size + degree - 1, degree) for degree in (1, 2, 3)]
        assert [n_terms(size, order) for order in (1, 2, 3)] == np.cumsum(counts).tolist()
    assert n_terms(12, 3) == 12 + 78 + 364


@pytest.mark.parametrize(
    ("room", "order"),
    [
        (n_terms(3, 3) * N, 3),
        (n_terms(3, 3) * N - 1, 2),
        (n_terms(3, 2) * N, 2),
        (n_terms(3, 2) * N - 1, 1),
        (n_terms(3, 1) * N, 1),
        (1, 1),
    ],
)
@FORMS
def test_the_order_is_the_highest_that_fits_the_memory(
    with_jac: bool, room: int, order: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    mle = poisson_fit(with_jac)
    monkeypatch.setattr(expansion, "MEMORY_CAP", room)
    found = expanded(mle.likelihood, mle.whitening)
    lattice = score_lattice if with_jac else value_lattice
    assert found.order == order
    assert found.terms.shape == (N, n_terms(3, min(order, 2)))
    assert found.thirds.shape == (N, n_terms(3, order) - found.terms.shape[1])
    assert found.n_evaluations == len(lattice(3, order))


def test_a_total_needs_the_memory_of_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    model = poisson(2)
    mle = fit(lambda *a: float(model.nll(*a).sum()), model.truth, model.data(N, rng=1))
    monkeypatch.setattr(expansion, "MEMORY_CAP", n_terms(3, 3))
    assert expanded(mle.likelihood, mle.whitening).order == 3


@pytest.mark.parametrize("order", [1, 2, 3])
def test_neither_order_nor_replicates_depend_on_their_number(
    order: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expansion, "MEMORY_CAP", n_terms(3, order) * N)
    mle = poisson_fit(False)
    few, many = (bootstrap(mle, n_resamples=count, rng=0) for count in (2, 300))
    assert few.n_shared == many.n_shared == len(value_lattice(3, order))
    assert_array_equal(few.replicates, many.replicates[:2])


@pytest.mark.parametrize("order", [1, 2])
def test_certified_replicates_are_the_same_from_a_lower_order(
    order: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    mle = poisson_fit(False)
    best = bootstrap(mle, n_resamples=64, rng=0).replicates
    monkeypatch.setattr(expansion, "MEMORY_CAP", n_terms(3, order) * N)
    lower = bootstrap(poisson_fit(False), n_resamples=64, rng=0).replicates
    way = mle.whitening.to_whitened(lower) - mle.whitening.to_whitened(best)
    assert 0 < np.linalg.norm(way, axis=1).max() < 2e-3


def largest(params: Floats) -> float:
    return float(np.abs(params).max())


def total_of(params: Floats) -> float:
    return float(np.abs(params).sum())


def bowl(measure: Callable[[Floats], float], limit: float, outside: Any) -> Callable[..., Any]:
    """A quadratic that ends where the measure of its parameters exceeds the limit."""

    def contributions(params: Floats, rows: Floats) -> Floats:
        if measure(params) <= limit:
            return 0.5 * rows * float(params @ params)
        if isinstance(outside, Exception):
            raise outside
        return np.where(rows == 3.0, outside, rows)

    return contributions


OUTSIDE = pytest.mark.parametrize(
    "outside", [np.nan, np.inf, -np.inf, ZeroDivisionError("outside")], ids=repr
)


@OUTSIDE
@pytest.mark.parametrize(
    ("measure", "limit", "order", "step"),
    [
        # A lattice reaches 2h along an axis; 3h in the sum of sizes at third order, 2h at
        # second. The steps tried are 1, 1/2, 1/4 and 1/10 of a standard error, at each order.
        (largest, 2.0, 3, 1.0),
        (largest, 1.99, 3, 0.5),
        (largest, 0.99, 3, 0.25),
        (largest, 0.49, 3, 0.1),
        (total_of, 0.75, 3, 0.25),
        (total_of, 0.74, 3, 0.1),
        (total_of, 0.29, 2, 0.1),
        (largest, 0.19, 1, 0.1),
    ],
)
def test_leaving_the_domain_shrinks_the_step_then_lowers_the_order(
    measure: Any, limit: float, order: int, step: float, outside: Any
) -> None:
    likelihood = closed(bowl(measure, limit * (1 + 1e-9), outside), 3)
    found = expanded(likelihood, Whitening(np.zeros(3), np.eye(3)))
    assert (found.order, found.step) == (order, step)
    models = found.models(np.ones((1, 5)))
    assert_allclose(models.slope, 0, atol=1e-9)
    if order >= 2:
        assert_allclose(models.curvature[0], likelihood.args[0].sum() * np.eye(3), atol=1e-9)
    assert (models.third is not None) is (order == 3)


@OUTSIDE
def test_a_point_without_surroundings_has_no_expansion(outside: Any) -> None:
    likelihood = closed(bowl(largest, 0.01, outside), 3)
    assert expand_shared(likelihood, Whitening(np.zeros(3), np.eye(3)), 1.0) is None


def test_scores_that_leave_the_domain_shrink_the_step_too() -> None:
    def scores(params: Floats, rows: Floats) -> Floats:
        inside = np.abs(params).max() <= 0.6
        return np.outer(rows, params) if inside else np.full((5, 2), np.nan)

    likelihood = closed(bowl(largest, 0.6, np.nan), 2, jac=scores, scores_given=True)
    found = expanded(likelihood, Whitening(np.zeros(2), np.eye(2)))
    assert (found.order, found.step) == (3, 0.5)


def test_a_first_order_expansion_takes_the_whitened_curvature() -> None:
    likelihood = closed(bowl(largest, 0.15, np.nan), 3)
    found = expanded(likelihood, Whitening(np.zeros(3), np.eye(3)))
    models = found.models(np.ones((4, 5)))
    assert found.order == 1
    assert_array_equal(models.curvature, np.broadcast_to(np.eye(3), (4, 3, 3)))


@pytest.mark.parametrize("verified", [True, False])
def test_refits_without_an_expansion_are_certified_all_the_same(verified: bool) -> None:
    mle = poisson_fit(False)
    streams = [stream_of(5, k) for k in range(32)]
    resamples = [Cases().draw(N, k, stream) for k, stream in enumerate(streams)]
    usual, none = LikelihoodRefit.prepare(mle), LikelihoodRefit(mle, None, verified)
    one, other = (refit(resamples)[0] for refit in (usual, none))
    way = mle.whitening.to_whitened(np.array([outcome.params for outcome in one]))
    way -= mle.whitening.to_whitened(np.array([outcome.params for outcome in other]))
    assert np.linalg.norm(way, axis=1).max() < 2e-3
    assert {outcome.status for outcome in other} == {Status.CERTIFIED}
    assert none.n_shared == 0
