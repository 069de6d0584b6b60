"""Functions that derive quantities from the parameters, as a user passes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bootmle.display.text import brief
from bootmle.inference.derived import check_columns, derive_at
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.named_params import ByName, reads_by_name

__all__ = ["read_function"]

_SAME = 1e-9
"""Relative difference that rounding may cause, as between sums in another order."""


def read_function(
    function: Callable[[Any], Any], params: Floats, names: Sequence[str], vectorized: bool = False
) -> Callable[[Any], Any]:
    """Pass a function names where it reads them; refuse one that returns noise of its own."""
    try:
        function(params[:, None].copy() if vectorized else params.copy())
    except Exception as error:  # any other is raised again below, by what names its reason
        if reads_by_name(error):
            function = ByName(function, tuple(names))
    if vectorized:
        function = check_columns(function, params)
    once, again = (derive_at(function, params, None)[0] for _ in range(2))
    same = once.shape == again.shape
    if not same or not np.allclose(once, again, rtol=_SAME, atol=0.0):
        raise ValueError(
            f"function: returned {brief(once.tolist())} and then {brief(again.tolist())} at the "
            f"same parameters; if it simulates, seed a generator inside it, and add the noise of "
            f"new observations to what boot.replicates predict"
        )
    return function
