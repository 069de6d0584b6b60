"""The parameters of SciPy's distributions: domains, scales, and the values they are held at."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from bootmle.fitting.distribution_domains import Domain, read_domains, read_fixed
from bootmle.likelihood.scales import Identity, Log, Logit

ENDS: list[tuple[float, float, Any]] = [
    (-np.inf, np.inf, Identity()),
    (0.0, np.inf, Log(0.0)),
    (1.0, np.inf, Log(1.0)),
    (-np.inf, 2.0, Log(2.0, -1)),
    (0.0, 2.0, Logit(0.0, 2.0)),
]


@pytest.mark.parametrize(("low", "high", "scale"), ENDS)
def test_the_scale_has_no_end_and_the_start_lies_inside(
    low: float, high: float, scale: Any
) -> None:
    domain = Domain("a", low, high)
    assert domain.scale == scale
    assert low < domain.inside < high
    assert scale.inverse(scale.forward(domain.inside)) == pytest.approx(domain.inside)


def test_what_can_be_held() -> None:
    scale, trials = Domain("scale", 0.0), Domain("n", 0.0, whole=True)
    assert [scale.holds(value) for value in (0.5, 0, np.float32(2), -1, np.inf, "1", None)] == [
        *[True] * 3,
        *[False] * 4,
    ]
    assert [trials.holds(value) for value in (3, 3.0, 2.5)] == [True, True, False]


def names(distribution: Any) -> list[str]:
    return [domain.name for domain in read_domains(distribution)]


def test_parameters_are_scipys_in_its_order() -> None:
    assert names(stats.norm) == ["loc", "scale"]
    assert names(stats.beta) == ["a", "b", "loc", "scale"]
    assert names(stats.nbinom) == ["n", "p", "loc"]
    assert [domain.whole for domain in read_domains(stats.binom)] == [True, False, True]
    assert [domain.whole for domain in read_domains(stats.nbinom)] == [False, False, True]


def test_held_parameters_by_name_and_by_number() -> None:
    domains = read_domains(stats.beta)
    fixed = {"f1": 2, "fix_a": 3, "floc": -1, "fscale": 5}
    held = {"b": 2.0, "a": 3.0, "loc": -1.0, "scale": 5.0}
    assert read_fixed(stats.beta, domains, fixed) == held
    assert read_fixed(stats.poisson, read_domains(stats.poisson), {}) == {"loc": 0.0}
    with pytest.raises(ValueError, match="f2: no parameter of beta"):
        read_fixed(stats.beta, domains, {"f2": 1})
