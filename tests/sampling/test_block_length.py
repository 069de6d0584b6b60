"""The automatic block length: against another library, and the optimum of an autoregression."""

from typing import Any

import numpy as np
import pytest
from scipy.signal import lfilter

from bootmle.sampling.blocks import automatic_length


def series(phi: float, theta: float, n: int, seed: int) -> Any:
    """An ARMA(1, 1) process around 100, with innovations of scale 10."""
    noise = np.random.default_rng(seed).normal(size=n)
    return 100 + 10 * np.asarray(lfilter([1.0, theta], [1.0, -phi], noise))


# arch 8.0.0: arch.bootstrap.optimal_block_length(series(*key)), columns stationary and circular.
# It cuts the series short in the correlations that choose the bandwidth, which in the paper are
# the usual ones; these are series where that makes no difference.
ARCH = {
    (0.0, 0.0, 200, 1): (7.580252716992033, 8.677223247294371),
    (0.5, 0.0, 100, 2): (1.8306222876668392, 2.0955394054277936),
    (0.5, 0.0, 1000, 3): (11.66058291762009, 13.348035342273803),
    (0.9, 0.0, 500, 4): (31.088422703452288, 35.5873602471602),
    (-0.5, 0.0, 300, 5): (8.50410408855954, 9.734769070330128),
    (0.0, 0.9, 250, 6): (5.375212532114704, 6.153082342262859),
    (0.3, 0.0, 40, 7): (1.8948961956704757, 2.1691146633441187),
    (0.95, 0.0, 2000, 9): (53.82029303494937, 61.60885597550044),
    (0.8, -0.4, 150, 11): (7.565456150204053, 8.660285406551278),
    (0.98, 0.0, 120, 12): (10.004972534397599, 11.452834556479838),
    (0.9, 0.0, 90, 13): (11.034958193139678, 12.631873809667571),
}


@pytest.mark.parametrize("key", ARCH)
def test_lengths_are_those_of_another_library(key: tuple[float, float, int, int]) -> None:
    stationary, circular = ARCH[key]
    y = series(*key)[:, None]
    assert automatic_length(y, "stationary") == pytest.approx(stationary, rel=1e-9)
    assert automatic_length(y, "circular") == np.ceil(circular)
    assert automatic_length(y, "moving") == np.ceil(circular)


@pytest.mark.parametrize("phi", [0.3, 0.5, 0.8])
def test_the_optimum_of_an_autoregression_is_found_in_long_series(phi: float) -> None:
    # Σ|k|R(k) / ΣR(k) = 2φ/(1 − φ²), so the best is (2φ/(1 − φ²))^(2/3) n^(1/3); 20 series of
    # 20,000 within 4 of their own errors, and 2% for the bandwidth's bias: 6e-5 for each.
    n = 20_000
    best = (2 * phi / (1 - phi**2)) ** (2 / 3) * n ** (1 / 3)
    found = [automatic_length(series(phi, 0.0, n, s)[:, None], "stationary") for s in range(20)]
    assert abs(np.mean(found) - best) < 4 * np.std(found, ddof=1) / np.sqrt(20) + 0.02 * best


def test_the_longest_of_several_series_counts_whatever_their_scales() -> None:
    long, short = series(0.9, 0.0, 300, 4), series(0.0, 0.0, 300, 1)
    best = automatic_length(long[:, None], "stationary")
    assert best > automatic_length(short[:, None], "stationary")
    for both in ([long, 1e-6 * short], [1e6 * short, long]):
        assert automatic_length(np.column_stack(both), "stationary") == pytest.approx(best)


@pytest.mark.parametrize("kind", ["stationary", "circular", "moving"])
@pytest.mark.parametrize("n", [3, 5, 10, 30, 200])
def test_lengths_lie_between_1_and_the_bound_of_the_paper(n: int, kind: str) -> None:
    trend = np.arange(float(n))[:, None]
    for y in (trend, trend**3, (-1.0) ** trend, series(0.0, 0.0, n, 1)[:, None]):
        length = automatic_length(y, kind)
        assert 1 <= length <= np.ceil(min(3 * np.sqrt(n), n / 3))
        assert kind == "stationary" or length == round(length)


def test_a_constant_series_needs_no_blocks() -> None:
    assert automatic_length(np.full((50, 2), 7.0), "stationary") == 1
    assert automatic_length(np.full((50, 2), 7.0), "circular") == 1
