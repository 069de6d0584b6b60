"""Random streams: a replicate's follows from the run's seed and its number alone."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import NDArray

__all__ = ["STREAMS", "draw_numbers", "stream_of"]

STREAMS = "PCG64 from BLAKE2b"
"""How streams begin, by which runs on disk are told from those of other versions."""


class _Words(ISeedSequence):
    """The 256 bits from which PCG64 begins; a SeedSequence takes ten times as long for them."""

    __slots__ = ("words",)

    def __init__(self, words: NDArray[np.uint64]) -> None:
        self.words = words

    def generate_state(self, n_words: int, dtype: Any = np.uint64) -> NDArray[np.uint64]:
        """Return the bits, which are as many as PCG64 asks for."""
        return self.words


def stream_of(seed: int, replicate: int) -> np.random.Generator:
    """Begin a replicate's own stream: PCG64 from the BLAKE2b digest of "seed replicate"."""
    digest = blake2b(f"{seed} {replicate}".encode(), digest_size=32).digest()
    words: Any = _Words(np.frombuffer(digest, "<u8"))  # NumPy's types know only SeedSequence
    return np.random.Generator(np.random.PCG64(words))


def draw_numbers(rng: np.random.Generator, count: int, size: int) -> NDArray[np.intp]:
    """Draw from 0, ..., count − 1 with replacement, (size,)."""
    # Several times faster than rng.integers; probabilities differ by less than count · 2⁻⁵³ of
    # their size, and the product, rounded, stays below count.
    uniform = rng.random(size)
    uniform *= count
    return uniform.astype(np.intp)
