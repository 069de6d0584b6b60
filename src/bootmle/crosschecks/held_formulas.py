"""Formulas that take parameters as known, or blocks of parameters as unrelated."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from bootmle.crosschecks.formulas import Formula, Kind, listed
from bootmle.likelihood.arrays import Floats

__all__ = ["held_formulas"]

_MOST = 2048
"""Subsets of the parameters that are tried: all of up to 11; of more, those of a few."""
_HELD = "{} estimated too: use the inverse of the whole Hessian"


def held_formulas(
    base: Formula, names: tuple[str, ...], missing: NDArray[np.bool_]
) -> Iterator[Formula]:
    """Hold subsets of the parameters, and set blocks off the diagonal to zero."""
    try:
        precision = np.asarray(np.linalg.inv(base.covariance), dtype=float)
    except np.linalg.LinAlgError:
        return
    q = len(names)
    tried = 0
    for size in range(1, q):
        for subset in combinations(range(q), size):
            chosen = np.zeros(q, dtype=bool)
            chosen[list(subset)] = True
            yield from _of_subset(base, precision, names, chosen, missing)
            tried += 1
            if tried >= _MOST:
                return
    if q > 1:
        yield _each_alone(base, precision)


def _of_subset(
    base: Formula,
    precision: Floats,
    names: tuple[str, ...],
    chosen: NDArray[np.bool_],
    missing: NDArray[np.bool_],
) -> Iterator[Formula]:
    """Hold one subset, whose own numbers are missing, or of the whole matrix, or of its block."""
    size, free = int(chosen.sum()), ~chosen
    if missing[free].all():
        return
    covariance = np.full_like(precision, np.nan)
    covariance[np.ix_(free, free)] = np.linalg.inv(precision[np.ix_(free, free)])
    shown = listed(names, chosen)
    held = _HELD.format(f"{shown} {'is' if size == 1 else 'are'}")
    if missing[chosen].all():
        name = f"{base.name} with {shown} held fixed"
        yield Formula(name, covariance, base.source, Kind.OTHER, held, complexity=size)
        return
    apart = covariance.copy()
    apart[np.ix_(chosen, chosen)] = base.covariance[np.ix_(chosen, chosen)]
    apart[np.ix_(chosen, free)] = apart[np.ix_(free, chosen)] = 0.0
    name = f"{base.name} with {shown} held fixed for {listed(names, free)}, and not vice versa"
    yield Formula(name, apart, base.source, Kind.OTHER, held, complexity=size + 1)
    if 2 * size < len(names) or (2 * size == len(names) and chosen[0]):
        blocks = apart.copy()
        blocks[np.ix_(chosen, chosen)] = np.linalg.inv(precision[np.ix_(chosen, chosen)])
        name = (
            f"{base.name} of a block-diagonal information, zero between {shown} and "
            f"{listed(names, free)}, each block with the other held fixed"
        )
        why = "the blocks do correlate: use the inverse of the whole Hessian"
        yield Formula(name, blocks, base.source, Kind.OTHER, why, complexity=size)
        name = (
            f"{base.name} with its off-diagonal block between {shown} and {listed(names, free)} "
            f"set to zero"
        )
        zeroed = base.covariance.copy()
        zeroed[np.ix_(chosen, free)] = zeroed[np.ix_(free, chosen)] = 0.0
        why = "standard errors are right, those of functions of both blocks are not"
        yield Formula(name, zeroed, base.source, Kind.OTHER, why, complexity=size)


def _each_alone(base: Formula, precision: Floats) -> Formula:
    """Hold for each parameter all others."""
    name = f"{base.name} of the Hessian's diagonal alone, each parameter with all others held fixed"
    why = "the parameters do correlate: use the inverse of the whole Hessian"
    diagonal = np.diag(1 / np.diag(precision))
    return Formula(name, diagonal, base.source, Kind.OTHER, why, complexity=1)
