"""Formulas of numbers that were cut, forced, mixed, or printed at a bound; computed by hand."""

import re
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

from bootmle import Clustered, Flag, bootstrap, crosscheck, fit
from bootmle.fitting.fit import Fit

Floats = NDArray[np.float64]


def nll(params: Any, X: Any, y: Any) -> Any:
    return np.exp(X @ params) - y * (X @ params)


@cache
def data() -> tuple[Floats, Floats]:
    rng = np.random.default_rng(3)
    dose = rng.normal(size=140)
    X = np.column_stack([np.ones(140), dose, 10 * (0.6 * dose + 0.8 * rng.normal(size=140))])
    rate = np.exp(X @ [1.0, 0.4, -0.03]) * rng.gamma(1.5, 1 / 1.5, 140)
    return X, rng.poisson(rate).astype(float)


@cache
def counts() -> tuple[Fit, Floats, Floats]:
    """A Poisson fit, its Hessian and its means."""
    X, y = data()
    mle = fit(nll, {"base": 1.0, "dose": 0.0, "iron": 0.0}, args=(X, y))
    mu = np.exp(X @ mle.estimate)
    return mle, X.T @ (mu[:, None] * X), mu


def said(given: Any, mle: Fit | None = None, **more: Any) -> str:
    return crosscheck(mle or counts()[0], {"package": given}, **more).verdicts["package"].reason


def root(matrix: Any) -> Floats:
    return np.asarray(np.sqrt(np.diag(matrix)))


def test_the_deviance_over_its_degrees_of_freedom() -> None:
    _, H, mu = counts()
    y = data()[1]
    deviance = 2 * np.sum(xlogy(y, y / mu) - (y - mu))
    found = said(root(np.linalg.inv(H) * deviance / 137))
    assert f"the dispersion {deviance / 137:.4g}, the deviance over n − p" in found


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("digits", [2, 3])
def test_few_digits_are_enough_rounded_or_cut_off(cut: bool, digits: int) -> None:
    errors = root(np.linalg.inv(counts()[1]))
    shown = printed(errors, digits, cut)
    found = said(shown)
    assert "equals the inverse Hessian" in found
    cut_only = shown != printed(errors, digits, cut=False)
    assert ("cut off" in found) == cut_only


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("what", ["held", "scale", "pseudo", "factor"])
def test_every_kind_of_formula_is_named_by_three_digits(what: str, cut: bool) -> None:
    mle, H, _ = counts()
    V, (values, vectors) = np.linalg.inv(H), np.linalg.eigh(H)
    scaled = root(V) * [np.exp(mle.estimate[0]), 1.0, 1.0]
    given, words = {
        "held": ([*root(np.linalg.inv(H[:2, :2])), np.nan], "with iron held fixed"),
        "scale": (scaled, "of exp(base)"),
        "pseudo": (root((vectors[:, 1:] / values[1:]) @ vectors[:, 1:].T), "the pseudo-inverse"),
        "factor": (root(V) * np.sqrt(140 / 137), "n/(n − p), 140/137"),
    }[what]
    assert words in said(printed(np.asarray(given), 3, cut))


def printed(errors: Floats, digits: int, cut: bool) -> list[float]:
    """Round numbers, or cut them off, to so many significant digits."""
    unit = 10.0 ** (np.floor(np.log10(errors)) - digits + 1)
    shown = (np.floor if cut else np.round)(errors / unit) * unit
    return [float(f"{one:.{digits - 1}e}") for one in shown]


def test_formulas_that_the_digits_cannot_tell_apart_are_all_named() -> None:
    found = said(printed(root(np.linalg.inv(counts()[1]) * 140 / 139), 2, cut=False))
    assert "the inverse Hessian (or that times n/(n − 1), 140/139" in found
    assert "cannot be told apart" in found


def test_one_digit_does_not_tell() -> None:
    verdict = crosscheck(counts()[0], {"package": [0.1, 0.1, 0.01]}).verdicts["package"]
    assert "maybe another formula: so few digits do not tell" in verdict.reason


def test_a_hessian_forced_positive_definite() -> None:
    values, vectors = np.linalg.eigh(counts()[1])
    raised = np.maximum(values, np.sqrt(values[0] * values[1]))
    assert "smallest eigenvalue raised to" in said(root((vectors / raised) @ vectors.T))
    shifted = values + 2 * values[0]
    assert "a ridge" in said(root((vectors / shifted) @ vectors.T))


def test_an_entry_that_is_of_a_ratio() -> None:
    mle, H, _ = counts()
    V, b = np.linalg.inv(H), mle.estimate
    slopes = np.array([0.0, 1 / b[0], 0.0]) - np.array([b[1] / b[0] ** 2, 0.0, 0.0])
    errors = root(V)
    errors[1] = np.sqrt(slopes @ V @ slopes)
    assert "but for dose that of dose/base" in said(errors)


def test_expected_information_of_the_coefficients_alone() -> None:
    """As R's glm.nb, whose dispersion is held fixed."""
    X, y = data()

    def of_nb2(params: Any, X: Any, y: Any) -> Any:
        size, mean = np.exp(-params[3]), np.exp(X @ params[:3])
        log_odds = np.log(mean) - np.log(size + mean)
        gammas = gammaln(size) + gammaln(y + 1) - gammaln(y + size)
        return gammas - size * np.log(size / (size + mean)) - y * log_odds

    start = {"base": 1.0, "dose": 0.0, "iron": 0.0, "log_alpha": -1.0}
    mle = fit(of_nb2, start, args=(X, y))
    mean = np.exp(X @ mle.estimate[:3])
    weights = mean / (1 + np.exp(mle.estimate[3]) * mean)
    errors = root(np.linalg.inv(X.T @ (weights[:, None] * X)))
    found = said(dict(zip(mle.names, errors, strict=False)), mle)
    assert "equals the inverse of the expected information with log_alpha held fixed" in found


def test_expected_information_of_a_total_is_simulated() -> None:
    X, y = data()

    def total(params: Any) -> float:
        return float(nll(params, X, y).sum())

    mle = fit(total, {"base": 1.0, "dose": 0.0, "iron": 0.0})
    found = said(root(np.linalg.inv(counts()[1])), mle)
    assert "equals the inverse Hessian" in found


def test_formulas_at_a_bound() -> None:
    X, y = data()
    bounds = [(None, None), (None, None), (0.0, None)]
    mle = fit(nll, {"base": 1.0, "dose": 0.0, "iron": 0.1}, args=(X, y), bounds=bounds)
    mu = np.exp(X @ mle.estimate)
    H = X.T @ (mu[:, None] * X)
    held = root(np.linalg.inv(H[:2, :2]))
    for given in ([*held, np.nan], [*held, 0.0]):
        verdict = crosscheck(mle, {"package": given}).verdicts["package"]
        assert "equals the inverse Hessian with iron held fixed: withheld" in verdict.reason
        assert verdict.flag is Flag.AT_BOUND
    assert "equals the inverse Hessian: withheld" in said(root(np.linalg.inv(H)), mle)


def test_a_pseudo_inverse_is_named_as_a_matrix_too() -> None:
    values, vectors = np.linalg.eigh(counts()[1])
    pseudo = (vectors[:, 1:] / values[1:]) @ vectors[:, 1:].T
    assert "the pseudo-inverse of the Hessian (rank 2 of 3)" in said(pseudo)


def test_a_common_factor_of_three_digits() -> None:
    errors = root(1.7 * np.linalg.inv(counts()[1]))
    assert "times the inverse Hessian in every parameter" in said([*np.round(errors, 4)])


def test_a_library_s_result_in_another_order_is_matched_by_its_estimates() -> None:
    """As lifelines', whose intercept comes after the slopes."""
    mle, order = counts()[0], [2, 0, 1]
    errors = root(np.linalg.inv(counts()[1]))

    class Fitter:
        params_ = mle.estimate[order]
        standard_errors_ = errors[order]
        variance_matrix_ = np.diag(errors[order] ** 2)

    check = crosscheck(mle, {"package": Fitter()})
    np.testing.assert_array_equal(check.standard_errors["package (lifelines)"], errors)


def test_a_column_without_a_finite_optimum_is_named_for_the_finite_parameters() -> None:
    """In the limit the rows of a separated group are gone: the formulas are those of the others."""
    rng = np.random.default_rng(3)
    X = np.column_stack([np.ones(120), rng.normal(size=120), np.arange(120) % 3 == 0])
    y = (rng.random(120) < 1 / (1 + np.exp(-X[:, 1]))).astype(float)
    y[X[:, 2] == 1] = 1.0

    def logit(params: Any, X: Any, y: Any) -> Any:
        return np.logaddexp(0, X @ params) - y * (X @ params)

    mle = fit(logit, {"base": 0.0, "x": 0.0, "group": 0.0}, args=(X, y))
    rest = X[:, 2] == 0
    Z, p = X[rest][:, :2], 1 / (1 + np.exp(-X[rest][:, :2] @ mle.estimate[:2]))
    scores = Z * (p - y[rest])[:, None]
    V, meat = np.linalg.inv(Z.T @ ((p * (1 - p))[:, None] * Z)), scores.T @ scores
    for matrix, name in (
        (V, "the inverse Hessian"),
        (np.linalg.inv(meat), "the OPG"),
        (V @ meat @ V * 120 / 117, "the sandwich times n/(n − p), 120/117 (HC1)"),
    ):
        found = said([*root(matrix), 2082.7], mle)
        assert f"equals {name} for base, x, and what it has for group means nothing: " in found
        assert "withheld for group: no standard error follows" in found
    assert "none of the known formulas for base, x: withheld" in said([0.5, 0.1, np.nan], mle)


def test_what_is_no_standard_error_is_said_beside_the_formula() -> None:
    mle, H, _ = counts()
    errors = root(np.linalg.inv(H))
    for end, words in ((0.0, "0, as if known without error, for dose"), (np.inf, "inf for dose")):
        verdict = crosscheck(mle, {"package": [errors[0], end, errors[2]]}).verdicts["package"]
        assert "equals the inverse Hessian" in verdict.reason
        assert f"it has {words}" in verdict.reason
        assert not verdict.agrees
    X, y = data()
    scores = X * (np.exp(X @ mle.estimate) - y)[:, None]
    sandwich = root(np.linalg.inv(H) @ scores.T @ scores @ np.linalg.inv(H))
    # The reference itself, but for a number that is none.
    verdict = crosscheck(mle, {"package": [*sandwich[:2], 0.0]}).verdicts["package"]
    assert "equals the sandwich" in verdict.reason
    assert not verdict.agrees
    assert "nothing in it is a standard error" in said([0.0, 0.0, np.inf])


def corrected_for_leverage(X: Floats, e: Floats, w: Floats, power: float) -> Floats:
    """HC2 and HC3 of R's vcovHC, from residuals and weights in closed form, as errors."""
    inverse = np.linalg.inv(X.T @ (w[:, None] * X))
    leverage = w * np.einsum("ij,jk,ik->i", X, inverse, X)
    pulls = (X * (e * (1 - leverage) ** -power)[:, None]) @ inverse
    return root(pulls.T @ pulls)


@pytest.mark.parametrize(("name", "power"), [("HC2", 0.5), ("HC3", 1.0)])
def test_sandwiches_with_corrected_leverage_are_named(name: str, power: float) -> None:
    (X, y), (_, _, mu) = data(), counts()
    reason = said(printed(corrected_for_leverage(X, y - mu, mu, power), 4, cut=False))
    assert re.match(rf"to [34] digits it equals the sandwich with {name} \(", reason)

    def normal(params: Any, X: Any, y: Any) -> Any:
        return params[3] + 0.5 * ((y - X @ params[:3]) / np.exp(params[3])) ** 2

    # A scale beside the coefficients, which regressions take for known, changes nothing.
    mle = fit(normal, {"base": 1.0, "dose": 0.0, "iron": 0.0, "log_sigma": 0.0}, args=(X, y))
    e = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    errors = printed(corrected_for_leverage(X, e, np.ones(140), power), 4, cut=False)
    reason = said(dict(zip(mle.names, errors, strict=False)), mle)
    assert re.match(rf"to [34] digits it equals the sandwich with {name} \(", reason)


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (1.0, "CR3:"),
        (34 / 35, r"CR3 times \(G − 1\)/G, 34/35, as of a jackknife:"),  # Stata's, R's summclust
        (35 / 34 * 139 / 137, r"CR3 times G/\(G − 1\)·\(n − 1\)/\(n − 3\), "),  # pyfixest's CRV3
    ],
)
def test_jackknives_of_a_regression_s_clusters_are_named(factor: float, said: str) -> None:
    def normal(params: Any, X: Any, y: Any) -> Any:
        return params[3] + 0.5 * ((y - X @ params[:3]) / np.exp(params[3])) ** 2

    (X, y), labels = data(), np.arange(140) % 35
    whole = np.linalg.lstsq(X, y, rcond=None)[0]
    left = [np.linalg.lstsq(X[labels != g], y[labels != g], rcond=None)[0] for g in range(35)]
    jackknife = factor * (np.array(left) - whole).T @ (np.array(left) - whole)
    mle = fit(normal, {"base": 1.0, "dose": 0.0, "iron": 0.0, "log_sigma": 0.0}, args=(X, y))
    boot = bootstrap(mle, sampling=Clustered(labels), n_resamples=99, rng=0, refit="expansion")
    errors = dict(zip(mle.names, printed(root(jackknife), 5, cut=False), strict=False))
    reason = crosscheck(boot, {"package": errors}).verdicts["package"].reason
    assert re.search(rf"it equals the cluster-robust sandwich with {said}", reason)


def test_outer_products_of_the_clusters_sums_are_named() -> None:
    # As software for panels inverts them: too small where scores within a cluster correlate.
    (X, y), (mle, _, mu), clusters = data(), counts(), np.arange(140) // 4
    X, y, mu = (np.concatenate([each, each, each]) for each in (X, y, mu))
    mle = fit(nll, dict(zip(mle.names, mle.estimate, strict=True)), args=(X, y))
    labels = np.tile(clusters, 3)
    sums = np.array([np.bincount(labels, each) for each in (X * (mu - y)[:, None]).T]).T
    boot = bootstrap(mle, sampling=Clustered(labels), n_resamples=99, rng=0, refit="expansion")
    check = crosscheck(boot, {"panel": np.linalg.inv(sums.T @ sums)})
    assert "it equals the OPG by clusters: " in check.verdicts["panel"].reason
    assert "and the model takes them for independent" in check.verdicts["panel"].reason
    assert check.verdicts["panel"].flag is Flag.CLUSTERED


def test_a_number_for_a_fixed_parameter_is_mentioned() -> None:
    X, y = data()
    mle = fit(nll, {"base": 1.0, "dose": 0.0, "iron": 0.0}, args=(X, y), fixed={"iron": -0.03})
    mu = np.exp(X @ mle.estimate)
    errors = root(np.linalg.inv(X[:, :2].T @ (mu[:, None] * X[:, :2])))
    for given, mentioned in (([*errors, 0.1], True), ([*errors, np.nan], False)):
        found = said(given, mle)
        assert "equals the inverse" in found
        assert (
            "a standard error, though that is fixed in this fit, for iron" in found
        ) == mentioned


@pytest.mark.parametrize(
    ("slip", "words"),
    [
        (lambda V: V / np.outer(root(V), root(V)), "the correlations of the inverse Hessian"),
        (np.linalg.inv, "the Hessian itself, not its inverse: invert it"),
        (lambda V: root(np.linalg.inv(V)), "the Hessian itself, not its inverse: invert it"),
        (lambda V: 100 * root(V), "as of percentages: divide them by 100"),
        (lambda V: 2 * 1.959964 * root(V), "equals widths of 95% intervals"),
        (
            lambda V: 1.977431 * root(V),
            "half-widths of 95% intervals by the inverse Hessian and St",
        ),
    ],
)
def test_slips_are_named(slip: Any, words: str) -> None:
    assert words in said(slip(np.linalg.inv(counts()[1])))
