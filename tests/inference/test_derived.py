"""Derived quantities: exact for linear and monotone functions, and for what is identified."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bootmle import Bootstrap, Status, bootstrap, fit

BootOf = Callable[..., Bootstrap]
NOISE = np.random.default_rng(0)
UNITS = np.array([1e-3, 1.0, 1e3])


@pytest.fixture
def boot(boot_of: BootOf) -> Bootstrap:
    root = np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [-0.3, 0.5, 0.8]])
    draws = 10 * UNITS + np.random.default_rng(0).normal(size=(999, 3)) @ root.T * UNITS
    return boot_of(10 * UNITS, draws)


def test_a_linear_function_has_the_error_that_the_covariance_gives(boot: Bootstrap) -> None:
    a = np.array([2e3, -1.0, 3e-3])
    derived = boot.derive(lambda p: a @ p)
    assert_allclose(derived.standard_error[0], np.sqrt(a @ boot.covariance @ a), rtol=1e-12)
    assert_allclose(derived.bias[0], a @ boot.bias, rtol=1e-9)
    assert derived.names == ("derived1",)


def test_parameters_are_read_by_name_too(boot: Bootstrap) -> None:
    first, _, last = boot.names
    named = boot.derive(lambda p: p[last] / p[first])
    assert_array_equal(named.replicates, boot.derive(lambda p: p[2] / p[0]).replicates)
    columns = boot.derive(lambda p: p[last] / p[first], vectorized=True)
    assert_array_equal(columns.replicates, named.replicates)
    assert named.derive(lambda p: p["derived1"]).standard_error == named.standard_error
    with pytest.raises(KeyError, match="params has no 'slope'; the names are"):
        boot.derive(lambda p: p["slope"])


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_a_monotone_function_maps_the_percentile_interval(boot: Bootstrap, level: float) -> None:
    # (B + 1) α is a whole number for both levels, so that ends are order statistics.
    derived = boot.derive(lambda p: {"cube": p[1] ** 3, "negative": -p[2]})
    plain, found = (each.confidence_interval(confidence_level=level) for each in (boot, derived))
    assert_allclose(found.low, [plain.low[1] ** 3, -plain.high[2]])
    assert_allclose(found.high, [plain.high[1] ** 3, -plain.low[2]])
    assert derived.names == ("cube", "negative")


@pytest.mark.parametrize(
    ("function", "given", "names"),
    [
        (lambda p: pd.Series({"a": p[0], "b": p[1]}), None, ("a", "b")),
        (lambda p: p[:2], None, ("derived1", "derived2")),
        (lambda p: [p[0], p[2]], ["one", "two"], ("one", "two")),
    ],
)
def test_names_are_given_ones_or_those_of_the_result(
    boot: Bootstrap, function: Any, given: Any, names: tuple[str, ...]
) -> None:
    derived = boot.derive(function, given)
    assert derived.names == names
    assert all(name in str(derived) for name in names)


def test_failed_replicates_stay_failed_and_infinite_ones_infinite(boot_of: BootOf) -> None:
    values = np.arange(1.0, 1000.0)[:, None] * UNITS
    states = np.full(999, Status.CERTIFIED)
    values[3], states[3] = np.nan, Status.RAISED
    values[5, 0], states[5] = np.inf, Status.NO_FINITE_OPTIMUM
    boot = boot_of(500 * UNITS, values, states)
    derived = boot.derive(lambda p: {"first": 2 * p[0], "other": p[1] + p[2]})
    assert derived.n_failed == 1
    assert derived.replicates[5, 0] == np.inf
    assert np.isnan(derived.replicates[3]).all()
    assert_allclose(derived.standard_error[0], 2 * boot.standard_error[0])


def test_an_identified_combination_of_unidentified_parameters_has_its_error() -> None:
    # Poisson with log mean a + b + c z: only a + b and c are identified.
    rng = np.random.default_rng(0)
    z = rng.normal(size=80)
    k = rng.poisson(np.exp(0.6 + 0.4 * z)).astype(float)

    def redundant(p: Any, z: Any, k: Any) -> Any:
        index = p[0] + p[1] + p[2] * z
        return np.exp(index) - k * index

    def plain(p: Any, z: Any, k: Any) -> Any:
        return redundant([p[0], 0.0, p[1]], z, k)

    boot = bootstrap(fit(redundant, {"a": 0.0, "b": 0.0, "c": 0.0}, (z, k)), n_resamples=99, rng=1)
    reference = bootstrap(fit(plain, {"sum": 0.0, "c": 0.0}, (z, k)), n_resamples=99, rng=1)
    derived = boot.derive(lambda p: {"sum": p[0] + p[1], "c": p[2], "difference": p[0] - p[1]})
    assert derived.not_identified == ("difference",)
    assert np.isnan(derived.standard_error[2])
    assert_allclose(derived.standard_error[:2], reference.standard_error, rtol=1e-5)


def test_a_quantity_without_a_value_at_some_replicates_says_so(boot_of: Any) -> None:
    values = np.linspace(-1.0, 3.0, 100)[:, None] * [1.0, 1000.0]
    boot = boot_of([1.0, 1000.0], values)
    with np.errstate(invalid="ignore"):
        derived = boot.derive(lambda p: {"root": np.sqrt(p[0]), "double": 2 * p[1]})
    times = int((values[:, 0] < 0).sum())
    assert derived.remarks == (
        f"root has no value at {times} replicates: no standard error, and intervals count them as "
        f"infinite",
    )
    assert derived.remarks[0] in str(derived)
    assert np.isnan(derived.standard_error).tolist() == [True, False]
    assert derived.confidence_interval(confidence_level=0.5).low[0] == -np.inf


def test_a_quantity_that_does_not_vary_says_so(boot: Bootstrap) -> None:
    derived = boot.derive(lambda p: {"same": 2.0, "first": p[0]})
    assert derived.remarks[-1].startswith("same: the same in every replicate")
    assert not any("same" in each for each in boot.derive(lambda p: p[0]).remarks)


@pytest.mark.parametrize(
    ("function", "names", "kind", "message"),
    [
        (lambda p: "text", None, TypeError, "function: returned 'text'"),
        (lambda p: np.log(-p), None, ValueError, "function: .*nan.* not finite"),
        (lambda p: p[0], ["a", "b"], ValueError, "names: .* for 1 derived"),
        (lambda p: None, None, TypeError, "function: returned None"),
        (3, None, TypeError, "function: 3 is not callable"),
        (NOISE.normal, None, ValueError, r"function: returned .* at the same parameters; .* seed"),
        (lambda p: p[: 1 + (p[0] > 10e-3)], None, ValueError, "quantities at different replicates"),
    ],
)
def test_what_cannot_be_used_is_named(
    boot: Bootstrap, function: Any, names: Any, kind: type[Exception], message: str
) -> None:
    with np.errstate(invalid="ignore"), pytest.raises(kind, match=message):
        boot.derive(function, names)
