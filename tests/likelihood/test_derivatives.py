"""Derivatives against closed forms, however they are computed; nothing else computes any."""

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import bootmle
from bootmle import fit
from bootmle.likelihood.derivatives import (
    accurate_gradient,
    contribution_curvatures,
    contribution_gradients,
    gradient_and_hessian,
    gradients,
    split_gradient,
)
from bootmle.likelihood.lattice_derivatives import Lattice
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.objective import read_likelihood
from bootmle.likelihood.parameters import read_parameters
from bootmle.optimization.sandwich import Sandwich
from bootmle.optimization.whitening import WhitenedObjective, Whitening
from models import weibull

pytestmark = pytest.mark.usefixtures("within_a_verb")

Y = np.random.default_rng(0).normal(300.0, 20.0, 60)
AT = np.array([298.0, 19.0])
"""Near the optimum; the parameters' standard errors are about 2.5 and 1.7."""
FACTOR = np.array([[2.5, 0.3], [-0.2, 1.7]])
SCALES = {"identity": None, "log": {"x2": "log"}}


def nll(params: Any, y: Any) -> Any:
    """A normal sample's contributions; analytic, so that complex steps differentiate it."""
    mu, sigma = params
    return np.log(sigma) + 0.5 * ((y - mu) / sigma) ** 2


def scores(params: Any, y: Any) -> Any:
    mu, sigma = params
    z = (y - mu) / sigma
    return np.column_stack([-z, 1 - z**2]) / sigma


def hessians(params: Any, y: Any) -> Any:
    mu, sigma = params
    z = (y - mu) / sigma
    mixed = 2 * z
    return np.array([[np.ones_like(z), mixed], [mixed, 3 * z**2 - 1]]).transpose(2, 0, 1) / sigma**2


def total(function: Any) -> Any:
    return lambda params, y: function(params, y).sum(axis=0)


def complex_steps(fun: Any) -> Any:
    """Another way to derivatives: exact to the last digit, without a formula for them."""

    def differentiate(params: Any, *args: Any) -> Any:
        steps = params + 1e-30j * np.eye(len(params))
        return np.column_stack([fun(each, *args).imag for each in steps]) / 1e-30

    return differentiate


WAYS: dict[str, tuple[Any, Any, float]] = {
    "differences": (nll, None, 1e-5),
    "differences of totals": (total(nll), None, 1e-5),
    "scores": (nll, scores, 1e-10),
    "gradient of contributions": (nll, total(scores), 1e-10),
    "gradient": (total(nll), total(scores), 1e-10),
    "complex steps": (nll, complex_steps(nll), 1e-10),
    "value and scores": (lambda *at: (nll(*at), scores(*at)), True, 1e-10),
}
"""Objective, gradient, and by how much, in standard errors, the gradients may be off."""


def read(fun: Any, jac: Any, transform: Any = None) -> Likelihood:
    return read_likelihood(fun, Y, jac, None, read_parameters(AT, transform=transform))


def whitening(likelihood: Likelihood) -> Whitening:
    parameters = likelihood.parameters
    center = parameters.to_working(AT)
    return Whitening(center, FACTOR / parameters.slopes(center)[:, None])


def view(likelihood: Likelihood, sandwich: Sandwich | None = None) -> WhitenedObjective:
    return WhitenedObjective(likelihood, whitening(likelihood), likelihood.at(AT), sandwich)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("way", WAYS)
def test_accurate_gradients(way: str, scale: str) -> None:
    fun, jac, error = WAYS[way]
    target = view(read(fun, jac, SCALES[scale]))
    found = accurate_gradient(target, np.zeros(2), 1e-15)
    assert_allclose(found, scores(AT, Y).sum(axis=0) @ FACTOR, atol=error)


@pytest.mark.parametrize("way", WAYS)
def test_gradients_of_many_views_know_the_curvature(way: str) -> None:
    # What is left of a forward difference is (c²/6) f''', with f''' about 1 here.
    fun, jac, _ = WAYS[way]
    targets = [view(read(fun, jac)) for _ in range(2)]
    points = np.array([[0.0, 0.0], [0.5, -0.3]])
    values = np.array([target.value(z) for target, z in zip(targets, points, strict=True)])
    at = AT + points @ FACTOR.T
    curvatures = np.array(
        [np.diag(FACTOR.T @ hessians(each, Y).sum(axis=0) @ FACTOR) for each in at]
    )
    found = gradients(targets, points, values, curvatures, 1e-3)
    expected = np.array([scores(each, Y).sum(axis=0) @ FACTOR for each in at])
    assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("sandwich", [None, Sandwich()], ids=["values", "scores too"])
@pytest.mark.parametrize("way", ["differences", "scores", "complex steps"])
def test_gradient_and_hessian(way: str, sandwich: Sandwich | None) -> None:
    target, z = view(read(*WAYS[way][:2]), sandwich), np.array([0.4, -0.2])
    at = AT + FACTOR @ z
    curvature = FACTOR.T @ hessians(at, Y).sum(axis=0) @ FACTOR
    gradient, hessian = gradient_and_hessian(target, z, target.value(z), np.ones(2), 1e-3)
    assert_allclose(gradient, scores(at, Y).sum(axis=0) @ FACTOR, atol=1e-5)
    assert_allclose(hessian, curvature, atol=1e-3)
    if sandwich is not None:
        along = scores(at, Y) @ FACTOR
        assert target.meat is not None
        assert_allclose(target.meat, along.T @ along, atol=1e-4)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("way", ["differences", "scores", "complex steps", "value and scores"])
def test_gradients_and_curvatures_by_contribution(way: str, scale: str) -> None:
    likelihood = read(*WAYS[way][:2], SCALES[scale])
    coordinates = whitening(likelihood)
    found = contribution_gradients(likelihood, coordinates, 1e-3)
    assert_allclose(found, scores(AT, Y) @ FACTOR, atol=1e-9)
    if scale == "identity":
        directions = np.array([[1.0, 0.0], [0.6, -0.8]])
        bends = contribution_curvatures(likelihood, coordinates, directions, nll(AT, Y), 1e-3)
        along = directions @ FACTOR.T
        expected = np.einsum("nij,ki,kj->nk", hessians(AT, Y), along, along)
        assert_allclose(bends, expected, atol=1e-6)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("way", ["scores", "complex steps"])
def test_a_lattice_of_scores_tells_what_one_of_values_does(way: str, scale: str) -> None:
    given, differenced = (read(*WAYS[each][:2], SCALES[scale]) for each in (way, "differences"))
    lattices = [Lattice.of(each, 2, 3) for each in (given, differenced)]
    assert [len(lattice.points) for lattice in lattices] == [7, 10]
    assert [lattice.values_per_row for lattice in lattices] == [14, 10]
    found, expected = (
        lattice.derivatives(likelihood, whitening(likelihood), 0.01)
        for lattice, likelihood in zip(lattices, (given, differenced), strict=True)
    )
    assert found is not None
    assert expected is not None
    # By values third derivatives are one-sided: their error is the step times a fourth derivative.
    assert_allclose(found, expected, atol=2e-4)
    assert_allclose(found[:, :2], scores(AT, Y) @ FACTOR, rtol=1e-9)


def test_any_way_to_derivatives_certifies_the_same_optimum() -> None:
    fits = {way: fit(fun, [290.0, 25.0], Y, jac=jac) for way, (fun, jac, _) in WAYS.items()}
    for mle in fits.values():
        assert mle.converged
        errors = Y.std() / np.sqrt(Y.size) / np.array([1.0, np.sqrt(2.0)])
        assert_allclose((mle.estimate - [Y.mean(), Y.std()]) / errors, 0.0, atol=1e-6)
        assert_allclose(mle.information.standard_errors, errors, rtol=1e-6)


def test_larger_models_too() -> None:
    model = weibull(n_covariates=3)
    args = model.data(200, rng=2)
    likelihood = read_likelihood(model.nll, args, None, None, read_parameters(model.truth))
    coordinates = Whitening(model.truth, 0.1 * np.diag([1.0, 0.5, 2.0, 1.0, 0.2]))
    found = contribution_gradients(likelihood, coordinates, 1e-2)
    expected = model.scores(model.truth, *args) @ coordinates.factor
    assert_allclose(found, expected, atol=1e-8)


def test_a_gradient_beyond_the_domain_on_both_sides_is_nan_without_a_warning() -> None:
    def narrow(params: Any, y: Any) -> Any:
        return np.where(abs(params[0]) > 1e-3, np.inf, 0.5 * (y - params[1]) ** 2)

    likelihood = read_likelihood(narrow, Y, None, None, read_parameters([0.0, 2.0]))
    target = WhitenedObjective(
        likelihood, Whitening(np.array([0.0, 2.0]), np.eye(2)), narrow([0.0, 2.0], Y)
    )
    gradient = accurate_gradient(target, np.zeros(2), 1e-15)
    assert np.isnan(gradient[0])
    assert gradient[1] == pytest.approx(np.sum(2.0 - Y))


@pytest.mark.parametrize("jac", [None, False, "2-point", "3-point"])
def test_words_for_differences_are_no_gradient(jac: Any) -> None:
    assert split_gradient(nll, jac) == (nll, None)


def test_a_function_that_returns_both_is_split() -> None:
    value, gradient = split_gradient(lambda *at: (nll(*at), scores(*at)), True)
    assert gradient is not None
    assert_array_equal(value(AT, Y), nll(AT, Y))
    assert_array_equal(gradient(AT, Y), scores(AT, Y))


def test_one_that_does_not_return_both_is_refused() -> None:
    with pytest.raises(ValueError, match=r"jac: True needs fun to return \(value, gradient\)"):
        fit(nll, AT, Y, jac=True)


@pytest.mark.parametrize("jac", ["cs", 3, [scores]])
def test_other_ways_are_refused(jac: Any) -> None:
    with pytest.raises(ValueError, match=r"jac: .* is not supported; pass a function, True where"):
        fit(nll, AT, Y, jac=jac)


def asks_for_gradients(path: Path) -> bool:
    """Whether a module reads off a likelihood which gradients were given."""
    nodes = ast.walk(ast.parse(path.read_text()))
    names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return bool(names & {"jac", "scores_given"})


def test_nobody_else_asks_which_gradients_were_given() -> None:
    root = Path(bootmle.__file__).parent
    found = {
        path.relative_to(root).as_posix() for path in root.rglob("*.py") if asks_for_gradients(path)
    }
    # A total that is taken apart has a gradient of each part.
    allowed = ("contributions", "derivatives", "jacobian", "lattice_derivatives", "taken_apart")
    assert found == {f"likelihood/{name}.py" for name in allowed}


def test_gradients_where_curvature_bends_within_one_standard_error() -> None:
    # Of exp(b z) / b² - z / b at 0.001: differences over 0.01 miss its fifth derivative, b³, by
    # b³ 0.01⁴ / 30, which is 5e-4 for b = 117; the regular coordinate beside it keeps its own.
    b, at = 117.0, np.array([0.001, 0.3])
    likelihood = read_likelihood(
        lambda p: np.exp(b * p[0]) / b**2 - p[0] / b + 0.5 * p[1] ** 2,
        (),
        None,
        None,
        read_parameters(at),
    )
    target = WhitenedObjective(likelihood, Whitening(at, np.eye(2)), likelihood.at(at))
    found = accurate_gradient(target, np.zeros(2), 1e-16)
    assert_allclose(found, [(np.exp(b * at[0]) - 1) / b, 0.3], rtol=0, atol=1e-8)
