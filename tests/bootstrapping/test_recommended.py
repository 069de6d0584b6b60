"""Recommended intervals: the rules, and that each parameter has the interval of its kind."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from bootmle import Bootstrap, bootstrap, fit
from bootmle.bootstrapping.choosing import choose_kinds
from bootmle.likelihood.arrays import Floats


def gamma_nll(params: Floats, y: Floats) -> Floats:
    """An exponential mean on its log scale, and a normal mean of another unit."""
    log_mean, location = params
    return np.asarray(
        log_mean + y[:, 0] * np.exp(-log_mean) + ((y[:, 1] - location) / 1000) ** 2 / 2
    )


@pytest.fixture(scope="module")
def boot() -> Bootstrap:
    rng = np.random.default_rng(0)
    y = np.column_stack([rng.exponential(2.0, 40), rng.normal(0, 1000, 40)])
    return bootstrap(fit(gamma_nll, [0.0, 0.0], args=y, names=["a", "b"]), n_resamples=1999, rng=0)


@pytest.mark.parametrize(
    ("n_units", "lacking", "expected"),
    [
        (40, "", ["studentized", "studentized"]),
        (40, "studentized", ["bca", "percentile"]),
        (40, "studentized bca", ["percentile", "percentile"]),
        (5000, "", ["studentized", "percentile"]),
        (np.inf, "studentized", ["bca", "percentile"]),
    ],
)
def test_rules_choose_by_units_and_skewness(
    n_units: float, lacking: str, expected: list[str]
) -> None:
    def shown(kind: str) -> NDArray[np.bool_]:
        return np.full(2, kind not in lacking.split())

    off = np.array([True, False])
    assert choose_kinds(n_units, off, shown).tolist() == expected


def test_one_parameter_without_endpoints_takes_the_next_kind() -> None:
    def shown(kind: str) -> NDArray[np.bool_]:
        return np.array([kind != "studentized", True])

    chosen = choose_kinds(40, np.array([True, True]), shown)
    assert chosen.tolist() == ["bca", "studentized"]


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_each_parameter_has_the_interval_of_its_kind(boot: Bootstrap, level: float) -> None:
    kinds = boot.recommended_kinds()
    found = boot.confidence_interval("recommended", level)
    null = boot.estimate + boot.standard_error
    for j, kind in enumerate(kinds.tolist()):
        own = boot.confidence_interval(kind, level)
        assert (found.low[j], found.high[j]) == (own.low[j], own.high[j])
        assert boot.p_value(null, "recommended")[j] == boot.p_value(null, kind)[j]


def test_derived_quantities_have_no_studentized_intervals(boot: Bootstrap) -> None:
    derived = boot.derive(lambda params: {"mean": np.exp(2 * params[0]), "b": params[1]})
    assert derived.recommended_kinds().tolist() == ["bca", "percentile"]
    found = derived.confidence_interval("recommended")
    assert_array_equal(found.low[0], derived.confidence_interval("bca").low[0])


def test_the_table_shows_it_beside_the_percentile_interval(boot: Bootstrap) -> None:
    title, header, first, *_ = str(boot).splitlines()
    assert title.strip() == "95% percentile interval, and the recommended"
    assert header.split()[-5:] == ["low", "high", "low", "high", "by"]
    assert first.split()[-1] == "studentized"
    ends = boot.confidence_interval("recommended")
    shown = [float(each) for each in first.split()[-3:-1]]
    assert np.allclose(shown, [ends.low[0], ends.high[0]], atol=0.001)


def test_no_bca_interval_of_a_parameter_with_replicates_at_infinity() -> None:
    def total(params: Floats, y: Floats) -> float:
        rate, mean = np.exp(params)
        return float(np.sum(rate - y[:, 0] * params[0] + params[1] + y[:, 1] / mean))

    # A resample without the one event, a third of them, has its log rate at minus infinity.
    y = np.column_stack([np.arange(40) < 1, np.random.default_rng(2).exponential(1.0, 40) ** 2])
    boot = bootstrap(fit(total, [-2.0, 0.0], args=y, names=["a", "b"]), n_resamples=399, rng=0)
    assert "use bca intervals for b; those of a have no finite end" in str(boot)
    ends = boot.interval_where_possible("bca", 0.95)
    assert np.isfinite([ends.low[1], ends.high[1]]).all()
