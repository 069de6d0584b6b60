"""The array type that numbers travel in."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats"]

Floats = NDArray[np.float64]
"""An array of double precision numbers, of any shape."""
