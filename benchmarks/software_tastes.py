"""A mixed logit of repeated choices, whose likelihood is simulated with Halton draws."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtri

Array = NDArray[Any]

__all__ = ["draw_tastes", "never_dear", "tastes_nll"]

PEOPLE, TIMES, DRAWS = 2000, 1, 100
DROPPED = 100
"""Draws that xlogit leaves out at the start of a sequence."""


def tastes_nll(params: Array, cost: Array, time: Array, choice: Array, draws: Array) -> Array:
    """Minus log-likelihood of each person, whose taste for time is normal."""
    taste = params[1] + params[2] * draws
    utility = params[0] * cost[..., None] + time[..., None] * taste[:, None, None, :]
    chosen = np.take_along_axis(utility, choice.astype(int)[..., None, None], axis=2)
    path = -np.log(np.exp(utility - chosen).sum(axis=2)).sum(axis=1)
    return np.asarray(np.log(DRAWS) - logsumexp(path, axis=1))


def draw_tastes(rng: np.random.Generator) -> dict[str, Array]:
    """Draw choices among three alternatives, and the draws of the simulated likelihood."""
    size = (PEOPLE, TIMES, 3)
    cost, time = rng.gamma(4, 0.5, size), rng.gamma(3, 0.4, size)
    taste = rng.normal(-1.1, 1.5, (PEOPLE, 1, 1))
    utility = -0.8 * cost + taste * time + rng.gumbel(size=size)
    return {"cost": cost, "time": time, "choice": utility.argmax(axis=2), "draws": _halton()}


def never_dear(data: dict[str, Array], rng: np.random.Generator) -> dict[str, Array]:
    """Let everybody choose what costs least."""
    return {**data, "choice": data["cost"].argmin(axis=2)}


def _halton() -> Array:
    """Return the normal quantiles of the van der Corput sequence, by person."""
    numbers, digit = np.arange(DROPPED, DROPPED + PEOPLE * DRAWS), 0.5
    found = np.zeros(numbers.size)
    while numbers.any():
        found, numbers, digit = found + digit * (numbers % 2), numbers // 2, digit / 2
    return np.asarray(ndtri(found).reshape(PEOPLE, DRAWS))
