"""Objectives written in JAX: exact derivatives, against closed forms and a gradient by hand."""

import json
import time
from collections.abc import Iterator
from functools import cache
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from bootmle import (
    Cases,
    Clustered,
    Fit,
    Jackknife,
    Status,
    bootstrap,
    crosscheck,
    fit,
    information,
)
from bootmle.likelihood import automatic, compiled, device_refits
from bootmle.likelihood.device_data import as_numbers, casts
from bootmle.optimization.outcome import Outcome
from bootmle.refitting import compiled_refit
from bootmle.refitting.expansion import expand_shared
from bootmle.refitting.task import Task
from bootmle.sampling import draw_resample

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")

RNG = np.random.default_rng(3)
N = 120
X = np.column_stack([np.ones(N), RNG.normal(size=N), 50 * RNG.normal(size=N)])
TRUTH = np.array([0.3, 0.5, -0.01])
Y = RNG.poisson(np.exp(X @ TRUTH)).astype(float)


def poisson(params: Any, x: Any, y: Any) -> Any:
    eta = x @ params
    return jnp.exp(eta) - y * eta


def by_hand(params: Any, x: Any, y: Any) -> Any:
    return np.exp(x @ params) - y * (x @ params)


def scores_by_hand(params: Any, x: Any, y: Any) -> Any:
    return (np.exp(x @ params) - y)[:, None] * x


def normal(params: Any, y: Any) -> Any:
    mu, sigma = params
    return jnp.log(sigma) + 0.5 * ((y - mu) / sigma) ** 2


def sandwich(params: Any, weights: Any) -> Any:
    mu = np.exp(X @ params)
    bread = np.linalg.inv(X.T @ ((weights * mu)[:, None] * X))
    return np.sqrt(np.diag(bread @ (X.T @ ((weights * (mu - Y) ** 2)[:, None] * X)) @ bread))


@pytest.fixture
def quickly_compiled() -> Iterator[None]:
    """Leave out most of XLA's optimizations, for numbers that do not hang on their last bits."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@cache
def fitted() -> Fit:
    return fit(poisson, np.zeros(3), (X, Y), jac="jax")


@cache
def fitted_by_hand() -> Fit:
    return fit(by_hand, np.zeros(3), (X, Y), jac=scores_by_hand)


def test_the_information_is_the_closed_form_within_its_bounds() -> None:
    mu = np.exp(X @ fitted().estimate)
    exact = X.T @ (mu[:, None] * X)
    assert fitted().status is Status.CERTIFIED
    assert np.all(np.abs(fitted().information.matrix - exact) <= fitted().information.error)
    unit = np.sqrt(np.outer(np.diag(exact), np.diag(exact)))
    assert np.max(fitted().information.error / unit) < 1e-11


def test_away_from_the_optimum_too() -> None:
    point = np.array([-0.4, 0.2, 0.02])
    found = information(poisson, point, (X, Y), jac="jax")
    exact = X.T @ (np.exp(X @ point)[:, None] * X)
    assert np.all(np.abs(found.matrix - exact) <= found.error)
    assert_allclose(found.gradient, scores_by_hand(point, X, Y).sum(axis=0), rtol=1e-12)
    assert found.definiteness == "positive definite"


def test_the_expansion_is_exact_to_third_order() -> None:
    expansion = expand_shared(fitted().likelihood, fitted().whitening, 1.0)
    assert expansion is not None
    assert expansion.order == 3
    mu, z = np.exp(X @ fitted().estimate), X @ fitted().whitening.factor
    pairs, triples = (list(combinations_with_replacement(range(3), k)) for k in (2, 3))
    second = np.array([mu * z[:, i] * z[:, j] for i, j in pairs]).T
    third = np.array([mu * z[:, i] * z[:, j] * z[:, k] for i, j, k in triples]).T
    assert_allclose(expansion.terms[:, :3], (mu - Y)[:, None] * z, rtol=0, atol=1e-13)
    assert_allclose(expansion.terms[:, 3:], second, rtol=0, atol=1e-13)
    assert_allclose(expansion.thirds, third, rtol=1e-6, atol=1e-7)  # stored in single precision


def test_replicates_are_those_of_a_gradient_by_hand_whatever_n_jobs() -> None:
    found = bootstrap(fitted(), n_resamples=130, rng=7)
    given = bootstrap(fitted_by_hand(), n_resamples=130, rng=7)
    se = given.standard_error
    # Two certificates of a thousandth of a standard error each.
    assert_allclose(found.replicates / se, given.replicates / se, rtol=0, atol=2e-3)
    for each in (found, given):
        drawn = [draw_resample(Cases(), N, 7, k).weights for k in range(130)]
        exact = [sandwich(*pair) for pair in zip(each.replicates, drawn, strict=True)]
        # The last step is at most 0.03 in JAX, and 0.1 with the other, whose scores it lags behind.
        assert_allclose(each.data.standard_errors, exact, rtol=1e-3 if each is found else 1e-2)
        assert np.median(np.abs(each.data.standard_errors / exact - 1)) < 5e-4
    with joblib.parallel_config(backend="threading"):
        threads = bootstrap(fitted(), n_resamples=130, rng=7, n_jobs=2)
    assert_array_equal(threads.replicates, found.replicates)
    assert not jax.config.jax_enable_x64


def test_a_replicate_is_the_same_alone_and_among_others() -> None:
    # With more than four parameters the scores of its sandwich are those of the last gradient.
    rng = np.random.default_rng(4)
    wide, prior = np.column_stack([X, rng.normal(size=(N, 2))]), rng.integers(1, 4, N)
    mle = fit(poisson, np.zeros(5), (wide, Y), jac="jax", weights=prior)
    long, short = (bootstrap(mle, n_resamples=count, rng=5) for count in (70, 66))
    assert_array_equal(long.replicates[:66], short.replicates)
    own = long.data.standard_errors
    assert_array_equal(own[:66], short.data.standard_errors)
    for k, params in enumerate(long.replicates):
        drawn = draw_resample(Cases(), N, 5, k).weights
        mu = np.exp(wide @ params)
        bread = np.linalg.inv(wide.T @ ((drawn * prior * mu)[:, None] * wide))
        meat = wide.T @ ((drawn * prior**2 * (mu - Y) ** 2)[:, None] * wide)
        own[k] /= np.sqrt(np.diag(bread @ meat @ bread))
    assert np.median(np.abs(own - 1)) < 0.02  # the Hessian is modeled
    assert np.abs(own - 1).max() < 0.15


def test_all_replicates_are_certified_in_the_compiled_iteration() -> None:
    found = bootstrap(fitted(), n_resamples=130, rng=7).data
    assert not found.n_evaluations.any()
    assert set(found.n_gradients) <= {1, 2, 3}
    # At each optimum the weighted scores sum to zero, up to the promised thousandth of an SE.
    plan = Cases()
    for k, estimate in enumerate(found.estimates[:20]):
        weights = draw_resample(plan, N, 7, k).weights
        gradient = weights @ scores_by_hand(estimate, X, Y)
        hessian = X.T @ ((weights * np.exp(X @ estimate))[:, None] * X)
        assert gradient @ np.linalg.solve(hessian, gradient) < 1e-6


def test_on_an_accelerator_a_chunk_fills_the_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    usual = bootstrap(fitted(), n_resamples=150, rng=7)
    found = compiled.Device("an accelerator", 2**23)
    for module in (automatic, device_refits):
        monkeypatch.setattr(module, "device", lambda: found)
    boot = bootstrap(fitted(), n_resamples=150, rng=7, checkpoint=tmp_path / "run")
    # A replicate takes about 8 (120 (4 + 12) + 54 + 108) bytes; half of the memory is for them.
    manifest = json.loads((tmp_path / "run" / "run.json").read_text())
    assert manifest["run"]["chunk"] == 128
    assert manifest["versions"]["device"] == "an accelerator"
    se = usual.standard_error
    assert_allclose(boot.replicates / se, usual.replicates / se, rtol=0, atol=1e-6)
    task = Task.prepare(fitted(), Cases(), "verified", 7)
    part = task.part(0, 30, 50)
    assert_array_equal(part.estimates, boot.replicates[30:50])
    assert_array_equal(part.standard_errors, boot.data.standard_errors[30:50])


def test_a_device_without_enough_memory_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: Any, **__: Any) -> Any:
        raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate")

    monkeypatch.setattr(automatic, "refit_on_device", exhausted)
    with pytest.raises(MemoryError, match="too little memory for 64 replicates"):
        bootstrap(fitted(), n_resamples=64, rng=1)


@pytest.mark.usefixtures("quickly_compiled")
def test_compiled_refits_on_a_log_scale_with_a_parameter_held() -> None:
    y = np.random.default_rng(2).normal(3.0, 20.0, 80)
    three = {"mu": 1.0, "sigma": 10.0, "held": 2.0}
    mle = fit(
        lambda params, y: normal(params[:2], y) + 0.0 * params[2],
        three,
        y,
        jac="jax",
        transform={"sigma": "log"},
        fixed={"held": 2.0},
    )
    boot = bootstrap(mle, n_resamples=64, rng=3)  # one chunk: a shape less to compile
    draws = np.array([y[draw_resample(Cases(), y.size, 3, k).rows] for k in range(64)])
    exact = np.column_stack([draws.mean(axis=1), draws.std(axis=1)])
    se = np.array([20.0, 20.0 / np.sqrt(2)]) / np.sqrt(80)
    assert_allclose(boot.replicates[:, :2] / se, exact / se, atol=1e-3)
    assert_array_equal(boot.replicates[:, 2], 2.0)


@pytest.mark.usefixtures("quickly_compiled")
def test_narrow_integers_are_cast_with_a_note() -> None:
    counts = np.minimum(Y, 9).astype(np.uint8)

    def scaled(params: Any, x: Any, y: Any) -> Any:
        return poisson(params, x, (y * 100) / 100)  # 900 is no uint8

    mle = fit(scaled, np.zeros(3), (X, counts), jac="jax")
    exact = fit(by_hand, np.zeros(3), (X, counts.astype(float)), jac=scores_by_hand)
    assert_allclose(mle.estimate, exact.estimate, rtol=1e-6)
    assert any("args[1] holds uint8: cast to int64" in note for note in mle.notes)


@pytest.mark.usefixtures("quickly_compiled")
def test_a_branch_not_taken_may_have_no_slope() -> None:
    def rooted(params: Any, x: Any, y: Any) -> Any:
        eta = x @ params
        # In reverse mode the root's slope is 0 · NaN wherever eta is negative, as it is not at x0.
        root = jnp.where(eta > 0, jnp.sqrt(eta), 0.0)
        return jnp.exp(eta) - y * eta + 0.0 * root

    mle = fit(rooted, [3.0, 0.0, 0.0], (X, Y), jac="jax")
    assert_allclose(mle.estimate, fitted().estimate, rtol=1e-5)
    assert any("reverse mode has no finite slope" in note for note in mle.notes)
    few, same = (bootstrap(each, n_resamples=64, rng=1) for each in (mle, fitted()))
    assert_allclose(
        few.replicates / same.standard_error, same.replicates / same.standard_error, atol=2e-3
    )


@pytest.mark.usefixtures("quickly_compiled")
def test_scales_and_fixed_parameters() -> None:
    y = np.random.default_rng(0).normal(3.0, 20.0, 60)
    start = {"mu": 1.0, "sigma": 10.0}
    mle = fit(normal, start, y, jac="jax", transform={"sigma": "log"})
    mean, sd, n = y.mean(), y.std(), y.size
    assert_allclose(mle.estimate, [mean, sd], rtol=1e-7)
    assert_allclose(mle.information.matrix, np.diag([n, 2 * n]) / sd**2, rtol=1e-6, atol=1e-6)
    expansion = expand_shared(mle.likelihood, mle.whitening, 1.0)
    assert expansion is not None
    # On log σ at the optimum the nll's third derivative is that of Σ(y − μ)² exp(−2 log σ) / 2.
    along = mle.whitening.factor.T @ [0.0, 1.0]
    thirds = expansion.thirds.sum(axis=0)
    triples = combinations_with_replacement(range(2), 3)
    unit = np.linalg.inv(mle.whitening.factor)[:, 1]
    total = sum(
        thirds[k]
        * len({(i, j, m), (i, m, j), (j, i, m), (j, m, i), (m, i, j), (m, j, i)})
        * unit[i]
        * unit[j]
        * unit[m]
        for k, (i, j, m) in enumerate(triples)
    )
    assert along.shape == (2,)
    assert_allclose(total, -4 * n, rtol=1e-5)
    held = fit(normal, start, y, jac="jax", fixed={"mu": 0.0})
    assert_allclose(held.estimate, [0.0, np.sqrt(np.mean(y**2))], rtol=1e-6)


@pytest.mark.usefixtures("quickly_compiled")
def test_a_total_and_clusters() -> None:
    def total(params: Any, x: Any, y: Any) -> Any:
        return poisson(params, x, y).sum()

    mle = fit(total, np.zeros(3), (X, Y), jac="jax")
    assert_allclose(mle.information.matrix, fitted().information.matrix, rtol=1e-7)
    labels = np.repeat(np.arange(24), 5)
    clusters = Clustered(labels)
    units, given = (
        bootstrap(each, sampling=clusters, n_resamples=64, rng=1)
        for each in (fitted(), fitted_by_hand())
    )
    assert_allclose(units.data.standard_errors, given.data.standard_errors, rtol=1e-2)
    # The total is a sum over rows, and is refitted as its contributions are.
    assert any("the total is a sum over 120 rows" in note for note in mle.notes)
    rows, same = (bootstrap(each, n_resamples=64, rng=2) for each in (mle, fitted()))
    assert_allclose(rows.replicates, same.replicates, rtol=1e-12)
    assert not rows.data.n_evaluations.any()


@pytest.mark.usefixtures("quickly_compiled")
def test_a_total_with_a_penalty_is_not_taken_apart() -> None:
    def ridge(params: Any, x: Any, y: Any) -> Any:
        return poisson(params, x, y).sum() + 50 * (params**2).sum()  # 0 at the start, as its slope

    mle = fit(ridge, np.zeros(3), (X, Y), jac="jax")
    assert any("the total is no sum over single rows" in note for note in mle.notes)
    gradient = scores_by_hand(mle.estimate, X, Y).sum(axis=0) + 100 * mle.estimate
    assert_allclose(gradient, 0, atol=1e-4)


class LogInJax:
    def forward(self, value: Any) -> Any:
        return jnp.log(value)

    def inverse(self, value: Any) -> Any:
        return jnp.exp(value)


class LogInNumpy(LogInJax):
    def inverse(self, value: Any) -> Any:
        return np.exp(value)


@pytest.mark.usefixtures("quickly_compiled")
def test_a_scale_of_the_users_own_is_differentiated_too() -> None:
    y = np.random.default_rng(0).normal(3.0, 20.0, 60)
    start = {"mu": 1.0, "sigma": 10.0}
    mle, plain = (
        fit(normal, start, y, jac="jax", transform={"sigma": own})
        for own in (LogInJax(), LogInNumpy())
    )
    assert_allclose(mle.estimate, [y.mean(), y.std()], rtol=1e-7)
    boot = bootstrap(mle, n_resamples=64, rng=3)
    draws = np.array([y[draw_resample(Cases(), y.size, 3, k).rows] for k in range(64)])
    exact = np.column_stack([draws.mean(axis=1), draws.std(axis=1)])
    assert_allclose(boot.replicates, exact, atol=1e-3)
    assert not boot.data.n_evaluations.any()
    assert not any("transform" in note for note in mle.notes)
    assert any("scale of sigma cannot be traced by JAX" in note for note in plain.notes)


def test_a_jackknife_is_compiled_and_polished() -> None:
    jackknife = bootstrap(fitted(), sampling=Jackknife())
    assert not jackknife.data.n_evaluations.any()
    for k in (0, 7, 119):
        rest = np.arange(N) != k
        gradient = scores_by_hand(jackknife.replicates[k], X[rest], Y[rest]).sum(axis=0)
        hessian = X.T @ (np.exp(X @ fitted().estimate)[:, None] * X)
        assert gradient @ np.linalg.solve(hessian, gradient) < 1e-14


def test_a_time_limit_leaves_the_compiled_refits_as_they_are() -> None:
    free, limited = (bootstrap(fitted(), n_resamples=64, rng=5, timeout=at) for at in (None, 600.0))
    assert_array_equal(free.replicates, limited.replicates)
    assert_array_equal(free.data.n_evaluations, limited.data.n_evaluations)


def test_a_chunk_that_takes_too_long_is_refitted_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, found = [0.0], Outcome(np.ones(2), Status.CERTIFIED, 0.0)

    def refit(part: slice) -> Any:
        clock[0] += sum(5.0 if k == 3 else 0.5 for k in range(part.start, part.stop))
        return [found] * (part.stop - part.start), [(0, 1)] * (part.stop - part.start)

    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    outcomes, counts = compiled_refit.refit_in_time(refit, slice(1, 5), 1.0, 2)
    assert [each is found for each in outcomes] == [True, True, False, True]
    assert outcomes[2] is not None
    assert outcomes[2].status is Status.TIMED_OUT
    assert counts == [(0, 1)] * 4


@pytest.mark.usefixtures("quickly_compiled")
def test_a_contribution_that_is_not_drawn_may_lie_outside_its_domain() -> None:
    def shifted(params: Any, y: Any) -> Any:
        return jnp.log(params[1]) - 0.5 * jnp.log(y - params[0]) + (y - params[0]) / params[1]

    objective, y = automatic.Automatic(shifted), np.array([0.5, 2.0, 3.0])
    likelihood = fit(shifted, [0.1, 1.0], y, jac="jax", fixed={"x1": 0.1}).likelihood
    drawn = likelihood.reweighted(np.array([0.0, 2.0, 1.0]))
    point = np.array([1.0, 2.0])
    at = y[1:] - 1.0
    slopes = np.column_stack([0.5 / at - 0.5, 0.5 - at / 4])
    assert objective(point, y).shape == (3,)
    assert_allclose(drawn.gradient(point), [2.0, 1.0] @ slopes, rtol=1e-12)
    values = np.log(2.0) - 0.5 * np.log(at) + at / 2
    assert_allclose(drawn.total(point), [2.0, 1.0] @ values, rtol=1e-12)


def test_the_crosscheck_has_every_source() -> None:
    check = crosscheck(bootstrap(fitted(), n_resamples=99, rng=0))
    assert all(np.isfinite(errors).all() for errors in check.standard_errors.values())


def test_what_cannot_be_traced_is_refused_with_the_way_back() -> None:
    def branches(params: Any, y: Any) -> Any:
        return (y - params[0]) ** 2 if params[0] > 0 else y**2

    with pytest.raises(TypeError, match=r"cannot trace fun.*leave jac out"):
        fit(branches, [1.0], Y, jac="jax")
    with pytest.raises(TypeError, match="double precision, not float32"):
        fit(lambda params, y: ((y - params[0]) ** 2).astype(jnp.float32), [1.0], Y, jac="jax")
    frame = pd.Series(["a", "b"] * 60, dtype="category")
    with pytest.raises(TypeError, match=r"holds category.*codes for categories"):
        fit(lambda params, y, g: (y - params[0]) ** 2, [1.0], (Y, frame), jac="jax")

    @jax.custom_vjp  # type: ignore[untyped-decorator, unused-ignore]
    def square(value: Any) -> Any:
        return value**2

    square.defvjp(lambda value: (value**2, value), lambda value, seed: (2 * value * seed,))

    def halved(params: Any, y: Any) -> Any:
        return jax.lax.while_loop(lambda v: (v > 1).any(), lambda v: v / 2, (y - params[0]) ** 2)

    for forward, reason in (
        (lambda params, y: square(y - params[0]), "custom_vjp"),
        (halved, "Rev"),
    ):
        with pytest.raises(TypeError, match=rf"cannot differentiate fun.*{reason}.*leave jac out"):
            fit(forward, [1.0], Y, jac="jax")


@pytest.mark.parametrize(
    ("column", "match"),
    [
        (np.ma.array(Y, mask=np.arange(N) == 3), r"masked rows are missing \(1 in args\[1\]\)"),
        (pd.Series(["a", "b"] * 60, dtype="category"), "holds category.*codes for categories"),
        (np.array(["a"] * N, dtype=object), "holds object.*codes for categories"),
        (np.array(["2020-01-01"] * N, dtype="M8[D]"), "datetime64.*numbers for dates"),
        (pd.Series(pd.date_range("2020", periods=N, tz="UTC")), "UTC.*numbers for dates"),
        (np.arange(N).astype("m8[s]"), "numbers for durations"),
        (sparse.csr_array(np.eye(N)), r"is sparse \(csr_array\).*toarray"),
        (np.array(3.0), "no rows to resample"),
        (Y.astype(complex), "real and imaginary parts"),
        (np.zeros(N, dtype=[("a", "f8")]), "its fields as arrays"),
        (pd.Series([None, *(Y[1:] > 0)], dtype="boolean"), "has missing values.*complete rows"),
        (pd.DataFrame({"a": Y, "b": ["b"] * N}), r"args\[1\]\['b'\] holds"),
        (jax.random.split(jax.random.key(0), N), r"args\[1\] holds random keys.*draw the numbers"),
    ],
)
def test_data_that_are_no_numbers_are_refused_by_what_they_are(column: Any, match: str) -> None:
    with pytest.raises((TypeError, ValueError), match=match):
        fit(lambda params, y, z: (y - params[0]) ** 2 + 0 * z, [1.0], (Y, column), jac="jax")


def test_keys_of_the_older_kind_are_refused() -> None:
    def noisy(params: Any, y: Any, keys: Any) -> Any:
        return (y - params[0] + jax.vmap(jax.random.normal)(keys)) ** 2

    keys = jax.random.split(jax.random.PRNGKey(0), N)
    with pytest.raises(TypeError, match=r"args\[1\] holds random keys"):
        fit(noisy, [1.0], (Y, keys), jac="jax")


@pytest.mark.parametrize(
    ("column", "cast"),
    [
        (Y.astype(np.float32), "float32: cast to float64"),
        (Y.astype(np.float16), "float16: cast to float64"),
        (jnp.asarray(Y, dtype=jnp.bfloat16), "bfloat16: cast to float64"),
        (Y.astype(">f8"), ">f8: cast to float64"),
        (Y.astype(np.int16), "int16: cast to int64"),
        (np.full(N, 2**63 + 1, dtype=np.uint64), "uint64: cast to float64"),
        (pd.Series(Y, dtype="Float64"), "Float64: cast to float64"),
        (pd.array(Y.astype(int), dtype="Int64"), "Int64: cast to int64"),
        (pd.Series(Y.astype(int), dtype="category"), "category: cast to int64"),
        (pd.DataFrame({"a": Y, "b": Y > 0}), "bool, float64: cast to float64"),
        (np.asfortranarray(X), None),
        (np.ma.array(Y), None),
        (Y > 0, None),
    ],
)
def test_other_numbers_are_cast_with_a_note(column: Any, cast: str | None) -> None:
    assert casts((Y, column)) == ([] if cast is None else [f"args: args[1] holds {cast} for JAX"])
    exact = np.asarray(column, dtype=float)
    assert_array_equal(np.asarray(as_numbers("args[1]", column), dtype=float), exact)


def test_a_gradient_that_misses_a_branch_is_refused() -> None:
    def kinked(params: Any, y: Any) -> Any:
        residual = y - params[0]
        # The slope of a rounded residual is 0 for JAX and 1 for everybody else.
        return 0.5 * (jnp.round(residual * 1e6) / 1e6) ** 2 + params[1] ** 2

    with pytest.raises(ValueError, match="jac"):
        fit(kinked, [0.3, 0.7], Y, jac="jax")


@pytest.mark.usefixtures("quickly_compiled")
def test_second_derivatives_that_are_not_the_gradients_are_differences_of_it() -> None:
    # A root of r + r³ = q, differentiated by one Newton step: the curvature of r³ is missing.
    def newton(r: Any, q: Any) -> Any:
        return r - (r + r**3 - q) / (1 + 3 * r**2)

    def residuals(params: Any, x: Any, y: Any) -> Any:
        q = x @ params
        root = jax.lax.fori_loop(0, 30, lambda _, r: newton(r, q), q)
        return (y - newton(jax.lax.stop_gradient(root), q)) ** 2

    assert fit(residuals, np.ones(3), (X, Y), jac="jax").likelihood.automatic is None


@pytest.mark.usefixtures("quickly_compiled")
def test_a_mean_that_matters_beside_the_start_is_no_row_by_row_model() -> None:
    def hidden(params: Any, x: Any, y: Any) -> Any:
        slope = params[1] * params[2] * (x[:, 1] - x[:, 1].mean())
        return (y - params[0] - slope) ** 2 + 0.01 * (params[1:] ** 2 - 1) @ (params[1:] ** 2 - 1)

    automatic_model = fit(hidden, np.zeros(3), (X, Y), jac="jax").likelihood.automatic
    assert automatic_model is not None
    assert not automatic_model.by_rows


def test_without_jac_it_is_offered() -> None:
    mle = fit(poisson, np.zeros(3), (X, Y))
    assert any("jac='jax'" in note for note in mle.notes)
    assert not any("jac='jax'" in note for note in fitted_by_hand().notes + fitted().notes)


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(compiled, "import_module", missing)
    with pytest.raises(ImportError, match=r"bootmle\[jax\]"):
        fit(poisson, np.zeros(3), (X, Y), jac="jax")
