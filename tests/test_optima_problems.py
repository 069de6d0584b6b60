"""The problems of benchmarks/optima.py against published numbers, and its derivatives."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import optima_dimensions
import optima_distributions
import optima_more_wild
import optima_nist
from optima_descents import decrement, derivatives, descend
from optima_runs import Run, as_run

# Sums of squares at the standard starts: Moré and Wild (2009), SIAM J. Optim. 20, the file dfo.dat.
AT_START = {
    "linear_full_rank": 72,
    "linear_rank_one": 1.165420e7,
    "linear_rank_one_zero_columns_rows": 4.989195e6,
    "rosenbrock": 24.2,
    "helical_valley": 2500,
    "powell_singular": 215,
    "freudenstein_roth": 400.5,
    "bard": 41.68170,
    "kowalik_osborne": 5.313172e-3,
    "meyer": 1.693608e9,
    "watson_6": 16.43083,
    "watson_9": 26.90417,
    "watson_12": 73.67821,
    "box_3d": 1031.154,
    "jennrich_sampson": 4171.306,
    "brown_dennis": 7.926693e6,
    "chebyquad_6": 4.642817e-2,
    "chebyquad_7": 3.377064e-2,
    "chebyquad_8": 3.861770e-2,
    "chebyquad_9": 2.888298e-2,
    "chebyquad_10": 3.376327e-2,
    "chebyquad_11": 2.674060e-2,
    "brown_almost_linear": 273.2480,
    "osborne_one": 16.17411,
    "osborne_two": 2.093420,
    "bdqrtic_8": 904,
    "bdqrtic_10": 1356,
    "bdqrtic_11": 1582,
    "bdqrtic_12": 1808,
    "cube_5": 56.5,
    "cube_6": 70.5625,
    "cube_8": 98.6875,
    "mancino_5": 2.539084e9,
    "mancino_8": 3.367961e9,
    "mancino_10": 3.735127e9,
    "mancino_12": 3.991072e9,
    "heart_eight": 9.385672,
}


@pytest.mark.parametrize(("name", "problem"), optima_nist.read_problems().items())
def test_nist_models_give_the_certified_sums_of_squares(name: str, problem: dict) -> None:  # type: ignore[type-arg]
    if name == "Lanczos1":
        pytest.skip("its certified parameters have fewer digits than its residuals")
    x = problem["x"] if len(problem["x"]) > 1 else problem["x"][0]
    residuals = problem["y"] - optima_nist.MODELS[name](np.array(problem["certified"]), x)
    assert_allclose(residuals @ residuals, problem["rss"], rtol=1e-9)


def test_more_wild_problems_have_the_published_values_at_their_starts() -> None:
    found = {}
    for problem in optima_more_wild.PROBLEMS:
        residuals = problem.residuals(np.array(problem.start, dtype=float))
        found[problem.name] = float(residuals @ residuals)
    assert found.keys() == AT_START.keys()
    assert_allclose(list(found.values()), list(AT_START.values()), rtol=1e-5)


def test_the_suites_have_as_many_runs_as_the_benchmark_says() -> None:
    assert len(list(optima_nist.runs())) == 27 * 2 * 3
    assert len(list(optima_more_wild.runs())) == 53 * 3
    assert len({str(run) for run in optima_dimensions.runs()}) == len(
        list(optima_dimensions.runs())
    )
    assert set(optima_distributions.HELD) <= set(optima_distributions.SHAPES)


def rosenbrock(form: str = "total") -> Run:
    """Return half of Rosenbrock's function."""
    residuals = optima_more_wild.PROBLEMS[3].residuals
    return as_run(
        ("", "", "", form), lambda x: residuals(x) ** 2 / 2, np.array([-1.2, 1.0]), exact=True
    )


def test_decrement_and_eigenvalue_are_exact() -> None:
    a, b = 0.7, 0.3
    gradient = np.array([-200 * a * (b - a * a) - (1 - a), 100 * (b - a * a)])
    hessian = np.array([[600 * a * a - 200 * b + 1, -200 * a], [-200 * a, 100.0]])
    units = 1 / np.sqrt(np.diag(hessian))
    size, lowest = decrement(rosenbrock(), np.array([a, b]))
    assert_allclose(size, np.sqrt(gradient @ np.linalg.solve(hessian, gradient)), rtol=1e-10)
    scaled = hessian * np.outer(units, units)
    assert_allclose(lowest, np.linalg.eigvalsh(scaled)[0], rtol=1e-7)
    assert_allclose(derivatives(rosenbrock(), np.array([a, b]))[0], units, rtol=1e-6)


@pytest.mark.parametrize("start", [[0.7, 0.3], [1.0, 1.0]])
def test_a_descent_ends_at_the_minimum(start: list[float]) -> None:
    assert descend(rosenbrock(), np.array(start)) < 1e-12


def test_a_descent_leaves_a_saddle_and_stays_at_a_minimum() -> None:
    run = as_run(("", "", "", "total"), lambda x: x[0] ** 4 - x[0] ** 2 + x[1] ** 2, np.ones(2))
    assert_allclose(descend(run, np.zeros(2)), -0.25, atol=1e-12)
    flat = as_run(("", "", "", "total"), lambda x: x[0] ** 4 + (x[0] - x[1]) ** 2, np.ones(2))
    assert descend(flat, np.zeros(2)) == 0
