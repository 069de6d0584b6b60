"""What an objective returns, how it depends on its rows, and its weights."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.objective import read_likelihood
from bootmle.likelihood.parameters import read_parameters
from bootmle.likelihood.response import Rows
from bootmle.likelihood.row_dependence import examine_rows

Y = np.random.default_rng(5).normal(3.0, 2.0, 12)
X = np.random.default_rng(6).normal(size=(12, 2))
AT = np.array([2.0, 0.5])


def terms(params: Any, y: Any) -> Any:
    mu, log_sigma = params
    return log_sigma + 0.5 * ((np.asarray(y) - mu) / np.exp(log_sigma)) ** 2


def term_scores(params: Any, y: Any) -> Any:
    mu, log_sigma = params
    z = (np.asarray(y) - mu) / np.exp(log_sigma)
    return np.column_stack([-z / np.exp(log_sigma), 1 - z**2])


def read(fun: Any, args: Any = (Y,), jac: Any = None, weights: Any = None) -> Likelihood:
    return read_likelihood(fun, args, jac, weights, read_parameters(AT))


TOTALS: dict[str, Any] = {
    "float": lambda p, y: float(terms(p, y).sum()),
    "numpy scalar": lambda p, y: terms(p, y).sum(),
    "0-d": lambda p, y: np.array(terms(p, y).sum()),
    "(1,)": lambda p, y: terms(p, y).sum(keepdims=True),
}
CONTRIBUTIONS: dict[str, Any] = {
    "(n,)": terms,
    "(n, 1)": lambda p, y: terms(p, y)[:, None],
    "list": lambda p, y: terms(p, y).tolist(),
    "series": lambda p, y: pd.Series(terms(p, y), index=range(100, 100 + len(y))),
}


@pytest.mark.parametrize("form", TOTALS)
def test_every_form_of_a_total(form: str) -> None:
    likelihood = read(TOTALS[form])
    assert not likelihood.per_observation
    assert likelihood.n == 12
    assert likelihood.total(AT) == pytest.approx(terms(AT, Y).sum(), rel=1e-14)


@pytest.mark.parametrize("form", CONTRIBUTIONS)
def test_every_form_of_contributions(form: str) -> None:
    likelihood = read(CONTRIBUTIONS[form])
    assert likelihood.per_observation
    assert likelihood.n == 12
    assert_allclose(likelihood.contributions(AT), terms(AT, Y), rtol=1e-14)
    assert likelihood.total(AT) == pytest.approx(terms(AT, Y).sum(), rel=1e-14)


def examined(likelihood: Likelihood) -> Likelihood:
    return examine_rows(likelihood, AT, likelihood.at(AT))


def test_a_closure_returns_contributions_without_args() -> None:
    likelihood = read(lambda p: terms(p, Y), args=())
    assert likelihood.per_observation
    assert likelihood.n == 12
    assert examined(likelihood).rows is Rows.NO_ARGS


JACS: dict[str, tuple[Any, Any, bool]] = {
    "(p,) of a total": (TOTALS["float"], lambda p, y: term_scores(p, y).sum(axis=0), False),
    "(p,) of contributions": (terms, lambda p, y: term_scores(p, y).sum(axis=0), False),
    "(n, p)": (terms, term_scores, True),
    "True, total": (lambda p, y: (terms(p, y).sum(), term_scores(p, y).sum(axis=0)), True, False),
    "True, (n, p)": (lambda p, y: (terms(p, y), term_scores(p, y)), True, True),
}


@pytest.mark.parametrize("form", JACS)
def test_every_form_of_jac(form: str) -> None:
    fun, jac, by_observation = JACS[form]
    likelihood = read(fun, jac=jac)
    assert likelihood.scores_given is by_observation
    assert_allclose(likelihood.gradient(AT), term_scores(AT, Y).sum(axis=0), rtol=1e-13)


@pytest.mark.parametrize("jac", [None, False, "2-point", "3-point"])
def test_words_for_differences_are_no_jac(jac: Any) -> None:
    assert not read(terms, jac=jac).has_gradient


def test_weights_multiply_contributions_and_scores() -> None:
    w = np.arange(12.0)
    likelihood = read(terms, jac=term_scores, weights=w)
    assert likelihood.total(AT) == pytest.approx(w @ terms(AT, Y))
    assert_allclose(likelihood.gradient(AT), w @ term_scores(AT, Y))


def test_a_total_gradient_cannot_serve_weights() -> None:
    likelihood = read(terms, jac=lambda p, y: term_scores(p, y).sum(axis=0))
    assert likelihood.has_gradient
    assert not likelihood.reweighted(np.arange(12.0)).has_gradient


def test_reweighting_equals_resampling_the_rows() -> None:
    rows = np.random.default_rng(0).integers(12, size=12)
    counts = np.bincount(rows, minlength=12).astype(float)
    prior = np.linspace(0.5, 2.0, 12)
    likelihood = examined(read(terms, weights=prior))
    supports_weights, by_rows = likelihood.reweighted(counts), likelihood.resampled(rows)
    assert supports_weights.total(AT) == pytest.approx(by_rows.total(AT), rel=1e-14)


def test_rows_of_weight_zero_leave_the_data_only_where_rows_are_separate() -> None:
    counts = np.where(np.arange(12) % 3 == 0, 0.0, 1.0)
    separate = examined(read(terms))
    assert separate.reweighted(counts).n == 8
    together = examined(read(lambda p, y: terms(p, y - y.mean())))
    assert together.reweighted(counts).n == 12


def closed(params: Any, y: Any) -> Any:
    return terms(params, Y)


def panel(params: Any, y: Any) -> Any:
    return terms(params, y).reshape(-1, 2).sum(axis=1)


def autoregression(params: Any, y: Any) -> Any:
    lagged = np.concatenate([[0.0], y[:-1]])
    return 0.5 * (y - params[0] - np.tanh(params[1]) * lagged) ** 2


DEPENDENCE: dict[str, tuple[Any, Rows]] = {
    "separate": (terms, Rows.SEPARATE),
    "standardizes by the sample mean": (lambda p, y: terms(p, y - y.mean()), Rows.EXCHANGEABLE),
    "total": (TOTALS["float"], Rows.EXCHANGEABLE),
    "ranks": (lambda p, y: terms(p, np.argsort(np.argsort(y))), Rows.EXCHANGEABLE),
    "reads the row before": (autoregression, Rows.ORDERED),
    "total that reads the row before": (
        lambda p, y: float(autoregression(p, y).sum()),
        Rows.ORDERED,
    ),
    "holds data of its own": (closed, Rows.INDIVISIBLE),
    "one for two rows": (panel, Rows.CLUSTERED),
}


@pytest.mark.parametrize("kind", DEPENDENCE)
def test_how_the_objective_depends_on_its_rows(kind: str) -> None:
    fun, expected = DEPENDENCE[kind]
    assert examined(read(fun)).rows is expected


def test_an_objective_that_weights_by_its_own_residuals_is_not_separate() -> None:
    def huber_scale(params: Any, y: Any) -> Any:
        return terms(params, y) * np.median(np.abs(y - params[0]))

    assert examined(read(huber_scale)).rows is Rows.EXCHANGEABLE


def test_missing_values_in_the_data_do_not_hide_separate_rows() -> None:
    y = np.where(np.arange(12) == 4, np.nan, Y)

    def skips(params: Any, y: Any) -> Any:
        return np.where(np.isnan(y), 0.0, terms(params, np.nan_to_num(y)))

    assert examined(read(skips, args=(y,))).rows is Rows.SEPARATE


@pytest.mark.parametrize(
    ("fun", "factor"),
    [
        (TOTALS["float"], 1.0),
        (lambda p, y: terms(p, y).mean(), 12.0),
        (lambda p, y: terms(p, y).sum() / len(y), 12.0),
    ],
    ids=["sum", "mean", "sum over n"],
)
def test_a_mean_is_multiplied_by_n(fun: Any, factor: float) -> None:
    likelihood = read(fun)
    assert likelihood.scale == factor
    assert likelihood.total(AT) == pytest.approx(terms(AT, Y).sum(), rel=1e-13)


def test_a_mean_with_a_gradient_is_multiplied_too() -> None:
    likelihood = read(
        lambda p, y: terms(p, y).mean(), jac=lambda p, y: term_scores(p, y).mean(axis=0)
    )
    assert_allclose(likelihood.gradient(AT), term_scores(AT, Y).sum(axis=0))


def test_several_data_of_several_forms_move_together() -> None:
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1]}, index=range(50, 62))

    def mixed(params: Any, data: Any, extra: Any) -> Any:
        fitted = params[0] * data["frame"]["a"].to_numpy() + params[1] * np.asarray(extra[0])
        return 0.5 * (np.asarray(data["y"]) - fitted) ** 2

    args = ({"frame": frame, "y": Y.tolist()}, (X[:, 1],))
    likelihood = examined(read(mixed, args=args))
    assert likelihood.rows is Rows.SEPARATE
    rows = np.array([3, 3, 11])
    expected = 0.5 * (Y - X @ AT)[rows] ** 2
    assert_allclose(likelihood.resampled(rows).contributions(AT), expected)


DIVIDED: dict[str, tuple[Any, Any, Any]] = {
    "contributions": (terms, term_scores, None),
    "weighted contributions": (terms, term_scores, np.arange(12.0)),
    "total": (TOTALS["float"], lambda p, y: term_scores(p, y).sum(axis=0), None),
}


@pytest.mark.parametrize("form", DIVIDED)
def test_a_divided_objective(form: str) -> None:
    fun, jac, weights = DIVIDED[form]
    likelihood = read(fun, jac=jac, weights=weights)
    quarter = likelihood.divided(4.0)
    assert quarter.total(AT) == pytest.approx(likelihood.total(AT) / 4, rel=1e-14)
    assert_allclose(quarter.gradient(AT), likelihood.gradient(AT) / 4, rtol=1e-14)


@pytest.mark.parametrize("weights", [None, np.arange(12.0)], ids=["unweighted", "weighted"])
def test_blocks_of_rows_add_up(weights: Any) -> None:
    likelihood = examined(read(terms, weights=weights))
    blocks = list(likelihood.row_blocks(5))
    assert [block.n for block in blocks] == [5, 5, 2]
    assert sum(block.total(AT) for block in blocks) == pytest.approx(likelihood.total(AT))


@pytest.mark.parametrize("fun", [TOTALS["float"], lambda p, y: terms(p, y - y.mean())])
def test_what_rows_do_not_have_alone_stays_in_one_block(fun: Any) -> None:
    likelihood = examined(read(fun))
    assert list(likelihood.row_blocks(5)) == [likelihood]


def test_values_of_the_rows_that_are_left() -> None:
    likelihood = examined(read(terms))
    counts = np.array([0.0, 2.0, 1.0] * 4)
    left = likelihood.reweighted(counts)
    assert_allclose(left.rows_of(terms(AT, Y)), left.contributions(AT), rtol=1e-15)
    assert_allclose(left.of_observations(np.ones(8)), counts[counts > 0])
    assert_allclose(likelihood.rows_of(Y), Y)
