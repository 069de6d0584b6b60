"""The gradient that the user gives: the right one passes, a wrong one is named with its values."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import digamma

from bootmle import fit
from bootmle.likelihood.jacobian import with_jac_form
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.parameters import read_parameters
from bootmle.optimization.status import Status
from models import normal

Floats = NDArray[np.float64]
Y = np.random.default_rng(1).normal(3.0, 2.0, 80)
START = {"mu": 1.0, "log_sigma": 0.2}
nll = normal().nll


def total(params: Any, y: Any) -> float:
    return float(nll(params, y).sum())


def scores(params: Any, y: Any) -> Floats:
    z = (y - params[0]) / np.exp(params[1])
    return np.column_stack([-z / np.exp(params[1]), 1 - z**2])


AT_START = scores(list(START.values()), Y).sum(axis=0)

Wrong = Callable[[Floats], Floats]
WRONG: dict[str, tuple[Wrong, str, float]] = {
    "n times too small": (lambda g: g / 80, "mu", AT_START[0] / 80),
    "one component halved": (lambda g: g * [1.0, 0.5], "log_sigma", AT_START[1] / 2),
    "the wrong sign": (lambda g: -g, "mu", -AT_START[0]),
    "one component nought": (lambda g: g * [0.0, 1.0], "mu", 0.0),
    "a tenth too large": (lambda g: 1.1 * g, "mu", 1.1 * AT_START[0]),
}

# Fun and jac from what turns the right scores, (n, p) or (p,), into those that jac returns.
FORMS: dict[str, Callable[[Wrong], tuple[Any, Any]]] = {
    "(n, p)": lambda f: (nll, lambda p, y: f(scores(p, y))),
    "(p,)": lambda f: (nll, lambda p, y: f(scores(p, y).sum(axis=0))),
    "(p,) of a total": lambda f: (total, lambda p, y: f(scores(p, y).sum(axis=0))),
    "(p, 1) of a total": lambda f: (total, lambda p, y: f(scores(p, y).sum(axis=0))[:, None]),
    "True, total": lambda f: (lambda p, y: (total(p, y), f(scores(p, y).sum(axis=0))), True),
    "True, (n, p)": lambda f: (lambda p, y: (nll(p, y), f(scores(p, y))), True),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", WRONG)
def test_a_jac_that_is_not_the_gradient_is_named_with_both_values(kind: str, form: str) -> None:
    spoil, name, given = WRONG[kind]
    fun, jac = FORMS[form](spoil)
    with pytest.raises(ValueError, match=rf"^jac: by {name} it is") as caught:
        fit(fun, START, Y, jac=jac)
    words = str(caught.value).replace(",", "").split()
    shown, found = float(words[words.index("is") + 1]), float(words[words.index("are") + 1])
    assert shown == pytest.approx(given, rel=1e-5, abs=1e-12)
    assert found == pytest.approx(AT_START[list(START).index(name)], rel=1e-4)


@pytest.mark.parametrize("spoil", [lambda g: g, lambda g: -g / 80], ids=["sum", "minus the mean"])
def test_the_gradient_of_a_mean_is_a_mean_too(spoil: Wrong) -> None:
    def mean(params: Any, y: Any) -> float:
        return float(nll(params, y).mean())

    with pytest.raises(ValueError, match=r"^jac: by mu it is"):
        fit(mean, START, Y, jac=lambda p, y: spoil(scores(p, y).sum(axis=0)))
    assert fit(mean, START, Y, jac=lambda p, y: scores(p, y).mean(axis=0)).converged


def test_a_held_parameter_has_no_part_in_the_comparison() -> None:
    wrong = lambda p, y: scores(p, y).sum(axis=0) * [1.0, 0.5]  # noqa: E731
    mle = fit(nll, START, Y, jac=wrong, fixed={"log_sigma": 0.5})
    assert abs(mle.estimate[0] - Y.mean()) < 1e-5


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_right_jac_passes(form: str) -> None:
    fun, jac = FORMS[form](lambda g: g)
    mle = fit(fun, START, Y, jac=jac)
    errors = Y.std() / np.sqrt(80) / np.array([1.0, Y.std() * np.sqrt(2)])
    assert np.all(np.abs(mle.estimate - [Y.mean(), np.log(Y.std())]) < 1e-5 * errors)


SCALES = np.array([1e-6, 1.0, 1e6])
COLUMNS = np.random.default_rng(2).normal(size=(60, 3)) / SCALES
RESPONSE = COLUMNS @ (SCALES * [2.0, -1.0, 0.5]) + np.random.default_rng(3).normal(size=60)


def squares(params: Any, X: Any, y: Any) -> Any:
    return 0.5 * (y - X @ params) ** 2


def slopes(params: Any, X: Any, y: Any) -> Floats:
    return -(y - X @ params)[:, None] * X


@pytest.mark.parametrize("start", [SCALES, np.zeros(3)], ids=["in their units", "nought"])
def test_the_right_jac_of_badly_scaled_parameters_passes(start: Floats) -> None:
    mle = fit(squares, start, (COLUMNS, RESPONSE), jac=slopes)
    errors = np.sqrt(np.diag(np.linalg.inv(COLUMNS.T @ COLUMNS)))
    gaps = (mle.estimate - np.linalg.lstsq(COLUMNS * SCALES, RESPONSE)[0] * SCALES) / errors
    assert np.abs(gaps).max() < 1e-5


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_wrong_component_is_found_whatever_its_scale(position: int) -> None:
    factor = np.where(np.arange(3) == position, 0.5, 1.0)
    with pytest.raises(ValueError, match=rf"^jac: by x{position + 1} it is"):
        fit(squares, SCALES, (COLUMNS, RESPONSE), jac=lambda p, X, y: slopes(p, X, y) * factor)


@pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])
def test_the_right_jac_of_a_noisy_objective_passes(reduce: bool) -> None:
    # Noise of a billionth, of another pattern each time, from starts some standard errors away.
    for seed in range(12):
        rng = np.random.default_rng(seed)
        pattern = rng.uniform(1e11, 1e12, 2)

        def noisy(params: Any, y: Any, pattern: Floats = pattern) -> Any:
            values = nll(params, y) * (1 + 1e-9 * np.sin(pattern @ params + y))
            return values.sum() if reduce else values

        x0 = [Y.mean() + 0.5 + rng.exponential(), 0.3 * rng.normal()]
        mle = fit(noisy, x0, Y, jac=lambda p, y: scores(p, y).sum(axis=0))
        assert abs(mle.estimate[0] - Y.mean()) < 0.01


def gathered(g: Floats) -> Floats:
    return np.where(np.arange(len(g))[:, None] == 0, g.sum(axis=0), 0.0)


REARRANGED: dict[str, Wrong] = {
    "another row's": lambda g: g[::-1],
    "all in the first row": gathered,
    "the mean in every row": lambda g: np.full_like(g, g.mean(axis=0)),
    "one component's rows moved by one": lambda g: np.column_stack([g[:, 0], np.roll(g[:, 1], 1)]),
}


@pytest.mark.parametrize("kind", REARRANGED)
def test_rows_that_are_wrong_though_their_sum_is_right_are_refused(kind: str) -> None:
    spoil = REARRANGED[kind]
    with pytest.raises(ValueError, match=r"^jac: by (mu|log_sigma) its rows, summed with random"):
        fit(nll, START, Y, jac=lambda p, y: spoil(scores(p, y)))


OPTIMUM = [Y.mean(), np.log(Y.std())]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("factor", [2.0, -1.0, 1 / 80, 0.0])
def test_a_wrong_scale_shows_at_the_optimum_where_the_sum_is_nought(
    factor: float, form: str
) -> None:
    fun, jac = FORMS[form](lambda g: factor * g)
    with pytest.raises(ValueError, match=r"^jac: by (mu|log_sigma) it"):
        fit(fun, OPTIMUM, Y, names=["mu", "log_sigma"], jac=jac)


@pytest.mark.parametrize("form", FORMS)
def test_the_right_jac_passes_at_the_optimum(form: str) -> None:
    fun, jac = FORMS[form](lambda g: g)
    assert fit(fun, OPTIMUM, Y, jac=jac).converged


@pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])
@pytest.mark.parametrize("start", [list(START.values()), OPTIMUM], ids=["away", "optimum"])
def test_the_right_jac_of_values_on_a_grid_passes(start: list[float], reduce: bool) -> None:
    def single(params: Any, y: Any) -> Any:
        values = np.asarray(nll(params, y), dtype=np.float32)
        return values.sum() if reduce else values

    jac = (lambda p, y: scores(p, y).sum(axis=0)) if reduce else scores
    assert abs(fit(single, start, Y, jac=jac).estimate[0] - Y.mean()) < 0.01


@pytest.mark.parametrize("aside", [0.0, 0.02, 0.05, 0.1])
def test_the_right_jac_of_a_rounded_total_passes(aside: float) -> None:
    # Both steps leave the rounded total as it is: they tell nothing of its slope.
    def rounded(params: Any, y: Any) -> float:
        return round(total(params, y), 2)

    parameters = read_parameters(np.add(OPTIMUM, aside))
    likelihood = Likelihood(
        rounded,
        lambda p, y: scores(p, y).sum(axis=0),
        (Y,),
        parameters,
        None,
        per_observation=False,
    )
    assert with_jac_form(likelihood) is likelihood


def test_no_more_evaluations_than_differences_of_the_sum_twice_over() -> None:
    calls = 0

    def counted(params: Any, y: Any) -> Any:
        nonlocal calls
        calls += 1
        return nll(params, y)

    likelihood = Likelihood(
        counted, scores, (Y,), read_parameters(OPTIMUM), Y.size, per_observation=True
    )
    assert with_jac_form(likelihood).scores_given
    assert calls == 1 + 4 * 2


@pytest.mark.parametrize(("returned", "shown"), [(None, "None"), ("a", "'a'")])
def test_what_is_no_gradient_is_shown(returned: Any, shown: str) -> None:
    with pytest.raises(TypeError, match=f"jac: returned {shown}; return an array of numbers"):
        fit(nll, START, Y, jac=lambda params, y: returned)


def test_a_gradient_that_raises_outside_its_domain_costs_no_fit() -> None:
    def raw_nll(params: Any, y: Any) -> Any:
        mu, sigma = params
        return (
            np.log(sigma) + 0.5 * ((y - mu) / sigma) ** 2 if sigma > 0 else np.full(y.size, np.inf)
        )

    def raw_scores(params: Any, y: Any) -> Floats:
        mu, sigma = params
        if sigma <= 0:
            raise FloatingPointError("sigma is not positive")
        z = (y - mu) / sigma
        return np.column_stack([-z / sigma, (1 - z**2) / sigma])

    # SciPy's first step, of length one, leaves the domain.
    y = np.random.default_rng(0).normal(0.3, 0.1, 60)
    mle = fit(raw_nll, {"mu": 0.0, "sigma": 1.0}, y, jac=raw_scores)
    np.testing.assert_allclose(mle.estimate, [y.mean(), y.std()], rtol=1e-6)


@pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])
def test_a_factor_that_is_one_at_the_start_is_found_at_the_optimum(reduce: bool) -> None:
    def unscaled(params: Any, y: Any) -> Floats:  # right where log_sigma is 0
        rows = scores(params, y) * [np.exp(params[1]), 1.0]
        return rows.sum(axis=0) if reduce else rows

    start = {"mu": 1.0, "log_sigma": 0.0}
    with pytest.raises(
        ValueError, match=r"jac: by mu it is .*\(ratio 1\.\d+\): it is not the grad"
    ):
        fit(total if reduce else nll, start, Y, jac=unscaled)


def test_the_rounding_errors_of_a_jac_far_out_are_no_wrong_jac() -> None:
    # Counts with less spread than a Poisson's: alpha goes to 0, where digammas of 1/alpha cancel.
    counts = np.random.default_rng(4).binomial(6, 0.5, 40).astype(float)

    def nb2(params: Any, y: Any) -> Any:
        mean, size = np.exp(params[0]), np.exp(-params[1])
        return y * np.log1p(size / mean) + size * np.log1p(mean / size) + _rising(size, y)

    def slopes(params: Any, y: Any) -> Floats:
        mean, size = np.exp(params[0]), np.exp(-params[1])
        by_size = np.log1p(mean / size) + (y - mean) / (size + mean)
        by_size += digamma(size) - digamma(size + y)
        return np.column_stack([size * (mean - y) / (size + mean), -size * by_size])

    mle = fit(nb2, [0.5, 0.0], counts, jac=slopes)
    assert mle.status is Status.NO_FINITE_OPTIMUM


def _rising(size: float, y: Floats) -> Floats:
    """-log of Γ(y + size) / Γ(size), without cancellation, but for what is free of parameters."""
    logs = np.log(size + np.arange(6))
    return -np.array([logs[: int(count)].sum() for count in y])
