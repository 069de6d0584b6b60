"""Each replicate's stream follows from seed and number, and is like no other's."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray
from scipy import stats

from bootmle.sampling.streams import draw_blocks, draw_numbers, stream_of


class Largest:
    """A generator whose every number is the largest below 1."""

    def random(self, size: int) -> NDArray[np.float64]:
        return np.full(size, 1 - 2.0**-53)


def test_a_stream_follows_from_seed_and_number() -> None:
    assert_array_equal(stream_of(3, 5).random(4), stream_of(3, 5).random(4))
    begins = {stream_of(seed, k).random() for seed in (0, 1, 2, 12, 2**64) for k in range(50)}
    assert len(begins) == 5 * 50


def test_streams_are_uniform_and_uncorrelated_across_replicates() -> None:
    # 2,000 neighbors' first three numbers; each test fails by chance in one of 1,000 seeds.
    first = np.array([stream_of(1, k).random(3) for k in range(2000)])
    for column in first.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3
    pairs = [(first[1:, 0], first[:-1, 0]), (first[1:, 0], first[:-1, 1]), tuple(first[:, :2].T)]
    for one, other in pairs:
        assert stats.pearsonr(one, other).pvalue > 1e-3


@pytest.mark.parametrize("size", [3, 2**12, 2**15])
def test_blocks_draw_what_each_replicate_draws_alone(size: int) -> None:
    numbers = [0, 3, 4, 5, 6, 2**40]
    blocks = draw_blocks(2, iter(numbers), 50, size)
    for number, drawn in zip(numbers, blocks, strict=True):
        assert_array_equal(drawn, draw_numbers(stream_of(2, number), 50, size))


@pytest.mark.parametrize("count", [7, 64])
def test_numbers_are_drawn_with_equal_probabilities(count: int) -> None:
    counts = np.bincount(draw_numbers(stream_of(2, 0), count, 20_000), minlength=count)
    assert counts.size == count
    assert stats.chisquare(counts).pvalue > 1e-3  # one seed in 1,000 fails by chance


def test_the_largest_draw_is_the_last_number() -> None:
    for count in [*range(1, 3000), 10**6, 2**31 - 1, 2**40 + 1]:
        assert draw_numbers(Largest(), count, 1)[0] == count - 1  # type: ignore[arg-type]
